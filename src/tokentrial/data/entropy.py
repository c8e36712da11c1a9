"""Entropies of probabilities, in nats."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def entropy(probabilities: Array) -> float:
    """Shannon entropy in nats of probabilities of any shape that sum to 1."""
    positive = probabilities[probabilities > 0]
    return float(-np.sum(positive * np.log(positive)))


def conditional_entropy(joint: Array) -> float:
    """H(column | row) in nats of a joint law (rows, columns)."""
    rows = np.broadcast_to(joint.sum(axis=1, keepdims=True), joint.shape)
    used = joint > 0
    # Not H(joint) - H(row): a deterministic relation must give exactly 0, not a rounding error below it.
    return float(np.sum(joint[used] * np.log(rows[used] / joint[used])))


def entropy_rate(transition: Array, stationary: Array) -> float:
    """Entropy rate in nats per token of a chain with transition (V, V) in its stationary law (V,)."""
    return float(sum(p * entropy(row) for p, row in zip(stationary, transition, strict=True)))
