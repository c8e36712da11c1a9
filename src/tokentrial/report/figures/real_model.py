"""Losses of a pretrained model against the bits of its encoded token table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, conditions, kind
from tokentrial.report.language_model_names import FULL
from tokentrial.report.real_model_names import bits_a_number, title
from tokentrial.run.columns import Condition
from tokentrial.run.view import View
from tokentrial.schema import figures as declared
from tokentrial.statistics.pareto import front

BITS = (1, 2, 3, 4, 6, 8, 16)  # ticks


@kind("losses by bits")
def losses_by_bits(sources: Sources, entry: declared.LossesByBits) -> Figure:
    """A panel per condition: a line per family through its sizes, the full table's level, the front of the means."""
    view = sources.view
    rows = {each: table for each in conditions(view, entry) if len(table := _rows(view, each))}
    families = {family for table in rows.values() for family in table["family"]}
    figure, axes = style.panels(len(rows), marks.looks(families), entry.layout, entry.y_label, entry.x_label)
    for panel, (condition, table) in zip(axes, rows.items(), strict=True):
        _panel(panel, table)
        panel.set_title(title(condition), fontsize=style.SMALL)
    return figure


def _rows(view: View, condition: Condition) -> pd.DataFrame:
    """The arms of a condition with family, bits a number and loss, by bits."""
    rows = []
    for arm in view.arms_of(condition.id):
        level, bits = view.level_on("test", condition.id, arm), bits_a_number(view, condition, arm)
        if level and bits:
            rows.append({**level, "arm": arm, "family": view.method(condition.study, arm).family, "bits": bits})
    return pd.DataFrame(rows).sort_values("bits") if rows else pd.DataFrame()


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for family in style.in_order(table["family"]):
        line, look = table[table["family"] == family], style.look(family)
        shown = style.Options(linewidth=0.7, label=family, zorder=marks.above(family))
        marks.points(axes, line["bits"], line["mean"].to_numpy(dtype=float), marks.lengths(line), look, **shown)
    for level in table.loc[table["arm"] == FULL, "mean"]:
        axes.axhline(level, color=style.INK, linestyle=style.dashes((4, 1.5)), linewidth=0.7, zorder=1, gid="full")
    _front(axes, table["bits"].tolist(), table["mean"].tolist())
    marks.ticks(axes, {tick: f"{tick}" for tick in BITS})
    ticks = [tick for tick in (3, 4, 5, 6, 8, 10, 12) if table["mean"].min() <= tick <= table["mean"].max()]
    axes.set_yticks(ticks, [f"{tick}" for tick in ticks])
    axes.minorticks_off()


def _front(axes: Axes, bits: Sequence[float], losses: Sequence[float]) -> None:
    """Steps through the arms of which no other is at most as large and at most as bad."""
    on = [place for place, kept in zip(zip(bits, losses, strict=True), front(bits, losses), strict=True) if kept]
    x, y = np.array(sorted(on)).T
    axes.step(x, y, where="post", color=style.GREY, linewidth=1.6, alpha=0.5, zorder=0, gid="front")
