"""Every seed a dot: values of released scripts beside those that are printed, and the fair arms paired."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.published import PublishedTable, number
from tokentrial.report.bespoke_results import (
    BESPOKE,
    CORRECTION,
    RATIO,
    TESTS,
    DocumentTest,
    Spread,
    corpora,
    released,
    spread,
)
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind, rows_of
from tokentrial.run.columns import Condition
from tokentrial.run.finals import BOUND, LOSS, final_values
from tokentrial.run.view import View
from tokentrial.schema import figures as declared
from tokentrial.statistics.placement import place

CHANCE, FLOOR = f"{BOUND}chance", f"{BOUND}floor"
LEFT, RIGHT, BETWEEN, NARROW = 1.35, 0.5, 1.6, 3.2  # cm; a script beside another one is narrow
HEIGHT, FAIR_HEIGHT = 2.35, 3.3  # cm
ABOVE, LONG = 0.92, 2.75  # cm: title and groups; long names
RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEPS = (5, 10, 15, 20, 50, 100, 200, 500, 1000)
DIAMOND: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": style.VERMILLION, "zorder": 5}


class Point(NamedTuple):
    """A printed mean: the value of what varies within its script, and the arm."""

    varied: str
    value: str
    arm: str
    mean: float


def published(printed: Mapping[str, PublishedTable], script: declared.Script) -> list[Point]:
    """The printed means of the tables that a released script stands behind."""
    return [
        Point(varied, key.replace("-", "_"), arm, number(row[column]))
        for varied, table in script.printed.items()
        for key, row in printed[table].rows.items()
        for column, arm in (("learned", "learned"), ("autoencoder", script.baseline))
    ]


@kind("seeds")
def seeds(sources: Sources, entry: declared.Seeds) -> Figure | None:
    """A panel per released script, and the fair arms of the selected conditions."""
    view = sources.view
    values = final_values(view.runs, view.of_way("as-released"))
    values = values[values["value"].notna()]
    scripts = {name: _released(view, values, name, script, entry) for name, script in entry.scripts.items()}
    scripts = {name: rows for name, rows in scripts.items() if len(rows)}
    fair = fair_pairs(view, values, entry)
    if not scripts and fair.empty:
        return None
    boxes, height = _layout({name: entry.scripts[name] for name in scripts}, len(fair) > 0)
    figure, axes = style.canvas(height, boxes)
    for panel, (name, rows) in zip(axes, scripts.items(), strict=False):
        _script_panel(panel, view, rows, entry.scripts[name], published(sources.printed, entry.scripts[name]), entry)
    if len(fair):
        _fair_panel(axes[-1], view, fair, entry)
    shown = style.in_order(arm for rows in (*scripts.values(), fair) for arm in rows["arm"] if arm in entry.arms)
    open_marker = {"color": style.INK, "markerfacecolor": "none", "markersize": 5.5, "label": "published"}
    samples = [style.sample(style.look(arm)) for arm in shown] + [style.sample(style.look("learned"), **open_marker)]
    chance = Line2D([], [], color=style.GREY, linestyle=style.LEVELS["chance"].dashes, label="chance")
    style.legend(figure, [*samples, chance], top=height - 0.45, columns=5)
    return figure


def _layout(scripts: Mapping[str, declared.Script], fair: bool) -> tuple[list[style.Box], float]:
    """Boxes of the scripts and of the fair arms, and the height of all; two short scripts share a row."""
    boxes, top, full = [], 0.6, style.WIDTH - LEFT - RIGHT
    shared = {script.beside for script in scripts.values()} & scripts.keys()
    for name, script in scripts.items():
        if name in shared:
            boxes.append(style.Box(LEFT, top, full - BETWEEN - NARROW, HEIGHT))
            continue
        beside = script.beside in shared
        left, width = (style.WIDTH - RIGHT - NARROW, NARROW) if beside else (LEFT, full)
        boxes.append(style.Box(left, top, width, HEIGHT))
        top += HEIGHT + script.below + ABOVE
    if fair:
        boxes.append(style.Box(LEFT, top, full, FAIR_HEIGHT))
        top += FAIR_HEIGHT + LONG + ABOVE
    return boxes, top - ABOVE + 0.55


def _released(
    view: View, values: pd.DataFrame, name: str, script: declared.Script, entry: declared.Seeds
) -> pd.DataFrame:
    """The script's values of its metric, and the chance level of its conditions."""
    conditions = [each.id for each in view.select(experiment=name, way="as-released")]
    rows = values[values["condition"].isin(conditions) & (values["metric"] == script.metric)]
    return rows[rows["arm"].isin([*entry.arms, CHANCE])]


def fair_pairs(view: View, values: pd.DataFrame, entry: declared.Seeds) -> pd.DataFrame:
    """Held-out losses of the pair by seed, as the share of the way from the floor (0) to chance (1)."""
    rows = rows_of(view, values[values["metric"] == LOSS], entry)
    levels = rows[rows["arm"].isin([FLOOR, CHANCE])]
    bounds = levels.pivot_table(index="condition", columns="arm", values="value").reindex(columns=[FLOOR, CHANCE])
    pairs = rows[rows["arm"].isin(entry.pair)].join(bounds, on="condition")
    both = pairs.groupby(["condition", "seed"])["arm"].transform("nunique") == 2
    floor, chance = pairs[FLOOR], pairs[CHANCE]
    return pairs[both].assign(share=(pairs["value"] - floor) / (chance - floor)).dropna(subset="share")


def _script_panel(
    axes: Axes,
    view: View,
    rows: pd.DataFrame,
    script: declared.Script,
    printed: Sequence[Point],
    entry: declared.Seeds,
) -> None:
    """Conditions side by side, in each an arm's seeds in a narrow column, with the published value and chance."""
    chance = rows[rows["arm"] == CHANCE].groupby("condition", sort=False)["value"].mean()
    dots = rows[rows["arm"].isin(entry.arms)]
    names = list(dict.fromkeys(dots["condition"]))
    conditions = [view.condition(name) for name in names]
    shifts = dict(zip(style.in_order(dots["arm"]), (-0.18, 0.18), strict=False))
    base = {name: float(chance.get(name, 0.0)) if script.above_chance else 0.0 for name in names}
    for x, name in enumerate(names):
        for arm, shift in shifts.items():
            of_arm = dots[(dots["condition"] == name) & (dots["arm"] == arm)].sort_values("seed")
            _column(axes, arm, x + shift, of_arm["value"].to_numpy() - base[name])
        if name in chance.index:
            axes.plot(
                [x - 0.45, x + 0.45], [chance[name] - base[name]] * 2, color=style.GREY, dashes=(5, 2), linewidth=0.8,
                zorder=1, gid="chance",
            )  # fmt: skip
    places = {(condition.varied, condition.value): x for x, condition in enumerate(conditions)}
    for point in printed:
        x_of = places.get((point.varied, point.value))
        if x_of is not None and point.arm in shifts:
            _, color, marker, _ = style.look(point.arm)
            axes.plot(
                [x_of + shifts[point.arm]], [point.mean - base[names[x_of]]], linestyle="none", marker=marker,
                markersize=5.5, markerfacecolor="none", color=color, markeredgewidth=0.9, zorder=4, gid="published",
            )  # fmt: skip
    axes.set_title(script.title, pad=14 if len(names) > 5 else 4)
    axes.set_ylabel(script.y_label)
    groups = [entry.varied.get(each.varied or "", "") for each in conditions]
    _x_axis(axes, [_value(each) for each in conditions], groups)


def _column(axes: Axes, arm: str, x: float, values: np.ndarray) -> None:
    """Dots of one arm in one condition, spread sideways a little in the order of the seeds."""
    _, color, marker, _ = style.look(arm)
    jitter = np.linspace(-0.1, 0.1, len(values)) if len(values) > 1 else np.zeros(len(values))
    axes.plot(
        x + jitter, values, linestyle="none", color=color, marker=marker, markersize=2.6, alpha=0.75,
        markeredgewidth=0, zorder=3, gid=arm,
    )  # fmt: skip


def _fair_panel(axes: Axes, view: View, pairs: pd.DataFrame, entry: declared.Seeds) -> None:
    """A condition's seeds at left for one arm, at right for the other, each pair joined."""
    names = list(dict.fromkeys(pairs["condition"]))
    for x, name in enumerate(names):
        wide = pairs[pairs["condition"] == name].pivot_table(index="seed", columns="arm", values="share")
        ends = wide[entry.pair].to_numpy()
        for pair in ends:
            axes.plot([x - 0.22, x + 0.22], pair, color=style.GREY, linewidth=0.4, alpha=0.7, zorder=2)
        for k, (arm, shift) in enumerate(marks.dodge(entry.pair, 0.44).items()):
            _, color, marker, _ = style.look(arm)
            axes.plot(
                np.full(len(ends), x + shift), ends[:, k], linestyle="none", color=color, marker=marker,
                markersize=2.6, markeredgewidth=0, alpha=0.85, zorder=3, gid=f"{name}:{arm}",
            )  # fmt: skip
    marks.zero(axes, at=1, linestyle=style.LEVELS["chance"].dashes, linewidth=0.8)
    marks.zero(axes, color=style.INK, linewidth=0.8)
    axes.set_ylim(-0.05, max(1.05, 1.03 * pairs["share"].max()))
    conditions = [view.condition(name) for name in names]
    _x_axis(axes, [marks.in_words(each) for each in conditions], [each.short.partition(" (")[0] for each in conditions])
    axes.set_title(entry.fair_title, pad=14)
    axes.set_ylabel("loss (floor 0, chance 1)")


def _x_axis(axes: Axes, names: Sequence[str], groups: Sequence[str]) -> None:
    """Thin lines between groups of neighbouring conditions, each group named above the panel; a single one is not."""
    axes.set_xticks(range(len(names)), labels=names, fontsize=style.SMALL, rotation=90 if len(names) > 5 else 0)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(names) - 0.4)
    starts = [k for k, name in enumerate(groups) if k == 0 or name != groups[k - 1]]
    small: dict[str, Any] = {"fontsize": style.SMALL, "color": style.GREY, "transform": axes.get_xaxis_transform()}
    for k in starts if len(starts) > 1 else []:
        if k:
            marks.zero(axes, upright=True, at=k - 0.5, color=style.PALE, zorder=0)
        axes.text(k - 0.45, 1.02, groups[k], **small)


def _value(condition: Condition) -> str:
    """Of what varies within the script: ``8:1``, ``V = 50``, ``semi-random``; empty in a script of one condition."""
    value = condition.value or ""
    words = {"compression": f"{value}:1", "ratio": f"{value}:1", "vocabulary": f"V = {value}"}
    return words.get(condition.varied or "", value).replace("_", "-")


def _printed(printed: Mapping[str, PublishedTable]) -> Iterator[tuple[DocumentTest, str, float]]:
    """Test, label and ratio, of document 003's complete table and of the author's correction."""
    for key, row in printed["bespoke-tests"].rows.items():
        yield TESTS[key], row["label"], number(row["ratio"])
    for row in printed["bespoke-correction"].rows.values():
        yield CORRECTION, row["label"].replace(", ", ",\n"), number(row["bespoke"]) / number(row["standard"])


def ratio_axis(axes: Axes, which: str, low: float, high: float) -> None:
    """A logarithmic axis of loss ratios with plain ticks."""
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(low, high)
    marks.ticks(axes, {tick: f"{tick:g}" for tick in RATIOS if low <= tick <= high}, which)


@kind("ratios of seeds")
def ratios(sources: Sources, entry: declared.Ratios) -> Figure | None:
    """A row per test of the document: every seed, median and central 95 %, the printed ratio and its percentile."""
    view = sources.view
    rows = [
        (label, ratio, reported, view.series(released(view, test, fresh=True), BESPOKE, RATIO))
        for test, label, ratio in _printed(sources.printed)
        if len(reported := view.series(released(view, test), BESPOKE, RATIO))
    ]
    if not rows:
        return None
    height = 0.7 + 0.95 * len(rows) + 1.75
    figure, (axes,) = style.canvas(height, [style.Box(3.0, 0.7, 9.9, 0.95 * len(rows))])
    everything = np.concatenate([np.append(reported.to_numpy(), ratio) for _, ratio, reported, _ in rows])
    ratio_axis(axes, "x", everything.min() * 0.85, max(everything.max(), 1.0) * 1.2)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for y, (_, ratio, reported, fresh) in enumerate(rows):
        _seed_row(axes, y, reported, fresh, ratio)
    marks.zero(axes, upright=True, at=1)
    axes.set_yticks(range(len(rows)), labels=[row[0] for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(entry.x_label)
    for x, text in ((1.03, "published at"), (1.21, "seeds")):
        axes.text(x, 1.01, text, transform=axes.transAxes, fontsize=style.SMALL, va="bottom")
    style.legend(figure, [style.mark_sample(each) for each in entry.samples], top=height - 0.5, columns=4)
    return figure


def _seed_row(axes: Axes, y: float, values: pd.Series, fresh: pd.Series, printed: float) -> None:
    """Dots above, bars in the middle and below, the printed value as a diamond; percentile and n at right."""
    order = np.argsort(np.argsort(values.to_numpy()))
    jitter = ((order * 0.618) % 1 - 0.5) * 0.28  # golden-ratio jitter: even, and the same on every machine
    axes.plot(values, y - 0.2 + jitter, "o", color=style.BLUE, markersize=1.5, alpha=0.5, markeredgewidth=0, zorder=2)
    for seeds, at, color in ((spread(values), y + 0.1, style.BLUE), (spread(fresh), y + 0.28, style.ORANGE)):
        if seeds is not None:
            axes.plot([seeds.low, seeds.high], [at, at], color=color, linewidth=1.6, solid_capstyle="butt", zorder=3)
            axes.plot([seeds.median], [at], "|", color=color, markersize=7, markeredgewidth=1.6, zorder=4)
    axes.plot([printed], [y + 0.1], "D", markersize=4.5, gid="published", **DIAMOND)
    placed = place(printed, values.to_numpy())
    side: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": style.SMALL, "va": "center"}
    axes.text(1.03, y + 0.1, f"{placed.percentile:.1f} %", **side)
    axes.text(1.21, y + 0.1, f"{placed.n:,}", **side)


@kind("ratios by step")
def by_step(sources: Sources, entry: declared.ByStep) -> Figure | None:
    """A panel per corpus of the scaling script: reported and fresh-text ratio against optimiser steps."""
    view = sources.view
    reported, fresh = corpora(view), corpora(view, fresh=True)
    if not reported:
        return None
    boxes = style.grid(len(reported), 2, height=4.0, top=0.6, gap=(1.5, 1.35), sides=(1.3, 0.4))
    bottom = boxes[-1].top + boxes[-1].height + 1.1
    figure, axes = style.page(boxes, [style.mark_sample(each) for each in entry.samples], bottom, columns=4)
    printed = {released(view, test): ratio for test, _, ratio in _printed(sources.printed)}
    for k, (panel, (tokens, condition)) in enumerate(zip(axes, reported.items(), strict=True)):
        _steps_panel(panel, _spreads(view, condition), _spreads(view, fresh.get(tokens, "")))
        done = view.cost(condition, BESPOKE).get("steps")
        if condition in printed and done:
            panel.plot([done], [printed[condition]], "D", markersize=5, gid="published", **DIAMOND)
        panel.set_title(f"{tokens:,} tokens" + (f" (released: {done:g} steps)" if done else ""))
        panel.set_ylabel("loss ratio" if k % 2 == 0 else "")
        panel.set_xlabel("optimiser steps" if k >= len(reported) - 2 else "")
    low, high = min(panel.get_ylim()[0] for panel in axes), max(panel.get_ylim()[1] for panel in axes)
    for panel in axes:
        ratio_axis(panel, "y", low, high)
    return figure


def _spreads(view: View, condition: str) -> dict[int, Spread]:
    steps = view.steps(condition, BESPOKE, RATIO)
    spreads = {step: spread(view.series(condition, BESPOKE, RATIO, step)) for step in steps}
    return {step: values for step, values in spreads.items() if values is not None}


def _steps_panel(axes: Axes, reported: dict[int, Spread], fresh: dict[int, Spread]) -> None:
    for spreads, color, marker in ((reported, style.BLUE, "o"), (fresh, style.ORANGE, "s")):
        if spreads:
            rows = np.array([(value.median, value.low, value.high) for value in spreads.values()])
            axes.fill_between(list(spreads), rows[:, 1], rows[:, 2], color=color, alpha=0.18, linewidth=0, zorder=2)
            axes.plot(list(spreads), rows[:, 0], color=color, marker=marker, markersize=3, linewidth=0.9, zorder=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    marks.zero(axes, at=1)
    steps = sorted({*reported, *fresh})
    if steps:
        marks.ticks(axes, {step: f"{step:,}" for step in STEPS if steps[0] <= step <= steps[-1]})
