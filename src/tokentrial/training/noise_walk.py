"""The released code's substitute for training: Gaussian noise on every weight, scaled by the loss.

Without gradient and acceptance test, this is a random walk away from the initial weights (protocols A1 and A3). The
walk is an arm so that every study shows it next to gradient training on the same data and batches, from the released
initial law.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from tokentrial.encoders.base import Encoder, Parameters
from tokentrial.models.heads import Head
from tokentrial.seeds import stream
from tokentrial.training.loop import Fit, HeldOut, Settings, loss_of_step

# Protocol A1: rate 0.02, losses capped at 3, updates only above a loss of 0.5; the table gets 0.1 of the scale, layers
# 0.05.
RATE, CAP, THRESHOLD, TABLE_SHARE, LAYER_SHARE = 0.02, 3.0, 0.5, 0.1, 0.05
# Standard deviation of the released scripts' initial weights; the walk is scaled to it.
RELEASED_SCALE = 0.1


def walk(
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
    """Applies the released update rule for ``settings.steps`` batches.

    Otherwise as :func:`tokentrial.training.loop.fit`, but reports the last step's weights, as in the released code.
    """
    weights = {name: value.detach().clone() for name, value in trainable.items()}
    everything = weights | frozen
    settings = replace(settings, learning_rates=(RATE,))
    training_loss = loss_of_step(encoder, head, everything, data["train"], settings, seed, replicates)
    generators = [stream(seed, "noise_walk", replicate) for replicate in replicates]
    validation = HeldOut(encoder, head, *data["validation"])
    curve = [(0, validation.loss(everything))]
    every = max(1, settings.steps // settings.evaluations)
    for step in range(settings.steps):
        with torch.no_grad():
            loss = training_loss(step)
        scale = torch.where(loss > THRESHOLD, RATE * loss.clamp_max(CAP), 0.0)  # (S,)
        for name, value in weights.items():
            draws = np.stack([rng.standard_normal(value.shape[1:], dtype=np.float32) for rng in generators])
            share = TABLE_SHARE if name == "table" else LAYER_SHARE
            value += torch.from_numpy(draws).to(value.device) * (share * scale).view(-1, *[1] * (value.dim() - 1))
        if (step + 1) % every == 0 or step + 1 == settings.steps:
            curve.append((step + 1, validation.loss(everything)))
            log(f"step {step + 1}/{settings.steps}: validation {curve[-1][1].mean():.4f} nats (noise walk)")
    last = torch.full((len(replicates),), settings.steps)
    return Fit(everything, last, torch.full((len(replicates),), RATE), curve)
