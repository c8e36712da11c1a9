"""Entropy or length: lines, AUCs and Firth's logistic model against statsmodels, brute force and known truth."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, special, stats

from tokentrial.statistics import cramming, cramming_entropy

ALL = np.ones((5, 4), dtype=bool)


def weights(texts: int, resamples: int = 100, seed: int = 0) -> np.ndarray:
    return cramming.resample(texts, np.random.default_rng(seed), resamples)


def repeated(row: np.ndarray, *arrays: np.ndarray) -> list[np.ndarray]:
    return [np.repeat(array, row.astype(int), axis=0) for array in arrays]


def test_the_line_is_least_squares_in_every_resample() -> None:
    rng = np.random.default_rng(0)
    x, chosen = rng.uniform(50, 200, size=(5, 4)), rng.random((5, 4)) < 0.8
    y = 0.9 * x - 30 + rng.normal(size=(5, 4))
    y[~chosen] = np.nan
    drawn = weights(5)
    found = cramming_entropy.free_line(x, y, chosen, drawn)
    for row, slope, intercept in zip(drawn, *found, strict=True):
        u, v, kept = repeated(row, x, y, chosen)
        expected = np.polyfit(u[kept], v[kept], 1)
        assert (slope, intercept) == pytest.approx(tuple(expected), rel=1e-6)


def test_a_line_through_one_x_has_no_slope() -> None:
    found = cramming_entropy.free_line(np.full((5, 4), 7.0), np.ones((5, 4)), ALL, weights(5))
    assert np.isnan(found.slope).all()
    assert np.isnan(cramming_entropy.free_line(ALL * 1.0, ALL * 1.0, ~ALL, weights(5)).slope).all()


def test_the_interval_covers_a_true_slope() -> None:
    rng, hits, runs = np.random.default_rng(4), 0, 500
    for run in range(runs):
        x = rng.uniform(60, 200, size=(16, 5))
        y = x - 30 - 4 * rng.normal(size=(16, 1)) - 2 * rng.normal(size=(16, 5))
        line = cramming_entropy.free_line(x, y, np.ones((16, 5), dtype=bool), weights(16, 300, run))
        found = cramming.estimate(line.slope, 16)
        assert found.low is not None and found.high is not None
        hits += found.low <= 1 <= found.high
    assert 0.88 < hits / runs < 0.98


def auc_of_pairs(score: np.ndarray, solved: np.ndarray) -> float:
    right, wrong = score[solved], score[~solved]
    if not (len(right) and len(wrong)):
        return float("nan")
    return float(np.mean([(a < b) + 0.5 * (a == b) for a in right for b in wrong]))


def test_aucs_are_those_of_all_pairs_with_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cramming_entropy, "CHUNK", 100)  # several blocks of resamples
    rng = np.random.default_rng(1)
    length = np.tile([4.0, 8.0, 16.0, 32.0], (5, 1))
    entropy, chosen = length * rng.uniform(2, 6, size=(5, 4)), rng.random((5, 4)) < 0.9
    solved = entropy + rng.normal(size=(5, 4)) * 10 < 40
    drawn = weights(5)
    found = cramming_entropy.aucs(entropy, length, solved, chosen, drawn)
    for row, by_entropy, by_length in zip(drawn, *found, strict=True):
        e, n, s, kept = repeated(row, entropy, length, solved, chosen)
        np.testing.assert_allclose(by_entropy, auc_of_pairs(e[kept], s[kept]))
        np.testing.assert_allclose(by_length, auc_of_pairs(n[kept], s[kept]))


def test_auc_is_mann_whitneys() -> None:
    rng = np.random.default_rng(2)
    score, solved = rng.normal(size=(30, 1)), rng.random((30, 1)) < 0.5
    every = np.ones((30, 1), dtype=bool)
    found = cramming_entropy.aucs(score, score, solved, every, np.ones((1, 30))).entropy[0]
    u = stats.mannwhitneyu(score[~solved], score[solved]).statistic
    assert found == pytest.approx(u / (solved.sum() * (~solved).sum()))
    nothing = cramming_entropy.aucs(score, score, solved, ~every, np.ones((1, 30)))
    assert np.isnan(nothing.entropy).all()


def penalised_loss(beta: np.ndarray, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Minus Firth's log likelihood: Jeffreys' prior is the root of the information's determinant."""
    p = special.expit(x @ beta)
    likelihood = (w * np.where(y > 0, special.log_expit(x @ beta), special.log_expit(-(x @ beta)))).sum()
    return float(-likelihood - 0.5 * np.linalg.slogdet(x.T @ (x * (w * p * (1 - p))[:, None]))[1])


@pytest.mark.parametrize("separable", [False, True])
def test_firths_estimate_maximises_the_penalised_likelihood(separable: bool) -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
    y = (x @ [0.3, -2.0, 0.5] + (0 if separable else rng.logistic(size=40)) > 0).astype(float)
    w = np.stack([np.ones(40), rng.integers(0, 3, size=40)]).astype(float)
    found = cramming_entropy.penalised_logistic(x, y, w, np.zeros(3))
    assert cramming_entropy.separated(x, y) == separable
    for beta, row in zip(found, w, strict=True):
        best = optimize.minimize(penalised_loss, np.zeros(3), args=(x, y, row), method="Nelder-Mead",
                                 options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000})  # fmt: skip
        np.testing.assert_allclose(beta, best.x, atol=1e-4)


def test_many_points_give_the_maximum_likelihood_estimate() -> None:
    rng = np.random.default_rng(5)
    entropy, length = rng.normal(50, 20, size=(4000, 1)), rng.normal(20, 5, size=(4000, 1))
    solved = rng.random((4000, 1)) < special.expit(-(entropy - 50) / 10)
    every = np.ones_like(solved)
    found = cramming_entropy.logistic(entropy, length, solved, every, np.ones((1, 4000)))
    scores = np.column_stack([entropy, length])
    x = sm.add_constant((scores - scores.mean(0)) / scores.std(0))
    expected = sm.Logit(solved[:, 0].astype(float), x).fit(disp=0).params
    assert (found.entropy[0], found.length[0]) == pytest.approx((expected[1], expected[2]), abs=0.01)
    assert not found.separated
    assert found.entropy[0] == pytest.approx(-2, abs=0.2)
    assert abs(found.length[0]) < 0.15


def test_separated_texts_have_a_finite_estimate_that_says_so() -> None:
    length = np.tile([4.0, 8.0, 16.0, 32.0], (16, 1))
    entropy = length * np.linspace(2, 6, 16)[:, None]
    found = cramming_entropy.logistic(entropy, length, entropy < 45, np.ones((16, 4), dtype=bool), weights(16))
    assert found.separated
    assert np.isfinite(found.entropy).all()
    assert (found.entropy < 0).all()


def test_what_does_not_vary_has_no_coefficient() -> None:
    length, entropy = np.full((5, 4), 8.0), np.arange(20.0).reshape(5, 4)
    found = cramming_entropy.logistic(entropy, length, entropy < 9, ALL, weights(5))
    assert np.isnan(found.entropy).all()
    assert not found.separated


def test_texts_of_one_fate_have_no_coefficient() -> None:
    rng = np.random.default_rng(6)
    length = np.tile([4.0, 8.0, 16.0, 32.0], (5, 1))
    entropy = length * rng.uniform(2, 6, size=(5, 4))
    for fate in (np.zeros((5, 4), dtype=bool), ALL):
        assert np.isnan(cramming_entropy.logistic(entropy, length, fate, ALL, weights(5)).entropy).all()
    one = np.zeros((5, 4), dtype=bool)
    one[0, 0] = True  # solved in some resamples only
    drawn = weights(5)
    found = cramming_entropy.logistic(entropy, length, one, ALL, drawn)
    np.testing.assert_array_equal(np.isnan(found.entropy), drawn[:, 0] == 0)
