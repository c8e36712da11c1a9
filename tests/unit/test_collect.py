"""Collecting: every row of every file, in the order given; the first unreadable file is the one that is named."""

import math
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokentrial import results
from tokentrial.collect import collect
from tokentrial.errors import DamagedFile, InputError


def job(place: int) -> pd.DataFrame:
    """A file's rows: as many as its place, so that no two files are alike, with a null step and a null value."""
    rows = {"seed": range(place + 1), "step": pd.array([None, *range(place)], dtype="Int32")}
    rows |= {"value": [math.nan, *(1 / (place + k) for k in range(place))]}
    texts = {"study": "s", "condition": f"s/{place}", "arm": "learned", "split": "test", "metric": "m", "unit": "1"}
    return pd.DataFrame(rows).assign(**texts)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """More files than are read at once, with sizes that let later ones be ready first."""
    paths = [str(tmp_path / "runs" / f"{place}.parquet") for place in (40, 1, 30, 0, 25, 2, 20, 3, 15, 4, 10, 5)]
    for path in paths:
        results.write(path, results.table(job(int(Path(path).stem)), results.RUNS, {"of": "one file"}))
    return paths


def test_every_row_is_there_in_the_order_given(files: list[str], tmp_path: Path) -> None:
    output = str(tmp_path / "runs.parquet")
    collect(files, output, results.RUNS)
    expected = pa.concat_tables([results.table(job(int(Path(path).stem)), results.RUNS) for path in files])
    found = results.read(output, results.RUNS)
    assert found.equals(expected)
    assert found.column("step").null_count == found.column("value").null_count == len(files)
    assert results.metadata(found) == {}


def test_the_same_files_make_the_same_bytes(files: list[str], tmp_path: Path) -> None:
    once, again, other = (tmp_path / f"{name}.parquet" for name in ("once", "again", "other"))
    for output, inputs in ((once, files), (again, files), (other, files[::-1])):
        collect(inputs, str(output), results.RUNS)
    assert once.read_bytes() == again.read_bytes() != other.read_bytes()


def test_the_first_unreadable_file_is_named_and_nothing_is_written(files: list[str], tmp_path: Path) -> None:
    output = tmp_path / "runs.parquet"
    Path(files[5]).write_bytes(b"PAR1")
    Path(files[9]).unlink()
    with pytest.raises(DamagedFile, match=rf"^{files[5]}: "):
        collect(files, str(output), results.RUNS)
    with pytest.raises(InputError, match=rf"^{files[9]}: not found$"):
        collect([*files[:5], *files[6:]], str(output), results.RUNS)
    assert not output.exists()


def test_a_file_of_another_table_is_refused(files: list[str], tmp_path: Path) -> None:
    pq.write_table(pa.table({"seed": pa.array([1], pa.int32())}), files[3])
    with pytest.raises(
        InputError, match=rf"^{files[3]}: columns are \(seed: int32, text: string\), expected \(study: string"
    ):
        collect(files, str(tmp_path / "runs.parquet"), results.RUNS)
