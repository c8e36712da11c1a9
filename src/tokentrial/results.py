"""Result tables as Parquet: the schemas, declared once, and reading and writing that checks them.

Every file appears whole or not at all: it is written to a temporary name in the same folder, flushed, then renamed.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tokentrial.errors import InputError


class Measurement(NamedTuple):
    """One measured value of one arm and seed; ``step`` None means the reported (final) value."""

    arm: str
    seed: int
    split: str
    step: int | None
    metric: str
    value: float | None
    unit: str


def _field(name: str, kind: pa.DataType, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable)


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
    ]
)

DATA = pa.schema([_field("seed", pa.int32()), _field("split", pa.string()), _field("tokens", pa.list_(pa.int32()))])

# Floors and ceilings of a data set: what no model can beat, and what knowing nothing gives.
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

# One row per (condition, arm): what it cost and what it has to store.
ARMS = pa.schema(
    [
        _field("study", pa.string()),
        _field("condition", pa.string()),
        _field("arm", pa.string()),
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
    ]
)

# One row per (condition, arm, metric) on test data: level, interval, what bounds it, and what that says.
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
    """Rows as an Arrow table of exactly this schema (columns in its order), with string metadata attached.

    Raises KeyError for a missing column, ValueError for a missing value where the schema allows none.
    """
    made = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    return made.replace_schema_metadata(dict(metadata or {}))


@contextmanager
def whole_file(path: str | Path) -> Iterator[IO[bytes]]:
    """A file to write that appears under its name whole or not at all.

    Raises InputError where the folder cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"{target}: cannot be written: {error.strerror}") from None
        raise


def write(path: str | Path, rows: pa.Table) -> None:
    """Write a Parquet file whole or not at all; raises InputError where the folder cannot be written."""
    with whole_file(path) as file:
        pq.write_table(rows, file, compression="zstd", write_page_checksum=True)


def read(path: str | Path, schema: pa.Schema) -> pa.Table:
    """Read a Parquet file and check it against its schema; raises InputError that names the file."""
    try:
        found = pq.read_table(path, page_checksum_verification=True)
        names = ", ".join(f"{field.name}: {field.type}" for field in found.schema)
    except FileNotFoundError:
        raise InputError(f"{path}: not found") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not a readable Parquet file ({reason}); delete it and run again") from None
    if not found.schema.equals(schema, check_metadata=False):
        expected = ", ".join(f"{field.name}: {field.type}" for field in schema)
        raise InputError(f"{path}: columns are ({names}), expected ({expected}); delete it and run again")
    return found


def metadata(rows: pa.Table) -> dict[str, Any]:
    """The string metadata of a table written with :func:`write`."""
    raw = rows.schema.metadata or {}
    return {key.decode(): value.decode() for key, value in raw.items()}
