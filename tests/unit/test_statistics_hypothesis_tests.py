"""The t test against statsmodels, the sign flip against counting by hand."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from tokentrial.errors import InputError
from tokentrial.statistics.hypothesis_tests import paired_t_test, sign_flip_test

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def counted(units: list[int]) -> Fraction:
    """The exact sign-flip p in integer arithmetic."""
    sums = [abs(sum(s * u for s, u in zip(signs, units, strict=True))) for signs in product((1, -1), repeat=len(units))]
    return Fraction(sum(s >= abs(sum(units)) for s in sums), len(sums))


def test_t_test_is_that_of_statsmodels() -> None:
    x = generator().normal(0.5, 1, 8)
    statistic, p, _ = DescrStatsW(x).ttest_mean(0)
    assert tuple(paired_t_test(x)) == pytest.approx((statistic, 7, p))


@pytest.mark.parametrize(("n", "smallest"), [(1, 1), (3, 0.25), (5, 0.0625), (6, 0.03125), (10, 0.001953125)])
def test_smallest_sign_flip_p(n: int, smallest: float) -> None:
    assert sign_flip_test(generator().uniform(1, 2, n), generator()) == smallest == 2 / 2**n


@PROPERTY
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=9), st.sampled_from([1.0, 0.1, 1e-9, 1e200, -0.7]))
def test_exact_count_with_ties_in_floating_point(units: list[int], unit: float) -> None:
    """Multiples of 0.1 do not add up exactly in binary; the count has to be that of the integers all the same."""
    assert sign_flip_test(np.array(units) * unit, generator()) == float(counted(units))


def test_exact_count_agrees_with_scipy() -> None:
    x = generator(7).normal(0.4, 1, 11)
    result = stats.permutation_test((x,), lambda d, axis: np.abs(d.mean(axis)), permutation_type="samples",
                                    alternative="greater", n_resamples=np.inf, vectorized=True)  # fmt: skip
    assert sign_flip_test(x, generator()) == result.pvalue


def test_monte_carlo_beyond_the_exact_range() -> None:
    x = np.round(generator(8).normal(0.4, 1, 18), 1)
    exact = float(counted([round(10 * v) for v in x[:16]]))
    assert sign_flip_test(x[:16], generator()) == exact
    sums = np.zeros(1)
    for v in np.rint(10 * x):
        sums = np.concatenate((sums + v, sums - v))
    p = np.mean(np.abs(sums) >= abs(np.rint(10 * x).sum()))
    assert sign_flip_test(x, generator(), 20_000) == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 20_000))
    assert sign_flip_test(np.ones(40), generator(), 999) == 1 / 1000


def test_seed_decides_the_monte_carlo() -> None:
    x = generator().normal(0.2, 1, 25)
    assert sign_flip_test(x, generator(1), 500) == sign_flip_test(x, generator(1), 500)
    assert len({sign_flip_test(x, generator(seed), 500) for seed in range(5)}) > 1


def test_level_under_the_null() -> None:
    p = [sign_flip_test(x, generator()) for x in generator(9).standard_t(2, (1500, 8))]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(12 / 256, abs=0.015)


def test_degenerate_data() -> None:
    assert sign_flip_test(np.zeros(5), generator()) == 1
    assert sign_flip_test(np.zeros(30), generator()) == 1
    assert sign_flip_test([1.0, -1.0], generator()) == 1
    for values in ([3.0], [0.0, 0.0], [2.0, 2.0, 2.0]):
        assert math.isnan(paired_t_test(values).p_value)
    with pytest.raises(InputError, match="resamples"):
        sign_flip_test([1.0, 2.0], generator(), 5)
