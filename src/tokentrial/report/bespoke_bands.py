"""Held-out loss by frequency band of the input token: arms minus the standard one, paired by seed."""

from collections.abc import Iterator
from typing import NamedTuple

from tokentrial.report.bespoke_results import STANDARD
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.statistics.intervals import t_interval

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
        of_arm, of_standard = (view.values_on("test", condition.id, name, metric) for name in (arm.arm, STANDARD))
        paired = (of_arm - of_standard).dropna().to_numpy()
        if len(paired):
            yield Difference(metric, float(paired.mean()), *t_interval(paired, view.confidence))


def share(view: View, condition: Condition, metric: str) -> float | None:
    """A band's share of the test text; None of all of it."""
    shares = view.values_on("test", condition.id, STANDARD, metric.replace("cross_entropy", "share"))
    return None if metric == LOSS or shares.empty else float(shares.mean())
