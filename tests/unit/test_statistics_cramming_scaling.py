"""Exponents, spread over kinds and order over sizes, against closed forms, scipy and published rows."""

import numpy as np
import pytest
import views
from scipy import stats

from tokentrial import published
from tokentrial.statistics import cramming_scaling

PRINTED = views.printed()


def test_a_power_law_has_its_exponent() -> None:
    sizes = np.array([1, 2, 4, 8])
    levels = np.stack([3 * sizes**0.85, 7 * sizes**1.0, np.array([1.0, -1.0, 1.0, 1.0])])
    found = cramming_scaling.power_exponent(levels, sizes)
    np.testing.assert_allclose(found[:2], [0.85, 1.0])
    assert np.isnan(found[2])
    assert np.isnan(cramming_scaling.power_exponent([[2.0, 3.0]], [4, 4])).all()


def test_it_is_the_least_squares_slope_of_logarithms() -> None:
    rng = np.random.default_rng(0)
    levels, sizes = rng.uniform(1, 9, size=(5, 6)), np.array([1, 2, 3, 5, 8, 13])
    expected = [stats.linregress(np.log(sizes), np.log(row)).slope for row in levels]
    np.testing.assert_allclose(cramming_scaling.power_exponent(levels, sizes), expected)


def test_published_exponents() -> None:
    rows = PRINTED["cramming-vectors"].rows.values()
    printed = PRINTED["cramming-exponents"].rows.values()
    assert len(printed) == 4
    for row in printed:
        own = [each for each in rows if each["model"] == row["model"]]
        levels = [[published.number(each[row["quantity"]]) for each in own]]
        sizes = [published.number(each["vectors"]) for each in own]
        ends = cramming_scaling.power_exponent([[levels[0][0], levels[0][-1]]], [sizes[0], sizes[-1]])
        assert ends[0] == pytest.approx(published.number(row["exponent"]), abs=5e-4), row["label"]
        least_squares = cramming_scaling.power_exponent(levels, sizes)
        assert least_squares[0] == pytest.approx(ends[0], abs=5e-3), row["label"]


def test_variation_is_scipys() -> None:
    levels = np.random.default_rng(1).uniform(1, 9, size=(4, 5))
    np.testing.assert_allclose(cramming_scaling.variation(levels), stats.variation(levels, axis=1, ddof=1))
    assert np.isnan(cramming_scaling.variation(np.array([[3.0]]))).all()
    assert np.isnan(cramming_scaling.variation(np.array([[1.0, -2.0]]))).all()


def test_the_farthest_kind() -> None:
    np.testing.assert_allclose(cramming_scaling.farthest(np.array([[8.0, 10.0, 12.0], [10.0, 10.0, 10.0]])), [0.2, 0])


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(2)
    levels, sizes = rng.integers(0, 4, size=(6, 7)).astype(float), rng.integers(0, 5, size=7)
    expected = [stats.spearmanr(row, sizes).statistic for row in levels]
    np.testing.assert_allclose(cramming_scaling.rank_correlation(levels, sizes), expected)
    assert np.isnan(cramming_scaling.rank_correlation(np.ones((1, 3)), [1, 2, 3])).all()
