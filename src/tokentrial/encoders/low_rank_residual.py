"""The trained full table as a few dimensions and, in few bits, what these leave of it."""

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, Stored, gather
from tokentrial.encoders.options import whole_number
from tokentrial.encoders.quantised import quantise
from tokentrial.encoders.svd import low_rank


class LowRankResidual(Encoder):
    """x = A[i] B + scale[i] code[i]: the count-weighted SVD of ``rank`` dimensions, and its remainder in ``bits`` bits.

    The remainder is rounded as in :class:`Quantised`; clip: see there.
    """

    after_training = True

    def __init__(
        self, vocab_size: int, width: int, full_width: int, rank: int, bits: int, clip: float | None = None
    ) -> None:
        super().__init__(vocab_size, width, full_width)
        self.rank = whole_number("low_rank_residual", "rank", rank, 1, full_width)
        self.bits = whole_number("low_rank_residual", "bits", bits, 2, 8)
        self.clip = clip

    @property
    def output_width(self) -> int:
        return self.full_width

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        tables, weights = context.trained_table(), context.counts.clamp_min(1)
        # on the CPU, wherever the training runs: another library may flip the sign of a direction
        pairs = [low_rank(table, weight, self.rank) for table, weight in zip(tables.cpu(), weights.cpu(), strict=True)]
        table, directions = (torch.stack(values).to(context.device) for values in zip(*pairs, strict=True))
        codes, scales = quantise(tables - table @ directions, self.bits, self.clip)
        return {}, {"table": table, "directions": directions, "codes": codes, "scales": scales}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        seeds, batch, length = ids.shape
        low = gather(parameters["table"], ids).view(seeds, batch * length, self.rank) @ parameters["directions"]
        scales = gather(parameters["scales"], ids)  # (S, B, L, 1)
        return low.view(*ids.shape, self.full_width) + gather(parameters["codes"], ids).to(scales.dtype) * scales

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of the trained table, and of directions, coordinates and scales that replace its rows."""
        own = self.rank * (self.vocab_size + self.full_width) + self.vocab_size
        return {"embedding": self.vocab_size * self.full_width, "encoder": own}

    def trained_count(self) -> int:
        """The V*D numbers of the table; all others follow from them and receive no gradient."""
        return self.vocab_size * self.full_width

    def bits_deployed(self) -> int:
        return 32 * self.parameter_counts()["encoder"] + self.bits * self.vocab_size * self.full_width

    def deployed(self, parameters: Parameters) -> dict[str, Stored]:
        return super().deployed(parameters) | {"codes": Stored(parameters["codes"], self.bits)}
