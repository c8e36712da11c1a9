"""Language models on a tiny design and the real text: their rows, and what kills, changed configs and edits do."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from small_project import VARIABLE, Project, copied, copy_project, edit, language_config, save_every

from tokentrial import results
from tokentrial.training import checkpoint

pytestmark = pytest.mark.slow

CONDITION = "language_models/transformer/done-right/bpe"
ARMS = ("full", "int8", "learned-2", "svd-2")
STUDY = "study_language_models"
# What a job measures about itself, not about its models.
MACHINE = [*results.TIMED]


@pytest.fixture(scope="session")
def prepared(text: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy with the text cut into tokens and nothing trained."""
    project = copy_project(tmp_path_factory.mktemp("prepared"), language_config())
    project.environment[VARIABLE] = text
    save_every(project, 0.2)
    project.build("tokens")
    return project


@pytest.fixture(scope="session")
def trained(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy whose language models were trained, one job after the other."""
    project = copied(prepared, tmp_path_factory.mktemp("trained"))
    project.build(STUDY, cores=1)
    return project


def rows(project: Project, kind: str = "runs") -> dict[str, pd.DataFrame]:
    """The rows of every arm's file; of its costs, what does not say how fast the machine was."""
    folder = project.folder / f"results/{kind}/{CONDITION}"
    made = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    return {arm: table.drop(columns=MACHINE, errors="ignore") for arm, table in made.items()}


def same(one: Project, other: Project) -> None:
    """Both have the same rows, to the last bit, and the same models."""
    for kind in ("runs", "arms"):
        a, b = rows(one, kind), rows(other, kind)
        assert sorted(a) == sorted(b) == sorted(ARMS)
        for arm in ARMS:
            pd.testing.assert_frame_equal(a[arm], b[arm], check_exact=True)
    # the header's order of keys is not fixed, so files of equal content need not have equal bytes
    paths = [project.folder / f"results/models/{CONDITION}/full.safetensors" for project in (one, other)]
    (left, family), (right, again) = map(checkpoint.read, paths)
    assert (left.values, family) == (right.values, again)
    assert list(left.tensors) == list(right.tensors)
    assert all(torch.equal(value, right.tensors[name]) for name, value in left.tensors.items())


def left_over(project: Project) -> list[Path]:
    """Checkpoints and temporary files."""
    results = project.folder / "results"
    return [
        path for path in results.rglob("*") if path.is_file() and ("checkpoints" in path.parts or path.name[0] == ".")
    ]


# What the study makes


def test_every_arm_has_its_rows(trained: Project) -> None:
    found = rows(trained)
    assert sorted(found) == sorted(ARMS)
    for arm, table in found.items():
        own = table[~table["arm"].str.startswith("reference.")]
        assert set(own["arm"]) == {arm}
        assert set(own["condition"]) == {CONDITION}
        final = own[own["step"].isna() & (own["metric"] == "cross_entropy")]
        cells = {(row.seed, row.split) for row in final.itertuples()}
        assert cells == {(seed, split) for seed in (0, 1) for split in ("train", "validation", "test")}
        assert final["value"].between(1, 5.7).all(), arm  # ln 300 is 5.704: all arms learned something
        assert final.loc[final["split"] == "test", "value"].nunique() == 2  # two seeds, two models
    with_levels = [arm for arm, table in found.items() if table["arm"].str.startswith("reference.").any()]
    assert with_levels == ["full"]  # once in the condition
    costs = rows(trained, "arms")
    assert {arm: table["seeds"].item() for arm, table in costs.items()} == dict.fromkeys(ARMS, 2)
    bits = {arm: table["bits_deployed"].item() for arm, table in costs.items()}
    assert bits["full"] > bits["int8"] and bits["full"] > bits["svd-2"]


def test_a_two_stage_arm_keeps_the_full_models_training(trained: Project) -> None:
    """int8 rounds the table of each seed's own full model, so that its loss is close to that one's."""
    final = {}
    for arm, table in rows(trained).items():
        test = table[(table["split"] == "test") & (table["metric"] == "cross_entropy") & (table["arm"] == arm)]
        final[arm] = test.set_index("seed")["value"]
    rounded, full = final["int8"], final["full"]
    assert ((rounded - full).abs() < 0.01).all()
    assert (rounded != full).all()
    assert ((final["svd-2"] - full).abs() > 0.01).all()  # half of the directions are gone


def test_a_second_run_has_nothing_to_do_and_nothing_is_left_over(trained: Project) -> None:
    assert "Nothing to be done" in trained.build(STUDY)
    assert left_over(trained) == []


# A kill


def state(project: Project, arm: str) -> Path:
    return project.folder / f"results/checkpoints/{CONDITION}/{arm}/state.safetensors"


def kill_while_it_trains(project: Project, arm: str) -> None:
    """Start Snakemake, and kill it with its jobs once the arm's training has written its state."""
    environment = {**os.environ, **project.environment}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", f"results/runs/{CONDITION}/{arm}.parquet"]
    with (project.folder / "killed.log").open("w") as log:
        started = subprocess.Popen(
            command, cwd=project.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        until = time.monotonic() + 300
        while not state(project, arm).is_file() and started.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        os.killpg(started.pid, signal.SIGKILL)  # its own process group: Snakemake and the job's process
        started.wait()
    said = (project.folder / "killed.log").read_text()
    assert started.returncode == -signal.SIGKILL, said  # it was still running
    assert state(project, arm).is_file(), said
    assert not (project.folder / f"results/runs/{CONDITION}/{arm}.parquet").exists()


@pytest.fixture(scope="module")
def killed_once(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy whose first training was killed; Snakemake's lock, which it could not remove, is taken away."""
    project = copied(prepared, tmp_path_factory.mktemp("killed"))
    kill_while_it_trains(project, "full")
    assert project.run("--unlock").returncode == 0
    return project


@pytest.fixture
def killed(killed_once: Project, tmp_path: Path) -> Project:
    """A copy of it that a test may change."""
    return copied(killed_once, tmp_path)


def test_a_killed_run_goes_on_and_gives_identical_rows(killed: Project, trained: Project) -> None:
    killed.build(STUDY, cores=1)
    log = (killed.folder / f"logs/full_language_model/{CONDITION}/full.log").read_text()
    assert "goes on from step" in log
    same(killed, trained)
    assert left_over(killed) == []


def test_a_checkpoint_of_another_config_is_refused_and_kept(killed: Project) -> None:
    config = killed.config()
    config["language_models"]["training"]["done-right"]["learning_rates"] = [0.02]
    killed.write_config(config)
    before = state(killed, "full").read_bytes()
    line = killed.refused(f"results/runs/{CONDITION}/full.parquet")
    for part in ("full/state.safetensors", "checkpoint of another config", "delete it to start anew"):
        assert part in line
    assert state(killed, "full").read_bytes() == before  # it may be wanted still: the user decides
    state(killed, "full").unlink()
    killed.build(f"results/runs/{CONDITION}/full.parquet", cores=1)
    table = rows(killed)["full"]
    assert set(table.loc[table["metric"] == "learning_rate", "value"]) == {0.02}


# What is trained again


def test_a_full_arm_is_trained_before_those_that_start_from_it(prepared: Project) -> None:
    planned = prepared.planned(f"results/runs/{CONDITION}/svd-2.parquet")
    assert planned == {"full_language_model": {f"{CONDITION}/full"}, "language_model": {f"{CONDITION}/svd-2"}}
    alone = prepared.planned(f"results/runs/{CONDITION}/learned-2.parquet")
    assert alone == {"language_model": {f"{CONDITION}/learned-2"}}


@pytest.mark.parametrize(
    ("module", "full", "others"),
    [
        ("encoders/svd", False, {"svd-2"}),
        ("encoders/learned", False, {"learned-2"}),
        ("encoders/options", False, {"svd-2", "int8"}),
        ("encoders/full", True, {"svd-2", "int8"}),  # and what starts from its model
        ("models/language", True, {"svd-2", "int8", "learned-2"}),
        ("encoders/pca", False, set()),  # no arm of this config
        ("training/condition", False, set()),  # the small models' own
    ],
)
def test_an_edit_retrains_what_uses_it_and_nothing_else(
    trained: Project, tmp_path: Path, module: str, full: bool, others: set[str]
) -> None:
    project = copied(trained, tmp_path)
    edit(project, module)
    planned = project.planned(STUDY)
    assert planned.get("full_language_model", set()) == ({f"{CONDITION}/full"} if full else set())
    assert planned.get("language_model", set()) == {f"{CONDITION}/{arm}" for arm in others}
    assert not planned.keys() - {"full_language_model", "language_model", STUDY}


def test_an_edited_svd_gives_its_rows_again(trained: Project, tmp_path: Path) -> None:
    """The edit changes nothing here, so neither do the rows; no other arm's file is touched."""
    project = copied(trained, tmp_path)
    edit(project, "encoders/svd")
    before = {path: path.stat().st_mtime_ns for path in (project.folder / "results").rglob("*.parquet")}
    project.build(STUDY, cores=1)
    touched = {path.stem for path, then in before.items() if path.stat().st_mtime_ns != then}
    assert touched == {"svd-2"}
    same(project, trained)


def test_a_changed_arm_or_design_retrains_what_it_touches(trained: Project, tmp_path: Path) -> None:
    def change(**keys: Any) -> dict[str, set[str]]:
        project = copied(trained, tmp_path / "-".join(["with", *keys]))
        config = project.config()
        config["language_models"]["arms"] = dict(
            reversed(config["language_models"]["arms"].items())
        )  # an order means nothing
        config["language_models"]["arms"]["int8"] |= keys
        project.write_config(config)
        return project.planned(STUDY)

    assert not change().keys() & {"language_model", "full_language_model", "prepare_corpus"}
    assert change(bits=4)["language_model"] == {f"{CONDITION}/int8"}


# Without the text


def test_without_the_named_text_the_message_comes_before_any_training(tmp_path: Path) -> None:
    """And names both ways out; nothing that needs the text is tried."""
    project = copy_project(tmp_path, language_config() | {"corpus": "wikitext-2"})
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")
    done = project.run("--cores", "1", "all", **{VARIABLE: ""}, **nowhere)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    first = said.index("\nerror: ")
    line = said[first:].strip().splitlines()[0]
    for part in (VARIABLE, "config key 'corpus'", "network"):
        assert part in line
    assert "Training" not in said[:first]
    assert "Training language_models/" not in said
    assert "Traceback" not in said
