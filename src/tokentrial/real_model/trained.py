"""Encodings of a token table whose numbers a language model's loss trains: what they hold, and the vectors they give.

Each is made from the table that it replaces, or at random, and ends as a :class:`~tokentrial.real_model.stored.Coded`.
A token that the training text never shows gets no gradient of its own: its codes stay as they started, and only what
all tokens share (lift, decoder, centroids) moves its vector. With a tied output layer, every token gets a gradient.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tokentrial.encoders.product_quantised import kmeans, nearest
from tokentrial.real_model.autoencoders import apply, decoded, fitted
from tokentrial.real_model.codes import CENTROIDS, SAMPLED, of_centroids, total
from tokentrial.real_model.stored import FLOAT, Coded, Part, weights

RECONSTRUCTION = 1000  # steps of an autoencoder before the training on text


class Trained(ABC):
    """An encoding under training. tensors: its numbers by name, float32, which the training changes in place."""

    tensors: dict[str, Tensor]

    @abstractmethod
    def vectors(self, ids: Tensor) -> Tensor:
        """Returns the vectors (..., d) of tokens (...), with a gradient to the tensors."""

    @abstractmethod
    def coded(self) -> Coded:
        """Returns the encoded table as it is stored after training."""

    def table(self) -> Tensor:
        """Returns the vectors (V, d) of all tokens, with a gradient to the tensors."""
        rows = len(next(iter(self.tensors.values())))
        return self.vectors(torch.arange(rows, device=next(iter(self.tensors.values())).device))


class LearnedTable(Trained):
    """The table itself, trained like the encodings: a control, since training on a text helps there without a code."""

    def __init__(self, table: Tensor, counts: Tensor, rng: np.random.Generator) -> None:
        self.tensors = {"table": table.clone()}

    def vectors(self, ids: Tensor) -> Tensor:
        return torch.nn.functional.embedding(ids, self.tensors["table"])

    def coded(self) -> Coded:
        stored = self.tensors["table"].detach().cpu().half()
        return Coded.of(stored.float, [Part(stored, FLOAT)])


class Learned(Trained):
    """x = g(c[i]): codes c of all tokens, and a lift or, with a hidden layer, a decoder g (document 001's method).

    start: ``random``; ``svd``, weighted by counts; ``autoencoder``, trained to give the table back, which is then a
    fine-tuned autoencoder without its encoder.
    """

    def __init__(
        self,
        table: Tensor,
        counts: Tensor,
        rng: np.random.Generator,
        width: int,
        start: str,
        hidden: int | None = None,
    ) -> None:
        codes, decoder = STARTS[start](table, counts, rng, width, hidden)
        self.layers = len(decoder)
        self.tensors = {"codes": codes.float().contiguous()}
        self.tensors |= {f"decoder{place}": value.float().contiguous() for place, value in enumerate(decoder)}

    def vectors(self, ids: Tensor) -> Tensor:
        return apply(self._decoder(), torch.nn.functional.embedding(ids, self.tensors["codes"]))

    def coded(self) -> Coded:
        codes = self.tensors["codes"].detach().cpu().half()
        decoder = [value.detach().cpu().half() for value in self._decoder()]
        return Coded.of(lambda: decoded(codes, decoder), [Part(value, FLOAT) for value in (codes, *decoder)])

    def _decoder(self) -> list[Tensor]:
        return [self.tensors[f"decoder{place}"] for place in range(self.layers)]


def _from_random(
    table: Tensor, counts: Tensor, rng: np.random.Generator, width: int, hidden: int | None
) -> tuple[Tensor, list[Tensor]]:
    """Normal codes and a normal lift, whose vectors have the standard deviation of the table."""

    def drawn(*shape: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))

    codes, spread = drawn(len(table), width), float(table.std())
    sizes = [width, table.shape[1]] if hidden is None else [width, hidden, table.shape[1]]
    decoder = list[Tensor]()
    for inputs, outputs in pairwise(sizes):
        gain = 1.0 if len(decoder) == 0 else 2.0  # of a ReLU's output (He et al. 2015), half of whose numbers are zero
        decoder += [drawn(outputs, inputs) * (gain / inputs) ** 0.5, torch.zeros(outputs)]
    decoder[-2] *= spread
    return codes, decoder


def _from_svd(
    table: Tensor, counts: Tensor, rng: np.random.Generator, width: int, hidden: int | None
) -> tuple[Tensor, list[Tensor]]:
    """The codes and the lift of the SVD weighted by counts."""
    exact = table.double()
    vectors = torch.linalg.eigh(exact.T @ (exact * weights(counts).unsqueeze(1))).eigenvectors[:, -width:].flip(1)
    return exact @ vectors, [vectors, torch.zeros(table.shape[1])]


def _from_autoencoder(
    table: Tensor, counts: Tensor, rng: np.random.Generator, width: int, hidden: int | None
) -> tuple[Tensor, list[Tensor]]:
    return fitted(table, counts, rng, width, "squared", hidden, RECONSTRUCTION, counted=True)


STARTS: dict[str, Callable[..., tuple[Tensor, list[Tensor]]]] = {
    "random": _from_random,
    "svd": _from_svd,
    "autoencoder": _from_autoencoder,
}


class LearnedProduct(Trained):
    """A sum of product codes whose centroids and choices are trained together (Chen, Li and Sun 2020, section 2.2).

    Each token has a query, at first its vector. Its codes are the centroids nearest to the query, group by group, and
    with several stages, of what the stages before left. The vector is that of the centroids; backward, the choice is
    passed over, so that the query gets the gradient of the vector (straight through), and so do the centroids. The
    queries are not stored. width: numbers of a group; the centroids start as those of k-means.
    """

    def __init__(self, table: Tensor, counts: Tensor, rng: np.random.Generator, width: int, stages: int = 1) -> None:
        rest, centroids = table, list[Tensor]()
        rows = torch.from_numpy(rng.choice(len(table), min(SAMPLED, len(table)), replace=False))
        for _ in range(stages):
            groups = torch.split(rest, width, 1)
            clusters = min(CENTROIDS, len(rows))
            centroids.append(torch.stack([kmeans(each[rows].contiguous(), clusters, rng)[1] for each in groups]))
            rest = rest - _side_by_side(centroids[-1], _choices(rest, centroids[-1]))
        self.tensors = {"queries": table.clone(), "centroids": torch.stack(centroids)}  # (V, d), (M, G, K, w)

    def vectors(self, ids: Tensor) -> Tensor:
        queries = torch.nn.functional.embedding(ids, self.tensors["queries"])
        rest, vectors = queries.detach(), torch.zeros_like(queries)
        for centroids in self.tensors["centroids"]:
            flat = rest.flatten(0, -2)
            chosen = _side_by_side(centroids, _choices(flat, centroids.detach())).view_as(rest)
            rest, vectors = rest - chosen.detach(), vectors + chosen
        return vectors + (queries - queries.detach())

    def coded(self) -> Coded:
        rest, stages = self.tensors["queries"].detach().cpu(), list[Coded]()
        for centroids in self.tensors["centroids"].detach().cpu().half():
            stages.append(of_centroids(_choices(rest, centroids.float()).to(torch.uint8), centroids))
            rest = rest - stages[-1].table
        return total(stages)


def _choices(vectors: Tensor, centroids: Tensor) -> Tensor:
    """Returns the nearest centroid (N, G) of each group of vectors (N, d); centroids (G, K, w)."""
    groups = zip(torch.split(vectors, centroids.shape[2], 1), centroids, strict=True)
    return torch.stack([nearest(group.contiguous(), of_group)[0] for group, of_group in groups], 1)


def _side_by_side(centroids: Tensor, choices: Tensor) -> Tensor:
    """Returns the vectors (N, d) of choices (N, G); centroids (G, K, w)."""
    rows = choices + torch.arange(len(centroids), device=choices.device) * centroids.shape[1]
    return torch.nn.functional.embedding(rows, centroids.flatten(0, 1)).flatten(1)


CODES: dict[str, Callable[..., Trained]] = {
    "learned": Learned,
    "learned_product": LearnedProduct,
    "learned_table": LearnedTable,
}
OF_TRAINING = ("code", "uses", "seeds", "steps", "batch", "length", "rate", "precision")
"""Keys of a trained arm that are not options of its encoding."""


def start(options: Mapping[str, Any], table: Tensor, counts: Tensor, rng: np.random.Generator) -> Trained:
    """Returns a trained arm's encoding before its training."""
    given = {name: value for name, value in options.items() if name not in OF_TRAINING}
    return CODES[options["code"]](table, counts, rng, **given)
