"""The bespoke study in full: the decomposition, the trend, every arm and every comparison done right."""

import numpy as np
import pandas as pd

from tokentrial.report.bespoke_results import (
    Row,
    arms_of,
    attributions,
    data_name,
)
from tokentrial.report.bespoke_trends import TREND_COLUMNS, trends
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import GAP, Section, Table, count, number, p_value, with_interval
from tokentrial.report.tables.declared import heading, order
from tokentrial.run.columns import Condition
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


@heading("bespoke")
def _heading(view: View, condition: Condition) -> str:
    return f"{condition.title}: {data_name(condition)}"


@order("by layout")
def _by_layout(view: View, condition: Condition) -> list[str]:
    return [arm.arm for arm in arms_of(view, condition)]
