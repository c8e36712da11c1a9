"""The verdict matrix: documents by kind of claim, in each cell a bar per verdict with its number of claims."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.claims import verdict as words
from tokentrial.report.catalogue import DOCUMENTS
from tokentrial.report.figures import style
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
def matrix(sources: Sources, entry: declared.Verdicts) -> Figure | None:
    """Bars of the documents share one scale; those of all documents have their own.

    Every cell keeps a place for each verdict, so that the same height is the same verdict along a row.
    """
    assert sources.verdicts is not None
    sizes = counted(sources.verdicts)
    if sizes.empty:
        return None
    rows = [name for name in DOCUMENTS if name in set(sizes["document"])]
    totals = sizes.groupby(["kind", "verdict"], sort=False)["n"].sum().reset_index().assign(document=ALL)
    height = TOP + (len(rows) + 1) * (ROW + BETWEEN) + 0.1
    width = (style.WIDTH - LEFT - RIGHT - GAP * (len(words.KINDS) - 1)) / len(words.KINDS)
    boxes = [
        style.Box(LEFT + column * (width + GAP), TOP + row * (ROW + BETWEEN), width, ROW)
        for row in range(len(rows) + 1)
        for column in range(len(words.KINDS))
    ]
    figure, axes = style.canvas(height, boxes)
    cells = [(name, claims) for name in [*rows, ALL] for claims in words.KINDS]
    for panel, (name, of_kind) in zip(axes, cells, strict=True):
        table = totals if name == ALL else sizes
        mine = table[(table["document"] == name) & (table["kind"] == of_kind)]
        _cell(panel, dict(zip(mine["verdict"], mine["n"], strict=True)), of_kind == EMPIRICAL, int(table["n"].max()))
        if name == rows[0]:
            panel.set_title(of_kind, pad=3)
        if of_kind == words.KINDS[0]:
            claims = int(table.loc[table["document"] == name, "n"].sum())
            _row_name(panel, DOCUMENTS.get(name, ALL), claims)
    _legends(figure)
    return figure


def _cell(axes: Axes, sizes: Mapping[str, int], empirical: bool, longest: int) -> None:
    """A bar for each verdict that occurs, its marker before it and its number behind."""
    slots = SLOTS[empirical]
    axes.set_xlim(-0.12, 1.16)
    axes.set_ylim(len(slots) - 0.4, -0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_facecolor("#F5F5F5" if sizes else "none")
    if not sizes:
        axes.text(0.5, 0.5, "no claim", transform=axes.transAxes, ha="center", va="center", color=style.GREY)
    for y, verdict in enumerate(slots):
        if verdict in sizes:
            n, look = int(sizes[verdict]), LOOKS[verdict]
            fill = look.color if look.filled else "white"
            bars = axes.barh(
                y, 0.92 * n / longest, height=0.62, color=fill, edgecolor=style.INK if look.filled else look.color,
                linewidth=0.4, hatch=look.hatch, gid=verdict, zorder=2,
            )  # fmt: skip
            bars[0].set_hatch_linewidth(0.35)
            axes.plot([-0.06], [y], **_marker(look), clip_on=False, zorder=3)
            axes.text(0.92 * n / longest + 0.025, y, str(n), va="center", fontsize=style.SMALL, color=style.INK)


def _marker(look: Look) -> dict[str, Any]:
    face = look.color if look.filled else "white"
    return {
        "marker": look.marker, "color": look.color, "markerfacecolor": face, "markersize": 3.6, "markeredgewidth": 0.7,
        "linestyle": "none",
    }  # fmt: skip


def _row_name(axes: Axes, name: str, claims: int) -> None:
    place: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "center"}
    axes.text(-0.06, 0.6, name, weight="bold", **place)
    axes.text(
        -0.06, 0.34, f"{claims} claim{'' if claims == 1 else 's'}", fontsize=style.SMALL, color=style.GREY, **place
    )


def _legends(figure: Figure) -> None:
    """Two lines: the verdicts of checks, and those of a run."""
    height = figure.get_figheight() * style.INCH
    for top, title, verdicts in (
        (0.1, "Checks of what is printed:", words.OF_CHECKS),
        (0.55, "Rules on a run (empirical):", words.OF_RULES),
    ):
        handles = [Line2D([], [], label=verdict.lower(), **_marker(LOOKS[verdict])) for verdict in verdicts]
        figure.text(0, 1 - (top + 0.13) / height, title, va="center", weight="bold")
        box = (0.268, 1 - top / height)
        figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=box, ncols=len(verdicts), borderaxespad=0, borderpad=0,
            columnspacing=1.0, handletextpad=0.2,
        )  # fmt: skip
