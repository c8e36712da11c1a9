"""Lengths and gains of crammed texts: the notebooks' own rule, slow loops, closed forms, published rows, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
import views

from tokentrial import published
from tokentrial.errors import InputError
from tokentrial.statistics import cramming
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate
from tokentrial.statistics.intervals import MINIMUM_RESAMPLES

PRINTED = views.printed()
LENGTHS = np.array([4.0, 8.0, 16.0, 32.0])
ONCE = np.ones((1, 3))


def weights(texts: int, resamples: int = 200, seed: int = 0) -> np.ndarray:
    return cramming.resample(texts, np.random.default_rng(seed), resamples)


def test_weights_are_the_sample_and_then_draws_of_as_many_texts() -> None:
    found = weights(7, 300)
    assert found.shape == (301, 7)
    assert (found[0] == 1).all()
    assert (found.sum(axis=1) == 7).all()
    assert found[1:].mean() == pytest.approx(1)
    np.testing.assert_array_equal(found, weights(7, 300))
    assert (found != weights(7, 300, seed=1)).any()
    with pytest.raises(InputError, match=f"at least {MINIMUM_RESAMPLES}"):
        weights(7, 10)


def capacity_of_the_notebooks(accuracy: np.ndarray, lengths: np.ndarray) -> float:
    """ablations_analyze_results: mean over samples by length, the largest length of at least 0.99."""
    table = pd.DataFrame(accuracy, columns=lengths).melt(var_name="max_length", value_name="accuracy").dropna()
    mean = table.groupby("max_length")["accuracy"].mean()
    passed = mean[mean >= 0.99]
    return float(passed.index.max()) if len(passed) else -math.inf


def test_capacity_is_that_of_the_notebooks_in_every_resample() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        accuracy = np.where(rng.random((6, 4)) < 0.8, 1.0, 1 - rng.random((6, 4)) * 0.2)
        accuracy[rng.random((6, 4)) < 0.1] = np.nan
        accuracy[0] = 1.0  # a text at every length
        drawn = weights(6, 100, int(rng.integers(1000)))
        found = cramming.capacity(accuracy, LENGTHS, drawn)
        expected = []
        for row in drawn:
            repeated = np.repeat(accuracy, row.astype(int), axis=0)
            expected.append(capacity_of_the_notebooks(repeated, LENGTHS))
        np.testing.assert_array_equal(found.lower, expected)
        assert (found.upper[found.lower == 32] == math.inf).all()
        assert (found.upper[found.lower == -math.inf] == 4).all()


def test_capacity_needs_the_mean_not_every_text_and_skips_gaps() -> None:
    accuracy = np.array([[1, 0.5, 1.0, 0.2], [1, 0.5, 0.98, 0.2], [1, 0.5, 0.99, 0.2]])
    assert cramming.capacity(accuracy, LENGTHS, ONCE).lower[0] == 16  # mean .99 exactly, though 8 fails
    accuracy[2, 2] = 0.98
    assert cramming.capacity(accuracy, LENGTHS, ONCE).lower[0] == 4


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((1.0, 0.75, 0.25, 0.0), 8 + 8 * (0.75 - 0.5) / (0.75 - 0.25)),
        ((1.0, 0.5, 0.25, 0.0), 8.0),
        ((1.0, 0.25, 0.75, 0.0), 16 + 16 * 0.25 / 0.75),  # the largest that passes, as the paper's grids
        ((1.0, 1.0, 1.0, 0.0), 16 + 16 * 0.5),
    ],
)
def test_the_longest_solved_length_is_interpolated(shares: tuple[float, ...], expected: float) -> None:
    solved = (np.arange(4)[:, None] < 4 * np.array(shares)).astype(float)
    found = cramming.longest_solved(solved, LENGTHS, np.ones((1, 4)))
    assert found.lower[0] == found.upper[0] == pytest.approx(expected)


def test_the_grid_bounds_what_can_be_said() -> None:
    drawn = weights(8)
    top = cramming.bounded(cramming.longest_solved(np.ones((8, 4)), LENGTHS, drawn), 8)
    assert top == Estimate(32.0, 32.0, None, 8, ABOVE)
    bottom = cramming.bounded(cramming.longest_solved(np.zeros((8, 4)), LENGTHS, drawn), 8)
    assert bottom == Estimate(None, None, 4.0, 8, BELOW)
    nothing = cramming.bounded(cramming.longest_solved(np.full((8, 4), np.nan), LENGTHS, drawn), 8)
    assert nothing[:3] == (None, None, None)


def test_lengths_without_a_measurement_are_left_out() -> None:
    solved = np.ones((3, 4))
    solved[:, 1] = np.nan
    solved[:, 3] = 0
    assert cramming.longest_solved(solved, LENGTHS, ONCE).lower[0] == 24


def test_pooled_means_are_those_of_the_repeated_pairs() -> None:
    rng = np.random.default_rng(5)
    values, chosen = rng.normal(size=(6, 3)), rng.random((6, 3)) < 0.6
    values[~chosen] = np.nan
    drawn = weights(6)
    found = cramming.pooled(values, chosen, drawn)
    for row, mean in zip(drawn, found, strict=True):
        times = row.astype(int)
        expected = np.repeat(values, times, axis=0)[np.repeat(chosen, times, axis=0)]
        assert mean == pytest.approx(expected.mean()) if expected.size else math.isnan(mean)
    assert cramming.deviation(values, chosen) == pytest.approx(values[chosen].std(ddof=1))
    assert cramming.deviation(values, np.zeros_like(chosen)) is None


def test_an_estimate_is_the_sample_with_percentiles_of_the_others() -> None:
    replicates = np.r_[5.0, np.arange(1000.0)]
    found = cramming.estimate(replicates, 9)
    assert found == Estimate(5.0, 24.0, 975.0, 9)
    assert cramming.estimate(replicates, 1)[1:3] == (None, None)  # one text has no interval
    replicates[1:100] = np.nan
    told = cramming.estimate(replicates, 9)
    assert (told.low, told.high, told.note) == (None, None, "undefined in 10 % of the resamples")
    assert cramming.estimate(np.full(101, np.nan), 9)[:3] == (None, None, None)


def test_the_bootstrap_covers_a_pooled_mean() -> None:
    """16 texts of 4 dependent lengths, nominal 95 %: percentile intervals of so few clusters are a little short."""
    rng, hits, runs = np.random.default_rng(0), 0, 1000
    for run in range(runs):
        values = 30 + 5 * rng.normal(size=(16, 1)) + 2 * rng.normal(size=(16, 4))
        found = cramming.estimate(cramming.pooled(values, np.ones((16, 4), dtype=bool), weights(16, 400, run)), 16)
        assert found.low is not None and found.high is not None
        hits += found.low <= 30 <= found.high
    assert 0.89 < hits / runs < 0.96


def test_the_bootstrap_covers_the_longest_solved_length() -> None:
    """Texts of a limit that is normal around 14 tokens: the share of one half is at 14 on a fine grid."""
    rng, hits, runs, lengths = np.random.default_rng(1), 0, 400, np.arange(2.0, 30.0)
    for run in range(runs):
        limits = 14 + 3 * rng.normal(size=(16, 1))
        found = cramming.bounded(
            cramming.longest_solved((lengths <= limits).astype(float), lengths, weights(16, 300, run)), 16
        )
        assert found.low is not None and found.high is not None
        hits += found.low <= 14 <= found.high
    assert hits / runs > 0.9


def test_gains_are_the_papers() -> None:
    accuracy, without = np.array([[0.9, 0.8]]), np.array([[0.1, 0.2]])
    np.testing.assert_allclose(cramming.token_gain(accuracy, without, [10, 20]), [[8.0, 12.0]])
    np.testing.assert_allclose(cramming.information_gain(np.array([[4.0]]), np.array([[1.5]]), [16]), [[40.0]])


def test_the_bound_is_that_of_all_published_models() -> None:
    rows = PRINTED["cramming-models"].rows
    assert len(rows) == 14
    for name, row in rows.items():
        value = {column: published.number(row[column]) for column in row if column not in ("model", "label")}
        bound = cramming.theoretical_capacity(value["width"], value["vocabulary"])
        assert round(bound) == value["bound"], name
        assert value["token_gain"] / bound == pytest.approx(value["utilisation"], abs=6e-4), name
        assert value["token_gain_random"] / bound == pytest.approx(value["utilisation_random"], abs=6e-4), name
        bits = cramming.bits_per_dimension(value["information_gain"], value["width"])
        assert bits == pytest.approx(published.number(PRINTED["cramming-bits"].rows[name]["bits"]), abs=6e-3), name
    assert cramming.theoretical_capacity(64, 1024, 4) == pytest.approx(16 * 64 * 4 / 10)
    assert cramming.bits_per_dimension(math.log(2) * 64 * 4, 64, 4) == pytest.approx(1)


def test_ratios_have_no_value_over_nothing() -> None:
    found = cramming.ratio(np.array([2.0, 1.0, 1.0]), np.array([4.0, 0.0, -1.0]))
    assert found[0] == 0.5
    assert np.isnan(found[1:]).all()
