"""Result tables as Parquet: the schemas, declared once, and functions that read and write tables with checks.

Every file appears whole or not at all: it is written under a temporary name in the same folder, flushed, then renamed.
Every Parquet file holds the SHA-256 of all its bytes, so that every change, on a disk or in transfer, is detected.
"""

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tokentrial.errors import DamagedFile, InputError

DIGEST = b"tokentrial.sha256"  # key of the footer's metadata
UNKNOWN = b"0" * 64  # its value while the digest is computed
# Key and value in the footer's encoding (Thrift's compact protocol): the next field's type, the value's length.
SEALED = re.compile(re.escape(DIGEST) + rb"\x18\x40([0-9a-f]{64})")
TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}")  # tempfile's names, with the target's name in them

LATER = {b"tokentrial.later": b"yes"}
"""Metadata of a nullable column that files of an earlier version lack; it is read as null."""


def is_later(field: pa.Field) -> bool:
    """Whether files of an earlier version may lack a column."""
    return LATER.items() <= (field.metadata or {}).items()


class Measurement(NamedTuple):
    """One measured value of one arm and seed; ``step`` None means the reported (final) value."""

    arm: str
    seed: int
    split: str
    step: int | None
    metric: str
    value: float | None
    unit: str


def _field(
    name: str, kind: pa.DataType, nullable: bool = False, metadata: Mapping[bytes, bytes] | None = None
) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


RUNS = pa.schema(
    [
        _field("study", pa.string()),
        _field("condition", pa.string()),
        _field("arm", pa.string()),
        _field("seed", pa.int32()),
        _field("split", pa.string()),
        _field("step", pa.int32(), nullable=True),
        _field("metric", pa.string()),
        _field("value", pa.float64(), nullable=True),
        _field("unit", pa.string()),
        # Digest of the crammed text (cramming.texts), by which texts of several models are paired; null elsewhere.
        pa.field("text", pa.string(), metadata=LATER),
    ]
)

DATA = pa.schema([_field("seed", pa.int32()), _field("split", pa.string()), _field("tokens", pa.list_(pa.int32()))])

# Floors and ceilings of a data set: scores that no model can beat, and scores without knowledge of the input.
REFERENCE = pa.schema(
    [
        _field("dataset", pa.string()),
        _field("seed", pa.int32()),
        _field("split", pa.string()),
        _field("quantity", pa.string()),
        _field("value", pa.float64()),
        _field("unit", pa.string()),
    ]
)

# One row per (condition, arm): its costs, and the numbers that it has to store.
ARMS = pa.schema(
    [
        _field("study", pa.string()),
        _field("condition", pa.string()),
        _field("arm", pa.string()),
        _field("corpus", pa.string(), nullable=True),  # title of the text, if there is one
        _field("seeds", pa.int32()),
        _field("parameters_embedding", pa.int64(), nullable=True),
        _field("parameters_encoder", pa.int64(), nullable=True),
        _field("parameters_decoder", pa.int64(), nullable=True),
        _field("parameters_body", pa.int64(), nullable=True),
        _field("parameters_head", pa.int64(), nullable=True),
        _field("params_trained", pa.int64(), nullable=True),
        _field("bits_deployed", pa.int64(), nullable=True),
        _field("steps", pa.int64(), nullable=True),
        _field("tokens_per_second", pa.float64(), nullable=True),
        _field("wall_seconds", pa.float64()),
        _field("peak_memory_mib", pa.float64()),
        _field("device", pa.string()),
        _field("versions", pa.string()),
        _field("git_commit", pa.string()),
        _field("config_hash", pa.string()),
        _field("trained_as", pa.string(), nullable=True),  # <condition>/<arm> of the training, if that is another arm
        # the arm of the condition whose training on text made the table or the model that this arm starts from, and the
        # optimiser steps of that training; 0 without one
        _field("starts_from", pa.string(), nullable=True, metadata=LATER),
        _field("steps_before", pa.int64(), nullable=True, metadata=LATER),
        # tokens of text that one seed trained on at one learning rate, over all stages, each as often as it was read
        _field("tokens_seen", pa.int64(), nullable=True, metadata=LATER),
        # where the learning rate is from: study (its file, or an overlay) or search (studies/rates.json)
        _field("rate_source", pa.string(), nullable=True, metadata=LATER),
        # CPU time of one encoding of a pretrained model's table, its training included, and of decoding all rows once
        _field("encode_seconds", pa.float64(), nullable=True, metadata=LATER),
        _field("decode_seconds", pa.float64(), nullable=True, metadata=LATER),
    ]
)
TIMED = ("wall_seconds", "tokens_per_second", "encode_seconds", "decode_seconds", "peak_memory_mib")
"""Columns of `ARMS` that differ from run to run."""

# One row per (condition, arm, metric) on test data: level, interval, bounds, and a flag from comparing them.
SUMMARY = pa.schema(
    [
        _field("study", pa.string()),
        _field("condition", pa.string()),
        _field("arm", pa.string()),
        _field("metric", pa.string()),
        _field("unit", pa.string()),
        _field("n", pa.int32()),
        _field("mean", pa.float64()),
        _field("sd", pa.float64(), nullable=True),
        _field("low", pa.float64(), nullable=True),
        _field("high", pa.float64(), nullable=True),
        _field("floor", pa.float64(), nullable=True),
        _field("unigram", pa.float64(), nullable=True),
        _field("chance", pa.float64(), nullable=True),
        _field("flag", pa.string()),
    ]
)

# One row per comparison of two arms over the same seeds (see statistics.comparison for the columns' meaning).
STATISTICS = pa.schema(
    [
        _field("comparison", pa.string()),
        _field("study", pa.string()),
        _field("condition", pa.string()),
        _field("metric", pa.string()),
        _field("arm_a", pa.string()),
        _field("arm_b", pa.string()),
        _field("n", pa.int32()),
        *[
            _field(name, pa.float64(), nullable=True)
            for name in (
                *("mean_a", "sd_a", "mean_b", "sd_b", "difference", "sd_difference", "t_low", "t_high"),
                *("bca_low", "bca_high", "hedges_g", "g_low", "g_high", "p_t", "p_signflip", "p_holm", "p_tost"),
                *("equivalent_low", "equivalent_high", "margin", "p_noninferior"),
                *("superiority", "superiority_low", "superiority_high", "minimal_detectable"),
            )
        ],
        _field("equivalent", pa.bool_()),
        _field("noninferior", pa.bool_()),
    ]
)


def table(rows: pd.DataFrame, schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> pa.Table:
    """Returns rows as an Arrow table of exactly this schema (columns in its order), with string metadata attached.

    A column of `LATER` that the rows lack is null. Raises KeyError for another missing column, ValueError for a missing
    value in a column that allows none.
    """
    later = [field.name for field in schema if is_later(field) and field.name not in rows]
    rows = rows.assign(**dict.fromkeys(later))
    arrow = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    return arrow.replace_schema_metadata(dict(metadata or {}))


@contextmanager
def whole_file(path: str | Path) -> Iterator[IO[bytes]]:
    """Opens a file to write and read, which appears under its name whole or not at all.

    Temporary files that killed processes left beside it are removed. Raises InputError if the folder cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            _held(handle)
            yield file
            file.flush()
            os.fsync(handle)
            temporary.chmod(0o644)
            temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"{target}: cannot be written: {error.strerror or error}") from None
        raise
    _sync(target.parent)
    with suppress(OSError):  # the file is written, whatever other files are beside it
        sweep(target.parent, target.name)


def sweep(folder: Path, name: str | None = None) -> list[Path]:
    """Removes temporary files that no process holds any more, of one target or of all, and returns their paths."""
    removed = []
    for path in list(folder.iterdir()):
        match = TEMPORARY.fullmatch(path.name)
        if match is None or name not in (None, match[1]):
            continue
        with suppress(OSError), path.open("r+b") as file:
            if _held(file.fileno()):
                path.unlink()
                removed.append(path)
    return removed


def _held(handle: int) -> bool:
    """Marks an open file as in use until it is closed or its process ends; False if another process holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or a file system without locks, on which nothing is removed
        return False
    return True


def _sync(folder: Path) -> None:
    """Makes a rename survive a power cut, if the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write(path: str | Path, rows: pa.Table) -> None:
    """Writes a Parquet file whole or not at all, with its SHA-256 in its footer.

    Raises InputError if the folder cannot be written.
    """
    marked = rows.replace_schema_metadata({**(rows.schema.metadata or {}), DIGEST: UNKNOWN})
    with whole_file(path) as file:
        pq.write_table(marked, file, compression="zstd", write_page_checksum=True)
        _seal(file)


def read(path: str | Path, schema: pa.Schema | None = None) -> pa.Table:
    """Reads a Parquet file and checks its digest and, if ``schema`` is set, its schema.

    A file of an earlier version without a digest has only checksums of its pages. Raises InputError if the file does
    not exist or cannot be opened, and DamagedFile if it is not as it was written.
    """
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: not found") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    at = _digest_position(raw)
    if at is not None and raw[at : at + len(UNKNOWN)] != _digest(raw, at):
        raise DamagedFile(path, "not a readable Parquet file (its checksum does not fit its content)")
    rows = _parsed(path, raw)
    file_metadata = dict(rows.schema.metadata or {})
    if file_metadata.pop(DIGEST, None) is not None and at is None:
        raise DamagedFile(path, "not a readable Parquet file (its checksum is not readable)")
    for field in schema or ():
        if field.name not in rows.schema.names and is_later(field):
            rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    if schema is not None and not rows.schema.equals(schema, check_metadata=False):
        names, expected = (", ".join(f"{field.name}: {field.type}" for field in some) for some in (rows.schema, schema))
        raise DamagedFile(path, f"columns are ({names}), expected ({expected})")
    if schema is not None:  # with its notes on columns, which a file of an earlier version lacks
        rows = pa.Table.from_arrays(rows.columns, schema=schema)
    return rows.replace_schema_metadata(file_metadata)


def _parsed(path: str | Path, raw: bytes) -> pa.Table:
    # In Arrow's own memory: Arrow's threads may release it after the interpreter has ended, which would abort the
    # process if it were Python's memory (apache/arrow, issue 49942).
    copy = pa.BufferOutputStream()
    copy.write(raw)
    try:
        rows = pq.read_table(pa.BufferReader(copy.getvalue()), page_checksum_verification=True)
        str(rows.schema)  # raises an error for a name that is no text
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise DamagedFile(path, f"not a readable Parquet file ({reason})") from None
    return rows


def _seal(file: IO[bytes]) -> None:
    """Replaces the zeros in the footer of a written file by the file's SHA-256."""
    file.flush()
    file.seek(0)
    raw = file.read()
    at = _digest_position(raw)
    assert at is not None, "the footer has no place for the digest"
    file.seek(at)
    file.write(_digest(raw, at))


def _digest_position(raw: bytes) -> int | None:
    """Returns the digest's position in a Parquet file's bytes: in the footer, whose length is in the last 8 bytes."""
    footer = int.from_bytes(raw[-8:-4], "little") + 8
    match = SEALED.search(raw, max(0, len(raw) - footer))
    return match.start(1) if match else None


def _digest(raw: bytes, at: int) -> bytes:
    """Returns the SHA-256, as hexadecimal digits, of a file's bytes with zeros in place of the digest at ``at``."""
    view = memoryview(raw)
    total = hashlib.sha256(view[:at])
    total.update(UNKNOWN)
    total.update(view[at + len(UNKNOWN) :])
    return total.hexdigest().encode()


def metadata(rows: pa.Table) -> dict[str, Any]:
    """Returns the string metadata of a table written with :func:`write`."""
    raw = rows.schema.metadata or {}
    return {key.decode(): value.decode() for key, value in raw.items()}
