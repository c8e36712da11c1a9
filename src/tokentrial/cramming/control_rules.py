"""What the controls of the cramming study must show, decided like the claims (see `cramming.criteria`).

Each control is held against the tuned settings on the same texts. ASSUME: 'about zero' for an untrained model means at
most a tenth of the trained one's gain; document 004 has no controls and so no margin of its own.
"""

from collections.abc import Callable, Sequence

import numpy as np

from tokentrial.cramming.cells import NATURAL, Block
from tokentrial.cramming.criteria import ALL, VERDICT, Criterion, Row, Where, above, at_most, judge, together
from tokentrial.cramming.evidence import Evidence
from tokentrial.statistics.cramming import Estimate

ABOUT_ZERO = 0.1
PREFIX = "control."


def random_vector(evidence: Evidence) -> list[Row]:
    """A vector that nothing optimised takes nothing away from the cross-entropy: gain <= 0."""

    def criteria(control: Block, tuned: Block | None) -> list[Criterion]:
        found = evidence.mean(control.gain, ~np.isnan(control.gain))
        return [_criterion("gain", "gain of a random vector, nats", found, "at most 0", at_most(found, 0), control)]

    return _by_model(evidence, "random-vector", criteria, needs_tuned=False)


def prefix(evidence: Evidence) -> list[Row]:
    """The text's own tokens before it, a vector each, gain less than one trained vector: it is no copy."""

    def criteria(control: Block, tuned: Block | None) -> list[Criterion]:
        assert tuned is not None
        found = evidence.gain_difference(tuned, control)
        words = "gain of one trained vector minus that of the text as its own prefix, nats"
        beside = evidence.mean(control.gain, ~np.isnan(control.gain))
        return [
            _criterion("gain_difference", words, found, "interval above 0", above(found, 0), control),
            _criterion("gain", "gain of the prefix, nats", beside, "", None, control),
        ]

    return _by_model(evidence, "prefix", criteria)


def shared(evidence: Evidence) -> list[Row]:
    """One vector for two texts takes less from each than a vector of its own: a vector's room is what limits it."""

    def criteria(control: Block, tuned: Block | None) -> list[Criterion]:
        assert tuned is not None
        found = evidence.control_ratio(control, tuned)
        words = "gain for each of two texts in one vector over that of a vector each"
        below = True if found.high is not None and found.high < 1 else False if above(found, 1) else None
        return [_criterion("gain_ratio", words, found, "interval below 1", below, control)]

    return _by_model(evidence, "shared", criteria)


def untrained(evidence: Evidence) -> list[Row]:
    """An untrained model takes up about nothing, measured against the trained one most like it."""
    cells, made = evidence.cells, list[Row]()
    claim = f"{PREFIX}untrained"
    for model in cells.models:
        control = cells.block(model)
        if cells.is_trained(model) or control is None:
            continue
        partner = _most_alike(evidence, model)
        trained = cells.block(partner) if partner is not None else None
        missing = [] if trained is not None else [f"a trained model on {NATURAL}"]
        made_of: list[Criterion] = []
        if trained is not None:
            found = evidence.control_ratio(control, trained)
            words = f"gain of the untrained model over that of {partner}"
            said = f"interval at most {ABOUT_ZERO:g}"
            made_of.append(_criterion("gain_ratio", words, found, said, at_most(found, ABOUT_ZERO), control))
        lengths = evidence.longest(control)
        made_of.append(_criterion("n_max", "N_max of the untrained model", lengths, "", None, control))
        made += judge(claim, made_of, [control, trained], evidence.minimum_texts, missing, model)
    return [*made, *together(claim, _own(made), ["an untrained model"])]


def _most_alike(evidence: Evidence, model: str) -> str | None:
    """The trained model nearest in width, then in depth."""
    cells = evidence.cells
    own = cells.about(model)

    def apart(other: str) -> list[float]:
        facts = cells.about(other)
        return [abs(facts.get(key, 0.0) - own.get(key, 0.0)) for key in ("width", "layers")]

    return min((other for other in cells.trained if cells.block(other) is not None), key=apart, default=None)


def _criterion(quantity: str, words: str, found: Estimate, threshold: str, met: bool | None, block: Block) -> Criterion:
    return Criterion(quantity, words, found, threshold, met, Where(block.key.model, block.key.design), bool(threshold))


def _by_model(
    evidence: Evidence,
    control: str,
    criteria: Callable[[Block, Block | None], Sequence[Criterion]],
    needs_tuned: bool = True,
) -> list[Row]:
    """A control on natural text with one vector, of every trained model that has it."""
    claim, made = f"{PREFIX}{control}", list[Row]()
    for model in evidence.cells.trained:
        block = evidence.cells.block(model, arm=claim)
        if block is None:
            continue
        tuned = evidence.cells.block(model)
        missing = [f"the tuned vectors of {model}"] if needs_tuned and tuned is None else []
        found = [] if missing else criteria(block, tuned)
        made += judge(claim, found, [block, tuned], evidence.minimum_texts, missing, model)
    return [*made, *together(claim, _own(made), [f"the control {control} on {NATURAL}"])]


def _own(made: Sequence[Row]) -> list[Row]:
    return [row for row in made if row["quantity"] == VERDICT and row["model"] != ALL]


RULES: dict[str, Callable[[Evidence], list[Row]]] = {
    f"{PREFIX}random-vector": random_vector,
    f"{PREFIX}untrained": untrained,
    f"{PREFIX}prefix": prefix,
    f"{PREFIX}shared": shared,
}
