"""The one judge: criteria in, a verdict out; and the catalogue of what judges, held in step with docs/claims.md."""

from pathlib import Path
from typing import Literal

import pytest

from tokentrial.claims import listing
from tokentrial.claims.catalogue import Catalogue
from tokentrial.claims.checks import CHECKS
from tokentrial.claims.decisions.deciding import DECIDED
from tokentrial.claims.judge import Criterion, joined, verdict
from tokentrial.claims.rules import RULES
from tokentrial.claims.verdict import ARTEFACT, CONFIRMED, INCONCLUSIVE, REFUTED, TOO_SMALL, UNTESTABLE
from tokentrial.statistics.cramming import Estimate

PAGE = Path(__file__).parents[2] / "docs/claims.md"
OUTCOMES = {"+": CONFIRMED, "s": TOO_SMALL, "-": REFUTED, "?": INCONCLUSIVE}
Quantifier = Literal["every", "alike", "agree", "any"]


def criterion(sign: str, aside: str = "", threshold: str = "above 0") -> Criterion[str]:
    met = {"+": True, "s": True, "-": False, "?": None}[sign]
    return Criterion("gain", "gain", Estimate(1.0, 0.5, 1.5, 10), threshold, met, "x", sign == "s", aside)


@pytest.mark.parametrize(
    ("signs", "every", "alike", "agree", "some", "two"),
    [
        ("+", CONFIRMED, CONFIRMED, CONFIRMED, CONFIRMED, REFUTED),
        ("++", CONFIRMED, CONFIRMED, CONFIRMED, CONFIRMED, CONFIRMED),
        ("+s", TOO_SMALL, TOO_SMALL, TOO_SMALL, CONFIRMED, REFUTED),
        ("s?", INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, TOO_SMALL, REFUTED),
        ("+?", INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, CONFIRMED, INCONCLUSIVE),
        ("+-", REFUTED, INCONCLUSIVE, INCONCLUSIVE, CONFIRMED, REFUTED),
        ("-?", REFUTED, REFUTED, INCONCLUSIVE, INCONCLUSIVE, REFUTED),
        ("--", REFUTED, REFUTED, REFUTED, REFUTED, REFUTED),
        ("??", INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE),
        ("++-", REFUTED, INCONCLUSIVE, INCONCLUSIVE, CONFIRMED, CONFIRMED),
    ],
)
def test_quantifiers(signs: str, every: str, alike: str, agree: str, some: str, two: str) -> None:
    criteria = [criterion(sign) for sign in signs]
    assert [each.outcome for each in criteria] == [OUTCOMES[sign] for sign in signs]
    expected: dict[Quantifier | int, str] = {"every": every, "alike": alike, "agree": agree, "any": some, 2: two}
    for quantifier, outcome in expected.items():
        assert verdict(criteria, quantifier) == joined((OUTCOMES[sign] for sign in signs), quantifier) == outcome


def test_what_a_run_lacks_keeps_from_confirming_and_not_from_refuting() -> None:
    assert verdict([criterion("+")], missing=["a cell"]) == INCONCLUSIVE
    assert verdict([criterion("-")], missing=["a cell"]) == REFUTED
    for sign in "+-":
        assert verdict([criterion(sign)], "agree", missing=["a cell"]) == INCONCLUSIVE


def test_only_a_refuted_claim_can_be_an_artefact() -> None:
    for sign, outcome in (("-", ARTEFACT), ("+", CONFIRMED), ("s", TOO_SMALL), ("?", INCONCLUSIVE)):
        assert verdict([criterion(sign)], released=["a script's comparison"]) == outcome


def test_what_does_not_count_decides_nothing() -> None:
    beside = [criterion("-", aside="vacuous"), criterion("-", threshold="")]
    assert [each.decides for each in beside] == [False, False]
    assert verdict([criterion("+"), *beside]) == CONFIRMED
    assert verdict(beside) == INCONCLUSIVE
    assert verdict([]) == UNTESTABLE


def test_two_of_one_name_are_an_error() -> None:
    known: Catalogue[object] = Catalogue()
    known.add("same", len, "Is it the same?")
    with pytest.raises(ValueError, match="same: there are two"):
        known.add("same", max, "Is it another?")
    assert known == {"same": len}


def test_everything_that_judges_asks_a_question() -> None:
    for known in (CHECKS, RULES, DECIDED):
        assert list(known.questions) == list(known)
        assert len(set(known.questions.values())) == len(known)
        for name, question in known.questions.items():
            assert question.endswith("?") and len(question) > 20, name


def test_every_rule_and_decision_has_cases() -> None:
    tests = [path for path in Path(__file__).parent.glob("test_c*.py") if path != Path(__file__)]
    text = "".join(path.read_text() for path in tests)
    assert [name for name in RULES if f'RULES["{name}"]' not in text] == []
    assert [name for name in DECIDED if f'"{name.removeprefix("control.")}"' not in text] == []


def test_the_page_lists_what_there_is() -> None:
    """Made by ``python -m tokentrial.claims.listing docs/claims.md``."""
    page = PAGE.read_text()
    assert listing.renewed(page) == page
    with pytest.raises(ValueError, match="expected the lines"):
        listing.renewed("# How claims are judged\n")
