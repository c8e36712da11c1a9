"""What the controls of the cramming study must show, decided like the claims.

Each control is held against the tuned settings on the same texts. ASSUME: 'about zero' for an untrained model means at
most a tenth of the trained one's gain; document 004 has no controls and so no margin of its own.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tokentrial.claims.decisions.deciding import Case, Measured, Rule, Where, decides
from tokentrial.claims.decisions.study import natural_models
from tokentrial.claims.judge import Criterion, above, at_most, below
from tokentrial.cramming.cells import NATURAL, Block
from tokentrial.cramming.evidence import Evidence
from tokentrial.statistics.cramming import Estimate

ABOUT_ZERO = 0.1
PREFIX = "control."


def _on_natural_text(
    name: str, question: str, needs_tuned: bool = True
) -> Callable[[Callable[[Evidence, Block, Any], list[Measured]]], Rule]:
    """Registers what a control with one vector has to show beside the tuned vectors, of every trained model with it."""

    def register(criteria: Callable[[Evidence, Block, Any], list[Measured]]) -> Rule:
        @decides(f"{PREFIX}{name}", question, lacks=f"the control {name} on {NATURAL}", any_size=True)
        def cases(evidence: Evidence) -> Iterator[Case]:
            for model in evidence.cells.trained:
                control, tuned = evidence.cells.block(model, arm=f"{PREFIX}{name}"), evidence.cells.block(model)
                if control is not None:
                    missing = [f"the tuned vectors of {model}"] if needs_tuned and tuned is None else []
                    measured = [] if missing else criteria(evidence, control, tuned)
                    yield Case(measured, [control, tuned], missing, model)

        return cases

    return register


@_on_natural_text(
    "random-vector", "Does a vector that nothing optimised take nothing away from the cross-entropy?", needs_tuned=False
)
def random_vector(evidence: Evidence, control: Block, tuned: Block | None) -> list[Measured]:
    gain = _gain(evidence, control)
    return [_criterion("gain", "gain of a random vector, nats", gain, control, "at most 0", at_most(gain, 0))]


@decides(
    f"{PREFIX}untrained",
    "Does an untrained model take up about nothing, against the trained one most like it?",
    lacks="an untrained model",
    any_size=True,
)
def untrained(evidence: Evidence) -> Iterator[Case]:
    cells = evidence.cells
    for model in cells.models:
        control = cells.block(model)
        if cells.is_trained(model) or control is None:
            continue
        partner, criteria = _most_alike(evidence, model), list[Measured]()
        trained = cells.block(partner) if partner is not None else None
        if trained is not None:
            ratio = evidence.control_ratio(control, trained)
            words, threshold = f"gain of the untrained model over that of {partner}", f"interval at most {ABOUT_ZERO:g}"
            criteria.append(_criterion("gain_ratio", words, ratio, control, threshold, at_most(ratio, ABOUT_ZERO)))
        criteria.append(_criterion("n_max", "N_max of the untrained model", evidence.longest(control), control))
        missing = [] if trained is not None else [f"a trained model on {NATURAL}"]
        yield Case(criteria, [control, trained], missing, model)


@_on_natural_text(
    "prefix", "Do the text's own tokens before it, a vector each, gain less than one trained vector, which is no copy?"
)
def prefix(evidence: Evidence, control: Block, tuned: Block) -> list[Measured]:
    apart = evidence.gain_difference(tuned, control)
    words = "gain of one trained vector minus that of the text as its own prefix, nats"
    return [
        _criterion("gain_difference", words, apart, control, "interval above 0", above(apart, 0)),
        _criterion("gain", "gain of the prefix, nats", _gain(evidence, control), control),
    ]


@_on_natural_text("shared", "Does one vector for two texts take less from each than a vector each?")
def shared(evidence: Evidence, control: Block, tuned: Block) -> list[Measured]:
    """A vector's room is what limits it."""
    ratio = evidence.control_ratio(control, tuned)
    words = "gain for each of two texts in one vector over that of a vector each"
    return [_criterion("gain_ratio", words, ratio, control, "interval below 1", below(ratio, 1))]


def _gain(evidence: Evidence, control: Block) -> Estimate:
    """Over all pairs of text and length, solved or not."""
    return evidence.mean(control.gain, ~np.isnan(control.gain))


def _most_alike(evidence: Evidence, model: str) -> str | None:
    """The trained model nearest in width, then in depth."""
    cells = evidence.cells
    known = cells.about(model)

    def apart(other: str) -> list[float]:
        facts = cells.about(other)
        return [abs(facts.get(key, 0.0) - known.get(key, 0.0)) for key in ("width", "layers")]

    return min(natural_models(evidence), key=apart, default=None)


def _criterion(
    quantity: str, words: str, estimate: Estimate, block: Block, threshold: str = "", met: bool | None = None
) -> Measured:
    return Criterion(quantity, words, estimate, threshold, met, Where(block.key.model, block.key.design))
