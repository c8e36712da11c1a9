"""Held-out loss by frequency band of the input token: arms minus the standard one, paired by seed."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from tokentrial.report.bespoke_results import LOSS, STANDARD, Cell, Study
from tokentrial.statistics.intervals import t_interval

BANDS = {"cross_entropy_high": "frequent", "cross_entropy_mid": "middle", "cross_entropy_low": "rare", LOSS: "all"}
Values = dict[tuple[str, str, str], pd.Series]


class Difference(NamedTuple):
    """An arm minus the standard one in a band: mean and Student's interval (NaN for one seed)."""

    metric: str
    mean: float
    low: float
    high: float


def values_of(study: Study) -> Values:
    """(condition, arm, metric) -> values by seed, of losses and shares by band on the test text."""
    runs = study.runs
    shares = [name.replace("cross_entropy", "share") for name in BANDS if name != LOSS]
    final = runs[runs["step"].isna() & (runs["split"] == "test") & runs["metric"].isin([*BANDS, *shares])]
    grouped = final.groupby(["condition", "arm", "metric"], sort=False)
    return {(str(c), str(a), str(m)): group.set_index("seed")["value"] for (c, a, m), group in grouped}


def differences(values: Values, cell: Cell, arm: str, confidence: float) -> Iterator[Difference]:
    """The bands that both arms have."""
    for metric in BANDS:
        pair = [values.get((cell.condition, which, metric)) for which in (arm, STANDARD)]
        if pair[0] is None or pair[1] is None:
            continue
        found = (pair[0] - pair[1]).dropna().to_numpy()
        if len(found):
            yield Difference(metric, float(found.mean()), *t_interval(found, confidence))
