"""While a vector is optimised: cross-entropy and accuracy of the first texts under every setting."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from tokentrial.cramming.cells import NATURAL
from tokentrial.report.figures import style
from tokentrial.report.figures.cramming_data import (
    CONTROL,
    DASHES,
    SETTINGS,
    Crammed,
    Key,
    sample,
    setting_look,
    thinned,
)
from tokentrial.report.figures.style import GREY

NOTHING = "No text of this run has a learning curve."
MOST = 3  # lengths; their rows of panels fit a page
METRICS = {"cross_entropy": "cross-entropy\n(nats per token)", "accuracy": "accuracy, teacher forcing"}
WITHOUT = (0, (1, 1.2))


@style.applied()
def curves(study: Crammed) -> Figure:
    """A row per length, for the model with the most settings; every line is a text."""
    keys = chosen(study)
    if not keys:
        return style.nothing(NOTHING)
    steps = _steps(study, keys)
    lengths = [int(n) for n in thinned(steps["length"], MOST)]
    handles = [sample(setting_look(key.arm), linestyle=DASHES.get(key.arm, "-"), marker="") for key in keys]
    handles += _end_handles()
    boxes = style.grid(2 * len(lengths), 2, height=3.4, top=0.6, gap=(3.0, 1.2), sides=(1.3, 1.5))
    bottom = boxes[-1].top + boxes[-1].height + 1.1
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for row, length in enumerate(lengths):
        for column, metric in enumerate(METRICS):
            panel = axes[2 * row + column]
            own = steps[(steps["length"] == length) & (steps["metric"] == metric)]
            _panel(panel, study, keys, own, metric, length)
            panel.set_ylabel(METRICS[metric])
            panel.set_xlabel("optimisation step" if row == len(lengths) - 1 else "")
        texts = steps.loc[steps["length"] == length, "seed"].nunique()
        axes[2 * row].set_title(f"{keys[0].model}, N = {length}, {texts} texts")
    style.legend(figure, handles, top=bottom)
    return figure


def chosen(study: Crammed) -> list[Key]:
    """Natural text where it was run, one vector: the settings of the design and model that have the most of them."""
    stepped = study.runs[study.runs["step"].notna()]
    curved = set(zip(stepped["condition"].str.rsplit("/", n=1).str[0], stepped["arm"], strict=True))
    groups: dict[Key, list[Key]] = {}
    for key in study.keys:
        own = (f"cramming/{key.design}/{key.model}/{key.kind}", key.arm)
        if own in curved and not key.arm.startswith(CONTROL):
            groups.setdefault(key._replace(arm=""), []).append(key)
    best = max(groups, key=lambda key: (key.kind == NATURAL, len(groups[key]), -(key.vectors or 0)), default=None)
    order = list(SETTINGS)
    found = [] if best is None else groups[best]
    return sorted(found, key=lambda key: order.index(key.arm) if key.arm in order else len(order))


def _steps(study: Crammed, keys: list[Key]) -> pd.DataFrame:
    """The rows with a step of these keys, with their lengths."""
    design, model, kind, vectors, _ = keys[0]
    names = {f"cramming/{design}/{model}/{kind}/n-{n}-m-{vectors}": n for key in keys for n in study.lengths(key)}
    rows = study.runs[study.runs["step"].notna() & study.runs["condition"].isin(names)]
    rows = rows[rows["arm"].isin([key.arm for key in keys]) & rows["value"].notna()]
    return rows.assign(length=rows["condition"].map(names))


def _panel(axes: Axes, study: Crammed, keys: list[Key], rows: pd.DataFrame, metric: str, length: int) -> None:
    axes.set_xscale("log")
    for key in keys:
        _, color, _, _ = setting_look(key.arm)
        solved = _solved(study, key, metric, length)
        own = rows[rows["arm"] == key.arm].sort_values("step")
        for text in sorted(int(seed) for seed in own["seed"].unique()):
            line = own[own["seed"] == text]
            steps, values = list(line["step"].astype(float)), list(line["value"].astype(float))
            if text in solved:
                steps, values = [*steps, solved[text][0]], [*values, solved[text][1]]
            axes.plot(
                steps, values, color=color, linestyle=DASHES.get(key.arm, "-"), linewidth=0.8, alpha=0.8,
                gid=f"{key.arm}:{text}", zorder=3,
            )  # fmt: skip
            face = color if text in solved else "white"
            axes.plot(steps[-1:], values[-1:], "o", color=color, markersize=3, markerfacecolor=face, zorder=4)
    axes.set_xlim(0.8, max(2.0, 1.25 * axes.dataLim.x1))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    _levels(axes, study, keys[0], metric, length)


def _levels(axes: Axes, study: Crammed, key: Key, metric: str, length: int) -> None:
    """What these texts have without a vector, on average over all texts; chance for the cross-entropy."""
    levels: dict[str, float] = {}
    if metric == "accuracy":
        without = study.get("accuracy_without", key, length).value
    else:
        entropy = study.get("entropy", key, length).value
        without = None if entropy is None else entropy / (length - (0 if study.predict_first else 1))
        vocabulary = study.fact(key.model, "vocab_size")
        levels |= {} if vocabulary is None else {"chance": math.log(vocabulary)}
    levels |= {} if without is None else {"no vector": without}
    axes.set_ylim(*((-0.03, 1.05) if metric == "accuracy" else (0, 1.06 * max(axes.dataLim.y1, *levels.values(), 0.1))))
    for name, level in levels.items():
        color, dashes = style.LEVELS["chance"] if name == "chance" else (GREY, WITHOUT)
        axes.axhline(level, color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid=name)
    style.label_right(axes, levels)


def _solved(study: Crammed, key: Key, metric: str, length: int) -> dict[int, tuple[float, float]]:
    """Solved texts at this length: the step at which each was, and its value there."""
    for block in study.texts.blocks:
        if tuple(block.key) == tuple(key):
            place = int(np.flatnonzero(block.lengths == length)[0])
            steps, values = block.metric("solved_step")[:, place], block.metric(metric)[:, place]
            found = np.flatnonzero((block.solved[:, place] == 1) & ~np.isnan(steps))
            return {int(text): (float(steps[text]), float(values[text])) for text in found}
    return {}


def _end_handles() -> list[Line2D]:
    shared: dict[str, Any] = {"color": GREY, "marker": "o", "markersize": 3, "linestyle": "none"}
    return [
        Line2D([], [], **shared, label="solved: decoded exactly"),
        Line2D([], [], **shared, markerfacecolor="white", label="not solved"),
    ]
