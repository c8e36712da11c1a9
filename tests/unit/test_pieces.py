"""Pieces of a long run: taken if every digest agrees, kept whole, and computed anew otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokentrial import job, pieces
from tokentrial.errors import InputError

CALLS: list[str] = []


def work(spec: str, data: str, code: list[str], runs: str, arms: str, checkpoints: str) -> None:
    """A job that says that it ran."""
    CALLS.append(spec)
    for path in (runs, arms):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"{path.rpartition('/')[2]} of {spec}")


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(pieces.VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(job, "call", lambda function, given: work(**given))
    CALLS.clear()
    for name in ("data", "code"):
        (tmp_path / name).write_text(name)
    (tmp_path / "logs").mkdir()
    outputs = {name: f"results/{name}/a" for name in ("runs", "arms")}
    return {"spec": "{}", "data": "data", "code": ["code"], "checkpoints": "results/checkpoints/a", **outputs}


def run(arguments: dict[str, Any]) -> None:
    job.run("logs/a.log", "tokentrial.somewhere.work", **arguments)


def test_a_finished_job_is_taken_and_not_computed_again(arguments: dict[str, Any]) -> None:
    run(arguments)
    first = Path("results/runs/a").read_bytes()
    Path("results/runs/a").unlink()
    run({**arguments, "checkpoints": "elsewhere"})
    assert CALLS == ["{}"] and Path("results/runs/a").read_bytes() == first
    assert "taken from TOKENTRIAL_PIECES" in Path("logs/a.log").read_text()
    [record] = Path("kept").rglob(pieces.RECORD)
    assert json.loads(record.read_text())["files"] == ["runs", "arms"]


@pytest.mark.parametrize("change", ["spec", "data", "code"])
def test_another_specification_input_or_code_is_computed(change: str, arguments: dict[str, Any]) -> None:
    run(arguments)
    if change == "spec":
        run({**arguments, "spec": '{"a": 1}'})
    else:
        Path(change).write_text("changed")
        run(arguments)
    assert len(CALLS) == 2 and len(list(Path("kept").rglob(pieces.RECORD))) == 2


def test_the_place_of_the_files_does_not_matter(arguments: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "moved").write_text("data")
    assert pieces.key("f", arguments) == pieces.key("f", {**arguments, "data": str(tmp_path / "moved")})


def test_what_jobs_share_to_save_work_does_not_matter(
    arguments: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of facts fills while a run goes on; a later sitting has none at first."""
    monkeypatch.setattr(job, "call", lambda function, given: work(**{k: v for k, v in given.items() if k != "kept"}))
    facts = tmp_path / "facts"
    for number in range(3):
        run({**arguments, "kept": str(facts)})
        facts.mkdir(exist_ok=True)
        (facts / f"{number}.json").write_text("{}")
    assert CALLS == ["{}"]


def test_a_piece_with_a_lost_file_is_made_anew(arguments: dict[str, Any]) -> None:
    run(arguments)
    [record] = Path("kept").rglob(pieces.RECORD)
    (record.parent / "arms").unlink()
    run(arguments)
    assert len(CALLS) == 2


def test_a_failed_job_is_not_kept(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(function: str, given: dict[str, Any]) -> None:
        raise InputError("no")

    monkeypatch.setattr(job, "call", fail)
    with pytest.raises(SystemExit):
        run(arguments)
    assert list(Path("kept").rglob("*")) == []


def test_a_folder_that_cannot_be_made_is_one_line(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pieces.VARIABLE, str(Path("data") / "kept"))
    with pytest.raises(SystemExit):
        run(arguments)
    assert "error: TOKENTRIAL_PIECES: found data/kept" in Path("logs/a.log").read_text()


def test_folders_are_kept_whole(arguments: dict[str, Any], tmp_path: Path) -> None:
    made = tmp_path / "model"
    made.mkdir()
    (made / "weights").write_text("w")
    given = {"spec": "{}", "folder": str(made)}
    pieces.keep(tmp_path / "kept", "ab" * 32, "f", given)
    (made / "weights").write_text("other")
    assert pieces.take(tmp_path / "kept", "ab" * 32, given)
    assert (made / "weights").read_text() == "w"


@pytest.mark.parametrize("spec", ["x" * 300, "x" * 5000, "a\0b", "{}\n", "/".join(["y" * 300] * 3)])
def test_a_specification_of_any_length_is_no_name_of_a_file(arguments: dict[str, Any], spec: str) -> None:
    """A file system refuses names of more than 255 bytes with an error of its own."""
    for _ in range(2):
        run({**arguments, "spec": spec})
    assert len(CALLS) == 1
