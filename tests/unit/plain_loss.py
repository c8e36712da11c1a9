"""The loss as torch's own function has it: what the faster forms of it are compared with."""

from torch import Tensor
from torch.nn.functional import cross_entropy


def loss_per_seed(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats of each seed, (S,), from logits (S, B, T, V) and targets (S, B, T)."""
    seeds, vocab_size = scores.shape[0], scores.shape[-1]
    losses = cross_entropy(scores.reshape(-1, vocab_size), targets.reshape(-1), reduction="none")
    return losses.view(seeds, -1).mean(1)
