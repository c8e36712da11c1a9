"""Document 003 done right: by frequency band, by corpus size, by parameters, and during training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tokentrial.report.bespoke_bands import BANDS, Values, differences, values_of
from tokentrial.report.bespoke_results import LOSS, STANDARD, Cell, Study, in_order, layout_name, subjects
from tokentrial.report.bespoke_trends import Corpora, fair_trends, released_trends
from tokentrial.report.figures import style
from tokentrial.report.figures.bespoke_arms import band_lines, handles, look, marks
from tokentrial.report.figures.levels import dodge, draw_levels, reference_levels
from tokentrial.report.figures.style import GREY, VERMILLION
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import FloatArray
from tokentrial.statistics.tables import method

ABSENT = "this run has no sub-study of document 003 done right"
CONTROLS = ("projected", "budget", "bespoke", "permuted", "reversed")
SHORT = {"zipf_iid": "i.i.d.", "zipf_markov": "chain"}
NAMES = {"initial": "Initial", "scaling": "Scaling", "efficiency": "Efficient", "converged": "Converged"}
TICKS = [n * 10.0**k for k in range(3, 9) for n in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]
CLOSE = 1.04  # counts that differ by less are drawn side by side
MARGIN = "#EDEDED"


def title(study: str, cell: Cell, layout: str = "") -> str:
    """``Scaling, chain, 20.4K``: sub-study or layout, source, thousands of tokens."""
    name = layout.capitalize() or NAMES.get(study, study)
    return f"{name}, {SHORT.get(cell.source, cell.source)}, {cell.tokens / 1000:.3g}K tokens"


def interval(values: FloatArray, confidence: float) -> tuple[float, float, float]:
    """Mean and Student's interval; the mean alone for one seed."""
    low, high = t_interval(values, confidence) if len(values) > 1 else (np.nan, np.nan)
    return float(np.mean(values)), low, high


@style.applied()
def bands(study: Study) -> Figure:
    """Arms minus the standard one by frequency band of the input token; a panel per cell and layout."""
    values = values_of(study)
    panels = [
        (name, cell, arm)
        for name, cell in study.fair()
        for arm in subjects(study.arms_of(cell))
        if (cell.condition, arm, "cross_entropy_high") in values
    ]
    if not panels:
        return style.nothing("this run has no losses by frequency band")
    boxes = style.grid(len(panels), 3, height=2.7, top=0.6, gap=(0.95, 1.35), sides=(1.25, 0.2))
    bottom = boxes[-1].top + boxes[-1].height + 0.95
    drawn = [f"{name}-x" if name != "projected" else name for name in CONTROLS]
    legend = handles(drawn)
    figure, axes = style.canvas(bottom + style.legend_height(legend), boxes)
    for k, (panel, (name, cell, arm)) in enumerate(zip(axes, panels, strict=True)):
        _band_panel(panel, values, cell, arm, study.confidence)
        several = len(subjects(study.arms_of(cell))) > 1
        panel.set_title(title(name, cell, layout_name(arm) if several else ""), fontsize=style.SMALL)
        panel.set_ylabel("minus standard (nats)" if k % 3 == 0 else "")
    style.legend(figure, legend, top=bottom)
    return figure


def _band_panel(axes: Axes, values: Values, cell: Cell, subject: str, confidence: float) -> None:
    layout = subject.partition("-")[2]
    arms = [name if name == "projected" else f"{name}-{layout}" for name in CONTROLS]
    shifts = dodge(arms, 0.62)
    for arm in arms:
        for found in differences(values, cell, arm, confidence):
            x = list(BANDS).index(found.metric) + shifts[arm]
            error = np.nan_to_num([[found.mean - found.low], [found.high - found.mean]])
            shown: dict[str, Any] = {**marks(arm), "markersize": look(arm).size * 0.8}
            axes.errorbar([x], [found.mean], yerr=error, elinewidth=0.8, **shown)
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=1)
    axes.axvline(2.5, color=style.PALE, linewidth=0.5, zorder=1)
    labels = []
    for metric, words in BANDS.items():
        share = values.get((cell.condition, STANDARD, metric.replace("cross_entropy", "share")))
        labels.append(words if share is None or metric == LOSS else f"{words}\n{100 * share.mean():.0f} %")
    axes.set_xticks(range(len(labels)), labels=labels, fontsize=style.SMALL)
    axes.set_xlim(-0.5, len(labels) - 0.5)


@style.applied()
def parameters(study: Study) -> Figure:
    """Held-out loss against numbers trained, a panel per cell of the initial and the efficient layouts."""
    chosen = [(name, cell) for name, cell in study.fair() if name in ("initial", "efficiency")]
    places = {cell.condition: _beside(study, cell) for _, cell in study.fair()}
    cells = [(name, cell) for name, cell in chosen or study.fair() if places[cell.condition]]
    if not cells:
        return style.nothing(ABSENT)
    columns = min(len(cells), 3)
    boxes = style.grid(len(cells), columns, height=4.6, top=0.6, gap=(1.15, 1.5), sides=(1.35, 0.25))
    bottom = boxes[-1].top + boxes[-1].height + 1.15
    arms = in_order(arm for _, cell in cells for arm in study.arms_of(cell) if arm != "unigram")
    legend = handles(arms)
    figure, axes = style.canvas(bottom + style.legend_height(legend), boxes)
    for k, (panel, (name, cell)) in enumerate(zip(axes, cells, strict=True)):
        _parameter_panel(panel, study, cell, places[cell.condition])
        panel.set_title(title(name, cell), fontsize=style.SMALL)
        panel.set_ylabel("held-out loss (nats)" if k % columns == 0 else "")
        panel.set_xlabel("numbers trained")
    style.legend(figure, legend, top=bottom)
    return figure


def _parameter_panel(axes: Axes, study: Study, cell: Cell, beside: dict[str, float]) -> None:
    ends = []
    for arm, x in beside.items():
        level = study.level(cell.condition, arm)
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
    level = study.level(cell.condition, STANDARD, LOSS)
    _bounded(axes, ends, {name: level[name] for name in ("floor", "unigram") if level.get(name) is not None})


def _beside(study: Study, cell: Cell) -> dict[str, float]:
    """Where each arm stands: at its count, beside it where others count nearly the same."""
    counts = {
        arm: float(study.cost(cell.condition, arm).get("params_trained") or 0)
        for arm in study.arms_of(cell)
        if arm != "unigram" and study.level(cell.condition, arm)
    }
    counts = {arm: n for arm, n in counts.items() if n}
    groups: list[list[str]] = []
    for arm in sorted(counts, key=lambda arm: counts[arm]):
        near = groups and counts[arm] / counts[groups[-1][0]] < CLOSE
        groups = [*groups[:-1], [*groups[-1], arm]] if near else [*groups, [arm]]
    octaves = np.log2(max(counts.values()) / min(counts.values())) if counts else 0.0
    shifts = [dodge(in_order(group), 0.045 * octaves * (len(group) - 1)) for group in groups]
    return {arm: counts[arm] * 2**shift for group in shifts for arm, shift in group.items()}


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
def curves(study: Study) -> Figure:
    """Validation loss by step, with entropy rate and unigram entropy; the converged cells, then the corpus sizes."""
    order = {"converged": 0, "scaling": 1}
    cells = sorted((pair for pair in study.fair() if pair[0] in order), key=lambda pair: order[pair[0]])
    cells = cells or list(study.fair())
    runs = study.runs
    validation = runs[(runs["split"] == "validation") & (runs["metric"] == LOSS) & runs["step"].notna()]
    cells = [(name, cell) for name, cell in cells if (validation["condition"] == cell.condition).any()]
    if not cells:
        return style.nothing("this run has no validation curves of document 003 done right")
    boxes = style.grid(len(cells), 2, height=3.9, top=0.6, gap=(2.9, 1.3), sides=(1.25, 1.75))
    bottom = boxes[-1].top + boxes[-1].height + 1.15
    arms = in_order(arm for _, cell in cells for arm in study.arms_of(cell) if arm != "unigram")
    methods = list(dict.fromkeys(method(arm) for arm in arms))
    legend = [Line2D([], [], color=look(name).color, linewidth=1.2, label=look(name).name) for name in methods]
    figure, axes = style.canvas(bottom + style.legend_height(legend), boxes)
    for k, (panel, (name, cell)) in enumerate(zip(axes, cells, strict=True)):
        _curve_panel(panel, study, validation[validation["condition"] == cell.condition], cell)
        panel.set_title(title(name, cell))
        panel.set_ylabel("validation loss (nats)" if k % 2 == 0 else "")
        panel.set_xlabel("optimiser step" if k >= len(cells) - 2 else "")
    style.legend(figure, legend, top=bottom)
    return figure


def _curve_panel(axes: Axes, study: Study, curves: pd.DataFrame, cell: Cell) -> None:
    confidence = study.confidence
    lowest = []
    for arm in study.arms_of(cell):
        by_step = curves[curves["arm"] == arm].pivot_table(index="step", columns="seed", values="value")
        if arm == "unigram" or by_step.empty:
            continue
        rows = np.array([interval(row.dropna().to_numpy(), confidence) for _, row in by_step.iterrows()])
        band_lines(axes, by_step.index.to_numpy(dtype=float).tolist(), rows, arm)
        lowest.append(float(rows[:, 0].min()))
    summary = study.summary
    own = summary[(summary["condition"] == cell.condition) & (summary["metric"] == LOSS)]
    levels = {name: y for name, y in reference_levels(own).items() if name != "chance"}
    axes.set_xlim(0, float(curves["step"].max()) * 1.02)
    low, high = min([*lowest, *levels.values()]), max([*lowest, *levels.values()])
    room = high - low if high - low > 0.2 else 0.4
    axes.set_ylim(low - 0.08 * room, high + 0.45 * room)
    draw_levels(axes, levels)
    same = len(levels) == 2 and np.isclose(levels["floor"], levels["unigram"])
    names = {"entropy": levels["floor"]} if same else levels
    style.label_right(axes, {name.replace("floor", "entropy rate"): y for name, y in names.items()})


@style.applied()
def corpus(study: Study) -> Figure:
    """Bespoke minus the other arms against the corpus, with slopes: done right, and as released."""
    fair, released = list(fair_trends(study)), list(released_trends(study))
    groups = [group for group in (fair, released) if group]
    if not groups:
        return style.nothing("this run has no corpora of different sizes")
    boxes = style.grid(2, 2, height=5.6, top=0.6, gap=(1.7, 1.0), sides=(1.5, 0.3))[: len(groups)]
    lines = 1 + max(len(group) + (group is fair) for group in groups)
    height = 0.6 + 5.6 + 1.15 + 0.36 * lines
    figure, axes = style.canvas(height, boxes)
    for panel, group, box in zip(axes, groups, boxes, strict=True):
        done_right = group is fair
        samples = _fair_panel(panel, study, group) if done_right else _released_panel(panel, group)
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


def _points(axes: Axes, found: Corpora, color: Any, marks: dict[str, Any], shift: float, fitted: bool) -> None:
    """Means with intervals, joined or with the least-squares line through them."""
    tokens = found.values.columns.to_numpy(dtype=float)
    rows = np.array([found.at(float(size)) for size in tokens])
    error = np.nan_to_num(np.abs(rows[:, 1:].T - rows[:, 0]))
    axes.errorbar(tokens * 2**shift, rows[:, 0], yerr=error, linestyle="none", elinewidth=0.9, zorder=3, **marks)
    line = found.trend.intercept + found.trend.slope * (np.log2(tokens) - found.trend.centre)
    axes.plot(tokens * 2**shift, line if fitted else rows[:, 0], color=color, linewidth=0.7, zorder=2)


def _corpus_axis(axes: Axes, group: Sequence[Corpora]) -> None:
    tokens = sorted({float(size) for found in group for size in found.values.columns})
    axes.set_xscale("log", base=2)
    axes.set_xticks(tokens, labels=[f"{size:,.0f}" for size in tokens])
    axes.set_xticks([], minor=True)
    axes.set_xlim(tokens[0] / 1.5, tokens[-1] * 1.5)
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=1)


def _slope(found: Corpora) -> str:
    trend = found.trend
    ends = "" if trend.low is None or trend.high is None else f" [{trend.low:+.3f}, {trend.high:+.3f}]"
    return f"{trend.slope:+.3f}{ends}, n = {trend.n}".replace("-", "−")


def _fair_panel(axes: Axes, study: Study, group: Sequence[Corpora]) -> list[Any]:
    """The margin's band, and a line per other arm."""
    samples: list[Any] = []
    shifts = dodge([found.other for found in group], 0.45)
    for found in group:
        shown: dict[str, Any] = marks(found.other)
        _points(axes, found, look(found.other).color, shown, shifts[found.other], fitted=True)
        label = f"{look(found.other).name}: {_slope(found)}"
        samples.append(Line2D([], [], linewidth=0.7, label=label, **shown))
    _corpus_axis(axes, group)
    stats = study.statistics
    mine = stats[stats["condition"].str.contains("/done-right/") & (stats["metric"] == LOSS)]
    scaling = mine[mine["condition"].str.startswith("bespoke/scaling/")]
    margin = float((scaling if len(scaling) else mine)["margin"].mean())
    axes.axhspan(-margin, margin, color=MARGIN, linewidth=0, zorder=0, gid="equivalence")
    samples.append(Patch(facecolor=MARGIN, label="equivalence margin"))
    return samples


def _released_panel(axes: Axes, group: Sequence[Corpora]) -> list[Any]:
    """The reported difference, and one line per number of steps, on fresh text."""
    samples: list[Any] = []
    colors = colormaps["viridis"](np.linspace(0.0, 0.9, max(len(group) - 1, 1)))
    shifts = np.linspace(-0.2, 0.2, len(group)) if len(group) > 1 else [0.0]
    for k, (found, shift) in enumerate(zip(group, shifts, strict=True)):
        shown: dict[str, Any] = {"color": colors[k - 1] if k else VERMILLION, "marker": "o" if k else "D"}
        shown["markersize"] = 3.4
        _points(axes, found, shown["color"], shown, float(shift), fitted=False)
        words = found.kind.removeprefix("as released, ").removesuffix(" each, fresh text") if k else "as reported"
        samples.append(Line2D([], [], linewidth=0.7, label=f"{words}: {_slope(found)}", **shown))
    _corpus_axis(axes, group)
    return samples
