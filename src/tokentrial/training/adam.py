"""Adam for seeds as a batch dimension, with a learning rate that may differ between members of the batch."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Adam:
    """Kingma and Ba 2015, algorithm 1. Equal to torch.optim.Adam (tested); exists because torch's takes one rate only.

    parameters: tensors whose first axis is the seed; updated in place.
    """

    betas = (0.9, 0.999)
    eps = 1e-8

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = list(parameters)
        self.first = [torch.zeros_like(value) for value in self.parameters]
        self.second = [torch.zeros_like(value) for value in self.parameters]
        self.count = 0

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], learning_rate: float | Tensor) -> None:
        """One update; learning_rate is a number or one rate per batch member, (S,)."""
        self.count += 1
        beta1, beta2 = self.betas
        first_correction, second_correction = 1 - beta1**self.count, 1 - beta2**self.count
        for value, gradient, first, second in zip(self.parameters, gradients, self.first, self.second, strict=True):
            first.lerp_(gradient, 1 - beta1)
            second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            update = first / (second.div(second_correction).sqrt_().add_(self.eps)).mul_(first_correction)
            if isinstance(learning_rate, Tensor):
                value.sub_(update.mul_(learning_rate.view(-1, *[1] * (value.dim() - 1))))
            else:
                value.sub_(update, alpha=learning_rate)


def linear_decay(step: int, steps: int, constant_share: float = 0.5) -> float:
    """Factor on the learning rate: 1 for the first half of the steps, then falling linearly to 0."""
    return min(1.0, (steps - step) / (steps * (1 - constant_share)))
