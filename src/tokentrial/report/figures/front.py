"""Quality against cost: what a trained number or a deployed bit buys."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.bespoke_results import STANDARD
from tokentrial.report.bespoke_results import arms_of as by_layout
from tokentrial.report.figures import marks, placing, style
from tokentrial.report.figures.registry import Sources, conditions, kind, rows_of
from tokentrial.report.language_model_names import FULL, bits_of_a_nat, margin
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.schema import figures as declared

ROOM = 0.15  # octaves at both ends of the axes of costs
SHARES = {"unigram": 0.0, "floor": 1.0}
HEIGHTS = {1: 6.0, 2: 5.4, 3: 4.3, 4: 3.5}  # cm of a panel, by the rows of panels
LOWEST = 2.0  # cm of a panel beside others that have more names
MOST_NAMES = 12  # beside the lines of a panel
ROOM_BELOW = 0.35  # of the range of losses, for names below the lowest line
UNIGRAM_REACH = 0.2  # the unigram is drawn as a line where it adds less than this share to the axis
TICKS = [n * 10.0**k for k in range(3, 9) for n in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]
CLOSE = 1.04  # counts that differ by less are drawn side by side
PARTS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "ordered": lambda rows: rows[rows["head"] == "window_mlp"] if "window_mlp" in set(rows["head"]) else rows,
    "largest": lambda rows: rows[rows["chance"] == rows["chance"].max()],
    "hardest": lambda rows: rows[rows["floor"] == rows["floor"].max()],
}
"""The conditions of an experiment that a row of panels shows."""


def with_costs(view: View, entry: declared.Front) -> pd.DataFrame:
    """Test losses with the costs and the family of each arm; arms without a cost are left out."""
    loss = rows_of(view, view.summary[view.summary["metric"] == LOSS], entry)
    costs = view.arms[["condition", "arm", *entry.costs]].dropna()
    rows = loss.merge(costs, on=["condition", "arm"], how="inner", validate="one_to_one")
    arms = zip(rows["study"], rows["arm"], strict=True)
    return rows.assign(family=[view.method(study, arm).family for study, arm in arms])


def _lines(
    pair: Sequence[Axes],
    rows: pd.DataFrame,
    costs: Mapping[str, str],
    name: str,
    *,
    of: Sequence[str] = ("mean", "low", "high"),
    then: str,
    width: float,
    halvings: int,
    larger: float = 0.0,
) -> None:
    """A panel per cost with a line for each arm or family through its sizes.

    name: the column that tells them apart; then: that orders sizes of one cost; halvings: of the octaves of ticks;
    larger: points by which markers exceed their look's.
    """
    for axes, (cost, words) in zip(pair, costs.items(), strict=True):
        axes.set_xscale("log", base=2)
        for each in style.in_order(rows[name]):
            line, look = rows[rows[name] == each].sort_values([cost, then]), style.look(each)
            shown = style.Options(linewidth=width, label=each, zorder=marks.above(each), markersize=look.size + larger)
            marks.points(axes, line[cost], line[of[0]].to_numpy(dtype=float), marks.lengths(line, *of), look, **shown)
        left, right = rows[cost].min() / 2**ROOM, rows[cost].max() * 2**ROOM
        axes.set(xlim=(left, right), xlabel=words)
        marks.ticks(axes, {tick: marks.compact(tick) for tick in marks.octaves(left, right, halvings)})
    for axes in pair[1:]:
        axes.tick_params(axis="y", labelleft=False)


@kind("shares by cost")
def shares(sources: Sources, entry: declared.Shares) -> Figure:
    """A row of panels per experiment: the share of what the input can give, against each cost."""
    view = sources.view
    rows = with_costs(view, entry)
    rows = rows[rows["arm"].isin(entry.arms)].dropna(subset=list(SHARES))
    # 0 at the unigram entropy, 1 at the floor; the interval's ends change places: a low loss is a high share
    ends = {"share": "mean", "share_low": "high", "share_high": "low"}
    span = rows["unigram"] - rows["floor"]
    rows = rows.assign(**{share: (rows["unigram"] - rows[loss]) / span for share, loss in ends.items()})
    every = [PARTS[part](rows[rows["experiment"] == name]) for name, part in entry.rows.items()]
    groups = [group for group in every if len(group)]
    handles = marks.looks({arm for group in groups for arm in group["arm"]})
    figure, axes = style.panels(2 * len(groups), handles, entry.layout)
    for k, group in enumerate(groups):
        pair = axes[2 * k : 2 * k + 2]
        _lines(pair, group, entry.costs, "arm", of=tuple(ends), then="ratio", width=0.6, halvings=1)
        for panel, (name, y) in itertools.product(pair, SHARES.items()):
            color, dashes = style.LEVELS[name]
            marks.zero(panel, at=y, color=color, linestyle=dashes, linewidth=0.8, gid=name)
        low, high = min(panel.get_ylim()[0] for panel in pair), max(panel.get_ylim()[1] for panel in pair)
        for panel in pair:
            panel.set_ylim(low, high)
        style.label_right(pair[1], SHARES)
        pair[0].set(ylabel="share of the way from\nunigram to floor", title=marks.panel_title(view, group))
    return figure


@kind("front")
def front(sources: Sources, entry: declared.Front) -> Figure:
    """A row of panels per condition that has a method in two sizes, of the first four: loss against each cost.

    One cost alone has names beside the lines in place of a legend, unless they are too many.
    """
    view, many = sources.view, len(entry.costs)
    rows = with_costs(view, entry)
    sizes = rows.groupby(["condition", "family"])["bits_deployed"].nunique()
    curved = set(sizes[sizes > 1].index.get_level_values("condition"))
    shown = [each for each in conditions(view, entry) if each.id in curved][: max(HEIGHTS)]
    bits = {each.id: bits_of_a_nat(view, each) for each in shown}
    gap = 0.6 if all(value is None for value in bits.values()) else 1.6  # cm: room for the second axis
    rows = rows[rows["condition"].isin(bits)]
    sizes_of = {"height": HEIGHTS.get(len(shown), 0), "gap": (gap, entry.layout.gap[1]), "columns": many}
    layout = entry.layout.model_copy(update=sizes_of)
    names = [int(rows.loc[rows["condition"] == each.id, "family"].nunique()) for each in shown]
    labelled = many == 1 and max(names, default=0) <= MOST_NAMES
    heights = _heights(names, layout.height) if labelled else []
    samples = [] if labelled else marks.looks(rows["family"])
    figure, axes = style.panels(many * len(shown), samples, layout, heights=heights)
    for row, condition in enumerate(shown):
        group, pair = rows[rows["condition"] == condition.id], axes[many * row : many * (row + 1)]
        levels, unigram = _full(group, margin(view)), float(group["unigram"].mean())
        for panel in pair:
            low, high = _limits(group, [*levels.values()], unigram)
            panel.set_ylim(low - (ROOM_BELOW * (high - low) if labelled else 0), high)
            _full_lines(panel, levels)
        _lines(pair, group, entry.costs, "family", then="bits_deployed", width=0.8, halvings=2, larger=1.5)
        _unigram(pair, unigram)
        if many > 1 and (of_a_nat := bits[condition.id]) is not None:
            pair[1].tick_params(axis="y", left=False)
            style.second_axis(pair[1], "left", of_a_nat).set_ylabel("test loss (bits per byte)")
        style.label_right(pair[-1], {"unigram": unigram, **levels})
        if labelled:
            placing.label_points(pair[0], _ends(group, *entry.costs), _drawn(pair[0], [*levels.values(), unigram]))
        pair[0].set(ylabel="test loss (nats per token)", title=marks.TITLES["body"](condition))
    return figure


def _heights(names: Sequence[int], mean: float) -> list[float]:
    """Heights of panels (cm) with this mean: what is above the lowest goes by the names beside their lines."""
    return [LOWEST + (mean - LOWEST) * len(names) * each / sum(names) for each in names]


def _ends(group: pd.DataFrame, cost: str) -> list[tuple[float, float, str]]:
    """The end of each family's line at its highest cost, and its name."""
    last = group.sort_values(cost).groupby("family", sort=False).tail(1)
    return [
        (float(row[cost]), float(row["mean"]), style.look(row["family"]).name)
        for _, row in last.iterrows()
        if row["arm"] != FULL
    ]


def _drawn(axes: Axes, levels: Sequence[float]) -> list[tuple[float, float]]:
    """Points along the lines and intervals of a panel of logarithmic costs, and along its levels."""
    points, shares = [], np.linspace(0, 1, 25)
    lines = [bars[0].get_xydata() for bars in axes.containers]
    ends = [segment for bars in axes.containers for lengths in bars[2] for segment in lengths.get_segments()]
    for line in [*lines, *ends]:
        for (x, y), (to_x, to_y) in itertools.pairwise(np.asarray(line, dtype=float)):
            points += [(x * (to_x / x) ** share, y + share * (to_y - y)) for share in shares]
    left, right = axes.get_xlim()
    return points + [(left * (right / left) ** (k / 90), level) for level in levels for k in range(91)]


def _full(group: pd.DataFrame, nats: float | None) -> dict[str, float]:
    """The full table's level and, where there is one, its margin of equivalence, by their names."""
    levels = {}
    for level in group.loc[group["arm"] == FULL, "mean"]:
        levels["full table"] = float(level)
        levels |= {} if nats is None else {f"+{nats:g} nats": level + nats, f"−{nats:g} nats": level - nats}
    return levels


def _full_lines(axes: Axes, levels: Mapping[str, float]) -> None:
    if levels:
        level, *ends = levels.values()
        axes.axhline(level, color=style.INK, linestyle=style.dashes((4, 1.5)), linewidth=0.7, zorder=1, gid="full")
        if ends:
            axes.axhspan(ends[1], ends[0], color=style.BAND, linewidth=0, zorder=0, gid="margin")


def _limits(group: pd.DataFrame, levels: Sequence[float], unigram: float) -> tuple[float, float]:
    """Room for every interval and the full table's margin; for the unigram where it is near."""
    values = group[["mean", "low", "high"]].to_numpy(dtype=float)
    ends = [*values[np.isfinite(values)], *levels]
    low, high = min(ends), max(ends)
    span = high - low or 1.0
    if high < unigram <= high + UNIGRAM_REACH * span:
        high = unigram
    return low - 0.05 * span, high + 0.07 * span


def _unigram(pair: list[Axes], level: float) -> None:
    """Its line, or beside the titles where it lies if that is far beyond the panels."""
    low, high = pair[-1].get_ylim()
    if low <= level <= high:
        for axes in pair:
            marks.draw_levels(axes, {"unigram": level})
    elif np.isfinite(level):
        words = f"{'↑' if level > high else '↓'} unigram {level:.3f}"
        marks.text(pair[-1], "corner", 1, 1.01, words, color=style.LEVELS["unigram"].color, ha="right")


@kind("levels by cost")
def levels_by_cost(sources: Sources, entry: declared.LevelsByCost) -> Figure:
    """A panel per condition: an arm's loss at its cost, beside it where others cost nearly the same."""
    view = sources.view
    panels = {each: places for each in conditions(view, entry) if (places := _beside(view, each, entry.cost))}
    arms = [arm for arm in by_layout(view, *panels) if arm.method not in marks.AS_LINE]
    handles = marks.method_handles(arms, entry.methods, entry.hollow)
    figure, axes = style.panels(len(panels), handles, entry.layout, "held-out loss (nats)", entry.x_label)
    for panel, (condition, places) in zip(axes, panels.items(), strict=True):
        _cost_panel(panel, view, condition, places, entry.hollow)
        panel.set_title(marks.TITLES["corpus"](condition), fontsize=style.SMALL)
    return figure


def _beside(view: View, condition: Condition, cost: str) -> list[tuple[Method, float]]:
    """Where each arm that sees its input stands: at its cost, beside it where others cost nearly the same."""
    arms = {arm.arm: arm for arm in by_layout(view, condition) if arm.method not in marks.AS_LINE}
    counts = {name: float(view.cost(condition.id, name).get(cost) or 0) for name in arms}
    counts = {name: n for name, n in counts.items() if n and view.level(condition.id, name)}
    groups: list[list[str]] = []
    for name in sorted(counts, key=lambda name: counts[name]):
        if groups and counts[name] / counts[groups[-1][0]] < CLOSE:
            groups[-1].append(name)
        else:
            groups.append([name])
    octaves = np.log2(max(counts.values()) / min(counts.values())) if counts else 0.0
    in_order = [[name for name in arms if name in group] for group in groups]
    shifts = [marks.dodge(group, 0.045 * octaves * (len(group) - 1)) for group in in_order]
    return [(arms[name], counts[name] * 2**shift) for group in shifts for name, shift in group.items()]


def _cost_panel(
    axes: Axes, view: View, condition: Condition, places: Sequence[tuple[Method, float]], hollow: Sequence[str]
) -> None:
    ends = []
    for arm, x in places:
        level = view.level(condition.id, arm.arm)
        mean, low, high = (level["mean"] if level[name] is None else level[name] for name in ("mean", "low", "high"))
        shown = {**marks.method_marks(arm, hollow), "elinewidth": 0.8}
        marks.points(axes, [x], [mean], [[mean - low], [high - mean]], style.look(arm.method), **shown)
        ends += [low, high]
    axes.set_xscale("log", base=2)
    left, right = axes.get_xlim()
    axes.set_xlim(left, right)
    shown_ticks = [tick for tick in TICKS if left <= tick <= right] or [round(float(np.sqrt(left * right)))]
    marks.ticks(axes, {tick: f"{tick / 1000:g}k" for tick in shown_ticks[:: -(-len(shown_ticks) // 6)]})
    level = view.level(condition.id, STANDARD)
    bounds = {name: level[name] for name in ("floor", "unigram") if level.get(name) is not None}
    reach = 1.5 * (max(ends) - min(ends))
    near = {name: y for name, y in bounds.items() if min(ends) - reach <= y <= max(ends) + reach}
    low, high = min([*ends, *near.values()]), max([*ends, *near.values()])
    axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    marks.draw_levels(axes, near)
    grey: dict[str, Any] = {"ha": "right", "fontsize": style.SMALL, "color": style.GREY}
    if len(near) == 2 and np.isclose(near["floor"], near["unigram"]):
        near = {"floor = unigram": near["floor"]}
    for name, y in near.items():
        axes.annotate(name, (0.98, y), (0, 2), xycoords=axes.get_yaxis_transform(), textcoords="offset points", **grey)
    # a bound that is further away than the arms' own range is named in words
    far = [f"{'↑' if y > high else '↓'} {name} {y:.2f}" for name, y in bounds.items() if not low <= y <= high]
    axes.text(0.98, 0.99, "\n".join(far), transform=axes.transAxes, va="top", **grey)
