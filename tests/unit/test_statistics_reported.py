"""p values, implied n and readings of a printed +- against closed forms and scipy's tests on data."""

import math

import numpy as np
import pytest
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.reported import (
    implied_n,
    p_of_effect,
    p_of_t,
    pooled_sd,
    standard_deviation_per_spread,
    welch,
)


def test_p_of_an_effect_is_that_of_a_t_test_on_data() -> None:
    rng = np.random.default_rng(3)
    for n in (3, 10, 25):
        a, b = rng.normal(0.4, 1, n), rng.normal(0, 1, n)
        d = (a.mean() - b.mean()) / pooled_sd(a.std(ddof=1), b.std(ddof=1))
        assert p_of_effect(d, n) == pytest.approx(stats.ttest_ind(a, b).pvalue, rel=1e-12)


def test_p_of_t_at_one_degree_of_freedom_is_cauchys() -> None:
    assert p_of_t(1.0, 1) == pytest.approx(0.5, abs=1e-15)
    assert p_of_t(-math.sqrt(3), 1) == pytest.approx(1 / 3, abs=1e-15)


def test_welch_gives_the_published_statistic_of_unequal_arms() -> None:
    # TOSTER's example (methods, section 2): its two one-sided statistics at +-0.3835687 average to Welch's own.
    found = welch(5.25, 0.95, 95, 5.22, 0.83, 89)
    assert found.df == pytest.approx(181.1344, abs=5e-5)
    assert found.t == pytest.approx((3.14973 - 2.692771) / 2, abs=5e-6)


def test_welch_is_scipys_test_on_data() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(0, 1, 7), rng.normal(0.5, 3, 12)
    found = welch(a.mean(), a.std(ddof=1), 7, b.mean(), b.std(ddof=1), 12)
    assert found.p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-12)


@pytest.mark.parametrize(("d", "n"), [(0.287, 10), (0.042, 3), (1.5, 4), (0.01, 500)])
def test_implied_n_inverts_the_p_of_an_effect(d: float, n: int) -> None:
    assert implied_n(d, p_of_effect(d, n)) == pytest.approx(n, rel=1e-7)


def test_implied_n_without_an_answer() -> None:
    assert math.isinf(implied_n(0.0, 0.5))
    assert math.isinf(implied_n(1e-9, 0.01))
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        implied_n(0.5, 1.0)


def test_a_spread_is_read_in_three_ways() -> None:
    assert standard_deviation_per_spread(10, "standard deviation") == 1
    assert standard_deviation_per_spread(10, "standard error") == pytest.approx(math.sqrt(10))
    assert standard_deviation_per_spread(10, "95 % half-width") == pytest.approx(math.sqrt(10) / 2.262157, rel=1e-6)
    with pytest.raises(InputError, match="at least 2"):
        standard_deviation_per_spread(1, "standard error")
