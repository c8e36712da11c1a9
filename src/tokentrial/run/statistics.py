"""The two tables of statistics: the level of every arm with its bounds, and every comparison of two arms."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from tokentrial import forks, results
from tokentrial.config import canonical
from tokentrial.run import columns
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import BOUND, COMPARED, METRICS, final_values
from tokentrial.seeds import stream
from tokentrial.statistics.comparison import compare, holm_within
from tokentrial.statistics.intervals import t_interval

SETTINGS = "tokentrial.settings"
"""Key of the metadata of statistics.parquet: the settings of the statistics (config.judging) as canonical JSON."""


def levels(group: pd.DataFrame) -> dict[str, pd.Series]:
    """Returns arm -> values by seed, for one condition and metric; a diverged seed has no value."""
    finite = group[np.isfinite(group["value"])]
    return {str(arm): rows.set_index("seed")["value"].sort_index() for arm, rows in finite.groupby("arm", sort=False)}


def summarise(runs: pd.DataFrame, released: Collection[str], confidence: float) -> pd.DataFrame:
    """Returns one row per (condition, arm, metric): see results.SUMMARY. Bounds become columns, not rows.

    released: the conditions of released scripts.
    """
    rows = []
    for (study, condition, metric), group in grouped(final_values(runs, released)):
        arms = levels(group)
        bounds = {name: arms.get(BOUND + name) for name in ("floor", "unigram", "chance", "oracle")}
        for arm, values in arms.items():
            if arm.startswith(BOUND):
                continue
            interval = t_interval(values, confidence) if len(values) > 1 else (None, None)
            rows.append(
                {
                    "study": study,
                    "condition": condition,
                    "arm": arm,
                    "metric": metric,
                    "unit": group["unit"].iloc[0],
                    "n": len(values),
                    "mean": values.mean(),
                    "sd": values.std(ddof=1) if len(values) > 1 else None,
                    "low": interval[0],
                    "high": interval[1],
                    **{name: mean(bounds[name]) for name in ("floor", "unigram", "chance")},
                    "flag": flag(values, bounds, METRICS[metric], confidence),
                }
            )
    return pd.DataFrame(rows, columns=results.SUMMARY.names)


def mean(values: pd.Series | None) -> float | None:
    """Returns the mean of values, or None if there are none."""
    return None if values is None else float(values.mean())


def flag(values: pd.Series, bounds: Mapping[str, pd.Series | None], higher_is_better: bool, confidence: float) -> str:
    """Returns the flag of an arm from the confidence intervals of its mean paired differences to the bounds.

    ``leaked``: better than the true source on the same text; ``untrained``: not better than chance; ``unigram``: better
    than chance but not than the best constant prediction, so the input was of no use; ``ok``: none of these; an empty
    text: there is no bound.
    """
    sign = -1.0 if higher_is_better else 1.0

    def difference(name: str) -> tuple[float, float] | None:
        level = bounds[name]
        if level is None or len(values) < 2:
            return None
        paired = level.reindex(values.index)
        against = paired.to_numpy() if paired.notna().all() else np.full(len(values), level.mean())
        low, high = t_interval(sign * (values.to_numpy() - against), confidence)
        return low, high

    oracle, chance, unigram = difference("oracle"), difference("chance"), difference("unigram")
    if oracle and oracle[1] < 0:
        return "leaked"
    if chance and chance[1] >= 0:
        return "untrained"
    if unigram and unigram[1] >= 0:
        return "unigram"
    return "ok" if chance else ""


def grouped(final: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Yields (study, condition, metric) with its final values."""
    for key, group in final.groupby(["study", "condition", "metric"], sort=False):
        study, condition, metric = key
        yield (str(study), str(condition), str(metric)), group


def compare_arms(
    runs: pd.DataFrame,
    conditions: Mapping[str, Condition],
    methods: Mapping[tuple[str, str], Method],
    settings: Mapping[str, Any],
    seed: int,
    processes: int = 1,
) -> pd.DataFrame:
    """Returns one row per comparison of an own encoding with another arm: see results.STATISTICS.

    conditions, methods: by name, and by study and arm. Differences are the own encoding minus the other arm, over the
    seeds that both have. The equivalence margin is that of settings["margins"] (study -> metric -> margin), or else a
    share of the distance from chance to the floor. Holm's correction runs over the conditions and sizes of one
    experiment, way, metric and pair of methods: the family of one claim. processes: that compare side by side (see
    forks); each comparison draws from a stream of its own, so that the rows are the same.
    """
    released = [name for name, row in conditions.items() if row.way == "as-released"]
    groups = list(grouped(final_values(runs[runs["metric"].isin(COMPARED)], released)))

    def compared(place: int) -> list[dict[str, Any]]:
        (study, condition, metric), group = groups[place]
        arms = levels(group)
        trained = [methods[study, arm] for arm in arms if not arm.startswith(BOUND)]
        names = (study, condition, metric, conditions[condition].experiment, conditions[condition].way)
        return [_row(names, arms, encoding, other, settings, seed) for encoding, other in pairs(trained)]

    made = forks.over(range(len(groups)), compared, processes)
    rows = [row for of_group in made for row in of_group]
    families = ["experiment", "way", "method_a", "method_b"]
    known = [name for name in results.STATISTICS.names if name != "p_holm"]
    frame = pd.DataFrame(rows, columns=[*known, *families])
    corrected = holm_within(frame, ["study", "metric", *families])
    return corrected.reindex(columns=results.STATISTICS.names)


def _row(
    names: tuple[str, str, str, str, str | None],
    arms: Mapping[str, pd.Series],
    encoding: Method,
    other: Method,
    settings: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Returns the row of one comparison; names: its study, condition, metric, experiment and way."""
    study, condition, metric, experiment, way = names
    margin = settings["equivalence_margin"] * span(arms, encoding.arm)
    margin = settings.get("margins", {}).get(study, {}).get(metric, margin)
    pair = pd.concat([arms[encoding.arm], arms[other.arm]], axis=1, join="inner").to_numpy()
    name = f"{condition}:{metric}:{encoding.arm}-{other.arm}"
    compared = compare(
        pair[:, 0],
        pair[:, 1],
        margin=margin,
        higher_is_better=METRICS[metric],
        rng=stream(seed, "bootstrap", name),
        confidence=settings["confidence"],
        resamples=settings["resamples"],
    )
    identity = {"comparison": name, "study": study, "condition": condition, "metric": metric}
    family = {"experiment": experiment, "way": way, "method_a": encoding.method, "method_b": other.method}
    return {**identity, "arm_a": encoding.arm, "arm_b": other.arm, **family, **asdict(compared)}


def pairs(arms: Sequence[Method]) -> Iterator[tuple[Method, Method]]:
    """Yields the comparisons of a condition: each own encoding with every other arm of the same size or no size."""
    encodings = [arm for arm in arms if arm.role == "own"]
    for place, encoding in enumerate(encodings):
        for other in arms:
            if other not in encodings[: place + 1] and other.size in (None, encoding.size):
                yield encoding, other


def span(arms: Mapping[str, pd.Series], subject: str) -> float:
    """Returns the distance from chance to the floor, or to the oracle's mean if there is no floor.

    Without such a distance (a formula, uniform noise), returns the absolute mean of the arm ``subject``.
    """
    chance, floor = arms.get(f"{BOUND}chance"), arms.get(f"{BOUND}floor")
    if floor is None:
        floor = arms.get(f"{BOUND}oracle")
    if chance is None or floor is None or math.isclose(chance.mean(), floor.mean(), rel_tol=1e-9):
        return float(abs(arms[subject].mean()))
    return float(abs(chance.mean() - floor.mean()))


def write_statistics(
    runs: str,
    conditions: str,
    methods: str,
    summary: str,
    statistics: str,
    settings: Mapping[str, Any],
    seed: int,
    processes: int = 1,
) -> None:
    """Reads the tables of runs, conditions and methods, and writes both tables of statistics.

    processes: see :func:`compare_arms`.
    """
    rows = results.read(runs, results.RUNS).to_pandas()
    by_name = columns.conditions(results.read(conditions, columns.CONDITIONS))
    by_arm = columns.methods(results.read(methods, columns.METHODS))
    released = [name for name, row in by_name.items() if row.way == "as-released"]
    levels_table = summarise(rows, released, settings["confidence"]).astype({"n": "int32"})
    results.write(summary, results.table(levels_table, results.SUMMARY))
    compared = compare_arms(rows, by_name, by_arm, settings, seed, processes).astype({"n": "int32"})
    results.write(statistics, results.table(compared, results.STATISTICS, {SETTINGS: canonical(settings)}))
