"""The shipped registry: complete, and each verdict rests on its numbers, so that changing one flips it."""

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tokentrial.claims import registry, verdicts
from tokentrial.claims.printed import parse
from tokentrial.claims.registry import Claim
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, NOT_CHECKABLE, OF_CHECKS
from tokentrial.errors import InputError
from tokentrial.report import catalogue
from tokentrial.seeds import stream

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow/schemas/claims.schema.yaml"
SAMPLE = 30
SIDES = str.maketrans("<>", "><")
EQUALITIES = (
    "difference",
    "quotient",
    "saving",
    "saving_at_ratio",
    "improvement",
    "product",
    "reduction",
    "total",
    "share",
)
"""Checks that recompute one printed number: any change beyond the rounding of all numbers must flip them."""


@cache
def shipped() -> list[Claim]:
    return registry.load(ROOT / "documents", SCHEMA)


def checked() -> list[Claim]:
    return [claim for claim in shipped() if claim.call is not None]


def test_every_claim_has_an_entry() -> None:
    names = ("000", "001", "002", "003", "004", "cross")
    groups = [yaml.safe_load((ROOT / f"documents/{name}/document.yaml").read_text()) for name in names]
    assert [claim.id for claim in shipped()] == [
        f"{group['prefix']}-{tail}" for group in groups for tail in group["ids"]
    ]
    assert len(shipped()) == 400


def test_every_checked_claim_has_a_verdict_and_a_reason() -> None:
    found = verdicts.judge(shipped(), None)
    assert set(found["verdict"]) == set(OF_CHECKS)
    assert found["reason"].str.endswith(".").all()
    assert not found["reason"].str.contains(r"\n|\bnan\b|\bNone\b").any()


def test_only_claims_without_numbers_are_not_checkable() -> None:
    found = verdicts.judge(shipped(), None)
    without = found[found["verdict"] == NOT_CHECKABLE]
    assert (without["reported"] == "{}").all()
    assert len(without) < 10


def test_every_claim_names_a_table_or_a_figure_that_exists() -> None:
    known = {*catalogue.tables_of(catalogue.STUDIES), *catalogue.figures_of(catalogue.STUDIES)}
    known -= {catalogue.HEADLINE}  # of no study
    assert {claim.source for claim in checked()} - known == {"check"}


def changed(text: str, steps: int) -> str:
    """A printed number moved by so many units of its last place, in the same form."""
    digits = re.search(r"[+\-]?\d[\d,]*(\.\d+)?", text)
    assert digits is not None
    plain = digits[0].replace(",", "")
    decimals = len(plain.split(".")[1]) if "." in plain else 0
    quantity = parse(text)
    scale = {"K": 10**3, "M": 10**6, "B": 10**9}.get(re.sub(r"[^KMB]", "", text), 1)
    unit = max(quantity.place * (100 if "%" in text else 1) / scale, Fraction(1, 10**decimals))
    moved = Fraction(plain) + steps * unit
    return text.replace(
        digits[0], f"{float(moved):+.{decimals}f}" if plain[0] == "+" else f"{float(moved):.{decimals}f}"
    )


def numbers(claim: Claim) -> Iterator[tuple[str, int | None, str]]:
    """Name, place in a list and text of each reported number."""
    for name, value in claim.reported.items():
        for place, text in enumerate(value) if isinstance(value, list) else [(None, value)]:
            try:
                parse(text)
            except InputError:
                continue
            yield name, place, text


def verdict_with(claim: Claim, name: str, place: int | None, text: str) -> str | None:
    """The claim's verdict with one reported number replaced; None where the check rejects the number."""
    values: dict[str, Any] = {key: list(v) if isinstance(v, list) else v for key, v in claim.reported.items()}
    if place is None:
        values[name] = text
    else:
        values[name][place] = text
    try:
        return registry.bound(claim.check, claim.parameters, values)().verdict
    except InputError:
        return None


def consistent() -> list[Claim]:
    """Claims with numbers whose verdict is CONSISTENT: there is something to flip."""
    claims = [claim for claim in checked() if any(numbers(claim))]
    return [claim for claim in claims if verdicts.finding(claim, None).verdict == CONSISTENT]


@pytest.mark.parametrize("up", [1, -1])
def test_a_change_beyond_rounding_flips_what_is_recomputed(up: int) -> None:
    claims = [claim for claim in consistent() if claim.check in EQUALITIES and "result" in claim.parameters]
    assert len(claims) > 50
    for claim in claims:
        target = claim.parameters["result"]
        found, printed = verdicts.finding(claim, None).recomputed, claim.reported[target]
        width = Fraction(found["high"]) - Fraction(found["low"])  # type: ignore[arg-type]
        unit = max(parse(printed).place, Fraction(1, 10**9))
        moved = changed(printed, up * (int(width / unit) + 2))
        assert verdict_with(claim, target, None, moved) in (INCONSISTENT, None), (claim.id, moved)


def test_changing_a_number_flips_the_verdict_of_a_random_sample() -> None:
    """Of 30 claims: every number of one that recomputes a printed number, and some number of one that compares.

    A comparison can hold whatever one of its numbers is: a difference of 0.004 is not significant for any spread of one
    arm alone.
    """
    claims = consistent()
    chosen = stream(0, "tests", "mutation").choice(len(claims), SAMPLE, replace=False)
    steps = [sign * size for size in (2, 5, 20, 50, 90, 500, 3000, 10**5) for sign in (1, -1)]
    for claim in (claims[place] for place in sorted(chosen)):
        flips = {
            (name, place): any(
                verdict_with(claim, name, place, moved) not in (CONSISTENT, None)
                for moved in (*(changed(text, step) for step in steps), text.translate(SIDES))
            )
            for name, place, text in numbers(claim)
        }
        enough = all(flips.values()) if claim.check in EQUALITIES else any(flips.values())
        assert enough, (claim.id, flips)
