"""Learned minus autoencoder on real text by compression ratio: as described beside done right."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tokentrial.report.figures import style
from tokentrial.report.figures.levels import dodge, log2_axis
from tokentrial.report.language_model_names import title
from tokentrial.run.columns import Condition
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View

WAYS = {"as-described": "As described", "done-right": "Done right"}
# The learned encoding, and the same trained as often as an arm that starts from the trained full model.
SUBJECTS = {"learned": "", "learned_twice": ", learned twice as long"}
LOOKS = (
    *((style.BLUE, "o", 4.0), (style.GREEN, "s", 3.8), (style.ORANGE, "^", 4.4)),
    *((style.PURPLE, "D", 3.6), (style.SKY, "v", 4.4), (style.BLACK, "P", 4.4)),
)
BAND = "#EDEDED"
LABEL = "learned minus autoencoder, test loss\n(nats per token; below 0: learned better)"
NOTHING = "No condition of this run has both a learned encoding and an autoencoder."


@style.applied()
def ratio(view: View) -> Figure:
    """A panel per way, kind of body and length of training."""
    rows = differences(view)
    panels: dict[str, list[Condition]] = {}
    subjects: dict[str, str] = {}
    for way, (subject, words) in itertools.product(WAYS, SUBJECTS.items()):
        compared = set(rows.loc[rows["subject"] == subject, "condition"])
        for condition in view.select(way=way):
            if condition.id in compared:
                name = WAYS[way] + (words or body_words(condition))
                panels.setdefault(name, []).append(condition)
                subjects[name] = subject
    if not panels:
        return style.nothing(NOTHING)
    titles = list(dict.fromkeys(title(each) for shown in panels.values() for each in shown))
    looks = {name: LOOKS[k % len(LOOKS)] for k, name in enumerate(titles)}
    handles: list[Artist] = [_handle(name, looks[name]) for name in titles]
    handles.append(Patch(color=BAND, label=f"equivalent: within ±{rows['margin'].iloc[0]:g} nats"))
    boxes = style.grid(len(panels), 2, height=4.6, top=0.6, gap=(0.8, 1.75), sides=(1.9, 0.4))
    bottom = boxes[-1].top + boxes[-1].height + 1.2
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    shown_rows = rows[rows["condition"].isin([each.id for shown in panels.values() for each in shown])]
    low, high = limits(shown_rows)
    for index, (panel, (name, shown)) in enumerate(zip(axes, panels.items(), strict=True)):
        panel.set_ylim(low, high)
        _panel(panel, rows[rows["subject"] == subjects[name]], shown, looks)
        panel.set_title(name)
        panel.set_xlabel("compression ratio (to 1)")
        panel.tick_params(axis="y", labelleft=index % 2 == 0)
        panel.set_ylabel(LABEL if index % 2 == 0 else "")
    style.legend(figure, handles, top=bottom)
    return figure


def differences(view: View) -> pd.DataFrame:
    """The comparisons of learned with autoencoder at one ratio, with that ratio."""
    loss = view.statistics[view.statistics["metric"] == LOSS]
    names = zip(loss["study"], loss["arm_a"], loss["arm_b"], strict=True)
    pairs = [(view.method(study, a), view.method(study, b)) for study, a, b in names]
    asked = [a.method in SUBJECTS and b.method == "autoencoder" and a.ratio == b.ratio is not None for a, b in pairs]
    arms = [a for (a, _), wanted in zip(pairs, asked, strict=True) if wanted]
    ratios = np.array([arm.ratio for arm in arms], dtype=float)
    return loss[np.array(asked, dtype=bool)].assign(ratio=ratios, subject=[arm.method for arm in arms])


def body_words(condition: Condition) -> str:
    """Whether all arms have one body or it shrinks with the ratio; nothing where that is not known."""
    return "" if condition.narrow is None else f", {'narrow' if condition.narrow else 'fixed'} body"


def limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Room for every interval, zero and the margin."""
    values = rows[["difference", "t_low", "t_high", "margin"]].to_numpy(dtype=float).ravel()
    everything = np.concatenate([values[np.isfinite(values)], -rows["margin"].dropna().to_numpy(dtype=float), [0.0]])
    low, high = float(everything.min()), float(everything.max())
    room = 0.07 * (high - low or 1.0)
    return low - room, high + room


def _panel(axes: Axes, rows: pd.DataFrame, shown: list[Condition], looks: dict[str, tuple[str, str, float]]) -> None:
    drawn = rows[rows["condition"].isin([each.id for each in shown])]
    ratios = sorted(drawn["ratio"].unique())
    log2_axis(axes, [float(value) for value in ratios], [f"{value:g}" for value in ratios])
    margin = float(drawn["margin"].iloc[0])
    axes.axhspan(-margin, margin, color=BAND, linewidth=0, zorder=0, gid="equivalence")
    axes.axhline(0, color=style.GREY, linewidth=0.6, zorder=1)
    shifts = dodge([title(each) for each in shown], 0.24 if len(shown) > 1 else 0.0)
    for condition in shown:
        color, marker, size = looks[title(condition)]
        line = drawn[drawn["condition"] == condition.id].sort_values("ratio")
        mean = line["difference"].to_numpy(dtype=float)
        bars = np.nan_to_num(np.abs(line[["t_low", "t_high"]].to_numpy(dtype=float).T - mean))
        axes.errorbar(
            line["ratio"].to_numpy(dtype=float) * 2 ** shifts[title(condition)], mean, yerr=bars, color=color,
            marker=marker, markersize=size, linewidth=0.6, elinewidth=0.9, markeredgecolor="white",
            markeredgewidth=0.3, label=condition.id, zorder=3,
        )  # fmt: skip


def _handle(label: str, look: tuple[str, str, float]) -> Line2D:
    color, marker, size = look
    return Line2D(
        [], [], color=color, marker=marker, markersize=size, linestyle="none", label=label, markeredgecolor="white",
        markeredgewidth=0.3,
    )  # fmt: skip
