"""Validation loss of the language models during training, with the unigram that a model has to beat."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import style
from tokentrial.report.figures.levels import arm_handles
from tokentrial.report.language_model_names import (
    FULL,
    bits_of_a_nat,
    bound,
    conditions,
    of_method,
    title,
)
from tokentrial.run.columns import Condition, Method
from tokentrial.run.view import View
from tokentrial.statistics.intervals import t_interval

MAIN = ("learned", "autoencoder", FULL)
WAYS = {"as-described": "as described", "done-right": "done right"}
RATIO = 8  # the documents' own; a condition without it shows its nearest
LONG = 40  # letters of a title that fit at the usual size
NOTHING = "No language model of this run has a validation curve."


@style.applied()
def curves(view: View) -> Figure:
    """A panel per condition with the learned encoding (others have the full table as a control): means, with bands."""
    by_condition = {each: main_curves(view, each) for way in WAYS for each in conditions(view, way)}
    shown = [each for each, arms in by_condition.items() if any(arm.method == MAIN[0] for arm in arms)]
    if not shown:
        return style.nothing(NOTHING)
    handles = arm_handles({arm.method for each in shown for arm in by_condition[each]})
    boxes = style.grid(len(shown), 2, height=3.9, top=0.6, gap=(2.2, 1.6), sides=(1.75, 1.35))
    bottom = boxes[-1].top + boxes[-1].height + 1.2
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for index, (panel, condition) in enumerate(zip(axes, shown, strict=True)):
        by_arm = by_condition[condition]
        ratio = nearest_ratio(arm.ratio for arm in by_arm)
        kept = {arm: by_step for arm, by_step in by_arm.items() if arm.ratio in (None, ratio)}
        _panel(panel, kept, bound(view, condition, "unigram", "validation"), view.confidence)
        words = _title(condition, ratio)
        panel.set_title(words, fontsize=8 if len(words) <= LONG else 7)
        bits_axis(panel, bits_of_a_nat(view, condition, "validation"), named=index % 2 == 1)
        panel.set_ylabel("validation loss\n(nats per token)" if index % 2 == 0 else "")
        panel.set_xlabel("optimiser step" if index >= len(shown) - 2 else "")
    style.legend(figure, handles, top=bottom)
    return figure


def main_curves(view: View, condition: Condition) -> dict[Method, pd.DataFrame]:
    """Arm -> its curve, of the methods that are shown, in their order (see run.view.View.curve)."""
    arms = [arm for method in MAIN for arm in of_method(view, condition, method)]
    by_arm = {view.method(condition.study, arm): view.curve(condition.id, arm) for arm in arms}
    return {arm: by_step for arm, by_step in by_arm.items() if not by_step.empty}


def bits_axis(axes: Axes, bits: float | None, named: bool) -> None:
    """The same heights in bits per byte at the right edge; bits: those of one nat per token, None where not known."""
    if bits is not None:
        second = style.second_axis(axes, "right", bits)
        second.set_ylabel("bits per byte" if named else "")


def nearest_ratio(ratios: Iterable[int | None]) -> int | None:
    """The ratio nearest to the documents'; None is an arm's that has none."""
    known = {ratio for ratio in ratios if ratio is not None}
    return min(known, key=lambda ratio: (abs(np.log2(ratio / RATIO)), ratio), default=None)


def _title(condition: Condition, ratio: int | None) -> str:
    size = "" if ratio is None else f", {ratio}:1"
    return f"{title(condition)}, {WAYS[condition.way or '']}{size}"


def _panel(axes: Axes, by_arm: Mapping[Method, pd.DataFrame], unigram: float | None, confidence: float) -> None:
    later = [] if unigram is None else [unigram]  # the untrained start flattens the rest
    for arm, by_step in by_arm.items():
        steps, mean = by_step.index.to_numpy(dtype=float), by_step.mean(axis=1).to_numpy()
        _, color, marker, size = style.look(arm.method)
        if by_step.shape[1] > 1:
            band = np.array([t_interval(row.dropna(), confidence) for _, row in by_step.iterrows()])
            axes.fill_between(steps, band[:, 0], band[:, 1], color=color, alpha=0.18, linewidth=0, zorder=2)
        axes.plot(
            steps, mean, color=color, marker=marker, markersize=0.75 * size, linewidth=0.9, zorder=3,
            markeredgecolor="white", markeredgewidth=0.3, gid=arm.arm,
        )  # fmt: skip
        later += mean[steps > 0].tolist()
    axes.set_xlim(0, max(by_step.index.max() for by_step in by_arm.values()) * 1.03)
    room = 0.12 * (max(later) - min(later) or 1.0)
    axes.set_ylim(min(later) - room, max(later) + room)
    if unigram is not None:
        color, dashes = style.LEVELS["unigram"]
        axes.axhline(unigram, color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid="unigram")
        place: dict[str, Any] = {"ha": "right", "va": "bottom", "transform": axes.get_yaxis_transform()}
        axes.text(0.99, unigram, "unigram", color=color, fontsize=style.SMALL, **place)
