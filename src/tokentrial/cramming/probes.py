"""What a solved text's vector is: its true bits, its dimensions, other solutions, what it does to a following text.

bits: the fewest bits a number (:mod:`tokentrial.cramming.bits`). dimensions: the fewest coordinates in a random basis,
trained anew, in which the text is still solved, and their bits. line: a second solution from another start, and whether
the straight line between the two solves the text as well. following: the loss of another text right after the vector.

A probe of a batch is a part of its job, so that a killed job does none twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from tokentrial.cramming.bits import Dimensions
from tokentrial.cramming.controls import prefix_vectors
from tokentrial.cramming.decode import Reader, scores
from tokentrial.cramming.design import Batch
from tokentrial.training.checkpoint import Saved

POINTS = 9  # on the line between two solutions, ends left out

Name = tuple[str, int]  # (kind, index) of a text
Place = tuple[str, int, int]  # arm, length, vectors


class Probing(NamedTuple):
    """A part of a job: a probe of a batch's solved texts; number: of the round, for probes that have several."""

    batch: Batch
    probe: str
    number: int


@dataclass
class Span:
    """The search for a text's fewest dimensions: most that failed, fewest that solved it, fewest bits so far (or 0)."""

    low: int
    high: int
    bits: int = 0


@dataclass
class Solutions:
    """The solved texts of each batch with their vectors (B, m, d), and their searches."""

    kept: dict[Place, tuple[list[Name], Tensor]] = field(default_factory=dict)
    spans: dict[Place, list[Span]] = field(default_factory=dict)

    def keep(self, batch: Batch, names: list[Name], vectors: Tensor) -> None:
        """Keeps the solved texts of a batch."""
        self.kept[place(batch)] = (names, vectors)
        self.spans[place(batch)] = [Span(0, vectors.shape[2]) for _ in names]

    def of(self, batch: Batch) -> tuple[list[Name], Tensor, list[Span]]:
        """Returns the names, vectors and searches of a batch's solved texts."""
        return *self.kept[place(batch)], self.spans[place(batch)]

    def saved(self) -> Saved:
        """Returns everything that the probes depend on."""
        tensors = {str(number): vectors for number, (_, vectors) in enumerate(self.kept.values())}
        spans = [[[span.low, span.high, span.bits] for span in self.spans[at]] for at in self.kept]
        places = [[*at, names] for at, (names, _) in self.kept.items()]
        return Saved(tensors, {"places": places, "spans": spans})

    def restore(self, saved: Saved, device: torch.device) -> None:
        """Restores what :meth:`saved` returned."""
        pairs = zip(saved.values["places"], saved.values["spans"], strict=True)
        for number, ((arm, length, vectors, names), spans) in enumerate(pairs):
            at = (arm, length, vectors)
            self.kept[at] = ([(kind, index) for kind, index in names], saved.tensors[str(number)].to(device))
            self.spans[at] = [Span(*span) for span in spans]


def place(batch: Batch) -> Place:
    return batch.arm, batch.length, batch.vectors


def probings(batches: Iterable[Batch], probes: Iterable[str], width: int) -> list[Probing]:
    """Returns the parts of a job's probes; width: d."""
    rounds = {"dimensions": Dimensions(width).rounds}
    return [Probing(batch, probe, n) for batch in batches for probe in probes for n in range(rounds.get(probe, 1))]


class Line(NamedTuple):
    """The straight line between two solutions of each text."""

    accuracy: Tensor  # (B,) the smallest accuracy on it
    cosine: Tensor  # (B,) of the angle between the two


@torch.no_grad()
def line(reader: Reader, first: Tensor, second: Tensor, ids: Tensor, predict_first: bool) -> Line:
    """Returns the line between vectors (B, m, d) and others of texts (B, N), in float32."""
    least = torch.ones(len(ids), device=ids.device, dtype=first.dtype)
    for point in range(1, POINTS + 1):
        between = torch.lerp(first, second, point / (POINTS + 1))
        _, hit = scores(reader.exact, between, ids, predict_first)
        least = torch.minimum(least, hit.to(first.dtype).mean(1))
    return Line(least, torch.cosine_similarity(first.flatten(1), second.flatten(1)))


class Following(NamedTuple):
    """The mean loss of texts that follow a vector, the vector's text, or nothing: (B,) nats a token each."""

    vector: Tensor
    text: Tensor
    nothing: Tensor


@torch.no_grad()
def following(reader: Reader, vectors: Tensor, ids: Tensor, others: Tensor) -> Following | None:
    """Returns the losses of other texts (B, N) after vectors (B, m, d) of texts (B, N); None if two texts do not fit.

    The first token of the other text is given.
    """
    context = reader.model.context
    if context is not None and 2 * ids.shape[1] > context:
        return None
    before = (vectors, prefix_vectors(reader, ids), vectors[:, :0])
    return Following(*(scores(reader.exact, each, others, predict_first=False)[0].mean(1) for each in before))
