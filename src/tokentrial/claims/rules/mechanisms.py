"""Rules on how an encoding works: where the signal comes from, and whether reconstruction serves the task."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from tokentrial.claims.catalogue import rule
from tokentrial.claims.judge import Criterion, at_least, verdict
from tokentrial.claims.rules import outcomes, words
from tokentrial.claims.rules.contrasts import LOSS, Contrast, Margin, Pairs, by_share, gather, ids_of, margin_of, paired
from tokentrial.claims.rules.outcomes import Compared, criteria, finding, limits, number, phrase, summary, untestable
from tokentrial.claims.rules.results import Results
from tokentrial.claims.verdict import CONFIRMED, UNTESTABLE, Finding
from tokentrial.statistics.cramming import Estimate
from tokentrial.statistics.intervals import t_interval

Part = Criterion[str]
"""A part of the claim, about the text of that name."""


def _signal_words(given: Mapping[str, Any]) -> str:
    removed, margin = given["removed"], words.margin(given["equivalence"])
    gone = f"the intact gain is above 0 and the shuffled one equivalent to 0 (TOST, {margin})"
    if removed is not None:
        gone = f"shuffling removes at least {removed:.0%} of the gain over an arm that sees no input, by its interval"
    renamed = f", and renaming the tokens leaves the loss equivalent (TOST, {margin})" if given["relabelled"] else ""
    return (
        f"Held-out loss, at least {given['seeds']} seeds: confirmed if {gone}{renamed}; refuted if an interval, at a "
        "level divided by the number of parts, lies wholly on the other side; UNTESTABLE where the source leaves so "
        "little to learn in the shuffled text that it cannot fail."
    )


@rule("Does the signal come from relationships between tokens: does it go when their order is shuffled?", _signal_words)
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
    equivalent. All parts confirmed: CONFIRMED; one refuted (its interval wholly on the other side, at a level that is
    divided by the number of parts): REFUTED. UNTESTABLE where it cannot fail: the shuffled source has less left to
    learn than would be needed. equivalence: the claim's own margin (``relative``: to the blind arm's, or to the
    intact, loss).
    """
    names = {"intact": intact, "shuffled": shuffled, **({"relabelled": relabelled} if relabelled else {})}
    where = {part: next(iter(results.chosen(study, {"data": [name]})[0]), "") for part, name in names.items()}
    if absent := [name for part, name in names.items() if not where[part]]:
        return untestable([f"{study} ({name})" for name in absent])
    losses = {part: results.values(name, arm, LOSS) for part, name in where.items()}
    gains = {part: _gain(results, name, arm, blind) for part, name in where.items()}
    if gains["intact"].empty or gains["shuffled"].empty:
        return untestable([f"{arm} and {blind} in {study}"])
    blind_loss = float(results.values(where["shuffled"], blind, LOSS).mean())
    recomputed: dict[str, Any] = {f"gain_{part}": float(gain.mean()) for part, gain in gains.items()}
    if removed is not None and (certain := _by_construction(results, where["shuffled"], arm, removed, recomputed)):
        return certain
    once = results.alpha / (1 + (removed is None) + bool(relabelled))  # Bonferroni's level of refuting by one part
    limit = by_share(results, where["shuffled"], LOSS, margin_of(equivalence, math.nan, blind_loss))
    if removed is not None:
        parts = [_removed(gains, removed, seeds, results.confidence, once, recomputed)]
    else:
        parts = _gains(gains, limit, seeds, results.confidence, once, recomputed)
    if relabelled:
        same = _renamed(results, where, losses, equivalence)
        parts.append(_equivalence("relabelling changes the loss by", same, seeds, once, recomputed, "relabelled"))
    fewest = min(map(len, gains.values()))
    recomputed |= {"n": fewest, "differs": differs}
    notes = [*(part.words for part in parts), outcomes.few_seeds(fewest, seeds), f"design: {differs}" * bool(differs)]
    ids = [name for condition in where.values() for name in results.ids(condition, (arm, blind), LOSS)]
    return finding(verdict(parts), recomputed, notes, ids)


def _renamed(
    results: Results, where: Mapping[str, str], losses: Mapping[str, pd.Series], equivalence: Margin
) -> Contrast:
    """The loss with renamed tokens against that of the intact text."""
    limit = margin_of(equivalence, math.nan, float(losses["intact"].mean()))
    limit = by_share(results, where["intact"], LOSS, limit)
    return paired("relabelled against intact", losses["relabelled"], losses["intact"], limit, results.confidence)


def _gain(results: Results, condition: str, arm: str, blind: str) -> pd.Series:
    return (results.values(condition, blind, LOSS) - results.values(condition, arm, LOSS)).dropna()


def _by_construction(
    results: Results, shuffled: str, arm: str, removed: float, recomputed: Mapping[str, float]
) -> Finding | None:
    """The finding where shuffling must remove enough: what the shuffled source has left to learn, from the best
    constant prediction to its floor, is too small a share of the intact gain. None where it could fail.
    """
    bounds, intact = results.level(shuffled, arm, LOSS), recomputed["gain_intact"]
    if bounds.get("floor") is None or bounds.get("unigram") is None or intact <= 0:
        return None
    left = float(bounds["unigram"] - bounds["floor"])
    if 1 - left / intact < removed:
        return None
    reason = (
        f"This holds by construction and tests nothing: of the intact text an arm learns {number(intact)} nats, and "
        f"the shuffled source has {number(left)} nats to learn, so that shuffling removes at least "
        f"{1 - left / intact:.1%}, whatever the arm; {removed:.0%} asked for."
    )
    return Finding(UNTESTABLE, {**recomputed, "left_to_learn": left, "by_construction": True}, reason, source="none")


def _removed(
    gains: Mapping[str, pd.Series], least: float, seeds: int, confidence: float, once: float,
    recomputed: dict[str, Any],
) -> Part:  # fmt: skip
    """The share of the intact gain that shuffling removes, by seed. once: the level of refuting."""
    share = (1 - gains["shuffled"] / gains["intact"]).dropna()
    several = len(share) > 1
    low, high = t_interval(share, confidence) if several else (math.nan, math.nan)
    refuted = several and t_interval(share, 1 - once)[1] < least
    recomputed |= {"removed": float(share.mean()), "removed_low": low, "removed_high": high}
    text = f"shuffling removes {share.mean():.1%} [{low:.1%}, {high:.1%}] of the gain over a blind model"
    estimate, threshold = Estimate(float(share.mean()), low, high, len(share)), f"{least:.0%} asked for"
    if len(share) < seeds:
        return Criterion("removed", text, estimate, threshold, None, "shuffled")
    met = True if at_least(estimate, least) else False if refuted else None
    return Criterion("removed", f"{text}, {threshold}", estimate, threshold, met, "shuffled")


def _gains(
    gains: Mapping[str, pd.Series], margin: float, seeds: int, confidence: float, once: float,
    recomputed: dict[str, Any],
) -> list[Part]:  # fmt: skip
    """The intact gain against 0, and the shuffled one for equivalence with 0. once: the level of refuting."""
    intact, left = (
        paired(f"{part} gain", gains[part], gains[part] * 0.0, margin, confidence) for part in ("intact", "shuffled")
    )
    low, high = intact.low, intact.high
    text = f"the gain of the intact text is {number(intact.difference)} nats [{number(low)}, {number(high)}]"
    met = None
    if intact.n >= seeds and low is not None and high is not None:
        met = True if low > 0 else False if intact.interval(once)[1] <= 0 else None
    first = Criterion("gain", text, intact.estimate, "interval above 0", met, "intact")
    return [first, _equivalence("that of the shuffled text is", left, seeds, once, recomputed, "shuffled")]


def _equivalence(
    words: str, contrast: Contrast, seeds: int, once: float, recomputed: dict[str, Any], name: str
) -> Part:
    """Met if equivalent, not met if the whole t interval at the level ``once`` is outside the margin."""
    recomputed |= {
        f"{name}_difference": contrast.difference, f"{name}_low": contrast.low, f"{name}_high": contrast.high,
        f"{name}_margin": contrast.margin, f"{name}_p_tost": contrast.p_tost,
    }  # fmt: skip
    inner = f"{100 * (2 * contrast.confidence - 1):g} % [{number(contrast.inner_low)}, {number(contrast.inner_high)}]"
    text = f"{words} {number(contrast.difference, True)} nats ({inner}, margin {number(contrast.margin)})"
    met = None
    if contrast.n >= seeds and contrast.low is not None and contrast.high is not None:
        low, high = contrast.interval(once)
        outside = low > contrast.margin or high < -contrast.margin
        met = True if contrast.equivalent else False if outside else None
    return Criterion("difference", text, contrast.estimate, "TOST's interval inside the margin", met, name)


def _random_words(given: Mapping[str, Any]) -> str:
    return (
        f"{words.paired(given)}: confirmed if in every comparison the arm is better by at most "
        f"{words.margin(given['equivalence'])} (one-sided, as TOST); not refuted without {given['needs']}. "
        f"{words.COUNTING}"
    )


@rule(
    "Are codes trained to reconstruct no better than random ones by more than the margin, in every cell?",
    _random_words,
)
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
