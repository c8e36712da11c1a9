"""Which rows of results.RUNS are final values, and what bounds them."""

from collections.abc import Collection

import pandas as pd

LOSS, ACCURACY, SIMULATED = "cross_entropy", "accuracy", "simulated_loss"
BITS = "bits_per_byte"  # of the raw text: the loss times a constant of the condition and split
# metric -> higher is better. There is nothing to compare in bits per byte, which the loss does not say already.
METRICS = {LOSS: False, BITS: False, ACCURACY: True, SIMULATED: False}
COMPARED = [metric for metric in METRICS if metric != BITS]
BANDS = tuple(f"{LOSS}_{band}" for band in ("high", "mid", "low"))
"""Losses by the frequency of the input token."""
BOUND = "reference."
"""What the names of levels that bound the arms start with: they are rows of results.RUNS like those of arms."""


def final_values(runs: pd.DataFrame, released: Collection[str]) -> pd.DataFrame:
    """Final values: held-out ones, and for released scripts without held-out data those of the training text.

    released: the conditions of released scripts.
    """
    final = runs[runs["step"].isna() & runs["metric"].isin(list(METRICS))]
    held_out = final[final["split"] == "test"]
    trained = ~final["arm"].str.startswith(BOUND)
    scripts = final["condition"].isin(released) & trained & (final["split"] != "test")
    keys = ["condition", "arm", "metric"]
    tested = pd.MultiIndex.from_frame(held_out[keys])
    lonely = final[scripts & ~pd.MultiIndex.from_frame(final[keys]).isin(tested)]
    return pd.concat([held_out, lonely])
