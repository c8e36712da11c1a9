"""Loss and accuracy of every arm against the compression ratio, one panel per data set and task model."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.report.figures import style
from tokentrial.report.figures.conditions import done_right, panel_title, require
from tokentrial.report.figures.levels import (
    arm_handles,
    arms_of,
    dodge,
    draw_arm,
    draw_levels,
    log2_axis,
    reference_levels,
    scale,
)
from tokentrial.run.finals import ACCURACY, LOSS
from tokentrial.run.view import View

TOP = 0.85  # cm
SPREAD = 0.6  # octaves over which the arms of one ratio are laid side by side
ACCURACY_WORDS = {"chance": "chance", "unigram": "constant", "floor": "optimum"}


class Published(NamedTuple):
    """A value from a document: of which experiment, arm and ratio."""

    experiment: str
    arm: str
    ratio: float
    value: float


@style.applied()
def loss_by_ratio(view: View) -> Figure:
    """Mean held-out cross-entropy (nats) with its interval."""
    return _figure(view, LOSS, "loss-by-ratio", "held-out loss (nats)", {})


@style.applied()
def accuracy_by_ratio(view: View, published: Iterable[Published] = ()) -> Figure:
    """Mean held-out accuracy with its interval, and published accuracies as hollow markers."""
    return _figure(view, ACCURACY, "accuracy-by-ratio", "held-out accuracy", ACCURACY_WORDS, tuple(published))


def _figure(
    view: View,
    metric: str,
    name: str,
    y_label: str,
    words: dict[str, str],
    published: tuple[Published, ...] = (),
) -> Figure:
    """Panels in two columns in the order of the config; raises InputError if no experiment has several ratios."""
    rows = done_right(view, view.summary[view.summary["metric"] == metric])
    rows = rows[["ratio" in varied.split() for varied in rows["varied"].fillna("")]]
    rows = require(rows, name, "condition run right with a compression ratio")
    panels = list(rows.groupby(["experiment", "data", "head"], sort=False))
    arms = arms_of(rows["arm"])
    handles = arm_handles(arms) + ([Line2D([], [], **HOLLOW, label="published")] if published else [])
    boxes = style.grid(len(panels), 2, height=5.0, top=TOP, gap=(2.6, 1.7), sides=(1.25, 1.35))
    bottom = boxes[-1].top + boxes[-1].height + 1.1
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for panel, (key, group) in zip(axes, panels, strict=True):
        points = [point for point in published if point.experiment == key[0]]
        _panel(panel, group, dodge(arms, SPREAD), points, words)
        panel.set_title(panel_title(view, group), pad=11)
        panel.set_ylabel(y_label)
    for panel in axes[-2:]:
        panel.set_xlabel("compression ratio")
    style.legend(figure, handles, top=bottom)
    return figure


HOLLOW: dict[str, Any] = {
    "color": style.GREY,
    "marker": "o",
    "markerfacecolor": "none",
    "markersize": 6,
    "linestyle": "none",
}


def _panel(
    axes: Axes, group: pd.DataFrame, shifts: dict[str, float], published: list[Published], words: dict[str, str]
) -> None:
    levels = reference_levels(group)
    scale(axes, group[group["arm"].isin(list(shifts))], [*levels.values(), *[point.value for point in published]])
    ratios = sorted(set(group["ratio"]))
    log2_axis(axes, ratios, [f"{ratio:.0f}:1" for ratio in ratios])
    draw_levels(axes, levels)
    for arm, shift in shifts.items():
        rows = group[group["arm"] == arm].sort_values("ratio")
        if len(rows):
            draw_arm(axes, arm, list(rows["ratio"] * 2**shift), rows)
    for point in published:
        x = point.ratio * 2 ** shifts.get(point.arm, 0.0)
        _, color, marker, _ = style.look(point.arm)
        options = HOLLOW | {"color": color, "marker": marker}
        axes.plot([x], [point.value], **options, zorder=5, gid="published")
    style.label_right(axes, {words.get(name, name): y for name, y in levels.items()})
