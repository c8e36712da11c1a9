"""Work that forks of a process do side by side: they have what it has read, and are told no more than an item."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
WATCH_SECONDS = 0.5
_of_fork: list[Callable[[Any], Any]] = []


def over(items: Iterable[Item], work: Callable[[Item], Made], processes: int) -> list[Made]:
    """Returns what ``work`` makes of each item, in the items' order; one process is this one.

    Items and what is made of them have to be pickled, ``work`` has not. Forks end with this process, however it ends.
    Raises what ``work`` raises.
    """
    if processes == 1:
        return [work(item) for item in items]
    with ProcessPoolExecutor(processes, get_context("fork"), _keep, (work, os.getpid())) as pool:
        return list(pool.map(_done, items))


def _keep(work: Callable[[Any], Any], parent: int) -> None:
    """Keeps what a fork does with an item, and watches the process that gives the items."""
    _of_fork.append(work)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Ends this fork as soon as its parent is gone: it would wait for the next item for ever."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def _done(item: Any) -> Any:
    return _of_fork[0](item)
