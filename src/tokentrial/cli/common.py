"""What the subcommands share: formats of the output, run folders, and how an answer is printed or written."""

import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tokentrial import results
from tokentrial.checkout import ROOT
from tokentrial.errors import InputError

BAD_INPUT = 2
"""Exit code for input that cannot be used, as for a wrong option."""
DIFFERENT = 1
"""Exit code for an answer that is a failure: the help of each command says of which kind."""
STOPPED = 130
"""Exit code after Ctrl-C, as of a shell."""
WIDTH = 110
"""Columns of the output if it is no terminal and the variable COLUMNS is not set."""
STYLES = {"INCONSISTENT": "red", "REFUTED": "red", "ARTEFACT": "red", "PARTLY": "yellow", "TOO SMALL": "yellow"}

Item = TypeVar("Item")
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file, whole or not at all, instead of printing.")
]
Run = Annotated[Path | None, typer.Option("--run", help="The folder of a finished run; by default the shipped run.")]


def shipped() -> Path:
    """Returns the folder of the shipped run. Raises InputError if it is not beside the code."""
    return run_folder(ROOT / "results/reference")


def run_folder(folder: Path | None) -> Path:
    """Returns the folder of a run, by default of the shipped one. Raises InputError for a folder without a run."""
    if folder is None:
        return shipped()
    if not (folder / "verdicts.parquet").is_file():
        raise InputError(f"{folder}: found no verdicts.parquet, expected the folder of a finished run, such as results")
    return folder


def need(command: str, extra: str, *modules: str) -> None:
    """Raises InputError if a module is missing that a command needs, with the extra of the package that has it."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            install = f"pip install 'tokentrial[{extra}]'"
            raise InputError(f"{command}: needs the module '{module}', which is not installed: {install}")


def console() -> Console:
    """Returns the console of the answer, on stdout."""
    terminal = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if terminal else WIDTH, highlight=False, markup=False)


def emit(text: str, output: Path | None = None) -> None:
    """Prints a text, or writes it to a file. Raises InputError if the file cannot be written."""
    if output is None:
        sys.stdout.write(text)
        return
    with results.whole_file(output) as file:
        file.write(text.encode())
    told(f"wrote {output}")


def told(line: str) -> None:
    """Prints a line about the work to stderr, so that stdout has the answer alone."""
    print(line, file=sys.stderr)


def emit_json(value: Any, output: Path | None = None) -> None:
    """Prints or writes a value as JSON."""
    emit(json.dumps(value, ensure_ascii=False, indent=1) + "\n", output)


def watched(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Returns the items for a loop that takes long, with a bar of progress if stderr is a terminal."""
    if not sys.stderr.isatty():
        return items
    from rich.progress import track

    return track(items, what, console=Console(stderr=True), transient=True)


def working(what: str) -> AbstractContextManager[Any]:
    """Shows that work of unknown length is going on, if stderr is a terminal."""
    return Console(stderr=True).status(what) if sys.stderr.isatty() else nullcontext()


def progress_of_jobs() -> list[str]:
    """Returns Snakemake's options for a display of progress, if stderr is a terminal and the plugin is here."""
    here = sys.stderr.isatty() and importlib.util.find_spec("snakemake_logger_plugin_rich")
    return ["--logger", "rich"] if here else []


def table(*columns: str, title: str | None = None) -> Table:
    """Returns an empty table for the terminal; long texts wrap."""
    empty = Table(title=title, title_justify="left", show_edge=False, pad_edge=False, header_style="bold")
    for name in columns:
        empty.add_column(name, overflow="fold", no_wrap=name in ("verdict", "claim"))
    return empty


def verdict(word: str, mark: str = "") -> Text:
    """Returns the word of a verdict, with its sign, in its colour."""
    return Text(f"{mark} {word}".strip(), style=STYLES.get(word, ""))
