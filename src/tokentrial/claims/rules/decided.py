"""The rule for claims that the cramming study decides: its decisions, made from texts instead of seeds."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tokentrial.claims.catalogue import rule
from tokentrial.claims.rules.outcomes import untestable
from tokentrial.claims.rules.results import Results
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, UNTESTABLE, Finding, Value
from tokentrial.cramming import columns as words
from tokentrial.cramming.columns import ALL, VERDICT
from tokentrial.errors import InputError

STUDY = "cramming"
OUTCOMES = {words.SUPPORTED: CONFIRMED, words.REFUTED: REFUTED, words.INCONCLUSIVE: INCONCLUSIVE}


@rule("What does the cramming study decide about the claim?")
def as_decided(results: Results, reported: Mapping[str, Any], *, claim: str, differs: str = "") -> Finding:
    """A decision of `tokentrial.claims.decisions` as a verdict, with its criteria's numbers.

    supported: CONFIRMED, refuted: REFUTED, else INCONCLUSIVE; UNTESTABLE where the run has no such study, or where it
    lacks what the claim is about, so that no criterion has a value. The reason is the decision's own sentence.

    Raises InputError for a claim that the study does not know, and for an outcome that is none of the three.
    """
    decisions = results.decisions
    if decisions is None or decisions.empty:
        return untestable([STUDY])
    mine = decisions[decisions["claim"] == claim]
    own = mine[(mine["quantity"] == VERDICT) & (mine["model"] == ALL)]
    if len(own) != 1:
        known = sorted(decisions["claim"].unique())
        raise InputError(f"claim: found {claim!r} with {len(own)} verdicts in the decisions, expected one of {known}")
    row = own.iloc[0]
    if row["outcome"] not in OUTCOMES:
        raise InputError(f"decisions: {claim}: found the outcome {row['outcome']!r}, expected one of {list(OUTCOMES)}")
    criteria = mine[mine["quantity"] != VERDICT]
    measured = criteria[criteria["estimate"].notna()]
    verdict = OUTCOMES[row["outcome"]]
    if verdict == INCONCLUSIVE and measured.empty:
        verdict = UNTESTABLE
    texts = None if pd.isna(row["n"]) else int(row["n"])
    recomputed: dict[str, Value] = {"criteria": len(criteria), "n": texts, "differs": differs}
    for _, found in measured.iterrows():
        recomputed |= _numbers(found)
    design = f"; design: {differs}." if differs else "."
    return Finding(
        verdict, recomputed, str(row["reason"]).rstrip(".") + design, rows=len(mine), of_text=verdict != UNTESTABLE
    )


def _numbers(found: pd.Series) -> dict[str, Value]:
    """One criterion's estimate and interval, under its name and model; a missing end is None."""
    name = f"{found['quantity']} ({found['model']})"
    ends = {"": "estimate", " low": "low", " high": "high"}
    return {f"{name}{suffix}": None if pd.isna(found[key]) else float(found[key]) for suffix, key in ends.items()}
