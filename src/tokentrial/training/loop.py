"""The training loop of small models: gradient training of one arm, all seeds at once; validation data choose the step.

Seeds are the leading dimension of every parameter and batch, so S models train in one pass. The candidate learning
rates are a second batch: R rates make R*S models, and each seed keeps the model with its best validation loss.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from tokentrial.adam import Adam, linear_decay
from tokentrial.encoders.base import Encoder, Parameters
from tokentrial.models.heads import Head, output
from tokentrial.models.softmax_loss import mean_loss, share_loss
from tokentrial.seeds import stream

# Logits of one seed in one evaluation chunk (1 MiB). They are counted per seed, so that a seed's sums have the same
# order alone and in a batch.
EVALUATION_LOGITS = 1 << 18
# Most logits of one seed that are computed for lookup (4 MiB).
LOOKUP_LOGITS = 1 << 20


@dataclass(frozen=True)
class Settings:
    """The training settings of an arm.

    learning_rates: tried equally by every arm; steps: optimiser steps; batch_size: sequences per step, None for all
    (the documents' full batch); evaluations: number of measurements of the validation loss; decay: whether the rate
    falls to zero over the second half; select: ``best`` validation step, or the ``last`` step, as in the documents.
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


def features(encoder: Encoder, head: Head, parameters: Parameters, inputs: Tensor) -> Tensor:
    """Returns the features (S, B*T, h) that the task model's output layer sees, for input ids (S, B, L).

    If the text has at least V tokens, they are computed by way of a table of all V vectors. The choice depends on B, L
    and V, not on the number of seeds, so a seed has the same bits alone and in a batch.
    """
    if inputs[0].numel() < head.vocab_size:
        return head.features(parameters, encoder.forward(parameters, inputs))
    table = encoder.forward(parameters, every_token(head.vocab_size, inputs)).squeeze(2)  # (S, V, d)
    return head.features_of_table(parameters, table, inputs)


def every_token(vocab_size: int, inputs: Tensor) -> Tensor:
    """Returns all ids for each seed of a text, as V sequences of one token: (S, V, 1)."""
    return torch.arange(vocab_size, device=inputs.device).view(1, -1, 1).expand(len(inputs), -1, 1)


def logits(encoder: Encoder, head: Head, parameters: Parameters, inputs: Tensor) -> Tensor:
    """Returns next-token logits (S, B, T, V) for ids (S, B, L); T is 1 if the head predicts only the last token."""
    scores = output(parameters, features(encoder, head, parameters, inputs))
    return scores.view(*inputs.shape[:2], -1, head.vocab_size)


def batch_order(seed: int, replicates: tuple[int, ...], sequences: int, batch_size: int, steps: int) -> Tensor:
    """Returns the sequences that each step sees: (S, steps, batch_size), epoch by epoch without repeats.

    Only the replicate names the stream, so all arms of a condition see the same batches in the same order.
    """
    epochs = -(-steps * batch_size // sequences)
    orders = []
    for replicate in replicates:
        rng = stream(seed, "batches", replicate)
        order = np.concatenate([rng.permutation(sequences) for _ in range(epochs)])
        orders.append(order[: steps * batch_size].reshape(steps, batch_size))
    return torch.from_numpy(np.stack(orders))


class HeldOut:
    """A text on which models are measured repeatedly: inputs (S, N, L), targets (S, N, T).

    A task model that sees one token has V predictions for any text: they are computed once and looked up. All other
    task models are evaluated by sequence, a chunk at a time; so are those whose V predictions are too many or more than
    the text has.
    """

    def __init__(self, encoder: Encoder, head: Head, inputs: Tensor, targets: Tensor) -> None:
        self.encoder, self.head, self.inputs, self.targets = encoder, head, inputs, targets
        few = head.vocab_size <= inputs[0].numel() and head.vocab_size**2 <= LOOKUP_LOGITS
        self.by_lookup = head.context == "token" and few

    @torch.no_grad()
    def losses(self, parameters: Parameters) -> Tensor:
        """Returns the cross-entropy in nats of each prediction, (S, N, T)."""
        if self.by_lookup:
            pairs = self.inputs * self.head.vocab_size + self.targets
            known = log_softmax(self._every_token(parameters), -1).flatten(1)  # (S, V*V)
            return -known.gather(1, pairs.flatten(1)).view_as(pairs)
        losses = [
            cross_entropy(scores.flatten(0, 2), targets.flatten(), reduction="none").view_as(targets)
            for scores, targets in self._chunks(parameters)
        ]
        return torch.cat(losses, 1)

    def loss(self, parameters: Parameters) -> Tensor:
        """Returns the mean cross-entropy in nats of each seed, (S,)."""
        return self.losses(parameters).mean(dim=(1, 2), dtype=torch.float64)

    @torch.no_grad()
    def accuracy(self, parameters: Parameters) -> Tensor:
        """Returns the share of each seed's predictions, (S,), whose most probable token is the target."""
        if self.by_lookup:
            guess = self._every_token(parameters).argmax(-1)  # (S, V)
            right = guess.gather(1, self.inputs.flatten(1)).view_as(self.targets) == self.targets
        else:
            right = torch.cat([scores.argmax(-1) == targets for scores, targets in self._chunks(parameters)], 1)
        return right.double().mean(dim=(1, 2))

    def _every_token(self, parameters: Parameters) -> Tensor:
        """Returns logits (S, V, V) after each token."""
        every = every_token(self.head.vocab_size, self.inputs)
        return logits(self.encoder, self.head, parameters, every).squeeze(2)

    def _chunks(self, parameters: Parameters) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields logits (S, n, T, V) and targets (S, n, T) of n sequences at a time."""
        size = max(1, EVALUATION_LOGITS // (self.targets.shape[2] * self.head.vocab_size))
        for inputs, targets in zip(torch.split(self.inputs, size, 1), torch.split(self.targets, size, 1), strict=True):
            yield logits(self.encoder, self.head, parameters, inputs), targets


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
    """Trains ``trainable`` (S, ...) on data['train'] and selects on data['validation']; see the module's docstring.

    data: (inputs (S, N, L), targets (S, N, T)) of each split. The initial state counts as step 0 and can be chosen.
    """
    best = fit_rates(encoder, head, trainable, frozen, data, settings, seed, replicates, log)
    return best.chosen(torch.tensor(settings.learning_rates), len(replicates))


def fit_rates(
    encoder: Encoder,
    head: Head,
    trainable: Parameters,
    frozen: Parameters,
    data: Mapping[str, tuple[Tensor, Tensor]],
    settings: Settings,
    seed: int,
    replicates: tuple[int, ...],
    log: Callable[[str], None],
) -> "Best":
    """As :func:`fit`, but returns the models of all learning rates, (R*S, ...), those of one rate side by side."""
    copies = len(settings.learning_rates)
    validation = HeldOut(encoder, head, *(tile(value, copies) for value in data["validation"]))
    weights = {name: tile(value, copies).requires_grad_() for name, value in trainable.items()}
    everything = weights | {name: tile(value, copies) for name, value in frozen.items()}
    optimiser = Adam(list(weights.values()))
    training_loss = loss_of_step(encoder, head, everything, data["train"], settings, seed, replicates)
    best = Best(everything, settings.select == "last", frozen)
    best.look(0, validation.loss(everything))
    every = max(1, settings.steps // settings.evaluations)
    for step in range(settings.steps):
        gradients = torch.autograd.grad(training_loss(step).sum(), list(weights.values()))
        decay = linear_decay(step, settings.steps) if settings.decay else 1.0
        optimiser.step(gradients, [rate * decay for rate in settings.learning_rates])
        if (step + 1) % every == 0 or step + 1 == settings.steps:
            held_out = validation.loss(everything)
            best.look(step + 1, held_out)
            log(f"step {step + 1}/{settings.steps}: validation {held_out.mean():.4f}, best {best.loss.mean():.4f} nats")
    return best


def loss_of_step(
    encoder: Encoder,
    head: Head,
    parameters: Parameters,
    text: tuple[Tensor, Tensor],
    settings: Settings,
    seed: int,
    replicates: tuple[int, ...],
) -> Callable[[int], Tensor]:
    """Returns the function from a step to its training loss (R*S,), a graph in ``parameters`` (R*S, ...).

    text: (inputs (S, N, L), targets (S, N, T)). The loss is over a batch, with the same sequences for each rate, or
    over the whole text; for a task model that sees one token, the whole text is given by pair counts.
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
        return mean_loss(parameters, features(encoder, head, parameters, inputs[batch]), targets[batch].flatten(1))

    return batch_loss


def pair_shares(inputs: Tensor, targets: Tensor, vocab_size: int) -> Tensor:
    """Returns the share (S, V, V) of each (current token, next token) among all pairs of a text; ids (S, N, L) both."""
    seeds = inputs.shape[0]
    pairs = (inputs * vocab_size + targets).flatten(1)
    counts = torch.zeros(seeds, vocab_size * vocab_size, device=inputs.device)
    counts.scatter_add_(1, pairs, torch.ones_like(pairs, dtype=counts.dtype))
    return (counts / pairs.shape[1]).view(seeds, vocab_size, vocab_size)


def whole_text_loss(encoder: Encoder, head: Head, parameters: Parameters, shares: Tensor) -> Tensor:
    """Returns the mean cross-entropy (S,) of a task model that sees one token, over a text given by its pairs' shares.

    The loss equals :func:`mean_loss` on all sequences at once (tested) and takes V predictions instead of N*L.
    """
    vectors = encoder.forward(parameters, every_token(head.vocab_size, shares))  # (S, V, 1, d)
    return share_loss(parameters, head.features(parameters, vectors), shares)


def batch_picker(
    settings: Settings,
    seed: int,
    replicates: tuple[int, ...],
    sequences: int,
    copies: int,
    device: torch.device | str = "cpu",
) -> Callable[[int], Any]:
    """Returns the function from a step to the index of its batch in (R*S, N, L).

    The batch is the whole text, or the same sequences for each rate.
    """
    if settings.batch_size is None:
        return lambda step: slice(None)
    batch_size = min(settings.batch_size, sequences)
    order = tile(batch_order(seed, replicates, sequences, batch_size, settings.steps), copies).to(device)
    rows = torch.arange(order.shape[0], device=device).unsqueeze(1)
    return lambda step: (rows, order[:, step])


def tile(value: Tensor, copies: int) -> Tensor:
    """Repeats a value for every learning rate: (S, ...) -> (copies*S, ...), detached."""
    return value.detach().repeat(copies, *[1] * (value.dim() - 1))


class Best:
    """Each model's parameters at its best validation step so far, or at its last step."""

    def __init__(self, weights: Parameters, keep_last: bool, frozen: Collection[str] = ()) -> None:
        self.weights, self.keep_last = weights, keep_last
        self.trained = [name for name in weights if name not in frozen]
        self.kept = {name: value.detach().clone() for name, value in weights.items()}
        self.loss = self.step = torch.empty(0)
        self.curve: list[tuple[int, Tensor]] = []

    @torch.no_grad()
    def look(self, step: int, loss: Tensor) -> None:
        """Keeps the models whose validation loss (R*S,) is the lowest so far; the earliest step wins a tie."""
        if not self.curve:
            self.loss, self.step = loss.clone(), torch.zeros_like(loss, dtype=torch.int64)
        better = torch.ones_like(loss, dtype=torch.bool) if self.keep_last else loss < self.loss
        self.loss = torch.where(better, loss, self.loss)
        self.step = torch.where(better, step, self.step)
        models = better.nonzero().squeeze(1)
        for name in self.trained:
            self.kept[name][models] = self.weights[name][models]
        self.curve.append((step, loss.clone()))

    def chosen(self, rates: Tensor, seeds: int) -> Fit:
        """Returns for each seed the learning rate with the lowest validation loss, and the model trained at it."""
        losses = self.loss.nan_to_num(nan=math.inf)  # argmin would take a diverged rate as the best
        which = losses.view(len(rates), seeds).argmin(0)  # (S,)
        block = which * seeds + torch.arange(seeds, device=which.device)
        parameters = {name: value[block] for name, value in self.kept.items()}
        curve = [(step, loss[block]) for step, loss in self.curve]
        return Fit(parameters, self.step[block], rates[which.cpu()], curve)
