"""Task models: from the vectors of a sequence to next-token logits, for all seeds of an arm at once.

The released models have no biases (protocols A1, A3, A6). Without one, a code whose mean is zero cannot express even
the unigram distribution, so the fair arms may have an output bias (``bias``). ``context`` says what a task model can
see of the input, the current ``token`` or the whole ``history``, and so which floor bounds it.

A task model is ``features`` of the vectors, then one linear map to the logits. ``features_of_table`` computes the same
from a table of all V vectors: what the first layer makes of a token is then computed once for each token, not once for
each place where the token stands.

Shapes: S seeds, B sequences, L input tokens, T predictions of a sequence, d encoder width, h features, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Parameters, gather
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

    def features(self, weights: Parameters, vectors: Tensor) -> Tensor:
        return vectors.mean(2)  # (S, B, d)

    def features_of_table(self, weights: Parameters, table: Tensor, ids: Tensor) -> Tensor:
        return gather(table, ids).mean(2)  # (S, B, d)


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

    def features(self, weights: Parameters, vectors: Tensor) -> Tensor:
        return torch.relu(vectors.flatten(1, 2) @ weights["hidden"])  # (S, B*L, h)

    def features_of_table(self, weights: Parameters, table: Tensor, ids: Tensor) -> Tensor:
        return gather(torch.relu(table @ weights["hidden"]), ids).flatten(1, 2)  # (S, B*L, h)


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

    def features(self, weights: Parameters, vectors: Tensor) -> Tensor:
        return torch.relu(vectors.flatten(2) @ weights["hidden"])  # (S, B, h)

    def features_of_table(self, weights: Parameters, table: Tensor, ids: Tensor) -> Tensor:
        """Each place has a map of its own, so a token has L rows, and a sequence adds up one row of each place."""
        seeds, vocab_size, width = table.shape
        maps = weights["hidden"].view(seeds, self.length, width, self.hidden)
        rows = table.unsqueeze(1) @ maps  # (S, L, V, h)
        places = ids + torch.arange(self.length, device=ids.device) * vocab_size
        return torch.relu(gather(rows.flatten(1, 2), places).sum(2))  # (S, B, h)


def _bias(head: "Head") -> dict[str, tuple[int, int]]:
    return {"bias": (1, head.vocab_size)} if head.bias else {}


def output(weights: Parameters, features: Tensor) -> Tensor:
    """Logits (S, N, V) from features (S, N, h)."""
    if "bias" in weights:
        return torch.baddbmm(weights["bias"], features, weights["output"])
    return features @ weights["output"]


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
