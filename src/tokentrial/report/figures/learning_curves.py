"""Validation loss during training: mean over seeds with its band, where it ends, and what bounds it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.errors import InputError
from tokentrial.report.figures import style
from tokentrial.report.figures.conditions import in_words
from tokentrial.report.figures.levels import arm_handles, arms_of, draw_levels, reference_levels
from tokentrial.run.columns import Condition
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.statistics.intervals import t_interval

NAME = "learning-curves"
PANELS = 6
# Conditions that differ most in what there is to learn; others of the run stand in for those that it does not have.
CHOSEN = (
    ("markov", "ratio-8-mean-pool"),
    ("markov", "ratio-2-window-mlp"),
    ("compression", "v20-ratio-32"),
    ("compression", "v100-ratio-8"),
    ("vocabulary", "v1000"),
    ("complexity", "semi-random"),
)


@style.applied()
def learning_curves(view: View) -> Figure:
    """Up to six conditions. Raises InputError if none has a validation curve."""
    conditions = choose([each for each in view.select(way="done-right") if curves(view, each)])
    if not conditions:
        raise InputError(f"figure {NAME}: nothing to show: no validation curve of a condition run right in the results")
    arms = arms_of(arm for each in conditions for arm in curves(view, each))
    handles = arm_handles(arms)
    boxes = style.grid(len(conditions), 2, height=4.3, top=0.6, gap=(2.6, 1.5), sides=(1.25, 1.35))
    bottom = boxes[-1].top + boxes[-1].height + 1.2
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for k, (panel, condition) in enumerate(zip(axes, conditions, strict=True)):
        _panel(panel, view, condition, arms)
        panel.set_title(f"{condition.short}, {in_words(condition)}")
        panel.set_ylabel("validation loss (nats)")
        panel.set_xlabel("optimiser step" if k >= len(conditions) - 2 else "")
    style.legend(figure, handles, top=bottom)
    return figure


def curves(view: View, condition: Condition) -> dict[str, pd.DataFrame]:
    """Arm -> its validation losses by step (rows) and seed (columns), of the arms that have any."""
    every = {arm: view.curve(condition.id, arm) for arm in view.arms_of(condition.id)}
    return {arm: curve for arm, curve in every.items() if len(curve)}


def choose(conditions: Sequence[Condition]) -> list[Condition]:
    """Those of the panels: the chosen ones that the run has, and others of it in their place, in its order."""
    wanted = [each for each in conditions if (each.experiment, each.name) in CHOSEN]
    spare = [each for each in conditions if each not in wanted][: PANELS - len(wanted)]
    return [each for each in conditions if each in wanted or each in spare]


def _panel(axes: Axes, view: View, condition: Condition, arms: Sequence[str]) -> None:
    rows = view.summary[view.summary["condition"] == condition.id]
    levels = reference_levels(rows[rows["metric"] == LOSS])
    of_arm = curves(view, condition)
    axes.set_xlim(0, max(curve.index.max() for curve in of_arm.values()) * 1.02)
    drawn = {arm: of_arm[arm] for arm in arms if arm in of_arm}
    _limits(axes, [curve.mean(axis=1) for curve in drawn.values()], levels)
    for arm, curve in drawn.items():
        steps = view.values_on("validation", condition.id, arm, "chosen_step")
        _curve(axes, arm, curve, float(steps.mean()), view.confidence)
    draw_levels(axes, levels)
    style.label_right(axes, levels)


def _curve(axes: Axes, arm: str, curve: pd.DataFrame, chosen: float, confidence: float) -> None:
    """One arm: mean, band of its interval, and its marker at the mean step that was chosen for the test."""
    steps, mean = curve.index.to_numpy(dtype=float), curve.mean(axis=1).to_numpy()
    _, color, marker, size = style.look(arm)
    order = 4 if arm == "learned" else 3
    if curve.shape[1] > 1:
        band = np.array([t_interval(row.dropna(), confidence) for _, row in curve.iterrows()])
        axes.fill_between(steps, band[:, 0], band[:, 1], color=color, alpha=0.18, linewidth=0, zorder=order - 1)
    axes.plot(steps, mean, color=color, linewidth=0.9, zorder=order, gid=arm)
    y = float(np.interp(chosen, steps, mean))
    bottom, top = axes.get_ylim()
    if bottom <= y <= top:
        axes.plot(
            [chosen],
            [y],
            color=color,
            marker=marker,
            markersize=size,
            markeredgecolor="white",
            markeredgewidth=0.3,
            zorder=order + 2,
            clip_on=False,
            gid=f"chosen:{arm}",
        )


def _limits(axes: Axes, means: Sequence[pd.Series], levels: dict[str, float]) -> None:
    """From the lowest value to a little above chance: a start far above it would flatten everything else."""
    values = pd.concat(means)
    low = min([values.min(), *levels.values()])
    top = levels.get("chance", values.max())
    margin = 0.06 * (top - low)
    axes.set_ylim(low - margin, top + 2 * margin)
