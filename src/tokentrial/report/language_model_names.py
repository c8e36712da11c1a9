"""What the tables, figures and chapter of the language models share: names, pairs of arms, units, equal bits."""

import math
from collections.abc import Iterator

import pandas as pd

from tokentrial.run.columns import Condition
from tokentrial.run.finals import BITS, BOUND, LOSS
from tokentrial.run.view import View
from tokentrial.statistics.pareto import EqualBits, compare_at_equal_bits, curves, front

FULL = "full"
LEARNED_TWICE = "learned_twice"  # trained for longer than the arms of one stage
COMPARED = ("learned", "autoencoder")
"""The methods of document 002, each set against every other."""
MASKED = "_masked"
TOKENS = {"bpe": "BPE", "word": "words", "file": "tokens of a file"}


def tokens_name(condition: Condition) -> str:
    """The tokens of a condition: ``BPE``."""
    tokens = condition.tokens or ""
    return TOKENS.get(tokens, tokens)


def title(condition: Condition) -> str:
    """``Transformer, tied; BPE``."""
    return f"{condition.body}; {tokens_name(condition)}"


def arms_of(view: View, condition: Condition) -> list[str]:
    """The arms of a condition that have a test loss: those without a ratio, then by ratio, in the config's order."""
    measured = [arm for arm in view.arms_of(condition.id) if view.level(condition.id, arm)]
    return sorted(measured, key=lambda arm: view.method(condition.study, arm).ratio or 0)


def conditions(view: View, way: str) -> list[Condition]:
    """The conditions of one way in which some arm has a test loss, in the config's order."""
    return [condition for condition in view.select(way=way) if arms_of(view, condition)]


def of_method(view: View, condition: Condition, method: str) -> list[str]:
    """The arms of a condition that are one method's, by ratio."""
    return [arm for arm in arms_of(view, condition) if view.method(condition.study, arm).method == method]


def peer(view: View, condition: Condition, arm: str, method: str) -> str | None:
    """The arm of another method that has this arm's size and a test loss; None where there is none."""
    size = view.method(condition.study, arm).size
    others = of_method(view, condition, method)
    return next((other for other in others if view.method(condition.study, other).size == size), None)


def with_full(view: View) -> list[Condition]:
    """Conditions done right of the learned encoding that have the full table; other documents' have it as a control."""
    fair = conditions(view, "done-right")
    return [each for each in fair if of_method(view, each, FULL) and of_method(view, each, "learned")]


def masked_twins(view: View, condition: Condition) -> Iterator[tuple[str, str]]:
    """(arm, the same trained with a mask) for every arm that has such a twin."""
    for arm in arms_of(view, condition):
        twin = peer(view, condition, arm, view.method(condition.study, arm).method + MASKED)
        if twin is not None:
            yield arm, twin


def margin(view: View) -> float | None:
    """The equivalence margin of losses, nats; None without a comparison."""
    margins = view.statistics.loc[view.statistics["metric"] == LOSS, "margin"].dropna()
    return None if margins.empty else float(margins.iloc[0])


def bits_of_a_nat(view: View, condition: Condition, split: str = "test") -> float | None:
    """Bits per byte of the raw text that one nat per token is, a constant of condition and split; None if unknown."""
    for arm in view.arms_of(condition.id):
        loss, bits = (view.values_on(split, condition.id, arm, metric) for metric in (LOSS, BITS))
        if len(loss) and len(bits):
            return float(bits.mean() / loss.mean())
    return None


def bound(view: View, condition: Condition, name: str, split: str = "test") -> float | None:
    """The loss of ``chance`` or ``unigram`` in a condition; None where it was not measured."""
    values = view.values_on(split, condition.id, BOUND + name)
    return None if values.empty else float(values.mean())


def vocabulary(view: View, condition: Condition) -> int | None:
    """The vocabulary of a condition, from its chance level, which is the logarithm of its size."""
    chance = bound(view, condition, "chance")
    return None if chance is None else round(math.exp(chance))


def perplexity(loss: float | None) -> float | None:
    """exp of a mean loss in nats per token."""
    return None if loss is None else math.exp(loss)


def family_names(view: View, condition: Condition) -> dict[str, str]:
    """Family -> its name for readers, of the arms of a condition."""
    arms = [view.method(condition.study, arm) for arm in arms_of(view, condition)]
    return {arm.family: arm.family_name for arm in arms}


def equal_bits(view: View, condition: Condition) -> Iterator[tuple[str, str, EqualBits]]:
    """Each of the compared methods against each other one, by their families; the pair of compared ones once."""
    arms = arms_of(view, condition)
    bits = pd.Series({arm: view.cost(condition.id, arm).get("bits_deployed") for arm in arms}, dtype="float64")
    losses = [view.values_on("test", condition.id, arm).rename("value").reset_index().assign(arm=arm) for arm in arms]
    families = {arm: view.method(condition.study, arm).family for arm in arms}
    by_family = curves(pd.concat(losses), bits, families)
    for index, first in enumerate(name for name in COMPARED if name in by_family):
        for second in by_family:
            if second not in (first, FULL, *COMPARED[:index]):  # the full table has one size, larger than all others
                yield first, second, compare_at_equal_bits(by_family[first], by_family[second], view.confidence)


def front_arms(view: View, condition: Condition) -> list[str]:
    """Arms on the front of mean test loss against bits, the smallest first."""
    points = [
        (view.cost(condition.id, arm).get("bits_deployed"), view.level_on("test", condition.id, arm).get("mean"), arm)
        for arm in arms_of(view, condition)
    ]
    known = sorted((bits, loss, arm) for bits, loss, arm in points if bits and loss is not None)
    kept = front([bits for bits, _, _ in known], [loss for _, loss, _ in known])
    return [arm for (_, _, arm), on in zip(known, kept, strict=True) if on]
