"""Encoders as torch.nn modules: ids of any shape (...) to vectors (..., output width), for one model.

Trained tensors are parameters, codes that are made after training are buffers; names are those of the encoder, without
its axis of seeds. ``from_embedding`` starts from a torch.nn.Embedding: codes that are made from a table are made from
its weight, the others are fitted to it (:mod:`tokentrial.embeddings.fits`).
"""

from typing import Any, Self

import torch
from torch import Tensor, nn

from tokentrial.embeddings import fits
from tokentrial.encoders.base import Context, Encoder
from tokentrial.encoders.factorised import Factorised
from tokentrial.encoders.hashed import PRIME, Hashed
from tokentrial.encoders.learned import Learned
from tokentrial.encoders.product_quantised import ProductQuantised
from tokentrial.encoders.quantised import Quantised
from tokentrial.encoders.quotient_remainder import QuotientRemainder
from tokentrial.encoders.svd import Svd
from tokentrial.errors import InputError

SCALE = 1.0
"""Standard deviation of an initial table, as that of torch.nn.Embedding."""
LEFT_OUT = ("shapes",)
"""Tensors that only several seeds at once need."""


class EncodedEmbedding(nn.Module):
    """An encoder of one model.

    num_embeddings: V; embedding_dim: D, the width of the vectors, except for LearnedEmbedding that of its table. seed:
    of the initial numbers, which are those of the encoder in a study with this seed.
    """

    num_embeddings: int
    embedding_dim: int

    def __init__(self, encoder: Encoder, seed: int, table: Tensor | None = None, counts: Tensor | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.num_embeddings, self.embedding_dim = encoder.vocab_size, encoder.output_width
        device = torch.device("cpu") if table is None else table.device
        occurrences = torch.ones(encoder.vocab_size) if counts is None else counts.float()

        def trained() -> Tensor:
            if table is not None:
                return table.detach().float().unsqueeze(0)
            return context.normal("full_table", encoder.vocab_size, encoder.full_width) * SCALE

        context = Context(seed, (0,), occurrences.to(device).unsqueeze(0), trained, SCALE, lambda message: None)
        trainable, frozen = encoder.initialise(context)
        for name, value in trainable.items():
            self.register_parameter(name, nn.Parameter(value[0]))
        for name, value in frozen.items():
            if name not in LEFT_OUT:
                self.register_buffer(name, value[0])

    def forward(self, ids: Tensor) -> Tensor:
        """Returns vectors (..., output width) of ids (...)."""
        if ids.numel() == 0:
            like = next(value for value in self.tensors().values() if value.is_floating_point())
            return like.new_empty(*ids.shape, self.embedding_dim)
        tensors = {name: value.unsqueeze(0) for name, value in self.tensors().items()}
        return self.encoder.forward(tensors, ids.reshape(1, 1, -1)).reshape(*ids.shape, self.embedding_dim)

    @property
    def weight(self) -> Tensor:
        """The vectors of all tokens (V, D), as torch.nn.Embedding has them: for a tied output layer."""
        device = next(iter(self.tensors().values())).device
        vectors: Tensor = self(torch.arange(self.num_embeddings, device=device))
        return vectors

    def tensors(self) -> dict[str, Tensor]:
        """Returns parameters and buffers by the encoder's names."""
        return dict(self.named_parameters(recurse=False)) | dict(self.named_buffers(recurse=False))

    def parameter_count(self) -> int:
        """Numbers that use after training needs and that the encoder counts as parameters, padding left out."""
        held = {name: one for name, one in self._deployed().items() if one.bits}
        return sum(one.values.numel() for one in held.values())

    def bits(self) -> int:
        """Bits of the tensors that use after training needs, packed codes included (encoders.base.Encoder.deployed).

        Floating-point numbers count at the width of their dtype.
        """
        return sum(one.values.numel() * one.bits for one in self._deployed().values())

    def _deployed(self) -> dict[str, Any]:
        return self.encoder.deployed({name: value.detach().unsqueeze(0) for name, value in self.tensors().items()})

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}, bits={self.bits():,}"

    @classmethod
    def _of(cls, encoder: Encoder, weight: Tensor, counts: Tensor | None = None, seed: int = 0) -> Self:
        """Returns a module whose code is made from a weight as in a study, without an initial table."""
        module = cls.__new__(cls)
        EncodedEmbedding.__init__(module, encoder, seed, weight, counts)
        return module.to(device=weight.device, dtype=weight.dtype)

    def _filled(self, values: dict[str, Tensor], like: Tensor) -> Self:
        """Copies fitted values into the parameters, and takes device and dtype of a table."""
        with torch.no_grad():
            for name, value in values.items():
                getattr(self, name).copy_(value)
        return self.to(device=like.device, dtype=like.dtype)


def weight_of(embedding: nn.Embedding) -> Tensor:
    """Returns the weight (V, D) of a torch.nn.Embedding.

    Raises InputError for anything else, for a max_norm, which no encoder has, and for numbers that are not finite.
    """
    if not isinstance(embedding, nn.Embedding):
        raise InputError(f"from_embedding: found {type(embedding).__name__}, expected a torch.nn.Embedding")
    if embedding.max_norm is not None:
        raise InputError(f"from_embedding: found max_norm {embedding.max_norm}, expected None")
    weight = embedding.weight.detach()
    if not bool(weight.isfinite().all()):
        raise InputError("from_embedding: found numbers that are not finite, expected a trained table")
    return weight


def sizes(table: Tensor) -> tuple[int, int]:
    """Returns V and D of a table."""
    return table.shape[0], table.shape[1]


class LearnedEmbedding(EncodedEmbedding):
    """A narrow table, d_c numbers a token: the model behind it takes vectors of this width."""

    def __init__(self, num_embeddings: int, embedding_dim: int, *, seed: int = 0) -> None:
        super().__init__(Learned(num_embeddings, embedding_dim, embedding_dim), seed)

    @classmethod
    def from_embedding(cls, embedding: nn.Embedding, width: int | None = None) -> Self:
        """Starts from the weight itself, or from its coordinates in its leading ``width`` directions."""
        weight = weight_of(embedding)
        same = width is None or width == weight.shape[1]
        table = weight if same else fits.ranked(weight, width or 0)[0]
        return cls(*sizes(table))._filled({"table": table}, weight)


class FactorisedEmbedding(EncodedEmbedding):
    """A V x width table and a width x D matrix, both trained (Lan et al. 2020)."""

    def __init__(self, num_embeddings: int, embedding_dim: int, width: int, *, seed: int = 0) -> None:
        super().__init__(Factorised(num_embeddings, width, embedding_dim), seed)

    @classmethod
    def from_embedding(cls, embedding: nn.Embedding, width: int) -> Self:
        """Starts from the nearest matrix of this rank."""
        weight = weight_of(embedding)
        table, projection = fits.ranked(weight, width)
        return cls(*sizes(weight), width)._filled({"table": table, "projection": projection}, weight)


class LowRankEmbedding(EncodedEmbedding):
    """The matrix of rank ``width`` nearest to a trained table, as two frozen factors (Eckart and Young 1936)."""

    def __init__(self, num_embeddings: int, embedding_dim: int, width: int, *, seed: int = 0) -> None:
        super().__init__(Svd(num_embeddings, width, embedding_dim), seed)

    @classmethod
    def from_embedding(cls, embedding: nn.Embedding, width: int, counts: Tensor | None = None) -> Self:
        """counts (V,): rows count as often as their tokens occur."""
        weight = weight_of(embedding)
        encoder = Svd(len(weight), width, weight.shape[1], weighted=counts is not None)
        return cls._of(encoder, weight, counts)


class QuantisedEmbedding(EncodedEmbedding):
    """A trained table in whole numbers of 2 to 8 bits, and a scale a row; in memory a code takes 8 bits."""

    def __init__(self, num_embeddings: int, embedding_dim: int, bits: int, *, seed: int = 0) -> None:
        super().__init__(Quantised(num_embeddings, embedding_dim, embedding_dim, bits), seed)

    @classmethod
    def from_embedding(cls, embedding: nn.Embedding, bits: int) -> Self:
        weight = weight_of(embedding)
        return cls._of(Quantised(*sizes(weight), weight.shape[1], bits), weight)


class ProductQuantisedEmbedding(EncodedEmbedding):
    """A trained table's rows cut into groups that each take the nearest of a few centroids (Jegou et al. 2011)."""

    def __init__(
        self, num_embeddings: int, embedding_dim: int, groups: int, centroids: int = 256, *, seed: int = 0
    ) -> None:
        three = (num_embeddings, embedding_dim, embedding_dim)
        super().__init__(ProductQuantised(*three, groups, centroids), seed)

    @classmethod
    def from_embedding(cls, embedding: nn.Embedding, groups: int, centroids: int = 256, *, seed: int = 0) -> Self:
        """seed: of the k-means++ start."""
        weight = weight_of(embedding)
        encoder = ProductQuantised(*sizes(weight), weight.shape[1], groups, centroids)
        return cls._of(encoder, weight, seed=seed)


class QuotientRemainderEmbedding(EncodedEmbedding):
    """The product or the sum of two rows of two small tables (Shi et al. 2019)."""

    def __init__(
        self, num_embeddings: int, embedding_dim: int, buckets: int, combine: str = "multiply", *, seed: int = 0
    ) -> None:
        super().__init__(QuotientRemainder(num_embeddings, embedding_dim, embedding_dim, buckets, combine), seed)

    @classmethod
    def from_embedding(cls, embedding: nn.Embedding, buckets: int, combine: str = "multiply") -> Self:
        weight = weight_of(embedding)
        module = cls(*sizes(weight), buckets, combine)
        quotient, remainder = fits.quotient_remainder(weight, buckets, combine)
        return module._filled({"quotient": quotient, "remainder": remainder}, weight)


class HashEmbedding(EncodedEmbedding):
    """A weighted sum of a few rows of a small pool, which hash functions choose (Svenstrup et al. 2017)."""

    def __init__(
        self, num_embeddings: int, embedding_dim: int, buckets: int, hashes: int = 2, *, seed: int = 0
    ) -> None:
        super().__init__(Hashed(num_embeddings, embedding_dim, embedding_dim, buckets, hashes), seed)

    @classmethod
    def from_embedding(cls, embedding: nn.Embedding, buckets: int, hashes: int = 2, *, seed: int = 0) -> Self:
        """seed: of the hash functions, which choose the rows that tokens share.

        Takes B^3 operations and V x B numbers of memory.
        """
        weight = weight_of(embedding)
        module = cls(*sizes(weight), buckets, hashes, seed=seed).to(weight.device)
        tensors = module.tensors()
        factor, offset = tensors["functions"]
        rows = (torch.arange(len(weight), device=weight.device).unsqueeze(1) * factor + offset) % PRIME % buckets
        pool, weights = fits.hashed(weight, tensors["weights"].detach(), rows, buckets)
        return module._filled({"pool": pool, "weights": weights}, weight)
