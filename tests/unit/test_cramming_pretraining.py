"""Training the small language models: they learn, an interrupted training gives the same weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from corpus_record import recorded
from safetensors.torch import load_file

from tokentrial.cramming import folders, pretraining
from tokentrial.errors import InputError
from tokentrial.seeds import stream
from tokentrial.training.language_loop import Run

Spec = dict[str, Any]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sentences whose every second word repeats the one before: there is something to learn."""
    folder = tmp_path_factory.mktemp("text")
    words = [f"{first}{second}{last}" for first in "bdgk" for second in "aeio" for last in "nrst"]
    paths = {}
    for split, lines in (("train", 400), ("validation", 60), ("test", 60)):
        drawn = stream(1, "text", split).integers(len(words), size=(lines, 8))
        paths[split] = folder / split
        paths[split].write_text("".join(" ".join(words[i] for i in np.repeat(row, 2)) + "\n" for row in drawn))
    return paths


def spec(architecture: str = "llama", **training: Any) -> Spec:
    return {
        "name": "small",
        "shape": {"architecture": architecture, "width": 16, "layers": 2, "context": 64},
        "vocab_size": 300,
        "seed": 3,
        "device": "cpu",
        "training": {
            "optimiser": "adam",
            "learning_rates": [0.01],
            "epochs": 1,
            "fraction": 1,
            "held_out_fraction": 1,
            "batch_size": 8,
            "length": 16,
            "order": "blocks",
            "clip": 1,
            "schedule": "linear",
            "evaluations": 3,
            "select": "best",
            **training,
        },
    }


def train(design: Spec, text: dict[str, Path], folder: Path, seconds: float = 60.0) -> Path:
    places = str(folder / "checkpoints"), folder / "model"
    pretraining.pretrain(json.dumps(design), text, recorded(text), [], *places, seconds)
    return folder / "model"


@pytest.mark.parametrize("architecture", ["llama", "neox", "mamba"])
def test_a_trained_model_beats_the_unigram_and_its_record_is_true(
    architecture: str, text: dict[str, Path], tmp_path: Path
) -> None:
    folder = train(spec(architecture, epochs=2), text, tmp_path)
    record = json.loads((folder / "training.json").read_text())
    model = folders.read(folder)
    ids = torch.tensor(model.tokenizer(text["test"].read_text())["input_ids"])
    unigram = torch.bincount(ids).double() / len(ids)
    entropy = float(-(unigram[unigram > 0] * unigram[unigram > 0].log()).sum())
    assert record["cross_entropy"]["test"] < 0.8 * entropy
    rows = (len(ids) - 1) // 16
    inputs, targets = ids[: rows * 16].view(rows, 16), ids[1 : rows * 16 + 1]
    with torch.no_grad():
        scores = (model.hidden(model.table[inputs]) @ model.weight.T).flatten(0, 1).double()
    assert record["cross_entropy"]["test"] == pytest.approx(
        float(torch.nn.functional.cross_entropy(scores, targets)), abs=1e-5
    )
    assert record["tokens_trained"] > 0 and not (tmp_path / "checkpoints/state.safetensors").exists()


def test_no_epochs_leave_the_model_untrained(text: dict[str, Path], tmp_path: Path) -> None:
    folder = train(spec(epochs=0), text, tmp_path)
    record = json.loads((folder / "training.json").read_text())
    assert record["tokens_trained"] == 0
    assert record["cross_entropy"]["validation"] == pytest.approx(np.log(300), rel=0.05)


class Killed(Exception):
    pass


def test_an_interrupted_training_gives_the_same_weights(
    text: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_file(train(spec(), text, tmp_path / "whole") / "model.safetensors")
    step = Run._step

    def dies(run: Run, *arguments: Any) -> None:
        if run.step == 25:
            raise Killed
        step(run, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Run, "_step", dies)
        with pytest.raises(Killed):
            train(spec(), text, tmp_path / "cut", seconds=0.0)
    assert (tmp_path / "cut/checkpoints/state.safetensors").exists()
    resumed = load_file(train(spec(), text, tmp_path / "cut") / "model.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_checkpoint_of_another_recipe_is_refused(
    text: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(run: Run, *arguments: Any) -> None:
        if run.step == 3:
            raise Killed
        run.step += 1

    with monkeypatch.context() as patched:
        patched.setattr(Run, "_step", dies)
        with pytest.raises(Killed):
            train(spec(), text, tmp_path, seconds=0.0)
    with pytest.raises(InputError, match="checkpoint of another config"):
        train(spec(learning_rates=[0.02]), text, tmp_path)


def test_a_diverging_training_is_an_error_that_names_the_model(text: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cramming\.models: small: training diverged"):
        train(spec(optimiser="sgd", learning_rates=[1e30], clip=None), text, tmp_path)
    assert not (tmp_path / "model").exists()


def test_a_text_too_short_for_a_batch_is_named(text: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected at least"):
        train(spec(length=50000), text, tmp_path)
