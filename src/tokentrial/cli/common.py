"""What the subcommands share: formats of the output, run folders, and how an answer is printed or written."""

import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
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


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yields a folder beside ``folder``, which takes its name at the end, whole or not at all.

    Raises InputError if ``folder`` is a file, has files in it, or cannot be made.
    """
    check_new(folder)
    target = folder.resolve()
    try:
        beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from None
    try:
        yield beside
        beside.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        beside.rename(target)
    except (OSError, shutil.Error) as error:
        raise InputError(f"{folder}: cannot be made: {error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def check_new(folder: Path) -> None:
    """Raises InputError for a folder that has files in it, and for a file."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: found {'files in it' if folder.is_dir() else 'a file'}, expected a new folder")


def writable(page: Path) -> None:
    """Raises InputError for a file that cannot be written, before minutes are spent."""
    folder = page.parent
    if not folder.is_dir():
        raise InputError(f"{page}: cannot be written: {folder} is no folder")
    if page.is_dir() or not os.access(folder, os.W_OK):
        reason = "it is a folder" if page.is_dir() else "Permission denied"
        raise InputError(f"{page}: cannot be written: {reason}")


def whole_numbers(option: str, text: str, least: int = 1) -> list[int]:
    """Returns the numbers of a list such as 2,8, each once. Raises InputError for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 10 and int(part) >= least for part in parts):
        at_least = f" of at least {least}" if least > 1 else ""
        raise InputError(f"{option}: found '{text[:80]}', expected whole numbers{at_least} such as 2,8")
    return list(dict.fromkeys(map(int, parts)))


@contextmanager
def stoppable(nothing: str = "nothing was written") -> Iterator[None]:
    """Ends a command on Ctrl-C in one line with the exit code of a shell."""
    try:
        yield
    except KeyboardInterrupt:
        told(f"stopped: {nothing}")
        raise typer.Exit(STOPPED) from None


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
