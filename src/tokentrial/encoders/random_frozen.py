"""A frozen random table: the control that shows how much training an encoding adds to an arbitrary code."""

from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, gather


class RandomFrozen(Encoder):
    """The learned encoding's initial table, never updated."""

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        table = context.normal("table", self.vocab_size, self.width) * context.initial_scale
        return {}, {"table": table}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        return gather(parameters["table"], ids)

    def parameter_counts(self) -> dict[str, int]:
        return {"embedding": self.vocab_size * self.width}

    def trained_count(self) -> int:
        return 0
