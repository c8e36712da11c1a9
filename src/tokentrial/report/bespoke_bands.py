"""Held-out loss by frequency band of the input token: arms minus the standard one, paired by seed."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from tokentrial.report.bespoke_results import STANDARD
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View

FREQUENT, RARE = "cross_entropy_high", "cross_entropy_low"
BANDS = {FREQUENT: "frequent", "cross_entropy_mid": "middle", RARE: "rare", LOSS: "all"}


class Difference(NamedTuple):
    """An arm minus the standard one in a band: mean and Student's interval (NaN for one seed)."""

    metric: str
    mean: float
    low: float
    high: float


def differences(view: View, condition: Condition, arm: Method) -> Iterator[Difference]:
    """The bands that both arms have."""
    for metric in BANDS:
        apart = view.difference_on("test", condition.id, arm.arm, STANDARD, metric)
        if apart:
            ends = [math.nan if apart[end] is None else apart[end] for end in ("low", "high")]
            yield Difference(metric, apart["mean"], *ends)


def share(view: View, condition: Condition, metric: str) -> float | None:
    """A band's share of the test text; None of all of it."""
    shares = view.values_on("test", condition.id, STANDARD, metric.replace("cross_entropy", "share"))
    return None if metric == LOSS or shares.empty else float(shares.mean())
