"""Task models: from the vectors of a sequence to next-token logits, for all seeds of an arm at once.

The released models have no biases (protocols A1, A3, A6). Without one, a code whose mean is zero cannot express even
the unigram distribution, so the fair arms may have an output bias (``bias``). ``context`` says what a task model can
see of the input, the current ``token`` or the whole ``history``, and so which floor bounds it.

Shapes: S seeds, B sequences, L input tokens, d encoder width, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Parameters
from tokentrial.errors import InputError


@dataclass(frozen=True)
class MeanPool:
    """Mean of the token vectors, then a linear map (document 000; protocol A6). It cannot see the order."""

    vocab_size: int
    width: int
    length: int
    hidden: int
    bias: bool
    context = "history"

    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"output": (self.width, self.vocab_size)} | _bias(self)

    def forward(self, weights: Parameters, vectors: Tensor) -> Tensor:
        return output(weights, vectors.mean(2)).unsqueeze(2)  # (S, B, 1, V)


@dataclass(frozen=True)
class TokenMlp:
    """d -> hidden -> V at each position, from that position's token alone (documents 001, 002; protocols A1, A3)."""

    vocab_size: int
    width: int
    length: int
    hidden: int
    bias: bool
    context = "token"

    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"hidden": (self.width, self.hidden), "output": (self.hidden, self.vocab_size)} | _bias(self)

    def forward(self, weights: Parameters, vectors: Tensor) -> Tensor:
        seeds, batch, length, width = vectors.shape
        flat = vectors.reshape(seeds, batch * length, width)
        logits = output(weights, torch.relu(flat @ weights["hidden"]))  # (S, B*L, V)
        return logits.view(seeds, batch, length, self.vocab_size)


@dataclass(frozen=True)
class WindowMlp:
    """All L vectors side by side -> hidden -> V: sees the order (Bengio et al. 2003, section 2, without shortcuts)."""

    vocab_size: int
    width: int
    length: int
    hidden: int
    bias: bool
    context = "history"

    def shapes(self) -> dict[str, tuple[int, int]]:
        shapes = {"hidden": (self.length * self.width, self.hidden), "output": (self.hidden, self.vocab_size)}
        return shapes | _bias(self)

    def forward(self, weights: Parameters, vectors: Tensor) -> Tensor:
        flat = vectors.flatten(2)  # (S, B, L*d)
        return output(weights, torch.relu(flat @ weights["hidden"])).unsqueeze(2)  # (S, B, 1, V)


def _bias(head: "Head") -> dict[str, tuple[int, int]]:
    return {"bias": (1, head.vocab_size)} if head.bias else {}


def output(weights: Parameters, features: Tensor) -> Tensor:
    """Logits (S, N, V) from features (S, N, width of the last layer)."""
    logits = features @ weights["output"]
    return logits + weights["bias"] if "bias" in weights else logits


Head = MeanPool | TokenMlp | WindowMlp
HEADS: dict[str, type[Head]] = {"mean_pool": MeanPool, "token_mlp": TokenMlp, "window_mlp": WindowMlp}


def build(name: str, vocab_size: int, width: int, length: int, hidden: int, bias: bool) -> Head:
    """The task model of this name; raises InputError for an unknown one."""
    if name not in HEADS:
        raise InputError(f"config: head '{name}' is unknown; expected one of {', '.join(HEADS)}")
    return HEADS[name](vocab_size, width, length, hidden, bias)


def initialise(head: Head, context: Context, scale: float | None) -> Parameters:
    """Weights (S, in, out): N(0, scale^2) as released, or torch.nn.Linear's law where scale is None; biases zero.

    The streams are named by the layer alone, so arms whose layers have the same shape start from the same numbers.
    """
    weights = {}
    for name, shape in head.shapes().items():
        if name == "bias":
            weights[name] = torch.zeros(len(context.replicates), *shape, device=context.device)
        elif scale is None:
            weights[name] = context.linear(f"head_{name}", *shape)
        else:
            weights[name] = context.normal(f"head_{name}", *shape) * scale
    return weights


def parameter_count(head: Head) -> int:
    """Weights of one seed's task model."""
    return sum(rows * columns for rows, columns in head.shapes().values())
