"""A row for each difference, factor or loss, with its name at left and its numbers at right."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tokentrial.report.bespoke_results import attributions
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, conditions, kind, rows_of
from tokentrial.report.figures.seeds import ratio_axis
from tokentrial.report.language_model_names import FULL, bits_of_a_nat, bound, masked_twins, tokens_name, with_full
from tokentrial.run.columns import Condition
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.schema import figures as declared

ROW, HEAD, FOOT = 0.42, 0.6, 1.75  # cm
LEFT, RIGHT = 3.8, 5.2  # cm: room for the conditions' names and for the numbers
TITLE, CONDITION = -0.535, -0.51  # where text starts, in widths of the panel
N, DIFFERENCE, INTERVAL = 1.07, 1.28, 1.31  # right edge, right edge, left edge of the columns of numbers
SUPERSCRIPT = str.maketrans("+−0123456789", "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@kind("forest")
def forest(sources: Sources, entry: declared.Forest) -> Figure | None:
    """A row per condition: its arm minus the main other one, and paler ones beside it, in equivalence margins."""
    view, pairs = sources.view, sources.view.statistics
    rows = rows_of(view, pairs[(pairs["metric"] == LOSS) & (pairs["arm_a"] == entry.arm)], entry)
    main = rows[rows["arm_b"] == entry.other]
    if main.empty:
        return None
    lines = list(_by_experiment(main))
    height = HEAD + ROW * len(lines) + FOOT
    box = style.Box(LEFT, HEAD, style.WIDTH - LEFT - RIGHT, ROW * len(lines))
    present = [arm for arm in entry.beside if arm in set(rows["arm_b"])]
    looks = [style.look(arm) for arm in (entry.other, *present)]
    handles = [
        style.sample(look._replace(name=f"{entry.arm} − {look.name}"), alpha=0.55 if k else 1)
        for k, look in enumerate(looks)
    ]
    figure, (axes,) = style.canvas(height, [box])
    marks.rows_down(axes, len(lines))
    for y, line in enumerate(lines):
        if isinstance(line, str):
            axes.text(TITLE, y, line, transform=axes.get_yaxis_transform(), fontweight="bold", va="center")
            continue
        same = rows[rows["condition"] == line["condition"]]
        for arm in reversed(present):
            _difference(axes, y + entry.beside[arm], same[same["arm_b"] == arm], arm, main=False)
        _difference(axes, y, same[same["arm_b"] == entry.other], entry.other, main=True)
        _numbers(axes, y, line, marks.in_words(view.condition(line["condition"])))
    _frame(axes, entry)
    style.legend(figure, handles, top=height - 0.5, columns=3)
    return figure


def _by_experiment(rows: pd.DataFrame) -> Iterator[str | pd.Series]:
    """From top to bottom: an experiment's title, then its conditions."""
    for _, group in rows.groupby("experiment", sort=False):
        yield str(group["short"].iloc[0])
        yield from (row for _, row in group.iterrows())


def _difference(axes: Axes, y: float, differences: pd.DataFrame, arm: str, *, main: bool) -> None:
    """One difference: a thin line for its interval, a thick one for that of the equivalence test."""
    for _, row in differences.iterrows():
        _, color, marker, _ = style.look(arm)
        unit = row["margin"]
        look: dict[str, Any] = {"color": color, "alpha": 1.0 if main else 0.55}
        for low, high, width in (("t_low", "t_high", 0.9), ("equivalent_low", "equivalent_high", 2.4)):
            if pd.notna(row[low]) and (main or low == "t_low"):
                ends = [row[low] / unit, row[high] / unit]
                axes.plot(ends, [y, y], linewidth=width, zorder=2 + main, solid_capstyle="butt", **look)
        axes.plot(
            [row["difference"] / unit], [y], marker=marker, markersize=4.0 if main else 2.8, linestyle="none",
            zorder=3 + main, gid=f"{row['condition']}:{arm}", **marks.EDGE, **look,
        )  # fmt: skip


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


def _frame(axes: Axes, entry: declared.Forest) -> None:
    """The equivalence band, the line of no difference, the directions and the columns' heads."""
    low, high = axes.get_xlim()
    reach = max(abs(low), abs(high), 1.5)
    axes.set_xlim(-reach, reach)
    marks.equivalence(axes, 1, upright=True)
    marks.zero(axes, upright=True)
    axes.set_xlabel(entry.x_label)
    top: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "fontsize": 7, "va": "bottom"}
    axes.text(0, 1.005, "equivalent", ha="center", color=style.GREY, **top)
    axes.text(-reach, 1.005, f"← {entry.arm} better", ha="left", **top)
    axes.text(reach, 1.005, f"{entry.other} better →", ha="right", **top)
    corner: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 7, "va": "bottom"}
    axes.text(N, 1.005, "n", ha="right", **corner)
    axes.text(N + 0.07, 1.005, "difference and interval (nats)", ha="left", **corner)


@kind("factors")
def factors(sources: Sources, entry: declared.Factors) -> Figure | None:
    """A row for every factor of the released ratio with its interval; by what is removed or put in its place."""
    by_corpus = list(attributions(sources.view))
    if not by_corpus:
        return None
    several = len(by_corpus) > 1
    lines = [line for tokens, rows in by_corpus for line in _parts(tokens, rows, entry.parts, several)]
    height = 0.46 * len(lines)
    figure, (axes,) = style.canvas(0.6 + height + 1.2, [style.Box(6.8, 0.6, 5.4, height)])
    ends = np.concatenate([np.exp(rows[["low", "high"]].to_numpy(dtype=float)).ravel() for _, rows in by_corpus])
    ratio_axis(axes, "x", min(0.9, np.nanmin(ends)) * 0.8, max(1.1, np.nanmax(ends)) * 1.2)
    marks.zero(axes, upright=True, at=1)
    for y, line in enumerate(lines):
        if isinstance(line, str):
            axes.text(-1.22, y, line, transform=axes.get_yaxis_transform(), fontweight="bold", va="center")
        else:
            _factor(axes, y, line)
    marks.rows_down(axes, len(lines))
    axes.set_xlabel(entry.x_label)
    corner: dict[str, Any] = {"transform": axes.transAxes, "fontsize": style.SMALL, "va": "bottom"}
    axes.text(1.04, 1.003, "factor and interval", **corner)
    axes.text(1.66, 1.003, "n", ha="right", **corner)
    return figure


def _parts(tokens: int, rows: pd.DataFrame, parts: Mapping[str, str], several: bool) -> Iterator[str | pd.Series]:
    """Headings and factors from top to bottom."""
    for part, words in parts.items():
        of_part = rows[rows["part"] == part]
        if len(of_part):
            yield f"{words} ({tokens:,} tokens)" if several or part == "total" else words
            yield from (row for _, row in of_part.iterrows())


def _factor(axes: Axes, y: float, row: pd.Series) -> None:
    value, low, high = (float(np.exp(row[name])) for name in ("effect", "low", "high"))
    strong = row["part"] in ("total", "sum")
    color = style.BLUE if strong else style.INK
    axes.plot([low, high], [y, y], color=color, linewidth=1.4 if strong else 0.9, solid_capstyle="butt", zorder=2)
    axes.plot([value], [y], "o", color=color, markersize=4 if strong else 3, zorder=3, gid=str(row["factor"]))
    side: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
    small = side | {"fontsize": style.SMALL}
    name = str(row["factor"]) if pd.isna(row["step"]) else f"{row['step']:,} steps"
    axes.text(-1.17, y, name, fontsize=7, **side)
    axes.text(-0.02, y, str(row["contrast"]).replace("_", " "), ha="right", color=style.GREY, **small)
    axes.text(1.04, y, f"{value:.3f}  [{low:.3f}, {high:.3f}]", **small)
    axes.text(1.66, y, f"{row['n']}", ha="right", **small)


class Line(NamedTuple):
    """A row of the figure: the loss minus the unigram without and with a mask, and their intervals' half widths."""

    name: str
    color: str
    open: float | None
    closed: float
    losses: str
    half: float = 0.0


@kind("mask")
def mask(sources: Sources, entry: declared.Masked) -> Figure | None:
    """Losses against the unigram of their own text: released models with and without a mask, then the full table."""
    view = sources.view
    known = [each for each in view.select() if bound(view, each, "unigram") is not None]
    released = [line for each in conditions(view, entry) if each in known for line in _released_lines(view, each)]
    if not released:
        return None
    fair = [_full_line(view, each) for each in with_full(view) if each in known]
    lines: list[Line | str] = ["As released", *released]
    lines += ["Full table, done right", *fair] if fair else []
    box = style.Box(5.0, 0.9, style.WIDTH - 5.0 - 4.3, 0.55 * len(lines))
    figure, (axes,) = style.page(
        [box], [style.mark_sample(each) for each in entry.samples], 0.9 + box.height + 1.2, columns=2
    )
    for y, line in enumerate(lines):
        if isinstance(line, str):
            axes.text(-0.01, y, line, transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
        else:
            _masked(axes, y, line)
    color, dashes = style.LEVELS["unigram"]
    axes.axvline(0, color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid="unigram")
    low, high = axes.get_xlim()
    room = 0.05 * (high - low)
    axes.set_xlim(low - room, max(high, 0.0) + room)
    marks.rows_down(axes, len(lines))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(entry.x_label)
    top: dict[str, Any] = {"fontsize": style.SMALL, "va": "bottom"}
    axes.text(0, 1.005, "unigram", ha="center", color=style.GREY, transform=axes.get_xaxis_transform(), **top)
    bits = any(bits_of_a_nat(view, each) is not None for each in known)
    units = "test loss in nats per token\n(bits per byte)" if bits else "test loss (nats)"
    axes.text(1.02, 1.005, units, transform=axes.transAxes, **top)
    return figure


def _released_lines(view: View, condition: Condition) -> Iterator[Line]:
    """A line for each arm that has a twin with a mask."""
    bits = bits_of_a_nat(view, condition)
    for arm, twin in masked_twins(view, condition):
        levels = [view.level(condition.id, each) for each in (arm, twin)]
        color = style.look(view.method(condition.study, arm).method).color
        name = f"{view.arm_name(condition.study, arm)}; {tokens_name(condition)}"
        plain, masked = (level["mean"] - level["unigram"] for level in levels)
        yield Line(name, color, plain, masked, in_both_units([level["mean"] for level in levels], bits))


def in_both_units(losses: Sequence[float], bits: float | None) -> str:
    """``1.500 → 5.900 (0.42 → 1.64)``: nats per token, and bits per byte where they are known."""
    nats = " → ".join(f"{loss:.3f}" for loss in losses)
    return nats if bits is None else f"{nats} ({' → '.join(f'{bits * loss:.2f}' for loss in losses)})"


def _full_line(view: View, condition: Condition) -> Line:
    """What the full table of a condition reaches without seeing the next token."""
    level = view.level(condition.id, FULL)
    losses = in_both_units([level["mean"]], bits_of_a_nat(view, condition))
    half = 0.0 if level["high"] is None else level["high"] - level["mean"]
    color = style.look(FULL).color
    return Line(marks.TITLES["body"](condition), color, None, level["mean"] - level["unigram"], losses, half)


def _masked(axes: Axes, y: int, line: Line) -> None:
    side: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
    axes.text(-0.02, y, line.name, ha="right", **side)
    axes.text(1.02, y, line.losses, ha="left", fontsize=style.SMALL, **side)
    if line.open is not None:
        dot: dict[str, Any] = {"marker": "o", "markersize": 6.5}
        axes.plot([line.open, line.closed], [y, y], color=line.color, linewidth=0.9, zorder=2)
        axes.plot([line.open], [y], color="white", zorder=2.5, **dot)
        axes.plot([line.open], [y], color=line.color, markerfacecolor="none", gid="open", zorder=4, **dot)
    axes.errorbar(
        [line.closed], [y], xerr=[line.half], marker="o", markersize=4.6, color=line.color, elinewidth=0.9,
        linestyle="none", zorder=3, gid="closed",
    )  # fmt: skip
