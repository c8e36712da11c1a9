"""Every seed as a dot: the released scripts against what was published, and the fair arms paired."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.report.figures import style
from tokentrial.report.figures.conditions import done_right, in_words, require
from tokentrial.report.figures.documents import Point
from tokentrial.run.columns import Condition
from tokentrial.run.finals import ACCURACY, BOUND, LOSS, SIMULATED, final_values
from tokentrial.run.view import View

NAME = "seeds"
CHANCE, FLOOR = f"{BOUND}chance", f"{BOUND}floor"
ARMS = ("learned", "autoencoder", "traditional")
LEFT, RIGHT, BETWEEN, NARROW = 1.35, 0.5, 1.6, 3.2  # cm; the short scripts share a row
HEIGHT, FAIR_HEIGHT = 2.35, 3.3  # cm
ABOVE, SHORT, UPRIGHT, LONG = 0.92, 0.5, 1.6, 2.75  # cm: title and groups; level, upright and long names
# What varies within a released script.
VARIED = {
    "ratio": "compression ratio",
    "compression": "compression ratio",
    "vocabulary": "vocabulary",
    "complexity": "type of data",
    "baseline": "kind of autoencoder",
    "architecture": "depth of the model",
}


class Script(NamedTuple):
    """A released script's panel: its title, metric, the y axis, and whether values are shown above chance."""

    title: str
    metric: str
    y_label: str
    above_chance: bool


SCRIPTS = {
    "corrected": Script("Released: corrected (000)", ACCURACY, "held-out accuracy", False),
    "pure-python": Script("Pure Python (002)", LOSS, "loss − ln V (nats)", True),
    "focused-scaling": Script("Released: focused scaling (001)", LOSS, "loss − ln V (nats)", True),
    "academic-validation": Script(
        "Released: academic validation (001; a formula, no data)", SIMULATED, "“loss”", False
    ),
}


@style.applied()
def seeds(view: View, published: Iterable[Point] = ()) -> Figure:
    """Final values. Raises InputError if neither a released script nor a pair of fair arms has any."""
    values = final_values(view.runs, view.of_way("as-released"))
    values = values[values["value"].notna()]
    released = {name: _released(view, values, name, script.metric) for name, script in SCRIPTS.items()}
    fair = fair_pairs(view, values)
    present = [name for name, rows in released.items() if len(rows)]
    require(pd.concat([fair, *released.values()]), NAME, "released script or pair of learned and autoencoder")
    boxes, height = _layout(present, len(fair) > 0)
    figure, axes = style.canvas(height, boxes)
    points = tuple(published)
    for panel, name in zip(axes, present, strict=False):
        _script_panel(panel, view, released[name], SCRIPTS[name], [point for point in points if point.script == name])
    if len(fair):
        _fair_panel(axes[-1], view, fair)
    shown = style.in_order(arm for rows in (*released.values(), fair) for arm in rows["arm"] if arm in ARMS)
    hollow = style.handle("learned", color=style.INK, markerfacecolor="none", markersize=5.5, label="published")
    chance = Line2D([], [], color=style.GREY, linestyle=style.LEVELS["chance"].dashes, label="chance")
    style.legend(figure, [*(style.handle(arm) for arm in shown), hollow, chance], top=height - 0.45, columns=5)
    return figure


def _layout(scripts: Sequence[str], fair: bool) -> tuple[list[style.Box], float]:
    """Boxes of the scripts and of the fair arms, and the height of all; the two short scripts share a row."""
    boxes, top = [], 0.6
    full = style.WIDTH - LEFT - RIGHT
    together = {"corrected", "pure-python"} <= set(scripts)
    for name in scripts:
        if together and name == "corrected":
            boxes.append(style.Box(LEFT, top, full - BETWEEN - NARROW, HEIGHT))
            continue
        beside = together and name == "pure-python"
        boxes.append(
            style.Box(style.WIDTH - RIGHT - NARROW if beside else LEFT, top, NARROW if beside else full, HEIGHT)
        )
        top += HEIGHT + (SHORT if name in ("corrected", "pure-python") else UPRIGHT) + ABOVE
    if fair:
        boxes.append(style.Box(LEFT, top, full, FAIR_HEIGHT))
        top += FAIR_HEIGHT + LONG + ABOVE
    return boxes, top - ABOVE + 0.55


def _released(view: View, values: pd.DataFrame, script: str, metric: str) -> pd.DataFrame:
    """The script's values of one metric, and the chance level of its conditions."""
    conditions = [each.id for each in view.select(experiment=script, way="as-released")]
    rows = values[values["condition"].isin(conditions) & (values["metric"] == metric)]
    return rows[rows["arm"].isin([*ARMS, CHANCE])]


def fair_pairs(view: View, values: pd.DataFrame) -> pd.DataFrame:
    """Held-out losses of learned and autoencoder by seed, as the share of the way from the floor (0) to chance (1)."""
    rows = done_right(view, values[values["metric"] == LOSS])
    levels = rows[rows["arm"].isin([FLOOR, CHANCE])]
    bounds = levels.pivot_table(index="condition", columns="arm", values="value").reindex(columns=[FLOOR, CHANCE])
    pairs = rows[rows["arm"].isin(["learned", "autoencoder"])].join(bounds, on="condition")
    both = pairs.groupby(["condition", "seed"])["arm"].transform("nunique") == 2
    floor, chance = pairs[FLOOR], pairs[CHANCE]
    return pairs[both].assign(share=(pairs["value"] - floor) / (chance - floor)).dropna(subset="share")


def _script_panel(axes: Axes, view: View, rows: pd.DataFrame, script: Script, published: Sequence[Point]) -> None:
    """Conditions side by side, in each an arm's seeds in a narrow column, with the published value and chance."""
    chance = rows[rows["arm"] == CHANCE].groupby("condition", sort=False)["value"].mean()
    dots = rows[rows["arm"].isin(ARMS)]
    names = list(dict.fromkeys(dots["condition"]))
    conditions = [view.condition(name) for name in names]
    arms = style.in_order(dots["arm"])
    shifts = dict(zip(arms, (-0.18, 0.18), strict=False))
    base = {name: float(chance.get(name, 0.0)) if script.above_chance else 0.0 for name in names}
    for x, name in enumerate(names):
        for arm in arms:
            of_arm = dots[(dots["condition"] == name) & (dots["arm"] == arm)].sort_values("seed")
            _column(axes, arm, x + shifts[arm], of_arm["value"].to_numpy() - base[name])
        if name in chance.index:
            level = [chance[name] - base[name]] * 2
            axes.plot(
                [x - 0.45, x + 0.45], level, color=style.GREY, dashes=(5, 2), linewidth=0.8, zorder=1, gid="chance"
            )
    places = {(condition.varied, condition.value): x for x, condition in enumerate(conditions)}
    for point in published:
        place = places.get((point.varied, point.value))
        if place is not None and point.arm in shifts:
            _hollow(axes, point.arm, place + shifts[point.arm], point.mean - base[names[place]])
    axes.set_title(script.title, pad=14 if len(names) > 5 else 4)
    axes.set_ylabel(script.y_label)
    _x_axis(axes, [_value(each) for each in conditions], [VARIED.get(each.varied or "", "") for each in conditions])


def _column(axes: Axes, arm: str, x: float, values: np.ndarray) -> None:
    """Dots of one arm in one condition, spread sideways a little in the order of the seeds."""
    _, color, marker, _ = style.look(arm)
    jitter = np.linspace(-0.1, 0.1, len(values)) if len(values) > 1 else np.zeros(len(values))
    axes.plot(
        x + jitter, values, linestyle="none", color=color, marker=marker, markersize=2.6, alpha=0.75,
        markeredgewidth=0, zorder=3, gid=arm,
    )  # fmt: skip


def _hollow(axes: Axes, arm: str, x: float, y: float) -> None:
    _, color, marker, _ = style.look(arm)
    axes.plot(
        [x], [y], linestyle="none", marker=marker, markersize=5.5, markerfacecolor="none", color=color,
        markeredgewidth=0.9, zorder=4, gid="published",
    )  # fmt: skip


def _fair_panel(axes: Axes, view: View, pairs: pd.DataFrame) -> None:
    """A condition's seeds at left for learned, at right for the autoencoder, each pair joined."""
    names = list(dict.fromkeys(pairs["condition"]))
    for x, name in enumerate(names):
        wide = pairs[pairs["condition"] == name].pivot_table(index="seed", columns="arm", values="share")
        ends = wide[["learned", "autoencoder"]].to_numpy()
        for pair in ends:
            axes.plot([x - 0.22, x + 0.22], pair, color=style.GREY, linewidth=0.4, alpha=0.7, zorder=2)
        for k, arm in enumerate(("learned", "autoencoder")):
            _, color, marker, _ = style.look(arm)
            axes.plot(
                np.full(len(ends), x + (-0.22, 0.22)[k]), ends[:, k], linestyle="none", color=color, marker=marker,
                markersize=2.6, markeredgewidth=0, alpha=0.85, zorder=3, gid=f"{name}:{arm}",
            )  # fmt: skip
    axes.axhline(1, color=style.GREY, linestyle=style.LEVELS["chance"].dashes, linewidth=0.8, zorder=1)
    axes.axhline(0, color=style.INK, linewidth=0.8, zorder=1)
    axes.set_ylim(-0.05, max(1.05, 1.03 * pairs["share"].max()))
    conditions = [view.condition(name) for name in names]
    _x_axis(axes, [in_words(each) for each in conditions], [each.short.partition(" (")[0] for each in conditions])
    axes.set_title("Done right: learned and autoencoder on the same seeds", pad=14)
    axes.set_ylabel("loss (floor 0, chance 1)")


def _groups(axes: Axes, names: Sequence[str]) -> None:
    """Thin lines between groups of neighbouring conditions, each group named above the panel; a single one is not."""
    starts = [k for k, name in enumerate(names) if k == 0 or name != names[k - 1]]
    for k in starts if len(starts) > 1 else []:
        if k:
            axes.axvline(k - 0.5, color=style.PALE, linewidth=0.6, zorder=0)
        axes.text(
            k - 0.45, 1.02, names[k], fontsize=style.SMALL, color=style.GREY, transform=axes.get_xaxis_transform()
        )


def _x_axis(axes: Axes, names: Sequence[str], groups: Sequence[str]) -> None:
    upright = len(names) > 5
    axes.set_xticks(range(len(names)), labels=names, fontsize=style.SMALL, rotation=90 if upright else 0)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(names) - 0.4)
    _groups(axes, groups)


def _value(condition: Condition) -> str:
    """Of what varies within the script: ``8:1``, ``V = 50``, ``semi-random``; empty in a script of one condition."""
    value = condition.value or ""
    words = {"compression": f"{value}:1", "ratio": f"{value}:1", "vocabulary": f"V = {value}"}
    return words.get(condition.varied or "", value).replace("_", "-")
