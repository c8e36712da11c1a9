"""``tokentrial run``: Snakemake with the project's Snakefile, from any folder, or a study of one's own in one file."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tokentrial import checkout, documents
from tokentrial.checkout import LIBRARY, ROOT
from tokentrial.cli import common
from tokentrial.errors import InputError

SCALE = {"--cores", "-c", "--jobs", "-j", "--profile"}
"""Options of Snakemake that say how much runs at once."""
STUDY = (".yaml", ".yml")
"""Endings of a study's file. The one file of the workflow that ends so, results/config.yaml, is no study."""

Documents = Annotated[
    Path | None,
    typer.Option("--documents", help="A folder of documents of your own, which stand beside the shipped ones."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="The folder of the run of STUDY.yaml; by default a folder of its name, here."),
]
DryRun = Annotated[bool, typer.Option("--print", help="Print the command of Snakemake instead of running it.")]


def run(context: typer.Context, own: Documents = None, out: Out = None, only_print: DryRun = False) -> None:
    """Run the workflow: all options and targets go to Snakemake. If STUDY.yaml comes first, run this study of yours.

    Results appear in the folder of the call, those of a study in --out. A folder that ``tokentrial init`` made, or a
    checkout, runs its own workflow with its own library. Snakemake takes the place of this process, so that Ctrl-C ends
    it with its jobs; finished jobs are kept and a later call goes on with the others.
    """
    root = project(Path.cwd())
    snakefile = root / "Snakefile"
    if not snakefile.is_file():
        raise InputError(f"{snakefile}: not found, expected the Snakefile beside the library")
    arguments, study = context.args, of_study(context.args)
    options: Sequence[str] = ()
    if study is not None:
        own, options = prepared(study, own, out, root)
        arguments = arguments[1:]
    elif out is not None:
        raise InputError("--out: found no study before it, expected one: tokentrial run study.yaml --out folder")
    folders = documents.folders(root, own)
    documents.load(*folders)
    named = {option.split("=")[0] for option in arguments}
    cores = [] if named & SCALE else ["--cores", "all"]
    shown = common.progress_of_jobs() if "--logger" not in named else []
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), *options, *shown, *cores, *arguments]
    given = [] if own is None else [f"{documents.VARIABLE}={folders[-1].absolute()}"]
    if only_print:
        typer.echo(" ".join([*given, *command]))
        return
    common.need("run", "workflow", "snakemake", "torch")
    checkout.lead_children(root)
    os.execve(command[0], command, {**os.environ, documents.VARIABLE: str(folders[-1].absolute())})


def of_study(arguments: Sequence[str]) -> Path | None:
    """Returns the file of a study, if it is the first argument."""
    first = Path(arguments[0]) if arguments else Path()
    return first if first.suffix in STUDY and first != Path("results/config.yaml") else None


def prepared(study: Path, own: Path | None, out: Path | None, root: Path) -> tuple[Path | None, Sequence[str]]:
    """Returns the folder of a study's claims and the options of Snakemake; its config is written by then."""
    if own is not None:
        raise InputError("--documents: found it beside a study, expected the claims of the study's file alone")
    common.need("run", "workflow", "snakemake", "torch", "tokenizers")
    from tokentrial.own_study import folder

    made = folder.prepare(study, (out or Path(study.stem)).absolute(), root)
    return made.documents, ["--configfile", str(made.config), "--directory", str(made.folder)]


def project(folder: Path) -> Path:
    """Returns the folder if it is a project with a library, else the checkout whose code runs."""
    return folder if (folder / "Snakefile").is_file() and (folder / LIBRARY / "__init__.py").is_file() else ROOT
