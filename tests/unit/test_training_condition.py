"""A training job: what it reports, and what it says to mistakes."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tokentrial import results
from tokentrial.data.spec import SPLITS
from tokentrial.errors import InputError
from tokentrial.results import ARMS, RUNS
from tokentrial.training import condition
from tokentrial.training.condition import fit_arm, tensors, token_counts, train_arm, train_condition
from tokentrial.training.job import run_condition
from tokentrial.training.loop import HeldOut, batch_order


def test_rows_of_an_arm(arms: Any, spec_of: Any, data_of: Any) -> None:
    chosen = {name: arms[name] for name in ("learned", "autoencoder", "noise_walk")}
    trained, levels = train_condition(spec_of(arms=chosen), data_of())
    for arm in trained:
        final_rows = {(r.split, r.metric, r.unit) for r in arm.rows if r.step is None}
        expected = {(split, "cross_entropy", "nats") for split in SPLITS}
        expected |= {(split, "accuracy", "fraction") for split in SPLITS}
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


def test_only_what_varies_differs_between_seeds(arms: Any, spec_of: Any, data_of: Any) -> None:
    """The streams of a job in which one thing varies; the first seed is the same in all of them."""
    spec = spec_of(arms={"autoencoder": arms["autoencoder"]})
    spec["training"] = {**spec["training"], "batch_size": 8}
    losses = {}
    for vary in (None, "data", "weights", "order"):
        data = data_of() if vary is None else data_of(vary=vary)
        rows = train_condition(spec, data)[0][0].rows
        losses[vary] = [r.value for r in rows if (r.split, r.metric, r.step) == ("test", "cross_entropy", None)]
        start = {purpose: fit_streams(condition.begin(spec, data), purpose) for purpose in ("data", "weights", "order")}
        assert {purpose for purpose, varies in start.items() if varies} == set(start if vary is None else [vary])
    assert {values[0] for values in losses.values()} == {losses[None][0]}
    assert all(len(set(values)) == 3 for values in losses.values())
    assert len({tuple(values) for values in losses.values()}) == 4


def fit_streams(job: condition.Job, purpose: str) -> bool:
    """Whether the seeds of a job differ in the data, the initial weights or the order of batches."""
    if purpose == "data":
        drawn = job.data["train"][0]
    elif purpose == "weights":
        drawn = condition.prepared(job, "unigram", {"encoder": "learned"}).trainable["table"]
    else:
        drawn = batch_order(job.spec["seed"], job.drawn_as("order"), 40, 8, 10)
    return not all(torch.equal(drawn[0], each) for each in drawn)


@pytest.mark.parametrize(("targets", "picked"), [("all", slice(1, None)), ("last", slice(-1, None))])
def test_targets_are_the_next_tokens(targets: str, picked: slice, data_of: Any) -> None:
    data = data_of(targets=targets)
    for split, (inputs, wanted) in tensors(data, torch.device("cpu")).items():
        np.testing.assert_array_equal(inputs, data.tokens[split][:, :, :-1])
        np.testing.assert_array_equal(wanted, data.tokens[split][:, :, picked])


def test_tokens_are_counted_in_the_training_inputs(data_of: Any) -> None:
    inputs, _ = tensors(data_of(), torch.device("cpu"))["train"]
    expected = [np.bincount(ids.ravel(), minlength=12) for ids in inputs.numpy()]
    np.testing.assert_array_equal(token_counts(inputs, 12), expected)


def test_every_split_is_measured_on_its_own_text(job_of: Any, spec_of: Any, data_of: Any) -> None:
    """All of validation and test, and as much of the training text as there is test text."""
    job = job_of(spec_of(), data_of(train=60, validation=50, test=30), range(3))
    rows = {(r.split, r.metric, r.seed): r.value for r in train_arm(job, "learned").rows if r.step is None}
    encoder, head, result = fit_arm(job, "learned", {"encoder": "learned"})
    for split, count in (("train", 30), ("validation", 50), ("test", 30)):
        inputs, targets = (value[:, :count] for value in job.data[split])
        text = HeldOut(encoder, head, inputs, targets)
        loss, accuracy = text.loss(result.parameters), text.accuracy(result.parameters)
        for seed in range(3):
            assert rows[split, "cross_entropy", seed] == float(loss[seed])
            assert rows[split, "accuracy", seed] == float(accuracy[seed])


def test_the_chosen_step_is_the_validation_minimum(spec_of: Any, data_of: Any) -> None:
    trained, _ = train_condition(spec_of(), data_of(validation=50))
    rows = pd.DataFrame(trained[0].rows)
    curve = rows[rows["step"].notna()].pivot(index="step", columns="seed", values="value")
    final = rows[rows["step"].isna() & (rows["split"] == "validation")]
    chosen = final.pivot(index="seed", columns="metric", values="value")
    np.testing.assert_array_equal(chosen["chosen_step"], curve.idxmin())
    np.testing.assert_array_equal(chosen["cross_entropy"], curve.min())
    assert set(chosen["learning_rate"].round(6)) <= {0.01, 0.05}


def test_from_files_to_files(tmp_path: Any, spec_of: Any, data_of: Any) -> None:
    spec, data = spec_of(seeds=2, arms={"learned": {"encoder": "learned"}}), data_of(seeds=2)
    data.to_parquet(tmp_path / "d.parquet", tmp_path / "r.parquet", name="d")
    paths = [str(tmp_path / name) for name in ("d.parquet", "r.parquet", "runs.parquet", "arms.parquet")]
    run_condition(json.dumps(spec), *paths[:2], [], str(tmp_path / "checkpoints"), *paths[2:])
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
    assert not (tmp_path / "checkpoints").exists()


def test_a_killed_job_goes_on_after_its_last_finished_arm(
    tmp_path: Any, spec_of: Any, data_of: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The autoencoder needs the full arm's table, which is then trained again; an undisturbed job has the same rows."""
    arms = {name: {"encoder": name} for name in ("learned", "full", "unigram")}
    arms["autoencoder"] = {"encoder": "autoencoder", "reconstruction_steps": 10}
    spec, data = spec_of(seeds=2, arms=arms), data_of(seeds=2)
    data.to_parquet(tmp_path / "d.parquet", tmp_path / "r.parquet", name="d")
    code = tmp_path / "loop.py"
    code.write_text("first")

    def run(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        files = [str(tmp_path / f"{name}.{kind}.parquet") for kind in ("runs", "arms")]
        inputs = [str(tmp_path / file) for file in ("d.parquet", "r.parquet")]
        run_condition(json.dumps(spec), *inputs, [str(code)], str(tmp_path / name), *files)
        rows, costs = (results.read(file, schema).to_pandas() for file, schema in zip(files, (RUNS, ARMS), strict=True))
        return rows, costs.drop(columns=["wall_seconds", "peak_memory_mib"])

    def killed(arm: condition.Arm) -> Any:
        raise KeyboardInterrupt

    def cut(at: str) -> None:
        train = condition.train_arm
        with monkeypatch.context() as patch:
            patch.setattr(condition, "train_arm", lambda job, name: killed(job) if name == at else train(job, name))
            with pytest.raises(KeyboardInterrupt):
                run("killed")

    cut(at="unigram")
    cut(at="autoencoder")
    said = capsys.readouterr().err
    assert [name for name in arms if f"{name}: was finished before" in said] == ["learned", "full"]
    for found, expected in zip(run("killed"), run("whole"), strict=True):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert "unigram: was finished before" in capsys.readouterr().err
    assert not (tmp_path / "killed").exists()

    cut(at="unigram")
    code.write_text("edited")
    capsys.readouterr()
    run("killed")
    assert "was finished before" not in capsys.readouterr().err


def test_a_diverged_model_has_no_accuracy(spec_of: Any, data_of: Any) -> None:
    spec = spec_of(arms={"learned": {"encoder": "learned"}})
    training = {**spec["training"], "learning_rates": [1e38], "decay": False, "select": "last"}
    [[arm], _] = train_condition({**spec, "training": training}, data_of())
    final = {(row.split, row.metric): row.value for row in arm.rows if row.step is None and row.seed == 0}
    for split in SPLITS:
        assert not math.isfinite(final[split, "cross_entropy"]) and math.isnan(final[split, "accuracy"])


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
            r"^config: arms: mine: encoder 'learned' has no such option: activation; it has none$",
        ),
        ({"encoder": "hashed"}, r"^config: arms: mine: encoder 'hashed' needs the option 'buckets', found none$"),
        ({"encoder": "autoencoder", "variant": "wide"}, r"^config: autoencoder variant 'wide' is unknown; expected st"),
        ({"encoder": "autoencoder", "activation": "tanh"}, r"^config: autoencoder activation 'tanh' is unknown; expec"),
        ({"encoder": "pca", "table": "tusk"}, r"^config: table 'tusk' is unknown; expected 'task' or 'random'$"),
    ],
)
def test_mistaken_arms_are_named(options: dict[str, Any], message: str, spec_of: Any, data_of: Any) -> None:
    with pytest.raises(InputError, match=message):
        train_condition(spec_of(arms={"mine": options}), data_of())


def test_an_unknown_head_is_named(spec_of: Any, job_of: Any, data_of: Any) -> None:
    with pytest.raises(InputError, match=r"^config: head 'mlp' is unknown; expected one of mean_pool, token_mlp, win"):
        fit_arm(job_of(spec_of(head="mlp"), data_of(), (0,)), "learned", {"encoder": "learned"})
