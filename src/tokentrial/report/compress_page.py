"""The result of ``tokentrial compress``: one sentence, a table, a figure of memory against loss, a page and JSON."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.checkout import ROOT
from tokentrial.real_model.job import FULL, INPUT, TIED
from tokentrial.report import catalogue, single_page
from tokentrial.report.figures import marks, style
from tokentrial.report.formats import MINUS, MISSING
from tokentrial.run import methods
from tokentrial.trial.compressed import CONFIDENCE, MARGIN, Compressed

STUDY = "real_model"
TEMPLATE = "compress.html"
USES = {INPUT: "input table", TIED: "input table and output layer"}
LINEAR = 0.01  # nats around zero that the axis of differences shows linearly
TICKS = (-10, -1, -0.1, -0.01, 0, 0.01, 0.1, 1, 10)


def names(result: Compressed) -> pd.DataFrame:
    """Returns a row of columns.METHODS for each encoding, with the study's names and looks."""
    arms = pd.DataFrame({"study": STUDY, "arm": result.rows["arm"].unique()})
    return methods.table({STUDY: catalogue.studies()[STUDY]}, arms)


def sentence(result: Compressed) -> str:
    """Returns the answer: the smallest encoding that is shown to cost less than the margin, and the cheapest one."""
    rows = result.rows[result.rows["use"] == result.uses[-1]]
    full, others = rows[rows["arm"] == FULL].iloc[0], rows[rows["over_loss"].notna()]
    if others.empty:
        return "No encoding has a finite loss."
    margin = MARGIN * full["loss"]
    free = others[others["over_loss_most"] <= margin].sort_values("bytes_zstd")
    count = len(rows) - 1
    together = f", by an interval for all {count} encodings together" if count > 1 else ""
    allowed = f"{100 * MARGIN:g} % of the loss, {margin:.3f} nats{together}"
    if free.empty:
        best = others.sort_values("over_loss").iloc[0]
        cost = f"the least costly one, {best['arm']}, adds {over(best)} nats a token"
        return f"No encoding is shown to cost less than {allowed}: {cost}."
    best = free.iloc[0]
    smaller = f"{full['bytes_zstd'] / best['bytes_zstd']:.1f} times fewer bytes after zstd than the float16 table"
    named = f"{best['arm']} ({best['bits_a_number']:.2f} bits a number)"
    agreed = f"the same next token at {100 * best['agreement']:.1f} % of the positions"
    return (
        f"{named} is the smallest encoding that is shown to cost less than {allowed}: {smaller}, {over(best)} nats a "
        f"token, {agreed}."
    )


def notes(result: Compressed) -> list[str]:
    """Returns what a reader must know of the numbers: text, counts, the share of the table, what is stored."""
    share = result.table.tokens * result.table.width / result.parameters
    shape = f"{result.table.tokens:,} tokens x {result.table.width} numbers"
    said = [
        f"{result.documents} documents of {result.text.name}, {result.tokens} predicted tokens of each; intervals of "
        f"{100 * CONFIDENCE:.0f} % over documents, differences from the full table paired.",
        f"The table has {shape}, {100 * share:.0f} % of the model's parameters; frequencies are those of "
        f"{result.counted:,} other tokens of the text.",
    ]
    stays = "stays as it is and is not counted"
    if result.uses[-1] == TIED:
        said.append(f"Where the input table alone is encoded, the output layer, the same table, {stays}.")
    else:
        which = "which is the same table, " if result.tied else "another matrix, "
        said.append(f"Only the input table is encoded; the output layer, {which}{stays}.")
    return said


def over(row: Any, name: str = "over_loss", digits: int = 4) -> str:
    """Returns ``+0.0431 (+0.0330 to +0.0532)`` of a difference from the full table; nothing for the table itself.

    digits: behind the decimal point.
    """
    mean, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    if pd.isna(row["loss"]):
        return "not finite"
    if pd.isna(mean):
        return ""
    return f"{mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})".replace("-", MINUS)


def shown(value: float) -> str:
    """Returns a number with four digits behind the point, or a dash."""
    return MISSING if pd.isna(value) else f"{value:.4f}"


def figure(result: Compressed) -> Figure:
    """Draws the paired difference of the loss, and the agreement, against bits a token; a row of panels for a use."""
    looks = names(result)
    rows = result.rows.merge(looks[["arm", "family"]], on="arm")
    rows = rows[rows["over_loss"].notna()].sort_values("bits_a_token")
    with style.applied(), style.looks(looks):
        boxes = style.grid(2 * len(result.uses), 2, height=5.0, top=0.6, gap=(1.6, 1.5), sides=(1.5, 0.3))
        drawn, axes = style.page(boxes, marks.looks(rows["family"].unique()), boxes[-1].top + 5.0 + 1.1)
        for place, use in enumerate(result.uses):
            of_use, (left, right) = rows[rows["use"] == use], axes[2 * place : 2 * place + 2]
            for panel, column in ((left, "over_loss"), (right, "agreement")):
                _points(panel, of_use, column)
                panel.set_xlabel("bits a token")
            _differences(left, of_use)
            left.set(ylabel="nats a token above the full table")
            right.set(ylabel="same next token as the full table", ylim=(0, 1.02))
            left.set_title(f"{result.model}: {USES[use]}", fontsize=style.SMALL)
    return drawn


def _points(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    """Draws means with intervals, the sizes of a method joined."""
    for family in style.in_order(rows["family"]):
        line = rows[rows["family"] == family]
        bars = marks.lengths(line, column, f"{column}_low", f"{column}_high")
        marks.points(axes, line["bits_a_token"], line[column], bars, style.look(family), linewidth=0.7, label=family)
    left, right = rows["bits_a_token"].min() / 1.2, rows["bits_a_token"].max() * 1.2
    axes.set_xscale("log", base=2)
    axes.set_xlim(left, right)
    marks.ticks(axes, {tick: marks.compact(tick) for tick in marks.octaves(left, right, 2)})


def _differences(axes: Axes, rows: pd.DataFrame) -> None:
    """An axis that is linear near zero and logarithmic beyond, with a line at zero."""
    axes.set_yscale("symlog", linthresh=LINEAR, linscale=0.5)
    low, high = 1.4 * min(rows["over_loss_low"].min(), -LINEAR / 2), 1.6 * max(rows["over_loss_high"].max(), LINEAR)
    marks.ticks(axes, {tick: f"{tick:g}".replace("-", MINUS) for tick in TICKS if low <= tick <= high}, "y")
    axes.set_ylim(low, high)
    marks.zero(axes, gid="full")


def content(result: Compressed) -> dict[str, Any]:
    """Returns all of the result as plain values: what ``--json`` prints."""
    plain = result.rows.astype(object).where(result.rows.notna(), None)
    return {
        "model": result.model,
        "verdict": sentence(result),
        "notes": notes(result),
        "confidence": CONFIDENCE,
        "encodings": [{str(key): _plain(value) for key, value in row.items()} for row in plain.to_dict("records")],
        "written": [vars(one) for one in result.written],
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def html(result: Compressed) -> str:
    """Returns the result as one page without script, network or other file."""
    labels = names(result).set_index("arm")["name"].to_dict()
    helpers = {"over": over, "labels": labels, "uses": {use: USES[use] for use in result.uses}, "shown": shown}
    rows = result.rows.to_dict("records")
    return single_page.html(TEMPLATE, {**content(result), **helpers, "rows": rows}, {"uri": figure(result)}, ROOT)
