"""``tokentrial compare``: the rows, decisions and verdicts of two finished runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from tokentrial.cli import common
from tokentrial.cli.common import Json, Output
from tokentrial.errors import InputError

CODES = (
    "Exit codes: 0 compared, 1 if a verdict differs although config, margins and the claim's entry are the same, "
    "2 input that cannot be used."
)

RunA = Annotated[Path, typer.Argument(help="The folder of a finished run.")]
RunB = Annotated[Path | None, typer.Argument(help="The run to compare with; by default the shipped one.")]
Md = Annotated[bool, typer.Option("--md", help="Markdown, as it is without this option, for a file or a terminal.")]


def compare(run_a: RunA, run_b: RunB = None, md: Md = False, json: Json = False, output: Output = None) -> None:
    """Compare two runs: rows, decisions and verdicts, and by what they were judged."""
    if md and json:
        raise InputError("compare: found --md and --json, expected at most one")
    from tokentrial.publish.reference import comparison
    from tokentrial.publish.reference.text import as_text

    other = common.run_folder(run_b)
    compared = comparison.compare(str(common.run_folder(run_a)), str(other))
    if json:
        common.emit_json(compared, output)
    else:
        common.emit(as_text(compared), output)
    try:
        comparison.agree(compared, "the comparison")
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(common.DIFFERENT) from None
