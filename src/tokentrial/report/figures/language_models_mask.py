"""What the missing mask does: losses against the unigram of their own text, as released with and without a mask."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tokentrial.report.figures import style
from tokentrial.report.language_model_names import (
    FULL,
    bits_of_a_nat,
    bound,
    masked_twins,
    title,
    tokens_name,
    with_full,
)
from tokentrial.run.columns import Condition
from tokentrial.run.view import View

ROW, HEAD, FOOT = 0.55, 0.9, 1.2  # cm
LEFT, RIGHT = 5.0, 4.3  # cm: names and numbers
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
def mask(view: View) -> Figure:
    """Rows of the released models, then the full table done right."""
    known = [each for each in view.select() if bound(view, each, "unigram") is not None]
    released = [line for each in known if each.way == "as-released" for line in released_lines(view, each)]
    if not released:
        return style.nothing(NOTHING)
    fair = [full_line(view, each) for each in with_full(view) if each in known]
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
    _frame(axes, any(bits_of_a_nat(view, each) is not None for each in known))
    style.legend(figure, handles, top=bottom, columns=2)
    return figure


def released_lines(view: View, condition: Condition) -> Iterator[Line]:
    """A line for each arm that has a twin with a mask."""
    bits = bits_of_a_nat(view, condition)
    for arm, twin in masked_twins(view, condition):
        levels = [view.level(condition.id, each) for each in (arm, twin)]
        color = style.look(view.method(condition.study, arm).method).color
        losses = in_both_units([level["mean"] for level in levels], bits)
        name = f"{view.arm_name(condition.study, arm)}; {tokens_name(condition)}"
        plain, masked = (level["mean"] - level["unigram"] for level in levels)
        yield Line(name, color, plain, masked, losses)


def in_both_units(losses: Sequence[float], bits: float | None) -> str:
    """``1.500 → 5.900 (0.42 → 1.64)``: nats per token, and bits per byte where they are known."""
    nats = " → ".join(f"{loss:.3f}" for loss in losses)
    return nats if bits is None else f"{nats} ({' → '.join(f'{bits * loss:.2f}' for loss in losses)})"


def full_line(view: View, condition: Condition) -> Line:
    """What the full table of a condition reaches without seeing the next token."""
    level = view.level(condition.id, FULL)
    losses = in_both_units([level["mean"]], bits_of_a_nat(view, condition))
    half = 0.0 if level["high"] is None else level["high"] - level["mean"]
    return Line(title(condition), style.look(FULL).color, None, level["mean"] - level["unigram"], losses, half)


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
