"""What all figures of levels share: dodged arms with intervals, reference lines, and arms beyond the scale."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from tokentrial.report.figures import style
from tokentrial.statistics.samples import FloatArray

# Shown by a reference line already: the arm that sees no input, against the source's own unigram entropy.
AS_LINE = ("unigram",)


def arms_of(arms: Iterable[str]) -> list[str]:
    """The arms that a figure of levels draws as points, in the order of legends."""
    return [arm for arm in style.in_order(arms) if arm not in AS_LINE]


def dodge(arms: Sequence[str], width: float) -> dict[str, float]:
    """A shift per arm, so that arms at the same place lie side by side over ``width``."""
    return dict(zip(arms, np.linspace(-width / 2, width / 2, len(arms)) if len(arms) > 1 else [0.0], strict=True))


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
    _, color, marker, size = style.look(arm)
    mean = rows["mean"].to_numpy(dtype=float)
    bars = np.nan_to_num(np.abs(rows[["low", "high"]].to_numpy(dtype=float).T - mean))
    bottom, top = axes.get_ylim()
    inside = (mean >= bottom) & (mean <= top)
    place = np.asarray(x, dtype=float)
    axes.errorbar(
        place[inside],
        mean[inside],
        yerr=bars[:, inside],
        color=color,
        marker=marker,
        markersize=size,
        linestyle="-" if joined else "none",
        linewidth=0.6,
        elinewidth=0.9,
        markeredgecolor="white",
        markeredgewidth=0.3,
        label=arm,
        zorder=4 if arm == "learned" else 3,
    )
    for beyond, edge, step in ((mean > top, 1.0, 1), (mean < bottom, 0.0, -1)):
        for at in place[beyond]:
            _off_scale(axes, arm, at, edge, step)


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


def arm_handles(arms: Iterable[str]) -> list[Line2D]:
    """Legend samples, in order."""
    return [style.handle(arm, markeredgecolor="white", markeredgewidth=0.3) for arm in style.in_order(arms)]


def log2_axis(axes: Axes, ticks: Sequence[float], labels: Sequence[str], room: float = 0.4) -> None:
    """A base-2 logarithmic x axis with exactly these ticks, and room for dodged arms at both ends."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(ticks), labels=list(labels))
    axes.set_xticks([], minor=True)
    axes.set_xlim(min(ticks) * 2**-room, max(ticks) * 2**room)
