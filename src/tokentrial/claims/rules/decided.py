"""The rule for claims that the cramming study decides: its decisions, made from texts instead of seeds."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tokentrial.claims.catalogue import rule
from tokentrial.claims.decisions.deciding import of_today
from tokentrial.claims.rules.outcomes import untestable
from tokentrial.claims.rules.results import Results
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, UNTESTABLE, Finding, Value
from tokentrial.cramming.columns import ALL, VERDICT
from tokentrial.errors import InputError

STUDY = "cramming"
OUTCOMES = (CONFIRMED, REFUTED, INCONCLUSIVE, UNTESTABLE)


@rule("What does the cramming study decide about the claim?")
def as_decided(results: Results, reported: Mapping[str, Any], *, claim: str, differs: str = "") -> Finding:
    """The verdict and the sentence of a decision of `tokentrial.claims.decisions`, with its criteria's numbers.

    UNTESTABLE if the run has no such study. Raises InputError for a claim that the study does not know, and for an
    outcome that is no verdict.
    """
    if results.decisions is None or results.decisions.empty:
        return untestable([STUDY])
    decisions = of_today(results.decisions)
    mine = decisions[decisions["claim"] == claim]
    own = mine[(mine["quantity"] == VERDICT) & (mine["model"] == ALL)]
    if len(own) != 1:
        known = sorted(decisions["claim"].unique())
        raise InputError(f"claim: found {claim!r} with {len(own)} verdicts in the decisions, expected one of {known}")
    row = own.iloc[0]
    if row["outcome"] not in OUTCOMES:
        raise InputError(f"decisions: {claim}: found the outcome {row['outcome']!r}, expected one of {list(OUTCOMES)}")
    verdict = str(row["outcome"])
    criteria = mine[mine["quantity"] != VERDICT]
    measured = criteria[criteria["estimate"].notna()]
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
