"""The uncompressed table: D numbers per token, trained with the task. Compressed arms are compared with this table."""

from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, gather


class Full(Encoder):
    """A trainable V x D table; the task model sees all D numbers."""

    @property
    def output_width(self) -> int:
        return self.full_width

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        table = context.normal("full_table", self.vocab_size, self.full_width) * context.initial_scale
        return {"table": table}, {}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        return gather(parameters["table"], ids)

    def parameter_counts(self) -> dict[str, int]:
        return {"embedding": self.vocab_size * self.full_width}

    def bits_deployed(self) -> int:
        return 32 * self.vocab_size * self.full_width
