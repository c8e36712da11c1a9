"""What the cramming study's figures look up: measures with their intervals, the texts behind them, names and colours.

Measures are rows of cramming.columns.MEASURES. The texts themselves, one value each, come from the rows of all runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tokentrial.cramming.cells import NATURAL, PAPER, TUNED, Cells
from tokentrial.report.figures import style
from tokentrial.report.figures.style import BLACK, BLUE, GREEN, NEUTRAL, ORANGE, PURPLE, SKY, VERMILLION, Look
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate

ABSENT = "This run has no measurement of the cramming study."
ALL = "all"  # kinds of text together
CONTROL = "control."
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
    TUNED: Look("tuned", BLUE, "o"),
    "tuned_long": Look("tuned, more steps", GREEN, "^", 4.4),
    PAPER: Look("the paper's", VERMILLION, "s", 3.8),
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
NO_VALUE = Estimate(None, None, None, 0, "not measured")


class Key(NamedTuple):
    """What measures are of; kind 'all' and vectors None stand for several together."""

    design: str
    model: str
    kind: str | None
    vectors: int | None
    arm: str


@dataclass(frozen=True)
class Crammed:
    """measures: rows of cramming.columns.MEASURES; runs: those of results.RUNS; predict_first: see cramming.cells."""

    measures: pd.DataFrame
    runs: pd.DataFrame
    confidence: float = 0.95
    predict_first: bool = False

    @cached_property
    def texts(self) -> Cells:
        """One value per text."""
        return Cells(self.runs, predict_first=self.predict_first)

    @cached_property
    def found(self) -> dict[tuple[str, Key, int | None], Estimate]:
        rows = self.measures.astype(object).where(self.measures.notna(), None).to_dict("records")
        made = {}
        for row in rows:
            key = Key(row["design"], row["model"], row["kind"], _whole(row["vectors"]), row["arm"])
            value = Estimate(row["estimate"], row["low"], row["high"], int(row["n"]), row["note"])
            made[(str(row["measure"]), key, _whole(row["length"]))] = value
        return made

    @cached_property
    def keys(self) -> list[Key]:
        """Every model, kind, number of vectors and arm of each design, in the run's order."""
        return list(dict.fromkeys(key for _, key, length in self.found if length is not None))

    def get(self, measure: str, key: Key, length: int | None = None) -> Estimate:
        return self.found.get((measure, key, length), NO_VALUE)

    def fact(self, model: str, name: str) -> float | None:
        """Width, vocab_size, validation_cross_entropy, ... of a model."""
        found = (value.value for (measure, key, _), value in self.found.items() if (measure, key[1]) == (name, model))
        return next(found, None)

    def lengths(self, key: Key) -> list[int]:
        return sorted(n for measure, other, n in self.found if other == key and measure == "accuracy" and n is not None)

    def widest(self, kind: str = NATURAL, vectors: int = 1, arm: str = TUNED) -> list[Key]:
        """A key for each model: of its designs the one with the most lengths."""
        best: dict[str, Key] = {}
        for key in self.keys:
            if (key.kind, key.vectors, key.arm) == (kind, vectors, arm):
                held = best.get(key.model)
                if held is None or len(self.lengths(key)) > len(self.lengths(held)):
                    best[key.model] = key
        return list(best.values())

    def groups(self) -> list[Key]:
        """Several kinds of text taken together: one vector, tuned settings, by design and model."""
        kept = [key for _, key, _ in self.found if (key.kind, key.vectors, key.arm) == (ALL, 1, TUNED)]
        return list(dict.fromkeys(kept))

    def members(self, group: Key) -> list[Key]:
        """The kinds of text behind a group, in the order of legends."""
        order = list(KINDS)
        own = [key for key in self.keys if key._replace(kind=ALL) == group]
        return sorted(own, key=lambda key: order.index(key.kind) if key.kind in order else len(order))


def _whole(value: Any) -> int | None:
    """A column that may be empty is read as floats."""
    return None if value is None else int(value)


def kind_look(kind: str | None) -> Look:
    return KINDS.get(kind or "") or style.look(kind or "")


def setting_look(arm: str) -> Look:
    return SETTINGS.get(arm) or style.look(arm)


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
