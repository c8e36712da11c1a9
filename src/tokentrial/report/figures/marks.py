"""What figures share: means with intervals, bounds, arms beyond the scale, ticks, and what panels are called."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from tokentrial.report.bespoke_results import training_tokens
from tokentrial.report.figures import style
from tokentrial.report.language_model_names import title as body
from tokentrial.run.columns import Condition, Method
from tokentrial.run.view import View
from tokentrial.statistics.samples import FloatArray

# Shown by a line already: the arm that sees no input, against the source's own unigram entropy.
AS_LINE = ("unigram",)
EDGE = style.EDGE
SOURCES = {"zipf_iid": "i.i.d.", "zipf_markov": "chain"}
HEADS = {"mean_pool": "pooled window", "window_mlp": "ordered window", "token_mlp": "current token"}


Line = TypeVar("Line")


def arms_of(arms: Iterable[str]) -> list[str]:
    """The arms that a figure of levels draws as points, in the order of legends."""
    return [arm for arm in style.in_order(arms) if arm not in AS_LINE]


def looks(arms: Iterable[str]) -> list[style.Look]:
    """What a legend shows of arms, in order."""
    return [style.look(arm) for arm in style.in_order(arms)]


def dodge(arms: Sequence[str], width: float) -> dict[str, float]:
    """A shift per arm, so that arms at the same place lie side by side over ``width``."""
    return dict(zip(arms, np.linspace(-width / 2, width / 2, len(arms)) if len(arms) > 1 else [0.0], strict=True))


def lengths(rows: pd.DataFrame, mean: str = "mean", low: str = "low", high: str = "high") -> FloatArray:
    """Lengths of error bars (2, n); none where an interval's end is missing."""
    ends = rows[[low, high]].to_numpy(dtype=float).T - rows[mean].to_numpy(dtype=float)
    return np.asarray(np.nan_to_num(np.abs(ends)))


def points(axes: Axes, x: Any, y: Any, bars: Any, look: style.Look, *, along: str = "y", **options: Any) -> None:
    """Means with intervals; bars: (2, n) lengths along an axis; options: of errorbar, over the usual ones."""
    shown = {"color": look.color, "marker": look.marker, "markersize": look.size, "elinewidth": 0.9, "zorder": 3}
    axes.errorbar(x, y, **{f"{along}err": bars}, **{**shown, **EDGE, **options})


def method_marks(arm: Method, hollow: Sequence[str]) -> dict[str, Any]:
    """Colour and marker of an arm's method for plot and errorbar; hollow: layouts that are drawn open."""
    _, color, marker, size = style.look(arm.method)
    open_marker = {"markerfacecolor": "white", "markeredgecolor": color, "markeredgewidth": 0.8}
    return {"color": color, "marker": marker, "markersize": size, **(open_marker if arm.size in hollow else EDGE)}


def method_handles(arms: Sequence[Method], order: Sequence[str], hollow: Sequence[str]) -> list[Line2D]:
    """A legend's samples, one per method, and one that explains open markers; order: methods that come first."""
    methods = {arm.method: replace(arm, size=None) for arm in arms}
    names = sorted(methods, key=lambda name: (style.rank(name, order), name))
    shown = {style.look(name).name: method_marks(methods[name], hollow) for name in names}
    ink = {"color": style.INK, "marker": "o", "markersize": 4.2, "markerfacecolor": "white"}
    shown |= {f"open: {name}": ink for name in sorted({arm.size_name or "" for arm in arms if arm.size in hollow})}
    return [Line2D([], [], linestyle="none", label=label, **marks) for label, marks in shown.items()]


def reference_levels(rows: pd.DataFrame) -> dict[str, float]:
    """Name -> level of those that the rows have; ``floor`` for accuracy is the Bayes optimum."""
    means = rows[list(style.LEVELS)].mean()
    return {str(name): float(level) for name, level in means.items() if pd.notna(level)}


def draw_levels(axes: Axes, levels: Mapping[str, float], ends: tuple[float, float] | None = None) -> None:
    """A line per reference level, across the panel or between two values of x."""
    for name, y in levels.items():
        color, dashes = style.LEVELS[name]
        across = axes.get_xlim() if ends is None else ends
        axes.plot(across, [y, y], color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid=name)


def scale(axes: Axes, rows: pd.DataFrame, levels: Iterable[float], *, headroom: float = 0.08) -> None:
    """Limits that hold the reference levels and every arm that learned, with room; far-off arms do not shrink the rest.

    An arm counts as far off where it lies beyond the reference levels by more than ``2 * headroom`` of their distance.
    """
    bounds = list(levels)
    values = rows[["mean", "low", "high"]].to_numpy(dtype=float)
    if bounds:
        reach = 2 * headroom * (max(bounds) - min(bounds))
        values = values[(values >= min(bounds) - reach) & (values <= max(bounds) + reach)]
    everything = np.concatenate([values[np.isfinite(values)].ravel(), bounds])
    low, high = everything.min(), everything.max()
    margin = headroom * (high - low or abs(high) or 1.0)
    axes.set_ylim(low - margin, high + margin)


def draw_arm(axes: Axes, arm: str, x: Sequence[float] | FloatArray, rows: pd.DataFrame, *, joined: bool = True) -> None:
    """Means with intervals at ``x``; a mean beyond the panel is an open marker outside it, with an arrow."""
    mean, place = rows["mean"].to_numpy(dtype=float), np.asarray(x, dtype=float)
    bottom, top = axes.get_ylim()
    inside = (mean >= bottom) & (mean <= top)
    points(
        axes, place[inside], mean[inside], lengths(rows)[:, inside], style.look(arm), label=arm, linewidth=0.6,
        linestyle="-" if joined else "none", zorder=above(arm),
    )  # fmt: skip
    for beyond, edge, step in ((mean > top, 1.0, 1), (mean < bottom, 0.0, -1)):
        for at in place[beyond]:
            _off_scale(axes, arm, at, edge, step)


def above(arm: str) -> int:
    """The layer of an arm's marks: the learned encoding's lie above the others'."""
    return 4 if arm == "learned" else 3


def _off_scale(axes: Axes, arm: str, x: float, edge: float, step: int) -> None:
    """An open marker just outside the panel, with an arrow beside it that points away from the panel."""
    _, color, marker, size = style.look(arm)
    where = offset_copy(axes.get_xaxis_transform(), axes.get_figure(root=True), y=4 * step, units="points")
    axes.plot(
        [x], [edge], marker=marker, markersize=size, color=color, markerfacecolor="none", markeredgewidth=0.7,
        transform=where, clip_on=False, gid=f"beyond:{arm}",
    )  # fmt: skip
    axes.annotate(
        "↑" if step > 0 else "↓", (x, edge), (3, 0), xycoords=where, textcoords="offset points", color=color,
        fontsize=style.SMALL, va="center_baseline", annotation_clip=False,
    )  # fmt: skip


def equivalence(axes: Axes, margin: float, *, upright: bool = False, name: str = "equivalence") -> None:
    """The band of differences that count as none, and the line of no difference; upright: along x."""
    (axes.axvspan if upright else axes.axhspan)(-margin, margin, color=style.BAND, linewidth=0, zorder=0, gid=name)


def zero(axes: Axes, *, upright: bool = False, at: float = 0, **options: Any) -> None:
    """The line of no difference."""
    (axes.axvline if upright else axes.axhline)(at, **{"color": style.GREY, "linewidth": 0.6, "zorder": 1, **options})


def ticks(axes: Axes, names: Mapping[Any, str], axis: str = "x") -> None:
    """These ticks alone, also on a logarithmic axis."""
    set_ticks = axes.set_xticks if axis == "x" else axes.set_yticks
    set_ticks(list(names), labels=list(names.values()))
    set_ticks([], minor=True)


def log2_axis(axes: Axes, names: Mapping[Any, str], room: float = 0.4) -> None:
    """A base-2 logarithmic x axis with exactly these ticks, and room for dodged arms at both ends."""
    axes.set_xscale("log", base=2)
    ticks(axes, names)
    axes.set_xlim(min(names) * 2**-room, max(names) * 2**room)


def text(axes: Axes, place: str, x: float, y: float, words: str, **options: Any) -> None:
    """A small text: beside a ``row`` (y in data), ``above`` the panel (x in data), or at a ``corner`` of it."""
    transform = {"row": axes.get_yaxis_transform(), "above": axes.get_xaxis_transform()}.get(place, axes.transAxes)
    usual = {"transform": transform, "fontsize": style.SMALL, "va": "center" if place == "row" else "bottom"}
    axes.text(x, y, words, **{**usual, **options})


def rows(axes: Axes, lines: Sequence[str | Line], x: float, **options: Any) -> Iterator[tuple[int, Line]]:
    """Lines from top to bottom with their heights; those that are texts are headings, which end or begin at ``x``."""
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    for y, line in enumerate(lines):
        if isinstance(line, str):
            text(axes, "row", x, y, line, fontsize=None, weight="bold", **options)
        else:
            yield y, line


def thinned(values: Iterable[float], most: int) -> list[float]:
    """At most so many of them, evenly chosen, the first among them."""
    unique = sorted(set(values))
    return unique[:: -(-len(unique) // most)] if unique else []


def octaves(low: float, high: float, halvings: int = 2) -> list[float]:
    """Powers of two between the limits, divided into halves and then quarters where there are fewer than three."""
    exponents = range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)
    chosen: list[float] = []
    for parts in ((1.0,), (1.0, 1.5), (1.0, 1.25, 1.5, 1.75))[: halvings + 1]:
        chosen = [part * 2.0**k for k in exponents for part in parts if low <= part * 2.0**k <= high]
        if len(chosen) > 2:
            break
    return chosen


def compact(value: float) -> str:
    """A power of two for an axis: 512, 4k, 2M with k = 1,024."""
    for unit, size in (("M", 2**20), ("k", 2**10)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def in_words(condition: Condition, *columns: str) -> str:
    """What varies within the condition's experiment, for readers: ``V = 20, 8:1``; columns: of these alone.

    The only condition of an experiment has the name of its data.
    """
    size, shown = f"v{condition.vocab_size}", f"V = {condition.vocab_size}"
    data = (condition.data or condition.name).replace(f"-{size}", f", {shown}").replace(size, shown)
    head = condition.head or ""
    words = {"data": data.replace("_", "-"), "ratio": f"{condition.ratio}:1", "head": HEADS.get(head, head)}
    varied = (condition.varied or "data").split()
    return ", ".join(words[name] for name in varied if not columns or name in columns)


def panel_title(view: View, rows: pd.DataFrame) -> str:
    """The experiment, its data and task model as far as they vary, of rows that differ in neither."""
    condition = view.condition(rows["condition"].iloc[0])
    return ", ".join(word for word in (condition.short, in_words(condition, "data", "head")) if word)


def corpus(condition: Condition, layout: str | None = None) -> str:
    """``Scaling, chain, 20.4K tokens``: experiment or layout, source, thousands of tokens."""
    source = condition.source or ""
    name = (layout or condition.short).capitalize()
    return f"{name}, {SOURCES.get(source, source)}, {training_tokens(condition) / 1000:.3g}K tokens"


TITLES: dict[str, Callable[[Condition], str]] = {
    "what varies": lambda condition: f"{condition.short}, {in_words(condition)}",
    "corpus": corpus,
    "body": body,
    "body and way": lambda condition: f"{body(condition)}, {(condition.way or '').replace('-', ' ')}",
}
"""What an entry can call the panel of a condition."""
