"""What tables, figures and chapter of a pretrained model's token table share: names, sizes, equal bits."""

from collections.abc import Iterator

import pandas as pd

from tokentrial.data.corpora import TITLES
from tokentrial.report.language_model_names import FULL
from tokentrial.run.columns import Condition
from tokentrial.run.view import View
from tokentrial.statistics.pareto import Curve, EqualBits, compare_at_equal_bits, curves

USES = {True: "tied", False: "input table"}
TRAINED_FULL = "full_trained"
"""The full table, trained as the encodings are: a control."""
TRAINED = (
    TRAINED_FULL,
    *(f"learned_svd-{ratio}" for ratio in (2, 4, 8, 16)),
    "learned-8",
    "autoencoder_finetuned-8",
    "learned_product_2",
)
"""The arms of config/reference.yaml that are trained on text."""
STARTS = {
    TRAINED_FULL: FULL,
    "learned_svd": "svd_counted",
    "autoencoder_finetuned": "autoencoder",
    "autoencoder_deep_finetuned": "autoencoder_deep",
    "learned_product": "pq",
    "learned_additive": "additive",
}
"""Family that is trained on text -> the family that its training starts from, of the same size."""


def text_name(condition: Condition) -> str:
    """``WikiText-2``; a user's own text is the run's text."""
    return TITLES.get(condition.data or "", "the run's text")


def title(condition: Condition) -> str:
    """``smollm2, WikiText-2: tied``."""
    return f"{condition.model}, {text_name(condition)}: {USES[bool(condition.tied)]}"


def bits_a_number(view: View, condition: Condition, arm: str) -> float | None:
    """Bits by count for each number of the table; None if unknown."""
    cost = view.cost(condition.id, arm)
    bits, numbers = cost.get("bits_deployed"), cost.get("parameters_embedding")
    return None if bits is None or not numbers else bits / numbers


def arms_by_bits(view: View, condition: Condition) -> list[str]:
    """The arms of a condition, those with the most bits first."""
    return sorted(view.arms_of(condition.id), key=lambda arm: -(bits_a_number(view, condition, arm) or 0))


def trained_arms(view: View, condition: Condition) -> list[str]:
    """The arms of a condition that are trained on text, those with the most bits first."""
    return [arm for arm in arms_by_bits(view, condition) if view.cost(condition.id, arm).get("tokens_seen")]


def start_of(view: View, condition: Condition, arm: str) -> str | None:
    """The arm that a trained arm's training starts from; None for a random start, or if it was not run."""
    family = view.method(condition.study, arm).family
    start = arm.replace(family, STARTS.get(family, ""), 1)
    return start if family in STARTS and start in view.arms_of(condition.id) else None


def by_family(view: View, condition: Condition) -> dict[str, Curve]:
    """Family -> its losses by document at the sizes that it has."""
    arms = [arm for arm in view.arms_of(condition.id) if arm != FULL]
    bits = pd.Series({arm: view.cost(condition.id, arm)["bits_deployed"] for arm in arms}, dtype="float64")
    losses = [view.values_on("test", condition.id, arm).rename("value").reset_index().assign(arm=arm) for arm in arms]
    families = {arm: view.method(condition.study, arm).family for arm in arms}
    return curves(pd.concat(losses), bits, families)


def against(view: View, condition: Condition, family: str) -> Iterator[tuple[str, EqualBits]]:
    """Yields every other family, and how ``family`` compares with it at the bits that both span."""
    known = by_family(view, condition)
    for other in known if family in known else ():
        if other != family:
            yield other, compare_at_equal_bits(known[family], known[other], view.confidence)
