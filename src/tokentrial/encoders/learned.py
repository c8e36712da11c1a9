"""The learned encoding of documents 000 to 002: one V x d_c table, trained with the task."""

from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, gather


class Learned(Encoder):
    """A trainable table of d_c numbers per token (document 001, section 3.2.1)."""

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        table = context.normal("table", self.vocab_size, self.width) * context.initial_scale
        return {"table": table}, {}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        return gather(parameters["table"], ids)

    def parameter_counts(self) -> dict[str, int]:
        return {"embedding": self.vocab_size * self.width}
