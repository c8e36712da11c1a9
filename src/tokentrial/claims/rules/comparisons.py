"""Rules for claims that one arm is better than another, or that it is not worse."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from scipy import stats

from tokentrial.claims.catalogue import rule
from tokentrial.claims.judge import verdict
from tokentrial.claims.rules import outcomes
from tokentrial.claims.rules.contrasts import Contrast, Margin, Pairs, Released, better, fewer, gather, ids_of
from tokentrial.claims.rules.outcomes import Compared, criteria, finding, limits, phrase, summary, untestable
from tokentrial.claims.rules.replicated import Original, ratios, replicated, words_of
from tokentrial.claims.rules.results import Results, keys
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, UNTESTABLE, Finding, Value
from tokentrial.errors import InputError
from tokentrial.statistics.multiplicity import holm as holm_adjusted

Quantified = Literal["every", "agree"]
MAINTAINED_WORDS = {
    CONFIRMED: "shown to be at most the margin worse",
    REFUTED: "shown to be worse by more than the margin",
    INCONCLUSIVE: "undecided",
}


@rule("Is one arm significantly better (or worse) than another, and not only inside the margin?")
def superior(
    results: Results,
    reported: Mapping[str, Any],
    *,
    cells: Sequence[Pairs],
    metric: str,
    claimed: Literal["better", "worse"] = "better",
    quantifier: Quantified = "every",
    equivalence: Margin | None = None,
    seeds: int = 10,
    released: Sequence[Released] = (),
    original: Original | None = None,
    at: Mapping[str, Any] | None = None,
    ratio: str = "",
    differs: str = "",
) -> Finding:
    """Paired t test with Holm's p, interval, and TOST at the margin; per cell see `outcomes.superiority`.

    A refuted claim whose released code shows the effect is an ARTEFACT. original and at: the replication statistics, at
    the cell with these keys; ratio: the name of a reported quality ratio (loss of the arm over that of the other),
    compared with the seeds'; differs: how the design differs from the claim's.
    """
    contrasts, missing = gather(results, cells, metric, equivalence)
    if not contrasts:
        return untestable(missing)
    claim = 1.0 if claimed == "better" else -1.0
    sides = partial(outcomes.superiority, sign=claim * better(metric), alpha=results.alpha, seeds=seeds)
    judged = criteria(contrasts, sides, saturated=False)
    showing = outcomes.as_released(results, cells[0]["study"], released, claim)
    said = verdict(judged, quantifier, missing, showing)
    shown = outcomes.shown_of(judged, verdict(judged, quantifier, missing))
    recomputed = summary(judged, shown, missing) | {"released_shows": len(showing), "differs": differs}
    beside, extra = _beside(results, judged, shown, reported, original, at, ratio, released)
    told = [outcomes.counts(judged, outcomes.SUPERIOR_WORDS), phrase(shown), extra]
    told.append(outcomes.released_note(len(released), len(showing), said))
    notes = [*told, *limits(contrasts, shown, said, seeds, missing, differs)]
    return finding(said, recomputed | beside, notes, [*ids_of(contrasts), *showing])


@rule("Is an arm at most the margin worse than another: is performance maintained?")
def not_worse(
    results: Results,
    reported: Mapping[str, Any],
    *,
    cells: Sequence[Pairs],
    metric: str,
    equivalence: Margin,
    quantifier: Quantified = "every",
    seeds: int = 10,
    holm: bool = False,
    fewer_than: str = "",
    original: Original | None = None,
    at: Mapping[str, Any] | None = None,
    differs: str = "",
) -> Finding:
    """Per cell see `outcomes.maintained`.

    A cell counts as maintained only if both arms beat the best prediction that ignores the input; without such cells
    the claim is vacuous. holm: the one-sided p corrected over the claim's cells, and the 95 % bound instead of TOST's.
    fewer_than: an arm than which the first arm must have fewer parameters in its built modules, in every cell.
    """
    contrasts, missing = gather(results, cells, metric, equivalence)
    if not contrasts:
        return untestable(missing)
    sign = better(metric)
    kept = partial(outcomes.maintained, sign=sign, seeds=seeds)
    judged = criteria(contrasts, _strictly(kept, contrasts, sign, results.alpha) if holm else kept, reference=True)
    said = verdict(judged, quantifier, missing)
    larger = [entry for entry in contrasts if fewer_than and not fewer(results, entry, fewer_than)]
    if larger and said == CONFIRMED:
        said = REFUTED
    shown, counted = outcomes.shown_of(judged, said), [entry.about for entry in outcomes.deciding(judged)]
    solved = sum(entry.saturated for entry in counted)
    recomputed = summary(judged, shown, missing) | {
        "equivalent": sum(entry.equivalent for entry in counted),
        "not_smaller": len(larger), "margin_share": shown.margin_share, "solved": solved, "differs": differs,
    }  # fmt: skip
    beside, extra = _beside(results, judged, shown, reported, original, at)
    smaller = f"fewer parameters than {fewer_than} in {len(contrasts) - len(larger)} of {len(contrasts)} comparisons"
    both = f"both arms are within the margin of the best possible in {solved}" if solved else ""
    told = [outcomes.counts(judged, MAINTAINED_WORDS), phrase(shown, "margin"), smaller if fewer_than else "", both]
    notes = [*told, outcomes.wide(shown), extra, *limits(contrasts, shown, said, seeds, missing, differs)]
    return finding(said, recomputed | beside, notes, ids_of(contrasts))


@rule("What would it take to decide a claim that no study of the run is about?")
def needs_study(results: Results, reported: Mapping[str, Any], *, study: str, needs: str) -> Finding:
    """UNTESTABLE. Raises InputError if the run has that study after all: the claim then needs a rule that reads it."""
    if results.has_study(study):
        raise InputError(f"rule needs_study: this run has {study!r}; give the claim a rule that judges it")
    reason = f"This run has no study {study}, and nothing else in it decides the claim: {needs}."
    return Finding(UNTESTABLE, {"missing": [study], "needs": needs}, reason, source="none")


def _beside(
    results: Results, judged: Sequence[Compared], shown: Contrast, reported: Mapping[str, Any],
    original: Original | None, at: Mapping[str, Any] | None, ratio: str = "", released: Sequence[Released] = (),
) -> tuple[dict[str, Value], str]:  # fmt: skip
    """What stands beside a verdict: the replication statistics, or the printed ratio among the seeds'.

    Of the first comparison that counts and whose cell has the keys ``at``; of the shown one if none has.
    """
    columns = {entry.about: keys(results.condition(entry.about.condition)) for entry in outcomes.deciding(judged)}
    named = [it for it, known in columns.items() if at and all(known.get(key) == value for key, value in at.items())]
    place = [*named, shown][0]
    if original is not None:
        numbers = replicated(results, place, original, reported)
        return numbers, words_of(numbers, place)
    return ratios(results, place, reported, ratio, released) if ratio else ({}, "")


def _strictly(
    kept: Callable[[Contrast], Compared], contrasts: Sequence[Contrast], sign: float, alpha: float
) -> Callable[[Contrast], Compared]:
    """Maintained performance with Holm's correction of the one-sided p over these comparisons, and the 95 % bound."""
    corrected = _holm_noninferior(contrasts, sign)

    def strictly(entry: Contrast) -> Compared:
        criterion, ends = kept(entry), entry.ends(sign)
        shown = corrected[id(entry)] < alpha and ends is not None and ends[0] > -entry.margin
        return replace(criterion, met=None) if criterion.met and not shown else criterion

    return strictly


def _holm_noninferior(contrasts: Sequence[Contrast], sign: float) -> dict[int, float]:
    """Holm's p of 'at most the margin worse' over the claim's comparisons, by identity."""
    raw = []
    for entry in contrasts:
        if not entry.sd or entry.n < 2:
            raw.append(0.0 if sign * entry.difference > -entry.margin and entry.n > 1 else 1.0)
            continue
        t = (sign * entry.difference + entry.margin) / (entry.sd / entry.n**0.5)
        raw.append(float(stats.t.sf(t, entry.n - 1)))
    return {id(entry): float(p) for entry, p in zip(contrasts, holm_adjusted(raw), strict=True)}
