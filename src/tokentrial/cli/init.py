"""``tokentrial init``: a project of one's own, laid out like a checkout, from the installed one."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from tokentrial import checkout
from tokentrial.checkout import ROOT
from tokentrial.cli import common
from tokentrial.errors import InputError

PARTS = (*checkout.READ, "docs", "examples", "profiles", "results/reference")
FILES = ("CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.egg-info", "*.sif")
NEXT = """made {folder}, a project of your own: src/tokentrial/encoders, studies, documents and config are yours to edit
  cd {folder}
  tokentrial run --cores 2 -n study_bespoke   # what would run
  tokentrial run --cores 2 study_bespoke
"""

Folder = Annotated[Path, typer.Argument(help="The folder to make.")]


def init(folder: Folder) -> None:
    """Make a project of your own: workflow, studies, documents, library and the shipped rows in one folder.

    ``tokentrial run`` in this folder runs its workflow with its library. The folder appears whole or not at all.
    """
    common.check_new(folder)
    if folder.resolve().is_relative_to(ROOT):
        raise InputError(f"{folder}: it is inside {ROOT}, from which it would be copied; expected another place")
    with common.stoppable("nothing was made"), common.whole_folder(folder) as beside:
        _copy(beside)
    typer.echo(NEXT.format(folder=folder), nl=False)


def _copy(target: Path) -> None:
    for part in PARTS:
        source = ROOT / part
        if not source.exists():
            raise InputError(f"{source}: not found, expected the project beside the library")
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=LEFT_OUT)
        else:
            shutil.copy2(source, target / part)
    for file in FILES:
        if (ROOT / file).is_file():
            shutil.copy2(ROOT / file, target / file)
