"""Validation loss of the language models during training, with the unigram that a model has to beat."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import style
from tokentrial.report.figures.levels import arm_handles
from tokentrial.report.language_model_names import Condition, bits_of_a_nat, conditions, split_arm
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.tables import method

MAIN = ("learned", "autoencoder", "full")
WAYS = {"as-described": "as described", "done-right": "done right"}
RATIO = 8  # the documents' own; a condition without it shows its nearest
LONG = 40  # letters of a title that fit at the usual size
NOTHING = "No language model of this run has a validation curve."


@style.applied()
def curves(runs: pd.DataFrame, confidence: float = 0.95) -> Figure:
    """A panel per condition: means over seeds with bands; runs: results.RUNS."""
    validation = runs[(runs["split"] == "validation") & (runs["metric"] == "cross_entropy") & runs["value"].notna()]
    steps = validation[validation["step"].notna() & validation["arm"].map(method).isin(MAIN)]
    # other sub-studies have the full table as a control of their own
    steps = steps[steps["condition"].isin(steps.loc[steps["arm"].map(method) == MAIN[0], "condition"])]
    shown = [each for way in WAYS for each in conditions(steps, way)]
    if not shown:
        return style.nothing(NOTHING)
    handles = arm_handles({method(arm) for arm in steps["arm"]})
    boxes = style.grid(len(shown), 2, height=3.9, top=0.6, gap=(2.2, 1.6), sides=(1.75, 1.35))
    bottom = boxes[-1].top + boxes[-1].height + 1.2
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    final = runs[(runs["split"] == "validation") & runs["step"].isna()]
    levels = validation[(validation["arm"] == "reference.unigram") & validation["step"].isna()]
    for index, (panel, condition) in enumerate(zip(axes, shown, strict=True)):
        own = steps[steps["condition"] == condition.name]
        ratio = nearest_ratio(own["arm"])
        kept = own[[split_arm(arm)[1] in (None, ratio) for arm in own["arm"]]]
        _panel(panel, kept, levels.loc[levels["condition"] == condition.name, "value"].mean(), confidence)
        title = _title(condition, ratio)
        panel.set_title(title, fontsize=8 if len(title) <= LONG else 7)
        bits_axis(panel, bits_of_a_nat(final, condition.name), named=index % 2 == 1)
        panel.set_ylabel("validation loss\n(nats per token)" if index % 2 == 0 else "")
        panel.set_xlabel("optimiser step" if index >= len(shown) - 2 else "")
    style.legend(figure, handles, top=bottom)
    return figure


def bits_axis(axes: Axes, bits: float | None, named: bool) -> None:
    """The same heights in bits per byte at the right edge; bits: those of one nat per token, None where not known."""
    if bits is not None:
        second = style.second_axis(axes, "right", bits)
        second.set_ylabel("bits per byte" if named else "")


def nearest_ratio(arms: pd.Series) -> int | None:
    """The ratio nearest to the documents' that the arms have."""
    ratios = {ratio for ratio in (split_arm(arm)[1] for arm in arms) if ratio is not None}
    return min(ratios, key=lambda ratio: (abs(np.log2(ratio / RATIO)), ratio), default=None)


def _title(condition: Condition, ratio: int | None) -> str:
    size = "" if ratio is None else f", {ratio}:1"
    return f"{condition.title}, {WAYS[condition.way]}{size}"


def _panel(axes: Axes, rows: pd.DataFrame, unigram: float, confidence: float) -> None:
    for arm in sorted(rows["arm"].unique(), key=lambda name: MAIN.index(method(name))):
        by_step = rows[rows["arm"] == arm].pivot_table(index="step", columns="seed", values="value")
        steps, mean = by_step.index.to_numpy(dtype=float), by_step.mean(axis=1).to_numpy()
        _, color, marker, size = style.look(method(arm))
        if by_step.shape[1] > 1:
            band = np.array([t_interval(row.dropna(), confidence) for _, row in by_step.iterrows()])
            axes.fill_between(steps, band[:, 0], band[:, 1], color=color, alpha=0.18, linewidth=0, zorder=2)
        axes.plot(
            steps, mean, color=color, marker=marker, markersize=0.75 * size, linewidth=0.9, zorder=3,
            markeredgecolor="white", markeredgewidth=0.3, gid=arm,
        )  # fmt: skip
    axes.set_xlim(0, rows["step"].max() * 1.03)
    later = rows[rows["step"] > 0].groupby(["arm", "step"])["value"].mean()  # the untrained start flattens the rest
    found = [*later, *([unigram] if np.isfinite(unigram) else [])]
    room = 0.12 * (max(found) - min(found) or 1.0)
    axes.set_ylim(min(found) - room, max(found) + room)
    if np.isfinite(unigram):
        color, dashes = style.LEVELS["unigram"]
        axes.axhline(unigram, color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid="unigram")
        place: dict[str, Any] = {"ha": "right", "va": "bottom", "transform": axes.get_yaxis_transform()}
        axes.text(0.99, unigram, "unigram", color=color, fontsize=style.SMALL, **place)
