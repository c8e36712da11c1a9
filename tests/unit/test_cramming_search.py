"""The search for a text's capacity: it ends at the right length within its rounds, for whatever text."""

import math

import pytest

from tokentrial.cramming.search import Cell, Search, bounds

PLACES = [(2, 1), (4, 1), (8, 1), (16, 1), (24, 1)]
CELL = Cell("tuned", 1, "text-test", 0)


def found(capacity: int, places: list[tuple[int, int]], cell: Cell = CELL, context: int | None = None) -> Search:
    """A search on a text that is solved up to its capacity."""
    search = Search(places, 1, context)
    for length, vectors in places:
        if vectors == cell.vectors:
            search.add(cell, length, length <= capacity)
    for _ in range(search.rounds):
        for (length, vectors), names in search.due(cell.arm).items():
            assert (vectors, names) == (cell.vectors, [(cell.kind, cell.text)])
            assert length not in search.tried[cell]
            search.add(cell, length, length <= capacity)
    assert search.due(cell.arm) == {}
    return search


@pytest.mark.parametrize("capacity", range(1, 48))
def test_every_capacity_is_known_to_one_token(capacity: int) -> None:
    search = found(capacity, PLACES)
    assert bounds(search.tried[CELL], 1) == (capacity, capacity + 1)
    gap = next((b - a for (a, _), (b, _) in zip([(1, 1), *PLACES], PLACES, strict=False) if a <= capacity < b), 24)
    assert len(search.tried[CELL]) - len(PLACES) <= math.ceil(math.log2(gap)) + (capacity >= 24)


@pytest.mark.parametrize(("context", "most"), [(None, 48), (512, 48), (40, 39), (25, 24)])
def test_a_text_that_never_fails_has_a_lower_bound(context: int | None, most: int) -> None:
    assert bounds(found(1000, PLACES, context=context).tried[CELL], 1) == (most, None)


def test_no_text_is_shorter_than_its_vectors_are_many() -> None:
    eight = Cell("tuned", 8, "text-test", 0)
    places = [(16, 8), (32, 8), (2, 1), (4, 1)]
    assert bounds(found(3, places, eight).tried[eight], 1) == (1, 8)
    assert bounds(found(11, places, eight).tried[eight], 1) == (11, 12)


def test_the_search_starts_at_the_first_failure() -> None:
    """What is solved after a failure does not count."""
    search = Search(PLACES, 1, None)
    for length, solved in zip((2, 4, 8, 16, 24), (True, True, False, True, True), strict=True):
        search.add(CELL, length, solved)
    assert list(search.due("tuned")) == [(6, 1)]
    assert search.due("paper") == {}


def test_a_checkpoint_holds_all_of_it() -> None:
    search = found(5, PLACES)
    other = Search(PLACES, 1, None)
    other.restore(search.saved())
    assert other.tried == search.tried
