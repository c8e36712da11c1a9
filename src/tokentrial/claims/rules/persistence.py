"""The rule for an advantage that persists along an axis, such as the size of the vocabulary."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tokentrial.claims.catalogue import rule
from tokentrial.claims.judge import verdict
from tokentrial.claims.rules import outcomes, words
from tokentrial.claims.rules.contrasts import Contrast, Pairs, Released, better, gather, ids_of
from tokentrial.claims.rules.outcomes import Compared, criteria, finding, number, phrase, summary, untestable
from tokentrial.claims.rules.results import Results
from tokentrial.claims.verdict import CONFIRMED, Finding
from tokentrial.statistics.trend import trend


def _words(given: Mapping[str, Any]) -> str:
    return (
        f"{words.paired(given)}: confirmed if the advantage is significant (Holm) at every {given['axis']} and the "
        "slope of the relative improvement on its logarithm is not below 0, TOO SMALL if every difference is then "
        "inside the study's margin; refuted if at one the interval lies on the other side with Holm's p as low. "
        + f"{words.COUNTING} {words.BESIDE}"
        + (f" {words.ARTEFACT}" if given["released"] else "")
    )


@rule("Does an advantage persist along an axis, such as the size of the vocabulary?", _words)
def persists(
    results: Results,
    reported: Mapping[str, Any],
    *,
    cells: Sequence[Pairs],
    metric: str,
    axis: str,
    seeds: int = 10,
    released: Sequence[Released] = (),
    differs: str = "",
) -> Finding:
    """Significant at every value of the axis, and its share of the other's loss does not fall.

    The slope is that of the relative improvement, in per cent, on log2 of the axis, one line per seed. CONFIRMED if all
    cells are significant as claimed and the slope's interval is not below 0; REFUTED if a cell's interval is wholly on
    the other side with Holm's p as low; TOO SMALL as CONFIRMED with every difference inside the margin.
    """
    contrasts, missing = gather(results, cells, metric)
    if not contrasts:
        return untestable(missing)
    sign = better(metric)
    judged = criteria(contrasts, partial(outcomes.superiority, sign=sign, alpha=results.alpha, seeds=seeds))
    slope = trend(*_relative(results, contrasts, axis, metric), results.confidence) if len(contrasts) > 1 else None
    falls = slope is None or slope.high is None or slope.high < 0
    showing = outcomes.as_released(results, cells[0]["study"], released, 1.0)
    said = verdict(_lasting(judged, sign, results.alpha), "every", [*missing, "a slope"] if falls else missing, showing)
    shown = outcomes.shown_of(judged, said)
    recomputed = summary(judged, shown, missing) | {"released_shows": len(showing), "differs": differs}
    text = "no slope can be fitted to one value"
    if slope is not None:
        recomputed |= {"slope": slope.slope, "slope_low": slope.low, "slope_high": slope.high, "slope_p": slope.p}
        text = (
            f"the relative improvement changes by {number(slope.slope, True)} points [{number(slope.low)}, "
            f"{number(slope.high)}] per doubling of {axis}"
        )
    notes = [
        outcomes.counts(judged, outcomes.SUPERIOR_WORDS),
        text,
        phrase(shown),
        outcomes.released_note(len(released), len(showing), said),
    ]
    return finding(said, recomputed, notes, [*ids_of(contrasts), *showing])


def _lasting(judged: Sequence[Compared], sign: float, alpha: float) -> list[Compared]:
    """What the cells say of an advantage that persists: refuted only by one on the other side, learned or not; small
    only if it is small in every cell.
    """
    large = any(entry.outcome == CONFIRMED for entry in judged)
    lasting = []
    for entry in judged:
        worse = (entry.about.ends(sign) or (0.0, 0.0))[1] < 0
        against = worse and entry.about.p_holm is not None and entry.about.p_holm < alpha
        met, aside = False if against else entry.met or None, "" if against or entry.met is False else entry.aside
        lasting.append(replace(entry, met=met, small=entry.small and not large, aside=aside))
    return lasting


def _relative(
    results: Results, contrasts: Sequence[Contrast], axis: str, metric: str
) -> tuple[list[float], pd.DataFrame]:
    """log2 of the axis (K,) and the relative improvement in per cent by seed (S, K)."""
    columns = {}
    for entry in contrasts:
        arm, other = (results.values(entry.condition, name, metric) for name in (entry.arm, entry.other))
        columns[float(getattr(results.condition(entry.condition), axis))] = 100 * better(metric) * (arm - other) / other
    frame = pd.DataFrame(columns).dropna().sort_index(axis=1)
    return [float(value) for value in np.log2(frame.columns.to_numpy(dtype=float))], frame
