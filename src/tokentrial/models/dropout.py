"""Dropout for all layers of a step, from one draw of random bits.

On a CPU, ``bernoulli_`` took a tenth of a training step; one draw of 16 bits per number takes a fifth of that time.
"""

import math

import torch
from torch import Tensor

LEVELS = 1 << 16  # a rate is rounded to a multiple of 1 / LEVELS: 0.1 is 0.100006


class Masks:
    """Factors for ``count`` numbers, each 0 with probability ``rate`` and otherwise 1 / (1 - rate).

    The bits come from torch's global generator. The same count after the same seed gives the same factors.
    """

    def __init__(self, rate: float, count: int, device: torch.device) -> None:
        cut = min(round(rate * LEVELS), LEVELS - 1)
        bits = torch.empty(math.ceil(count / 4), dtype=torch.int64, device=device).random_(-(2**63), None)
        pairs = bits.view(torch.int32)
        factors = pairs.new_empty(2, len(pairs))
        # The upper 16 bits of each pair decide one number, the lower 16 bits another.
        lowest = (cut - LEVELS // 2) * LEVELS  # smallest signed integer that is kept
        torch.ge(pairs, lowest, out=factors[0])
        torch.ge(pairs << 16, lowest, out=factors[1])
        # 0 or 1 times the bits of a float are the bits of 0.0 or of the float: no pass is needed to convert them.
        kept_bits = torch.tensor(LEVELS / (LEVELS - cut), dtype=torch.float32).view(torch.int32).item()
        self._factors = factors.mul_(kept_bits).view(torch.float32).flatten()
        self._used, self._count = 0, count

    def drop(self, values: Tensor) -> Tensor:
        """Returns ``values`` times the next factors, one factor per value."""
        return values * self.take(values.shape)

    def take(self, shape: torch.Size) -> Tensor:
        """Returns the next factors in this shape; raises IndexError if too few are left."""
        end = self._used + shape.numel()
        if end > self._count:
            raise IndexError(f"dropout: found {self._count} factors, expected at least {end}")
        factors = self._factors[self._used : end].view(shape)
        self._used = end
        return factors
