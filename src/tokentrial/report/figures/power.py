"""What a number of seeds can find: in standard deviations for any study, in equivalence margins for this one."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.published import PublishedTable
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind, rows_of
from tokentrial.run.finals import LOSS
from tokentrial.schema import figures as declared
from tokentrial.statistics.power import minimal_detectable_effect, power_curve

TOP, HEIGHT, LEFT, CURVES = 0.6, 6.2, 1.3, 6.6  # cm
# What a curve is called and where, and its colour, dashes and marker.
DESIGNS = {
    "paired": ("paired\n(SD of the differences)", 7, (-6, -4), style.BLUE, "-", "o"),
    "independent": ("independent (SD of an arm)", 5, (4, 5), style.VERMILLION, style.dashes((4, 1.5)), "s"),
}
SIDES: dict[str, dict[str, Any]] = {
    "paired": {"ha": "right", "va": "top"}, "independent": {"ha": "left", "va": "bottom"},
}  # fmt: skip
"""Of its curve, on which the other one is not."""


def stated_runs(tables: Mapping[str, PublishedTable]) -> dict[str, int]:
    """Document -> the number of runs per condition that it states itself."""
    return {table.document: table.n for table in tables.values() if table.n is not None and table.in_document}


@kind("power")
def power(sources: Sources, entry: declared.Power) -> Figure:
    """What n seeds find, and what the selected comparisons would.

    Left: the true effect that a two-sided t test finds with a power of 80 %, in standard deviations, against n, with
    the documents' and this run's n. Right: the difference that each comparison with the other arm would find, in its
    equivalence margin.
    """
    view, pairs = sources.view, sources.view.statistics
    rows = rows_of(view, pairs[(pairs["metric"] == LOSS) & (pairs["arm_b"] == entry.other)], entry)
    if rows.empty:
        raise style.Nothing
    known = rows[rows["minimal_detectable"].notna() & (rows["minimal_detectable"] > 0)]
    boxes = [style.Box(LEFT, TOP, CURVES, HEIGHT)]
    if len(known):
        boxes.append(style.Box(LEFT + CURVES + 3.6, TOP, style.WIDTH - LEFT - CURVES - 3.6 - 0.4, HEIGHT))
    figure, axes = style.canvas(TOP + HEIGHT + 1.4, boxes)
    stated = {f"document {name}": n for name, n in stated_runs(sources.printed).items()}
    _curves(axes[0], stated | {"this run": int(rows["n"].max())}, view.alpha)
    if len(known):
        _conditions(axes[1], known, style.look(entry.other))
    return figure


def _curves(axes: Axes, marked: Mapping[str, int], alpha: float) -> None:
    """Both designs' curves with their names, and a line with a name at every n of ``marked`` that a test can use."""
    usable = {name: n for name, n in marked.items() if n >= 2}
    most = max(30, *usable.values())
    curve = power_curve(range(2, most + 1), alpha=alpha)
    low, high = curve["minimal_detectable"].min() * 0.8, curve["minimal_detectable"].max() * 1.25
    axes.set(xscale="log", yscale="log", xlim=(1.85, most * 1.06), ylim=(low, high), title="What n seeds can find")
    axes.tick_params(which="minor", length=0, labelleft=False, labelbottom=False)
    shown = sorted({*usable.values(), *(n for n in (2, 5, 20, most) if _apart(n, usable.values()))})
    axes.set_xticks(shown, labels=[str(n) for n in shown])
    effects = [effect for effect in (0.2, 0.5, 1, 2, 5, 10) if low <= effect <= high]
    axes.set_yticks(effects, labels=[f"{effect:g}" for effect in effects])
    axes.set(xlabel="seeds per arm, n", ylabel="minimal detectable effect (SDs)")
    for design, (_, _, _, color, dashes, marker) in DESIGNS.items():
        line = curve[curve["design"] == design]
        axes.plot(line["n"], line["minimal_detectable"], color=color, linestyle=dashes, linewidth=1.4, gid=design)
        for n in sorted(set(usable.values())):
            y = minimal_detectable_effect(n, paired=design == "paired", alpha=alpha)
            axes.plot([n], [y], marker=marker, color=color, zorder=4, gid=f"{design}:{n}")
            _beside(axes, f"{y:.2f}", (n, y), (-5, -4) if design == "paired" else (5, 3), design)
    for design, (words, n, offset, *_) in DESIGNS.items():
        of_n = curve[(curve["design"] == design) & (curve["n"] == n)]
        _beside(axes, words, (n, of_n["minimal_detectable"].iloc[0]), offset, design)
    _name_runs(axes, usable)


def _beside(axes: Axes, words: str, at: tuple[float, float], offset: tuple[float, float], design: str) -> None:
    options = {**SIDES[design], "color": DESIGNS[design][3], "fontsize": style.SMALL}
    axes.annotate(words, at, offset, textcoords="offset points", **options)


def _apart(n: int, others: Iterable[int]) -> bool:
    """Whether a tick at n leaves room for those of the others, on a logarithmic axis."""
    return all(max(n, other) / min(n, other) > 1.2 for other in others)


def _name_runs(axes: Axes, marked: Mapping[str, int]) -> None:
    """A line at every n of ``marked`` with the names that share it; a name too near the last one goes below it."""
    last, rows = 0, 0
    for n in sorted(set(marked.values())):
        names = [name for name, its_n in marked.items() if its_n == n]
        rows = rows if last and n / last < 2 else 0
        marks.zero(axes, upright=True, at=n, color=style.PALE, linewidth=0.8, zorder=0)
        axes.annotate(
            ",\n".join(names), (n, 1), (2, -2 - 9 * rows), xycoords=axes.get_xaxis_transform(),
            textcoords="offset points", fontsize=style.SMALL, color=style.GREY, va="top",
        )  # fmt: skip
        last, rows = n, rows + len(names)


def _conditions(axes: Axes, rows: pd.DataFrame, look: style.Look) -> None:
    """A row per experiment, a dot per condition: minimal detectable difference over margin; above 1 is too coarse."""
    ratios = rows["minimal_detectable"] / rows["margin"]
    titles = dict(zip(rows["experiment"], rows["short"], strict=True))
    for y, name in enumerate(titles):
        values = ratios[rows["experiment"] == name].to_numpy()
        shifts = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(values, y + shifts, linestyle="none", marker=look.marker, markersize=3.2, color=look.color, gid=name)
    axes.set(xscale="log", title="What this run can find")
    axes.set_xlabel("minimal detectable difference,\nin equivalence margins")
    marks.zero(axes, upright=True, at=1, color=style.INK, linewidth=0.8)
    axes.set(xlim=(min(ratios.min() / 2, 0.1), max(ratios.max() * 2, 40)), ylim=(len(titles) - 0.4, -0.6))
    axes.set_yticks(range(len(titles)), labels=list(titles.values()))
    axes.tick_params(axis="y", length=0)
    marks.text(axes, "above", 1.15, 0.99, "margin", va="top")
