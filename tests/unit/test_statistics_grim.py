"""GRIM and GRIMMER against published cases and against all small samples."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tokentrial.errors import InputError
from tokentrial.statistics.granularity import grim, grimmer


def rounded(text: str) -> tuple[Fraction, Fraction]:
    half = Fraction(1, 2 * 10 ** len(text.split(".")[1]))
    return Fraction(text) - half, Fraction(text) + half


def test_grim_agrees_with_the_published_cases() -> None:
    # scrutiny's tests (methods, section 2): n = 28, means 5.19 to 5.30
    found = [grim(*rounded(f"{5.19 + step / 100:.2f}"), 28) for step in range(12)]
    assert found == [letter == "T" for letter in "FFTFFFTFFFTF"]


def test_grimmer_agrees_with_the_published_case() -> None:
    assert not grimmer(rounded("7.3"), rounded("2.51"), 12)


@pytest.mark.parametrize("ddof", [0, 1])
def test_grimmer_finds_exactly_the_pairs_that_small_samples_have(ddof: int) -> None:
    n, values = 4, range(6)
    possible = set()
    for sample in itertools.combinations_with_replacement(values, n):
        mean = Fraction(sum(sample), n)
        variance = sum((Fraction(x) - mean) ** 2 for x in sample) / (n - ddof)
        possible.add((mean, variance))
    for mean, variance in possible:
        sd = Fraction(float(variance) ** 0.5)
        assert grimmer((mean, mean), (sd - Fraction(1, 10**6), sd + Fraction(1, 10**6)), n, ddof)
    # means of these samples with an sd that lies between two possible ones, and below all larger ones
    for mean in {pair[0] for pair in possible if 1 <= pair[0] <= 4}:
        ladder = sorted({float(v) ** 0.5 for m, v in possible if m == mean})[:3]
        for low, high in itertools.pairwise(ladder):
            middle = Fraction((low + high) / 2)
            assert not grimmer((mean, mean), (middle, middle + Fraction(1, 10**6)), n, ddof)


def test_samples_always_pass() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        counts = rng.integers(0, 40, 3)
        mean, sd = counts.mean() / 200, counts.std(ddof=1) / 200
        ends = [tuple(200 * end for end in rounded(f"{value:.3f}")) for value in (mean, sd)]
        assert grim(*ends[0], 3)
        assert grimmer(ends[0], ends[1], 3)


def test_too_few_values() -> None:
    with pytest.raises(InputError, match="at least 1"):
        grim(Fraction(1), Fraction(1), 0)
    with pytest.raises(InputError, match="more than ddof"):
        grimmer((1, 1), (0, 1), 1)


def test_floats_and_texts_are_printed_numbers() -> None:
    """0.083 is 50 right answers of 600, rounded; 0.083 exactly would be no whole number of them."""
    assert not grim(Fraction(83, 1000), Fraction(83, 1000), 600)
    assert grim(0.083, 0.083, 600) and grim("0.083", "0.083", 600) and grim(np.float64(0.083), 0.083, 600)
    assert not grim("0.081", "0.081", 600) and not grim(0.081, 0.081, 600)
    for k in range(601):  # a share that comes from a calculation is never accused
        assert grim(k / 600, k / 600, 600)
        assert grim(round(k / 600, 3), round(k / 600, 3), 600)


def test_decimals_say_what_a_float_does_not_show() -> None:
    assert grim(0.1, 0.1, 8)  # 0.125 rounds to 0.1
    assert not grim(0.1, 0.1, 8, decimals=3) and not grim("0.100", "0.100", 8)
    assert not grimmer(("7.3", "7.3"), ("2.51", "2.51"), 12) and not grimmer((7.3, 7.3), (2.51, 2.51), 12)
    assert grimmer((7.25, 7.25), (2.3, 2.3), 12, decimals=2) == grimmer(("7.25", "7.25"), ("2.30", "2.30"), 12)


def test_a_text_that_is_no_number() -> None:
    with pytest.raises(InputError, match="found 'about 5', expected a printed number"):
        grim("about 5", "5.1", 28)
