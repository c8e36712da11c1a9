"""Quantities behind the measures and the decisions of the cramming study, each with its interval.

The functions take blocks (see `cramming.cells`) and return estimates. Ratios compare the same texts at the same
lengths, and count only the pairs of text and length that both sides left unsolved.

ASSUME: the paper pools gains over each side's own unsolved texts; ratios here are over the pairs of text and length
that both sides left unsolved, as a larger model otherwise drops the short texts that lower the smaller one's mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tokentrial.cramming.cells import NATURAL, TUNED, Block, Cells, common, paired
from tokentrial.seeds import stream
from tokentrial.statistics import cramming, cramming_entropy, cramming_scaling
from tokentrial.statistics.cramming import BoolArray, Estimate, Lengths
from tokentrial.statistics.samples import FloatArray

MINIMUM_TEXTS = 16
PAIRS = 10  # fewest texts of an equivalence test
MOST_OF_CONTEXT = 0.9  # exponents leave out texts that fill, with their vectors, more of a model's context
ELBOW = 2.0  # the free slope is fitted to points whose H(LM) is more than this multiple of the mean gain


class Line(NamedTuple):
    """H(LM+mem) on H(LM), nats: slope and intercept of the free line, and the offset of the line with slope 1."""

    slope: Estimate
    intercept: Estimate
    fixed_offset: Estimate


class Limits(NamedTuple):
    """How well entropy and length predict whether a text is solved, over several kinds of text of one model."""

    auc_entropy: Estimate
    auc_length: Estimate
    auc_difference: Estimate
    logistic_entropy: Estimate
    logistic_length: Estimate
    logistic_excess: Estimate
    """|beta of length| - 0.25 |beta of entropy|."""


class Published(NamedTuple):
    """What document 004 prints of its models: decoding capacities in tokens, and the range of their parameters."""

    capacities: Mapping[str, float] = MappingProxyType({})
    smallest: float = 0.0
    largest: float = 0.0


@dataclass
class Evidence:
    """The blocks of a run with one set of resampled texts.

    settings: ``confidence``, ``resamples``, and optionally ``minimum_texts`` and ``compared``.
    """

    cells: Cells
    settings: Mapping[str, Any]
    seed: int
    published: Published = field(default_factory=Published)
    _weights: dict[int, FloatArray] = field(default_factory=dict)

    @property
    def confidence(self) -> float:
        return float(self.settings["confidence"])

    def compared(self, question: str) -> Any:
        """The models that the config names for a question (``compared`` in its settings); none without them."""
        return self.settings.get("compared", {}).get(question, {})

    @property
    def minimum_texts(self) -> int:
        """The fewest texts with which a decision is made."""
        return int(self.settings.get("minimum_texts", MINIMUM_TEXTS))

    def weights(self, rows: int) -> FloatArray:
        """Returns the weights of the resampled texts: the same for all blocks with this number of texts."""
        if rows not in self._weights:
            rng = stream(self.seed, "cramming", "bootstrap", rows)
            self._weights[rows] = cramming.resample(rows, rng, int(self.settings["resamples"]))
        return self._weights[rows]

    def estimate(self, replicates: FloatArray, n: int, note: str = "") -> Estimate:
        """Returns the estimate with its percentile interval. replicates: (1 + R,), the first of all texts."""
        return cramming.estimate(replicates, n, self.confidence, note)

    # Lengths

    def capacities(self, block: Block) -> Lengths:
        """Returns the mean capacity over texts of every resample."""
        return cramming.capacity(block.capacities, self.weights(block.rows))

    def capacity(self, block: Block) -> Estimate:
        """Returns the mean over texts of the last length that a text solves before its first failure."""
        return cramming.bounded(self.capacities(block), self._tried(block), self.confidence)

    def longest_lengths(self, block: Block) -> Lengths:
        """Returns N_max of every resample."""
        return cramming.reached(block.capacities, self.weights(block.rows))

    def longest(self, block: Block) -> Estimate:
        """Returns N_max: the largest length that is within the capacity of at least half of the texts."""
        return cramming.bounded(self.longest_lengths(block), self._tried(block), self.confidence)

    def published_capacity(self, block: Block) -> Estimate:
        """Returns the paper's decoding capacity, on the lengths of the design."""
        lengths = cramming.published_capacity(block.values["accuracy"], block.lengths, self.weights(block.rows))
        return cramming.bounded(lengths, block.count, self.confidence)

    def capacity_ratio(self, above: Block, below: Block) -> Estimate:
        """Returns the ratio of two blocks' mean capacities over the texts that both have; see `paired`."""
        above, below = paired(above, below)
        known = ~np.isnan(above.capacities.lower) & ~np.isnan(below.capacities.lower)
        if not known.any():
            return nothing("no text in both")
        above, below = (block.at(block.lengths, np.flatnonzero(known).tolist()) for block in (above, below))
        over, under = (self.capacities(block) for block in (above, below))
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = Lengths(over.lower / under.upper, over.upper / under.lower)
        return cramming.bounded(ratios, int(known.sum()), self.confidence)

    def _tried(self, block: Block) -> int:
        return int((~np.isnan(block.capacities.lower)).sum())

    # Gains

    def mean(self, values: FloatArray, chosen: BoolArray) -> Estimate:
        """Returns the mean over the chosen pairs of text and length; the note has their number."""
        note = f"{int(chosen.sum())} pairs" if chosen.any() else "every text is solved"
        replicates = cramming.pooled(values, chosen, self.weights(len(values)))
        return self.estimate(replicates, int(chosen.any(axis=1).sum()), note)

    def gain(self, block: Block) -> Estimate:
        """Returns the mean information gain of unsolved pairs in nats, over N - 1 tokens."""
        return self.mean(block.gain, block.unsolved)

    def gains(self, block: Block) -> FloatArray:
        """Returns the mean information gain of unsolved pairs by resample, (1 + R,)."""
        return cramming.pooled(block.gain, block.unsolved, self.weights(block.rows))

    def gain_ratio(self, above: Block, below: Block) -> Estimate:
        """Returns the ratio of two blocks' gains over the pairs of text and length that both left unsolved."""
        above, below = common(above, below)
        both = above.unsolved & below.unsolved
        return self._ratio(above, below, both, "no text of the same length is unsolved in both")

    def gain_difference(self, above: Block, below: Block) -> Estimate:
        """Returns the mean difference of two blocks' gains in nats, over all pairs that both measured."""
        above, below = common(above, below)
        both = ~np.isnan(above.gain - below.gain)
        if not both.any():
            return nothing("no text of the same length in both")
        return self.mean(above.gain - below.gain, both)._replace(note=f"{int(both.sum())} pairs")

    def control_ratio(self, control: Block, tuned: Block) -> Estimate:
        """Returns the ratio of two blocks' mean gains over all pairs that both measured, solved or not."""
        control, tuned = common(control, tuned)
        return self._ratio(control, tuned, ~np.isnan(control.gain - tuned.gain), "no text of the same length in both")

    def _ratio(self, above: Block, below: Block, both: BoolArray, none: str) -> Estimate:
        """Returns the ratio of the mean gains over the pairs ``both``; none: the note if there is no such pair."""
        if not both.any():
            return nothing(none)
        parts = (cramming.pooled(block.gain, both, self.weights(above.rows)) for block in (above, below))
        return self.estimate(cramming.ratio(*parts), int(both.any(axis=1).sum()), f"{int(both.sum())} pairs")

    # Number of vectors

    def proportional(self, blocks: Sequence[Block], context: float | None) -> list[Block]:
        """Returns the blocks at the tokens per vector that all of them have, within 0.9 of the model's context."""

        def rates(block: Block) -> set[float]:
            vectors = block.key.vectors
            fitting = [n for n in block.lengths if context is None or n + vectors <= MOST_OF_CONTEXT * context]
            return {n / vectors for n in fitting}

        shared = sorted(set.intersection(*(rates(block) for block in blocks)))
        return [block.at([round(rate * block.key.vectors) for rate in shared]) for block in paired(*blocks)]

    def exponent(self, blocks: Sequence[Block], context: float | None, quantity: str = "gain") -> Estimate:
        """Returns b of gain ~ m^b over blocks with different numbers m of vectors and lengths in proportion to m.

        Only pairs of text and tokens per vector that are unsolved with every number of vectors count. quantity:
        ``gain`` (nats) or ``token_gain``.
        """
        if len(blocks) < 2:
            return nothing("one number of vectors only")
        blocks = self.proportional(blocks, context)
        unsolved = np.logical_and.reduce([block.unsolved for block in blocks])
        if not unsolved.any():
            return nothing("no text is unsolved at the same tokens per vector for every number of vectors")
        weights = self.weights(len(unsolved))
        levels = [cramming.pooled(getattr(block, quantity), unsolved, weights) for block in blocks]
        exponents = cramming_scaling.power_exponent(np.column_stack(levels), [block.key.vectors for block in blocks])
        return self.estimate(exponents, int(unsolved.any(axis=1).sum()), f"{int(unsolved.sum())} pairs")

    def by_vectors(self, model: str, kind: str = NATURAL, arm: str = TUNED) -> list[Block]:
        """Returns the blocks of a model by number of vectors, rising."""
        blocks = (self.cells.block(model, kind, m, arm) for m in self.cells.vectors(model, kind, arm))
        return [block for block in blocks if block is not None]

    # Entropy or length

    def line(self, blocks: Sequence[Block]) -> Line:
        """Returns the lines of H(LM+mem) on H(LM) through the unsolved points of all blocks.

        The free line is fitted to the points beyond the elbow, whose H(LM) is well above the gain from a vector. With
        the slope 1 that the paper fixes, the offset is minus the mean gain of all unsolved points.
        """
        points = _Points.of(blocks)
        chosen = points.unsolved
        if not chosen.any():
            return Line(*[nothing("every text is solved")] * 3)
        weights, mean = self.weights(len(chosen)), float(points.gain[chosen].mean())
        offset = cramming.pooled(-points.gain, chosen, weights)
        fixed = self.estimate(offset, int(chosen.any(axis=1).sum()), f"{int(chosen.sum())} pairs")
        with np.errstate(invalid="ignore"):
            beyond = chosen & (points.entropy > ELBOW * mean)
        note = f"{int(beyond.sum())} pairs with H > {ELBOW:g} x {mean:.1f} nats"
        if beyond.sum() < 3:
            return Line(nothing(note), nothing(note), fixed)
        free = cramming_entropy.free_line(points.entropy, points.entropy_with, beyond, weights)
        n = int(beyond.any(axis=1).sum())
        return Line(self.estimate(free.slope, n, note), self.estimate(free.intercept, n, note), fixed)

    def limits(self, blocks: Sequence[Block]) -> Limits:
        """Returns the AUCs and the logistic model of solved texts, over the points of all blocks."""
        points = _Points.of(blocks)
        weights = self.weights(len(points.solved))
        known = ~np.isnan(points.solved) & ~np.isnan(points.entropy)
        arguments = (points.entropy, points.length, points.solved == 1, known, weights)
        aucs, model = cramming_entropy.aucs(*arguments), cramming_entropy.logistic(*arguments)
        n = int(known.any(axis=1).sum())
        note = "separated: Firth's penalised estimate" if model.separated else "Firth's penalised estimate"
        excess = np.abs(model.length) - 0.25 * np.abs(model.entropy)
        return Limits(
            *(self.estimate(each, n) for each in (aucs.entropy, aucs.length, aucs.entropy - aucs.length)),
            *(self.estimate(each, n, note) for each in (model.entropy, model.length, excess)),
        )


@dataclass(frozen=True)
class _Points:
    """The texts of several blocks side by side: (T, P), P lengths of all blocks together; missing texts are NaN."""

    entropy: FloatArray
    entropy_with: FloatArray
    gain: FloatArray
    solved: FloatArray
    length: FloatArray
    unsolved: BoolArray

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> "_Points":
        rows = max(block.rows for block in blocks)
        entropy, with_vector, gain, solved = (
            _join(blocks, name, rows) for name in ("entropy", "entropy_with", "gain", "solved")
        )
        length = np.concatenate([np.tile(block.lengths, (rows, 1)) for block in blocks], axis=1)
        unsolved = np.concatenate([_padded(block.unsolved.astype(float), rows) for block in blocks], axis=1)
        return cls(entropy, with_vector, gain, solved, length, unsolved == 1)


def nothing(note: str) -> Estimate:
    """Returns an estimate without a value; note: the reason."""
    return Estimate(None, None, None, 0, note)


def _padded(values: FloatArray, rows: int) -> FloatArray:
    return np.vstack([values, np.full((rows - len(values), values.shape[1]), np.nan)])


def _join(blocks: Sequence[Block], name: str, rows: int) -> FloatArray:
    return np.concatenate([_padded(getattr(block, name), rows) for block in blocks], axis=1)
