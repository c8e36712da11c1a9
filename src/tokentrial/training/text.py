"""A text as batches of a language model: rows of a fixed number of predictions, shuffled or as continuous streams."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokentrial.errors import InputError
from tokentrial.seeds import stream

ORDERS = ("blocks", "streams")
MEASURED = 64  # rows of blocks that are measured at once, or a batch if that is more: fewer calls, still in cache


@dataclass(frozen=True)
class Text:
    """A text cut into rows of ``length`` predictions, with batch_size rows per step.

    inputs, targets: (N, L); each target is the token after its input. ``blocks``: rows in text order, one after the
    other, for models that see only one row. ``streams``: the text as batch_size contiguous streams side by side; rows
    k * batch_size to (k + 1) * batch_size - 1 are the k-th window of each stream, so a recurrent state continues.
    """

    inputs: Tensor
    targets: Tensor
    batch_size: int
    order: str

    @property
    def steps(self) -> int:
        """Number of full batches in one epoch."""
        return len(self.inputs) // self.batch_size

    @property
    def tokens(self) -> int:
        """Number of predictions in one epoch of full batches."""
        return self.steps * self.batch_size * self.inputs.shape[1]

    def epoch_order(self, seed: int, replicate: int, epoch: int) -> Tensor:
        """Returns the rows of each step of an epoch, (steps, batch_size): shuffled blocks, or streams in text order.

        Only replicate and epoch name the stream of draws, so all arms of a condition see the same batches in the same
        order.
        """
        rows = torch.arange(self.steps * self.batch_size)
        if self.order == "blocks":
            shuffled = stream(seed, "batches", replicate, epoch).permutation(len(self.inputs))
            rows = torch.from_numpy(shuffled[: len(rows)])
        return rows.view(self.steps, self.batch_size).to(self.inputs.device)

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields (inputs, targets) of all rows in text order: one batch of streams, or several of blocks, at a time."""
        rows = self.batch_size if self.order == "streams" else max(self.batch_size, MEASURED)
        yield from zip(torch.split(self.inputs, rows), torch.split(self.targets, rows), strict=True)


def cut(
    tokens: npt.NDArray[np.int32], batch_size: int, length: int, order: str, device: torch.device, name: str
) -> Text:
    """Cuts a text (n,) into rows; tokens that do not fill a row (or a window of all streams) are left out.

    name: the text's name in errors. Raises InputError for an unknown order or a text shorter than one batch.
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
    """Reshapes streams (B, K * L) to rows (K * B, L), window after window."""
    return streams.reshape(len(streams), -1, length).transpose(0, 1).reshape(-1, length)
