"""Crammed texts: what a vector holds by length, what it leaves of each text, and how its optimisation went."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tokentrial.cramming.cells import CONTROL, NATURAL, STUDY, TUNED, Block, Cells
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind
from tokentrial.report.figures.style import BLUE, GREY, INK, PALE, VERMILLION, Look
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.schema import figures as declared
from tokentrial.statistics.cramming import ABOVE, AT_LEAST, BELOW, Estimate

LEVELS = {"capacity_mean": (1.24, BLUE), "capacity_half": (1.11, VERMILLION)}
"""Heights at which both capacities are marked."""
METRICS = {"cross_entropy": "cross-entropy\n(nats per token)", "accuracy": "accuracy, teacher forcing"}
DOTTED = (0, (1, 1.2))
Marks = Mapping[str, declared.Mark]


def cells(sources: Sources) -> Cells:
    """The measurements behind the measures, one value per text."""
    view = sources.view
    return Cells(view.runs, view.conditions, view.methods, predict_first=sources.predict_first)


def groups_of(view: View) -> list[Scope]:
    """Several kinds of text taken together: one vector, tuned settings, by design and model."""
    return [group for group in view.estimates.groups if (group.vectors, group.arm) == (1, TUNED)]


def members(view: View, group: Scope, kinds: Marks) -> list[Scope]:
    """The kinds of text behind a group, in the order of legends."""
    return sorted(view.estimates.members(group), key=lambda scope: style.rank(scope.kind or "", list(kinds)))


def kind_look(kinds: Marks, name: str | None) -> Look:
    """A kind of text as the entry declares it; another one has a spare look."""
    mark = kinds.get(name or "")
    return style.look(name or "") if mark is None else style.mark_look(mark)


def draw_estimates(
    axes: Axes, estimates: Mapping[Any, Estimate], look: Look, *, along: str = "y", **options: Any
) -> dict[Any, float]:
    """The estimates that have a value, at their places on the other axis; without an interval's end that is undefined.

    Returns the values that are drawn.
    """
    kept = {place: each for place, each in estimates.items() if each.value is not None}
    values = {place: each.value for place, each in kept.items() if each.value is not None}
    ends = [(each.low, values[place], each.high) for place, each in kept.items()]
    bars = [(0.0 if low is None else y - low, 0.0 if high is None else high - y) for low, y, high in ends]
    x, y = list(values), list(values.values())
    if along == "x":
        x, y = y, x
    marks.points(axes, x, y, np.array(bars, dtype=np.float64).reshape(-1, 2).T, look, along=along, **options)
    return values


def draw_length(axes: Axes, length: Estimate, y: float, color: str, name: str) -> None:
    """A length with its interval at height ``y``; an end or a value beyond the grid runs to the panel's edge."""
    left, right = axes.get_xlim()
    below = length.note.startswith(BELOW) or (length.value is not None and length.value < left)
    above = length.note.startswith(ABOVE)
    if length.value is None and not below:
        return
    value = left if length.value is None or below else length.value
    low = left if length.low is None and (below or length.high is not None) else length.low
    high = right if length.high is None and (above or length.low is not None) else length.high
    ends = [value if low is None else max(low, left), value if high is None else max(high, left)]
    axes.plot(ends, [y, y], color=color, linewidth=0.9)
    marker = "<" if below else ">" if above else "D"
    axes.plot([value], [y], marker=marker, color=color, markersize=3.6, clip_on=False, gid=name, zorder=4)


def said(estimate: Estimate, decimals: int = 1) -> str:
    """``20.7 [19.4, 22.4]``, ``≥ 24``, ``< 2``, or ``not defined``."""
    if estimate.note.startswith(BELOW):
        return "< the grid"
    if estimate.value is None:
        return "not defined"
    text = ("≥ " if estimate.note.startswith(AT_LEAST) else "") + f"{estimate.value:.{decimals}f}"
    if estimate.low is not None and estimate.high is not None:
        text += f" [{estimate.low:.{decimals}f}, {estimate.high:.{decimals}f}]"
    return text.replace("-", "−")


@kind("measures by length")
def by_length(sources: Sources, entry: declared.ByLength) -> Figure:
    """A panel per model: measures of unseen natural text against its length, and both capacities above them."""
    view = sources.view
    scopes = view.estimates.widest()[: entry.most]
    samples: list[style.Sample] = []
    for mark in entry.measures.values():  # a stroke is drawn by its edge
        stroke = {"markeredgecolor": style.mark_look(mark).color, "markeredgewidth": 0.8}
        samples.append(style.mark_sample(mark, **(stroke if mark.marker == "_" else marks.EDGE)))
    labels = ("mean over texts", "length N (tokens)")
    figure, axes = style.panels(len(scopes), [*samples, *entry.samples], entry.layout, *labels)
    for panel, scope in zip(axes, scopes, strict=True):
        _lengths_panel(panel, view, scope, entry.measures)
        panel.set_title(scope.model, pad=12)
        loss = view.estimates.fact(scope.model, "validation_cross_entropy")
        n = max((view.estimates.get("accuracy", scope, k).n for k in view.estimates.lengths(scope)), default=0)
        facts = f"validation loss {'not known' if loss is None else f'{loss:.2f}'}, n = {n} texts"
        marks.text(panel, "corner", 0, 1.02, facts, color=GREY, va="baseline")
        panel.tick_params(axis="y", labelleft=bool(panel.get_ylabel()))
    return figure


def _lengths_panel(axes: Axes, view: View, scope: Scope, measures: Marks) -> None:
    lengths = view.estimates.lengths(scope)
    marks.log2_axis(axes, {n: f"{n:g}" for n in marks.thinned(lengths, 8)})
    axes.set_xlim(min(lengths) * 2**-0.3, max(lengths) * 2**0.3)
    for level, color in ((0.99, BLUE), (0.5, VERMILLION)):
        marks.zero(axes, at=level, color=color, linewidth=0.5, linestyle=(0, (1, 2)))
    for measure, mark in measures.items():
        estimates = {n: view.estimates.get(measure, scope, n) for n in lengths}
        line = style.Options(linewidth=0.8, elinewidth=0.8, markeredgewidth=0 if mark.marker == "_" else 0.3)
        draw_estimates(axes, estimates, style.mark_look(mark), label=measure, **line)
    for measure, (y, color) in LEVELS.items():
        draw_length(axes, view.estimates.get(measure, scope), y, color, measure)
    marks.zero(axes, at=1.045, color=PALE, linewidth=0.5)
    axes.set(ylim=(-0.04, 1.33), yticks=[0, 0.25, 0.5, 0.75, 1])


@kind("entropy of texts")
def uncertainty(sources: Sources, entry: declared.Entropy) -> Figure:
    """A panel per model: H(LM+mem) against H(LM), every text a point."""
    view, texts = sources.view, cells(sources)
    groups = {group: members(view, group, entry.kinds) for group in groups_of(view)[: entry.most]}
    layout = entry.layout if len(groups) > 1 else entry.layout.model_copy(update={"height": 7.2})
    looks = {scope.kind: kind_look(entry.kinds, scope.kind) for scopes in groups.values() for scope in scopes}
    labels = ("H(LM+mem), nats per text", "H(LM), nats per text")
    figure, axes = style.panels(len(groups), [*looks.values(), *entry.samples], layout, *labels)
    for panel, (group, scopes) in zip(axes, groups.items(), strict=True):
        blocks = [block for block in texts.blocks if tuple(block.key) in {tuple(scope) for scope in scopes}]
        words = _scatter(panel, view, blocks, group, looks)
        panel.set_title(f"{group.model}, one vector")
        panel.text(
            0.015, 0.985, "\n".join(words), transform=panel.transAxes, va="top", fontsize=style.SMALL, color=INK,
            linespacing=1.35, zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )  # fmt: skip
    return figure


def _scatter(
    axes: Axes, view: View, blocks: Sequence[Block], group: Scope, looks: Mapping[str | None, Look]
) -> list[str]:
    """The texts, the free line and the paper's and its threshold as far as they are defined; returns what they say."""
    for block in blocks:
        _, color, marker, size = looks[block.key.kind]
        shown = style.Options(marker=marker, markersize=0.8 * size, color=color, markeredgewidth=0.5, alpha=0.75)
        solved = block.solved == 1
        for chosen, face, name in ((solved, "none", "solved"), (block.measured & ~solved, color, "unsolved")):
            axes.plot(
                block.entropy[chosen], block.entropy_with[chosen], linestyle="none", markerfacecolor=face, zorder=3,
                gid=f"{block.key.kind}:{name}", **shown,
            )  # fmt: skip
    right = 1.03 * max((float(np.nanmax(block.entropy)) for block in blocks), default=1.0)
    top = 1.03 * max((float(np.nanmax(block.entropy_with)) for block in blocks), default=1.0)
    axes.set(xlim=(0, right), ylim=(-0.02 * top, max(1.2 * top, 0.1)))
    ends, get = np.array([0.0, right]), view.estimates.get
    axes.plot(ends, ends, color=PALE, linewidth=0.8, zorder=1, gid="no gain")
    slope, intercept, offset = (get(name, group) for name in ("entropy_slope", "entropy_intercept", "fixed_offset"))
    if slope.value is not None and intercept.value is not None:
        axes.plot(ends, slope.value * ends + intercept.value, color=INK, linestyle="-", linewidth=1, gid="free")
    if offset.value is not None:
        axes.plot(ends, ends + offset.value, color=INK, linestyle=(0, (4, 2)), linewidth=0.9, gid="fixed")
    # the paper's threshold: the largest H(LM+mem) among solved natural texts
    natural = [block.entropy_with[block.solved == 1] for block in blocks if block.key.kind == NATURAL]
    threshold = max((float(value) for values in natural for value in values), default=None)
    if threshold is not None:
        dotted = style.Options(color=VERMILLION, linestyle=DOTTED, linewidth=0.9, zorder=2)
        marks.zero(axes, at=threshold, gid="threshold", **dotted)
    pairs = slope.note.partition(" ")[0]
    counted = f" ({pairs} points of {slope.n} texts)" if slope.value is not None else ""
    largest = "no unseen natural text is solved"
    return [
        f"free slope {said(slope, 2)}{counted}",
        f"slope 1: offset {said(offset)} nats (n = {offset.n} texts)",
        largest if threshold is None else f"largest H(LM+mem) solved: {threshold:.2f} nats",
    ]


@kind("curves of texts")
def curves(sources: Sources, entry: declared.CurvesOfTexts) -> Figure:
    """A row per length, for the model with the most settings; every line is a text."""
    view, texts = sources.view, cells(sources)
    scopes = chosen(view, list(entry.dashes))
    if not scopes:
        raise style.Nothing
    steps = _steps(view, scopes)
    lengths = [int(n) for n in marks.thinned(steps["length"], entry.most)]
    lines = {scope.arm: style.dashes(entry.dashes.get(scope.arm)) for scope in scopes}
    samples = [*(style.sample(style.look(arm), linestyle=line, marker="") for arm, line in lines.items())]
    figure, axes = style.panels(2 * len(lengths), [*samples, *entry.samples], entry.layout, x_label="optimisation step")
    for row, length in enumerate(lengths):
        of_length, pair = steps[steps["length"] == length], axes[2 * row : 2 * row + 2]
        for panel, (metric, words) in zip(pair, METRICS.items(), strict=True):
            rows = of_length[of_length["metric"] == metric]
            for scope in scopes:
                solved = _solved(texts, scope, metric, length)
                _text_curves(panel, rows[rows["arm"] == scope.arm], scope.arm, lines[scope.arm], solved)
            panel.set(xscale="log", ylabel=words)
            panel.set_xlim(0.8, max(2.0, 1.25 * panel.dataLim.x1))
            panel.xaxis.set_major_formatter("{x:,.0f}")
            panel.xaxis.set_minor_formatter(NullFormatter())
            _text_levels(panel, view, scopes[0], metric, length, texts.given)
        pair[0].set_title(f"{scopes[0].model}, N = {length}, {of_length['seed'].nunique()} texts")
    return figure


def chosen(view: View, order: Sequence[str]) -> list[Scope]:
    """Natural text where it was run, one vector: the settings of the design and model that have the most of them."""
    pairs = view.runs.loc[view.runs["step"].notna(), ["condition", "arm"]].drop_duplicates()
    stepped = [(view.condition(name), arm) for name, arm in pairs.itertuples(index=False)]
    curved = {(each.experiment, each.model, each.kind, arm) for each, arm in stepped}
    controls, groups = view.with_role(STUDY, CONTROL), dict[Scope, list[Scope]]()
    for scope in view.estimates.scopes:
        if (scope.design, scope.model, scope.kind, scope.arm) in curved and scope.arm not in controls:
            groups.setdefault(scope._replace(arm=""), []).append(scope)
    ranks = {group: (group.kind == NATURAL, len(groups[group]), -(group.vectors or 0)) for group in groups}
    best = max(groups, key=lambda group: ranks[group], default=None)
    return sorted(groups[best] if best else [], key=lambda scope: style.rank(scope.arm, order))


def _steps(view: View, scopes: list[Scope]) -> pd.DataFrame:
    """The rows with a step of these settings, with their lengths."""
    design, model, of_kind, vectors, _ = scopes[0]
    lengths = {length for scope in scopes for length in view.estimates.lengths(scope)}
    conditions = view.select(study=STUDY, experiment=design, model=model, kind=of_kind, vectors=vectors)
    names = {each.id: each.length for each in conditions if each.length in lengths}
    rows = view.runs[view.runs["step"].notna() & view.runs["condition"].isin(names) & view.runs["value"].notna()]
    rows = rows[rows["arm"].isin([scope.arm for scope in scopes])]
    return rows.assign(length=rows["condition"].map(names))


def _text_curves(
    axes: Axes, rows: pd.DataFrame, arm: str, dashes: Any, solved: Mapping[int, tuple[float, float]]
) -> None:
    """A line per text; a solved one ends in a closed marker at the step at which it was solved."""
    color, shown = style.look(arm).color, style.Options(linestyle=dashes, linewidth=0.8, alpha=0.8, zorder=3)
    for text in sorted(int(seed) for seed in rows["seed"].unique()):
        line = rows[rows["seed"] == text].sort_values("step")
        places = [*zip(line["step"].astype(float), line["value"].astype(float), strict=True)]
        places += [solved[text]] if text in solved else []
        axes.plot(*zip(*places, strict=True), color=color, gid=f"{arm}:{text}", **shown)
        face = color if text in solved else "white"
        axes.plot(*places[-1], "o", color=color, markersize=3, markerfacecolor=face, zorder=4)


def _text_levels(axes: Axes, view: View, scope: Scope, metric: str, length: int, given: int) -> None:
    """What these texts have without a vector, on average over all texts; chance for the cross-entropy."""
    get, levels = view.estimates.get, dict[str, float | None]()
    if metric == "accuracy":
        levels["no vector"] = get("accuracy_without", scope, length).value
    else:
        entropy, size = get("entropy", scope, length).value, view.estimates.fact(scope.model, "vocab_size")
        levels["chance"] = None if size is None else math.log(size)
        levels["no vector"] = None if entropy is None else entropy / (length - given)
    known = {name: level for name, level in levels.items() if level is not None}
    axes.set_ylim(*((-0.03, 1.05) if metric == "accuracy" else (0, 1.06 * max(axes.dataLim.y1, *known.values(), 0.1))))
    for name, level in known.items():
        dashes = style.LEVELS["chance"].dashes if name == "chance" else DOTTED
        marks.zero(axes, at=level, linestyle=dashes, linewidth=0.8, gid=name)
    style.label_right(axes, known)


def _solved(texts: Cells, scope: Scope, metric: str, length: int) -> dict[int, tuple[float, float]]:
    """Solved texts at this length: the step at which each was, and its value there."""
    for block in texts.blocks:
        if tuple(block.key) == tuple(scope):
            place = int(np.flatnonzero(block.lengths == length)[0])
            steps, reached = block.metric("solved_step")[:, place], block.metric(metric)[:, place]
            solved = np.flatnonzero((block.solved[:, place] == 1) & ~np.isnan(steps))
            return {block.indexes[row]: (float(steps[row]), float(reached[row])) for row in solved}
    return {}
