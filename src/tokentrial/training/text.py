"""A text as batches of a language model: rows of a fixed number of predictions, shuffled or as continuing streams."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokentrial.errors import InputError
from tokentrial.seeds import stream

ORDERS = ("blocks", "streams")
MEASURED = 64  # rows of blocks that are measured at once, or a batch where that is more: fewer calls, still in cache


@dataclass(frozen=True)
class Text:
    """A text cut into rows of ``length`` predictions, batch_size rows a step.

    inputs, targets: (N, L), each target is the token after its input. ``blocks``: rows in text order, one after the
    other, for models that see one row alone. ``streams``: the text as batch_size contiguous streams side by side; rows
    k * batch_size to (k + 1) * batch_size - 1 are the k-th window of each stream, so a recurrent state carries on.
    """

    inputs: Tensor
    targets: Tensor
    batch_size: int
    order: str

    @property
    def steps(self) -> int:
        """Full batches of one epoch."""
        return len(self.inputs) // self.batch_size

    @property
    def tokens(self) -> int:
        """Predictions of one epoch of full batches."""
        return self.steps * self.batch_size * self.inputs.shape[1]

    def epoch_order(self, seed: int, replicate: int, epoch: int) -> Tensor:
        """Which rows each step of an epoch sees, (steps, batch_size): shuffled blocks, or the streams as they run.

        Named by replicate and epoch alone, so all arms of a condition see the same batches in the same order.
        """
        rows = torch.arange(self.steps * self.batch_size)
        if self.order == "blocks":
            shuffled = stream(seed, "batches", replicate, epoch).permutation(len(self.inputs))
            rows = torch.from_numpy(shuffled[: len(rows)])
        return rows.view(self.steps, self.batch_size).to(self.inputs.device)

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """(inputs, targets) of every row in text order, of streams a batch at a time, of blocks some batches."""
        rows = self.batch_size if self.order == "streams" else max(self.batch_size, MEASURED)
        yield from zip(torch.split(self.inputs, rows), torch.split(self.targets, rows), strict=True)


def cut(
    tokens: npt.NDArray[np.int32], batch_size: int, length: int, order: str, device: torch.device, name: str
) -> Text:
    """A text (n,) as rows; what does not fill a row (or a window of all streams) is left out.

    name: how an error calls the text. Raises InputError for an unknown order or a text shorter than one batch.
    """
    if order not in ORDERS:
        raise InputError(f"config: training.order: found '{order}', expected one of {', '.join(ORDERS)}")
    needed = batch_size * length + (batch_size if order == "streams" else 1)
    if len(tokens) < needed:
        expected = f"expected at least {needed} for one batch of {batch_size} x {length} predictions"
        raise InputError(f"{name}: found {len(tokens)} tokens to use, {expected}")
    ids = torch.from_numpy(tokens.astype(np.int64)).to(device)
    if order == "blocks":
        rows = (len(ids) - 1) // length
        inputs, targets = ids[: rows * length], ids[1 : rows * length + 1]
        return Text(inputs.view(rows, length), targets.view(rows, length), batch_size, order)
    streams = ids[: len(ids) // batch_size * batch_size].view(batch_size, -1)  # (B, T)
    windows = (streams.shape[1] - 1) // length
    inputs, targets = streams[:, : windows * length], streams[:, 1 : windows * length + 1]
    return Text(_windows(inputs, length), _windows(targets, length), batch_size, order)


def _windows(streams: Tensor, length: int) -> Tensor:
    """Streams (B, K * L) as rows (K * B, L), window after window."""
    return streams.reshape(len(streams), -1, length).transpose(0, 1).reshape(-1, length)
