"""Shared parts of the two-stage encoders: the table to compress, the weights of its rows, the scale of frozen codes."""

from torch import Tensor

from tokentrial.encoders.base import Context
from tokentrial.errors import InputError


def source_table(context: Context, source: str, vocab_size: int, full_width: int) -> Tensor:
    """Returns the table (S, V, D) to compress: trained on the task (``task``) or random as documented (``random``)."""
    if source == "task":
        return context.trained_table()
    if source == "random":
        return context.normal("source_table", vocab_size, full_width) * context.initial_scale
    raise InputError(f"config: table '{source}' is unknown; expected 'task' or 'random'")


def token_weights(counts: Tensor) -> Tensor:
    """Returns each token's share (S, V) of the training text.

    ASSUME: reconstruction error is averaged over the text's tokens, not over the vocabulary: the released code draws
    its reconstruction batches from the training sequences (protocol A1).
    """
    return counts / counts.sum(-1, keepdim=True)


def standardise(codes: Tensor, context: Context) -> Tensor:
    """Returns frozen codes (S, V, d), scaled to the root mean square of a fresh random table.

    ASSUME: one factor per seed changes no information, and every arm then starts its task model at the same scale, so
    that one learning rate means the same to all of them.
    """
    power = codes.square().mean(dim=(1, 2), keepdim=True).sqrt()
    return codes * (context.initial_scale / power.clamp_min(1e-12))
