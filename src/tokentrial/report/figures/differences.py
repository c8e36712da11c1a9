"""Differences of paired arms, with the band in which they count as none: by ratio, by frequency band, by corpus."""

from collections.abc import Mapping, Sequence
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
from tokentrial.report.figures.style import Look
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.schema import figures as declared


@kind("differences")
def differences(sources: Sources, entry: declared.Differences) -> Figure:
    """A panel per way, kind of body and arm: its difference to another one of the same ratio, against that ratio."""
    rows = _pairs(sources.view, entry)
    if rows.empty:
        raise style.Nothing
    panels = list(rows.groupby("panel", sort=False))
    titles = dict.fromkeys(title for _, group in panels for title in group["title"])
    known = [style.mark_look(mark) for mark in entry.looks]
    looks = {name: known[k % len(known)]._replace(name=name) for k, name in enumerate(titles)}
    band = Patch(color=style.BAND, label=f"equivalent: within ±{rows['margin'].iloc[0]:g} nats")
    samples: list[style.Sample] = [*looks.values(), band]
    figure, axes = style.panels(len(panels), samples, entry.layout, entry.y_label, "compression ratio (to 1)")
    # room for every interval, zero and the margin
    values = rows[["difference", "t_low", "t_high", "margin"]].to_numpy(dtype=float)
    ends = [*values[np.isfinite(values)], *-rows["margin"].dropna().to_numpy(dtype=float), 0.0]
    room = 0.07 * (max(ends) - min(ends) or 1.0)
    for index, (panel, (name, group)) in enumerate(zip(axes, panels, strict=True)):
        panel.set(ylim=(min(ends) - room, max(ends) + room), title=name)
        _by_ratio(panel, group, looks)
        panel.tick_params(axis="y", labelleft=index % 2 == 0)
    return figure


def _pairs(view: View, entry: declared.Differences) -> pd.DataFrame:
    """The comparisons of a declared arm with the other one at its ratio, by way and arm, with their panels."""
    rows: list[dict[str, Any]] = []
    for condition in conditions(view, entry):
        way = (condition.way or "").replace("-", " ").capitalize()
        for pair in (pair for pair in view.pairs(condition.id) if pair["metric"] == LOSS):
            arm, other = (view.method(condition.study, pair[name]) for name in ("arm_a", "arm_b"))
            if arm.method in entry.arms and other.method == entry.other and arm.ratio == other.ratio is not None:
                body = "" if condition.narrow is None else f", {'narrow' if condition.narrow else 'fixed'} body"
                panel = way + (entry.arms[arm.method] or body)
                shown = {"subject": arm.method, "panel": panel, "title": marks.TITLES["body"](condition)}
                rows.append({**pair, "way": way, "ratio": float(arm.ratio or 0), **shown})
    ways, arms = list(dict.fromkeys(row["way"] for row in rows)), list(entry.arms)
    rows.sort(key=lambda row: (ways.index(row["way"]), arms.index(row["subject"])))
    return pd.DataFrame(rows)


def _by_ratio(axes: Axes, rows: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    marks.log2_axis(axes, {ratio: f"{ratio:g}" for ratio in sorted(rows["ratio"].unique())})
    marks.equivalence(axes, float(rows["margin"].iloc[0]))
    marks.zero(axes)
    shown = rows[["condition", "title"]].drop_duplicates()
    shifts = marks.dodge(list(shown["title"]), 0.24 if len(shown) > 1 else 0.0)
    for name, title in shown.itertuples(index=False):
        line = rows[rows["condition"] == name].sort_values("ratio")
        x, means = line["ratio"].to_numpy() * 2 ** shifts[title], line["difference"].to_numpy(dtype=float)
        bars = marks.lengths(line, "difference", "t_low", "t_high")
        marks.points(axes, x, means, bars, looks[title], linewidth=0.6, label=name)


@kind("differences by frequency")
def bands(sources: Sources, entry: declared.Bands) -> Figure:
    """A panel per condition and layout: arms minus the standard one by frequency band of the input token."""
    view = sources.view
    panels = [
        (condition, arm, _banded(view, condition, arm, entry.arms))
        for condition in conditions(view, entry)
        for arm in subjects(arms_of(view, condition))
        if len(view.values_on("test", condition.id, arm.arm, FREQUENT))
    ]
    handles = marks.method_handles([arm for *_, arms in panels for arm in arms], entry.methods, ())
    figure, axes = style.panels(len(panels), handles, entry.layout, entry.y_label)
    for panel, (condition, arm, arms) in zip(axes, panels, strict=True):
        _band_panel(panel, view, condition, arms, entry)
        several = len(subjects(arms_of(view, condition))) > 1
        panel.set_title(marks.corpus(condition, arm.size_name if several else None), fontsize=style.SMALL)
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
            x, bars = list(BANDS).index(each.metric) + shifts[arm.method], [each.mean - each.low, each.high - each.mean]
            marks.points(axes, [x], [each.mean], np.nan_to_num([bars]).T, look, **shown)
    marks.zero(axes)
    marks.zero(axes, upright=True, at=2.5, color=style.PALE, linewidth=0.5)
    parts = {words: share(view, condition, metric) for metric, words in BANDS.items()}
    labels = [words if part is None else f"{words}\n{100 * part:.0f} %" for words, part in parts.items()]
    axes.set_xticks(range(len(labels)), labels=labels, fontsize=style.SMALL)
    axes.set_xlim(-0.5, len(labels) - 0.5)


@kind("differences by corpus")
def by_corpus(sources: Sources, entry: declared.ByCorpus) -> Figure:
    """Bespoke minus the other arms against the size of the corpus, with slopes: done right, and as released."""
    view = sources.view
    fair, released = list(fair_trends(view)), list(released_trends(view))
    groups = [group for group in (fair, released) if group]
    if not groups:
        raise style.Nothing
    boxes = style.grid(2, 2, height=5.6, top=0.6, gap=(1.7, 1.0), sides=(1.5, 0.3))[: len(groups)]
    height = 0.6 + 5.6 + 1.15 + 0.36 * (1 + max(len(group) + (group is fair) for group in groups))
    figure, axes = style.canvas(height, boxes)
    for panel, group, box in zip(axes, groups, boxes, strict=True):
        done_right = group is fair
        samples = _fair_panel(panel, view, group, entry) if done_right else _released_panel(panel, group)
        title = "Done right" if done_right else "As released, and on fresh text by steps"
        panel.set(title=title, ylabel=entry.y_label if panel is axes[0] else "", xlabel="training tokens")
        figure.legend(
            handles=samples, loc="upper left", borderaxespad=0, borderpad=0, handletextpad=0.5, labelspacing=0.35,
            bbox_to_anchor=(box.left / style.WIDTH, 1 - (0.6 + 5.6 + 1.05) / height), title_fontsize=7,
            title=f"slope per doubling, minus {'…' if done_right else 'standard'}", alignment="left",
        )  # fmt: skip
    return figure


def _fair_panel(axes: Axes, view: View, group: Sequence[Corpora], entry: declared.ByCorpus) -> list[Artist]:
    """The margin's band, and a line per other arm."""
    shifts = marks.dodge([each.other.arm for each in group], 0.45)
    shown = [(marks.method_marks(each.other, entry.hollow), style.look(each.other.method).name) for each in group]
    samples = _corpus_lines(axes, group, shown, list(shifts.values()), fitted=True)
    names = [each.id for each in conditions(view, entry)]
    compared = view.statistics["condition"].isin(names) & (view.statistics["metric"] == LOSS)
    marks.equivalence(axes, float(view.statistics.loc[compared, "margin"].mean()))
    return [*samples, Patch(facecolor=style.BAND, label="equivalence margin")]


def _released_panel(axes: Axes, group: Sequence[Corpora]) -> list[Artist]:
    """The reported difference, and one line per number of steps, on fresh text."""
    colors = [style.VERMILLION, *colormaps["viridis"](np.linspace(0.0, 0.9, max(len(group) - 1, 1)))]
    looks = [{"color": color, "marker": "o" if k else "D", "markersize": 3.4} for k, color in enumerate(colors)]
    words = ["as reported" if each.steps is None else f"{each.steps:,} steps" for each in group]
    shifts = [float(shift) for shift in np.linspace(-0.2, 0.2, len(group))] if len(group) > 1 else [0.0]
    return _corpus_lines(axes, group, list(zip(looks, words, strict=False)), shifts, fitted=False)


def _corpus_lines(
    axes: Axes,
    group: Sequence[Corpora],
    shown: Sequence[tuple[style.Options, str]],
    shifts: Sequence[float],
    fitted: bool,
) -> list[Artist]:
    """Means with intervals, joined or with the least-squares line through them; returns the legend's samples."""
    samples: list[Artist] = []
    for each, (look, words), shift in zip(group, shown, shifts, strict=True):
        tokens, trend = each.values.columns.to_numpy(dtype=float), each.trend
        rows = np.array([each.at(float(size)) for size in tokens])
        bars = np.nan_to_num(np.abs(rows[:, 1:].T - rows[:, 0]))
        axes.errorbar(tokens * 2**shift, rows[:, 0], yerr=bars, linestyle="none", elinewidth=0.9, zorder=3, **look)
        line = trend.intercept + trend.slope * (np.log2(tokens) - trend.centre)
        axes.plot(tokens * 2**shift, line if fitted else rows[:, 0], color=look["color"], linewidth=0.7, zorder=2)
        ends = "" if trend.low is None or trend.high is None else f" [{trend.low:+.3f}, {trend.high:+.3f}]"
        slope = f"{trend.slope:+.3f}{ends}, n = {trend.n}".replace("-", "−")
        samples.append(Line2D([], [], linewidth=0.7, label=f"{words}: {slope}", **look))
    sizes = sorted({float(size) for each in group for size in each.values.columns})
    marks.log2_axis(axes, {size: f"{size:,.0f}" for size in sizes})
    axes.set_xlim(sizes[0] / 1.5, sizes[-1] * 1.5)
    marks.zero(axes)
    return samples
