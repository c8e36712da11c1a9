"""Tables with a section for every row of a printed table: as printed, as released, as described and done right.

The rows here are about documents 000 to 002: the learned encoding against an autoencoder on synthetic data.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.report.formats import number, printed
from tokentrial.report.tables.registry import Ask, Row, added, heading, kind, row_maker
from tokentrial.run.columns import Condition
from tokentrial.run.finals import METRICS
from tokentrial.run.view import View
from tokentrial.schema.tables import BesidePrinted, Rows
from tokentrial.statistics.effect_size import cohens_d_independent

LEARNED = "learned"
HEADS = {"mean_pool": "mean pooling", "window_mlp": "window MLP", "token_mlp": "token MLP"}
SOURCES = {"patterns": "patterns", "zipf_markov": "Zipf chain", "markov": "Markov chain"}
WAYS = {"as-released": "as released", "as-described": "as described", "done-right": "done right{told}"}
# columns of a published row that are numbers
NUMBERS = ("learned", "learned_sd", "autoencoder", "autoencoder_sd", "improvement", "savings", "d", "p")


class Line(NamedTuple):
    """A printed row, and where what was measured of the same is found."""

    ask: Ask
    table: PublishedTable
    key: str
    row: Mapping[str, str]

    @property
    def view(self) -> View:
        view: View = self.ask.view
        return view


@kind("printed and measured")
def beside_printed(ask: Ask) -> Iterator[Row]:
    """The rows of each entry's maker, for every printed row."""
    entry: BesidePrinted = ask.entry
    name = heading.named(entry.heading, f"{ask.where}.heading")
    for table in (ask.printed[each] for each in entry.printed or [ask.name]):
        for key, row in table.rows.items():
            line = Line(ask, table, key, row)
            for place, rows in enumerate(entry.rows):
                maker = row_maker.named(rows.rows, f"{ask.where}.rows[{place}].rows")
                yield from ({entry.key: key, **each, "_section": name(line)} for each in maker(line, rows))


heading("label")(lambda line: line.row["label"])
heading("vocabulary")(lambda line: f"V = {line.row['label']}")
heading("none")(lambda line: "")


# Names of conditions


def head_name(condition: Condition) -> str:
    """The small task model, for readers."""
    head = condition.head or ""
    return HEADS.get(head, head.replace("_", " "))


def data_name(condition: Condition) -> str:
    """The synthetic data, for readers: ``Zipf chain, V = 100``."""
    source = condition.source or ""
    return f"{SOURCES.get(source, source)}, V = {condition.vocab_size or 0:,}"


def name_among(view: View, condition: Condition) -> str:
    """What tells a condition from the others of its experiment done right."""
    others = view.select(experiment=condition.experiment, way="done-right")
    several = {name: len({getattr(other, name) for other in others}) > 1 for name in ("ratio", "head")}
    same_source = len({(other.source, other.vocab_size) for other in others}) < len({other.data for other in others})
    parts = [f"{condition.ratio}:1" if several["ratio"] else ""]
    parts.append(str(condition.data) if same_source else data_name(condition))
    parts.append(head_name(condition) if several["head"] else "")
    return ", ".join(part for part in parts if part)


def name_beside(condition: Condition, others: list[Condition]) -> str:
    """``, mean pooling, Zipf chain, V = 100``: what tells it from others that stand beside the same printed row."""
    parts = [""]
    if len({other.head for other in others}) > 1:
        parts.append(head_name(condition))
    if len({other.data for other in others if other.ratio == condition.ratio}) > 1:
        parts.append(data_name(condition))
    return ", ".join(parts)


# Rows


@row_maker("printed")
def of_printed(line: Line, rows: Rows) -> Iterator[Row]:
    """What the document prints."""
    row = line.row
    texts = {arm: f"{row[arm]} ± {row[f'{arm}_sd']}" for arm in (LEARNED, "autoencoder") if f"{arm}_sd" in row}
    texts |= {name: printed(row[name]) for name in ("difference", "improvement", "d", "savings") if name in row}
    for column, name in {"p_holm": "p", "ratio_of_means": "robustness"}.items():
        texts |= {column: printed(row[name])} if name in row else {}
    difference = value_of(row.get(LEARNED)) - value_of(row.get("autoencoder"))
    if LEARNED in row:
        texts.setdefault("difference", number(difference, 3, signed=True))
    values = {name: value_of(text) for name, text in row.items() if name in NUMBERS}
    values |= {"ratio_of_means": value_of(row["robustness"])} if "robustness" in row else {}
    yield {"way": rows.name or "published", "n": line.table.n, **values, "difference": difference, "_printed": texts}


@row_maker("measured")
def of_measured(line: Line, rows: Rows) -> Iterator[Row]:
    """A row for each arm of each condition that is selected; one of dashes where the config plans none."""
    entry: BesidePrinted = line.ask.entry
    select = dict(rows.select)
    if rows.cell is not None:
        select["cell"] = rows.cell.replace("{}", line.key.replace("-", "_"))
    arms = rows.arm[line.key] if isinstance(rows.arm, Mapping) else rows.arm
    for name, condition in planned(line.view, select, entry.match, line.key, rows.name):
        for arm in [arms] if isinstance(arms, str) else arms:
            more = added.named(rows.adds, f"{line.ask.where}.rows.adds")(line, condition, arm) if rows.adds else {}
            yield {
                "way": name.replace("{arm}", line.view.arm_name("learned_encoding", arm)),
                "condition": condition,
                **_measured(line.view, condition, arm, rows, rows.metric or entry.metric),
                **more,
            }


def planned(
    view: View, select: Mapping[str, Any], match: str | None, key: str, template: str | None = None
) -> Iterator[tuple[str, str]]:
    """Name and id of the conditions beside a printed row; without an id where the config plans none."""
    others = view.select(**select)
    if select["way"] == "as-released":
        match = None  # what a script varies is in its cell
    name = template or WAYS[select["way"]]
    wanted = [each for each in others if match is None or str(getattr(each, match)) == key]
    for each in wanted:
        yield name.format(told=name_beside(each, others), data=data_name(each), arm="{arm}"), each.id
    if not wanted:
        yield name.format(told="", data="", arm="").strip(",;\n ") or WAYS[select["way"]].format(told=""), ""


def _measured(view: View, condition: str, other: str, rows: Rows, metric: str) -> Row:
    """Levels, difference and bounds: of all seeds with intervals and tests, or of the first alone."""
    values = [view.values(condition, arm, metric, rows.first) for arm in (LEARNED, other)]
    levels = [view.level(condition, arm, metric) for arm in (LEARNED, other)]
    pair = {} if rows.first else view.pair(condition, LEARNED, other, metric)
    if rows.first:
        levels = [_moments(each, ddof=0 if rows.population else 1) for each in values]
    means = [level.get("mean") for level in levels]
    row: Row = {"n": pair.get("n", levels[0].get("n"))}
    for name, level in zip((LEARNED, "autoencoder"), levels, strict=True):
        row |= {name: level.get("mean"), **{f"{name}_{key}": level.get(key) for key in ("sd", "low", "high")}}
    row |= {name: pair.get(name) for name in ("p_holm", "equivalent", "margin", "difference")}
    row |= {"p": pair.get("p_t"), "difference_low": pair.get("t_low"), "difference_high": pair.get("t_high")}
    if rows.first and all(len(each) for each in values):
        row["difference"] = float(values[0].mean() - values[1].mean())
    bounds = view.level(condition, LEARNED, metric)
    return {**row, **_relative(metric, *means), "d": _effect(*values)} | {
        name: bounds.get(name) for name in ("chance", "unigram", "floor")
    }


def _moments(values: pd.Series, ddof: int) -> Row:
    """ddof 0: of the population, as document 000's script prints."""
    if values.empty:
        return {}
    several = len(values) > 1
    return {"n": len(values), "mean": float(values.mean()), "sd": float(values.std(ddof=ddof)) if several else None}


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
