"""What all parts of a draft share: the form of a printed number in a text, and of a proposed entry."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokentrial.claims.printed import Quantity, parse
from tokentrial.errors import InputError

Entry = dict[str, Any]
N = r"[+\-−]?\d[\d,]*(?:\.\d+)?(?:[KMB]\b|%|x\b)?"
"""A printed number."""


def proposed(
    section: str, says: str, check: str, reported: Mapping[str, Any], parameters: Mapping[str, Any], kind: str = ""
) -> Entry:
    """Returns an entry of an audit."""
    head = {"section": section, "kind": kind or "arithmetic", "paraphrase": says.strip()[:200] or check}
    return {**head, "reported": dict(reported), "check": check, "parameters": dict(parameters)}


def of_result(section: str, says: str, check: str, names: Sequence[str], values: Sequence[str]) -> Entry:
    """Returns an entry of a check that computes its last parameter from the two others, each one printed number."""
    reported = dict(zip(("first", "second", "result"), values, strict=True))
    return proposed(section, says, check, reported, dict(zip(names, reported, strict=True)))


def quantity(text: str) -> Quantity | None:
    """Returns a printed number, or None for a text that is none."""
    try:
        return parse(text.replace(" ", ""))
    except InputError:
        return None
