"""The one judge, of every document: what a rule measured is a criterion, and criteria make a verdict.

A criterion is met if its whole interval is where the rule wants it, not met if the whole interval is elsewhere, and
undecided otherwise. A quantifier joins criteria, or the verdicts of several parts of a claim:

``every``   the claim is about each: one that is not met refutes it, and it is confirmed only if all are met.
``alike``   as ``every``, but nothing is decided if one is confirmed and another refuted.
``agree``   they are settings of one effect (task models, data sets): the verdict that all of them share. One that is
            undecided or missing leaves the claim undecided, too.
``any``     one that is met is enough.
a number    so many have to be met.

TOO SMALL counts as a weaker confirmation: an effect that is there and lies inside the margin.

ASSUME: where a rule names a range or a limit without an interval, the whole interval has to be there; so an estimate
inside a range with an interval that leaves it decides nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from tokentrial.claims.verdict import ARTEFACT, CONFIRMED, INCONCLUSIVE, REFUTED, TOO_SMALL, UNTESTABLE
from tokentrial.statistics.cramming import Estimate

About = TypeVar("About")
Quantifier = Literal["every", "alike", "agree", "any"] | int
_WEAKEST_FIRST = (REFUTED, INCONCLUSIVE, TOO_SMALL, CONFIRMED)
_STRONGEST_FIRST = (CONFIRMED, TOO_SMALL, INCONCLUSIVE, REFUTED)


@dataclass(frozen=True)
class Criterion(Generic[About]):
    """One number of a rule and what it is about, such as two arms or a model.

    words: what the number is; threshold: where the rule wants it, empty for a number that is only reported; met: None
    if undecided; small: the effect lies inside the margin; aside: why it does not count, empty if it does.
    """

    quantity: str
    words: str
    estimate: Estimate
    threshold: str
    met: bool | None
    about: About
    small: bool = False
    aside: str = ""

    @property
    def decides(self) -> bool:
        return bool(self.threshold) and not self.aside

    @property
    def outcome(self) -> str:
        """The verdict of this criterion alone."""
        if self.met is None:
            return INCONCLUSIVE
        return REFUTED if not self.met else TOO_SMALL if self.small else CONFIRMED


def verdict(
    criteria: Sequence[Criterion[About]],
    quantifier: Quantifier = "every",
    missing: Collection[str] = (),
    released: Collection[str] = (),
) -> str:
    """The verdict of all criteria that decide.

    UNTESTABLE without any criterion, INCONCLUSIVE if none decides. missing: what the run lacks, which keeps a claim
    about every case from being confirmed; released: what shows the effect in the released code, which makes of a
    refuted claim an ARTEFACT of that code.
    """
    if not criteria:
        return UNTESTABLE
    said = joined((each.outcome for each in criteria if each.decides), quantifier, missing)
    return ARTEFACT if said == REFUTED and released else said


def joined(verdicts: Iterable[str], quantifier: Quantifier = "every", missing: Collection[str] = ()) -> str:
    """One verdict of several, by a quantifier; INCONCLUSIVE without any."""
    said = list(verdicts)
    if isinstance(quantifier, int):
        if said.count(CONFIRMED) >= quantifier:
            return CONFIRMED
        return REFUTED if said.count(CONFIRMED) + said.count(INCONCLUSIVE) < quantifier else INCONCLUSIVE
    if quantifier == "agree":
        if missing or not said:
            return INCONCLUSIVE
        return TOO_SMALL if set(said) == {CONFIRMED, TOO_SMALL} else said[0] if len(set(said)) == 1 else INCONCLUSIVE
    if quantifier == "any":
        return next((word for word in _STRONGEST_FIRST if word in said), INCONCLUSIVE)
    if (missing and REFUTED not in said) or (quantifier == "alike" and {CONFIRMED, REFUTED} <= set(said)):
        return INCONCLUSIVE
    return next((word for word in _WEAKEST_FIRST if word in said), INCONCLUSIVE)


def above(estimate: Estimate, limit: float) -> bool | None:
    """Whether the interval is above the limit; an end beyond the grid counts as unknown."""
    if estimate.low is not None and estimate.low > limit:
        return True
    return False if estimate.high is not None and estimate.high < limit else None


def below(estimate: Estimate, limit: float) -> bool | None:
    """Whether the interval is below the limit."""
    over = above(estimate, limit)
    return None if over is None else not over


def at_least(estimate: Estimate, limit: float) -> bool | None:
    """Whether the interval is above the limit or begins at it."""
    if estimate.low is not None and estimate.low >= limit:
        return True
    return False if estimate.high is not None and estimate.high < limit else None


def at_most(estimate: Estimate, limit: float) -> bool | None:
    """Whether the interval is below the limit or ends at it."""
    if estimate.high is not None and estimate.high <= limit:
        return True
    return False if estimate.low is not None and estimate.low > limit else None


def within(estimate: Estimate, low: float, high: float) -> bool | None:
    """Whether the interval lies in [low, high]; False if it lies wholly outside."""
    if estimate.low is None or estimate.high is None:
        return None
    if low <= estimate.low and estimate.high <= high:
        return True
    return False if estimate.high < low or estimate.low > high else None
