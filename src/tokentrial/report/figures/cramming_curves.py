"""While a vector is optimised: cross-entropy and accuracy of the first texts under every setting."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from tokentrial.cramming.cells import CONTROL, NATURAL, STUDY, Cells
from tokentrial.report.figures import style
from tokentrial.report.figures.cramming_data import DASHES, SETTINGS, sample, setting_look, thinned
from tokentrial.report.figures.style import GREY
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View

NOTHING = "No text of this run has a learning curve."
MOST = 3  # lengths; their rows of panels fit a page
METRICS = {"cross_entropy": "cross-entropy\n(nats per token)", "accuracy": "accuracy, teacher forcing"}
WITHOUT = (0, (1, 1.2))


@style.applied()
def curves(view: View, texts: Cells) -> Figure:
    """A row per length, for the model with the most settings; every line is a text."""
    scopes = chosen(view)
    if not scopes:
        return style.nothing(NOTHING)
    steps = _steps(view, scopes)
    lengths = [int(n) for n in thinned(steps["length"], MOST)]
    handles = [
        sample(setting_look(view, scope.arm), linestyle=DASHES.get(scope.arm, "-"), marker="") for scope in scopes
    ]
    handles += _end_handles()
    boxes = style.grid(2 * len(lengths), 2, height=3.4, top=0.6, gap=(3.0, 1.2), sides=(1.3, 1.5))
    bottom = boxes[-1].top + boxes[-1].height + 1.1
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for row, length in enumerate(lengths):
        for column, metric in enumerate(METRICS):
            panel = axes[2 * row + column]
            rows = steps[(steps["length"] == length) & (steps["metric"] == metric)]
            _panel(panel, view, texts, scopes, rows, metric, length)
            panel.set_ylabel(METRICS[metric])
            panel.set_xlabel("optimisation step" if row == len(lengths) - 1 else "")
        count = steps.loc[steps["length"] == length, "seed"].nunique()
        axes[2 * row].set_title(f"{scopes[0].model}, N = {length}, {count} texts")
    style.legend(figure, handles, top=bottom)
    return figure


def chosen(view: View) -> list[Scope]:
    """Natural text where it was run, one vector: the settings of the design and model that have the most of them."""
    stepped = view.runs[view.runs["step"].notna()]
    pairs = stepped[["condition", "arm"]].drop_duplicates()
    conditions = [view.condition(name) for name in pairs["condition"]]
    curved = {(each.experiment, each.model, each.kind, arm) for each, arm in zip(conditions, pairs["arm"], strict=True)}
    groups: dict[Scope, list[Scope]] = {}
    for scope in view.estimates.scopes:
        has_curves = (scope.design, scope.model, scope.kind, scope.arm) in curved
        if has_curves and scope.arm not in view.with_role(STUDY, CONTROL):
            groups.setdefault(scope._replace(arm=""), []).append(scope)
    best = max(
        groups, key=lambda group: (group.kind == NATURAL, len(groups[group]), -(group.vectors or 0)), default=None
    )
    order = list(SETTINGS)
    scopes = [] if best is None else groups[best]
    return sorted(scopes, key=lambda scope: order.index(scope.arm) if scope.arm in order else len(order))


def _steps(view: View, scopes: list[Scope]) -> pd.DataFrame:
    """The rows with a step of these settings, with their lengths."""
    design, model, kind, vectors, _ = scopes[0]
    lengths = {length for scope in scopes for length in view.estimates.lengths(scope)}
    conditions = view.select(study=STUDY, experiment=design, model=model, kind=kind, vectors=vectors)
    names = {each.id: each.length for each in conditions if each.length in lengths}
    rows = view.runs[view.runs["step"].notna() & view.runs["condition"].isin(names)]
    rows = rows[rows["arm"].isin([scope.arm for scope in scopes]) & rows["value"].notna()]
    return rows.assign(length=rows["condition"].map(names))


def _panel(
    axes: Axes, view: View, texts: Cells, scopes: list[Scope], rows: pd.DataFrame, metric: str, length: int
) -> None:
    axes.set_xscale("log")
    for scope in scopes:
        _, color, _, _ = setting_look(view, scope.arm)
        solved = _solved(texts, scope, metric, length)
        of_arm = rows[rows["arm"] == scope.arm].sort_values("step")
        for text in sorted(int(seed) for seed in of_arm["seed"].unique()):
            line = of_arm[of_arm["seed"] == text]
            steps, values = list(line["step"].astype(float)), list(line["value"].astype(float))
            if text in solved:
                steps, values = [*steps, solved[text][0]], [*values, solved[text][1]]
            axes.plot(
                steps, values, color=color, linestyle=DASHES.get(scope.arm, "-"), linewidth=0.8, alpha=0.8,
                gid=f"{scope.arm}:{text}", zorder=3,
            )  # fmt: skip
            face = color if text in solved else "white"
            axes.plot(steps[-1:], values[-1:], "o", color=color, markersize=3, markerfacecolor=face, zorder=4)
    axes.set_xlim(0.8, max(2.0, 1.25 * axes.dataLim.x1))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    _levels(axes, view, scopes[0], metric, length, texts.given)


def _levels(axes: Axes, view: View, scope: Scope, metric: str, length: int, given: int) -> None:
    """What these texts have without a vector, on average over all texts; chance for the cross-entropy."""
    levels: dict[str, float] = {}
    if metric == "accuracy":
        without = view.estimates.get("accuracy_without", scope, length).value
    else:
        entropy = view.estimates.get("entropy", scope, length).value
        without = None if entropy is None else entropy / (length - given)
        vocabulary = view.estimates.fact(scope.model, "vocab_size")
        levels |= {} if vocabulary is None else {"chance": math.log(vocabulary)}
    levels |= {} if without is None else {"no vector": without}
    axes.set_ylim(*((-0.03, 1.05) if metric == "accuracy" else (0, 1.06 * max(axes.dataLim.y1, *levels.values(), 0.1))))
    for name, level in levels.items():
        color, dashes = style.LEVELS["chance"] if name == "chance" else (GREY, WITHOUT)
        axes.axhline(level, color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid=name)
    style.label_right(axes, levels)


def _solved(texts: Cells, scope: Scope, metric: str, length: int) -> dict[int, tuple[float, float]]:
    """Solved texts at this length: the step at which each was, and its value there."""
    for block in texts.blocks:
        if tuple(block.key) == tuple(scope):
            place = int(np.flatnonzero(block.lengths == length)[0])
            steps, values = block.metric("solved_step")[:, place], block.metric(metric)[:, place]
            solved = np.flatnonzero((block.solved[:, place] == 1) & ~np.isnan(steps))
            return {int(text): (float(steps[text]), float(values[text])) for text in solved}
    return {}


def _end_handles() -> list[Line2D]:
    shared: dict[str, Any] = {"color": GREY, "marker": "o", "markersize": 3, "linestyle": "none"}
    return [
        Line2D([], [], **shared, label="solved: decoded exactly"),
        Line2D([], [], **shared, markerfacecolor="white", label="not solved"),
    ]
