"""A run beside the reference run: what counts as equal, what is said of what differs, and what fails."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.publish.reference import comparison, rows
from tokentrial.publish.reference.text import as_text
from tokentrial.schema import study_files

Frames = dict[str, pd.DataFrame]

CELLS = ("learned_encoding/signal/done-right/ordered", "language_models/lstm/done-right/bpe")
CRAMMED = "cramming/capacity/small/text-test/n-2-m-1"
ARMS = ("learned", "full")


def runs() -> pd.DataFrame:
    """Three conditions, two arms, three seeds, a step and the final value: 36 rows, one of them without a value."""
    generator = np.random.default_rng(5)
    made = [
        {"study": condition.split("/")[0], "condition": condition, "arm": arm, "seed": seed, "split": "test"}
        | {"step": step, "metric": "cross_entropy", "value": generator.uniform(1, 3), "unit": "nats"}
        for condition, arm, seed, step in itertools.product((*CELLS, CRAMMED), ARMS, range(3), (10, None))
    ]
    made[-1]["value"] = None
    return pd.DataFrame(made)


def arms() -> pd.DataFrame:
    """One row per condition and arm, of the job's specification named by the condition."""
    fixed = {"seeds": 3, "parameters_embedding": 100, "wall_seconds": 1.5, "peak_memory_mib": 200.0}
    fixed |= {"device": "one processor", "versions": "torch 2.13.0", "git_commit": "a" * 40}
    made = [
        {"study": condition.split("/")[0], "condition": condition, "arm": arm, "config_hash": f"hash of {condition}"}
        for condition, arm in itertools.product((*CELLS, CRAMMED), ARMS)
    ]
    return pd.DataFrame(made).assign(**fixed).reindex(columns=results.ARMS.names).astype({"corpus": object})


def statistics() -> pd.DataFrame:
    rows_ = [
        {"comparison": f"{condition}:cross_entropy:learned-full", "study": condition.split("/")[0]}
        | {"condition": condition, "metric": "cross_entropy", "arm_a": "learned", "arm_b": "full", "n": 3}
        | {"difference": -0.1, "p_holm": 0.049, "p_tost": 0.2, "margin": 0.15, "equivalent": False, "noninferior": True}
        for condition in CELLS
    ]
    return pd.DataFrame(rows_).reindex(columns=results.STATISTICS.names)


def verdicts() -> pd.DataFrame:
    fixed = {"document": "001", "section": "Abstract", "kind": "empirical", "reported": "null", "check": "better"}
    fixed |= {
        "parameters": "{}",
        "comparison": "[]",
        "decided_by": "headline",
        "decision": "p < 0.05",
        "fixed": "",
        "unfrozen": "",
    }
    fixed |= {"basis": "the run", "quotes": "{}"}
    made = [
        {"id": "LE1-A", "paraphrase": "It is better", "verdict": "CONFIRMED", "reason": "It was better by 0.1."}
        | {"recomputed": json.dumps({"extra": 3, "cells": [1, 2], "p_holm": 0.049, "difference": -0.1})},
        {"id": "LE1-B", "paraphrase": "It is worse", "verdict": "REFUTED", "reason": "It was not."}
        | {"recomputed": json.dumps({"difference": -0.1})},
    ]
    return pd.DataFrame(made).assign(**fixed, rows=3)[list(rows.TABLES["verdicts"].schema.names)]


def frames() -> Frames:
    """The seven tables of a small finished run."""
    summary = pd.DataFrame(
        [{"study": c.split("/")[0], "condition": c, "arm": "learned", "mean": 1.5} for c in CELLS]
    ).assign(metric="cross_entropy", unit="nats", n=3, flag="")
    measures = pd.DataFrame([{"length": None}, {"length": 2}]).assign(
        measure="gain", design="capacity", model="small", kind=None, vectors=1, arm="tuned", estimate=2.5, low=None,
        high=3.0, n=3, unit="tokens", note="",
    )  # fmt: skip
    decided = pd.DataFrame([{"estimate": 1.2, "met": True}, {"estimate": 0.8, "met": None}]).assign(
        claim="CR4", design="capacity", model="llama", quantity="gain_ratio", low=0.5, high=2.0, n=3,
        threshold="above 1", outcome=["supported", "inconclusive"], reason="It was.",
    )  # fmt: skip
    found = {"runs": runs(), "arms": arms(), "summary": summary, "statistics": statistics(), "verdicts": verdicts()}
    found |= {"cramming": measures, "cramming_decisions": decided}
    tables = {
        name: results.table(found[name].reindex(columns=t.schema.names), t.schema) for name, t in rows.TABLES.items()
    }
    return {name: table.to_pandas() for name, table in tables.items()}


@pytest.fixture
def reference() -> Frames:
    return frames()


@pytest.fixture
def run() -> Frames:
    return frames()


def total(found: dict[str, Any], key: str) -> int:
    return sum(study[key] for study in found["runs"].values())


def test_a_run_equals_itself(run: Frames, reference: Frames) -> None:
    found = comparison.compare_frames(run, reference)
    assert found["config"]["same"] and found["largest"] == [] and found["decisions"] == []
    assert (total(found, "both"), total(found, "identical"), total(found, "differing")) == (36, 36, 0)
    for table in found["tables"].values():
        assert table["identical"] == table["run"] == table["reference"] and table["columns"] == {}
    assert found["verdicts"]["same"] == found["verdicts"]["both"] == 2
    comparison.agree(found, "the file")
    said = as_text(found)
    assert "All 2 verdicts are those of the reference run" in said and "all 3 conditions" in said


def test_the_order_of_rows_is_no_difference(run: Frames, reference: Frames) -> None:
    shuffled = {name: frame.sample(frac=1, random_state=1) for name, frame in run.items()}
    shuffled["cramming_decisions"] = run["cramming_decisions"]  # these are told apart by their order
    plain, mixed = comparison.compare_frames(run, reference), comparison.compare_frames(shuffled, reference)
    assert mixed == plain


def test_the_last_bit_of_one_value(run: Frames, reference: Frames) -> None:
    was = float(run["runs"]["value"].iloc[2])
    now = float(np.nextafter(was, 9))
    run["runs"].loc[2, "value"] = now
    found = comparison.compare_frames(run, reference)
    assert (total(found, "identical"), total(found, "differing")) == (35, 1)
    [row] = found["largest"]
    assert (row["study"], row["metric"], row["unit"], row["differing"]) == (
        "learned_encoding", "cross_entropy", "nats", 1,
    )  # fmt: skip
    where = {"condition": CELLS[0], "arm": "learned", "seed": 1, "split": "test", "step": 10}
    assert row["absolute"].items() >= (where | {"reference": was, "run": now}).items()
    assert row["absolute"]["difference"] == now - was
    assert row["relative"]["relative"] == (now - was) / was
    assert f"{CELLS[0]}, learned, seed 1, test, step 10: {was!r} -> {now!r}" in as_text(found)
    comparison.agree(found, "the file")  # rounding is no failure


def test_the_largest_differences_of_a_metric(run: Frames, reference: Frames) -> None:
    """Absolute and relative ones are of different rows here; a value that is null in one run is neither."""
    reference["runs"].loc[[0, 1, 2], "value"] = [100.0, 0.5, 1.0]
    run["runs"].loc[[0, 1, 2], "value"] = [101.0, 0.75, np.nan]
    [row] = comparison.compare_frames(run, reference)["largest"]
    assert (row["differing"], row["missing_in_one"]) == (3, 1)
    assert (row["absolute"]["difference"], row["absolute"]["reference"]) == (1.0, 100.0)
    assert (row["relative"]["relative"], row["relative"]["reference"]) == (0.5, 0.5)
    assert row["relative"]["step"] is None


def test_values_without_a_relative_difference(run: Frames, reference: Frames) -> None:
    """From zero there is none; signed zeros differ in a bit; an infinite difference is text in JSON."""
    reference["runs"].loc[[0, 1], "value"], run["runs"].loc[[0, 1], "value"] = 0.0, [-0.0, -0.0]
    [row] = comparison.compare_frames(run, reference)["largest"]
    assert (row["differing"], row["absolute"]["difference"], row["relative"]) == (2, 0.0, None)
    run["runs"].loc[1, "value"] = np.inf
    found = comparison.compare_frames(run, reference)
    [row] = found["largest"]
    assert (row["absolute"]["difference"], row["absolute"]["run"]) == ("inf", "inf")
    assert "absolute at most inf" in as_text(found)
    json.dumps(found, allow_nan=False)


def test_missing_and_repeated_rows_are_counted_and_not_multiplied(run: Frames, reference: Frames) -> None:
    whole = run["runs"]
    run["runs"] = pd.concat([whole.iloc[2:], whole.iloc[[5, 5, 7]]], ignore_index=True)
    reference["runs"] = pd.concat([whole.iloc[:-1], whole.iloc[[7]]], ignore_index=True)
    found = comparison.compare_frames(run, reference)
    expected = {"both": 33, "only_run": 1, "only_reference": 2, "repeated_run": 3, "repeated_reference": 1}
    assert {name: total(found, name) for name in expected} == expected
    assert (total(found, "identical"), total(found, "differing")) == (33, 0)
    table = found["tables"]["runs"]
    assert (table["run"], table["reference"]) == (len(run["runs"]), len(reference["runs"]))
    assert [(row["condition"], row["step"]) for row in table["only_run_first"]] == [(CRAMMED, None)]
    said = as_text(found)
    assert f"Only in the reference run: {CELLS[0]}, learned, seed 0, test, step 10" in said
    assert f"More than once in this run: {CELLS[0]}, learned, seed 2, test, final" in said


def test_null_keys_are_equal_and_different_from_every_value(run: Frames, reference: Frames) -> None:
    run["cramming"].loc[0, "length"] = 4
    table = comparison.compare_frames(run, reference)["tables"]["cramming"]
    assert (table["both"], table["only_run"], table["only_reference"]) == (1, 1, 1)
    assert [row["length"] for row in table["only_reference_first"]] == [None]
    assert [row["length"] for row in table["only_run_first"]] == [4]


def test_criteria_with_equal_names_are_told_apart_by_their_order(run: Frames, reference: Frames) -> None:
    run["cramming_decisions"].loc[1, ["outcome", "estimate"]] = ["refuted", 0.7]
    found = comparison.compare_frames(run, reference)
    [row] = found["cramming_decisions"]
    assert (row["reference"], row["run"]) == ("inconclusive", "refuted")
    table = found["tables"]["cramming_decisions"]
    assert (table["both"], table["repeated_run"], table["differing"]) == (2, 0, 1)
    assert table["columns"]["estimate"]["absolute"]["number"] == 1
    assert "CR4, capacity, llama, gain_ratio: inconclusive -> refuted" in as_text(found)


def test_what_describes_the_machine_is_shown_and_no_difference(run: Frames, reference: Frames) -> None:
    changes = {"device": "another", "versions": "torch 2.14.0", "git_commit": "b" * 40, "wall_seconds": 9.0}
    run["arms"] = run["arms"].assign(**changes, peak_memory_mib=1.0, tokens_per_second=7.0)
    found = comparison.compare_frames(run, reference)
    assert found["tables"]["arms"]["differing"] == 0 and found["config"]["same"]
    said = as_text(found)
    assert "- device: another; reference run: one processor" in said
    assert "- versions: torch 2.14.0; reference run: torch 2.13.0" in said
    assert f"- code: {'b' * 12}; reference run: {'a' * 12}" in said


def test_other_columns_of_an_arm_are_compared(run: Frames, reference: Frames) -> None:
    run["arms"].loc[0, "parameters_embedding"] = 99
    columns = comparison.compare_frames(run, reference)["tables"]["arms"]["columns"]
    assert columns["parameters_embedding"]["absolute"]["difference"] == 1.0


@pytest.mark.parametrize(
    ("column", "value", "turned"),
    [
        ("p_holm", 0.051, ("significant", True, False)),
        ("equivalent", True, ("equivalent", False, True)),
        ("noninferior", False, ("noninferior", True, False)),
    ],
)
def test_a_decision_that_changed(column: str, value: Any, turned: Any, run: Frames, reference: Frames) -> None:
    run["statistics"].loc[1, column] = value
    found = comparison.compare_frames(run, reference)
    [row] = found["decisions"]
    assert (row["column"], row["reference"], row["run"]) == turned
    assert row["comparison"] == f"{CELLS[1]}:cross_entropy:learned-full"
    assert f"{row['comparison']}: {turned[0]} {turned[1]} -> {turned[2]}; difference -0.1" in as_text(found)


def test_a_p_value_on_the_same_side_changes_no_decision(run: Frames, reference: Frames) -> None:
    run["statistics"].loc[1, "p_holm"] = 0.0499
    found = comparison.compare_frames(run, reference)
    assert found["decisions"] == [] and found["tables"]["statistics"]["columns"]["p_holm"]["differing"] == 1


def test_significance_is_as_in_the_shipped_run() -> None:
    config = study_files.default(Path(__file__).parents[2])
    assert pytest.approx(1 - config["statistics"]["confidence"]) == comparison.ALPHA


def changed_verdict(run: Frames) -> None:
    recomputed = json.dumps({"extra": 3, "cells": [1, 2, 3], "p_holm": 0.051, "difference": -0.1, "n": 3})
    changes = {"verdict": "INCONCLUSIVE", "reason": "It was not sure.", "recomputed": recomputed}
    for column, value in changes.items():
        run["verdicts"].loc[0, column] = value


def test_a_verdict_that_differs_at_the_same_config_fails(run: Frames, reference: Frames) -> None:
    changed_verdict(run)
    found = comparison.compare_frames(run, reference)
    [row] = found["verdicts"]["differ"]
    assert (row["id"], row["reference"], row["run"], row["entry_changed"]) == ("LE1-A", "CONFIRMED", "INCONCLUSIVE", [])
    assert row["numbers"] == {
        "cells": {"reference": [1, 2], "run": [1, 2, 3]},
        "p_holm": {"reference": 0.049, "run": 0.051},
        "n": {"reference": None, "run": 3},
    }
    said = as_text(found)
    assert "**1 of 2 verdicts differs**" in said
    assert "- **LE1-A** (001) It is better: CONFIRMED -> INCONCLUSIVE" in said
    assert "p_holm 0.049 -> 0.051, cells [1, 2] -> [1, 2, 3]; 1 of its numbers is in one run alone" in said
    assert "reference: It was better by 0.1." in said and "this run: It was not sure." in said
    with pytest.raises(InputError, match=r"^1 verdict differs .* at the same config: LE1-A; see the file$"):
        comparison.agree(found, "the file")


def test_the_error_names_five_and_counts_the_rest() -> None:
    found = {"config": {"same": True}, "verdicts": {"differ": [{"id": f"A{k}", "entry_changed": []} for k in range(7)]}}
    with pytest.raises(InputError, match=r"^7 verdicts differ .*: A0, A1, A2, A3, A4 and 2 more; see it$"):
        comparison.agree(found, "it")


def test_an_entry_that_asks_something_else_is_said(run: Frames, reference: Frames) -> None:
    changed_verdict(run)
    run["verdicts"].loc[0, "decision"] = "p < 0.01"
    assert "its entry in the registry is another one: decision" in as_text(comparison.compare_frames(run, reference))


SETTINGS = {"confidence": 0.95, "equivalence_margin": 0.05, "margins": {"language_models": {"cross_entropy": 0.02}}}


def test_a_changed_margin_is_a_dispute(run: Frames, reference: Frames) -> None:
    """Its verdicts may differ without a failure; the same verdicts with the same margins may not."""
    changed_verdict(run)
    with pytest.raises(InputError, match="1 verdict differs"):
        comparison.agree(comparison.compare_frames(run, reference, (SETTINGS, SETTINGS)), "it")
    run["statistics"].loc[0, "margin"] *= 4
    found = comparison.compare_frames(run, reference)
    assert found["config"]["trained"] and not found["config"]["same"] and found["config"]["judged"]["margins"] == 1
    comparison.agree(found, "it")
    said = as_text(found)
    assert "**The two runs were judged differently**: the margin of 1 comparison." in said
    assert "All 3 conditions have the reference run's specification" in said and "The config is the same" not in said


def test_margins_of_another_processor_are_the_same(run: Frames, reference: Frames) -> None:
    run["statistics"]["margin"] *= 1 + 1e-12
    assert comparison.compare_frames(run, reference)["config"]["same"]


def test_a_recorded_setting_that_differs_is_named(run: Frames, reference: Frames) -> None:
    changed_verdict(run)
    other = {**SETTINGS, "confidence": 0.9, "margins": {"language_models": {"cross_entropy": 0.1}}}
    found = comparison.compare_frames(run, reference, (other, SETTINGS))
    assert list(found["config"]["judged"]["settings"]) == ["confidence", "margins.language_models.cross_entropy"]
    comparison.agree(found, "it")
    assert "confidence 0.95 -> 0.9; margins.language_models.cross_entropy 0.02 -> 0.1" in as_text(found)
    unknown = comparison.compare_frames(run, reference, (other, None))  # an earlier run recorded none
    assert unknown["config"]["judged"]["settings"] == {}


@pytest.mark.parametrize("column", comparison.ENTRY)
def test_a_changed_entry_is_a_dispute_of_its_claim_alone(column: str, run: Frames, reference: Frames) -> None:
    changed_verdict(run)
    run["verdicts"].loc[0, column] = "another"
    found = comparison.compare_frames(run, reference)
    assert found["config"]["judged"]["entries"] == ["LE1-A"]
    comparison.agree(found, "it")
    assert "other rules, parameters or numbers in the entries of LE1-A" in as_text(found)
    run["verdicts"].loc[1, "verdict"] = "CONFIRMED"
    with pytest.raises(InputError, match="1 verdict differs from the reference run's at the same config: LE1-B"):
        comparison.agree(comparison.compare_frames(run, reference), "it")


def test_claims_that_one_run_lacks_are_no_differences(run: Frames, reference: Frames) -> None:
    run["verdicts"].loc[1, "id"] = "LE1-C"
    found = comparison.compare_frames(run, reference)
    judged = found["verdicts"]
    assert (judged["both"], judged["only_run"], judged["only_reference"]) == (1, ["LE1-C"], ["LE1-B"])
    assert "Only in the reference run: LE1-B." in as_text(found)
    comparison.agree(found, "the file")


def smoke(run: Frames) -> None:
    """One condition with fewer seeds and other numbers, one that is not there, the third as it was."""
    small = run["arms"]["condition"] == CELLS[0]
    run["arms"].loc[small, ["seeds", "config_hash"]] = [2, "another hash"]
    run["arms"] = run["arms"][run["arms"]["condition"] != CRAMMED]
    rows_ = run["runs"]
    rows_.loc[rows_["condition"] == CELLS[0], "value"] += 1
    run["runs"] = rows_[~((rows_["condition"] == CELLS[0]) & (rows_["seed"] == 2)) & (rows_["condition"] != CRAMMED)]
    run["statistics"].loc[0, ["difference", "p_holm"]] = [0.5, 0.9]


def test_a_run_at_another_scale(run: Frames, reference: Frames) -> None:
    """Its rows are not compared, its verdicts are, and no difference of theirs is a failure."""
    smoke(run)
    changed_verdict(run)
    found = comparison.compare_frames(run, reference)
    states = {study: {k: n for k, n in count.items() if n} for study, count in found["config"]["studies"].items()}
    assert states == {
        "learned_encoding": {"other": 1},
        "language_models": {"same": 1},
        "cramming": {"only_reference": 1},
    }
    counts = found["runs"]["learned_encoding"]
    assert (counts["both"], counts["other_specification"], counts["only_reference"]) == (8, 8, 4)
    assert found["runs"]["language_models"]["identical"] == 12
    assert found["largest"] == [] and found["decisions"] == []  # the changed comparison has another specification
    assert found["tables"]["cramming"]["other_specification"] == 2
    comparison.agree(found, "the file")
    said = as_text(found)
    assert "The config or the text is another: 1 of 3 conditions" in said and "no failure" in said
    assert "LE1-A" in said and "p_holm 0.049 -> 0.051" in said
    assert "language_models 3, learned_encoding 2; reference run" in said


@pytest.mark.parametrize(("column", "value"), [("seeds", 2), ("config_hash", "another"), ("corpus", "My letters")])
def test_seeds_specification_and_text_of_every_arm_make_a_config(
    column: str, value: Any, run: Frames, reference: Frames
) -> None:
    run["arms"].loc[1, column] = value
    found = comparison.compare_frames(run, reference)
    assert not found["config"]["same"]
    assert found["config"]["studies"]["learned_encoding"]["other"] == 1
    assert ("\n- text: My letters; reference run: " in as_text(found)) is (column == "corpus")
    assert "{corpus}" not in as_text(found)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, Frames], str]:
    def write(name: str, found: Frames) -> str:
        for table, frame in found.items():
            results.write(tmp_path / name / f"{table}.parquet", results.table(frame, rows.TABLES[table].schema))
        return str(tmp_path / name)

    return write


def test_tables_are_read_from_two_folders(
    written: Callable[[str, Frames], str], run: Frames, reference: Frames, tmp_path: Path
) -> None:
    run["runs"].loc[2, "value"] += 0.5
    mine, its = written("run", run), written("reference", reference)
    found = comparison.compare(mine, its)
    assert found == comparison.compare_frames(run, reference)
    comparison.write(found, as_text(found), str(tmp_path / "it.json"), str(tmp_path / "it.md"))
    assert json.loads((tmp_path / "it.json").read_text()) == found
    assert (tmp_path / "it.md").read_text() == as_text(found)


@pytest.mark.parametrize("name", rows.TABLES)
def test_a_missing_table_is_one_line(
    name: str, written: Callable[[str, Frames], str], run: Frames, reference: Frames
) -> None:
    its = written("reference", reference)
    run.pop(name)
    with pytest.raises(InputError, match=rf"run/{name}.parquet: not found, expected the tables of a finished run"):
        comparison.compare(written("run", run), its)


def test_the_shipped_run_equals_itself_in_seconds(root: Path) -> None:
    """228,813 rows take 1 to 2 s on one idle core; every value moved is the slowest case."""
    shipped = comparison.read(str(root / "results/reference"))
    moved = {name: frame.copy() for name, frame in shipped.items()}
    moved["runs"]["value"] = moved["runs"]["value"] * (1 + 1e-12)
    started = time.process_time()
    found, other = comparison.compare_frames(shipped, shipped), comparison.compare_frames(moved, shipped)
    as_text(other)
    assert time.process_time() - started < 20  # both, so that each is within 10 s
    assert total(found, "identical") == len(shipped["runs"]) and found["config"]["same"]
    assert all(table["differing"] == 0 for table in found["tables"].values())
    assert total(other, "differing") > 0.9 * len(shipped["runs"])
    assert all(row["relative"]["relative"] < 1.1e-12 for row in other["largest"])
