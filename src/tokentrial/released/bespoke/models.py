"""The released models that average a window's vectors: layout, mean, LayerNorm (B3 only), linear; seeds as a batch.

The mean over a window is the share of each row in the window times the tables, and a linear map of the mean is the mean
of the mapped vectors. So no vector per position is built. The result is exact up to rounding.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tokentrial.encoders.base import Parameters
from tokentrial.released.bespoke.layouts import Band, Layout
from tokentrial.released.bespoke.text import IntArray
from tokentrial.released.bespoke.training import Batch
from tokentrial.released.bespoke.weights import Weights


def layout_weights(layout: Layout, weights: Weights) -> Parameters:
    """Draws tables ``<band>.table`` (S, rows, width), projections ``<band>.weight`` and, if used, ``<band>.bias``."""
    parameters: Parameters = {}
    for band in layout.bands:
        parameters[f"{band.name}.table"] = weights.normal(f"{band.name}.table", band.rows, band.width)
        if band.projected and not layout.shared:
            parameters |= weights.linear(band.name, band.width, layout.width, band.bias)
    if layout.shared:
        parameters |= weights.linear("shared", max(band.width for band in layout.bands), layout.width, bias=False)
    return parameters


def trained_names(layout: Layout, parameters: Parameters) -> list[str]:
    """Returns the names of trained parameters: all but tables that are never read and projections kept as drawn."""
    unread = {f"{band.name}.table" for band in layout.bands if not band.trained}
    unread |= {f"{band.name}.weight" for band in layout.bands if not band.trained}
    if not layout.train_projection:
        unread |= {f"{band.name}.weight" for band in layout.bands}
    return [name for name in parameters if name not in unread]


def project(layout: Layout, band: Band, parameters: Parameters, vectors: Tensor, share: Tensor | None) -> Tensor:
    """Maps a band's vectors (S, B, band width) to width D; the bias is weighted by ``share`` (S, B, 1), None for 1."""
    if not band.projected:
        return vectors
    if layout.shared:
        return torch.bmm(vectors, parameters["shared.weight"][:, : band.width])
    mapped = torch.bmm(vectors, parameters[f"{band.name}.weight"])
    if band.bias:
        bias = parameters[f"{band.name}.bias"][:, None]
        mapped = mapped + (bias if share is None else share * bias)
    return mapped


@dataclass(frozen=True)
class PooledModel:
    """Layout -> mean over the window -> (LayerNorm) -> linear map to the vocabulary, with bias."""

    layout: Layout
    vocab_size: int
    norm: bool

    def initial(self, weights: Weights) -> Parameters:
        """Draws all weights as released, (S, ...)."""
        parameters = layout_weights(self.layout, weights)
        if self.norm:
            parameters |= weights.norm("norm", self.layout.width)
        return parameters | weights.linear("head", self.layout.width, self.vocab_size, bias=True)

    def logits(self, parameters: Parameters, shares: Tensor) -> Tensor:
        """Returns logits (S, B, V) for the shares of rows in each window (S, B, rows)."""
        pooled = self.mean_vectors(parameters, shares)
        if self.norm:
            pooled = layer_norm(pooled, parameters["norm.weight"], parameters["norm.bias"])
        return torch.baddbmm(parameters["head.bias"][:, None], pooled, parameters["head.weight"])

    def mean_vectors(self, parameters: Parameters, shares: Tensor) -> Tensor:
        """Returns the windows' mean vectors, (S, B, D)."""
        pooled: Tensor | None = None
        for band, offset in zip(self.layout.bands, self.layout.offsets(), strict=True):
            share = shares[:, :, offset : offset + band.rows]
            if not band.trained and not share.any():
                continue  # exact: no token here reads the band
            vectors = torch.bmm(share, parameters[f"{band.name}.table"])  # S, B, band width
            total = share.sum(dim=2, keepdim=True) if band.bias else None
            mapped = project(self.layout, band, parameters, vectors, total)
            pooled = mapped if pooled is None else pooled + mapped
        assert pooled is not None
        return pooled

    def reads(self, batch: Batch) -> dict[str, Tensor]:
        """Returns for each rare band whether each seed has a token of the band in the batch, (S,)."""
        starts = zip(self.layout.bands, self.layout.offsets(), strict=True)
        return {
            band.name: (batch.inputs[:, :, offset : offset + band.rows] > 0).flatten(1).any(dim=1)
            for band, offset in starts
            if band.rare
        }

    def encode(self, tokens: IntArray) -> Tensor:
        """Returns the share of each row, (S, N, rows), in windows of token ids (S, N, L)."""
        replicates, count, length = tokens.shape
        slots = self.layout.slots[torch.arange(replicates)[:, None], tokens.reshape(replicates, -1)]
        rows = torch.from_numpy(slots.reshape(replicates, count, length))
        shares = torch.zeros(replicates, count, self.layout.rows)
        return shares.scatter_add_(2, rows, torch.full(rows.shape, 1.0 / length))


def layer_norm(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """LayerNorm over the last axis of (S, B, D), with weights (S, D) per seed; torch's epsilon."""
    normed = functional.layer_norm(values, values.shape[-1:])
    return torch.addcmul(bias[:, None], normed, weight[:, None])


def losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Returns the mean cross-entropy per seed in nats: logits (S, B, V), targets (S, B) -> (S,)."""
    each = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")  # S * B
    return each.view(targets.shape).mean(dim=1)


def expected_losses(logits: Tensor, law: Tensor) -> Tensor:
    """Returns the mean expected cross-entropy per seed, (S,), for targets from the law (V,) whatever the input."""
    return (logits.logsumexp(dim=2) - logits @ law).mean(dim=1)
