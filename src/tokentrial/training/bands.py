"""Held-out loss by frequency band: do rare tokens pay for the wide vectors of frequent ones, and do those gain.

A prediction counts for the band of the token that it is made from, not of the one that is asked for: it is the input's
vector that has the band's width. Bands are document 003's (section Token Categorization Strategy), by the training
text: a token is ``high`` while all more frequent tokens cover less than 80 % of the text, ``mid`` below 95 %, else
``low``. They are the same for every arm, whatever its layout.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from tokentrial.encoders.base import Encoder, Parameters
from tokentrial.models.heads import Head
from tokentrial.training.loop import HeldOut

BANDS = ("high", "mid", "low")
ENDS = (0.80, 0.95)


def bands_of(counts: Tensor) -> Tensor:
    """Index into BANDS of every token, (S, V), from its counts (S, V); equally frequent ones rank by id."""
    order = counts.argsort(dim=1, descending=True, stable=True)
    ranked = counts.long().gather(1, order)  # whole numbers: a GPU adds up fractions in no fixed order
    above, total = ranked.cumsum(1) - ranked, ranked.sum(1, keepdim=True)
    before = above.double() / total.double()  # share of all more frequent tokens
    bands = sum((before >= end).long() for end in ENDS)
    return torch.zeros_like(order).scatter_(1, order, torch.as_tensor(bands))


@torch.no_grad()
def losses_by_band(
    encoder: Encoder, head: Head, parameters: Parameters, inputs: Tensor, targets: Tensor, counts: Tensor
) -> tuple[Tensor, Tensor]:
    """(mean cross-entropy in nats, share of predictions), each (S, 3), of the predictions from each band's tokens.

    inputs (S, N, L), targets (S, N, T), training counts (S, V). With T = 1 the prediction is made from the last token.
    The shares' weighted mean of the losses is the loss over all; NaN for a band that the text does not have.
    """
    losses = HeldOut(encoder, head, inputs, targets).losses(parameters).flatten(1).double()  # (S, N*T)
    band = bands_of(counts).gather(1, inputs[:, :, -targets.shape[2] :].flatten(1))
    total = torch.zeros(len(inputs), len(BANDS), dtype=torch.float64, device=inputs.device)
    number = total.scatter_add(1, band, torch.ones_like(losses))
    total.scatter_add_(1, band, losses)
    return total / number, number / number.sum(1, keepdim=True)


def band_metrics(losses: Tensor, shares: Tensor) -> Iterator[tuple[str, Tensor, str]]:
    """Metric, values (S,) and unit for the result table: ``cross_entropy_<band>`` and ``share_<band>``."""
    for index, name in enumerate(BANDS):
        yield f"cross_entropy_{name}", losses[:, index], "nats"
        yield f"share_{name}", shares[:, index], "fraction"
