"""Entries quote what they rest on: short, with its place, and, if TOKENTRIAL_PAPERS has the texts, word for word."""

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from claims_numbers import is_number

from tokentrial import documents
from tokentrial.claims import registry
from tokentrial.claims.basis import BASES, READING, READINGS, RUN, basis
from tokentrial.claims.registry import SEVERAL, Claim

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow/schemas/claims.schema.yaml"
ELSEWHERE = re.compile(
    r"code|\.py|\.json|PyTorch|every token right|footer|images|text, split|parameters of Llama|standard$"
)
"""Places that are not the text of a document."""
COUNTED = {
    "LE0-STAT-NOTEST": "There is no test, so no number of tests is printed.",
    "BT3-ROW-STATUS": "Seven check marks.",
    "CR4-2OOM": "Two, in words.",
}
"""Claims with a reported number that stands in the document as something else."""
DERIVED = {"1.01": "003 prints it as 1% better."}


@cache
def claims() -> list[Claim]:
    return registry.load(ROOT / "documents", SCHEMA)


def checks_of(claim: Claim) -> set[str]:
    return {part["check"] for part in claim.parameters["parts"]} if claim.check == SEVERAL else {claim.check}


def test_an_entry_that_rests_on_words_quotes_them_with_their_place() -> None:
    for claim in claims():
        if checks_of(claim) & READINGS:
            assert claim.quotes, claim.id
        for place, words in claim.quotes.items():
            assert len(words) <= 140 and words == " ".join(words.split()), (claim.id, place)
            named = re.match(r"(00\d) ", place)
            assert bool(named) or " + " not in claim.document, (claim.id, place, "names no document")


def test_each_verdict_says_what_decides_it() -> None:
    found = {claim.id: basis(claim) for claim in claims()}
    assert {each.removesuffix(READING) for each in found.values()} == set(BASES)
    assert all((found[claim.id] == RUN) == (claim.kind == "empirical") for claim in claims())
    assert found["LE0-TAB-DIFF-2"] == "the text alone" and found["LE0-TAB-RERUN"] == "the public code"
    assert found["LE2-CTX-8X"] == "outside knowledge" and found["LE1-MET-OBJ"] == "the text alone" + READING
    assert all(claim.quotes for claim in claims() if found[claim.id].endswith(READING))


@pytest.fixture(scope="module")
def texts() -> Mapping[str, str]:
    folder = os.environ.get("TOKENTRIAL_PAPERS")
    if not folder:
        pytest.skip("TOKENTRIAL_PAPERS names no folder with the documents' texts")
    registry.check_texts(folder, ROOT / "documents")
    known = documents.load(ROOT / "documents").items()
    return {
        name: plain((Path(folder) / document.file).read_text(encoding="utf-8"))
        for name, document in known
        if isinstance(document, documents.Document)
    }


def plain(text: str) -> str:
    """A text without marks of emphasis, and with one space between words."""
    return " ".join(re.sub(r"[*`]", "", text).split())


def places(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Printed numbers below the parameters of a check, each with its place; not those of the public code."""
    if isinstance(value, Mapping) and set(value) == {"value", "where"}:
        yield value["value"], value["where"]
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            if key not in ("elsewhere", "needed", "found", "items"):
                yield from places(entry, f"{place} {key}")
    elif isinstance(value, list):
        for entry in value:
            yield from places(entry, place)
    elif isinstance(value, str):
        yield value, place


def printed(number: str, text: str) -> bool:
    """Whether the digits of a number stand in a text, not as a part of other digits."""
    digits = re.search(r"-?[\d.]+", number.replace(",", ""))
    assert digits is not None
    plain_text = text.replace(",", "").replace("−", "-")
    return re.search(rf"(?<![\d.]){re.escape(digits[0].lstrip('-'))}(?!\d|\.\d)", plain_text) is not None


def test_every_quotation_is_in_its_document(texts: Mapping[str, str]) -> None:
    for claim in claims():
        for place, words in claim.quotes.items():
            named = re.match(r"(00\d) ", place)
            assert plain(words) in texts[named[1] if named else claim.document], (claim.id, place)


def test_every_printed_number_is_in_its_document(texts: Mapping[str, str]) -> None:
    for claim in claims():
        reported = [
            value for values in claim.reported.values() for value in ([values] if isinstance(values, str) else values)
        ]
        found = [(value, "") for value in reported] + ([*places(claim.parameters)] if claim.call else [])
        for number, place in found:
            if not is_number(number) or ELSEWHERE.search(place) or number in DERIVED or claim.id in COUNTED:
                continue
            named = re.findall(r"(?<![\d,])00\d\b", place)
            holds = [printed(number, texts[name]) for name in named or claim.document.split(" + ")]
            assert all(holds) if named else any(holds), (claim.id, number, place)
