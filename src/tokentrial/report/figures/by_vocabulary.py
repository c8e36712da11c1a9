"""Loss of every arm against the vocabulary size, and by type of data."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import style
from tokentrial.report.figures.conditions import done_right, in_words, require
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
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View

NAME = "loss-by-vocabulary"
SPREAD, HALF = 0.62, 0.4  # of a unit on x: what all arms of one condition cover, and half a reference line's length
TOP, HEIGHT = 0.6, 6.6  # cm
WIDTHS = {"vocabulary": 6.0, "complexity": 5.2}  # cm


@style.applied()
def loss_by_vocabulary(view: View) -> Figure:
    """Mean held-out cross-entropy (nats) with its interval.

    Left: the conditions of ``vocabulary`` against V. Right: those of ``complexity``. Raises InputError if there is
    neither.
    """
    rows = done_right(view, view.summary[view.summary["metric"] == LOSS])
    rows = rows[rows["experiment"].isin(list(WIDTHS))]
    rows = require(rows, NAME, "condition of vocabulary or complexity run right")
    present = [name for name in WIDTHS if name in set(rows["experiment"])]
    arms = arms_of(rows["arm"])
    handles = arm_handles(arms)
    boxes, left = [], 1.2
    for name in present:
        boxes.append(style.Box(left, TOP, WIDTHS[name], HEIGHT))
        left += WIDTHS[name] + 2.3
    bottom = TOP + HEIGHT + 1.2
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for panel, name in zip(axes, present, strict=True):
        group = rows[rows["experiment"] == name]
        _panel(panel, view, group, arms, against_size=name == "vocabulary")
        panel.set_title(group["short"].iloc[0])
        panel.set_ylabel("held-out loss (nats)")
    style.legend(figure, handles, top=bottom)
    return figure


def _panel(axes: Axes, view: View, rows: pd.DataFrame, arms: list[str], *, against_size: bool) -> None:
    """Arms and reference lines of each condition, at log2 V or at 0, 1, 2, ... in the config's order."""
    sizes = dict(zip(rows["condition"], rows["vocab_size"], strict=True))
    names = sorted(sizes, key=lambda name: sizes[name]) if against_size else list(sizes)
    places = {name: float(np.log2(sizes[name])) if against_size else float(k) for k, name in enumerate(names)}
    bounds = {name: reference_levels(rows[rows["condition"] == name]) for name in names}
    scale(axes, rows[rows["arm"].isin(arms)], [y for levels in bounds.values() for y in levels.values()])
    if against_size:
        log2_axis(axes, [2**x for x in places.values()], [f"{sizes[name]:,.0f}" for name in names], room=0.6)
        axes.set_xlabel("vocabulary size V")
    else:
        words = [in_words(view.condition(name)).replace("-", "-\n") for name in names]
        axes.set_xticks(list(places.values()), labels=words)
        axes.set_xlim(-0.6, len(names) - 0.4)
    for arm, shift in dodge(arms, SPREAD).items():
        of_arm = rows[rows["arm"] == arm]
        at = np.array([places[name] + shift for name in of_arm["condition"]])
        draw_arm(axes, arm, 2**at if against_size else at, of_arm, joined=False)
    _draw_bounds(axes, places, bounds, against_size)
    style.label_right(axes, bounds[names[-1]])


def _draw_bounds(
    axes: Axes, places: Mapping[str, float], bounds: Mapping[str, dict[str, float]], against_size: bool
) -> None:
    for name, x in places.items():
        ends = (2 ** (x - HALF), 2 ** (x + HALF)) if against_size else (x - HALF, x + HALF)
        draw_levels(axes, bounds[name], ends)
