"""Validation loss during training: mean over seeds with its band, where it ends, and what bounds it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import style
from tokentrial.report.figures.cells import cells, in_words, require, sub_study_title
from tokentrial.report.figures.levels import arm_handles, arms_of, draw_levels, reference_levels
from tokentrial.statistics.intervals import t_interval

NAME = "learning-curves"
PANELS = 6
# Cells that differ most in what there is to learn; others of the run stand in for those that it does not have.
CHOSEN = (
    ("markov", "ratio-8-mean-pool"),
    ("markov", "ratio-2-window-mlp"),
    ("compression", "v20-ratio-32"),
    ("compression", "v100-ratio-8"),
    ("vocabulary", "v1000"),
    ("complexity", "semi-random"),
)


@style.applied()
def learning_curves(runs: pd.DataFrame, summary: pd.DataFrame, confidence: float = 0.95) -> Figure:
    """Up to six cells; runs: results.RUNS, summary: results.SUMMARY (for the reference levels).

    Raises InputError where no cell has a validation curve.
    """
    validation = cells(runs[(runs["split"] == "validation") & runs["value"].notna()])
    curves = validation[(validation["metric"] == "cross_entropy") & validation["step"].notna()]
    curves = require(curves, NAME, "validation curve of a condition run right")
    ends = validation[validation["metric"] == "chosen_step"]
    names = choose(curves)
    arms = arms_of(curves[curves["condition"].isin(names)])
    handles = arm_handles(arms)
    levels = summary[summary["metric"] == "cross_entropy"]
    boxes = style.grid(len(names), 2, height=4.3, top=0.6, gap=(2.6, 1.5), sides=(1.25, 1.35))
    bottom = boxes[-1].top + boxes[-1].height + 1.2
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for k, (panel, name) in enumerate(zip(axes, names, strict=True)):
        own = reference_levels(levels[levels["condition"] == name])
        of_cell = curves[curves["condition"] == name]
        _panel(panel, of_cell, ends[ends["condition"] == name], own, arms, confidence)
        first = of_cell.iloc[0]
        panel.set_title(f"{sub_study_title(first['sub_study'])}, {in_words(first['cell'])}")
        panel.set_ylabel("validation loss (nats)")
        panel.set_xlabel("optimiser step" if k >= len(names) - 2 else "")
    style.legend(figure, handles, top=bottom)
    return figure


def choose(curves: pd.DataFrame) -> list[str]:
    """Conditions of the panels: the chosen cells that the run has, and others of it in their place, in its order."""
    known = curves.drop_duplicates("condition").set_index("condition")[["sub_study", "cell"]]
    wanted = [str(name) for name, row in known.iterrows() if (row["sub_study"], row["cell"]) in CHOSEN]
    spare = [str(name) for name in known.index if name not in wanted]
    picked = {*wanted, *spare[: PANELS - len(wanted)]}
    return [str(name) for name in known.index if name in picked]


def _panel(
    axes: Axes,
    curves: pd.DataFrame,
    ends: pd.DataFrame,
    levels: dict[str, float],
    arms: list[str],
    confidence: float,
) -> None:
    axes.set_xlim(0, curves["step"].max() * 1.02)
    _limits(axes, curves[curves["arm"].isin(arms)], levels)
    for arm in arms:
        of_arm = curves[curves["arm"] == arm]
        if len(of_arm):
            _curve(axes, arm, of_arm, ends.loc[ends["arm"] == arm, "value"], confidence)
    draw_levels(axes, levels)
    style.label_right(axes, levels)


def _curve(axes: Axes, arm: str, of_arm: pd.DataFrame, chosen: pd.Series, confidence: float) -> None:
    """One arm: mean, band of its interval, and its marker at the mean step that was chosen for the test."""
    by_step = of_arm.pivot_table(index="step", columns="seed", values="value")
    steps, mean = by_step.index.to_numpy(dtype=float), by_step.mean(axis=1).to_numpy()
    _, color, marker, size = style.look(arm)
    order = 4 if arm == "learned" else 3
    if by_step.shape[1] > 1:
        band = np.array([t_interval(row.dropna(), confidence) for _, row in by_step.iterrows()])
        axes.fill_between(steps, band[:, 0], band[:, 1], color=color, alpha=0.18, linewidth=0, zorder=order - 1)
    axes.plot(steps, mean, color=color, linewidth=0.9, zorder=order, gid=arm)
    at = float(chosen.mean()) if len(chosen) else np.nan
    y = float(np.interp(at, steps, mean))
    bottom, top = axes.get_ylim()
    if bottom <= y <= top:
        axes.plot(
            [at],
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


def _limits(axes: Axes, curves: pd.DataFrame, levels: dict[str, float]) -> None:
    """From the lowest value to a little above chance: a start far above it would flatten everything else."""
    mean = curves.groupby(["arm", "step"])["value"].mean()
    low = min([mean.min(), *levels.values()])
    top = levels.get("chance", mean.max())
    margin = 0.06 * (top - low)
    axes.set_ylim(low - margin, top + 2 * margin)
