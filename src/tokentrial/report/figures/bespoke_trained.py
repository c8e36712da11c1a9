"""Document 003 done right: by frequency band, by corpus size, by parameters, and during training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tokentrial.report.bespoke_bands import BANDS, FREQUENT, differences, share
from tokentrial.report.bespoke_results import BESPOKE, STANDARD, arms_of, subjects, training_tokens
from tokentrial.report.bespoke_trends import Corpora, fair_trends, released_trends
from tokentrial.report.figures import style
from tokentrial.report.figures.bespoke_arms import band_lines, by_method, handles, look, marks
from tokentrial.report.figures.levels import dodge, draw_levels, reference_levels
from tokentrial.report.figures.style import GREY, VERMILLION
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import FloatArray

ABSENT = "this run has no sub-study of document 003 done right"
BANDED = ("projected", "budget", BESPOKE, "permuted", "reversed")
SHORT = {"zipf_iid": "i.i.d.", "zipf_markov": "chain"}
TICKS = [n * 10.0**k for k in range(3, 9) for n in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]
CLOSE = 1.04  # counts that differ by less are drawn side by side
MARGIN = "#EDEDED"


def title(condition: Condition, layout: str | None = None) -> str:
    """``Scaling, chain, 20.4K tokens``: experiment or layout, source, thousands of tokens."""
    source = condition.source or ""
    name = (layout or condition.short).capitalize()
    return f"{name}, {SHORT.get(source, source)}, {training_tokens(condition) / 1000:.3g}K tokens"


def interval(values: FloatArray, confidence: float) -> tuple[float, float, float]:
    """Mean and Student's interval; the mean alone for one seed."""
    low, high = t_interval(values, confidence) if len(values) > 1 else (np.nan, np.nan)
    return float(np.mean(values)), low, high


@style.applied()
def bands(view: View) -> Figure:
    """Arms minus the standard one by frequency band of the input token; a panel per cell and layout."""
    panels = [
        (condition, arm)
        for condition in view.select(way="done-right")
        for arm in subjects(arms_of(view, condition))
        if len(view.values_on("test", condition.id, arm.arm, FREQUENT))
    ]
    if not panels:
        return style.nothing("this run has no losses by frequency band")
    boxes = style.grid(len(panels), 3, height=2.7, top=0.6, gap=(0.95, 1.35), sides=(1.25, 0.2))
    bottom = boxes[-1].top + boxes[-1].height + 0.95
    legend = handles(by_method(arm for panel in panels for arm in _banded(view, *panel)))
    figure, axes = style.canvas(bottom + style.legend_height(legend), boxes)
    for k, (panel, (condition, arm)) in enumerate(zip(axes, panels, strict=True)):
        _band_panel(panel, view, condition, arm)
        several = len(subjects(arms_of(view, condition))) > 1
        panel.set_title(title(condition, arm.size_name if several else None), fontsize=style.SMALL)
        panel.set_ylabel("minus standard (nats)" if k % 3 == 0 else "")
    style.legend(figure, legend, top=bottom)
    return figure


def _banded(view: View, condition: Condition, subject: Method) -> list[Method]:
    """The arms that are shown with a subject: those of its layout, and of none."""
    arms = [arm for arm in arms_of(view, condition) if arm.size in (None, subject.size)]
    return [arm for name in BANDED for arm in arms if arm.method == name]


def _band_panel(axes: Axes, view: View, condition: Condition, subject: Method) -> None:
    shifts = dodge(BANDED, 0.62)
    for arm in _banded(view, condition, subject):
        for each in differences(view, condition, arm):
            x = list(BANDS).index(each.metric) + shifts[arm.method]
            error = np.nan_to_num([[each.mean - each.low], [each.high - each.mean]])
            shown: dict[str, Any] = {**marks(arm), "markersize": look(arm).size * 0.8}
            axes.errorbar([x], [each.mean], yerr=error, elinewidth=0.8, **shown)
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=1)
    axes.axvline(2.5, color=style.PALE, linewidth=0.5, zorder=1)
    labels = []
    for metric, words in BANDS.items():
        part = share(view, condition, metric)
        labels.append(words if part is None else f"{words}\n{100 * part:.0f} %")
    axes.set_xticks(range(len(labels)), labels=labels, fontsize=style.SMALL)
    axes.set_xlim(-0.5, len(labels) - 0.5)


@style.applied()
def parameters(view: View) -> Figure:
    """Held-out loss against numbers trained, a panel per cell of the initial and the efficient layouts."""
    fair = view.select(way="done-right")
    chosen = [each for each in fair if each.experiment in ("initial", "efficiency")] or fair
    panels = [(each, places) for each in chosen if (places := _beside(view, each))]
    if not panels:
        return style.nothing(ABSENT)
    columns = min(len(panels), 3)
    boxes = style.grid(len(panels), columns, height=4.6, top=0.6, gap=(1.15, 1.5), sides=(1.35, 0.25))
    bottom = boxes[-1].top + boxes[-1].height + 1.15
    legend = handles(_drawn(view, *(condition for condition, _ in panels)))
    figure, axes = style.canvas(bottom + style.legend_height(legend), boxes)
    for k, (panel, (condition, places)) in enumerate(zip(axes, panels, strict=True)):
        _parameter_panel(panel, view, condition, places)
        panel.set_title(title(condition), fontsize=style.SMALL)
        panel.set_ylabel("held-out loss (nats)" if k % columns == 0 else "")
        panel.set_xlabel("numbers trained")
    style.legend(figure, legend, top=bottom)
    return figure


def _drawn(view: View, *conditions: Condition) -> list[Method]:
    """The arms that see their input; the unigram level is drawn as a line."""
    return [arm for arm in arms_of(view, *conditions) if arm.method != "unigram"]


def _parameter_panel(axes: Axes, view: View, condition: Condition, places: Sequence[tuple[Method, float]]) -> None:
    ends = []
    for arm, x in places:
        level = view.level(condition.id, arm.arm)
        mean, low, high = (level["mean"] if level[name] is None else level[name] for name in ("mean", "low", "high"))
        shown: dict[str, Any] = marks(arm)
        axes.errorbar([x], [mean], yerr=[[mean - low], [high - mean]], elinewidth=0.8, zorder=3, **shown)
        ends += [low, high]
    axes.set_xscale("log", base=2)
    low_x, high_x = axes.get_xlim()
    axes.set_xlim(low_x, high_x)
    ticks = [tick for tick in TICKS if low_x <= tick <= high_x] or [round(float(np.sqrt(low_x * high_x)))]
    ticks = ticks[:: -(-len(ticks) // 6)]
    axes.set_xticks(ticks, labels=[f"{tick / 1000:g}k" for tick in ticks])
    axes.set_xticks([], minor=True)
    level = view.level(condition.id, STANDARD)
    _bounded(axes, ends, {name: level[name] for name in ("floor", "unigram") if level.get(name) is not None})


def _beside(view: View, condition: Condition) -> list[tuple[Method, float]]:
    """Where each arm stands: at its count, beside it where others count nearly the same."""
    arms = {arm.arm: arm for arm in _drawn(view, condition) if view.level(condition.id, arm.arm)}
    counts = {name: float(view.cost(condition.id, name).get("params_trained") or 0) for name in arms}
    counts = {name: n for name, n in counts.items() if n}
    groups: list[list[str]] = []
    for name in sorted(counts, key=lambda name: counts[name]):
        near = groups and counts[name] / counts[groups[-1][0]] < CLOSE
        groups = [*groups[:-1], [*groups[-1], name]] if near else [*groups, [name]]
    octaves = np.log2(max(counts.values()) / min(counts.values())) if counts else 0.0
    in_order = [[name for name in arms if name in group] for group in groups]
    shifts = [dodge(group, 0.045 * octaves * (len(group) - 1)) for group in in_order]
    return [(arms[name], counts[name] * 2**shift) for group in shifts for name, shift in group.items()]


def _bounded(axes: Axes, ends: Sequence[float], bounds: dict[str, float]) -> None:
    """Limits by the arms and near bounds; a bound that is further away than the arms' own range is named in words."""
    low, high = min(ends), max(ends)
    reach = 1.5 * (high - low)
    near = {name: y for name, y in bounds.items() if low - reach <= y <= high + reach}
    low, high = min([low, *near.values()]), max([high, *near.values()])
    room = 0.08 * (high - low)
    axes.set_ylim(low - room, high + room)
    draw_levels(axes, near)
    same = len(near) == 2 and np.isclose(near["floor"], near["unigram"])
    for name, y in list(near.items())[: 1 if same else 2]:
        words = "floor = unigram" if same else name
        axes.annotate(
            words, (0.98, y), (0, 2), xycoords=axes.get_yaxis_transform(), textcoords="offset points", ha="right",
            fontsize=style.SMALL, color=GREY,
        )  # fmt: skip
    far = [f"{'↑' if y > high else '↓'} {name} {y:.2f}" for name, y in bounds.items() if name not in near]
    axes.text(
        0.98, 0.99, "\n".join(far), transform=axes.transAxes, ha="right", va="top", fontsize=style.SMALL, color=GREY
    )


@style.applied()
def curves(view: View) -> Figure:
    """Validation loss by step, with entropy rate and unigram entropy; the converged cells, then the corpus sizes."""
    chosen = [each for name in ("converged", "scaling") for each in view.select(experiment=name, way="done-right")]
    conditions = [each for each in chosen or view.select(way="done-right") if _last_step(view, each)]
    if not conditions:
        return style.nothing("this run has no validation curves of document 003 done right")
    boxes = style.grid(len(conditions), 2, height=3.9, top=0.6, gap=(2.9, 1.3), sides=(1.25, 1.75))
    bottom = boxes[-1].top + boxes[-1].height + 1.15
    looks = {arm.method: look(arm) for arm in _drawn(view, *conditions)}
    legend = [Line2D([], [], color=each.color, linewidth=1.2, label=each.name) for each in looks.values()]
    figure, axes = style.canvas(bottom + style.legend_height(legend), boxes)
    for k, (panel, condition) in enumerate(zip(axes, conditions, strict=True)):
        _curve_panel(panel, view, condition)
        panel.set_title(title(condition))
        panel.set_ylabel("validation loss (nats)" if k % 2 == 0 else "")
        panel.set_xlabel("optimiser step" if k >= len(conditions) - 2 else "")
    style.legend(figure, legend, top=bottom)
    return figure


def _last_step(view: View, condition: Condition) -> float:
    """Of any arm; 0 without a curve."""
    curves = [view.curve(condition.id, arm) for arm in view.arms_of(condition.id)]
    return max((float(curve.index.max()) for curve in curves if len(curve)), default=0.0)


def _curve_panel(axes: Axes, view: View, condition: Condition) -> None:
    lowest = []
    for arm in _drawn(view, condition):
        by_step = view.curve(condition.id, arm.arm)
        if by_step.empty:
            continue
        rows = np.array([interval(row.dropna().to_numpy(), view.confidence) for _, row in by_step.iterrows()])
        band_lines(axes, by_step.index.to_numpy(dtype=float).tolist(), rows, arm)
        lowest.append(float(rows[:, 0].min()))
    summary = view.summary[(view.summary["condition"] == condition.id) & (view.summary["metric"] == LOSS)]
    levels = {name: y for name, y in reference_levels(summary).items() if name != "chance"}
    axes.set_xlim(0, _last_step(view, condition) * 1.02)
    low, high = min([*lowest, *levels.values()]), max([*lowest, *levels.values()])
    room = high - low if high - low > 0.2 else 0.4
    axes.set_ylim(low - 0.08 * room, high + 0.45 * room)
    draw_levels(axes, levels)
    same = len(levels) == 2 and np.isclose(levels["floor"], levels["unigram"])
    names = {"entropy": levels["floor"]} if same else levels
    style.label_right(axes, {name.replace("floor", "entropy rate"): y for name, y in names.items()})


@style.applied()
def corpus(view: View) -> Figure:
    """Bespoke minus the other arms against the corpus, with slopes: done right, and as released."""
    fair, released = list(fair_trends(view)), list(released_trends(view))
    groups = [group for group in (fair, released) if group]
    if not groups:
        return style.nothing("this run has no corpora of different sizes")
    boxes = style.grid(2, 2, height=5.6, top=0.6, gap=(1.7, 1.0), sides=(1.5, 0.3))[: len(groups)]
    lines = 1 + max(len(group) + (group is fair) for group in groups)
    height = 0.6 + 5.6 + 1.15 + 0.36 * lines
    figure, axes = style.canvas(height, boxes)
    for panel, group, box in zip(axes, groups, boxes, strict=True):
        done_right = group is fair
        samples = _fair_panel(panel, view, group) if done_right else _released_panel(panel, group)
        panel.set_title("Done right" if done_right else "As released, and on fresh text by steps")
        panel.set_ylabel("bespoke minus the other arm (nats)" if panel is axes[0] else "")
        panel.set_xlabel("training tokens")
        top = 1 - (0.6 + 5.6 + 1.05) / height
        panel.get_figure(root=True).legend(  # type: ignore[union-attr]
            handles=samples, loc="upper left", bbox_to_anchor=(box.left / style.WIDTH, top), borderaxespad=0,
            borderpad=0, handletextpad=0.5, labelspacing=0.35, title="slope per doubling, minus …" if done_right else
            "slope per doubling, minus standard", title_fontsize=7, alignment="left",
        )  # fmt: skip
    return figure


def _points(axes: Axes, group: Corpora, color: Any, marks: dict[str, Any], shift: float, fitted: bool) -> None:
    """Means with intervals, joined or with the least-squares line through them."""
    tokens = group.values.columns.to_numpy(dtype=float)
    rows = np.array([group.at(float(size)) for size in tokens])
    error = np.nan_to_num(np.abs(rows[:, 1:].T - rows[:, 0]))
    axes.errorbar(tokens * 2**shift, rows[:, 0], yerr=error, linestyle="none", elinewidth=0.9, zorder=3, **marks)
    line = group.trend.intercept + group.trend.slope * (np.log2(tokens) - group.trend.centre)
    axes.plot(tokens * 2**shift, line if fitted else rows[:, 0], color=color, linewidth=0.7, zorder=2)


def _corpus_axis(axes: Axes, group: Sequence[Corpora]) -> None:
    tokens = sorted({float(size) for each in group for size in each.values.columns})
    axes.set_xscale("log", base=2)
    axes.set_xticks(tokens, labels=[f"{size:,.0f}" for size in tokens])
    axes.set_xticks([], minor=True)
    axes.set_xlim(tokens[0] / 1.5, tokens[-1] * 1.5)
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=1)


def _slope(corpora: Corpora) -> str:
    trend = corpora.trend
    ends = "" if trend.low is None or trend.high is None else f" [{trend.low:+.3f}, {trend.high:+.3f}]"
    return f"{trend.slope:+.3f}{ends}, n = {trend.n}".replace("-", "−")


def _fair_panel(axes: Axes, view: View, group: Sequence[Corpora]) -> list[Any]:
    """The margin's band, and a line per other arm."""
    samples: list[Any] = []
    shifts = dodge([each.other.arm for each in group], 0.45)
    for each in group:
        shown: dict[str, Any] = marks(each.other)
        _points(axes, each, look(each.other).color, shown, shifts[each.other.arm], fitted=True)
        label = f"{look(each.other).name}: {_slope(each)}"
        samples.append(Line2D([], [], linewidth=0.7, label=label, **shown))
    _corpus_axis(axes, group)
    conditions = view.select(experiment="scaling", way="done-right") or view.select(way="done-right")
    compared = view.statistics["condition"].isin([each.id for each in conditions]) & (view.statistics["metric"] == LOSS)
    margin = float(view.statistics.loc[compared, "margin"].mean())
    axes.axhspan(-margin, margin, color=MARGIN, linewidth=0, zorder=0, gid="equivalence")
    samples.append(Patch(facecolor=MARGIN, label="equivalence margin"))
    return samples


def _released_panel(axes: Axes, group: Sequence[Corpora]) -> list[Any]:
    """The reported difference, and one line per number of steps, on fresh text."""
    samples: list[Any] = []
    colors = colormaps["viridis"](np.linspace(0.0, 0.9, max(len(group) - 1, 1)))
    shifts = np.linspace(-0.2, 0.2, len(group)) if len(group) > 1 else [0.0]
    for k, (each, shift) in enumerate(zip(group, shifts, strict=True)):
        shown: dict[str, Any] = {"color": colors[k - 1] if k else VERMILLION, "marker": "o" if k else "D"}
        shown["markersize"] = 3.4
        _points(axes, each, shown["color"], shown, float(shift), fitted=False)
        words = "as reported" if each.steps is None else f"{each.steps:,} steps"
        samples.append(Line2D([], [], linewidth=0.7, label=f"{words}: {_slope(each)}", **shown))
    _corpus_axis(axes, group)
    return samples
