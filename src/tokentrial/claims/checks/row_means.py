"""Means and intervals over the rows of a table: of all rows, or of a selection that the document does not name."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce

import numpy as np

from tokentrial.claims.catalogue import check
from tokentrial.claims.parameters import Positive
from tokentrial.claims.printed import Interval, Quantity, exact, show
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, PARTLY, Finding, listed
from tokentrial.errors import InputError
from tokentrial.statistics.reported import standard_deviation_per_spread


@check("Is the printed mean that of all rows, or (PARTLY) only of the rows that the document selected?")
def mean_of_rows(rows: Mapping[str, Quantity], mean: Quantity, selected: Sequence[str] | None = None) -> Finding:
    chosen = [_row(rows, name) for name in selected or rows]
    of_all, of_chosen = _mean(list(rows.values())), _mean(chosen)
    recomputed = {"all": of_all.middle, "selected": of_chosen.middle, "rows": len(rows), "rows_selected": len(chosen)}
    if of_all.meets(mean.interval):
        return Finding(CONSISTENT, recomputed, f"The mean of all {len(rows)} rows is {show(of_all)}, as printed.")
    if len(chosen) < len(rows) and of_chosen.meets(mean.interval):
        left_out = listed([f"{name} ({rows[name].text})" for name in rows if name not in (selected or ())])
        reason = (
            f"{mean.text} is the mean of {len(chosen)} selected rows ({show(of_chosen)}) and leaves out {left_out}; "
            f"the mean of all {len(rows)} is {show(of_all)}."
        )
        return Finding(PARTLY, recomputed, reason)
    reason = f"The mean of all {len(rows)} rows is {show(of_all)}, of the selected {show(of_chosen)}, not {mean.text}."
    return Finding(INCONSISTENT, recomputed, reason)


def efficiency_scores(rows: Mapping[str, Sequence[Positive]], cap: float) -> dict[str, Interval]:
    """Row -> 1 / (parameter ratio x max(loss ratio, cap)). rows: name -> (parameter ratio, loss ratio).

    Source: document 003's public code (protocols B3); the document itself does not define its efficiency score.
    """
    floor = Fraction(str(cap))
    made = {}
    for name, (parameters, loss) in rows.items():
        bounded = Interval(max(loss.interval.low, floor), max(loss.interval.high, floor))
        made[name] = exact(1) / (parameters.interval * bounded)
    return made


@check("Is the printed mean that of the rows' efficiency scores?")
def efficiency_mean(
    rows: Mapping[str, Sequence[Positive]], cap: float, mean: Quantity, selected: Sequence[str] | None = None
) -> Finding:
    scores = efficiency_scores(rows, cap)
    return mean_of_rows(_as_quantities(scores), mean, selected)


@check(
    "Is the printed interval the 95 % t interval of the mean of the rows, or of the selected ones?",
    source="Student (1908): t interval of a mean",
)
def interval_of_rows(
    rows: Mapping[str, Quantity], low: Quantity, high: Quantity, selected: Sequence[str] | None = None
) -> Finding:
    """If not, the reason says whether the ends are the smallest and the largest row instead."""
    chosen = [_row(rows, name) for name in selected or rows]
    n = len(chosen)
    values = np.array([float(entry.nominal) for entry in chosen])
    half = standard_deviation_per_spread(n, "95 % half-width")
    made = exact(Fraction(float(values.mean()))) + Interval(-values.std(ddof=1) / half, values.std(ddof=1) / half)
    recomputed = {"low": float(made.low), "high": float(made.high), "rows": n}
    wide = Fraction(1, 2) * max(entry.place for entry in chosen)
    if all(
        Interval(end - wide, end + wide).meets(printed.interval)
        for end, printed in ((made.low, low), (made.high, high))
    ):
        return Finding(
            CONSISTENT, recomputed, f"The 95 % interval of the mean of {n} rows is {show(made)}, as printed."
        )
    smallest, largest = min(chosen, key=lambda e: e.nominal), max(chosen, key=lambda e: e.nominal)
    ends = [smallest.interval.meets(low.interval), largest.interval.meets(high.interval)]
    are = {
        2: "its ends are the smallest and the largest of them",
        1: "only one end is an extreme of them",
        0: "no end is an extreme of them",
    }
    reason = (
        f"[{low.text}, {high.text}] is not the 95 % interval of the mean of {n} rows, {show(made)}: {are[sum(ends)]} "
        f"({smallest.text} to {largest.text})."
    )
    return Finding(INCONSISTENT, recomputed | {"ends_are_extremes": sum(ends)}, reason)


@check(
    "Is the printed interval the 95 % t interval of the mean efficiency score?",
    source="Student (1908): t interval of a mean",
)
def efficiency_interval(
    rows: Mapping[str, Sequence[Positive]],
    cap: float,
    low: Quantity,
    high: Quantity,
    selected: Sequence[str] | None = None,
) -> Finding:
    return interval_of_rows(_as_quantities(efficiency_scores(rows, cap)), low, high, selected)


def _as_quantities(scores: Mapping[str, Interval]) -> dict[str, Quantity]:
    return {name: Quantity(show(score.middle), score, exact(score.middle).low) for name, score in scores.items()}


def _row(rows: Mapping[str, Quantity], name: str) -> Quantity:
    if name not in rows:
        raise InputError(f"parameters: selected: found {name!r}, expected one of {', '.join(rows)}")
    return rows[name]


def _mean(entries: Sequence[Quantity]) -> Interval:
    return reduce(lambda a, b: a + b, (entry.interval for entry in entries)) / exact(len(entries))
