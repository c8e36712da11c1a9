"""The words of a verdict, what a check or a rule hands back, and the columns of all verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import pyarrow as pa

from tokentrial.results import LATER

CONSISTENT = "CONSISTENT"
PARTLY = "PARTLY"
INCONSISTENT = "INCONSISTENT"
NOT_CHECKABLE = "NOT CHECKABLE"
CONFIRMED = "CONFIRMED"
REFUTED = "REFUTED"
TOO_SMALL = "TOO SMALL"
INCONCLUSIVE = "INCONCLUSIVE"
ARTEFACT = "ARTEFACT"
UNTESTABLE = "UNTESTABLE"

OF_CHECKS = (CONSISTENT, PARTLY, INCONSISTENT, NOT_CHECKABLE)
"""Arithmetic, internal, statistical and scope claims, and audit findings."""
OF_RULES = (CONFIRMED, REFUTED, TOO_SMALL, INCONCLUSIVE, ARTEFACT, UNTESTABLE)
"""Empirical claims."""
KINDS = ("arithmetic", "internal", "statistical", "scope", "audit", "empirical")
AUDIT = "audit"
"""A question of this project that no document states an answer to: a finding, which is not counted as a claim."""

_TEXT = (
    *("id", "document", "section", "kind", "paraphrase", "reported", "check", "parameters", "recomputed", "verdict"),
    *("reason", "comparison", "decided_by", "decision", "fixed"),
)
# One row per claim. reported, parameters, recomputed and comparison are JSON; decision is an empirical claim's rule in
# words, fixed when it was fixed; rows counts the rows of result tables used or, for a check, the numbers it compared.
# basis says what decides (claims.basis), quotes the document's words by their place, as JSON; unfrozen says why a rule
# does not count as fixed before the run (claims.frozen), and is empty where it does.
OF_ENTRIES = ("basis", "quotes", "unfrozen")
VERDICTS = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in _TEXT),
        pa.field("rows", pa.int32(), nullable=False),
        *(pa.field(name, pa.string(), metadata=LATER) for name in OF_ENTRIES),
    ]
)

Each = Literal["each", "all"]
"""Whether a claim is about each single number, or one statement about all of them, which one counterexample refutes."""
Item = TypeVar("Item")
Value = float | int | str | bool | None | Sequence[float] | Sequence[str]


@dataclass(frozen=True)
class Finding:
    """One verdict with what it rests on.

    ``reason`` is one sentence that the check or rule made from its numbers. ``comparisons`` are ids of
    statistics.parquet (none for a check), ``source`` the table or figure of the report that decides, ``rows`` how many
    rows of a result table a rule used. ``of_text``: decided by rows about real text, whatever the comparisons say.
    """

    verdict: str
    recomputed: Mapping[str, Value]
    reason: str
    comparisons: tuple[str, ...] = field(default=())
    source: str = "check"
    rows: int = 0
    of_text: bool = False

    def __post_init__(self) -> None:
        if self.verdict not in OF_CHECKS + OF_RULES:
            raise ValueError(f"verdict: found {self.verdict!r}, expected one of {OF_CHECKS + OF_RULES}")
        if not self.reason.strip():
            raise ValueError("a finding without a reason")


def verdict_of(holds: Sequence[bool], claim: Each) -> str:
    """CONSISTENT if all hold, INCONSISTENT if none does; if some do, PARTLY if the claim is about each of them."""
    if not holds:
        raise ValueError("a verdict needs something that holds or does not")
    if all(holds):
        return CONSISTENT
    return PARTLY if claim == "each" and any(holds) else INCONSISTENT


def combine(verdicts: Sequence[str], claim: Each) -> str:
    """One verdict of several parts of a claim, of which NOT CHECKABLE ones do not count: that of all if they agree.

    If they do not, PARTLY for a claim that makes each part a statement; INCONSISTENT for one statement that needs all
    parts, if one of them is.
    """
    checked = [verdict for verdict in verdicts if verdict != NOT_CHECKABLE]
    if not checked:
        return NOT_CHECKABLE
    if claim == "all" and INCONSISTENT in checked:
        return INCONSISTENT
    return checked[0] if len(set(checked)) == 1 else PARTLY


def failing(items: Iterable[Item], holds: Iterable[bool]) -> list[Item]:
    """The items that do not hold."""
    return [item for item, right in zip(items, holds, strict=True) if not right]


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return f"{text[:1].upper()}{text[1:]}"


def listed(items: Sequence[str]) -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "none"
