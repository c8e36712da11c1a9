"""Rules on how an encoding works: where the signal comes from, and whether reconstruction serves the task."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from tokentrial.claims.catalogue import rule
from tokentrial.claims.judge import Criterion, at_least, verdict
from tokentrial.claims.rules import outcomes
from tokentrial.claims.rules.contrasts import LOSS, Contrast, Margin, Pairs, by_share, gather, ids_of, margin_of, paired
from tokentrial.claims.rules.outcomes import Compared, criteria, finding, limits, number, phrase, summary, untestable
from tokentrial.claims.rules.results import Results
from tokentrial.claims.verdict import CONFIRMED, Finding
from tokentrial.statistics.cramming import Estimate
from tokentrial.statistics.intervals import t_interval

Part = Criterion[str]
"""A part of the claim, about the text of that name."""


@rule("Does the signal come from relationships between tokens: does it go when their order is shuffled?")
def from_relationships(
    results: Results,
    reported: Mapping[str, Any],
    *,
    study: str,
    intact: str,
    shuffled: str,
    arm: str,
    blind: str,
    removed: float | None = None,
    relabelled: str = "",
    equivalence: Margin,
    seeds: int = 10,
    differs: str = "",
) -> Finding:
    """A seed's gain is the loss of the arm ``blind`` to its input minus that of the arm, on the data set of that name.

    With ``removed``: shuffling must remove at least that share of the intact gain; without it: the intact gain must be
    above 0 and the shuffled one equivalent to 0. With ``relabelled``: renaming the tokens must leave the loss
    equivalent. All parts confirmed: CONFIRMED; one refuted (its interval wholly on the other side): REFUTED.
    equivalence: the claim's own margin (``relative``: to the blind arm's, or to the intact, loss).
    """
    names = {"intact": intact, "shuffled": shuffled, **({"relabelled": relabelled} if relabelled else {})}
    conditions = {part: results.chosen(study, {"data": [name]})[0] for part, name in names.items()}
    if absent := [name for part, name in names.items() if not conditions[part]]:
        return untestable([f"{study} ({name})" for name in absent])
    where = {part: first for part, (first, *_) in conditions.items()}
    losses = {part: results.values(name, arm, LOSS) for part, name in where.items()}
    gains = {part: _gain(results, name, arm, blind) for part, name in where.items()}
    if gains["intact"].empty or gains["shuffled"].empty:
        return untestable([f"{arm} and {blind} in {study}"])
    blind_loss = float(results.values(where["shuffled"], blind, LOSS).mean())
    recomputed: dict[str, Any] = {f"gain_{part}": float(gain.mean()) for part, gain in gains.items()}
    if removed is not None:
        parts = [_removed(gains, removed, seeds, results.confidence, recomputed)]
    else:
        limit = by_share(results, where["shuffled"], LOSS, margin_of(equivalence, math.nan, blind_loss))
        parts = _gains(gains, limit, seeds, results.confidence, recomputed)
    if relabelled:
        limit = by_share(
            results, where["intact"], LOSS, margin_of(equivalence, math.nan, float(losses["intact"].mean()))
        )
        same = paired("relabelled against intact", losses["relabelled"], losses["intact"], limit, results.confidence)
        parts.append(_equivalence("relabelling changes the loss by", same, seeds, recomputed, "relabelled"))
    fewest = min(len(gain) for gain in gains.values())
    recomputed |= {"n": fewest, "differs": differs}
    notes = [
        *(part.words for part in parts),
        outcomes.few_seeds(fewest, seeds),
        f"design: {differs}" if differs else "",
    ]
    ids = [name for condition in where.values() for name in results.ids(condition, (arm, blind), LOSS)]
    return finding(verdict(parts), recomputed, notes, ids)


def _gain(results: Results, condition: str, arm: str, blind: str) -> pd.Series:
    return (results.values(condition, blind, LOSS) - results.values(condition, arm, LOSS)).dropna()


def _removed(
    gains: Mapping[str, pd.Series], least: float, seeds: int, confidence: float, recomputed: dict[str, Any]
) -> Part:
    """The share of the intact gain that shuffling removes, by seed."""
    share = (1 - gains["shuffled"] / gains["intact"]).dropna()
    low, high = t_interval(share, confidence) if len(share) > 1 else (math.nan, math.nan)
    recomputed |= {"removed": float(share.mean()), "removed_low": low, "removed_high": high}
    text = f"shuffling removes {share.mean():.1%} [{low:.1%}, {high:.1%}] of the gain over a blind model"
    estimate, threshold = Estimate(float(share.mean()), low, high, len(share)), f"{least:.0%} asked for"
    if len(share) < seeds:
        return Criterion("removed", text, estimate, threshold, None, "shuffled")
    return Criterion("removed", f"{text}, {threshold}", estimate, threshold, at_least(estimate, least), "shuffled")


def _gains(
    gains: Mapping[str, pd.Series], margin: float, seeds: int, confidence: float, recomputed: dict[str, Any]
) -> list[Part]:
    """The intact gain against 0, and the shuffled one for equivalence with 0."""
    intact, left = (
        paired(f"{part} gain", gains[part], gains[part] * 0.0, margin, confidence) for part in ("intact", "shuffled")
    )
    low, high = intact.low, intact.high
    text = f"the gain of the intact text is {number(intact.difference)} nats [{number(low)}, {number(high)}]"
    met = None
    if intact.n >= seeds and low is not None and high is not None:
        met = True if low > 0 else False if high <= 0 else None
    first = Criterion("gain", text, intact.estimate, "interval above 0", met, "intact")
    return [first, _equivalence("that of the shuffled text is", left, seeds, recomputed, "shuffled")]


def _equivalence(words: str, contrast: Contrast, seeds: int, recomputed: dict[str, Any], name: str) -> Part:
    """Met if equivalent, not met if the whole t interval is outside the margin."""
    recomputed |= {
        f"{name}_difference": contrast.difference, f"{name}_low": contrast.low, f"{name}_high": contrast.high,
        f"{name}_margin": contrast.margin, f"{name}_p_tost": contrast.p_tost,
    }  # fmt: skip
    inner = f"{100 * (2 * contrast.confidence - 1):g} % [{number(contrast.inner_low)}, {number(contrast.inner_high)}]"
    text = f"{words} {number(contrast.difference, True)} nats ({inner}, margin {number(contrast.margin)})"
    met = None
    if contrast.n >= seeds and contrast.low is not None and contrast.high is not None:
        outside = contrast.low > contrast.margin or contrast.high < -contrast.margin
        met = True if contrast.equivalent else False if outside else None
    return Criterion("difference", text, contrast.estimate, "TOST's interval inside the margin", met, name)


@rule("Are codes trained to reconstruct no better than random ones by more than the margin, in every cell?")
def no_better_than_random(
    results: Results,
    reported: Mapping[str, Any],
    *,
    cells: Sequence[Pairs],
    metric: str,
    equivalence: Margin,
    needs: str,
    seeds: int = 10,
) -> Finding:
    """This is the first half of its claim's rule and can only confirm it: codes that are better than random do not
    refute a misalignment, for which the other half of the rule, on ``needs``, would have to be run.
    """
    contrasts, missing = gather(results, cells, metric, equivalence)
    if not contrasts:
        return untestable(missing)
    judged = criteria(contrasts, partial(_not_better, seeds=seeds))
    said = verdict(judged, "every", missing)
    shown, counted = outcomes.shown_of(judged, said), outcomes.deciding(judged)
    none = sum(entry.outcome == CONFIRMED for entry in counted)
    notes = [
        f"not better than random codes by more than the margin in {none} of {len(counted)} cells where both arms learn",
        phrase(shown),
        f"to refute the claim takes {needs}, which this run does not have" if said != CONFIRMED else "",
        *limits(contrasts, shown, said, seeds, missing, ""),
    ]
    return finding(said, summary(judged, shown, missing) | {"needs": needs}, notes, ids_of(contrasts))


def _not_better(contrast: Contrast, seeds: int) -> Compared:
    """Met if the loss is at most the margin below the other's (one-sided, TOST's interval)."""
    shown = contrast.n >= seeds and contrast.inner_low is not None and contrast.inner_low > -contrast.margin
    return outcomes.compared(contrast, "TOST's interval above minus the margin", shown or None)
