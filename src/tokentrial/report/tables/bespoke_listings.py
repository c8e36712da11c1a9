"""The bespoke study in full: the decomposition, the trend, every arm and every comparison done right."""

import numpy as np
import pandas as pd

from tokentrial.report.bespoke_results import (
    MODEL,
    Row,
    arms_of,
    attributions,
    data_name,
    parameters,
    subjects,
    training_tokens,
)
from tokentrial.report.bespoke_trends import TREND_COLUMNS, trends
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import GAP, MISSING, Section, Table, count, number, p_value, with_interval, yes_no
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import ACCURACY, LOSS
from tokentrial.run.statistics import pairs
from tokentrial.run.view import View, records
from tokentrial.statistics.attribution import COLUMNS as ATTRIBUTION

PARTS = {
    "total": "Reported ratio",
    "sum": "Its parts (their product is the reported ratio)",
    "instead": "Put into the standard arm, one at a time (fresh text)",
    "removed": "One thing taken out of the bespoke arm, relative to it (fresh text)",
    "steps": "Other numbers of steps (fresh text), relative to the reported one",
}
IDENTITY = ["study", "cell", "arm", "other", "n"]
MOMENTS = ("mean", "sd", "low", "high", "chance", "unigram", "floor", "flag")
TESTED = (
    *("difference", "sd_difference", "t_low", "t_high", "bca_low", "bca_high", "hedges_g", "g_low", "g_high", "p_t"),
    *("p_signflip", "p_holm", "p_tost", "margin", "equivalent", "p_noninferior", "noninferior", "superiority"),
    "minimal_detectable",
)


def decomposition(view: View) -> Table:
    """Factors of the released loss ratio, as ratios; raw: in log loss ratio."""
    frames, sections = [], []
    for tokens, factors in attributions(view):
        frames.append(factors.assign(corpus=tokens))
        for part, words in PARTS.items():
            of_part = factors[factors["part"] == part]
            if len(of_part):
                shown = pd.DataFrame([_shown_factor(row) for row in records(of_part)])
                sections.append(Section(f"{tokens:,} tokens. {words}", shown))
    data = pd.concat(frames) if frames else pd.DataFrame(columns=["corpus", *ATTRIBUTION])
    notes = (
        "Geometric means over n seeds of loss ratios, brackets: "
        f"{100 * view.confidence:g} % t interval of the mean log ratio. A factor of 1 changes nothing, 0.5 "
        "halves the loss. Metric: the ratio on the last training batch over that on fresh text. Extra linear layer: a "
        "uniform table of the standard width with one trained map behind it. Width by frequency: bespoke over that. "
        "The projected_wide arm has a uniform table as wide as bespoke's frequent tokens; frozen keeps bespoke's maps "
        "as drawn; permuted and reversed give its widths to other tokens.",
    )
    if not frames:
        notes = ("This run has no scaling script with attribution arms.",)
    name = "bespoke-decomposition"
    return Table(name, table_title(name), data, tuple(sections), notes, "Part")


def _shown_factor(row: Row) -> dict[str, str]:
    low, high = (number(float(np.exp(row[end])), 3) for end in ("low", "high"))
    steps = "" if row["step"] is None else f", {row['step']:,} steps"
    return {
        "Factor": f"{row['factor']}{steps}",
        "Arms": row["contrast"].replace("_", " "),
        "n": count(row["n"]),
        "Ratio": f"{number(float(np.exp(row['effect'])), 3)}{GAP}[{low},{GAP}{high}]",
        "Log ratio": number(row["effect"], 3, signed=True),
    }


def trend_table(view: View) -> Table:
    """'Benefits increase with corpus size' as slopes over the doublings of the corpus."""
    data = pd.DataFrame(list(trends(view)), columns=list(TREND_COLUMNS))
    sections = [
        Section(str(kind), pd.DataFrame([_shown_trend(row) for row in records(group)]))
        for kind, group in data.groupby("kind", sort=False)
    ]
    notes: tuple[str, ...] = (
        "Slope: change of the held-out loss difference (bespoke minus the other arm, nats) per doubling of the corpus; "
        f"mean over n seeds of each seed's least-squares line, with its {100 * view.confidence:g} % t interval. "
        "The document says that the benefit grows with the corpus. Claim: it does, where the slope's interval is below "
        "zero and at the largest corpus bespoke is better by more than can be shown to lie within the equivalence "
        "margin; where the difference falls towards zero, it is a disadvantage that shrinks. Smallest, largest: the "
        "difference at those corpora.",
        "As released, the number of optimiser steps grows with the corpus; measured at equal numbers of steps, on "
        "fresh text, corpus and steps come apart. As released the losses are those of the last training batch.",
    )
    if data.empty:
        notes = ("This run has no sub-study with corpora of different sizes.",)
    name = "bespoke-trend"
    return Table(name, table_title(name), data, tuple(sections), notes, "Kind")


def _shown_trend(row: Row) -> dict[str, str]:
    def line(name: str, ends: tuple[str, str]) -> str:
        return with_interval(row[name], row[ends[0]], row[ends[1]], signed=True)

    return {
        "Bespoke minus": row["other"],
        "n": count(row["n"]),
        "Slope": line("slope", ("low", "high")),
        "p": p_value(row["p"]),
        **{f"At the {end}": line(end, (f"{end}_low", f"{end}_high")) for end in ("smallest", "largest")},
        "Claim": row["claim"],
    }


def _heading(condition: Condition) -> str:
    return f"{condition.title}: {data_name(condition)}"


def levels(view: View) -> Table:
    """Held-out loss and accuracy of every arm with what it costs; each cell's bounds in its first row."""
    rows, sections = [], []
    for condition in view.select(way="done-right"):
        arms = arms_of(view, condition)
        of_cell = [_level_row(view, condition, arm.arm) for arm in arms]
        rows += of_cell
        shown = [_shown_level(row, arm) for row, arm in zip(of_cell, arms, strict=True)]
        sections.append(Section(_heading(condition), pd.DataFrame([_bounds(of_cell[0]), *shown])))
    notes = (
        f"Mean over n seeds with its {100 * view.confidence:g} % t interval; losses in nats per token, on test "
        "text. First row of a cell: chance, unigram (the best constant prediction) and floor (the source's entropy "
        "rate; of independent tokens it is the unigram entropy). Trained: numbers that an optimiser changes; deployed: "
        "bits to store, task model included.",
        "Flag: leaked, significantly better than the true source on the same text; untrained, not significantly better "
        "than chance; unigram, better than that, but not than the best constant prediction; ok otherwise.",
    )
    data = pd.DataFrame(rows, columns=None if rows else IDENTITY)
    return Table("bespoke-levels", table_title("bespoke-levels"), data, tuple(sections), notes, "Cell")


def _level_row(view: View, condition: Condition, arm: str) -> Row:
    loss, right = (view.level(condition.id, arm, metric) for metric in (LOSS, ACCURACY))
    cost = view.cost(condition.id, arm)
    return {
        "study": condition.experiment,
        "cell": condition.name,
        "arm": arm,
        "n": loss.get("n"),
        "tokens": training_tokens(condition),
        **{f"loss_{key}": loss.get(key) for key in MOMENTS},
        **{f"accuracy_{key}": right.get(key) for key in MOMENTS},
        "total": parameters(cost, MODEL),
        **{key: cost.get(key) for key in ("params_trained", "bits_deployed")},
    }


def _bounds(row: Row) -> dict[str, str]:
    def text(metric: str) -> str:
        return " / ".join(number(row[f"{metric}_{bound}"], 3) for bound in ("chance", "unigram", "floor"))

    head = {"Arm": "chance / unigram / floor", "n": "", "Loss": text("loss"), "Accuracy": text("accuracy")}
    return head | dict.fromkeys(("Trained", "Bits", "Flag"), "")


def _shown_level(row: Row, arm: Method) -> dict[str, str]:
    return {
        "Arm": arm.name,
        "n": count(row["n"]),
        **{name.capitalize(): _line(row, name, "mean", "low", "high") for name in ("loss", "accuracy")},
        "Trained": count(row["params_trained"]),
        "Bits": count(row["bits_deployed"]),
        "Flag": row["loss_flag"] or "",
    }


def _line(row: Row, name: str, *keys: str, signed: bool = False) -> str:
    value, low, high = (row[f"{name}_{key}"] for key in keys)
    return with_interval(value, low, high, signed).replace("\n", GAP)


def comparisons(view: View) -> Table:
    """Every bespoke arm minus every other arm of its layout, on loss and on accuracy."""
    rows, sections = [], []
    for condition in view.select(way="done-right"):
        arms = arms_of(view, condition)
        several = len(subjects(arms)) > 1
        of_cell, shown = [], []
        for arm, other in pairs(arms):
            of_cell.append(_comparison_row(view, condition, arm.arm, other.arm))
            layout = f"{arm.size or arm.arm} − " if several and other.size is None else ""
            shown.append(_shown_comparison(of_cell[-1], f"{layout}{other.name}"))
        if of_cell:
            rows += of_cell
            margins = [number(of_cell[0][f"{metric}_margin"], 4) for metric in ("loss", "accuracy")]
            heading = f"{_heading(condition)} (margins {margins[0]} nats, {margins[1]} of accuracy)"
            sections.append(Section(heading, pd.DataFrame(shown)))
    notes = (
        "Loss: below zero bespoke widths are better; accuracy: above zero. g: Hedges' g of the paired loss "
        "differences, in their standard deviations. MDE: the loss difference that n seeds find with a power of 80 %, "
        "at the standard deviation observed. Brackets: "
        f"{100 * view.confidence:g} % t interval. p: paired t test, Holm-corrected over the cells of the "
        "sub-study. Eq.: two one-sided tests show the difference to be within the margin, "
        f"{100 * view.margin_share:g} % of the distance from chance to the floor. {MISSING}: not defined.",
    )
    data = pd.DataFrame(rows, columns=None if rows else IDENTITY)
    return Table("bespoke-comparisons", table_title("bespoke-comparisons"), data, tuple(sections), notes, "Cell")


def _comparison_row(view: View, condition: Condition, arm: str, other: str) -> Row:
    loss, right = (view.pair(condition.id, arm, other, metric) for metric in (LOSS, ACCURACY))
    return {
        "study": condition.experiment,
        "cell": condition.name,
        "arm": arm,
        "other": other,
        "n": loss.get("n"),
        **{f"loss_{key}": loss.get(key) for key in TESTED},
        **{f"accuracy_{key}": right.get(key) for key in TESTED},
    }


def _shown_comparison(row: Row, other: str) -> dict[str, str]:
    keys = ("difference", "t_low", "t_high")
    return {
        "Bespoke minus": other,
        "n": count(row["n"]),
        "Loss": _line(row, "loss", *keys, signed=True),
        "g": number(row["loss_hedges_g"], 1, signed=True),
        "MDE": number(row["loss_minimal_detectable"]),
        "p": p_value(row["loss_p_holm"]),
        "Eq.": yes_no(row["loss_equivalent"]),
        "Accuracy": _line(row, "accuracy", *keys, signed=True),
        "p, acc.": p_value(row["accuracy_p_holm"]),
        "Eq., acc.": yes_no(row["accuracy_equivalent"]),
    }
