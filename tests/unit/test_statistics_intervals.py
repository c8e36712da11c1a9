"""Intervals of a mean: against statsmodels and textbook formulas, and reproducible from the generator."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from statsmodels.stats.weightstats import DescrStatsW

from tokentrial.errors import InputError
from tokentrial.statistics.intervals import bca_interval, t_interval

SAMPLES = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=3, max_size=12)
PROPERTY = settings(max_examples=40, deadline=None, derandomize=True)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_t_interval_is_that_of_statsmodels(confidence: float) -> None:
    x = generator().normal(3, 2, 9)
    assert t_interval(x, confidence) == pytest.approx(DescrStatsW(x).tconfint_mean(alpha=1 - confidence))


def test_bca_against_its_formula() -> None:
    """Efron (1987): quantiles at Phi(z0 + (z0 + z) / (1 - a (z0 + z))), here for skewed data and many resamples."""
    x = generator(5).exponential(size=12)
    means = np.sort(generator(6).choice(x, (200_000, 12)).mean(axis=1))
    z0 = special.ndtri(np.mean(means < x.mean()))
    jackknife = (x.sum() - x) / 11
    influence = jackknife.mean() - jackknife
    a = np.sum(influence**3) / (6 * np.sum(influence**2) ** 1.5)
    expected = [np.quantile(means, special.ndtr(z0 + (z0 + z) / (1 - a * (z0 + z)))) for z in (-1.959964, 1.959964)]
    assert bca_interval(x, generator(), 50_000) == pytest.approx(expected, abs=0.015)


def test_seed_decides_the_bootstrap() -> None:
    x = generator().normal(size=10)
    assert bca_interval(x, generator(1), 500) == bca_interval(x, generator(1), 500)
    assert bca_interval(x, generator(1), 500) != bca_interval(x, generator(2), 500)


@PROPERTY
@given(SAMPLES)
def test_intervals_contain_the_mean(values: list[float]) -> None:
    mean, slack = np.mean(values), 1e-9 * np.max(np.abs(values))
    for low, high in (t_interval(values), bca_interval(values, generator(), 500)):
        assert low - slack <= mean <= high + slack


@PROPERTY
@given(SAMPLES, st.sampled_from([-1.0, -0.3, 0.01, 7.0]), st.floats(-50, 50))
def test_intervals_follow_scale_and_shift(values: list[float], scale: float, shift: float) -> None:
    """Also on lattices, where resampled means tie with the observed one and rounding would break the ties."""
    moved = scale * np.array(values) + shift
    for interval in (t_interval, lambda x: bca_interval(x, generator(), 300)):
        low, high = sorted(scale * end + shift for end in interval(np.array(values)))
        assert interval(moved) == pytest.approx((low, high), rel=1e-6, abs=1e-8)


def test_degenerate_data() -> None:
    for values in ([2.0, 2.0], [0.1 + 0.2, 0.3, 0.3]):
        for interval in (t_interval(values), bca_interval(values, generator())):
            assert interval == (np.mean(values), np.mean(values))
    assert all(map(math.isnan, t_interval([2.0])))
    assert all(map(math.isnan, bca_interval([2.0], generator())))
    assert all(map(math.isnan, bca_interval([2.0, 3.0], generator())))
    assert bca_interval([1.0, 1.0, 2.0], generator()) == pytest.approx((1.0, 2.0))


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="confidence"):
        t_interval([1.0, 2.0], 1.5)
    with pytest.raises(InputError, match="resamples"):
        bca_interval([1.0, 2.0, 4.0], generator(), 10)
