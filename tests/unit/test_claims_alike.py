"""Entries that say the same, or ask one question about the same numbers, have the same verdict, or a stated reason."""

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tokentrial.claims import registry, verdicts
from tokentrial.claims.registry import SEVERAL, Claim

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow/schemas/claims.schema.yaml"
ALIKE = 0.5
"""The share of words and numbers that two paraphrases have in common, from which on they have to be explained."""
LITTLE = {
    "a",
    "an",
    "the",
    "of",
    "in",
    "on",
    "at",
    "to",
    "and",
    "or",
    "for",
    "with",
    "by",
    "is",
    "are",
    "be",
    "as",
    "that",
}
NO_QUESTION = {"claim", "claimed", "claimed_share", "about", "what", "where", "place"}
"""Parameters that say how a claim is worded, or what a reader is told, and not what is compared."""

# Each pair, or group, with the reason why its verdicts differ.
DIFFERENT_WORDS = {
    "LE0-PAR-A-4": "Another count, at another ratio, which layers can have.",
    "LE1-IMP-175": "A difference; the other entries are the two products that it is made from.",
    "LE2-LLM-25": "002 prints the product as 25M, 001 as 25.6M.",
}
SAME_QUESTION = {
    "LE0-PAR-PREDICT": "The savings also rise with the ratio, which is the other part of its statement.",
    "LE1-T53-KEY": "It also states competitive losses, which is the other part of its statement.",
    "LE2-LLM-25": "It also prints a product, whose digits are cut off.",
    "LE1-CONC-3": "It also states a saving, which is another one at the largest ratio.",
    "LE1-APPB-CI": "It also states an interval for each condition, and three baselines have none.",
}


@cache
def judged() -> list[tuple[Claim, str]]:
    claims = [claim for claim in registry.load(ROOT / "documents", SCHEMA) if claim.call is not None]
    return [(claim, verdicts.finding(claim, None).verdict) for claim in claims]


def words(paraphrase: str) -> frozenset[str]:
    """Words without endings and numbers of a paraphrase."""
    found = re.findall(r"[a-z]+|\d[\d.,:]*", paraphrase.lower().replace("(implied)", ""))
    return frozenset(word.rstrip("s.,:") for word in found if word not in LITTLE)


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def explained(one: str, other: str, reasons: Mapping[str, str]) -> bool:
    return one in reasons or other in reasons


def compared(parameters: Any, reported: Mapping[str, Any]) -> Any:
    """Parameters with the printed numbers in place of their names, without places and words."""
    if isinstance(parameters, str):
        return reported.get(parameters, parameters)
    if isinstance(parameters, list):
        return [compared(entry, reported) for entry in parameters]
    if not isinstance(parameters, Mapping):
        return parameters
    if set(parameters) == {"value", "where"}:
        return parameters["value"]
    return {key: compared(value, reported) for key, value in parameters.items() if key not in NO_QUESTION}


def questions(claim: Claim) -> Iterator[str]:
    """Check and numbers of a claim, and of each of its parts."""
    calls = [{"check": claim.check, "parameters": claim.parameters}]
    if claim.check == SEVERAL:
        calls += claim.parameters["parts"]
    for call in calls:
        yield json.dumps([call["check"], compared(call["parameters"], claim.reported)], sort_keys=True)


def test_words_alike_have_one_verdict() -> None:
    entries = [(claim.id, verdict, words(claim.paraphrase)) for claim, verdict in judged()]
    used = set()
    for (a, first, said), (b, second, also) in itertools.combinations(entries, 2):
        if first != second and overlap(said, also) >= ALIKE:
            assert explained(a, b, DIFFERENT_WORDS), f"{a} is {first}, {b} is {second}, in much the same words"
            used |= {a, b}
    assert set(DIFFERENT_WORDS) <= used, "a reason that no pair needs"


def test_one_question_about_the_same_numbers_has_one_verdict() -> None:
    groups: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for claim, verdict in judged():
        for question in questions(claim):
            groups[question].add((claim.id, verdict))
    used = set()
    for members in groups.values():
        plain = {(name, verdict) for name, verdict in members if name not in SAME_QUESTION}
        assert len({verdict for _, verdict in plain}) <= 1, sorted(plain)
        if len({verdict for _, verdict in members}) > 1:
            used |= {name for name, _ in members}
    assert set(SAME_QUESTION) <= used, "a reason that no group needs"


def test_the_comparison_sees_what_it_is_for() -> None:
    """A sentence in other words or with other names for its numbers is alike; other numbers are another question."""
    assert overlap(words("All seven configurations validated"), words("all 7 configurations validated")) >= ALIKE
    assert overlap(words("V=50: p > 0.05"), words("Faster convergence")) == 0
    named = compared({"values": ["a"], "about": "x", "claim": "each"}, {"a": "0.1"})
    assert named == compared({"values": [{"value": "0.1", "where": "§1"}], "claim": "all"}, {})
    assert named != compared({"values": ["0.2"]}, {})
