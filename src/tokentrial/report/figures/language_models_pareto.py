"""Memory against quality on real text: bits deployed and numbers trained against test loss, one line per method."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import style
from tokentrial.report.figures.levels import arm_handles
from tokentrial.report.figures.parameters import ROOM, compact
from tokentrial.report.language_model_names import FULL, bits_of_a_nat, margin, title
from tokentrial.run.columns import Condition
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View

COSTS = {
    "bits_deployed": "bits deployed (k = 1,024)",
    "params_trained": "numbers trained (k = 1,024)",
}
NOTHING = "No two sizes of a method were run right: there is no curve to show."
ROWS = 4  # of panels, for a figure that fits a page; further conditions are in the tables
HEIGHTS = {1: 5.0, 2: 5.0, 3: 4.4, 4: 3.5}  # cm of a panel, by the rows
UNIGRAM_REACH = 0.5  # the unigram is drawn as a line where it adds less than this share to the axis
FULL_LINE = (0.0, (4.0, 1.5))
BAND = "#EDEDED"
SECOND_AXIS = 1.6  # cm between two panels, for the second one's labels
STEPS = ((1.0,), (1.0, 1.5), (1.0, 1.25, 1.5, 1.75))  # ticks within an octave, as few as show three


@style.applied()
def pareto(view: View) -> Figure:
    """One row of panels per condition done right that has a method in two sizes, of the first four."""
    points = with_costs(view)
    shown = [each for each in view.select(way="done-right") if has_curve(points, each)][:ROWS]
    if not shown:
        return style.nothing(NOTHING)
    nats, height = margin(view), HEIGHTS[len(shown)]
    bits = {each.id: bits_of_a_nat(view, each) for each in shown}
    gap = 0.6 if all(value is None for value in bits.values()) else SECOND_AXIS
    boxes = style.grid(2 * len(shown), 2, height=height, top=0.6, gap=(gap, 1.75), sides=(1.35, 1.9))
    drawn = points[points["condition"].isin(bits)]
    handles = arm_handles(drawn["family"])
    bottom = boxes[-1].top + boxes[-1].height + 1.2
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for row, condition in enumerate(shown):
        group = drawn[drawn["condition"] == condition.id]
        pair = axes[2 * row : 2 * row + 2]
        low, high = limits(group, nats)
        for panel, (cost, words) in zip(pair, COSTS.items(), strict=True):
            panel.set_ylim(low, high)
            _panel(panel, group, cost, nats)
            panel.set_xlabel(words)
        _unigram(pair, float(group["unigram"].mean()))
        pair[1].tick_params(axis="y", labelleft=False)
        bits_axis(pair[1], bits[condition.id])
        style.label_right(pair[1], _levels(group, nats))
        pair[0].set_ylabel("test loss (nats per token)")
        pair[0].set_title(title(condition))
    style.legend(figure, handles, top=bottom)
    return figure


def bits_axis(axes: Axes, bits: float | None) -> None:
    """The same heights in bits per byte at the panel's left edge; bits: those of one nat per token, None if unknown."""
    if bits is None:
        return
    axes.tick_params(axis="y", left=False)
    style.second_axis(axes, "left", bits).set_ylabel("test loss (bits per byte)")


def with_costs(view: View) -> pd.DataFrame:
    """Test losses with both costs and the family of each arm; arms without a cost are left out."""
    loss = view.summary[view.summary["metric"] == LOSS]
    costs = view.arms[["condition", "arm", *COSTS]].dropna()
    points = loss.merge(costs, on=["condition", "arm"], how="inner", validate="one_to_one")
    arms = zip(points["study"], points["arm"], strict=True)
    return points.assign(family=[view.method(study, arm).family for study, arm in arms])


def has_curve(points: pd.DataFrame, condition: Condition) -> bool:
    group = points[points["condition"] == condition.id]
    return bool((group.groupby("family")["bits_deployed"].nunique() > 1).any())


def limits(group: pd.DataFrame, nats: float | None) -> tuple[float, float]:
    """Room for every interval and the full table's margin; for the unigram where it is near."""
    values = group[["mean", "low", "high"]].to_numpy(dtype=float)
    ends = list(values[np.isfinite(values)])
    for level in _full(group):
        ends += [level - (nats or 0), level + (nats or 0)]
    low, high = min(ends), max(ends)
    span = high - low or 1.0
    unigram = float(group["unigram"].mean())
    if high < unigram <= high + UNIGRAM_REACH * span:
        high = unigram
    return low - 0.05 * span, high + 0.07 * span


def _full(group: pd.DataFrame) -> list[float]:
    return [float(level) for level in group.loc[group["arm"] == FULL, "mean"]]


def _levels(group: pd.DataFrame, nats: float | None) -> dict[str, float]:
    """Names at the right edge."""
    named = {"unigram": float(group["unigram"].mean())}
    for level in _full(group):
        named |= {"full table": level}
        named |= {} if nats is None else {f"+{nats:g} nats": level + nats, f"−{nats:g} nats": level - nats}
    return named


def _panel(axes: Axes, group: pd.DataFrame, cost: str, nats: float | None) -> None:
    axes.set_xscale("log", base=2)
    for name in style.in_order(group["family"]):
        rows = group[group["family"] == name].sort_values([cost, "bits_deployed"])
        _, color, marker, size = style.look(name)
        mean = rows["mean"].to_numpy(dtype=float)
        bars = np.nan_to_num(np.abs(rows[["low", "high"]].to_numpy(dtype=float).T - mean))
        axes.errorbar(
            rows[cost], mean, yerr=bars, color=color, marker=marker, markersize=size, linewidth=0.8, elinewidth=0.9,
            markeredgecolor="white", markeredgewidth=0.3, label=name, zorder=4 if name == "learned" else 3,
        )  # fmt: skip
    for level in _full(group):
        axes.axhline(level, color=style.INK, linestyle=FULL_LINE, linewidth=0.7, zorder=1, gid="full")
        if nats is not None:
            axes.axhspan(level - nats, level + nats, color=BAND, linewidth=0, zorder=0, gid="margin")
    low, high = group[cost].min() / 2**ROOM, group[cost].max() * 2**ROOM
    axes.set_xlim(low, high)
    ticks = octave_ticks(low, high)
    axes.set_xticks(ticks, labels=[compact(tick) for tick in ticks])
    axes.set_xticks([], minor=True)


def octave_ticks(low: float, high: float) -> list[float]:
    """Powers of two between the limits, divided into halves or quarters where there are fewer than three."""
    exponents = range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)
    ticks: list[float] = []
    for parts in STEPS:
        ticks = [part * 2.0**k for k in exponents for part in parts if low <= part * 2.0**k <= high]
        if len(ticks) > 2:
            break
    return ticks


def _unigram(pair: list[Axes], level: float) -> None:
    """Its line, or beside the titles where it lies if that is far beyond the panels."""
    color, dashes = style.LEVELS["unigram"]
    low, high = pair[1].get_ylim()
    if low <= level <= high:
        for axes in pair:
            axes.axhline(level, color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid="unigram")
    elif np.isfinite(level):
        place: dict[str, Any] = {"ha": "right", "va": "bottom", "transform": pair[1].transAxes}
        arrow = "↑" if level > high else "↓"
        pair[1].text(1, 1.01, f"{arrow} unigram {level:.3f}", color=color, fontsize=style.SMALL, **place)
