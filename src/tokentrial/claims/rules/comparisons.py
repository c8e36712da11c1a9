"""Rules for claims that one arm is better than another, or that it is not worse."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from scipy import stats

from tokentrial.claims.rules.contrasts import Contrast, better, gather, ids_of
from tokentrial.claims.rules.outcomes import (
    SUPERIOR_WORDS,
    Judged,
    as_released,
    counts,
    joined,
    judge,
    maintained,
    phrase,
    shown_of,
    summary,
    superiority,
    untestable,
    with_artefact,
)
from tokentrial.claims.rules.replicated import ratios, replicated, told
from tokentrial.claims.rules.results import Results
from tokentrial.claims.rules.telling import finding, limits, released_note, wide
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, UNTESTABLE, Finding, Value
from tokentrial.errors import InputError
from tokentrial.statistics.multiplicity import holm as holm_adjusted

Cells = Sequence[Mapping[str, Any]]
MAINTAINED_WORDS = {
    CONFIRMED: "shown to be at most the margin worse",
    REFUTED: "shown to be worse by more than the margin",
    INCONCLUSIVE: "undecided",
}


def superior(
    results: Results,
    reported: Mapping[str, Any],
    *,
    cells: Cells,
    metric: str,
    claimed: str = "better",
    quantifier: str = "every",
    equivalence: Mapping[str, float] | None = None,
    seeds: int = 10,
    released: Cells = (),
    original: Mapping[str, Any] | None = None,
    at: Mapping[str, Any] | None = None,
    ratio: str = "",
    differs: str = "",
) -> Finding:
    """One arm is ``better`` (or ``worse``) than another: paired t test with Holm's p, interval, and TOST at the margin.

    Per cell see `outcomes.superiority`. A refuted claim whose released code shows the effect is an ARTEFACT. original
    and at: the replication statistics, at the cell with these keys; ratio: the name of a reported quality ratio (loss
    of the arm over that of the other), compared with the seeds'; differs: how the design differs from the claim's.

    Raises InputError for an unknown key or name.
    """
    found, missing = gather(results, cells, metric, equivalence or {})
    if not found:
        return untestable(missing)
    claim = _direction(claimed)
    sign = claim * better(metric)
    judged = judge(found, partial(superiority, sign=sign, alpha=results.alpha, seeds=seeds), saturated=False)
    fair = joined(judged, quantifier, missing)
    showing = as_released(results, str(cells[0]["study"]).split("/")[0], released, claim)
    verdict = with_artefact(fair, showing)
    shown = shown_of(judged, fair)
    recomputed = summary(judged, shown, missing) | {"released_shows": len(showing), "differs": differs}
    beside, extra = _beside(results, judged, shown, reported, original, at, ratio, released)
    notes = [
        counts(judged, SUPERIOR_WORDS), phrase(shown), extra, released_note(len(released), len(showing), verdict),
        *limits(found, shown, verdict, seeds, missing, differs),
    ]  # fmt: skip
    return finding(verdict, recomputed | beside, notes, [*ids_of(found), *showing])


def not_worse(
    results: Results,
    reported: Mapping[str, Any],
    *,
    cells: Cells,
    metric: str,
    equivalence: Mapping[str, float],
    quantifier: str = "every",
    seeds: int = 10,
    holm: bool = False,
    fewer_than: str = "",
    original: Mapping[str, Any] | None = None,
    at: Mapping[str, Any] | None = None,
    differs: str = "",
) -> Finding:
    """Performance is maintained: the arm is at most the margin worse, in each cell; see `outcomes.maintained`.

    A cell counts as maintained only if both arms beat the best prediction that ignores the input; without such cells
    the claim is vacuous. holm: the one-sided p corrected over the claim's cells, and the 95 % bound instead of TOST's.
    fewer_than: an arm than which the first arm must have fewer parameters in its built modules, in every cell.

    Raises InputError for an unknown key or name.
    """
    found, missing = gather(results, cells, metric, equivalence)
    if not found:
        return untestable(missing)
    sign = better(metric)
    outcome = _strictly(found, sign, seeds, results.alpha) if holm else partial(maintained, sign=sign, seeds=seeds)
    judged = judge(found, outcome, reference=True)
    verdict = joined(judged, quantifier, missing)
    larger = _not_smaller(results, found, fewer_than)
    if fewer_than and larger and verdict == CONFIRMED:
        verdict = REFUTED
    shown = shown_of(judged, verdict)
    solved = sum(entry.contrast.saturated for entry in judged if not entry.excluded)
    recomputed = summary(judged, shown, missing) | {
        "equivalent": sum(entry.contrast.equivalent for entry in judged if not entry.excluded),
        "not_smaller": len(larger), "margin_share": shown.margin_share, "solved": solved, "differs": differs,
    }  # fmt: skip
    beside, extra = _beside(results, judged, shown, reported, original, at, "", ())
    smaller = f"fewer parameters than {fewer_than} in {len(found) - len(larger)} of {len(found)} comparisons"
    notes = [
        counts(judged, MAINTAINED_WORDS), phrase(shown, "margin"), smaller if fewer_than else "",
        f"both arms are within the margin of the best possible in {solved}" if solved else "", wide(shown), extra,
        *limits(found, shown, verdict, seeds, missing, differs),
    ]  # fmt: skip
    return finding(verdict, recomputed | beside, notes, ids_of(found))


def needs_study(results: Results, reported: Mapping[str, Any], *, study: str, needs: str) -> Finding:
    """A claim that only an experiment decides which no config has: UNTESTABLE, with what it would take.

    Raises InputError where the run has that study after all: the claim then needs a rule that reads it.
    """
    if results.has_study(study):
        raise InputError(f"rule needs_study: this run has {study!r}; give the claim a rule that judges it")
    reason = f"This run has no study {study}, and nothing else in it decides the claim: {needs}."
    return Finding(UNTESTABLE, {"missing": [study], "needs": needs}, reason, source="none")


def _beside(
    results: Results, judged: Sequence[Judged], shown: Contrast, reported: Mapping[str, Any],
    original: Mapping[str, Any] | None, at: Mapping[str, Any] | None, ratio: str, released: Cells,
) -> tuple[dict[str, Value], str]:  # fmt: skip
    """What stands beside a verdict: the replication statistics, or the printed ratio among the seeds'."""
    place = _at(results, judged, at, shown)
    if original is not None:
        made = replicated(results, place, original, reported)
        return made, told(made, place)
    return ratios(results, place, reported, ratio, released) if ratio else ({}, "")


def _direction(claimed: str) -> float:
    if claimed not in ("better", "worse"):
        raise InputError(f"claimed: expected 'better' or 'worse', found {claimed!r}")
    return 1.0 if claimed == "better" else -1.0


def _at(results: Results, judged: Sequence[Judged], at: Mapping[str, Any] | None, default: Contrast) -> Contrast:
    """The first comparison that counts and whose cell has these keys; the shown one where none has."""
    for entry in judged:
        keys = results.keys(entry.contrast.condition)
        if at and not entry.excluded and all(keys.get(key) == value for key, value in at.items()):
            return entry.contrast
    return default


def _strictly(found: Sequence[Contrast], sign: float, seeds: int, alpha: float) -> Callable[[Contrast], str]:
    """Maintained performance with Holm's correction of the one-sided p over these comparisons, and the 95 % bound."""
    corrected = _holm_noninferior(found, sign)

    def outcome(entry: Contrast) -> str:
        said = maintained(entry, sign, seeds)
        ends = entry.ends(sign)
        shown = corrected[id(entry)] < alpha and ends is not None and ends[0] > -entry.margin
        return INCONCLUSIVE if said == CONFIRMED and not shown else said

    return outcome


def _holm_noninferior(found: Sequence[Contrast], sign: float) -> dict[int, float]:
    """Holm's p of 'at most the margin worse' over the claim's comparisons, by identity."""
    raw = []
    for entry in found:
        if not entry.sd or entry.n < 2:
            raw.append(0.0 if sign * entry.difference > -entry.margin and entry.n > 1 else 1.0)
            continue
        t = (sign * entry.difference + entry.margin) / (entry.sd / entry.n**0.5)
        raw.append(float(stats.t.sf(t, entry.n - 1)))
    return {id(entry): float(p) for entry, p in zip(found, holm_adjusted(raw), strict=True)}


def _not_smaller(results: Results, found: Sequence[Contrast], other: str) -> list[str]:
    """Conditions in which the first arm does not have fewer parameters than this other arm."""
    if not other:
        return []
    larger = []
    for entry in found:
        sizes = [results.parameters(entry.condition, arm) for arm in (entry.arm, other)]
        if sizes[0] is None or sizes[1] is None or sizes[0] >= sizes[1]:
            larger.append(entry.condition)
    return larger
