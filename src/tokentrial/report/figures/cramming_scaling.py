"""Cramming by size: lengths and gains against the number of vectors, token gain against what a vector could hold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.report.figures import style
from tokentrial.report.figures.cramming_data import (
    ABSENT,
    CONTROL,
    FAMILIES,
    Crammed,
    Key,
    bars,
    family,
    family_look,
    kind_look,
    label_points,
    said,
    sample,
    thinned,
    values,
    with_ticks,
)
from tokentrial.report.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PURPLE
from tokentrial.report.published import PublishedTable, number

Printed = Mapping[str, PublishedTable]
NOTHING = "No model of this run was given more than one number of vectors."
OURS = ((BLUE, "o", 4.0), (GREEN, "^", 4.4), (ORANGE, "D", 3.6), (PURPLE, "v", 4.4), (BLACK, "P", 4.6))
THEIRS = ("s", "^", "D", "v")
SHARES = (1.0, 0.1, 0.01)
EXPONENTS = {"token_gain": "exponent_token_gain", "information_gain": "exponent_information_gain"}


@style.applied()
def scaling(study: Crammed, printed: Printed) -> Figure:
    """Left: capacity and N max; right: information gain; both against the number of vectors, logarithmic axes."""
    series = _series(study)
    if not series:
        return style.nothing(NOTHING)
    boxes = [style.Box(1.4, 0.6, 6.3, 6.0), style.Box(9.4, 0.6, 6.3, 6.0)]
    shown = list(series.items())[: len(OURS)]
    looks = dict(zip(series, OURS, strict=False))
    published = _published(printed)
    handles = [*_own_handles(study, looks, shown), *_published_handles(published)]
    figure, axes = style.canvas(7.75 + 0.34 * len(handles) + 0.1, boxes)
    for group, keys in shown:
        _lengths(axes[0], study, keys, looks[group])
        _gains(axes[1], study, group, keys, looks[group])
    for place, rows in enumerate(published.values()):
        for panel, quantity in zip(axes, ("capacity", "information_gain"), strict=True):
            sizes, levels = ([number(row[name]) for row in rows] for name in ("vectors", quantity))
            panel.plot(
                sizes, levels, color=GREY, marker=THEIRS[place % len(THEIRS)], markersize=3.6, markerfacecolor="white",
                linewidth=0.6, gid=f"published:{quantity}", zorder=2,
            )  # fmt: skip
    for panel, title in zip(axes, ("Length (tokens)", "Information gain (nats)"), strict=True):
        _finish(panel, [key.vectors or 1 for _, keys in shown for key in keys], published)
        panel.set_title(title)
    style.legend(figure, handles, top=7.75, columns=1)
    return figure


def _series(study: Crammed) -> dict[Key, list[Key]]:
    """Model, kind and settings -> its keys by number of vectors, where there are several."""
    found: dict[Key, list[Key]] = {}
    for key in study.keys:
        if key.vectors is not None and not key.arm.startswith(CONTROL):
            found.setdefault(key._replace(vectors=None), []).append(key)
    several = {group: sorted(keys, key=lambda key: key.vectors or 0) for group, keys in found.items()}
    return {group: keys for group, keys in several.items() if len(keys) > 1}


def _published(printed: Printed) -> dict[str, list[Mapping[str, str]]]:
    """Label -> the printed rows of a model."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for row in printed["cramming-vectors"].rows.values():
        found.setdefault(row["label"].partition(",")[0], []).append(row)
    return found


def _lengths(axes: Axes, study: Crammed, keys: Sequence[Key], look: tuple[str, str, float]) -> None:
    color, marker, size = look
    for measure, face, dashes in (("capacity", color, "-"), ("n_max", "white", (0, (2, 1)))):
        found = [(key.vectors or 1, study.get(measure, key)) for key in keys]
        kept = [(m, each) for m, each in found if each.value is not None]
        axes.errorbar(
            [m for m, _ in kept], values(each for _, each in kept), yerr=bars([each for _, each in kept]), color=color,
            marker=marker, markersize=size, markerfacecolor=face, linewidth=0.7, linestyle=dashes, elinewidth=0.9,
            label=f"{keys[0].model}:{measure}", zorder=3,
        )  # fmt: skip


def _unplaced(study: Crammed, keys: Sequence[Key]) -> str:
    """Which lengths have no place on the axis, since they lie below the shortest text or were not measured."""
    words = []
    for measure, name in (("capacity", "capacity"), ("n_max", "N max")):
        sizes = [f"{key.vectors}" for key in keys if study.get(measure, key).value is None]
        if sizes:
            words.append(f"{name} at m = {', '.join(sizes)}")
    return f"not shown, below the shortest text: {'; '.join(words)}" if words else ""


def _gains(axes: Axes, study: Crammed, group: Key, keys: Sequence[Key], look: tuple[str, str, float]) -> None:
    color, marker, size = look
    found = [(key.vectors or 1, study.get("information_gain_strict", key)) for key in keys]
    kept = [(m, each) for m, each in found if each.value is not None and each.value > 0]
    lows = [(m, each._replace(low=None) if (each.low or 0) <= 0 else each) for m, each in kept]
    axes.errorbar(
        [m for m, _ in lows], values(each for _, each in lows), yerr=bars([each for _, each in lows]), color=color,
        marker=marker, markersize=size, linestyle="none", elinewidth=0.9, label=group.model, zorder=3,
        markeredgecolor="white", markeredgewidth=0.3,
    )  # fmt: skip
    exponent = study.get("exponent_information_gain", group).value
    if exponent is not None and len(kept) > 1:
        sizes = np.array([m for m, _ in kept], dtype=float)
        middle = np.log(values(each for _, each in kept)).mean() - exponent * np.log(sizes).mean()
        axes.plot(sizes, np.exp(middle) * sizes**exponent, color=color, linewidth=0.9, gid="exponent", zorder=2)


def _finish(axes: Axes, ours: Sequence[int], published: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """Logarithmic axes, and a pale line along which twice the vectors hold twice as much."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    sizes = sorted({*ours, *(int(number(row["vectors"])) for rows in published.values() for row in rows)})
    with_ticks(axes, {float(m): f"{m}" for m in thinned(sizes, 8)})
    low, high = axes.get_ylim()
    ends = np.array([min(sizes), max(sizes)], dtype=float)
    for start in 10.0 ** np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 1):
        axes.plot(ends, start * ends, color=PALE, linewidth=0.5, zorder=1, gid="linear")
    axes.set_ylim(low, high)
    axes.set_xlim(min(sizes) / 1.2, max(sizes) * 1.2)
    axes.set_xlabel("number of vectors m")


def _own_handles(
    study: Crammed, looks: Mapping[Key, tuple[str, str, float]], shown: Sequence[tuple[Key, Sequence[Key]]]
) -> list[Line2D]:
    made = []
    for group, keys in shown:
        color, marker, size = looks[group]
        exponent = study.get("exponent_information_gain", group)
        words = f"exponent of the gain {said(exponent, 2)} (n = {exponent.n})"
        label = f"{group.model}, {kind_look(group.kind).name}: {words}; left: closed capacity, open N max"
        made.append(Line2D([], [], color=color, marker=marker, markersize=size, linewidth=0.9, label=label))
        absent = _unplaced(study, keys)
        if absent:
            made.append(Line2D([], [], linestyle="none", label=absent))
    return made


def _published_handles(published: Mapping[str, Sequence[Mapping[str, str]]]) -> list[Line2D]:
    return [
        Line2D(
            [], [], color=GREY, marker=THEIRS[place % len(THEIRS)], markersize=3.6, markerfacecolor="white",
            linewidth=0.6, label=f"published: {label}, PG-19; left: capacity",
        )
        for place, label in enumerate(published)
    ] + [Line2D([], [], color=PALE, linewidth=0.8, label="linear: twice the vectors, twice as much")]  # fmt: skip


@style.applied()
def bound(study: Crammed, printed: Printed) -> Figure:
    """Token gain against 16 d / log2 V tokens: this run's models (closed) and the published ones (open)."""
    own = study.widest()
    if not own:
        return style.nothing(ABSENT)
    published = list(printed["cramming-models"].rows.values())
    points = _points(study, own)
    kinds = [family(name) for name, *_ in points] + [family(row["model"]) for row in published]
    names = [name for name in (*FAMILIES, "other") if name in kinds]
    handles = [sample(family_look(f"{name}-")) for name in names]
    texts = sorted({found.n for _, _, found in points if found.value is not None}) or [0]
    counted = f"{texts[0]}" if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"
    for label, face in ((f"closed: this run, {counted} texts", GREY), ("open: published, PG-19", "white")):
        handles.append(
            Line2D([], [], color=GREY, marker="o", markersize=4, markerfacecolor=face, linestyle="none", label=label)
        )
    figure, axes = style.canvas(9.1 + style.legend_height(handles), [style.Box(1.6, 0.3, 14.0, 7.6)])
    (panel,) = axes
    for name, x, found in points:
        _own_point(panel, name, x, found)
    for row in published:
        _, color, marker, size = family_look(row["model"])
        panel.plot(
            [number(row["bound"])], [number(row["token_gain"])], marker=marker, markersize=size, color=color,
            markerfacecolor="white", gid=f"published:{row['model']}", zorder=3,
        )  # fmt: skip
    _shares(panel)
    named = [(number(row["bound"]), number(row["token_gain"]), row["label"]) for row in published]
    named += [(x, found.value, name) for name, x, found in points if (found.value or 0) > 0]
    label_points(panel, [(x, y, name) for x, y, name in named if y is not None])
    lost = [name for name, _, found in points if (found.value or 0) <= 0]
    if lost:
        panel.text(0.01, 0.98, f"not shown, gain undefined or not above 0: {', '.join(lost)}", va="top",
                   transform=panel.transAxes, fontsize=style.SMALL, color=GREY)  # fmt: skip
    panel.set_xlabel("theoretical bound 16 d / log2 V (tokens)")
    panel.set_ylabel("token gain of unsolved texts (tokens)")
    style.legend(figure, handles, top=9.1)
    return figure


def _points(study: Crammed, keys: Sequence[Key]) -> list[tuple[str, float, Any]]:
    """Model, bound and token gain; models whose bound is not known are left out."""
    found = [(key.model, study.get("theoretical_capacity", key).value, study.get("token_gain", key)) for key in keys]
    return [(name, x, gain) for name, x, gain in found if x is not None]


def _own_point(axes: Axes, name: str, x: float, found: Any) -> None:
    if (found.value or 0) <= 0:
        return
    _, color, marker, size = family_look(name)
    shown = found._replace(low=None) if (found.low or 0) <= 0 else found
    axes.errorbar(
        [x], [found.value], yerr=bars([shown]), marker=marker, markersize=size + 0.8, color=color, elinewidth=0.9,
        markeredgecolor="white", markeredgewidth=0.3, label=name, zorder=4,
    )  # fmt: skip


def _shares(axes: Axes) -> None:
    """Lines of equal utilisation."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    left, right, low, high = left / 1.1, right * 1.1, low / 1.3, high * 1.6
    for share in SHARES:
        axes.plot([left, right], [share * left, share * right], color=PALE, linewidth=0.7, zorder=1, gid="share")
        if low < share * left < high:
            axes.annotate(
                f"{100 * share:g} %", (left, share * left), (3, 5), textcoords="offset points", fontsize=style.SMALL,
                color=GREY,
            )  # fmt: skip
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    for axis, ends in (("x", (left, right)), ("y", (low, high))):
        octaves = [2.0**k for k in range(-6, 20) if ends[0] <= 2.0**k <= ends[1]]
        with_ticks(axes, {tick: f"{tick:,g}" for tick in octaves}, axis)
