"""The study's own questions (a), (e) and (f), and what is reported beside the claims; see `claims.judge` for met.

Its questions (b), (c) and (d) are document 004's claims CR4-UNCERT, CR4-LARGER and CR4-LINEAR, and have their verdicts
(`claims.decisions.single`); the numbers here that bear on them are reported beside and decide nothing.

All on the tuned settings. N_max is the largest length that is within the capacity of at least half of the texts. Gains
are those of unsolved texts, (N - 1) times the mean, in nats.
"""

import itertools
import math
from collections.abc import Iterator, Sequence

from tokentrial.claims.decisions.deciding import Case, Measured, Where, decides, designs
from tokentrial.claims.judge import Criterion, above, at_least, within
from tokentrial.cramming.cells import NATURAL, Block
from tokentrial.cramming.evidence import Evidence, nothing
from tokentrial.statistics.cramming import Estimate

RANDOM_WORDS = "random-words"
DECOUPLED = (NATURAL, "samples", RANDOM_WORDS, "random-tokens", "shuffled")
VECTORS = (1, 2, 4, 8)
FAR_ABOVE = 20  # tokens
CLOSE = 0.1  # nats of validation loss within which two models count as equally good
FAMILY_RATIO = 2.0
ARCHITECTURES = ("llama", "neox", "mamba")


@decides("a", "Does one vector of the largest model hold far more than 10 tokens of natural text?")
def far_above_ten(evidence: Evidence) -> Iterator[Case]:
    model = largest(evidence)
    block = None if model is None else evidence.cells.block(model)
    if model is None or block is None:
        yield Case([], [], [f"a trained model of known width on {NATURAL}, one vector"])
        return
    longest, where = evidence.longest(block), Where(model, block.key.design)
    met = (
        True if above(longest, FAR_ABOVE) is True else False if longest.high is not None and longest.high < 10 else None
    )
    criteria = [
        Criterion("n_max", f"N_max of {model}", longest, f"interval above {FAR_ABOVE}; refuted below 10", met, where),
        Criterion("capacity", "the paper's capacity", evidence.published_capacity(block), "", None, where),
    ]
    yield Case(criteria, [block])


def largest(evidence: Evidence) -> str | None:
    """The first named model that has enough natural texts beyond the limit; without one, the largest that was run."""
    natural = natural_models(evidence)
    for model in evidence.compared("largest"):
        block = evidence.cells.block(model) if model in natural else None
        if block is not None and block.lengths.max() > FAR_ABOVE and block.fewest >= evidence.minimum_texts:
            return str(model)
    return max(natural, key=lambda model: evidence.cells.about(model).get("parameters", 0.0), default=None)


def natural_models(evidence: Evidence) -> list[str]:
    """Trained models with one vector on natural text."""
    return [model for model in evidence.cells.trained if evidence.cells.block(model) is not None]


def entropy_and_length(evidence: Evidence, model: str) -> list[Measured]:
    """How far entropy tells solved from unsolved texts, over kinds that part it from length; beside CR4-UNCERT."""
    kinds = [kind for kind in DECOUPLED if kind in evidence.cells.kinds(model)]
    blocks = [block for kind in kinds if (block := evidence.cells.block(model, kind)) is not None]
    if len(blocks) < 2:
        return []
    limits, slope, where = evidence.limits(blocks), evidence.line(blocks).slope, Where(model, designs(blocks))
    worst, ratio = _worst_ratio(evidence, blocks)
    beta = "–" if limits.logistic_entropy.value is None else f"{limits.logistic_entropy.value:.2f}".replace("-", "−")
    numbers = {
        "auc_difference": ("AUC(solved|H) − AUC(solved|N)", limits.auc_difference),
        "logistic_length": (f"beta of N, where beta of H is {beta}", limits.logistic_length),
        "entropy_slope": ("free slope of H(LM+mem) on H(LM)", slope),
        "kind_ratio": (f"widest gain ratio of two kinds, {worst}", ratio),
    }
    return [Criterion(name, words, number, "", None, where) for name, (words, number) in numbers.items()]


def _worst_ratio(evidence: Evidence, blocks: Sequence[Block]) -> tuple[str, Estimate]:
    """The two kinds whose gains differ most, and their ratio, larger over smaller."""
    ratios = []
    for one, other in itertools.permutations(blocks, 2):
        ratio = evidence.gain_ratio(one, other)
        if ratio.value is not None:
            ratios.append((ratio.value, f"{one.key.kind} over {other.key.kind}", ratio))
    if not ratios:
        return "none", nothing("no two kinds have unsolved texts of one length")
    _, words, ratio = max(ratios, key=lambda each: each[0])
    return words, ratio


def beside_sizes(evidence: Evidence) -> list[Measured]:
    """Doublings of the depth, validation losses, and widths at equal losses; beside CR4-LARGER."""
    criteria = list(_doublings(evidence))
    for model in natural_models(evidence):
        loss = evidence.cells.about(model).get("validation_cross_entropy")
        estimate = Estimate(loss, None, None, 1, "" if loss is not None else "not measured")
        words = f"validation loss of {model}, nats"
        criteria.append(Criterion("validation_loss", words, estimate, "", None, Where(model)))
    return [*criteria, *_equal_losses(evidence)]


def _doublings(evidence: Evidence) -> Iterator[Measured]:
    natural = natural_models(evidence)
    for small, large in evidence.compared("depths"):
        if {small, large} <= set(natural):
            ratio, where = _model_ratio(evidence, large, small)
            yield Criterion("gain_ratio_layers", f"gain of {large} over {small}", ratio, "", None, where)


def _model_ratio(evidence: Evidence, one: str, other: str) -> tuple[Estimate, Where]:
    """The gain of one model over that of another, and what that is about."""
    blocks = [block for model in (one, other) if (block := evidence.cells.block(model)) is not None]
    return evidence.gain_ratio(*blocks), Where(one, designs(blocks))


def _equal_losses(evidence: Evidence) -> Iterator[Measured]:
    """Pairs of one family's models whose validation losses are within 0.1 nat."""
    cells, natural = evidence.cells, natural_models(evidence)
    for models in evidence.compared("families").values():
        for small, large in itertools.combinations([model for model in models if model in natural], 2):
            losses = [cells.about(model).get("validation_cross_entropy", math.nan) for model in (small, large)]
            if abs(losses[0] - losses[1]) <= CLOSE:
                ratio, where = _model_ratio(evidence, large, small)
                words = f"gain of {large} over {small}, validation losses within {CLOSE:g} nat"
                yield Criterion("gain_ratio_equal_loss", words, ratio, "", None, where)


def by_vectors(evidence: Evidence) -> Iterator[tuple[str, list[Block], list[str]]]:
    """Each trained model with several numbers of vectors, its blocks, and the numbers that are missing."""
    for model in evidence.cells.trained:
        blocks = [block for block in evidence.by_vectors(model) if block.key.vectors in VECTORS]
        if len(blocks) > 1:
            known = {block.key.vectors for block in blocks}
            yield model, blocks, [f"{m} vectors with {model}" for m in VECTORS if m not in known]


def exponent_criterion(
    evidence: Evidence, model: str, blocks: Sequence[Block], threshold: str, low: float, high: float
) -> Measured:
    """Exponent of the gain over the number of vectors, in an interval; sublinear or superlinear if it is outside."""
    exponent = evidence.exponent(blocks, evidence.cells.about(model).get("context"))
    met = within(exponent, low, high)
    kind = "" if met is not False else ", sublinear" if (exponent.value or 0) < low else ", superlinear"
    words = f"exponent of the gain over vectors of {model}{kind}"
    return Criterion("exponent", words, exponent, threshold, met, Where(model, designs(blocks)))


@decides("e", "Does random text fit too?", lacks=f"a trained model with {RANDOM_WORDS} and {NATURAL}")
def random_text_too(evidence: Evidence) -> Iterator[Case]:
    for model in evidence.cells.trained:
        random, natural = evidence.cells.block(model, RANDOM_WORDS), evidence.cells.block(model)
        if random is None:
            continue
        longest, where = evidence.longest(random), Where(model, random.key.design)
        met = at_least(longest, 5)
        criteria = [Criterion("n_max", "N_max of random words", longest, "interval at least 5", met, where)]
        if natural is not None:
            ratio, words = evidence.gain_ratio(random, natural), "gain of random words over natural text"
            criteria.append(Criterion("random_ratio", words, ratio, "", None, where))  # CR4-FAMILIAR decides
        missing = [] if natural is not None else [f"{NATURAL} with {model}"]
        yield Case(criteria, [random, natural], missing, model)


@decides("f", "Do Llama-, NeoX- and Mamba-like models of equal width all do it, and much alike at equal loss?")
def transformer_and_mamba(evidence: Evidence) -> Iterator[Case]:
    chosen = _families(evidence)
    missing = [f"a trained {name} model of the same width" for name in ARCHITECTURES if name not in chosen]
    blocks = [block for model in chosen.values() if (block := evidence.cells.block(model)) is not None]
    criteria = []
    for block in blocks:
        gain, where = evidence.gain(block), Where(block.key.model, block.key.design)
        words = f"gain of {block.key.model}, nats"
        criteria.append(Criterion("gain", words, gain, "interval above 0", above(gain, 0), where))
    criteria += [_alike(evidence, one, other) for one, other in itertools.combinations(chosen.values(), 2)]
    yield Case(criteria, blocks, missing)


def _alike(evidence: Evidence, one: str, other: str) -> Measured:
    """Within 2x of each other, decided if the validation losses are within 0.1 nat."""
    losses = [evidence.cells.about(model).get("validation_cross_entropy") for model in (one, other)]
    ratio, where = _model_ratio(evidence, one, other)
    words, met = f"gain of {one} over {other}", None
    if losses[0] is None or losses[1] is None:
        words = f"{words} (validation losses not known)"
    elif abs(losses[0] - losses[1]) > CLOSE:
        words = f"{words} (validation losses {abs(losses[0] - losses[1]):.2f} nat apart)"
    else:
        met = within(ratio, 1 / FAMILY_RATIO, FAMILY_RATIO)
    threshold = f"within {FAMILY_RATIO:g}x at validation losses within {CLOSE:g} nat"
    return Criterion("family_ratio", words, ratio, threshold, met, where._replace(model=f"{one}, {other}"))


def _families(evidence: Evidence) -> dict[str, str]:
    """Architecture -> its named model, of those that were run."""
    natural, named = natural_models(evidence), evidence.compared("architectures")
    return {architecture: str(model) for architecture, model in named.items() if model in natural}
