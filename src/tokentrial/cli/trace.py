"""``tokentrial trace``: numbers of the paper, read again from the rows that they come from."""

import random
from pathlib import Path
from typing import Annotated

import typer

from tokentrial.cli import common

CODES = "Exit codes: 0 every number agrees with its rows, 1 if one does not, 2 input that cannot be used."
Folder = Annotated[Path | None, typer.Argument(help="A folder of results with the paper; by default results.")]
Sample = Annotated[int | None, typer.Option(help="As many numbers, drawn at random; by default all.", min=1)]
Seed = Annotated[int, typer.Option(help="Of the draw.")]


def trace(folder: Folder = None, sample: Sample = None, seed: Seed = 0) -> None:
    """Trace the paper's numbers to their rows."""
    from tokentrial.report.paper import trace as reading

    found, others = reading.trace(Path("results") if folder is None else folder)
    chosen = found if sample is None or sample >= len(found) else random.Random(seed).sample(found, sample)
    for one in chosen:
        if not one.agrees or sample is not None:
            sign = "agrees" if one.agrees else "DIFFERS"
            typer.echo(f"{sign}  {one.printed:>10}  {one.value!r:>24}  {one.place}")
    agree = sum(one.agrees for one in chosen)
    typer.echo(
        f"{agree} of {len(chosen)} numbers agree with their rows; of the paper's {len(found) + others} numbers, "
        f"{others} count or combine rows, and stand in report.numbers.csv with what they count."
    )
    if agree < len(chosen):
        raise typer.Exit(common.DIFFERENT)
