"""The cramming study's measures: synthetic runs with known room give it back, and what was not run is missing."""

import math
from pathlib import Path
from typing import Any

import cramming_runs as synthetic
import numpy as np
import pandas as pd
import pytest
import views

from tokentrial import results
from tokentrial.claims import decisions
from tokentrial.cramming import measures
from tokentrial.cramming.cells import KINDS, NATURAL, Cells, common
from tokentrial.cramming.columns import DECISIONS, MEASURES
from tokentrial.errors import InputError
from tokentrial.run.columns import CONDITIONS, METHODS
from tokentrial.statistics.cramming import Estimate


@pytest.fixture(scope="module")
def made() -> pd.DataFrame:
    evidence = synthetic.evidence(synthetic.study())
    return measures.table(list(measures.rows(evidence)), MEASURES).to_pandas()


def row(made: pd.DataFrame, measure: str, design: str, model: str, **more: Any) -> pd.Series:
    wanted = {"measure": measure, "design": design, "model": model, "kind": NATURAL, "vectors": 1, "arm": "tuned"}
    chosen = made
    for name, value in (wanted | {"length": None} | more).items():
        chosen = chosen[chosen[name].isna() if value is None else chosen[name] == value]
    assert len(chosen) == 1, (measure, design, model, more)
    return chosen.iloc[0]


def text_rows(**changes: float | None) -> list[synthetic.Row]:
    """One text of 10 tokens with one changed metric."""
    return [
        (*each[:7], changes[each[6]], each[8]) if each[6] in changes else each
        for each in synthetic.cells("capacity", "llama-64x4", lengths=(10,), texts=1, room=10.0)
    ]


def test_a_row_for_everything_once(made: pd.DataFrame) -> None:
    keys = ["measure", "design", "model", "kind", "vectors", "length", "arm"]
    assert not made.duplicated(keys).any()
    assert (made["n"] >= 0).all()
    defined = made.dropna(subset=["low", "high"])
    assert (defined["low"] <= defined["high"]).all()


@pytest.mark.parametrize(("model", "room"), [("llama-64x2", 20.0), ("llama-128x2", 40.0), ("llama-256x2", 80.0)])
def test_the_room_of_a_vector_comes_back(made: pd.DataFrame, model: str, room: float) -> None:
    gain = row(made, "information_gain_strict", "capacity", model)
    assert gain["low"] <= room <= gain["high"]
    assert gain["n"] == 16
    for measure in ("capacity_mean", "capacity_half"):
        capacity = row(made, measure, "capacity", model)
        assert capacity["estimate"] == pytest.approx(room / synthetic.RATES[NATURAL] + 0.5, rel=0.2)
        assert capacity["low"] <= capacity["estimate"] <= capacity["high"]
        assert (capacity["n"], capacity["note"]) == (16, "")
    offset = row(made, "fixed_offset", "capacity", model)
    assert (offset["estimate"], offset["low"]) == (-gain["estimate"], -gain["high"])
    slope = row(made, "entropy_slope", "capacity", model)
    if room < 80:
        assert slope["estimate"] == pytest.approx(1, abs=0.05)
    else:  # the longest texts have 124 nats, less than twice the room
        assert math.isnan(slope["estimate"])
        assert slope["note"].startswith("0 pairs with H > 2 x 7")


def test_the_papers_gains_are_over_unsolved_pairs_times_n(made: pd.DataFrame) -> None:
    block = synthetic.cells_of(synthetic.frame(synthetic.study())).block("llama-256x2")
    assert block is not None
    values = [
        length * (block.values["cross_entropy_without"][i, k] - block.values["cross_entropy"][i, k])
        for k, length in enumerate(block.lengths)
        for i in range(16)
        if block.values["accuracy"][i, k] <= 0.99
    ]
    assert row(made, "information_gain", "capacity", "llama-256x2")["estimate"] == pytest.approx(np.mean(values))
    sd = row(made, "information_gain_sd", "capacity", "llama-256x2")
    assert sd["estimate"] == pytest.approx(np.std(values, ddof=1))


def test_bound_utilisation_and_bits(made: pd.DataFrame) -> None:
    bound = row(made, "theoretical_capacity", "vectors", "llama-64x4", vectors=4)["estimate"]
    assert bound == pytest.approx(16 * 64 * 4 / math.log2(1024))
    used = row(made, "utilisation", "vectors", "llama-64x4", vectors=4)
    gain = row(made, "token_gain", "vectors", "llama-64x4", vectors=4)
    assert used["high"] == pytest.approx(gain["high"] / bound)
    bits = row(made, "bits_per_dimension", "vectors", "llama-64x4", vectors=4)["estimate"]
    nats = row(made, "information_gain", "vectors", "llama-64x4", vectors=4)["estimate"]
    assert bits == pytest.approx(nats / math.log(2) / 256)


def test_the_exponent_over_vectors_is_that_of_the_room(made: pd.DataFrame) -> None:
    found = row(made, "exponent_information_gain", "vectors", "llama-64x4", vectors=None)
    assert (found["estimate"], found["low"], found["high"]) == pytest.approx((1, 1, 1))
    rows = [
        each
        for m in (1, 2, 4, 8)
        for each in synthetic.cells("v", "x-1", lengths=(16 * m,), vectors=m, room=20.0 * m**0.8)
    ]
    evidence = synthetic.evidence(rows)
    assert evidence.exponent(evidence.by_vectors("x-1"), None).value == pytest.approx(0.8)
    cut = evidence.exponent(evidence.by_vectors("x-1"), 100.0)  # 128 tokens are beyond 0.9 of the context
    assert cut.value is None
    assert "unsolved" in cut.note


def test_kinds_of_equal_room_have_equal_gains(made: pd.DataFrame) -> None:
    for kind in KINDS[1:]:
        ratio = row(made, "gain_ratio", "uncertainty", "llama-128x2", kind=kind)
        assert ratio["low"] <= 1 <= ratio["high"], kind
        assert ratio["note"].startswith("over text-test")
    difference = row(made, "auc_difference", "uncertainty", "llama-128x2", kind="all")
    assert difference["low"] > 0


def test_ratios_are_over_pairs_that_both_left_unsolved() -> None:
    rows = synthetic.cells("c", "small-1", room=20.0) + synthetic.cells("c", "large-1", room=40.0)
    evidence = synthetic.evidence(rows)
    small, large = evidence.cells.block("small-1"), evidence.cells.block("large-1")
    assert small is not None and large is not None
    both = small.unsolved & large.unsolved
    found = evidence.gain_ratio(large, small)
    assert found.value == pytest.approx(large.gain[both].mean() / small.gain[both].mean())
    assert (found.n, found.note) == (16, f"{both.sum()} pairs")
    assert found.value == pytest.approx(2)
    assert evidence.gain_ratio(large.at([32]), small.at([4])).value is None  # no length in common


LONG = (32, 48, 64)  # lengths that no text is solved at


def two_models(lengths: tuple[int, ...] = LONG) -> pd.DataFrame:
    """Two models on the same texts, one with twice the gain of the other on each text; lengths: of the smaller."""
    rows = synthetic.cells("c", "small-1", lengths=lengths, room=20.0, spread=0.3)
    return synthetic.frame(rows + synthetic.cells("c", "large-1", lengths=LONG, room=40.0, spread=0.3))


def gain_ratio(runs: pd.DataFrame) -> Estimate:
    evidence = synthetic.evidence(runs)
    small, large = evidence.cells.block("small-1"), evidence.cells.block("large-1")
    assert small is not None and large is not None
    return evidence.gain_ratio(large, small)


def of_model(runs: pd.DataFrame, model: str) -> pd.Series:
    return runs["condition"].str.contains(f"/{model}/")


def test_texts_of_two_models_are_paired_by_digest_in_whatever_order() -> None:
    runs = two_models()
    expected = gain_ratio(runs)
    assert (expected.value, expected.n) == (pytest.approx(2), 16)
    shuffled = runs.copy()
    small = of_model(runs, "small-1")
    shuffled.loc[small, "seed"] = (runs.loc[small, "seed"] * 5 + 3) % 16  # another index for each text
    assert gain_ratio(shuffled) == expected  # the interval, too
    assert (expected.low, expected.high) == (pytest.approx(2), pytest.approx(2))
    wrong = gain_ratio(shuffled.assign(text=shuffled["split"] + shuffled["seed"].astype(str).to_numpy(dtype=object)))
    assert wrong.low is not None and wrong.high is not None
    assert wrong.high - wrong.low > 0.1  # pairs by index have lost what the texts share


@pytest.mark.parametrize("lost", [0, 7])
def test_a_text_that_one_model_lacks_is_in_no_comparison(lost: int) -> None:
    """Also if the texts after it move up."""
    runs = two_models()
    left = runs[~(of_model(runs, "small-1") & (runs["seed"] == lost))]
    moved = left.copy()
    moved.loc[of_model(left, "small-1") & (left["seed"] > lost), "seed"] -= 1
    neither = runs[runs["seed"] != lost]
    assert gain_ratio(left) == gain_ratio(moved) == gain_ratio(neither)
    assert gain_ratio(left).n == 15


def test_a_model_of_short_context_lacks_the_long_lengths_alone() -> None:
    """The same texts are compared at the lengths that both have."""
    found = gain_ratio(two_models(LONG[:2]))
    assert (found.value, found.n, found.note) == (pytest.approx(2), 16, "32 pairs")


@pytest.mark.parametrize(
    ("contexts", "pairs"),
    [((512.0, 512.0), 48), ((None, None), 48), ((512.0, 2048.0), None), ((512.0, None), None), ((None, 512.0), None)],
)
def test_rows_without_digests_pair_models_of_one_context(
    contexts: tuple[float | None, float | None], pairs: int | None
) -> None:
    """Rows of earlier versions, whose list of texts depended on the context."""
    facts = [
        fact
        for model, context in zip(("small-1", "large-1"), contexts, strict=True)
        for fact in synthetic.facts("c", model, context=context or 0.0)
        if fact[6] != "context" or context is not None
    ]
    found = gain_ratio(pd.concat([two_models().assign(text=None), synthetic.frame(facts)], ignore_index=True))
    if pairs is None:
        assert (found.value, found.n) == (None, 0)
    else:
        assert found == gain_ratio(two_models())
        assert found.note == f"{pairs} pairs"


def test_designs_are_merged_without_counting_twice() -> None:
    rows = synthetic.cells("one", "x-1", lengths=(4, 8)) + synthetic.cells("two", "x-1", lengths=(8, 16))
    cells = synthetic.cells_of(synthetic.frame(rows))
    block = cells.block("x-1")
    assert block is not None
    assert block.key.design == "one, two"
    np.testing.assert_array_equal(block.lengths, [4, 8, 16])
    assert (block.count, block.fewest) == (16, 16)
    assert len(cells.blocks) == 2
    left, right = common(*cells.blocks)
    np.testing.assert_array_equal(left.lengths, [8])
    np.testing.assert_array_equal(left.gain, right.gain)


def test_a_design_of_fewer_texts_does_not_weaken_the_others() -> None:
    rows = synthetic.cells("one", "x-1", lengths=(4, 8)) + synthetic.cells("two", "x-1", lengths=(8, 64), texts=4)
    few, all_ = (
        synthetic.cells_of(synthetic.frame(rows), minimum_texts=16).block("x-1"),
        synthetic.cells_of(synthetic.frame(rows)).block("x-1"),
    )
    assert few is not None and all_ is not None
    assert (list(few.lengths), few.fewest) == ([4, 8], 16)
    assert (list(all_.lengths), all_.fewest) == ([4, 8, 64], 4)
    lonely = synthetic.cells_of(synthetic.frame(synthetic.cells("two", "x-1", texts=4)), minimum_texts=16).block("x-1")
    assert lonely is not None
    assert lonely.fewest == 4  # nothing better is there: shown, and not decided on


@pytest.mark.parametrize(
    ("changes", "solved", "unsolved", "paper"),
    [
        ({"accuracy": 1.0, "greedy_exact": 1.0}, 1.0, False, False),
        ({"accuracy": 1.0, "greedy_exact": 0.0}, 0.0, True, False),
        ({"accuracy": 0.99, "greedy_exact": 0.0}, 0.0, True, True),
        ({"accuracy": 0.995, "greedy_exact": 0.0}, 0.0, True, False),
        ({"accuracy": 1.0, "greedy_exact": None}, math.nan, False, False),
        ({"accuracy": 0.5, "greedy_exact": 0.0, "cross_entropy": None}, 0.0, False, False),
    ],
)
def test_what_counts_as_solved(changes: dict[str, float], solved: float, unsolved: bool, paper: bool) -> None:
    [block] = synthetic.cells_of(synthetic.frame(text_rows(**changes))).blocks
    np.testing.assert_array_equal(block.solved, [[solved]])
    assert (bool(block.unsolved[0, 0]), bool(block.unsolved_paper[0, 0])) == (unsolved, paper)


def test_predicting_the_first_token_counts_it() -> None:
    frame = synthetic.frame(text_rows(cross_entropy_without=4.0, cross_entropy=1.0))
    [nine], [ten] = synthetic.cells_of(frame).blocks, synthetic.cells_of(frame, predict_first=True).blocks
    assert (nine.gain[0, 0], ten.gain[0, 0], nine.gain_paper[0, 0]) == (27.0, 30.0, 30.0)


def test_controls_have_means_but_no_limits(made: pd.DataFrame) -> None:
    gain = row(made, "gain", "controls", "llama-64x4", arm="control.random-vector", length=8)
    assert gain["estimate"] == pytest.approx(-1, abs=0.2)
    difference = row(made, "gain_difference", "settings", "llama-64x4", arm="paper")
    assert difference["low"] > 0


def test_the_same_seed_gives_the_same_intervals_and_the_order_of_rows_does_not_matter() -> None:
    rows = synthetic.cells("capacity", "llama-64x4")
    kept = synthetic.evidence(rows)
    shuffled = synthetic.frame(rows).sample(frac=1, random_state=1)
    again = synthetic.evidence(shuffled)
    other = synthetic.evidence(rows)
    other.seed = 8
    blocks = [each.cells.block("llama-64x4") for each in (kept, again, other)]
    gains = [each.gain(block) for each, block in zip((kept, again, other), blocks, strict=True) if block is not None]
    assert gains[0] == gains[1]
    assert gains[0].value == gains[2].value
    assert gains[0].low != gains[2].low


def write_run(runs: pd.DataFrame, folder: Path) -> None:
    conditions, methods = synthetic.described(runs)
    whole = {field.name: "Int64" for field in CONDITIONS if str(field.type) == "int64"}
    results.write(folder / "runs.parquet", results.table(runs, results.RUNS))
    results.write(folder / "conditions.parquet", results.table(conditions.astype(whole), CONDITIONS))
    results.write(folder / "methods.parquet", results.table(methods.astype({"ratio": "Int64"}), METHODS))


def test_both_files_are_written_and_empty_without_the_study(tmp_path: Path) -> None:
    runs = synthetic.study(texts=3)
    for rows, count in ((runs, 100), ([("bespoke", *each[1:]) for each in runs], 0)):
        write_run(synthetic.frame(rows), tmp_path)
        decisions.write(
            *(str(tmp_path / f"{name}.parquet") for name in ("runs", "conditions", "methods")),
            str(tmp_path / "measures.parquet"),
            str(tmp_path / "decisions.parquet"),
            {"confidence": 0.95, "resamples": 100},
            42,
            views.PRINTED,
        )
        found = results.read(tmp_path / "measures.parquet", MEASURES)
        decided = results.read(tmp_path / "decisions.parquet", DECISIONS)
        assert (len(found) > count) == bool(count)
        assert (len(decided) > 0) == bool(count)


@pytest.mark.parametrize("name", ["cramming/capacity/x", "cramming/capacity/x/text-test/n-99-m-1"])
def test_a_condition_that_is_not_described_is_named(name: str) -> None:
    """Nor may texts belong to a condition that is one of a model."""
    runs = synthetic.frame(synthetic.facts("capacity", "x") + synthetic.cells("capacity", "x"))
    described = synthetic.described(runs)
    runs.loc[runs["arm"] == "tuned", "condition"] = name
    with pytest.raises(InputError, match=f"runs: condition: found '{name}', expected one of the table of conditions"):
        Cells(runs, *described)


def test_settings_of_the_config_are_no_controls() -> None:
    rows = [
        each
        for arm in ("tuned", "tuned_long", "paper", "encoder", "my_settings", "control.shared")
        for each in synthetic.cells("settings", "x-1", lengths=(8,), arm=arm)
    ]
    optimised = [block.key.arm for block in synthetic.cells_of(synthetic.frame(rows)).optimised]
    assert optimised == ["tuned", "tuned_long", "paper", "encoder", "my_settings"]
