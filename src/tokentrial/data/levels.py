"""Floors and ceilings of synthetic data in closed form: scores that no model can beat, and scores without knowledge.

All losses are in nats per predicted token; all accuracies are shares of predicted tokens. Everything rests on the
pooled pair law J (V, V). For a predicted position drawn uniformly, J[a, b] is the probability that the token before the
position is a and the token to predict is b.
"""

import numpy as np
import numpy.typing as npt

from tokentrial.data.entropy import conditional_entropy, entropy
from tokentrial.data.markov import Chain
from tokentrial.data.patterns import Mixture
from tokentrial.data.spec import Targets

Array = npt.NDArray[np.float64]
Tokens = npt.NDArray[np.int32]


def pair_law(source: Chain | Mixture, length: int, targets: Targets, shuffled: bool) -> Array:
    """Returns the pooled law J (V, V) of (current token, target) of a source.

    ``targets``: "all" pools positions 1..length-1 with equal weight, "last" uses only the last position. ``shuffled``:
    tokens are permuted uniformly inside each sequence, so that J pools all ordered pairs of different positions.
    """
    if isinstance(source, Chain):
        return _shuffled_chain(source, length) if shuffled else _ordered_chain(source, length, targets)
    return _mixture_pairs(source, targets, shuffled)


def _marginals(source: Chain, length: int) -> Array:
    """Returns the law of the token at each position, (length, V): initial · P^t."""
    laws = [source.initial]
    for _ in range(length - 1):
        laws.append(source.initial if source.independent else np.einsum("i,ij->j", laws[-1], source.transition))
    return np.stack(laws)


def _ordered_chain(source: Chain, length: int, targets: Targets) -> Array:
    laws = _marginals(source, length)[:-1]  # (length-1, V), the current token
    current = laws[-1] if targets == "last" else laws.mean(axis=0)
    return np.asarray(current[:, None] * source.transition, dtype=np.float64)


def _shuffled_chain(source: Chain, length: int) -> Array:
    """Returns the mean law over ordered position pairs.

    For i < j the law is diag(m_i) P^(j-i); for i > j it is the transpose.
    """
    if source.independent:
        return np.outer(source.initial, source.initial)
    laws = _marginals(source, length)
    later = np.zeros_like(source.transition)  # sum over i < j of the pair laws
    power = source.transition  # P^k for the k-th position after i
    powers = power.copy()  # P + P^2 + ... + P^k
    mixed = False
    for i in range(length - 2, -1, -1):
        later += laws[i][:, None] * powers
        if not mixed:  # a chain that has forgotten its start needs no more products, the costly part
            following = power @ source.transition
            mixed = bool(np.max(np.abs(following - power)) < 1e-15)
            power = following
        powers += power
    return np.asarray((later + later.T) / (length * (length - 1)), dtype=np.float64)


def _mixture_pairs(source: Mixture, targets: Targets, shuffled: bool) -> Array:
    length, size = source.windows.shape[1], source.vocab_size
    if shuffled:
        pairs = [(i, j) for i in range(length) for j in range(length) if i != j]
    else:
        pairs = [(j - 1, j) for j in ((length - 1,) if targets == "last" else range(1, length))]
    joint = np.zeros((size, size))
    for i, j in pairs:
        np.add.at(joint, (source.windows[:, i], source.windows[:, j]), source.weights / len(pairs))
    # Noise hits the two positions independently: J becomes K'JK with K = (1-noise) I + noise/V, written out.
    unchanged, random = 1.0 - source.noise, source.noise / size
    one_random = unchanged * random * (joint.sum(axis=1)[:, None] + joint.sum(axis=0))
    return np.asarray(unchanged**2 * joint + one_random + random**2, dtype=np.float64)


def pair_levels(joint: Array) -> dict[str, float]:
    """Returns the levels of the pair law J (V, V): chance, best constant, best use of the current token."""
    target = joint.sum(axis=0)
    return {
        "chance": float(np.log(target.size)),
        "unigram": entropy(target),
        "floor_token": conditional_entropy(joint),
        "accuracy_chance": 1.0 / target.size,
        "accuracy_constant": float(target.max()),
        "accuracy_token": float(joint.max(axis=1).sum()),
    }


def history_levels(source: Chain | Mixture, joint: Array, targets: Targets, shuffled: bool) -> dict[str, float]:
    """Returns levels of a predictor that sees the position and all earlier tokens in order.

    For a chain these are the levels of the current token (Markov property, homogeneous rows). For noiseless patterns
    they follow from grouping windows by prefix. Noisy patterns and shuffled sequences have no closed form here: empty.
    """
    if isinstance(source, Chain):
        if shuffled and not source.independent:
            return {}
        levels = pair_levels(joint)
        return {"floor_history": levels["floor_token"], "accuracy_history": levels["accuracy_token"]}
    if shuffled or source.noise:
        return {}
    length, size = source.windows.shape[1], source.vocab_size
    positions = (length - 1,) if targets == "last" else range(1, length)
    floor = accuracy = 0.0
    for position in positions:
        _, prefix = np.unique(source.windows[:, :position], axis=0, return_inverse=True)
        law = np.zeros((prefix.max() + 1, size))  # (prefixes, V)
        np.add.at(law, (prefix, source.windows[:, position]), source.weights)
        floor += conditional_entropy(law) / len(positions)
        accuracy += law.max(axis=1).sum() / len(positions)
    return {"floor_history": floor, "accuracy_history": accuracy}


def rule_levels(joint: Array, rule: Array) -> dict[str, float]:
    """Returns expected loss and accuracy under J (V, V) of the Bayes predictor for another pair law ``rule`` (V, V)."""
    best = rule.argmax(axis=1)
    used = joint > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = -np.log(rule / rule.sum(axis=1, keepdims=True))
    return {
        "loss_train_rule": float(np.sum(joint[used] * loss[used])),
        "accuracy_train_rule": float(joint[np.arange(best.size), best].sum()),
    }


def sample_levels(joint: Array, tokens: Tokens, targets: Targets) -> dict[str, float]:
    """Returns the scores of the true pair law J (V, V) on these sequences (n, length).

    ``oracle_token`` and ``unigram_sample`` are the mean losses of the source's Bayes predictor from the current token
    and of the source's best constant predictor. ``accuracy_oracle_token`` is the Bayes predictor's share of correct
    tokens. These scores have the same sampling noise as a model's scores on the same sequences.
    """
    first = tokens.shape[1] - 1 if targets == "last" else 1
    current, target = tokens[:, first - 1 : -1].ravel(), tokens[:, first:].ravel()
    law = joint.sum(axis=0)
    conditional = np.log(joint[current, target]) - np.log(joint.sum(axis=1)[current])
    return {
        "oracle_token": float(-conditional.mean()),
        "unigram_sample": float(-np.log(law[target]).mean()),
        "accuracy_oracle_token": float(np.mean(joint.argmax(axis=1)[current] == target)),
    }


def history_sample_levels(source: Mixture, tokens: Tokens, targets: Targets) -> dict[str, float]:
    """Returns loss and accuracy of the exact predictor from all earlier tokens, on sequences (n, length) of a mixture.

    The window is a hidden state that does not change, so the forward recursion updates the window's posterior token by
    token: P(x_t | x_<t) = sum_w posterior_w · [(1-noise) 1(x_t = w_t) + noise/V].
    """
    size, width = source.vocab_size, source.windows.shape[1]
    posterior = np.tile(source.weights / source.weights.sum(), (tokens.shape[0], 1))  # (n, W)
    first = width - 1 if targets == "last" else 1
    losses: list[Array] = []
    hits: list[npt.NDArray[np.bool_]] = []
    for position in range(width):
        emitted = np.full((source.weights.size, size), source.noise / size)  # (W, V)
        emitted[np.arange(source.weights.size), source.windows[:, position]] += 1.0 - source.noise
        seen = tokens[:, position]
        if position >= first:
            predicted = posterior @ emitted  # (n, V)
            losses.append(-np.log(predicted[np.arange(seen.size), seen]))
            hits.append(predicted.argmax(axis=1) == seen)
        posterior = posterior * emitted[:, seen].T
        posterior /= posterior.sum(axis=1, keepdims=True)
    return {"oracle_history": float(np.mean(losses)), "accuracy_oracle_history": float(np.mean(hits))}
