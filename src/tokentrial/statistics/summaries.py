"""The tests that readers ask for by name, of samples or of the numbers that a paper prints.

A printed arm is an :class:`tokentrial.statistics.Arm`: its mean, the number after +-, and its number of runs.
"""

import math
from typing import cast

from numpy.typing import ArrayLike
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics import equivalence
from tokentrial.statistics.effect_size import (
    EffectSize,
    hedges_correction,
    hedges_g_independent,
    hedges_g_paired,
    noncentral_t_interval,
)
from tokentrial.statistics.equivalence import Equivalence
from tokentrial.statistics.replication import Arm, small_effect
from tokentrial.statistics.samples import UNDEFINED, check_margin, check_open_unit

Sample = ArrayLike | Arm
"""Values (n,), or an arm's printed numbers."""


def hedges_g(a: Sample, b: Sample | None = None, confidence: float = 0.95, reading: str = "sd") -> EffectSize:
    """Returns Hedges' g with the noncentral-t interval of d.

    a alone: paired differences (n,). a and b: two independent samples, or two printed arms; reading: what their +- is,
    one of replication.READINGS. Of printed arms, d has the pooled standard deviation. All NaN for too few or constant
    values. Raises InputError for one printed arm beside a sample, or without another.
    """
    if b is None and not isinstance(a, Arm):
        return hedges_g_paired(a, confidence)
    if not isinstance(a, Arm) and not isinstance(b, Arm):
        return hedges_g_independent(a, cast(ArrayLike, b), confidence)
    one, other = _both(a, b)
    check_open_unit("confidence", confidence)
    df, root = one.n + other.n - 2, math.sqrt(one.n * other.n / (one.n + other.n))
    variances = [arm.n * arm.standard_error(reading) ** 2 for arm in (one, other)]
    pooled = math.sqrt(sum((arm.n - 1) * each for arm, each in zip((one, other), variances, strict=True)) / df)
    if pooled == 0:
        return EffectSize(math.nan, *UNDEFINED)
    d = (one.mean - other.mean) / pooled
    interval = noncentral_t_interval(d * root, df, confidence)
    return EffectSize(hedges_correction(df) * d, interval.low / root, interval.high / root)


def tost(a: Sample, b: Sample | None = None, *, margin: float, alpha: float = 0.05, reading: str = "sd") -> Equivalence:
    """Returns the two one-sided tests of a difference against (-margin, margin), margin in its unit.

    a alone: paired differences (n,). a and b: two independent samples or two printed arms, by Welch's standard error
    and degrees of freedom. Raises InputError as `hedges_g`, and for a margin or alpha out of range.
    """
    if b is None and not isinstance(a, Arm):
        return equivalence.tost_paired(a, margin, alpha)
    if not isinstance(a, Arm) and not isinstance(b, Arm):
        return equivalence.tost_independent(a, cast(ArrayLike, b), margin, alpha)
    arms = _both(a, b)
    check_margin(margin)
    check_open_unit("2 * alpha", 2 * alpha)
    errors = [arm.standard_error(reading) for arm in arms]
    difference, error = arms[0].mean - arms[1].mean, math.hypot(*errors)
    if error == 0:
        raise InputError("tost: found printed arms that do not vary, expected a spread above 0")
    df = error**4 / sum(each**4 / (arm.n - 1) for each, arm in zip(errors, arms, strict=True))
    t_lower, t_upper = (difference + margin) / error, (difference - margin) / error
    p_lower, p_upper = float(stats.t.sf(t_lower, df)), float(stats.t.cdf(t_upper, df))
    reach = float(stats.t.isf(alpha, df)) * error
    low, high = difference - reach, difference + reach
    within = -margin < low and high < margin
    p = max(p_lower, p_upper)
    return Equivalence(difference, low, high, margin, df, t_lower, p_lower, t_upper, p_upper, p, within)


def d33(n: int) -> float:
    """Returns the effect d that a study with n runs an arm detects with a power of one third (Simonsohn 2015).

    Two-sided alpha = .05, two independent arms.
    """
    return small_effect(n)


def _both(a: Sample, b: Sample | None) -> tuple[Arm, Arm]:
    if not isinstance(a, Arm) or not isinstance(b, Arm):
        raise InputError("found one printed arm, expected two, or two samples")
    return a, b
