"""Work that forks do side by side is that of one process, in the same order."""

import os

import pytest

from tokentrial import forks
from tokentrial.errors import InputError


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(processes: int) -> None:
    read = {place: place**2 for place in range(20)}  # no fork is sent it
    assert forks.over(range(20), lambda place: (place, read[place]), processes) == list(read.items())


def test_several_processes_work_and_this_one_alone_needs_none() -> None:
    assert set(forks.over(range(4), lambda _: os.getpid(), 1)) == {os.getpid()}
    assert os.getpid() not in forks.over(range(4), lambda _: os.getpid(), 2)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_is_the_one_that_the_work_raised(processes: int) -> None:
    def work(place: int) -> int:
        if place == 2:
            raise InputError("documents/001/claims.yaml: LE1: no such arm")
        return place

    with pytest.raises(InputError, match=r"documents/001/claims\.yaml: LE1: no such arm"):
        forks.over(range(4), work, processes)
    assert forks.over(range(2), work, processes) == [0, 1]
