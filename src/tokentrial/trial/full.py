"""What ``--full`` adds to the quick protocol: every other fair condition of the shipped run, and how long they take."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from tokentrial.checkout import ROOT
from tokentrial.trial import places, text
from tokentrial.trial.places import WAY, Place
from tokentrial.trial.text import TextPlace

STUDIES = ("learned_encoding", "bespoke")
LEFT_OUT = {
    "mask": "it asks what a missing causal mask does, whatever the encoding",
}
"""Experiment of language models -> why no encoder is tried on it."""


def small(root: Path = ROOT) -> Iterator[Place]:
    """Yields the conditions of small models by experiment, data set and task model, but for the quick protocol's."""
    known = places.read_shipped(root).conditions
    for study in STUDIES:
        rows = known[(known["study"] == study) & (known["way"] == WAY)]
        rows = rows[rows["condition"].isin(places.read_shipped(root).applied.conditions)]
        for experiment, data, head in rows[["experiment", "data", "head"]].drop_duplicates().itertuples(index=False):
            if f"{experiment}/{data}" != places.ON:
                yield places.place(f"{experiment}/{data}", root, study, head)


def texts(root: Path = ROOT) -> Iterator[TextPlace]:
    """Yields the conditions of language models done right, but for the quick protocol's."""
    known = places.read_shipped(root).conditions
    rows = known[(known["study"] == text.STUDY) & (known["way"] == WAY)]
    for experiment, tokens in rows[["experiment", "tokens"]].itertuples(index=False):
        if experiment not in LEFT_OUT and f"{experiment}/{tokens}" != places.TEXT:
            yield text.place(f"{experiment}/{tokens}", root)


def seconds(where: Place, ratios: Sequence[int], arms: int) -> float:
    """Returns the seconds of one core of own arms at these ratios: those of the shipped arm, at each rate."""
    costs = where.arms.set_index(["condition", "arm"])["wall_seconds"]
    each = [costs.get((where.specs[ratio]["condition"], where.witness)) for ratio in ratios]
    known = [float(value) for value in each if value is not None and pd.notna(value)]
    return sum(known) * (arms * int(where.config["search"]["rates"]) + 1)
