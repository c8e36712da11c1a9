"""Document 000: held-out accuracy (its Table 3.2) and parameter counts (Table 3.3)."""

import itertools
from collections.abc import Iterator, Mapping

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.released import corrected
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import Section, Table, count, number, printed
from tokentrial.report.tables.rows import (
    Row,
    first_seeds_row,
    frame,
    measured_row,
    notes_on_tests,
    planned,
    published_row,
    released,
    shown_row,
)
from tokentrial.run.finals import ACCURACY
from tokentrial.run.view import View

DESCRIBED = "autoencoder_000"
RUNS = corrected.RUNS


def accuracy(view: View, published: PublishedTable) -> Table:
    """Per ratio: published, the script's own runs and all, the document's first seeds and all, done right."""
    rows, sections = [], []
    for ratio, row in published.rows.items():
        made = [{"ratio": ratio, **each} for each in _accuracy_rows(view, published, ratio)]
        rows += made
        shown = pd.DataFrame([shown_row(each, ACCURACY, ("Fewer, %",)) for each in made])
        sections.append(Section(row["label"], shown))
    notes = (
        f"Published: {published.where}, n as stated. As released, own seed: the script's {RUNS} runs, mean ± "
        "population standard deviation, as it prints them; further runs go on from later seeds. As described, first "
        "seeds: as many as the document ran. Fewer: parameters saved by the learned encoding, as published or of all "
        "that were built.",
        "Chance: 1/V. Constant: the best constant prediction. Bayes: the best possible accuracy, given the true "
        "chain. As released, training and test text come from two different chains, so that optimum cannot be "
        "learned.",
        notes_on_tests(view),
    )
    name = "doc000-accuracy"
    return Table(name, table_title(name), frame(rows, ("ratio", "way", "n")), tuple(sections), notes, "Ratio")


def _accuracy_rows(view: View, published: PublishedTable, ratio: str) -> Iterator[Row]:
    yield published_row(published, published.rows[ratio])
    script = released(view, "corrected", f"ratio-{ratio}")
    counts = _script_counts(int(ratio))
    saved = {"savings": _saved(counts["learned"], counts["autoencoder"])}
    yield first_seeds_row(view, "as released, own seed", script, "autoencoder", ACCURACY, RUNS, ddof=0) | saved
    yield measured_row(view, "as released, all runs", script, "autoencoder", ACCURACY) | saved
    first = published.n or RUNS
    for name, condition in _planned(view, "as-described", int(ratio)):
        saved = {"savings": _built_savings(view, condition, DESCRIBED)}
        yield first_seeds_row(view, f"{name}, first {first}", condition, DESCRIBED, ACCURACY, first, ddof=0) | saved
        yield measured_row(view, f"{name}, all seeds", condition, DESCRIBED, ACCURACY) | saved
    for name, condition in _planned(view, "done-right", int(ratio)):
        saved = {"savings": _built_savings(view, condition, "autoencoder")}
        yield measured_row(view, name, condition, "autoencoder", ACCURACY) | saved


def parameters(view: View, published: PublishedTable) -> Table:
    """Per ratio: published counts, the script's own, what was built, trained and deployed; then the counts' slopes."""
    rows: list[Row] = []
    sections = []
    for ratio, row in published.rows.items():
        made = [{"ratio": ratio, **each} for each in _parameter_rows(view, row, int(ratio))]
        rows += made
        sections.append(Section(row["label"], pd.DataFrame([_shown_counts(each) for each in made])))
    slopes = pd.DataFrame([_shown_slope(row) for row in _slopes(published)])
    notes = (
        f"Published: {published.where}. V = {corrected.VOCABULARY}, D = {corrected.FULL_WIDTH}, d = D / ratio. Built: "
        "every parameter of both stages, a frozen table included. Trained: those that an optimiser changed. "
        "Deployed: what must be stored to use the model, in 32-bit numbers: both arms store a V × d table and the "
        "same head, so nothing is saved.",
        "Lower part: how much a count grows per unit of d between two neighbouring ratios. For any architecture of "
        "fixed V and D made of tables and maps it is constant.",
    )
    name = "doc000-parameters"
    data = frame(rows, ("ratio", "count"))
    return Table(name, table_title(name), data, (*sections, Section("Growth per unit of d", slopes)), notes, "Ratio")


def _parameter_rows(view: View, row: Mapping[str, str], ratio: int) -> Iterator[Row]:
    learned, other = value_of(row["learned"]), value_of(row["autoencoder"])
    shown = {"Learned": row["learned"], "Autoencoder": row["autoencoder"], "Fewer, %": printed(row["savings"])}
    yield {**_counts("published", learned, other), "savings": value_of(row["savings"]), "printed": shown}
    width = corrected.FULL_WIDTH // ratio
    fits = 2 * width * (corrected.VOCABULARY + 1)
    yield _counts("2·d·(V + 1), which fits the published learned column", fits, None)
    script = _script_counts(ratio)
    formulas = "2·V·d against V·D + 2·D·d + V·d"
    yield _counts(f"as released: {formulas}", script["learned"], script["autoencoder"])
    for way, other_arm in (("as-described", DESCRIBED), ("done-right", "autoencoder")):
        for name, condition in _planned(view, way, ratio):
            costs = [view.cost(condition, arm) for arm in ("learned", other_arm)]
            yield _counts(f"{name}: built", *[cost.get("total") for cost in costs])
            yield _counts(f"{name}: trained", *[cost.get("params_trained") for cost in costs])
            deployed = [None if cost.get("bits_deployed") is None else cost["bits_deployed"] / 32 for cost in costs]
            yield _counts(f"{name}: deployed", *deployed)


def _counts(name: str, learned: float | None, other: float | None) -> Row:
    return {"count": name, "learned": learned, "autoencoder": other, "savings": _saved(learned, other)}


def _shown_counts(row: Row) -> dict[str, str]:
    made = {
        "Count": row["count"],
        "Learned": count(row["learned"]),
        "Autoencoder": count(row["autoencoder"]),
        "Fewer, %": number(row["savings"], 1),
    }
    return {**made, **row.get("printed", {})}


def _slopes(published: PublishedTable) -> Iterator[Row]:
    """Growth of each count per unit of d, from one published ratio to the next."""
    ratios = [int(ratio) for ratio in published.rows]
    columns = ("learned", "autoencoder")
    for wide, narrow in itertools.pairwise(ratios):
        step = corrected.FULL_WIDTH // wide - corrected.FULL_WIDTH // narrow
        rows = [published.rows[str(ratio)] for ratio in (wide, narrow)]
        made = [_script_counts(ratio) for ratio in (wide, narrow)]
        yield {
            "step": f"d = {corrected.FULL_WIDTH // narrow} to {corrected.FULL_WIDTH // wide}",
            **{f"published {name}": (value_of(rows[0][name]) - value_of(rows[1][name])) / step for name in columns},
            **{f"as released, {name}": (made[0][name] - made[1][name]) / step for name in columns},
        }


def _shown_slope(row: Row) -> dict[str, str]:
    return {"Step": row["step"], **{name: number(value, 0) for name, value in row.items() if name != "step"}}


def _script_counts(ratio: int) -> dict[str, int]:
    width = corrected.FULL_WIDTH // ratio
    return {arm: sum(corrected.parameters(arm, width).values()) for arm in ("learned", "autoencoder")}


def _built_savings(view: View, condition: str, other: str) -> float | None:
    return _saved(view.cost(condition, "learned").get("total"), view.cost(condition, other).get("total"))


def _saved(learned: float | None, other: float | None) -> float | None:
    """Per cent fewer than the other arm."""
    return None if learned is None or not other else 100 * (1 - learned / other)


def _planned(view: View, way: str, ratio: int) -> list[tuple[str, str]]:
    return planned(view, "markov", way, lambda cell: cell.ratio == ratio)
