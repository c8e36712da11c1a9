"""Cramming by length: accuracy and exact recovery of every model, with the paper's capacity and the stricter one."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.report.figures import style
from tokentrial.report.figures.cramming_data import ABSENT, bars, draw_length, thinned, values
from tokentrial.report.figures.levels import log2_axis
from tokentrial.report.figures.style import BLUE, GREY, PALE, VERMILLION
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View

MOST = 12  # panels that fit a page; further models are in the tables
COLUMNS = 3
CAPACITY, LONGEST = 1.24, 1.11  # heights at which both capacities are marked
# measure -> colour, marker, its size
LINES = {"accuracy": (BLUE, "o", 3.4), "solved": (VERMILLION, "s", 3.2), "accuracy_without": (GREY, "_", 4.0)}
NAMES = {
    "accuracy": "accuracy under teacher forcing",
    "solved": "share of texts decoded exactly",
    "accuracy_without": "accuracy without a vector",
}


@style.applied()
def accuracy(view: View) -> Figure:
    """A panel per model: unseen natural text, one vector, tuned settings."""
    scopes = view.estimates.widest()[:MOST]
    if not scopes:
        return style.nothing(ABSENT)
    columns = min(COLUMNS, len(scopes))
    boxes = style.grid(len(scopes), columns, height=3.3, top=0.95, gap=(0.6, 1.8), sides=(1.2, 0.2))
    handles = _handles()
    bottom = boxes[-1].top + boxes[-1].height + 1.15
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for place, (panel, scope) in enumerate(zip(axes, scopes, strict=True)):
        _panel(panel, view, scope)
        panel.set_title(scope.model, pad=12)
        panel.text(0, 1.02, _facts(view, scope), transform=panel.transAxes, fontsize=style.SMALL, color=GREY)
        panel.tick_params(axis="y", labelleft=place % columns == 0)
        panel.set_ylabel("mean over texts" if place % columns == 0 else "")
        panel.set_xlabel("length N (tokens)" if place >= len(scopes) - columns else "")
    style.legend(figure, handles, top=bottom)
    return figure


def _facts(view: View, scope: Scope) -> str:
    loss = view.estimates.fact(scope.model, "validation_cross_entropy")
    n = max((view.estimates.get("accuracy", scope, length).n for length in view.estimates.lengths(scope)), default=0)
    return f"validation loss {'not known' if loss is None else f'{loss:.2f}'}, n = {n} texts"


def _panel(axes: Axes, view: View, scope: Scope) -> None:
    lengths = view.estimates.lengths(scope)
    log2_axis(axes, thinned(lengths, 8), [f"{n:g}" for n in thinned(lengths, 8)])
    axes.set_xlim(min(lengths) * 2**-0.3, max(lengths) * 2**0.3)
    for level, color in ((0.99, BLUE), (0.5, VERMILLION)):
        axes.axhline(level, color=color, linewidth=0.5, linestyle=(0, (1, 2)), zorder=1)
    for measure, (color, marker, size) in LINES.items():
        estimates = {n: view.estimates.get(measure, scope, n) for n in lengths}
        kept = {n: each for n, each in estimates.items() if each.value is not None}
        axes.errorbar(
            list(kept), values(kept.values()), yerr=bars(list(kept.values())), color=color,
            marker=marker, markersize=size, linewidth=0.8, elinewidth=0.8, markeredgecolor="white",
            markeredgewidth=0 if marker == "_" else 0.3, zorder=3, label=measure,
        )  # fmt: skip
    for measure, y, color in (("capacity", CAPACITY, BLUE), ("n_max", LONGEST, VERMILLION)):
        draw_length(axes, view.estimates.get(measure, scope), y, color, measure)
    axes.axhline(1.045, color=PALE, linewidth=0.5, zorder=1)
    axes.set_ylim(-0.04, 1.33)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])


def _handles() -> list[Line2D]:
    made = [
        Line2D(
            [], [], color=color, marker=marker, markersize=size, linewidth=0.8, label=NAMES[measure],
            markeredgecolor="white" if marker != "_" else color, markeredgewidth=0.3 if marker != "_" else 0.8,
        )
        for measure, (color, marker, size) in LINES.items()
    ]  # fmt: skip
    marks = {"capacity by the paper's definition": BLUE, "N max: half of the texts exact": VERMILLION}
    diamonds = [
        Line2D([], [], color=color, marker="D", markersize=3.6, linewidth=0.9, label=name)
        for name, color in marks.items()
    ]
    return [*made, *diamonds]
