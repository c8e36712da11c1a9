"""From all runs to two tables: the level of every arm with what bounds it, and every comparison of two arms."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from tokentrial import results
from tokentrial.seeds import stream
from tokentrial.statistics.comparison import compare, holm_within
from tokentrial.statistics.intervals import t_interval

# metric -> higher is better. Bits per byte are cross-entropy times a constant of the condition: nothing to compare.
METRICS = {"cross_entropy": False, "bits_per_byte": False, "accuracy": True, "simulated_loss": False}
COMPARED = [metric for metric in METRICS if metric != "bits_per_byte"]
REFERENCE = "reference."
# The methods that comparisons start from, the documents' own: each is compared with every other arm of its condition.
SUBJECTS = ("learned", "learned_twice", "bespoke")


def final_values(runs: pd.DataFrame) -> pd.DataFrame:
    """Final values: held-out ones, and for released scripts without held-out data those of the training text."""
    final = runs[runs["step"].isna() & runs["metric"].isin(list(METRICS))]
    held_out = final[final["split"] == "test"]
    trained = ~final["arm"].str.startswith(REFERENCE)
    scripts = final["condition"].str.contains("/as-released/") & trained & (final["split"] != "test")
    keys = ["condition", "arm", "metric"]
    tested = pd.MultiIndex.from_frame(held_out[keys])
    lonely = final[scripts & ~pd.MultiIndex.from_frame(final[keys]).isin(tested)]
    return pd.concat([held_out, lonely])


def levels(group: pd.DataFrame) -> dict[str, pd.Series]:
    """arm -> values by seed, of one condition and metric; a seed that diverged has none."""
    finite = group[np.isfinite(group["value"])]
    return {str(arm): rows.set_index("seed")["value"].sort_index() for arm, rows in finite.groupby("arm", sort=False)}


def summarise(runs: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row per (condition, arm, metric): see results.SUMMARY. Reference levels become columns, not rows."""
    rows = []
    for (study, condition, metric), group in grouped(final_values(runs)):
        arms = levels(group)
        bounds = {name: arms.get(REFERENCE + name) for name in ("floor", "unigram", "chance", "oracle")}
        for arm, values in arms.items():
            if arm.startswith(REFERENCE):
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
    return None if values is None else float(values.mean())


def flag(values: pd.Series, bounds: Mapping[str, pd.Series | None], higher_is_better: bool, confidence: float) -> str:
    """``leaked``: better than the true source itself on the same text; ``untrained``: not better than chance.

    ``unigram``: better than chance but not than the best constant prediction, so nothing came from the input. Each is
    decided by the confidence interval of the mean paired difference; 'ok' otherwise, '' where nothing bounds the arm.
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
    for key, group in final.groupby(["study", "condition", "metric"], sort=False):
        study, condition, metric = key
        yield (str(study), str(condition), str(metric)), group


def compare_arms(runs: pd.DataFrame, settings: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """One row per comparison of a subject with another arm: see results.STATISTICS.

    Differences are subject minus the other arm, over the seeds that both have. The equivalence margin is the study's
    own in settings["margins"] (study -> metric -> margin), or a share of the distance from chance to the floor. Holm's
    correction runs over the cells of one sub-study, way, metric and pair of arms: the family of one claim.
    """
    rows = []
    for (study, condition, metric), group in grouped(final_values(runs[runs["metric"].isin(COMPARED)])):
        arms = levels(group)
        for subject, other in pairs(list(arms)):
            margin = settings["equivalence_margin"] * span(arms, subject)
            margin = settings.get("margins", {}).get(study, {}).get(metric, margin)
            pair = pd.concat([arms[subject], arms[other]], axis=1, join="inner").to_numpy()
            name = f"{condition}:{metric}:{subject}-{other}"
            found = compare(
                pair[:, 0],
                pair[:, 1],
                margin=margin,
                higher_is_better=METRICS[metric],
                rng=stream(seed, "bootstrap", name),
                confidence=settings["confidence"],
                resamples=settings["resamples"],
            )
            identity = {"comparison": name, "study": study, "condition": condition, "metric": metric}
            rows.append({**identity, "arm_a": subject, "arm_b": other, **asdict(found)})
    frame = pd.DataFrame(rows, columns=[name for name in results.STATISTICS.names if name != "p_holm"])
    frame["family"] = frame["condition"].str.rsplit("/", n=1).str[0]
    for arm in ("arm_a", "arm_b"):
        frame[f"method_{arm}"] = frame[arm].map(method)
    corrected = holm_within(frame, ["family", "metric", "method_arm_a", "method_arm_b"])
    return corrected.reindex(columns=results.STATISTICS.names)


def method(arm: str) -> str:
    """An arm's method: its name without the size that may follow (``learned-8`` is ``learned``)."""
    return arm.split("-")[0]


def pairs(arms: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The comparisons of a condition: each subject with every other arm of the same size, or of none, once."""
    trained = [arm for arm in arms if not arm.startswith(REFERENCE)]
    subjects = [arm for arm in trained if method(arm) in SUBJECTS]
    for subject in subjects:
        size = subject.partition("-")[2]
        for other in trained:
            if other not in subjects[: subjects.index(subject) + 1] and other.partition("-")[2] in ("", size):
                yield subject, other


def span(arms: Mapping[str, pd.Series], subject: str) -> float:
    """Distance from chance to the best that is possible; without one (a formula, uniform noise), the subject's mean."""
    chance, floor = arms.get(f"{REFERENCE}chance"), arms.get(f"{REFERENCE}floor")
    if floor is None:
        floor = arms.get(f"{REFERENCE}oracle")
    if chance is None or floor is None or math.isclose(chance.mean(), floor.mean(), rel_tol=1e-9):
        return float(abs(arms[subject].mean()))
    return float(abs(chance.mean() - floor.mean()))


def write_statistics(runs: str, summary: str, statistics: str, settings: Mapping[str, Any], seed: int) -> None:
    """Read all runs and write both tables."""
    rows = results.read(runs, results.RUNS).to_pandas()
    levels_table = summarise(rows, settings["confidence"]).astype({"n": "int32"})
    results.write(summary, results.table(levels_table, results.SUMMARY))
    compared = compare_arms(rows, settings, seed).astype({"n": "int32"})
    results.write(statistics, results.table(compared, results.STATISTICS))
