"""TOST against the tests of the R package TOSTER, power against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.equivalence import (
    smallest_equivalence_margin,
    tost_independent,
    tost_paired,
    tost_power,
)

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
SAMPLES = st.lists(st.floats(-5, 5).map(lambda x: round(x, 3)), min_size=2, max_size=10)


def with_moments(n: int, mean: float, sd: float) -> np.ndarray:
    z = np.random.default_rng(n).normal(size=n)
    return mean + sd * (z - z.mean()) / z.std(ddof=1)


def test_toster_welch() -> None:
    result = tost_independent(with_moments(95, 5.25, 0.95), with_moments(89, 5.22, 0.83), 0.3835687)
    assert result.df == pytest.approx(181.1344, abs=1e-4)
    assert (result.t_lower, result.t_upper) == pytest.approx((3.14973, -2.692771), abs=1e-5)
    assert (result.p_lower, result.p_upper) == pytest.approx((0.0009560083, 0.003875522), abs=1e-8)
    assert (result.low, result.high) == pytest.approx((-0.1870843, 0.2470843), abs=1e-6)
    assert result.p_value == result.p_upper
    assert result.equivalent


def test_paired_against_two_one_sided_t_tests() -> None:
    x = np.random.default_rng(1).normal(0.1, 1, 12)
    result = tost_paired(x, 0.7)
    assert result.p_lower == pytest.approx(stats.ttest_1samp(x, -0.7, alternative="greater").pvalue)
    assert result.p_upper == pytest.approx(stats.ttest_1samp(x, 0.7, alternative="less").pvalue)
    assert (result.low, result.high) == pytest.approx(stats.ttest_1samp(x, 0).confidence_interval(0.9))
    assert result.df == 11


def test_pooled_against_two_one_sided_t_tests() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, 6), rng.normal(0, 2, 9)
    result = tost_independent(a, b, 1.5, equal_variance=True)
    assert result.p_lower == pytest.approx(stats.ttest_ind(a + 1.5, b, alternative="greater").pvalue)
    assert result.p_upper == pytest.approx(stats.ttest_ind(a - 1.5, b, alternative="less").pvalue)
    assert result.df == 13


@PROPERTY
@given(SAMPLES, st.floats(0.01, 10), st.sampled_from([0.01, 0.05, 0.2]))
def test_significant_exactly_when_the_interval_is_inside(values: list[float], margin: float, alpha: float) -> None:
    result = tost_paired(values, margin, alpha)
    if math.isnan(result.p_value):
        assert np.ptp(values) == 0
        assert result.equivalent == (abs(values[0]) < margin)
    elif abs(result.p_value - alpha) > 1e-9:
        assert result.equivalent == (result.p_value < alpha)
        assert 0 <= result.p_value <= 1
    mirrored = tost_paired(np.negative(values), margin, alpha)
    assert mirrored.equivalent == result.equivalent
    assert mirrored.p_value == pytest.approx(result.p_value, nan_ok=True)


@PROPERTY
@given(SAMPLES, SAMPLES, st.floats(0.01, 10))
def test_independent_is_symmetric_and_consistent(a: list[float], b: list[float], margin: float) -> None:
    result, swapped = tost_independent(a, b, margin), tost_independent(b, a, margin)
    assert swapped.p_value == pytest.approx(result.p_value, abs=1e-12, nan_ok=True)
    assert (swapped.low, swapped.high) == pytest.approx((-result.high, -result.low), abs=1e-9)
    if abs(result.p_value - 0.05) > 1e-9:
        assert result.equivalent == (result.p_value < 0.05)


def test_degenerate_data() -> None:
    one = tost_paired([0.0], 1.0)
    assert math.isnan(one.low)
    assert not one.equivalent
    assert not tost_independent([0.0], [0.0, 0.1], 1.0).equivalent
    identical = tost_paired([0.0, 0.0, 0.0], 0.1)
    assert (identical.low, identical.high, identical.equivalent) == (0.0, 0.0, True)
    assert math.isnan(identical.p_value)
    assert not tost_paired([0.1, 0.1], 0.1).equivalent
    assert tost_independent([1.0, 1.0], [1.05, 1.05], 0.1).equivalent


@pytest.mark.parametrize("margin", [0.0, -1.0, math.inf, math.nan])
def test_margin_must_be_positive(margin: float) -> None:
    with pytest.raises(InputError, match="margin"):
        tost_paired([1.0, 2.0], margin)
    with pytest.raises(InputError, match="margin"):
        tost_independent([1.0, 2.0], [1.0, 3.0], margin)
    with pytest.raises(InputError, match="margin"):
        tost_power(margin, 5)


def test_alpha_must_leave_an_interval() -> None:
    with pytest.raises(InputError, match="alpha"):
        tost_paired([1.0, 2.0], 1.0, alpha=0.5)


@pytest.mark.parametrize(
    ("n", "paired", "independent"),
    [(3, 2.66, 2.92), (5, 1.60, 2.03), (10, 1.005, 1.36), (20, 0.679, 0.94), (30, 0.547, 0.77)],
)
def test_smallest_margin_table(n: int, paired: float, independent: float) -> None:
    assert smallest_equivalence_margin(n) == pytest.approx(paired, abs=0.0055 if n < 10 else 0.00055)
    assert smallest_equivalence_margin(n, paired=False) == pytest.approx(independent, abs=0.0055)


@pytest.mark.parametrize(("n", "paired", "margin"), [(3, True, 2.66), (10, True, 0.7), (5, False, 2.03)])
def test_power_against_simulation(n: int, paired: bool, margin: float) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(2, 40_000, n))
    df = n - 1 if paired else 2 * n - 2
    means = a.mean(1) if paired else a.mean(1) - b.mean(1)
    variance = a.var(1, ddof=1) / n if paired else (a.var(1, ddof=1) + b.var(1, ddof=1)) / n
    shown = np.abs(means) + stats.t.isf(0.05, df) * np.sqrt(variance) < margin
    assert tost_power(margin, n, paired=paired) == pytest.approx(shown.mean(), abs=0.01)


@PROPERTY
@given(st.integers(2, 3000), st.floats(0.05, 0.99), st.booleans(), st.sampled_from([0.001, 0.05, 0.1]))
def test_margin_and_power_are_inverse(n: int, power: float, paired: bool, alpha: float) -> None:
    margin = smallest_equivalence_margin(n, power, paired=paired, alpha=alpha)
    assert tost_power(margin, n, paired=paired, alpha=alpha) == pytest.approx(power, abs=1e-6)


def test_large_samples_approach_the_normal_formula() -> None:
    normal = (stats.norm.isf(0.05) + stats.norm.isf(0.1)) / math.sqrt(20_000)
    assert smallest_equivalence_margin(20_000) == pytest.approx(normal, rel=1e-3)
    assert math.isnan(smallest_equivalence_margin(1))
