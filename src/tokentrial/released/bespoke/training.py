"""The training loop of the released bespoke scripts: Adam at a constant rate, seeds as a batch, in small chunks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tokentrial.adam import Adam
from tokentrial.encoders.base import Parameters

CHUNK = 10  # seeds at once: their weights and Adam's two moments then fit the cache; no result depends on it

Reads = Callable[["Batch"], Mapping[str, Tensor]]
BeforeUpdate = Callable[[int, Tensor, Parameters], None]
AfterUpdate = Callable[[int, Parameters], None]


class Batch(NamedTuple):
    """Encoded windows (S, B, ...) and their targets (S, ...)."""

    inputs: Tensor
    targets: Tensor


class SkippingAdam:
    """Adam for parameters that some batches do not read.

    As in torch.optim.Adam, a parameter without a gradient is not updated: it does not move by its momentum, its moments
    do not decay, and the step does not count. ``read`` (S,) says for which seeds the batch reads the parameters; for
    the other seeds, the gradient is 0.
    """

    betas, eps = (0.9, 0.999), Adam.eps

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = list(parameters)
        self.first = [torch.zeros_like(value) for value in self.parameters]
        self.second = [torch.zeros_like(value) for value in self.parameters]
        self.counts = torch.zeros(len(self.parameters[0]), dtype=torch.float64)

    @torch.no_grad()
    def skipping_step(self, gradients: Sequence[Tensor], rate: float, read: Tensor) -> None:
        """Updates the seeds for which ``read`` is true."""
        self.counts += read
        beta1, beta2 = self.betas
        counts = self.counts.clamp(min=1)  # a seed that never read the parameters has zero moments
        states = zip(self.parameters, gradients, self.first, self.second, strict=True)
        for value, gradient, first, second in states:
            shape = (-1, *[1] * (value.dim() - 1))

            def per_seed(numbers: Tensor, like: Tensor = value, shape: tuple[int, ...] = shape) -> Tensor:
                return numbers.to(like.dtype).view(shape)

            first.lerp_(gradient, per_seed((1 - beta1) * read))
            second.mul_(per_seed(torch.where(read, beta2, 1.0))).addcmul_(gradient, gradient, value=1 - beta2)
            root = second.div(per_seed(1 - beta2**counts)).sqrt_().add_(self.eps)
            value.sub_(first / root * per_seed(rate * read / (1 - beta1**counts)))


def chunks(replicates: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yields the seeds in groups that train together."""
    for first in range(0, len(replicates), CHUNK):
        yield replicates[first : first + CHUNK]


def train(
    loss: Callable[[Parameters, Batch], Tensor],
    parameters: Parameters,
    names: Sequence[str],
    batches: Iterable[Batch],
    rate: float,
    before: BeforeUpdate,
    after: AfterUpdate | None = None,
    reads: Reads | None = None,
) -> None:
    """Trains the parameters ``names`` in place, one step per batch.

    loss: per seed, (S,). before(step, losses (S,), parameters) is called once per step, from 1 on, with the batch's
    loss and the weights before the update, since the scripts report losses from before the update. after(step,
    parameters) is called after the update. reads: by rare band, whether each seed of a batch reads the band, (S,); None
    if there are no rare bands.
    """
    moving = [parameters[name].requires_grad_() for name in names]
    optimizer: Adam | None = None
    for step, batch in enumerate(batches, 1):
        value = loss(parameters, batch)
        gradients = dict(zip(names, torch.autograd.grad(value.sum(), moving), strict=True))
        before(step, value.detach(), parameters)
        read = {} if reads is None else reads(batch)
        if optimizer is None:
            rare = {band: [name for name in names if name.startswith(f"{band}.")] for band in read}
            always = [name for name in names if not any(name in band_names for band_names in rare.values())]
            optimizer = Adam([parameters[name] for name in always])
            skipping = {
                band: SkippingAdam([parameters[name] for name in band_names]) for band, band_names in rare.items()
            }
        optimizer.step([gradients[name] for name in always], rate)
        for band, seeds in read.items():
            skipping[band].skipping_step([gradients[name] for name in rare[band]], rate, seeds)
        if after is not None:
            after(step, parameters)
