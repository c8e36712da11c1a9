"""The cramming study on tiny models and the real text: its rows, and what kills, edits and mistakes do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from small_project import VARIABLE, Project, copied, copy_project, cramming_config, edit, save_every
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel

from tokentrial import results
from tokentrial.cramming import folders

pytestmark = pytest.mark.slow

STUDY = "study_cramming"
JOBS = ("cramming/capacity/mine", "cramming/capacity/small", "cramming/controls/small")
MACHINE = [*results.TIMED]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a kind that this project never trains: GPT-2's architecture with a tokenizer of bytes."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: index for index, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    torch.manual_seed(5)
    sizes = {"vocab_size": len(letters), "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 48}
    made = tmp_path_factory.mktemp("model")
    folders.write(made, GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)), tokenizer, {})
    return made


@pytest.fixture(scope="session")
def prepared(text: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy with its language model trained and nothing crammed."""
    project = copy_project(tmp_path_factory.mktemp("prepared"), cramming_config(str(folder)))
    project.environment[VARIABLE] = text
    save_every(project, 0.0)
    project.build("pretrained_models", cores=1)
    return project


@pytest.fixture(scope="session")
def crammed(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy in which every job was run, one after the other."""
    project = copied(prepared, tmp_path_factory.mktemp("crammed"))
    project.build(STUDY, cores=1)
    return project


def rows(project: Project, job: str, kind: str = "runs") -> pd.DataFrame:
    table = pd.read_parquet(project.folder / f"results/{kind}/{job}.parquet")
    return table.drop(columns=MACHINE, errors="ignore")


def same(one: Project, other: Project) -> None:
    """Both have the same rows, to the last bit."""
    for job in JOBS:
        for kind in ("runs", "arms"):
            pd.testing.assert_frame_equal(rows(one, job, kind), rows(other, job, kind), check_exact=True)


def test_every_text_of_every_cell_has_its_rows(crammed: Project) -> None:
    for model in ("mine", "small"):
        found = rows(crammed, f"cramming/capacity/{model}")
        final = found[found["step"].isna() & (found["arm"] == "tuned")]
        cells = {(row.condition, row.seed) for row in final[final["metric"] == "greedy_exact"].itertuples()}
        base = f"cramming/capacity/{model}/text-test"
        assert cells == {(f"{base}/n-{length}-m-1", text) for length in (2, 4) for text in range(3)}
        values = final.pivot_table(index=["condition", "seed"], columns="metric", values="value")
        solved = values.pop("solved_step") if "solved_step" in values else pd.Series(dtype=float)
        assert solved.dropna().between(1, 30).all()  # a text that is not solved has none
        assert values.notna().all(axis=None) and (values["greedy_exact"] <= values["accuracy"]).all()
        if model == "small":  # the other was never trained, and what it reads moves it little
            gain = (values["cross_entropy_without"] - values["cross_entropy"]).unstack("condition")
            # A text's first token alone may attend to itself alone, which no vector moves.
            assert (gain[f"{base}/n-4-m-1"] > 0.1).all() and (gain > -1e-6).all(axis=None)
    arms = set(rows(crammed, "cramming/controls/small")["arm"])
    assert {"tuned", "control.random-vector", "control.shared", "model"} <= arms


def test_a_folder_never_seen_before_is_one_line_of_the_config(crammed: Project) -> None:
    facts = rows(crammed, "cramming/capacity/mine").query("arm == 'model'").set_index("metric")["value"]
    assert (facts["width"], facts["vocab_size"], facts["context"]) == (16, 256, 48)
    assert facts["bound"] == 16 * 16 / 8  # log2 of 256 bytes


def test_a_second_run_has_nothing_to_do_and_nothing_is_left_over(crammed: Project) -> None:
    assert "Nothing to be done" in crammed.build(STUDY)
    assert [path for path in (crammed.folder / "results/checkpoints").rglob("*") if path.is_file()] == []


def test_a_killed_run_goes_on_and_gives_identical_rows(prepared: Project, crammed: Project, tmp_path: Path) -> None:
    project = copied(prepared, tmp_path)
    state = project.folder / f"results/checkpoints/{JOBS[1]}/state.safetensors"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", f"results/runs/{JOBS[1]}.parquet"]
    with (project.folder / "killed.log").open("w") as log:
        environment = {**os.environ, **project.environment}
        started = subprocess.Popen(
            command, cwd=project.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        until = time.monotonic() + 300
        while not state.is_file() and started.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
    finally:
        os.killpg(started.pid, signal.SIGKILL)  # its own process group: Snakemake and the job's process
        started.wait()
    said = (project.folder / "killed.log").read_text()
    assert started.returncode == -signal.SIGKILL and state.is_file(), said
    assert project.run("--unlock").returncode == 0
    project.build(STUDY, cores=2)
    assert "goes on" in (project.folder / f"logs/cram/{JOBS[1]}.log").read_text()
    same(project, crammed)


def test_an_edit_reruns_what_uses_it_and_nothing_else(crammed: Project, tmp_path: Path) -> None:
    def planned(module: str) -> dict[str, set[str]]:
        project = copied(crammed, tmp_path / module.replace("/", "-"))
        edit(project, module)
        return project.planned(STUDY)

    assert planned("cramming/engine") == {"cram": set(JOBS), STUDY: set()}
    assert planned("cramming/pretraining") == {"pretrain": {"small"}, "cram": set(JOBS[1:]), STUDY: set()}
    assert planned("statistics/cramming") == planned("encoders/learned") == {}


def test_a_changed_setting_reruns_every_job_and_a_new_model_adds_its_own(crammed: Project, tmp_path: Path) -> None:
    project = copied(crammed, tmp_path)
    config = project.config()
    config["cramming"]["settings"]["tuned"]["weight_decay"] = 0.5
    project.write_config(config)
    assert project.planned(STUDY)["cram"] == set(JOBS)
    config["cramming"]["settings"]["tuned"]["weight_decay"] = 0
    config["cramming"]["models"]["again"] = dict(config["cramming"]["models"]["mine"])
    config["cramming"]["experiments"]["capacity"]["models"].append("again")
    project.write_config(config)
    assert project.planned(STUDY)["cram"] == {"cramming/capacity/again"}


def _context(config: dict[str, Any], folder: Path) -> None:
    config["cramming"]["experiments"]["capacity"] |= {"lengths": [48], "models": ["mine"]}


def _vectors(config: dict[str, Any], folder: Path) -> None:
    config["cramming"]["experiments"]["capacity"]["vectors"] = [1, 3]


def _no_vectors(config: dict[str, Any], folder: Path) -> None:
    config["cramming"]["experiments"]["capacity"]["vectors"] = [0]


def _pickled(config: dict[str, Any], folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def _no_tokenizer(config: dict[str, Any], folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def _vocabulary(config: dict[str, Any], folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"]["more"] = 256
    (folder / "tokenizer.json").write_text(json.dumps(content))


def _hub(config: dict[str, Any], folder: Path) -> None:
    config["cramming"]["models"]["mine"] = {"hub": "nobody/nothing", "revision": "main"}


MISTAKES: list[tuple[Callable[[dict[str, Any], Path], None], list[str]]] = [
    (_context, ["cramming", "48", "context"]),
    (_vectors, ["studies/cramming.yaml: experiments.capacity: vectors: found 3", "2 tokens"]),
    (_no_vectors, ["studies/cramming.yaml: experiments.capacity.vectors.0: found 0, expected at least 1"]),
    (_pickled, ["only pickled weights", "pytorch_model.bin"]),
    (_no_tokenizer, ["found no tokenizer", "tokenizer.json"]),
    (_vocabulary, ["tokenizer of 257 tokens", "256 rows"]),
    (_hub, ["nobody/nothing", "cannot be downloaded", "folder"]),
]


@pytest.mark.parametrize(("spoil", "parts"), MISTAKES)
def test_a_mistake_is_one_line(
    prepared: Project, folder: Path, tmp_path: Path, spoil: Callable[[dict[str, Any], Path], None], parts: list[str]
) -> None:
    project = copied(prepared, tmp_path)
    own = tmp_path / "model"
    shutil.copytree(folder, own)
    config = project.config()
    config["cramming"]["models"]["mine"] = {"folder": str(own)}
    spoil(config, own)
    project.write_config(config)
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    line = project.refused("results/runs/cramming/capacity/mine.parquet", **offline)
    assert [part for part in parts if part not in line] == [], line
    assert not (project.folder / "results/runs/cramming/capacity/mine.parquet").exists()
