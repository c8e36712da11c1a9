"""Lengths and gains of crammed texts: the notebooks' own rule, slow loops, closed forms, published rows, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
import views

from tokentrial import published
from tokentrial.errors import InputError
from tokentrial.statistics import cramming
from tokentrial.statistics.cramming import ABOVE, BELOW, COARSE, Estimate
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
        found = cramming.published_capacity(accuracy, LENGTHS, drawn)
        expected = []
        for row in drawn:
            repeated = np.repeat(accuracy, row.astype(int), axis=0)
            expected.append(capacity_of_the_notebooks(repeated, LENGTHS))
        np.testing.assert_array_equal(found.lower, expected)
        assert (found.upper[found.lower == 32] == math.inf).all()
        assert (found.upper[found.lower == -math.inf] == 4).all()


def test_capacity_needs_the_mean_not_every_text_and_skips_gaps() -> None:
    accuracy = np.array([[1, 0.5, 1.0, 0.2], [1, 0.5, 0.98, 0.2], [1, 0.5, 0.99, 0.2]])
    assert cramming.published_capacity(accuracy, LENGTHS, ONCE).lower[0] == 16  # mean .99 exactly, though 8 fails
    accuracy[2, 2] = 0.98
    assert cramming.published_capacity(accuracy, LENGTHS, ONCE).lower[0] == 4


def test_the_capacity_of_a_text_ends_before_its_first_failure() -> None:
    lengths = np.array([2.0, 4.0, 5.0, 6.0, 8.0, 16.0])
    nan = np.nan
    solved = np.array(
        [
            [1, 1, 1, 0, 0, 0],  # 5 is solved and 6 is not
            [1, 1, nan, nan, 0, 1],  # 5, 6 and 7 were not tried; the length after a failure does not count
            [0, 0, nan, nan, 0, 0],  # the first token is given
            [1, 1, nan, nan, 1, 1],  # never fails
            [nan] * 6,
        ]
    )
    found = cramming.first_failures(solved, lengths)
    np.testing.assert_array_equal(found.lower, [5, 4, 1, 16, nan])
    np.testing.assert_array_equal(found.upper, [5, 7, 1, math.inf, nan])
    assert cramming.first_failures(solved[2:3], lengths, given=0).lower[0] == 0


def test_the_mean_capacity_and_the_one_of_half_of_the_texts() -> None:
    known = cramming.Lengths(np.array([1.0, 3.0, 4.0, 8.0]), np.array([1.0, 3.0, 4.0, 8.0]))
    weights_ = np.array([[1.0, 1, 1, 1], [0, 1, 1, 2], [3, 0, 0, 1]])
    mean, half = cramming.capacity(known, weights_), cramming.reached(known, weights_)
    np.testing.assert_allclose(mean.lower, [4, 23 / 4, 11 / 4])
    np.testing.assert_array_equal(half.lower, [4, 8, 1])
    for each in (mean, half):
        np.testing.assert_array_equal(each.lower, each.upper)


def test_bounds_say_what_was_not_tried() -> None:
    """A text between 4 and 7 tokens, and one that never failed."""
    ends = cramming.Lengths(np.array([2.0, 4.0, 4.0]), np.array([2.0, 7.0, 4.0]))
    drawn = weights(3)
    coarse = cramming.bounded(cramming.capacity(ends, drawn), 3)
    assert (coarse.value, coarse.note) == (pytest.approx(10 / 3), COARSE)
    assert coarse.low == 2 and coarse.high == 7
    open_ = cramming.Lengths(ends.lower, np.array([2.0, math.inf, 4.0]))
    beyond = cramming.bounded(cramming.capacity(open_, drawn), 3)
    assert (beyond.value, beyond.high, beyond.note) == (pytest.approx(10 / 3), None, ABOVE)
    assert cramming.bounded(cramming.reached(open_, drawn), 3).value == 4  # half of the texts are known
    nothing = cramming.Lengths(*[np.full(3, np.nan)] * 2)
    for each in (cramming.capacity(nothing, drawn), cramming.reached(nothing, drawn)):
        assert cramming.bounded(each, 0)[:3] == (None, None, None)


def test_the_grid_bounds_the_published_capacity() -> None:
    drawn = weights(8)
    top = cramming.bounded(cramming.published_capacity(np.ones((8, 4)), LENGTHS, drawn), 8)
    assert top == Estimate(32.0, 32.0, None, 8, ABOVE)
    bottom = cramming.bounded(cramming.published_capacity(np.zeros((8, 4)), LENGTHS, drawn), 8)
    assert bottom == Estimate(None, None, 4.0, 8, BELOW)
    nothing = cramming.bounded(cramming.published_capacity(np.full((8, 4), np.nan), LENGTHS, drawn), 8)
    assert nothing[:3] == (None, None, None)


def test_lengths_without_a_measurement_are_left_out() -> None:
    accuracy = np.ones((3, 4))
    accuracy[:, 1] = np.nan
    accuracy[:, 3] = 0
    assert cramming.published_capacity(accuracy, LENGTHS, ONCE).lower[0] == 16


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


def test_the_bootstrap_covers_the_capacity() -> None:
    """Capacities of whole tokens with a mean of 14; 57 % of the texts hold 14 tokens, 43 % hold 15."""
    rng, hits, runs = np.random.default_rng(1), np.zeros(2), 400
    for run in range(runs):
        own = np.floor(14.5 + 3 * rng.normal(size=16))
        ends, drawn = cramming.Lengths(own, own), weights(16, 300, run)
        for place, measure in enumerate((cramming.capacity, cramming.reached)):
            found = cramming.bounded(measure(ends, drawn), 16)
            assert found.low is not None and found.high is not None
            hits[place] += found.low <= 14 <= found.high
    assert (hits / runs > 0.9).all()


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
