"""What the released scripts of document 003 give over seeds: ratios, where published ones lie, and what makes them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tokentrial.published import PublishedTable, number
from tokentrial.report.bespoke_results import (
    BESPOKE,
    CORRECTION,
    RATIO,
    TESTS,
    DocumentTest,
    Spread,
    attributions,
    corpora,
    released,
    spread,
)
from tokentrial.report.figures import style
from tokentrial.report.figures.style import BLUE, GREY, INK, ORANGE, VERMILLION
from tokentrial.run.view import View
from tokentrial.statistics.placement import place

ABSENT = "this run has no released script of document 003"
BATCH_LOOK, FRESH_LOOK, PRINTED_LOOK = BLUE, ORANGE, VERMILLION
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEPS = (5, 10, 15, 20, 50, 100, 200, 500, 1000)
ROW = 0.95  # cm
FACTOR = 0.46  # cm
PARTS = {
    "total": "As released",
    "sum": "Its parts",
    "instead": "Put into the standard arm",
    "removed": "Taken out of bespoke",
    "steps": "Other numbers of steps",
}


def _printed(printed: Mapping[str, PublishedTable]) -> Iterator[tuple[DocumentTest, str, float]]:
    """Test, label and ratio, of the document's complete table and of the author's correction."""
    for key, row in printed["bespoke-tests"].rows.items():
        yield TESTS[key], row["label"], number(row["ratio"])
    for row in printed["bespoke-correction"].rows.values():
        yield CORRECTION, row["label"].replace(", ", ",\n"), number(row["bespoke"]) / number(row["standard"])


def _ratio_axis(axes: Axes, which: str, low: float, high: float) -> None:
    """A logarithmic axis of loss ratios with plain ticks."""
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(low, high)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    getattr(axes, f"set_{which}ticks")(ticks, labels=[f"{tick:g}" for tick in ticks])
    getattr(axes, f"set_{which}ticks")([], minor=True)


@style.applied()
def seeds(view: View, printed: Mapping[str, PublishedTable]) -> Figure:
    """A row per test of the document: every seed, median and central 95 %, the printed ratio and its percentile."""
    rows = [
        (label, ratio, reported, view.series(released(view, test, fresh=True), BESPOKE, RATIO))
        for test, label, ratio in _printed(printed)
        if len(reported := view.series(released(view, test), BESPOKE, RATIO))
    ]
    if not rows:
        return style.nothing(ABSENT)
    height = 0.7 + ROW * len(rows) + 1.75
    figure, (axes,) = style.canvas(height, [style.Box(3.0, 0.7, 9.9, ROW * len(rows))])
    everything = np.concatenate([np.append(reported.to_numpy(), ratio) for _, ratio, reported, _ in rows])
    _ratio_axis(axes, "x", everything.min() * 0.85, max(everything.max(), 1.0) * 1.2)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for y, (_, ratio, reported, fresh) in enumerate(rows):
        _seed_row(axes, y, reported, fresh, ratio)
    axes.axvline(1, color=GREY, linewidth=0.6, zorder=1)
    axes.set_yticks(range(len(rows)), labels=[row[0] for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("loss ratio, bespoke / standard (below 1: bespoke better)")
    top: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "fontsize": style.SMALL, "va": "bottom"}
    for x, text in ((1.03, "published at"), (1.21, "seeds")):
        axes.text(x, 1.01, text, **{**top, "transform": axes.transAxes})
    style.legend(figure, _seed_handles(), top=height - 0.5, columns=4)
    return figure


def _seed_handles() -> list[Line2D]:
    dot = {"marker": "o", "linestyle": "none"}
    return [
        Line2D([], [], color=BATCH_LOOK, markersize=2.5, label="a seed, as reported", **dot),  # type: ignore[arg-type]
        Line2D([], [], color=BATCH_LOOK, linewidth=2, label="median and central 95 %"),
        Line2D([], [], color=FRESH_LOOK, linewidth=2, label="same models, fresh text"),
        Line2D([], [], color=PRINTED_LOOK, marker="D", linestyle="none", markerfacecolor="white", label="published"),
    ]


def _seed_row(axes: Axes, y: float, values: pd.Series, fresh: pd.Series, printed: float) -> None:
    """Dots above, bars in the middle and below, the printed value as a diamond; percentile and n at right."""
    order = np.argsort(np.argsort(values.to_numpy()))
    jitter = ((order * 0.618) % 1 - 0.5) * 0.28  # golden-ratio jitter: even, and the same on every machine
    axes.plot(values, y - 0.2 + jitter, "o", color=BATCH_LOOK, markersize=1.5, alpha=0.5, markeredgewidth=0, zorder=2)
    for seeds, at, color in ((spread(values), y + 0.1, BATCH_LOOK), (spread(fresh), y + 0.28, FRESH_LOOK)):
        if seeds is not None:
            axes.plot([seeds.low, seeds.high], [at, at], color=color, linewidth=1.6, solid_capstyle="butt", zorder=3)
            axes.plot([seeds.median], [at], "|", color=color, markersize=7, markeredgewidth=1.6, zorder=4)
    axes.plot(
        [printed], [y + 0.1], "D", markersize=4.5, markerfacecolor="white", markeredgecolor=PRINTED_LOOK, zorder=5,
        gid="published",
    )  # fmt: skip
    placed = place(printed, values.to_numpy())
    side: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": style.SMALL, "va": "center"}
    axes.text(1.03, y + 0.1, f"{placed.percentile:.1f} %", **side)
    axes.text(1.21, y + 0.1, f"{placed.n:,}", **side)


@style.applied()
def steps(view: View, printed: Mapping[str, PublishedTable]) -> Figure:
    """A panel per corpus of the scaling script: reported and fresh-text ratio against optimiser steps."""
    reported, fresh = corpora(view), corpora(view, fresh=True)
    if not reported:
        return style.nothing("this run has no released scaling script")
    boxes = style.grid(len(reported), 2, height=4.0, top=0.6, gap=(1.5, 1.35), sides=(1.3, 0.4))
    bottom = boxes[-1].top + boxes[-1].height + 1.1
    figure, axes = style.canvas(bottom + 0.5, boxes)
    published = {released(view, test): ratio for test, _, ratio in _printed(printed)}
    for k, (panel, (tokens, condition)) in enumerate(zip(axes, reported.items(), strict=True)):
        _steps_panel(panel, _by_step(view, condition), _by_step(view, fresh.get(tokens, "")))
        done = view.cost(condition, BESPOKE).get("steps")
        if condition in published and done:
            panel.plot(
                [done], [published[condition]], "D", markersize=5, markerfacecolor="white",
                markeredgecolor=PRINTED_LOOK, zorder=5, gid="published",
            )  # fmt: skip
        panel.set_title(f"{tokens:,} tokens" + (f" (released: {done:g} steps)" if done else ""))
        panel.set_ylabel("loss ratio" if k % 2 == 0 else "")
        panel.set_xlabel("optimiser steps" if k >= len(reported) - 2 else "")
    low, high = min(panel.get_ylim()[0] for panel in axes), max(panel.get_ylim()[1] for panel in axes)
    for panel in axes:
        _ratio_axis(panel, "y", low, high)
    band = Patch(facecolor=GREY, alpha=0.3, label="central 95 % of seeds")
    handles = [*(handle for handle in _step_handles()), band]
    style.legend(figure, handles, top=bottom, columns=4)
    return figure


def _step_handles() -> list[Line2D]:
    return [
        Line2D([], [], color=BATCH_LOOK, marker="o", markersize=3, label="last batch, as reported"),
        Line2D([], [], color=FRESH_LOOK, marker="s", markersize=3, label="same models, fresh text"),
        Line2D([], [], color=PRINTED_LOOK, marker="D", linestyle="none", markerfacecolor="white", label="published"),
    ]


def _by_step(view: View, condition: str) -> dict[int, Spread]:
    steps = view.steps(condition, BESPOKE, RATIO)
    spreads = {step: spread(view.series(condition, BESPOKE, RATIO, step)) for step in steps}
    return {step: values for step, values in spreads.items() if values is not None}


def _steps_panel(axes: Axes, reported: dict[int, Spread], fresh: dict[int, Spread]) -> None:
    for spreads, color, marker in ((reported, BATCH_LOOK, "o"), (fresh, FRESH_LOOK, "s")):
        if not spreads:
            continue
        x = list(spreads)
        rows = np.array([(value.median, value.low, value.high) for value in spreads.values()])
        axes.fill_between(x, rows[:, 1], rows[:, 2], color=color, alpha=0.18, linewidth=0, zorder=2)
        axes.plot(x, rows[:, 0], color=color, marker=marker, markersize=3, linewidth=0.9, zorder=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.axhline(1, color=GREY, linewidth=0.6, zorder=1)
    marks = sorted({*reported, *fresh})
    if not marks:
        return
    shown = [mark for mark in STEPS if marks[0] <= mark <= marks[-1]]
    axes.set_xticks(shown, labels=[f"{mark:,}" for mark in shown])
    axes.set_xticks([], minor=True)


@style.applied()
def attribution(view: View) -> Figure:
    """Every factor of the released ratio with its interval; rows by what is removed or put in its place."""
    factors = list(attributions(view))
    if not factors:
        return style.nothing("this run has no released scaling script with attribution arms")
    lines = [line for tokens, rows in factors for line in _lines(tokens, rows, len(factors) > 1)]
    height = 0.6 + FACTOR * len(lines) + 1.2
    figure, (axes,) = style.canvas(height, [style.Box(6.8, 0.6, 5.4, FACTOR * len(lines))])
    ends = np.concatenate([np.exp(rows[["low", "high"]].to_numpy(dtype=float)).ravel() for _, rows in factors])
    _ratio_axis(axes, "x", min(0.9, np.nanmin(ends)) * 0.8, max(1.1, np.nanmax(ends)) * 1.2)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.axvline(1, color=GREY, linewidth=0.6, zorder=1)
    for y, line in enumerate(lines):
        if isinstance(line, str):
            axes.text(-1.22, y, line, transform=axes.get_yaxis_transform(), fontweight="bold", va="center")
        else:
            _factor(axes, y, line)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("factor on the loss ratio (1: changes nothing)")
    corner: dict[str, Any] = {"transform": axes.transAxes, "fontsize": style.SMALL, "va": "bottom"}
    axes.text(1.04, 1.003, "factor and interval", **corner)
    axes.text(1.66, 1.003, "n", ha="right", **corner)
    return figure


def _lines(tokens: int, rows: pd.DataFrame, several: bool) -> Sequence[str | pd.Series]:
    """Headings and factors from top to bottom."""
    lines: list[str | pd.Series] = []
    for part, words in PARTS.items():
        factors = rows[rows["part"] == part]
        if len(factors):
            lines.append(f"{words} ({tokens:,} tokens)" if several or part == "total" else words)
            lines += [row for _, row in factors.iterrows()]
    return lines


def _factor(axes: Axes, y: float, row: pd.Series) -> None:
    value, low, high = (float(np.exp(row[name])) for name in ("effect", "low", "high"))
    strong = row["part"] in ("total", "sum")
    color = BLUE if strong else INK
    axes.plot([low, high], [y, y], color=color, linewidth=1.4 if strong else 0.9, solid_capstyle="butt", zorder=2)
    axes.plot([value], [y], "o", color=color, markersize=4 if strong else 3, zorder=3, gid=str(row["factor"]))
    side: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
    name = str(row["factor"]) if pd.isna(row["step"]) else f"{row['step']:,} steps"
    axes.text(-1.17, y, name, fontsize=7, **side)
    axes.text(-0.02, y, str(row["contrast"]).replace("_", " "), ha="right", fontsize=style.SMALL, color=GREY, **side)
    axes.text(1.04, y, f"{value:.3f}  [{low:.3f}, {high:.3f}]", fontsize=style.SMALL, **side)
    axes.text(1.66, y, f"{row['n']}", ha="right", fontsize=style.SMALL, **side)
