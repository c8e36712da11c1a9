"""Data sets from a specification: streams, options, reference levels, errors and Parquet."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentrial import results
from tokentrial.data.dataset import Dataset, read_dataset
from tokentrial.data.generate import generate
from tokentrial.errors import InputError

SIZES: dict[str, Any] = {"train": 40, "validation": 20, "test": 30}
SPECS: dict[str, dict[str, Any]] = {
    "markov": {"source": "markov", "vocab_size": 12, "length": 9, "targets": "last", "chains": "shared", **SIZES},
    "per_split": {"source": "markov", "vocab_size": 12, "length": 9, "targets": "last", "chains": "per_split", **SIZES},
    "released": {
        "source": "patterns", "vocab_size": 20, "length": 6, "kind": "semi_random", "variant": "released",
        "held_out": False, **SIZES,
    },
    "described": {
        "source": "patterns", "vocab_size": 20, "length": 8, "kind": "semi_random", "variant": "described", **SIZES,
    },
    "zipf_iid": {"source": "zipf_iid", "vocab_size": 30, "length": 8, "exponent": 1.1, **SIZES},
    "zipf_markov": {"source": "zipf_markov", "vocab_size": 30, "length": 8, "exponent": 1.1, "sharpness": 2.0, **SIZES},
}  # fmt: skip
EACH = pytest.mark.parametrize("name", SPECS)


def levels(data: Dataset, seed: int = 0, split: str = "test") -> dict[str, float]:
    rows = data.reference.query("seed == @seed and split == @split")
    return dict(zip(rows["quantity"], rows["value"], strict=True))


@EACH
def test_shapes_ids_and_spec(name: str) -> None:
    data = generate(SPECS[name], 42, 3)
    assert {split: tokens.shape[:2] for split, tokens in data.tokens.items()} == (
        dict.fromkeys(SIZES, (3, 40)) if name == "released" else {split: (3, n) for split, n in SIZES.items()}
    )
    for tokens in data.tokens.values():
        assert tokens.shape[2] == SPECS[name]["length"]
        assert tokens.dtype == np.int32
        assert 0 <= tokens.min() <= tokens.max() < data.vocab_size
    assert data.spec.items() >= SPECS[name].items()
    assert data.targets == SPECS[name].get("targets", "all")


@EACH
def test_a_replicate_does_not_depend_on_how_many_there_are(name: str) -> None:
    one, three, other = generate(SPECS[name], 42, 1), generate(SPECS[name], 42, 3), generate(SPECS[name], 43, 1)
    for split in SIZES:
        np.testing.assert_array_equal(one.tokens[split][0], three.tokens[split][0])
        assert not np.array_equal(three.tokens[split][0], three.tokens[split][1])
        assert not np.array_equal(one.tokens[split], other.tokens[split])
    pd.testing.assert_frame_equal(one.reference, three.reference.query("seed == 0").reset_index(drop=True))


@EACH
def test_shuffling_keeps_each_bag_and_relabelling_each_relation(name: str) -> None:
    plain = generate(SPECS[name], 1, 2)
    shuffled = generate({**SPECS[name], "shuffle": True}, 1, 2)
    relabelled = generate({**SPECS[name], "relabel": True}, 1, 2)
    renamed = []
    for replicate in range(2):
        names = dict[int, int]()
        for split in SIZES:
            before, after = plain.tokens[split][replicate], relabelled.tokens[split][replicate]
            bag = shuffled.tokens[split][replicate]
            np.testing.assert_array_equal(np.sort(before, axis=1), np.sort(bag, axis=1))
            assert not np.array_equal(before, bag)
            for old, new in zip(before.ravel().tolist(), after.ravel().tolist(), strict=True):
                assert names.setdefault(old, new) == new  # one name per id, in every split
        assert len(set(names.values())) == len(names)
        assert any(old != new for old, new in names.items())
        renamed.append(names)
    assert any(renamed[0][old] != renamed[1][old] for old in renamed[0].keys() & renamed[1].keys())
    pd.testing.assert_frame_equal(plain.reference, relabelled.reference)
    if name != "zipf_iid":
        assert levels(shuffled)["floor_token"] > levels(plain)["floor_token"]
    assert ("floor_history" in levels(shuffled)) == (name == "zipf_iid")


@pytest.mark.parametrize("name", ["markov", "released", "zipf_markov"])
def test_every_replicate_has_a_source_of_its_own(name: str) -> None:
    data = generate(SPECS[name], 1, 2)
    assert levels(data, seed=0)["floor_token"] != levels(data, seed=1)["floor_token"]


@pytest.mark.parametrize("name", ["markov", "zipf_markov"])
def test_data_that_do_not_vary_are_those_of_the_first_replicate(name: str) -> None:
    spec = {**SPECS[name], "relabel": True, "shuffle": True}
    everything, data = (generate(each, 1, 3) for each in (spec, {**spec, "vary": "data"}))
    for vary in ("weights", "order"):
        same = generate({**spec, "vary": vary}, 1, 3)
        for split, tokens in same.tokens.items():
            np.testing.assert_array_equal(data.tokens[split], everything.tokens[split])
            assert not np.array_equal(tokens[0], everything.tokens[split][1])
            for replicate in range(3):
                np.testing.assert_array_equal(tokens[replicate], everything.tokens[split][0])


def test_every_split_and_replicate_is_shuffled_on_its_own() -> None:
    # all sequences of this data set are one and the same before the shuffle
    spec = {**SPECS["released"], "kind": "structured", "length": 8, "held_out": True, "shuffle": True}
    data = generate({**spec, "validation": 40, "test": 40}, 1, 2)
    drawn = [tokens[replicate] for tokens in data.tokens.values() for replicate in range(2)]
    assert not any(np.array_equal(drawn[i], drawn[j]) for i in range(6) for j in range(i))


def test_splits_are_different_draws_unless_nothing_is_held_out() -> None:
    held_out = generate({**SPECS["markov"], "validation": 40, "test": 40}, 1, 1)
    assert not np.array_equal(held_out.tokens["train"], held_out.tokens["test"])
    assert not np.array_equal(held_out.tokens["validation"], held_out.tokens["test"])
    released = generate({**SPECS["markov"], "held_out": False, "shuffle": True}, 1, 1)
    np.testing.assert_array_equal(released.tokens["train"], released.tokens["validation"])
    np.testing.assert_array_equal(released.tokens["train"], released.tokens["test"])


def test_a_chain_per_split_leaves_the_training_data_and_moves_the_test_chain() -> None:
    shared, own = generate(SPECS["markov"], 7, 2), generate(SPECS["per_split"], 7, 2)
    np.testing.assert_array_equal(shared.tokens["train"], own.tokens["train"])
    assert not np.array_equal(shared.tokens["test"], own.tokens["test"])
    assert levels(shared, split="train")["floor_token"] == levels(own, split="train")["floor_token"]
    assert levels(shared)["floor_token"] == levels(shared, split="train")["floor_token"]
    test = levels(own)
    assert test["floor_token"] != levels(own, split="train")["floor_token"]
    assert test["loss_train_rule"] > test["floor_token"]
    assert test["accuracy_train_rule"] < test["accuracy_token"]
    assert "loss_train_rule" not in levels(own, split="train")
    assert "loss_train_rule" not in levels(shared)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(SPECS)), st.sampled_from(["all", "last"]), st.booleans(), st.integers(0, 2**40))
def test_reference_levels_are_ordered(name: str, targets: str, shuffle: bool, seed: int) -> None:
    data = generate({**SPECS[name], "targets": targets, "shuffle": shuffle}, seed, 1)
    found, slack = levels(data), 1e-12
    assert 0 <= found["floor_token"] <= found["unigram"] + slack <= found["chance"] + 2 * slack
    assert found["accuracy_chance"] - slack <= found["accuracy_constant"] <= found["accuracy_token"] + slack
    assert found["accuracy_token"] <= 1 + slack
    if "floor_history" in found:
        assert found["floor_history"] <= found["floor_token"] + slack
        assert found["accuracy_history"] >= found["accuracy_token"] - slack
    assert data.reference["unit"].tolist() == [
        "share" if quantity.startswith("accuracy") else "nats" for quantity in data.reference["quantity"]
    ]


def test_which_quantities_a_data_set_has() -> None:
    always = {
        "chance", "unigram", "floor_token", "accuracy_chance", "accuracy_constant", "accuracy_token", "oracle_token",
        "unigram_sample", "accuracy_oracle_token",
    }  # fmt: skip
    history = {"floor_history", "accuracy_history"}
    sampled_history = {"oracle_history", "accuracy_oracle_history"}
    assert set(levels(generate(SPECS["markov"], 0, 1))) == always | history
    rule = {"loss_train_rule", "accuracy_train_rule"}
    assert set(levels(generate(SPECS["per_split"], 0, 1))) == always | history | rule
    assert set(levels(generate(SPECS["released"], 0, 1))) == always | history | sampled_history
    assert set(levels(generate(SPECS["described"], 0, 1))) == always | sampled_history
    assert set(levels(generate({**SPECS["described"], "shuffle": True}, 0, 1))) == always


def test_oracle_of_the_sample_is_the_loss_of_the_true_model_on_it() -> None:
    data = generate({**SPECS["described"], "kind": "structured", "noise": 0.5}, 3, 1)
    tokens, hit, miss = data.tokens["test"][0], 0.0, 0.0
    # structured: k -> k+1 mod 8 with both tokens intact; by Bayes with V = 20 and half of the tokens random:
    intact = 0.5 / 8 + 0.5 / 20  # P(current = k), k < 8
    hit = ((0.5 * 0.5 / 8) + (0.5 * 0.5 / 8 / 20) * 2 + 0.25 / 400) / intact
    miss = (0.5 * 0.5 / 8 / 20 + 0.5 * 0.5 / 20 / 8 + 0.25 / 400) / intact
    losses = []
    for a, b in zip(tokens[:, :-1].ravel(), tokens[:, 1:].ravel(), strict=True):
        if a < 8 and b < 8:
            losses.append(-np.log(hit if b == (a + 1) % 8 else miss))
        elif a < 8:
            losses.append(-np.log((0.5 / 20 * 0.5 / 8 + 0.25 / 400) / intact))
        else:
            losses.append(-np.log((0.5 / 8 + 0.5 / 20) if b < 8 else 0.5 / 20))
    assert levels(data)["oracle_token"] == pytest.approx(np.mean(losses))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("markov", {"vocab": 3}, r"key 'vocab': not known for source 'markov', expected one of source, vocab_size"),
        ("markov", {"noise": 0.1}, "key 'noise': not known for source 'markov'"),
        ("markov", {"source": "text"}, "key 'source': found 'text', expected one of markov, patterns"),
        ("markov", {"vocab_size": 1}, "key 'vocab_size': found 1, expected an integer of at least 2"),
        ("markov", {"vocab_size": "12"}, "key 'vocab_size': found '12'"),
        ("markov", {"length": 1}, "key 'length': found 1, expected an integer of at least 2"),
        ("markov", {"length": 2.5}, r"key 'length': found 2\.5"),
        ("markov", {"train": 0}, "key 'train': found 0, expected an integer of at least 1"),
        ("markov", {"test": -5}, "key 'test': found -5"),
        ("markov", {"validation": True}, "key 'validation': found True"),
        ("markov", {"targets": "first"}, "key 'targets': found 'first', expected one of all, last"),
        ("markov", {"shuffle": 1}, "key 'shuffle': found 1, expected true or false"),
        ("markov", {"chains": "own"}, "key 'chains': found 'own', expected one of shared, per_split"),
        ("per_split", {"held_out": False}, "key 'held_out': found False, expected true where chains is 'per_split'"),
        ("described", {"kind": "hierarchical"}, "key 'kind': found 'hierarchical', expected one of proof_of_concept"),
        ("described", {"variant": None}, "key 'variant': found None, expected one of released, described"),
        ("described", {"vocab_size": 11}, "key 'vocab_size': found 11, expected at least 12"),
        ("described", {"noise": 1.1}, r"key 'noise': found 1\.1, expected a probability from 0 to 1"),
        ("released", {"length": 8}, "length: found 8, expected 6 for released 'semi_random' patterns"),
        ("zipf_iid", {"exponent": None}, "key 'exponent': found None, expected a number from 0"),
        ("zipf_iid", {"exponent": float("nan")}, "key 'exponent': found nan"),
        ("zipf_markov", {"sharpness": -1}, "key 'sharpness': found -1"),
    ],
)
def test_a_mistake_in_the_specification_is_one_line(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        generate({**SPECS[name], **change}, 42, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("seed", "seeds", "key"), [(42, 0, "seeds"), (-1, 2, "seed"), (42, 1.5, "seeds")])
def test_seeds_are_checked(seed: int, seeds: int, key: str) -> None:
    with pytest.raises(InputError, match=f"key '{key}': found"):
        generate(SPECS["markov"], seed, seeds)


def test_whole_floats_and_integers_mean_the_same() -> None:
    a, b = generate(SPECS["zipf_markov"], 1, 1), generate({**SPECS["zipf_markov"], "train": 40.0, "sharpness": 2}, 1, 1)
    assert json.dumps(a.spec, sort_keys=True) == json.dumps(b.spec, sort_keys=True)
    np.testing.assert_array_equal(a.tokens["train"], b.tokens["train"])


@EACH
def test_parquet_round_trip_is_exact_and_its_bytes_are_reproducible(name: str, tmp_path: Path) -> None:
    data = generate(SPECS[name], 42, 2)
    path, reference = tmp_path / "a" / "data.parquet", tmp_path / "reference.parquet"
    data.to_parquet(path, reference, "named")
    back = read_dataset(path, reference)
    assert (back.vocab_size, back.targets, back.spec, back.seed) == (data.vocab_size, data.targets, data.spec, 42)
    for split, tokens in data.tokens.items():
        np.testing.assert_array_equal(back.tokens[split], tokens)
    pd.testing.assert_frame_equal(back.reference, data.reference)
    assert read_dataset(path).reference.empty
    assert results.read(reference, results.REFERENCE).column("dataset").unique().to_pylist() == ["named"]
    assert set(results.metadata(results.read(path, results.DATA))) == {"name", "seed", "spec", "tokentrial"}
    generate(dict(reversed(SPECS[name].items())), 42, 2).to_parquet(tmp_path / "b", tmp_path / "c", "named")
    assert (tmp_path / "b").read_bytes() == path.read_bytes()
    assert (tmp_path / "c").read_bytes() == reference.read_bytes()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    generate(SPECS["markov"], 42, 2).to_parquet(path, tmp_path / "reference.parquet", "named")
    whole = pq.read_table(path)
    damaged = {
        "split 'test' has 59 sequences": whole.slice(0, len(whole) - 1),
        "split 'train' has 0 sequences": whole.slice(80),
        "metadata are not those": whole.replace_schema_metadata({"spec": "[]", "seed": "1"}),
        "do not fit vocabulary size 5": whole.replace_schema_metadata(
            {"seed": "1", "spec": json.dumps({**SPECS["markov"], "vocab_size": 5})}
        ),
    }
    for message, table in damaged.items():
        results.write(path, table)
        with pytest.raises(InputError, match=rf"^{path}: [^\n]*{message}[^\n]*$"):
            read_dataset(path)
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_dataset(path)
