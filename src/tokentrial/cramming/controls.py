"""What cramming is held against: a vector at random, the text as its own prefix, one vector for two texts.

The first two are measured, not optimised; ``shared`` is cramming with two texts in a unit. (The untrained model, the
fourth control, is a model like any other.)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tokentrial.cramming.decode import Reader, greedy_prefix, scores

MEASURED = ("random-vector", "prefix")
CONTROLS = (*MEASURED, "shared")
SHARING = 2  # texts of a unit


@dataclass(frozen=True)
class Measured:
    """Of texts (B,) after vectors that nothing optimised; None where the model's context cannot hold both."""

    accuracy: Tensor
    cross_entropy: Tensor  # nats per predicted token
    greedy: Tensor  # tokens


def measure(control: str, reader: Reader, start: Tensor, ids: Tensor, predict_first: bool) -> Measured | None:
    """The control ``random-vector`` (the initial vectors (B, m, d)) or ``prefix`` (the texts (B, N) themselves)."""
    vectors = start if control == "random-vector" else prefix_vectors(reader, ids)
    context = reader.model.context
    if context is not None and vectors.shape[1] + ids.shape[1] > context:
        return None
    nll, hit = scores(reader, vectors, ids, predict_first)
    accuracy = hit.to(nll.dtype).mean(1)
    return Measured(accuracy, nll.mean(1), greedy_prefix(reader, vectors, ids, predict_first))


def prefix_vectors(reader: Reader, ids: Tensor) -> Tensor:
    """Texts (B, N) as the vectors (B, N, d) of their own tokens."""
    return reader.model.table[ids]


def shared_units(ids: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Units of two texts that follow each other: ids (B / 2, 2, N) of ids (B, N), and the first text's initial vectors
    (B / 2, m, d).
    """
    return ids.reshape(len(ids) // SHARING, SHARING, -1), start[::SHARING].contiguous()


def without_vectors(reader: Reader, ids: Tensor, predict_first: bool) -> tuple[Tensor, Tensor]:
    """(accuracy, mean loss in nats), both (B,), of texts (B, N) with nothing before them."""
    empty = torch.empty(len(ids), 0, reader.model.width, dtype=reader.model.table.dtype, device=ids.device)
    nll, hit = scores(reader, empty, ids, predict_first)
    return hit.to(nll.dtype).mean(1), nll.mean(1)
