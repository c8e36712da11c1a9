"""Which folder a cramming job reads its model from. Asked in the job's script, so nothing heavy is imported."""

from collections.abc import Sequence
from pathlib import Path


def folder_for(files: Sequence[str], corpus: str) -> str:
    """The folder that a model is read from; shipped models have one for each corpus that they were trained on."""
    folders = list(dict.fromkeys(path if path.is_dir() else path.parent for path in map(Path, files)))
    return str(folders[0] if len(folders) == 1 else next(path for path in folders if path.parent.name == corpus))
