"""Gains of crammed texts: by kind of text, by number of vectors, and against what a vector could hold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokentrial.cramming.cells import CONTROL, NATURAL, STUDY
from tokentrial.published import number
from tokentrial.report.figures import marks, placing, style
from tokentrial.report.figures.registry import Sources, kind
from tokentrial.report.figures.style import BLUE, GREY, PALE, VERMILLION, Look
from tokentrial.report.figures.texts import Marks, draw_estimates, draw_length, groups_of, kind_look, members, said
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.schema import figures as declared
from tokentrial.statistics.cramming import Estimate

LIMIT = 1.5  # how far apart rule (b) lets the gains of two kinds be
THEIRS = ("s", "^", "D", "v")  # markers of the published models, in turn
SHARES = (1.0, 0.1, 0.01)
OTHER = Look("other", style.BLACK, "P", 4.6)


@kind("gains by kind of text")
def gains(sources: Sources, entry: declared.Gains) -> Figure:
    """Three panels per model, a row per kind: information gain, its ratio to natural text's, and lengths."""
    view = sources.view
    groups = {group: members(view, group, entry.kinds) for group in groups_of(view)[: entry.most]}
    boxes, top = [], 0.6
    for scopes in groups.values():
        height = 0.45 * len(scopes) + 0.3
        boxes += [style.Box(left, top, 3.75, height) for left in (3.5, 7.75, 12.0)]
        top += height + 1.75
    figure, axes = style.page(boxes, entry.samples, top - 0.55)
    for place, (group, scopes) in enumerate(groups.items()):
        three = axes[3 * place : 3 * place + 3]
        looks = [kind_look(entry.kinds, scope.kind) for scope in scopes]
        for panel in three:
            panel.set_ylim(len(looks) - 0.5, -0.5)
            panel.set_yticks(range(len(looks)), labels=[look.name if panel is three[0] else "" for look in looks])
            panel.tick_params(axis="y", length=0)
        _gain(three[0], view, scopes, looks)
        _ratio(three[1], view, scopes, looks)
        _lengths(three[2], view, scopes)
        three[0].set_title(group.model, x=-0.9)
    return figure


def _ends(estimate: Estimate) -> list[float]:
    return [end for end in (estimate.value, estimate.low, estimate.high) if end is not None]


def _gain(axes: Axes, view: View, scopes: Sequence[Scope], looks: Sequence[Look]) -> None:
    ends = [0.0]
    for y, (scope, look) in enumerate(zip(scopes, looks, strict=True)):
        estimate = view.estimates.get("information_gain_strict", scope)
        if estimate.value is None:
            marks.text(axes, "row", 0.02, y, "all solved")
            continue
        draw_estimates(axes, {y: estimate}, look, along="x", label=scope.kind)
        marks.text(axes, "row", 0.99, y, f"{estimate.n} texts", ha="right", color=GREY)
        ends += _ends(estimate)
    marks.zero(axes, upright=True, gid="no gain")
    axes.set(xlim=(min(ends) - 0.03 * max(ends), 1.45 * max(ends) or 1.0), xlabel="information gain (nats)")


def _ratio(axes: Axes, view: View, scopes: Sequence[Scope], looks: Sequence[Look]) -> None:
    axes.set_xscale("log", base=2)
    axes.axvspan(1 / LIMIT, LIMIT, color=style.BAND, linewidth=0, zorder=0, gid="limit")
    marks.zero(axes, upright=True, at=1)
    ends = [0.5, 2.0]
    for y, (scope, look) in enumerate(zip(scopes, looks, strict=True)):
        estimate = view.estimates.get("gain_ratio", scope)
        if scope.kind == NATURAL or (estimate.value or 0) <= 0:
            words = "reference" if scope.kind == NATURAL else "not defined"
            marks.text(axes, "row", 0.03, y, words, color=GREY)
            continue
        draw_estimates(axes, {y: estimate}, look, along="x", label=scope.kind)
        ends += [end for end in _ends(estimate) if end > 0]
    low, high = max(min(ends), 0.02) / 1.15, 1.15 * min(max(ends), 50.0)
    axes.set(xlim=(low, high), xlabel="gain over that of natural text")
    marks.ticks(axes, {2.0**k: f"{2.0**k:g}" for k in range(-5, 6) if low <= 2.0**k <= high})


def _lengths(axes: Axes, view: View, scopes: Sequence[Scope]) -> None:
    lengths = sorted({n for scope in scopes for n in view.estimates.lengths(scope)})
    marks.log2_axis(axes, {n: f"{n:g}" for n in lengths})
    axes.set(xlim=(lengths[0] / 1.3, lengths[-1] * 1.3), xlabel="length (tokens)")
    for y, scope in enumerate(scopes):
        for measure, shift, color in (("capacity_mean", -0.17, BLUE), ("capacity_half", 0.17, VERMILLION)):
            draw_length(axes, view.estimates.get(measure, scope), y + shift, color, f"{measure}:{scope.kind}")


@kind("lengths by vectors")
def scaling(sources: Sources, entry: declared.Scaling) -> Figure:
    """Left: capacity and N max; right: information gain; both against the number of vectors, logarithmic axes."""
    view, printed = sources.view, dict[str, list[Mapping[str, str]]]()
    shown = [(*each, style.mark_look(mark)) for each, mark in zip(_series(view).items(), entry.looks, strict=False)]
    if not shown:
        raise style.Nothing
    for row in sources.printed["cramming-vectors"].rows.values():
        printed.setdefault(row["label"].partition(",")[0], []).append(row)
    boxes = [style.Box(1.4, 0.6, 6.3, 6.0), style.Box(9.4, 0.6, 6.3, 6.0)]
    handles = [_handle(view, group, look, entry.kinds) for group, _, look in shown]
    for place, label in enumerate(printed):
        handles.append(Line2D([], [], label=f"published: {label}, PG-19; left: the paper's capacity", **_theirs(place)))
    handles.append(Line2D([], [], color=PALE, linewidth=0.8, label="linear: twice the vectors, twice as much"))
    figure, axes = style.canvas(7.75 + 0.34 * len(handles) + 0.1, boxes)
    style.legend(figure, handles, top=7.75, columns=1)
    for group, scopes, look in shown:
        _both_lengths(axes[0], view, scopes, look)
        _gains(axes[1], view, group, scopes, look)
    sizes = {scope.vectors or 1 for _, scopes, _ in shown for scope in scopes}
    sizes |= {int(number(row["vectors"])) for rows in printed.values() for row in rows}
    panels = {"capacity": "Length (tokens)", "information_gain": "Information gain (nats)"}
    for panel, (quantity, title) in zip(axes, panels.items(), strict=True):
        for place, rows in enumerate(printed.values()):
            vectors, levels = ([number(row[name]) for row in rows] for name in ("vectors", quantity))
            panel.plot(vectors, levels, gid=f"published:{quantity}", zorder=2, **_theirs(place))
        _finish(panel, sorted(sizes))
        panel.set(title=title, xlabel="number of vectors m")
    return figure


def _theirs(place: int) -> dict[str, Any]:
    marker = THEIRS[place % len(THEIRS)]
    return {"color": GREY, "marker": marker, "markersize": 3.6, "markerfacecolor": "white", "linewidth": 0.6}


def _series(view: View) -> dict[Scope, list[Scope]]:
    """Model, kind and settings -> its scopes by number of vectors, where there are several."""
    series: dict[Scope, list[Scope]] = {}
    for scope in sorted(view.estimates.scopes, key=lambda scope: scope.vectors or 0):
        if scope.vectors is not None and scope.arm not in view.with_role(STUDY, CONTROL):
            series.setdefault(scope._replace(vectors=None), []).append(scope)
    order = dict.fromkeys(scope._replace(vectors=None) for scope in view.estimates.scopes)
    return {group: series[group] for group in order if len(series.get(group, ())) > 1}


def _both_lengths(axes: Axes, view: View, scopes: Sequence[Scope], look: Look) -> None:
    for measure, face, dashes in (("capacity_mean", look.color, None), ("capacity_half", "white", (2, 1))):
        estimates = {scope.vectors or 1: view.estimates.get(measure, scope) for scope in scopes}
        line = style.Options(linewidth=0.7, linestyle=style.dashes(dashes), label=f"{scopes[0].model}:{measure}")
        unedged = style.Options(markeredgecolor=None, markeredgewidth=None, markerfacecolor=face)
        draw_estimates(axes, estimates, look, **unedged, **line)


def positive(estimate: Estimate) -> Estimate:
    """For a logarithmic axis: without what has no place on it."""
    known = estimate._replace(low=None) if (estimate.low or 0) <= 0 else estimate
    return known._replace(value=None) if (estimate.value or 0) <= 0 else known


def _gains(axes: Axes, view: View, group: Scope, scopes: Sequence[Scope], look: Look) -> None:
    get = view.estimates.get
    estimates = {scope.vectors or 1: positive(get("information_gain_strict", scope)) for scope in scopes}
    drawn = draw_estimates(axes, estimates, look, linestyle="none", label=group.model)
    exponent = get("exponent_information_gain", group).value
    if exponent is not None and len(drawn) > 1:
        sizes = np.array(list(drawn), dtype=float)
        middle = np.log(list(drawn.values())).mean() - exponent * np.log(sizes).mean()
        axes.plot(sizes, np.exp(middle) * sizes**exponent, color=look.color, linewidth=0.9, gid="exponent", zorder=2)


def _finish(axes: Axes, sizes: Sequence[int]) -> None:
    """Logarithmic axes, and a pale line along which twice the vectors hold twice as much."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    marks.ticks(axes, {float(m): f"{m}" for m in marks.thinned(sizes, 8)})
    low, high = axes.get_ylim()
    ends = np.array([sizes[0], sizes[-1]], dtype=float)
    for start in 10.0 ** np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 1):
        axes.plot(ends, start * ends, color=PALE, linewidth=0.5, zorder=1, gid="linear")
    axes.set(ylim=(low, high), xlim=(sizes[0] / 1.2, sizes[-1] * 1.2))


def _handle(view: View, group: Scope, look: Look, kinds: Marks) -> Line2D:
    """The series' sample, with its exponent."""
    exponent = view.estimates.get("exponent_information_gain", group)
    words = f"exponent of the gain {said(exponent, 2)} (n = {exponent.n}); left: closed capacity, open N max"
    label = f"{group.model}, {kind_look(kinds, group.kind).name}: {words}"
    return style.sample(look._replace(name=label), linestyle="-", linewidth=0.9)


def family(model: str, families: Marks, kin: Mapping[str, str]) -> str:
    """Of a model's name: ``llama`` of llama-64x4, sheared-llama-1.3b and org/llama-3.2-1b; else ``other``.

    kin: a name up to its first hyphen -> the family, where these differ.
    """
    first = model.rpartition("/")[2].lower().partition("-")[0]
    name = kin.get(first, first)
    return name if name in families else "other"


@kind("gain against bound")
def bound(sources: Sources, entry: declared.Bound) -> Figure:
    """Token gain against 16 d / log2 V tokens: this run's models (closed) and the published ones (open)."""
    scopes = sources.view.estimates.widest()
    if not scopes:
        raise style.Nothing
    printed, get = sources.printed["cramming-models"].rows.values(), sources.view.estimates.get
    every = [(scope.model, get("theoretical_capacity", scope).value, get("token_gain", scope)) for scope in scopes]
    gained = [(name, x, gain) for name, x, gain in every if x is not None]
    known = {name: style.mark_look(mark) for name, mark in entry.families.items()} | {"other": OTHER}
    models = [*(name for name, *_ in gained), *(row["model"] for row in printed)]
    families = {model: family(model, entry.families, entry.kin) for model in models}
    texts = sorted({gain.n for _, _, gain in gained if gain.value is not None}) or [0]
    counted = f"{texts[0]}" if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"
    shown = [look for name, look in known.items() if name in families.values()]
    words = [mark.model_copy(update={"label": mark.label.replace("{texts}", counted)}) for mark in entry.samples]
    figure, (panel,) = style.page([style.Box(1.6, 0.3, 14.0, 7.0)], [*shown, *words], 8.4)
    named = [(number(row["bound"]), number(row["token_gain"]), row["label"]) for row in printed]
    for name, x, gain in [each for each in gained if (each[2].value or 0) > 0]:
        look = known[families[name]]
        drawn = draw_estimates(panel, {x: positive(gain)}, look._replace(size=look.size + 0.8), label=name, zorder=4)
        named += [(x, y, name) for y in drawn.values()]
    for row, (x, y, _) in zip(printed, named, strict=False):
        _, color, marker, size = known[families[row["model"]]]
        open_marker = style.Options(marker=marker, markersize=size, color=color, markerfacecolor="white")
        panel.plot([x], [y], gid=f"published:{row['model']}", zorder=3, **open_marker)
    _shares(panel)
    placing.label_points(panel, named)
    lost = [name for name, _, gain in gained if (gain.value or 0) <= 0]
    if lost:
        text = f"not shown, gain undefined or not above 0: {', '.join(lost)}"
        marks.text(panel, "corner", 0.01, 0.98, text, va="top", color=GREY)
    panel.set_xlabel("theoretical bound 16 d / log2 V (tokens)")
    panel.set_ylabel("token gain of unsolved texts (tokens)")
    return figure


def _shares(axes: Axes) -> None:
    """Lines of equal utilisation."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    left, right, low, high = *axes.get_xlim(), *axes.get_ylim()
    left, right, low, high = left / 1.1, right * 1.1, low / 1.3, high * 1.6
    small = style.Options(textcoords="offset points", fontsize=style.SMALL, color=GREY)
    for share in SHARES:
        axes.plot([left, right], [share * left, share * right], color=PALE, linewidth=0.7, zorder=1, gid="share")
        if low < share * right < high:
            axes.annotate(f"{100 * share:g} %", (right, share * right), (-2, 3), ha="right", **small)
        elif left < high / share < right:
            axes.annotate(f"{100 * share:g} %", (high / share, high), (3, -8), **small)
    axes.set(xlim=(left, right), ylim=(low, high))
    for axis, ends in (("x", (left, right)), ("y", (low, high))):
        marks.ticks(axes, {2.0**k: f"{2.0**k:,g}" for k in range(-6, 20) if ends[0] <= 2.0**k <= ends[1]}, axis)
