"""The interval of a median and the sign test, against the binomial distribution and by simulation."""

import numpy as np
import pytest
from scipy import stats

from tokentrial.seeds import stream
from tokentrial.statistics.medians import median_interval, sign_test


def test_the_ends_are_order_statistics() -> None:
    """Of ten values the second and the ninth: 1 - 2 P(Bin(10, 1/2) <= 1) = 97.9 %; the third leave 89.1 %."""
    values = stream(1, "tests", "medians").permutation(np.arange(10.0))
    assert median_interval(values, 0.95) == (1.0, 8.0)
    assert median_interval(values, 0.90) == (1.0, 8.0)
    assert median_interval(values, 0.80) == (2.0, 7.0)


def test_few_values_have_no_interval() -> None:
    assert np.isnan(median_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.95)).all()
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.95) == (1.0, 6.0)


def test_it_covers_the_median_as_often_as_it_says() -> None:
    """Of a skewed distribution, whose mean is another number."""
    draws = stream(2, "tests", "medians").exponential(size=(2000, 10))
    hits = [low <= np.log(2) <= high for low, high in map(median_interval, draws)]
    assert np.mean(hits) == pytest.approx(1 - 2 * stats.binom.cdf(1, 10, 0.5), abs=0.01)


@pytest.mark.parametrize(
    ("values", "p"), [([1.0] * 10, 2 / 1024), ([1.0] * 5, 2 / 32), ([1.0, -1.0], 1.0), ([0.0], 1.0)]
)
def test_the_sign_test_counts_signs(values: list[float], p: float) -> None:
    assert sign_test(values) == pytest.approx(p)


def test_zeros_do_not_count() -> None:
    assert sign_test([0.0, 0.0, *[1.0] * 6]) == pytest.approx(2 / 64)
