"""What the bespoke study's figures share: one look per method, filled or open by layout, and their legends."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tokentrial.report.bespoke_results import METHODS, layout_name
from tokentrial.report.figures import style
from tokentrial.report.figures.style import BLACK, BLUE, GREEN, NEUTRAL, ORANGE, PURPLE, SKY, VERMILLION, Look
from tokentrial.statistics.tables import method

LOOKS = {
    "standard": Look(METHODS["standard"], BLACK, "P", 4.8),
    "projected": Look(METHODS["projected"], GREEN, "D", 3.4),
    "bespoke": Look(METHODS["bespoke"], BLUE, "o", 4.2),
    "budget": Look(METHODS["budget"], ORANGE, "s", 3.8),
    "permuted": Look(METHODS["permuted"], PURPLE, "^", 4.2),
    "reversed": Look(METHODS["reversed"], VERMILLION, "v", 4.2),
    "adaptive": Look(METHODS["adaptive"], SKY, "<", 4.2),
    "mixed": Look(METHODS["mixed"], SKY, ">", 4.2),
    "unigram": Look("unigram (sees no input)", NEUTRAL, "d", 4.2),
}
OPEN = ("ultra",)  # layouts drawn with open markers


def look(arm: str) -> Look:
    """The method's look; an arm of the user's own has the spare look of its name."""
    return LOOKS.get(method(arm)) or style.look(arm)


def is_open(arm: str) -> bool:
    return arm.partition("-")[2] in OPEN


def marks(arm: str) -> dict[str, object]:
    """Colour and marker for plot and errorbar."""
    _, color, marker, size = look(arm)
    filled = {"markeredgecolor": "white", "markeredgewidth": 0.3}
    hollow = {"markerfacecolor": "white", "markeredgecolor": color, "markeredgewidth": 0.8}
    return {"color": color, "marker": marker, "markersize": size, **(hollow if is_open(arm) else filled)}


def handles(arms: Iterable[str]) -> list[Line2D]:
    """A legend's samples, one per method, and one that explains open markers."""
    present = list(arms)
    known = list(LOOKS)
    methods = sorted({method(arm) for arm in present}, key=lambda m: (known.index(m) if m in known else len(known), m))
    made = [Line2D([], [], linestyle="none", label=look(name).name, **marks(name)) for name in methods]  # type: ignore[arg-type]
    for name in sorted({layout_name(arm) for arm in present if is_open(arm)}):
        sample = {"color": style.INK, "marker": "o", "markersize": 4.2, "markerfacecolor": "white"}
        made.append(Line2D([], [], linestyle="none", label=f"open: {name}", **sample))  # type: ignore[arg-type]
    return made


def band_lines(
    axes: Axes, x: Sequence[float], rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]], arm: str
) -> None:
    """A line with its interval as a band; rows: (K, 3) of value, low, high."""
    color = look(arm).color
    axes.fill_between(x, rows[:, 1], rows[:, 2], color=color, alpha=0.16, linewidth=0, zorder=2)
    axes.plot(x, rows[:, 0], color=color, linewidth=0.9, zorder=3, gid=arm)
