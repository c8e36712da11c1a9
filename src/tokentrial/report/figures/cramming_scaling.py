"""Cramming by size: lengths and gains against the number of vectors, token gain against what a vector could hold."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.cramming.cells import CONTROL, STUDY
from tokentrial.published import PublishedTable, number
from tokentrial.report.figures import style
from tokentrial.report.figures.cramming_data import (
    ABSENT,
    FAMILIES,
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
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.statistics.cramming import Estimate

Printed = Mapping[str, PublishedTable]
NOTHING = "No model of this run was given more than one number of vectors."
OURS = ((BLUE, "o", 4.0), (GREEN, "^", 4.4), (ORANGE, "D", 3.6), (PURPLE, "v", 4.4), (BLACK, "P", 4.6))
THEIRS = ("s", "^", "D", "v")
SHARES = (1.0, 0.1, 0.01)


@style.applied()
def scaling(view: View, printed: Printed) -> Figure:
    """Left: capacity and N max; right: information gain; both against the number of vectors, logarithmic axes."""
    series = _series(view)
    if not series:
        return style.nothing(NOTHING)
    boxes = [style.Box(1.4, 0.6, 6.3, 6.0), style.Box(9.4, 0.6, 6.3, 6.0)]
    shown = list(series.items())[: len(OURS)]
    looks = dict(zip(series, OURS, strict=False))
    published = _published(printed)
    handles = [*_own_handles(view, looks, shown), *_published_handles(published)]
    figure, axes = style.canvas(7.75 + 0.34 * len(handles) + 0.1, boxes)
    for group, scopes in shown:
        _lengths(axes[0], view, scopes, looks[group])
        _gains(axes[1], view, group, scopes, looks[group])
    for place, rows in enumerate(published.values()):
        for panel, quantity in zip(axes, ("capacity", "information_gain"), strict=True):
            sizes, levels = ([number(row[name]) for row in rows] for name in ("vectors", quantity))
            panel.plot(
                sizes, levels, color=GREY, marker=THEIRS[place % len(THEIRS)], markersize=3.6, markerfacecolor="white",
                linewidth=0.6, gid=f"published:{quantity}", zorder=2,
            )  # fmt: skip
    for panel, title in zip(axes, ("Length (tokens)", "Information gain (nats)"), strict=True):
        _finish(panel, [scope.vectors or 1 for _, scopes in shown for scope in scopes], published)
        panel.set_title(title)
    style.legend(figure, handles, top=7.75, columns=1)
    return figure


def _series(view: View) -> dict[Scope, list[Scope]]:
    """Model, kind and settings -> its scopes by number of vectors, where there are several."""
    series: dict[Scope, list[Scope]] = {}
    for scope in view.estimates.scopes:
        if scope.vectors is not None and scope.arm not in view.with_role(STUDY, CONTROL):
            series.setdefault(scope._replace(vectors=None), []).append(scope)
    rising = {group: sorted(scopes, key=lambda scope: scope.vectors or 0) for group, scopes in series.items()}
    return {group: scopes for group, scopes in rising.items() if len(scopes) > 1}


def _published(printed: Printed) -> dict[str, list[Mapping[str, str]]]:
    """Label -> the printed rows of a model."""
    by_label: dict[str, list[Mapping[str, str]]] = {}
    for row in printed["cramming-vectors"].rows.values():
        by_label.setdefault(row["label"].partition(",")[0], []).append(row)
    return by_label


def _lengths(axes: Axes, view: View, scopes: Sequence[Scope], look: tuple[str, str, float]) -> None:
    color, marker, size = look
    for measure, face, dashes in (("capacity", color, "-"), ("n_max", "white", (0, (2, 1)))):
        estimates = [(scope.vectors or 1, view.estimates.get(measure, scope)) for scope in scopes]
        kept = [(m, each) for m, each in estimates if each.value is not None]
        axes.errorbar(
            [m for m, _ in kept], values(each for _, each in kept), yerr=bars([each for _, each in kept]), color=color,
            marker=marker, markersize=size, markerfacecolor=face, linewidth=0.7, linestyle=dashes, elinewidth=0.9,
            label=f"{scopes[0].model}:{measure}", zorder=3,
        )  # fmt: skip


def _unplaced(view: View, scopes: Sequence[Scope]) -> str:
    """Which lengths have no place on the axis, since they lie below the shortest text or were not measured."""
    words = []
    for measure, name in (("capacity", "capacity"), ("n_max", "N max")):
        sizes = [f"{scope.vectors}" for scope in scopes if view.estimates.get(measure, scope).value is None]
        if sizes:
            words.append(f"{name} at m = {', '.join(sizes)}")
    return f"not shown, below the shortest text: {'; '.join(words)}" if words else ""


def _gains(axes: Axes, view: View, group: Scope, scopes: Sequence[Scope], look: tuple[str, str, float]) -> None:
    color, marker, size = look
    estimates = [(scope.vectors or 1, view.estimates.get("information_gain_strict", scope)) for scope in scopes]
    kept = [(m, each) for m, each in estimates if each.value is not None and each.value > 0]
    lows = [(m, each._replace(low=None) if (each.low or 0) <= 0 else each) for m, each in kept]
    axes.errorbar(
        [m for m, _ in lows], values(each for _, each in lows), yerr=bars([each for _, each in lows]), color=color,
        marker=marker, markersize=size, linestyle="none", elinewidth=0.9, label=group.model, zorder=3,
        markeredgecolor="white", markeredgewidth=0.3,
    )  # fmt: skip
    exponent = view.estimates.get("exponent_information_gain", group).value
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
    view: View, looks: Mapping[Scope, tuple[str, str, float]], shown: Sequence[tuple[Scope, Sequence[Scope]]]
) -> list[Line2D]:
    made = []
    for group, scopes in shown:
        color, marker, size = looks[group]
        exponent = view.estimates.get("exponent_information_gain", group)
        words = f"exponent of the gain {said(exponent, 2)} (n = {exponent.n})"
        label = f"{group.model}, {kind_look(group.kind).name}: {words}; left: closed capacity, open N max"
        made.append(Line2D([], [], color=color, marker=marker, markersize=size, linewidth=0.9, label=label))
        absent = _unplaced(view, scopes)
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
def bound(view: View, printed: Printed) -> Figure:
    """Token gain against 16 d / log2 V tokens: this run's models (closed) and the published ones (open)."""
    scopes = view.estimates.widest()
    if not scopes:
        return style.nothing(ABSENT)
    published = list(printed["cramming-models"].rows.values())
    points = _points(view, scopes)
    kinds = [family(name) for name, *_ in points] + [family(row["model"]) for row in published]
    names = [name for name in (*FAMILIES, "other") if name in kinds]
    handles = [sample(family_look(f"{name}-")) for name in names]
    texts = sorted({gain.n for _, _, gain in points if gain.value is not None}) or [0]
    counted = f"{texts[0]}" if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"
    for label, face in ((f"closed: this run, {counted} texts", GREY), ("open: published, PG-19", "white")):
        handles.append(
            Line2D([], [], color=GREY, marker="o", markersize=4, markerfacecolor=face, linestyle="none", label=label)
        )
    figure, axes = style.canvas(9.1 + style.legend_height(handles), [style.Box(1.6, 0.3, 14.0, 7.6)])
    (panel,) = axes
    for name, x, gain in points:
        _own_point(panel, name, x, gain)
    for row in published:
        _, color, marker, size = family_look(row["model"])
        panel.plot(
            [number(row["bound"])], [number(row["token_gain"])], marker=marker, markersize=size, color=color,
            markerfacecolor="white", gid=f"published:{row['model']}", zorder=3,
        )  # fmt: skip
    _shares(panel)
    named = [(number(row["bound"]), number(row["token_gain"]), row["label"]) for row in published]
    named += [(x, gain.value, name) for name, x, gain in points if gain.value is not None and gain.value > 0]
    label_points(panel, named)
    lost = [name for name, _, gain in points if (gain.value or 0) <= 0]
    if lost:
        panel.text(0.01, 0.98, f"not shown, gain undefined or not above 0: {', '.join(lost)}", va="top",
                   transform=panel.transAxes, fontsize=style.SMALL, color=GREY)  # fmt: skip
    panel.set_xlabel("theoretical bound 16 d / log2 V (tokens)")
    panel.set_ylabel("token gain of unsolved texts (tokens)")
    style.legend(figure, handles, top=9.1)
    return figure


def _points(view: View, scopes: Sequence[Scope]) -> list[tuple[str, float, Estimate]]:
    """Model, bound and token gain; models whose bound is not known are left out."""
    get = view.estimates.get
    points = [(scope.model, get("theoretical_capacity", scope).value, get("token_gain", scope)) for scope in scopes]
    return [(name, x, gain) for name, x, gain in points if x is not None]


def _own_point(axes: Axes, name: str, x: float, gain: Estimate) -> None:
    if gain.value is None or gain.value <= 0:
        return
    _, color, marker, size = family_look(name)
    shown = gain._replace(low=None) if (gain.low or 0) <= 0 else gain
    axes.errorbar(
        [x], [gain.value], yerr=bars([shown]), marker=marker, markersize=size + 0.8, color=color, elinewidth=0.9,
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
