"""Factorised embedding (ALBERT): a V x d_c table and a d_c x D projection, so that the task model keeps its width."""

from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, gather


class Factorised(Encoder):
    """x = A[i] B with A (V, d_c), B (d_c, D), both trained (Lan et al. 2020, arXiv 1909.11942, section 3.1)."""

    @property
    def output_width(self) -> int:
        return self.full_width

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        table = context.normal("table", self.vocab_size, self.width) * context.initial_scale
        return {"table": table, "projection": context.linear("projection", self.width, self.full_width)}, {}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        """Maps all V codes and looks vectors up, or maps the codes of the batch, whichever is less work."""
        if self.vocab_size <= ids[0].numel():
            return gather(parameters["table"] @ parameters["projection"], ids)
        codes = gather(parameters["table"], ids).flatten(1, 2)  # (S, B*L, d_c)
        return (codes @ parameters["projection"]).view(*ids.shape, self.full_width)

    def parameter_counts(self) -> dict[str, int]:
        return {"embedding": self.vocab_size * self.width, "encoder": self.width * self.full_width}

    def bits_deployed(self) -> int:
        return 32 * (self.vocab_size * self.width + self.width * self.full_width)
