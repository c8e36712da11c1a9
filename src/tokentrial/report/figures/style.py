"""One look for every figure: a colour and a marker per arm, text that is readable in print, reproducible files.

Sizes are in centimetres of the printed page (A4 with a text width of 16 cm), type sizes in points at that scale. Files
of the same figure are the same bytes: no dates, no random ids, and text stays text in SVG and PDF.
"""

import math
import textwrap
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from fontTools import subset
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axes._secondary_axes import SecondaryAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tokentrial.results import whole_file
from tokentrial.schema.figures import Layout, Mark

WIDTH = 16.0  # cm
INCH = 2.54
SMALL = 6.9  # points; nothing is set smaller, and the paper shows a figure 9 % larger
NOTE = 0.4  # cm of a line below the figure
LONGEST_NOTE = 130  # letters
INK, GREY, PALE, BAND = "#222222", "#6E6E6E", "#C9C9C9", "#EDEDED"

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 7.5, "axes.titlesize": 8, "axes.labelsize": 7.5, "xtick.labelsize": 7,
    "ytick.labelsize": 7, "legend.fontsize": 7, "legend.frameon": False, "axes.titlelocation": "left",
    "axes.titleweight": "bold", "axes.titlepad": 4, "axes.labelpad": 2, "axes.spines.top": False,
    "axes.spines.right": False, "axes.linewidth": 0.6, "axes.edgecolor": INK, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "xtick.major.size": 2.5, "ytick.major.size": 2.5, "lines.linewidth": 1.0,
    "lines.markersize": 4.0, "figure.dpi": 100, "savefig.dpi": 220, "pdf.fonttype": 42, "svg.fonttype": "none",
    "svg.hashsalt": "tokentrial",
}  # fmt: skip
# What would differ from run to run or from version to version.
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}

# Tables that lay out text. A PDF's text names glyphs, so its fonts need none; to cut them takes a third of the time.
OF_LAYOUT = ("GDEF", "GPOS", "GSUB", "kern")

# Okabe and Ito's palette without its yellow (too pale on white), and two neutrals.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, BLACK, NEUTRAL = "#56B4E9", "#CC79A7", "#000000", "#7A7A7A"


Options = dict[str, Any]
"""Of Matplotlib's functions."""


class Look(NamedTuple):
    """How a method appears in every figure of a study."""

    name: str
    color: str
    marker: str
    size: float = 4.0
    """Points."""


EDGE: Options = {"markeredgecolor": "white", "markeredgewidth": 0.3}
Sample = Artist | Mark | Look
"""What a legend can show."""
COLORS = {
    "blue": BLUE, "vermillion": VERMILLION, "green": GREEN, "orange": ORANGE,
    "sky": SKY, "purple": PURPLE, "black": BLACK, "grey": NEUTRAL,
}  # fmt: skip
"""By their names in the studies' files."""
NEUTRALS = {"ink": INK, "dim": GREY, "pale": PALE, "band": BAND}
"""What figures declare beside these: text, notes, faint lines and shaded bands."""
SPARE = [(color, marker) for marker in ("<", ">", "H") for color in (BLUE, GREEN, PURPLE, ORANGE, BLACK)]


class Level(NamedTuple):
    """A horizontal line that bounds what an arm can reach."""

    color: str
    dashes: Literal["-"] | tuple[float, tuple[float, ...]]


LEVELS = {
    "chance": Level(GREY, (0, (5, 2))),
    "unigram": Level(GREY, (0, (1, 1.2))),
    "floor": Level(INK, "-"),
}


@contextmanager
def applied() -> Iterator[None]:
    """The style, whatever the user's own settings; also a decorator. Nothing global stays changed."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


_LOOKS: ContextVar[Mapping[str, Look]] = ContextVar("looks")  # name -> look, in the order of legends


@contextmanager
def looks(methods: pd.DataFrame) -> Iterator[None]:
    """Draw arms as their study's file says. An arm may be named by its method or family.

    methods: rows of run.columns.METHODS.
    """
    rows = [row for row in methods.to_dict("records") if isinstance(row["color"], str)]
    known: dict[str, tuple[int, Look]] = {}
    for column in ("arm", "method", "family"):
        for place, row in enumerate(rows):
            shown = Look(row["label"], COLORS[row["color"]], row["marker"], row["marker_size"])
            known.setdefault(row[column], (place, shown))
    token = _LOOKS.set({name: known[name][1] for name in sorted(known, key=lambda name: known[name][0])})
    try:
        yield
    finally:
        _LOOKS.reset(token)


def look(arm: str) -> Look:
    """The arm's look; one that the study does not declare keeps one of the spare ones, chosen by its name."""
    spare = SPARE[zlib.crc32(arm.encode()) % len(SPARE)]
    return _LOOKS.get({}).get(arm) or Look(arm.replace("_", " "), *spare)


def rank(name: str, order: Sequence[str]) -> int:
    """The place of a name in an order; behind all others if it is not in it."""
    return order.index(name) if name in order else len(order)


def in_order(arms: Iterable[str]) -> list[str]:
    """The arms in the order of legends, unknown ones last."""
    known = list(_LOOKS.get({}))
    return sorted(set(arms), key=lambda arm: (rank(arm, known), arm))


class Box(NamedTuple):
    """A panel's place in centimetres, from the figure's top left corner."""

    left: float
    top: float
    width: float
    height: float


class Nothing(Exception):
    """There is nothing that a figure could show."""


def canvas(height: float, boxes: Sequence[Box]) -> tuple[Figure, list[Axes]]:
    """A figure of the text's width and the given height (cm), with one panel per box; raises Nothing without a box."""
    if not boxes:
        raise Nothing
    figure = Figure(figsize=(WIDTH / INCH, height / INCH))
    axes = [
        figure.add_axes((b.left / WIDTH, 1 - (b.top + b.height) / height, b.width / WIDTH, b.height / height))
        for b in boxes
    ]
    return figure, axes


def grid(
    count: int,
    columns: int,
    *,
    height: float | Sequence[float],
    top: float,
    gap: tuple[float, float],
    sides: tuple[float, float],
) -> list[Box]:
    """Boxes of ``count`` panels row by row; height: of all rows, or of each; gap: between columns and rows, sides: left
    and right of all (cm).

    Raises Nothing if there are none.
    """
    if not count:
        raise Nothing
    heights = list(height) if isinstance(height, Sequence) else [height] * math.ceil(count / columns)
    tops = [top + sum(heights[:row]) + row * gap[1] for row in range(len(heights))]
    width = (WIDTH - sum(sides) - gap[0] * (columns - 1)) / columns
    return [
        Box(sides[0] + (k % columns) * (width + gap[0]), tops[k // columns], width, heights[k // columns])
        for k in range(count)
    ]


def panels(
    count: int,
    samples: Iterable[Sample],
    layout: Layout,
    y_label: str = "",
    x_label: str = "",
    heights: Sequence[float] = (),
) -> tuple[Figure, list[Axes]]:
    """A grid of panels and the legend below it; labels are left and below all panels, or at each of them.

    heights: of the rows, if they differ (cm)
    """
    columns = min(layout.columns, count) if layout.fill else layout.columns
    boxes = grid(count, columns, height=heights or layout.height, top=layout.top, gap=layout.gap, sides=layout.sides)
    figure, axes = page(boxes, samples, boxes[-1].top + boxes[-1].height + layout.foot, layout.legend_columns)
    for k, panel in enumerate(axes):
        panel.set_ylabel(y_label if layout.repeat == "y" or k % columns == 0 else "")
        panel.set_xlabel(x_label if layout.repeat == "x" or k >= count - columns else "")
    return figure, axes


def page(
    boxes: Sequence[Box], samples: Iterable[Sample], bottom: float, columns: int | None = None
) -> tuple[Figure, list[Axes]]:
    """A panel per box, and the legend ``bottom`` cm from the top; columns: of a legend that takes one line."""
    handles = artists(samples)
    figure, axes = canvas(bottom + (0.5 if columns else legend_height(handles)), boxes)
    legend(figure, handles, top=bottom, columns=columns)
    return figure, axes


def nothing(note: str) -> Figure:
    """A strip that says why a figure has nothing to show, for a run that leaves out what it needs."""
    figure = Figure(figsize=(WIDTH / INCH, 1.2 / INCH))
    figure.text(0.5, 0.5, note, ha="center", va="center", color=GREY)
    return figure


def note(figure: Figure, text: str) -> None:
    """A line below everything, for which the figure grows; a long text is cut."""
    old = figure.get_figheight() * INCH
    new = old + NOTE
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position((box.x0, (box.y0 * old + NOTE) / new, box.width, box.height * old / new))
    anchors = [legend.get_bbox_to_anchor() for legend in figure.legends]
    places = [(box.x0 / figure.bbox.width, 1 - box.y1 / figure.bbox.height) for box in anchors]
    for legend, (x, below) in zip(figure.legends, places, strict=True):
        legend.set_bbox_to_anchor((x, 1 - below * old / new), transform=figure.transFigure)
    for other in figure.texts:
        x, y = other.get_position()
        other.set_position((x, (y * old + NOTE) / new))
    figure.set_figheight(new / INCH)
    shown = textwrap.shorten(text, LONGEST_NOTE, placeholder=" …") if " " in text else text[:LONGEST_NOTE]
    # a name may hold what is mathematics elsewhere
    figure.text(0.3 / WIDTH, 0.12 / new, shown, fontsize=SMALL, color=GREY, va="bottom", parse_math=False)


def sample(look: Look, **options: Any) -> Line2D:
    """The legend's sample of a look: its marker; options: of the line, over these."""
    shown = {"color": look.color, "marker": look.marker, "markersize": look.size, "linestyle": "none"}
    return Line2D([], [], **{**shown, "label": look.name, **options})


def mark_look(mark: Mark) -> Look:
    """The look of what a figure's entry declares."""
    return Look(mark.label, (COLORS | NEUTRALS)[mark.color], mark.marker or "", mark.size)


def dashes(pattern: Sequence[float] | None) -> Any:
    """Lengths of dashes and gaps, in widths of the line, as Matplotlib takes them; a solid line without any."""
    return (0, tuple(pattern)) if pattern else "-"


def mark_sample(mark: Mark, **options: Any) -> Artist:
    """The legend's sample of what a figure's entry declares: a marker, a line or a patch."""
    shown = mark_look(mark)
    if mark.fill is not None:
        fill = {"color": shown.color} if mark.fill == 1 else {"facecolor": shown.color, "alpha": mark.fill}
        return Patch(label=shown.name, **fill)
    line = {} if mark.line is None else {"linestyle": dashes(mark.dashes), "linewidth": mark.line}
    return sample(shown, **line, **({} if mark.face is None else {"markerfacecolor": mark.face}), **options)


def artists(samples: Iterable[Sample]) -> list[Artist]:
    """A legend's samples; a look's is its marker with a white edge."""
    shown = [sample(each, **EDGE) if isinstance(each, Look) else each for each in samples]
    return [mark_sample(each) if isinstance(each, Mark) else each for each in shown]


def legend_columns(handles: Sequence[Artist]) -> int:
    """As many columns, at most three, as the longest name lets stand side by side."""
    widest = max((len(str(sample.get_label())) for sample in handles), default=0)
    return max(1, min(3, int(WIDTH / (0.13 * widest + 1.0))))  # cm: a letter, and a marker with its space


def legend_height(handles: Sequence[Artist]) -> float:
    """In cm, with the space below it."""
    return 0.34 * -(-len(handles) // legend_columns(handles)) + 0.1


def legend(figure: Figure, samples: Iterable[Sample], *, top: float, columns: int | None = None) -> None:
    """One legend outside the panels, its upper edge ``top`` cm from the figure's upper edge."""
    height, handles = figure.get_figheight() * INCH, artists(samples)
    figure.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 1 - top / height), columnspacing=1.5,
        ncols=columns or legend_columns(handles), borderaxespad=0, borderpad=0, handletextpad=0.4, labelspacing=0.35,
    )  # fmt: skip


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Positions moved as little as needed to lie ``gap`` apart, in the same order."""
    order = sorted(range(len(positions)), key=lambda k: positions[k])
    groups: list[list[int]] = []
    centres: list[float] = []
    for k in order:
        groups.append([k])
        centres.append(positions[k])
        while len(groups) > 1 and centres[-1] - centres[-2] < gap * (len(groups[-1]) + len(groups[-2])) / 2:
            merged = groups[-2] + groups[-1]
            groups[-2:], centres[-2:] = [merged], [sum(positions[i] for i in merged) / len(merged)]
    placed = list(positions)
    for group, centre in zip(groups, centres, strict=True):
        for rank, k in enumerate(group):
            placed[k] = centre + (rank - (len(group) - 1) / 2) * gap
    return placed


def label_right(axes: Axes, names: Mapping[str, float]) -> None:
    """Names beside the panel's right edge at their heights (data units), apart where they would overlap."""
    low, high = axes.get_ylim()
    shown = {name: (y - low) / (high - low) for name, y in names.items() if low <= y <= high}
    figure = axes.get_figure(root=True)
    assert figure is not None
    points = axes.get_position().height * figure.get_figheight() * 72
    heights = spread(list(shown.values()), 1.15 * SMALL / points)
    for (name, y), height in zip(shown.items(), heights, strict=True):
        axes.plot([1, 1.03], [y, height], transform=axes.transAxes, color=GREY, linewidth=0.5, clip_on=False)
        axes.text(1.04, height, name, transform=axes.transAxes, fontsize=SMALL, color=INK, va="center")


def second_axis(axes: Axes, side: Literal["left", "right"], factor: float) -> SecondaryAxis:
    """The same heights in another unit; factor: of that unit for one of the panel's."""
    functions = (lambda heights: np.multiply(heights, factor), lambda others: np.divide(others, factor))
    return axes.secondary_yaxis(side, functions=functions)


def save(figure: Figure, paths: Iterable[str | Path]) -> None:
    """Write the figure to every path, the format by its suffix: all of them whole, or none.

    Raises InputError where a folder cannot be written.
    """
    with ExitStack() as files, applied(), _fonts_without_layout():
        for target in map(Path, paths):
            kind = target.suffix[1:]
            figure.savefig(files.enter_context(whole_file(target)), format=kind, metadata=METADATA[kind])


@contextmanager
def _fonts_without_layout() -> Iterator[None]:
    """Fonts that Matplotlib puts into a file have none of the tables of `OF_LAYOUT`; it has no option for it."""
    default = subset.Options._drop_tables_default
    subset.Options._drop_tables_default = [*default, *OF_LAYOUT]
    try:
        yield
    finally:
        subset.Options._drop_tables_default = default
