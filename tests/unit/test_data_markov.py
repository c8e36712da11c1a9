"""Chains, Zipf laws and sampling from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentrial.data.entropy import entropy, entropy_rate
from tokentrial.data.markov import Chain, document_chain, sample_chain, stationary_distribution, zipf_chain
from tokentrial.data.zipf import sample_iid, zipf_probabilities
from tokentrial.errors import InputError


def test_document_chain_doubles_the_upper_half_in_the_lower_rows() -> None:
    weights = np.random.default_rng(3).random((5, 5))
    chain = document_chain(5, np.random.default_rng(3))
    lower = weights[0] * [1, 1, 2, 2, 2]  # row 0 < 5 // 2, columns from 5 // 2 doubled
    np.testing.assert_allclose(chain[0], lower / lower.sum(), rtol=1e-15)
    np.testing.assert_allclose(chain[2], weights[2] / weights[2].sum(), rtol=1e-15)


@given(st.integers(2, 40), st.integers(0, 2**32))
def test_document_chain_is_stochastic(vocab_size: int, seed: int) -> None:
    chain = document_chain(vocab_size, np.random.default_rng(seed))
    assert (chain > 0).all()
    np.testing.assert_allclose(chain.sum(axis=1), 1.0, rtol=1e-14)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.floats(0, 2), st.floats(0, 3), st.integers(0, 2**32))
def test_zipf_chain_is_exactly_stationary(vocab_size: int, exponent: float, sharpness: float, seed: int) -> None:
    transition, law = zipf_chain(vocab_size, exponent, sharpness, np.random.default_rng(seed))
    np.testing.assert_allclose(transition.sum(axis=1), 1.0, rtol=1e-13)
    np.testing.assert_allclose(law @ transition, law, rtol=5e-13)
    np.testing.assert_allclose(law, zipf_probabilities(vocab_size, exponent), rtol=1e-15)
    assert entropy_rate(transition, law) <= entropy(law) + 1e-12


def test_zipf_chain_stationary_law_agrees_with_the_linear_solve() -> None:
    transition, law = zipf_chain(30, 1.1, 2.0, np.random.default_rng(0))
    np.testing.assert_allclose(stationary_distribution(transition), law, rtol=1e-11)


def test_sharpness_zero_is_independent_and_more_sharpness_lowers_the_entropy_rate() -> None:
    made = [zipf_chain(40, 1.0, sharpness, np.random.default_rng(1)) for sharpness in (0.0, 1.0, 2.0, 3.0)]
    np.testing.assert_allclose(made[0][0], np.tile(made[0][1], (40, 1)), rtol=1e-13)
    rates = [entropy_rate(*chain) for chain in made]
    assert rates[0] == pytest.approx(entropy(made[0][1]), rel=1e-12)
    assert rates == sorted(rates, reverse=True)
    assert rates[3] < 0.7 * rates[0]


@pytest.mark.parametrize("sharpness", [500.0, -1.0, float("nan")])
def test_unreachable_sharpness_is_named(sharpness: float) -> None:
    with pytest.raises(InputError, match=r"^sharpness: found .*, expected [^\n]*$"):
        zipf_chain(20, 1.0, sharpness, np.random.default_rng(0))


def test_zipf_probabilities_by_hand_and_documented_entropies() -> None:
    np.testing.assert_allclose(zipf_probabilities(3, 1.0), np.array([6, 3, 2]) / 11, rtol=1e-15)
    np.testing.assert_allclose(zipf_probabilities(4, 0.0), 0.25, rtol=1e-15)
    published = {(100, 1.0): 3.681, (100, 1.2): 3.220, (200, 1.1): 3.859, (500, 1.3): 3.554, (1000, 1.2): 4.228}
    for (vocab_size, exponent), nats in published.items():
        assert entropy(zipf_probabilities(vocab_size, exponent)) == pytest.approx(nats, abs=5e-4)


@pytest.mark.parametrize(("vocab_size", "exponent"), [(0, 1.0), (5, -0.1), (5, float("inf"))])
def test_zipf_refuses(vocab_size: int, exponent: float) -> None:
    with pytest.raises(InputError, match="expected"):
        zipf_probabilities(vocab_size, exponent)


def test_stationary_distribution_by_hand() -> None:
    np.testing.assert_allclose(stationary_distribution(np.array([[0.9, 0.1], [0.3, 0.7]])), [0.75, 0.25], rtol=1e-13)
    cycle = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(stationary_distribution(cycle), 1 / 3, rtol=1e-13)
    with pytest.raises(ValueError, match="more than one"):
        stationary_distribution(np.eye(3))


def test_sampled_transitions_have_the_chain_s_frequencies() -> None:
    transition = np.array([[0.5, 0.25, 0.25], [0.0, 0.1, 0.9], [0.7, 0.3, 0.0]])
    initial = np.array([0.2, 0.8, 0.0])
    tokens = sample_chain(transition, initial, 40_000, 5, np.random.default_rng(7))
    assert tokens.shape == (40_000, 5)
    assert tokens.dtype == np.int32
    first = np.bincount(tokens[:, 0], minlength=3) / 40_000
    assert np.all(np.abs(first - initial) <= 5 * np.sqrt(initial * (1 - initial) / 40_000))
    counts = np.zeros((3, 3))
    np.add.at(counts, (tokens[:, :-1].ravel(), tokens[:, 1:].ravel()), 1)
    n = counts.sum(axis=1, keepdims=True)
    # impossible transitions have standard error 0 and must not occur at all
    assert np.all(np.abs(counts / n - transition) <= 5 * np.sqrt(transition * (1 - transition) / n))


@given(st.integers(1, 70), st.integers(0, 2**32))
@settings(deadline=None)
def test_sampling_inverts_the_distribution_function(vocab_size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    transition = rng.random((vocab_size, vocab_size)) * (rng.random((vocab_size, vocab_size)) < 0.7)
    transition[:, rng.integers(vocab_size)] += 0.1
    transition /= transition.sum(axis=1, keepdims=True)
    initial = np.full(vocab_size, 1 / vocab_size)
    tokens = sample_chain(transition, initial, 5, 4, np.random.default_rng(seed))
    uniform = np.random.default_rng(seed).random((5, 4))
    for row, draws in zip(tokens, uniform, strict=True):
        for position in range(4):
            law = initial if position == 0 else transition[row[position - 1]]
            below = np.cumsum(law)[row[position] - 1] if row[position] else 0.0
            assert law[row[position]] > 0
            assert below - 1e-12 <= draws[position] <= below + law[row[position]] + 1e-12


def test_independent_sampling_is_a_chain_with_equal_rows() -> None:
    law = zipf_probabilities(30, 1.2)
    chain = Chain(np.tile(law, (30, 1)), law, independent=True)
    iid = sample_iid(law, 50, 9, np.random.default_rng(5))
    np.testing.assert_array_equal(iid, chain.sample(50, 9, np.random.default_rng(5)))
    assert iid.dtype == np.int32


def test_more_sequences_leave_the_first_ones_alone() -> None:
    chain = document_chain(12, np.random.default_rng(0))
    initial = np.full(12, 1 / 12)
    few = sample_chain(chain, initial, 10, 6, np.random.default_rng(1))
    np.testing.assert_array_equal(few, sample_chain(chain, initial, 500, 6, np.random.default_rng(1))[:10])
    assert not np.array_equal(few, sample_chain(chain, initial, 10, 6, np.random.default_rng(2)))
