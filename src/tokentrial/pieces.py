"""Finished jobs, kept by the digest of all that they are made from: a long run over several sittings and machines.

The environment variable `VARIABLE` names a folder. A job whose key is there takes its results from it instead of
computing them; any other job leaves its results there when it is done. The folder can be copied, and committed. A key
is made from the job's function and specification and from the content of its code and its inputs, so that a piece is
taken only if every digest agrees; what a piece says of its machine, versions and commit stays with it.
"""

import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokentrial.errors import InputError

VARIABLE = "TOKENTRIAL_PIECES"
OUTPUTS = ("runs", "arms", "models", "folder")
"""Arguments of a job that name what it writes: files, or a folder."""
APART = (*OUTPUTS, "checkpoints", "kept")
"""Arguments that do not change a result: where it goes, and folders that only save work."""
RECORD = "piece.json"


def folder() -> Path | None:
    """Returns the folder of pieces, or None if there is none.

    Raises InputError if it is named and cannot be made.
    """
    named = os.environ.get(VARIABLE, "")
    if not named:
        return None
    try:
        Path(named).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{VARIABLE}: found {named}, expected a folder to keep jobs in: {error.strerror}") from None
    return Path(named)


def key(function: str, arguments: Mapping[str, Any]) -> str:
    """Returns the digest of a job: of its function, its arguments, and the content of the files that they name."""
    parts = {name: list(_parts(value)) for name, value in sorted(arguments.items()) if name not in APART}
    text = json.dumps([function, f"{sys.version_info[0]}.{sys.version_info[1]}", parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _parts(value: Any) -> Iterator[str]:
    """A value's parts: the content of a file or of a folder's files instead of their names."""
    if isinstance(value, str) and _is_there(value):
        path = Path(value)
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in files:
            with file.open("rb") as content:
                yield hashlib.file_digest(content, "sha256").hexdigest()
    elif isinstance(value, Mapping):
        for name, each in sorted(value.items()):
            yield name
            yield from _parts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _parts(each)
    else:
        yield repr(value)


def _is_there(text: str) -> bool:
    """Whether a text names a file or a folder. Most texts are specifications, which no file system takes for a name."""
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long, or with a character that no name has
        return False


def take(kept: Path, name: str, arguments: Mapping[str, Any]) -> bool:
    """Puts a piece's files where the job would write them; returns False without the piece."""
    piece = kept / name[:2] / name
    outputs = _outputs(arguments)
    if not (piece / RECORD).is_file() or any(not (piece / each).exists() for each in outputs):
        return False
    for each, path in outputs.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        if (piece / each).is_dir():
            shutil.copytree(piece / each, aside)
            shutil.rmtree(path, ignore_errors=True)
        else:
            shutil.copyfile(piece / each, aside)
        aside.replace(path)
    return True


def keep(kept: Path, name: str, function: str, arguments: Mapping[str, Any]) -> None:
    """Copies a finished job's files to the folder, whole or not at all."""
    piece = kept / name[:2] / name
    if piece.exists():
        return
    aside = kept / f".{name[:16]}.{uuid.uuid4().hex[:8]}"
    aside.mkdir(parents=True)
    for each, path in _outputs(arguments).items():
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, aside / each)
    record = {"function": function, "key": name, "files": list(_outputs(arguments))}
    (aside / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    piece.parent.mkdir(exist_ok=True)
    try:
        aside.replace(piece)
    except OSError:  # another process kept it first
        shutil.rmtree(aside, ignore_errors=True)


def _outputs(arguments: Mapping[str, Any]) -> dict[str, Path]:
    return {name: Path(arguments[name]) for name in OUTPUTS if arguments.get(name)}
