"""Losses of a pretrained model against the size of its encoded token table."""

from collections.abc import Iterable, Sequence
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, conditions, kind
from tokentrial.report.language_model_names import FULL
from tokentrial.report.real_model_names import bits_a_number, text_name
from tokentrial.run.columns import Condition
from tokentrial.run.view import View
from tokentrial.schema import figures as declared
from tokentrial.statistics.pareto import front

MIB = 2**20
TICKS = {"bits": (1, 2, 3, 4, 6, 8, 16), "MiB": (2, 4, 8, 16, 32, 54)}
LOSSES = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)
LEGEND_GAP = 0.35  # cm
LONGEST = 32  # letters of a line of the legend
ROOM = 1.08  # above and below all means


@kind("losses by bits")
def losses_by_bits(sources: Sources, entry: declared.LossesByBits) -> Figure:
    """A row of panels per size, a panel per condition: a line per family, the full table's level, the front."""
    view = sources.view
    rows = {each: table for each in conditions(view, entry) if len(table := _rows(view, each, entry))}
    if not rows:
        raise style.Nothing
    figure, axes = _panels(len(rows), entry, {family for table in rows.values() for family in table["family"]})
    losses = pd.concat([table["mean"] for table in rows.values()])  # an interval may go on beyond the panel
    for row, (size, label) in enumerate(entry.sizes.items()):
        for column, (condition, table) in enumerate(rows.items()):
            panel = axes[row * len(rows) + column]
            _panel(panel, table, size)
            panel.set_ylim(losses.min() / ROOM, losses.max() * ROOM)
            panel.set_xlabel(label)
            if row == 0:
                panel.set_title(text_name(condition), fontsize=style.SMALL)
            if column == 0:
                panel.set_ylabel(entry.y_label)
            else:
                panel.tick_params(axis="y", labelleft=False)
    return figure


def _panels(columns: int, entry: declared.LossesByBits, families: Iterable[str]) -> tuple[Figure, list[Axes]]:
    """Panels row by row, with the legend in a column beside them."""
    layout, count = entry.layout, columns * len(entry.sizes)
    sides = (layout.sides[0], layout.sides[1] + entry.beside)
    boxes = style.grid(count, columns, height=layout.height, top=layout.top, gap=layout.gap, sides=sides)
    height = boxes[-1].top + boxes[-1].height + layout.foot
    figure, axes = style.canvas(height, boxes)
    left = style.WIDTH - sides[1] + LEGEND_GAP
    looks = [look._replace(name="\n".join(wrap(look.name, LONGEST))) for look in marks.looks(families)]
    figure.legend(
        handles=style.artists(looks), loc="upper left", ncols=1, borderaxespad=0, borderpad=0,
        bbox_to_anchor=(left / style.WIDTH, 1 - layout.top / height), handletextpad=0.4, labelspacing=0.2,
    )  # fmt: skip
    return figure, axes


def _rows(view: View, condition: Condition, entry: declared.LossesByBits) -> pd.DataFrame:
    """The arms of a condition that are drawn, with family, loss and every size that the entry has."""
    rows = []
    for arm in view.arms_of(condition.id):
        family = view.method(condition.study, arm).family
        level = view.level_on("test", condition.id, arm)
        sizes: dict[str, float | None] = {size: _size(view, condition, arm, size) for size in entry.sizes}
        if level and family not in entry.without and None not in sizes.values():
            rows.append({**level, "arm": arm, "family": family, **sizes})
    return pd.DataFrame(rows)


def _size(view: View, condition: Condition, arm: str, size: str) -> float | None:
    """Bits a number, or MiB of the packed table; None if unknown."""
    if size == "bits":
        return bits_a_number(view, condition, arm)
    stored = view.values_on("table", condition.id, arm, size)
    return float(stored.iloc[0]) / MIB if len(stored) else None


def _panel(axes: Axes, table: pd.DataFrame, size: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for family in style.in_order(table["family"]):
        line, look = table[table["family"] == family].sort_values(size), style.look(family)
        shown = style.Options(linewidth=0.7, elinewidth=0.35, label=family, zorder=marks.above(family))
        marks.points(axes, line[size], line["mean"].to_numpy(dtype=float), marks.lengths(line), look, **shown)
    for level in table.loc[table["arm"] == FULL, "mean"]:
        axes.axhline(level, color=style.INK, linestyle=style.dashes((4, 1.5)), linewidth=0.7, zorder=1, gid="full")
    _front(axes, table[size].tolist(), table["mean"].tolist())
    low, high = table[size].min(), table[size].max()
    places = TICKS["bits" if size == "bits" else "MiB"]
    marks.ticks(axes, {tick: f"{tick}" for tick in places if 0.9 * low <= tick <= 1.1 * high})
    axes.set_yticks(LOSSES, [f"{tick}" for tick in LOSSES])
    axes.minorticks_off()


def _front(axes: Axes, sizes: Sequence[float], losses: Sequence[float]) -> None:
    """Steps through the arms of which no other is at most as large and at most as bad."""
    on = [place for place, kept in zip(zip(sizes, losses, strict=True), front(sizes, losses), strict=True) if kept]
    x, y = np.array(sorted(on)).T
    axes.step(x, y, where="post", color=style.GREY, linewidth=1.6, alpha=0.5, zorder=0, gid="front")
