"""Entropy or length: what a vector leaves of each text's entropy, and what it takes by kind of text."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tokentrial.cramming.cells import NATURAL, TUNED, Block, Cells
from tokentrial.report.figures import style
from tokentrial.report.figures.cramming_data import bars, draw_length, kind_look, members, said, sample
from tokentrial.report.figures.style import BLUE, GREY, INK, PALE, VERMILLION
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View

NOTHING = "No model of this run was given several kinds of text, so entropy and length do not come apart."
MOST = 4  # panels that fit a page; further models are in the tables
BAND, LIMIT = "#EDEDED", 1.5  # how far apart rule (b) lets the gains of two kinds be
FREE, FIXED, THRESHOLD = "-", (0, (4, 2)), (0, (1, 1.2))


@style.applied()
def uncertainty(view: View, texts: Cells) -> Figure:
    """A panel per model: H(LM+mem) against H(LM), every text a point."""
    groups = groups_of(view)[:MOST]
    if not groups:
        return style.nothing(NOTHING)
    columns = 1 if len(groups) == 1 else 2
    height = 7.2 if columns == 1 else 5.4
    boxes = style.grid(len(groups), columns, height=height, top=0.6, gap=(1.5, 1.5), sides=(1.4, 0.4))
    kinds = list(dict.fromkeys(scope.kind for group in groups for scope in members(view, group)))
    handles = [sample(kind_look(kind)) for kind in kinds] + _line_handles()
    bottom = boxes[-1].top + boxes[-1].height + 1.15
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for place, (panel, group) in enumerate(zip(axes, groups, strict=True)):
        _scatter(panel, view, texts, group)
        panel.set_title(f"{group.model}, one vector")
        panel.set_ylabel("H(LM+mem), nats per text" if place % columns == 0 else "")
        panel.set_xlabel("H(LM), nats per text")
    style.legend(figure, handles, top=bottom)
    return figure


def groups_of(view: View) -> list[Scope]:
    """Several kinds of text taken together: one vector, tuned settings, by design and model."""
    return [group for group in view.estimates.groups if (group.vectors, group.arm) == (1, TUNED)]


def blocks_of(view: View, texts: Cells, group: Scope) -> list[Block]:
    """The measurements by text behind a group."""
    wanted = {tuple(scope) for scope in members(view, group)}
    return [block for block in texts.blocks if tuple(block.key) in wanted]


def _scatter(axes: Axes, view: View, texts: Cells, group: Scope) -> None:
    blocks = blocks_of(view, texts, group)
    for block in blocks:
        _, color, marker, size = kind_look(block.key.kind)
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
    words = _lines(axes, view, group, right)
    threshold = _threshold(blocks)
    if threshold is not None:
        axes.axhline(threshold, color=VERMILLION, linestyle=THRESHOLD, linewidth=0.9, zorder=2, gid="threshold")
    words.append(
        "no unseen natural text is solved" if threshold is None else f"largest H(LM+mem) solved: {threshold:.2f} nats"
    )
    axes.text(
        0.015, 0.985, "\n".join(words), transform=axes.transAxes, va="top", fontsize=style.SMALL, color=INK,
        linespacing=1.35, zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )  # fmt: skip


def _lines(axes: Axes, view: View, group: Scope, right: float) -> list[str]:
    """The free line and the paper's, as far as they are defined, and what to say of them."""
    slope, intercept = view.estimates.get("entropy_slope", group), view.estimates.get("entropy_intercept", group)
    offset = view.estimates.get("fixed_offset", group)
    ends = np.array([0.0, right])
    if slope.value is not None and intercept.value is not None:
        axes.plot(ends, slope.value * ends + intercept.value, color=INK, linestyle=FREE, linewidth=1, gid="free")
    if offset.value is not None:
        axes.plot(ends, ends + offset.value, color=INK, linestyle=FIXED, linewidth=0.9, gid="fixed")
    pairs = slope.note.partition(" ")[0]
    counted = f" ({pairs} points of {slope.n} texts)" if slope.value is not None else ""
    return [f"free slope {said(slope, 2)}{counted}", f"slope 1: offset {said(offset)} nats (n = {offset.n} texts)"]


def _threshold(blocks: Sequence[Block]) -> float | None:
    """The paper's: the largest H(LM+mem) among solved natural texts."""
    solved = [block.entropy_with[block.solved == 1] for block in blocks if block.key.kind == NATURAL]
    values = np.concatenate(solved) if solved else np.array([])
    return float(values.max()) if values.size else None


def _line_handles() -> list[Line2D]:
    hollow = Line2D(
        [], [], color=GREY, marker="o", markersize=3.2, linestyle="none", markerfacecolor="none", label="open: solved"
    )
    lines: dict[str, tuple[str, Any]] = {
        "line with free slope": (INK, FREE),
        "the paper's line, slope 1": (INK, FIXED),
        "largest solved, natural text": (VERMILLION, THRESHOLD),
        "no gain": (PALE, "-"),
    }
    return [
        hollow,
        *(
            Line2D([], [], color=color, linestyle=dashes, linewidth=1, label=name)
            for name, (color, dashes) in lines.items()
        ),
    ]


@style.applied()
def gains(view: View) -> Figure:
    """Three panels per model, a row per kind: information gain, its ratio to natural text's, and lengths."""
    groups = groups_of(view)[:MOST]
    if not groups:
        return style.nothing(NOTHING)
    kinds = {group: members(view, group) for group in groups}
    boxes, top = [], 0.6
    for group in groups:
        height = 0.45 * len(kinds[group]) + 0.3
        boxes += [style.Box(left, top, 3.75, height) for left in (3.5, 7.75, 12.0)]
        top += height + 1.75
    handles = _gain_handles()
    bottom = top - 0.55
    figure, axes = style.canvas(bottom + style.legend_height(handles), boxes)
    for place, group in enumerate(groups):
        three = axes[3 * place : 3 * place + 3]
        _gain_panels(three, view, kinds[group])
        three[0].set_title(group.model, x=-0.9)
    style.legend(figure, handles, top=bottom)
    return figure


def _gain_panels(axes: Sequence[Axes], view: View, scopes: Sequence[Scope]) -> None:
    names = [kind_look(scope.kind).name for scope in scopes]
    for panel in axes:
        panel.set_ylim(len(scopes) - 0.5, -0.5)
        panel.set_yticks(range(len(scopes)), labels=names if panel is axes[0] else [""] * len(scopes))
        panel.tick_params(axis="y", length=0)
    _gain(axes[0], view, scopes)
    _ratio(axes[1], view, scopes)
    _lengths(axes[2], view, scopes)


def _gain(axes: Axes, view: View, scopes: Sequence[Scope]) -> None:
    ends = [0.0]
    for y, scope in enumerate(scopes):
        estimate = view.estimates.get("information_gain_strict", scope)
        _, color, marker, size = kind_look(scope.kind)
        if estimate.value is None:
            axes.text(0.02, y, "all solved", transform=axes.get_yaxis_transform(), va="center", fontsize=style.SMALL)
            continue
        axes.errorbar(
            [estimate.value], [y], xerr=bars([estimate]), color=color, marker=marker, markersize=size, elinewidth=0.9,
            markeredgecolor="white", markeredgewidth=0.3, label=scope.kind, zorder=3,
        )  # fmt: skip
        axes.text(
            0.99, y, f"{estimate.n} texts", transform=axes.get_yaxis_transform(), ha="right", va="center", color=GREY,
            fontsize=style.SMALL,
        )  # fmt: skip
        ends += [end for end in (estimate.value, estimate.low, estimate.high) if end is not None]
    axes.axvline(0, color=GREY, linewidth=0.6, zorder=1, gid="no gain")
    axes.set_xlim(min(ends) - 0.03 * max(ends), 1.45 * max(ends) or 1.0)
    axes.set_xlabel("information gain (nats)")


def _ratio(axes: Axes, view: View, scopes: Sequence[Scope]) -> None:
    axes.set_xscale("log", base=2)
    axes.axvspan(1 / LIMIT, LIMIT, color=BAND, linewidth=0, zorder=0, gid="limit")
    axes.axvline(1, color=GREY, linewidth=0.6, zorder=1)
    ends = [0.5, 2.0]
    for y, scope in enumerate(scopes):
        estimate = view.estimates.get("gain_ratio", scope)
        _, color, marker, size = kind_look(scope.kind)
        if scope.kind == NATURAL or estimate.value is None or estimate.value <= 0:
            words = "reference" if scope.kind == NATURAL else "not defined"
            axes.text(
                0.03, y, words, transform=axes.get_yaxis_transform(), va="center", color=GREY, fontsize=style.SMALL
            )
            continue
        axes.errorbar(
            [estimate.value], [y], xerr=bars([estimate]), color=color, marker=marker, markersize=size, elinewidth=0.9,
            markeredgecolor="white", markeredgewidth=0.3, label=scope.kind, zorder=3,
        )  # fmt: skip
        ends += [end for end in (estimate.value, estimate.low, estimate.high) if end is not None and end > 0]
    axes.set_xlim(max(min(ends), 0.02) / 1.15, 1.15 * min(max(ends), 50.0))
    ticks = [2.0**k for k in range(-5, 6) if axes.get_xlim()[0] <= 2.0**k <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("gain over that of natural text")


def _lengths(axes: Axes, view: View, scopes: Sequence[Scope]) -> None:
    lengths = [n for scope in scopes for n in view.estimates.lengths(scope)]
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(lengths) / 1.3, max(lengths) * 1.3)
    ticks = sorted(set(lengths))
    axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    for y, scope in enumerate(scopes):
        draw_length(axes, view.estimates.get("capacity", scope), y - 0.17, BLUE, f"capacity:{scope.kind}")
        draw_length(axes, view.estimates.get("n_max", scope), y + 0.17, VERMILLION, f"n_max:{scope.kind}")
    axes.set_xlabel("length (tokens)")


def _gain_handles() -> list[Artist]:
    marks = {"capacity by the paper's definition": BLUE, "N max: half of the texts exact": VERMILLION}
    made = [
        Line2D([], [], color=color, marker="D", markersize=3.6, linewidth=0.9, label=name)
        for name, color in marks.items()
    ]
    return [*made, Patch(color=BAND, label=f"within a factor of {LIMIT:g}")]
