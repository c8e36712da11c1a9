"""Replication criteria against published and recomputed examples, closed forms and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tokentrial.errors import InputError
from tokentrial.statistics.replication import (
    Arm,
    Original,
    correlation_prediction_interval,
    difference_bayes_factor,
    inside,
    original,
    prediction_interval,
    replication_bayes_factor,
    sceptical_p,
    small_effect,
    small_telescopes,
    telescope_size,
    z_of_t,
)

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
LEARNED, AUTOENCODER = Arm(0.083, 0.012, 3), Arm(0.067, 0.015, 3)  # document 000, table 3.2, 2:1


def test_prediction_interval_of_document_000() -> None:
    found = original(LEARNED, AUTOENCODER)
    replication = math.sqrt((0.012**2 + 0.015**2) / 10)
    normal = prediction_interval(found.difference, found.standard_error, replication)
    student = prediction_interval(found.difference, found.standard_error, replication, df=found.df)
    assert normal == pytest.approx((-0.0088, 0.0408), abs=5e-5)
    assert student == pytest.approx((-0.0191, 0.0511), abs=5e-5)


def test_prediction_interval_of_a_correlation() -> None:
    assert correlation_prediction_interval(0.403, 50, 50) == pytest.approx((0.0229, 0.6813), abs=5e-5)


def test_prediction_interval_covers_95_per_cent_of_replications() -> None:
    rng = np.random.default_rng(7)
    first, second = rng.normal(0.3, 0.2, 20_000), rng.normal(0.3, 0.1, 20_000)
    hits = [inside(b, prediction_interval(a, 0.2, 0.1)) for a, b in zip(first, second, strict=True)]
    assert np.mean(hits) == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 20_000))


def test_readings_of_plus_minus() -> None:
    """As sd 0.012 / sqrt 3; as standard error itself; as a half width, divided by t(2, .975) = 4.302653."""
    errors = [LEARNED.standard_error(reading) for reading in ("sd", "se", "half_width")]
    assert errors == pytest.approx([0.012 / math.sqrt(3), 0.012, 0.012 / 4.302653], rel=1e-6)
    assert original(LEARNED, AUTOENCODER, "se").d == pytest.approx(0.016 / math.hypot(0.012, 0.015) / math.sqrt(1.5))
    with pytest.raises(InputError, match="reading"):
        LEARNED.standard_error("range")


def test_original_is_the_two_sample_t_of_scipy() -> None:
    found = original(Arm(4.602, 0.015, 10), Arm(4.595, 0.018, 10))
    expected = stats.ttest_ind_from_stats(4.602, 0.015, 10, 4.595, 0.018, 10)
    assert found.t == pytest.approx(expected.statistic)
    assert found.d == pytest.approx(0.007 / math.sqrt((0.015**2 + 0.018**2) / 2))
    with pytest.raises(InputError, match="equal n"):
        original(Arm(1, 1, 3), Arm(1, 1, 4))


def test_d33_of_the_table_of_methods() -> None:
    assert [small_effect(n) for n in (3, 10, 21)] == pytest.approx([1.625, 0.722, 0.483], abs=6e-4)


def test_telescope_sizes() -> None:
    """Exact sizes for 80 %; Simonsohn's 2.5, 3.5 and 4.5 n for 80, 90 and 95 % hold for larger originals."""
    assert [telescope_size(n) for n in (3, 20)] == [5, 51]
    multiples = [telescope_size(100, power) / 100 for power in (0.8, 0.9, 0.95)]
    assert multiples == pytest.approx([2.5, 3.5, 4.5], abs=0.15)


def test_an_effect_of_the_other_sign_is_not_called_too_small() -> None:
    found = original(Arm(0.083, 0.012, 3), Arm(0.067, 0.015, 3))
    turned = small_telescopes(found, 3, (-0.195, -0.19))
    assert turned.opposite and not turned.too_small
    near = small_telescopes(found, 3, (-0.001, 0.022))
    assert near.too_small and not near.opposite
    with pytest.raises(InputError, match="the difference 0"):
        small_telescopes(original(Arm(1, 0.1, 3), Arm(1, 0.1, 3)), 3, (0, 1))


def test_the_bayes_factor_of_a_difference_against_a_closed_form() -> None:
    """With many degrees of freedom both laws are normal, and the marginal is normal with the sum of the variances."""
    first = Original(0.5, 0.2, 10**7, 1.0)
    for measured, error in ((0.4, 0.1), (0.0, 0.05), (0.9, 0.3), (0.02, 0.01)):
        expected = stats.norm.pdf(measured, 0.5, math.hypot(0.2, error)) / stats.norm.pdf(measured, 0, error)
        assert difference_bayes_factor(first, measured, error, 10**7) == pytest.approx(expected, rel=1e-3)


def test_the_bayes_factor_of_a_difference_far_from_both_says_nothing() -> None:
    """-.004 was published and -.195 measured: neither the original nor no effect is anywhere near."""
    first = original(Arm(4.601, 0.018, 10), Arm(4.605, 0.020, 10))
    factor = difference_bayes_factor(first, -0.1955, 0.0085, 9)
    assert 1 / 3 < factor < 3
    assert difference_bayes_factor(first, -0.00001, 0.000003, 9) < 1  # as good as 0, and no tenth of the published
    assert difference_bayes_factor(original(Arm(0.5, 0.1, 10), Arm(0.0, 0.1, 10)), 0.49, 0.02, 9) > 10


def test_small_telescopes_decide_in_the_originals_direction() -> None:
    found = original(LEARNED, AUTOENCODER)  # sd 0.01358, so d33 = 1.625 is 0.02207
    assert small_telescopes(found, 3, (-0.001, 0.022)).too_small
    assert not small_telescopes(found, 3, (-0.001, 0.0222)).too_small
    mirrored = original(AUTOENCODER, LEARNED)
    turned = small_telescopes(mirrored, 3, (-0.022, 0.001))
    assert turned == small_telescopes(found, 3, (-0.001, 0.022))
    with pytest.raises(InputError, match="vary"):
        small_telescopes(original(Arm(1, 0, 3), Arm(2, 0, 3)), 3, (0, 1))


@pytest.mark.parametrize(("t", "expected"), [(3.06, 39.21), (0.25, 0.130)])
def test_replication_bayes_factor_of_the_r_packages_examples(t: float, expected: float) -> None:
    found = replication_bayes_factor(2.18, 110 / 21, 19, t, 27 / 2, 52)
    assert found == pytest.approx(expected, rel=4e-3)


def test_replication_bayes_factor_against_adaptive_quadrature() -> None:
    def posterior(d: float) -> float:
        return float(stats.nct.pdf(-1.4, 4, d * math.sqrt(1.5)))

    norm = integrate.quad(posterior, -12, 8, limit=400)[0]
    joint = integrate.quad(lambda d: posterior(d) * stats.nct.pdf(-2.6, 18, d * math.sqrt(5)), -12, 8, limit=400)[0]
    expected = joint / norm / stats.t.pdf(-2.6, 18)
    assert replication_bayes_factor(-1.4, 1.5, 4, -2.6, 5, 18) == pytest.approx(expected, rel=1e-5)


def test_replication_bayes_factor_is_symmetric_and_finite_for_large_t() -> None:
    one = replication_bayes_factor(1.4, 1.5, 4, 2.6, 5, 18)
    assert replication_bayes_factor(-1.4, 1.5, 4, -2.6, 5, 18) == pytest.approx(one, rel=1e-9)
    huge = replication_bayes_factor(1.4, 1.5, 4, 60.0, 5, 18)
    assert huge > 1


@pytest.mark.parametrize(("z", "expected"), [(1.96, 0.1658), (2.772, 0.0500)])
def test_sceptical_p_for_equal_variances(z: float, expected: float) -> None:
    assert sceptical_p(z, z) == pytest.approx(expected, abs=5e-5)


@PROPERTY
@given(st.floats(0.1, 8), st.floats(0.1, 8), st.floats(0.01, 100))
def test_sceptical_p_solves_helds_equation(z_o: float, z_r: float, c: float) -> None:
    z_s = -stats.norm.ppf(sceptical_p(z_o, z_r, c) / 2)
    assert 0 < z_s <= min(z_o, z_r) * (1 + 1e-9)
    assert (z_o**2 / z_s**2 - 1) * (z_r**2 / z_s**2 - 1) == pytest.approx(c, rel=1e-4, abs=1e-6)


def test_sceptical_p_of_nothing_is_one() -> None:
    assert sceptical_p(0.0, 3.0) == 1.0
    with pytest.raises(InputError, match="variance"):
        sceptical_p(1.0, 1.0, 0.0)


def test_z_of_t_keeps_p_and_sign() -> None:
    z = z_of_t(-2.776445, 4)
    assert z == pytest.approx(-1.959964, abs=1e-5)
    assert z_of_t(2.0, 1e9) == pytest.approx(2.0, abs=1e-6)
