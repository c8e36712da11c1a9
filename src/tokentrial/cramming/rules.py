"""The decision rules (a) to (f) of the cramming study, fixed before a run; see `cramming.criteria` for what met means.

All on the tuned settings. Capacity here is N_max: the largest length that at least half of the texts solve, with an
exact greedy decode. Gains are those of unsolved texts, (N - 1) times the mean, in nats.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

from tokentrial.cramming.cells import NATURAL, Block
from tokentrial.cramming.criteria import ALL, Criterion, Row, Where, above, at_least, judge, together, within
from tokentrial.cramming.evidence import Evidence
from tokentrial.statistics.cramming import Estimate

RANDOM_WORDS = "random-words"
DECOUPLED = (NATURAL, "samples", RANDOM_WORDS, "random-tokens", "shuffled")
VECTORS = (1, 2, 4, 8)
CLOSE = 0.1  # nats of validation loss within which two models count as equally good
KIND_RATIO, RANDOM_RATIO, FAMILY_RATIO = 1.5, (0.67, 1.5), 2.0


def far_above_ten(evidence: Evidence) -> list[Row]:
    """(a) One vector of the largest model holds far more than 10 tokens of natural text."""
    model = largest(evidence)
    if model is None:
        return judge("a", [], [], evidence.minimum_texts, [f"a trained model of known width on {NATURAL}, one vector"])
    block = evidence.cells.block(model)
    assert block is not None
    found = evidence.longest(block)
    met = True if above(found, 20) is True else False if found.high is not None and found.high < 10 else None
    where = Where(model, block.key.design)
    criteria = [
        Criterion("n_max", f"N_max of {model}", found, "interval above 20; refuted below 10", met, where),
        Criterion("capacity", "the paper's capacity", evidence.capacity(block), "", None, where, decides=False),
    ]
    return judge("a", criteria, [block], evidence.minimum_texts)


def largest(evidence: Evidence) -> str | None:
    """The trained model of the greatest width, then of the most parameters, that was run on natural text."""

    def size(model: str) -> tuple[float, float]:
        facts = evidence.cells.about(model)
        return facts["width"], facts.get("parameters", 0.0)

    known = [model for model in natural_models(evidence) if "width" in evidence.cells.about(model)]
    return max(known, key=size, default=None)


def natural_models(evidence: Evidence) -> list[str]:
    """Trained models with one vector on natural text."""
    return [model for model in evidence.cells.trained if evidence.cells.block(model) is not None]


def entropy_not_length(evidence: Evidence) -> list[Row]:
    """(b) What limits cramming is the uncertainty of a text, not its length."""
    cells = evidence.cells
    kinds = {model: [kind for kind in DECOUPLED if kind in cells.kinds(model)] for model in cells.trained}
    several = {model: found for model, found in kinds.items() if len(found) > 1}
    made: list[Row] = []
    for model, found in several.items():
        blocks = [block for kind in found if (block := cells.block(model, kind)) is not None]
        missing = [f"{kind} with {model}" for kind in DECOUPLED if kind not in found]
        criteria = _uncertainty(evidence, model, blocks)
        made += judge("b", criteria, blocks, evidence.minimum_texts, missing, model)
    lacking = [f"a trained model with {', '.join(DECOUPLED)}"]
    return [*made, *together("b", _verdicts(made), lacking)]


def _uncertainty(evidence: Evidence, model: str, blocks: Sequence[Block]) -> list[Criterion]:
    found = evidence.limits(blocks)
    where = Where(model, designs(blocks))
    auc, slope = found.auc_difference, evidence.line(blocks).slope
    length, excess = found.logistic_length, found.logistic_excess
    zero = length.low is not None and length.high is not None and length.low <= 0 <= length.high
    small = excess.value is not None and excess.value < 0
    clear = not zero and above(excess, 0) is True
    worst, ratio = _worst_ratio(evidence, blocks)
    said = "interval holds 0, or |beta N| < 0.25 |beta H|"
    return [
        Criterion(
            "auc_difference",
            "(i) AUC(solved|H) − AUC(solved|N)",
            auc,
            "interval above 0",
            True if above(auc, 0) else None,
            where,
        ),
        Criterion(
            "logistic_length",
            f"(ii) beta of N, where beta of H is {_plain(found.logistic_entropy)}",
            length,
            said,
            True if zero or small else False if clear else None,
            where,
        ),
        Criterion(
            "entropy_slope",
            "(iii) free slope of H(LM+mem) on H(LM)",
            slope,
            "in [0.9, 1.1]",
            within(slope, 0.9, 1.1),
            where,
        ),
        Criterion(
            "kind_ratio",
            f"(iv) widest gain ratio of two kinds, {worst}",
            ratio,
            f"within {KIND_RATIO:g}",
            within(ratio, 1 / KIND_RATIO, KIND_RATIO),
            where,
        ),
    ]


def _plain(found: Estimate) -> str:
    return "–" if found.value is None else f"{found.value:.2f}".replace("-", "−")


def _worst_ratio(evidence: Evidence, blocks: Sequence[Block]) -> tuple[str, Estimate]:
    """The two kinds whose gains differ most, and their ratio, larger over smaller."""
    found = []
    for one, other in itertools.permutations(blocks, 2):
        ratio = evidence.gain_ratio(one, other)
        if ratio.value is not None:
            found.append((ratio.value, f"{one.key.kind} over {other.key.kind}", ratio))
    if not found:
        return "none", Estimate(None, None, None, 0, "no two kinds have unsolved texts of one length")
    _, words, ratio = max(found, key=lambda each: each[0])
    return words, ratio


def larger_holds_more(evidence: Evidence) -> list[Row]:
    """(c) Larger models hold more: every doubling of the width; doublings of the depth and equal losses beside it.

    ASSUME: the width decides, over at least two doublings at equal depth; the depth is a second axis, reported beside.
    """
    wide, deep = _series(evidence, "width", "layers"), _series(evidence, "layers", "width")
    criteria = [*_doublings(evidence, wide, "width", True), *_doublings(evidence, deep, "layers", False)]
    for model in dict.fromkeys([*wide, *deep]):
        loss = evidence.cells.about(model).get("validation_cross_entropy")
        found = Estimate(loss, None, None, 1, "" if loss is not None else "not measured")
        words = f"validation loss of {model}, nats"
        criteria.append(Criterion("validation_loss", words, found, "", None, Where(model), decides=False))
    criteria += _equal_losses(evidence)
    missing = []
    if sum(each.decides for each in criteria) < 2:
        widths = [f"{evidence.cells.about(model)['width']:g}" for model in wide]
        missing = [f"two doublings of the width at equal depth (widths found: {', '.join(widths) or 'none'})"]
    return judge("c", criteria, [evidence.cells.block(model) for model in wide], evidence.minimum_texts, missing)


def _series(evidence: Evidence, axis: str, fixed: str) -> list[str]:
    """The longest series of models of one architecture in which only ``axis`` changes, rising."""
    cells = evidence.cells
    groups: dict[tuple[str, float], list[str]] = {}
    for model in natural_models(evidence):
        facts = cells.about(model)
        if {axis, fixed} <= set(facts):
            groups.setdefault((cells.architecture(model), facts[fixed]), []).append(model)
    longest = max(groups.values(), key=len, default=[])
    return sorted(longest, key=lambda model: cells.about(model)[axis])


def _doublings(evidence: Evidence, models: Sequence[str], axis: str, decides: bool) -> Iterator[Criterion]:
    for small, large in itertools.pairwise(models):
        sizes = [evidence.cells.about(model)[axis] for model in (small, large)]
        if sizes[1] == 2 * sizes[0]:
            found, used = _model_ratio(evidence, large, small)
            words = f"gain of {large} over {small}"
            name = f"gain_ratio_{axis}"
            met = above(found, 1)
            yield Criterion(name, words, found, "interval above 1", met, Where(large, designs(used)), decides)


def _model_ratio(evidence: Evidence, above_: str, below: str) -> tuple[Estimate, list[Block]]:
    blocks = [block for model in (above_, below) if (block := evidence.cells.block(model)) is not None]
    return evidence.gain_ratio(*blocks), blocks


def _equal_losses(evidence: Evidence) -> Iterator[Criterion]:
    """Pairs of widths of one architecture whose validation losses are within 0.1 nat."""
    cells = evidence.cells
    for one, other in itertools.combinations(natural_models(evidence), 2):
        facts = [cells.about(model) for model in (one, other)]
        known = all({"width", "validation_cross_entropy"} <= set(each) for each in facts)
        if not known or cells.architecture(one) != cells.architecture(other):
            continue
        widths = [each["width"] for each in facts]
        losses = [each["validation_cross_entropy"] for each in facts]
        if widths[0] != widths[1] and abs(losses[0] - losses[1]) <= CLOSE:
            small, large = (one, other) if widths[0] < widths[1] else (other, one)
            found, used = _model_ratio(evidence, large, small)
            words = f"gain of {large} over {small}, validation losses within {CLOSE:g} nat"
            yield Criterion("gain_ratio_equal_loss", words, found, "", None, Where(large, designs(used)), False)


def linear_in_vectors(evidence: Evidence) -> list[Row]:
    """(d) Almost linear in the number of vectors."""
    made: list[Row] = []
    for model in evidence.cells.trained:
        blocks = [block for block in evidence.by_vectors(model) if block.key.vectors in VECTORS]
        if len(blocks) < 2:
            continue
        missing = [f"{m} vectors with {model}" for m in VECTORS if m not in {block.key.vectors for block in blocks}]
        criterion = exponent_criterion(
            evidence, model, blocks, "CI within [0.9, 1.1]; below 0.9 is sublinear", 0.9, 1.1
        )
        made += judge("d", [criterion], blocks, evidence.minimum_texts, missing, model)
    numbers = ", ".join(map(str, VECTORS))
    return [*made, *together("d", _verdicts(made), [f"a trained model with {numbers} vectors"])]


def exponent_criterion(
    evidence: Evidence, model: str, blocks: Sequence[Block], threshold: str, low: float, high: float
) -> Criterion:
    """Exponent of the gain over the number of vectors, in an interval; sublinear or superlinear where it is outside."""
    found = evidence.exponent(blocks, evidence.cells.about(model).get("context"))
    met = within(found, low, high)
    kind = "" if met is not False else ", sublinear" if (found.value or 0) < low else ", superlinear"
    words = f"exponent of the gain over vectors of {model}{kind}"
    return Criterion("exponent", words, found, threshold, met, Where(model, designs(blocks)))


def random_text_too(evidence: Evidence) -> list[Row]:
    """(e) Random text fits too."""
    cells, made = evidence.cells, list[Row]()
    for model in cells.trained:
        random, natural = cells.block(model, RANDOM_WORDS), cells.block(model)
        if random is None:
            continue
        missing = [] if natural is not None else [f"{NATURAL} with {model}"]
        longest = evidence.longest(random)
        where = Where(model, random.key.design)
        criteria = [
            Criterion("n_max", "N_max of random words", longest, "interval at least 5", at_least(longest, 5), where)
        ]
        if natural is not None:
            ratio = evidence.gain_ratio(random, natural)
            words = "gain of random words over natural text"
            met = within(ratio, *RANDOM_RATIO)
            criteria.append(Criterion("random_ratio", words, ratio, "in [0.67, 1.5]", met, where))
        made += judge("e", criteria, [random, natural], evidence.minimum_texts, missing, model)
    return [*made, *together("e", _verdicts(made), [f"a trained model with {RANDOM_WORDS} and {NATURAL}"])]


def transformer_and_mamba(evidence: Evidence) -> list[Row]:
    """(f) Llama-, NeoX- and Mamba-like models of equal width all do it, and much alike at equal loss."""
    cells = evidence.cells
    chosen = _families(evidence)
    missing = [f"a trained {name} model of the same width" for name in ("llama", "neox", "mamba") if name not in chosen]
    criteria, blocks = [], []
    for model in chosen.values():
        block = cells.block(model)
        assert block is not None
        found = evidence.gain(block)
        words = f"gain of {model}, nats"
        criteria.append(
            Criterion("gain", words, found, "interval above 0", above(found, 0), Where(model, block.key.design))
        )
        blocks.append(block)
    for one, other in itertools.combinations(chosen.values(), 2):
        criteria.append(_alike(evidence, one, other))
    return judge("f", criteria, blocks, evidence.minimum_texts, missing)


def _alike(evidence: Evidence, one: str, other: str) -> Criterion:
    """Within 2x of each other, decided where the validation losses are within 0.1 nat."""
    losses = [evidence.cells.about(model).get("validation_cross_entropy") for model in (one, other)]
    found, used = _model_ratio(evidence, one, other)
    words = f"gain of {one} over {other}"
    if losses[0] is None or losses[1] is None:
        met, words = None, f"{words} (validation losses not known)"
    elif abs(losses[0] - losses[1]) > CLOSE:
        met, words = None, f"{words} (validation losses {abs(losses[0] - losses[1]):.2f} nat apart)"
    else:
        met = within(found, 1 / FAMILY_RATIO, FAMILY_RATIO)
    threshold = f"within {FAMILY_RATIO:g}x at validation losses within {CLOSE:g} nat"
    return Criterion("family_ratio", words, found, threshold, met, Where(f"{one}, {other}", designs(used)))


def _families(evidence: Evidence) -> dict[str, str]:
    """Architecture -> model, at the width and depth that most architectures have, the largest of those."""
    cells = evidence.cells
    groups: dict[tuple[float, float], dict[str, str]] = {}
    for model in natural_models(evidence):
        facts = cells.about(model)
        if {"width", "layers"} <= set(facts):
            groups.setdefault((facts["width"], facts["layers"]), {})[cells.architecture(model)] = model
    best = max(groups, key=lambda size: (len(groups[size]), size), default=None)
    return groups[best] if best is not None else {}


def designs(blocks: Sequence[Block]) -> str:
    """The designs that these blocks come from."""
    return ", ".join(dict.fromkeys(name for block in blocks for name in block.key.design.split(", ")))


def _verdicts(made: Sequence[Row]) -> list[Row]:
    return [row for row in made if row["quantity"] == "verdict" and row["model"] != ALL]


RULES: dict[str, Callable[[Evidence], list[Row]]] = {
    "a": far_above_ten,
    "b": entropy_not_length,
    "c": larger_holds_more,
    "d": linear_in_vectors,
    "e": random_text_too,
    "f": transformer_and_mamba,
}
