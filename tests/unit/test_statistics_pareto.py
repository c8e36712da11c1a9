"""Memory against quality: closed forms, no statement without overlap or seeds, and what dominance promises."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.pareto import Curve, EqualBits, common_sizes, compare_at_equal_bits, curves, front

SEEDS = (0, 1, 2)
NOISE = np.array([0.0, 0.01, -0.01])


def line(sizes: list[float], intercept: float, slope: float, noise: np.ndarray | None = None) -> Curve:
    """Loss intercept + slope * log2 bits, plus a constant per seed."""
    x = np.array(sizes, dtype=float)
    shift = np.zeros(3) if noise is None else noise
    return Curve(x, intercept + slope * x + shift[:, None], SEEDS)


def test_parallel_curves_differ_by_a_constant_at_every_common_size() -> None:
    a, b = line([10, 12, 14], 8.0, -0.2, NOISE), line([11, 13, 15], 8.5, -0.2)
    found = compare_at_equal_bits(a, b)
    assert found.log2_bits.tolist() == [11, 12, 13, 14]
    np.testing.assert_allclose(found.difference, -0.5)
    # the shift per seed has mean 0 and standard deviation 0.01; four sizes share 5 %
    half = stats.t.ppf(1 - 0.05 / 4 / 2, 2) * 0.01 / np.sqrt(3)
    np.testing.assert_allclose(found.low, -0.5 - half)
    np.testing.assert_allclose(found.high, -0.5 + half)
    assert (found.verdict, found.seeds) == ("better", 3)
    assert compare_at_equal_bits(b, a).verdict == "worse"


def test_crossing_curves_are_said_to_cross() -> None:
    a, b = line([10, 14], 6.0, 0.0, NOISE), line([10, 14], 8.4, -0.2)
    found = compare_at_equal_bits(a, b)
    np.testing.assert_allclose(found.difference, [-0.4, 0.4])
    assert found.verdict == "crossing"


def test_an_interval_that_holds_zero_shows_nothing() -> None:
    noise = np.array([0.3, -0.2, 0.1])
    assert compare_at_equal_bits(line([10, 14], 6.0, 0.0, noise), line([10, 14], 6.1, 0.0)).verdict == "not shown"
    # better at one end, nothing shown at the other
    apart = compare_at_equal_bits(line([10, 14], 6.0, 0.0, NOISE), line([10, 14], 7.4, -0.1))
    np.testing.assert_allclose(apart.difference, [-0.4, 0.0], atol=1e-12)
    assert apart.verdict == "not shown"


def test_without_overlap_nothing_is_said_and_nothing_extrapolated() -> None:
    a, b = line([10, 11], 1.0, 0.0), line([12, 13], 9.0, 0.0)
    assert common_sizes(a, b).size == 0
    found = compare_at_equal_bits(a, b)
    assert (found.verdict, found.log2_bits.size, found.difference.size) == ("no overlap", 0, 0)


def test_ranges_that_touch_are_compared_at_that_size() -> None:
    assert compare_at_equal_bits(line([10, 12], 1.0, 0.0, NOISE), line([12, 13], 2.0, 0.0)).log2_bits.tolist() == [12]


def test_one_shared_seed_decides_nothing() -> None:
    a = line([10, 12], 1.0, 0.0)
    b = Curve(np.array([10.0, 12.0]), np.full((2, 2), 5.0), (2, 7))
    found = compare_at_equal_bits(a, b)
    assert (found.verdict, found.seeds) == ("too few seeds", 1)
    np.testing.assert_allclose(found.difference, -4.0)
    assert np.isnan(found.low).all()
    none = compare_at_equal_bits(a, Curve(np.array([10.0, 12.0]), np.full((1, 2), 5.0), (9,)))
    assert (none.verdict, none.seeds) == ("too few seeds", 0)


def test_more_sizes_make_wider_intervals() -> None:
    few = compare_at_equal_bits(line([10, 14], 6.0, 0.0, NOISE), line([10, 14], 6.0, 0.0))
    many = compare_at_equal_bits(line([10, 11, 12, 14], 6.0, 0.0, NOISE), line([10, 14], 6.0, 0.0))
    assert many.high[0] > few.high[0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_dominance_at_the_common_sizes_holds_between_them(seed: int) -> None:
    """At any size inside the overlap the interval of the same level lies on the same side."""
    rng = np.random.default_rng(seed)
    a = Curve(np.array([10.0, 11.5, 14.0]), rng.normal(0, 0.1, (4, 3)), (0, 1, 2, 3))
    b = Curve(np.array([10.5, 13.0]), rng.normal(1.0, 0.3, (4, 2)), (0, 1, 2, 3))
    found = compare_at_equal_bits(a, b)
    if found.verdict != "better":
        return
    between = np.linspace(10.5, 13.0, 41)
    apart = a.at(between, a.seeds) - b.at(between, b.seeds)
    reach = stats.t.ppf(1 - 0.05 / found.log2_bits.size / 2, 3) * apart.std(axis=0, ddof=1) / 2
    assert (apart.mean(axis=0) + reach < 0).all()


def rows(values: dict[str, list[float]]) -> pd.DataFrame:
    found = [(arm, seed, value) for arm, each in values.items() for seed, value in enumerate(each)]
    return pd.DataFrame(found, columns=["arm", "seed", "value"])


def test_curves_of_a_condition() -> None:
    losses = rows(
        {
            "learned-2": [4.0, 4.1],
            "learned-8": [4.4, float("nan")],
            "int8": [3.9, 3.8],
            "int4": [4.5, 4.7],
            "full": [3.8, 3.7],
            "unknown": [1.0, 1.0],
        }
    )
    bits = pd.Series({"learned-2": 4096, "learned-8": 1024, "int8": 2048, "int4": 1024, "full": 8192})
    families = {"learned-2": "learned", "learned-8": "learned", "int8": "int", "int4": "int"}
    found = curves(losses, bits, families | {"full": "full", "unknown": "unknown"})
    assert list(found) == ["learned", "int", "full"]
    assert found["learned"].log2_bits.tolist() == [10, 12]
    assert found["learned"].loss.tolist() == [[4.4, 4.0]]  # the second seed diverged at 8:1
    assert found["learned"].seeds == (0,)
    assert found["int"].loss.tolist() == [[4.5, 3.9], [4.7, 3.8]]


def test_of_equal_sizes_the_better_counts() -> None:
    found = curves(
        rows({"pq_8": [4.0, 4.0], "pq_4": [3.0, 3.0]}),
        pd.Series({"pq_8": 64, "pq_4": 64}),
        {"pq_8": "pq", "pq_4": "pq"},
    )
    assert found["pq"].loss.tolist() == [[3.0], [3.0]]


@pytest.mark.parametrize(
    ("sizes", "shape"), [([11.0, 10.0], (1, 2)), ([10.0, 10.0], (1, 2)), ([10.0, 11.0], (1, 3)), ([], (1, 0))]
)
def test_a_malformed_curve_is_refused(sizes: list[float], shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="curve"):
        Curve(np.array(sizes), np.zeros(shape), (0,))


def test_confidence_is_checked() -> None:
    with pytest.raises(InputError, match="confidence"):
        compare_at_equal_bits(line([1, 2], 0, 0), line([1, 2], 0, 0), 1.0)


def test_front() -> None:
    bits, loss = [1, 2, 3, 2, 4], [5.0, 4.0, 4.0, 4.5, 1.0]
    assert front(bits, loss) == [True, True, False, False, True]
    assert front([1, 1], [2.0, 2.0]) == [True, True]  # equal points dominate neither
    assert front([], []) == []


def test_the_intervals_cover_together() -> None:
    """Of 600 experiments without a difference at three sizes, at most 5 % (plus error) have an interval off zero."""
    rng = np.random.default_rng(5)
    sizes = np.array([10.0, 11.0, 12.0])
    off = 0
    for _ in range(600):
        a, b = (Curve(sizes, rng.normal(0, 1, (5, 3)), (0, 1, 2, 3, 4)) for _ in range(2))
        found: EqualBits = compare_at_equal_bits(a, b)
        off += bool(((found.low > 0) | (found.high < 0)).any())
    assert 0.02 < off / 600 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)
