"""Quotient-remainder embedding: a token's vector combines two rows of two small tables; no two tokens share both."""

import math

from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, gather
from tokentrial.encoders.options import whole_number
from tokentrial.errors import InputError

COMBINATIONS = ("multiply", "add")


class QuotientRemainder(Encoder):
    """x = Q[i div m] * R[i mod m] or their sum, both tables trained (Shi et al. 2019, arXiv 1909.02107, section 2).

    buckets: m, rows of R; Q has ceil(V/m) rows. Both are D wide: rows are saved, and ``width`` is not used.
    combine: ``multiply`` (element by element) or ``add``.
    """

    def __init__(self, vocab_size: int, width: int, full_width: int, buckets: int, combine: str = "multiply") -> None:
        super().__init__(vocab_size, width, full_width)
        self.buckets = whole_number("quotient_remainder", "buckets", buckets, 1, vocab_size)
        if combine not in COMBINATIONS:
            expected = " or ".join(COMBINATIONS)
            raise InputError(f"config: arms: quotient_remainder combine: found {combine!r}, expected {expected}")
        self.combine = combine

    @property
    def output_width(self) -> int:
        return self.full_width

    @property
    def quotients(self) -> int:
        """Rows of Q."""
        return -(-self.vocab_size // self.buckets)

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        scale = context.initial_scale  # the standard deviation that the combined vectors should have
        each = math.sqrt(scale) if self.combine == "multiply" else scale / math.sqrt(2)
        quotient = context.normal("quotient", self.quotients, self.full_width) * each
        remainder = context.normal("remainder", self.buckets, self.full_width) * each
        return {"quotient": quotient, "remainder": remainder}, {}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        quotient = gather(parameters["quotient"], ids // self.buckets)
        remainder = gather(parameters["remainder"], ids % self.buckets)
        return quotient * remainder if self.combine == "multiply" else quotient + remainder

    def parameter_counts(self) -> dict[str, int]:
        return {"embedding": (self.quotients + self.buckets) * self.full_width}

    def bits_deployed(self) -> int:
        return 32 * (self.quotients + self.buckets) * self.full_width
