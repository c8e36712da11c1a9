"""How good the instrument is: planted errors that the checks see, and true statements that they flag."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.claims.calibration.measure import rates
from tokentrial.report.catalogue import DOCUMENTS
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind
from tokentrial.schema import figures as declared

LEFT, RIGHT, TOP, ROW, FOOT = 4.3, 1.9, 0.6, 0.42, 1.0  # cm
BETWEEN, NARROW = 5.0, 1.7  # cm: from the first panel to the second, and the second's width
ERROR, ALARM, OTHERS = style.BLUE, style.VERMILLION, style.GREY
Line = tuple[str, float | None, float | None, float | None, str, str]
"""What a row is called, its share with the ends of its interval, what stands behind it, and its colour."""


@kind("calibration")
def calibration(sources: Sources, entry: declared.Calibration) -> Figure:
    """Left: recall of visible errors, in all and by kind and document, and published figures of other programs.

    Right: the share of true statements that are flagged, by how they were made, and the precision of all flags.
    """
    if sources.calibration is None or sources.calibration.empty:
        raise style.Nothing
    every = rates(sources.calibration, sources.view.confidence)
    recall, alarms = _recall(every, entry), _alarms(every)
    height = ROW * max(len(recall), len(alarms))
    boxes = [
        style.Box(LEFT, TOP, style.WIDTH - LEFT - RIGHT - BETWEEN - NARROW, height),
        style.Box(style.WIDTH - RIGHT - NARROW, TOP, NARROW, ROW * len(alarms)),
    ]
    figure, axes = style.canvas(TOP + height + FOOT, boxes)
    for panel, lines, title, label in (
        (axes[0], recall, "Errors that are seen", "share of planted errors"),
        (axes[1], alarms, "True, and flagged", "share of statements"),
    ):
        _rows(panel, lines)
        panel.set(xlim=(-0.02, 1.02), xticks=[0, 0.5, 1], xlabel=label)
        panel.set_title(title, x=0, pad=5)
        panel.set_xticklabels(["0 %", "50 %", "100 %"])
    return figure


def _line(row: pd.Series, name: str, color: str) -> Line:
    return name, row["rate"], row["low"], row["high"], f"{row['hits']} / {row['n']}", color


def _recall(every: pd.DataFrame, entry: declared.Calibration) -> list[str | Line]:
    lines: list[str | Line] = []
    of = every[every["measure"].isin(["recall", "recall of all", "read"])]
    lines += [_line(row, str(row["name"]), ERROR) for _, row in of[of["by"] == ""].iterrows()]
    for by, heading in (("kind", "By kind of number"), ("document", "By document")):
        lines.append(heading)
        lines += [_line(row, _named(str(row["name"])), ERROR) for _, row in of[of["by"] == by].iterrows()]
    if entry.finders:
        lines.append("Published, of whole papers")
        lines += [(name, rate, None, None, "", OTHERS) for name, rate in entry.finders.items()]
    return lines


def _named(name: str) -> str:
    """A document's title; a made-up one, or several, by their names."""
    return DOCUMENTS.get(name, name.replace("-", " "))


def _alarms(every: pd.DataFrame) -> list[str | Line]:
    of = every[every["measure"] == "false alarms"]
    lines: list[str | Line] = [_line(row, str(row["name"]), ALARM) for _, row in of[of["by"] == ""].iterrows()]
    lines.append("By origin")
    lines += [_line(row, str(row["name"]), ALARM) for _, row in of[of["by"] == "control"].iterrows()]
    lines.append("Precision")
    lines += [_line(row, str(row["name"]), ERROR) for _, row in every[every["measure"] == "precision"].iterrows()]
    return lines


def _rows(axes: Axes, lines: Sequence[str | Line]) -> None:
    for share in (0.0, 0.5, 1.0):
        axes.axvline(share, color=style.PALE, linewidth=0.5, zorder=0)
    for y, (name, rate, low, high, behind, color) in marks.rows(axes, lines, -0.04, ha="right"):
        marks.text(axes, "row", -0.04, y, name, ha="right", fontsize=None)
        marks.text(axes, "row", 1.05, y, behind, ha="left", color=style.GREY)
        if rate is None or pd.isna(rate):
            continue
        if low is not None and high is not None:
            axes.plot([low, high], [y, y], color=color, linewidth=1.0, clip_on=False, zorder=2)
        face = "white" if low is None else color
        axes.plot(
            [rate],
            [y],
            marker="o",
            color=color,
            markerfacecolor=face,
            markersize=3.6,
            clip_on=False,
            gid=name,
            zorder=3,
        )
