"""Holm, BH and BY against the data of Benjamini and Hochberg (1995) against statsmodels and the definition of Holm."""

import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from tokentrial.errors import InputError
from tokentrial.statistics.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm

BH_1995 = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.3240,
    0.4262,
    0.5719,
    0.6528,
    0.7590,
    1.0,
]
PROPERTY = settings(max_examples=100, deadline=None, derandomize=True)
P_VALUES = st.lists(st.floats(0, 1), max_size=20)


def test_published_rejections() -> None:
    assert [int((adjust(BH_1995) <= 0.05).sum()) for adjust in (holm, benjamini_hochberg, benjamini_yekutieli)] == [
        3,
        4,
        3,
    ]
    np.testing.assert_allclose(benjamini_hochberg(BH_1995)[:5], [0.0015, 0.003, 0.0095, 0.035625, 0.0603])


def test_the_garbage_of_the_whole_process_is_left_alone() -> None:
    """statsmodels collects it at each correction, and the more objects there are, the longer that takes."""

    class Knot:
        def __init__(self) -> None:
            self.itself = self

    gc.disable()
    try:
        knot = weakref.ref(Knot())
        multipletests([0.5], method="holm")
        assert knot() is None  # or else the next lines show nothing
        knot = weakref.ref(Knot())
        holm([0.5])
        assert knot() is not None
        gc.collect()
        assert knot() is None  # and nothing stays frozen
    finally:
        gc.enable()


@PROPERTY
@given(P_VALUES)
def test_the_definition_of_holm(p: list[float]) -> None:
    steps = np.maximum.accumulate([(len(p) - i) * value for i, value in enumerate(sorted(p))])
    np.testing.assert_allclose(np.sort(holm(p)), np.minimum(steps, 1))


def test_against_statsmodels() -> None:
    p = np.random.default_rng(0).uniform(size=30) ** 3
    for adjust, method in ((holm, "holm"), (benjamini_hochberg, "fdr_bh"), (benjamini_yekutieli, "fdr_by")):
        np.testing.assert_allclose(adjust(p), multipletests(p, method=method)[1])


@PROPERTY
@given(P_VALUES)
def test_adjusted_p_are_larger_and_keep_the_order(p: list[float]) -> None:
    results = holm(p), benjamini_hochberg(p), benjamini_yekutieli(p)
    for adjusted in results:
        assert (adjusted >= np.array(p) - 1e-15).all()
        assert (adjusted <= 1).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    assert (results[0] >= results[1] - 1e-12).all()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg, benjamini_yekutieli])
def test_missing_p_is_no_test(adjust: Callable[..., np.ndarray]) -> None:
    p = np.array([0.01, np.nan, 0.03, 0.02, np.nan])
    adjusted = adjust(p)
    np.testing.assert_array_equal(np.isnan(adjusted), np.isnan(p))
    np.testing.assert_array_equal(adjusted[~np.isnan(p)], adjust([0.01, 0.03, 0.02]))


def test_nothing_but_missing() -> None:
    assert np.isnan(holm([np.nan, np.nan])).all()
    assert holm([]).shape == (0,)


@pytest.mark.parametrize("bad", [[-0.1], [1.1, 0.5], [[0.1]], 0.1])
def test_bad_p_values(bad: object) -> None:
    with pytest.raises(InputError):
        holm(bad)
