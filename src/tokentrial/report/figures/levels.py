"""Levels: every arm's mean with its interval against what varies, with the bounds as lines."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.published import number
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind, rows_of
from tokentrial.run.view import View
from tokentrial.schema import figures as declared

HOLLOW: dict[str, Any] = {"color": style.GREY, "marker": "o", "markerfacecolor": "none", "markersize": 6}
HALF = 0.4  # of a unit on x: half the length of a condition's bounds
Printed = dict[tuple[str, float], float]
"""Arm and place on x -> the printed value."""


def published(sources: Sources, table: str) -> Printed:
    """The learned encoding's and the autoencoder's values in a printed table."""
    rows = sources.printed[table].rows
    return {(arm, float(x)): number(row[arm]) for x, row in rows.items() for arm in ("learned", "autoencoder")}


@kind("levels")
def levels(sources: Sources, entry: declared.Levels) -> Figure:
    """A panel for each combination of some columns in which x varies, in the order of the config."""
    view = sources.view
    rows = rows_of(view, view.summary[view.summary["metric"] == entry.metric], entry)
    every = [group for _, group in rows.groupby(entry.panels, sort=False, dropna=False)]
    groups = [group for group in every if group[entry.x].nunique() > 1]
    arms = marks.arms_of(arm for group in groups for arm in group["arm"])
    printed = {experiment: published(sources, table) for experiment, table in entry.printed.items()}
    hollow = [Line2D([], [], **HOLLOW, linestyle="none", label="published")] if printed else []
    figure, axes = style.panels(len(groups), [*marks.looks(arms), *hollow], entry.layout, entry.y_label, entry.x_label)
    for panel, group in zip(axes, groups, strict=True):
        points = printed.get(group["experiment"].iloc[0], {})
        names = {x: f"{x:.0f}:1" if entry.x == "ratio" else f"{x:,g}" for x in sorted(set(group[entry.x]))}
        bounds = marks.reference_levels(group)
        marks.scale(panel, group[group["arm"].isin(arms)], [*bounds.values(), *points.values()])
        marks.log2_axis(panel, names)
        marks.draw_levels(panel, bounds)
        shifts = marks.dodge(arms, 0.6)
        for arm, shift in shifts.items():
            of_arm = group[group["arm"] == arm].sort_values(entry.x)
            if len(of_arm):
                marks.draw_arm(panel, arm, of_arm[entry.x].to_numpy() * 2**shift, of_arm)
        for (arm, x), y in points.items():
            look = {"color": style.look(arm).color, "marker": style.look(arm).marker, "linestyle": "none"}
            panel.plot([x * 2 ** shifts.get(arm, 0.0)], [y], **HOLLOW | look, zorder=5, gid="published")
        style.label_right(panel, {entry.bounds.get(name, name): y for name, y in bounds.items()})
        panel.set_title(marks.panel_title(view, group), pad=11)
    return figure


@kind("levels side by side")
def side_by_side(sources: Sources, entry: declared.SideBySide) -> Figure:
    """A panel for each experiment: its conditions side by side, or at their vocabulary sizes, each with its bounds."""
    view = sources.view
    rows = rows_of(view, view.summary[view.summary["metric"] == entry.metric], entry)
    present = {name: panel for name, panel in entry.experiments.items() if name in set(rows["experiment"])}
    arms = marks.arms_of(rows.loc[rows["experiment"].isin(present), "arm"])
    boxes, left = [], 1.2
    for panel in present.values():
        boxes.append(style.Box(left, 0.6, panel.width, 6.6))
        left += panel.width + 2.3
    figure, axes = style.page(boxes, marks.looks(arms), 0.6 + 6.6 + 1.2)
    for each, (name, panel) in zip(axes, present.items(), strict=True):
        group = rows[rows["experiment"] == name]
        _conditions(each, view, group, arms, panel)
        each.set(title=group["short"].iloc[0], ylabel=entry.y_label, xlabel=panel.x_label or "")
    return figure


def _conditions(axes: Axes, view: View, rows: pd.DataFrame, arms: list[str], panel: declared.Panel) -> None:
    """Arms and bounds of each condition, at x on a logarithmic axis or at 0, 1, 2, ... in the config's order."""
    names = list(dict.fromkeys(rows["condition"] if panel.x is None else rows.sort_values(panel.x)["condition"]))
    places = {name: float(k) for k, name in enumerate(names)}
    if panel.x is not None:
        sizes = dict(zip(rows["condition"], rows[panel.x].astype(float), strict=True))
        places = {name: sizes[name] for name in names}
    bounds = {name: marks.reference_levels(rows[rows["condition"] == name]) for name in names}
    marks.scale(axes, rows[rows["arm"].isin(arms)], [y for levels in bounds.values() for y in levels.values()])
    if panel.x is not None:
        marks.log2_axis(axes, {places[name]: f"{places[name]:,.0f}" for name in names}, room=0.6)
    else:
        marks.ticks(axes, {x: marks.in_words(view.condition(name)).replace("-", "-\n") for name, x in places.items()})
        axes.set_xlim(-0.6, len(names) - 0.4)
    for arm, shift in marks.dodge(arms, 0.62).items():
        of_arm = rows[rows["arm"] == arm]
        x = np.array([places[name] for name in of_arm["condition"]])
        marks.draw_arm(axes, arm, x + shift if panel.x is None else x * 2**shift, of_arm, joined=False)
    for name, at in places.items():
        ends = (at - HALF, at + HALF) if panel.x is None else (at * 2**-HALF, at * 2**HALF)
        marks.draw_levels(axes, bounds[name], ends)
    style.label_right(axes, bounds[names[-1]])
