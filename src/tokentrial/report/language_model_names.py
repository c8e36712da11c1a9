"""What the tables, figures and chapter of the language models share: names for readers, pairs of arms, units."""

import math
from collections.abc import Iterator

from tokentrial.run.columns import Condition
from tokentrial.run.finals import BITS, BOUND, LOSS
from tokentrial.run.view import View

FULL = "full"
MASKED = "_masked"
TOKENS = {"bpe": "BPE", "word": "words"}


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
