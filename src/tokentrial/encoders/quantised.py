"""Uniform quantisation of the trained full table: b bits per number and one scale per row."""

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, Stored, gather
from tokentrial.encoders.options import whole_number


class Quantised(Encoder):
    """x = scale[i] * code[i]; codes are whole numbers in +-m, m = 2^(b-1) - 1; scale = the row's largest magnitude / m.

    Symmetric, round to nearest: no number is off by more than half its row's scale, unless ``clip`` cuts it. bits: b,
    from 2 to 8; clip: standard deviations of a row for which its largest code stands, at most. In memory a code takes
    8 bits for any b; ``bits_deployed`` counts packed codes (May et al. 2019, arXiv 1909.01264: the simple uniform code
    as baseline).
    """

    after_training = True

    def __init__(self, vocab_size: int, width: int, full_width: int, bits: int, clip: float | None = None) -> None:
        super().__init__(vocab_size, width, full_width)
        self.bits = whole_number("quantised", "bits", bits, 2, 8)
        self.clip = clip

    @property
    def output_width(self) -> int:
        return self.full_width

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        codes, scales = quantise(context.trained_table(), self.bits, self.clip)
        return {}, {"codes": codes, "scales": scales}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        scales = gather(parameters["scales"], ids)  # (S, B, L, 1)
        return gather(parameters["codes"], ids).to(scales.dtype) * scales

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of the trained table and of the scales of its codes."""
        return {"embedding": self.vocab_size * self.full_width, "encoder": self.vocab_size}

    def trained_count(self) -> int:
        """The V*D numbers of the table; codes and scales follow from them and receive no gradient."""
        return self.vocab_size * self.full_width

    def bits_deployed(self) -> int:
        return self.vocab_size * self.full_width * self.bits + 32 * self.vocab_size

    def deployed(self, parameters: Parameters) -> dict[str, Stored]:
        return super().deployed(parameters) | {"codes": Stored(parameters["codes"], self.bits)}


def quantise(table: Tensor, bits: int, clip: float | None = None) -> tuple[Tensor, Tensor]:
    """Returns codes (S, V, D) int8 and scales (S, V, 1) float32 of a table (S, V, D); a row of zeros has scale 0."""
    largest = 2 ** (bits - 1) - 1
    reach = table.abs().amax(-1, keepdim=True)
    if clip is not None:
        reach = torch.minimum(reach, clip * table.std(-1, correction=0, keepdim=True))
    scales = reach / largest
    divisors = torch.where(scales == 0, torch.ones_like(scales), scales)
    # float64, so that the code is nearest to the exact quotient and not to a rounded one
    codes = (table.double() / divisors.double()).round().clamp(-largest, largest)
    return codes.to(torch.int8), scales
