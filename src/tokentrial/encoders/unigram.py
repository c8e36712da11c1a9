"""A model that cannot see its input: all tokens have the same code, so it can at best learn the unigram."""

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters


class Unigram(Encoder):
    """The constant 1 for every token; the task model learns the marginal distribution of the targets."""

    @property
    def output_width(self) -> int:
        return 1

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        return {}, {}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        return torch.ones(*ids.shape, 1, device=ids.device)

    def parameter_counts(self) -> dict[str, int]:
        return {}

    def bits_deployed(self) -> int:
        return 0
