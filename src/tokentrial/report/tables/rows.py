"""Looking up the results, and the row that most tables share: learned encoding against autoencoder in one way."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.report.formats import MISSING, count, number, p_value, printed, with_deviation, with_interval, yes_no
from tokentrial.run.columns import Condition
from tokentrial.run.finals import ACCURACY, LOSS, METRICS
from tokentrial.run.view import View
from tokentrial.statistics.effect_size import cohens_d_independent

Row = dict[str, Any]
STUDY = "learned_encoding"
BOUNDS = {LOSS: ("Chance", "Unigram", "Floor"), ACCURACY: ("Chance", "Constant", "Bayes")}
HEADS = {"mean_pool": "mean pooling", "window_mlp": "window MLP", "token_mlp": "token MLP"}
SOURCES = {"patterns": "patterns", "zipf_markov": "Zipf chain", "markov": "Markov chain"}
PARAMETERS = [f"parameters_{role}" for role in ("embedding", "encoder", "decoder", "head")]

# columns of a published row that are numbers, and the order of a CSV's columns
_RAW = ("learned", "learned_sd", "autoencoder", "autoencoder_sd", "improvement", "savings", "d", "p")
_ORDER = (
    *(f"{arm}{part}" for arm in ("learned", "autoencoder") for part in ("", "_sd", "_low", "_high")),
    *("difference", "difference_low", "difference_high", "improvement", "ratio_of_means", "d", "p", "p_holm"),
    *("equivalent", "margin", "chance", "unigram", "floor", "savings"),
)


def head_name(condition: Condition) -> str:
    """The small task model, for readers."""
    head = condition.head or ""
    return HEADS.get(head, head.replace("_", " "))


def data_name(condition: Condition) -> str:
    """The synthetic data, for readers: ``Zipf chain, V = 100``."""
    source = condition.source or ""
    return f"{SOURCES.get(source, source)}, V = {condition.vocab_size:,}"


def released(view: View, script: str, cell: str | None = None) -> str:
    """The id of a released script's cell, of its only one if none is named; empty if it was not run."""
    wanted = {} if cell is None else {"cell": cell}
    conditions = view.select(study=STUDY, experiment=script, way="as-released", **wanted)
    return conditions[0].id if conditions else ""


def published_row(table: PublishedTable, row: Mapping[str, str]) -> Row:
    """What the document prints; ``printed`` has the text of what is shown as it stands there."""
    shown = {
        name: f"{row[column]} ± {row[f'{column}_sd']}"
        for name, column in (("Learned", "learned"), ("Autoencoder", "autoencoder"))
        if f"{column}_sd" in row
    }
    names = {"difference": "Difference", "improvement": "Improved\nby, %", "d": "d", "p": "p", "robustness": "Ratio"}
    shown |= {name: printed(row[column]) for column, name in (names | {"savings": "Fewer, %"}).items() if column in row}
    learned, other = value_of(row.get("learned")), value_of(row.get("autoencoder"))
    if "learned" in row and "difference" not in row:
        shown["Difference"] = number(learned - other, 3, signed=True)
    return {
        "way": "published",
        "n": table.n,
        **{column: value_of(text) for column, text in row.items() if column in _RAW},
        "difference": learned - other,
        **({"ratio_of_means": value_of(row["robustness"])} if "robustness" in row else {}),
        "printed": shown,
    }


def measured_row(view: View, way: str, condition: str, other: str, metric: str) -> Row:
    """All seeds of one condition: levels and difference with their intervals, tests and bounds."""
    learned, against = view.level(condition, "learned", metric), view.level(condition, other, metric)
    contrast = view.pair(condition, "learned", other, metric)
    kept = {"p": "p_t", "p_holm": "p_holm", "equivalent": "equivalent", "margin": "margin", "difference": "difference"}
    return {
        "way": way,
        "condition": condition,
        "n": contrast.get("n", learned.get("n")),
        **_moments(learned, "learned"),
        **_moments(against, "autoencoder"),
        **{name: contrast.get(column) for name, column in kept.items()},
        "difference_low": contrast.get("t_low"),
        "difference_high": contrast.get("t_high"),
        **_relative(metric, learned.get("mean"), against.get("mean")),
        "d": _effect(view.values(condition, "learned", metric), view.values(condition, other, metric)),
        **{bound: learned.get(bound) for bound in ("chance", "unigram", "floor")},
    }


def first_seeds_row(view: View, way: str, condition: str, other: str, metric: str, first: int, ddof: int) -> Row:
    """The first seeds alone, as mean and standard deviation; ddof 0: population, as document 000's script prints."""
    learned, against = (view.values(condition, arm, metric, first) for arm in ("learned", other))
    level = view.level(condition, "learned", metric)
    both = len(learned) > 0 and len(against) > 0
    means = (float(learned.mean()), float(against.mean())) if both else (None, None)
    return {
        "way": way,
        "condition": condition,
        "n": len(learned) or None,
        "learned": means[0],
        "learned_sd": float(learned.std(ddof=ddof)) if len(learned) > 1 else None,
        "autoencoder": means[1],
        "autoencoder_sd": float(against.std(ddof=ddof)) if len(against) > 1 else None,
        "difference": float(learned.mean() - against.mean()) if both else None,
        **_relative(metric, *means),
        "d": _effect(learned, against),
        **{bound: level.get(bound) for bound in ("chance", "unigram", "floor")},
    }


def _moments(level: Row, name: str) -> Row:
    return {name: level.get("mean"), **{f"{name}_{key}": level.get(key) for key in ("sd", "low", "high")}}


def _relative(metric: str, learned: float | None, other: float | None) -> Row:
    """How much lower the learned loss is; not defined for what should be high."""
    if METRICS[metric] or learned is None or other is None:
        return {}
    return {"improvement": 100 * (other - learned) / other, "ratio_of_means": other / learned}


def _effect(learned: pd.Series, other: pd.Series) -> float | None:
    """Document 001's d (appendix B.1), without its sign; with equal n it is Cohen's."""
    if len(learned) < 2 or len(other) < 2:
        return None
    return abs(cohens_d_independent(learned, other))


def shown_row(row: Row, metric: str, extra: tuple[str, ...] = ()) -> dict[str, str]:
    """A row as text; ``extra`` names further columns of {'Improve-\\nment, %', 'd', 'Ratio', 'Fewer, %'}."""
    means = {
        name: with_deviation(row.get(key), row.get(f"{key}_sd"))
        if missing_interval(row, key)
        else with_interval(row.get(key), row.get(f"{key}_low"), row.get(f"{key}_high"))
        for name, key in (("Learned", "learned"), ("Autoencoder", "autoencoder"))
    }
    optional = {
        "Improved\nby, %": number(row.get("improvement"), 2, signed=True),
        "d": number(row.get("d"), 2),
        "Ratio": number(row.get("ratio_of_means"), 3),
        "Fewer, %": number(row.get("savings"), 1),
    }
    difference = with_interval(
        row.get("difference"), row.get("difference_low"), row.get("difference_high"), signed=True
    )
    made = {"Way": row["way"], "n": count(row.get("n")), **means, "Difference": difference}
    made |= {name: optional[name] for name in extra}
    made |= {"p": p_value(row.get("p_holm")), "Equiv.": yes_no(row.get("equivalent"))}
    bounds = zip(BOUNDS[metric], ("chance", "unigram", "floor"), strict=True)
    made |= {name: number(row.get(key), 3 if metric == LOSS else 4) for name, key in bounds}
    return made | {name: text for name, text in row.get("printed", {}).items() if name in made}


def missing_interval(row: Row, key: str) -> bool:
    return row.get(f"{key}_low") is None


def frame(rows: list[Row], first: tuple[str, ...]) -> pd.DataFrame:
    """Raw values as a table: the naming columns, then levels, differences, tests and bounds, then the rest."""
    made = pd.DataFrame([{key: value for key, value in row.items() if key != "printed"} for row in rows])
    order = [name for name in (*first, *_ORDER) if name in made.columns]
    return made[[*order, *[name for name in made.columns if name not in order]]]


def done_right_name(condition: Condition, others: list[Condition]) -> str:
    """``done right``, with what tells this condition from others of its kind: the task model, the data."""
    parts = ["done right"]
    if len({other.head for other in others}) > 1:
        parts.append(head_name(condition))
    if len({other.data for other in others if other.ratio == condition.ratio}) > 1:
        parts.append(data_name(condition))
    return ", ".join(parts)


def planned(view: View, experiment: str, way: str, wanted: Callable[[Condition], bool]) -> list[tuple[str, str]]:
    """Name and id of the wanted conditions; without an id where the config plans none, for a row of dashes."""
    conditions = view.select(study=STUDY, experiment=experiment, way=way)
    plain = way.replace("-", " ")
    named = [
        (done_right_name(each, conditions) if way == "done-right" else plain, each.id)
        for each in conditions
        if wanted(each)
    ]
    return named or [(plain, "")]


def notes_on_tests(view: View, other: str = "autoencoder") -> str:
    """What intervals, p and equivalence mean in this run."""
    share, level = f"{100 * view.margin_share:g} %", f"{100 * view.confidence:g} %"
    return (
        f"Brackets: {level} t interval over seeds (the difference's is paired); ±: standard deviation. Difference: "
        f"learned minus {other}. p: paired t test, Holm-corrected over the cells of its sub-study and way (as "
        "released: of its script; published: as printed). Equiv.: two one-sided tests show the difference to be "
        f"within {share} of the distance from chance to the floor. {MISSING}: not stated, not measured, or not "
        "defined for so few seeds."
    )
