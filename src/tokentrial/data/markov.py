"""First-order Markov chains: the chain of document 000, a chain with an exactly Zipf stationary law, and sampling."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokentrial.data.zipf import zipf_probabilities
from tokentrial.errors import InputError

SINKHORN_TOLERANCE = 1e-13
SINKHORN_ITERATIONS = 20_000

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chain:
    """A Markov source: ``transition`` (V, V) is row-stochastic, ``initial`` (V,) is the law of the first token.

    ``independent`` marks a source whose rows are all equal: the order of its tokens carries no information.
    """

    transition: Array
    initial: Array
    independent: bool = False

    @property
    def vocab_size(self) -> int:
        return int(self.initial.size)

    def sample(self, n: int, length: int, rng: np.random.Generator) -> npt.NDArray[np.int32]:
        """Returns sequences (n, length) of token ids."""
        return sample_chain(self.transition, self.initial, n, length, rng)


def document_chain(vocab_size: int, rng: np.random.Generator) -> Array:
    """Returns the transition matrix (V, V) of document 000's "realistic sequences with token transition dependencies".

    Weights are V x V independent U(0,1). In the rows of the vocabulary's lower half, the weights of the upper half are
    doubled. Rows are then normalised. Source: document 000, section 3.1, as its public code builds it.
    """
    half = vocab_size // 2
    weights = rng.random((vocab_size, vocab_size))
    weights[:half, half:] *= 2.0
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def zipf_chain(vocab_size: int, exponent: float, sharpness: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Returns transition (V, V) and stationary law (V,) of a chain whose stationary law is exactly Zipf.

    Sinkhorn's iteration (Sinkhorn and Knopp 1967) scales W = exp(sharpness · N(0,1)) until the joint law J of two
    neighbouring tokens has both marginals p(k) ∝ (k+1)^-exponent. The transition is J / p. With sharpness 0, tokens are
    independent; a larger sharpness has a lower entropy rate. Raises InputError if the iteration does not reach a
    relative error of 1e-13 in both marginals (sharpness too large).
    """
    target = zipf_probabilities(vocab_size, exponent)
    if not (np.isfinite(sharpness) and sharpness >= 0):
        raise InputError(f"sharpness: found {sharpness}, expected a finite number of at least 0")
    logits = sharpness * rng.standard_normal((vocab_size, vocab_size))
    kernel = np.exp(logits - logits.max())
    rows, columns = np.ones(vocab_size), np.ones(vocab_size)
    with np.errstate(all="ignore"):  # an overflow shows as no convergence and is reported below
        for _ in range(SINKHORN_ITERATIONS):
            # einsum, not matmul: its sums do not depend on the number of threads of the linear algebra library
            sums = np.einsum("ij,j->i", kernel, columns)  # (V,)
            if np.max(np.abs(rows * sums / target - 1.0)) < SINKHORN_TOLERANCE:
                joint = rows[:, None] * kernel * columns  # (V, V)
                return joint / joint.sum(axis=1, keepdims=True), target
            rows = target / sums
            columns = target / np.einsum("i,ij->j", rows, kernel)
    raise InputError(
        f"sharpness: found {sharpness}, expected a smaller value: no chain over {vocab_size} tokens with Zipf exponent "
        f"{exponent} was reached in {SINKHORN_ITERATIONS} iterations"
    )


def stationary_distribution(transition: Array) -> Array:
    """Returns the stationary law (V,) of an irreducible row-stochastic matrix (V, V), by one linear solve.

    Raises ValueError if the law is not unique.
    """
    size = transition.shape[0]
    # pi (P - I) = 0 has one redundant equation; sum(pi) = 1 takes its place.
    system = transition.T - np.eye(size)
    if np.linalg.matrix_rank(system) < size - 1:
        raise ValueError("the chain has more than one stationary distribution")
    system[-1] = 1.0
    right = np.zeros(size)
    right[-1] = 1.0
    return np.asarray(np.linalg.solve(system, right), dtype=np.float64)


def _draw(cdf: Array, rows: npt.NDArray[np.int64], uniform: Array) -> npt.NDArray[np.int64]:
    """Returns for each i the first k with cdf[rows[i], k] > uniform[i], by binary search over all i at once."""
    low = np.zeros(uniform.size, dtype=np.int64)
    high = np.full(uniform.size, cdf.shape[1] - 1, dtype=np.int64)
    for _ in range(cdf.shape[1].bit_length()):
        middle = (low + high) // 2
        above = cdf[rows, middle] > uniform
        high = np.where(above, middle, high)
        low = np.where(above, low, np.minimum(middle + 1, high))
    return low


def sample_chain(
    transition: Array, initial: Array, n: int, length: int, rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Returns sequences (n, length) of a Markov chain with transition (V, V) and initial law (V,).

    Each token takes one uniform number, row by row, so the first sequences do not depend on n.
    """
    uniform = rng.random((n, length))
    cdf = np.cumsum(transition, axis=1)  # (V, V)
    cdf /= cdf[:, -1:]  # the last entry is exactly 1, so an outcome of probability 0 is never drawn
    first = np.cumsum(initial)
    tokens = np.empty((n, length), dtype=np.int32)
    state = _draw((first / first[-1])[None, :], np.zeros(n, dtype=np.int64), uniform[:, 0])
    tokens[:, 0] = state
    for position in range(1, length):
        state = _draw(cdf, state, uniform[:, position])
        tokens[:, position] = state
    return tokens
