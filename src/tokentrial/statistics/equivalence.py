"""Equivalence by two one-sided t tests, TOST (Schuirmann 1987), and the smallest margin that n seeds can show."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate, optimize, special, stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from tokentrial.statistics.samples import UNDEFINED, FloatArray, check_margin, check_open_unit, is_constant, sample


@dataclass(frozen=True)
class Equivalence:
    """A TOST in the unit of the data. p, t and df are NaN if the data are too few or do not vary."""

    difference: float
    low: float
    """Lower end of the (1 - 2 alpha) interval of the difference: 90 % for alpha = 0.05."""
    high: float
    margin: float
    df: float
    t_lower: float
    """t of 'the difference is above -margin'."""
    p_lower: float
    t_upper: float
    """t of 'the difference is below +margin'."""
    p_upper: float
    p_value: float
    """The larger of the two one-sided p."""
    equivalent: bool
    """Whether (low, high) lies inside (-margin, margin). If p is defined, this is the same as p_value < alpha."""


def tost_paired(differences: ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """TOST of paired differences (n,) against (-margin, margin), margin in their unit.

    n = 1: interval and p are NaN, and the result is not equivalent. Differences that do not vary: the interval is the
    point, p is NaN, and the result is equivalent if the point lies inside the margin; this is the limit of the test as
    the scale goes to 0.

    Raises InputError for a margin that is not positive and finite, or alpha outside (0, 0.5).
    """
    differences = sample(differences, "differences")
    difference = float(differences.mean())
    _check(margin, alpha)
    if differences.size < 2 or is_constant(differences):
        return _without_scale(difference, margin, observed=differences.size >= 2)
    described = DescrStatsW(differences)
    _, lower, upper = described.ttost_mean(-margin, margin)
    return _equivalence(difference, margin, lower, upper, described.tconfint_mean(alpha=2 * alpha))


def tost_independent(
    a: ArrayLike, b: ArrayLike, margin: float, alpha: float = 0.05, equal_variance: bool = False
) -> Equivalence:
    """TOST of mean a - mean b for independent a: (n_a,), b: (n_b,); Welch's test unless `equal_variance`.

    One value in an arm: interval and p are NaN, and the result is not equivalent. If neither arm varies, the result is
    as in `tost_paired`.

    Raises InputError for a margin that is not positive and finite, or alpha outside (0, 0.5).
    """
    a, b = sample(a, "a"), sample(b, "b")
    difference = float(a.mean() - b.mean())
    _check(margin, alpha)
    if min(a.size, b.size) < 2 or (is_constant(a) and is_constant(b)):
        return _without_scale(difference, margin, observed=min(a.size, b.size) >= 2)
    means = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    usevar = "pooled" if equal_variance else "unequal"
    _, (lower, upper) = means.ttost_ind(-margin, margin, usevar=usevar)
    return _equivalence(difference, margin, lower, upper, means.tconfint_diff(alpha=2 * alpha, usevar=usevar))


def _check(margin: float, alpha: float) -> None:
    check_margin(margin)
    check_open_unit("2 * alpha", 2 * alpha)


def _without_scale(difference: float, margin: float, observed: bool) -> Equivalence:
    low, high = (difference, difference) if observed else UNDEFINED
    nothing = (math.nan, math.nan, math.nan)
    return _equivalence(difference, margin, nothing, nothing, (low, high))


def _equivalence(
    difference: float,
    margin: float,
    lower: tuple[float, float, float],
    upper: tuple[float, float, float],
    interval: tuple[float, float],
) -> Equivalence:
    """Builds the result from two (t, p, df), as statsmodels returns them, and the interval."""
    low, high = float(interval[0]), float(interval[1])
    return Equivalence(
        difference=difference,
        low=low,
        high=high,
        margin=margin,
        df=float(lower[2]),
        t_lower=float(lower[0]),
        p_lower=float(lower[1]),
        t_upper=float(upper[0]),
        p_upper=float(upper[1]),
        p_value=float(max(lower[1], upper[1])),
        equivalent=bool(-margin < low and high < margin),  # False if the interval is NaN
    )


def tost_power(margin: float, n: int, *, paired: bool = True, alpha: float = 0.05) -> float:
    """Probability that TOST shows equivalence if the true difference is 0.

    `margin` is in standard deviations: of the differences if paired, else of one arm, with n per arm. Let m be the
    margin in standard errors, t the critical value and S = chi_df / sqrt(df). Equivalence is |Z| < m - t S, so the
    power is the mean of 2 Phi(m - t S) - 1 over S < m / t (Phillips 1990, at difference 0).

    NaN for n < 2. Raises InputError for a margin that is not positive and finite, or alpha outside (0, 0.5).
    """
    _check(margin, alpha)
    if n < 2:
        return math.nan
    df = n - 1 if paired else 2 * n - 2
    errors = margin * math.sqrt(n if paired else n / 2)  # the margin in standard errors
    critical = float(stats.t.isf(alpha, df))
    chi = stats.chi(df, scale=1 / math.sqrt(df))
    top = min(errors / critical, float(chi.isf(1e-15)))
    bottom = min(top, float(chi.ppf(1e-15)))

    def integrand(s: FloatArray) -> FloatArray:
        return np.asarray((2 * special.ndtr(errors - critical * s) - 1) * chi.pdf(s), dtype=np.float64)

    # The integrand is smooth: 200 Gauss-Legendre nodes are within 1e-10 for n up to 3000.
    integral, _ = integrate.fixed_quad(integrand, bottom, top, n=200)
    return float(integral)


def smallest_equivalence_margin(n: int, power: float = 0.8, *, paired: bool = True, alpha: float = 0.05) -> float:
    """Smallest margin that n seeds show with this power at true difference 0, in the unit of `tost_power`.

    For n = 3, 5, 10 paired: 2.66, 1.60, 1.005 standard deviations of the differences. NaN for n < 2.

    Raises InputError for a power outside (0, 1), or alpha outside (0, 0.5).
    """
    check_open_unit("power", power)
    _check(1.0, alpha)
    if n < 2:
        return math.nan
    df = n - 1 if paired else 2 * n - 2
    # At this margin, |Z| and S each violate their share of the condition with probability (1 - power) / 4.
    miss = (1 - power) / 4
    enough = float(stats.t.isf(alpha, df) * stats.chi.isf(miss, df) / np.sqrt(df) - special.ndtri(miss / 2))
    unit = math.sqrt(n if paired else n / 2)
    top = enough / unit
    return float(optimize.brentq(lambda m: tost_power(m, n, paired=paired, alpha=alpha) - power, 1e-9 * top, top))
