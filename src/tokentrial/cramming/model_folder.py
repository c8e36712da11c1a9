"""The folder from which a cramming job reads its model. The job's script imports this module, so it must be light."""

from collections.abc import Sequence
from pathlib import Path


def folder_for(files: Sequence[str], corpus: str) -> str:
    """Returns the folder of a model's files; a shipped model has a folder for each corpus on which it was trained."""
    folders = list(dict.fromkeys(path if path.is_dir() else path.parent for path in map(Path, files)))
    return str(folders[0] if len(folders) == 1 else next(path for path in folders if path.parent.name == corpus))
