"""Closed forms against hand-made cases, enumeration of all sequences and long simulations."""

from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentrial.data import levels
from tokentrial.data.entropy import conditional_entropy, entropy, entropy_rate
from tokentrial.data.markov import Chain, document_chain, zipf_chain
from tokentrial.data.patterns import Mixture, pattern_mixture
from tokentrial.data.spec import Targets
from tokentrial.data.zipf import zipf_probabilities

Array = npt.NDArray[np.float64]
Law = dict[tuple[int, ...], float]

TWO = Chain(np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0.5, 0.5]))
NOISY = Mixture(
    windows=np.array([[0, 1, 2, 0], [1, 2, 0, 1], [0, 0, 1, 1]], dtype=np.int32),
    weights=np.array([0.5, 0.3, 0.2]),
    noise=0.3,
    vocab_size=3,
)


def binary(p: float) -> float:
    return float(-p * np.log(p) - (1 - p) * np.log(1 - p))


def law_of(source: Chain | Mixture, length: int) -> Law:
    """Probability of every sequence, by its definition."""
    out: Law = {}
    for sequence in product(range(source.vocab_size), repeat=length):
        if isinstance(source, Chain):
            p = source.initial[sequence[0]]
            for a, b in pairwise(sequence):
                p = p * source.transition[a, b]
        else:
            emit = source.noise / source.vocab_size + (1 - source.noise) * (source.windows == sequence)  # (W, length)
            p = source.weights @ emit.prod(axis=1)
        out[sequence] = float(p)
    return out


def enumerated(law: Law, size: int, length: int, targets: Targets, shuffled: bool) -> Array:
    """The pooled pair law from the law of all sequences."""
    if shuffled:
        pairs = [(i, j) for i in range(length) for j in range(length) if i != j]
    else:
        pairs = [(t - 1, t) for t in range(1 if targets == "all" else length - 1, length)]
    joint = np.zeros((size, size))
    for sequence, p in law.items():
        for i, j in pairs:
            joint[sequence[i], sequence[j]] += p / len(pairs)
    return joint


def history_floor(law: Law, size: int, position: int) -> tuple[float, float]:
    """H(x_t | x_<t) and the Bayes accuracy from the law of all sequences."""
    joint: dict[tuple[int, ...], Array] = {}
    for sequence, p in law.items():
        joint.setdefault(sequence[:position], np.zeros(size))[sequence[position]] += p
    table = np.stack(list(joint.values()))
    return conditional_entropy(table), float(table.max(axis=1).sum())


def test_two_states_by_hand_all_targets() -> None:
    # start (.5, .5), then (.6, .4), then (.66, .34): the current token is (.55, .45), the target (.63, .37)
    found = levels.pair_levels(levels.pair_law(TWO, 3, "all", shuffled=False))
    assert found == pytest.approx(
        {
            "chance": np.log(2),
            "unigram": binary(0.63),
            "floor_token": 0.55 * binary(0.1) + 0.45 * binary(0.3),
            "accuracy_chance": 0.5,
            "accuracy_constant": 0.63,
            "accuracy_token": 0.55 * 0.9 + 0.45 * 0.7,
        }
    )


def test_two_states_by_hand_last_target_and_shuffled() -> None:
    last = levels.pair_law(TWO, 3, "last", shuffled=False)
    np.testing.assert_allclose(last, [[0.54, 0.06], [0.12, 0.28]], rtol=1e-14)
    shuffled = levels.pair_law(TWO, 2, "all", shuffled=True)
    np.testing.assert_allclose(shuffled, [[0.45, 0.10], [0.10, 0.35]], rtol=1e-14)  # mean of J and its transpose


def test_rule_of_another_chain_by_hand() -> None:
    joint = np.array([[0.54, 0.06], [0.12, 0.28]])
    rule = np.array([[0.1, 0.3], [0.2, 0.2]])  # predicts 1 after 0, and 0 (the first) after 1
    found = levels.rule_levels(joint, rule)
    assert found["accuracy_train_rule"] == pytest.approx(0.06 + 0.12)
    expected = -(0.54 * np.log(0.25) + 0.06 * np.log(0.75) + 0.4 * np.log(0.5))
    assert found["loss_train_rule"] == pytest.approx(expected)
    own = levels.rule_levels(joint, joint)
    assert own["loss_train_rule"] == pytest.approx(levels.pair_levels(joint)["floor_token"])
    assert own["accuracy_train_rule"] == pytest.approx(levels.pair_levels(joint)["accuracy_token"])


def test_entropy_rate_by_hand() -> None:
    assert entropy_rate(TWO.transition, np.array([0.75, 0.25])) == pytest.approx(
        0.75 * binary(0.1) + 0.25 * binary(0.3)
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 5), st.sampled_from(["all", "last"]), st.booleans(), st.integers(0, 2**32))
def test_chain_pair_law_equals_enumeration(length: int, targets: Targets, shuffled: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chain = Chain(rng.dirichlet(np.ones(3), size=3), rng.dirichlet(np.ones(3)))
    expected = enumerated(law_of(chain, length), 3, length, targets, shuffled)
    np.testing.assert_allclose(levels.pair_law(chain, length, targets, shuffled), expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("targets", ["all", "last"])
def test_history_adds_nothing_to_a_chain(targets: Targets) -> None:
    rng = np.random.default_rng(1)
    chain = Chain(rng.dirichlet(np.ones(3), size=3), rng.dirichlet(np.ones(3)))
    joint = levels.pair_law(chain, 5, targets, shuffled=False)
    found = levels.history_levels(chain, joint, targets, shuffled=False)
    positions = range(1, 5) if targets == "all" else (4,)
    expected = np.mean([history_floor(law_of(chain, 5), 3, t) for t in positions], axis=0)
    assert [found["floor_history"], found["accuracy_history"]] == pytest.approx(list(expected))
    assert levels.history_levels(chain, joint, targets, shuffled=True) == {}


def test_a_shuffled_chain_that_has_mixed_equals_the_plain_sum_of_powers() -> None:
    transition, law = zipf_chain(6, 1.0, 1.0, np.random.default_rng(0))
    power, later, length = np.eye(6), np.zeros((6, 6)), 60  # long enough for the powers to stop changing
    for gap in range(1, length):
        power = power @ transition
        later += (length - gap) * law[:, None] * power
    expected = (later + later.T) / (length * (length - 1))
    np.testing.assert_allclose(levels.pair_law(Chain(transition, law), length, "all", True), expected, rtol=1e-12)


def test_independent_tokens_have_one_floor_shuffled_or_not() -> None:
    law = zipf_probabilities(4, 1.0)
    plain, marked = Chain(np.tile(law, (4, 1)), law), Chain(np.tile(law, (4, 1)), law, independent=True)
    for shuffled in (False, True):
        joint = levels.pair_law(marked, 6, "all", shuffled)
        np.testing.assert_allclose(joint, levels.pair_law(plain, 6, "all", shuffled), rtol=1e-13)
        assert levels.pair_levels(joint)["floor_token"] == pytest.approx(entropy(law))
        history = levels.history_levels(marked, joint, "all", shuffled)
        assert history["floor_history"] == pytest.approx(entropy(law))
        assert history["accuracy_history"] == pytest.approx(law[0])


@pytest.mark.parametrize("targets", ["all", "last"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_noisy_mixture_pair_law_equals_enumeration(targets: Targets, shuffled: bool) -> None:
    expected = enumerated(law_of(NOISY, 4), 3, 4, targets, shuffled)
    np.testing.assert_allclose(levels.pair_law(NOISY, 4, targets, shuffled), expected, rtol=1e-12)


def test_patterns_by_hand() -> None:
    # Released complex triples (i, i+1, i+2), i = 1..9: each of 2..10 comes after 1..9 once, 3..11 after 2..10.
    # Every token has one successor, so the token alone gives loss 0; the target's law pools 2..10 and 3..11.
    triples = pattern_mixture("complex", "released", 20, 3, 0.0, np.random.default_rng(0))
    found = levels.pair_levels(levels.pair_law(triples, 3, "all", shuffled=False))
    assert found["floor_token"] == 0.0
    assert found["accuracy_token"] == pytest.approx(1.0)
    assert found["unigram"] == pytest.approx(np.log(9) + np.log(2) / 9)
    assert found["accuracy_constant"] == pytest.approx(1 / 9)
    # Described (cyclic): after 1 comes 2 always, after 2 comes 3 in triples (1 2 3) and (2 3 4): one or two ways only.
    cyclic = pattern_mixture("complex", "described", 20, 8, 0.0, np.random.default_rng(0))
    joint = levels.pair_law(cyclic, 8, "all", shuffled=False)
    row = joint[5] / joint[5].sum()  # 5 is in (3 4 5) -> 3, (4 5 6) -> 6, (5 6 7) -> 6
    np.testing.assert_allclose(row[[3, 6]], [1 / 3, 2 / 3])
    history = levels.history_levels(cyclic, joint, "all", shuffled=False)
    assert 0 < history["floor_history"] < levels.pair_levels(joint)["floor_token"]
    assert levels.history_levels(cyclic, joint, "last", shuffled=False)["floor_history"] == 0.0


def test_noiseless_history_equals_enumeration_and_the_forward_recursion() -> None:
    clean = Mixture(NOISY.windows, NOISY.weights, 0.0, 3)
    joint = levels.pair_law(clean, 4, "all", shuffled=False)
    found = levels.history_levels(clean, joint, "all", shuffled=False)
    expected = np.mean([history_floor(law_of(clean, 4), 3, t) for t in (1, 2, 3)], axis=0)
    assert [found["floor_history"], found["accuracy_history"]] == pytest.approx(list(expected))
    # Each window as often as its weight says: the sample mean is the expectation.
    balanced = np.repeat(clean.windows, [5, 3, 2], axis=0)
    sampled = levels.history_sample_levels(clean, balanced, "all")
    assert sampled["oracle_history"] == pytest.approx(found["floor_history"])
    assert sampled["accuracy_oracle_history"] == pytest.approx(found["accuracy_history"])


@pytest.mark.parametrize("targets", ["all", "last"])
def test_forward_recursion_with_noise_equals_enumeration(targets: Targets) -> None:
    law = law_of(NOISY, 4)
    sequence = np.array([[0, 1, 1, 2]], dtype=np.int32)  # off every window: only noise explains it
    prefix = [sum(p for s, p in law.items() if s[:t] == tuple(sequence[0, :t])) for t in range(5)]
    steps = [-np.log(prefix[t + 1] / prefix[t]) for t in (range(1, 4) if targets == "all" else (3,))]
    found = levels.history_sample_levels(NOISY, sequence, targets)
    assert found["oracle_history"] == pytest.approx(np.mean(steps))
    assert levels.history_levels(NOISY, np.eye(3) / 3, targets, shuffled=False) == {}


def test_oracle_history_reaches_the_entropy_of_the_noisy_source() -> None:
    expected, accuracy = np.mean([history_floor(law_of(NOISY, 4), 3, t) for t in (1, 2, 3)], axis=0)
    tokens = NOISY.sample(40_000, 4, np.random.default_rng(2))
    parts = [levels.history_sample_levels(NOISY, part, "all") for part in np.split(tokens, 40)]
    for name, value in (("oracle_history", expected), ("accuracy_oracle_history", accuracy)):
        means = np.array([part[name] for part in parts])
        assert abs(means.mean() - value) < 4 * means.std(ddof=1) / np.sqrt(40)


SOURCES: dict[str, Chain | Mixture] = {
    "document chain": Chain(document_chain(20, np.random.default_rng(0)), np.full(20, 0.05)),
    "zipf chain": Chain(*zipf_chain(30, 1.1, 2.0, np.random.default_rng(0))),
    "noisy patterns": pattern_mixture("semi_random", "described", 20, 8, 0.2, np.random.default_rng(0)),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("targets", ["all", "last"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_closed_forms_agree_with_long_simulations(name: str, targets: Targets, shuffled: bool) -> None:
    source, batches = SOURCES[name], 50
    rng = np.random.default_rng(11)
    tokens = source.sample(50_000, 8, rng)
    if shuffled:
        tokens = rng.permuted(tokens, axis=1)
    joint = levels.pair_law(source, 8, targets, shuffled)
    closed = levels.pair_levels(joint)
    sampled = [levels.sample_levels(joint, part, targets) for part in np.split(tokens, batches)]
    pairs = {
        "oracle_token": "floor_token", "unigram_sample": "unigram", "accuracy_oracle_token": "accuracy_token",
    }  # fmt: skip
    for measured, level in pairs.items():
        means = np.array([part[measured] for part in sampled])
        assert abs(means.mean() - closed[level]) < 4.5 * means.std(ddof=1) / np.sqrt(batches), (measured, level)


def test_sample_levels_by_hand() -> None:
    joint = np.array([[0.54, 0.06], [0.12, 0.28]])
    tokens = np.array([[0, 0, 1], [1, 1, 1]], dtype=np.int32)
    last = levels.sample_levels(joint, tokens, "last")  # 0 -> 1 and 1 -> 1
    assert last["oracle_token"] == pytest.approx(-(np.log(0.1) + np.log(0.7)) / 2)
    assert last["unigram_sample"] == pytest.approx(-np.log(0.34))
    assert last["accuracy_oracle_token"] == 0.5
    every = levels.sample_levels(joint, tokens, "all")  # and 0 -> 0, 1 -> 1
    assert every["oracle_token"] == pytest.approx(-(np.log(0.9) + np.log(0.1) + 2 * np.log(0.7)) / 4)
    assert every["unigram_sample"] == pytest.approx(-(np.log(0.66) + 3 * np.log(0.34)) / 4)
    assert every["accuracy_oracle_token"] == 0.75


def test_document_000_reference_levels() -> None:
    """Protocol A6, means over 25 draws: Bayes 0.0446, train rule 0.0231, constant 0.0266, conditional entropy 3.695."""
    laws = []
    for draw in range(50):
        chain = Chain(document_chain(50, np.random.default_rng([42, draw])), np.full(50, 0.02))
        laws.append(levels.pair_law(chain, 9, "last", shuffled=False))
    found = [
        levels.pair_levels(test) | levels.rule_levels(test, train)
        for train, test in zip(laws[::2], laws[1::2], strict=True)
    ]
    mean = {name: np.mean([draw[name] for draw in found]) for name in found[0]}
    assert mean["accuracy_token"] == pytest.approx(0.0446, abs=0.0005)
    assert mean["accuracy_train_rule"] == pytest.approx(0.0231, abs=0.0005)
    assert mean["accuracy_constant"] == pytest.approx(0.0266, abs=0.0005)
    assert mean["floor_token"] == pytest.approx(3.695, abs=0.005)
    assert mean["chance"] == pytest.approx(3.912, abs=0.0005)
