"""Result files: whole or not at all, checked on the way in and out, with errors that name the file."""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokentrial import collect, results
from tokentrial.errors import DamagedFile, InputError

ROOT = Path(__file__).parents[2]
Damage = Callable[[bytes], bytes]


def measured(n: int = 60) -> pd.DataFrame:
    """Rows of results.RUNS; every third has a step, every fifth no value."""
    values = np.random.default_rng(0).normal(size=n)
    rows = [
        (
            "study",
            "condition",
            "learned",
            k,
            "test",
            k if k % 3 == 0 else None,
            "accuracy",
            None if k % 5 == 0 else v,
            "1",
        )
        for k, v in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=results.RUNS.names[:-1]).astype({"step": "Int32", "value": "float64"})


def runs_table() -> pa.Table:
    return results.table(measured(), results.RUNS)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "runs.parquet"
    results.write(path, runs_table())
    return path


def test_what_is_written_is_read(written: Path) -> None:
    found = results.read(written, results.RUNS)
    assert found.equals(runs_table())
    assert found.schema.equals(results.RUNS)
    assert written.stat().st_mode & 0o777 == 0o644


def test_a_missing_value_is_null_and_never_zero(written: Path) -> None:
    found = results.read(written, results.RUNS)
    assert found.column("value").null_count == 12
    assert found.column("step").null_count == 40
    assert found.to_pandas()["value"].isna().tolist() == [k % 5 == 0 for k in range(60)]
    diverged = measured(1).assign(value=[float("nan")])
    assert results.table(diverged, results.RUNS).column("value").null_count == 1


@pytest.mark.parametrize("column", [field.name for field in results.RUNS if not field.nullable])
def test_columns_that_may_not_be_empty(column: str) -> None:
    rows = measured()
    rows[column] = rows[column].astype("object")
    rows.loc[3, column] = None
    with pytest.raises(ValueError, match=f"<{column}: .* was non-nullable but pandas column had 1 null values"):
        results.table(rows, results.RUNS)


@pytest.mark.parametrize("schema", [results.RUNS, results.REFERENCE, results.ARMS, results.SUMMARY, results.STATISTICS])
def test_no_column_is_optional(schema: pa.Schema) -> None:
    empty = pd.DataFrame(columns=schema.names)
    assert results.table(empty, schema).num_rows == 0
    for name in [field.name for field in schema if not results.is_later(field)]:
        with pytest.raises(KeyError, match=name):
            results.table(empty.drop(columns=name), schema)
    shuffled = empty[schema.names[::-1]].assign(more=[])
    assert results.table(shuffled, schema).column_names == schema.names  # in the schema's order, and nothing more


def test_metadata_come_back(tmp_path: Path) -> None:
    results.write(tmp_path / "a.parquet", results.table(measured(), results.RUNS, {"spec": '{"a": "ü"}'}))
    found = results.read(tmp_path / "a.parquet", results.RUNS)
    assert results.metadata(found) == {"spec": '{"a": "ü"}'}
    assert results.metadata(runs_table()) == {}


def test_the_same_rows_are_the_same_bytes(written: Path, tmp_path: Path) -> None:
    results.write(tmp_path / "again.parquet", runs_table())
    assert (tmp_path / "again.parquet").read_bytes() == written.read_bytes()


# Whole or not at all


@pytest.mark.parametrize("failure", [RuntimeError("killed"), KeyboardInterrupt(), SystemExit(1), MemoryError()])
def test_a_write_that_fails_leaves_the_old_file(
    failure: BaseException, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written.read_bytes()

    def half(table: pa.Table, file: Any, **options: Any) -> None:
        file.write(b"PAR1 half of a file")
        raise failure

    monkeypatch.setattr(pq, "write_table", half)
    with pytest.raises(type(failure)):
        results.write(written, runs_table().slice(0, 3))
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["runs.parquet"]  # nothing temporary is left


def test_a_new_file_that_fails_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(table: pa.Table, file: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(InputError, match=r"new\.parquet: cannot be written: No space left on device$"):
        results.write(tmp_path / "new.parquet", runs_table())
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_the_old_file(written: Path) -> None:
    before = written.read_bytes()
    script = (
        "import os, signal, sys\n"
        "import pyarrow.parquet as pq\n"
        "from tokentrial import results\n"
        "rows = results.read(sys.argv[1], results.RUNS).slice(0, 3)\n"
        "def half(table, file, **options):\n"
        "    file.write(b'PAR1')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "pq.write_table = half\n"
        "results.write(sys.argv[1], rows)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(written)], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL
    assert written.read_bytes() == before
    assert len(list(written.parent.iterdir())) == 2
    results.write(written, runs_table().slice(0, 3))
    assert results.read(written, results.RUNS).num_rows == 3
    assert list(written.parent.iterdir()) == [written]  # nor is anything left of the killed process


def test_a_process_that_ends_after_reading_does_not_abort() -> None:
    """Arrow's threads may still hold what was read, and Python's memory is not theirs to free by then."""
    code = "import sys; from tokentrial import results; results.read(sys.argv[1])"
    command = (sys.executable, "-c", code, str(ROOT / "results/reference/statistics.parquet"))
    ends = {subprocess.run(command, check=False, capture_output=True).returncode for _ in range(10)}
    assert ends == {0}


def test_what_another_process_is_writing_is_left_alone(written: Path) -> None:
    names = (
        ".runs.parquet.at_w0rk_",
        ".runs.parquet.k1ll3d__",
        ".runs.parquet.old.k1ll3d__",
        ".runs.parquet",
        ".k1ll3d__",
    )
    at_work, killed, other, *unlike = [written.with_name(name) for name in names]
    for path in (at_work, killed, other, *unlike):
        path.write_bytes(b"PAR1")
    with at_work.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        results.write(written, runs_table())
        assert sorted(written.parent.iterdir()) == sorted([written, at_work, other, *unlike])
        assert results.sweep(written.parent) == [other]  # of any target
    assert results.sweep(written.parent) == [at_work]
    assert sorted(written.parent.iterdir()) == sorted([written, *unlike])


def test_readers_see_one_version_or_the_other(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, seen = pq.write_table, []

    def watched(table: pa.Table, file: Any, **options: Any) -> None:
        plain(table, file, **options)
        file.flush()
        seen.append(results.read(written, results.RUNS).num_rows)  # the new rows are on disk under another name

    monkeypatch.setattr(pq, "write_table", watched)
    results.write(written, runs_table().slice(0, 3))
    assert (seen, results.read(written, results.RUNS).num_rows) == ([60], 3)


@pytest.mark.parametrize("place", ["file/runs.parquet", "file/deeper/runs.parquet", "folder"])
def test_a_place_that_cannot_be_written_is_named(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError) as caught:
        results.write(tmp_path / place, runs_table())
    assert str(caught.value).startswith(f"{tmp_path / place}: cannot be written: ")
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a read-only file system that every account has")
def test_a_read_only_file_system_is_named() -> None:
    with pytest.raises(InputError, match=r"^/proc/tokentrial/runs\.parquet: cannot be written: .+$"):
        results.write("/proc/tokentrial/runs.parquet", runs_table())


# Reading


def read_error(path: Path, schema: pa.Schema = results.RUNS) -> str:
    with pytest.raises(InputError) as caught:
        results.read(path, schema)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert read_error(tmp_path / "none.parquet").endswith(": not found")


@pytest.mark.parametrize("left", [0, 1, 4, 100, -1, -4, -8, -100])
def test_truncated_files(left: int, written: Path) -> None:
    written.write_bytes(written.read_bytes()[:left])
    message = read_error(written)
    assert "not a readable Parquet file (" in message
    assert message.endswith("delete it and run again")


@pytest.mark.parametrize(
    "damage", [lambda raw: b"", lambda raw: b"study,condition\n1,2\n" * 50, lambda raw: raw[:-4] + b"PAR2"]
)
def test_other_files(damage: Damage, written: Path) -> None:
    written.write_bytes(damage(written.read_bytes()))
    assert "not a readable Parquet file (" in read_error(written)


def test_any_wrong_bit_is_found(written: Path) -> None:
    """Anywhere: in a page, a header, the footer, the digest itself or its name."""
    raw, bits = written.read_bytes(), np.random.default_rng(1).integers(0, 8, size=10**5)
    for position in range(len(raw)):
        flipped = raw[position] ^ (1 << int(bits[position]))
        written.write_bytes(raw[:position] + bytes([flipped]) + raw[position + 1 :])
        with pytest.raises(DamagedFile) as caught:
            results.read(written, results.RUNS)
        assert caught.value.path == written
        assert str(caught.value).startswith(f"{written}: ")
        assert str(caught.value).endswith("delete it and run again")


def test_the_digest_is_that_of_the_file_with_zeros_in_its_place(written: Path) -> None:
    raw = written.read_bytes()
    digest = pq.read_metadata(written).metadata[b"tokentrial.sha256"]
    assert raw.count(digest) == 1
    assert hashlib.sha256(raw.replace(digest, b"0" * 64)).hexdigest().encode() == digest


def test_a_table_that_was_read_is_written_again(written: Path, tmp_path: Path) -> None:
    """The digest of one file is not taken for that of the next, whoever read it."""
    for again in (results.read(written, results.RUNS), pq.read_table(written).slice(3)):
        results.write(tmp_path / "again.parquet", again)
        found = results.read(tmp_path / "again.parquet", results.RUNS)
        assert found.equals(again.replace_schema_metadata(None)) and results.metadata(found) == {}


def test_a_file_of_an_earlier_version_has_checksums_of_its_pages(tmp_path: Path) -> None:
    path = tmp_path / "earlier.parquet"
    pq.write_table(runs_table(), path, compression="zstd", write_page_checksum=True)
    assert results.read(path, results.RUNS).equals(runs_table())
    raw = path.read_bytes()
    path.write_bytes(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:])
    with pytest.raises(DamagedFile, match="not a readable Parquet file"):
        results.read(path, results.RUNS)


def test_without_a_schema_the_content_alone_is_checked(written: Path) -> None:
    assert results.read(written).equals(runs_table())
    raw = written.read_bytes()
    written.write_bytes(raw[:200] + bytes([raw[200] ^ 1]) + raw[201:])
    with pytest.raises(DamagedFile):
        results.read(written)


def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read: Is a directory$") as caught:
        results.read(tmp_path, results.RUNS)
    assert not isinstance(caught.value, DamagedFile)


@pytest.mark.parametrize(
    "other",
    [
        results.RUNS.set(8, pa.field("units", pa.string(), nullable=False)),
        results.RUNS.set(3, pa.field("seed", pa.int64(), nullable=False)),
        results.RUNS.set(7, pa.field("value", pa.float64(), nullable=False)),
        results.RUNS.remove(8),
        pa.schema([*results.RUNS, pa.field("more", pa.string())]),
    ],
)
def test_another_schema_is_refused(other: pa.Schema, tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    results.write(path, other.empty_table())
    message = read_error(path)
    assert (
        f"columns are ({', '.join(f'{field.name}: {field.type}' for field in other)}), expected (study: str" in message
    )


# Many files into one


def test_collecting_keeps_every_row_in_order(tmp_path: Path) -> None:
    parts = [runs_table().slice(0, 20), runs_table().slice(20)]
    paths = [str(tmp_path / name) for name in ("b.parquet", "a.parquet")]
    for path, part in zip(paths, parts, strict=True):
        results.write(path, part.replace_schema_metadata({"job": path}))
    collect.collect(paths, str(tmp_path / "all.parquet"), results.RUNS)
    found = results.read(tmp_path / "all.parquet", results.RUNS)
    assert found.equals(runs_table())
    assert results.metadata(found) == {}


def test_collecting_the_rows_of_some_studies(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "results/reference/arms.parquet"
    collect.collect([str(shipped)], str(tmp_path / "arms.parquet"), results.ARMS, ["bespoke", "cramming"])
    every, some = (results.read(path, results.ARMS).to_pandas() for path in (shipped, tmp_path / "arms.parquet"))
    expected = every[every["study"].isin(["bespoke", "cramming"])].reset_index(drop=True)
    assert 0 < len(expected) < len(every)
    pd.testing.assert_frame_equal(some, expected, check_dtype=False)  # a column without gaps is whole numbers


def test_collecting_names_the_damaged_file(written: Path) -> None:
    bad = written.with_name("bad.parquet")
    bad.write_bytes(written.read_bytes()[:100])
    with pytest.raises(InputError, match=r"bad\.parquet: not a readable Parquet file"):
        collect.collect([str(written), str(bad)], str(written.with_name("all.parquet")), results.RUNS)
    assert not os.path.lexists(written.with_name("all.parquet"))


def test_a_column_of_a_later_version_is_read_as_null(tmp_path: Path) -> None:
    old = pa.schema([pa.field("id", pa.string(), nullable=False)])
    new = pa.schema([*old, pa.field("basis", pa.string(), metadata=results.LATER)])
    results.write(tmp_path / "rows.parquet", results.table(pd.DataFrame({"id": ["a"]}), old))
    assert results.read(tmp_path / "rows.parquet", new).to_pylist() == [{"id": "a", "basis": None}]
    with pytest.raises(InputError, match="columns are"):
        results.read(tmp_path / "rows.parquet", pa.schema([*old, pa.field("basis", pa.string())]))
