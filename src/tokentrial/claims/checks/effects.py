"""Effect sizes, p values and decisions from what a document prints."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

import numpy as np
from scipy import stats

from tokentrial.claims.catalogue import check
from tokentrial.claims.parameters import Better, Count, Positive, Probability, Runs, Statistic, expect_as_many
from tokentrial.claims.printed import Interval, Quantity, exact, show
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, PARTLY, Each, Finding, Value, listed, verdict_of
from tokentrial.errors import InputError
from tokentrial.statistics.hypothesis_tests import paired_t_test
from tokentrial.statistics.multiplicity import holm
from tokentrial.statistics.power import minimal_detectable_effect
from tokentrial.statistics.reported import (
    READINGS,
    Reading,
    implied_n,
    p_of_effect,
    p_of_t,
    pooled_sd,
    standard_deviation_per_spread,
)

Rows = Mapping[str, Sequence[Quantity]]
"""Row -> (mean a, spread a, mean b, spread b)."""
Decision = Literal["significant", "not significant"]


def effect_interval(row: Sequence[Quantity], n: int, reading: Reading) -> Interval:
    """|d| of a row under one reading of its +-, over all values that its digits allow."""
    mean_a, spread_a, mean_b, spread_b = _four(row)
    pooled = Interval(
        pooled_sd(float(max(spread_a.interval.low, 0)), float(max(spread_b.interval.low, 0))),
        pooled_sd(float(spread_a.interval.high), float(spread_b.interval.high)),
    )
    if pooled.low <= 0:
        raise InputError(f"found the spreads {spread_a.text} and {spread_b.text}, expected one that cannot be 0")
    gap = abs(mean_a.interval - mean_b.interval)
    unit = standard_deviation_per_spread(n, reading)
    return Interval(float(gap.low) / (float(pooled.high) * unit), float(gap.high) / (float(pooled.low) * unit))


def p_interval(effect: Interval, n: int) -> Interval:
    """p of an independent t test with n per arm, over an interval of |d|; Student's, as arms of equal n have one t."""
    return effect.falling(lambda d: p_of_effect(d, n))


def p_by_reading(rows: Rows, n: int) -> dict[Reading, list[Interval]]:
    """The p of each row, under each reading of its +-."""
    return {r: [p_interval(effect_interval(row, n, r), n) for row in rows.values()] for r in READINGS}


def _four(row: Sequence[Quantity]) -> Sequence[Quantity]:
    if len(row) != 4:
        raise InputError(f"found a row of {len(row)} numbers, expected mean, spread, mean, spread")
    for spread in row[1::2]:
        if spread.nominal < 0:
            raise InputError(f"found the spread {spread.text}, expected at least 0")
    return row


@check(
    "Is Cohen's d of each row's means and +- the printed one?",
    source="Cohen (1988): d with the pooled standard deviation",
)
def effect_size(rows: Rows, effects: Sequence[Quantity], n: Runs) -> Finding:
    """d = (mean a - mean b) / sqrt((s_a^2 + s_b^2)/2). CONSISTENT if the +- as standard deviation gives every d; PARTLY
    if one other reading (standard error, 95 % half-width) gives all of them.
    """
    expect_as_many(rows=rows, effects=effects)
    size = int(n.nominal)
    found = {reading: [effect_interval(row, size, reading) for row in rows.values()] for reading in READINGS}
    right = {
        reading: [made.meets(abs(d.interval)) for made, d in zip(intervals, effects, strict=True)]
        for reading, intervals in found.items()
    }
    verdict = verdict_of(right[READINGS[0]], "all")
    if verdict == INCONSISTENT and any(all(right[reading]) for reading in READINGS[1:]):
        verdict = PARTLY
    recomputed: dict[str, Value] = {reading: [made.middle for made in found[reading]] for reading in READINGS}
    if len(rows) == 1:
        shown = listed([f"{show(found[reading][0], 3)} as {reading}" for reading in READINGS])
        reason = f"The +- read in three ways gives d = {shown}; printed is {effects[0].text}."
    else:
        shown = listed([f"{sum(right[reading])} of {len(rows)} as {reading}" for reading in READINGS])
        reason = f"The means and the +- give the printed d in {shown}."
    return Finding(verdict, recomputed, reason)


@check(
    "Is each printed p that of its printed d in an independent t test with n per arm?",
    source="Student (1908): t test of two independent samples",
)
def p_of_effects(effects: Sequence[Quantity], p_values: Sequence[Probability], n: Runs) -> Finding:
    """The reason gives the n per arm that each pair implies."""
    expect_as_many(effects=effects, p_values=p_values)
    size = int(n.nominal)
    found = [p_interval(abs(d.interval), size) for d in effects]
    holds = [made.meets(p.interval) for made, p in zip(found, p_values, strict=True)]
    implied = [_implied(d, p) for d, p in zip(effects, p_values, strict=True)]
    recomputed = {"p": [made.middle for made in found], "implied_n": [made.middle for made in implied]}
    if len(effects) == 1:
        d, p = effects[0].text, p_values[0].text
        reason = (
            f"d = {d} with n = {size} per arm has p = {show(found[0], 3)}, printed is {p}, which implies n = "
            f"{show(implied[0], 3)}."
        )
        return Finding(verdict_of(holds, "all"), recomputed, reason)
    rows = listed([show(made, 3) for made in implied])
    reason = (
        f"With n = {size} per arm {sum(holds)} of {len(holds)} printed p values fit their d; the pairs imply n = "
        f"{rows}."
    )
    return Finding(verdict_of(holds, "all"), recomputed, reason)


def _implied(d: Quantity, p: Quantity) -> Interval:
    """The n per arm that d and p imply together, over their rounding: larger d and larger p both need fewer."""
    effect = abs(d.interval)
    low_p, high_p = float(p.interval.low), float(p.interval.high)
    if not 0 < low_p <= high_p < 1:
        return Interval(-math.inf, math.inf)
    ends = [implied_n(float(effect.high), high_p), implied_n(float(effect.low), low_p)]
    return Interval(*(1.0 if math.isnan(end) else end for end in ends))


@check(
    "Is each printed p that of its row's means and +- in an independent t test with n per arm?",
    source="Student (1908), under every reading of +- (Cumming et al. 2007)",
)
def p_of_rows(rows: Rows, p_values: Sequence[Probability], n: Runs) -> Finding:
    """CONSISTENT with the +- as standard deviation, PARTLY if another reading gives every p."""
    expect_as_many(rows=rows, p_values=p_values)
    size = int(n.nominal)
    found = p_by_reading(rows, size)
    right = {r: [made.meets(p.interval) for made, p in zip(found[r], p_values, strict=True)] for r in READINGS}
    verdict = verdict_of(right[READINGS[0]], "all")
    if verdict == INCONSISTENT and any(all(right[r]) for r in READINGS[1:]):
        verdict = PARTLY
    recomputed: dict[str, Value] = {r: [made.middle for made in found[r]] for r in READINGS}
    if len(rows) == 1:
        shown = listed([f"{show(found[r][0], 3)} with the +- as {r}" for r in READINGS])
        return Finding(verdict, recomputed, f"The row gives p = {shown}; printed is {p_values[0].text}.")
    shown = listed([f"{sum(right[r])} of {len(rows)} with the +- as {r}" for r in READINGS])
    return Finding(verdict, recomputed, f"The rows give the printed p in {shown}.")


@check(
    "Is each row's difference significant (or not) at alpha, as claimed, by its means and +-?",
    source="Student (1908), under every reading of +- (Cumming et al. 2007)",
)
def decisions(rows: Rows, n: Runs, claimed: Decision, alpha: float = 0.05) -> Finding:
    """A row agrees if the claimed decision is possible under the +- as standard deviation and as standard error."""
    size = int(n.nominal)
    read = READINGS[:2]
    found = p_by_reading(rows, size)
    holds = [
        all((p.low < alpha) if claimed == "significant" else (p.high >= alpha) for p in both)
        for both in zip(*(found[r] for r in read), strict=True)
    ]
    recomputed = {f"p, {r}": [p.middle for p in found[r]] for r in read}
    smallest = {r: min(found[r], key=lambda p: p.middle) for r in read}
    rows_word = "row" if len(holds) == 1 else "rows"
    reason = (
        f"With n = {size} per arm {sum(holds)} of {len(holds)} {rows_word} can be {claimed} at {alpha}: "
        f"{'p' if len(holds) == 1 else 'the smallest p'} is {show(smallest[read[0]], 3)} with the +- as standard "
        f"deviation and {show(smallest[read[1]], 3)} as standard error."
    )
    return Finding(verdict_of(holds, "all"), recomputed, reason)


@check(
    "Can arm a be shown to be within the margin of arm b (or not worse by more) in each row?",
    source="TOST: Schuirmann (1987)",
)
def equivalence(
    rows: Rows, n: Runs, margin: float, better: Better, claim: Each, worse_only: bool = False, alpha: float = 0.05
) -> Finding:
    """Two one-sided t tests; margin: in the unit of the means. A row holds if the 1 - 2 alpha interval of the
    difference, with the +- as standard deviation, can lie inside the margin for some values that round to the printed.
    """
    size = int(n.nominal)
    holds, highest = [], -math.inf
    for row in rows.values():
        mean_a, spread_a, mean_b, spread_b = _four(row)
        gap = mean_a.interval - mean_b.interval if better == "higher" else mean_b.interval - mean_a.interval
        least_sd = pooled_sd(float(max(spread_a.interval.low, 0)), float(max(spread_b.interval.low, 0)))
        half = float(stats.t.ppf(1 - alpha, 2 * size - 2)) * least_sd * math.sqrt(2 / size)
        inside = float(gap.high) - half > -margin if worse_only else float(abs(gap).low) + half < margin
        holds.append(inside)
        highest = max(highest, half)
    recomputed = {"equivalent": sum(holds), "rows": len(holds), "largest_half_width": highest}
    what = "not to be worse by" if worse_only else "to differ by less than"
    reason = (
        f"With n = {size} per arm {sum(holds)} of {len(holds)} rows can be shown {what} {margin:g} at "
        f"{1 - 2 * alpha:.0%} confidence; the widest interval of a difference is +- {show(highest, 2)}."
    )
    return Finding(verdict_of(holds, claim), recomputed, reason)


@check(
    "Are as many printed p values significant after Bonferroni's or Holm's correction as claimed?",
    source="Bonferroni; Holm (1979)",
)
def corrected_decisions(p_values: Sequence[Probability], claimed: Count, alpha: float = 0.05) -> Finding:
    """An open p (``>0.05``) counts with its smallest value, in favour of the claim."""
    p = [max(float(entry.interval.low), 0.0) for entry in p_values]
    by_holm, by_bonferroni = int((holm(p) < alpha).sum()), sum(value * len(p) < alpha for value in p)
    uncorrected = sum(value < alpha for value in p)
    holds = int(claimed.nominal) in (by_holm, by_bonferroni)
    recomputed = {"uncorrected": uncorrected, "bonferroni": by_bonferroni, "holm": by_holm}
    reason = (
        f"Of {len(p)} printed p values {uncorrected} are below {alpha}, {by_bonferroni} after Bonferroni's correction "
        f"and {by_holm} after Holm's; {claimed.text} are claimed."
    )
    return Finding(CONSISTENT if holds else INCONSISTENT, recomputed, reason)


@check(
    "Can n runs per arm find an effect as large as the largest that is printed?",
    source="Cohen (1988): power of the t test",
)
def enough_runs(rows: Rows, n: Runs, alpha: float = 0.05, power: float = 0.8) -> Finding:
    size = int(n.nominal)
    needed = minimal_detectable_effect(size, paired=False, power=power, alpha=alpha)
    effects = {name: effect_interval(row, size, "standard deviation") for name, row in rows.items()}
    name = max(effects, key=lambda row: effects[row].middle)
    exact_p = 2 / math.comb(2 * size, size)
    holds = needed <= effects[name].high
    recomputed = {"minimal_detectable_d": needed, "largest_d": effects[name].middle, "smallest_exact_p": exact_p}
    reason = (
        f"{n.text} runs per arm find d = {show(needed, 3)} with {power:.0%} power and cannot go below p = "
        f"{show(exact_p, 2)} in an exact rank test; the largest printed difference is d = {show(effects[name], 3)} "
        f"({name})."
    )
    return Finding(CONSISTENT if holds else INCONSISTENT, recomputed, reason)


@check(
    "Can so small a p come from these ratios, one per experiment, where 1 is no effect?",
    source="Student (1908) on log ratios; exact sign test and sign-flip test, Fisher (1935)",
)
def possible_p(ratios: Sequence[Positive], p: Probability) -> Finding:
    """Two tests: Student's t of the log ratios and the exact sign test. CONSISTENT if one reaches the printed p. The
    reason also gives the smallest p that any exact sign-flip test of so many values can have.
    """
    logs = np.log([float(ratio.nominal) for ratio in ratios])
    n, below = len(logs), int((logs < 0).sum())
    tail = sum(math.comb(n, k) for k in range(max(below, n - below), n + 1)) / 2**n
    sign, least, student = min(1.0, 2 * tail), 2 / 2**n, paired_t_test(logs).p_value
    limit = float(p.interval.high)
    holds = min(sign, student) <= limit
    recomputed = {"t_test": student, "sign_test": sign, "smallest_exact": least, "n": n}
    reason = (
        f"The {n} printed ratios give p = {show(student, 2)} by a t test of their logarithms and {show(sign, 2)} by "
        f"the sign test, and {show(least, 2)} is the least that any exact sign-flip test of {n} values can give; "
        f"printed is {p.text}."
    )
    return Finding(CONSISTENT if holds else INCONSISTENT, recomputed, reason)


@check("Is the printed p that of the printed t and df?", source="Student (1908); as statcheck, Nuijten et al. (2016)")
def p_of_statistic(t: Statistic, df: Positive, p: Probability, one_sided: bool = False) -> Finding:
    """The two-sided p, or the one-sided one where the document says so.

    The reason says whether the printed p is that of the other kind of test, and whether the decision at 0.05 flips.
    """
    two_sided = abs(t.interval).falling(lambda value: p_of_t(value, df.value))
    half = exact(Fraction(1, 2)) * two_sided
    right, other = (half, two_sided) if one_sided else (two_sided, half)
    recomputed: dict[str, Value] = {"low": float(right.low), "high": float(right.high)}
    given = f"t({df.text}) = {t.text} has {'the one-sided ' if one_sided else ''}p = {show(right, 3)}"
    if right.meets(p.interval):
        return Finding(CONSISTENT, recomputed, f"{given}, as the printed {p.text}.")
    flips = (right.high < 0.05 <= float(p.interval.low)) or (right.low >= 0.05 > float(p.interval.high))
    reason = f"{given}, not {p.text}"
    if other.meets(p.interval):
        reason += f", which is that of a {'two' if one_sided else 'one'}-sided test"
    reason += ", and the decision at 0.05 flips." if flips else "."
    return Finding(INCONSISTENT, recomputed | {"decision_error": flips}, reason)
