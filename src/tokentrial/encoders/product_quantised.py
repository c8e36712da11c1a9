"""Product quantisation of the trained full table: each row is a few indices into codebooks of sub-vectors."""

import numpy as np
import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, Stored, gather
from tokentrial.encoders.options import whole_number
from tokentrial.errors import InputError
from tokentrial.seeds import stream

# ASSUME: Lloyd's algorithm stops where no code changes, or after 25 iterations, the default of the Faiss library.
ITERATIONS = 25
CHUNK = 1 << 17  # distances held at once, 1 MiB: they stay in the CPU's cache


class ProductQuantised(Encoder):
    """x = the centroids of code[i], side by side (Jegou et al. 2011, section II; Chen et al. 2020 for tables).

    groups: G, the number of sub-vectors of a row; centroids: K per group, from k-means over the rows of the trained
    table, in which all tokens count equally.
    """

    after_training = True

    def __init__(self, vocab_size: int, width: int, full_width: int, groups: int, centroids: int = 256) -> None:
        super().__init__(vocab_size, width, full_width)
        self.groups = whole_number("product_quantised", "groups", groups, 1, full_width)
        if full_width % groups:
            raise InputError(
                f"config: arms: product_quantised groups: found {groups}, expected a divisor of full_width {full_width}"
            )
        self.centroids = whole_number("product_quantised", "centroids", centroids, 2, vocab_size)

    @property
    def output_width(self) -> int:
        return self.full_width

    @property
    def code_bits(self) -> int:
        """Bits of a code: log2 K, rounded up."""
        return (self.centroids - 1).bit_length()

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        quantised = [
            self._codebooks(table, context.seed, replicate)
            for table, replicate in zip(context.trained_table(), context.replicates, strict=True)
        ]
        codes, codebooks = (torch.stack(values).to(context.device) for values in zip(*quantised, strict=True))
        return {}, {"codes": codes, "codebooks": codebooks}  # (S, V, G), (S, G*K, D/G)

    def _codebooks(self, table: Tensor, seed: int, replicate: int) -> tuple[Tensor, Tensor]:
        """Returns codes (V, G) and codebooks (G*K, D/G) of one seed's table (V, D).

        Computed on the CPU in float64, wherever the training runs: a sum over clusters has no fixed order on a GPU.
        """
        parts = table.detach().cpu().double().chunk(self.groups, dim=1)
        clustered = [
            kmeans(part.contiguous(), self.centroids, stream(seed, "init", "product_quantised", replicate, group))
            for group, part in enumerate(parts)
        ]
        codes = torch.stack([codes for codes, _ in clustered], dim=1)
        narrow = torch.uint8 if self.centroids <= 256 else torch.int32
        return codes.to(narrow), torch.cat([centroids for _, centroids in clustered]).float()

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        first = torch.arange(self.groups, device=ids.device) * self.centroids  # first row of each group's codebook
        rows = gather(parameters["codes"], ids).long() + first  # (S, B, L, G)
        return gather(parameters["codebooks"], rows).flatten(-2)  # (S, B, L, G, D/G) -> (S, B, L, D)

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of the trained table and of the codebooks that replace its rows."""
        return {"embedding": self.vocab_size * self.full_width, "encoder": self.centroids * self.full_width}

    def trained_count(self) -> int:
        """The V*D numbers of the table; codes and codebooks come from k-means and receive no gradient."""
        return self.vocab_size * self.full_width

    def bits_deployed(self) -> int:
        """log2 K bits, rounded up, for each of V*G codes, and 32 bits for each number of the codebooks."""
        return self.vocab_size * self.groups * self.code_bits + 32 * self.centroids * self.full_width

    def deployed(self, parameters: Parameters) -> dict[str, Stored]:
        return super().deployed(parameters) | {"codes": Stored(parameters["codes"], self.code_bits)}


def kmeans(points: Tensor, clusters: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Returns codes (N,) and centroids (clusters, d) of points (N, d): Lloyd's algorithm from a k-means++ start."""
    centroids = points[spread_start(points, clusters, rng)]
    codes, distances = nearest(points, centroids)
    for _ in range(ITERATIONS):
        centroids = means(points, codes, distances, centroids)
        before = codes
        codes, distances = nearest(points, centroids)
        if torch.equal(codes, before):
            break
    return codes, centroids


def spread_start(points: Tensor, clusters: int, rng: np.random.Generator) -> Tensor:
    """Returns indices (clusters,) of starting points, each drawn by its squared distance to those before it.

    This is k-means++ (Arthur and Vassilvitskii 2007). If all points are already taken, the remaining indices repeat one
    of them.
    """
    chosen = [int(rng.integers(len(points)))]
    distances = torch.full((len(points),), torch.inf, dtype=points.dtype)
    for draw in rng.random(clusters - 1):
        distances = torch.minimum(distances, (points - points[chosen[-1]]).square().sum(1))
        cumulated = distances.cumsum(0)
        at = torch.searchsorted(cumulated, float(draw) * cumulated[-1], right=True)
        chosen.append(min(int(at), len(points) - 1))
    return torch.tensor(chosen)


def nearest(points: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """Returns each point's nearest centroid (N,), the first of equals, and its squared distance (N,) from the point."""
    lengths = centroids.square().sum(1)
    minima = [
        # the point's own length is the same for every centroid
        torch.addmm(lengths, rows, centroids.mT, alpha=-2).min(1)
        for rows in torch.split(points, max(1, CHUNK // len(centroids)))
    ]
    codes = torch.cat([part.indices for part in minima])
    return codes, (points - centroids[codes]).square().sum(1)


def means(points: Tensor, codes: Tensor, distances: Tensor, centroids: Tensor) -> Tensor:
    """Returns the mean of each cluster's points; an empty cluster moves to the point farthest from its centroid.

    Several empty clusters take the several farthest points. If every point lies on a centroid, none moves.
    """
    sizes = torch.bincount(codes, minlength=len(centroids))
    sums = torch.zeros_like(centroids).index_add_(0, codes, points)
    moved = torch.where(sizes.unsqueeze(1) > 0, sums / sizes.clamp_min(1).unsqueeze(1), centroids)
    empty = torch.nonzero(sizes == 0).flatten()
    worst = distances.topk(min(len(empty), len(points))).indices
    worst = worst[distances[worst] > 0]
    moved[empty[: len(worst)]] = points[worst]
    return moved
