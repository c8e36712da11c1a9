"""Levels: every arm's mean with its interval against what varies, with the bounds as lines."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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

HOLLOW: dict[str, Any] = {
    "color": style.GREY, "marker": "o", "markerfacecolor": "none", "markersize": 6, "linestyle": "none",
}  # fmt: skip
HALF = 0.4  # of a unit on x: half the length of a condition's bounds


class Published(NamedTuple):
    """A printed value: of which experiment, arm and place on x."""

    experiment: str
    arm: str
    x: float
    value: float


def published(sources: Sources, printed: Mapping[str, str]) -> list[Published]:
    """The learned encoding's and the autoencoder's values in printed tables; printed: experiment -> table."""
    return [
        Published(experiment, arm, float(key), number(row[arm]))
        for experiment, table in printed.items()
        for key, row in sources.printed[table].rows.items()
        for arm in ("learned", "autoencoder")
    ]


@kind("levels")
def levels(sources: Sources, entry: declared.Levels) -> Figure | None:
    """A panel for each combination of some columns in which x varies, in the order of the config."""
    view = sources.view
    rows = rows_of(view, view.summary[view.summary["metric"] == entry.metric], entry)
    groups = [
        group for _, group in rows.groupby(entry.panels, sort=False, dropna=False) if group[entry.x].nunique() > 1
    ]
    if not groups:
        return None
    arms, printed = marks.arms_of(arm for group in groups for arm in group["arm"]), published(sources, entry.printed)
    handles = marks.arm_handles(arms) + ([Line2D([], [], **HOLLOW, label="published")] if printed else [])
    figure, axes = style.panels(len(groups), handles, entry.layout)
    for panel, group in zip(axes, groups, strict=True):
        here = [point for point in printed if point.experiment == group["experiment"].iloc[0]]
        _panel(panel, group, entry, marks.dodge(arms, entry.spread), here)
        panel.set_title(marks.panel_title(view, group), pad=11)
        panel.set_ylabel(entry.y_label)
    for panel in axes[-2:]:
        panel.set_xlabel(entry.x_label)
    return figure


def _panel(
    axes: Axes, group: pd.DataFrame, entry: declared.Levels, shifts: dict[str, float], printed: list[Published]
) -> None:
    bounds = marks.reference_levels(group)
    marks.scale(axes, group[group["arm"].isin(list(shifts))], [*bounds.values(), *[point.value for point in printed]])
    names = {x: f"{x:.0f}:1" if entry.x == "ratio" else f"{x:,g}" for x in sorted(set(group[entry.x]))}
    marks.log2_axis(axes, names)
    marks.draw_levels(axes, bounds)
    for arm, shift in shifts.items():
        rows = group[group["arm"] == arm].sort_values(entry.x)
        if len(rows):
            marks.draw_arm(axes, arm, list(rows[entry.x] * 2**shift), rows)
    for point in printed:
        x = point.x * 2 ** shifts.get(point.arm, 0.0)
        _, color, marker, _ = style.look(point.arm)
        axes.plot([x], [point.value], **HOLLOW | {"color": color, "marker": marker}, zorder=5, gid="published")
    style.label_right(axes, {entry.bounds.get(name, name): y for name, y in bounds.items()})


@kind("levels side by side")
def side_by_side(sources: Sources, entry: declared.SideBySide) -> Figure | None:
    """A panel for each experiment: its conditions side by side, or at their vocabulary sizes, each with its bounds."""
    view = sources.view
    rows = rows_of(view, view.summary[view.summary["metric"] == entry.metric], entry)
    present = [name for name in entry.experiments if name in set(rows["experiment"])]
    if not present:
        return None
    arms = marks.arms_of(rows.loc[rows["experiment"].isin(present), "arm"])
    boxes, left = [], 1.2
    for name in present:
        boxes.append(style.Box(left, 0.6, entry.experiments[name].width, 6.6))
        left += entry.experiments[name].width + 2.3
    figure, axes = style.page(boxes, marks.arm_handles(arms), 0.6 + 6.6 + 1.2)
    for panel, name in zip(axes, present, strict=True):
        group = rows[rows["experiment"] == name]
        _conditions(panel, view, group, arms, entry.experiments[name])
        panel.set_title(group["short"].iloc[0])
        panel.set_ylabel(entry.y_label)
    return figure


def _conditions(axes: Axes, view: View, rows: pd.DataFrame, arms: Sequence[str], options: declared.Panel) -> None:
    """Arms and bounds of each condition, at log2 x or at 0, 1, 2, ... in the config's order."""
    sized = options.x is not None
    sizes = dict(zip(rows["condition"], rows[options.x or "condition"], strict=True))
    names = sorted(sizes, key=lambda name: sizes[name]) if sized else list(sizes)
    places = {name: float(np.log2(sizes[name])) if sized else float(k) for k, name in enumerate(names)}
    bounds = {name: marks.reference_levels(rows[rows["condition"] == name]) for name in names}
    marks.scale(axes, rows[rows["arm"].isin(arms)], [y for levels in bounds.values() for y in levels.values()])
    if sized:
        marks.log2_axis(axes, {2**x: f"{sizes[name]:,.0f}" for name, x in places.items()}, room=0.6)
        axes.set_xlabel(options.x_label)
    else:
        marks.ticks(axes, {x: marks.in_words(view.condition(name)).replace("-", "-\n") for name, x in places.items()})
        axes.set_xlim(-0.6, len(names) - 0.4)
    for arm, shift in marks.dodge(arms, 0.62).items():
        of_arm = rows[rows["arm"] == arm]
        at = np.array([places[name] + shift for name in of_arm["condition"]])
        marks.draw_arm(axes, arm, 2**at if sized else at, of_arm, joined=False)
    for name, x in places.items():
        ends = (2 ** (x - HALF), 2 ** (x + HALF)) if sized else (x - HALF, x + HALF)
        marks.draw_levels(axes, bounds[name], ends)
    style.label_right(axes, bounds[names[-1]])
