"""The trend over corpus sizes: slopes as statsmodels has them, the interval in closed form, and what it concludes."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.trend import slopes, trend

X = np.log2([1_020, 5_100, 20_400, 51_000])


def sample(seeds: int, slope: float, noise: float = 0.05) -> np.ndarray:
    """Lines of this slope with noise, (seeds, 4)."""
    rng = np.random.default_rng(seeds)
    return 0.3 + slope * X + rng.normal(size=(seeds, 1)) + noise * rng.normal(size=(seeds, len(X)))


def test_slopes_are_those_of_ordinary_least_squares() -> None:
    values = sample(7, -0.02)
    fitted = [sm.OLS(row, sm.add_constant(X)).fit().params[1] for row in values]
    np.testing.assert_allclose(slopes(X, values), fitted, rtol=1e-9)


def test_the_mean_slope_is_that_of_the_pooled_line_and_its_interval_is_students() -> None:
    values = sample(9, 0.01)
    found = trend(X, values)
    pooled = sm.OLS(values.ravel(), sm.add_constant(np.tile(X, 9))).fit()
    assert found.slope == pytest.approx(pooled.params[1])
    assert found.intercept + found.slope * (X[0] - found.centre) == pytest.approx(pooled.predict([1, X[0]])[0])
    each = slopes(X, values)
    half = stats.t.ppf(0.975, 8) * each.std(ddof=1) / 3
    assert (found.low, found.high) == pytest.approx((each.mean() - half, each.mean() + half))
    assert found.p == pytest.approx(stats.ttest_1samp(each, 0).pvalue)
    assert (found.n, found.points) == (9, 4)


def test_levels_of_the_seeds_do_not_matter() -> None:
    values = sample(6, -0.05)
    moved = values + 100 * np.arange(6)[:, None]
    assert trend(X, moved).low == pytest.approx(trend(X, values).low)


def test_the_interval_covers_the_true_slope_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(2_000):
        found = trend(X, -0.02 * X + rng.normal(size=(5, len(X))), confidence=0.9)
        hits += found.low <= -0.02 <= found.high
    assert 0.88 < hits / 2_000 < 0.92


@pytest.mark.parametrize(("slope", "direction"), [(-0.2, "falls"), (0.2, "rises"), (0.0, "undecided")])
def test_the_direction_is_that_of_the_whole_interval(slope: float, direction: str) -> None:
    assert trend(X, sample(10, slope)).direction == direction


def test_one_seed_has_a_slope_and_no_interval() -> None:
    found = trend([0.0, 1.0], [[1.0, 3.0]])
    assert (found.slope, found.low, found.p, found.direction) == (2.0, None, None, "undecided")


@pytest.mark.parametrize(
    ("x", "values", "said"),
    [
        ([1.0, 1.0], [[1.0, 2.0]], "two different x"),
        ([1.0, 2.0], [[1.0, 2.0, 3.0]], "expected x"),
        ([1.0, 2.0], np.empty((0, 2)), "expected x"),
        ([1.0, 2.0], [[1.0, np.nan]], "finite"),
    ],
)
def test_what_has_no_slope_is_refused(x: list[float], values: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        trend(x, values)
