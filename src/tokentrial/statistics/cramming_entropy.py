"""Does entropy or length limit cramming: lines through (H, H with vector), AUCs, and a logistic model of both.

Points are pairs of a text and a setting, in arrays (T, P) with the texts as rows. Weights are (1 + R, T), as in
`statistics.cramming`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from tokentrial.statistics.cramming import BoolArray
from tokentrial.statistics.samples import FloatArray

CHUNK = 2_000_000  # numbers in one array: resamples are processed in blocks of this size
ITERATIONS = 1000  # most resamples need fewer than 20; separated resamples of few points converge slowly
TOLERANCE = 1e-6  # of a coefficient, in log odds per standard deviation
LARGEST_STEP = 2.0


class Line(NamedTuple):
    """A least-squares line, (1 + R,) each."""

    slope: FloatArray
    intercept: FloatArray


class Aucs(NamedTuple):
    """Probability that a solved point has the smaller score than an unsolved one, (1 + R,) each."""

    entropy: FloatArray
    length: FloatArray


class Logistic(NamedTuple):
    """Coefficients per standard deviation of each score, (1 + R,). Negative: a higher score, fewer solved."""

    entropy: FloatArray
    length: FloatArray
    separated: bool
    """Whether a line parts solved from unsolved: maximum likelihood then has no estimate, the penalised fit has."""


def free_line(x: FloatArray, y: FloatArray, chosen: BoolArray, weights: FloatArray) -> Line:
    """y = slope x + intercept through the chosen points. (T, P) each; NaN if x does not vary.

    With the paper's fixed slope of 1, the intercept is the mean of y - x: minus the pooled information gain.
    """
    centre = float(x[chosen].mean()) if chosen.any() else 0.0  # against cancellation
    u, v = np.where(chosen, x - centre, 0.0), np.where(chosen, y, 0.0)
    terms = np.stack([chosen.astype(float), u, v, u * u, u * v], axis=2).sum(axis=1)  # (T, 5)
    n, su, sv, suu, suv = (weights @ terms).T
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = suu - su * su / n
        slope = np.where(spread > 1e-12 * np.maximum(suu, 1e-300), (suv - su * sv / n) / spread, np.nan)
        return Line(slope, (sv - slope * su) / n - slope * centre)


def aucs(entropy: FloatArray, length: FloatArray, solved: BoolArray, chosen: BoolArray, weights: FloatArray) -> Aucs:
    """AUCs with which entropy alone and length alone tell solved from unsolved texts; ties count one half. (T, P)."""
    return Aucs(_auc(entropy, solved, chosen, weights), _auc(length, solved, chosen, weights))


def _auc(score: FloatArray, solved: BoolArray, chosen: BoolArray, weights: FloatArray) -> FloatArray:
    texts = np.nonzero(chosen)[0]
    order = np.argsort(score[chosen], kind="stable")
    values, texts, won = score[chosen][order], texts[order], solved[chosen][order].astype(float)
    if not len(values):
        return np.full(len(weights), np.nan)
    starts = np.flatnonzero(np.r_[True, np.diff(values) > 0])
    blocks = []
    for part in _chunks(weights, len(values)):
        each = part[:, texts]
        right = np.add.reduceat(each * won, starts, axis=1)  # weight of the solved at each score
        wrong = np.add.reduceat(each * (1 - won), starts, axis=1)
        above = wrong.sum(axis=1, keepdims=True) - np.cumsum(wrong, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            pairs = right.sum(axis=1) * wrong.sum(axis=1)
            blocks.append((right * (above + 0.5 * wrong)).sum(axis=1) / pairs)
    return np.concatenate(blocks)


def _chunks(weights: FloatArray, points: int) -> Iterator[FloatArray]:
    size = max(1, CHUNK // points)
    for start in range(0, len(weights), size):
        yield weights[start : start + size]


def logistic(
    entropy: FloatArray, length: FloatArray, solved: BoolArray, chosen: BoolArray, weights: FloatArray
) -> Logistic:
    """Regresses the log odds of solved on entropy and length, both standardised over the chosen points. (T, P) each.

    The fit uses Firth's penalised likelihood (Firth 1993, Biometrika 80, 27). Its estimate is finite even if the points
    are separated, for instance if texts are solved exactly below some entropy. NaN if a score does not vary, if all
    points or none are solved, or if fitting fails.
    """
    texts, y = np.nonzero(chosen)[0], solved[chosen].astype(float)
    scores = np.stack([entropy[chosen], length[chosen]], axis=1)
    spread = scores.std(axis=0)
    if len(y) < 3 or np.ptp(y) == 0 or not (spread > 1e-12 * np.abs(scores).max(axis=0)).all():
        nothing = np.full(len(weights), np.nan)
        return Logistic(nothing, nothing, separated=False)
    x = np.column_stack([np.ones(len(y)), (scores - scores.mean(axis=0)) / spread])
    start = penalised_logistic(x, y, np.ones((1, len(y))), np.zeros(3))
    first = np.nan_to_num(start[0])
    blocks = [penalised_logistic(x, y, part[:, texts], first) for part in _chunks(weights, len(y))]
    won = weights[:, texts] @ y
    one_sided = (won == 0) | (won == weights[:, texts].sum(axis=1))
    coefficients = np.where(one_sided[:, None], np.nan, np.concatenate(blocks))
    return Logistic(coefficients[:, 1], coefficients[:, 2], separated(x, y))


def penalised_logistic(x: FloatArray, y: FloatArray, weights: FloatArray, start: FloatArray) -> FloatArray:
    """Returns Firth's coefficients by Newton steps on the modified score.

    x: (n, k), y: (n,), weights: (B, n) -> (B, k). Rows that do not converge are NaN.
    """
    beta = np.tile(start, (len(weights), 1))  # (B, k)
    squares = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)  # (n, k * k)
    moving = np.ones(len(weights), dtype=bool)
    for _ in range(ITERATIONS):
        active = weights[moving]
        p = special.expit(beta[moving] @ x.T)
        variance = active * p * (1 - p)
        information = (variance @ squares).reshape(-1, x.shape[1], x.shape[1])
        inverse = np.linalg.pinv(information, hermitian=True)
        leverage = variance * (inverse.reshape(len(active), -1) @ squares.T)
        score = (active * (y - p) + leverage * (0.5 - p)) @ x
        step = np.einsum("bij,bj->bi", inverse, score)
        step *= np.minimum(1.0, LARGEST_STEP / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
        beta[moving] += step
        moving[moving] = np.abs(step).max(axis=1) > TOLERANCE
        if not moving.any():
            break
    beta[moving] = np.nan
    return beta


def separated(x: FloatArray, y: FloatArray) -> bool:
    """Whether some direction has every solved point on one side, at least one strictly (Albert and Anderson 1984).

    x: (n, k) with its column of ones, y: (n,) of 0 and 1. A linear programme decides.
    """
    signed = x * np.where(y > 0, 1.0, -1.0)[:, None]
    solution = optimize.linprog(
        -signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1), method="highs"
    )
    return solution.fun is not None and float(solution.fun) < -1e-7 * len(y)
