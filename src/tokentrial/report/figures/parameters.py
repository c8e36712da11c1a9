"""What a stored or trained number buys: the share of what the input can give, against both counts."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import style
from tokentrial.report.figures.conditions import done_right, panel_title, require
from tokentrial.report.figures.levels import arm_handles
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View

NAME = "parameters"
ARMS = ("learned", "autoencoder", "pca", "factorised", "full", "random_frozen")
COSTS = {"params_trained": "numbers trained (k = 1,024)", "bits_deployed": "bits deployed (k = 1,024)"}
BOUNDS = {"unigram": 0.0, "floor": 1.0}  # shares
ROOM = 0.15  # octaves at both ends of the axes of costs
# One row of panels each: an experiment and the part of its conditions that is drawn; all ratios of it are joined.
ROWS = (("markov", "ordered"), ("compression", "largest"), ("vocabulary", "largest"), ("complexity", "hardest"))


@style.applied()
def parameters(view: View) -> Figure:
    """Shares with their intervals. Raises InputError if no condition has both costs and a floor."""
    rows = with_shares(view)
    require(rows, NAME, "condition run right with its costs and floor")
    groups = [group for group in pick(rows) if len(group)]
    boxes = style.grid(2 * len(groups), 2, height=3.0, top=0.6, gap=(0.6, 1.55), sides=(1.75, 1.4))
    bottom = boxes[-1].top + boxes[-1].height + 1.2
    present = [arm for arm in ARMS if any(arm in set(group["arm"]) for group in groups)]
    handles = arm_handles(present)
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for k, group in enumerate(groups):
        pair = axes[2 * k : 2 * k + 2]
        for panel, (cost, words) in zip(pair, COSTS.items(), strict=True):
            _panel(panel, group, cost)
            panel.set_xlabel(words)
        low = min(panel.get_ylim()[0] for panel in pair)
        high = max(panel.get_ylim()[1] for panel in pair)
        for panel in pair:
            panel.set_ylim(low, high)
        pair[1].tick_params(axis="y", labelleft=False)
        style.label_right(pair[1], BOUNDS)
        pair[0].set_ylabel("share of the way from\nunigram to floor")
        pair[0].set_title(panel_title(view, group))
    style.legend(figure, handles, top=bottom)
    return figure


def with_shares(view: View) -> pd.DataFrame:
    """Levels and costs by condition and arm: ``share`` with its interval, 0 at the unigram entropy, 1 at the floor."""
    loss = done_right(view, view.summary[view.summary["metric"] == LOSS])
    loss = loss[loss["arm"].isin(ARMS)].dropna(subset=["floor", "unigram"])
    costs = view.arms[["condition", "arm", *COSTS]].dropna()
    rows = loss.merge(costs, on=["condition", "arm"], how="inner", validate="one_to_one")
    span = rows["unigram"] - rows["floor"]
    # The interval's ends change places: a low loss is a high share.
    share = {
        new: (rows["unigram"] - rows[old]) / span
        for new, old in (("share", "mean"), ("share_low", "high"), ("share_high", "low"))
    }
    return rows.assign(**share)


def pick(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The conditions of each row of panels, in the order of their width."""
    groups = []
    for name, part in ROWS:
        group = rows[rows["experiment"] == name]
        if part == "ordered" and (group["head"] == "window_mlp").any():
            group = group[group["head"] == "window_mlp"]
        elif part == "largest":
            group = group[group["chance"] == group["chance"].max()]
        elif part == "hardest":
            group = group[group["floor"] == group["floor"].max()]
        groups.append(group)
    return groups


def _panel(axes: Axes, group: pd.DataFrame, cost: str) -> None:
    axes.set_xscale("log", base=2)
    for arm in ARMS:
        rows = group[group["arm"] == arm].sort_values([cost, "ratio"])
        if rows.empty:
            continue
        _, color, marker, size = style.look(arm)
        share = rows["share"].to_numpy(dtype=float)
        bars = np.nan_to_num(np.abs(rows[["share_low", "share_high"]].to_numpy(dtype=float).T - share))
        axes.errorbar(
            rows[cost], share, yerr=bars, color=color, marker=marker, markersize=size, linewidth=0.6, elinewidth=0.9,
            markeredgecolor="white", markeredgewidth=0.3, label=arm, zorder=4 if arm == "learned" else 3,
        )  # fmt: skip
    for name, y in BOUNDS.items():
        color, dashes = style.LEVELS[name]
        axes.axhline(y, color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid=name)
    low, high = group[cost].min() / 2**ROOM, group[cost].max() * 2**ROOM
    axes.set_xlim(low, high)
    ticks = powers(low, high)
    axes.set_xticks(ticks, labels=[compact(tick) for tick in ticks])
    axes.set_xticks([], minor=True)


def powers(low: float, high: float) -> list[float]:
    """Powers of two between the limits, with 1.5 times each where there are fewer than three."""
    whole = [2.0**k for k in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]
    if len(whole) > 2:
        return whole
    exponents = range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)
    return [tick for k in exponents for tick in (2.0**k, 1.5 * 2.0**k) if low <= tick <= high]


def compact(value: float) -> str:
    """A power of two for an axis: 512, 4k, 2M with k = 1,024."""
    for unit, size in (("M", 2**20), ("k", 2**10)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
