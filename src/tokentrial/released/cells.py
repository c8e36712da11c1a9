"""The cells of a released script. All its cells share one random stream, so only a prefix can be run."""

from collections.abc import Mapping
from typing import TypeVar

from tokentrial.errors import InputError

Cell = TypeVar("Cell")


def up_to(cells: Mapping[str, Cell], last: str | None, script: str) -> dict[str, Cell]:
    """Returns the cells up to and including ``last`` (None: all); raises InputError if there is no such cell."""
    if last is not None and last not in cells:
        raise InputError(f"released script {script}: last_cell is '{last}', expected one of {', '.join(cells)}")
    names = list(cells)
    return {name: cells[name] for name in (names if last is None else names[: names.index(last) + 1])}
