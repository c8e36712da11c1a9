"""The training loop: one arm, all its seeds at once, by gradients, its epoch chosen on validation data.

Seeds are the leading dimension of every parameter and batch, so S models train in one pass. The learning rates to
choose from are a second batch: R rates make R*S models, and each seed keeps the one with its best validation loss.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from tokentrial.encoders.base import Encoder, Parameters
from tokentrial.models.heads import Head
from tokentrial.seeds import stream
from tokentrial.training.adam import Adam, linear_decay

# Logits of one seed in one evaluation chunk (1 MiB). Counted per seed, so that a seed's sums have the same order alone
# and in a batch.
EVALUATION_LOGITS = 1 << 18


@dataclass(frozen=True)
class Settings:
    """How an arm is trained.

    learning_rates: tried alike by every arm; steps: optimiser steps; batch_size: sequences a step, None for all of
    them (the documents' full batch); evaluations: how often the validation loss is looked at; decay: let the rate fall
    to zero over the second half; select: ``best`` validation step, or the ``last`` step as the documents report.
    """

    learning_rates: tuple[float, ...]
    steps: int
    batch_size: int | None
    evaluations: int
    decay: bool
    select: str


@dataclass(frozen=True)
class Fit:
    """A trained arm, frozen at each seed's chosen step.

    parameters: (S, ...) each; step: the chosen step (S,); learning_rate: the rate chosen (S,);
    curve: (step, validation cross-entropy (S,)) at those rates.
    """

    parameters: Parameters
    step: Tensor
    learning_rate: Tensor
    curve: list[tuple[int, Tensor]]


def logits(encoder: Encoder, head: Head, parameters: Parameters, inputs: Tensor) -> Tensor:
    """Next-token logits (S, B, T, V) for input ids (S, B, L); T is 1 for heads that predict only the last token."""
    return head.forward(parameters, encoder.forward(parameters, inputs))


def loss_per_seed(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats of each seed, (S,), from logits (S, B, T, V) and targets (S, B, T)."""
    seeds, vocab_size = scores.shape[0], scores.shape[-1]
    losses = cross_entropy(scores.reshape(-1, vocab_size), targets.reshape(-1), reduction="none")
    return losses.view(seeds, -1).mean(1)


def batch_order(seed: int, replicates: tuple[int, ...], sequences: int, batch_size: int, steps: int) -> Tensor:
    """Which sequences each step sees: (S, steps, batch_size), epoch by epoch without repeats.

    Named by the replicate alone, so all arms of a condition see the same batches in the same order.
    """
    epochs = -(-steps * batch_size // sequences)
    orders = []
    for replicate in replicates:
        rng = stream(seed, "batches", replicate)
        order = np.concatenate([rng.permutation(sequences) for _ in range(epochs)])
        orders.append(order[: steps * batch_size].reshape(steps, batch_size))
    return torch.from_numpy(np.stack(orders))


def evaluate(
    encoder: Encoder, head: Head, parameters: Parameters, inputs: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Held-out (cross-entropy in nats, accuracy), each (S,), without keeping all logits at once."""
    seeds, sequences, _ = inputs.shape
    chunk = max(1, EVALUATION_LOGITS // (targets.shape[2] * head.vocab_size))
    loss = torch.zeros(seeds, dtype=torch.float64, device=inputs.device)
    hits = torch.zeros(seeds, dtype=torch.float64, device=inputs.device)
    with torch.no_grad():
        for start in range(0, sequences, chunk):
            scores = logits(encoder, head, parameters, inputs[:, start : start + chunk])
            wanted = targets[:, start : start + chunk]
            loss += loss_per_seed(scores, wanted).double() * wanted.shape[1]
            hits += (scores.argmax(-1) == wanted).double().mean(2).sum(1)
    return loss / sequences, hits / sequences


def fit(
    encoder: Encoder,
    head: Head,
    trainable: Parameters,
    frozen: Parameters,
    data: Mapping[str, tuple[Tensor, Tensor]],
    settings: Settings,
    seed: int,
    replicates: tuple[int, ...],
    log: Callable[[str], None],
) -> Fit:
    """Train ``trainable`` (S, ...) on data['train'], looking at data['validation']; see the module's docstring.

    data: split -> (inputs (S, N, L), targets (S, N, T)). The initial state counts as step 0 and can be chosen.
    """
    copies, device = len(settings.learning_rates), data["train"][0].device
    rates = torch.tensor(settings.learning_rates, device=device).repeat_interleave(len(replicates))  # (R*S,)
    validation = tuple(tile(value, copies) for value in data["validation"])
    weights = {name: tile(value, copies).requires_grad_() for name, value in trainable.items()}
    everything = weights | {name: tile(value, copies) for name, value in frozen.items()}
    optimiser = Adam(list(weights.values()))
    training_loss = loss_of_step(encoder, head, everything, data["train"], settings, seed, replicates)
    best = Best(everything, keep_last=settings.select == "last")
    best.look(0, evaluate(encoder, head, everything, *validation)[0])
    every = max(1, settings.steps // settings.evaluations)
    for step in range(settings.steps):
        gradients = torch.autograd.grad(training_loss(step).sum(), list(weights.values()))
        optimiser.step(gradients, rates * (linear_decay(step, settings.steps) if settings.decay else 1.0))
        if (step + 1) % every == 0 or step + 1 == settings.steps:
            held_out = evaluate(encoder, head, everything, *validation)[0]
            best.look(step + 1, held_out)
            log(f"step {step + 1}/{settings.steps}: validation {held_out.mean():.4f}, best {best.loss.mean():.4f} nats")
    return best.chosen(torch.tensor(settings.learning_rates), len(replicates))


def loss_of_step(
    encoder: Encoder,
    head: Head,
    parameters: Parameters,
    text: tuple[Tensor, Tensor],
    settings: Settings,
    seed: int,
    replicates: tuple[int, ...],
) -> Callable[[int], Tensor]:
    """The function from a step to its training loss (R*S,), a graph in ``parameters`` (R*S, ...).

    text: (inputs (S, N, L), targets (S, N, T)). A batch of the same sequences for each rate; or the whole text at once,
    which for a task model that sees one token is done by pair counts.
    """
    copies = len(settings.learning_rates)
    inputs, targets = text
    if settings.batch_size is None and head.context == "token":
        shares = tile(pair_shares(inputs, targets, head.vocab_size), copies)
        return lambda step: whole_text_loss(encoder, head, parameters, shares)
    inputs, targets = tile(inputs, copies), tile(targets, copies)
    pick = batch_picker(settings, seed, replicates, inputs.shape[1], copies, inputs.device)

    def batch_loss(step: int) -> Tensor:
        batch = pick(step)
        return loss_per_seed(logits(encoder, head, parameters, inputs[batch]), targets[batch])

    return batch_loss


def pair_shares(inputs: Tensor, targets: Tensor, vocab_size: int) -> Tensor:
    """Share (S, V, V) of each (current token, next token) among all pairs of a text; ids (S, N, L) both."""
    seeds = inputs.shape[0]
    pairs = (inputs * vocab_size + targets).flatten(1)
    counts = torch.zeros(seeds, vocab_size * vocab_size, device=inputs.device)
    counts.scatter_add_(1, pairs, torch.ones_like(pairs, dtype=counts.dtype))
    return (counts / pairs.shape[1]).view(seeds, vocab_size, vocab_size)


def whole_text_loss(encoder: Encoder, head: Head, parameters: Parameters, shares: Tensor) -> Tensor:
    """Mean cross-entropy (S,) of a task model that sees one token, over a whole text given by its pair shares.

    Equal to :func:`loss_per_seed` on all sequences at once (tested), at the cost of V predictions instead of N*L.
    """
    seeds, vocab_size, _ = shares.shape
    every_token = torch.arange(vocab_size, device=shares.device).view(1, -1, 1).expand(seeds, -1, 1)  # (S, V, 1)
    scores = logits(encoder, head, parameters, every_token).squeeze(2)  # (S, V, V)
    return -(shares * log_softmax(scores, -1)).sum(dim=(1, 2))


def batch_picker(
    settings: Settings,
    seed: int,
    replicates: tuple[int, ...],
    sequences: int,
    copies: int,
    device: torch.device | str = "cpu",
) -> Callable[[int], Any]:
    """The index into (R*S, N, L) that gives a step's batch: everything, or the same sequences for each rate."""
    if settings.batch_size is None:
        return lambda step: slice(None)
    batch_size = min(settings.batch_size, sequences)
    order = tile(batch_order(seed, replicates, sequences, batch_size, settings.steps), copies).to(device)
    rows = torch.arange(order.shape[0], device=device).unsqueeze(1)
    return lambda step: (rows, order[:, step])


def tile(value: Tensor, copies: int) -> Tensor:
    """The same start for every learning rate: (S, ...) -> (copies*S, ...), detached."""
    return value.detach().repeat(copies, *[1] * (value.dim() - 1))


class Best:
    """Each model's parameters at its best validation step so far, or its last one."""

    def __init__(self, weights: Parameters, keep_last: bool) -> None:
        self.weights, self.keep_last = weights, keep_last
        self.kept = {name: value.detach().clone() for name, value in weights.items()}
        self.loss = self.step = torch.empty(0)
        self.curve: list[tuple[int, Tensor]] = []

    @torch.no_grad()
    def look(self, step: int, loss: Tensor) -> None:
        """Keep the models whose validation loss (R*S,) is the lowest yet; the earliest step wins a tie."""
        if not self.curve:
            self.loss, self.step = loss.clone(), torch.zeros_like(loss, dtype=torch.int64)
        better = torch.ones_like(loss, dtype=torch.bool) if self.keep_last else loss < self.loss
        self.loss = torch.where(better, loss, self.loss)
        self.step = torch.where(better, step, self.step)
        for name, value in self.weights.items():
            mask = better.view(-1, *[1] * (value.dim() - 1))
            self.kept[name] = torch.where(mask, value.detach(), self.kept[name])
        self.curve.append((step, loss.clone()))

    def chosen(self, rates: Tensor, seeds: int) -> Fit:
        """Per seed the learning rate with the lowest validation loss, and the model trained at it."""
        losses = self.loss.nan_to_num(nan=math.inf)  # argmin would take a diverged rate for the best
        which = losses.view(len(rates), seeds).argmin(0)  # (S,)
        block = which * seeds + torch.arange(seeds, device=which.device)
        parameters = {name: value[block] for name, value in self.kept.items()}
        curve = [(step, loss[block]) for step, loss in self.curve]
        return Fit(parameters, self.step[block], rates[which.cpu()], curve)
