"""Loss of every arm against the vocabulary size, and by type of data."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import style
from tokentrial.report.figures.cells import cells, in_words, require, sub_study_title
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

NAME = "loss-by-vocabulary"
SPREAD, HALF = 0.62, 0.4  # of a unit on x: what all arms of one cell cover, and half a reference line's length
TOP, HEIGHT = 0.6, 6.6  # cm
WIDTHS = {"vocabulary": 6.0, "complexity": 5.2}  # cm


@style.applied()
def loss_by_vocabulary(summary: pd.DataFrame) -> Figure:
    """Mean held-out cross-entropy (nats) with its interval; summary: results.SUMMARY.

    Left: cells of the sub-study ``vocabulary`` against V, which is exp(chance). Right: those of ``complexity``. Raises
    InputError where there is neither.
    """
    rows = cells(summary[(summary["metric"] == "cross_entropy") & summary["chance"].notna()])
    chosen = rows[rows["sub_study"].isin(list(WIDTHS))]
    rows = require(chosen, NAME, "condition of vocabulary or complexity run right")
    present = [name for name in WIDTHS if name in set(rows["sub_study"])]
    arms = arms_of(rows)
    handles = arm_handles(arms)
    boxes, left = [], 1.2
    for name in present:
        boxes.append(style.Box(left, TOP, WIDTHS[name], HEIGHT))
        left += WIDTHS[name] + 2.3
    bottom = TOP + HEIGHT + 1.2
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for panel, name in zip(axes, present, strict=True):
        _panel(panel, rows[rows["sub_study"] == name], arms, against_size=name == "vocabulary")
        panel.set_title(sub_study_title(name))
        panel.set_ylabel("held-out loss (nats)")
    style.legend(figure, handles, top=bottom)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, arms: list[str], *, against_size: bool) -> None:
    """Arms and reference lines of each cell, at log2 V or at 0, 1, 2, ... in the config's order."""
    rows = rows.assign(vocabulary=np.exp(rows["chance"]).round())
    sizes = dict(zip(rows["cell"], rows["vocabulary"], strict=True))
    names = sorted(sizes, key=lambda cell: sizes[cell]) if against_size else list(sizes)
    places = {cell: float(np.log2(sizes[cell])) if against_size else float(k) for k, cell in enumerate(names)}
    bounds = {cell: reference_levels(rows[rows["cell"] == cell]) for cell in names}
    scale(axes, rows[rows["arm"].isin(arms)], [y for levels in bounds.values() for y in levels.values()])
    if against_size:
        log2_axis(axes, [2**x for x in places.values()], [f"{sizes[cell]:,.0f}" for cell in names], room=0.6)
        axes.set_xlabel("vocabulary size V")
    else:
        axes.set_xticks(list(places.values()), labels=[in_words(cell).replace("-", "-\n") for cell in names])
        axes.set_xlim(-0.6, len(names) - 0.4)
    for arm, shift in dodge(arms, SPREAD).items():
        of_arm = rows[rows["arm"] == arm]
        at = np.array([places[cell] + shift for cell in of_arm["cell"]])
        draw_arm(axes, arm, 2**at if against_size else at, of_arm, joined=False)
    _draw_bounds(axes, places, bounds, against_size)
    style.label_right(axes, bounds[names[-1]])


def _draw_bounds(
    axes: Axes, places: Mapping[str, float], bounds: Mapping[str, dict[str, float]], against_size: bool
) -> None:
    for cell, x in places.items():
        ends = (2 ** (x - HALF), 2 ** (x + HALF)) if against_size else (x - HALF, x + HALF)
        draw_levels(axes, bounds[cell], ends)
