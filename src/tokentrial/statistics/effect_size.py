"""Standardised mean differences with exact confidence intervals (Hedges 1981; Steiger and Fouladi 1997)."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special, stats

from tokentrial.errors import InputError
from tokentrial.statistics.samples import UNDEFINED, Interval, check_open_unit, is_constant, sample

_LARGE_T = 1e4
"""Above this t, the normal part of the pivot is below 1e-8 of the result; scipy's noncentral t is NaN near 1e5."""


class EffectSize(NamedTuple):
    """A standardised effect in standard deviations, and the interval of the population effect; NaN if undefined."""

    estimate: float
    low: float
    high: float


_NO_EFFECT_SIZE = EffectSize(math.nan, *UNDEFINED)


def cohens_d_independent(a: ArrayLike, b: ArrayLike) -> float:
    """Cohen's d: (mean a - mean b) / pooled standard deviation. a: (n_a,), b: (n_b,); Cohen 1988, eq. 2.5.1.

    NaN for fewer than three values in all, or if neither sample varies.
    """
    a, b = sample(a, "a"), sample(b, "b")
    df = a.size + b.size - 2
    if df < 1 or (is_constant(a) and is_constant(b)):
        return math.nan
    pooled_variance = (np.square(a - a.mean()).sum() + np.square(b - b.mean()).sum()) / df
    return float((a.mean() - b.mean()) / np.sqrt(pooled_variance))


def cohens_dz(differences: ArrayLike) -> float:
    """Cohen's d_z: mean / standard deviation of paired differences (n,); NaN if n < 2 or they do not vary."""
    differences = sample(differences, "differences")
    if differences.size < 2 or is_constant(differences):
        return math.nan
    return float(differences.mean() / differences.std(ddof=1))


def hedges_correction(df: float) -> float:
    """The exact factor J(df) = G(df/2) / (sqrt(df/2) G((df-1)/2)) that makes J*d unbiased (Hedges 1981, eq. 6e).

    NaN for df <= 1: d then has no expectation that could be corrected.
    """
    if df <= 1:
        return math.nan
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2) - 0.5 * math.log(df / 2))


def noncentrality(t: float, df: float, probability: float) -> float:
    """The noncentrality under which P(T <= t) is `probability`.

    With Z normal and S = chi_df / sqrt(df), P(T <= t) = P(t S - Z >= ncp), so the quantiles of S and Z bracket the
    answer for any t.

    Raises InputError when t is not finite, df <= 0, or probability is not in (0, 1).
    """
    if not math.isfinite(t) or not df > 0:
        raise InputError(f"noncentral t: expected a finite t and df > 0, found t={t!r}, df={df!r}")
    check_open_unit("probability", probability)
    if t < 0:
        return -noncentrality(-t, df, 1 - probability)
    if t > _LARGE_T:
        return t * _chi_scale(1 - probability, df)
    # A sum leaves the bracket only if S or Z is beyond its quantile, which takes at most half of the required tail.
    share = min(probability, 1 - probability) / 4
    reach = float(-special.ndtri(share))
    low, high = t * _chi_scale(share, df) - reach, t * _chi_scale(1 - share, df) + reach
    return float(optimize.brentq(lambda ncp: special.nctdtr(df, ncp, t) - probability, low, high, xtol=1e-12))


def noncentral_t_interval(t: float, df: float, confidence: float = 0.95) -> Interval:
    """Interval of the noncentrality of an observed t: all values for which t is in neither tail of alpha/2.

    The limits solve P(T <= t; df, ncp) = 1 - alpha/2 and alpha/2 (Steiger and Fouladi 1997).

    Raises InputError when t is not finite, df <= 0, or confidence is not in (0, 1).
    """
    tail = (1 - check_open_unit("confidence", confidence)) / 2
    return Interval(noncentrality(t, df, 1 - tail), noncentrality(t, df, tail))


def _chi_scale(probability: float, df: float) -> float:
    """Quantile of the estimated standard deviation over the true one: chi_df / sqrt(df)."""
    return float(stats.chi.ppf(probability, df)) / math.sqrt(df)


def hedges_g_paired(differences: ArrayLike, confidence: float = 0.95) -> EffectSize:
    """Hedges g_z = J(n-1) * mean/sd of paired differences (n,), with the noncentral-t interval of the population d_z.

    The interval is not multiplied by J: unshrunk, it has exact coverage. All NaN for n < 3 or differences that do not
    vary.
    """
    differences = sample(differences, "differences")
    df = differences.size - 1
    return _hedges_g(cohens_dz(differences), df, math.sqrt(differences.size), confidence)


def hedges_g_independent(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> EffectSize:
    """Hedges g = J(n_a+n_b-2) * d of independent samples (n_a,), (n_b,), with the interval of the population d.

    Equal variances are assumed, as for d itself. All NaN for n_a + n_b < 4 or if neither sample varies.
    """
    a, b = sample(a, "a"), sample(b, "b")
    root_n = math.sqrt(a.size * b.size / (a.size + b.size))
    return _hedges_g(cohens_d_independent(a, b), a.size + b.size - 2, root_n, confidence)


def _hedges_g(d: float, df: int, root_n: float, confidence: float) -> EffectSize:
    """g and its interval from an uncorrected effect d whose t statistic is d * root_n with df degrees of freedom."""
    check_open_unit("confidence", confidence)
    if math.isnan(d) or df < 2:
        return _NO_EFFECT_SIZE
    ncp = noncentral_t_interval(d * root_n, df, confidence)
    return EffectSize(hedges_correction(df) * d, ncp.low / root_n, ncp.high / root_n)
