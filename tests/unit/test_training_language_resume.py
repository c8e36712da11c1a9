"""A killed job goes on from its checkpoint and changes no bit."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from corpus_record import recorded
from safetensors.torch import load_file

from tokentrial import results
from tokentrial.data.tokenise import prepare
from tokentrial.errors import InputError
from tokentrial.seeds import stream
from tokentrial.training.language_job import run_language_model

Spec = dict[str, Any]
TRANSFORMER = {
    "kind": "transformer", "layers": 1, "heads": 2, "feedforward": 16, "dropout": 0.2, "causal": True,
    "positions": True, "norm_first": True,
}  # fmt: skip
LSTM = {"kind": "lstm", "layers": 2, "dropout": 0.2}
SPEC: Spec = {
    "study": "language_models", "condition": "language_models/transformer/done-right/small", "arm": "full",
    "encoder": {"encoder": "full"}, "width": 16, "full_width": 16, "body_width": 16, "body": TRANSFORMER,
    "tied": False, "bias": True, "initial_scale": 0.1, "seed": 42, "seeds": 2, "device": "cpu", "precision": "float32",
    "training": {
        "optimiser": "adam", "learning_rates": [0.003, 0.01], "epochs": 2, "fraction": 1.0, "held_out_fraction": 1.0,
        "batch_size": 4, "length": 10, "order": "blocks", "clip": 0.5, "schedule": "linear", "evaluations": 3,
        "select": "best",
    },
    "reference": True,
}  # fmt: skip
STREAMS = {"order": "streams"}
PLATEAU = STREAMS | {"optimiser": "sgd", "schedule": "plateau", "learning_rates": [0.5, 50.0]}
STEPS = 24  # of one rate: 2 epochs of 12

# A child that saves every ``every`` steps and kills itself at step ``kill`` of all its steps, seeds and rates together.
CHILD = """
import json, os, signal, sys
from tokentrial.training import language_job, language_loop, runner

arguments, every, kill = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
taken = 0
step = language_loop.Run._step

def counted(self, *parts):
    global taken
    taken += 1
    if taken == kill:
        os.kill(os.getpid(), signal.SIGKILL)
    step(self, *parts)

language_loop.Run._step = counted
runner.Runner.due = lambda self: taken % every == 0
language_job.run_language_model(**arguments)
"""


def spec_of(**changes: Any) -> Spec:
    training = SPEC["training"] | changes.pop("training", {})
    return SPEC | changes | {"training": training}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The five files of a small random text."""
    folder = tmp_path_factory.mktemp("resume")
    for split, lines in {"train": 50, "validation": 12, "test": 12}.items():
        words = stream(1, split).integers(0, 20, (lines, 9))
        (folder / f"{split}.txt").write_text("".join(" ".join(f"w{w}" for w in row) + "\n" for row in words))
    out = {name: str(folder / f"{name}.parquet") for name in ("train", "validation", "test", "vocabulary", "reference")}
    paths = {split: folder / f"{split}.txt" for split in ("train", "validation", "test")}
    prepare(paths, recorded(paths), "word", None, out)
    return out


def arguments(spec: Spec, data: dict[str, str], folder: Path, **changes: Any) -> dict[str, Any]:
    files = {name: str(folder / f"{name}.parquet") for name in ("runs", "arms")}
    kept = {"checkpoints": str(folder / "checkpoints"), "models": str(folder / "models.safetensors")}
    return (
        {"spec": json.dumps(spec, sort_keys=True), "data": data, "code": [], "trained": None} | files | kept | changes
    )


def same(first: Path, second: Path) -> None:
    """Equal in every value and bit, but for what measures time."""
    runs, other = (pd.read_parquet(folder / "runs.parquet") for folder in (first, second))
    pd.testing.assert_frame_equal(runs, other, check_exact=True)
    arms = [pd.read_parquet(folder / "arms.parquet") for folder in (first, second)]
    timed = [*results.TIMED]
    pd.testing.assert_frame_equal(*(arm.drop(columns=timed) for arm in arms))
    models, others = (load_file(folder / "models.safetensors") for folder in (first, second))
    assert models.keys() == others.keys()
    assert all(torch.equal(models[name], others[name]) for name in models)


def child(made: dict[str, Any], every: int, kill: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, json.dumps(made), str(every), str(kill)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("changes", "kill"),
    [
        ({}, 11),  # the first seed, first rate: steps 9 and 10 are lost
        ({}, 2 * STEPS + STEPS + 7),  # the second seed, second rate
        ({"body": LSTM, "training": STREAMS}, 15),
        ({"body": LSTM, "training": STREAMS}, 2 * STEPS + 7),
        ({"body": LSTM, "training": PLATEAU, "tied": True}, STEPS + 20),
    ],
    ids=["transformer", "transformer-seed-1-rate-1", "lstm", "lstm-seed-1", "sgd-plateau-tied"],
)
def test_a_killed_job_goes_on_and_changes_no_bit(
    tmp_path: Path, data: dict[str, str], capfd: pytest.CaptureFixture[str], changes: Spec, kill: int
) -> None:
    spec = spec_of(**changes)
    run_language_model(**arguments(spec, data, tmp_path / "undisturbed"))
    cut = tmp_path / "cut"
    process = child(arguments(spec, data, cut), every=4, kill=kill)
    _, log = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, log
    assert [path.name for path in cut.rglob("*") if path.is_file()] == ["state.safetensors"]
    capfd.readouterr()
    run_language_model(**arguments(spec, data, cut))
    step = (kill - 1) // 4 * 4 % STEPS
    assert f"goes on from step {step} at rate" in capfd.readouterr().err
    same(tmp_path / "undisturbed", cut)
    assert not (cut / "checkpoints").exists()


@pytest.mark.slow
def test_a_job_killed_from_outside_at_any_moment(tmp_path: Path, data: dict[str, str]) -> None:
    """The checkpoint file is rewritten after every step, so a kill may fall into the writing itself."""
    spec = spec_of(seeds=1)
    run_language_model(**arguments(spec, data, tmp_path / "undisturbed"))
    made, state = arguments(spec, data, tmp_path / "cut"), tmp_path / "cut/checkpoints/state.safetensors"
    for wait in (0.0, 0.013, 0.041):
        process = child(made, every=1, kill=-1)
        started, before = time.monotonic(), state.stat().st_mtime_ns if state.exists() else 0
        while not (state.exists() and state.stat().st_mtime_ns > before) and process.poll() is None:
            assert time.monotonic() - started < 120
            time.sleep(0.002)
        time.sleep(wait)
        process.kill()
        process.communicate(timeout=60)
    run_language_model(**made)
    same(tmp_path / "undisturbed", tmp_path / "cut")


@pytest.fixture
def half_done(tmp_path: Path, data: dict[str, str]) -> Path:
    """The folder of a job that was killed at its 10th step."""
    folder = tmp_path / "cut"
    process = child(arguments(spec_of(), data, folder), every=4, kill=10)
    assert process.wait(timeout=300) == -signal.SIGKILL
    return folder


def test_a_checkpoint_of_another_config_is_refused(half_done: Path, data: dict[str, str]) -> None:
    other = spec_of(training={"clip": 1.0})
    with pytest.raises(InputError, match=r"state\.safetensors: checkpoint of another config.*found digest") as caught:
        run_language_model(**arguments(other, data, half_done))
    assert "\n" not in str(caught.value)
    assert [path.name for path in half_done.rglob("*") if path.is_file()] == ["state.safetensors"]


def test_a_damaged_checkpoint_costs_time_alone(
    half_done: Path, tmp_path: Path, data: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = half_done / "checkpoints/state.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 16
    path.write_bytes(content)
    run_language_model(**arguments(spec_of(), data, half_done))
    assert "discarded, training starts anew" in capfd.readouterr().err
    run_language_model(**arguments(spec_of(), data, tmp_path / "undisturbed"))
    same(tmp_path / "undisturbed", half_done)


def test_how_often_it_saves_changes_nothing(tmp_path: Path, data: dict[str, str]) -> None:
    for name, seconds in (("never", 1e9), ("always", 0.0)):
        run_language_model(**arguments(spec_of(seeds=1), data, tmp_path / name, checkpoint_seconds=seconds))
    same(tmp_path / "never", tmp_path / "always")
