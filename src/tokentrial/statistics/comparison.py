"""One paired comparison, with all numbers that tables, figures and verdicts use."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tokentrial.errors import InputError
from tokentrial.statistics.effect_size import hedges_g_paired
from tokentrial.statistics.equivalence import tost_paired
from tokentrial.statistics.hypothesis_tests import paired_t_test, sign_flip_test
from tokentrial.statistics.intervals import bca_interval, check_resamples, t_interval
from tokentrial.statistics.multiplicity import holm
from tokentrial.statistics.power import minimal_detectable_effect
from tokentrial.statistics.samples import (
    FloatArray,
    check_margin,
    check_open_unit,
    is_constant,
    paired_differences,
    sample,
)
from tokentrial.statistics.superiority import superiority_paired


@dataclass(frozen=True)
class Comparison:
    """Arms a and b on the same n seeds, in the metric's unit unless said otherwise. Undefined is None, never NaN."""

    n: int
    mean_a: float
    sd_a: float | None
    mean_b: float
    sd_b: float | None
    difference: float
    """Mean of a - b. The mean and its intervals keep the metric's sign, whichever direction is better."""
    sd_difference: float | None
    t_low: float | None
    t_high: float | None
    bca_low: float | None
    bca_high: float | None
    hedges_g: float | None
    """g_z. The estimate and its limits are in standard deviations of the differences."""
    g_low: float | None
    g_high: float | None
    p_t: float | None
    p_signflip: float | None
    p_tost: float | None
    equivalent_low: float | None
    """Lower end of the interval that TOST uses: 90 % if the others are 95 %."""
    equivalent_high: float | None
    margin: float
    equivalent: bool
    """Whether the data show that the difference is inside the margin; False also means 'cannot be shown'."""
    p_noninferior: float | None
    noninferior: bool
    """Whether the data show that a is at most the margin worse than b."""
    superiority: float | None
    """Probability that a is better than b on a seed; a tie counts half."""
    superiority_low: float | None
    superiority_high: float | None
    minimal_detectable: float | None
    """The difference that n seeds detect with a power of 80 %, if the true standard deviation is the observed one."""


def compare(
    a: ArrayLike,
    b: ArrayLike,
    *,
    margin: float,
    higher_is_better: bool,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 9999,
) -> Comparison:
    """Compares two arms on paired seeds. a: (n,), b: (n,), margin in their unit; a[i] and b[i] share seed i.

    Tests are two-sided at alpha = 1 - confidence; TOST and non-inferiority are one-sided at alpha.

    n = 1: only the means and the difference are defined; all else is None or False. n = 2: no BCa interval and no g.
    Differences may not vary (the arms agree on each seed, or differ by a constant). Then the intervals are the point;
    p_t, p_tost, p_noninferior, g and the minimal detectable difference are None, since all need a scale; equivalent and
    noninferior say where the point lies; sign flip and superiority are defined as usual.

    Raises InputError for unequal lengths, values that are not finite, margin <= 0, confidence outside (0.5, 1), or
    fewer than 100 resamples.
    """
    check_margin(margin)
    check_resamples(resamples)
    if check_open_unit("confidence", confidence) <= 0.5:
        raise InputError(f"confidence: expected more than 0.5, found {confidence!r}")
    a, b = sample(a, "a"), sample(b, "b")
    return _measured(a, b, margin, higher_is_better, rng, confidence, resamples)


def _measured(
    a: FloatArray,
    b: FloatArray,
    margin: float,
    higher_is_better: bool,
    rng: np.random.Generator,
    confidence: float,
    resamples: int,
) -> Comparison:
    """Computes every field of the comparison from checked arguments."""
    differences = paired_differences(a, b)
    alpha = 1 - confidence
    t_low, t_high = t_interval(differences, confidence)
    bca_low, bca_high = bca_interval(differences, rng, resamples, confidence)
    effect = hedges_g_paired(differences, confidence)
    tost = tost_paired(differences, margin, alpha)
    wins = superiority_paired(differences if higher_is_better else -differences, confidence)
    one_seed = differences.size == 1
    return Comparison(
        n=differences.size,
        mean_a=float(a.mean()),
        sd_a=_deviation(a),
        mean_b=float(b.mean()),
        sd_b=_deviation(b),
        difference=float(differences.mean()),
        sd_difference=_deviation(differences),
        t_low=_defined(t_low),
        t_high=_defined(t_high),
        bca_low=_defined(bca_low),
        bca_high=_defined(bca_high),
        hedges_g=_defined(effect.estimate),
        g_low=_defined(effect.low),
        g_high=_defined(effect.high),
        p_t=_defined(paired_t_test(differences).p_value),
        p_signflip=None if one_seed else sign_flip_test(differences, rng, resamples),
        p_tost=_defined(tost.p_value),
        equivalent_low=_defined(tost.low),
        equivalent_high=_defined(tost.high),
        margin=float(margin),
        equivalent=tost.equivalent,
        p_noninferior=_defined(tost.p_lower if higher_is_better else tost.p_upper),
        noninferior=bool(tost.low > -margin if higher_is_better else tost.high < margin),
        superiority=None if one_seed else wins.probability,
        superiority_low=None if one_seed else wins.low,
        superiority_high=None if one_seed else wins.high,
        minimal_detectable=_minimal_detectable(differences, alpha),
    )


def _minimal_detectable(differences: FloatArray, alpha: float) -> float | None:
    """d_z with a power of 80 %, times the standard deviation; None if that is 0 or undefined.

    A detectable difference of 0 would claim perfect precision.
    """
    deviation = _deviation(differences)
    if not deviation:
        return None
    return _defined(deviation * minimal_detectable_effect(differences.size, paired=True, alpha=alpha))


def _deviation(values: FloatArray) -> float | None:
    """Standard deviation with n - 1: None for one value, 0 for values that differ by rounding only."""
    if values.size < 2:
        return None
    return 0.0 if is_constant(values) else float(values.std(ddof=1))


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def holm_within(frame: pd.DataFrame, by: Sequence[str], p: str = "p_t") -> pd.DataFrame:
    """Returns `frame` with a column p_holm: `p` corrected by Holm's method within each group of the columns `by`.

    A missing p (None or NaN) stays missing and does not count as a test. Row order and index stay, and the input is
    unchanged. If `by` is empty, all rows are one group.

    Raises InputError for a missing column.
    """
    missing = [column for column in (*by, p) if column not in frame.columns]
    if missing:
        raise InputError(f"comparisons: expected the columns {missing}, found {list(frame.columns)}")
    raw = pd.to_numeric(frame[p]).astype("float64")
    if not by:
        return frame.assign(p_holm=holm(raw.to_numpy()))
    groups = raw.groupby([frame[column] for column in by], dropna=False, sort=False)
    return frame.assign(p_holm=groups.transform(lambda values: pd.Series(holm(values.to_numpy()), values.index)))
