"""WikiText-2's text as it is, for models that bring a tokenizer of their own."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tokentrial.data.download import fetch


def deliver(folder: str | Path | None, cache: str | Path, out: Mapping[str, str | Path]) -> None:
    """Copy the checked text files to ``out`` (split -> path); folder and cache: see data.download.fetch."""
    paths = fetch(folder, cache)
    for split, path in out.items():
        shutil.copyfile(paths[split], path)
