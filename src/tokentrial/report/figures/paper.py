"""Figures made for the paper: p values that printed rows imply, and differences beside several margins."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from tokentrial.claims.checks.effects import p_by_reading
from tokentrial.claims.printed import parse
from tokentrial.published import PublishedTable, number
from tokentrial.report.figures import marks, style
from tokentrial.report.figures.registry import Sources, kind, rows_of
from tokentrial.run.finals import LOSS
from tokentrial.schema import figures as declared

LEFT, RIGHT, TOP, ROW, FOOT = 3.6, 0.6, 0.6, 0.34, 1.9  # cm
APART = 0.065  # of the panel's width: labels of margins that are nearer would run into each other
ALPHA = 0.05
MARKS = ((style.VERMILLION, "s"), (style.BLUE, "o"), (style.GREEN, "D"))


@kind("implied p")
def implied_p(sources: Sources, entry: declared.ImpliedP) -> Figure:
    """A row per printed pair of means: the p values that it implies under each reading of its spread, as ranges."""
    lines: list[str | tuple[str, dict[str, tuple[float, float]], float]] = []
    for name, heading in entry.tables.items():
        if name in sources.printed:
            lines.append(heading)
            lines += _rows(sources.printed[name], entry)
    if not lines:
        raise style.Nothing
    height = ROW * len(lines)
    figure, (axes,) = style.canvas(TOP + height + FOOT, [style.Box(LEFT, TOP, style.WIDTH - LEFT - RIGHT, height)])
    axes.axvspan(0, ALPHA, color=style.BAND, linewidth=0, zorder=0, gid="significant")
    colors = (style.BLUE, style.SKY, style.ORANGE)
    for y, (label, ranges, printed) in marks.rows(axes, lines, -0.29):
        for (low, high), color, offset in zip(ranges.values(), colors, (-0.22, 0, 0.22), strict=True):
            axes.plot(
                [low, high], [y + offset] * 2, color=color, linewidth=2.2, solid_capstyle="round", gid=f"p:{label}"
            )
        if not pd.isna(printed):
            axes.plot([printed], [y], "o", color=style.VERMILLION, markersize=4, **marks.EDGE, gid=f"printed:{label}")
        marks.text(axes, "row", -0.27, y, label)
    axes.set(xlim=(0, 1.02), xlabel=entry.x_label)
    marks.text(axes, "above", ALPHA / 2, 1.005, "p < 0.05", ha="center", color=style.GREY)
    looks = [style.Look(f"± as {name}", color, "", 4) for name, color in zip(_readings(), colors, strict=True)]
    handles = [style.sample(look, linewidth=2.2, linestyle="-") for look in looks]
    handles.append(style.sample(style.Look("p as printed", style.VERMILLION, "o", 4)))
    style.legend(figure, handles, top=TOP + height + 1.0, columns=4)
    return figure


def _readings() -> list[str]:
    return ["standard deviation", "standard error", "95 % half-width"]


def _rows(table: PublishedTable, entry: declared.ImpliedP) -> list[tuple[str, dict[str, tuple[float, float]], float]]:
    """Label, reading -> lowest and highest p, and the printed p of each row."""
    lines = []
    for key, row in table.rows.items():
        pair = [parse(row[name]) for name in entry.pair]
        ranges = {
            str(reading): (float(p[0].low), float(p[0].high))
            for reading, p in p_by_reading({key: pair}, table.n or 0).items()
        }
        lines.append((row["label"], ranges, number(row.get(entry.p))))
    return lines


def _apart(shares: Sequence[float], least: float) -> list[float]:
    """The shares whose labels do not run into the one before."""
    kept: list[float] = []
    for share in sorted(shares):
        kept += [share] if not kept or share - kept[-1] >= least else []
    return kept


@kind("margins")
def margins(sources: Sources, entry: declared.Margins) -> Figure:
    """A row per condition: an arm minus others, as a share of the distance from chance to the best loss, with bands."""
    view, pairs = sources.view, sources.view.statistics
    chosen = pairs[(pairs["metric"] == LOSS) & (pairs["arm_a"] == entry.arm) & pairs["arm_b"].isin(list(entry.others))]
    rows = rows_of(view, chosen, entry)
    if rows.empty:
        raise style.Nothing
    lines: list[str | pd.DataFrame] = []
    for _, group in rows.groupby("experiment", sort=False):
        lines.append(str(group["short"].iloc[0]))
        lines += [same for _, same in group.groupby("condition", sort=False)]
    height = ROW * len(lines)
    figure, (axes,) = style.canvas(TOP + height + FOOT, [style.Box(LEFT, TOP, style.WIDTH - LEFT - RIGHT, height)])
    for share, gray in zip(sorted(entry.margins, reverse=True), ("0.95", "0.91", "0.86", "0.8"), strict=False):
        axes.axvspan(-share, share, color=gray, linewidth=0, zorder=0, gid=f"margin:{share:g}")
    marks.zero(axes, upright=True)
    looks = {
        arm: style.Look(f"{entry.arm} − {name}", color, marker, 4)
        for (arm, name), (color, marker) in zip(entry.others.items(), MARKS, strict=False)
    }
    offsets = dict(zip(entry.others, (-0.15, 0.15, 0.3), strict=False))
    for y, same in marks.rows(axes, lines, -0.29):
        for _, row in same.iterrows():
            level = view.level(row["condition"], entry.arm)
            scale = 100 / (level["chance"] - level["floor"])
            look = looks[row["arm_b"]]
            at = y + offsets[row["arm_b"]]
            if pd.notna(row["t_low"]):
                axes.plot(
                    [scale * row["t_low"], scale * row["t_high"]], [at, at], color=look.color, linewidth=1.1, zorder=2
                )
            axes.plot(
                [scale * row["difference"]], [at], marker=look.marker, color=look.color, markersize=4, zorder=3,
                gid=f"{row['condition']}:{row['arm_b']}", **marks.EDGE,
            )  # fmt: skip
        marks.text(axes, "row", -0.27, y, marks.in_words(view.condition(same["condition"].iloc[0])))
    axes.set_xlabel(entry.x_label)
    left, right = axes.get_xlim()
    for share in _apart(entry.margins, APART * (right - left)):
        marks.text(axes, "above", share, 1.005, f"{share:g} %", ha="center", color=style.GREY)
    marks.text(axes, "above", axes.get_xlim()[0], 1.005, f"← {entry.arm} better")
    style.legend(figure, [style.sample(look) for look in looks.values()], top=TOP + height + 1.0, columns=len(looks))
    return figure
