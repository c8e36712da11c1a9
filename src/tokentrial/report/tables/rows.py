"""Looking up the results, and the row that most tables share: learned encoding against autoencoder in one way."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from tokentrial import real_text, results
from tokentrial.cramming.columns import DECISIONS, MEASURES
from tokentrial.report.formats import MISSING, count, number, p_value, printed, with_deviation, with_interval, yes_no
from tokentrial.report.published import PublishedTable
from tokentrial.report.published import number as value_of
from tokentrial.statistics.effect_size import cohens_d_independent
from tokentrial.statistics.tables import METRICS, final_values

Row = dict[str, Any]
OPTIONAL = {"measures": MEASURES, "decisions": DECISIONS}
STUDY = "learned_encoding"
LOSS, ACCURACY, SIMULATED = "cross_entropy", "accuracy", "simulated_loss"
BITS = "bits_per_byte"  # of the raw text: the loss times a constant of the condition and split
BOUNDS = {LOSS: ("Chance", "Unigram", "Floor"), ACCURACY: ("Chance", "Constant", "Bayes")}
HEADS = {"mean_pool": "mean pooling", "window_mlp": "window MLP", "token_mlp": "token MLP"}
SOURCES = {"patterns": "patterns", "zipf_markov": "Zipf chain", "markov": "Markov chain"}
PARAMETERS = [f"parameters_{role}" for role in ("embedding", "encoder", "decoder", "head")]
ARM_NAMES = {
    "noise_walk": "noise walk (released update)",
    "one_hot": "one-hot",
    "pca": "PCA",
    "random_frozen": "random, frozen",
    "full": "full table",
    "autoencoder_relu": "autoencoder, ReLU code",
    "autoencoder_random": "autoencoder, random table",
    "autoencoder_deep_random": "autoencoder deep, random table",
    "autoencoder_variational_random": "autoencoder variational, random table",
}

# columns of a published row that are numbers, and the order of a CSV's columns
_RAW = ("learned", "learned_sd", "autoencoder", "autoencoder_sd", "improvement", "savings", "d", "p")
_ORDER = (
    *(f"{arm}{part}" for arm in ("learned", "autoencoder") for part in ("", "_sd", "_low", "_high")),
    *("difference", "difference_low", "difference_high", "improvement", "ratio_of_means", "d", "p", "p_holm"),
    *("equivalent", "margin", "chance", "unigram", "floor", "savings"),
)


class Cell(NamedTuple):
    """What tells a trained condition apart, from its specification."""

    condition: str
    way: str
    ratio: int
    head: str
    dataset: str
    source: str
    vocab_size: int
    train: int = 0
    """Training sequences of ``length`` tokens."""
    length: int = 0

    @property
    def data(self) -> str:
        return self.dataset.rsplit("/", 1)[-1]

    @property
    def head_name(self) -> str:
        return HEADS.get(self.head, self.head.replace("_", " "))

    @property
    def data_name(self) -> str:
        return f"{SOURCES.get(self.source, self.source)}, V = {self.vocab_size:,}"


@dataclass(frozen=True)
class Results:
    """All results of a run. cells: condition -> the rest of a :class:`Cell`, from the config.

    measures, decisions: the cramming study's, with the columns of `cramming.columns`; None in a run without it.
    """

    runs: pd.DataFrame
    arms: pd.DataFrame
    summary: pd.DataFrame
    statistics: pd.DataFrame
    cells: Mapping[str, Mapping[str, Any]]
    confidence: float = 0.95
    margin_share: float = 0.05
    measures: pd.DataFrame | None = None
    decisions: pd.DataFrame | None = None
    corpus: str = real_text.UNNAMED
    """The title of the run's real text, whatever study the rows are of."""

    @property
    def alpha(self) -> float:
        """The level of significance of the tests."""
        return 1 - self.confidence

    def only(self, study: str) -> "Results":
        """The results of one study alone."""
        frames = {name: getattr(self, name) for name in ("runs", "arms", "summary", "statistics")}
        own = {name: frame[frame["study"] == study] for name, frame in frames.items()}
        cells = {name: cell for name, cell in self.cells.items() if name.startswith(f"{study}/")}
        return replace(self, **own, cells=cells)

    def level(self, condition: str, arm: str, metric: str) -> Row:
        """The arm's row of results.SUMMARY; empty where there is none."""
        return self._levels.get((condition, arm, metric), {})

    def contrast(self, condition: str, arm: str, metric: str) -> Row:
        """The row of results.STATISTICS of learned minus this arm; empty where there is none."""
        return self._contrasts.get((condition, arm, metric), {})

    def cost(self, condition: str, arm: str) -> Row:
        """The arm's row of results.ARMS with ``total`` parameters; empty where there is none."""
        return self._costs.get((condition, arm), {})

    def values(self, condition: str, arm: str, metric: str, first: int | None = None) -> pd.Series:
        """Final values by seed, of the ``first`` seeds only if that is given."""
        found = self._values.get((condition, arm, metric), pd.Series(dtype="float64")).sort_index()
        return found if first is None else found[found.index < first]

    def of(self, study: str, way: str) -> list[Cell]:
        """The conditions of a sub-study run in one way, in the config's order."""
        prefix = f"{STUDY}/{study}/{way}/"
        return [Cell(condition=name, **spec) for name, spec in self.cells.items() if name.startswith(prefix)]

    def studies(self) -> list[str]:
        """The sub-studies, in the config's order."""
        return list(dict.fromkeys(name.split("/")[1] for name in self.cells))

    @cached_property
    def _levels(self) -> dict[tuple[str, ...], Row]:
        return _by(self.summary, "condition", "arm", "metric")

    @cached_property
    def _contrasts(self) -> dict[tuple[str, ...], Row]:
        return _by(self.statistics, "condition", "arm_b", "metric")

    @cached_property
    def _costs(self) -> dict[tuple[str, ...], Row]:
        total = self.arms[PARAMETERS].sum(axis=1, min_count=len(PARAMETERS))
        return _by(self.arms.assign(total=total), "condition", "arm")

    @cached_property
    def _values(self) -> dict[Any, pd.Series]:
        final = final_values(self.runs).set_index("seed")
        return {key: group["value"] for key, group in final.groupby(["condition", "arm", "metric"], sort=False)}


def _by(frame: pd.DataFrame, *keys: str) -> dict[tuple[str, ...], Row]:
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {tuple(row[key] for key in keys): {str(name): value for name, value in row.items()} for row in records}


def load(paths: Mapping[str, str], cells: str, settings: Mapping[str, Any]) -> Results:
    """Read the result tables. paths: runs, arms, summary, statistics, and measures and decisions where the run has
    them; cells: the JSON of ``Results.cells`` as pairs, in order."""
    schemas = {"runs": results.RUNS, "arms": results.ARMS, "summary": results.SUMMARY, "statistics": results.STATISTICS}
    schemas |= {name: schema for name, schema in OPTIONAL.items() if name in paths}
    frames = {name: results.read(paths[name], schema).to_pandas() for name, schema in schemas.items()}
    return Results(
        **frames,
        corpus=real_text.title(frames["arms"]),
        cells=dict(json.loads(cells)),
        confidence=settings["confidence"],
        margin_share=settings["equivalence_margin"],
    )


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


def measured_row(found: Results, way: str, condition: str, other: str, metric: str) -> Row:
    """All seeds of one condition: levels and difference with their intervals, tests and bounds."""
    learned, against = found.level(condition, "learned", metric), found.level(condition, other, metric)
    contrast = found.contrast(condition, other, metric)
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
        "d": _effect(found.values(condition, "learned", metric), found.values(condition, other, metric)),
        **{bound: learned.get(bound) for bound in ("chance", "unigram", "floor")},
    }


def first_seeds_row(found: Results, way: str, condition: str, other: str, metric: str, first: int, ddof: int) -> Row:
    """The first seeds alone, as mean and standard deviation; ddof 0: population, as document 000's script prints."""
    learned, against = (found.values(condition, arm, metric, first) for arm in ("learned", other))
    level = found.level(condition, "learned", metric)
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


def done_right_name(cell: Cell, cells: list[Cell]) -> str:
    """``done right``, with what tells this cell from others of its kind: the task model, the data."""
    parts = ["done right"]
    if len({other.head for other in cells}) > 1:
        parts.append(cell.head_name)
    if len({other.dataset for other in cells if other.ratio == cell.ratio}) > 1:
        parts.append(cell.data_name)
    return ", ".join(parts)


def planned(found: Results, study: str, way: str, wanted: Callable[[Cell], bool]) -> list[tuple[str, str]]:
    """Name and condition of the wanted cells; without a condition where the config plans none, for a row of dashes."""
    cells = found.of(study, way)
    plain = way.replace("-", " ")
    named = [
        (done_right_name(cell, cells) if way == "done-right" else plain, cell.condition)
        for cell in cells
        if wanted(cell)
    ]
    return named or [(plain, "")]


def arm_name(arm: str) -> str:
    """An arm's name for a reader: ``autoencoder 001 deep``."""
    return ARM_NAMES.get(arm, arm.replace("_", " "))


def notes_on_tests(found: Results, other: str = "autoencoder") -> str:
    """What intervals, p and equivalence mean in this run."""
    share, level = f"{100 * found.margin_share:g} %", f"{100 * found.confidence:g} %"
    return (
        f"Brackets: {level} t interval over seeds (the difference's is paired); ±: standard deviation. Difference: "
        f"learned minus {other}. p: paired t test, Holm-corrected over the cells of its sub-study and way (as "
        "released: of its script; published: as printed). Equiv.: two one-sided tests show the difference to be "
        f"within {share} of the distance from chance to the floor. {MISSING}: not stated, not measured, or not "
        "defined for so few seeds."
    )
