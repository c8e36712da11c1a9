"""Runs from other working directories, as a module of another workflow, and with the library of another checkout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fault_project import MACHINE, signal_config
from small_project import ROOT, Project, copy_project, cramming_config

from tokentrial.publish.crate.jobs import RECORDS

pytestmark = pytest.mark.slow

CONDITION = "learned_encoding/signal/done-right/ordered"
MODULE = """
module tokentrial:
    snakefile: "../code/Snakefile"
    {options}

use rule * from tokentrial{renamed}
"""


def files(folder: Path) -> set[str]:
    """What lies in a folder, but for what Python compiled."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if "__pycache__" not in path.parts}


class Elsewhere(Project):
    """A folder that holds no code, with the checkout in ``code``."""

    def __init__(self, folder: Path, code: Path) -> None:
        super().__init__(folder, PYTHONPATH=str(code / "src"))
        folder.mkdir()
        self.code = code

    def snakefile(self, *lines: str, renamed: str = "") -> None:
        """Write a workflow that uses the project as a module."""
        (self.folder / "Snakefile").write_text(MODULE.format(options="\n    ".join(lines) or "", renamed=renamed))


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that nothing is made in."""
    folder = tmp_path_factory.mktemp("places") / "code"
    folder.mkdir()
    copy_project(folder, signal_config())
    return folder


@pytest.fixture
def elsewhere(code: Path) -> Elsewhere:
    """An empty folder beside the checkout."""
    folder = code.parent / "work"
    shutil.rmtree(folder, ignore_errors=True)
    return Elsewhere(folder, code)


@pytest.fixture(scope="module")
def judged(code: Path) -> Elsewhere:
    """A folder beside the checkout with results up to the verdicts."""
    project = Elsewhere(code.parent / "judged", code)
    project.build("-s", "../code/Snakefile", "verdicts")
    return project


def records(project: Project, path: str) -> dict[str, Any]:
    """Output -> Snakemake's record of the job behind it, of those below ``path``."""
    found = [json.loads(file.read_text()) for file in (project.folder / RECORDS).iterdir()]
    return {record["log"][0].rpartition("logs/")[2]: record for record in found if path in record["log"][0]}


# From another folder


def test_the_checkout_is_read_and_the_working_directory_is_written(judged: Elsewhere) -> None:
    assert files(judged.code) == {path for path in files(judged.code) if not path.startswith(("results", "logs", "."))}
    assert {"runs.parquet", "arms.parquet", "verdicts.json"} <= files(judged.folder / "results")
    assert f"train/{CONDITION}.json" in files(judged.folder / "logs/usage")
    assert "Nothing to be done" in judged.build("-s", "../code/Snakefile", "verdicts")
    said = judged.build("-s", "../code/Snakefile", "verify")
    assert "files are whole" in said and "0 files" not in said


def test_rows_and_recorded_settings_are_those_of_a_run_in_the_checkout(judged: Elsewhere, code: Path) -> None:
    """Which records relative paths, so that a moved checkout reruns nothing."""
    project = Project(code.parent / "normal")
    shutil.copytree(code, project.folder)
    project.build("results/runs.parquet")
    for kind in ("runs", "arms"):
        one, other = (pd.read_parquet(place.folder / f"results/{kind}.parquet") for place in (project, judged))
        pd.testing.assert_frame_equal(
            one.drop(columns=MACHINE, errors="ignore"), other.drop(columns=MACHINE, errors="ignore")
        )
    here, there = records(project, "train"), records(judged, "train")
    assert here.keys() == there.keys() and here
    for log, record in here.items():
        assert sorted(record["params"]) == sorted(there[log]["params"])
        assert all(path.startswith(("src/", "results/")) for path in record["input"])
        assert sorted(path.removeprefix(f"{code}/") for path in there[log]["input"]) == sorted(record["input"])
    shutil.move(project.folder, code.parent / "moved")
    moved = Project(code.parent / "moved")
    assert "Nothing to be done" in moved.build("results/runs.parquet")
    (code.parent / "link").symlink_to(moved.folder)
    assert "Nothing to be done" in Project(code.parent / "link").build("results/runs.parquet")
    again = moved.build("--directory", str(moved.folder), "-s", "../moved/Snakefile", "results/runs.parquet")
    assert "Nothing to be done" in again


def test_a_run_elsewhere_is_compared_with_the_shipped_one_in_the_checkout(judged: Elsewhere, tmp_path: Path) -> None:
    reference = judged.code / "results/reference"
    shutil.copytree(ROOT / "results/reference", reference)
    try:
        said = judged.build("-s", "../code/Snakefile", "compare_reference")
        assert "This run beside the reference run" in said
        assert {"compare_reference.json", "compare_reference.md"} <= files(judged.folder / "results")
        assert "reference_rows" in judged.planned("-s", "../code/Snakefile", "reference_report")
    finally:
        shutil.rmtree(judged.code / "results")


def test_an_edit_in_the_checkout_is_seen(judged: Elsewhere, code: Path) -> None:
    path = code / "src/tokentrial/encoders/one_hot.py"
    was = path.read_text()
    try:
        for edit in ("# edited", "def half_an(edit"):  # the plan is made while a file is worked on
            path.write_text(f"{was}\n{edit}\n")
            assert judged.planned("-s", "../code/Snakefile", "verdicts")["train"] >= {CONDITION}
    finally:
        path.write_text(was)


def test_a_directory_that_snakemake_makes(elsewhere: Elsewhere) -> None:
    """With a relative PYTHONPATH, which means another folder there."""
    elsewhere.environment["PYTHONPATH"] = "../code/src"
    target = f"results/runs/{CONDITION}.parquet"
    elsewhere.build("-s", "../code/Snakefile", "--directory", "deep/out", target)
    assert {path.split("/")[0] for path in files(elsewhere.folder)} == {"deep"}
    assert target in files(elsewhere.folder / "deep/out")


def test_the_shipped_config_with_its_models_can_be_planned_from_anywhere(tmp_path: Path) -> None:
    project = Project(tmp_path, PYTHONPATH=str(ROOT / "src"))
    planned = project.planned("-s", str(ROOT / "Snakefile"), "all")
    assert planned["cram"] and planned["pretrain"] is not None and "report" in planned
    assert files(tmp_path) <= {path for path in files(tmp_path) if path.startswith(".snakemake")}


def test_an_overlay_is_found_where_it_was_typed(elsewhere: Elsewhere) -> None:
    (elsewhere.folder / "own.yaml").write_text("seedz: 3\n")
    line = elsewhere.refused("-s", "../code/Snakefile", "--directory", "out", "--configfile", "own.yaml", "--", "all")
    assert "unknown key 'seedz'" in line


# As a module


def test_a_module_with_a_prefix_other_names_and_the_config_of_its_user(elsewhere: Elsewhere, code: Path) -> None:
    config = signal_config() | {"seed": 7}
    (elsewhere.folder / "own.json").write_text(json.dumps({"mine": {"text": "x"}, "tokens": config}))
    lines = ('config: config["tokens"]', 'prefix: "deep/pre"')
    elsewhere.snakefile(*lines, renamed=" as tt_*")
    path = elsewhere.folder / "Snakefile"
    path.write_text('configfile: "own.json"\n' + path.read_text() + "onstart: tokentrial.onstart()\n")
    before = files(code)
    elsewhere.build("tt_verdicts")
    made = files(elsewhere.folder) - {"Snakefile", "own.json"}
    assert {path.split("/")[0] for path in made} == {"deep", ".snakemake"}
    assert {path.split("/")[2] for path in made if path.startswith("deep")} == {"results", "logs"}
    assert files(code) == before
    arms = pd.read_parquet(elsewhere.folder / "deep/pre/results/arms.parquet")
    assert set(arms["condition"].str.rpartition("/")[0]) == {CONDITION.rpartition("/")[0]}
    used = json.loads((elsewhere.folder / f"deep/pre/logs/usage/train/{CONDITION}.json").read_text())
    assert used["mode"] == "fork"
    assert "Nothing to be done" in elsewhere.build("tt_verdicts")
    runs = elsewhere.folder / f"deep/pre/results/runs/{CONDITION}.parquet"
    runs.write_bytes(runs.read_bytes()[:-9])
    line = elsewhere.refused("tt_verify")
    assert "1 of " in line and f"deep/pre/results/runs/{CONDITION}.parquet: " in line
    assert runs.with_name(f"{runs.name}.damaged").exists() and not runs.exists()
    planned = elsewhere.planned(f"deep/pre/results/runs/{CONDITION}.parquet")
    assert "tt_train" in planned and "tt_data" not in planned


def test_a_module_without_a_config_of_its_user_has_the_shipped_one(elsewhere: Elsewhere) -> None:
    elsewhere.snakefile()
    planned = elsewhere.planned("results/verdicts.json")
    assert planned["train"] == {CONDITION, CONDITION.replace("ordered", "shuffled")}


def test_rules_may_be_left_out_of_a_module(elsewhere: Elsewhere) -> None:
    elsewhere.snakefile(renamed=" exclude all, train, collect as other_*")
    assert "other_data" in elsewhere.planned(f"results/data/{CONDITION}.parquet")


def test_models_of_the_user_are_in_the_working_directory_also_with_a_prefix(elsewhere: Elsewhere) -> None:
    shutil.copytree(ROOT / "models/wikitext-2/llama-64x2", elsewhere.folder / "mine")
    (elsewhere.folder / "own.json").write_text(json.dumps(cramming_config("mine")))
    elsewhere.snakefile("config: config", 'prefix: "pre"')
    path = elsewhere.folder / "Snakefile"
    path.write_text('configfile: "own.json"\n' + path.read_text())
    assert elsewhere.planned("pre/results/runs/cramming/capacity/mine.parquet")["cram"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("config: {'seed': 3}",), "error: config: key "),
        (('replace_prefix: {"results": "mine"}',), "error: module: results would be mine and logs logs, expected one"),
        (('prefix: "a/logs"',), "error: module: results would be a/logs/results and"),
    ],
)
def test_a_module_that_cannot_work_is_one_line(options: tuple[str, ...], said: str, elsewhere: Elsewhere) -> None:
    elsewhere.snakefile(*options)
    assert elsewhere.refused("--dry-run", "results/verdicts.json").startswith(said)
    assert not (elsewhere.folder / "results").exists()


# Whose library


@pytest.fixture(scope="module")
def other(code: Path) -> Path:
    """A second checkout."""
    shutil.copytree(code, code.parent / "other")
    return code.parent / "other"


def test_the_library_of_another_checkout_is_refused_before_anything_is_done(code: Path, other: Path) -> None:
    project = Project(other, PYTHONPATH=str(code / "src"))
    before = files(other)
    line = project.refused("verdicts")
    assert f"finds {code}/src/tokentrial, expected {other}/src/tokentrial" in line
    assert f"put PYTHONPATH={other}/src before the command" in line
    assert {path for path in files(other) - before if not path.startswith(".snakemake")} == set()
    as_told = Project(other, PYTHONPATH=f"{other}/src{os.pathsep}{code}/src")
    assert "train" in as_told.planned("verdicts")


@pytest.mark.parametrize("place", ["absent", "namespace", "module"])
def test_a_library_that_is_none_is_refused(place: str, other: Path, tmp_path: Path) -> None:
    """Nothing is installed; a folder of the name lies in the way; a file of it."""
    if place == "namespace":
        (tmp_path / "tokentrial").mkdir()
    elif place == "module":
        (tmp_path / "tokentrial.py").write_text("")
    found = {"absent": "none", "namespace": tmp_path / "tokentrial", "module": tmp_path / "tokentrial.py"}[place]
    # Python without the environment's own packages, which Snakemake is then among those given by hand
    paths = [str(tmp_path), *(path for path in sys.path if path.endswith("site-packages"))]
    command = [sys.executable, "-S", "-m", "snakemake", "--dry-run", "all"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, cwd=other, env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in said
    assert f"finds {found}, expected {other}/src/tokentrial" in said


def test_a_checkout_without_its_library_is_refused(code: Path, tmp_path: Path) -> None:
    shutil.copytree(code, tmp_path / "half", ignore=shutil.ignore_patterns("src"))
    line = Project(tmp_path / "half", PYTHONPATH=str(code / "src")).refused("all")
    assert line.startswith(f"error: {tmp_path}/half/src/tokentrial: not found, expected the library beside")


def test_a_job_that_gets_the_library_of_another_checkout_ends_with_one_line(
    code: Path, other: Path, elsewhere: Elsewhere
) -> None:
    """As in a container with packages of its own: here the run's own word on PYTHONPATH is taken from its jobs."""
    path = code / "src/tokentrial/checkout.py"
    was = path.read_text()
    try:
        path.write_text(
            was.replace('os.environ["PYTHONPATH"] = ', "os.environ[\"PYTHONPATH\"] = os.environ['OTHER'] or ")
        )
        target = f"results/data/{CONDITION}.parquet"
        line = elsewhere.refused("-s", "../code/Snakefile", target, PYTHONPATH=f"{code}/src/", OTHER=f"{other}/src")
    finally:
        path.write_text(was)
    assert f"data.py: {sys.executable} has the library {other}/src/tokentrial, expected {code}/src/tokentrial" in line
    assert not (elsewhere.folder / target).exists()
