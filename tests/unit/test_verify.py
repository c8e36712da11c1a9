"""Which files of a run are still what was written; what is not is set aside."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from corpus_record import recorded

from tokentrial import results
from tokentrial.cramming import folders
from tokentrial.data import download
from tokentrial.errors import InputError
from tokentrial.training import checkpoint
from tokentrial.training.checkpoint import Saved
from tokentrial.verify import verify


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of a run that got as far as one job, one data set and two models."""
    monkeypatch.chdir(tmp_path)
    empty = results.table(pd.DataFrame(columns=results.RUNS.names), results.RUNS)
    for name in ("runs/a/b.parquet", "runs.parquet", "data/c.parquet", "reference/runs.parquet"):
        results.write(f"results/{name}", empty)
    checkpoint.write("results/models/language_models/d/full.safetensors", Saved({"x": torch.ones(3)}), "whose")
    model = Path("results/models/cramming/e")
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"weights")
    digest = download.checksum(b"weights")
    (model / "training.json").write_text(json.dumps({"sha256": {"model.safetensors": digest}}))
    return tmp_path / "results"


def damaged(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def test_whole_files_are_counted(run: Path) -> None:
    assert verify() == "5 files are whole"


def test_nothing_is_whole_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert verify() == "0 files are whole"


@pytest.mark.parametrize(
    "name",
    [
        *("runs/a/b.parquet", "runs.parquet", "data/c.parquet"),
        *("models/language_models/d/full.safetensors", "models/cramming/e/model.safetensors"),
    ],
)
def test_each_kind_of_file_is_checked_and_set_aside(run: Path, name: str) -> None:
    damaged(run / name)
    with pytest.raises(InputError, match=f"1 of 5 files are damaged, .*: results/{name}: .*set aside as") as caught:
        verify()
    assert "\n" not in str(caught.value)
    assert not (run / name).exists() and (run / f"{name}.damaged").exists()
    whole = 5 if name.endswith("model.safetensors") else 4  # a model counts as one, whatever of it is there
    assert verify() == f"{whole} files are whole"


def test_all_damaged_files_are_named_at_once(run: Path) -> None:
    names = ("runs/a/b.parquet", "runs.parquet", "data/c.parquet")
    for name in names:
        damaged(run / name)
    with pytest.raises(InputError, match="3 of 5 files are damaged") as caught:
        verify()
    assert all(f"results/{name}: " in str(caught.value) for name in names)


def test_rows_of_another_version_are_found(run: Path) -> None:
    other = results.table(pd.DataFrame(columns=results.REFERENCE.names), results.REFERENCE)
    results.write(run / "runs/a/b.parquet", other)
    with pytest.raises(InputError, match=r"results/runs/a/b\.parquet: columns are .*set aside as b\.parquet\.damaged"):
        verify()


def test_the_shipped_results_are_not_this_runs(run: Path) -> None:
    damaged(run / "reference/runs.parquet")
    assert verify() == "5 files are whole"


def test_the_text_is_checked_against_what_is_known_of_it(run: Path) -> None:
    path = run / "data/corpus/text/test.txt"
    path.parent.mkdir(parents=True)
    path.write_text(" a text \n")
    recorded({"test": path})
    Path(path.with_name("corpus.json")).replace(run / "data/corpus/corpus.json")
    assert verify() == "6 files are whole"
    path.write_text(" another \n")
    with pytest.raises(
        InputError, match=r"1 of 6 files .*text/test\.txt: its SHA-256 .*set aside as test\.txt\.damaged"
    ):
        verify()


def test_what_killed_processes_left_is_removed(run: Path) -> None:
    left = [run / "runs/a/.b.parquet.k1ll3d__", run / ".runs.parquet.k1ll3d__"]
    for path in left:
        path.touch()
    assert verify() == "5 files are whole; 2 temporary files of killed processes were removed"
    assert not any(path.exists() for path in left)


def test_a_models_folder_without_a_list_of_files(run: Path) -> None:
    (run / "models/cramming/e/training.json").write_text("{")
    with pytest.raises(InputError, match=r"training\.json: holds no SHA-256"):
        folders.check_digests(run / "models/cramming/e")
