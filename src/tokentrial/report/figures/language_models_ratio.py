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
from tokentrial.report.language_model_names import Condition, conditions, split_arm

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
def ratio(statistics: pd.DataFrame, arms: pd.DataFrame) -> Figure:
    """A panel per way, kind of body and length of training.

    statistics: results.STATISTICS, arms: results.ARMS (to see what shrinks).
    """
    rows = differences(statistics)
    panels: dict[str, list[Condition]] = {}
    subjects: dict[str, str] = {}
    for way, (subject, words) in itertools.product(WAYS, SUBJECTS.items()):
        for condition in conditions(rows[rows["subject"] == subject], way):
            title = WAYS[way] + (words or body_words(arms, condition))
            panels.setdefault(title, []).append(condition)
            subjects[title] = subject
    if not panels:
        return style.nothing(NOTHING)
    titles = list(dict.fromkeys(each.title for shown in panels.values() for each in shown))
    looks = {title: LOOKS[k % len(LOOKS)] for k, title in enumerate(titles)}
    handles: list[Artist] = [_handle(title, looks[title]) for title in titles]
    handles.append(Patch(color=BAND, label=f"equivalent: within ±{rows['margin'].iloc[0]:g} nats"))
    boxes = style.grid(len(panels), 2, height=4.6, top=0.6, gap=(0.8, 1.75), sides=(1.9, 0.4))
    bottom = boxes[-1].top + boxes[-1].height + 1.2
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    shown_rows = rows[rows["condition"].isin([each.name for shown in panels.values() for each in shown])]
    low, high = limits(shown_rows)
    for index, (panel, (title, shown)) in enumerate(zip(axes, panels.items(), strict=True)):
        panel.set_ylim(low, high)
        _panel(panel, rows[rows["subject"] == subjects[title]], shown, looks)
        panel.set_title(title)
        panel.set_xlabel("compression ratio (to 1)")
        panel.tick_params(axis="y", labelleft=index % 2 == 0)
        panel.set_ylabel(LABEL if index % 2 == 0 else "")
    style.legend(figure, handles, top=bottom)
    return figure


def differences(statistics: pd.DataFrame) -> pd.DataFrame:
    """The comparisons of learned with autoencoder at one ratio, with that ratio."""
    loss = statistics[statistics["metric"] == "cross_entropy"]
    named = [(split_arm(a), split_arm(b)) for a, b in zip(loss["arm_a"], loss["arm_b"], strict=True)]
    asked = [a[0] in SUBJECTS and b == ("autoencoder", a[1]) and a[1] is not None for a, b in named]
    own = [a for (a, _), wanted in zip(named, asked, strict=True) if wanted]
    ratios, subjects = np.array([ratio or 0 for _, ratio in own], dtype=float), [subject for subject, _ in own]
    return loss[np.array(asked, dtype=bool)].assign(ratio=ratios, subject=subjects)


def body_words(arms: pd.DataFrame, condition: Condition) -> str:
    """Whether all arms have one body or it shrinks with the ratio, as counted; nothing where that cannot be seen."""
    sizes = arms.loc[arms["condition"] == condition.name, "parameters_body"].dropna()
    if len(sizes) < 2:
        return ""
    return ", narrow body" if sizes.nunique() > 1 else ", fixed body"


def limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Room for every interval, zero and the margin."""
    values = rows[["difference", "t_low", "t_high", "margin"]].to_numpy(dtype=float).ravel()
    everything = np.concatenate([values[np.isfinite(values)], -rows["margin"].dropna().to_numpy(dtype=float), [0.0]])
    low, high = float(everything.min()), float(everything.max())
    room = 0.07 * (high - low or 1.0)
    return low - room, high + room


def _panel(axes: Axes, rows: pd.DataFrame, shown: list[Condition], looks: dict[str, tuple[str, str, float]]) -> None:
    own = rows[rows["condition"].isin([each.name for each in shown])]
    ratios = sorted(own["ratio"].unique())
    log2_axis(axes, [float(value) for value in ratios], [f"{value:g}" for value in ratios])
    margin = float(own["margin"].iloc[0])
    axes.axhspan(-margin, margin, color=BAND, linewidth=0, zorder=0, gid="equivalence")
    axes.axhline(0, color=style.GREY, linewidth=0.6, zorder=1)
    shifts = dodge([each.title for each in shown], 0.24 if len(shown) > 1 else 0.0)
    for condition in shown:
        color, marker, size = looks[condition.title]
        line = own[own["condition"] == condition.name].sort_values("ratio")
        mean = line["difference"].to_numpy(dtype=float)
        bars = np.nan_to_num(np.abs(line[["t_low", "t_high"]].to_numpy(dtype=float).T - mean))
        axes.errorbar(
            line["ratio"].to_numpy(dtype=float) * 2 ** shifts[condition.title], mean, yerr=bars, color=color,
            marker=marker, markersize=size, linewidth=0.6, elinewidth=0.9, markeredgecolor="white",
            markeredgewidth=0.3, label=condition.name, zorder=3,
        )  # fmt: skip


def _handle(title: str, look: tuple[str, str, float]) -> Line2D:
    color, marker, size = look
    return Line2D(
        [], [], color=color, marker=marker, markersize=size, linestyle="none", label=title, markeredgecolor="white",
        markeredgewidth=0.3,
    )  # fmt: skip
