"""Minimal detectable effects against the tables of methods, statsmodels' power and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from tokentrial.errors import InputError
from tokentrial.statistics.power import critical_effect, minimal_detectable_effect, power_curve

NS = (3, 5, 10, 20, 30)
PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)


def test_table_of_minimal_detectable_effects() -> None:
    independent = [minimal_detectable_effect(n, paired=False) for n in NS]
    paired = [minimal_detectable_effect(n, paired=True) for n in NS]
    bonferroni = [minimal_detectable_effect(n, paired=False, alpha=0.05 / 17) for n in NS]
    critical = [critical_effect(n, paired=False) for n in NS]
    assert independent == pytest.approx([3.071, 2.024, 1.325, 0.909, 0.736], abs=0.0006)
    assert paired == pytest.approx([3.264, 1.682, 0.996, 0.660, 0.529], abs=0.0006)
    assert bonferroni == pytest.approx([6.611, 3.346, 1.948, 1.282, 1.024], abs=0.0006)
    assert critical == pytest.approx([2.267, 1.458, 0.940, 0.640, 0.517], abs=0.0006)


@PROPERTY
@given(
    n=st.integers(3, 500),
    power=st.floats(0.5, 0.99),
    alpha=st.sampled_from([0.05, 0.05 / 17, 0.05 / 400]),
    paired=st.booleans(),
)
def test_the_effect_has_the_power_statsmodels_says(n: int, power: float, alpha: float, paired: bool) -> None:
    """Up to the wrong tail, at most Phi(-3.9) here."""
    effect = minimal_detectable_effect(n, paired=paired, power=power, alpha=alpha)
    alternative = (TTestPower() if paired else TTestIndPower()).power(effect, n, alpha / 2, alternative="larger")
    assert alternative == pytest.approx(power, abs=1e-9)
    two_sided = (TTestPower() if paired else TTestIndPower()).power(effect, n, alpha)
    assert math.isnan(two_sided) or two_sided == pytest.approx(power, abs=1e-4)


@pytest.mark.parametrize(("n", "paired", "alpha"), [(2, True, 0.05), (3, False, 0.05 / 17), (3, True, 0.05 / 17)])
def test_few_seeds_and_a_small_alpha_by_simulation(n: int, paired: bool, alpha: float) -> None:
    """Where statsmodels' solve_power is wrong: 5.36 and 5.50 instead of 6.61 and 13.50 in the last two."""
    effect = minimal_detectable_effect(n, paired=paired, alpha=alpha)
    rng = np.random.default_rng(n)
    a, b = rng.normal(effect, 1, (60_000, n)), rng.normal(0, 1, (60_000, n))
    p = stats.ttest_1samp(a, 0, axis=1).pvalue if paired else stats.ttest_ind(a, b, axis=1).pvalue
    assert np.mean(p < alpha) == pytest.approx(0.8, abs=0.008)


@PROPERTY
@given(n=st.integers(2, 200), paired=st.booleans())
def test_more_seeds_detect_less_and_pairing_has_fewer_df(n: int, paired: bool) -> None:
    assert minimal_detectable_effect(n + 1, paired=paired) < minimal_detectable_effect(n, paired=paired)
    assert critical_effect(n, paired=paired) < minimal_detectable_effect(n, paired=paired)


def test_power_curve() -> None:
    curve = power_curve([3, 10])
    assert list(curve.columns) == ["n", "design", "minimal_detectable", "critical", "equivalence_margin"]
    assert list(zip(curve.n, curve.design, strict=True)) == [
        (3, "paired"), (3, "independent"), (10, "paired"), (10, "independent"),
    ]  # fmt: skip
    assert curve.minimal_detectable.tolist() == pytest.approx([3.264, 3.071, 0.996, 1.325], abs=0.0006)
    assert curve.equivalence_margin.tolist() == pytest.approx([2.66, 2.92, 1.005, 1.36], abs=0.006)


def test_undefined_and_bad_arguments() -> None:
    assert math.isnan(minimal_detectable_effect(1, paired=True))
    assert math.isnan(critical_effect(1, paired=False))
    assert math.isfinite(minimal_detectable_effect(2, paired=True, alpha=1e-9))
    assert power_curve([1]).minimal_detectable.isna().all()
    with pytest.raises(InputError, match="power"):
        minimal_detectable_effect(5, paired=True, power=0.05)
    with pytest.raises(InputError, match="power"):
        minimal_detectable_effect(5, paired=True, power=1.0)
    with pytest.raises(InputError, match="alpha"):
        critical_effect(5, paired=True, alpha=0.0)
