"""Gains of crammed texts: by kind of text, by number of vectors, and against what a vector could hold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.cramming.cells import CONTROL, NATURAL, STUDY
from tokentrial.published import PublishedTable, number
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind
from tokentrial.report.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, VERMILLION, Look
from tokentrial.report.figures.texts import bars, draw_length, groups_of, kind_look, members, said, values
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.schema import figures as declared
from tokentrial.statistics.cramming import Estimate

LIMIT = 1.5  # how far apart rule (b) lets the gains of two kinds be
# Of this run's models, and markers of the published ones, in turn.
OURS = (
    *(Look("", BLUE, "o", 4.0), Look("", GREEN, "^", 4.4), Look("", ORANGE, "D", 3.6)),
    *(Look("", PURPLE, "v", 4.4), Look("", BLACK, "P", 4.6)),
)
THEIRS = ("s", "^", "D", "v")
SHARES = (1.0, 0.1, 0.01)
UNEDGED: dict[str, Any] = {"markeredgecolor": None, "markeredgewidth": None}
OTHER = Look("other", BLACK, "P", 4.6)


@kind("gains by kind of text")
def gains(sources: Sources, entry: declared.Gains) -> Figure | None:
    """Three panels per model, a row per kind: information gain, its ratio to natural text's, and lengths."""
    view = sources.view
    groups = groups_of(view)[: entry.most]
    if not groups:
        return None
    scopes = {group: members(view, group, entry.kinds) for group in groups}
    boxes, top = [], 0.6
    for group in groups:
        height = 0.45 * len(scopes[group]) + 0.3
        boxes += [style.Box(left, top, 3.75, height) for left in (3.5, 7.75, 12.0)]
        top += height + 1.75
    figure, axes = style.page(boxes, [style.mark_sample(mark) for mark in entry.samples], top - 0.55)
    for place, (group, of_group) in enumerate(scopes.items()):
        three = axes[3 * place : 3 * place + 3]
        looks = [kind_look(entry.kinds, scope.kind) for scope in of_group]
        for panel in three:
            panel.set_ylim(len(looks) - 0.5, -0.5)
            panel.set_yticks(range(len(looks)), labels=[look.name if panel is three[0] else "" for look in looks])
            panel.tick_params(axis="y", length=0)
        _gain(three[0], view, of_group, looks)
        _ratio(three[1], view, of_group, looks)
        _lengths(three[2], view, of_group)
        three[0].set_title(group.model, x=-0.9)
    return figure


def _side(axes: Axes, **options: Any) -> dict[str, Any]:
    return {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": style.SMALL, **options}


def _ends(estimate: Estimate) -> list[float]:
    return [end for end in (estimate.value, estimate.low, estimate.high) if end is not None]


def _gain(axes: Axes, view: View, scopes: Sequence[Scope], looks: Sequence[Look]) -> None:
    ends = [0.0]
    for y, (scope, look) in enumerate(zip(scopes, looks, strict=True)):
        estimate = view.estimates.get("information_gain_strict", scope)
        if estimate.value is None:
            axes.text(0.02, y, "all solved", **_side(axes))
            continue
        marks.points(axes, [estimate.value], [y], bars([estimate]), look, along="x", label=scope.kind)
        axes.text(0.99, y, f"{estimate.n} texts", **_side(axes, ha="right", color=GREY))
        ends += _ends(estimate)
    marks.zero(axes, upright=True, gid="no gain")
    axes.set_xlim(min(ends) - 0.03 * max(ends), 1.45 * max(ends) or 1.0)
    axes.set_xlabel("information gain (nats)")


def _ratio(axes: Axes, view: View, scopes: Sequence[Scope], looks: Sequence[Look]) -> None:
    axes.set_xscale("log", base=2)
    axes.axvspan(1 / LIMIT, LIMIT, color=style.BAND, linewidth=0, zorder=0, gid="limit")
    marks.zero(axes, upright=True, at=1)
    ends = [0.5, 2.0]
    for y, (scope, look) in enumerate(zip(scopes, looks, strict=True)):
        estimate = view.estimates.get("gain_ratio", scope)
        if scope.kind == NATURAL or estimate.value is None or estimate.value <= 0:
            words = "reference" if scope.kind == NATURAL else "not defined"
            axes.text(0.03, y, words, **_side(axes, color=GREY))
            continue
        marks.points(axes, [estimate.value], [y], bars([estimate]), look, along="x", label=scope.kind)
        ends += [end for end in _ends(estimate) if end > 0]
    low, high = max(min(ends), 0.02) / 1.15, 1.15 * min(max(ends), 50.0)
    axes.set_xlim(low, high)
    marks.ticks(axes, {2.0**k: f"{2.0**k:g}" for k in range(-5, 6) if low <= 2.0**k <= high})
    axes.set_xlabel("gain over that of natural text")


def _lengths(axes: Axes, view: View, scopes: Sequence[Scope]) -> None:
    lengths = sorted({n for scope in scopes for n in view.estimates.lengths(scope)})
    axes.set_xscale("log", base=2)
    axes.set_xlim(lengths[0] / 1.3, lengths[-1] * 1.3)
    marks.ticks(axes, {n: f"{n:g}" for n in lengths})
    for y, scope in enumerate(scopes):
        draw_length(axes, view.estimates.get("capacity", scope), y - 0.17, BLUE, f"capacity:{scope.kind}")
        draw_length(axes, view.estimates.get("n_max", scope), y + 0.17, VERMILLION, f"n_max:{scope.kind}")
    axes.set_xlabel("length (tokens)")


@kind("lengths by vectors")
def scaling(sources: Sources, entry: declared.Scaling) -> Figure | None:
    """Left: capacity and N max; right: information gain; both against the number of vectors, logarithmic axes."""
    view = sources.view
    shown = list(_series(view).items())[: len(OURS)]
    if not shown:
        return None
    printed = _published(sources.printed)
    handles = []
    for (group, scopes), look in zip(shown, OURS, strict=False):
        name = kind_look(entry.kinds, group.kind).name
        handles += _own_handles(view, f"{group.model}, {name}", group, scopes, look)
    handles += _published_handles(printed)
    boxes = [style.Box(1.4, 0.6, 6.3, 6.0), style.Box(9.4, 0.6, 6.3, 6.0)]
    figure, axes = style.canvas(7.75 + 0.34 * len(handles) + 0.1, boxes)
    style.legend(figure, handles, top=7.75, columns=1)
    for (group, scopes), look in zip(shown, OURS, strict=False):
        _both_lengths(axes[0], view, scopes, look)
        _gains(axes[1], view, group, scopes, look)
    for place, rows in enumerate(printed.values()):
        for panel, quantity in zip(axes, ("capacity", "information_gain"), strict=True):
            sizes, levels = ([number(row[name]) for row in rows] for name in ("vectors", quantity))
            panel.plot(sizes, levels, gid=f"published:{quantity}", zorder=2, **_theirs(place))
    for panel, title in zip(axes, ("Length (tokens)", "Information gain (nats)"), strict=True):
        ours = {scope.vectors or 1 for _, scopes in shown for scope in scopes}
        _finish(panel, sorted(ours | {int(number(row["vectors"])) for rows in printed.values() for row in rows}))
        panel.set_title(title)
    return figure


def _theirs(place: int) -> dict[str, Any]:
    marker = THEIRS[place % len(THEIRS)]
    return {"color": GREY, "marker": marker, "markersize": 3.6, "markerfacecolor": "white", "linewidth": 0.6}


def _series(view: View) -> dict[Scope, list[Scope]]:
    """Model, kind and settings -> its scopes by number of vectors, where there are several."""
    series: dict[Scope, list[Scope]] = {}
    for scope in view.estimates.scopes:
        if scope.vectors is not None and scope.arm not in view.with_role(STUDY, CONTROL):
            series.setdefault(scope._replace(vectors=None), []).append(scope)
    rising = {group: sorted(scopes, key=lambda scope: scope.vectors or 0) for group, scopes in series.items()}
    return {group: scopes for group, scopes in rising.items() if len(scopes) > 1}


def _published(printed: Mapping[str, PublishedTable]) -> dict[str, list[Mapping[str, str]]]:
    """Label -> the printed rows of a model."""
    by_label: dict[str, list[Mapping[str, str]]] = {}
    for row in printed["cramming-vectors"].rows.values():
        by_label.setdefault(row["label"].partition(",")[0], []).append(row)
    return by_label


def _both_lengths(axes: Axes, view: View, scopes: Sequence[Scope], look: Look) -> None:
    for measure, face, dashes in (("capacity", look.color, None), ("n_max", "white", (2, 1))):
        estimates = {scope.vectors or 1: view.estimates.get(measure, scope) for scope in scopes}
        kept = {m: each for m, each in estimates.items() if each.value is not None}
        marks.points(
            axes, list(kept), values(kept.values()), bars(kept.values()), look, **UNEDGED, markerfacecolor=face,
            linewidth=0.7, linestyle=style.dashes(dashes), label=f"{scopes[0].model}:{measure}",
        )  # fmt: skip


def _unplaced(view: View, scopes: Sequence[Scope]) -> str:
    """Which lengths have no place on the axis, since they lie below the shortest text or were not measured."""
    words = []
    for measure, name in (("capacity", "capacity"), ("n_max", "N max")):
        sizes = [f"{scope.vectors}" for scope in scopes if view.estimates.get(measure, scope).value is None]
        if sizes:
            words.append(f"{name} at m = {', '.join(sizes)}")
    return f"not shown, below the shortest text: {'; '.join(words)}" if words else ""


def positive(estimate: Estimate) -> Estimate:
    """For a logarithmic axis: without an interval's end that has no place on it."""
    return estimate._replace(low=None) if (estimate.low or 0) <= 0 else estimate


def _gains(axes: Axes, view: View, group: Scope, scopes: Sequence[Scope], look: Look) -> None:
    estimates = {scope.vectors or 1: view.estimates.get("information_gain_strict", scope) for scope in scopes}
    kept = {m: positive(each) for m, each in estimates.items() if each.value is not None and each.value > 0}
    heights = values(kept.values())
    marks.points(axes, list(kept), heights, bars(kept.values()), look, linestyle="none", label=group.model)
    exponent = view.estimates.get("exponent_information_gain", group).value
    if exponent is not None and len(kept) > 1:
        sizes = np.array(list(kept), dtype=float)
        middle = np.log(heights).mean() - exponent * np.log(sizes).mean()
        axes.plot(sizes, np.exp(middle) * sizes**exponent, color=look.color, linewidth=0.9, gid="exponent", zorder=2)


def _finish(axes: Axes, sizes: Sequence[int]) -> None:
    """Logarithmic axes, and a pale line along which twice the vectors hold twice as much."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    marks.ticks(axes, {float(m): f"{m}" for m in marks.thinned(sizes, 8)})
    low, high = axes.get_ylim()
    ends = np.array([min(sizes), max(sizes)], dtype=float)
    for start in 10.0 ** np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 1):
        axes.plot(ends, start * ends, color=PALE, linewidth=0.5, zorder=1, gid="linear")
    axes.set_ylim(low, high)
    axes.set_xlim(min(sizes) / 1.2, max(sizes) * 1.2)
    axes.set_xlabel("number of vectors m")


def _own_handles(view: View, name: str, group: Scope, scopes: Sequence[Scope], look: Look) -> list[Line2D]:
    exponent = view.estimates.get("exponent_information_gain", group)
    words = f"exponent of the gain {said(exponent, 2)} (n = {exponent.n})"
    label = f"{name}: {words}; left: closed capacity, open N max"
    absent = _unplaced(view, scopes)
    missing = [Line2D([], [], linestyle="none", label=absent)] if absent else []
    return [style.sample(look, linestyle="-", linewidth=0.9, label=label), *missing]


def _published_handles(printed: Mapping[str, Sequence[Mapping[str, str]]]) -> list[Line2D]:
    return [
        *(
            Line2D([], [], label=f"published: {label}, PG-19; left: capacity", **_theirs(place))
            for place, label in enumerate(printed)
        ),
        Line2D([], [], color=PALE, linewidth=0.8, label="linear: twice the vectors, twice as much"),
    ]


def family(model: str, families: Mapping[str, declared.Mark], kin: Mapping[str, str]) -> str:
    """Of a model's name: ``llama`` of llama-64x4, sheared-llama-1.3b and org/llama-3.2-1b; else ``other``.

    kin: a name up to its first hyphen -> the family, where these differ.
    """
    first = model.rpartition("/")[2].lower().partition("-")[0]
    name = kin.get(first, first)
    return name if name in families else "other"


@kind("gain against bound")
def bound(sources: Sources, entry: declared.Bound) -> Figure | None:
    """Token gain against 16 d / log2 V tokens: this run's models (closed) and the published ones (open)."""
    scopes = sources.view.estimates.widest()
    if not scopes:
        return None
    printed, gained = list(sources.printed["cramming-models"].rows.values()), _gained(sources.view, scopes)
    models = [name for name, *_ in gained] + [row["model"] for row in printed]
    families = {model: family(model, entry.families, entry.kin) for model in models}
    looks = {name: style.mark_look(mark) for name, mark in entry.families.items()} | {"other": OTHER}
    texts = sorted({gain.n for _, _, gain in gained if gain.value is not None}) or [0]
    counted = f"{texts[0]}" if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"
    handles: list[Artist] = [
        style.sample(look, **marks.EDGE) for name, look in looks.items() if name in families.values()
    ]
    for mark in entry.samples:
        named = mark.model_copy(update={"label": mark.label.replace("{texts}", counted)})
        handles.append(style.mark_sample(named))
    figure, (panel,) = style.page([style.Box(1.6, 0.3, 14.0, 7.6)], handles, 9.1)
    placed = [(name, x, gain) for name, x, gain in gained if gain.value is not None and gain.value > 0]
    for name, x, gain in placed:
        look = looks[families[name]]
        look = look._replace(size=look.size + 0.8)
        marks.points(panel, [x], values([gain]), bars([positive(gain)]), look, label=name, zorder=4)
    for row in printed:
        _, color, marker, size = looks[families[row["model"]]]
        panel.plot(
            [number(row["bound"])], [number(row["token_gain"])], marker=marker, markersize=size, color=color,
            markerfacecolor="white", gid=f"published:{row['model']}", zorder=3,
        )  # fmt: skip
    _shares(panel)
    named_points = [(number(row["bound"]), number(row["token_gain"]), row["label"]) for row in printed]
    style.label_points(panel, named_points + [(x, values([gain])[0], name) for name, x, gain in placed])
    lost = [name for name, _, gain in gained if (gain.value or 0) <= 0]
    if lost:
        panel.text(0.01, 0.98, f"not shown, gain undefined or not above 0: {', '.join(lost)}", va="top",
                   transform=panel.transAxes, fontsize=style.SMALL, color=GREY)  # fmt: skip
    panel.set_xlabel("theoretical bound 16 d / log2 V (tokens)")
    panel.set_ylabel("token gain of unsolved texts (tokens)")
    return figure


def _gained(view: View, scopes: Sequence[Scope]) -> list[tuple[str, float, Estimate]]:
    """Model, bound and token gain; models whose bound is not known are left out."""
    get = view.estimates.get
    gained = [(scope.model, get("theoretical_capacity", scope).value, get("token_gain", scope)) for scope in scopes]
    return [(name, x, gain) for name, x, gain in gained if x is not None]


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
        marks.ticks(axes, {2.0**k: f"{2.0**k:,g}" for k in range(-6, 20) if ends[0] <= 2.0**k <= ends[1]}, axis)
