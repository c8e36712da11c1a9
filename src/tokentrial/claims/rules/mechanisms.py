"""Rules on how an encoding works: where the signal comes from, and whether reconstruction serves the task."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from tokentrial.claims.rules.contrasts import LOSS, Contrast, gather, margin_of, paired
from tokentrial.claims.rules.outcomes import joined, judge, number, phrase, shown_of, summary, untestable
from tokentrial.claims.rules.results import Results
from tokentrial.claims.rules.telling import finding, limits
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, Finding
from tokentrial.statistics.intervals import t_interval


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
    equivalence: Mapping[str, float],
    seeds: int = 10,
    differs: str = "",
) -> Finding:
    """The signal comes from relationships between tokens: it goes when their order is shuffled.

    A seed's gain is the loss of the arm ``blind`` to its input minus that of the arm, on the data set of that name.
    With ``removed``: shuffling must remove at least that share of the intact gain; without it: the intact gain must be
    above 0 and the shuffled one equivalent to 0. With ``relabelled``: renaming the tokens must leave the loss
    equivalent. All parts confirmed: CONFIRMED; one refuted (its interval wholly on the other side): REFUTED.
    equivalence: the claim's own margin (``relative``: to the blind arm's, or to the intact, loss).
    """
    names = {"intact": intact, "shuffled": shuffled, **({"relabelled": relabelled} if relabelled else {})}
    conditions = {part: results.select(study, {"data": [name]})[0] for part, name in names.items()}
    if absent := [names[part] for part, found in conditions.items() if not found]:
        return untestable([f"{study} ({name})" for name in absent])
    where = {part: found[0] for part, found in conditions.items()}
    losses = {part: results.values(name, arm, LOSS) for part, name in where.items()}
    gains = {part: _gain(results, name, arm, blind) for part, name in where.items()}
    if gains["intact"].empty or gains["shuffled"].empty:
        return untestable([f"{arm} and {blind} in {study}"])
    blind_loss = float(results.values(where["shuffled"], blind, LOSS).mean())
    recomputed: dict[str, Any] = {f"gain_{part}": float(gain.mean()) for part, gain in gains.items()}
    if removed is not None:
        parts = [_removed(gains, removed, seeds, results.confidence, recomputed)]
    else:
        limit = margin_of(equivalence, float("nan"), blind_loss)
        parts = _gains(gains, limit, seeds, results.confidence, recomputed)
    if relabelled:
        limit = margin_of(equivalence, float("nan"), float(losses["intact"].mean()))
        same = paired("relabelled against intact", losses["relabelled"], losses["intact"], limit, results.confidence)
        parts.append(_equivalence("relabelling changes the loss by", same, seeds, recomputed, "relabelled"))
    said = {outcome for outcome, _ in parts}
    verdict = REFUTED if REFUTED in said else CONFIRMED if said == {CONFIRMED} else INCONCLUSIVE
    fewest = min(len(gain) for gain in gains.values())
    recomputed |= {"n": fewest, "differs": differs}
    few = f"{fewest} of the {seeds} seeds that the rule asks for" if fewest < seeds else ""
    notes = [*(text for _, text in parts), few, f"design: {differs}" if differs else ""]
    return finding(verdict, recomputed, notes, _ids(results, list(where.values()), arm, blind))


def _gain(results: Results, condition: str, arm: str, blind: str) -> pd.Series:
    return (results.values(condition, blind, LOSS) - results.values(condition, arm, LOSS)).dropna()


def _ids(results: Results, conditions: Sequence[str], arm: str, blind: str) -> list[str]:
    return [name for condition in conditions for name in results.ids(condition, (arm, blind), LOSS)]


def _removed(
    gains: Mapping[str, pd.Series], least: float, seeds: int, confidence: float, recomputed: dict[str, Any]
) -> tuple[str, str]:
    """The share of the intact gain that shuffling removes, by seed."""
    share = (1 - gains["shuffled"] / gains["intact"]).dropna()
    low, high = t_interval(share, confidence) if len(share) > 1 else (float("nan"), float("nan"))
    recomputed |= {"removed": float(share.mean()), "removed_low": low, "removed_high": high}
    text = f"shuffling removes {share.mean():.1%} [{low:.1%}, {high:.1%}] of the gain over a blind model"
    if len(share) < seeds:
        return INCONCLUSIVE, text
    return CONFIRMED if low >= least else REFUTED if high < least else INCONCLUSIVE, f"{text}, {least:.0%} asked for"


def _gains(
    gains: Mapping[str, pd.Series], margin: float, seeds: int, confidence: float, recomputed: dict[str, Any]
) -> list[tuple[str, str]]:
    """The intact gain against 0, and the shuffled one for equivalence with 0."""
    zero = gains["intact"] * 0.0
    intact = paired("intact gain", gains["intact"], zero, margin, confidence)
    low, high = intact.low, intact.high
    text = f"the gain of the intact text is {number(intact.difference)} nats [{number(low)}, {number(high)}]"
    enough = intact.n >= seeds and low is not None and high is not None
    first = (
        INCONCLUSIVE if not enough else CONFIRMED if (low or 0) > 0 else REFUTED if (high or 0) <= 0 else INCONCLUSIVE
    )
    left = paired("shuffled gain", gains["shuffled"], gains["shuffled"] * 0.0, margin, confidence)
    return [(first, text), _equivalence("that of the shuffled text is", left, seeds, recomputed, "shuffled")]


def _equivalence(words: str, found: Contrast, seeds: int, recomputed: dict[str, Any], name: str) -> tuple[str, str]:
    """Equivalent: CONFIRMED; the whole t interval outside the margin: REFUTED."""
    recomputed |= {
        f"{name}_difference": found.difference, f"{name}_low": found.low, f"{name}_high": found.high,
        f"{name}_margin": found.margin, f"{name}_p_tost": found.p_tost,
    }  # fmt: skip
    inner = f"{100 * (2 * found.confidence - 1):g} % [{number(found.inner_low)}, {number(found.inner_high)}]"
    text = f"{words} {number(found.difference, True)} nats ({inner}, margin {number(found.margin)})"
    if found.n < seeds or found.low is None or found.high is None:
        return INCONCLUSIVE, text
    outside = found.low > found.margin or found.high < -found.margin
    return CONFIRMED if found.equivalent else REFUTED if outside else INCONCLUSIVE, text


def no_better_than_random(
    results: Results,
    reported: Mapping[str, Any],
    *,
    cells: Sequence[Mapping[str, Any]],
    metric: str,
    equivalence: Mapping[str, float],
    needs: str,
    seeds: int = 10,
) -> Finding:
    """Codes trained to reconstruct are not better than random ones by more than the margin, in every cell.

    This is the first half of its claim's rule and can only confirm it: codes that are better than random do not refute
    a misalignment, for which the other half of the rule, on ``needs``, would have to be run.
    """
    found, missing = gather(results, cells, metric, equivalence)
    if not found:
        return untestable(missing)
    judged = judge(found, partial(_not_better, seeds=seeds))
    verdict = joined(judged, "every", missing)
    shown = shown_of(judged, verdict)
    counted = [entry for entry in judged if not entry.excluded]
    none = sum(entry.outcome == CONFIRMED for entry in counted)
    notes = [
        f"not better than random codes by more than the margin in {none} of {len(counted)} cells where both arms learn",
        phrase(shown),
        f"to refute the claim takes {needs}, which this run does not have" if verdict != CONFIRMED else "",
        *limits(found, shown, verdict, seeds, missing, ""),
    ]
    ids = [name for entry in found for name in entry.ids]
    return finding(verdict, summary(judged, shown, missing) | {"needs": needs}, notes, ids)


def _not_better(found: Contrast, seeds: int) -> str:
    """CONFIRMED where the loss is at most the margin below the other's (one-sided, TOST's interval)."""
    if found.n < seeds or found.inner_low is None:
        return INCONCLUSIVE
    return CONFIRMED if found.inner_low > -found.margin else INCONCLUSIVE
