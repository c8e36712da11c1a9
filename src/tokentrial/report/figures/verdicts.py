"""The verdict matrix: documents by kind of claim, in each cell a bar per verdict with its number of claims."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.claims import verdict as words
from tokentrial.report.catalogue import among
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind
from tokentrial.report.verdicts import EMPIRICAL, counted
from tokentrial.schema import figures as declared

LEFT, RIGHT, GAP, TOP = 3.05, 0.1, 0.22, 1.55  # cm
ROW, BETWEEN = 1.55, 0.14  # cm: a document's cell and the space below it
SLOTS = {True: words.OF_RULES, False: words.OF_CHECKS}
"""The verdicts that a cell can hold, from top to bottom; the key says whether the kind is empirical."""
ALL = "All"


class Look(NamedTuple):
    """A verdict's marker and bar: shape, fill and hatching differ, so that it reads in grey and without colour."""

    marker: str
    color: str
    filled: bool = True
    hatch: str = ""

    @property
    def face(self) -> str:
        return self.color if self.filled else "white"

    @property
    def shown(self) -> dict[str, Any]:
        """The marker, for plot."""
        line = {"linestyle": "none", "markersize": 3.6, "markeredgewidth": 0.7}
        return {"marker": self.marker, "color": self.color, "markerfacecolor": self.face, **line}


LOOKS = {
    words.CONSISTENT: Look("o", style.BLUE),
    words.CONFIRMED: Look("o", style.BLUE),
    words.PARTLY: Look("D", style.SKY, hatch="////"),
    words.TOO_SMALL: Look("v", style.SKY, hatch="////"),
    words.INCONSISTENT: Look("X", style.VERMILLION, hatch="xxxx"),
    words.REFUTED: Look("X", style.VERMILLION, hatch="xxxx"),
    words.ARTEFACT: Look("^", style.ORANGE, hatch="...."),
    words.INCONCLUSIVE: Look("d", style.GREY, filled=False),
    words.NOT_CHECKABLE: Look("o", style.GREY, filled=False),
    words.UNTESTABLE: Look("o", style.GREY, filled=False),
}


@kind("verdicts")
def matrix(sources: Sources, entry: declared.Verdicts) -> Figure:
    """Bars of the documents share one scale; those of all documents have their own.

    Every cell keeps a place for each verdict, so that the same height is the same verdict along a row.
    """
    assert sources.verdicts is not None
    sizes = counted(sources.verdicts)
    if sizes.empty:
        raise style.Nothing
    rows = among(sizes["document"])
    totals = sizes.groupby(["kind", "verdict"], sort=False)["n"].sum().reset_index().assign(document=ALL)
    height = TOP + (len(rows) + 1) * (ROW + BETWEEN) + 0.1
    cells = [(name, claims) for name in [*rows, ALL] for claims in words.KINDS]
    boxes = style.grid(len(cells), len(words.KINDS), height=ROW, top=TOP, gap=(GAP, BETWEEN), sides=(LEFT, RIGHT))
    figure, axes = style.canvas(height, boxes)
    for panel, (name, of_kind) in zip(axes, cells, strict=True):
        table = totals if name == ALL else sizes
        counts = table[(table["document"] == name) & (table["kind"] == of_kind)]
        _cell(
            panel, dict(zip(counts["verdict"], counts["n"], strict=True)), of_kind == EMPIRICAL, int(table["n"].max())
        )
        if name == next(iter(rows)):
            panel.set_title(of_kind, pad=3)
        if of_kind == words.KINDS[0]:
            claims = int(table.loc[table["document"] == name, "n"].sum())
            place: dict[str, Any] = {"ha": "right", "va": "center"}
            marks.text(panel, "corner", -0.06, 0.6, rows.get(name, ALL), weight="bold", fontsize=None, **place)
            counted_in_words = f"{claims} claim{'' if claims == 1 else 's'}"
            marks.text(panel, "corner", -0.06, 0.34, counted_in_words, color=style.GREY, **place)
    _legends(figure)
    return figure


def _cell(axes: Axes, sizes: Mapping[str, int], empirical: bool, longest: int) -> None:
    """A bar for each verdict that occurs, its marker before it and its number behind."""
    slots = SLOTS[empirical]
    axes.set(xlim=(-0.12, 1.16), ylim=(len(slots) - 0.4, -0.6), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_facecolor("#F5F5F5" if sizes else "none")
    if not sizes:
        axes.text(0.5, 0.5, "no claim", transform=axes.transAxes, ha="center", va="center", color=style.GREY)
    for y, verdict in ((y, verdict) for y, verdict in enumerate(slots) if verdict in sizes):
        n, look = int(sizes[verdict]), LOOKS[verdict]
        edge = style.Options(edgecolor=style.INK if look.filled else look.color, linewidth=0.4, hatch=look.hatch)
        bars = axes.barh(y, 0.92 * n / longest, height=0.62, color=look.face, gid=verdict, zorder=2, **edge)
        bars[0].set_hatch_linewidth(0.35)
        axes.plot([-0.06], [y], **look.shown, clip_on=False, zorder=3)
        axes.text(0.92 * n / longest + 0.025, y, str(n), va="center", fontsize=style.SMALL, color=style.INK)


def _legends(figure: Figure) -> None:
    """Two lines: the verdicts of checks, and those of a run."""
    height = figure.get_figheight() * style.INCH
    titles = {"Checks of what is printed:": words.OF_CHECKS, "Rules on a run (empirical):": words.OF_RULES}
    for (title, verdicts), top in zip(titles.items(), (0.1, 0.55), strict=True):
        handles = [Line2D([], [], label=verdict.lower(), **LOOKS[verdict].shown) for verdict in verdicts]
        figure.text(0, 1 - (top + 0.13) / height, title, va="center", weight="bold")
        figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(0.268, 1 - top / height), ncols=len(verdicts),
            borderaxespad=0, borderpad=0, columnspacing=1.0, handletextpad=0.2,
        )  # fmt: skip
