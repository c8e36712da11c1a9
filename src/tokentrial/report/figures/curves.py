"""Training curves: validation loss by step, a mean over seeds with its band, and what bounds it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, conditions, kind
from tokentrial.report.language_model_names import bits_of_a_nat, bound
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.schema import figures as declared
from tokentrial.statistics.intervals import t_interval

LONG = 40  # letters of a title that fit at the usual size
ByArm = Mapping[Method, pd.DataFrame]
"""Arm -> its losses by step (rows) and seed (columns)."""


@kind("curves")
def curves(sources: Sources, entry: declared.Curves) -> Figure:
    """A panel for each condition that has curves."""
    view = sources.view
    every = {each: by_arm for each in conditions(view, entry) if (by_arm := _by_arm(view, each, entry))}
    shown = {each: every[each] for each in choose(list(every), entry.first, entry.most)}
    methods = {arm.method for by_arm in shown.values() for arm in by_arm}
    looks = marks.looks(methods)
    lines = [style.sample(look._replace(marker=""), linestyle="-", linewidth=1.2) for look in looks]
    samples: Sequence[style.Sample] = lines if entry.markers == "none" else looks
    figure, axes = style.panels(len(shown), samples, entry.layout, entry.y_label, "optimiser step")
    for k, (panel, (condition, by_arm)) in enumerate(zip(axes, shown.items(), strict=True)):
        _panel(panel, view, condition, by_arm, entry)
        ratios = {arm.ratio for arm in by_arm} - {None} if entry.ratio else set()
        words = ", ".join([marks.TITLES[entry.panel_title](condition), *(f"{ratio}:1" for ratio in ratios)])
        panel.set_title(words, fontsize=8 if len(words) <= LONG else 7)
        bits = bits_of_a_nat(view, condition, "validation") if entry.bits else None
        if bits is not None:
            style.second_axis(panel, "right", bits).set_ylabel("bits per byte" if k % 2 else "")
    return figure


def _by_arm(view: View, condition: Condition, entry: declared.Curves) -> ByArm:
    """The curves of the declared methods, in the order of legends; none without one of the first of them."""
    names = [arm for arm in style.in_order(view.arms_of(condition.id)) if view.level(condition.id, arm)]
    arms = [view.method(condition.study, arm) for arm in names]
    arms = [arm for arm in arms if (arm.method in entry.arms if entry.arms else arm.method not in marks.AS_LINE)]
    by_arm = {arm: by_step for arm in arms if not (by_step := view.curve(condition.id, arm.arm)).empty}
    if entry.arms and entry.arms[0] not in [arm.method for arm in by_arm]:
        return {}
    near = None if entry.ratio is None else nearest_ratio([arm.ratio for arm in by_arm], entry.ratio)
    return {arm: by_step for arm, by_step in by_arm.items() if entry.ratio is None or arm.ratio in (None, near)}


def nearest_ratio(ratios: Sequence[int | None], wanted: int) -> int | None:
    """The ratio nearest to a wanted one; None is an arm's that has none."""
    known = {ratio for ratio in ratios if ratio is not None}
    return min(known, key=lambda ratio: (abs(np.log2(ratio / wanted)), ratio), default=None)


def choose(every: list[Condition], first: Mapping[str, Sequence[str]], most: int | None) -> list[Condition]:
    """At most so many: those that are wanted first, and others in their place, in the run's order.

    first: experiment -> names of its conditions.
    """
    wanted = [each for each in every if each.name in first.get(each.experiment, ())]
    spare = [each for each in every if each not in wanted]
    spare = spare if most is None else spare[: max(most - len(wanted), 0)]
    return [each for each in every if each in wanted or each in spare]


def _panel(axes: Axes, view: View, condition: Condition, by_arm: ByArm, entry: declared.Curves) -> None:
    if entry.inside:  # bounds of validation text
        measured = {name: bound(view, condition, name, "validation") for name in entry.bounds}
        levels = {name: y for name, y in measured.items() if y is not None}
    else:
        rows = view.summary[(view.summary["condition"] == condition.id) & (view.summary["metric"] == LOSS)]
        levels = {name: y for name, y in marks.reference_levels(rows).items() if name in entry.bounds}
    axes.set_xlim(0, max(by_step.index.max() for by_step in by_arm.values()) * entry.x_room)
    axes.set_ylim(*_limits(entry.limits, [by_step.mean(axis=1) for by_step in by_arm.values()], levels))
    for arm, by_step in by_arm.items():
        steps = view.values_on("validation", condition.id, arm.arm, "chosen_step")
        _curve(axes, arm, by_step, view.confidence, float(steps.mean()), entry)
    marks.draw_levels(axes, levels)
    names = {entry.bounds[name]: y for name, y in levels.items()}
    if entry.inside:
        for name, y in levels.items():
            color = style.LEVELS[name].color
            marks.text(axes, "row", 0.99, y, entry.bounds[name], color=color, ha="right", va="bottom")
    elif entry.same and len(levels) == 2 and np.ptp(list(levels.values())) < 1e-6:
        style.label_right(axes, {entry.same: [*levels.values()][-1]})
    else:
        style.label_right(axes, names)


def _curve(
    axes: Axes, arm: Method, by_step: pd.DataFrame, confidence: float, chosen: float, entry: declared.Curves
) -> None:
    """The mean over seeds, the band of its interval, and the arm's marker at the step that was chosen for the test."""
    steps, mean = by_step.index.to_numpy(dtype=float), by_step.mean(axis=1).to_numpy()
    _, color, marker, size = style.look(arm.method)
    dots: dict[str, Any] = {"color": color, "marker": marker, **marks.EDGE}
    order = 4 if arm.method == entry.on_top else 3
    if by_step.shape[1] > 1:
        band = np.array([t_interval(row.dropna(), confidence) for _, row in by_step.iterrows()])
        axes.fill_between(steps, band[:, 0], band[:, 1], color=color, alpha=entry.band, linewidth=0, zorder=order - 1)
    line = {**dots, "markersize": 0.75 * size} if entry.markers == "each" else {"color": color}
    axes.plot(steps, mean, linewidth=0.9, zorder=order, gid=arm.arm, **line)
    y, (bottom, top) = float(np.interp(chosen, steps, mean)), axes.get_ylim()
    if entry.markers == "chosen" and bottom <= y <= top:
        axes.plot([chosen], [y], markersize=size, clip_on=False, gid=f"chosen:{arm.arm}", zorder=order + 2, **dots)


def _limits(how: str, means: Sequence[pd.Series], levels: Mapping[str, float]) -> tuple[float, float]:
    """Of the losses: to a little above chance, all but the untrained start, or about the lowest values."""
    if how == "below chance":  # a start far above it would flatten everything else
        values = pd.concat(list(means))
        low, top = min([values.min(), *levels.values()]), levels.get("chance", values.max())
        return low - 0.06 * (top - low), top + 0.12 * (top - low)
    ends = [*levels.values()]
    ends += [y for mean in means for y in (mean[mean.index > 0] if how == "later" else [mean.min()])]
    low, high = min(ends), max(ends)
    if how == "later":
        return low - 0.12 * (high - low or 1.0), high + 0.12 * (high - low or 1.0)
    room = high - low if high - low > 0.2 else 0.4
    return low - 0.08 * room, high + 0.45 * room
