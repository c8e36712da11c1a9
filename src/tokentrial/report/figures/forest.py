"""A row for each difference, factor or loss, with its name at left and its numbers at right."""

import math
from collections.abc import Iterator, Mapping
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

TITLE, CONDITION = -0.535, -0.51  # where text starts, in widths of the panel
N, DIFFERENCE, INTERVAL = 1.07, 1.28, 1.31  # right edge, right edge, left edge of the columns of numbers
SUPERSCRIPT = str.maketrans("+−0123456789", "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@kind("forest")
def forest(sources: Sources, entry: declared.Forest) -> Figure:
    """A row per condition: its arm minus the main other one, and paler ones beside it, in equivalence margins."""
    view, pairs = sources.view, sources.view.statistics
    rows = rows_of(view, pairs[(pairs["metric"] == LOSS) & (pairs["arm_a"] == entry.arm)], entry)
    lines: list[str | pd.Series] = []
    for _, group in rows[rows["arm_b"] == entry.other].groupby("experiment", sort=False):
        lines += [str(group["short"].iloc[0]), *(row for _, row in group.iterrows())]
    if not lines:
        raise style.Nothing
    height = 0.6 + 0.42 * len(lines) + 1.75
    figure, (axes,) = style.canvas(height, [style.Box(3.8, 0.6, style.WIDTH - 3.8 - 5.2, 0.42 * len(lines))])
    present = [arm for arm in entry.beside if arm in set(rows["arm_b"])]
    for y, line in marks.rows(axes, lines, TITLE):
        same = rows[rows["condition"] == line["condition"]]
        for arm in reversed(present):
            for _, row in same[same["arm_b"] == arm].iterrows():
                _difference(axes, y + entry.beside[arm], row, main=False)
        _difference(axes, y, line, main=True)
        marks.text(axes, "row", CONDITION, y, marks.in_words(view.condition(line["condition"])), fontsize=7)
        low, high, digits = line["t_low"], line["t_high"], decimals(line["t_high"] - line["t_low"])
        marks.text(axes, "row", N, y, f"{line['n']:.0f}", ha="right")
        marks.text(axes, "row", DIFFERENCE, y, signed(line["difference"], digits), ha="right")
        if pd.notna(low):
            marks.text(axes, "row", INTERVAL, y, f"[{signed(low, digits)}, {signed(high, digits)}]")
    _frame(axes, entry)
    looks = [style.look(arm) for arm in (entry.other, *present)]
    names = [look._replace(name=f"{entry.arm} − {look.name}") for look in looks]
    handles = [style.sample(look, alpha=0.55 if k else 1) for k, look in enumerate(names)]
    style.legend(figure, handles, top=height - 0.5, columns=3)
    return figure


def _difference(axes: Axes, y: float, row: pd.Series, *, main: bool) -> None:
    """One difference: a thin line for its interval, a thick one for that of the equivalence test."""
    _, color, marker, _ = style.look(row["arm_b"])
    look: dict[str, Any] = {"color": color, "alpha": 1.0 if main else 0.55}
    for low, high, width in (("t_low", "t_high", 0.9), ("equivalent_low", "equivalent_high", 2.4)):
        if pd.notna(row[low]) and (main or low == "t_low"):
            ends = [row[low] / row["margin"], row[high] / row["margin"]]
            axes.plot(ends, [y, y], linewidth=width, zorder=2 + main, solid_capstyle="butt", **look)
    axes.plot(
        [row["difference"] / row["margin"]], [y], marker=marker, markersize=4.0 if main else 2.8, linestyle="none",
        zorder=3 + main, gid=f"{row['condition']}:{row['arm_b']}", **marks.EDGE, **look,
    )  # fmt: skip


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
    reach = max(*map(abs, axes.get_xlim()), 1.5)
    axes.set(xlim=(-reach, reach), xlabel=entry.x_label)
    marks.equivalence(axes, 1, upright=True)
    marks.zero(axes, upright=True)
    marks.text(axes, "above", 0, 1.005, "equivalent", fontsize=7, ha="center", color=style.GREY)
    marks.text(axes, "above", -reach, 1.005, f"← {entry.arm} better", fontsize=7)
    marks.text(axes, "above", reach, 1.005, f"{entry.other} better →", fontsize=7, ha="right")
    marks.text(axes, "corner", N, 1.005, "n", fontsize=7, ha="right")
    marks.text(axes, "corner", N + 0.07, 1.005, "difference and interval (nats)", fontsize=7)


@kind("factors")
def factors(sources: Sources, entry: declared.Factors) -> Figure:
    """A row for every factor of the released ratio with its interval; by what is removed or put in its place."""
    by_corpus = list(attributions(sources.view))
    if not by_corpus:
        raise style.Nothing
    lines = [line for tokens, rows in by_corpus for line in _parts(tokens, rows, entry.parts, len(by_corpus) > 1)]
    height = 0.46 * len(lines)
    figure, (axes,) = style.canvas(0.6 + height + 1.2, [style.Box(6.8, 0.6, 5.4, height)])
    ends = np.concatenate([np.exp(rows[["low", "high"]].to_numpy(dtype=float)).ravel() for _, rows in by_corpus])
    ratio_axis(axes, "x", min(0.9, np.nanmin(ends)) * 0.8, max(1.1, np.nanmax(ends)) * 1.2)
    marks.zero(axes, upright=True, at=1)
    for y, row in marks.rows(axes, lines, -1.22):
        value, low, high = (float(np.exp(row[name])) for name in ("effect", "low", "high"))
        strong = row["part"] in ("total", "sum")
        color, width, size = (style.BLUE, 1.4, 4) if strong else (style.INK, 0.9, 3)
        axes.plot([low, high], [y, y], color=color, linewidth=width, solid_capstyle="butt", zorder=2)
        axes.plot([value], [y], "o", color=color, markersize=size, zorder=3, gid=str(row["factor"]))
        name = str(row["factor"]) if pd.isna(row["step"]) else f"{row['step']:,} steps"
        marks.text(axes, "row", -1.17, y, name, fontsize=7)
        marks.text(axes, "row", -0.02, y, str(row["contrast"]).replace("_", " "), ha="right", color=style.GREY)
        marks.text(axes, "row", 1.04, y, f"{value:.3f}  [{low:.3f}, {high:.3f}]")
        marks.text(axes, "row", 1.66, y, f"{row['n']}", ha="right")
    axes.set_xlabel(entry.x_label)
    marks.text(axes, "corner", 1.04, 1.003, "factor and interval")
    marks.text(axes, "corner", 1.66, 1.003, "n", ha="right")
    return figure


def _parts(tokens: int, rows: pd.DataFrame, parts: Mapping[str, str], several: bool) -> Iterator[str | pd.Series]:
    """Headings and factors from top to bottom."""
    for part, words in parts.items():
        of_part = rows[rows["part"] == part]
        if len(of_part):
            yield f"{words} ({tokens:,} tokens)" if several or part == "total" else words
            yield from (row for _, row in of_part.iterrows())


class Line(NamedTuple):
    """A row of the figure: the loss minus the unigram without and with a mask, and their intervals' half widths."""

    name: str
    color: str
    open: float | None
    closed: float
    losses: str
    half: float

    @classmethod
    def of(cls, view: View, condition: Condition, name: str, *arms: str) -> "Line":
        """arms: the same without and with a mask, or one that never saw the next token."""
        levels, bits = [view.level(condition.id, arm) for arm in arms], bits_of_a_nat(view, condition)
        losses = " → ".join(f"{level['mean']:.3f}" for level in levels)
        if bits is not None:
            per_byte = [f"{bits * level['mean']:.2f}" for level in levels]
            losses += f" ({' → '.join(per_byte)})"
        *opened, closed = (level["mean"] - level["unigram"] for level in levels)
        half = 0.0 if opened or levels[0]["high"] is None else levels[0]["high"] - levels[0]["mean"]
        color = style.look(view.method(condition.study, arms[0]).method).color
        return cls(name, color, opened[0] if opened else None, closed, losses, half)


@kind("mask")
def mask(sources: Sources, entry: declared.Masked) -> Figure:
    """Losses against the unigram of their own text: released models with and without a mask, then the full table."""
    view = sources.view
    known = [each for each in view.select() if bound(view, each, "unigram") is not None]
    released = [(each, *pair) for each in conditions(view, entry) if each in known for pair in masked_twins(view, each)]
    if not released:
        raise style.Nothing
    lines: list[Line | str] = ["As released"]
    for each, arm, twin in released:
        lines.append(Line.of(view, each, f"{view.arm_name(each.study, arm)}; {tokens_name(each)}", arm, twin))
    fair = [Line.of(view, each, marks.TITLES["body"](each), FULL) for each in with_full(view) if each in known]
    lines += ["Full table, done right", *fair] if fair else []
    box = style.Box(5.0, 0.9, style.WIDTH - 5.0 - 4.3, 0.55 * len(lines))
    figure, (axes,) = style.page([box], entry.samples, 0.9 + box.height + 1.2, columns=2)
    for y, line in marks.rows(axes, lines, -0.01, ha="right"):
        marks.text(axes, "row", -0.02, y, line.name, ha="right", fontsize=None)
        marks.text(axes, "row", 1.02, y, line.losses)
        dot: dict[str, Any] = {"marker": "o", "color": line.color}
        if line.open is not None:
            dot["markersize"] = 6.5
            axes.plot([line.open, line.closed], [y, y], color=line.color, linewidth=0.9, zorder=2)
            axes.plot([line.open], [y], zorder=2.5, **{**dot, "color": "white"})
            axes.plot([line.open], [y], markerfacecolor="none", gid="open", zorder=4, **dot)
        shown = {**dot, "markersize": 4.6, "elinewidth": 0.9, "linestyle": "none", "zorder": 3, "gid": "closed"}
        axes.errorbar([line.closed], [y], xerr=[line.half], **shown)
    color, dashes = style.LEVELS["unigram"]
    marks.zero(axes, upright=True, color=color, linestyle=dashes, linewidth=0.8, gid="unigram")
    low, high = axes.get_xlim()
    axes.set(xlim=(low - 0.05 * (high - low), max(high, 0.0) + 0.05 * (high - low)), xlabel=entry.x_label)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    marks.text(axes, "above", 0, 1.005, "unigram", ha="center", color=style.GREY)
    bits = any(bits_of_a_nat(view, each) is not None for each in known)
    units = "test loss in nats per token\n(bits per byte)" if bits else "test loss (nats)"
    marks.text(axes, "corner", 1.02, 1.005, units)
    return figure
