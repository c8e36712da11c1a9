"""Progressive cramming: a text grows by one token from its last solution until it is not solved any more.

The last length that is solved is the text's own horizon; no grid of lengths is needed, and a failure takes the steps of
one length. Texts of the same length step as a batch, which equals single runs. The method is that of the follow-up work
"Progressive Cramming" (github.com/FusionBrainLab/progressive_cramming).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from tokentrial.training.checkpoint import Saved

Name = tuple[str, int]  # (kind, index) of a text


class Extension(NamedTuple):
    """A part of a job: all texts of an arm that reached a length, at this length."""

    arm: str
    vectors: int
    length: int


@dataclass
class Progress:
    """The texts that are still growing, by arm and number of vectors, with the vectors of their last solution."""

    alive: dict[tuple[str, int], tuple[list[Name], Tensor]] = field(default_factory=dict)

    def grow(self, part: Extension, names: Iterable[Name], vectors: Tensor) -> None:
        """Keeps the texts that solved a length; vectors (B, m, d): their solutions."""
        self.alive[part.arm, part.vectors] = (list(names), vectors)

    def due(self, part: Extension) -> tuple[list[Name], Tensor] | None:
        """Returns the texts that solved the length before, with their solutions; None at an arm's first length."""
        return self.alive.get((part.arm, part.vectors))

    def saved(self) -> Saved:
        """Returns everything that later lengths depend on."""
        places = list(self.alive)
        tensors = {str(number): self.alive[place][1].contiguous() for number, place in enumerate(places)}
        return Saved(tensors, {"alive": [[*place, self.alive[place][0]] for place in places]})

    def restore(self, saved: Saved, device: torch.device) -> None:
        """Restores what :meth:`saved` returned."""
        for number, (arm, vectors, names) in enumerate(saved.values["alive"]):
            kept = [(kind, index) for kind, index in names]
            self.alive[arm, vectors] = (kept, saved.tensors[str(number)].to(device))


def extensions(arm: str, places: Iterable[tuple[int, int]]) -> list[Extension]:
    """Returns the lengths of a progressive arm, for each number of vectors from the design's shortest to its longest.

    places: (length, vectors) of the design.
    """
    lengths: dict[int, list[int]] = {}
    for length, vectors in places:
        lengths.setdefault(vectors, []).append(length)
    return [
        Extension(arm, vectors, length)
        for vectors, known in lengths.items()
        for length in range(min(known), max(known) + 1)
    ]
