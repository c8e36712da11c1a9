"""The released scripts of the learned-encoding study, rebuilt with Python's own random stream.

| script | module | document |
|---|---|---|
| ``pure-python`` | :mod:`pure_python` | 002, the proof of concept |
| ``focused-scaling`` | :mod:`focused_scaling` | 001, the means of Tables 5.2 to 5.4 |
| ``academic-validation`` | :mod:`academic_validation` | 001, effect sizes and significance |
| ``corrected`` | :mod:`corrected` | 000, Tables 3.2 and 3.3 |
"""

from collections.abc import Callable

from tokentrial.errors import InputError
from tokentrial.released import academic_validation, corrected, focused_scaling, pure_python
from tokentrial.released.cells import Measured

WHOLE: dict[str, Callable[[int], list[Measured]]] = {
    "pure-python": pure_python.run,
    "academic-validation": academic_validation.run,
}
BY_CELL: dict[str, Callable[..., list[Measured]]] = {
    "focused-scaling": focused_scaling.run,
    "corrected": corrected.run,
}
SEED = 42  # of all four scripts


def run_script(name: str, last_cell: str | None = None, seed: int = SEED) -> list[Measured]:
    """Returns the measurements of a released script, by default with its own seed, up to the cell ``last_cell``.

    Raises InputError for an unknown script or cell, or a ``last_cell`` for a script without cells.
    """
    if name in BY_CELL:
        return BY_CELL[name](seed=seed, last_cell=last_cell)
    if name not in WHOLE:
        raise InputError(f"released script '{name}': expected one of {', '.join([*WHOLE, *BY_CELL])}")
    if last_cell is not None:
        raise InputError(f"released script {name}: last_cell is '{last_cell}', expected none: it always runs whole")
    return WHOLE[name](seed)
