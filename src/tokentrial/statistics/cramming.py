"""Lengths and gains of texts crammed into input vectors, with percentile bootstraps over texts.

Document 004 (arXiv 2502.13063): capacity, token gain, information gain, theoretical bound. Every estimator takes
``weights`` (1 + R, T): how often each of T texts counts. In the first row (the sample itself) each text counts once; in
the R others, as often as it was drawn. All lengths, kinds, numbers of vectors and models of a text share its weight, so
that every comparison is paired. Estimators return the same rows; `estimate` turns them into a value with its interval.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tokentrial.statistics.intervals import check_resamples
from tokentrial.statistics.samples import FloatArray, check_open_unit

BoolArray = NDArray[np.bool_]

AT_LEAST = "at least"
ABOVE = f"{AT_LEAST}: holds at the largest length of the grid"
COARSE = f"{AT_LEAST}: lengths in between were not run"
BELOW = "below the smallest length of the grid"
DEFINED = 0.95
"""Share of resamples that must have a value. An interval from fewer would leave out the unlucky resamples."""
_ROUNDING = 1e-12


class Estimate(NamedTuple):
    """A value with its percentile interval; None if undefined. n: number of texts behind the value."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    note: str = ""


class Lengths(NamedTuple):
    """Bounds of the largest length that passes, (1 + R,) each.

    Inside the grid both are equal, or apart by the lengths in between that were not run.
    Above the grid, ``lower`` is the grid's largest length and ``upper`` is infinite. Below the grid, ``upper`` is the
    grid's smallest length and ``lower`` is minus infinity.
    """

    lower: FloatArray
    upper: FloatArray


def resample(texts: int, rng: np.random.Generator, resamples: int) -> FloatArray:
    """Returns weights (1 + resamples, texts): ones, then draws with replacement.

    Raises InputError for too few resamples.
    """
    check_resamples(resamples)
    drawn = rng.multinomial(texts, np.full(texts, 1 / texts), size=resamples)
    return np.vstack([np.ones(texts), drawn])


def estimate(replicates: FloatArray, n: int, confidence: float = 0.95, note: str = "") -> Estimate:
    """Returns the first of (1 + R,) replicates with the percentile interval of the others; NaN is undefined.

    There is no interval for one text, or if more than 1 - `DEFINED` of the resamples are undefined; then the note says
    so.
    """
    return bounded(Lengths(replicates, replicates), n, confidence, note)


def bounded(length: Lengths, n: int, confidence: float = 0.95, note: str = "") -> Estimate:
    """Returns a length that the grid may bound on one side only. An end beyond the grid is None, and the note says so.

    Below the grid the value is None; above the grid it is the grid's largest length. If lengths in between were not
    run, the value is the lower bound, and the interval goes from the lower bounds' end to the upper bounds' end.
    """
    check_open_unit("confidence", confidence)
    lower, upper = length.lower[1:], length.upper[1:]
    defined = ~np.isnan(lower)
    first = float(length.lower[0])
    beyond = BELOW if first == -math.inf else ABOVE if length.upper[0] == math.inf else ""
    beyond = COARSE if not beyond and length.upper[0] > first else beyond
    notes = [part for part in (beyond, note) if part]
    low = high = None
    drawn = not math.isnan(first) and n > 1 and len(lower) > 0
    if drawn and defined.mean() >= DEFINED:
        tail = (1 - confidence) / 2
        low = float(np.quantile(lower[defined], tail, method="lower"))
        high = float(np.quantile(upper[defined], 1 - tail, method="higher"))
    elif drawn:
        notes.append(f"undefined in {100 * (1 - defined.mean()):.0f} % of the resamples")
    return Estimate(_finite(first), _finite(low), _finite(high), n, "; ".join(notes))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def shares(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean over texts without NaN. values: (T, K) -> (1 + R, K)."""
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ np.where(present, values, 0.0)) / (weights @ present))


def first_failures(solved: FloatArray, lengths: ArrayLike, given: int = 1) -> Lengths:
    """Capacity of each text: the last length that is solved before the first failure, in tokens. Bounds, (T,) each.

    solved: (T, K) of 0, 1 and NaN for not tried; lengths: (K,) rising; given: tokens that any text solves, as they are
    not predicted. The bounds differ if lengths before the first failure were not tried; ``upper`` is infinite if the
    text never fails. NaN for a text that was never tried.
    """
    sizes = np.asarray(lengths, dtype=np.float64)
    known = ~np.isnan(solved)
    first = np.where(known & (solved == 0), sizes, np.inf).min(axis=1, initial=np.inf)
    before = known & (solved == 1) & (sizes < first[:, None])
    lower = np.where(before, sizes, float(given)).max(axis=1, initial=float(given))
    tried = known.any(axis=1)
    return Lengths(np.where(tried, lower, np.nan), np.where(tried, first - 1, np.nan))


def capacity(capacities: Lengths, weights: FloatArray) -> Lengths:
    """Mean capacity over texts, tokens. capacities: (T,) bounds -> (1 + R,) bounds."""
    known = ~np.isnan(capacities.lower)
    open_ = known & np.isinf(capacities.upper)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [weights @ np.where(known & ~open_, ends, 0.0) for ends in capacities]
        counts = weights @ known
        lower = (weights @ np.where(known, capacities.lower, 0.0)) / counts
        upper = np.where(weights @ open_ > 0, np.inf, means[1] / counts)
    return Lengths(lower, np.where(counts > 0, upper, np.nan))


def reached(capacities: Lengths, weights: FloatArray, level: float = 0.5) -> Lengths:
    """N_max: the largest length that is within the capacity of at least ``level`` of the texts. (T,) -> (1 + R,)."""
    known = ~np.isnan(capacities.lower)
    if not known.any():
        return Lengths(*[np.full(len(weights), np.nan)] * 2)
    ends = []
    for values in capacities:
        sizes = np.unique(values[known])
        within = known[:, None] & (values[:, None] >= sizes)  # (T, K)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (weights @ within) / (weights @ known)[:, None]
        last = (share >= level - _ROUNDING).sum(axis=1) - 1  # the share falls with the length
        ends.append(np.where(np.isnan(share[:, 0]), np.nan, sizes[last]))
    return Lengths(*ends)


def published_capacity(accuracy: FloatArray, lengths: ArrayLike, weights: FloatArray, level: float = 0.99) -> Lengths:
    """The paper's capacity: the largest length of the grid whose mean accuracy is at least ``level`` (document 004).

    accuracy: (T, K), lengths: (K,) rising. Shorter lengths may fail: accuracy over the paper's grids need not fall.
    """
    means, sizes = shares(accuracy, weights), np.asarray(lengths, dtype=np.float64)
    measured = ~np.isnan(means[0])
    means, sizes = means[:, measured], sizes[measured]
    if not sizes.size:
        nothing = np.full(len(means), np.nan)
        return Lengths(nothing, nothing)
    passed = means >= level - _ROUNDING  # (1 + R, K); a length without a text fails
    last = sizes.size - 1 - np.argmax(passed[:, ::-1], axis=1)
    none, top = ~passed.any(axis=1), last == sizes.size - 1
    length = sizes[last]
    lower = np.where(none, -np.inf, length)
    upper = np.where(none, sizes[0], np.where(top, np.inf, length))
    return Lengths(lower, upper)


def pooled(values: FloatArray, chosen: BoolArray, weights: FloatArray) -> FloatArray:
    """Mean over all chosen pairs of text and length, as the paper pools them. (T, P), (T, P) -> (1 + R,).

    NaN in resamples without a chosen pair.
    """
    sums, counts = np.where(chosen, values, 0.0).sum(axis=1), chosen.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ sums) / (weights @ counts))


def deviation(values: FloatArray, chosen: BoolArray) -> float | None:
    """Standard deviation (n - 1) over the chosen pairs, as the paper prints after ±; None for fewer than two pairs."""
    pairs = values[chosen]
    return float(pairs.std(ddof=1)) if pairs.size > 1 else None


def ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Ratio above / below for each replicate; NaN if the denominator is not positive."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def token_gain(accuracy: FloatArray, without: FloatArray, lengths: ArrayLike) -> FloatArray:
    """Extra tokens right with the vector: N times the difference of accuracies (document 004). (T, K)."""
    return np.asarray((accuracy - without) * np.asarray(lengths, dtype=np.float64))


def information_gain(without: FloatArray, cross_entropy: FloatArray, predicted: ArrayLike) -> FloatArray:
    """Cross-entropy that the vector removes, in nats per text. (T, K).

    predicted: number of tokens that multiplies the mean, (K,). The paper uses N. The mean is over N - 1 tokens, since
    the model is given the first.
    """
    return np.asarray((without - cross_entropy) * np.asarray(predicted, dtype=np.float64))


def theoretical_capacity(width: float, vocab_size: float, vectors: int = 1, bits: int = 16) -> float:
    """Number of tokens whose ids fill the vectors' bits: bits * width * vectors / log2(vocab_size) (document 004)."""
    return bits * width * vectors / math.log2(vocab_size)


def bits_per_dimension(gain: float, width: float, vectors: int = 1) -> float:
    """Converts an information gain in nats to bits per number of the vectors."""
    return gain / math.log(2) / (width * vectors)
