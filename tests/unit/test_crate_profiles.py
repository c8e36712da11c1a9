"""The crate follows the Workflow Run RO-Crate profiles, as the validator of their authors says."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crate_project import FINAL, SPEC, finished_project
from ro_crates import issues

from tokentrial import provenance
from tokentrial.publish.crate import record
from tokentrial.publish.crate.build import write_crate
from tokentrial.publish.crate.files import Project

Change = Callable[[dict[str, dict[str, Any]]], object]


@pytest.fixture(scope="module")
def crate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crate of a small project, unpacked."""
    folder = finished_project(tmp_path_factory.mktemp("project"))
    found = record.describe(Project.of(folder), {"seed": 42}, [provenance.digest(SPEC)], FINAL)
    write_crate(Project.of(folder), {"seed": 42}, found, FINAL, folder / "results/crate.zip")
    unpacked = tmp_path_factory.mktemp("crate")
    with zipfile.ZipFile(folder / "results/crate.zip") as archive:
        archive.extractall(unpacked)
    return unpacked


def test_it_is_a_provenance_run_crate(crate: Path, tmp_path: Path) -> None:
    assert issues(crate, tmp_path / "cache") == []


CHANGES: dict[str, tuple[str, Change]] = {
    "an action without its tool": (
        "process-run-crate-0.5",
        lambda entities: entities["#job/collect"].pop("instrument"),
    ),
    "a run of no workflow": (
        "workflow-run-crate-0.5",
        lambda entities: entities["#run"].update(instrument={"@id": "#rule/train"}),
    ),
    "a step that stands for no tool": (
        "provenance-run-crate-0.5",
        lambda entities: entities["#step/train"].pop("workExample"),
    ),
    "no license": ("ro-crate-1.1", lambda entities: entities["./"].pop("license")),
    "a file that is not there": (
        "ro-crate-1.1",
        lambda entities: (
            entities.update({"gone.csv": {"@id": "gone.csv", "@type": "File"}})
            or entities["./"]["hasPart"].append({"@id": "gone.csv"})
        ),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_crate_with_a_fault_is_not(crate: Path, tmp_path: Path, name: str) -> None:
    profile, change = CHANGES[name]
    path = crate / "ro-crate-metadata.json"
    whole = path.read_text()
    metadata = json.loads(whole)
    entities = {entity["@id"]: entity for entity in metadata["@graph"]}
    change(entities)
    try:
        path.write_text(json.dumps({**metadata, "@graph": list(entities.values())}))
        found = issues(crate, tmp_path / "cache")
    finally:
        path.write_text(whole)
    assert any(line.startswith(profile) for line in found), found
