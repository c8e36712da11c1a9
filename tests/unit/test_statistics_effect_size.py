"""Hedges g and the noncentral-t interval against exact values, identities and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from tokentrial.errors import InputError
from tokentrial.statistics.effect_size import (
    cohens_d_independent,
    cohens_dz,
    hedges_correction,
    hedges_g_independent,
    hedges_g_paired,
    noncentral_t_interval,
)

PROPERTY = settings(max_examples=50, deadline=None, derandomize=True)


def tail(t: float, df: float, ncp: float) -> float:
    """P(T <= t) of a noncentral t by quadrature over the chi distribution, independent of scipy's noncentral t."""
    chi = stats.chi(df, scale=1 / math.sqrt(df))
    centre = [ncp / t + k / abs(t) for k in (-6.0, 0.0, 6.0)] if t else []
    top = float(chi.isf(1e-15))
    points = sorted(p for p in centre if 0 < p < top)
    return integrate.quad(lambda s: special.ndtr(t * s - ncp) * chi.pdf(s), 0, top, points=points or None, limit=500)[0]


@pytest.mark.parametrize(("df", "exact"), [(2, 0.564190), (4, 0.797885), (9, 0.913875), (18, 0.957646)])
def test_hedges_correction(df: int, exact: float) -> None:
    assert hedges_correction(df) == pytest.approx(exact, abs=5e-7)


def test_hedges_correction_limits() -> None:
    assert math.isnan(hedges_correction(1))
    assert hedges_correction(1e5) == pytest.approx(1 - 3 / (4e5 - 1), abs=1e-9)


def test_g_is_unbiased() -> None:
    """The purpose of J: the mean of g over many samples is the population effect."""
    data = np.random.default_rng(1).normal(0.5, 1, (20_000, 5))
    d = data.mean(axis=1) / data.std(axis=1, ddof=1)
    assert hedges_correction(4) * d.mean() == pytest.approx(0.5, abs=0.02)
    assert d.mean() > 0.6
    assert hedges_g_paired(data[0]).estimate == pytest.approx(hedges_correction(4) * d[0])


@pytest.mark.parametrize("t", [-1000.0, -3.0, 0.0, 0.5, 2.0, 12.0, 1000.0])
@pytest.mark.parametrize("df", [1, 2, 9, 58])
def test_limits_invert_the_noncentral_t(t: float, df: int) -> None:
    low, high = noncentral_t_interval(t, df)
    assert tail(t, df, high) == pytest.approx(0.025, abs=1e-7)
    assert tail(t, df, low) == pytest.approx(0.975, abs=1e-7)
    assert stats.nct.cdf(t, df, high) == pytest.approx(0.025, abs=1e-7)
    assert stats.nct.cdf(t, df, low) == pytest.approx(0.975, abs=1e-7)


def test_published_interval() -> None:
    """Kelley's R package MBESS: conf.limits.nct(ncp = 2.83, df = 126) is [.8337502, 4.815359]."""
    assert noncentral_t_interval(2.83, 126) == pytest.approx((0.8337502, 4.815359), abs=2e-6)


@PROPERTY
@given(
    t=st.floats(-1e7, 1e7),
    factor=st.floats(1.001, 10),
    df=st.integers(1, 2000),
    confidence=st.sampled_from([0.5, 0.9, 0.95, 0.999]),
)
def test_interval_is_finite_odd_and_monotone(t: float, factor: float, df: int, confidence: float) -> None:
    low, high = noncentral_t_interval(t, df, confidence)
    assert math.isfinite(low)
    assert low < high
    assert noncentral_t_interval(-t, df, confidence) == pytest.approx((-high, -low), rel=1e-9, abs=1e-9)
    if t > 1e-3:
        further = noncentral_t_interval(t * factor, df, confidence)
        assert further.low > low
        assert further.high > high


@pytest.mark.parametrize("df", [1, 3, 20, 500])
def test_large_t_joins_the_search_smoothly(df: int) -> None:
    below, above = noncentral_t_interval(9999.9, df), noncentral_t_interval(10000.1, df)
    assert above == pytest.approx((below.low * 1.00002, below.high * 1.00002), rel=1e-6)


@pytest.mark.parametrize(("n", "effect"), [(3, 0.0), (5, 1.0), (20, 0.5)])
def test_coverage_of_the_paired_interval(n: int, effect: float) -> None:
    data = np.random.default_rng(n).normal(effect, 1, (800, n))
    covered = [g.low < effect < g.high for g in map(hedges_g_paired, data)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)


def test_coverage_of_the_independent_interval() -> None:
    rng = np.random.default_rng(0)
    intervals = [hedges_g_independent(rng.normal(1.2, 1, 5), rng.normal(0, 1, 8)) for _ in range(800)]
    assert np.mean([g.low < 1.2 < g.high for g in intervals]) == pytest.approx(0.95, abs=0.025)


def test_effects_agree_with_the_t_statistics() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 2, 7), rng.normal(0, 1, 11)
    assert cohens_d_independent(a, b) == pytest.approx(stats.ttest_ind(a, b).statistic * math.sqrt(1 / 7 + 1 / 11))
    assert cohens_dz(a) == pytest.approx(stats.ttest_1samp(a, 0).statistic / math.sqrt(7))


def test_the_interval_agrees_with_the_t_test_about_zero() -> None:
    rng = np.random.default_rng(4)
    for effect in np.linspace(0, 1.5, 30):
        x = rng.normal(effect, 1, 8)
        g = hedges_g_paired(x)
        assert (g.low > 0 or g.high < 0) == (stats.ttest_1samp(x, 0).pvalue < 0.05)


@PROPERTY
@given(st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=3, max_size=12), st.floats(0.01, 100))
def test_g_is_free_of_scale_odd_and_inside_its_interval(values: list[float], scale: float) -> None:
    g = hedges_g_paired(values)
    if np.ptp(values) == 0:
        assert all(map(math.isnan, g))
        return
    assert g.low < g.estimate < g.high
    assert hedges_g_paired(np.multiply(values, scale)) == pytest.approx(g, rel=1e-6, abs=1e-9)
    assert hedges_g_paired(np.negative(values)) == pytest.approx((-g.estimate, -g.high, -g.low), rel=1e-9)


def test_undefined_effects_are_nan() -> None:
    assert all(map(math.isnan, hedges_g_paired([1.0, 2.0])))
    assert all(map(math.isnan, hedges_g_paired([2.0, 2.0, 2.0])))
    assert all(map(math.isnan, hedges_g_independent([1.0, 1.0], [2.0, 2.0])))
    assert all(map(math.isnan, hedges_g_independent([1.0], [2.0, 3.0])))
    assert math.isnan(cohens_dz([1.0]))
    assert math.isnan(cohens_d_independent([1.0], [2.0]))
    assert math.isfinite(cohens_d_independent([1.0, 1.0], [2.0, 3.0]))


@pytest.mark.parametrize(("t", "df", "confidence"), [(math.inf, 3, 0.95), (1.0, 0, 0.95), (1.0, 3, 1.0)])
def test_bad_arguments(t: float, df: float, confidence: float) -> None:
    with pytest.raises(InputError):
        noncentral_t_interval(t, df, confidence)
