"""Verdicts by other choices: a margin that flips where arithmetic says, another baseline or metric, the median."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from claims_frames import around, made, rows

from tokentrial.claims.registry import Claim
from tokentrial.claims.rules import Results
from tokentrial.claims.sensitivity import MARGINS, OWN, Specification, changed, judge, specifications
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, TOO_SMALL
from tokentrial.report.sensitivity import by_margin, claim_row, in_words, runs_of

ROOT = Path(__file__).parents[2]
ONE = "learned_encoding/task/done-right/one"
CELLS = [{"study": "learned_encoding/task", "pairs": [["learned", "autoencoder"]]}]


def claim(rule: str = "superior", **changes: Any) -> Claim:
    parameters = {"cells": CELLS, "metric": "cross_entropy"} | changes
    return Claim("A", "001", "1", "empirical", "A is better", {}, rule, parameters, "claims.yaml")


def run(difference: float, finetuned: float | None = None, more: Any = ()) -> Results:
    """Chance is 4 and the floor 1, so that a margin of 1 % is 0.03 nats."""
    arms = {"learned": around(2.0 + difference, 0.005, phase=1), "autoencoder": around(2.0, 0.005)}
    if finetuned is not None:
        arms["autoencoder_finetuned"] = around(finetuned, 0.005, phase=2)
    return made({ONE: arms}, more=more)


def by(found: pd.DataFrame, **chosen: Any) -> dict[float, str]:
    return by_margin(found[~found["own"]], **({"metric": "cross_entropy", "baseline": "", "center": "mean"} | chosen))


def test_the_verdict_flips_where_the_margin_passes_the_difference() -> None:
    """0.1 nats are 3.3 % of the distance: larger margins take in the whole interval."""
    found = judge([claim()], run(-0.1))
    assert by(found) == {margin: CONFIRMED if margin <= 0.03 else TOO_SMALL for margin in MARGINS}
    assert found.loc[found["own"], "verdict"].tolist() == [TOO_SMALL]  # the study's own margin is 5 %
    assert by(judge([claim(equivalence={"absolute": 0.01})], run(-0.1))) == by(found)


def test_maintained_performance_depends_on_the_margin() -> None:
    found = by(judge([claim("not_worse", equivalence={"relative": 0.01})], run(0.1)))
    assert (found[0.02], found[0.10]) == (REFUTED, CONFIRMED)


def test_the_other_baseline_is_compared_where_the_run_has_it() -> None:
    found = judge([claim()], run(-0.5, finetuned=1.4))
    assert set(by(found).values()) == {CONFIRMED}
    assert set(by(found, baseline="autoencoder_finetuned").values()) == {REFUTED}
    assert by(judge([claim()], run(-0.5)), baseline="autoencoder_finetuned") == {}


def test_each_of_several_baselines_is_compared_alone() -> None:
    cells = [
        {"study": "learned_encoding/task", "pairs": [["learned", "autoencoder"], ["learned", "autoencoder_finetuned"]]}
    ]
    found = judge([claim(cells=cells)], run(-0.5, finetuned=1.4))
    assert found.loc[found["own"], "verdict"].tolist() == [REFUTED]
    assert set(by(found, baseline="autoencoder").values()) == {CONFIRMED}
    assert set(by(found, baseline="autoencoder_finetuned").values()) == {REFUTED}


def test_the_other_metric_is_judged_by_its_own_direction_and_distance() -> None:
    """Accuracy falls by 0.1, where there is 0.8 to learn, while the loss falls, too."""
    more = [
        row
        for arm, level in (("learned", 0.5), ("autoencoder", 0.6), ("reference.chance", 0.1), ("reference.floor", 0.9))
        for row in rows(ONE, arm, around(level, 0.002, phase=len(arm)) if "." not in arm else [level] * 10, "accuracy")
    ]
    found = judge([claim()], run(-0.5, more=more))
    assert set(by(found).values()) == {CONFIRMED}
    assert set(by(found, metric="accuracy").values()) == {REFUTED}
    assert by(judge([claim()], run(-0.5)), metric="accuracy") == {}


def test_the_median_is_not_moved_by_one_seed() -> None:
    """One seed of ten is worse by 9 nats: the mean decides nothing, the median's interval is that of the others."""
    learned = [*around(1.5, 0.005, 9), 11.0]
    results = made({ONE: {"learned": learned, "autoencoder": around(2.0, 0.005)}})
    found = judge([claim()], results)
    assert set(by(found).values()) == {INCONCLUSIVE}
    assert set(by(found, center="median").values()) == {CONFIRMED}
    assert found.loc[found["center"] == "median", "difference"].iloc[0] == pytest.approx(-0.5, abs=0.02)


def test_the_rules_own_specification_is_the_verdict_itself() -> None:
    results = run(-0.1)
    [row] = judge([claim()], results)[lambda found: found["own"]].to_dict("records")
    assert row["verdict"] == TOO_SMALL and row["margin"] != row["margin"]  # missing
    assert (results.every_margin, results.center) == (None, "mean")


def test_specifications_are_those_that_a_rule_has() -> None:
    assert list(specifications(claim("as_decided"))) == [OWN]
    assert len(list(specifications(claim()))) == 1 + 10 * 2 * 2 * 2
    slopes = list(specifications(claim("persists", axis="vocab_size")))
    assert {one.center for one in slopes} == {"mean"}
    other = changed(claim(), Specification(metric="accuracy", baseline="autoencoder_finetuned"))
    assert other.parameters["metric"] == "accuracy"
    assert other.parameters["cells"][0]["pairs"] == [["learned", "autoencoder_finetuned"]]
    assert CELLS[0]["pairs"] == [["learned", "autoencoder"]]
    sized = claim(cells=[{"study": "language_models/transformer", "pairs": [["learned-8", "autoencoder-8"]]}])
    of_size = changed(sized, Specification(baseline="autoencoder_finetuned"))
    assert of_size.parameters["cells"][0]["pairs"] == [["learned-8", "autoencoder_finetuned-8"]]


def test_a_distance_without_a_floor_ends_at_the_best_arm() -> None:
    results = made({ONE: {"learned": [2.0] * 10, "autoencoder": [3.0] * 10}}, bounds={"chance": 4.0, "unigram": 3.5})
    assert results.distance(ONE, "cross_entropy") == pytest.approx(2.0)
    assert run(0.0).distance(ONE, "cross_entropy") == pytest.approx(3.0)


def test_flips_in_words() -> None:
    verdicts = {0.01: CONFIRMED, 0.02: CONFIRMED, 0.03: TOO_SMALL}
    assert runs_of(verdicts) == [(0.01, 0.02, CONFIRMED), (0.03, 0.03, TOO_SMALL)]
    assert in_words(verdicts) == "CONFIRMED 1 to 2\u00a0%, TOO SMALL 3\u00a0%"
    assert in_words({0.01: REFUTED, 0.1: REFUTED}) == REFUTED and in_words({}) == "–"
    row = claim_row(judge([claim()], run(-0.1, finetuned=1.4)))
    assert row["by_margin"] == "CONFIRMED 1 to 3\u00a0%, TOO SMALL 4 to 10\u00a0%"
    assert row["other_baseline"] == f"autoencoder finetuned: {REFUTED}" and row["other_metric"] == "–"
    assert row["same"] < row["specifications"]


def test_processes_side_by_side_judge_the_same() -> None:
    claims, results = [claim(), claim("not_worse", equivalence={"relative": 0.01})], run(-0.1)
    pd.testing.assert_frame_equal(judge(claims, results), judge(claims, results, 2), check_exact=True)
