"""Probability of superiority: counts, Wilson's and Newcombe's intervals, coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.nonparametric import rank_compare_2indep

from tokentrial.errors import InputError
from tokentrial.statistics.superiority import superiority_independent, superiority_paired

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
SAMPLES = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


def test_wilson_of_ten_wins() -> None:
    """10 of 10: [1 / (1 + z^2 / n), 1], where a bootstrap would give [1, 1]."""
    z = 1.959964
    assert superiority_paired(np.ones(10)) == pytest.approx((1, 1 / (1 + z**2 / 10), 1), abs=1e-6)


def test_wilson_agrees_with_scipy_on_untied_data() -> None:
    expected = stats.binomtest(7, 10).proportion_ci(method="wilson")
    assert superiority_paired([1.0] * 7 + [-2.0] * 3) == pytest.approx((0.7, expected.low, expected.high))


@PROPERTY
@given(SAMPLES)
def test_paired_counts_ties_half_and_is_symmetric(values: list[int]) -> None:
    result = superiority_paired(values)
    assert result.probability == pytest.approx(sum((v > 0) + 0.5 * (v == 0) for v in values) / len(values))
    assert 0 <= result.low <= result.probability <= result.high <= 1
    assert superiority_paired(np.negative(values)) == pytest.approx(
        (1 - result.probability, 1 - result.high, 1 - result.low)
    )


@PROPERTY
@given(SAMPLES, SAMPLES)
def test_independent_counts_pairs_and_is_symmetric(a: list[int], b: list[int]) -> None:
    result = superiority_independent(a, b)
    pairs = [(x > y) + 0.5 * (x == y) for x in a for y in b]
    assert result.probability == pytest.approx(np.mean(pairs))
    assert 0 <= result.low <= result.probability <= result.high <= 1
    assert superiority_independent(b, a) == pytest.approx(
        (1 - result.probability, 1 - result.high, 1 - result.low), abs=1e-9
    )


def test_probability_of_improvement_oracle() -> None:
    x, y = np.array([[1, 2], [2, 2], [1, 1], [2, 1]]), np.array([[1, 1], [2, 2], [3, 3]])
    assert np.mean([superiority_independent(x[:, k], y[:, k]).probability for k in (0, 1)]) == pytest.approx(1 / 3)


def test_one_value_each_is_wilson() -> None:
    expected = stats.binomtest(1, 1).proportion_ci(method="wilson")
    assert superiority_independent([2.0], [1.0]) == pytest.approx((1, expected.low, expected.high), abs=1e-9)


def test_newcombe_limits_solve_the_score_equation() -> None:
    a, b = np.random.default_rng(0).normal(0.8, 1, 9), np.random.default_rng(1).normal(0, 1, 14)
    result = superiority_independent(a, b, 0.9)
    for theta in (result.low, result.high):
        q1, q2 = theta / (2 - theta), 2 * theta**2 / (1 + theta)  # Hanley and McNeil 1982
        others = (9 + 14) / 2 - 1
        variance = (theta * (1 - theta) + others * (q1 - theta**2) + others * (q2 - theta**2)) / (9 * 14)
        assert abs(theta - result.probability) == pytest.approx(special.ndtri(0.95) * math.sqrt(variance))


def test_large_samples_agree_with_statsmodels() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(0.5, 1, 800), rng.normal(0, 1, 600)
    reference = rank_compare_2indep(a, b)
    result = superiority_independent(a, b)
    assert result.probability == pytest.approx(reference.prob1)
    assert (result.low, result.high) == pytest.approx(reference.conf_int(alpha=0.05), abs=0.003)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_coverage_of_both(shift: float) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(shift, 1, (500, 10)), rng.normal(0, 1, (500, 10))
    truth = special.ndtr(shift / math.sqrt(2))
    paired = [superiority_paired(x - y) for x, y in zip(a, b, strict=True)]
    independent = [superiority_independent(x, y) for x, y in zip(a, b, strict=True)]
    for intervals in (paired, independent):
        assert np.mean([i.low <= truth <= i.high for i in intervals]) > 0.91


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="confidence"):
        superiority_paired([1.0], confidence=95)
    with pytest.raises(InputError, match="confidence"):
        superiority_independent([1.0], [2.0], confidence=0)
