"""The record and the crate of a real run."""

import hashlib
import json
import platform
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ro_crates import issues
from small_project import Project

from tokentrial.publish.crate import record

RECORD = "results/provenance.json"


@pytest.fixture(scope="module")
def packed(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The built project as a user with a telling name packs it."""
    top = tmp_path_factory.mktemp("jane-of-the-lab")
    shutil.copytree(built.folder, top / "project")
    (top / "home").mkdir()
    project = Project(top / "project", HOME=str(top / "home"), LOGNAME="jane-of-the-lab", USER="jane-of-the-lab")
    (project.folder / RECORD).unlink()
    project.build("crate", cores=1)
    return project


@pytest.fixture(scope="module")
def crate(packed: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crate, unpacked."""
    folder = tmp_path_factory.mktemp("crate")
    with zipfile.ZipFile(packed.folder / "results/crate.zip") as archive:
        archive.extractall(folder)
    return folder


def entities(crate: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in found}


def test_all_records_every_file_that_the_run_made(built: Project) -> None:
    found = record.read(built.folder / RECORD)
    made = {path.relative_to(built.folder).as_posix() for path in (built.folder / "results").rglob("*.*")}
    assert set(found["outputs"]) == made - {RECORD}
    assert record.changed(found, built.folder) == []
    assert found["run"]["scale"] == "a run with its own config"
    assert list(found["run"]["rules"])[-1] == "report"
    assert found["run"]["rules"]["train"]["jobs"] == 6


def test_a_run_in_one_go_is_neither_mixed_nor_incomplete(built: Project) -> None:
    """Its config hashes are those of its jobs, its code is the code that ran; of the copy no commit is known."""
    assert [text for text in record.read(built.folder / RECORD)["remarks"] if "git checkout" not in text] == []


def test_a_damaged_file_is_found(finished: Project) -> None:
    found = record.read(finished.folder / RECORD)
    path = finished.folder / "results/tables/levels.csv"
    path.write_bytes(path.read_bytes()[:-1])
    assert record.changed(found, finished.folder) == ["results/tables/levels.csv"]


def test_the_crate_is_a_provenance_run_crate(crate: Path, tmp_path: Path) -> None:
    assert issues(crate, tmp_path / "cache") == []


def test_the_files_in_the_crate_are_the_recorded_ones(packed: Project, crate: Path) -> None:
    found, described = record.read(packed.folder / RECORD), entities(crate)
    files = {path.relative_to(crate).as_posix(): path for path in crate.rglob("*") if path.is_file()}
    files.pop("ro-crate-metadata.json")
    for name, path in files.items():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert described[quote(name)]["sha256"] == digest
        assert found["outputs"].get(name, {"sha256": digest})["sha256"] == digest
    assert {"Snakefile", "README.md", "results/report.pdf", "results/verdicts.json", RECORD} - set(files) <= {
        "README.md"
    }
    assert not [name for name in files if name.startswith(("results/runs/", "results/data/"))]
    assert (packed.folder / "results/crate.zip").stat().st_size < 40 * 2**20


def test_every_job_has_an_action_with_its_files(packed: Project, crate: Path) -> None:
    described = entities(crate)
    actions = {name: entity for name, entity in described.items() if name.startswith("#job/")}
    assert len(actions.keys() - {"#job/provenance"}) == record.read(packed.folder / RECORD)["run"]["jobs"]
    for entity in actions.values():
        for key in ("instrument", "object", "result", "agent"):
            values = entity[key] if isinstance(entity[key], list) else [entity[key]]
            assert values and all(value["@id"] in described for value in values)
        for key in ("startTime", "endTime"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", entity[key])
    [train] = [
        entity for name, entity in actions.items() if name == "#job/train/learned_encoding/vocabulary/done-right/v20"
    ]
    data = "#file/results/data/learned_encoding/vocabulary/done-right/v20.parquet"
    assert {"@id": data} in train["object"]
    path = packed.folder / data.removeprefix("#file/")
    assert described[data]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_nothing_that_is_published_tells_who_ran_it_and_where(packed: Project, crate: Path) -> None:
    for path in (packed.folder / RECORD, *(path for path in crate.rglob("*") if path.is_file())):
        assert b"jane-of-the-lab" not in path.read_bytes(), path
    for path in (packed.folder / RECORD, crate / "ro-crate-metadata.json"):
        assert not re.search(rf"\b{re.escape(platform.node())}\b", path.read_text())


def test_a_packed_run_is_packed_once(packed: Project) -> None:
    assert "Nothing to be done" in packed.build("crate", cores=1)
    assert "Nothing to be done" in packed.build("all", cores=1)
