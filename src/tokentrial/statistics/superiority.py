"""Probability of superiority, P(A > B) + P(A = B) / 2: how often one arm beats the other, independent of scale."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special, stats
from statsmodels.stats.proportion import proportion_confint

from tokentrial.statistics.samples import check_open_unit, sample


class Superiority(NamedTuple):
    """A probability of superiority and its confidence interval."""

    probability: float
    low: float
    high: float


def superiority_paired(differences: ArrayLike, confidence: float = 0.95) -> Superiority:
    """Share of positive differences a - b (n,), with Wilson's interval (Wilson 1927). A tie counts half.

    Wilson's interval is used instead of a bootstrap because one arm usually wins on every seed here: then each resample
    repeats the data, and a bootstrap interval has no width. Ties vary less than wins and losses, so with ties the
    interval is conservative.

    Ties are exact zeros: take the differences from `samples.paired_differences`.
    """
    differences = sample(differences, "differences")
    check_open_unit("confidence", confidence)
    wins = float(np.sum(differences > 0) + 0.5 * np.sum(differences == 0))
    low, high = proportion_confint(wins, differences.size, alpha=1 - confidence, method="wilson")
    probability = wins / differences.size
    # Wilson's ends at 0 and 1 carry rounding; the estimate is inside by construction.
    return Superiority(probability, min(float(low), probability), max(float(high), probability))


def superiority_independent(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Superiority:
    """Mann-Whitney's U / (n_a n_b) of independent a: (n_a,), b: (n_b,), with Newcombe's interval.

    Newcombe (2006, Statistics in Medicine 25:559, method 5) inverts a score test with Hanley and McNeil's variance. If
    the arms do not overlap, the interval keeps a width, unlike Wald intervals, as in statsmodels'
    `rank_compare_2indep`, which shrink to a point. For n_a = n_b = 1 the interval is Wilson's.
    """
    a, b = sample(a, "a"), sample(b, "b")
    z = -float(special.ndtri((1 - check_open_unit("confidence", confidence)) / 2))
    u = stats.mannwhitneyu(a, b, method="asymptotic").statistic
    probability = float(u) / (a.size * b.size)

    def excess(theta: float) -> float:
        return abs(theta - probability) - z * math.sqrt(_newcombe_variance(theta, a.size, b.size))

    # At the estimate itself the excess is negative, except at 0 and 1: there the estimate is a root but not a limit.
    step = 1e-12
    low = optimize.brentq(excess, 0.0, probability - step) if probability > 0 else 0.0
    high = optimize.brentq(excess, probability + step, 1.0) if probability < 1 else 1.0
    return Superiority(probability, float(low), float(high))


def _newcombe_variance(theta: float, n_a: int, n_b: int) -> float:
    """Variance of U / (n_a n_b) at a true probability theta, Hanley and McNeil's with balanced arm sizes."""
    others = (n_a + n_b) / 2 - 1
    overlap = 1 + others * (1 - theta) / (2 - theta) + others * theta / (1 + theta)
    return theta * (1 - theta) * overlap / (n_a * n_b)
