"""Loss and accuracy of every arm against the compression ratio, one panel per data set and task model."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.report.figures import style
from tokentrial.report.figures.cells import HEADS, cells, in_words, require, sub_study_title
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

TOP = 0.85  # cm
SPREAD = 0.6  # octaves over which the arms of one ratio are laid side by side
ACCURACY_WORDS = {"chance": "chance", "unigram": "constant", "floor": "optimum"}


class Published(NamedTuple):
    """A value from a document: of which sub-study, arm and ratio."""

    sub_study: str
    arm: str
    ratio: float
    value: float


@style.applied()
def loss_by_ratio(summary: pd.DataFrame) -> Figure:
    """Mean held-out cross-entropy (nats) with its interval; summary: results.SUMMARY."""
    return _figure(summary, "cross_entropy", "loss-by-ratio", "held-out loss (nats)", {})


@style.applied()
def accuracy_by_ratio(summary: pd.DataFrame, published: Iterable[Published] = ()) -> Figure:
    """Mean held-out accuracy with its interval, and published accuracies as hollow markers."""
    return _figure(summary, "accuracy", "accuracy-by-ratio", "held-out accuracy", ACCURACY_WORDS, tuple(published))


def _figure(
    summary: pd.DataFrame,
    metric: str,
    name: str,
    y_label: str,
    words: dict[str, str],
    published: tuple[Published, ...] = (),
) -> Figure:
    """Panels in two columns in the order of the config; raises InputError where no cell has a ratio."""
    rows = cells(summary[summary["metric"] == metric]).dropna(subset="ratio")
    rows = require(rows, name, "condition run right with a compression ratio")
    panels = list(rows.groupby(["sub_study", "data", "head"], sort=False))
    arms = arms_of(rows)
    handles = arm_handles(arms) + ([Line2D([], [], **HOLLOW, label="published")] if published else [])
    boxes = style.grid(len(panels), 2, height=5.0, top=TOP, gap=(2.6, 1.7), sides=(1.25, 1.35))
    bottom = boxes[-1].top + boxes[-1].height + 1.1
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for panel, (key, group) in zip(axes, panels, strict=True):
        points = [point for point in published if point.sub_study == key[0]]
        _panel(panel, group, dodge(arms, SPREAD), points, words)
        panel.set_title(_title(group), pad=11)
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


def _title(group: pd.DataFrame) -> str:
    """Sub-study, vocabulary and what the task model sees, as far as the cells differ in it."""
    first = group.iloc[0]
    details = [in_words(first["data"]), HEADS.get(first["head"], first["head"])]
    return ", ".join([sub_study_title(first["sub_study"]), *[word for word in details if word]])


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
