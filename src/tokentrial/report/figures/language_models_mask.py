"""What the missing mask does: losses against the unigram of their own text, as released with and without a mask."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tokentrial.report.figures import style
from tokentrial.report.language_model_names import TOKENS, Condition, arm_name, bits_of_a_nat, conditions
from tokentrial.statistics.tables import method

MASKED, FULL = "_masked", "full"
ROW, HEAD, FOOT = 0.55, 0.9, 1.2  # cm
LEFT, RIGHT = 5.0, 4.3  # cm: names and numbers
Bits = Mapping[str, float | None]  # condition -> bits per byte that one nat per token is
NOTHING = "This run trained no model as released both with and without a mask."
HANDLES = {"open": "as released: no mask, the next token is visible", "closed": "causal: the next token is hidden"}


class Line(NamedTuple):
    """A row of the figure: the loss minus the unigram without and with a mask, and their intervals' half widths."""

    name: str
    color: str
    open: float | None
    closed: float | None
    losses: str
    half: float = 0.0


@style.applied()
def mask(summary: pd.DataFrame) -> Figure:
    """Rows of the released models, then the full table done right; summary: results.SUMMARY."""
    loss = summary[(summary["metric"] == "cross_entropy") & summary["unigram"].notna()]
    bits = {str(name): bits_of_a_nat(summary, str(name)) for name in loss["condition"].unique()}
    released = [line for each in conditions(loss, "as-released") for line in released_lines(loss, each, bits)]
    if not released:
        return style.nothing(NOTHING)
    fair = [line for each in conditions(loss, "done-right") for line in full_line(loss, each, bits)]
    lines: list[Line | str] = ["As released", *released]
    lines += ["Full table, done right", *fair] if fair else []
    box = style.Box(LEFT, HEAD, style.WIDTH - LEFT - RIGHT, ROW * len(lines))
    handles = [_handle(kind) for kind in HANDLES]
    bottom = HEAD + ROW * len(lines) + FOOT
    figure, (axes,) = style.canvas(bottom + 0.5, [box])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    for y, line in enumerate(lines):
        if isinstance(line, str):
            axes.text(-0.01, y, line, transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
        else:
            _row(axes, y, line)
    _frame(axes, any(value is not None for value in bits.values()))
    style.legend(figure, handles, top=bottom, columns=2)
    return figure


def released_lines(loss: pd.DataFrame, condition: Condition, bits: Bits) -> list[Line]:
    """A line for each arm that has a twin with a mask."""
    own = loss[loss["condition"] == condition.name].set_index("arm")
    mean = {str(arm): float(level) for arm, level in own["mean"].items()}
    apart = {str(arm): float(gap) for arm, gap in (own["mean"] - own["unigram"]).items()}
    lines = []
    for arm in mean:
        twin = arm.replace("-", f"{MASKED}-", 1) if "-" in arm else f"{arm}{MASKED}"
        if MASKED in arm or twin not in mean:
            continue
        name = f"{arm_name(arm)}; {TOKENS.get(condition.tokens, condition.tokens)}"
        color, losses = style.look(method(arm)).color, in_both_units((mean[arm], mean[twin]), bits[condition.name])
        lines.append(Line(name, color, apart[arm], apart[twin], losses))
    return lines


def in_both_units(losses: Sequence[float], bits: float | None) -> str:
    """``1.500 → 5.900 (0.42 → 1.64)``: nats per token, and bits per byte where they are known."""
    nats = " → ".join(f"{loss:.3f}" for loss in losses)
    return nats if bits is None else f"{nats} ({' → '.join(f'{bits * loss:.2f}' for loss in losses)})"


def full_line(loss: pd.DataFrame, condition: Condition, bits: Bits) -> list[Line]:
    """What the full table of a condition reaches without seeing the next token."""
    own = loss[loss["condition"] == condition.name]
    if "learned" not in set(own["arm"].map(method)):
        return []  # a sub-study of another document, with the full table as its own control
    return [
        Line(
            condition.title,
            style.look(FULL).color,
            None,
            float(row["mean"] - row["unigram"]),
            in_both_units((row["mean"],), bits[condition.name]),
            float(np.nan_to_num(row["high"] - row["mean"])),
        )
        for _, row in own[own["arm"] == FULL].iterrows()
    ]


def _row(axes: Axes, y: int, line: Line) -> None:
    side: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
    axes.text(-0.02, y, line.name, ha="right", **side)
    axes.text(1.02, y, line.losses, ha="left", fontsize=style.SMALL, **side)
    if line.open is not None and line.closed is not None:
        axes.plot([line.open, line.closed], [y, y], color=line.color, linewidth=0.9, zorder=2)
        axes.plot([line.open], [y], marker="o", markersize=6.5, color="white", zorder=2.5)
        axes.plot(
            [line.open], [y], marker="o", markersize=6.5, color=line.color, markerfacecolor="none", gid="open", zorder=4
        )
    if line.closed is not None:
        axes.errorbar(
            [line.closed], [y], xerr=[line.half], marker="o", markersize=4.6, color=line.color, elinewidth=0.9,
            linestyle="none", zorder=3, gid="closed",
        )  # fmt: skip


def _frame(axes: Axes, bits: bool) -> None:
    axes.axvline(0, color=style.GREY, linestyle=style.LEVELS["unigram"].dashes, linewidth=0.8, zorder=1, gid="unigram")
    low, high = axes.get_xlim()
    room = 0.05 * (high - low)
    axes.set_xlim(low - room, max(high, 0.0) + room)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("test loss minus the unigram's of the same text (nats per token)")
    top: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "fontsize": style.SMALL, "va": "bottom"}
    axes.text(0, 1.005, "unigram", ha="center", color=style.GREY, **top)
    units = "test loss in nats per token\n(bits per byte)" if bits else "test loss (nats)"
    axes.text(1.02, 1.005, units, transform=axes.transAxes, fontsize=style.SMALL, va="bottom")


def _handle(kind: str) -> Line2D:
    filled = style.INK if kind == "closed" else "white"
    return Line2D(
        [], [], color=style.INK, marker="o", markersize=4.6, linestyle="none", markerfacecolor=filled,
        label=HANDLES[kind],
    )  # fmt: skip
