"""Crammed texts: what a vector holds by length, what it leaves of each text, and how its optimisation went."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tokentrial.cramming.cells import CONTROL, NATURAL, STUDY, TUNED, Block, Cells
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind
from tokentrial.report.figures.style import BLUE, GREY, INK, PALE, VERMILLION
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.schema import figures as declared
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate

CAPACITY, LONGEST = 1.24, 1.11  # heights at which both capacities are marked
METRICS = {"cross_entropy": "cross-entropy\n(nats per token)", "accuracy": "accuracy, teacher forcing"}
DOTTED = (1, 1.2)


def cells(sources: Sources) -> Cells:
    """The measurements behind the measures, one value per text."""
    view = sources.view
    return Cells(view.runs, view.conditions, view.methods, predict_first=sources.predict_first)


def groups_of(view: View) -> list[Scope]:
    """Several kinds of text taken together: one vector, tuned settings, by design and model."""
    return [group for group in view.estimates.groups if (group.vectors, group.arm) == (1, TUNED)]


def members(view: View, group: Scope, kinds: Mapping[str, declared.Mark]) -> list[Scope]:
    """The kinds of text behind a group, in the order of legends."""
    order = list(kinds)
    scopes = view.estimates.members(group)
    return sorted(scopes, key=lambda scope: order.index(scope.kind) if scope.kind in order else len(order))


def kind_look(kinds: Mapping[str, declared.Mark], name: str | None) -> style.Look:
    """A kind of text as the entry declares it; another one has a spare look."""
    mark = kinds.get(name or "")
    return style.look(name or "") if mark is None else style.mark_look(mark)


def values(estimates: Iterable[Estimate]) -> list[float]:
    """Their values; those without one are left out, as in `bars`."""
    return [each.value for each in estimates if each.value is not None]


def bars(estimates: Iterable[Estimate]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Lengths of error bars (2, n); none where an interval's end is not defined."""
    ends = [
        (0.0 if each.low is None else each.value - each.low, 0.0 if each.high is None else each.high - each.value)
        for each in estimates
        if each.value is not None
    ]
    return np.array(ends, dtype=np.float64).reshape(-1, 2).T


def draw_length(axes: Axes, length: Estimate, y: float, color: str, name: str) -> None:
    """A length with its interval at height ``y``; an end or a value beyond the grid runs to the panel's edge."""
    left, right = axes.get_xlim()
    below, above = length.note.startswith(BELOW), length.note.startswith(ABOVE)
    if length.value is None and not below:
        return
    value = left if length.value is None else length.value
    low = left if length.low is None and (below or length.high is not None) else length.low
    high = right if length.high is None and (above or length.low is not None) else length.high
    axes.plot([value if low is None else low, value if high is None else high], [y, y], color=color, linewidth=0.9)
    marker = "<" if below else ">" if above else "D"
    axes.plot([value], [y], marker=marker, color=color, markersize=3.6, clip_on=False, gid=name, zorder=4)


def said(estimate: Estimate, decimals: int = 1) -> str:
    """``20.7 [19.4, 22.4]``, ``≥ 24``, ``< 2``, or ``not defined``."""
    if estimate.note.startswith(BELOW):
        return "< the grid"
    if estimate.value is None:
        return "not defined"
    text = ("≥ " if estimate.note.startswith(ABOVE) else "") + f"{estimate.value:.{decimals}f}"
    if estimate.low is not None and estimate.high is not None:
        text += f" [{estimate.low:.{decimals}f}, {estimate.high:.{decimals}f}]"
    return text.replace("-", "−")


@kind("measures by length")
def by_length(sources: Sources, entry: declared.ByLength) -> Figure | None:
    """A panel per model: measures of unseen natural text against its length, and both capacities above them."""
    view = sources.view
    scopes = view.estimates.widest()[: entry.most]
    if not scopes:
        return None
    measures = [style.mark_sample(mark, **_edge(mark)) for mark in entry.measures.values()]
    figure, axes = style.panels(len(scopes), [*measures, *map(style.mark_sample, entry.samples)], entry.layout)
    columns = min(entry.layout.columns, len(scopes))
    for place, (panel, scope) in enumerate(zip(axes, scopes, strict=True)):
        _lengths_panel(panel, view, scope, entry.measures)
        panel.set_title(scope.model, pad=12)
        panel.text(0, 1.02, _facts(view, scope), transform=panel.transAxes, fontsize=style.SMALL, color=GREY)
        panel.tick_params(axis="y", labelleft=place % columns == 0)
        panel.set_ylabel("mean over texts" if place % columns == 0 else "")
        panel.set_xlabel("length N (tokens)" if place >= len(scopes) - columns else "")
    return figure


def _edge(mark: declared.Mark) -> dict[str, Any]:
    """Of a legend's marker: a stroke has none, and is drawn by it."""
    _, color, marker, _ = style.mark_look(mark)
    stroke = marker == "_"
    return {"markeredgecolor": color if stroke else "white", "markeredgewidth": 0.8 if stroke else 0.3}


def _facts(view: View, scope: Scope) -> str:
    loss = view.estimates.fact(scope.model, "validation_cross_entropy")
    n = max((view.estimates.get("accuracy", scope, length).n for length in view.estimates.lengths(scope)), default=0)
    return f"validation loss {'not known' if loss is None else f'{loss:.2f}'}, n = {n} texts"


def _lengths_panel(axes: Axes, view: View, scope: Scope, measures: Mapping[str, declared.Mark]) -> None:
    lengths = view.estimates.lengths(scope)
    marks.log2_axis(axes, {n: f"{n:g}" for n in marks.thinned(lengths, 8)})
    axes.set_xlim(min(lengths) * 2**-0.3, max(lengths) * 2**0.3)
    for level, color in ((0.99, BLUE), (0.5, VERMILLION)):
        marks.zero(axes, at=level, color=color, linewidth=0.5, linestyle=(0, (1, 2)))
    for measure, mark in measures.items():
        estimates = {n: view.estimates.get(measure, scope, n) for n in lengths}
        kept = {n: each for n, each in estimates.items() if each.value is not None}
        marks.points(
            axes, list(kept), values(kept.values()), bars(kept.values()), style.mark_look(mark), linewidth=0.8,
            elinewidth=0.8, markeredgewidth=0 if mark.marker == "_" else 0.3, label=measure,
        )  # fmt: skip
    for measure, y, color in (("capacity", CAPACITY, BLUE), ("n_max", LONGEST, VERMILLION)):
        draw_length(axes, view.estimates.get(measure, scope), y, color, measure)
    marks.zero(axes, at=1.045, color=PALE, linewidth=0.5)
    axes.set_ylim(-0.04, 1.33)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])


@kind("entropy of texts")
def uncertainty(sources: Sources, entry: declared.Entropy) -> Figure | None:
    """A panel per model: H(LM+mem) against H(LM), every text a point."""
    view, texts = sources.view, cells(sources)
    groups = groups_of(view)[: entry.most]
    if not groups:
        return None
    layout = entry.layout if len(groups) > 1 else entry.layout.model_copy(update={"height": 7.2})
    columns = min(layout.columns, len(groups))
    of_groups = {group: members(view, group, entry.kinds) for group in groups}
    kinds = dict.fromkeys(scope.kind for scopes in of_groups.values() for scope in scopes)
    looks = [kind_look(entry.kinds, name) for name in kinds]
    handles = [style.sample(look, **marks.EDGE) for look in looks]
    figure, axes = style.panels(len(groups), [*handles, *map(style.mark_sample, entry.samples)], layout)
    for place, (panel, (group, scopes)) in enumerate(zip(axes, of_groups.items(), strict=True)):
        wanted = {tuple(scope) for scope in scopes}
        blocks = [block for block in texts.blocks if tuple(block.key) in wanted]
        _scatter(panel, view, blocks, group, entry.kinds)
        panel.set_title(f"{group.model}, one vector")
        panel.set_ylabel("H(LM+mem), nats per text" if place % columns == 0 else "")
        panel.set_xlabel("H(LM), nats per text")
    return figure


def _scatter(axes: Axes, view: View, blocks: Sequence[Block], group: Scope, kinds: Mapping[str, declared.Mark]) -> None:
    for block in blocks:
        _, color, marker, size = kind_look(kinds, block.key.kind)
        solved = block.solved == 1
        for chosen, face, name in ((solved, "none", "solved"), (block.measured & ~solved, color, "unsolved")):
            axes.plot(
                block.entropy[chosen], block.entropy_with[chosen], linestyle="none", marker=marker,
                markersize=0.8 * size, color=color, markerfacecolor=face, markeredgewidth=0.5,
                alpha=0.75, gid=f"{block.key.kind}:{name}", zorder=3,
            )  # fmt: skip
    right = 1.03 * max((float(np.nanmax(block.entropy)) for block in blocks), default=1.0)
    axes.set_xlim(0, right)
    top = 1.03 * max((float(np.nanmax(block.entropy_with)) for block in blocks), default=1.0)
    axes.set_ylim(-0.02 * top, max(1.2 * top, 0.1))
    axes.plot([0, right], [0, right], color=PALE, linewidth=0.8, zorder=1, gid="no gain")
    words = _entropy_lines(axes, view, group, right)
    threshold = _threshold(blocks)
    if threshold is None:
        words.append("no unseen natural text is solved")
    else:
        dotted: dict[str, Any] = {"color": VERMILLION, "linestyle": (0, DOTTED), "linewidth": 0.9, "zorder": 2}
        marks.zero(axes, at=threshold, gid="threshold", **dotted)
        words.append(f"largest H(LM+mem) solved: {threshold:.2f} nats")
    axes.text(
        0.015, 0.985, "\n".join(words), transform=axes.transAxes, va="top", fontsize=style.SMALL, color=INK,
        linespacing=1.35, zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )  # fmt: skip


def _entropy_lines(axes: Axes, view: View, group: Scope, right: float) -> list[str]:
    """The free line and the paper's, as far as they are defined, and what to say of them."""
    slope, intercept = view.estimates.get("entropy_slope", group), view.estimates.get("entropy_intercept", group)
    offset = view.estimates.get("fixed_offset", group)
    ends = np.array([0.0, right])
    if slope.value is not None and intercept.value is not None:
        axes.plot(ends, slope.value * ends + intercept.value, color=INK, linestyle="-", linewidth=1, gid="free")
    if offset.value is not None:
        axes.plot(ends, ends + offset.value, color=INK, linestyle=(0, (4, 2)), linewidth=0.9, gid="fixed")
    pairs = slope.note.partition(" ")[0]
    counted = f" ({pairs} points of {slope.n} texts)" if slope.value is not None else ""
    return [f"free slope {said(slope, 2)}{counted}", f"slope 1: offset {said(offset)} nats (n = {offset.n} texts)"]


def _threshold(blocks: Sequence[Block]) -> float | None:
    """The paper's: the largest H(LM+mem) among solved natural texts."""
    solved = [block.entropy_with[block.solved == 1] for block in blocks if block.key.kind == NATURAL]
    return max((float(value) for values in solved for value in values), default=None)


@kind("curves of texts")
def curves(sources: Sources, entry: declared.CurvesOfTexts) -> Figure | None:
    """A row per length, for the model with the most settings; every line is a text."""
    view, texts = sources.view, cells(sources)
    scopes = chosen(view, list(entry.dashes))
    if not scopes:
        return None
    steps = _steps(view, scopes)
    lengths = [int(n) for n in marks.thinned(steps["length"], entry.most)]
    lines = {scope.arm: style.dashes(entry.dashes.get(scope.arm)) for scope in scopes}
    handles = [style.sample(style.look(arm), linestyle=line, marker="") for arm, line in lines.items()]
    layout = entry.layout
    figure, axes = style.panels(2 * len(lengths), [*handles, *map(style.mark_sample, entry.samples)], layout)
    for row, length in enumerate(lengths):
        of_length = steps[steps["length"] == length]
        for panel, (metric, words) in zip(axes[2 * row : 2 * row + 2], METRICS.items(), strict=True):
            rows = of_length[of_length["metric"] == metric]
            _text_curves(panel, texts, scopes, rows, metric, length, lines)
            _text_levels(panel, view, scopes[0], metric, length, texts.given)
            panel.set_ylabel(words)
            panel.set_xlabel("optimisation step" if row == len(lengths) - 1 else "")
        axes[2 * row].set_title(f"{scopes[0].model}, N = {length}, {of_length['seed'].nunique()} texts")
    return figure


def chosen(view: View, order: Sequence[str]) -> list[Scope]:
    """Natural text where it was run, one vector: the settings of the design and model that have the most of them."""
    stepped = view.runs[view.runs["step"].notna()]
    pairs = stepped[["condition", "arm"]].drop_duplicates()
    conditions = [view.condition(name) for name in pairs["condition"]]
    curved = {(each.experiment, each.model, each.kind, arm) for each, arm in zip(conditions, pairs["arm"], strict=True)}
    groups: dict[Scope, list[Scope]] = {}
    for scope in view.estimates.scopes:
        has_curves = (scope.design, scope.model, scope.kind, scope.arm) in curved
        if has_curves and scope.arm not in view.with_role(STUDY, CONTROL):
            groups.setdefault(scope._replace(arm=""), []).append(scope)
    best = max(
        groups, key=lambda group: (group.kind == NATURAL, len(groups[group]), -(group.vectors or 0)), default=None
    )
    scopes = [] if best is None else groups[best]
    return sorted(scopes, key=lambda scope: order.index(scope.arm) if scope.arm in order else len(order))


def _steps(view: View, scopes: list[Scope]) -> pd.DataFrame:
    """The rows with a step of these settings, with their lengths."""
    design, model, of_kind, vectors, _ = scopes[0]
    lengths = {length for scope in scopes for length in view.estimates.lengths(scope)}
    conditions = view.select(study=STUDY, experiment=design, model=model, kind=of_kind, vectors=vectors)
    names = {each.id: each.length for each in conditions if each.length in lengths}
    rows = view.runs[view.runs["step"].notna() & view.runs["condition"].isin(names)]
    rows = rows[rows["arm"].isin([scope.arm for scope in scopes]) & rows["value"].notna()]
    return rows.assign(length=rows["condition"].map(names))


def _text_curves(
    axes: Axes,
    texts: Cells,
    scopes: list[Scope],
    rows: pd.DataFrame,
    metric: str,
    length: int,
    lines: Mapping[str, Any],
) -> None:
    axes.set_xscale("log")
    for scope in scopes:
        color = style.look(scope.arm).color
        solved = _solved(texts, scope, metric, length)
        of_arm = rows[rows["arm"] == scope.arm].sort_values("step")
        for text in sorted(int(seed) for seed in of_arm["seed"].unique()):
            line = of_arm[of_arm["seed"] == text]
            ends = [solved[text]] if text in solved else []
            steps = [*line["step"].astype(float), *(step for step, _ in ends)]
            losses = [*line["value"].astype(float), *(value for _, value in ends)]
            axes.plot(
                steps, losses, color=color, linestyle=lines[scope.arm], linewidth=0.8, alpha=0.8,
                gid=f"{scope.arm}:{text}", zorder=3,
            )  # fmt: skip
            face = color if ends else "white"
            axes.plot(steps[-1:], losses[-1:], "o", color=color, markersize=3, markerfacecolor=face, zorder=4)
    axes.set_xlim(0.8, max(2.0, 1.25 * axes.dataLim.x1))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _text_levels(axes: Axes, view: View, scope: Scope, metric: str, length: int, given: int) -> None:
    """What these texts have without a vector, on average over all texts; chance for the cross-entropy."""
    levels: dict[str, float] = {}
    if metric == "accuracy":
        without = view.estimates.get("accuracy_without", scope, length).value
    else:
        entropy = view.estimates.get("entropy", scope, length).value
        without = None if entropy is None else entropy / (length - given)
        vocabulary = view.estimates.fact(scope.model, "vocab_size")
        levels |= {} if vocabulary is None else {"chance": math.log(vocabulary)}
    levels |= {} if without is None else {"no vector": without}
    axes.set_ylim(*((-0.03, 1.05) if metric == "accuracy" else (0, 1.06 * max(axes.dataLim.y1, *levels.values(), 0.1))))
    for name, level in levels.items():
        line = style.LEVELS["chance"].dashes if name == "chance" else (0, DOTTED)
        marks.zero(axes, at=level, linestyle=line, linewidth=0.8, gid=name)
    style.label_right(axes, levels)


def _solved(texts: Cells, scope: Scope, metric: str, length: int) -> dict[int, tuple[float, float]]:
    """Solved texts at this length: the step at which each was, and its value there."""
    for block in texts.blocks:
        if tuple(block.key) == tuple(scope):
            place = int(np.flatnonzero(block.lengths == length)[0])
            steps, reached = block.metric("solved_step")[:, place], block.metric(metric)[:, place]
            solved = np.flatnonzero((block.solved[:, place] == 1) & ~np.isnan(steps))
            return {int(text): (float(steps[text]), float(reached[text])) for text in solved}
    return {}
