"""The specification curve of the verdicts: a line per claim, a column per choice, a square in the verdict's colour."""

from collections.abc import Iterator, Mapping, Sequence
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

LEFT, RIGHT, TOP, ROW, FOOT, GAP = 7.9, 0.2, 1.1, 0.29, 1.5, 0.3  # cm
LONGEST = 56  # letters of a claim beside its line


class Block(NamedTuple):
    """Columns of one choice: its heading, and whether it is another metric, another baseline, or the median."""

    title: str
    metric: bool = False
    baseline: bool = False
    center: str = "mean"


BLOCKS = (
    Block("as the rule"),
    Block("metric", metric=True),
    Block("median", center="median"),
    Block("baseline", baseline=True),
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
    lines = list(_lines(claims))
    width = (style.WIDTH - LEFT - RIGHT - GAP * len(BLOCKS)) / (len(BLOCKS) * len(margins) + 1)
    boxes, left, height = [style.Box(LEFT, TOP, width, ROW * len(lines))], LEFT + width + GAP, ROW * len(lines)
    for _ in BLOCKS:
        boxes.append(style.Box(left, TOP, width * len(margins), height))
        left += width * len(margins) + GAP
    figure, axes = style.canvas(TOP + height + FOOT, boxes)
    _own(axes[0], lines, _names(sources))
    for panel, block in zip(axes[1:], BLOCKS, strict=True):
        _block(panel, lines, block, margins)
    drawn = {line.get_gid() for panel in axes for line in panel.lines}
    known = [word for word in words.OF_RULES if word in drawn]
    handles = [Line2D([], [], label=word.lower(), **LOOKS[word].shown) for word in known]
    style.legend(figure, handles, top=TOP + height + 0.95, columns=len(handles))
    return figure


def _cells(axes: Axes, cells: Sequence[tuple[float, int, str]]) -> None:
    """Markers at column and line; their shapes differ, so that they read without colour."""
    for word in dict.fromkeys(word for *_, word in cells):
        at = [(x, y) for x, y, said in cells if said == word]
        shown: dict[str, Any] = {**LOOKS[word].shown, "markersize": 3.0}
        axes.plot([x for x, _ in at], [y for _, y in at], **shown, gid=word)


Line = str | pd.DataFrame
"""A document's heading, or the specifications of a claim."""


def _lines(claims: Sequence[pd.DataFrame]) -> Iterator[Line]:
    """Every claim below the heading of its document."""
    document = None
    for group in claims:
        if group["document"].iloc[0] != document:
            document = group["document"].iloc[0]
            yield f"Document {document}" if " + " not in str(document) else "Across documents"
        yield group


def _names(sources: Sources) -> dict[str, str]:
    """Claim -> what it says, as far as it fits beside a line; its id without the verdicts."""
    rows = sources.verdicts
    if rows is None:
        return {}
    said = zip(rows["id"], rows["paraphrase"], strict=True)
    return {name: text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…" for name, text in said}


def _frame(axes: Axes, lines: int) -> None:
    axes.set_ylim(lines - 0.5, -0.5)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_facecolor("#F5F5F5")


def _own(axes: Axes, lines: Sequence[Line], names: Mapping[str, str]) -> None:
    _frame(axes, len(lines))
    axes.set_xlim(-0.5, 0.5)
    start = -(LEFT - 0.1) / (axes.get_position().width * style.WIDTH)
    cells = []
    for y, line in enumerate(lines):
        if isinstance(line, str):
            marks.text(axes, "row", start, y, line, ha="left", weight="bold")
            continue
        own = line[line["own"]].iloc[0]
        marks.text(axes, "row", start, y, names.get(own["id"], own["id"]), ha="left", parse_math=False)
        cells.append((0.0, y, own["verdict"]))
    _cells(axes, cells)
    axes.set_title("own", pad=3, x=1.0, ha="right", fontsize=style.SMALL)


def _block(axes: Axes, lines: Sequence[Line], block: Block, margins: Sequence[float]) -> None:
    _frame(axes, len(lines))
    axes.set_xlim(-0.5, len(margins) - 0.5)
    ends = [k for k, margin in enumerate(margins) if k in (0, len(margins) - 1) or round(100 * margin) % 5 == 0]
    axes.set_xticks(ends, labels=[f"{100 * margins[k]:.0f}" for k in ends])
    axes.tick_params(length=0, labelsize=style.SMALL)
    axes.set_xlabel("margin, %")
    axes.set_title(block.title, pad=3, fontsize=style.SMALL)
    cells = []
    for y, group in enumerate(lines):
        if isinstance(group, str):
            continue
        own = group[group["own"]].iloc[0]
        of_metric = group[(group["metric"] != own["metric"]) == block.metric]
        wanted = of_metric["baseline"].isin(OTHER_BASELINE.values() if block.baseline else [""])
        of_baseline = of_metric[wanted]
        found = by_margin(of_baseline[~of_baseline["own"]], center=block.center)
        cells += [(float(margins.index(margin)), y, verdict) for margin, verdict in found.items()]
    _cells(axes, cells)
