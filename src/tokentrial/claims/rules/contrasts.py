"""One comparison of a claim as a rule judges it: the difference, its intervals, its margin, and what bounds both arms.

Differences and intervals come from the seeds' values by the functions that make statistics.parquet, since a claim can
have a margin of its own. Holm's p of a pair that statistics.parquet holds is the one there, over its family: the cells
of an experiment, way, metric and pair of arms. For a pair that it does not hold (two controls, a frequency band, two
conditions of the same seeds) Holm's correction runs over the claim's own comparisons (`holm_over`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np
import pandas as pd
from scipy import stats

from tokentrial.claims.rules.results import UNUSABLE, Results, higher_is_better
from tokentrial.errors import InputError
from tokentrial.statistics.cramming import Estimate
from tokentrial.statistics.equivalence import tost_paired
from tokentrial.statistics.hypothesis_tests import paired_t_test
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.medians import median_interval, sign_test
from tokentrial.statistics.multiplicity import holm
from tokentrial.statistics.power import minimal_detectable_effect
from tokentrial.statistics.samples import FloatArray, level, paired_differences

LOSS = "cross_entropy"
PRETRAINED = "real_model"
"""The study of a pretrained model, whose comparisons are paired over held-out documents in place of seeds."""
Center = Literal["mean", "median"]
Margin = Mapping[Literal["absolute", "relative", "least", "perplexity"], float]


class Pairs(TypedDict):
    """Pairs of arms to compare, in the conditions of a study whose keys have one of the selected values.

    refutes: False where a comparison that is not met leaves the claim undecided, as for arms far from converged.
    """

    study: str
    pairs: Sequence[tuple[str, str]]
    select: NotRequired[Mapping[str, Sequence[Any]]]
    refutes: NotRequired[bool]


class Released(TypedDict):
    """A pair of arms in a cell of a released script, or in a script of one cell."""

    script: str
    pair: tuple[str, str]
    cell: NotRequired[str]


@dataclass(frozen=True)
class Contrast:
    """Arm minus other over paired seeds, in the metric's unit and with its sign. None is undefined."""

    label: str
    condition: str
    arm: str
    other: str
    metric: str
    ids: tuple[str, ...]
    n: int
    mean: float
    other_mean: float
    difference: float
    sd: float | None
    low: float | None
    high: float | None
    """The t interval at ``confidence``."""
    inner_low: float | None
    inner_high: float | None
    """The interval that TOST uses: 90 % at a confidence of 95 %."""
    p: float | None
    p_holm: float | None
    margin: float
    p_tost_holm: float | None = None
    """TOST's p with Holm's correction over the claim's comparisons: an equivalence refutes a claim of a difference only
    if it survives the correction that a significant difference has to survive."""
    flags: tuple[str, str] = ("", "")
    floor: float | None = None
    """The best that is possible in the metric, None where it is unknown."""
    constant: float | None = None
    """The best prediction that ignores the input."""
    confidence: float = 0.95
    reference: float = math.nan
    """The other arm's mean over all of its seeds, of which a relative margin is a share."""
    refutes: bool = True

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.difference, self.low, self.high, self.n)

    @property
    def unlearned(self) -> tuple[bool, bool]:
        """Whether the arm, and the other, is no better than a prediction that ignores the input (or has leaked)."""
        return self.flags[0] in UNUSABLE, self.flags[1] in UNUSABLE

    @property
    def saturated(self) -> bool:
        """Both arms are within the margin of the best that is possible: no difference beyond it can exist."""
        if self.floor is None:
            return False
        return max(abs(self.mean - self.floor), abs(self.other_mean - self.floor)) < self.margin

    @property
    def margin_share(self) -> float | None:
        """The margin as a share of what there is to learn: from the best constant prediction to the best possible."""
        if self.floor is None or self.constant is None or self.floor == self.constant:
            return None
        return self.margin / abs(self.constant - self.floor)

    @property
    def equivalent(self) -> bool:
        """The difference is shown to be inside the margin (TOST)."""
        if self.inner_low is None or self.inner_high is None:
            return False
        return -self.margin < self.inner_low and self.inner_high < self.margin

    @property
    def smallest_margin(self) -> float | None:
        """The margin above which the arms count as equivalent, for a reader who would set another."""
        if self.inner_low is None or self.inner_high is None:
            return None
        return max(abs(self.inner_low), abs(self.inner_high))

    @property
    def p_tost(self) -> float | None:
        """The larger of TOST's two one-sided p at the margin; None where the differences do not vary."""
        if not self.sd or self.n < 2:
            return None
        error = self.sd / math.sqrt(self.n)
        t = (self.margin - abs(self.difference)) / error
        return float(stats.t.sf(t, self.n - 1))

    @property
    def detectable(self) -> float | None:
        """The difference that so many seeds find with a power of 80 %; None without a scale."""
        if not self.sd or self.n < 2:
            return None
        return self.sd * minimal_detectable_effect(self.n, paired=True, alpha=level(self.confidence))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The t interval of the difference at the level alpha; without end where it is undefined."""
        if self.sd is None or self.n < 2:
            return -math.inf, math.inf
        reach = float(stats.t.isf(alpha / 2, self.n - 1)) * self.sd / math.sqrt(self.n)
        return self.difference - reach, self.difference + reach

    def ends(self, sign: float) -> tuple[float, float] | None:
        """The t interval of sign x difference; None where it is undefined."""
        if self.low is None or self.high is None:
            return None
        return (self.low, self.high) if sign > 0 else (-self.high, -self.low)

    def inner_ends(self, sign: float) -> tuple[float, float] | None:
        """TOST's interval of sign x difference; None where it is undefined."""
        if self.inner_low is None or self.inner_high is None:
            return None
        return (self.inner_low, self.inner_high) if sign > 0 else (-self.inner_high, -self.inner_low)


def better(metric: str) -> float:
    """The sign that makes a positive difference an improvement."""
    return 1.0 if higher_is_better(metric) else -1.0


def margin_of(margin: Margin | None, study_margin: float, reference: float) -> float:
    """A margin in the metric's unit. margin: a claim's own, None for the study's.

    ``absolute``: as it is. ``relative``: that share of the reference arm's value, but not below ``least``, since a
    share of a loss of nearly 0 asks for equal rounding errors. ``perplexity``: ln(1 + share) nats.
    """
    if margin is None:
        return study_margin
    if "absolute" in margin:
        return margin["absolute"]
    if "perplexity" in margin:
        return math.log1p(margin["perplexity"])
    if "relative" in margin:
        return max(margin["relative"] * abs(reference), margin.get("least", 0.0))
    return study_margin


def by_share(results: Results, condition: str, metric: str, limit: float) -> float:
    """The limit of a rule, or the share of the distance from chance to the floor that the results have in its place."""
    if results.every_margin is None:
        return limit
    return results.every_margin * results.distance(condition, _flagged(metric))


def contrast(
    results: Results, condition: str, arm: str, other: str, metric: str, margin: Margin | None = None
) -> Contrast | None:
    """The comparison of two arms of a condition; None where an arm has no values of the metric."""
    key = (condition, arm, other, metric, results.center)
    if key not in results.compared:
        results.compared[key] = _without_margin(results, condition, arm, other, metric)
    made: Contrast | None = results.compared[key]
    if made is None:
        return None
    limit = by_share(results, condition, metric, margin_of(margin, made.margin, made.reference))
    if math.isnan(limit):
        raise InputError(f"{condition}: no margin for {arm} against {other} in {metric}; give the claim its own")
    if limit <= 0:
        raise InputError(f"{condition}: found a margin of {limit:g} for {arm} against {other}, expected one above 0")
    return replace(made, margin=limit)


def _without_margin(results: Results, condition: str, arm: str, other: str, metric: str) -> Contrast | None:
    """The comparison at the study's margin, NaN where it has none: all of it that no claim's own margin changes."""
    values = [results.values(condition, name, metric) for name in (arm, other)]
    if min(len(found) for found in values) == 0:
        return None
    loss_row = results.pair(condition, arm, other, LOSS) or results.pair(condition, other, arm, LOSS)
    row = results.pair(condition, arm, other, metric) or results.pair(condition, other, arm, metric)
    made = paired(results.label(condition), values[0], values[1], 1.0, results.confidence, results.center)
    bounds = results.level(condition, arm, metric)
    flags = tuple(str(results.level(condition, name, _flagged(metric)).get("flag", "")) for name in (arm, other))
    return replace(
        made, condition=condition, arm=arm, other=other, metric=metric,
        ids=results.ids(condition, (arm, other), metric) or results.ids(condition, (arm, other), LOSS),
        p_holm=row.get("p_holm") if results.center == "mean" else None, flags=(flags[0], flags[1]),
        floor=bounds.get("floor"), constant=bounds.get("unigram"), reference=float(values[1].mean()),
        margin=float(row.get("margin") or loss_row.get("margin") or math.nan),
    )  # fmt: skip


def paired(
    label: str, a: pd.Series, b: pd.Series, margin: float, confidence: float = 0.95, center: Center = "mean"
) -> Contrast:
    """A comparison from two arms' values by seed, over the seeds that both have.

    center: what stands for the seeds, their mean with Student's interval and test, or their median with an interval
    from order statistics and the sign test.
    """
    both = pd.concat([a, b], axis=1, join="inner").dropna()
    if both.empty:
        raise InputError(f"{label}: the arms share no seed")
    differences = paired_differences(both.iloc[:, 0], both.iloc[:, 1])
    low, high = t_interval(differences, confidence)
    tost = tost_paired(differences, margin, 1 - confidence)
    p = paired_t_test(differences).p_value
    made = Contrast(
        label=label, condition="", arm="", other="", metric="", ids=(), n=len(differences),
        mean=float(both.iloc[:, 0].mean()), other_mean=float(both.iloc[:, 1].mean()),
        difference=float(differences.mean()),
        sd=float(differences.std(ddof=1)) if len(differences) > 1 else None,
        low=_defined(low), high=_defined(high), inner_low=_defined(tost.low), inner_high=_defined(tost.high),
        p=_defined(p), p_holm=None, margin=margin, confidence=confidence,
    )  # fmt: skip
    return made if center == "mean" else _of_medians(made, differences)


def _of_medians(made: Contrast, differences: FloatArray) -> Contrast:
    """The comparison by the median of the differences; its one-sided p keep Student's standard error."""
    (low, high), inner = (median_interval(differences, share) for share in (made.confidence, 2 * made.confidence - 1))
    return replace(
        made, difference=float(np.median(differences)), low=_defined(low), high=_defined(high),
        inner_low=_defined(inner[0]), inner_high=_defined(inner[1]), p=sign_test(differences),
    )  # fmt: skip


def holm_over(found: Sequence[Contrast]) -> list[Contrast]:
    """The comparisons with Holm's p over themselves: of TOST, and of the difference where no family of
    statistics.parquet gave one."""
    open_ones = [entry.p if entry.p_holm is None and entry.p is not None else math.nan for entry in found]
    adjusted = holm(np.array(open_ones)) if not all(math.isnan(p) for p in open_ones) else open_ones
    equivalence = holm(np.array([_tost(entry) for entry in found]))
    return [
        replace(entry, p_holm=entry.p_holm if math.isnan(p) else float(p), p_tost_holm=float(p_tost))
        for entry, p, p_tost in zip(found, adjusted, equivalence, strict=True)
    ]


def holm_one_sided(found: Sequence[Contrast], sign: float, worse: bool) -> dict[int, float]:
    """Holm's p over a claim's comparisons, by identity: that the arm is at most the margin worse (sign x difference
    above minus the margin), or with ``worse`` that it is worse by more than the margin.
    """
    raw = []
    for entry in found:
        beyond = sign * entry.difference + entry.margin
        if entry.n < 2 or not entry.sd:
            raw.append(float(entry.n < 2 or (beyond < 0) != worse))
            continue
        t = beyond / (entry.sd / math.sqrt(entry.n))
        raw.append(float((stats.t.cdf if worse else stats.t.sf)(t, entry.n - 1)))
    return {id(entry): float(p) for entry, p in zip(found, holm(np.array(raw)), strict=True)} if raw else {}


def planned(results: Results, cells: Sequence[Pairs], missing: list[str]) -> Iterator[tuple[str, str, str, bool]]:
    """Condition, arm and other of every comparison that a claim asks for, and whether it may refute; conditions that
    the run lacks are added to ``missing``.
    """
    for entry in cells:
        conditions, absent = results.chosen(entry["study"], entry.get("select", {}))
        missing += [f"{entry['study']} ({name})" for name in absent] if conditions else [entry["study"]]
        refutes = entry.get("refutes", True)
        yield from ((condition, arm, other, refutes) for condition in conditions for arm, other in entry["pairs"])


def gather(
    results: Results, cells: Sequence[Pairs], metric: str, margin: Margin | None = None
) -> tuple[list[Contrast], list[str]]:
    """All comparisons of a claim, and what the run lacks of them. margin: a claim's own."""
    found, missing = list[Contrast](), list[str]()
    for condition, arm, other, refutes in planned(results, cells, missing):
        made = contrast(results, condition, arm, other, metric, margin)
        if made is None:
            missing.append(f"{arm} against {other} in {condition}")
        else:
            found.append(replace(made, refutes=refutes))
    return holm_over(found), list(dict.fromkeys(missing))


def _tost(entry: Contrast) -> float:
    """TOST's p; without variation 0 or 1, as the difference lies inside the margin or not."""
    if entry.p_tost is not None:
        return entry.p_tost
    return float(entry.n < 2 or abs(entry.difference) >= entry.margin)


def ids_of(found: Sequence[Contrast]) -> list[str]:
    """The ids of all comparisons, in order."""
    return [name for entry in found for name in entry.ids]


def fewer(results: Results, found: Contrast, other: str = "") -> bool:
    """Whether the arm is known to have fewer parameters than the comparison's other arm, or than another.

    An encoding of a pretrained table has no parameters to count on their own: there, the deployed bits decide.
    """
    arms = (found.arm, other or found.other)
    size, limit = (results.parameters(found.condition, arm) for arm in arms)
    if found.condition.startswith(f"{PRETRAINED}/"):
        size, limit = (results.counted(found.condition, arm, "bits_deployed") for arm in arms)
    return size is not None and limit is not None and size < limit


def _flagged(metric: str) -> str:
    """The metric whose flag says whether an arm learned: a band's loss has none of its own."""
    return LOSS if metric.startswith(LOSS) else metric


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
