"""What a comparison says about a claim, how several comparisons make one verdict, and the sentence that explains it.

Outcomes of one comparison are the verdicts themselves. Two quantifiers join them:

``every``   the claim is about each cell: one refuted cell refutes it, and it is confirmed only if all cells are.
``agree``   the cells are settings of one effect (task models, data sets): the verdict on which all that decide agree.

TOO SMALL counts as a weaker confirmation under ``every``: an effect that is there in each cell and matters in some
only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokentrial.claims.rules.contrasts import Contrast, better
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
    listed,
)
from tokentrial.errors import InputError
from tokentrial.statistics.tables import METRICS

QUANTIFIERS = ("every", "agree")
UNITS = {"accuracy": "", "simulated_loss": "", "steps": " steps"}
NATS = " nats"
SUPERIOR_WORDS = {
    CONFIRMED: "significant as claimed",
    TOO_SMALL: "significant as claimed but inside the margin",
    REFUTED: "opposite or equivalent",
    INCONCLUSIVE: "undecided",
}


@dataclass(frozen=True)
class Judged:
    """One comparison with its outcome, and why it does not count (``vacuous``, ``saturated``); empty if it does."""

    contrast: Contrast
    outcome: str
    excluded: str = ""


def superiority(found: Contrast, sign: float, alpha: float, seeds: int) -> str:
    """Is the arm better (sign x difference above 0): significant by Holm's p, with the interval on that side.

    REFUTED where the interval is on the other side, or the difference is inside the margin without being significant in
    the claimed direction; TOO SMALL where it is both. INCONCLUSIVE also for fewer seeds than the rule asks for.
    """
    ends = found.ends(sign)
    if ends is None or found.n < seeds:
        return INCONCLUSIVE
    significant = ends[0] > 0 and found.p_holm is not None and found.p_holm < alpha
    if significant:
        return TOO_SMALL if found.equivalent else CONFIRMED
    return REFUTED if ends[1] < 0 or found.equivalent else INCONCLUSIVE


def maintained(found: Contrast, sign: float, seeds: int) -> str:
    """Is the arm at most the margin worse (one-sided: the end of TOST's interval).

    REFUTED where the whole 95 % interval is worse by more than the margin. A result that is better by more than the
    margin does not refute a claim of maintained performance, though a two-sided TOST would reject equivalence.
    """
    ends, inner = found.ends(sign), found.inner_ends(sign)
    if ends is None or inner is None or found.n < seeds:
        return INCONCLUSIVE
    if inner[0] > -found.margin:
        return CONFIRMED
    return REFUTED if ends[1] < -found.margin else INCONCLUSIVE


def judge(
    found: Sequence[Contrast], outcome: Callable[[Contrast], str], reference: bool = False, saturated: bool = True
) -> list[Judged]:
    """Outcomes, and which cells do not count: those where nothing was learned, and saturated ones if others are left.

    Vacuous is a cell where neither arm has learned, or with ``reference`` one where the other arm has not, since then
    there is no performance to maintain; there an arm that has not learned where the other has is not confirmed.
    saturated: whether saturated cells count.
    """
    judged = []
    for entry in found:
        said = outcome(entry)
        arm, other = entry.unlearned
        if reference and arm and not other and said == CONFIRMED:
            said = INCONCLUSIVE
        judged.append(Judged(entry, said, "vacuous" if other and (arm or reference) else ""))
    if saturated or all(entry.excluded or entry.contrast.saturated for entry in judged):
        return judged
    return [
        replace(entry, excluded="saturated") if not entry.excluded and entry.contrast.saturated else entry
        for entry in judged
    ]


def joined(judged: Sequence[Judged], quantifier: str, missing: Sequence[str] = ()) -> str:
    """One verdict of the cells that count; what the run lacks keeps a claim about every cell from being confirmed."""
    if quantifier not in QUANTIFIERS:
        raise InputError(f"quantifier: expected one of {QUANTIFIERS}, found {quantifier!r}")
    said = {entry.outcome for entry in judged if not entry.excluded}
    if quantifier == "every":
        if REFUTED in said:
            return REFUTED
        if not said or INCONCLUSIVE in said or missing:
            return INCONCLUSIVE
        return TOO_SMALL if TOO_SMALL in said else CONFIRMED
    decided = said - {INCONCLUSIVE}
    return decided.pop() if len(decided) == 1 else INCONCLUSIVE


def untestable(missing: Sequence[str]) -> Finding:
    """No comparison of the claim is in this run."""
    wanted = listed(list(missing)) if missing else "its comparisons"
    return Finding(UNTESTABLE, {"missing": list(missing)}, f"This run has no results of {wanted}.", source="none")


def summary(judged: Sequence[Judged], shown: Contrast, missing: Sequence[str]) -> dict[str, Value]:
    """The numbers that every finding about comparisons carries, under the same names."""
    counted = [entry for entry in judged if not entry.excluded]

    def count(outcome: str) -> int:
        return sum(entry.outcome == outcome for entry in counted)

    return {
        "cells": len(judged),
        "decided": len(counted),
        "confirmed": count(CONFIRMED),
        "too_small": count(TOO_SMALL),
        "refuted": count(REFUTED),
        "inconclusive": count(INCONCLUSIVE),
        "vacuous": sum(entry.excluded == "vacuous" for entry in judged),
        "saturated": sum(entry.excluded == "saturated" for entry in judged),
        "missing": list(missing),
        "shown": shown.ids[0] if shown.ids else shown.label,
        **numbers(shown),
    }


def numbers(found: Contrast) -> dict[str, Value]:
    """One comparison's numbers, in the metric's unit and with its sign."""
    return {
        "metric": found.metric,
        "n": found.n,
        "mean": found.mean,
        "other_mean": found.other_mean,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p_holm": found.p_holm,
        "margin": found.margin,
        "p_tost": found.p_tost,
        "smallest_margin": found.smallest_margin,
        "minimal_detectable": found.detectable,
    }


def shown_of(judged: Sequence[Judged], verdict: str) -> Contrast:
    """The comparison that a reader sees: the first that says what the verdict says, else the first that counts."""
    counted = [entry for entry in judged if not entry.excluded] or list(judged)
    agreeing = [entry for entry in counted if entry.outcome == verdict]
    return (agreeing or counted)[0].contrast


def unit(metric: str) -> str:
    return UNITS.get(metric, NATS)


def number(value: float | None, signed: bool = False) -> str:
    """Three significant digits; a dash where it is undefined."""
    if value is None:
        return "-"
    return f"{value:+.3g}" if signed else f"{value:.3g}"


def phrase(found: Contrast, test: str = "difference") -> str:
    """``learned minus autoencoder +0.0242 nats [0.02, 0.0284], Holm p 3e-06, margin 0.0107, n = 10 (where)``.

    test: what the claim tests, its ``difference``, the ``margin`` (no p of the difference), or the ``sign`` alone.
    """
    interval = f" [{number(found.low)}, {number(found.high)}]" if found.low is not None else ""
    p = f", Holm p {found.p_holm:.2g}" if found.p_holm is not None and test != "margin" else ""
    margin = f", margin {number(found.margin)}" if test != "sign" else ""
    difference = f"{number(found.difference, signed=True)}{unit(found.metric)}"
    return f"{found.arm} minus {found.other} {difference}{interval}{p}{margin}, n = {found.n} ({found.label})"


def counts(judged: Sequence[Judged], words: Mapping[str, str]) -> str:
    """``significant as claimed in 2 and undecided in 1 of 3 cells; 1 cell where ... does not count``."""
    counted = [entry for entry in judged if not entry.excluded]
    parts = [
        f"{word} in {sum(entry.outcome == outcome for entry in counted)}"
        for outcome, word in words.items()
        if any(entry.outcome == outcome for entry in counted)
    ]
    aside = {
        "vacuous": "where nothing was learned from the input",
        "saturated": "where both arms are within the margin of the best possible",
    }
    left_out = [
        f"{number_of} cell{'s' if number_of > 1 else ''} {text} do{'' if number_of > 1 else 'es'} not count"
        for name, text in aside.items()
        if (number_of := sum(entry.excluded == name for entry in judged))
    ]
    told = (
        f"{listed(parts)} of {len(counted)} {'cell' if len(counted) == 1 else 'cells'}" if parts else "no cell decides"
    )
    return "; ".join([told, *left_out])


def as_released(results: Results, study: str, released: Sequence[Mapping[str, Any]], claimed: float) -> list[str]:
    """Ids of the released cells' comparisons that show the claimed effect (Holm's p over their script's family).

    released: ``{script, cell, pair: [arm, other]}``, without ``cell`` for a script of one; a cell that is not in the
    run is skipped. claimed: 1 where the arm is said to be better, -1 where it is said to be worse.
    """
    showing = []
    for entry in released:
        parts = [study, "as-released", entry["script"], entry.get("cell")]
        condition = "/".join(str(part) for part in parts if part is not None)
        arm, other = entry["pair"]
        for metric in METRICS:
            row = results.comparison(condition, arm, other, metric)
            if not row or row.get("t_low") is None or row.get("p_holm") is None:
                continue
            sign = claimed * better(metric)
            if min(sign * row["t_low"], sign * row["t_high"]) > 0 and row["p_holm"] < results.alpha:
                showing.append(str(row["comparison"]))
    return showing


def with_artefact(verdict: str, released: Sequence[str]) -> str:
    """A claim that the fair arms refute and the released code shows is an artefact of that code."""
    return ARTEFACT if verdict == REFUTED and released else verdict
