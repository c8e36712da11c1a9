"""Effect sizes and p values from printed summary statistics (means, spreads, n), without the data."""

import math
from typing import Literal, NamedTuple

from scipy import optimize, stats

from tokentrial.errors import InputError

Reading = Literal["standard deviation", "standard error", "95 % half-width"]
READINGS: tuple[Reading, ...] = ("standard deviation", "standard error", "95 % half-width")
"""Readings of a printed +-."""

_LARGEST_N = 1e9


class Test(NamedTuple):
    """A two-sided t test: statistic, degrees of freedom, p."""

    t: float
    df: float
    p: float


def standard_deviation_per_spread(n: int, reading: Reading) -> float:
    """The standard deviation of n values per unit of a printed +-, under one reading of the +-.

    A standard error is sd / sqrt(n); a half-width is t(0.975; n-1) sd / sqrt(n). Raises InputError for n < 2.
    """
    if n < 2:
        raise InputError(f"n: found {n}, expected at least 2")
    if reading == "standard deviation":
        return 1.0
    root = math.sqrt(n)
    return root if reading == "standard error" else root / float(stats.t.ppf(0.975, n - 1))


def pooled_sd(sd_a: float, sd_b: float) -> float:
    """sqrt((sd_a^2 + sd_b^2) / 2), the denominator of Cohen's d for arms of equal size (Cohen 1988, eq. 2.2.2)."""
    return math.sqrt((sd_a**2 + sd_b**2) / 2)


def p_of_t(t: float, df: float) -> float:
    """Two-sided p of a t statistic. Raises InputError for df <= 0."""
    if not df > 0:
        raise InputError(f"df: found {df}, expected a number above 0")
    return float(2 * stats.t.sf(abs(t), df))


def p_of_effect(d: float, n: float) -> float:
    """Two-sided p of Cohen's d between two independent arms of n each: t = d sqrt(n/2), df = 2n - 2."""
    return p_of_t(d * math.sqrt(n / 2), 2 * n - 2)


def implied_n(d: float, p: float) -> float:
    """The n per arm (a real number) at which an effect d has this two-sided p in an independent t test.

    p falls as n rises, so there is at most one such n. Infinite for d = 0; NaN if even an n just above 1 has a smaller
    p. Raises InputError for p outside (0, 1).
    """
    if not 0 < p < 1:
        raise InputError(f"p: found {p}, expected a number strictly between 0 and 1")
    if d == 0:
        return math.inf
    low = 1 + 1e-6
    if p_of_effect(d, low) < p:
        return math.nan
    if p_of_effect(d, _LARGEST_N) > p:
        return math.inf
    return float(optimize.brentq(lambda n: p_of_effect(d, n) - p, low, _LARGEST_N, xtol=1e-9))


def welch(mean_a: float, sd_a: float, n_a: int, mean_b: float, sd_b: float, n_b: int) -> Test:
    """Welch's test from summary statistics (Welch 1947). Raises InputError if no arm varies or an n is below 2."""
    if min(n_a, n_b) < 2 or sd_a + sd_b <= 0:
        raise InputError(
            f"Welch's test: found n {n_a}, {n_b} and sd {sd_a}, {sd_b}, expected n of 2 or more and a spread"
        )
    a, b = sd_a**2 / n_a, sd_b**2 / n_b
    df = (a + b) ** 2 / (a**2 / (n_a - 1) + b**2 / (n_b - 1))
    t = (mean_a - mean_b) / math.sqrt(a + b)
    return Test(t, df, p_of_t(t, df))
