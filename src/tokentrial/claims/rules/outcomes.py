"""Comparisons of two arms as criteria of a claim, and the sentence that explains the verdict on them."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tokentrial.claims.judge import Criterion
from tokentrial.claims.rules.contrasts import Contrast, Released, better, holm_one_sided
from tokentrial.claims.rules.results import Results
from tokentrial.claims.verdict import (
    ARTEFACT,
    CONFIRMED,
    INCONCLUSIVE,
    REFUTED,
    TOO_SMALL,
    UNTESTABLE,
    Finding,
    Value,
    capital,
    listed,
)
from tokentrial.run.finals import METRICS

UNITS = {"accuracy": "", "simulated_loss": "", "steps": " steps"}
NATS = " nats"
WIDE = 0.2
"""Share of what there is to learn above which a reason says how wide a margin is."""
ASIDE = {
    "vacuous": "where nothing was learned from the input",
    "saturated": "where both arms are within the margin of the best possible",
}
"""Why a comparison does not count, and how a reason says it."""
SUPERIOR_WORDS = {
    CONFIRMED: "significant as claimed",
    TOO_SMALL: "significant as claimed but inside the margin",
    REFUTED: "opposite or equivalent",
    INCONCLUSIVE: "undecided",
}

Compared = Criterion[Contrast]


def compared(contrast: Contrast, threshold: str, met: bool | None, small: bool = False) -> Compared:
    """A comparison as a criterion."""
    words = f"{contrast.arm} minus {contrast.other}"
    return Criterion(contrast.metric, words, contrast.estimate, threshold, met, contrast, small)


def superiority(contrast: Contrast, sign: float, alpha: float, seeds: int) -> Compared:
    """Is the arm better (sign x difference above 0): significant by Holm's p, with the interval on that side.

    Not met if the interval is on the other side and Holm's p is as low, or if the difference is inside the margin, by
    TOST with Holm's correction, without being significant in the claimed direction; small if it is both. So refuting
    takes the correction that confirming takes. Undecided also for fewer seeds than the rule asks for.
    """
    ends, met = contrast.ends(sign), None
    if ends is not None and contrast.n >= seeds:
        significant = contrast.p_holm is not None and contrast.p_holm < alpha
        equivalent = contrast.equivalent and contrast.p_tost_holm is not None and contrast.p_tost_holm < alpha
        if ends[0] > 0 and significant:
            met = True
        elif (ends[1] < 0 and significant) or equivalent:
            met = False
    return compared(contrast, f"Holm's p below {alpha:.2g}, interval on the claimed side", met, contrast.equivalent)


def maintained(
    contrasts: Sequence[Contrast], sign: float, alpha: float, seeds: int, strict: bool = False
) -> Callable[[Contrast], Compared]:
    """Is the arm at most the margin worse (one-sided: the end of TOST's interval), as a rule for these comparisons.

    Not met if the whole interval is worse by more than the margin, by a p with Holm's correction over the comparisons,
    since one of them refutes a claim about all. That all are confirmed needs no correction; strict: one of several is
    enough, so that the p of confirming is corrected, too, and the whole interval has to be there. A result that is
    better by more than the margin refutes nothing, though a two-sided TOST would reject equivalence.
    """
    kept, worse = holm_one_sided(contrasts, sign, worse=False), holm_one_sided(contrasts, sign, worse=True)

    def judged(entry: Contrast) -> Compared:
        ends, inner, met = entry.ends(sign), entry.inner_ends(sign), None
        if ends is not None and inner is not None and entry.n >= seeds:
            within = inner[0] > -entry.margin
            if within and (not strict or (kept[id(entry)] < alpha and ends[0] > -entry.margin)):
                met = True
            elif ends[1] < -entry.margin and worse[id(entry)] < alpha / 2:
                met = False
        return compared(entry, "TOST's interval above minus the margin", met)

    return judged


def criteria(
    contrasts: Sequence[Contrast], rule: Callable[[Contrast], Compared], reference: bool = False
) -> list[Compared]:
    """The comparisons by a rule; those without anything learned do not count, nor those that both arms solve.

    Vacuous is a comparison of which neither arm has learned, or with ``reference`` one whose other arm has not, since
    then there is no performance to maintain; an arm that has not learned beside one that has is not confirmed there.
    Where both arms are within the margin of the best possible, no difference beyond the margin can exist: nothing that
    a claim says of two arms can fail there. An arm that is to beat several others in a condition is not shown to do so
    by those comparisons that count, if one of them does not. Contrasts that may not refute are undecided in place of
    it.
    """
    judged: list[Compared] = []
    for entry in contrasts:
        criterion, (arm, other) = rule(entry), entry.unlearned
        if reference and arm and not other and criterion.outcome == CONFIRMED:
            criterion = replace(criterion, met=None)
        if criterion.met is False and not entry.refutes:
            criterion = replace(criterion, met=None)
        aside = "vacuous" if other and (arm or reference) else "saturated" if entry.saturated else ""
        judged.append(replace(criterion, aside=aside))
    open_ = {(entry.about.condition, entry.about.arm) for entry in judged if entry.aside and not reference}
    return [
        replace(entry, met=None) if entry.met and (entry.about.condition, entry.about.arm) in open_ else entry
        for entry in judged
    ]


def deciding(judged: Sequence[Compared]) -> list[Compared]:
    """The comparisons that count."""
    return [entry for entry in judged if entry.decides]


def untestable(missing: Sequence[str]) -> Finding:
    """No comparison of the claim is in this run."""
    wanted = listed(list(missing)) if missing else "its comparisons"
    return Finding(UNTESTABLE, {"missing": list(missing)}, f"This run has no results of {wanted}.", source="none")


def summary(judged: Sequence[Compared], shown: Contrast, missing: Sequence[str]) -> dict[str, Value]:
    """The numbers that every finding about comparisons carries, under the same names."""
    counted, (held, places) = deciding(judged), holding(judged)
    outcomes = {"confirmed": CONFIRMED, "too_small": TOO_SMALL, "refuted": REFUTED, "inconclusive": INCONCLUSIVE}
    return {
        "cells": len(judged),
        "decided": len(counted),
        "conditions_held": held,
        "conditions_decided": places,
        **{name: sum(entry.outcome == outcome for entry in counted) for name, outcome in outcomes.items()},
        **{name: sum(entry.aside == name for entry in judged) for name in ASIDE},
        "missing": list(missing),
        "shown": shown.ids[0] if shown.ids else shown.label,
        "metric": shown.metric,
        "n": shown.n,
        "mean": shown.mean,
        "other_mean": shown.other_mean,
        "difference": shown.difference,
        "low": shown.low,
        "high": shown.high,
        "p_holm": shown.p_holm,
        "margin": shown.margin,
        "p_tost": shown.p_tost,
        "smallest_margin": shown.smallest_margin,
        "minimal_detectable": shown.detectable,
    }


def holding(judged: Sequence[Compared]) -> tuple[int, int]:
    """In how many conditions (a text, a model, a source) all comparisons that count are confirmed, and of how many."""
    by_condition: dict[str, list[str]] = {}
    for entry in deciding(judged):
        by_condition.setdefault(entry.about.condition, []).append(entry.outcome)
    return sum(set(found) == {CONFIRMED} for found in by_condition.values()), len(by_condition)


def shown_of(judged: Sequence[Compared], verdict: str) -> Contrast:
    """The comparison that a reader sees: the first that says what the verdict says, else the first that counts."""
    counted = deciding(judged) or list(judged)
    return next((entry for entry in counted if entry.outcome == verdict), counted[0]).about


def unit(metric: str) -> str:
    return UNITS.get(metric, NATS)


def number(value: float | None, signed: bool = False) -> str:
    """Three significant digits; a dash if it is undefined."""
    if value is None:
        return "-"
    return f"{value:+.3g}" if signed else f"{value:.3g}"


def phrase(contrast: Contrast, test: str = "difference") -> str:
    """``learned minus autoencoder +0.0242 nats [0.02, 0.0284], Holm p 3e-06, margin 0.0107, n = 10 (where)``.

    test: what the claim tests, its ``difference``, the ``margin`` (no p of the difference), or the ``sign`` alone.
    """
    interval = f" [{number(contrast.low)}, {number(contrast.high)}]" if contrast.low is not None else ""
    p = f", Holm p {contrast.p_holm:.2g}" if contrast.p_holm is not None and test != "margin" else ""
    margin = f", margin {number(contrast.margin)}" if test != "sign" else ""
    difference = f"{number(contrast.difference, signed=True)}{unit(contrast.metric)}{interval}{p}{margin}"
    return f"{contrast.arm} minus {contrast.other} {difference}, n = {contrast.n} ({contrast.label})"


def counts(judged: Sequence[Compared], words: Mapping[str, str]) -> str:
    """``significant as claimed in 2 and undecided in 1 of 3 cells; 1 cell where ... does not count``."""
    counted = deciding(judged)
    times = {word: sum(entry.outcome == outcome for entry in counted) for outcome, word in words.items()}
    parts = [f"{word} in {n}" for word, n in times.items() if n]
    text = f"{listed(parts)} of {len(counted)} {'cell' if len(counted) == 1 else 'cells'}"
    told = [text if parts else "no cell decides"]
    for name, why in ASIDE.items():
        if n := sum(entry.aside == name for entry in judged):
            told.append(f"{n} cell{'s' if n > 1 else ''} {why} do{'' if n > 1 else 'es'} not count")
    return "; ".join(told)


def as_released(results: Results, experiment: str, released: Sequence[Released], claimed: float) -> list[str]:
    """Ids of the released cells' comparisons that show the claimed effect (Holm's p over their script's family).

    A cell that is not in the run is skipped. experiment: any of the script's study. claimed: 1 if the arm is said to be
    better, -1 if it is said to be worse.
    """
    showing = []
    for entry in released:
        conditions = results.released(experiment, entry["script"], entry.get("cell"))
        for condition, metric in itertools.product(conditions[:1], METRICS):
            row = results.pair(condition.id, *entry["pair"], metric)
            if not row or row.get("t_low") is None or row.get("p_holm") is None:
                continue
            sign = claimed * better(metric)
            if min(sign * row["t_low"], sign * row["t_high"]) > 0 and row["p_holm"] < results.alpha:
                showing.append(str(row["comparison"]))
    return showing


def finding(verdict: str, recomputed: Mapping[str, Value], notes: Sequence[str], ids: Sequence[str]) -> Finding:
    """The notes as one sentence, the comparisons without repeats; rows: those of statistics.parquet that they are."""
    text = "; ".join(note for note in notes if note)
    unique = tuple(dict.fromkeys(ids))
    return Finding(verdict, recomputed, f"{capital(text)}.", unique, rows=len(unique))


def limits(
    contrasts: Sequence[Contrast], shown: Contrast, verdict: str, seeds: int, missing: Sequence[str], differs: str
) -> list[str]:
    """What keeps the run from saying more: too few seeds, what it could detect, what it lacks, another design."""
    smallest = f"equivalent under any margin above {shown.smallest_margin or 0:.4g}, here {shown.margin:.4g}"
    detectable = f"minimal detectable difference {number(shown.detectable)}{unit(shown.metric)}"
    return [
        few_seeds(min(entry.n for entry in contrasts), seeds),
        smallest if verdict == TOO_SMALL and shown.equivalent else "",
        detectable if verdict == INCONCLUSIVE and shown.detectable is not None else "",
        f"missing in this run: {', '.join(missing)}" if missing else "",
        f"design: {differs}" if differs else "",
    ]


def few_seeds(fewest: int, seeds: int) -> str:
    """A note if a comparison has fewer seeds than its rule asks for."""
    return f"{fewest} of the {seeds} seeds that the rule asks for" if fewest < seeds else ""


def released_note(planned: int, showing: int, verdict: str) -> str:
    """How many released cells show the effect."""
    if not planned:
        return ""
    text = f"the released code shows the effect in {showing} of {planned} cells"
    return f"{text}, the fair arms do not" if verdict == ARTEFACT else text


def wide(shown: Contrast) -> str:
    """A note if the margin is more than a fifth of what there is to learn: equivalence then says little."""
    share = shown.margin_share
    if share is None or share <= WIDE:
        return ""
    return f"the margin is {share:.0%} of the distance from the best constant prediction to the best possible"
