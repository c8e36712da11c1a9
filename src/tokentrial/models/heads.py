"""Task models: from the vectors of a sequence to next-token logits, for all seeds of an arm at once.

The released models have no biases (protocols A1, A3, A6). Without an output bias, a code whose mean is zero cannot
express even the unigram distribution, so the fair arms may have one (``bias``). ``context`` is the part of the input
that a task model sees, the current ``token`` or the whole ``history``; it determines the floor.

A task model is ``features`` of the vectors, then one linear map to the logits. ``features_of_table`` computes the same
features from a table of all V vectors: the first layer's result is then computed once per token, not once per place of
the token.

Shapes: S seeds, B sequences, L input tokens, T predictions of a sequence, d encoder width, h features, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Parameters, gather, gather_sum
from tokentrial.errors import InputError


@dataclass(frozen=True)
class MeanPool:
    """Mean of the token vectors, then a linear map (document 000; protocol A6). This head cannot see the order."""

    vocab_size: int
    width: int
    length: int
    hidden: int
    bias: bool
    context = "history"

    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"output": (self.width, self.vocab_size)} | _bias(self)

    def features(self, weights: Parameters, vectors: Tensor) -> Tensor:
        return vectors.mean(2)  # (S, B, d)

    def features_of_table(self, weights: Parameters, table: Tensor, ids: Tensor) -> Tensor:
        return gather_sum(table, ids) / ids.shape[2]  # (S, B, d)


@dataclass(frozen=True)
class TokenMlp:
    """d -> hidden -> V at each position, from only the token there (documents 001, 002; protocols A1, A3)."""

    vocab_size: int
    width: int
    length: int
    hidden: int
    bias: bool
    context = "token"

    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"hidden": (self.width, self.hidden), "output": (self.hidden, self.vocab_size)} | _bias(self)

    def features(self, weights: Parameters, vectors: Tensor) -> Tensor:
        return torch.relu(vectors.flatten(1, 2) @ weights["hidden"])  # (S, B*L, h)

    def features_of_table(self, weights: Parameters, table: Tensor, ids: Tensor) -> Tensor:
        return gather(torch.relu(table @ weights["hidden"]), ids).flatten(1, 2)  # (S, B*L, h)


@dataclass(frozen=True)
class WindowMlp:
    """All L vectors side by side -> hidden -> V. Sees the order (Bengio et al. 2003, section 2, without shortcuts)."""

    vocab_size: int
    width: int
    length: int
    hidden: int
    bias: bool
    context = "history"

    def shapes(self) -> dict[str, tuple[int, int]]:
        shapes = {"hidden": (self.length * self.width, self.hidden), "output": (self.hidden, self.vocab_size)}
        return shapes | _bias(self)

    def features(self, weights: Parameters, vectors: Tensor) -> Tensor:
        return torch.relu(vectors.flatten(2) @ weights["hidden"])  # (S, B, h)

    def features_of_table(self, weights: Parameters, table: Tensor, ids: Tensor) -> Tensor:
        """Each place has its own map, so a token has L rows, and a sequence sums one row per place."""
        seeds, vocab_size, width = table.shape
        maps = weights["hidden"].view(seeds, self.length, width, self.hidden)
        rows = table.unsqueeze(1) @ maps  # (S, L, V, h)
        places = ids + torch.arange(self.length, device=ids.device) * vocab_size
        return torch.relu(gather_sum(rows.flatten(1, 2), places))  # (S, B, h)


def _bias(head: "Head") -> dict[str, tuple[int, int]]:
    return {"bias": (1, head.vocab_size)} if head.bias else {}


def output(weights: Parameters, features: Tensor) -> Tensor:
    """Returns logits (S, N, V) of features (S, N, h)."""
    if "bias" in weights:
        return torch.baddbmm(weights["bias"], features, weights["output"])
    return features @ weights["output"]


Head = MeanPool | TokenMlp | WindowMlp
HEADS: dict[str, type[Head]] = {"mean_pool": MeanPool, "token_mlp": TokenMlp, "window_mlp": WindowMlp}


def build(name: str, vocab_size: int, width: int, length: int, hidden: int, bias: bool) -> Head:
    """Returns the task model of this name; raises InputError for an unknown name."""
    if name not in HEADS:
        raise InputError(f"config: head '{name}' is unknown; expected one of {', '.join(HEADS)}")
    return HEADS[name](vocab_size, width, length, hidden, bias)


def initialise(head: Head, context: Context, scale: float | None) -> Parameters:
    """Draws weights (S, in, out): N(0, scale^2) as released, or torch.nn.Linear's law if scale is None. Biases are 0.

    Only the layer names its stream, so arms whose layers have the same shape start from the same numbers.
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
    """Number of weights of one seed's task model."""
    return sum(rows * columns for rows, columns in head.shapes().values())
