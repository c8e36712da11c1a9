"""The choice of final values among the rows of results.RUNS, and the names of metrics and bounds."""

from collections.abc import Collection

import pandas as pd

LOSS, ACCURACY, SIMULATED = "cross_entropy", "accuracy", "simulated_loss"
BITS = "bits_per_byte"  # of the raw text: the loss times a constant of the condition and split
# Metric -> whether higher is better. Bits per byte are not compared, since they say the same as the loss.
AGREEMENT = "agreement"  # share of positions at which two models' most probable tokens are the same
METRICS = {LOSS: False, BITS: False, ACCURACY: True, SIMULATED: False}
COMPARED = [metric for metric in METRICS if metric != BITS]
BANDS = tuple(f"{LOSS}_{band}" for band in ("high", "mid", "low"))
"""Losses by the frequency of the input token."""
BOUND = "reference."
"""The prefix of the names of bounds, whose rows in results.RUNS are like those of arms."""


def final_values(runs: pd.DataFrame, released: Collection[str]) -> pd.DataFrame:
    """Returns the final values: those on test data, and those on training data for scripts without test data.

    released: the conditions of released scripts.
    """
    final = runs[runs["step"].isna() & runs["metric"].isin(list(METRICS))]
    held_out = final[final["split"] == "test"]
    trained = ~final["arm"].str.startswith(BOUND)
    scripts = final["condition"].isin(released) & trained & (final["split"] != "test")
    keys = ["condition", "arm", "metric"]
    tested = pd.MultiIndex.from_frame(held_out[keys])
    without_test = final[scripts & ~pd.MultiIndex.from_frame(final[keys]).isin(tested)]
    return pd.concat([held_out, without_test])
