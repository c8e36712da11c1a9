"""``tokentrial run``: Snakemake with the project's Snakefile, from any folder."""

import os
import sys
from typing import Annotated

import typer

from tokentrial import checkout
from tokentrial.checkout import ROOT
from tokentrial.errors import InputError

SNAKEFILE = ROOT / "Snakefile"

SCALE = {"--cores", "-c", "--jobs", "-j", "--profile"}
"""Options of Snakemake that say how much runs at once."""

DryRun = Annotated[bool, typer.Option("--print", help="Print the command of Snakemake instead of running it.")]


def run(context: typer.Context, only_print: DryRun = False) -> None:
    """Run the workflow: all options and targets go to Snakemake.

    Results appear in the folder of the call. Snakemake takes the place of this process, so that Ctrl-C ends it with its
    jobs; finished jobs are kept and a later call goes on with the others.
    """
    if not SNAKEFILE.is_file():
        raise InputError(f"{SNAKEFILE}: not found, expected the Snakefile beside the library")
    named = {option.split("=")[0] for option in context.args}
    cores = [] if named & SCALE else ["--cores", "all"]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), *cores, *context.args]
    if only_print:
        typer.echo(" ".join(command))
        return
    checkout.lead_children()
    os.execv(command[0], command)
