"""Initial weights of the released bespoke models: torch's default laws, from named streams per tensor and seed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokentrial.encoders.base import Parameters
from tokentrial.seeds import stream


@dataclass(frozen=True)
class Weights:
    """The streams of one model in one cell of a script; ``replicates`` are the seeds (S) of the batch."""

    seed: int
    cell: str
    model: str
    replicates: Sequence[int]

    def normal(self, tensor: str, *shape: int) -> Tensor:
        """Draws from N(0, 1), torch.nn.Embedding's law, (S, *shape)."""
        return self._stack(tensor, lambda generator: generator.standard_normal(shape, dtype=np.float32))

    def uniform(self, tensor: str, bound: float, *shape: int) -> Tensor:
        """Draws from U(-bound, bound), (S, *shape)."""
        return self._stack(tensor, lambda generator: generator.uniform(-bound, bound, shape).astype(np.float32))

    def linear(self, tensor: str, fan_in: int, fan_out: int, bias: bool) -> Parameters:
        """Draws ``<tensor>.weight`` (S, fan_in, fan_out) and, if ``bias``, ``<tensor>.bias`` (S, fan_out).

        Both follow torch.nn.Linear's law, U(+-1/sqrt(fan_in)).
        """
        bound = 1.0 / math.sqrt(fan_in)
        parameters = {f"{tensor}.weight": self.uniform(f"{tensor}.weight", bound, fan_in, fan_out)}
        if bias:
            parameters[f"{tensor}.bias"] = self.uniform(f"{tensor}.bias", bound, fan_out)
        return parameters

    def norm(self, tensor: str, width: int) -> Parameters:
        """Returns LayerNorm's initial weight 1 and bias 0, (S, width) each."""
        size = (len(self.replicates), width)
        return {f"{tensor}.weight": torch.ones(size), f"{tensor}.bias": torch.zeros(size)}

    def _stack(self, tensor: str, draw: Callable[[np.random.Generator], NDArray[np.float32]]) -> Tensor:
        names = ("bespoke", self.cell, "init", self.model, tensor)
        return torch.from_numpy(np.stack([draw(stream(self.seed, *names, k)) for k in self.replicates]))
