"""What the tables and the chapter of the cramming study share: names for readers, and what was decided."""

from collections.abc import Iterator
from typing import Any

from tokentrial.claims.decisions.deciding import of_today
from tokentrial.cramming.cells import ALL, STUDY, Block, Cells
from tokentrial.cramming.columns import VERDICT
from tokentrial.cramming.names import GROWN
from tokentrial.run.estimates import UNKNOWN, Scope
from tokentrial.run.view import View, records

Row = dict[str, Any]
KIND_NAMES = {
    "text-test": "natural text, unseen",
    "text-train": "natural text, seen in training",
    "samples": "the model's own samples",
    "random-words": "random words",
    "random-tokens": "random tokens",
    "shuffled": "shuffled tokens",
    "repeated": "repeated text",
    ALL: "all kinds together",
}
CONTROL_CLAIMS = {
    "control.random-vector": "a random vector takes nothing away",
    "control.untrained": "an untrained model holds about nothing",
    "control.prefix": "one vector beats the text as its own prefix",
    "control.shared": "one vector for two texts holds less of each",
}
QUESTIONS = {
    "a": "(a) one vector holds far more than 10 tokens",
    "CR4-UNCERT": "(b) CR4-UNCERT: uncertainty sets the limit, not length",
    "CR4-LARGER": "(c) CR4-LARGER: larger models hold more",
    "CR4-LINEAR": "(d) CR4-LINEAR: almost linear in the number of vectors",
    "e": "(e) random text too",
    "f": "(f) Transformer and Mamba",
}
"""The study's six questions; three are claims of document 004, and have those claims' verdicts."""
CLAIMS = {
    **QUESTIONS,
    **{claim: f"control: {title}" for claim, title in CONTROL_CLAIMS.items()},
    "CR4-X10": "CR4-X10: encoders hold at most 10 tokens for a vector",
    "CR4-X1500": "CR4-X1500: the published capacity of a model",
    "CR4-FAMILIAR": "CR4-FAMILIAR: seen, unseen and random text alike",
    "CR4-RANDOM": "CR4-RANDOM: random words against random tokens",
}


PROBED = ("arithmetic_bits", "number_bits", "vector_bits", "dimensions", "subspace_bits")
"""Measures of solved texts' vectors by length; dimensions: the fewest coordinates, subspace_bits: the bits of these."""
AFTER = tuple(f"following_cross_entropy{what}" for what in ("", "_text", "_without"))
"""The loss of a text that follows the vector, the text itself, and nothing."""


def probed(view: View) -> Iterator[tuple[Scope, int]]:
    """Yields every scope and length with a measure of what the vectors of its solved texts are or do."""
    for scope in view.estimates.scopes:
        for length in view.estimates.lengths(scope):
            if any(view.estimates.get(name, scope, length) is not UNKNOWN for name in (*PROBED, *AFTER)):
                yield scope, length


def horizons(view: View) -> list[Block]:
    """The blocks of texts that grew token by token, each with the last length that every text solved."""
    cramming = view.runs[view.runs["study"] == STUDY]
    grown = set(cramming.loc[cramming["metric"] == GROWN, "arm"])
    rows = cramming[cramming["arm"].isin(grown)]
    return Cells(rows, view.conditions, view.methods).blocks if len(rows) else []


def kind_name(kind: str | None) -> str:
    return KIND_NAMES.get(kind or "", kind or "")


def arm_name(view: View, arm: str) -> str:
    """The settings, or the control, for readers."""
    return view.arm_name(STUDY, arm)


def in_words(vectors: int | None) -> str:
    return "one vector" if vectors == 1 else f"{vectors} vectors"


def decided(view: View) -> list[Row]:
    """Rows of cramming.columns.DECISIONS of the claims above; none in a run without the study."""
    rows = [] if view.decisions is None else records(of_today(view.decisions))
    return [row for row in rows if row["claim"] in CLAIMS]


def verdict_of(view: View, claim: str) -> Row | None:
    """The one row with a claim's verdict, which every text, table and figure quotes."""
    rows = (row for row in decided(view) if (row["claim"], row["quantity"], row["model"]) == (claim, VERDICT, ALL))
    return next(rows, None)
