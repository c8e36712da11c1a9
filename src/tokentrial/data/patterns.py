"""Pattern data: each kind is a finite mixture of token windows, so every floor follows by enumeration."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tokentrial.errors import InputError

Kind = Literal["proof_of_concept", "simple", "complex", "structured", "semi_random"]
Variant = Literal["released", "described"]
Pattern = tuple[int, ...]

KINDS: tuple[Kind, ...] = ("proof_of_concept", "simple", "complex", "structured", "semi_random")
VARIANTS: tuple[Variant, ...] = ("released", "described")
WINDOW = 8  # most tokens of a window: the released code cuts every pattern to this length

# One period of each cyclic pattern, and the number of repeats from which the released code cuts windows.
CYCLES: dict[Kind, tuple[tuple[Pattern, int], ...]] = {
    "proof_of_concept": (((1, 2, 3, 4, 5), 3), ((7, 8, 9), 4), ((11, 12, 13, 14), 3), ((16, 17), 6)),
    "simple": (((1, 2, 3), 3), ((4, 5), 4), ((6, 7, 8, 9), 2)),
    "complex": tuple(((i, i + 1, i + 2), 1) for i in range(1, 10)),
    "structured": (((1, 2, 3, 4, 5, 6, 7, 0), 1),),
}
RANDOM_PATTERNS = (5, 6)  # semi_random as released: five patterns of six uniform tokens
# ASSUME: document 001 names "semi-random" data and says no more; the released data are fixed random patterns, which a
# reader would not call semi-random. Read as: the structured and the complex patterns with a fifth of all tokens random.
SEMI_RANDOM_NOISE = 0.2


@dataclass(frozen=True)
class Mixture:
    """Windows (W, length) of token ids, drawn with ``weights`` (W,).

    Each token is then replaced by a uniform token with probability ``noise``, independently.
    """

    windows: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float64]
    noise: float
    vocab_size: int

    def sample(self, n: int, length: int, rng: np.random.Generator) -> npt.NDArray[np.int32]:
        """Returns sequences (n, length) of token ids; the same generator draws the same windows at any noise level."""
        width = self.windows.shape[1]
        if length != width:
            raise ValueError(f"windows hold {width} tokens, not {length}")
        uniform = rng.random((n, 1 + 2 * width))  # one block, so the first sequences do not depend on n
        cdf = np.cumsum(self.weights)
        tokens = self.windows[np.searchsorted(cdf / cdf[-1], uniform[:, 0], side="right")]  # (n, length)
        replaced = uniform[:, 1 : 1 + width] < self.noise
        random = (uniform[:, 1 + width :] * self.vocab_size).astype(np.int32)
        return np.where(replaced, random, tokens).astype(np.int32)


def default_noise(kind: Kind, variant: Variant) -> float:
    """Share of replaced tokens if the specification names none."""
    return SEMI_RANDOM_NOISE if (kind, variant) == ("semi_random", "described") else 0.0


def smallest_vocabulary(kind: Kind, variant: Variant) -> int:
    """Smallest vocabulary size that holds every token of the kind."""
    if kind == "semi_random":
        return 2 if variant == "released" else max(smallest_vocabulary(k, variant) for k in ("complex", "structured"))
    return 1 + max(token for pattern, _ in CYCLES[kind] for token in pattern)


def released_length(kind: Kind) -> int:
    """Tokens per sequence of the released data: at most eight, fewer if the patterns are shorter."""
    if kind == "semi_random":
        return min(WINDOW, RANDOM_PATTERNS[1])
    lengths = {min(WINDOW, len(pattern) * times) for pattern, times in CYCLES[kind]}
    assert len(lengths) == 1  # a property of the table above: no released data set needs padding
    return lengths.pop()


def pattern_mixture(
    kind: Kind, variant: Variant, vocab_size: int, length: int, noise: float, rng: np.random.Generator
) -> Mixture:
    """Returns the mixture of windows of a kind of pattern data.

    ``released``: the pattern is uniform, then the start is uniform among those at which the whole window fits the
    repeated list (document 002's proof of concept, document 001's focused scaling test). ``described``: patterns repeat
    forever and a window starts at any phase with equal probability. Only released ``semi_random`` uses ``rng``: its
    five patterns of six uniform tokens are drawn once per call. Raises InputError if the vocabulary is too small, or if
    another length or noise is requested for released patterns.
    """
    smallest = smallest_vocabulary(kind, variant)
    if vocab_size < smallest:
        expected = f"at least {smallest} for {variant} '{kind}' patterns"
        raise InputError(f"vocab_size: found {vocab_size}, expected {expected}")
    if not 0.0 <= noise <= 1.0:
        raise InputError(f"noise: found {noise}, expected a probability from 0 to 1")
    if variant == "described":
        groups = _phases(kind, length)
    else:
        if length != released_length(kind):
            raise InputError(f"length: found {length}, expected {released_length(kind)} for released '{kind}' patterns")
        if noise:
            raise InputError(f"noise: found {noise}, expected 0 for released patterns")
        groups = _cuts(kind, vocab_size, length, rng)
    weights = np.concatenate([np.full(len(group), 1.0 / (len(groups) * len(group))) for group in groups])
    return Mixture(np.concatenate(groups), weights, float(noise), vocab_size)


def _phases(kind: Kind, length: int) -> list[npt.NDArray[np.int32]]:
    """Returns for each cyclic pattern the windows (phases, length) that start at each of its phases."""
    kinds: tuple[Kind, ...] = ("complex", "structured") if kind == "semi_random" else (kind,)
    cycles = [np.array(pattern, dtype=np.int32) for name in kinds for pattern, _ in CYCLES[name]]
    return [cycle[(np.arange(cycle.size)[:, None] + np.arange(length)) % cycle.size] for cycle in cycles]


def _cuts(kind: Kind, vocab_size: int, length: int, rng: np.random.Generator) -> list[npt.NDArray[np.int32]]:
    """Returns for each released pattern list the windows (starts, length) that fit into the list."""
    if kind == "semi_random":
        lists = list(rng.integers(vocab_size, size=RANDOM_PATTERNS, dtype=np.int32))
    else:
        lists = [np.array(pattern * times, dtype=np.int32) for pattern, times in CYCLES[kind]]
    return [np.lib.stride_tricks.sliding_window_view(tokens, length) for tokens in lists]
