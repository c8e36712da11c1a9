"""The specification curve of the verdicts: a line per claim, a column per choice, a square in the verdict's colour."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.claims import verdict as words
from tokentrial.claims.sensitivity import OTHER_BASELINE
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind
from tokentrial.report.figures.verdicts import LOOKS
from tokentrial.report.sensitivity import by_margin
from tokentrial.schema import figures as declared

LEFT, RIGHT, TOP, ROW, FOOT, GAP = 3.8, 0.2, 0.9, 0.3, 1.5, 0.35  # cm


class Block(NamedTuple):
    """Columns of one choice: its heading, and whether it is another metric, another baseline, or the median."""

    title: str
    metric: bool = False
    baseline: bool = False
    center: str = "mean"


BLOCKS = (
    Block("as the rule has it"),
    Block("other metric", metric=True),
    Block("median of seeds", center="median"),
    Block("other baseline", baseline=True),
)


@kind("sensitivity")
def sensitivity(sources: Sources, entry: declared.Sensitivity) -> Figure:
    """From left to right: the rule's own verdict, then margins of 1 to 10 % in each block; blank: not in the rows."""
    every = sources.sensitivity
    if every is None or every.empty:
        raise style.Nothing
    claims = [group for _, group in every.groupby("id", sort=False) if len(group) > 1]
    if not claims:
        raise style.Nothing
    margins = sorted(every["margin"].dropna().unique())
    width = (style.WIDTH - LEFT - RIGHT - GAP * len(BLOCKS)) / (len(BLOCKS) * len(margins) + 1)
    boxes, left, height = [style.Box(LEFT, TOP, width, ROW * len(claims))], LEFT + width + GAP, ROW * len(claims)
    for _ in BLOCKS:
        boxes.append(style.Box(left, TOP, width * len(margins), height))
        left += width * len(margins) + GAP
    figure, axes = style.canvas(TOP + height + FOOT, boxes)
    _own(axes[0], claims)
    for panel, block in zip(axes[1:], BLOCKS, strict=True):
        _block(panel, claims, block, margins)
    known = [word for word in words.OF_RULES if word in set(every["verdict"])]
    handles = [Line2D([], [], label=word.lower(), **LOOKS[word].shown) for word in known]
    style.legend(figure, handles, top=TOP + height + 0.95, columns=len(handles))
    return figure


def _cells(axes: Axes, cells: Sequence[tuple[float, int, str]]) -> None:
    """Markers at column and line; their shapes differ, so that they read without colour."""
    for word in dict.fromkeys(word for *_, word in cells):
        at = [(x, y) for x, y, said in cells if said == word]
        shown: dict[str, Any] = {**LOOKS[word].shown, "markersize": 3.0}
        axes.plot([x for x, _ in at], [y for _, y in at], **shown, gid=word)


def _frame(axes: Axes, lines: int) -> None:
    axes.set_ylim(lines - 0.5, -0.5)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_facecolor("#F5F5F5")


def _own(axes: Axes, claims: Sequence[pd.DataFrame]) -> None:
    _frame(axes, len(claims))
    axes.set_xlim(-0.5, 0.5)
    owns = [group[group["own"]].iloc[0] for group in claims]
    for y, own in enumerate(owns):
        marks.text(axes, "row", -0.3, y, own["id"], ha="right")
    _cells(axes, [(0.0, y, own["verdict"]) for y, own in enumerate(owns)])
    axes.set_title("own", pad=3, x=0.5, ha="center")


def _block(axes: Axes, claims: Sequence[pd.DataFrame], block: Block, margins: Sequence[float]) -> None:
    _frame(axes, len(claims))
    axes.set_xlim(-0.5, len(margins) - 0.5)
    axes.set_xticks([margins.index(margin) for margin in margins], labels=[f"{100 * margin:.0f}" for margin in margins])
    axes.tick_params(length=0, labelsize=style.SMALL)
    axes.set_xlabel("margin, %")
    axes.set_title(block.title, pad=3)
    cells = []
    for y, group in enumerate(claims):
        own = group[group["own"]].iloc[0]
        of_metric = group[(group["metric"] != own["metric"]) == block.metric]
        wanted = of_metric["baseline"].isin(OTHER_BASELINE.values() if block.baseline else [""])
        of_baseline = of_metric[wanted]
        found = by_margin(of_baseline[~of_baseline["own"]], center=block.center)
        cells += [(float(margins.index(margin)), y, verdict) for margin, verdict in found.items()]
    _cells(axes, cells)
