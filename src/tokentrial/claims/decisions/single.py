"""Decision rules of document 004's claims (CR4-...); as in `claims.judge`, whole intervals decide.

The words of each rule are the claim's ``decision`` in documents/004/claims.yaml.

ASSUME: a published capacity compares with one of the same model alone, so models trained here leave CR4-X1500 open.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from tokentrial.claims.decisions.deciding import Case, Measured, Where, decides, designs
from tokentrial.claims.decisions.study import (
    RANDOM_WORDS,
    VECTORS,
    beside_sizes,
    by_vectors,
    entropy_and_length,
    exponent_criterion,
    natural_models,
)
from tokentrial.claims.judge import Criterion, above, at_most, below
from tokentrial.cramming.cells import NATURAL, PAPER, SEEN, Block, common, paired
from tokentrial.cramming.evidence import PAIRS, Evidence, nothing
from tokentrial.statistics import cramming_scaling
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate
from tokentrial.statistics.equivalence import tost_paired
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import level

ENCODER = "encoder"
TEN = 10.0
MARGIN = 0.2  # of the maximal gain
PREDICTABILITY = (NATURAL, "shuffled", RANDOM_WORDS, "repeated")


@decides(
    "CR4-X10",
    "Does an encoder hold at most 10 tokens for each vector, and an optimised vector more?",
    lacks="the arm encoder",
    any_size=True,
)
def encoders_reach_ten(evidence: Evidence) -> Iterator[Case]:
    for model in evidence.cells.trained:
        encoder, tuned = evidence.cells.block(model, arm=ENCODER), evidence.cells.block(model)
        if encoder is None:
            continue
        limit, where = evidence.capacity(encoder), Where(model, encoder.key.design)
        words = f"capacity of an encoder into one vector of {model}"
        criteria = [Criterion("capacity", words, limit, "interval at most 10", at_most(limit, TEN), where)]
        if tuned is not None:
            larger, words = evidence.capacity(tuned), "that of an optimised vector"
            ratio = evidence.capacity_ratio(tuned, encoder)
            criteria.append(Criterion("capacity_tuned", words, larger, "", None, where))
            words = "capacity of an optimised vector over the encoder's"
            criteria.append(
                Criterion("capacity_ratio", words, ratio, "interval above 1", above(ratio, 1) or None, where)
            )
        missing = [] if tuned is not None else [f"optimised vectors of {model}"]
        yield Case(criteria, [encoder, tuned], missing, model)


@decides(
    "CR4-X1500",
    "Is a model's capacity within one step of the grid of the paper's, with the paper's settings if they were run?",
    lacks="a model with a published capacity (models run: {models})",
)
def as_published(evidence: Evidence) -> Iterator[Case]:
    for model in evidence.cells.trained:
        block = evidence.cells.block(model, arm=PAPER) or evidence.cells.block(model)
        published = evidence.published.capacities.get(plain_name(model))
        if block is None or published is None:
            continue
        capacity, grid = evidence.published_capacity(block), block.lengths.tolist()
        apart = steps_apart(capacity.value, published, grid)
        if capacity.note.startswith(BELOW):
            apart = (steps_apart(grid[0], published, grid) or 0) + 1
        met = None if apart is None else apart <= 1
        if capacity.note.startswith(ABOVE) and capacity.value is not None and capacity.value < published:
            met = None  # the grid ends before the published length
        words, threshold = f"capacity of {model} ({block.key.arm} settings)", f"within a grid step of {published:g}"
        criterion = Criterion("capacity", words, capacity, threshold, met, Where(model, block.key.design))
        yield Case([criterion], [block], model=model)


def plain_name(model: str) -> str:
    """``EleutherAI/pythia-160m`` and ``Pythia-160M`` are one model."""
    return model.rpartition("/")[2].lower()


def steps_apart(length: float | None, published: float, grid: Sequence[float]) -> int | None:
    """How many steps of the grid, the published length among them, lie between two lengths."""
    if length is None:
        return None
    places = sorted({*grid, published})
    return abs(places.index(length) - places.index(published))


@decides(
    "CR4-UNCERT",
    "Does the maximal gain vary less over kinds of text than the maximal length, with a common ceiling?",
    lacks=f"a model with {', '.join(PREDICTABILITY)}",
)
def entropy_varies_less(evidence: Evidence) -> Iterator[Case]:
    for model in evidence.cells.trained:
        kinds = evidence.cells.kinds(model)
        if len(kinds) > 1:
            blocks = [block for kind in kinds if (block := evidence.cells.block(model, kind)) is not None]
            missing = [f"{kind} with {model}" for kind in PREDICTABILITY if kind not in kinds]
            deciding = [_variation(evidence, model, blocks), _ceiling(evidence, model, blocks)]
            yield Case([*deciding, *entropy_and_length(evidence, model)], blocks, missing, model)


def _variation(evidence: Evidence, model: str, blocks: Sequence[Block]) -> Measured:
    """CV of mean gains minus CV of capacities, over the kinds whose capacity is known to one token."""
    lengths = {block.key.kind: evidence.capacities(block) for block in blocks}
    inside = [kind for kind, ends in lengths.items() if ends.lower[0] == ends.upper[0]]
    kept = [block for block in blocks if block.key.kind in inside and block.unsolved.any()]
    words = f"CV of gains minus CV of capacities over {len(kept)} of {len(blocks)} kinds"
    estimate = nothing("fewer than 3 kinds have a capacity that is known to one token")
    if len(kept) >= 3:
        cut = paired(*kept)
        gains = np.column_stack([evidence.gains(block) for block in cut])
        ends = [evidence.capacities(block).lower for block in cut]
        apart = cramming_scaling.variation(gains) - cramming_scaling.variation(np.column_stack(ends))
        estimate = evidence.estimate(apart, min(block.count for block in cut))
    met, where = below(estimate, 0), Where(model, designs(blocks))
    return Criterion("cv_difference", words, estimate, "interval below 0", met, where)


def _ceiling(evidence: Evidence, model: str, blocks: Sequence[Block]) -> Measured:
    """How far the worst kind is from the mean gain, as a share."""
    kept = [block for block in blocks if block.unsolved.any()]
    estimate = nothing("every text is solved")
    if kept:
        gains = np.column_stack([evidence.gains(block) for block in paired(*kept)])
        estimate = evidence.estimate(cramming_scaling.farthest(gains), min(block.count for block in kept))
    words, where = "largest distance of a kind's gain from their mean, as a share of it", Where(model, designs(blocks))
    threshold = f"interval at most {MARGIN:g}"
    return Criterion("common_ceiling", words, estimate, threshold, at_most(estimate, MARGIN), where)


@decides(
    "CR4-LARGER",
    "Do gain and capacity rise with the number of parameters within a family?",
    lacks="two sizes of one family",
)
def sizes_in_order(evidence: Evidence) -> Iterator[Case]:
    """Families and their order are those of the config: no guess from names, widths or depths."""
    natural = natural_models(evidence)
    for family, models in evidence.compared("families").items():
        run = [model for model in models if model in natural]
        if len(run) > 1:
            yield _family(evidence, family, run)


def _family(evidence: Evidence, family: str, models: Sequence[str]) -> Case:
    blocks = [block for model in models if (block := evidence.cells.block(model)) is not None]
    sizes, where = range(len(models)), Where(family, designs(blocks))
    criteria = list[Measured]()
    for small, large in itertools.pairwise(blocks):
        of_gain, of_length = evidence.gain_ratio(large, small), evidence.capacity_ratio(large, small)
        for name, ratio in (("gain", of_gain), ("capacity", of_length)):
            words, met = f"{name} of {large.key.model} over {small.key.model}", above(ratio, 1)
            criteria.append(Criterion(f"{name}_ratio", words, ratio, "interval above 1", met, where))
    same = common(*blocks)
    both = np.logical_and.reduce([block.unsolved for block in same])
    if both.any():
        levels = np.column_stack([(evidence.weights(len(both)) @ np.where(both, b.gain, 0).sum(axis=1)) for b in same])
        rho = evidence.estimate(cramming_scaling.rank_correlation(levels, sizes), int(both.any(axis=1).sum()))
        words = "rank correlation of gain and size"
        criteria.append(Criterion("rank_correlation", words, rho, "", None, where))
    return Case([*criteria, *beside_sizes(evidence)], blocks, model=family)


@decides(
    "CR4-FAMILIAR",
    "Do seen, unseen and random text take up the same, by TOST within a fifth of the gain?",
    lacks=f"a model with {SEEN}, {NATURAL} and {RANDOM_WORDS}",
)
def familiarity(evidence: Evidence) -> Iterator[Case]:
    for model in evidence.cells.trained:
        natural, *others = (evidence.cells.block(model, kind) for kind in (NATURAL, SEEN, RANDOM_WORDS))
        run = [block for block in others if block is not None]
        if natural is None or not run:
            continue
        kinds = {block.key.kind for block in run}
        apart = [_equivalent(evidence, block, natural) for block in run]
        learned = [_learned(evidence, block) for block in (natural, *run)]
        if not all(each.met for each in learned):
            apart = [replace(each, met=None) for each in apart]
        criteria = [*apart, *learned]
        missing = [f"{kind} with {model}" for kind in (SEEN, RANDOM_WORDS) if kind not in kinds]
        yield Case(criteria, [natural, *run], missing, model, min(PAIRS, evidence.minimum_texts))


def _equivalent(evidence: Evidence, block: Block, natural: Block) -> Measured:
    """The mean gain over lengths at which both texts of a pair are unsolved, nats; pairs by index, see `paired`."""
    block, natural = common(block, natural)
    both = block.unsolved & natural.unsolved
    with np.errstate(invalid="ignore"):
        apart = np.where(both, block.gain - natural.gain, 0.0).sum(axis=1) / both.sum(axis=1)
    apart = apart[both.any(axis=1)]
    words = f"gain on {block.key.kind} minus {natural.key.kind}, nats"
    where = Where(natural.key.model, designs([block, natural]))
    name, inner = f"difference_{block.key.kind}", f"{100 * (2 * evidence.confidence - 1):g} %"
    largest = max((float(each.gain[both].mean()) for each in (block, natural)), default=0.0) if both.any() else 0.0
    if len(apart) < PAIRS or largest <= 0:
        none = nothing(f"{len(apart)} pairs of unsolved texts, {PAIRS} needed")
        return Criterion(name, words, none, f"{inner} interval within 20 % of the gain", None, where)
    margin = MARGIN * largest
    tested = tost_paired(apart, margin, level(evidence.confidence))
    low, high = t_interval(apart, evidence.confidence)
    met = True if tested.equivalent else False if low > margin or high < -margin else None
    estimate = Estimate(float(apart.mean()), tested.low, tested.high, len(apart), f"p = {tested.p_value:.3g}")
    return Criterion(name, words, estimate, f"{inner} interval within ±{margin:.3g}", met, where)


def _learned(evidence: Evidence, block: Block) -> Measured:
    """Both arms of a comparison must beat what learns nothing, or it is vacuous: not decided, never refuted."""
    gain, kind, where = evidence.gain(block), block.key.kind, Where(block.key.model, block.key.design)
    words = f"gain on {kind}, nats (vacuous unless above 0)"
    return Criterion(f"gain_{kind}", words, gain, "interval above 0", above(gain, 0) or None, where)


@decides(
    "CR4-LINEAR",
    "Is the exponent of the gain over the number of vectors in [0.8, 1.2], its interval in [0.7, 1.3]?",
    lacks=f"a model with {', '.join(map(str, VECTORS[:-1]))} and {VECTORS[-1]} vectors",
)
def nearly_linear(evidence: Evidence) -> Iterator[Case]:
    for model, blocks, missing in by_vectors(evidence):
        criterion = exponent_criterion(evidence, model, blocks, "in [0.8, 1.2], interval in [0.7, 1.3]", 0.7, 1.3)
        if criterion.met and not 0.8 <= (criterion.estimate.value or 0) <= 1.2:
            criterion = replace(criterion, met=None)
        yield Case([criterion], blocks, missing, model)


@decides(
    "CR4-RANDOM",
    "Do random words fit a little better than random tokens, by less than a fifth?",
    lacks="a model with random-words and random-tokens",
)
def random_words_or_tokens(evidence: Evidence) -> Iterator[Case]:
    for model in evidence.cells.trained:
        words, tokens = evidence.cells.block(model, RANDOM_WORDS), evidence.cells.block(model, "random-tokens")
        if words is None or tokens is None:
            continue
        ratio, where = evidence.capacity_ratio(words, tokens), Where(model, designs([words, tokens]))
        value, low, high = (None if end is None else end - 1 for end in ratio[:3])
        excess = ratio._replace(value=value, low=low, high=high)
        slightly = above(excess, 0) is True and below(excess, MARGIN) is True
        opposite = below(excess, 0) is True or above(excess, MARGIN) is True
        met, threshold = True if slightly else False if opposite else None, f"interval above 0 and below {MARGIN:g}"
        what = "capacity on random words over that on random tokens, less 1"
        criteria = [Criterion("relative_excess", what, excess, threshold, met, where)]
        gains = evidence.gain_ratio(words, tokens)
        criteria.append(Criterion("gain_ratio", "gain of random words over random tokens", gains, "", None, where))
        for block in (words, tokens):
            capacity, what = evidence.capacity(block), f"capacity on {block.key.kind}"
            criteria.append(Criterion("capacity", what, capacity, "", None, where))
        yield Case(criteria, [words, tokens], model=model)
