"""The posterior of a mean difference against the t test and against draws from the conjugate model."""

import math

import numpy as np
import pytest
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.bayes import rope_probabilities


def test_against_draws_from_the_posterior() -> None:
    """Under the prior 1/sigma^2: variance (n-1) s^2 / chi^2_{n-1}, then mean ~ N(mean, variance / n)."""
    x, rng = np.random.default_rng(0).normal(0.3, 1, 8), np.random.default_rng(1)
    variance = 7 * x.var(ddof=1) / rng.chisquare(7, 400_000)
    draws = rng.normal(x.mean(), np.sqrt(variance / 8))
    expected = [np.mean(draws < -0.5), np.mean(np.abs(draws) <= 0.5), np.mean(draws > 0.5)]
    assert tuple(rope_probabilities(x, 0.5)) == pytest.approx(expected, abs=0.004)


def test_a_tiny_region_gives_the_one_sided_p() -> None:
    x = np.random.default_rng(2).normal(0.3, 1, 8)
    below, inside, above = rope_probabilities(x, 1e-12)
    assert below == pytest.approx(stats.ttest_1samp(x, 0, alternative="greater").pvalue)
    assert below + inside + above == pytest.approx(1)
    assert rope_probabilities(-x, 1e-12) == pytest.approx((above, inside, below))


def test_undefined_and_bad_arguments() -> None:
    assert all(map(math.isnan, rope_probabilities([1.0], 0.1)))
    assert all(map(math.isnan, rope_probabilities([1.0, 1.0], 0.1)))
    with pytest.raises(InputError, match="margin"):
        rope_probabilities([1.0, 2.0], 0.0)
