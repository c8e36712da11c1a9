"""``tokentrial run``: Snakemake with the project's Snakefile, from any folder."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tokentrial import checkout, documents
from tokentrial.checkout import ROOT
from tokentrial.cli import common
from tokentrial.errors import InputError

SNAKEFILE = ROOT / "Snakefile"

SCALE = {"--cores", "-c", "--jobs", "-j", "--profile"}
"""Options of Snakemake that say how much runs at once."""

Documents = Annotated[
    Path | None,
    typer.Option("--documents", help="A folder of documents of your own, which stand beside the shipped ones."),
]
DryRun = Annotated[bool, typer.Option("--print", help="Print the command of Snakemake instead of running it.")]


def run(context: typer.Context, own: Documents = None, only_print: DryRun = False) -> None:
    """Run the workflow: all options and targets go to Snakemake.

    Results appear in the folder of the call. Snakemake takes the place of this process, so that Ctrl-C ends it with its
    jobs; finished jobs are kept and a later call goes on with the others.
    """
    folders = documents.folders(own=own)
    documents.load(*folders)
    if not SNAKEFILE.is_file():
        raise InputError(f"{SNAKEFILE}: not found, expected the Snakefile beside the library")
    named = {option.split("=")[0] for option in context.args}
    cores = [] if named & SCALE else ["--cores", "all"]
    shown = common.progress_of_jobs() if "--logger" not in named else []
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), *shown, *cores, *context.args]
    given = [] if own is None else [f"{documents.VARIABLE}={folders[-1].absolute()}"]
    if only_print:
        typer.echo(" ".join([*given, *command]))
        return
    checkout.lead_children()
    os.execve(command[0], command, {**os.environ, documents.VARIABLE: str(folders[-1].absolute())})
