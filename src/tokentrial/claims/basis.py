"""What decides a verdict: the text alone, the public code, the run, or knowledge from outside of both."""

import json
import re

from tokentrial.claims.registry import SEVERAL, Claim

TEXT, CODE, RUN, KNOWLEDGE = "the text alone", "the public code", "the run", "outside knowledge"
BASES = (TEXT, CODE, RUN, KNOWLEDGE)
READING = ", by a reading of its words"
READINGS = frozenset({"same_statement", "coverage", "coverage_count", "number_listed", "not_checkable"})
"""Checks whose parameters are words that the author of the entry read in the document or in the code."""
OF_CODE = frozenset({"entropy_floor", "entropy_reached", "accuracy_ceiling", "efficiency_mean", "efficiency_interval"})
"""Checks that follow a definition which only the public code has."""
OF_KNOWLEDGE = frozenset(
    {
        *("embedding_share", "model_saving", "deployed_saving", "sequence_memory", "context_factor"),
        *("capacity", "capacity_gap", "before_deadlines", "one_hot_information"),
    }
)
"""Checks that use public models, dates or facts that no document prints."""
NAMES_CODE = re.compile(r"public (corrected )?(code|repository)|\.json|VALIDATION_RESULTS")
NAMES_KNOWLEDGE = re.compile(r"PyTorch \d|Llama-3\.1-8B")


def basis(claim: Claim) -> str:
    """One of `BASES`, with `READING` where a typed reading of words decides."""
    if claim.call is None:
        return RUN
    names = {part["check"] for part in claim.parameters["parts"]} if claim.check == SEVERAL else {claim.check}
    words = json.dumps(claim.parameters)
    found = TEXT
    if names & OF_CODE or NAMES_CODE.search(words):
        found = CODE
    elif names & OF_KNOWLEDGE or NAMES_KNOWLEDGE.search(words):
        found = KNOWLEDGE
    return found + READING if names & READINGS else found
