"""The rule for an advantage that persists along an axis, such as the size of the vocabulary."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tokentrial.claims.rules.contrasts import Contrast, better, gather, ids_of
from tokentrial.claims.rules.outcomes import (
    SUPERIOR_WORDS,
    as_released,
    counts,
    joined,
    judge,
    number,
    phrase,
    shown_of,
    summary,
    superiority,
    untestable,
    with_artefact,
)
from tokentrial.claims.rules.results import Results
from tokentrial.claims.rules.telling import finding, released_note
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, TOO_SMALL, Finding
from tokentrial.statistics.trend import trend


def persists(
    results: Results,
    reported: Mapping[str, Any],
    *,
    cells: Sequence[Mapping[str, Any]],
    metric: str,
    axis: str,
    seeds: int = 10,
    released: Sequence[Mapping[str, Any]] = (),
    differs: str = "",
) -> Finding:
    """An advantage persists along an axis: significant at every value, and its share of the other's loss does not fall.

    The slope is that of the relative improvement, in per cent, on log2 of the axis, one line per seed. CONFIRMED if all
    cells are significant as claimed and the slope's interval is not below 0; REFUTED if a cell's interval is wholly on
    the other side; TOO SMALL as CONFIRMED with every difference inside the margin.
    """
    found, missing = gather(results, cells, metric, {})
    if not found:
        return untestable(missing)
    sign = better(metric)
    judged = judge(found, partial(superiority, sign=sign, alpha=results.alpha, seeds=seeds))
    slope = trend(*_relative(results, found, axis, metric), results.confidence) if len(found) > 1 else None
    if any((entry.ends(sign) or (0.0, 0.0))[1] < 0 for entry in found):
        verdict = REFUTED
    elif missing or slope is None or slope.high is None or slope.high < 0:
        verdict = INCONCLUSIVE
    else:
        verdict = joined(judged, "every") if all(e.outcome != REFUTED for e in judged) else INCONCLUSIVE
        verdict = CONFIRMED if verdict == TOO_SMALL and any(e.outcome == CONFIRMED for e in judged) else verdict
    showing = as_released(results, str(cells[0]["study"]).split("/")[0], released, 1.0)
    verdict = with_artefact(verdict, showing)
    shown = shown_of(judged, verdict)
    recomputed = summary(judged, shown, missing) | {"released_shows": len(showing), "differs": differs}
    text = "no slope can be fitted to one value"
    if slope is not None:
        recomputed |= {"slope": slope.slope, "slope_low": slope.low, "slope_high": slope.high, "slope_p": slope.p}
        text = (
            f"the relative improvement changes by {number(slope.slope, True)} points [{number(slope.low)}, "
            f"{number(slope.high)}] per doubling of {axis}"
        )
    notes = [counts(judged, SUPERIOR_WORDS), text, phrase(shown), released_note(len(released), len(showing), verdict)]
    return finding(verdict, recomputed, notes, [*ids_of(found), *showing])


def _relative(results: Results, found: Sequence[Contrast], axis: str, metric: str) -> tuple[list[float], pd.DataFrame]:
    """log2 of the axis (K,) and the relative improvement in per cent by seed (S, K)."""
    columns = {}
    for entry in found:
        arm, other = (results.values(entry.condition, name, metric) for name in (entry.arm, entry.other))
        columns[float(results.cells[entry.condition][axis])] = 100 * better(metric) * (arm - other) / other
    frame = pd.DataFrame(columns).dropna().sort_index(axis=1)
    return [float(value) for value in np.log2(frame.columns.to_numpy(dtype=float))], frame
