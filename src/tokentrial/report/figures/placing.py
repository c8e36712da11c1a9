"""Names beside points: where neither a point nor another name is, with leaders that do not cross."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from tokentrial.report.figures import style

Frame = tuple[float, float, float, float]
"""Left, lower, right and upper edge; of a leader, its two ends."""
FAR = (1, 2, 3, 5, 7, 9)
"""How far a name may stand from its point, in steps."""
ASIDE = (4, 12)
"""Points sideways of a step."""
LEFT_OUT, CROSSED = 60.0, 150.0
"""What it costs a name to leave the panel, by the point, and a leader to cross another or a name, in square points of
overlap."""


def label_points(
    axes: Axes, texts: Sequence[tuple[float, float, str]], around: Sequence[tuple[float, float]] = ()
) -> None:
    """Names beside their points where neither a point nor another name is, else where least is; the scales are set.

    around: further points to keep clear of, such as those of lines.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    texts = sorted(texts, key=lambda each: -each[1])  # so that names of a crowd follow its order downwards
    points = axes.transData.transform([(x, y) for x, y, _ in texts]) * 72 / figure.dpi
    frame = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted()).extents * 72
    taken = [(x - 3.5, y - 3.5, x + 3.5, y + 3.5) for x, y in points]
    if len(around):
        taken += [(x - 1.5, y - 1.5, x + 1.5, y + 1.5) for x, y in axes.transData.transform(around) * 72 / figure.dpi]
    drawn, leaders = len(taken), list[Frame]()
    for (x, y), (at_x, at_y, name) in zip(points, texts, strict=True):
        width, height = 0.58 * style.SMALL * len(name), 1.05 * style.SMALL
        offsets = [
            (sx * (2 + aside * far), sy * height * far)
            for far in FAR
            for aside in ASIDE
            for sy in (0, -1, 1)
            for sx in (1, -1)
        ]
        boxes = [_text_box(x + dx, y + dy, width, height, dx > 0) for dx, dy in offsets]
        lines = [(x, y, x + dx, y + dy) for dx, dy in offsets]
        costs = [
            sum(_shared(box, other) for other in taken)
            + LEFT_OUT * _outside(box, frame)
            + CROSSED * sum(_crosses(line, other) for other in leaders)
            + CROSSED * sum(_meets(line, other) for other in taken[drawn:])
            for box, line in zip(boxes, lines, strict=True)
        ]
        best = min(range(len(boxes)), key=lambda k: (round(costs[k], 3), k))
        dx, dy = offsets[best]
        taken.append(boxes[best])
        leaders.append(lines[best])
        side = "left" if dx > 0 else "right"
        leader = {"arrowstyle": "-", "color": style.GREY, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(
            name, (at_x, at_y), (dx, dy), textcoords="offset points", ha=side, va="center", fontsize=style.SMALL,
            color=style.INK, zorder=5, arrowprops=leader,
        )  # fmt: skip


def _text_box(x: float, y: float, width: float, height: float, rightwards: bool) -> Frame:
    left = x if rightwards else x - width
    return left, y - height / 2, left + width, y + height / 2


def _shared(one: Frame, other: Frame) -> float:
    """Area that two boxes share."""
    return math.prod(max(min(one[k + 2], other[k + 2]) - max(one[k], other[k]), 0.0) for k in (0, 1))


def _crosses(one: Frame, other: Frame) -> bool:
    """Whether two segments cross; those that share an end do not."""

    def side(line: Frame, x: float, y: float) -> float:
        return (line[2] - line[0]) * (y - line[1]) - (line[3] - line[1]) * (x - line[0])

    return side(one, *other[:2]) * side(one, *other[2:]) < 0 and side(other, *one[:2]) * side(other, *one[2:]) < 0


def _meets(line: Frame, box: Frame) -> bool:
    """Whether a segment passes through a box: a few points of it lie inside."""
    steps = [k / 8 for k in range(1, 8)]
    points = [(line[0] + t * (line[2] - line[0]), line[1] + t * (line[3] - line[1])) for t in steps]
    return any(box[0] < x < box[2] and box[1] < y < box[3] for x, y in points)


def _outside(box: Frame, frame: Sequence[float]) -> float:
    return sum(max(frame[k] - box[k], 0.0) + max(box[k + 2] - frame[k + 2], 0.0) for k in (0, 1))
