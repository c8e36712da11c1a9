"""``tokentrial run``: Snakemake with the project's Snakefile, from any folder."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tokentrial import checkout, documents
from tokentrial.checkout import LIBRARY, ROOT
from tokentrial.cli import common
from tokentrial.errors import InputError

SCALE = {"--cores", "-c", "--jobs", "-j", "--profile"}
"""Options of Snakemake that say how much runs at once."""

Documents = Annotated[
    Path | None,
    typer.Option("--documents", help="A folder of documents of your own, which stand beside the shipped ones."),
]
DryRun = Annotated[bool, typer.Option("--print", help="Print the command of Snakemake instead of running it.")]


def run(context: typer.Context, own: Documents = None, only_print: DryRun = False) -> None:
    """Run the workflow: all options and targets go to Snakemake.

    Results appear in the folder of the call. A folder that ``tokentrial init`` made, or a checkout, runs its own
    workflow with its own library. Snakemake takes the place of this process, so that Ctrl-C ends it with its jobs;
    finished jobs are kept and a later call goes on with the others.
    """
    root = project(Path.cwd())
    folders = documents.folders(root, own)
    documents.load(*folders)
    snakefile = root / "Snakefile"
    if not snakefile.is_file():
        raise InputError(f"{snakefile}: not found, expected the Snakefile beside the library")
    named = {option.split("=")[0] for option in context.args}
    cores = [] if named & SCALE else ["--cores", "all"]
    shown = common.progress_of_jobs() if "--logger" not in named else []
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), *shown, *cores, *context.args]
    given = [] if own is None else [f"{documents.VARIABLE}={folders[-1].absolute()}"]
    if only_print:
        typer.echo(" ".join([*given, *command]))
        return
    common.need("run", "workflow", "snakemake", "torch")
    checkout.lead_children(root)
    os.execve(command[0], command, {**os.environ, documents.VARIABLE: str(folders[-1].absolute())})


def project(folder: Path) -> Path:
    """Returns the folder if it is a project with a library, else the checkout whose code runs."""
    return folder if (folder / "Snakefile").is_file() and (folder / LIBRARY / "__init__.py").is_file() else ROOT
