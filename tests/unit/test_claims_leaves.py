"""Each verdict rests on its numbers: one of them, changed, makes another verdict, or unmoved.yaml says why none can.

The reported numbers, the numbers among the parameters and settings are changed, one at a time: by steps and factors, to
the other numbers of the entry, and to those that the check computed.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from claims_numbers import is_number

from tokentrial.claims import registry, verdicts
from tokentrial.claims.printed import parse
from tokentrial.claims.registry import Claim
from tokentrial.errors import InputError

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow/schemas/claims.schema.yaml"
REASONS = yaml.safe_load(Path(__file__).with_name("unmoved.yaml").read_text(encoding="utf-8"))
NAMES = {"needed", "found", "items", "what", "about", "where", "claim", "date", "deadlines"}
"""Parameters that are no numbers, whatever they look like."""
HEAVY = {"one_hot_information", "accuracy_ceiling", "entropy_floor", "attainable_spreads"}
"""Checks whose time grows with their numbers: those stay within a factor of three."""
NUMBER = re.compile(r"[+\-]?(\d[\d,]*(\.\d+)?|\.\d+)")
FACTORS = (0.0, 1e-6, 1e-2, 0.1, 0.25, 0.5, 0.9, 1.1, 2.0, 4.0, 10.0, 1e2, 1e3)
STEPS = (1, 2, 5, 20, 50)
Place = tuple[str | int, ...]


@cache
def checked() -> dict[str, Claim]:
    return {claim.id: claim for claim in registry.load(ROOT / "documents", SCHEMA) if claim.call is not None}


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Place and value of each number below a value."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if key not in NAMES:
                yield from leaves(entry, (*place, key))
    elif isinstance(value, list):
        for key, entry in enumerate(value):
            yield from leaves(entry, (*place, key))
    elif (isinstance(value, int | float) and not isinstance(value, bool)) or (
        isinstance(value, str) and is_number(value)
    ):
        yield place, value


def tree(claim: Claim) -> dict[str, Any]:
    return {"reported": dict(claim.reported), "parameters": claim.parameters}


def written(text: str, value: float) -> str:
    """A printed number with another value, in the same form."""
    digits = NUMBER.search(text)
    assert digits is not None
    decimals = len(digits[0].split(".")[1]) if "." in digits[0] else 0
    sign = "+" if digits[0][0] == "+" else ""
    return text.replace(digits[0], f"{value:{sign}.{decimals}f}", 1)


def changes(value: Any, others: list[float], heavy: bool) -> list[Any]:
    """Other values for a number of an entry."""
    if not isinstance(value, str):
        found: list[Any] = [type(value)(value * factor) for factor in FACTORS] + [value + 1, value - 1]
        kept = [entry for entry in found if not heavy or entry <= 3 * value]
        return [entry for entry in dict.fromkeys(kept) if entry != value]
    digits = NUMBER.search(value)
    assert digits is not None
    plain = float(digits[0].replace(",", ""))
    unit = 10.0 ** -(len(digits[0].split(".")[1]) if "." in digits[0] else 0)
    scale = parse(value).value / plain if plain else 1.0
    values = [entry / scale for entry in others if scale] + [plain * factor for factor in FACTORS] + [-plain]
    values += [plain + sign * step * unit for step in STEPS for sign in (1, -1)]
    kept = [entry for entry in values if abs(entry) <= (3 * abs(plain) if heavy else 1e9)]
    texts = [written(value, entry) for entry in kept] + [value.translate(str.maketrans("<>", "><"))]
    return [text for text in dict.fromkeys(texts) if text != value]


def replaced(entry: Mapping[str, Any], place: Place, value: Any) -> Any:
    made = copy.deepcopy(entry)
    inner: Any = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return made


def numbers_in(value: Any) -> Iterator[float]:
    """What a check recomputed, as numbers."""
    if isinstance(value, list | tuple):
        for entry in value:
            yield from numbers_in(entry)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def moved(claim: Claim, every: int = 1) -> bool:
    """Whether some number of the entry, changed alone, makes another verdict; every: how many changes make one try."""
    before, entry = verdicts.finding(claim, None), tree(claim)
    found = list(leaves(entry))
    others = [value if not isinstance(value, str) else parse(value).value for _, value in found]
    others += [number for value in before.recomputed.values() for number in numbers_in(value)]
    others = [float(value) for value in dict.fromkeys(others) if abs(float(value)) < 1e9]
    for number, (place, value) in enumerate(found):
        for other in changes(value, others, claim.check in HEAVY)[number % every :: every]:
            made = replaced(entry, place, other)
            try:
                after = registry.bound(claim.check, made["parameters"], made["reported"])()
            except (InputError, ArithmeticError, ValueError):  # a number that the check rejects, or cannot take
                continue
            if after.verdict != before.verdict:
                return True
    return False


def with_numbers() -> list[str]:
    return [name for name, claim in checked().items() if next(leaves(tree(claim)), None) is not None]


def test_most_entries_have_numbers_and_few_are_excused() -> None:
    assert len(with_numbers()) > 250
    assert set(REASONS) <= set(with_numbers()), "a reason for an entry without numbers, or for none"
    assert all(len(reason.split()) > 5 for reason in REASONS.values())


@pytest.mark.parametrize("document", ["LE0", "LE1", "LE2", "BT3", "CR4", "XD"])
def test_some_number_of_each_entry_decides_its_verdict(document: str) -> None:
    names = [name for name in with_numbers() if name.startswith(document) and name not in REASONS]
    assert [name for name in names if not moved(checked()[name])] == []


@pytest.mark.slow
def test_every_reason_is_needed() -> None:
    assert [name for name in REASONS if moved(checked()[name], every=3)] == []
