"""Widths by frequency as torch.nn modules: document 003's layouts with its interface, and adaptive input."""

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from tokentrial.embeddings import fits
from tokentrial.embeddings.modules import EncodedEmbedding, sizes, weight_of
from tokentrial.encoders.banded import Banded
from tokentrial.encoders.layouts import Layout, assign, check_counts, efficiency_score, ranking, usage_distribution
from tokentrial.errors import InputError

BANDS = ("high", "mid", "low")


class _Bands(EncodedEmbedding):
    """A layout of bands; counts (V,): occurrences of each token in a text, by which tokens are ranked."""

    encoder: Banded

    def __init__(self, encoder: Banded, counts: Tensor, seed: int) -> None:
        if counts.shape != (encoder.vocab_size,):
            found = f"found the shape {tuple(counts.shape)}"
            raise InputError(f"counts: {found}, expected one number for each of {encoder.vocab_size} tokens")
        super().__init__(encoder, seed, counts=counts)
        self.counts = check_counts(counts.cpu().numpy(), encoder.vocab_size)

    @property
    def layout(self) -> Layout:
        """The bands, with their sizes and widths."""
        return self.encoder.layouts[0]

    def parameter_count(self) -> int:
        """Numbers of tables and projections, as document 003 counts them ('embedding-only')."""
        return self.layout.parameter_count()

    def usage_distribution(self, counts: Tensor | None = None) -> dict[str, float]:
        """Returns the share of a text's tokens that each band covers; counts (V,): of another text than the ranking's.

        Bands are called high, mid and low if there are three, else by their number.
        """
        sizes = self.layout.sizes
        names = BANDS if len(sizes) == len(BANDS) else tuple(map(str, range(len(sizes))))
        text = self.counts if counts is None else counts.cpu().numpy()
        return usage_distribution(text, assign(ranking(self.counts), sizes), names)

    def _fitted(self, weight: Tensor) -> Self:
        index = self.tensors()["index"].to(weight.device)
        return self._filled(fits.banded(weight.float(), self.layout, index), weight)


class BespokeEmbedding(_Bands):
    """Document 003's layouts: wider vectors for frequent tokens, narrower ones for rare tokens.

    layout: ``optimized``, ``initial``, ``scaling``, ``ultra_efficient``, or a control of encoders/schemes.py; options:
    those of the layout. The interface is that of the document's appendix B.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, counts: Tensor, layout: str = "optimized",
        *, order: str = "frequency", seed: int = 0, **options: Any,
    ) -> None:  # fmt: skip
        encoder = Banded(num_embeddings, embedding_dim, embedding_dim, layout, order, **options)
        super().__init__(encoder, counts, seed)

    @classmethod
    def from_embedding(cls, embedding: nn.Embedding, counts: Tensor, layout: str = "optimized", **options: Any) -> Self:
        weight = weight_of(embedding)
        return cls(*sizes(weight), counts, layout, **options)._fitted(weight)

    def compute_efficiency_score(self, quality_ratio: float = 1.0) -> float:
        """Returns the released scripts' score; quality_ratio: loss over that of the full table, which you measure."""
        return efficiency_score(self.parameter_count() / (self.num_embeddings * self.embedding_dim), quality_ratio)

    def get_efficiency_metrics(self, quality_ratio: float = 1.0) -> dict[str, Any]:
        """Returns the three metrics of document 003's appendix B."""
        return {
            "parameter_count": self.parameter_count(),
            "usage_distribution": self.usage_distribution(),
            "efficiency_score": self.compute_efficiency_score(quality_ratio),
        }


class AdaptiveEmbedding(_Bands):
    """Adaptive input (Baevski and Auli 2019): each band is ``factor`` times narrower than the one before.

    cutoffs: ranks at which bands end, without the last. Without counts, tokens are ranked by their ids, as in fairseq.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, cutoffs: Sequence[int], factor: int = 4,
        *, counts: Tensor | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        by_id = torch.arange(num_embeddings, 0, -1)
        encoder = Banded(num_embeddings, embedding_dim, embedding_dim, "adaptive", cutoffs=list(cutoffs), factor=factor)
        super().__init__(encoder, by_id if counts is None else counts, seed)

    @classmethod
    def from_embedding(
        cls, embedding: nn.Embedding, cutoffs: Sequence[int], factor: int = 4, *, counts: Tensor | None = None
    ) -> Self:
        weight = weight_of(embedding)
        return cls(*sizes(weight), cutoffs, factor, counts=counts)._fitted(weight)
