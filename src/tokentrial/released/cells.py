"""The cells of a released script. All its cells share one random stream, so only a prefix can be run."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from tokentrial.errors import InputError
from tokentrial.results import Measurement

Cell = TypeVar("Cell")


class Measured(NamedTuple):
    """A measured value of one cell; the other fields are those of results.Measurement."""

    cell: str
    """Empty for a script without cells."""
    arm: str
    seed: int
    split: str
    step: int | None
    metric: str
    value: float | None
    unit: str

    @property
    def measurement(self) -> Measurement:
        """The value without its cell."""
        return Measurement(*self[1:])


def up_to(cells: Mapping[str, Cell], last: str | None, script: str) -> dict[str, Cell]:
    """Returns the cells up to and including ``last`` (None: all); raises InputError if there is no such cell."""
    if last is not None and last not in cells:
        raise InputError(f"released script {script}: last_cell is '{last}', expected one of {', '.join(cells)}")
    names = list(cells)
    return {name: cells[name] for name in (names if last is None else names[: names.index(last) + 1])}
