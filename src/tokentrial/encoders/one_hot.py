"""Frozen identity codes: each token is its own unit vector, which carries only the token's identity."""

from torch import Tensor
from torch.nn.functional import one_hot

from tokentrial.encoders.base import Context, Encoder, Parameters


class OneHot(Encoder):
    """V numbers per token, one of them 1 (document 001, section 1.1: 'identity but not signal'); nothing is stored."""

    @property
    def output_width(self) -> int:
        return self.vocab_size

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        return {}, {}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        return one_hot(ids, self.vocab_size).float()

    def parameter_counts(self) -> dict[str, int]:
        return {}

    def bits_deployed(self) -> int:
        return 0
