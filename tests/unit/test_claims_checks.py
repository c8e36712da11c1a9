"""Every check on hand-made cases that are true and false, and the oracles of methods where a check has one."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_ind

from tokentrial.claims.checks import CHECKS
from tokentrial.claims.checks.levels import chain_ceiling, zipf_floor
from tokentrial.claims.parameters import Runs, parameters_of
from tokentrial.claims.registry import bound
from tokentrial.claims.verdict import (
    CONSISTENT,
    INCONSISTENT,
    NOT_CHECKABLE,
    PARTLY,
    Finding,
    combine,
    listed,
    verdict_of,
)
from tokentrial.errors import InputError

C, P, X, N = CONSISTENT, PARTLY, INCONSISTENT, NOT_CHECKABLE
ROW = {"row": ["5.0", "1.0", "3.5", "1.0"]}  # d = 1.5
FOUR = {"a": "1.0", "b": "2.0", "c": "3.0", "d": "10.0"}  # mean 4.0, of a to c 2.0; 95 % interval -2.5 to 10.5
SCORES = {"a": ["2.0", "0.5"], "b": ["1.0", "0.01"], "c": ["4.0", "1.0"]}  # 1, 10 (capped at 0.1), 0.25
GENOME = {"vocabulary": 8, "width": 256, "narrow": 64, "tokens": "3.2B"}

# check -> (parameters, verdict): at least one case that holds and one that does not
CASES: Mapping[str, list[tuple[dict[str, Any], str]]] = {
    "difference": [
        ({"minuend": "0.083", "subtrahend": "0.067", "result": "+0.016"}, C),
        ({"minuend": "0.083", "subtrahend": "0.067", "result": "+0.019"}, X),
    ],
    "quotient": [
        ({"numerator": "3.62", "denominator": "0.15", "result": "24x"}, C),
        ({"numerator": "3.62", "denominator": "0.15", "result": "26x"}, X),
        ({"numerator": "1568", "denominator": 1, "result": "x1500", "may_truncate": True}, P),
        ({"numerator": "1568", "denominator": 1, "result": "x1500"}, X),
    ],
    "quotients": [
        ({"numerator": 128, "denominators": ["2:1", "4:1"], "results": ["64", "32"]}, C),
        ({"numerator": 128, "denominators": ["2:1", "4:1"], "results": ["64", "31"]}, X),
        ({"numerator": 128, "denominators": ["2:1", "4:1"], "results": ["32", "64"]}, X),
    ],
    "saving": [
        ({"kept": "6,528", "of": "13,632", "result": "52.1%"}, C),
        ({"kept": "6,528", "of": "13,632", "result": "52.2%"}, X),
    ],
    "saving_at_ratio": [({"ratio": "8:1", "result": "87.5%"}, C), ({"ratio": "32:1", "result": "87.5%"}, X)],
    "improvement": [
        ({"subject": "4.602", "baseline": "4.595", "result": "-0.16%"}, C),
        ({"subject": "4.602", "baseline": "4.595", "result": "0.16%"}, X),
    ],
    "product": [
        ({"factors": [1000, 32], "result": "32,000"}, C),
        ({"factors": [1000, 32], "result": "32,001"}, X),
        ({"factors": [50000, 512], "result": "25M", "may_truncate": True}, P),
    ],
    "reduction": [
        ({"vocabulary": 50000, "width": 4096, "narrow": 512, "result": "179.2M"}, C),
        ({"vocabulary": "50K", "width": 4096, "narrow": 512, "result": "175M"}, X),
    ],
    "total": [
        ({"parts": ["5", "5", "4", "2"], "result": "16"}, C),
        ({"parts": ["5", "5", "4", "3"], "result": "16"}, X),
    ],
    "share": [
        ({"part": "3,840", "of": "30,464", "result": "12.6%"}, C),
        ({"part": "3,840", "of": "30,464", "result": "12.7%"}, X),
    ],
    "orders_of_magnitude": [
        ({"large": "x1500", "small": "x10", "orders": "2"}, C),
        ({"large": "x1500", "small": "x10", "orders": "3"}, X),
    ],
    "parameter_count": [
        ({"layers": {"table": [50, 64], "head": [64, 50]}, "result": "6,400"}, C),
        ({"layers": {"table": [50, 64], "head": [64, 50]}, "result": "6,450"}, C),  # the head has a bias
        ({"layers": {"table": [50, 64], "head": [64, 50]}, "result": "6,528"}, X),
        ({"layers": {"table": [50, 64], "head": [64, 50]}, "result": "6,450", "biases": "none"}, X),
        ({"layers": {"table": [50, 64], "head": [64, 50]}, "result": "3,200", "optional_layers": ["table"]}, P),
        ({"layers": {"scales": [7]}, "result": "7", "biases": "all"}, C),
    ],
    "affine_counts": [
        ({"widths": ["64", "32", "16", "8"], "counts": ["25,984", "16,192", "11,296", "8,848"]}, C),
        ({"widths": ["64", "32", "16", "8"], "counts": ["13,632", "9,792", "6,592", "4,496"]}, X),
    ],
    "number_listed": [({"items": ["a", "b", "c"], "result": "3"}, C), ({"items": ["a", "b", "b"], "result": "3"}, X)],
    "rows_covered": [
        ({"parameters": ["320", "100"], "narrowest": [10, 5], "widest": [16, 10], "tokens": "40"}, C),
        ({"parameters": ["320", "100"], "narrowest": [10, 5], "widest": [16, 10], "tokens": "60"}, X),
    ],
    "agreement": [
        ({"places": {"here": "0.50", "there": "0.5"}}, C),
        ({"places": {"here": "87.5%", "there": "75.3%"}}, X),
    ],
    "rows_agree": [
        ({"printed": ["0.1", "0.2"], "elsewhere": ["0.12", "0.19"], "place": "there"}, C),
        ({"printed": ["0.1", "0.2"], "elsewhere": ["0.12", "0.26"], "place": "there"}, P),
        ({"printed": ["0.1", "0.2"], "elsewhere": ["0.12", "0.26"], "place": "there", "claim": "all"}, X),
    ],
    "same_statement": [
        ({"about": "the optimiser", "places": {"a": "Adam", "b": "Adam"}}, C),
        ({"about": "the optimiser", "places": {"a": "Adam", "b": "noise"}}, X),
    ],
    "coverage": [
        ({"what": "a test", "needed": ["x", "y"], "found": ["y", "x"]}, C),
        ({"what": "a test", "needed": ["x", "y"], "found": ["x"]}, P),
        ({"what": "a test", "needed": ["x", "y"], "found": ["x"], "claim": "all"}, X),
        ({"what": "a test", "needed": ["x", "y"]}, X),
    ],
    "coverage_count": [
        ({"what": "a test", "needed": ["x", "y"], "stated": "2", "found": ["x", "y"]}, C),
        ({"what": "a test", "needed": ["x", "y"], "stated": "3", "found": ["x", "y"]}, X),
    ],
    "within_range": [
        ({"values": ["52.1%", "66.7%"], "low": "50%", "high": "80%"}, C),
        ({"values": ["52.1%", "81.8%"], "low": "50%", "high": "80%"}, P),
        ({"values": ["81.8%"], "low": "50%", "high": "80%"}, X),
    ],
    "within_band": [
        ({"values": [1.3], "band": ["1.25", "1.5"], "about": "widths"}, C),
        ({"values": [1.75], "band": ["1.25", "1.5"], "about": "widths"}, X),
    ],
    "range_ends": [
        ({"values": ["52.1%", "66.7%", "81.8%"], "low": "52%", "high": "82%"}, C),
        ({"values": ["52.1%", "66.7%", "81.8%"], "low": "52%", "high": "80%"}, X),
        ({"values": ["52.1%", "66.7%", "81.8%"], "low": "50%", "high": "80%"}, X),
    ],
    "wins": [
        ({"subject": ["1.0", "2.0"], "other": ["1.5", "2.5"], "better": "lower"}, C),
        ({"subject": ["1.0", "2.0"], "other": ["1.5", "2.5"], "better": "higher"}, X),
        ({"subject": ["1.0", "2.0"], "other": ["1.5", "2.0"], "better": "lower"}, P),
        ({"subject": ["1.0", "2.0"], "other": ["1.5", "2.0"], "better": "lower", "claimed": "1"}, C),
        (
            {
                "subject": ["1.0", "2.0"],
                "other": ["1.5", "2.0"],
                "better": "lower",
                "claimed_share": "100%",
                "claim": "all",
            },
            X,
        ),
    ],
    "significant_count": [
        ({"p_values": ["0.01", "0.20"], "claimed": "1", "of": "2"}, C),
        ({"p_values": ["0.01", "0.20"], "claimed": "2", "of": "3", "untested": 1}, C),
        ({"p_values": ["0.452", ">0.05"], "claimed": "2", "of": "3", "untested": 1}, X),
    ],
    "monotone": [
        ({"values": ["1.0", "2.0", "3.0"], "direction": "rising"}, C),
        ({"values": ["1.0", "3.0", "2.0"], "direction": "rising"}, P),
        ({"values": ["1.0", "3.0", "2.0"], "direction": "rising", "claim": "all"}, X),
        ({"values": ["3.0", "2.0"], "direction": "rising"}, X),
    ],
    "exponential": [
        ({"sizes": ["1K", "5K"], "values": ["1.0", "5.4"]}, C),
        ({"sizes": ["1K", "5K", "20K"], "values": ["1.0", "5.4", "2.8"]}, X),
    ],
    "signs": [
        ({"values": ["+0.1", "-0.1"], "expected": "mixed"}, C),
        ({"values": ["+0.1", "+0.2"], "expected": "mixed"}, X),
        ({"values": ["+0.1", "-0.2"], "expected": "positive"}, X),
    ],
    "bound": [
        ({"value": "8", "limit": "50,000", "side": "below"}, C),
        ({"value": "8", "limit": "50,000", "side": "at least"}, X),
        ({"value": "0.50", "limit": "0.5", "side": "at least"}, C),
        ({"value": "0.50", "limit": "0.5", "side": "above"}, X),
    ],
    "largest_is": [
        ({"values": {"a": "1.0", "b": "24x"}, "name": "b"}, C),
        ({"values": {"a": "1.0", "b": "24x"}, "name": "a"}, X),
    ],
    "spread_of_values": [
        ({"values": ["4.28", "4.39"], "same_within": 1.05, "about": "the loss"}, C),
        ({"values": ["3.62", "4.39"], "same_within": 1.05, "about": "the loss"}, X),
    ],
    "mean_of_rows": [
        ({"rows": FOUR, "mean": "4.0"}, C),
        ({"rows": FOUR, "mean": "2.0", "selected": ["a", "b", "c"]}, P),
        ({"rows": FOUR, "mean": "3.0", "selected": ["a", "b"]}, X),
    ],
    "interval_of_rows": [
        ({"rows": FOUR, "low": "-2.5", "high": "10.5"}, C),
        ({"rows": FOUR, "low": "1.0", "high": "10.0"}, X),
    ],
    "efficiency_mean": [
        ({"rows": SCORES, "cap": 0.1, "mean": "3.75"}, C),
        ({"rows": SCORES, "cap": 0.1, "mean": "0.62", "selected": ["a", "c"]}, P),
        ({"rows": SCORES, "cap": 0.01, "mean": "3.75"}, X),
    ],
    "efficiency_interval": [
        ({"rows": SCORES, "cap": 0.1, "low": "-9.7", "high": "17.3"}, C),
        ({"rows": SCORES, "cap": 0.1, "low": "0.25", "high": "10"}, X),
    ],
    "effect_size": [
        ({"rows": ROW, "effects": ["1.50"], "n": "10"}, C),
        ({"rows": ROW, "effects": ["0.47"], "n": "10"}, P),  # the +- as standard error: 1.5 / sqrt(10)
        ({"rows": ROW, "effects": ["3.00"], "n": "10"}, X),
    ],
    "p_of_effects": [
        ({"effects": ["0.287"], "p_values": ["0.529"], "n": "10"}, C),
        ({"effects": ["0.287"], "p_values": ["0.452"], "n": "10"}, X),
        ({"effects": ["0.287", "0.287"], "p_values": ["0.529", "0.452"], "n": "10"}, X),
    ],
    "p_of_rows": [
        ({"rows": ROW, "p_values": ["0.004"], "n": "10"}, C),
        ({"rows": ROW, "p_values": ["0.31"], "n": "10"}, P),
        ({"rows": ROW, "p_values": [">0.05"], "n": "30"}, P),
        ({"rows": ROW, "p_values": ["0.99"], "n": "10"}, X),
    ],
    "p_of_statistic": [
        ({"t": "2.20", "df": 28, "p": "0.036"}, C),
        ({"t": "2.20", "df": 28, "p": "0.10"}, X),
        ({"t": "3", "df": 10, "p": ".009"}, C),  # p is .0057 to .0312 for a t from 2.5 to 3.5
        ({"t": "3.00", "df": 10, "p": ".009"}, X),
        ({"t": "2.20", "df": 28, "p": "0.018", "one_sided": True}, C),
        ({"t": "2.20", "df": 28, "p": "0.018"}, X),
        ({"t": "7.31", "df": 28, "p": "<.001"}, C),
        ({"t": "5.30", "df": 28, "p": "1.2e-05"}, C),
    ],
    "decisions": [
        ({"rows": ROW, "n": "3", "claimed": "not significant"}, C),
        ({"rows": ROW, "n": "10", "claimed": "not significant"}, X),
        ({"rows": {"far": ["5.0", "1.0", "1.0", "1.0"]} | ROW, "n": "10", "claimed": "significant"}, X),
    ],
    "equivalence": [
        ({"rows": {"row": ["1.0", "0.1", "1.0", "0.1"]}, "n": "50", "margin": 0.2, "better": "lower"}, C),
        ({"rows": {"row": ["1.0", "0.1", "1.0", "0.1"]}, "n": "3", "margin": 0.01, "better": "lower"}, X),
        ({"rows": {"row": ["0.5", "0.1", "1.0", "0.1"]}, "n": "50", "margin": 0.2, "better": "lower"}, X),
        (
            {
                "rows": {"row": ["0.5", "0.1", "1.0", "0.1"]},
                "n": "50",
                "margin": 0.2,
                "better": "lower",
                "worse_only": True,
            },
            C,
        ),
    ],
    "corrected_decisions": [
        ({"p_values": ["0.001", "0.015", "0.020"], "claimed": "3"}, C),  # Holm all three, Bonferroni two
        ({"p_values": ["0.001", "0.015", "0.020"], "claimed": "2"}, C),
        ({"p_values": ["0.452", "0.919"], "claimed": "2"}, X),
    ],
    "enough_runs": [({"rows": ROW, "n": "10"}, C), ({"rows": ROW, "n": "3"}, X)],
    "possible_p": [
        ({"ratios": ["0.50", "0.52", "0.49", "0.51"], "p": "<0.001"}, C),
        ({"ratios": ["0.958", "0.989", "0.186", "0.042", "0.358", "0.876", "1.090"], "p": "<0.001"}, X),
    ],
    "attainable_means": [
        ({"means": ["0.083", "0.058"], "runs": "3", "examples": 200, "where": "there"}, C),
        ({"means": ["0.083", "0.071"], "runs": "3", "examples": 200, "where": "there"}, P),
        ({"means": ["0.071"], "runs": "3", "examples": 200, "where": "there"}, X),
    ],
    "attainable_spreads": [
        ({"rows": {"a": ["0.0167", "0.0029"]}, "runs": "3", "examples": 200, "where": "there"}, C),  # 4, 3, 3 of 200
        ({"rows": {"a": ["0.0167", "0.0041"]}, "runs": "3", "examples": 200, "where": "there"}, X),
    ],
    "learned": [
        ({"losses": {"row": ["2.0"]}, "vocabularies": {"row": "20"}}, C),
        ({"losses": {"row": ["2.0", "2.994"]}, "vocabularies": {"row": "20"}}, P),
        ({"losses": {"row": ["4.602"]}, "vocabularies": {"row": "100"}}, X),
        ({"losses": {"row": ["4.602"]}, "vocabularies": {"row": "20"}}, X),
    ],
    "vocabulary_fits": [
        ({"losses": ["4.602"], "vocabulary": "100"}, C),
        ({"losses": ["4.602"], "vocabulary": "20"}, X),
    ],
    "entropy_floor": [
        ({"losses": {"row": ["3.85", "3.50"]}, "sources": {"row": [200, 1.1, 8]}}, C),
        ({"losses": {"row": ["3.85", "0.15"]}, "sources": {"row": [200, 1.1, 8]}}, X),
        ({"losses": {"row": ["3.50"]}, "sources": {"row": [200, 1.1, 100000]}}, X),
    ],
    "entropy_reached": [
        ({"losses": ["3.85", "2.42"], "corpora": [[200, 1.1, 8], [200, 1.1, 8]]}, C),
        ({"losses": ["3.85", "4.67"], "corpora": [[200, 1.1, 8], [200, 1.1, 8]]}, X),
    ],
    "accuracy_ceiling": [
        ({"accuracies": ["0.042"], "vocabulary": 50, "answers": 600}, C),
        ({"accuracies": ["0.083"], "vocabulary": 50, "answers": 600}, X),
        ({"accuracies": ["0.083"], "vocabulary": 50, "answers": 24}, C),
    ],
    "not_checkable": [({"because": "future_work", "about": "memory"}, N)],
    "embedding_share": [
        ({"least": 0.2, "models": ["GPT-2"]}, C),
        ({"least": 0.2}, P),
        ({"least": 0.2, "models": ["GPT-3"]}, X),
    ],
    "model_saving": [
        ({"saving": "87.5%", "least": 0.1, "models": ["GPT-2"]}, C),
        ({"saving": "87.5%", "least": 0.1, "models": ["GPT-3"]}, X),
    ],
    "net_saving": [
        ({"vocabulary": 50000, "width": 4096, "narrow": 512, "result": "86.5%"}, C),
        ({"vocabulary": 50000, "width": 4096, "narrow": 512, "result": "87.5%"}, P),
        ({"vocabulary": 50000, "width": 4096, "narrow": 512, "result": "90.0%"}, X),
    ],
    "deployed_saving": [
        ({"vocabulary": 20, "narrow": 4, "stated": "0.0%"}, C),
        ({"vocabulary": 20, "narrow": 4, "stated": "87.5%"}, X),
    ],
    "sequence_memory": [
        (GENOME | {"tokens": 1000, "matters_from": 0.01}, C),
        (GENOME | {"matters_from": 0.01}, X),
        (GENOME | {"narrow": 512, "matters_from": 0.01}, X),
    ],
    "context_factor": [
        ({"ratio": "8:1", "factor": "1.04x", "models": ["GPT-2"]}, C),
        ({"ratio": "8:1", "factor": "8x"}, X),
    ],
    "compressed_width": [({"vocabulary": "50", "width": "8"}, C), ({"vocabulary": "8", "width": "64"}, X)],
    "capacity": [
        ({"bits": "16", "widths": [2048], "vocabulary": 128256, "ratio": "x10"}, C),
        ({"bits": "16", "widths": [2048], "vocabulary": 128256, "ratio": "x2000"}, X),
    ],
    "code_room": [
        ({"bits": "16", "widths": ["2", "1"], "vocabularies": ["1,000"]}, C),
        ({"bits": "16", "widths": ["2", "1"], "vocabularies": ["100,000"]}, X),
        ({"bits": "2", "widths": ["2", "1"], "vocabularies": ["100,000"]}, X),
    ],
    "capacity_gap": [
        ({"bits": "16", "widths": [4096], "vocabulary": 128256, "practice": "x10", "least": 10}, C),
        ({"bits": "16", "widths": [4096], "vocabulary": 128256, "practice": "x1500", "least": 10}, X),
    ],
    "before_deadlines": [
        ({"date": "2025-08-01", "deadlines": {"A": "2025-09-24"}}, C),
        ({"date": "2025-08-01", "deadlines": {"A": "2025-09-24", "B": "2025-01-30"}}, P),
        ({"date": "2025-08-01", "deadlines": {"B": "2025-01-30"}}, X),
    ],
    "one_hot_information": [({"vocabulary": "20"}, C)],
}


def judged(check: str, parameters: Mapping[str, Any]) -> Finding:
    """The finding; a claim whose case does not say so is about each number, so that some make PARTLY."""
    takes = {each.name for each in parameters_of(CHECKS[check])}
    return bound(check, {"claim": "each", **parameters} if "claim" in takes else parameters, {})()


OF_RUNS = [name for name in CASES if any(each.annotation == Runs for each in parameters_of(CHECKS[name]))]
"""Checks of CASES that need an arm's spread."""


def test_every_check_has_cases() -> None:
    assert len(OF_RUNS) >= 6
    assert set(CASES) <= set(CHECKS)
    others = "".join(
        path.read_text() for path in Path(__file__).parent.glob("test_claims_*.py") if path != Path(__file__)
    )
    untested = [check for check in CHECKS if check not in CASES and not re.search(rf"\b{check}\b", others)]
    assert not untested


@pytest.mark.parametrize("check", CASES)
def test_a_check_tells_true_from_false(check: str) -> None:
    for parameters, verdict in CASES[check]:
        found = judged(check, parameters)
        assert (found.verdict, parameters) == (verdict, parameters), found.reason
        assert re.match(r".*\w.*\.$", found.reason) and "\n" not in found.reason
    if check not in ("not_checkable", "one_hot_information"):  # nothing to find, and a matter of definition
        assert {CONSISTENT, INCONSISTENT} <= {verdict for _, verdict in CASES[check]}


def test_the_verdict_of_many_parts() -> None:
    each: list[tuple[list[bool], str]] = [([True, True], C), ([True, False], P), ([False], X)]
    assert [verdict_of(holds, "each") for holds, _ in each] == [verdict for _, verdict in each]
    assert verdict_of([True, False], "all") == X
    parts = [[C, C], [C, X], [X, N], [N, N], [P, P], [C, P]]
    assert [combine(found, "each") for found in parts] == [C, P, X, N, P, P]
    assert [combine(found, "all") for found in parts] == [C, X, X, N, P, P]
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"])] == ["none", "a", "a, b and c"]


def test_several_parts_make_one_sentence() -> None:
    parts = [
        {"check": "total", "parameters": {"parts": ["1", "2"], "result": "3"}},
        {"check": "bound", "parameters": {"value": "3", "limit": 2, "side": "below", "about": "the total"}},
    ]
    found = bound("several", {"claim": "each", "parts": parts}, {})()
    assert found.verdict == PARTLY
    assert bound("several", {"claim": "all", "parts": parts}, {})().verdict == INCONSISTENT
    assert found.reason.count(".") == 1 and "; the total is 3" in found.reason
    assert found.recomputed["1.low"] == 3.0


def test_the_printed_counts_of_document_000_are_out_of_reach_of_any_affine_rule() -> None:
    slopes = judged("affine_counts", CASES["affine_counts"][1][0]).recomputed["slopes"]
    assert slopes == [262.0, 200.0, 120.0]  # protocols A6


def test_zipf_floors_are_those_of_the_protocols() -> None:
    for vocabulary, exponent, entropy, sd in (
        (100, 1.2, 3.220, 1.699),
        (200, 1.1, 3.859, 1.814),
        (500, 1.3, 3.554, 2.258),
    ):
        assert zipf_floor(vocabulary, exponent) == pytest.approx((entropy, sd), abs=6e-4)


def test_the_ceiling_is_the_bayes_optimum_of_the_protocols() -> None:
    assert chain_ceiling(50) == pytest.approx(0.0446, abs=0.0005)


def test_readings_of_the_spread_scale_the_effect() -> None:
    found = judged("effect_size", CASES["effect_size"][0][0]).recomputed
    sd, se, half = (found[name][0] for name in ("standard deviation", "standard error", "95 % half-width"))  # type: ignore[index]
    assert sd / se == pytest.approx(math.sqrt(10))
    assert half / se == pytest.approx(2.262157, rel=1e-6)


def test_implied_n_is_in_the_reason() -> None:
    found = judged("p_of_effects", CASES["p_of_effects"][1][0])
    assert np.allclose(found.recomputed["implied_n"], 14.15, atol=0.1)


@pytest.mark.parametrize(
    ("check", "parameters", "message"),
    [
        ("quotients", {"numerator": 1, "denominators": [1, 2], "results": ["1"]}, "expected as many"),
        ("affine_counts", {"widths": ["1", "1", "2"], "counts": ["1", "2", "3"]}, "the same width twice"),
        ("parameter_count", {"layers": {"a": [1, 2]}, "result": "2", "optional_layers": ["b"]}, "expected one of a"),
        ("mean_of_rows", {"rows": FOUR, "mean": "4.0", "selected": ["z"]}, "expected one of a, b, c, d"),
        ("coverage", {"what": "a test", "needed": ["x"], "found": ["y"]}, "is not in needed"),
        ("agreement", {"places": {"a": "1.0"}}, "at least 2"),
        ("learned", {"losses": {"a": ["1.0"]}, "vocabularies": {"b": "20"}}, "has the rows a"),
        ("before_deadlines", {"date": "1 August", "deadlines": {"A": "2025-01-01"}}, "year-month-day"),
        ("embedding_share", {"least": 0.2, "models": ["GPT-9"]}, "expected one of GPT-2"),
        ("one_hot_information", {"vocabulary": "1"}, "at least 2"),
        ("effect_size", {"rows": {"a": ["1.0", "2.0"]}, "effects": ["1.0"], "n": "3"}, "mean, spread, mean, spread"),
    ],
)
def test_parameters_that_do_not_fit_together(check: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        judged(check, parameters)


def test_corrections_agree_with_the_example_of_benjamini_and_hochberg() -> None:
    # methods, section 2: Bonferroni and Holm reject 3 of these 15
    p = ["0.0001", "0.0004", "0.0019", "0.0095", "0.0201", "0.0278", "0.0298", "0.0344", "0.0459"]
    p += ["0.3240", "0.4262", "0.5719", "0.6528", "0.7590", "1.0000"]
    found = judged("corrected_decisions", {"p_values": p, "claimed": "3"})
    assert found.recomputed == {"uncorrected": 9, "bonferroni": 3, "holm": 3}


def test_what_three_runs_can_find_is_the_table_of_methods() -> None:
    found = judged("enough_runs", {"rows": ROW, "n": "3"}).recomputed
    assert found["minimal_detectable_d"] == pytest.approx(3.071, abs=6e-4)
    assert found["smallest_exact_p"] == pytest.approx(0.10)


def test_the_p_of_the_other_kind_of_test_is_named() -> None:
    one, two = ({"t": "2.20", "df": 28, "p": p, "one_sided": said} for p, said in (("0.018", False), ("0.036", True)))
    assert "which is that of a one-sided test" in judged("p_of_statistic", one).reason
    assert "which is that of a two-sided test" in judged("p_of_statistic", two).reason


@pytest.mark.parametrize("check", [name for name in CHECKS if "claim" in {p.name for p in parameters_of(CHECKS[name])}])
def test_an_entry_says_whether_one_counterexample_refutes(check: str) -> None:
    (taken,) = (each for each in parameters_of(CHECKS[check]) if each.name == "claim")
    assert taken.default is taken.empty


@pytest.mark.parametrize("n", ["0", "1"])
@pytest.mark.parametrize("check", OF_RUNS)
def test_too_few_runs_for_a_spread_are_one_line(check: str, n: str) -> None:
    parameters, _ = CASES[check][0]
    with pytest.raises(InputError, match=rf"n: found '{n}', expected a whole number of at least 2$"):
        judged(check, {**parameters, "n": n})


def test_a_decision_error_is_named() -> None:
    assert judged("p_of_statistic", {"t": "1.98", "df": 28, "p": "0.04"}).recomputed["decision_error"] is True
    assert judged("p_of_statistic", {"t": "2.20", "df": 28, "p": "0.04"}).verdict == CONSISTENT
    assert judged("p_of_statistic", {"t": "2.80", "df": 28, "p": "0.04"}).recomputed["decision_error"] is False


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3])
def test_equivalence_decides_as_two_one_sided_tests_on_data(shift: float) -> None:
    rng = np.random.default_rng(7)
    a, b = rng.normal(shift, 0.2, 12), rng.normal(0, 0.2, 12)
    row = [f"{value:.9f}" for value in (a.mean(), a.std(ddof=1), b.mean(), b.std(ddof=1))]
    for margin in (0.05, 0.1, 0.2, 0.4):
        p = ttost_ind(a, b, -margin, margin, usevar="pooled")[0]
        found = judged("equivalence", {"rows": {"row": row}, "n": "12", "margin": margin, "better": "higher"})
        assert (found.verdict == CONSISTENT) == (p < 0.05)


def test_a_negative_spread_is_rejected() -> None:
    with pytest.raises(InputError, match=r"the spread -1\.0, expected at least 0"):
        judged("decisions", {"rows": {"row": ["5.0", "-1.0", "3.5", "1.0"]}, "n": "3", "claimed": "significant"})
