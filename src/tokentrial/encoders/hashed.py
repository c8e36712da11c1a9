"""Hash embeddings: tokens share a small pool of rows; each token's vector is a weighted sum of its few hashed rows."""

import math

import numpy as np
import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, Stored, gather
from tokentrial.encoders.options import whole_number
from tokentrial.seeds import stream

PRIME = 2**31 - 1  # above any token id, and small enough that a*i + b stays exact in 64 bits


class Hashed(Encoder):
    """x = sum_j w[i, j] P[h_j(i)], pool P and importance weights w trained (Svenstrup et al. 2017, section 3).

    buckets: B, rows of P; hashes: k. P is D wide: rows are saved, and ``width`` is not used. The hash functions are
    Carter and Wegman's (1979) h(i) = ((a i + b) mod p) mod B, drawn once per seed.
    """

    def __init__(self, vocab_size: int, width: int, full_width: int, buckets: int, hashes: int = 2) -> None:
        super().__init__(vocab_size, width, full_width)
        self.buckets = whole_number("hashed", "buckets", buckets, 1, vocab_size)
        self.hashes = whole_number("hashed", "hashes", hashes, 1, self.buckets)

    @property
    def output_width(self) -> int:
        return self.full_width

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        # ASSUME: importance weights start as standard normal draws, so that tokens that share a row differ from the
        # start; the pool's scale then gives the summed vectors the standard deviation of every other arm's table.
        pool = context.normal("hash_pool", self.buckets, self.full_width)
        weights = context.normal("hash_weights", self.vocab_size, self.hashes)
        trainable = {"pool": pool * (context.initial_scale / math.sqrt(self.hashes)), "weights": weights}
        functions = [hash_functions(context.seed, replicate, self.hashes) for replicate in context.replicates]
        return trainable, {"functions": torch.stack(functions).to(context.device)}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        factor, offset = parameters["functions"].view(-1, 1, 1, 2, self.hashes).unbind(-2)  # (S, 1, 1, k) each
        rows = (ids.unsqueeze(-1) * factor + offset) % PRIME % self.buckets  # (S, B, L, k)
        weights = gather(parameters["weights"], ids)  # (S, B, L, k)
        return (gather(parameters["pool"], rows) * weights.unsqueeze(-1)).sum(-2)

    def parameter_counts(self) -> dict[str, int]:
        return {"embedding": self.buckets * self.full_width + self.vocab_size * self.hashes}

    def bits_deployed(self) -> int:
        """Bits of pool and weights, and of two 32-bit numbers per hash function."""
        return 32 * (self.buckets * self.full_width + self.vocab_size * self.hashes + 2 * self.hashes)

    def deployed(self, parameters: Parameters) -> dict[str, Stored]:
        return super().deployed(parameters) | {"functions": Stored(parameters["functions"], 32)}


def hash_functions(seed: int, replicate: int, hashes: int) -> Tensor:
    """Draws factors and offsets (2, k) of one seed's hash functions from a separate stream; 0 < a < p, 0 <= b < p."""
    drawn = stream(seed, "init", "hash_functions", replicate).integers([[1], [0]], PRIME, size=(2, hashes))
    return torch.from_numpy(drawn.astype(np.int64))
