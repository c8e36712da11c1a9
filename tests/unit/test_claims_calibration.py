"""The calibration: what counts as a plant, what a reader can see, and that blind checks would have a recall of 0."""

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from tokentrial import results
from tokentrial.claims.calibration import readings
from tokentrial.claims.calibration.measure import CALIBRATION, PLANT, PRINTED, base, measure, plants, rate, rates, write
from tokentrial.claims.calibration.plants import OPERATORS, coarser, is_error, planted, rewritten
from tokentrial.claims.calibration.statements import KINDS, Statement, of_made_up, places, replaced
from tokentrial.claims.calibration.truths import mended, printed_like, redrawn
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT
from tokentrial.seeds import stream

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow/schemas/claims.schema.yaml"
KNOWN_ALARMS = {
    "RG-DELAY",  # significant with the +- as standard deviation; the check asks for it as standard error, too
    "RG-LIMIT",  # 0.447 is below 0.45; the check takes a printed limit as rounded
}
"""True statements that a check flags."""
MADE_UP = sorted((ROOT / "workflow/calibration").glob("*.yaml"))


@cache
def population() -> tuple[list[Statement], list[Statement]]:
    return base(ROOT / "documents", SCHEMA, MADE_UP)


@cache
def measured() -> pd.DataFrame:
    return measure(*population(), seed=42, documents=ROOT / "documents")


def statement(check: str, parameters: dict[str, Any], reported: dict[str, Any] | None = None) -> Statement:
    return Statement("A", "000", "1", check, {"parameters": parameters, "reported": reported or {}})


# What a reader can see


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0.083", 0.0825, 0.0835), (".083", 0.0825, 0.0835), ("12.5%", 0.1245, 0.1255), ("1,568", 1568, 1568),
        ("204.8M", 204.75e6, 204.85e6), ("200M", 195e6, 205e6), ("8:1", 8, 8), ("1.2e-05", 1.15e-5, 1.25e-5),
        ("-0.013", -0.0135, -0.0125), (">0.05", 0.05, float("inf")), ("24x", 23.5, 24.5), ("50%", 0.495, 0.505),
    ],
)  # fmt: skip
def test_printed_numbers_are_read_as_what_rounds_to_them(text: str, low: float, high: float) -> None:
    found = readings.read(text)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize(
    ("check", "true", "false"),
    [
        ("difference", {"minuend": "0.083", "subtrahend": "0.067", "result": "0.016"}, {"result": "0.018"}),
        ("quotient", {"numerator": "7", "denominator": "8", "result": "0.88"}, {"denominator": "9"}),
        ("total", {"parts": ["5", "5", "4"], "result": "14"}, {"parts": ["5", "6", "4"]}),
        ("product", {"factors": ["12", "96"], "result": "1,152"}, {"factors": ["12", "69"]}),
        ("saving", {"kept": "64", "of": "512", "result": "87.5%"}, {"kept": "46"}),
        ("signs", {"values": ["-1", "-0.2"], "expected": "negative"}, {"expected": "positive"}),
        ("wins", {"subject": ["1", "2"], "other": ["2", "1"], "better": "lower", "claim": "all", "claimed": "1"},
         {"claimed": "2"}),
        ("effect_size", {"rows": {"a": ["18.42", "2.31", "16.07", "2.84"]}, "effects": ["0.91"], "n": "12"},
         {"effects": ["0.19"]}),
        ("p_of_rows", {"rows": {"a": ["18.42", "2.31", "16.07", "2.84"]}, "p_values": ["0.037"], "n": "12"},
         {"n": "10"}),
        ("p_of_statistic", {"t": "2.62", "df": "14", "p": "0.020"}, {"df": "41"}),
        ("attainable_means", {"means": ["0.736"], "runs": "3", "examples": 150}, {"means": ["0.737"]}),
        ("parameter_count", {"layers": {"table": ["50", "64"], "head": ["64", "50"]}, "result": "6,450"},
         {"result": "6,460"}),
        ("median", {"values": ["1", "2", "4"], "result": "2"}, {"result": "4"}),
        ("interval_of_mean", {"mean": "0.736", "sd": "0.009", "n": "3", "low": "0.713", "high": "0.758"}, {"n": "30"}),
    ],
)  # fmt: skip
def test_a_relation_holds_for_true_numbers_alone(check: str, true: dict[str, Any], false: dict[str, Any]) -> None:
    assert readings.possible(check, {"parameters": true, "reported": {}}) is True
    assert readings.possible(check, {"parameters": true | false, "reported": {}}) is False


def test_what_it_cannot_read_is_left_out() -> None:
    assert readings.possible("coverage", {"parameters": {}, "reported": {}}) is None
    known = readings.OF_CHECKS.keys() | readings.OF_READERS | {"several"}
    assert {one.check for one in population()[0]} <= known


# Statements


@pytest.mark.parametrize("path", MADE_UP, ids=lambda path: path.stem)
def test_made_up_documents_are_true(path: Path) -> None:
    statements = of_made_up(path)
    assert [one.id for one in statements if readings.possible(one.check, one.entry) is not True] == []
    flagged = {one.id for one in statements if one.read and one.verdict() != CONSISTENT}
    assert flagged == KNOWN_ALARMS & {one.id for one in statements}
    assert sum(not one.read for one in statements) >= 4


def test_a_number_that_several_entries_read_is_one_place() -> None:
    statements = of_made_up(ROOT / "workflow/calibration/shared-rows.yaml")
    [place] = [one for one in places(statements) if one.key[1] == ("accuracy_full",)]
    users = {statements[index].id for index, _ in place.uses}
    assert users >= {"SR-GRIM", "SR-LOST-HALF", "SR-EFFECTS", "SR-MONOTONE", "SR-ABSTRACT", "SR-MIXED"}
    row = ["4.602", "0.015", "4.595", "0.018"]
    twice = [statement("p_of_rows", {"rows": {"a": list(row)}, "p_values": ["0.4"], "n": "10"}) for _ in range(2)]
    assert len([one for one in places(twice) if one.text == "4.602"]) == 1


def test_a_replaced_number_leaves_the_entry_as_it_was() -> None:
    one = statement("difference", {"minuend": "a", "subtrahend": "0.067", "result": "0.016"}, {"a": "0.083"})
    other = replaced(one, ("reported", "a"), "0.093")
    assert (one.verdict(), other.verdict()) == (CONSISTENT, INCONSISTENT)


# Plants


@pytest.mark.parametrize("kind", KINDS)
def test_plants_are_errors_and_follow_their_seed(kind: str) -> None:
    for text in {"sign": ["-0.013", "lower"], "n": ["10", "3"], "count": ["1,568", "17"]}.get(kind, ["0.083", "94.1%"]):
        made, again, other = (list(planted(text, kind, 3, stream(seed, "tests", "plants"))) for seed in (1, 1, 2))
        assert made == again
        assert made and all(is_error(text, new) for _, new in made)
        assert len({new for _, new in made}) == len(made)
        assert kind == "sign" or made != other
        assert {name for name, _ in made} <= {operator.__name__ for operator in OPERATORS[kind]}


def test_a_change_within_rounding_is_no_error() -> None:
    assert not is_error("0.083", "0.0832") and is_error("0.083", "0.084")
    assert not is_error("1,568", "1568") and is_error("lower", "higher")


def test_negative_controls_keep_the_number() -> None:
    assert coarser("0.083") == "0.08" and coarser("0.085") is None and coarser("17") is None
    assert rewritten("0.083") == ".083" and rewritten("1,568") == "1568" and rewritten("94.1%") == "0.941"


# Truths


def test_false_statements_are_mended_with_a_number_that_no_check_chose() -> None:
    made = mended(statement("difference", {"minuend": "0.083", "subtrahend": "0.067", "result": "+0.061"}))
    assert made is not None and made.entry["parameters"]["result"] == "+0.016" and made.verdict() == CONSISTENT
    turned = mended(statement("bound", {"value": "0.7", "limit": "0.5", "side": "at most"}))
    assert turned is not None and turned.verdict() == CONSISTENT
    assert mended(statement("coverage", {})) is None


def test_statements_drawn_anew_are_true_by_their_unrounded_numbers() -> None:
    rng = stream(3, "tests", "truths")
    one = statement("improvement", {"subject": "0.412", "baseline": "0.465", "result": "11.4%"})
    made = list(redrawn(one, 20, rng))
    assert len({repr(other.entry) for other in made}) == 20
    assert all(readings.possible(other.check, other.entry) for other in made)


def test_a_value_takes_the_form_of_a_printed_number() -> None:
    assert printed_like("87.5%", 0.75) == "75.0%" and printed_like("+0.016", -0.0042) == "-0.004"
    assert printed_like("1,152", 2304.0) == "2,304" and printed_like("17", 16.5) is None
    assert printed_like("200M", 1e8) is None and printed_like("8:1", 4.0) == "4:1"


# The measure


def test_plants_are_in_all_documents_and_of_all_kinds() -> None:
    visible = measured()[lambda rows: (rows["group"] == PLANT) & rows["visible"]]
    assert len(visible) >= 500
    assert {"000", "001", "002", "003", "004", *(path.stem for path in MADE_UP)} <= set(visible["document"])
    assert set(visible["kind"]) == set(KINDS)


def test_errors_that_only_a_reader_can_check_are_misses() -> None:
    visible = measured()[lambda rows: (rows["group"] == PLANT) & rows["visible"]]
    alone = visible[visible["statements"].isin(["SR-MEDIAN", "SR-F1", "RG-SQUARED"])]
    assert len(alone) > 5 and not alone["flagged"].any()


def test_blind_checks_see_nothing_and_flag_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    true, false = population()
    monkeypatch.setattr(Statement, "verdict", lambda self: CONSISTENT)
    blind = rates(measure(true[-30:], false[:5], seed=1))
    assert set(blind.loc[blind["measure"].isin(["recall", "false alarms"]), "hits"]) == {0}


def test_checks_that_flag_everything_have_no_precision_to_speak_of(monkeypatch: pytest.MonkeyPatch) -> None:
    true, false = population()
    monkeypatch.setattr(Statement, "verdict", lambda self: INCONSISTENT)
    found = rates(measure(true[-30:], false, seed=1)).set_index(["measure", "name"])["rate"]
    assert found["false alarms", "true statements"] == 1.0 and found["precision", "flagged"] < 0.9


def test_another_seed_plants_other_errors() -> None:
    true = population()[0][:10]
    first, again, other = (pd.DataFrame(plants(true, seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert list(first["text"]) != list(other["text"])


def test_numbers_that_no_entry_reads_are_counted() -> None:
    """The entry below reads two numbers of document 000's table of accuracies."""
    one = statement("difference", {"minuend": "0.083", "subtrahend": "0.067", "result": "0.016"})
    few = measure([one], [], 1, ROOT / "documents")
    few = few[(few["group"] == PRINTED) & (few["document"] == "000")]
    assert set(few.loc[few["flagged"], "text"]) == {"0.083", "0.067"} and len(few) > 10
    every = rates(measured()).set_index("measure").loc["read"]
    assert every["n"] > 100 and few["flagged"].mean() < every["rate"] <= 1


def test_intervals_are_exact() -> None:
    """Of ten hits in ten, the lower end is the tenth root of .025; the ends of 3 in 10 are quantiles of beta."""
    assert rate(10, 10, 0.95)["low"] == pytest.approx(0.025**0.1)
    assert rate(3, 10, 0.95)["high"] == pytest.approx(stats.beta.ppf(0.975, 4, 7))
    assert rate(0, 0, 0.95)["rate"] is None


def test_rates_add_up_over_kinds_and_documents() -> None:
    found = rates(measured())
    whole = found[(found["measure"] == "recall") & (found["by"] == "")].iloc[0]
    for by in ("kind", "document"):
        parts = found[(found["measure"] == "recall") & (found["by"] == by)]
        assert (parts["hits"].sum(), parts["n"].sum()) == (whole["hits"], whole["n"])


def test_the_file_says_its_seed_and_commit(tmp_path: Path) -> None:
    path = tmp_path / "calibration.parquet"
    write(ROOT / "documents", SCHEMA, MADE_UP, 42, str(path), commit="abc")
    table = results.read(path, CALIBRATION)
    assert results.metadata(table) == {"seed": "42", "commit": "abc"}
    pd.testing.assert_frame_equal(table.to_pandas(), measured(), check_dtype=False)
