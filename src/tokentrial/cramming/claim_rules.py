"""Decision rules of document 004's single claims (CR4-...), where rules (a) to (f) do not cover them.

The rules were fixed with the list of claims; as in `cramming.criteria`, whole intervals decide.

ASSUME: a published capacity compares with one of the same model alone, so models trained here leave CR4-X1500 open.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tokentrial.cramming.cells import NATURAL, PAPER, SEEN, Block, common
from tokentrial.cramming.criteria import (
    ALL,
    VERDICT,
    Criterion,
    Row,
    Where,
    above,
    at_most,
    judge,
    together,
)
from tokentrial.cramming.evidence import Evidence, nothing
from tokentrial.cramming.rules import RANDOM_WORDS, VECTORS, designs, exponent_criterion, natural_models
from tokentrial.statistics import cramming_scaling
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate
from tokentrial.statistics.equivalence import tost_paired
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import level

ENCODER = "encoder"
TEN = 10.0
MARGIN = 0.2  # of the maximal gain
PAIRS = 10  # texts that an equivalence test asks for
PREDICTABILITY = (NATURAL, "shuffled", RANDOM_WORDS, "repeated")
Published = Mapping[str, float]


def encoders_reach_ten(evidence: Evidence, _: Published) -> list[Row]:
    """CR4-X10: an encoder holds at most 10 tokens for each vector, an optimised vector more."""
    cells, made = evidence.cells, list[Row]()
    for model in cells.trained:
        encoder, tuned = cells.block(model, arm=ENCODER), cells.block(model)
        if encoder is None:
            continue
        limit = evidence.capacity(encoder)
        where = Where(model, encoder.key.design)
        words = f"capacity of an encoder into one vector of {model}"
        criteria = [Criterion("capacity", words, limit, "at most 10 tokens", at_most(limit, TEN), where)]
        if tuned is not None:
            own = evidence.capacity(tuned)
            best = limit.high if limit.value is None else limit.value
            met = None if own.value is None or best is None else own.value > best or None
            criteria.append(
                Criterion("capacity_tuned", "that of an optimised vector", own, "larger than the encoder's", met, where)
            )
        missing = [] if tuned is not None else [f"optimised vectors of {model}"]
        made += judge("CR4-X10", criteria, [encoder, tuned], evidence.minimum_texts, missing, model)
    return [*made, *together("CR4-X10", _own(made), ["the arm encoder"])]


def as_published(evidence: Evidence, published: Published) -> list[Row]:
    """CR4-X1500: the paper's capacity of a model within one step of the grid, with the paper's settings if run."""
    cells, made = evidence.cells, list[Row]()
    for model in cells.trained:
        block = cells.block(model, arm=PAPER) or cells.block(model)
        value = published.get(plain_name(model))
        if block is None or value is None:
            continue
        found = evidence.capacity(block)
        grid = block.lengths.tolist()
        apart = steps_apart(found.value, value, grid)
        if found.note.startswith(BELOW):
            apart = (steps_apart(grid[0], value, grid) or 0) + 1
        met = None if apart is None else apart <= 1
        if found.note.startswith(ABOVE) and found.value is not None and found.value < value:
            met = None  # the grid ends before the published length
        words, said = f"capacity of {model} ({block.key.arm} settings)", f"within a grid step of {value:g}"
        criteria = [Criterion("capacity", words, found, said, met, Where(model, block.key.design))]
        made += judge("CR4-X1500", criteria, [block], evidence.minimum_texts, (), model)
    known = ", ".join(cells.trained) or "none"
    return [*made, *together("CR4-X1500", _own(made), [f"a model with a published capacity (models run: {known})"])]


def plain_name(model: str) -> str:
    """``EleutherAI/pythia-160m`` and ``Pythia-160M`` are one model."""
    return model.rpartition("/")[2].lower()


def steps_apart(found: float | None, published: float, grid: Sequence[float]) -> int | None:
    """How many steps of the grid, the published length among them, lie between two lengths."""
    if found is None:
        return None
    places = sorted({*grid, published})
    return abs(places.index(found) - places.index(published))


def entropy_varies_less(evidence: Evidence, _: Published) -> list[Row]:
    """CR4-UNCERT: the maximal gain varies less over kinds of text than the maximal length, and has a common ceiling."""
    cells, made = evidence.cells, list[Row]()
    for model in cells.trained:
        kinds = cells.kinds(model)
        if len(kinds) < 2:
            continue
        blocks = [block for kind in kinds if (block := cells.block(model, kind)) is not None]
        missing = [f"{kind} with {model}" for kind in PREDICTABILITY if kind not in kinds]
        criteria = [_variation(evidence, model, blocks, True), _variation(evidence, model, blocks, False)]
        criteria.append(_ceiling(evidence, model, blocks))
        made += judge("CR4-UNCERT", criteria, blocks, evidence.minimum_texts, missing, model)
    return [*made, *together("CR4-UNCERT", _own(made), [f"a model with {', '.join(PREDICTABILITY)}"])]


def _variation(evidence: Evidence, model: str, blocks: Sequence[Block], paper: bool) -> Criterion:
    """CV of gains minus CV of lengths, over the kinds whose length lies inside the grid."""
    measure = evidence.capacities if paper else evidence.longest_lengths
    lengths = {block.key.kind: measure(block) for block in blocks}
    inside = [kind for kind, found in lengths.items() if np.isfinite([found.lower[0], found.upper[0]]).all()]
    kept = [block for block in blocks if block.key.kind in inside and block.unsolved.any()]
    name = "cv_difference" if paper else "cv_difference_n_max"
    words = f"CV of gains minus CV of {'capacities' if paper else 'N_max'} over {len(kept)} of {len(blocks)} kinds"
    found = nothing("fewer than 3 kinds have their limit inside the grid of lengths")
    if len(kept) >= 3:
        rows = min(block.rows for block in kept)
        cut = [block.at(block.lengths, rows) for block in kept]
        gains = np.column_stack([evidence.gains(block) for block in cut])
        # an end of the grid stands for a resample beyond it: less spread of lengths, against the claim
        ends = [np.clip(measure(block).lower, block.lengths[0], block.lengths[-1]) for block in cut]
        apart = cramming_scaling.variation(gains) - cramming_scaling.variation(np.column_stack(ends))
        found = evidence.estimate(apart, min(block.texts for block in cut))
    met = True if found.high is not None and found.high < 0 else False if above(found, 0) else None
    return Criterion(name, words, found, "interval below 0" if paper else "", met, Where(model, designs(blocks)), paper)


def _ceiling(evidence: Evidence, model: str, blocks: Sequence[Block]) -> Criterion:
    """How far the worst kind is from the mean gain, as a share; the rule is about the estimate."""
    kept = [block for block in blocks if block.unsolved.any()]
    found = nothing("every text is solved")
    if kept:
        rows = min(block.rows for block in kept)
        gains = np.column_stack([evidence.gains(block.at(block.lengths, rows)) for block in kept])
        found = evidence.estimate(cramming_scaling.farthest(gains), min(block.texts for block in kept))
    outside = found.low is not None and found.low > MARGIN
    met = None if found.value is None else True if found.value <= MARGIN else False if outside else None
    words = "largest distance of a kind's gain from their mean, as a share of it"
    return Criterion("common_ceiling", words, found, f"at most {MARGIN:g}", met, Where(model, designs(blocks)))


def sizes_in_order(evidence: Evidence, _: Published) -> list[Row]:
    """CR4-LARGER: gain and length rise with the number of parameters within a family.

    A family is one architecture at one depth, as the sizes of a published family change in width above all.
    """
    cells, made = evidence.cells, list[Row]()
    groups: dict[str, list[str]] = {}
    for model in natural_models(evidence):
        facts = cells.about(model)
        if {"parameters", "layers"} <= set(facts):
            groups.setdefault(f"{cells.architecture(model)}, {facts['layers']:g} layers", []).append(model)
    for family, models in groups.items():
        if len(models) > 1:
            made += _family(evidence, family, sorted(models, key=lambda model: cells.about(model)["parameters"]))
    return [*made, *together("CR4-LARGER", _own(made), ["two sizes of one family"])]


def _family(evidence: Evidence, family: str, models: Sequence[str]) -> list[Row]:
    blocks = [block for model in models if (block := evidence.cells.block(model)) is not None]
    sizes = [evidence.cells.about(model)["parameters"] for model in models]
    where = Where(family, designs(blocks))
    criteria = []
    for small, large in itertools.pairwise(blocks):
        found = evidence.gain_ratio(large, small)
        rises = found.value is not None and found.value > 1
        met = True if rises else False if found.high is not None and found.high < 1 else None
        words = f"gain of {large.key.model} over {small.key.model}"
        criteria.append(Criterion("gain_ratio", words, found, "above 1", met, where))
        low, high = evidence.longest(small), evidence.longest(large)
        fell = high.high is not None and low.low is not None and high.high < low.low
        known = low.value is not None and high.value is not None
        order = True if known and (high.value or 0) >= (low.value or 0) else False if fell else None
        words = f"N_max of {large.key.model}"
        criteria.append(Criterion("n_max", words, high, f"not below that of {small.key.model}", order, where))
    rows = min(block.rows for block in blocks)
    same = common(*(block.at(block.lengths, rows) for block in blocks))
    both = np.logical_and.reduce([block.unsolved for block in same])
    if both.any():
        levels = np.column_stack([(evidence.weights(rows) @ np.where(both, b.gain, 0).sum(axis=1)) for b in same])
        rho = evidence.estimate(cramming_scaling.rank_correlation(levels, sizes), int(both.any(axis=1).sum()))
        criteria.append(
            Criterion(
                "rank_correlation", "rank correlation of gain and parameters", rho, "", None, where, decides=False
            )
        )
    return judge("CR4-LARGER", criteria, blocks, evidence.minimum_texts, (), family)


def familiarity(evidence: Evidence, _: Published) -> list[Row]:
    """CR4-FAMILIAR: seen, unseen and random text take up the same, by TOST within a fifth of the gain."""
    cells, made = evidence.cells, list[Row]()
    for model in cells.trained:
        natural, seen, random = (cells.block(model, kind) for kind in (NATURAL, SEEN, RANDOM_WORDS))
        if natural is None or (seen is None and random is None):
            continue
        missing = [f"{kind} with {model}" for kind, block in ((SEEN, seen), (RANDOM_WORDS, random)) if block is None]
        criteria = []
        for block in (seen, random):
            if block is not None:
                criteria.append(_equivalent(evidence, block, natural))
        for block in (natural, seen, random):
            if block is not None:
                criteria.append(_learned(evidence, block))
        blocks = [natural, seen, random]
        made += judge("CR4-FAMILIAR", criteria, blocks, min(PAIRS, evidence.minimum_texts), missing, model)
    return [*made, *together("CR4-FAMILIAR", _own(made), [f"a model with {SEEN}, {NATURAL} and {RANDOM_WORDS}"])]


def _equivalent(evidence: Evidence, block: Block, natural: Block) -> Criterion:
    """Paired over texts: the mean gain over lengths at which both of a pair are unsolved, nats."""
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
        found = nothing(f"{len(apart)} pairs of unsolved texts, {PAIRS} needed")
        return Criterion(name, words, found, f"{inner} interval within 20 % of the gain", None, where)
    margin = MARGIN * largest
    tested = tost_paired(apart, margin, level(evidence.confidence))
    low, high = t_interval(apart, evidence.confidence)
    outside = low > margin or high < -margin
    met = True if tested.equivalent else False if outside else None
    found = Estimate(float(apart.mean()), tested.low, tested.high, len(apart), f"p = {tested.p_value:.3g}")
    return Criterion(name, words, found, f"{inner} interval within ±{margin:.3g}", met, where)


def _learned(evidence: Evidence, block: Block) -> Criterion:
    """Both arms of a comparison must beat what learns nothing, or it is vacuous: not decided, never refuted."""
    found = evidence.gain(block)
    words = f"gain on {block.key.kind}, nats (vacuous unless above 0)"
    met = True if above(found, 0) else None
    return Criterion(
        f"gain_{block.key.kind}", words, found, "interval above 0", met, Where(block.key.model, block.key.design)
    )


def random_words_or_tokens(evidence: Evidence, _: Published) -> list[Row]:
    """CR4-RANDOM: random words fit a little better than random tokens, by less than a fifth."""
    cells, made = evidence.cells, list[Row]()
    for model in cells.trained:
        words, tokens = cells.block(model, RANDOM_WORDS), cells.block(model, "random-tokens")
        if words is None or tokens is None:
            continue
        ratio = evidence.gain_ratio(words, tokens)
        value, low, high = (_less_one(each) for each in ratio[:3])
        excess = Estimate(value, low, high, ratio.n, ratio.note)
        slightly = above(excess, 0) is True and excess.value is not None and excess.value < MARGIN
        opposite = (excess.high is not None and excess.high < 0) or above(excess, MARGIN) is True
        met = True if slightly else False if opposite else None
        where = Where(model, designs([words, tokens]))
        said = "interval above 0, estimate below 0.2"
        criteria = [
            Criterion("relative_excess", "gain of random words over random tokens, less 1", excess, said, met, where)
        ]
        for block in (words, tokens):
            found = evidence.capacity(block)
            criteria.append(
                Criterion("capacity", f"capacity on {block.key.kind}", found, "", None, where, decides=False)
            )
        made += judge("CR4-RANDOM", criteria, [words, tokens], evidence.minimum_texts, (), model)
    return [*made, *together("CR4-RANDOM", _own(made), ["a model with random-words and random-tokens"])]


def _less_one(value: float | None) -> float | None:
    return None if value is None else value - 1


def nearly_linear(evidence: Evidence, _: Published) -> list[Row]:
    """CR4-LINEAR: exponent over the number of vectors in [0.8, 1.2], its interval in [0.7, 1.3]."""
    made: list[Row] = []
    for model in evidence.cells.trained:
        blocks = [block for block in evidence.by_vectors(model) if block.key.vectors in VECTORS]
        if len(blocks) < 2:
            continue
        missing = [f"{m} vectors with {model}" for m in VECTORS if m not in {block.key.vectors for block in blocks}]
        criterion = exponent_criterion(evidence, model, blocks, "in [0.8, 1.2], interval in [0.7, 1.3]", 0.7, 1.3)
        if criterion.met and not 0.8 <= (criterion.found.value or 0) <= 1.2:
            criterion = Criterion(**{**criterion.__dict__, "met": None})
        made += judge("CR4-LINEAR", [criterion], blocks, evidence.minimum_texts, missing, model)
    return [*made, *together("CR4-LINEAR", _own(made), ["a model with 1, 2, 4 and 8 vectors"])]


def _own(made: Sequence[Row]) -> list[Row]:
    return [row for row in made if row["quantity"] == VERDICT and row["model"] != ALL]


RULES: dict[str, Callable[[Evidence, Published], list[Row]]] = {
    "CR4-X10": encoders_reach_ten,
    "CR4-X1500": as_published,
    "CR4-UNCERT": entropy_varies_less,
    "CR4-LARGER": sizes_in_order,
    "CR4-FAMILIAR": familiarity,
    "CR4-LINEAR": nearly_linear,
    "CR4-RANDOM": random_words_or_tokens,
}
