"""Held-out loss by frequency band: do rare tokens pay for the wide vectors of frequent tokens, and do these gain?

A prediction counts for the band of its input token, not of its target, since the input's vector has the band's width.
Bands are those of document 003 (section Token Categorization Strategy), by the training text: a token is ``high`` if
all more frequent tokens cover less than 80 % of the text, ``mid`` if less than 95 %, else ``low``. Bands are the same
for every arm, whatever its layout.
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
    """Returns every token's index into BANDS, (S, V), from counts (S, V); equally frequent tokens rank by id."""
    order = counts.argsort(dim=1, descending=True, stable=True)
    ranked = counts.long().gather(1, order)  # whole numbers: a GPU sums fractions in no fixed order
    above, total = ranked.cumsum(1) - ranked, ranked.sum(1, keepdim=True)
    before = above.double() / total.double()  # share of all more frequent tokens
    bands = sum((before >= end).long() for end in ENDS)
    return torch.zeros_like(order).scatter_(1, order, torch.as_tensor(bands))


@torch.no_grad()
def losses_by_band(
    encoder: Encoder, head: Head, parameters: Parameters, inputs: Tensor, targets: Tensor, counts: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns (mean cross-entropy in nats, share of predictions), each (S, 3), of predictions from each band's tokens.

    inputs (S, N, L), targets (S, N, T), training counts (S, V). With T = 1, the last token is the input of the
    prediction. The mean of the losses, weighted by the shares, is the total loss. NaN for a band that the text lacks.
    """
    losses = HeldOut(encoder, head, inputs, targets).losses(parameters).flatten(1).double()  # (S, N*T)
    band = bands_of(counts).gather(1, inputs[:, :, -targets.shape[2] :].flatten(1))
    total = torch.zeros(len(inputs), len(BANDS), dtype=torch.float64, device=inputs.device)
    number = total.scatter_add(1, band, torch.ones_like(losses))
    total.scatter_add_(1, band, losses)
    return total / number, number / number.sum(1, keepdim=True)


def band_metrics(losses: Tensor, shares: Tensor) -> Iterator[tuple[str, Tensor, str]]:
    """Yields metric, values (S,) and unit for the result table: ``cross_entropy_<band>`` and ``share_<band>``."""
    for index, name in enumerate(BANDS):
        yield f"cross_entropy_{name}", losses[:, index], "nats"
        yield f"share_{name}", shares[:, index], "fraction"
