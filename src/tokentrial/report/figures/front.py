"""Quality against cost: what a trained number or a deployed bit buys."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.bespoke_results import STANDARD
from tokentrial.report.bespoke_results import arms_of as by_layout
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, conditions, kind, rows_of
from tokentrial.report.language_model_names import FULL, bits_of_a_nat, margin
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.schema import figures as declared

ROOM = 0.15  # octaves at both ends of the axes of costs
SHARES = {"unigram": 0.0, "floor": 1.0}
HEIGHTS = {1: 5.0, 2: 5.0, 3: 4.4, 4: 3.5}  # cm of a panel, by the rows of panels
UNIGRAM_REACH = 0.5  # the unigram is drawn as a line where it adds less than this share to the axis
TICKS = [n * 10.0**k for k in range(3, 9) for n in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]
CLOSE = 1.04  # counts that differ by less are drawn side by side
PARTS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "ordered": lambda rows: rows[rows["head"] == "window_mlp"] if "window_mlp" in set(rows["head"]) else rows,
    "largest": lambda rows: rows[rows["chance"] == rows["chance"].max()],
    "hardest": lambda rows: rows[rows["floor"] == rows["floor"].max()],
}
"""The conditions of an experiment that a row of panels shows."""


def with_costs(view: View, entry: declared.Shares | declared.Front) -> pd.DataFrame:
    """Test losses with the costs and the family of each arm; arms without a cost are left out."""
    loss = rows_of(view, view.summary[view.summary["metric"] == LOSS], entry)
    costs = view.arms[["condition", "arm", *entry.costs]].dropna()
    rows = loss.merge(costs, on=["condition", "arm"], how="inner", validate="one_to_one")
    arms = zip(rows["study"], rows["arm"], strict=True)
    return rows.assign(family=[view.method(study, arm).family for study, arm in arms])


def _lines(
    axes: Axes, rows: pd.DataFrame, name: str, cost: str, of: tuple[str, str, str], width: float, then: str
) -> None:
    """A line per arm or family through its sizes; name: the column that tells them apart; of: mean, low and high."""
    axes.set_xscale("log", base=2)
    for each in style.in_order(rows[name]):
        mine = rows[rows[name] == each].sort_values([cost, then])
        marks.points(
            axes, mine[cost], mine[of[0]].to_numpy(dtype=float), marks.lengths(mine, *of), style.look(each),
            linewidth=width, label=each, zorder=marks.above(each),
        )  # fmt: skip


def _cost_axis(axes: Axes, costs: pd.Series, words: str, halvings: int) -> None:
    low, high = costs.min() / 2**ROOM, costs.max() * 2**ROOM
    axes.set_xlim(low, high)
    marks.ticks(axes, {tick: marks.compact(tick) for tick in marks.octaves(low, high, halvings)})
    axes.set_xlabel(words)


@kind("shares by cost")
def shares(sources: Sources, entry: declared.Shares) -> Figure | None:
    """A row of panels per experiment: the share of what the input can give, against each cost."""
    view = sources.view
    rows = with_costs(view, entry)
    rows = with_shares(rows[rows["arm"].isin(entry.arms)].dropna(subset=list(SHARES)))
    groups = [PARTS[part](rows[rows["experiment"] == name]) for name, part in entry.rows.items()]
    groups = [group for group in groups if len(group)]
    if not groups:
        return None
    handles = marks.arm_handles({arm for group in groups for arm in group["arm"]})
    figure, axes = style.panels(2 * len(groups), handles, entry.layout)
    for k, group in enumerate(groups):
        pair = axes[2 * k : 2 * k + 2]
        for panel, (cost, words) in zip(pair, entry.costs.items(), strict=True):
            _lines(panel, group, "arm", cost, ("share", "share_low", "share_high"), 0.6, "ratio")
            for name, y in SHARES.items():
                color, dashes = style.LEVELS[name]
                panel.axhline(y, color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid=name)
            _cost_axis(panel, group[cost], words, 1)
        low, high = min(panel.get_ylim()[0] for panel in pair), max(panel.get_ylim()[1] for panel in pair)
        for panel in pair:
            panel.set_ylim(low, high)
        pair[1].tick_params(axis="y", labelleft=False)
        style.label_right(pair[1], SHARES)
        pair[0].set_ylabel("share of the way from\nunigram to floor")
        pair[0].set_title(marks.panel_title(view, group))
    return figure


def with_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """``share`` with its interval: 0 at the unigram entropy, 1 at the floor."""
    span = rows["unigram"] - rows["floor"]
    # The interval's ends change places: a low loss is a high share.
    ends = (("share", "mean"), ("share_low", "high"), ("share_high", "low"))
    return rows.assign(**{new: (rows["unigram"] - rows[old]) / span for new, old in ends})


@kind("front")
def front(sources: Sources, entry: declared.Front) -> Figure | None:
    """A row of panels per condition that has a method in two sizes, of the first four: loss against each cost."""
    view = sources.view
    rows = with_costs(view, entry)
    shown = [each for each in conditions(view, entry) if has_curve(rows, each)][: max(HEIGHTS)]
    if not shown:
        return None
    nats, bits = margin(view), {each.id: bits_of_a_nat(view, each) for each in shown}
    gap = 0.6 if all(value is None for value in bits.values()) else 1.6  # cm: room for the second axis
    drawn = rows[rows["condition"].isin(bits)]
    layout = entry.layout.model_copy(update={"height": HEIGHTS[len(shown)], "gap": (gap, entry.layout.gap[1])})
    figure, axes = style.panels(2 * len(shown), marks.arm_handles(drawn["family"]), layout)
    for row, condition in enumerate(shown):
        group, pair = drawn[drawn["condition"] == condition.id], axes[2 * row : 2 * row + 2]
        ends = _limits(group, nats)
        for panel, (cost, words) in zip(pair, entry.costs.items(), strict=True):
            panel.set_ylim(*ends)
            _lines(panel, group, "family", cost, ("mean", "low", "high"), 0.8, "bits_deployed")
            _full_lines(panel, group, nats)
            _cost_axis(panel, group[cost], words, 2)
        _unigram(pair, float(group["unigram"].mean()))
        pair[1].tick_params(axis="y", labelleft=False)
        if (of_a_nat := bits[condition.id]) is not None:
            pair[1].tick_params(axis="y", left=False)
            style.second_axis(pair[1], "left", of_a_nat).set_ylabel("test loss (bits per byte)")
        style.label_right(pair[1], _named(group, nats))
        pair[0].set_ylabel("test loss (nats per token)")
        pair[0].set_title(marks.TITLES["body"](condition))
    return figure


def has_curve(rows: pd.DataFrame, condition: Condition) -> bool:
    group = rows[rows["condition"] == condition.id]
    return bool((group.groupby("family")["bits_deployed"].nunique() > 1).any())


def _full(group: pd.DataFrame) -> list[float]:
    return [float(level) for level in group.loc[group["arm"] == FULL, "mean"]]


def _limits(group: pd.DataFrame, nats: float | None) -> tuple[float, float]:
    """Room for every interval and the full table's margin; for the unigram where it is near."""
    values = group[["mean", "low", "high"]].to_numpy(dtype=float)
    ends = [*values[np.isfinite(values)], *(level + sign * (nats or 0) for level in _full(group) for sign in (-1, 1))]
    low, high = min(ends), max(ends)
    span = high - low or 1.0
    unigram = float(group["unigram"].mean())
    if high < unigram <= high + UNIGRAM_REACH * span:
        high = unigram
    return low - 0.05 * span, high + 0.07 * span


def _named(group: pd.DataFrame, nats: float | None) -> dict[str, float]:
    """Names at the right edge."""
    named = {"unigram": float(group["unigram"].mean())}
    for level in _full(group):
        named |= {"full table": level}
        named |= {} if nats is None else {f"+{nats:g} nats": level + nats, f"−{nats:g} nats": level - nats}
    return named


def _full_lines(axes: Axes, group: pd.DataFrame, nats: float | None) -> None:
    for level in _full(group):
        axes.axhline(level, color=style.INK, linestyle=style.dashes((4, 1.5)), linewidth=0.7, zorder=1, gid="full")
        if nats is not None:
            axes.axhspan(level - nats, level + nats, color=style.BAND, linewidth=0, zorder=0, gid="margin")


def _unigram(pair: list[Axes], level: float) -> None:
    """Its line, or beside the titles where it lies if that is far beyond the panels."""
    color, dashes = style.LEVELS["unigram"]
    low, high = pair[1].get_ylim()
    if low <= level <= high:
        for axes in pair:
            axes.axhline(level, color=color, linestyle=dashes, linewidth=0.8, zorder=1, gid="unigram")
    elif np.isfinite(level):
        place: dict[str, Any] = {"ha": "right", "va": "bottom", "transform": pair[1].transAxes}
        arrow = "↑" if level > high else "↓"
        pair[1].text(1, 1.01, f"{arrow} unigram {level:.3f}", color=color, fontsize=style.SMALL, **place)


@kind("levels by cost")
def levels_by_cost(sources: Sources, entry: declared.LevelsByCost) -> Figure | None:
    """A panel per condition: an arm's loss at its cost, beside it where others cost nearly the same."""
    view = sources.view
    panels = {each: places for each in conditions(view, entry) if (places := _beside(view, each, entry.cost))}
    if not panels:
        return None
    arms = [arm for arm in by_layout(view, *panels) if arm.method not in marks.AS_LINE]
    figure, axes = style.panels(len(panels), marks.method_handles(arms, entry.methods, entry.hollow), entry.layout)
    for k, (panel, (condition, places)) in enumerate(zip(axes, panels.items(), strict=True)):
        _cost_panel(panel, view, condition, places, entry.hollow)
        panel.set_title(marks.TITLES["corpus"](condition), fontsize=style.SMALL)
        panel.set_ylabel("held-out loss (nats)" if k % min(len(panels), entry.layout.columns) == 0 else "")
        panel.set_xlabel(entry.x_label)
    return figure


def _beside(view: View, condition: Condition, cost: str) -> list[tuple[Method, float]]:
    """Where each arm that sees its input stands: at its cost, beside it where others cost nearly the same."""
    arms = {arm.arm: arm for arm in by_layout(view, condition) if arm.method not in marks.AS_LINE}
    counts = {name: float(view.cost(condition.id, name).get(cost) or 0) for name in arms}
    counts = {name: n for name, n in counts.items() if n and view.level(condition.id, name)}
    groups: list[list[str]] = []
    for name in sorted(counts, key=lambda name: counts[name]):
        near = groups and counts[name] / counts[groups[-1][0]] < CLOSE
        groups = [*groups[:-1], [*groups[-1], name]] if near else [*groups, [name]]
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
        error = [[mean - low], [high - mean]]
        marks.points(
            axes, [x], [mean], error, style.look(arm.method), **marks.method_marks(arm, hollow), elinewidth=0.8
        )
        ends += [low, high]
    axes.set_xscale("log", base=2)
    low_x, high_x = axes.get_xlim()
    axes.set_xlim(low_x, high_x)
    shown = [tick for tick in TICKS if low_x <= tick <= high_x] or [round(float(np.sqrt(low_x * high_x)))]
    marks.ticks(axes, {tick: f"{tick / 1000:g}k" for tick in shown[:: -(-len(shown) // 6)]})
    level = view.level(condition.id, STANDARD)
    _bounded(axes, ends, {name: level[name] for name in ("floor", "unigram") if level.get(name) is not None})


def _bounded(axes: Axes, ends: Sequence[float], bounds: Mapping[str, float]) -> None:
    """Limits by the arms and near bounds; a bound that is further away than the arms' own range is named in words."""
    low, high = min(ends), max(ends)
    reach = 1.5 * (high - low)
    near = {name: y for name, y in bounds.items() if low - reach <= y <= high + reach}
    low, high = min([low, *near.values()]), max([high, *near.values()])
    room = 0.08 * (high - low)
    axes.set_ylim(low - room, high + room)
    marks.draw_levels(axes, near)
    same = len(near) == 2 and np.isclose(near["floor"], near["unigram"])
    for name, y in list(near.items())[: 1 if same else 2]:
        axes.annotate(
            "floor = unigram" if same else name, (0.98, y), (0, 2), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", ha="right", fontsize=style.SMALL, color=style.GREY,
        )  # fmt: skip
    far = [f"{'↑' if y > high else '↓'} {name} {y:.2f}" for name, y in bounds.items() if name not in near]
    place: dict[str, Any] = {"ha": "right", "va": "top", "fontsize": style.SMALL, "color": style.GREY}
    axes.text(0.98, 0.99, "\n".join(far), transform=axes.transAxes, **place)
