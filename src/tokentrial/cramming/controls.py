"""The controls of cramming: a random vector, the text itself as prefix, one vector for two texts.

The first two are measured without optimisation; ``shared`` is cramming with two texts in a unit. The fourth control, an
untrained model, is a model like any other.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tokentrial.cramming.decode import Reader, greedy_prefix, scores

MEASURED = ("random-vector", "prefix")
CONTROLS = (*MEASURED, "shared")
SHARING = 2  # texts of a unit of the control ``shared``


@dataclass(frozen=True)
class Measured:
    """The scores of B texts after vectors that are not optimised."""

    accuracy: Tensor  # (B,)
    cross_entropy: Tensor  # (B,) nats per predicted token
    greedy: Tensor  # (B,) tokens


def measure(control: str, reader: Reader, start: Tensor, ids: Tensor, predict_first: bool) -> Measured | None:
    """Returns the scores of a control; None if the model's context cannot hold vectors and text.

    control: ``random-vector`` (the initial vectors ``start`` (B, m, d)) or ``prefix`` (the texts ``ids`` (B, N)).
    """
    vectors = start if control == "random-vector" else prefix_vectors(reader, ids)
    context = reader.model.context
    if context is not None and vectors.shape[1] + ids.shape[1] > context:
        return None
    nll, hit = scores(reader, vectors, ids, predict_first)
    accuracy = hit.to(nll.dtype).mean(1)
    return Measured(accuracy, nll.mean(1), greedy_prefix(reader, vectors, ids, predict_first))


def prefix_vectors(reader: Reader, ids: Tensor) -> Tensor:
    """Returns the input vectors (B, N, d) of the tokens of texts (B, N)."""
    return reader.model.table[ids]


def shared_units(ids: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Returns units of two consecutive texts, ids (B / 2, 2, N), and the first text's initial vectors (B / 2, m, d).

    ids (B, N); start (B, m, d).
    """
    return ids.reshape(len(ids) // SHARING, SHARING, -1), start[::SHARING].contiguous()


def without_vectors(reader: Reader, ids: Tensor, predict_first: bool) -> tuple[Tensor, Tensor]:
    """Returns (accuracy, mean loss in nats), both (B,), of texts (B, N) without vectors before them."""
    empty = torch.empty(len(ids), 0, reader.model.width, dtype=reader.model.table.dtype, device=ids.device)
    nll, hit = scores(reader, empty, ids, predict_first)
    return hit.to(nll.dtype).mean(1), nll.mean(1)
