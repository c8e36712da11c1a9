"""Every seed a dot: values of released scripts beside those that are printed, and the fair arms paired."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.published import PublishedTable, number
from tokentrial.report import bespoke_results as bespoke
from tokentrial.report.bespoke_results import BESPOKE, RATIO, Spread
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind, rows_of
from tokentrial.run.columns import Condition
from tokentrial.run.finals import BOUND, LOSS, final_values
from tokentrial.run.view import View
from tokentrial.schema import figures as declared
from tokentrial.statistics.placement import place

CHANCE, FLOOR = f"{BOUND}chance", f"{BOUND}floor"
LEFT, RIGHT, BETWEEN, NARROW = 1.35, 0.5, 1.6, 3.2  # cm; a script beside another one is narrow
HEIGHT, FAIR_HEIGHT, ROW = 2.35, 3.3, 0.72  # cm
ABOVE, LONG = 0.92, 2.75  # cm: title and groups; long names
RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEPS = (5, 10, 15, 20, 50, 100, 200, 500, 1000)
DOT = style.Options(linestyle="none", markersize=2.6, markeredgewidth=0, zorder=3)
HOLLOW = style.Options(linestyle="none", markersize=5.5, markerfacecolor="none")
DIAMOND = style.Options(markerfacecolor="white", markeredgecolor=style.VERMILLION, zorder=5)


def published(printed: Mapping[str, PublishedTable], script: declared.Script) -> dict[tuple[str, str, str], float]:
    """What varies in a released script, its value and the arm -> the mean that the documents print."""
    return {
        (varied, key.replace("-", "_"), arm): number(row[column])
        for varied, table in script.printed.items()
        for key, row in printed[table].rows.items()
        for column, arm in (("learned", "learned"), ("autoencoder", script.baseline))
    }


@kind("seeds")
def seeds(sources: Sources, entry: declared.Seeds) -> Figure:
    """A panel per released script, and the fair arms of the selected conditions."""
    view = sources.view
    values = final_values(view.runs, view.of_way("as-released"))
    values = values[values["value"].notna()]
    scripts: dict[str, pd.DataFrame] = {}
    for name, script in entry.scripts.items():
        conditions = [each.id for each in view.select(experiment=name, way="as-released")]
        rows = values[values["condition"].isin(conditions) & (values["metric"] == script.metric)]
        scripts |= {name: kept} if len(kept := rows[rows["arm"].isin([*entry.arms, CHANCE])]) else {}
    fair = fair_pairs(view, values, entry)
    boxes, height = _layout({name: entry.scripts[name] for name in scripts}, len(fair) > 0)
    figure, axes = style.canvas(height, boxes)
    for panel, (name, rows) in zip(axes, scripts.items(), strict=False):
        _script_panel(panel, view, rows, entry.scripts[name], published(sources.printed, entry.scripts[name]), entry)
    if len(fair):
        _fair_panel(axes[-1], view, fair, entry)
    shown = style.in_order(arm for rows in (*scripts.values(), fair) for arm in rows["arm"] if arm in entry.arms)
    samples = [style.sample(style.look(arm)) for arm in shown]
    samples.append(style.sample(style.look("learned")._replace(name="published", color=style.INK), **HOLLOW))
    samples.append(Line2D([], [], color=style.GREY, linestyle=style.LEVELS["chance"].dashes, label="chance"))
    style.legend(figure, samples, top=height - 0.45, columns=5)
    return figure


def _layout(scripts: Mapping[str, declared.Script], fair: bool) -> tuple[list[style.Box], float]:
    """Boxes of the scripts and of the fair arms, and the height of all; two short scripts share a row."""
    boxes, top, full = [], 0.6, style.WIDTH - LEFT - RIGHT
    shared = {script.beside for script in scripts.values()} & scripts.keys()
    for name, script in scripts.items():
        if name in shared:
            boxes.append(style.Box(LEFT, top, full - BETWEEN - NARROW, HEIGHT))
            continue
        left, width = (style.WIDTH - RIGHT - NARROW, NARROW) if script.beside in shared else (LEFT, full)
        boxes.append(style.Box(left, top, width, HEIGHT))
        top += HEIGHT + script.below + ABOVE
    if fair:
        boxes.append(style.Box(LEFT, top, full, FAIR_HEIGHT))
        top += FAIR_HEIGHT + LONG + ABOVE
    return boxes, top - ABOVE + 0.55


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
    printed: Mapping[tuple[str, str, str], float],
    entry: declared.Seeds,
) -> None:
    """Conditions side by side, in each an arm's seeds in a narrow column, with the published value and chance."""
    chance = rows[rows["arm"] == CHANCE].groupby("condition", sort=False)["value"].mean()
    dots = rows[rows["arm"].isin(entry.arms)]
    conditions = [view.condition(name) for name in dict.fromkeys(dots["condition"])]
    shifts = dict(zip(style.in_order(dots["arm"]), (-0.18, 0.18), strict=False))
    base = {each: float(chance.get(each.id, 0.0)) if script.above_chance else 0.0 for each in conditions}
    for x, condition in enumerate(conditions):
        for arm, shift in shifts.items():
            values = dots[(dots["condition"] == condition.id) & (dots["arm"] == arm)].sort_values("seed")["value"]
            spread = np.linspace(-0.1, 0.1, len(values)) if len(values) > 1 else np.zeros(len(values))
            _, color, marker, _ = style.look(arm)
            shown = style.Options(color=color, marker=marker, alpha=0.75, gid=arm)
            axes.plot(x + shift + spread, values.to_numpy() - base[condition], **DOT, **shown)
        if condition.id in chance.index:
            line = style.Options(color=style.GREY, dashes=(5, 2), linewidth=0.8, zorder=1)
            axes.plot([x - 0.45, x + 0.45], [chance[condition.id] - base[condition]] * 2, gid="chance", **line)
    places = {(each.varied, each.value): x for x, each in enumerate(conditions)}
    for (varied, value, arm), mean in printed.items():
        place_of = places.get((varied, value))
        if place_of is not None and arm in shifts:
            at, look = (place_of + shifts[arm], mean - base[conditions[place_of]]), style.look(arm)
            shown = style.Options(color=look.color, marker=look.marker, markeredgewidth=0.9, zorder=4)
            axes.plot(*at, gid="published", **HOLLOW, **shown)
    axes.set_title(script.title, pad=14 if len(conditions) > 5 else 4)
    axes.set_ylabel(script.y_label)
    groups = [entry.varied.get(each.varied or "", "") for each in conditions]
    _x_axis(axes, [_value(each) for each in conditions], groups)


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
            shown = style.Options(color=color, marker=marker, alpha=0.85, gid=f"{name}:{arm}")
            axes.plot(np.full(len(ends), x + shift), ends[:, k], **DOT, **shown)
    marks.zero(axes, at=1, linestyle=style.LEVELS["chance"].dashes, linewidth=0.8)
    marks.zero(axes, color=style.INK, linewidth=0.8)
    axes.set(ylim=(-0.05, max(1.05, 1.03 * pairs["share"].max())), ylabel="loss (floor 0, chance 1)")
    axes.set_title(entry.fair_title, pad=14)
    conditions = [view.condition(name) for name in names]
    shorts = [each.short.partition(" (")[0] for each in conditions]
    _x_axis(axes, [marks.in_words(each) for each in conditions], shorts)


def _x_axis(axes: Axes, names: Sequence[str], groups: Sequence[str]) -> None:
    """Thin lines between groups of neighbouring conditions, each group named above the panel; a single one is not."""
    axes.set_xticks(range(len(names)), labels=names, fontsize=style.SMALL, rotation=90 if len(names) > 5 else 0)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(names) - 0.4)
    starts = [k for k, name in enumerate(groups) if k == 0 or name != groups[k - 1]]
    for k in starts if len(starts) > 1 else []:
        if k:
            marks.zero(axes, upright=True, at=k - 0.5, color=style.PALE, zorder=0)
        marks.text(axes, "above", k - 0.45, 1.02, groups[k], color=style.GREY, va="baseline")


def _value(condition: Condition) -> str:
    """Of what varies within the script: ``8:1``, ``V = 50``, ``semi-random``; empty in a script of one condition."""
    value = condition.value or ""
    words = {"compression": f"{value}:1", "ratio": f"{value}:1", "vocabulary": f"V = {value}"}
    return words.get(condition.varied or "", value).replace("_", "-")


def _printed(printed: Mapping[str, PublishedTable]) -> Iterator[tuple[bespoke.DocumentTest, str, float]]:
    """Test, label and ratio, of document 003's complete table and of the author's correction."""
    for key, row in printed["bespoke-tests"].rows.items():
        yield bespoke.TESTS[key], row["label"], number(row["ratio"])
    for row in printed["bespoke-correction"].rows.values():
        yield bespoke.CORRECTION, row["label"].replace(", ", ",\n"), number(row["bespoke"]) / number(row["standard"])


def ratio_axis(axes: Axes, which: str, low: float, high: float) -> None:
    """A logarithmic axis of loss ratios with plain ticks."""
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    marks.ticks(axes, {tick: f"{tick:g}" for tick in RATIOS if low <= tick <= high}, which)


@kind("ratios of seeds")
def ratios(sources: Sources, entry: declared.Ratios) -> Figure:
    """A row per test of the document: every seed, median and central 95 %, the printed ratio and its percentile."""
    view = sources.view
    rows = [
        (label, ratio, reported, view.series(bespoke.released(view, test, fresh=True), BESPOKE, RATIO))
        for test, label, ratio in _printed(sources.printed)
        if len(reported := view.series(bespoke.released(view, test), BESPOKE, RATIO))
    ]
    if not rows:
        raise style.Nothing
    height = 0.9 + ROW * len(rows) + 1.75
    figure, (axes,) = style.canvas(height, [style.Box(3.0, 0.9, 10.6, ROW * len(rows))])
    everything = np.concatenate([np.append(reported.to_numpy(), ratio) for _, ratio, reported, _ in rows])
    ratio_axis(axes, "x", everything.min() * 0.85, max(everything.max(), 1.0) * 1.2)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=entry.x_label)
    counts = {len(reported) for _, _, reported, _ in rows}
    for y, (_, ratio, reported, fresh) in enumerate(rows):
        _seed_row(axes, y, reported, fresh, ratio, counted=len(counts) > 1)
    marks.zero(axes, upright=True, at=1)
    axes.set_yticks(range(len(rows)), labels=[row[0] for row in rows])
    axes.tick_params(axis="y", length=0)
    marks.text(axes, "corner", 1.02, 1.01, "percentile of the\npublished ratio", va="bottom")
    style.legend(figure, entry.samples, top=height - 0.5, columns=4)
    return figure


def _seed_row(axes: Axes, y: float, values: pd.Series, fresh: pd.Series, printed: float, *, counted: bool) -> None:
    """Dots above, bars in the middle and below, the printed value as a diamond; its percentile at right."""
    order = np.argsort(np.argsort(values.to_numpy()))
    jitter = ((order * 0.618) % 1 - 0.5) * 0.28  # golden-ratio jitter: even, and the same on every machine
    axes.plot(values, y - 0.2 + jitter, "o", color=style.BLUE, markersize=1.5, alpha=0.5, markeredgewidth=0, zorder=2)
    for shown, at, color in ((values, y + 0.1, style.BLUE), (fresh, y + 0.28, style.ORANGE)):
        if (seeds := bespoke.spread(shown)) is not None:
            axes.plot([seeds.low, seeds.high], [at, at], color=color, linewidth=1.6, solid_capstyle="butt", zorder=3)
            axes.plot([seeds.median], [at], "|", color=color, markersize=7, markeredgewidth=1.6, zorder=4)
    axes.plot([printed], [y + 0.1], "D", markersize=4.5, gid="published", **DIAMOND)
    placed = place(printed, values.to_numpy())
    percentile = f"{placed.percentile:.0f}" + (f" (n = {placed.n:,})" if counted else "")
    marks.text(axes, "row", 1.03, y + 0.1, percentile)


@kind("ratios by step")
def by_step(sources: Sources, entry: declared.ByStep) -> Figure:
    """A panel per corpus of the scaling script: reported and fresh-text ratio against optimiser steps."""
    view = sources.view
    reported, fresh = bespoke.corpora(view), bespoke.corpora(view, fresh=True)
    figure, axes = style.panels(len(reported), entry.samples, entry.layout, "loss ratio", "optimiser steps")
    printed = {bespoke.released(view, test): ratio for test, _, ratio in _printed(sources.printed)}
    for panel, (tokens, condition) in zip(axes, reported.items(), strict=True):
        _steps_panel(panel, _spreads(view, condition), _spreads(view, fresh.get(tokens, "")))
        done = view.cost(condition, BESPOKE).get("steps")
        if condition in printed and done:
            panel.plot([done], [printed[condition]], "D", markersize=5, gid="published", **DIAMOND)
        panel.set_title(f"{tokens:,} tokens" + (f" (released: {done:g} steps)" if done else ""))
    low, high = min(panel.get_ylim()[0] for panel in axes), max(panel.get_ylim()[1] for panel in axes)
    for panel in axes:
        ratio_axis(panel, "y", low, high)
    return figure


def _spreads(view: View, condition: str) -> dict[int, Spread]:
    steps = view.steps(condition, BESPOKE, RATIO)
    spreads = {step: bespoke.spread(view.series(condition, BESPOKE, RATIO, step)) for step in steps}
    return {step: values for step, values in spreads.items() if values is not None}


def _steps_panel(axes: Axes, reported: dict[int, Spread], fresh: dict[int, Spread]) -> None:
    for spreads, color, marker in ((reported, style.BLUE, "o"), (fresh, style.ORANGE, "s")):
        if spreads:
            rows = np.array([(value.median, value.low, value.high) for value in spreads.values()])
            axes.fill_between(list(spreads), rows[:, 1], rows[:, 2], color=color, alpha=0.18, linewidth=0, zorder=2)
            axes.plot(list(spreads), rows[:, 0], color=color, marker=marker, markersize=3, linewidth=0.9, zorder=3)
    axes.set(xscale="log", yscale="log")
    marks.zero(axes, at=1)
    steps = sorted({*reported, *fresh})
    if steps:
        marks.ticks(axes, {step: f"{step:,}" for step in STEPS if steps[0] <= step <= steps[-1]})
