"""Differences of paired arms, with the band in which they count as none: by ratio, by frequency band, by corpus."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tokentrial.report.bespoke_bands import BANDS, FREQUENT, share
from tokentrial.report.bespoke_bands import differences as by_band
from tokentrial.report.bespoke_results import arms_of, subjects
from tokentrial.report.bespoke_trends import Corpora, fair_trends, released_trends
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, conditions, kind
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.schema import figures as declared

# Of the conditions, in turn.
LOOKS = (
    *(
        style.Look("", style.BLUE, "o", 4.0),
        style.Look("", style.GREEN, "s", 3.8),
        style.Look("", style.ORANGE, "^", 4.4),
    ),
    *(
        style.Look("", style.PURPLE, "D", 3.6),
        style.Look("", style.SKY, "v", 4.4),
        style.Look("", style.BLACK, "P", 4.4),
    ),
)


@kind("differences")
def differences(sources: Sources, entry: declared.Differences) -> Figure | None:
    """A panel per way, kind of body and arm: its difference to another one of the same ratio, against that ratio."""
    rows = _pairs(sources.view, entry)
    if rows.empty:
        return None
    panels = list(rows.groupby("panel", sort=False))
    titles = dict.fromkeys(title for _, group in panels for title in group["title"])
    looks = {name: LOOKS[k % len(LOOKS)]._replace(name=name) for k, name in enumerate(titles)}
    handles: list[Artist] = [style.sample(look, **marks.EDGE) for look in looks.values()]
    handles.append(Patch(color=style.BAND, label=f"equivalent: within ±{rows['margin'].iloc[0]:g} nats"))
    figure, axes = style.panels(len(panels), handles, entry.layout)
    ends = _limits(rows)
    for index, (panel, (name, group)) in enumerate(zip(axes, panels, strict=True)):
        panel.set_ylim(*ends)
        _by_ratio(panel, group, looks)
        panel.set_title(str(name))
        panel.set_xlabel("compression ratio (to 1)")
        panel.tick_params(axis="y", labelleft=index % 2 == 0)
        panel.set_ylabel(entry.y_label if index % 2 == 0 else "")
    return figure


def _pairs(view: View, entry: declared.Differences) -> pd.DataFrame:
    """The comparisons of a declared arm with the other one at its ratio, by way and arm, with their panels."""
    rows: list[dict[str, Any]] = []
    for condition in conditions(view, entry):
        for pair in (pair for pair in view.pairs(condition.id) if pair["metric"] == LOSS):
            arm, other = (view.method(condition.study, pair[name]) for name in ("arm_a", "arm_b"))
            if arm.method in entry.arms and other.method == entry.other and arm.ratio == other.ratio is not None:
                panel = _way(condition) + (entry.arms[arm.method] or body_words(condition))
                shown = {"subject": arm.method, "panel": panel, "title": marks.TITLES["body"](condition)}
                rows.append({**pair, "way": condition.way, "ratio": float(arm.ratio or 0), **shown})
    ways, arms = list(dict.fromkeys(row["way"] for row in rows)), list(entry.arms)
    rows.sort(key=lambda row: (ways.index(row["way"]), arms.index(row["subject"])))
    return pd.DataFrame(rows)


def _way(condition: Condition) -> str:
    return (condition.way or "").replace("-", " ").capitalize()


def body_words(condition: Condition) -> str:
    """Whether all arms have one body or it shrinks with the ratio; nothing where that is not known."""
    return "" if condition.narrow is None else f", {'narrow' if condition.narrow else 'fixed'} body"


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Room for every interval, zero and the margin."""
    values = rows[["difference", "t_low", "t_high", "margin"]].to_numpy(dtype=float).ravel()
    everything = np.concatenate([values[np.isfinite(values)], -rows["margin"].dropna().to_numpy(dtype=float), [0.0]])
    low, high = float(everything.min()), float(everything.max())
    room = 0.07 * (high - low or 1.0)
    return low - room, high + room


def _by_ratio(axes: Axes, rows: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    marks.log2_axis(axes, {ratio: f"{ratio:g}" for ratio in sorted(rows["ratio"].unique())})
    marks.equivalence(axes, float(rows["margin"].iloc[0]))
    marks.zero(axes)
    shown = rows[["condition", "title"]].drop_duplicates()
    shifts = marks.dodge(list(shown["title"]), 0.24 if len(shown) > 1 else 0.0)
    for name, title in shown.itertuples(index=False):
        line = rows[rows["condition"] == name].sort_values("ratio")
        x = line["ratio"].to_numpy(dtype=float) * 2 ** shifts[title]
        bars, means = marks.lengths(line, "difference", "t_low", "t_high"), line["difference"].to_numpy(dtype=float)
        marks.points(axes, x, means, bars, looks[title], linewidth=0.6, label=name)


@kind("differences by frequency")
def bands(sources: Sources, entry: declared.Bands) -> Figure | None:
    """A panel per condition and layout: arms minus the standard one by frequency band of the input token."""
    view = sources.view
    panels = [
        (condition, arm)
        for condition in conditions(view, entry)
        for arm in subjects(arms_of(view, condition))
        if len(view.values_on("test", condition.id, arm.arm, FREQUENT))
    ]
    if not panels:
        return None
    shown = [arm for panel in panels for arm in _banded(view, *panel, entry.arms)]
    figure, axes = style.panels(len(panels), marks.method_handles(shown, entry.methods, ()), entry.layout)
    for k, (panel, (condition, arm)) in enumerate(zip(axes, panels, strict=True)):
        _band_panel(panel, view, condition, _banded(view, condition, arm, entry.arms), entry)
        several = len(subjects(arms_of(view, condition))) > 1
        panel.set_title(marks.corpus(condition, arm.size_name if several else None), fontsize=style.SMALL)
        panel.set_ylabel(entry.y_label if k % entry.layout.columns == 0 else "")
    return figure


def _banded(view: View, condition: Condition, subject: Method, methods: Sequence[str]) -> list[Method]:
    """The arms that are shown with a subject: those of its layout, and of none."""
    arms = [arm for arm in arms_of(view, condition) if arm.size in (None, subject.size)]
    return [arm for name in methods for arm in arms if arm.method == name]


def _band_panel(axes: Axes, view: View, condition: Condition, arms: Sequence[Method], entry: declared.Bands) -> None:
    shifts = marks.dodge(entry.arms, 0.62)
    for arm in arms:
        look = style.look(arm.method)
        shown = {**marks.method_marks(arm, entry.hollow), "markersize": look.size * 0.8, "elinewidth": 0.8, "zorder": 2}
        for each in by_band(view, condition, arm):
            bars = np.nan_to_num([[each.mean - each.low], [each.high - each.mean]])
            marks.points(axes, [list(BANDS).index(each.metric) + shifts[arm.method]], [each.mean], bars, look, **shown)
    marks.zero(axes)
    marks.zero(axes, upright=True, at=2.5, color=style.PALE, linewidth=0.5)
    parts = {words: share(view, condition, metric) for metric, words in BANDS.items()}
    labels = [words if part is None else f"{words}\n{100 * part:.0f} %" for words, part in parts.items()]
    axes.set_xticks(range(len(labels)), labels=labels, fontsize=style.SMALL)
    axes.set_xlim(-0.5, len(labels) - 0.5)


@kind("differences by corpus")
def by_corpus(sources: Sources, entry: declared.ByCorpus) -> Figure | None:
    """Bespoke minus the other arms against the size of the corpus, with slopes: done right, and as released."""
    view = sources.view
    fair, released = list(fair_trends(view)), list(released_trends(view))
    groups = [group for group in (fair, released) if group]
    if not groups:
        return None
    boxes = style.grid(2, 2, height=5.6, top=0.6, gap=(1.7, 1.0), sides=(1.5, 0.3))[: len(groups)]
    height = 0.6 + 5.6 + 1.15 + 0.36 * (1 + max(len(group) + (group is fair) for group in groups))
    figure, axes = style.canvas(height, boxes)
    for panel, group, box in zip(axes, groups, boxes, strict=True):
        done_right = group is fair
        samples = _fair_panel(panel, view, group, entry) if done_right else _released_panel(panel, group)
        panel.set_title("Done right" if done_right else "As released, and on fresh text by steps")
        panel.set_ylabel(entry.y_label if panel is axes[0] else "")
        panel.set_xlabel("training tokens")
        figure.legend(
            handles=samples, loc="upper left", borderaxespad=0, borderpad=0, handletextpad=0.5, labelspacing=0.35,
            bbox_to_anchor=(box.left / style.WIDTH, 1 - (0.6 + 5.6 + 1.05) / height), title_fontsize=7,
            title=f"slope per doubling, minus {'…' if done_right else 'standard'}", alignment="left",
        )  # fmt: skip
    return figure


def _line(axes: Axes, each: Corpora, shown: dict[str, Any], shift: float, words: str, fitted: bool) -> Line2D:
    """Means with intervals, joined or with the least-squares line through them; returns the legend's sample."""
    tokens, trend = each.values.columns.to_numpy(dtype=float), each.trend
    rows = np.array([each.at(float(size)) for size in tokens])
    bars = np.nan_to_num(np.abs(rows[:, 1:].T - rows[:, 0]))
    axes.errorbar(tokens * 2**shift, rows[:, 0], yerr=bars, linestyle="none", elinewidth=0.9, zorder=3, **shown)
    line = trend.intercept + trend.slope * (np.log2(tokens) - trend.centre)
    axes.plot(tokens * 2**shift, line if fitted else rows[:, 0], color=shown["color"], linewidth=0.7, zorder=2)
    ends = "" if trend.low is None or trend.high is None else f" [{trend.low:+.3f}, {trend.high:+.3f}]"
    slope = f"{trend.slope:+.3f}{ends}, n = {trend.n}".replace("-", "−")
    return Line2D([], [], linewidth=0.7, label=f"{words}: {slope}", **shown)


def _corpus_axis(axes: Axes, group: Sequence[Corpora]) -> None:
    tokens = sorted({float(size) for each in group for size in each.values.columns})
    axes.set_xscale("log", base=2)
    marks.ticks(axes, {size: f"{size:,.0f}" for size in tokens})
    axes.set_xlim(tokens[0] / 1.5, tokens[-1] * 1.5)
    marks.zero(axes)


def _fair_panel(axes: Axes, view: View, group: Sequence[Corpora], entry: declared.ByCorpus) -> list[Artist]:
    """The margin's band, and a line per other arm."""
    shifts = marks.dodge([each.other.arm for each in group], 0.45)
    samples: list[Artist] = [
        _line(axes, each, marks.method_marks(each.other, entry.hollow), shifts[each.other.arm], look.name, fitted=True)
        for each, look in ((each, style.look(each.other.method)) for each in group)
    ]
    _corpus_axis(axes, group)
    names = [each.id for each in conditions(view, entry)]
    compared = view.statistics["condition"].isin(names) & (view.statistics["metric"] == LOSS)
    marks.equivalence(axes, float(view.statistics.loc[compared, "margin"].mean()))
    return [*samples, Patch(facecolor=style.BAND, label="equivalence margin")]


def _released_panel(axes: Axes, group: Sequence[Corpora]) -> list[Artist]:
    """The reported difference, and one line per number of steps, on fresh text."""
    samples: list[Artist] = []
    colors = colormaps["viridis"](np.linspace(0.0, 0.9, max(len(group) - 1, 1)))
    shifts = np.linspace(-0.2, 0.2, len(group)) if len(group) > 1 else [0.0]
    for k, (each, shift) in enumerate(zip(group, shifts, strict=True)):
        shown = {"color": colors[k - 1] if k else style.VERMILLION, "marker": "o" if k else "D", "markersize": 3.4}
        words = "as reported" if each.steps is None else f"{each.steps:,} steps"
        samples.append(_line(axes, each, shown, float(shift), words, fitted=False))
    _corpus_axis(axes, group)
    return samples
