"""What the bespoke study's figures share: one look per method, filled or open by layout, and their legends."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tokentrial.report.figures import style
from tokentrial.report.figures.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, Look
from tokentrial.run.columns import Method

# Colour, marker and its size in points.
LOOKS = {
    "standard": (BLACK, "P", 4.8),
    "projected": (GREEN, "D", 3.4),
    "bespoke": (BLUE, "o", 4.2),
    "budget": (ORANGE, "s", 3.8),
    "permuted": (PURPLE, "^", 4.2),
    "reversed": (VERMILLION, "v", 4.2),
    "adaptive": (SKY, "<", 4.2),
    "mixed": (SKY, ">", 4.2),
}
OPEN = ("ultra",)  # layouts drawn with open markers


def look(arm: Method) -> Look:
    """The method's look; an arm of the user's own has the spare look of its name."""
    known = LOOKS.get(arm.method)
    return style.look(arm.arm) if known is None else Look(arm.family_name, *known)


def marks(arm: Method) -> dict[str, object]:
    """Colour and marker for plot and errorbar."""
    _, color, marker, size = look(arm)
    filled = {"markeredgecolor": "white", "markeredgewidth": 0.3}
    hollow = {"markerfacecolor": "white", "markeredgecolor": color, "markeredgewidth": 0.8}
    return {"color": color, "marker": marker, "markersize": size, **(hollow if arm.size in OPEN else filled)}


def by_method(arms: Iterable[Method]) -> list[Method]:
    """One arm without a layout per method, in the order of legends."""
    order = list(LOOKS)
    methods = {arm.method: replace(arm, size=None) for arm in arms}
    return sorted(
        methods.values(), key=lambda m: (order.index(m.method) if m.method in order else len(order), m.method)
    )


def handles(arms: Sequence[Method]) -> list[Line2D]:
    """A legend's samples, one per method, and one that explains open markers."""
    samples = [Line2D([], [], linestyle="none", label=look(arm).name, **marks(arm)) for arm in by_method(arms)]  # type: ignore[arg-type]
    for name in sorted({arm.size_name or "" for arm in arms if arm.size in OPEN}):
        sample = {"color": style.INK, "marker": "o", "markersize": 4.2, "markerfacecolor": "white"}
        samples.append(Line2D([], [], linestyle="none", label=f"open: {name}", **sample))  # type: ignore[arg-type]
    return samples


def band_lines(
    axes: Axes, x: Sequence[float], rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]], arm: Method
) -> None:
    """A line with its interval as a band; rows: (K, 3) of value, low, high."""
    color = look(arm).color
    axes.fill_between(x, rows[:, 1], rows[:, 2], color=color, alpha=0.16, linewidth=0, zorder=2)
    axes.plot(x, rows[:, 0], color=color, linewidth=0.9, zorder=3, gid=arm.arm)
