"""Rules for claims that one arm is better than another, or that it is not worse."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from tokentrial.claims.catalogue import rule
from tokentrial.claims.judge import verdict
from tokentrial.claims.rules import outcomes, words
from tokentrial.claims.rules.contrasts import Contrast, Margin, Pairs, Released, better, fewer, gather, ids_of
from tokentrial.claims.rules.outcomes import Compared, criteria, finding, limits, phrase, summary, untestable
from tokentrial.claims.rules.replicated import Original, ratios, replicated, words_of
from tokentrial.claims.rules.results import Results, keys
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, UNTESTABLE, Finding, Value
from tokentrial.errors import InputError

Quantified = Literal["every", "agree"]
MAINTAINED_WORDS = {
    CONFIRMED: "shown to be at most the margin worse",
    REFUTED: "shown to be worse by more than the margin",
    INCONCLUSIVE: "undecided",
}


def _superior_words(given: Mapping[str, Any]) -> str:
    margin = words.margin(given["equivalence"])
    return " ".join(
        [
            f"{words.paired(given)}: {words.superiority(given['claimed'], margin)}.",
            words.QUANTIFIED[given["quantifier"]],
            words.COUNTING,
            words.BESIDE,
            *([words.ARTEFACT] if given["released"] else []),
            *([words.REPLICATION] if given["original"] or given["ratio"] else []),
        ]
    )


@rule("Is one arm significantly better (or worse) than another, and not only inside the margin?", _superior_words)
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
    judged = criteria(contrasts, sides)
    showing = outcomes.as_released(results, cells[0]["study"], released, claim)
    said = verdict(judged, quantifier, missing, showing)
    shown = outcomes.shown_of(judged, verdict(judged, quantifier, missing))
    recomputed = summary(judged, shown, missing) | {"released_shows": len(showing), "differs": differs}
    beside, extra = _beside(results, judged, shown, reported, original, at, ratio, released)
    told = [outcomes.counts(judged, outcomes.SUPERIOR_WORDS), phrase(shown), extra]
    told.append(outcomes.released_note(len(released), len(showing), said))
    notes = [*told, *limits(contrasts, shown, said, seeds, missing, differs)]
    return finding(said, recomputed | beside, notes, [*ids_of(contrasts), *showing])


def _maintained_words(given: Mapping[str, Any]) -> str:
    smaller = f"The arm must have fewer parameters than {given['fewer_than']}." if given["fewer_than"] else ""
    parts = [
        f"{words.paired(given)}: {words.maintained(words.margin(given['equivalence']), given['holm'])}.",
        words.QUANTIFIED[given["quantifier"]],
        smaller,
        words.COUNTING,
        words.REPLICATION if given["original"] else "",
    ]
    return " ".join(part for part in parts if part)


@rule("Is an arm at most the margin worse than another: is performance maintained?", _maintained_words)
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
    judged = criteria(contrasts, outcomes.maintained(contrasts, sign, results.alpha, seeds, holm), reference=True)
    said = verdict(judged, quantifier, missing)
    larger = [entry for entry in contrasts if fewer_than and not fewer(results, entry, fewer_than)]
    if larger and said == CONFIRMED:
        said = REFUTED
    shown, counted = outcomes.shown_of(judged, said), [entry.about for entry in outcomes.deciding(judged)]
    recomputed = summary(judged, shown, missing) | {
        "equivalent": sum(entry.equivalent for entry in counted),
        "not_smaller": len(larger), "margin_share": shown.margin_share, "differs": differs,
    }  # fmt: skip
    beside, extra = _beside(results, judged, shown, reported, original, at)
    smaller = f"fewer parameters than {fewer_than} in {len(contrasts) - len(larger)} of {len(contrasts)} comparisons"
    told = [outcomes.counts(judged, MAINTAINED_WORDS), phrase(shown, "margin"), smaller if fewer_than else ""]
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
