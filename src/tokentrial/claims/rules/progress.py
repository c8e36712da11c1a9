"""Rules on growth: does one arm learn faster, and does its advantage grow with the corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tokentrial.claims.catalogue import rule
from tokentrial.claims.judge import Criterion, joined, verdict
from tokentrial.claims.rules import outcomes, words
from tokentrial.claims.rules.contrasts import LOSS, Contrast, Pairs, contrast, holm_over, ids_of, paired, planned
from tokentrial.claims.rules.outcomes import Compared, criteria, finding, limits, number, phrase, summary, untestable
from tokentrial.claims.rules.results import Results
from tokentrial.claims.verdict import CONFIRMED, Finding
from tokentrial.run.budget import budget
from tokentrial.run.columns import Condition
from tokentrial.statistics.cramming import Estimate
from tokentrial.statistics.trend import Trend, trend

STEPS = "steps"


def _faster_words(given: Mapping[str, Any]) -> str:
    least = ", ".join(f"{number} of {study}" for study, number in (given["least"] or {}).items())
    margin = f"a margin of {given['equivalence']:.0%} of the steps"
    return (
        f"Optimiser steps until {given['share']:.0%} of the way from chance to the higher of both arms' best "
        f"validation losses, paired by seed, at least {given['seeds']} seeds: "
        f"{words.superiority('fewer', margin)}. Steps on text of all stages count, for an arm that "
        "starts from a trained table those of that table, too. "
        + (f"At least {least} have to be met." if least else words.QUANTIFIED["every"])
        + f" {words.BESIDE}"
    )


@rule("Does an arm need fewer optimiser steps than another to a fixed validation loss?", _faster_words)
def faster(
    results: Results,
    reported: Mapping[str, Any],
    *,
    cells: Sequence[Pairs],
    share: float,
    equivalence: float = 0.05,
    least: Mapping[str, int] | None = None,
    seeds: int = 10,
    differs: str = "",
) -> Finding:
    """In every cell, or in ``least`` of them: study -> cells that must be confirmed.

    The loss is, for each seed, ``share`` of the way from chance to the higher of the two arms' best validation losses,
    so both reach it; steps between two evaluations are interpolated. Steps on text of all stages count (run.budget),
    for an arm that starts from a trained table those of that table too. equivalence: the margin as a share of the
    other's mean steps; Holm's correction runs over the claim's cells.
    """
    contrasts, alone, missing = _step_contrasts(results, cells, share, equivalence)
    if not contrasts:
        return untestable(missing)
    fewer = partial(outcomes.superiority, sign=-1.0, alpha=results.alpha, seeds=seeds)
    judged = criteria(contrasts, fewer)
    studies: dict[str, list[Compared]] = {}
    for entry in judged:
        about = results.condition(entry.about.condition)
        studies.setdefault(f"{about.study}/{about.experiment}", []).append(entry)
    wanted = least or {}
    said = joined(verdict(entries, wanted.get(study, "every"), missing) for study, entries in studies.items())
    shown, counted = outcomes.shown_of(judged, said), outcomes.deciding(judged)
    times = sum(entry.outcome == CONFIRMED for entry in counted)
    stage = [fewer(last) for entry, last in zip(judged, holm_over(alone), strict=True) if entry.decides]
    last = sum(entry.outcome == CONFIRMED for entry in stage)
    notes = [
        f"fewer steps (Holm p < {results.alpha:.2g}) in {times} of {len(counted)} cells where an arm learns",
        phrase(shown),
        told_stages(results, contrasts, last, len(counted)),
        *limits(contrasts, shown, said, seeds, missing, differs),
    ]
    recomputed = summary(judged, shown, missing) | {"last_stage_fewer": last, "share": share, "differs": differs}
    return finding(said, recomputed, notes, ids_of(contrasts))


def told_stages(results: Results, contrasts: Sequence[Contrast], last: int, cells: int) -> str:
    """Whose earlier stages count, and what is left without them; empty if no arm has an earlier stage."""
    starts = {
        arm: spent.start
        for entry in contrasts
        for arm in (entry.arm, entry.other)
        if (spent := budget(results, entry.condition, arm)) is not None and spent.start is not None
    }
    whose = " and ".join(f"{arm} counts the steps that train its table (arm {table})" for arm, table in starts.items())
    return f"{whose}; without them fewer in {last} of {cells}" if starts else ""


def _step_contrasts(
    results: Results, cells: Sequence[Pairs], share: float, margin: float
) -> tuple[list[Contrast], list[Contrast], list[str]]:
    """Steps of arm minus other in every cell, over all stages and over the last alone, and what is missing."""
    total, alone, missing = list[Contrast](), list[Contrast](), list[str]()
    for condition, arm, other, _ in planned(results, cells, missing):
        losses = contrast(results, condition, arm, other, LOSS)
        reached = _reached(results, condition, (arm, other), share)
        if losses is None or reached is None or reached.empty:
            missing.append(f"learning curves of {arm} and {other} in {condition}")
            continue
        spent = [budget(results, condition, name) for name in (arm, other)]
        before = [0 if each is None else each.steps - each.last for each in spent]
        for kept, added in ((total, before), (alone, [0, 0])):
            share_of = margin if results.every_margin is None else results.every_margin
            limit = share_of * float(reached[other].mean() + added[1])
            both = reached[arm] + added[0], reached[other] + added[1]
            steps = paired(losses.label, *both, max(limit, 1e-9), center=results.center)
            steps = replace(steps, condition=condition, arm=arm, other=other, metric=STEPS)
            kept.append(replace(steps, ids=losses.ids, flags=losses.flags))
    return holm_over(total), alone, missing


def _reached(results: Results, condition: str, arms: tuple[str, str], share: float) -> pd.DataFrame | None:
    """Steps at which each arm (columns) first has the seed's target loss, by seed; None without curves or chance."""
    chance = results.level(condition, arms[0], LOSS).get("chance")
    curves = {arm: results.curve(condition, arm) for arm in arms}
    if chance is None or any(curve.empty for curve in curves.values()):
        return None
    seeds = sorted(set.intersection(*(set(curve.columns) for curve in curves.values())))
    rows = {}
    for seed in seeds:
        best = max(float(curve[seed].min()) for curve in curves.values())
        if best >= chance:
            continue  # an arm that never beats chance has no way to go a share of
        target = chance - share * (chance - best)
        rows[seed] = {arm: first_below(curve[seed].dropna(), target) for arm, curve in curves.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(arms))


def first_below(curve: pd.Series, target: float) -> float:
    """The step at which a loss curve (index: rising steps) first is at the target, by linear interpolation.

    NaN if it never is.
    """
    steps, losses = curve.index.to_numpy(dtype=float), curve.to_numpy(dtype=float)
    below = np.flatnonzero(losses <= target)
    if not below.size:
        return float("nan")
    k = int(below[0])
    if k == 0:
        return float(steps[0])
    return float(steps[k - 1] + (steps[k] - steps[k - 1]) * (losses[k - 1] - target) / (losses[k - 1] - losses[k]))


def _growth_words(given: Mapping[str, Any]) -> str:
    return (
        f"Held-out loss at equal steps for every corpus, at least {given['seeds']} seeds: confirmed if the interval of "
        "the advantage's slope on the logarithm of the training tokens lies above 0 and at the largest corpus there is "
        "an advantage beyond the margin; refuted if the slope lies at or below 0, or if there is no such advantage: a "
        f"disadvantage that shrinks is none that grows. {words.ARTEFACT}"
    )


@rule("Does an advantage grow with the corpus?", _growth_words)
def grows(
    results: Results,
    reported: Mapping[str, Any],
    *,
    study: str,
    arm: str,
    other: str,
    script: str,
    released_pair: tuple[str, str],
    seeds: int = 10,
    differs: str = "",
) -> Finding:
    """The slope of (other minus arm) on log2 of the training tokens is above 0; every corpus gets the same steps.

    CONFIRMED: the slope's interval is above 0, and at the largest corpus there is an advantage beyond the margin. A
    slope above 0 without an advantage at the largest corpus is a disadvantage that shrinks: REFUTED, as is a slope at
    or below 0, or one that is above 0 only where the released script gives a larger corpus more steps. ARTEFACT if the
    fair arms refute and the released losses show a slope.
    """
    conditions, _ = results.chosen(study, {})
    fair = {_tokens(results.condition(name)): (name, _advantage(results, name, arm, other)) for name in conditions}
    fair = {size: found for size, found in fair.items() if len(found[1])}
    if len(fair) < 2:
        return untestable([f"{study} with two corpora"])
    table = pd.DataFrame({size: values for size, (_, values) in fair.items()}).dropna().sort_index(axis=1)
    slope = _slope(table, results.confidence)
    largest = contrast(results, fair[max(fair)][0], arm, other, LOSS)
    assert largest is not None  # its values are in the table
    reported_slope, equal_steps = _released_slopes(results, study, script, released_pair)
    shows = reported_slope is not None and reported_slope.low is not None and reported_slope.low > 0
    parts = _growth(slope, largest, shows, seeds)
    said = verdict(parts, released=["a slope"] if shows else ())
    beside, text = _told_slopes(reported_slope, equal_steps)
    recomputed: dict[str, Any] = {
        "slope": slope.slope, "slope_low": slope.low, "slope_high": slope.high, "slope_p": slope.p, "n": slope.n,
        "corpora": slope.points, "largest_difference": largest.difference, "largest_low": largest.low,
        "largest_high": largest.high, "margin": largest.margin, "differs": differs,
    }  # fmt: skip
    notes = [
        f"per doubling of the corpus the advantage changes by {number(slope.slope, True)} nats [{number(slope.low)}, "
        f"{number(slope.high)}] at equal steps",
        f"{parts[-1].words} ({phrase(largest)})",
    ]
    notes += [*text, *limits([largest], largest, said, seeds, [], differs)]
    ids = [name for where, _ in fair.values() for name in results.ids(where, (arm, other), LOSS)]
    return finding(said, recomputed | beside, notes, ids)


def _told_slopes(reported: Trend | None, equal: Sequence[Trend]) -> tuple[dict[str, Any], list[str]]:
    """The released script's slopes: of the losses as reported, and at equal steps on fresh text."""
    made: dict[str, Any] = {}
    notes = []
    if reported is not None:
        made |= {"released_slope": reported.slope, "released_slope_low": reported.low}
        notes.append(
            f"as released, where larger corpora get more steps, it changes by {number(reported.slope, True)} nats "
            f"[{number(reported.low)}, {number(reported.high)}]"
        )
    if equal:
        falling = sum(found.high is not None and found.high < 0 for found in equal)
        rising = sum(found.low is not None and found.low > 0 for found in equal)
        made |= {"released_equal_steps": len(equal), "released_rising": rising, "released_falling": falling}
        notes.append(f"at {len(equal)} equal numbers of its steps it grows in {rising} and falls in {falling}")
    return made, notes


def _growth(slope: Trend, largest: Contrast, released: bool, seeds: int) -> list[Criterion[str]]:
    """The slope and, if it is above 0, the advantage at the largest corpus. released: the script's losses show a slope,
    which those at equal steps then have to show as well.
    """
    met, words = None, "too few seeds"
    if slope.low is not None and slope.high is not None and slope.n >= seeds:
        met, words = (False, "growth with more steps only") if released else (None, "no slope shown")
        if slope.low > 0 or slope.high <= 0:
            met, words = slope.low > 0, "the advantage does not grow"
    estimate = Estimate(slope.slope, slope.low, slope.high, slope.n)
    parts = [Criterion("slope", words, estimate, "interval above 0", met, "all corpora")]
    if met:
        ends, met, words = largest.ends(-1.0) or (0.0, 0.0), None, "an undecided difference at the largest corpus"
        if ends[0] > 0 and not largest.equivalent:
            met, words = True, "an advantage beyond the margin at the largest corpus"
        elif ends[1] < 0 or largest.equivalent:
            met = False
            words = "no advantage beyond the margin at the largest corpus: a disadvantage that shrinks"
        threshold = "interval above 0, not inside the margin"
        parts.append(Criterion("difference", words, largest.estimate, threshold, met, "the largest corpus"))
    return parts


def _advantage(results: Results, condition: str, arm: str, other: str) -> pd.Series:
    return (results.values(condition, other, LOSS) - results.values(condition, arm, LOSS)).dropna()


def _tokens(condition: Condition) -> float:
    """Tokens of the training text."""
    return float((condition.train or 0) * (condition.length or 0))


def _slope(table: pd.DataFrame, confidence: float) -> Trend:
    return trend(np.log2(table.columns.to_numpy(dtype=float)), table.to_numpy(), confidence)


def _released_slopes(
    results: Results, study: str, script: str, pair: Sequence[str]
) -> tuple[Trend | None, list[Trend]]:
    """The slope of the losses as reported, and on fresh text at each number of steps that all corpora have."""
    cells = [each for each in results.released(study, script) if each.varied == "corpus"]
    reported = {int(str(each.value)): each.id for each in cells}
    fresh = {int(str(each.value)): results.fresh(each) for each in cells}

    def table(conditions: Mapping[int, str], step: int | None) -> pd.DataFrame:
        columns = {
            size: results.series(name, pair[1], LOSS, step) - results.series(name, pair[0], LOSS, step)
            for size, name in sorted(conditions.items())
        }
        return pd.DataFrame(columns).dropna()

    if len(cells) < 2:
        return None, []
    shared = set.intersection(*(set(results.steps(name, pair[0], LOSS)) for name in fresh.values()))
    as_reported = table(reported, None)
    equal = [table(fresh, step) for step in sorted(shared)]
    whole = _slope(as_reported, results.confidence) if len(as_reported) else None
    return whole, [_slope(found, results.confidence) for found in equal if len(found)]
