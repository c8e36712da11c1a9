"""Work that forks of a process do side by side: they have what it has read, and are told no more than an item."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
_of_fork: list[Callable[[Any], Any]] = []


def over(items: Iterable[Item], work: Callable[[Item], Made], processes: int) -> list[Made]:
    """Returns what ``work`` makes of each item, in the items' order; one process is this one.

    Items and what is made of them have to be pickled, ``work`` has not. Raises what ``work`` raises.
    """
    if processes == 1:
        return [work(item) for item in items]
    with ProcessPoolExecutor(processes, get_context("fork"), _keep, (work,)) as pool:
        return list(pool.map(_done, items))


def _keep(work: Callable[[Any], Any]) -> None:
    """Keeps what a fork does with an item."""
    _of_fork.append(work)


def _done(item: Any) -> Any:
    return _of_fork[0](item)
