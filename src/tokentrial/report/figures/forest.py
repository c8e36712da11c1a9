"""Learned minus autoencoder, every condition a row, in units of its equivalence margin."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import style
from tokentrial.report.figures.conditions import done_right, in_words, require
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View

NAME = "forest"
MAIN, OTHERS = "autoencoder", ("pca", "random_frozen")
ROW, HEAD, FOOT = 0.42, 0.6, 1.75  # cm
LEFT, RIGHT = 3.8, 5.2  # cm: room for the conditions' names and for the numbers
TITLE, CONDITION = -0.535, -0.51  # where text starts, in widths of the panel
N, DIFFERENCE, INTERVAL = 1.07, 1.28, 1.31  # right edge, right edge, left edge of the columns of numbers
SUPERSCRIPT = str.maketrans("+−0123456789", "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
OFFSETS = {"pca": -0.27, "random_frozen": 0.27}  # rows


@style.applied()
def forest(view: View) -> Figure:
    """Paired differences with intervals. Raises InputError if there is none."""
    pairs = view.statistics
    rows = done_right(view, pairs[(pairs["metric"] == LOSS) & (pairs["arm_a"] == "learned")])
    main = require(rows[rows["arm_b"] == MAIN], NAME, "comparison of learned with autoencoder run right")
    lines = list(_lines(main))
    height = HEAD + ROW * len(lines) + FOOT
    box = style.Box(LEFT, HEAD, style.WIDTH - LEFT - RIGHT, ROW * len(lines))
    figure, (axes,) = style.canvas(height, [box])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    present = [arm for arm in OTHERS if arm in set(rows["arm_b"])]
    for y, line in enumerate(lines):
        if isinstance(line, str):
            axes.text(TITLE, y, line, transform=axes.get_yaxis_transform(), fontweight="bold", va="center")
            continue
        same = rows[rows["condition"] == line["condition"]]
        for arm in reversed(present):
            _row(axes, y + OFFSETS[arm], same[same["arm_b"] == arm], arm)
        _row(axes, y, same[same["arm_b"] == MAIN], MAIN)
        _numbers(axes, y, line, in_words(view.condition(line["condition"])))
    _frame(axes)
    handles = [
        style.handle(arm, alpha=1 if arm == MAIN else 0.55, label=f"learned − {style.look(arm).name}")
        for arm in (MAIN, *present)
    ]
    style.legend(figure, handles, top=height - 0.5, columns=3)
    return figure


def _lines(main: pd.DataFrame) -> Iterator[str | pd.Series]:
    """The rows from top to bottom: an experiment's title, then its conditions."""
    for _, group in main.groupby("experiment", sort=False):
        yield str(group["short"].iloc[0])
        for _, row in group.iterrows():
            yield row


def _row(axes: Axes, y: float, differences: pd.DataFrame, arm: str) -> None:
    """One difference: a thin line for its interval, a thick one for that of the equivalence test."""
    for _, row in differences.iterrows():
        _, color, marker, _ = style.look(arm)
        main, unit = arm == MAIN, row["margin"]
        look: dict[str, Any] = {"color": color, "alpha": 1.0 if main else 0.55, "solid_capstyle": "butt"}
        for low, high, width in (("t_low", "t_high", 0.9), ("equivalent_low", "equivalent_high", 2.4)):
            if pd.notna(row[low]) and (main or low == "t_low"):
                axes.plot([row[low] / unit, row[high] / unit], [y, y], linewidth=width, zorder=2 + main, **look)
        axes.plot(
            [row["difference"] / unit],
            [y],
            marker=marker,
            markersize=4.0 if main else 2.8,
            markeredgecolor="white",
            markeredgewidth=0.3,
            linestyle="none",
            color=color,
            alpha=look["alpha"],
            zorder=3 + main,
            gid=f"{row['condition']}:{arm}",
        )


def _numbers(axes: Axes, y: float, row: pd.Series, name: str) -> None:
    """The condition's name at left; n, the difference and its interval in the metric's own unit at right."""
    side: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
    axes.text(CONDITION, y, name, **side, fontsize=7)
    small = side | {"fontsize": style.SMALL}
    low, high = row["t_low"], row["t_high"]
    digits = decimals(high - low)
    axes.text(N, y, f"{row['n']:.0f}", ha="right", **small)
    axes.text(DIFFERENCE, y, signed(row["difference"], digits), ha="right", **small)
    if pd.notna(low):
        axes.text(INTERVAL, y, f"[{signed(low, digits)}, {signed(high, digits)}]", **small)


def decimals(width: float) -> int:
    """Decimals that show half an interval of this width with two digits, at least 2; 4 where there is none."""
    return max(1 - math.floor(math.log10(width / 2)), 2) if width > 0 else 4


def signed(value: float, digits: int) -> str:
    """With a sign and so many decimals; in powers of ten where more than 5 would be needed."""
    if digits <= 5 or value == 0:
        return f"{value:+.{min(digits, 5)}f}".replace("-", "−")
    mantissa, exponent = f"{value:+.1e}".replace("-", "−").split("e")
    return f"{mantissa}·10{exponent.lstrip('0').replace('−0', '−').translate(SUPERSCRIPT)}"


def _frame(axes: Axes) -> None:
    """The equivalence band, the line of no difference, the directions and the columns' heads."""
    low, high = axes.get_xlim()
    reach = max(abs(low), abs(high), 1.5)
    axes.set_xlim(-reach, reach)
    axes.axvspan(-1, 1, color="#EDEDED", linewidth=0, zorder=0, gid="equivalence")
    axes.axvline(0, color=style.GREY, linewidth=0.6, zorder=1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("difference in held-out loss, in equivalence margins")
    top: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "fontsize": 7, "va": "bottom"}
    axes.text(0, 1.005, "equivalent", ha="center", color=style.GREY, **top)
    axes.text(-reach, 1.005, "← learned better", ha="left", **top)
    axes.text(reach, 1.005, "autoencoder better →", ha="right", **top)
    corner: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 7, "va": "bottom"}
    axes.text(N, 1.005, "n", ha="right", **corner)
    axes.text(N + 0.07, 1.005, "difference and interval (nats)", ha="left", **corner)
