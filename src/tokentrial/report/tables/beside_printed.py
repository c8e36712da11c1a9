"""Tables with a section for every row of a printed table: as printed, as released, as described and done right.

The rows here are about documents 000 to 002: the learned encoding against an autoencoder on synthetic data.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.released import corrected, pure_python
from tokentrial.released.context_free import HIDDEN
from tokentrial.report.formats import number, printed
from tokentrial.report.synthetic_names import data_name, name_beside
from tokentrial.report.tables.registry import Ask, Row, added, kind, line_heading, row_maker
from tokentrial.run.finals import LOSS, METRICS
from tokentrial.run.view import View
from tokentrial.schema.tables import BesidePrinted, Rows
from tokentrial.statistics.effect_size import cohens_d_independent

LEARNED = "learned"
ARMS = (LEARNED, "autoencoder")
COUNTED = {"built": "total", "trained": "params_trained", "deployed": "bits_deployed"}
# columns of two arms' difference -> those of results.STATISTICS
TESTED = {"difference": "difference", "difference_low": "t_low", "difference_high": "t_high", "p": "p_t"}
TESTED |= {name: name for name in ("p_holm", "equivalent", "margin")}
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
    name = line_heading.named(entry.heading, f"{ask.where}.heading")
    for printed_name in entry.printed or [ask.name]:
        if printed_name not in ask.printed:
            raise InputError(f"{ask.where}.printed: {config.unknown_key(printed_name, list(ask.printed))}")
        table = ask.printed[printed_name]
        for key, row in table.rows.items():
            line = Line(ask, table, key, row)
            for place, rows in enumerate(entry.rows):
                maker = row_maker.named(rows.rows, f"{ask.where}.rows[{place}].rows")
                yield from ({entry.key: key, **each, "_section": name(line)} for each in maker(line, rows))


line_heading("label")(lambda line: line.row["label"])
line_heading("vocabulary")(lambda line: f"V = {line.row['label']}")
line_heading("none")(lambda line: "")


# Rows


@row_maker("printed")
def of_printed(line: Line, rows: Rows) -> Iterator[Row]:
    """What the document prints."""
    row = line.row
    texts = {arm: f"{row[arm]} ± {row[f'{arm}_sd']}" for arm in ARMS if f"{arm}_sd" in row}
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
    """A row for each arm of each condition of an experiment in one way; one of dashes where the config plans none."""
    entry: BesidePrinted = line.ask.entry
    arms = rows.arm if isinstance(rows.arm, str) else rows.arm.get(line.key)
    if not arms:
        raise InputError(f"{line.ask.where}.rows.arm: found no arm of '{line.key}', expected one or more")
    for name, condition in planned(line, rows):
        for arm in [arms] if isinstance(arms, str) else arms:
            metric = rows.metric or entry.metric
            compared = two_arms(line.view, condition, {LEARNED: LEARNED, "autoencoder": arm}, metric)
            values = [line.view.values(condition, each, metric, rows.first) for each in (LEARNED, arm)]
            if rows.first:
                compared |= dict.fromkeys(TESTED) | _moments(values, ddof=0 if rows.population else 1)
            more = added.named(rows.adds, f"{line.ask.where}.rows.adds")(line, condition, arm) if rows.adds else {}
            bounds = line.view.level(condition, LEARNED, metric)
            yield {
                "way": name.replace("{arm}", line.view.arm_name("learned_encoding", arm)),
                "condition": condition,
                **compared,
                **_relative(metric, compared[LEARNED], compared["autoencoder"]),
                "d": _effect(*values),
                **{bound: bounds.get(bound) for bound in ("chance", "unigram", "floor")},
                **more,
            }


def planned(line: Line, rows: Rows) -> Iterator[tuple[str, str]]:
    """Name and id of the conditions beside a printed row; without an id where the config plans none."""
    cell = {} if rows.cell is None else {"cell": rows.cell.replace("{}", line.key.replace("-", "_"))}
    others = line.view.select(experiment=rows.experiment, way=rows.way, **cell)
    # what a script varies is in its cell
    match = None if rows.way == "as-released" else line.ask.entry.match
    wanted = [each for each in others if match is None or str(getattr(each, match)) == line.key]
    name = rows.name or WAYS[rows.way]
    for each in wanted:
        yield name.format(told=name_beside(each, others), data=data_name(each), arm="{arm}"), each.id
    if not wanted:
        yield name.format(told="", data="", arm="").strip(",;\n ") or WAYS[rows.way].format(told=""), ""


def two_arms(view: View, condition: str, arms: Mapping[str, str], metric: str = LOSS) -> Row:
    """Levels of two arms, by the columns that have them, and the first minus the second; None where there is none."""
    first, second = arms.values()
    levels = {column: view.level(condition, arm, metric) for column, arm in arms.items()}
    pair = view.pair(condition, first, second, metric)
    row: Row = {"n": pair.get("n", next(iter(levels.values())).get("n"))}
    for column, level in levels.items():
        row |= {column: level.get("mean"), **{f"{column}_{key}": level.get(key) for key in ("sd", "low", "high")}}
    return row | {column: pair.get(key) for column, key in TESTED.items()}


def _moments(values: list[pd.Series], ddof: int) -> Row:
    """Levels and difference of a few seeds; ddof 0: of the population, as document 000's script prints."""
    row: Row = {"n": len(values[0]) or None}
    for name, each in zip(ARMS, values, strict=True):
        row[name] = float(each.mean()) if len(each) else None
        row[f"{name}_sd"] = float(each.std(ddof=ddof)) if len(each) > 1 else None
        row |= {f"{name}_low": None, f"{name}_high": None}
    return row | {"difference": row[LEARNED] - row["autoencoder"] if all(map(len, values)) else None}


def _relative(metric: str, learned: float | None, other: float | None) -> Row:
    """How much lower the learned loss is; not defined for what should be high, nor beside a loss of exactly 0."""
    if METRICS[metric] or learned is None or other is None:
        return {}
    ratios = {"ratio_of_means": _ratio(other, learned), "_learned_over_autoencoder": _ratio(learned, other)}
    return {"improvement": 100 * (other - learned) / other if other else None, **ratios}


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def _effect(learned: pd.Series, other: pd.Series) -> float | None:
    """Document 001's d (appendix B.1), without its sign; with equal n it is Cohen's."""
    return abs(cohens_d_independent(learned, other)) if min(len(learned), len(other)) > 1 else None


# Parameter counts of documents 000 and 002


def saved(learned: float | None, other: float | None) -> float | None:
    """Per cent fewer than the other arm."""
    return None if learned is None or not other else 100 * (1 - learned / other)


def counts(view: View, condition: str, other: str, of: str) -> list[float | None]:
    """What both arms have of a column of results.ARMS; bits as numbers of 32 bits."""
    values = [view.cost(condition, arm).get(of) for arm in (LEARNED, other)]
    return [None if value is None else value / 32 for value in values] if of == "bits_deployed" else values


def script_counts(ratio: int) -> list[float]:
    """The parameters of both arms of document 000's script."""
    width = corrected.FULL_WIDTH // ratio
    return [sum(corrected.parameters(arm, width).values()) for arm in ARMS]


@added("savings of the script")
def _savings_of_script(line: Line, condition: str, arm: str) -> Row:
    return {"savings": saved(*script_counts(int(line.key)))}


@added("savings")
def _savings(line: Line, condition: str, arm: str) -> Row:
    return {"savings": saved(*counts(line.view, condition, arm, "total"))}


@row_maker("printed counts")
def _printed_counts(line: Line, rows: Rows) -> Iterator[Row]:
    """As printed, of a formula that fits them, and of the document's script."""
    texts = {arm: line.row[arm] for arm in ARMS} | {"savings": printed(line.row["savings"])}
    yield {"count": "published", **{name: value_of(line.row[name]) for name in texts}, "_printed": texts}
    fits = 2 * (corrected.FULL_WIDTH // int(line.key)) * (corrected.VOCABULARY + 1)
    yield _counted("2·d·(V + 1), which fits the published learned column", fits, None)
    yield _counted("as released: 2·V·d against V·D + 2·D·d + V·d", *script_counts(int(line.key)))


@row_maker("counts")
def _counts(line: Line, rows: Rows) -> Iterator[Row]:
    for name, condition in planned(line, rows):
        for said, of in COUNTED.items():
            yield _counted(f"{name}: {said}", *counts(line.view, condition, str(rows.arm), of))


def _counted(name: str, learned: float | None, other: float | None) -> Row:
    return {"count": name, **dict(zip(ARMS, (learned, other), strict=True)), "savings": saved(learned, other)}


@kind("parameter counts")
def parameter_counts(ask: Ask) -> Iterator[Row]:
    """By ratio; then how the counts grow with d from one printed ratio to the next, for readers."""
    ask.words.update(vocabulary=str(corrected.VOCABULARY), full_width=str(corrected.FULL_WIDTH))
    yield from beside_printed(ask)
    rows = ask.printed[ask.name].rows
    for wide, narrow in itertools.pairwise(rows):
        widths = [corrected.FULL_WIDTH // int(ratio) for ratio in (narrow, wide)]
        slope: Row = {"_step": f"d = {widths[0]} to {widths[1]}"}
        counted = {"published": [[value_of(rows[ratio][arm]) for arm in ARMS] for ratio in (wide, narrow)]}
        counted["released"] = [script_counts(int(ratio)) for ratio in (wide, narrow)]
        for name, (more, fewer) in counted.items():
            for arm, high, low in zip(ARMS, more, fewer, strict=True):
                slope[f"_{name}_{arm}"] = (high - low) / (widths[1] - widths[0])
        yield {**slope, "_section": "Growth per unit of d", "_part": "growth", "_only": "page"}


def _sizes(role: str, learned: float | None, other: float | None) -> Row:
    return {f"{role}_learned": learned, f"{role}_autoencoder": other, f"{role}_savings": saved(learned, other)}


@row_maker("printed sizes")
def _printed_sizes(line: Line, rows: Rows) -> Iterator[Row]:
    texts = {f"table_{arm}": line.row[arm] for arm in ARMS} | {"table_savings": printed(line.row["savings"])}
    yield {
        "way": rows.name,
        "n": None,
        **_sizes("table", *(value_of(line.row[arm]) for arm in ARMS)),
        "_printed": texts,
    }


@added("sizes of the script")
def _sizes_of_script(line: Line, condition: str, arm: str) -> Row:
    """Numbers in the script's models (protocol A1): no biases, one hidden layer."""
    small, wide = pure_python.VOCABULARY * pure_python.WIDTH, pure_python.VOCABULARY * pure_python.FULL_WIDTH
    head = pure_python.WIDTH * HIDDEN + HIDDEN * pure_python.VOCABULARY
    maps = 2 * pure_python.FULL_WIDTH * pure_python.WIDTH
    deployed = _sizes("deployed", small + head, small + head)
    return _sizes("table", small, wide) | _sizes("built", small + head, wide + maps + head) | deployed


@added("sizes")
def _sizes_of(line: Line, condition: str, arm: str) -> Row:
    columns = {"table": "parameters_embedding", "built": "total", "deployed": "bits_deployed"}
    sizes: Row = {}
    for role, of in columns.items():
        sizes |= _sizes(role, *counts(line.view, condition, arm, of))
    return sizes
