"""The search for the capacity of each text, to one token: which lengths are tried, and when the search ends.

All texts are crammed at the lengths of the design first. A text's search starts from the last of these lengths that it
solves before it fails for the first time. It halves what lies between the two, and ends with a length that the text
solves and whose successor it fails; so each text needs about two more lengths. A text that solves every length of the
design is tried at twice the longest; if it solves that too, its capacity is at least that.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FARTHEST = 2  # the longest text that is tried, as a multiple of the longest one of the design


class Round(NamedTuple):
    """A part of a job: the next length of every text under an arm whose capacity is still open."""

    arm: str
    number: int


class Cell(NamedTuple):
    """What has a capacity: a text with a number of vectors under an arm."""

    arm: str
    vectors: int
    kind: str
    text: int  # its index


@dataclass
class Search:
    """The lengths that each text solves or fails.

    places: (length, vectors) of the design's texts; given: tokens of a text that are not predicted, which any text
    solves; context: the model's, None if there is no limit.
    """

    places: Iterable[tuple[int, int]]
    given: int
    context: int | None
    tried: dict[Cell, dict[int, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lengths: dict[int, list[int]] = {}
        for length, vectors in sorted(self.places):
            self.lengths.setdefault(vectors, []).append(length)

    def most(self, vectors: int) -> int:
        """Returns the longest text that is tried with so many vectors."""
        room = math.inf if self.context is None else self.context - vectors
        return int(min(FARTHEST * self.lengths[vectors][-1], room))

    @property
    def longest(self) -> int:
        """The longest text that is tried."""
        return max(map(self.most, self.lengths))

    @property
    def rounds(self) -> int:
        """The number of rounds after which no search is open."""
        most = 0
        for vectors, lengths in self.lengths.items():
            edges = [self.given, *lengths]
            gaps = [high - low for low, high in zip(edges, lengths, strict=False)]
            beyond = self.most(vectors) - lengths[-1]
            most = max(most, *(math.ceil(math.log2(gap)) for gap in gaps), 1 + math.ceil(math.log2(max(1, beyond))))
        return most

    def add(self, cell: Cell, length: int, solved: bool) -> None:
        """Adds whether a text was solved at a length."""
        self.tried.setdefault(cell, {})[length] = solved

    def next_length(self, cell: Cell) -> int | None:
        """Returns the length that is tried next, None if the capacity is known or cannot be known better."""
        low, high = bounds(self.tried[cell], self.given)
        if high is None:
            return self.most(cell.vectors) if low < self.most(cell.vectors) else None
        middle = max((low + high) // 2, 2, cell.vectors)  # no text is shorter than its vectors are many
        return middle if low < middle < high else None

    def due(self, arm: str) -> dict[tuple[int, int], list[tuple[str, int]]]:
        """Returns (length, vectors) -> (kind, index) of the texts of an arm that are tried there next."""
        texts: dict[tuple[int, int], list[tuple[str, int]]] = {}
        for cell in self.tried:
            length = self.next_length(cell) if cell.arm == arm else None
            if length is not None:
                texts.setdefault((length, cell.vectors), []).append((cell.kind, cell.text))
        return dict(sorted(texts.items()))

    def saved(self) -> list[Any]:
        """Returns all that was tried, for a checkpoint."""
        return [[*cell, [[length, solved] for length, solved in tried.items()]] for cell, tried in self.tried.items()]

    def restore(self, saved: Iterable[Any]) -> None:
        """Restores what :meth:`saved` returned."""
        self.tried = {Cell(*cell): dict(tried) for *cell, tried in saved}


def bounds(tried: Mapping[int, bool], given: int) -> tuple[int, int | None]:
    """Returns the last length that is solved before the first failure, and that of the first failure, None without.

    tried: length -> whether it is solved. ``given`` tokens are solved by any text.
    """
    low = given
    for length in sorted(tried):
        if not tried[length]:
            return low, length
        low = length
    return low, None
