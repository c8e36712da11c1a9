"""IQM, median and probability of improvement against rliable's own tests; the stratified bootstrap."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.aggregate import (
    improvement_interval,
    interquartile_mean,
    median_task_score,
    probability_of_improvement,
    stratified_bootstrap_interval,
)

X = np.array([[1.0, 2.0], [2.0, 2.0], [1.0, 1.0], [2.0, 1.0]])  # (runs 4, tasks 2)
Y = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])  # (runs 3, tasks 2)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_rliable_oracles() -> None:
    assert (interquartile_mean(X), interquartile_mean(Y)) == (1.5, 2.0)
    assert (median_task_score(X), median_task_score(Y)) == (1.5, 2.0)
    assert probability_of_improvement(X, Y) == pytest.approx(1 / 3)


def test_iqm_is_the_mean_of_the_middle_half() -> None:
    assert interquartile_mean(np.array([[1.0], [2.0], [4.0], [100.0]])) == 3
    assert interquartile_mean(np.array([[1.0], [2.0], [6.0]])) == 3  # fewer than four: the mean
    stack = generator().normal(size=(5, 8, 3))
    np.testing.assert_allclose(interquartile_mean(stack), [stats.trim_mean(s, 0.25, axis=None) for s in stack])
    np.testing.assert_allclose(median_task_score(stack), [np.median(s.mean(0)) for s in stack])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 4), st.integers(0, 99))
def test_improvement_is_the_mean_mann_whitney_u(n: int, m: int, tasks: int, seed: int) -> None:
    x, y = generator(seed).integers(0, 4, (n, tasks)), generator(seed + 1).integers(0, 4, (m, tasks))
    u = stats.mannwhitneyu(x, y, axis=0, method="asymptotic").statistic
    assert probability_of_improvement(x, y) == pytest.approx(np.mean(u) / (n * m))
    assert probability_of_improvement(x, y) + probability_of_improvement(y, x) == pytest.approx(1)


def test_bootstrap_keeps_runs_within_their_task() -> None:
    """Tasks on very different levels: redrawing across tasks would move the mean by thousands."""
    scores = np.array([[0.0, 1000.0], [1.0, 1001.0], [2.0, 1002.0], [3.0, 1003.0]])
    low, high = stratified_bootstrap_interval(scores, lambda s: s.mean((-2, -1)), generator())
    assert 500.5 < low < 501.5 < high < 502.5


def test_bootstrap_of_one_task_is_the_percentile_interval() -> None:
    x = generator(1).normal(size=(15, 1))
    means = generator(2).choice(x[:, 0], (100_000, 15)).mean(1)
    low, high = stratified_bootstrap_interval(x, median_task_score, generator(), 20_000)
    assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)


def test_bootstrap_of_the_iqm_against_a_loop() -> None:
    scores = generator(3).normal([0.0, 1.0, 3.0], size=(6, 3))
    rng = generator(4)
    loop = [
        stats.trim_mean(np.column_stack([rng.choice(column, 6) for column in scores.T]), 0.25, axis=None)
        for _ in range(2000)
    ]
    interval = stratified_bootstrap_interval(scores, interquartile_mean, generator(), 2000)
    assert interval == pytest.approx(np.quantile(loop, [0.025, 0.975]), abs=0.08)


def test_seed_decides_the_bootstrap() -> None:
    scores = generator().normal(size=(5, 3))
    first, again, other = (
        stratified_bootstrap_interval(scores, interquartile_mean, generator(seed), 300) for seed in (1, 1, 2)
    )
    assert first == again != other
    low, high = improvement_interval(scores, scores + 0.5, generator(1), 300)
    assert (low, high) == improvement_interval(scores, scores + 0.5, generator(1), 300)
    assert (low, high) != improvement_interval(scores, scores + 0.5, generator(2), 300)
    assert low <= probability_of_improvement(scores, scores + 0.5) <= high


def test_degenerate_and_bad_scores() -> None:
    assert stratified_bootstrap_interval(np.ones((4, 2)), interquartile_mean, generator()) == (1, 1)
    assert all(map(math.isnan, stratified_bootstrap_interval([[1.0, 2.0]], interquartile_mean, generator())))
    assert all(map(math.isnan, improvement_interval([[1.0]], [[1.0], [2.0]], generator())))
    assert improvement_interval(X + 10, Y, generator()) == (1, 1)
    for bad in ([1.0, 2.0], [[1.0, math.nan]], np.zeros((0, 2))):
        with pytest.raises(InputError, match="scores"):
            stratified_bootstrap_interval(bad, interquartile_mean, generator())
    with pytest.raises(InputError, match="same tasks"):
        improvement_interval(X, Y[:, :1], generator())
    with pytest.raises(InputError, match="resamples"):
        stratified_bootstrap_interval(X, interquartile_mean, generator(), 1)
