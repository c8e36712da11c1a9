"""Checks that the files of a finished or partial run are still as they were written."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa

from tokentrial import results
from tokentrial.data.corpora import SPLITS, checksum, read_record
from tokentrial.errors import DamagedFile, InputError
from tokentrial.job import REFERENCE, RESULTS, set_aside
from tokentrial.run.columns import CONDITIONS, METHODS
from tokentrial.training import checkpoint

# First part of a path below results/ -> schema of its files; other files have only their own checksum.
SCHEMAS: dict[str, pa.Schema] = {
    **dict.fromkeys(("runs", "runs.parquet"), results.RUNS),
    **dict.fromkeys(("arms", "arms.parquet"), results.ARMS),
    "conditions.parquet": CONDITIONS,
    "methods.parquet": METHODS,
    "summary.parquet": results.SUMMARY,
    "statistics.parquet": results.STATISTICS,
}
TEXT, RECORD = "data/corpus/text", "corpus.json"
LANGUAGE_MODELS = "models/language_models"
CRAMMING_MODELS = "models/cramming"


def verify(top: str | Path = RESULTS) -> str:
    """Reads every file with a checksum below a run's results: data, rows, tables and trained models.

    Returns a line with the number of whole files. Raises InputError that names every damaged file. Damaged files are
    set aside, so that the next run remakes those that it needs. Temporary files of killed processes are removed.
    """
    whole, damaged = 0, []
    for path, check in with_checksums(Path(top)):
        try:
            check(path)
            whole += 1
        except DamagedFile as error:
            aside = set_aside(error.path)
            damaged.append(f"{error.path}: {error.reason}" + ("" if aside is None else f"; set aside as {aside.name}"))
        except InputError as error:
            if path.exists():  # otherwise a run in the same folder has just replaced it
                damaged.append(str(error))
    removed = sum(len(results.sweep(folder)) for folder in folders(Path(top)))
    if damaged:
        count = f"{len(damaged)} of {len(damaged) + whole} files are damaged"
        raise InputError(f"{count}, and the next run remakes those that it needs: {'; '.join(damaged)}")
    swept = f"; {removed} temporary files of killed processes were removed" if removed else ""
    return f"{whole} files are whole{swept}"


def with_checksums(top: Path) -> Iterator[tuple[Path, Callable[[Path], object]]]:
    """Yields every file, or folder of a model, that has a checksum, with the function that reads it."""
    for path in sorted(top.rglob("*.parquet")):
        if not path.is_relative_to(top / REFERENCE.name):
            yield path, partial(_parquet, SCHEMAS.get(path.relative_to(top).parts[0]))
    for path in sorted((top / LANGUAGE_MODELS).rglob("*.safetensors")):
        yield path, checkpoint.read
    for path in sorted((top / CRAMMING_MODELS).glob("*/training.json")):
        yield path, _model
    for split in SPLITS:
        if (path := top / TEXT / f"{split}.txt").is_file():
            yield path, _text


def folders(top: Path) -> list[Path]:
    """Returns the folders whose files are written only by results.whole_file, which marks files in work."""
    parts = [top / part for part in ("data", "runs", "arms", "models", "checkpoints")]
    return [path for path in (top, *parts, *(path for part in parts for path in part.rglob("*"))) if path.is_dir()]


def _parquet(schema: pa.Schema | None, path: Path) -> None:
    results.read(path, schema)


def _model(path: Path) -> None:
    from tokentrial.cramming.folders import check_digests  # takes seconds to load, and most runs have no such model

    check_digests(path.parent)


def _text(path: Path) -> None:
    if checksum(path.read_bytes()) != read_record(path.parents[1] / RECORD).splits[path.stem]["sha256"]:
        raise DamagedFile(path, f"its SHA-256 is not the one in {RECORD}")
