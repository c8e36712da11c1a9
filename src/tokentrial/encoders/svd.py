"""Truncated SVD of the trained full table: the best low-rank code that needs no further training."""

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, gather
from tokentrial.encoders.options import whole_number
from tokentrial.errors import InputError


class Svd(Encoder):
    """x = A[i] B, the rank-d_c matrix nearest to the trained table (Eckart and Young 1936), stored as its two factors.

    weighted: if true, rows count as often as their tokens occur, by the SVD of diag(sqrt p) A (Chen et al. 2018, arXiv
    1806.06950, without its blocks); else all rows count equally. Unlike :class:`Pca`, this encoder returns D numbers
    and does not centre the table.
    """

    after_training = True

    def __init__(self, vocab_size: int, width: int, full_width: int, weighted: bool = False) -> None:
        super().__init__(vocab_size, whole_number("svd", "width", width, 1, full_width), full_width)
        if not isinstance(weighted, bool):
            raise InputError(f"config: arms: svd weighted: found {weighted!r}, expected true or false")
        self.weighted = weighted

    @property
    def output_width(self) -> int:
        return self.full_width

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        # ASSUME: in the weighted SVD a token that the training text lacks counts as if it occurred once, so that its
        # row is approximated too and the leading directions exist where fewer tokens than d_c occur.
        weights = context.counts.clamp_min(1) if self.weighted else torch.ones_like(context.counts)
        # on the CPU, wherever the training runs: another library may flip the sign of a direction
        pairs = zip(context.trained_table().cpu(), weights.cpu(), strict=True)
        factors = [low_rank(table, weight, self.width) for table, weight in pairs]
        table, directions = (torch.stack(values).to(context.device) for values in zip(*factors, strict=True))
        return {}, {"table": table, "directions": directions}  # (S, V, d_c), (S, d_c, D)

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        seeds, batch, length = ids.shape
        codes = gather(parameters["table"], ids).view(seeds, batch * length, self.width)
        return (codes @ parameters["directions"]).view(seeds, batch, length, self.full_width)

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of the trained table and of the directions of its projection."""
        return {"embedding": self.vocab_size * self.full_width, "encoder": self.width * self.full_width}

    def trained_count(self) -> int:
        """The V*D numbers of the table; the factors follow from them in closed form and receive no gradient."""
        return self.vocab_size * self.full_width

    def bits_deployed(self) -> int:
        return 32 * (self.vocab_size * self.width + self.width * self.full_width)


def low_rank(table: Tensor, weights: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Returns factors (V, rank), (rank, D) that minimise sum_i w_i |a_i - (AB)_i|^2; table (V, D), weights (V,) > 0.

    The right singular vectors of diag(sqrt w) A are the eigenvectors of its D x D Gram matrix. Each row's best
    coefficients are its projections on these vectors, for any weight. Computed in float64.
    """
    exact = table.double()
    gram = exact.mT @ (exact * weights.double().unsqueeze(-1))
    directions = torch.linalg.eigh(gram).eigenvectors[:, -rank:].flip(-1)  # (D, rank), largest eigenvalue first
    return (exact @ directions).float(), directions.mT.float()
