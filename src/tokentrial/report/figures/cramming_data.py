"""What the cramming study's figures share: how kinds of text, settings and models look, and how intervals are drawn."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tokentrial.cramming.cells import PAPER, STUDY, TUNED
from tokentrial.report.figures import style
from tokentrial.report.figures.style import BLACK, BLUE, GREEN, NEUTRAL, ORANGE, PURPLE, SKY, VERMILLION, Look
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate

ABSENT = "This run has no measurement of the cramming study."
KINDS = {
    "text-test": Look("natural, unseen", BLUE, "o"),
    "text-train": Look("natural, seen in training", SKY, "s", 3.8),
    "samples": Look("the model's own samples", GREEN, "^", 4.4),
    "random-words": Look("random words", ORANGE, "D", 3.6),
    "random-tokens": Look("random tokens", VERMILLION, "v", 4.4),
    "shuffled": Look("shuffled tokens", PURPLE, "P", 4.6),
    "repeated": Look("repeated text", BLACK, "X", 4.4),
}
SETTINGS = {
    TUNED: Look("", BLUE, "o"),
    "tuned_long": Look("", GREEN, "^", 4.4),
    PAPER: Look("", VERMILLION, "s", 3.8),
}
DASHES: dict[str, Any] = {TUNED: "-", "tuned_long": (0, (1, 1)), PAPER: (0, (4, 1.5))}
FAMILIES = {
    "llama": Look("Llama-like", BLUE, "o"),
    "neox": Look("GPT-NeoX-like (Pythia)", VERMILLION, "s", 3.8),
    "mamba": Look("Mamba-like", GREEN, "^", 4.4),
    "opt": Look("OPT", PURPLE, "D", 3.6),
    "olmo": Look("OLMo", ORANGE, "v", 4.4),
    "untrained": Look("untrained", NEUTRAL, "X", 4.4),
}
KIN = {"pythia": "neox", "sheared": "llama"}  # a model's name up to its first hyphen -> its family


def members(view: View, group: Scope) -> list[Scope]:
    """The kinds of text behind a group, in the order of legends."""
    order = list(KINDS)
    scopes = view.estimates.members(group)
    return sorted(scopes, key=lambda scope: order.index(scope.kind) if scope.kind in order else len(order))


def kind_look(kind: str | None) -> Look:
    return KINDS.get(kind or "") or style.look(kind or "")


def setting_look(view: View, arm: str) -> Look:
    return (SETTINGS.get(arm) or style.look(arm))._replace(name=view.arm_name(STUDY, arm))


def family(model: str) -> str:
    """Of a model's name: ``llama`` of llama-64x4, sheared-llama-1.3b and org/llama-3.2-1b; else ``other``."""
    first = model.rpartition("/")[2].lower().partition("-")[0]
    name = KIN.get(first, first)
    return name if name in FAMILIES else "other"


def family_look(model: str) -> Look:
    return FAMILIES.get(family(model), Look("other", BLACK, "P", 4.6))


def sample(look: Look, **options: Any) -> Line2D:
    """A legend's sample."""
    shown = {"color": look.color, "marker": look.marker, "markersize": look.size, "linestyle": "none"}
    return Line2D(
        [], [], **{**shown, "label": look.name, "markeredgecolor": "white", "markeredgewidth": 0.3, **options}
    )


def values(found: Iterable[Estimate]) -> list[float]:
    """Their values; those without one are left out, as in `bars`."""
    return [each.value for each in found if each.value is not None]


def bars(found: Sequence[Estimate]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Lengths of error bars (2, n); none where an interval's end is not defined."""
    ends = [
        (0.0 if each.low is None else each.value - each.low, 0.0 if each.high is None else each.high - each.value)
        for each in found
        if each.value is not None
    ]
    return np.array(ends, dtype=np.float64).reshape(-1, 2).T


def draw_length(axes: Axes, found: Estimate, y: float, color: str, name: str) -> None:
    """A length with its interval at height ``y``; an end or a value beyond the grid runs to the panel's edge."""
    left, right = axes.get_xlim()
    if found.value is None and not found.note.startswith(BELOW):
        return
    below, above = found.note.startswith(BELOW), found.note.startswith(ABOVE)
    value = left if found.value is None else found.value
    low = left if found.low is None and (below or found.high is not None) else found.low
    high = right if above and found.high is None else found.high
    if found.low is not None and found.high is None:
        high = right
    axes.plot([value if low is None else low, value if high is None else high], [y, y], color=color, linewidth=0.9)
    marker = "<" if below else ">" if above else "D"
    axes.plot([value], [y], marker=marker, color=color, markersize=3.6, clip_on=False, gid=name, zorder=4)


def said(found: Estimate, decimals: int = 1) -> str:
    """``20.7 [19.4, 22.4]``, ``≥ 24``, ``< 2``, or ``not defined``."""
    if found.note.startswith(BELOW):
        return "< the grid"
    if found.value is None:
        return "not defined"
    text = ("≥ " if found.note.startswith(ABOVE) else "") + f"{found.value:.{decimals}f}"
    if found.low is not None and found.high is not None:
        text += f" [{found.low:.{decimals}f}, {found.high:.{decimals}f}]"
    return text.replace("-", "−")


def thinned(values: Iterable[float], most: int) -> list[float]:
    """At most so many of them, evenly chosen, the first among them."""
    found = sorted(set(values))
    return found[:: -(-len(found) // most)] if found else []


def with_ticks(axes: Axes, names: Mapping[float, str], axis: str = "x") -> None:
    """These ticks alone on a logarithmic axis."""
    set_ticks = axes.set_xticks if axis == "x" else axes.set_yticks
    set_ticks(list(names), labels=list(names.values()))
    set_ticks([], minor=True)


def label_points(axes: Axes, texts: Sequence[tuple[float, float, str]]) -> None:
    """Names beside their points where neither a point nor another name is, else where least is; the scales are set."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    texts = sorted(texts, key=lambda each: -each[1])  # so that names of a crowd follow its order downwards
    points = axes.transData.transform([(x, y) for x, y, _ in texts]) * 72 / figure.dpi
    frame = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted()).extents * 72
    taken = [(x - 3.5, y - 3.5, x + 3.5, y + 3.5) for x, y in points]
    for (x, y), (at_x, at_y, name) in zip(points, texts, strict=True):
        width, height = 0.58 * style.SMALL * len(name), 1.05 * style.SMALL
        offsets = [(sx * (2 + 4 * far), sy * height * far) for far in (1, 2, 3) for sy in (0, -1, 1) for sx in (1, -1)]
        boxes = [_text_box(x + dx, y + dy, width, height, dx > 0) for dx, dy in offsets]
        costs = [sum(_shared(box, other) for other in taken) + 9 * _outside(box, frame) for box in boxes]
        best = min(range(len(boxes)), key=lambda k: (round(costs[k], 3), k))
        dx, dy = offsets[best]
        taken.append(boxes[best])
        side = "left" if dx > 0 else "right"
        leader = {"arrowstyle": "-", "color": style.GREY, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(
            name, (at_x, at_y), (dx, dy), textcoords="offset points", ha=side, va="center", fontsize=style.SMALL,
            color=style.INK, zorder=5, arrowprops=leader,
        )  # fmt: skip


Box4 = tuple[float, float, float, float]


def _text_box(x: float, y: float, width: float, height: float, rightwards: bool) -> Box4:
    left = x if rightwards else x - width
    return left, y - height / 2, left + width, y + height / 2


def _shared(one: Box4, other: Box4) -> float:
    """Area that two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _outside(box: Box4, frame: Sequence[float]) -> float:
    return (
        max(frame[0] - box[0], 0.0)
        + max(frame[1] - box[1], 0.0)
        + max(box[2] - frame[2], 0.0)
        + max(box[3] - frame[3], 0.0)
    )
