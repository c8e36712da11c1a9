"""Adam for seeds as a batch dimension, with a learning rate for each part of the batch."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.optim.adam import adam

# The fused kernel processes this many numbers at a time, or a divisor of it, and rounds the remainder differently.
LANES = 16


class Adam:
    """Kingma and Ba 2015, algorithm 1, with the weight decay of Loshchilov and Hutter 2019, algorithm 2.

    parameters: tensors whose first axis is the seed; torch's fused kernel updates them in place. With R rates, the
    first axis holds R blocks of seeds, one after the other, each with its own rate; torch.optim.Adam offers separate
    rates only for separate tensors. During the update, a seed's numbers are padded with zeros to a multiple of LANES,
    so that its bits do not depend on the other seeds.
    """

    eps = 1e-8

    def __init__(
        self, parameters: Sequence[Tensor], betas: tuple[float, float] = (0.9, 0.999), weight_decay: float = 0.0
    ) -> None:
        self.parameters, self.betas, self.weight_decay = list(parameters), betas, weight_decay
        self.first = [torch.zeros_like(filled(value)) for value in self.parameters]
        self.second = [torch.zeros_like(value) for value in self.first]
        self.count = 0

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], learning_rates: float | Sequence[float]) -> None:
        """Does one update; learning_rates: one for all, or one for each of the equal blocks of the first axis."""
        rates = [learning_rates] if isinstance(learning_rates, float | int) else list(learning_rates)
        updated = [filled(value) for value in self.parameters]
        operands = (updated, [filled(value) for value in gradients], self.first, self.second)
        for block, rate in enumerate(rates):
            values, slopes, first, second = ([each.chunk(len(rates))[block] for each in those] for those in operands)
            adam(
                *(
                    values,
                    slopes,
                    first,
                    second,
                    [],
                    [each.new_tensor(self.count, dtype=torch.float32) for each in values],
                ),
                fused=True,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=rate,
                weight_decay=self.weight_decay,
                eps=self.eps,
                maximize=False,
                decoupled_weight_decay=True,
            )
        self.count += 1
        for value, new in zip(self.parameters, updated, strict=True):
            if new.data_ptr() != value.data_ptr():
                value.copy_(new[:, : value[0].numel()].view_as(value))


def filled(value: Tensor) -> Tensor:
    """Returns each seed's numbers as a row, (S, n): a view if their number is a multiple of LANES, else a copy."""
    rows = value.detach().contiguous().flatten(1)
    rest = -rows.shape[1] % LANES
    return pad(rows, (0, rest)) if rest else rows


def linear_decay(step: int, steps: int, constant_share: float = 0.5) -> float:
    """Returns the factor on the learning rate: 1 for ``constant_share`` of the steps, then falling linearly to 0."""
    return min(1.0, (steps - step) / (steps * (1 - constant_share)))
