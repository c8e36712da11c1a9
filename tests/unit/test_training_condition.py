"""A training job: paired, reproducible, the same for a seed alone and in a batch, and at its closed-form floors."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tokentrial import config, results
from tokentrial.data.spec import SPLITS
from tokentrial.errors import InputError
from tokentrial.training import condition, loop, noise_walk
from tokentrial.training.condition import fit_arm, train_condition
from tokentrial.training.job import run_condition

HEADS = {"token_mlp": "all", "mean_pool": "last", "window_mlp": "last"}  # head -> targets
BATCH, ALONE = range(10), (0, 7)


def small(options: dict[str, Any]) -> dict[str, Any]:
    """An arm's options with a short first stage."""
    return {**options, **({"reconstruction_steps": 40} if options["encoder"] == "autoencoder" else {})}


@pytest.fixture(scope="module")
def arms(shipped: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every arm of the default config."""
    return {name: small(options) for name, options in shipped["learned_encoding"]["arms"].items()}


@pytest.mark.parametrize("head", HEADS)
def test_a_seed_alone_and_in_a_batch_of_ten(head: str, arms: Any, job_of: Any, spec_of: Any, data_of: Any) -> None:
    """Tolerance: none, the bits are equal.

    Seeds never meet in an operation, and every kernel used (bmm, elementwise, sums over inner axes, embedding) adds up
    one seed's numbers in an order that does not depend on how many seeds there are.
    """
    spec, data = spec_of(head=head), data_of(seeds=10, targets=HEADS[head])
    together = job_of(spec, data, BATCH)
    alone = {seed: job_of(spec, data, (seed,)) for seed in ALONE}
    for name, options in arms.items():
        _, _, batch = fit_arm(together, name, options)
        for seed, job in alone.items():
            _, _, single = fit_arm(job, name, options)
            for key, value in batch.parameters.items():
                assert torch.equal(value[seed], single.parameters[key][0]), (name, seed, key)
            assert int(batch.step[seed]) == int(single.step[0])
            assert float(batch.learning_rate[seed]) == float(single.learning_rate[0])
            for (step, losses), (own_step, own) in zip(batch.curve, single.curve, strict=True):
                assert (step, float(losses[seed])) == (own_step, float(own[0])), (name, seed)


def rows_by_seed(spec: dict[str, Any], data: Any, seed: int) -> list[Any]:
    trained, levels = train_condition(spec, data)
    return [row for arm in trained for row in arm.rows if row.seed == seed] + [r for r in levels if r.seed == seed]


def test_a_job_of_one_of_three_and_of_ten_seeds(spec_of: Any, data_of: Any) -> None:
    few = ("learned", "pca", "noise_walk")
    arms = dict(zip(few, ({"encoder": "learned"}, {"encoder": "pca"}, {"encoder": "learned", "update": "noise_walk"})))
    rows = {seeds: rows_by_seed(spec_of(seeds=seeds, arms=arms), data_of(seeds=seeds), 0) for seeds in (1, 3, 10)}
    assert rows[1] == rows[3] == rows[10]  # measurements and reference levels of seed 0, to the last bit
    assert {row.arm for row in rows[1]} > set(few)
    third = [rows_by_seed(spec_of(seeds=seeds, arms=arms), data_of(seeds=seeds), 2) for seeds in (3, 10)]
    assert third[0] == third[1]
    assert [row.value for row in third[0]] != [row.value for row in rows[1]]


def test_twice_is_the_same_and_another_seed_is_not(spec_of: Any, data_of: Any, arms: Any) -> None:
    chosen = {name: arms[name] for name in ("learned", "autoencoder_variational", "autoencoder_deep", "noise_walk")}
    one, two, other = (train_condition(spec_of(seed=seed, arms=chosen), data_of()) for seed in (42, 42, 43))
    assert [arm.rows for arm in one[0]] == [arm.rows for arm in two[0]]
    assert one[1] == two[1]
    for arm, changed in zip(one[0], other[0], strict=True):
        old, new = ([r.value for r in a.rows if r[2:5] == ("test", None, "cross_entropy")] for a in (arm, changed))
        assert len(old) == 3
        assert all(a != b for a, b in zip(old, new, strict=True))


def test_a_job_uses_one_thread_and_deterministic_kernels(spec_of: Any, data_of: Any) -> None:
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    train_condition(spec_of(), data_of())
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


def test_the_canonical_text_of_a_spec_trains_the_same(spec_of: Any, data_of: Any) -> None:
    """``1.0`` is written as ``1`` there: a whole learning rate or scale must not turn arithmetic into integers."""
    spec = spec_of(training={"learning_rates": [1.0], "batch_size": 16}, initial_scale=1.0, head_scale=2.0)
    text = config.canonical(spec)
    assert '"learning_rates": [1]' in text
    direct, through_text = train_condition(spec, data_of()), train_condition(json.loads(text), data_of())
    assert [arm.rows for arm in direct[0]] == [arm.rows for arm in through_text[0]]


# Common random numbers


def test_all_arms_see_the_same_batches(
    monkeypatch: pytest.MonkeyPatch, arms: Any, spec_of: Any, data_of: Any
) -> None:
    seen: list[list[bytes]] = []
    plain = loop.logits

    def recorded(encoder: Any, head: Any, parameters: Any, inputs: torch.Tensor) -> torch.Tensor:
        seen[-1].append(inputs[:3].numpy().tobytes())
        return plain(encoder, head, parameters, inputs)

    monkeypatch.setattr(loop, "logits", recorded)
    monkeypatch.setattr(noise_walk, "logits", recorded)
    spec, data = spec_of(training={"learning_rates": [0.01]}), data_of()
    for name in ("learned", "full", "one_hot", "unigram", "autoencoder_random", "noise_walk"):
        seen.append([])
        train_condition({**spec, "arms": {name: arms[name]}}, data)
        assert len(seen[-1]) > spec["training"]["steps"]
    assert all(batches == seen[0] for batches in seen)


def observed(job: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The parameters, trainable and frozen, with which an arm starts its task, and those that it ends with."""
    starts: list[dict[str, torch.Tensor]] = []

    def watched(train: Any) -> Any:
        def run(encoder: Any, head: Any, trainable: Any, frozen: Any, *rest: Any) -> Any:
            starts.append({name: value.detach().clone() for name, value in (trainable | frozen).items()})
            return train(encoder, head, trainable, frozen, *rest)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(condition, "fit", watched(condition.fit))
        patch.setattr(condition, "walk", watched(condition.walk))
        _, _, result = fit_arm(job, "arm", options)
    return starts[-1], result.parameters


def test_arms_of_one_shape_start_from_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch, arms: Any, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    job = job_of(spec_of(), data_of(), range(3))
    names = ("learned", "noise_walk", "random_frozen", "autoencoder_random", "autoencoder_deep_random")
    starts = {name: observed(job, arms[name], monkeypatch)[0] for name in names}
    for name, start in starts.items():
        for layer in ("hidden", "output", "bias"):
            assert torch.equal(start[layer], starts["learned"][layer]), (name, layer)
    for name in ("noise_walk", "random_frozen"):
        assert torch.equal(starts[name]["table"], starts["learned"]["table"])
    full, _ = observed(job, arms["full"], monkeypatch)  # its first layer is wider, the second has the shared shape
    assert torch.equal(full["output"], starts["learned"]["output"])


def test_an_arm_does_not_depend_on_the_arms_beside_it(spec_of: Any, data_of: Any) -> None:
    """Nor on their order: an arm called 'full' with options of its own is not the table that others compress."""
    full, pca = {"encoder": "full", "steps": 3}, {"encoder": "pca"}
    orders = [{"full": full, "pca": pca}, {"pca": pca, "full": full}, {"full": full}, {"pca": pca}]
    found = [{arm.name: arm.rows for arm in train_condition(spec_of(arms=arms), data_of())[0]} for arms in orders]
    assert found[0] == found[1] == found[2] | found[3]
    assert max(row.step or 0 for row in found[0]["full"]) == 3


def test_the_compressed_table_is_the_full_arms_own(arms: Any, job_of: Any, spec_of: Any, data_of: Any) -> None:
    job = job_of(spec_of(), data_of(), range(3))
    fit_arm(job, "pca", arms["pca"])
    kept = len(job.fits)
    _, _, full = fit_arm(job, "full", arms["full"])
    assert (kept, len(job.fits)) == (2, 2)  # the full arm's fit is there already, and is used
    assert full.parameters["table"].shape == (3, 12, 16)


# What is frozen, and what is not


@pytest.mark.parametrize("name", ["random_frozen", "pca", "autoencoder", "autoencoder_random", "autoencoder_deep"])
def test_frozen_tables_do_not_change(
    name: str, monkeypatch: pytest.MonkeyPatch, arms: Any, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    job = job_of(spec_of(training={"select": "last"}), data_of(), range(3))
    before, after = observed(job, arms[name], monkeypatch)
    assert torch.equal(after["table"], before["table"])
    assert not torch.equal(after["output"], before["output"])


@pytest.mark.parametrize("name", ["learned", "full", "autoencoder_finetuned", "noise_walk"])
def test_trainable_tables_change(
    name: str, monkeypatch: pytest.MonkeyPatch, arms: Any, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    job = job_of(spec_of(training={"select": "last"}), data_of(), range(3))
    before, after = observed(job, arms[name], monkeypatch)
    assert ((after["table"] - before["table"]).abs().amax(dim=(1, 2)) > 0).all()


def test_a_noise_walk_leaves_frozen_codes_alone(
    monkeypatch: pytest.MonkeyPatch, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    options = {"encoder": "random_frozen", "update": "noise_walk"}
    job = job_of(spec_of(arms={"walk": options}), data_of(), range(3))
    before, after = observed(job, options, monkeypatch)
    assert torch.equal(after["table"], before["table"])
    assert not torch.equal(after["hidden"], before["hidden"])
    assert {row.split for row in condition.train_arm(job, "walk").rows} == set(SPLITS)


# Closed forms: what training must reach


def final(spec: dict[str, Any], data: Any) -> pd.DataFrame:
    """Final values, one row per (arm, seed), columns (split, metric)."""
    trained, levels = train_condition(spec, data)
    rows = pd.DataFrame([r for arm in trained for r in arm.rows] + levels, columns=results.Measurement._fields)
    chosen = rows[rows["step"].isna()]
    return chosen.pivot(index=["arm", "seed"], columns=["split", "metric"], values="value")


FULL_BATCH = {"learning_rates": [0.05], "steps": 400, "batch_size": None, "evaluations": 20, "select": "last"}


def conditional_entropy(pairs: np.ndarray) -> float:
    """H(second | first) in nats of the empirical law of pairs (n, 2)."""
    _, joint = np.unique(pairs, axis=0, return_counts=True)
    _, first = np.unique(pairs[:, 0], return_counts=True)
    share, marginal = joint / len(pairs), first / len(pairs)
    return float(-(share * np.log(share)).sum() + (marginal * np.log(marginal)).sum())


@pytest.mark.parametrize("name", ["learned", "full", "one_hot", "pca", "autoencoder_finetuned"])
def test_a_deterministic_text_is_learned_to_its_floor_of_zero(
    name: str, arms: Any, spec_of: Any, data_of: Any
) -> None:
    patterns = {"source": "patterns", "kind": "proof_of_concept", "variant": "described", "vocab_size": 20, "length": 8}
    spec = spec_of(vocab_size=20, hidden=32, training=FULL_BATCH, arms={name: arms[name]})
    values = final(spec, data_of(**patterns))
    assert (values.loc["reference.floor"][("test", "cross_entropy")] == 0).all()
    assert (values.loc[name][("test", "cross_entropy")].between(0, 0.02)).all()
    assert (values.loc[name][[(split, "accuracy") for split in SPLITS]] == 1).all(axis=None)


def test_the_model_without_input_learns_the_unigram(arms: Any, spec_of: Any, data_of: Any) -> None:
    data = data_of(train=300, test=300)
    values = final(spec_of(training=FULL_BATCH, arms={"unigram": arms["unigram"]}), data)
    for seed in range(3):
        found = values.loc["unigram", seed]
        entropy = {}
        for split in ("train", "test"):
            counts = np.bincount(data.tokens[split][seed][:, 1:].ravel(), minlength=12)
            share = counts[counts > 0] / counts.sum()
            entropy[split] = float(-(share * np.log(share)).sum())
        # no constant prediction is better than the text's own shares; the optimiser ends within 0.001 nats of them
        assert 0 <= found[("train", "cross_entropy")] - entropy["train"] + 1e-6 < 1e-3
        assert found[("test", "cross_entropy")] > entropy["test"]
        # 1,500 tokens with a standard deviation below 1 nat: four standard errors of the sampled loss are 0.1 nats
        assert abs(found[("test", "cross_entropy")] - values.loc["reference.unigram", seed][("test", "cross_entropy")]) < 0.1


def test_a_table_per_token_reaches_the_conditional_entropy(arms: Any, spec_of: Any, data_of: Any) -> None:
    data = data_of(train=300)
    spec = spec_of(hidden=32, training=FULL_BATCH, arms={name: arms[name] for name in ("one_hot", "full")})
    values = final(spec, data)
    for seed in range(3):
        tokens = data.tokens["train"][seed]
        floor = conditional_entropy(np.stack([tokens[:, :-1].ravel(), tokens[:, 1:].ravel()], axis=1))
        for name in ("one_hot", "full"):
            # nothing that sees the current token alone is better on this text; 400 steps end within 0.02 nats of it
            assert 0 <= values.loc[name, seed][("train", "cross_entropy")] - floor + 1e-6 < 0.02


def test_held_out_loss_reaches_the_sources_own(arms: Any, spec_of: Any, data_of: Any) -> None:
    data = data_of(train=4000, validation=500, test=1000)
    training = {"learning_rates": [0.02], "steps": 800, "batch_size": 64, "evaluations": 20}
    values = final(spec_of(hidden=32, training=training, arms={"full": arms["full"]}), data)[("test", "cross_entropy")]
    excess = values.loc["full"] - values.loc["reference.oracle"]
    # 12 rows of 11 free shares from 20,000 pairs cost 132 / 40,000 = 0.003 nats, stochastic optimisation about as much
    assert excess.between(-0.003, 0.03).all(), excess


def test_the_noise_walk_does_not_learn(arms: Any, spec_of: Any, data_of: Any) -> None:
    spec = spec_of(training={"steps": 200}, arms={name: arms[name] for name in ("learned", "noise_walk")})
    values = final(spec, data_of())[("test", "cross_entropy")]
    assert (values.loc["learned"] < values.loc["reference.unigram"]).all()
    assert (values.loc["noise_walk"] > values.loc["reference.unigram"]).all()


# What a job reports


def test_rows_of_an_arm(arms: Any, spec_of: Any, data_of: Any) -> None:
    chosen = {name: arms[name] for name in ("learned", "autoencoder", "noise_walk")}
    trained, levels = train_condition(spec_of(arms=chosen), data_of())
    for arm in trained:
        final_rows = {(r.split, r.metric, r.unit) for r in arm.rows if r.step is None}
        expected = {(split, *kind) for split in SPLITS for kind in (("cross_entropy", "nats"), ("accuracy", "fraction"))}
        expected |= {("validation", "chosen_step", "steps"), ("validation", "learning_rate", "1")}
        if arm.name == "autoencoder":
            expected.add(("train", "reconstruction_error", "share of variance"))
        assert final_rows == expected
        curve = {(r.split, r.metric, r.step) for r in arm.rows if r.step is not None}
        assert curve == {("validation", "cross_entropy", step) for step in range(0, 31, 6)}
        assert {r.arm for r in arm.rows} == {arm.name}
        assert {r.seed for r in arm.rows} == {0, 1, 2}
        keys = [r[1:5] for r in arm.rows]
        assert len(keys) == len(set(keys))
        assert all(math.isfinite(r.value) for r in arm.rows if r.value is not None)
        assert arm.seconds > 0
    assert {r.arm for r in levels} == {f"reference.{name}" for name in ("chance", "unigram", "floor", "oracle")}


def test_the_chosen_step_is_the_validation_minimum(spec_of: Any, data_of: Any) -> None:
    trained, _ = train_condition(spec_of(), data_of())
    rows = pd.DataFrame(trained[0].rows)
    curve = rows[rows["step"].notna()].pivot(index="step", columns="seed", values="value")
    final_value = rows[rows["step"].isna() & (rows["split"] == "validation")].pivot(index="seed", columns="metric", values="value")
    np.testing.assert_array_equal(final_value["chosen_step"], curve.idxmin())
    np.testing.assert_array_equal(final_value["cross_entropy"], curve.min().astype("float32"))
    assert set(final_value["learning_rate"].round(6)) <= {0.01, 0.05}


def test_from_files_to_files(tmp_path: Any, spec_of: Any, data_of: Any) -> None:
    spec, data = spec_of(seeds=2, arms={"learned": {"encoder": "learned"}}), data_of(seeds=2)
    data.to_parquet(tmp_path / "d.parquet", tmp_path / "r.parquet", name="d")
    paths = [str(tmp_path / name) for name in ("d.parquet", "r.parquet", "runs.parquet", "arms.parquet")]
    run_condition(json.dumps(spec), *paths)
    runs = results.read(paths[2], results.RUNS).to_pandas()
    trained, levels = train_condition(spec, data)
    expected = pd.DataFrame(trained[0].rows + levels, columns=results.Measurement._fields)
    assert set(runs["condition"]) == {spec["condition"]}
    assert set(runs["study"]) == {"learned_encoding"}
    np.testing.assert_array_equal(runs["value"], expected["value"])
    assert runs["step"].isna().tolist() == expected["step"].isna().tolist()
    [cost] = results.read(paths[3], results.ARMS).to_pylist()
    assert (cost["arm"], cost["seeds"], cost["steps"], cost["condition"]) == ("learned", 2, 30, spec["condition"])
    assert cost["params_trained"] == trained[0].costs["params_trained"]
    assert cost["peak_memory_mib"] > 10
    assert "torch" in cost["versions"]


# A user's mistakes


def test_a_missing_gpu_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, spec_of: Any, data_of: Any) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"^config: device: found 'cuda' .* no usable GPU; expected 'cpu'$"):
        train_condition(spec_of(device="cuda"), data_of())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "lerned"}, r"^config: encoder 'lerned' is unknown: no module src/tokentrial/encoders/lerned\.py$"),
        ({"encoder": "tables"}, r"^config: encoder 'tables': its module defines 0 encoders, expected one$"),
        (
            {"encoder": "learned", "activation": "relu"},
            r"^config: arms: mine: encoder 'learned' has no such option: \{'activation': 'relu'\}$",
        ),
        ({"encoder": "autoencoder", "variant": "wide"}, r"^config: autoencoder variant 'wide' is unknown; expected standard"),
        ({"encoder": "autoencoder", "activation": "tanh"}, r"^config: autoencoder activation 'tanh' is unknown; expected"),
        ({"encoder": "pca", "table": "tusk"}, r"^config: table 'tusk' is unknown; expected 'task' or 'random'$"),
    ],
)
def test_mistaken_arms_are_named(options: dict[str, Any], message: str, spec_of: Any, data_of: Any) -> None:
    with pytest.raises(InputError, match=message):
        train_condition(spec_of(arms={"mine": options}), data_of())


def test_an_unknown_head_is_named(spec_of: Any, job_of: Any, data_of: Any) -> None:
    with pytest.raises(InputError, match=r"^config: head 'mlp' is unknown; expected one of mean_pool, token_mlp, window_mlp$"):
        fit_arm(job_of(spec_of(head="mlp"), data_of(), (0,)), "learned", {"encoder": "learned"})
