"""Pattern data: the released windows exactly, the described ones by their rules."""

import numpy as np
import pytest

from tokentrial.data.patterns import (
    KINDS,
    VARIANTS,
    Kind,
    Mixture,
    Variant,
    default_noise,
    pattern_mixture,
    released_length,
    smallest_vocabulary,
)
from tokentrial.errors import InputError


def mixture(kind: Kind, variant: Variant, vocab_size: int = 20, length: int = 8, noise: float = 0.0) -> Mixture:
    return pattern_mixture(kind, variant, vocab_size, length, noise, np.random.default_rng(0))


def as_dict(made: Mixture) -> dict[tuple[int, ...], float]:
    """Probability of each distinct window."""
    out: dict[tuple[int, ...], float] = {}
    for window, weight in zip(made.windows.tolist(), made.weights, strict=True):
        out[tuple(window)] = out.get(tuple(window), 0.0) + weight
    return out


def test_proof_of_concept_as_released() -> None:
    windows = as_dict(mixture("proof_of_concept", "released"))
    # (1..5) x 3 has 8 starts; phases 0, 1, 2 occur twice among them
    assert windows[(1, 2, 3, 4, 5, 1, 2, 3)] == pytest.approx(0.25 * 2 / 8)
    assert windows[(5, 1, 2, 3, 4, 5, 1, 2)] == pytest.approx(0.25 * 1 / 8)
    # (7 8 9) x 4 has 5 starts; (16 17) x 6 too, three of them at phase 0
    assert windows[(9, 7, 8, 9, 7, 8, 9, 7)] == pytest.approx(0.25 * 1 / 5)
    assert windows[(16, 17) * 4] == pytest.approx(0.25 * 3 / 5)
    assert len(windows) == 5 + 3 + 4 + 2
    tokens = {token for window in windows for token in window}
    assert tokens == set(range(20)) - {0, 6, 10, 15, 18, 19}


def test_focused_scaling_as_released() -> None:
    simple = as_dict(mixture("simple", "released"))
    third = pytest.approx(1 / 3)
    assert simple[(4, 5) * 4] == third
    assert simple[(6, 7, 8, 9) * 2] == third
    assert simple[(1, 2, 3, 1, 2, 3, 1, 2)] == pytest.approx(1 / 6)
    assert simple[(2, 3, 1, 2, 3, 1, 2, 3)] == pytest.approx(1 / 6)
    triples = as_dict(mixture("complex", "released", length=3))
    assert triples == pytest.approx({(i, i + 1, i + 2): 1 / 9 for i in range(1, 10)})
    assert as_dict(mixture("structured", "released")) == {(1, 2, 3, 4, 5, 6, 7, 0): 1.0}


def test_released_semi_random_draws_its_patterns_from_the_generator() -> None:
    first, same, other = (
        pattern_mixture("semi_random", "released", 100, 6, 0.0, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.windows.shape == (5, 6)
    np.testing.assert_allclose(first.weights, 0.2)
    np.testing.assert_array_equal(first.windows, same.windows)
    assert not np.array_equal(first.windows, other.windows)
    many = pattern_mixture("semi_random", "released", 3, 6, 0.0, np.random.default_rng(3))
    assert set(np.unique(many.windows)) == {0, 1, 2}


def test_described_patterns_start_at_any_phase() -> None:
    simple = as_dict(mixture("simple", "described"))
    assert simple[(3, 1, 2, 3, 1, 2, 3, 1)] == pytest.approx(1 / 9)
    assert simple[(5, 4) * 4] == pytest.approx(1 / 6)
    assert simple[(9, 6, 7, 8) * 2] == pytest.approx(1 / 12)
    assert len(simple) == 3 + 2 + 4
    assert len(as_dict(mixture("complex", "described"))) == 27
    assert as_dict(mixture("structured", "described", length=3))[(7, 0, 1)] == pytest.approx(1 / 8)
    semi = mixture("semi_random", "described", noise=0.2)
    assert len(as_dict(semi)) == 27 + 8
    assert semi.noise == 0.2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_is_a_law_over_tokens_of_the_vocabulary(kind: Kind, variant: Variant) -> None:
    length = released_length(kind) if variant == "released" else 11
    least = smallest_vocabulary(kind, variant)
    made = mixture(kind, variant, least, length, default_noise(kind, variant))
    assert made.weights.sum() == pytest.approx(1.0, rel=1e-14)
    assert made.windows.shape == (made.weights.size, length)
    assert 0 <= made.windows.min() <= made.windows.max() < least
    if (kind, variant) != ("semi_random", "released"):  # its tokens are drawn, the others' are a list
        assert made.windows.max() == least - 1
    with pytest.raises(InputError, match=rf"^vocab_size: found {least - 1}, expected at least {least} "):
        mixture(kind, variant, least - 1, length)


def test_released_lengths_and_noise_are_fixed() -> None:
    assert {kind: released_length(kind) for kind in KINDS} == {
        "proof_of_concept": 8, "simple": 8, "complex": 3, "structured": 8, "semi_random": 6,
    }  # fmt: skip
    with pytest.raises(InputError, match=r"^length: found 8, expected 3 for released 'complex' patterns$"):
        mixture("complex", "released")
    with pytest.raises(InputError, match=r"^noise: found 0\.1, expected 0"):
        mixture("simple", "released", noise=0.1)
    with pytest.raises(InputError, match=r"^noise: found 1\.5, expected a probability"):
        mixture("simple", "described", noise=1.5)


def test_sampled_windows_have_the_weights() -> None:
    made = mixture("proof_of_concept", "released")
    tokens = made.sample(20_000, 8, np.random.default_rng(4))
    for window, weight in as_dict(made).items():
        share = np.mean((tokens == window).all(axis=1))
        assert abs(share - weight) < 5 * np.sqrt(weight * (1 - weight) / 20_000)
    with pytest.raises(ValueError, match="windows hold 8 tokens, not 7"):
        made.sample(3, 7, np.random.default_rng(4))


def test_noise_replaces_the_stated_share_and_keeps_the_windows() -> None:
    clean = mixture("simple", "described").sample(20_000, 8, np.random.default_rng(4))
    noisy = mixture("simple", "described", noise=0.3).sample(20_000, 8, np.random.default_rng(4))
    changed = 0.3 * 19 / 20  # a twentieth of the replacements hit the same token
    n = clean.size
    assert abs(np.mean(clean != noisy) - changed) < 5 * np.sqrt(changed * (1 - changed) / n)
    replaced = np.bincount(noisy[clean != noisy], minlength=20)
    assert replaced.min() > 0
    few = mixture("simple", "described", noise=0.3).sample(7, 8, np.random.default_rng(4))
    np.testing.assert_array_equal(few, noisy[:7])
