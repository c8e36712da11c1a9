"""Criteria and verdicts of the cramming study: a number against a threshold, and the sentence that this makes.

A criterion is met when its whole interval is where the rule wants it, failed when the whole interval is outside, and
undecided else. A verdict is supported when all its criteria are met, refuted when one is failed, and inconclusive at
this scale when one is undecided, a cell is missing or has too few texts.

ASSUME: where a rule names a range or a limit without an interval, the whole interval has to be there; so an estimate
inside a range with an interval that leaves it decides nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tokentrial.cramming.cells import Block
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive at this scale"
VERDICT = "verdict"
ALL = "all"  # models together
Row = dict[str, Any]


class Where(NamedTuple):
    """What a criterion is about: a model, or several, in some designs."""

    model: str = ALL
    design: str = ""


@dataclass(frozen=True)
class Criterion:
    """One number of a rule. ``decides`` is False for what is reported beside it."""

    quantity: str
    words: str
    found: Estimate
    threshold: str
    met: bool | None
    where: Where
    decides: bool = True

    @property
    def sentence(self) -> str:
        return f"{self.plain} (rule: {self.threshold})" if self.threshold else self.plain

    @property
    def plain(self) -> str:
        return f"{self.words}: {said(self.found)}"


def above(found: Estimate, limit: float) -> bool | None:
    """Whether the interval is above the limit; an end beyond the grid counts as unknown."""
    if found.low is not None and found.low > limit:
        return True
    return False if found.high is not None and found.high < limit else None


def at_least(found: Estimate, limit: float) -> bool | None:
    """The same with the limit itself on the good side."""
    if found.low is not None and found.low >= limit:
        return True
    return False if found.high is not None and found.high < limit else None


def at_most(found: Estimate, limit: float) -> bool | None:
    if found.high is not None and found.high <= limit:
        return True
    return False if found.low is not None and found.low > limit else None


def within(found: Estimate, low: float, high: float) -> bool | None:
    """Whether the interval lies in [low, high]; False where it lies wholly outside."""
    if found.low is None or found.high is None:
        return None
    if low <= found.low and found.high <= high:
        return True
    return False if found.high < low or found.low > high else None


def outcome(met: bool | None) -> str:
    return INCONCLUSIVE if met is None else SUPPORTED if met else REFUTED


def said(found: Estimate) -> str:
    """``12.3 [10.1, 14.0]``, ``at least 32``, ``below 4``, or the note where there is no value."""
    interval = (
        f" [{_number(found.low)}, {_number(found.high)}]" if found.low is not None or found.high is not None else ""
    )
    if found.note.startswith(BELOW):
        return f"below the shortest length of the grid{interval}"
    if found.value is None:
        return f"not defined ({found.note})" if found.note else "not defined"
    return f"{'at least ' if found.note.startswith(ABOVE) else ''}{_number(found.value)}{interval}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}".replace("-", "−")


def judge(
    claim: str,
    criteria: Sequence[Criterion],
    blocks: Iterable[Block | None],
    minimum_texts: int,
    missing: Sequence[str] = (),
    model: str = ALL,
) -> list[Row]:
    """The rows of a claim: each criterion, then the verdict. blocks: the cells behind it, for their number of texts."""
    used = [block for block in blocks if block is not None]
    texts = min((block.fewest for block in used), default=0)
    made = [_row(claim, each) for each in criteria]
    deciding = [each for each in criteria if each.decides]
    failed = [each for each in deciding if each.met is False]
    open_ = [each for each in deciding if each.met is None]
    if missing:
        result, reason = INCONCLUSIVE, f"Not decided: this run lacks {'; '.join(missing)}"
    elif not deciding:
        result, reason = INCONCLUSIVE, "Not decided: nothing of it was measured"
    elif texts < minimum_texts:
        result, reason = (
            INCONCLUSIVE,
            f"Not decided: {texts} texts in the smallest cell, the rule asks for {minimum_texts}",
        )
    elif failed:
        result, reason = REFUTED, f"Refuted: {_listed(failed)}"
    elif open_:
        result, reason = INCONCLUSIVE, f"Not decided: {_listed(open_)}"
    else:
        result, reason = SUPPORTED, f"Supported: {_listed(deciding)}"
    designs = ", ".join(dict.fromkeys(name for block in used for name in block.key.design.split(", ")))
    met = {SUPPORTED: True, REFUTED: False}.get(result)
    threshold = "; ".join(dict.fromkeys(each.threshold for each in deciding))
    single = deciding[0].found if len(deciding) == 1 else Estimate(None, None, None, 0)
    verdict = {"claim": claim, "design": designs, "model": model, "quantity": VERDICT, **_ends(single), "n": texts}
    return [*made, {**verdict, "threshold": threshold, "met": met, "outcome": result, "reason": f"{reason}."}]


def together(claim: str, verdicts: Sequence[Row], missing: Sequence[str] = ()) -> list[Row]:
    """The claim's own verdict from those of single models: none if they disagree, refuted if one refutes it."""
    if not verdicts:
        return judge(claim, [], [], 0, missing)
    found = {row["outcome"] for row in verdicts}
    by_model = "; ".join(f"{row['model']}: {row['outcome']}" for row in verdicts)
    if {SUPPORTED, REFUTED} <= found:
        result, reason = INCONCLUSIVE, f"The models disagree: {by_model}."
    elif len(verdicts) == 1:
        result, reason = verdicts[0]["outcome"], verdicts[0]["reason"]
    else:
        result = REFUTED if REFUTED in found else INCONCLUSIVE if INCONCLUSIVE in found else SUPPORTED
        first = next(row for row in verdicts if row["outcome"] == result)
        reason = f"{by_model}. {first['model']}: {first['reason']}"
    designs = ", ".join(dict.fromkeys(name for row in verdicts for name in row["design"].split(", ") if name))
    own = {"claim": claim, "design": designs, "model": ALL, "quantity": VERDICT}
    single = {name: verdicts[0][name] if len(verdicts) == 1 else None for name in ("estimate", "low", "high")}
    met = {SUPPORTED: True, REFUTED: False}.get(result)
    n = min(row["n"] for row in verdicts)
    return [
        {
            **own,
            **single,
            "n": n,
            "threshold": verdicts[0]["threshold"],
            "met": met,
            "outcome": result,
            "reason": reason,
        }
    ]


def _row(claim: str, each: Criterion) -> Row:
    identity = {"claim": claim, "design": each.where.design, "model": each.where.model, "quantity": each.quantity}
    judged = {"threshold": each.threshold, "met": each.met, "outcome": outcome(each.met) if each.decides else ""}
    text = each.sentence if each.decides else each.plain
    return {**identity, **_ends(each.found), "n": each.found.n, **judged, "reason": f"{text[0].upper()}{text[1:]}."}


def _ends(found: Estimate) -> Row:
    return {"estimate": found.value, "low": found.low, "high": found.high}


def _listed(criteria: Sequence[Criterion]) -> str:
    return "; ".join(each.sentence for each in criteria)
