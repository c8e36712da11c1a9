"""The whole comparison: consistent with its parts, symmetric, and well defined where the data are not."""

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.comparison import Comparison, compare, holm_within
from tokentrial.statistics.multiplicity import holm

PROPERTY = settings(max_examples=40, deadline=None, derandomize=True)
PAIRS = st.lists(
    st.tuples(*[st.floats(-9, 9).map(lambda x: round(x, 2))] * 2), min_size=1, max_size=9
)  # n pairs (a, b)
INTERVALS = [
    ("t_low", "difference", "t_high"),
    ("bca_low", "difference", "bca_high"),
    ("equivalent_low", "difference", "equivalent_high"),
    ("g_low", "hedges_g", "g_high"),
    ("superiority_low", "superiority", "superiority_high"),
]


def run(a: Any, b: Any, **options: Any) -> Comparison:
    options = {"margin": 1.0, "higher_is_better": True, "resamples": 200, "rng": np.random.default_rng(0)} | options
    return compare(a, b, **options)


def split(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.array(pairs).T
    return a, b


def assert_pairs(actual: tuple[float | None, ...], expected: tuple[float | None, ...], tolerance: float) -> None:
    for left, right in zip(actual, expected, strict=True):
        assert (left is None) == (right is None)
        assert left is None or left == pytest.approx(right, rel=1e-6, abs=tolerance)


def test_known_sample() -> None:
    rng = np.random.default_rng(1)
    b = rng.normal(5, 1, 10)
    a = b + rng.normal(0.3, 0.4, 10)
    result, d = run(a, b, margin=0.8), a - b
    reference = stats.ttest_rel(a, b)
    assert (result.n, result.mean_a, result.sd_b) == (10, pytest.approx(a.mean()), pytest.approx(b.std(ddof=1)))
    assert result.p_t == pytest.approx(reference.pvalue)
    assert (result.t_low, result.t_high) == pytest.approx(reference.confidence_interval())
    assert (result.equivalent_low, result.equivalent_high) == pytest.approx(reference.confidence_interval(0.9))
    assert result.p_noninferior == pytest.approx(stats.ttest_rel(a + 0.8, b, alternative="greater").pvalue)
    assert result.superiority == np.mean(d > 0)
    assert result.minimal_detectable == pytest.approx(0.996 * d.std(ddof=1), rel=1e-3)
    assert result.sd_difference == pytest.approx(d.std(ddof=1))


def test_direction_decides_superiority_and_noninferiority_only() -> None:
    a, b = np.array([1.0, 1.2, 1.1, 0.9]), np.array([3.0, 3.1, 3.3, 3.2])
    higher, lower = run(a, b), run(a, b, higher_is_better=False)
    assert (higher.superiority, lower.superiority) == (0, 1)
    assert (higher.noninferior, lower.noninferior) == (False, True)
    direction = {"superiority", "superiority_low", "superiority_high", "noninferior", "p_noninferior"}
    for field in dataclasses.fields(Comparison):
        if field.name not in direction:
            assert getattr(higher, field.name) == getattr(lower, field.name)


@PROPERTY
@given(PAIRS)
def test_swapping_the_arms(pairs: list[tuple[float, float]]) -> None:
    a, b = split(pairs)
    one, two = run(a, b), run(b, a)
    for low, middle, high in INTERVALS[:4]:
        ends = [getattr(one, name) for name in (high, middle, low)]
        swapped = tuple(getattr(two, name) for name in (low, middle, high))
        assert_pairs(swapped, tuple(None if e is None else -e for e in ends), 1e-8)
    assert_pairs((two.p_t, two.p_signflip, two.p_tost), (one.p_t, one.p_signflip, one.p_tost), 1e-9)
    if one.superiority is not None:
        assert two.superiority == pytest.approx(1 - one.superiority)
    assert two.equivalent == one.equivalent


@PROPERTY
@given(PAIRS, st.sampled_from([0.01, 3.0, 1000.0]))
def test_changing_the_unit(pairs: list[tuple[float, float]], unit: float) -> None:
    a, b = split(pairs)
    one, two = run(a, b), run(unit * a, unit * b, margin=unit)
    free = {"hedges_g", "g_low", "g_high", "p_t", "p_signflip", "p_tost", "p_noninferior"}
    free |= {"n", "equivalent", "noninferior", "superiority", "superiority_low", "superiority_high"}
    for field in dataclasses.fields(Comparison):
        before, after = getattr(one, field.name), getattr(two, field.name)
        scale = 1.0 if field.name in free else unit
        assert_pairs((after,), (None if before is None else before * scale,), 1e-8 * scale)


@PROPERTY
@given(PAIRS, st.booleans())
def test_a_comparison_is_coherent(pairs: list[tuple[float, float]], higher: bool) -> None:
    result = run(*split(pairs), higher_is_better=higher)
    values = dataclasses.asdict(result)
    assert not any(isinstance(v, float) and not math.isfinite(v) for v in values.values())
    assert all(0 <= values[k] <= 1 for k in values if k.startswith(("p_", "superiority")) and values[k] is not None)
    for low, middle, high in INTERVALS:
        if values[low] is not None:
            assert values[low] - 1e-9 <= values[middle] <= values[high] + 1e-9
    if result.p_tost is not None and abs(result.p_tost - 0.05) > 1e-9:
        assert result.equivalent == (result.p_tost < 0.05)
    if result.p_noninferior is not None and abs(result.p_noninferior - 0.05) > 1e-9:
        assert result.noninferior == (result.p_noninferior < 0.05)
    assert result.noninferior or not result.equivalent


def test_one_seed_has_means_only() -> None:
    result = dataclasses.asdict(run([2.0], [1.5]))
    known = {"n": 1, "mean_a": 2.0, "mean_b": 1.5, "difference": 0.5, "margin": 1.0}
    known |= {"equivalent": False, "noninferior": False}
    assert {k: v for k, v in result.items() if v is not None} == known


def test_two_seeds_have_no_bca_and_no_g() -> None:
    result = run([2.0, 2.5], [1.0, 1.0])
    assert (result.bca_low, result.bca_high, result.hedges_g, result.g_low, result.g_high) == (None,) * 5
    assert result.p_t is not None
    assert result.p_signflip == 0.5
    assert result.minimal_detectable is not None


@pytest.mark.parametrize(("shift", "equivalent", "p_flip", "wins"), [(0.0, True, 1, 0.5), (0.3, False, 0.0625, 1)])
def test_differences_that_do_not_vary(shift: float, equivalent: bool, p_flip: float, wins: float) -> None:
    """Identical arms, and arms a constant apart up to rounding: the point, no scale, exact tests."""
    b = np.array([0.1, 0.7, 2.3, 0.2, 1.9])
    result = run(b + shift, b, margin=0.2)
    for name in ("t_low", "t_high", "bca_low", "bca_high", "equivalent_low", "equivalent_high"):
        assert getattr(result, name) == pytest.approx(shift)
    for name in ("p_t", "p_tost", "p_noninferior", "hedges_g", "g_low", "g_high", "minimal_detectable"):
        assert getattr(result, name) is None
    assert (result.sd_difference, result.equivalent, result.noninferior) == (0, equivalent, True)
    assert (result.p_signflip, result.superiority) == (p_flip, wins)
    assert result.superiority_low < wins or wins == 0.5


def test_seed_decides_the_bootstrap() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 20))
    first, again, other = (run(a, b, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert (first.bca_low, first.bca_high) != (other.bca_low, other.bca_high)
    assert dataclasses.replace(other, bca_low=0, bca_high=0, p_signflip=0) == dataclasses.replace(
        first, bca_low=0, bca_high=0, p_signflip=0
    )


def test_confidence_widens_everything() -> None:
    a, b = np.random.default_rng(4).normal(size=(2, 8))
    narrow, wide = run(a, b, confidence=0.8), run(a, b, confidence=0.99)
    for prefix in ("t", "bca", "g", "equivalent", "superiority"):
        assert getattr(wide, f"{prefix}_low") < getattr(narrow, f"{prefix}_low")
        assert getattr(wide, f"{prefix}_high") > getattr(narrow, f"{prefix}_high")


@pytest.mark.parametrize(
    ("options", "named"),
    [({"margin": 0.0}, "margin"), ({"confidence": 0.4}, "confidence"), ({"resamples": 3}, "resamples")],
)
def test_bad_options(options: dict[str, float], named: str) -> None:
    with pytest.raises(InputError, match=named):
        run([1.0, 2.0], [1.0, 3.0], **options)


def test_bad_arms() -> None:
    with pytest.raises(InputError, match="b: expected finite"):
        run([1.0, 2.0], [1.0, math.nan])
    with pytest.raises(InputError, match="equal lengths"):
        run([1.0, 2.0], [1.0])


def test_holm_within_groups() -> None:
    frame = pd.DataFrame(
        {"family": ["x", "y", "x", None, "x"], "p_t": [0.01, 0.04, 0.03, 0.02, None]}, index=[9, 7, 5, 3, 1]
    )
    result = holm_within(frame, ["family"])
    assert result.index.tolist() == [9, 7, 5, 3, 1]
    np.testing.assert_allclose(result.p_holm, [0.02, 0.04, 0.03, 0.02, np.nan])
    np.testing.assert_allclose(holm_within(frame, []).p_holm, holm(frame.p_t))
    assert "p_holm" not in frame.columns


def test_holm_within_takes_comparisons_with_undefined_p() -> None:
    rows = [run([1.0, 2.0, 4.0], [1.0, 1.0, 1.0]), run([1.0], [1.0]), run([1.0, 1.0], [1.0, 1.0])]
    frame = pd.DataFrame([dataclasses.asdict(row) | {"family": "f"} for row in rows])
    assert holm_within(frame, ["family"]).p_holm.isna().tolist() == [False, True, True]
    assert holm_within(frame, ["family"], p="p_signflip").p_holm.isna().tolist() == [False, True, False]
    assert holm_within(frame.assign(p_t=None), ["family"]).p_holm.isna().all()
    assert holm_within(frame.iloc[:0], ["family"]).p_holm.tolist() == []


def test_holm_within_names_a_missing_column() -> None:
    with pytest.raises(InputError, match="family"):
        holm_within(pd.DataFrame({"p_t": [0.1]}), ["family"])
