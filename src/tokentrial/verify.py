"""Whether the files of a finished or partial run are still what was written."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from tokentrial import results
from tokentrial.data.corpora import SPLITS, checksum, read_record
from tokentrial.errors import DamagedFile, InputError
from tokentrial.job import REFERENCE, RESULTS, set_aside
from tokentrial.training import checkpoint

# First part of a path below results/ -> what its files hold; the others have their own checksum alone.
SCHEMAS: dict[str, pa.Schema] = {
    **dict.fromkeys(("runs", "runs.parquet"), results.RUNS),
    **dict.fromkeys(("arms", "arms.parquet"), results.ARMS),
    "summary.parquet": results.SUMMARY,
    "statistics.parquet": results.STATISTICS,
}
TEXT, RECORD = RESULTS / "data/corpus/text", RESULTS / "data/corpus/corpus.json"
LANGUAGE_MODELS = RESULTS / "models/language_models"
CRAMMING_MODELS = RESULTS / "models/cramming"


def verify() -> str:
    """Read every file with a checksum below results/ of the working directory: data, rows, tables and trained models.

    Gives a line that says how many are whole. What is damaged is set aside, so that the next run makes again what it
    needs of it, and InputError names every one. Temporary files of processes that were killed are removed.
    """
    whole, damaged = 0, []
    for path, check in found():
        try:
            check(path)
            whole += 1
        except DamagedFile as error:
            aside = set_aside(error.path)
            damaged.append(f"{error.path}: {error.reason}" + ("" if aside is None else f"; set aside as {aside.name}"))
        except InputError as error:
            if path.exists():  # not one that a run in the same folder has just replaced
                damaged.append(str(error))
    left = sum(len(results.sweep(folder)) for folder in folders())
    if damaged:
        told = "; ".join(damaged)
        count = f"{len(damaged)} of {len(damaged) + whole} files are damaged"
        raise InputError(f"{count}, and the next run makes anew what it needs of them: {told}")
    swept = f"; {left} temporary files of killed processes were removed" if left else ""
    return f"{whole} files are whole{swept}"


def found() -> Iterator[tuple[Path, Callable[[Path], object]]]:
    """Every file, or folder of a model, that has a checksum, with the function that reads it."""
    for path in sorted(RESULTS.rglob("*.parquet")):
        if not path.is_relative_to(REFERENCE):
            yield path, _parquet
    for path in sorted(LANGUAGE_MODELS.rglob("*.safetensors")):
        yield path, checkpoint.read
    for path in sorted(CRAMMING_MODELS.glob("*/training.json")):
        yield path, _model
    for split in SPLITS:
        if (path := TEXT / f"{split}.txt").is_file():
            yield path, _text


def folders() -> list[Path]:
    """The folders in which files are written by results.whole_file alone, which says whether one is in work."""
    parts = [RESULTS / part for part in ("data", "runs", "arms", "models", "checkpoints")]
    return [path for path in (RESULTS, *parts, *(path for part in parts for path in part.rglob("*"))) if path.is_dir()]


def _parquet(path: Path) -> None:
    results.read(path, SCHEMAS.get(path.relative_to(RESULTS).parts[0]))


def _model(path: Path) -> None:
    from tokentrial.cramming.folders import check_digests  # takes seconds to load, and most runs have no such model

    check_digests(path.parent)


def _text(path: Path) -> None:
    if checksum(path.read_bytes()) != read_record(RECORD).splits[path.stem]["sha256"]:
        raise DamagedFile(path, f"its SHA-256 is not the one in {RECORD.name}")
