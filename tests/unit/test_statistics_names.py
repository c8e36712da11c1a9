"""The names of tokentrial.statistics, and tests of printed numbers: equal to those of samples with these numbers."""

import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from tokentrial import statistics
from tokentrial.errors import InputError
from tokentrial.statistics import Arm, d33, effect_size, equivalence, hedges_g, tost

ROOT = Path(__file__).parents[2]


def sample(arm: Arm) -> np.ndarray:
    """Values with exactly this mean and standard deviation."""
    values = np.random.default_rng(arm.n).standard_normal(arm.n)
    values = (values - values.mean()) / values.std(ddof=1)
    return arm.mean + arm.spread * values


A, B = Arm(0.083, 0.004, 10), Arm(0.067, 0.007, 14)


def test_all_names_are_there_and_no_module_hides_one() -> None:
    assert set(statistics.__all__) == {name for names in statistics.PLACES.values() for name in names}
    for module, names in statistics.PLACES.items():
        for name in names:
            value = getattr(statistics, name)
            assert callable(value) and value.__module__ == f"tokentrial.statistics.{module}", name
            assert not (ROOT / f"src/tokentrial/statistics/{name}.py").exists()
    with pytest.raises(AttributeError, match="no attribute 'tots'"):
        statistics.tots  # noqa: B018


def test_the_package_alone_loads_no_library() -> None:
    code = "import sys, tokentrial.statistics; print(sorted({'scipy', 'torch', 'pandas'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True)
    assert said.stdout == b"[]\n", said.stderr


def test_printed_numbers_give_what_their_samples_give() -> None:
    expected = effect_size.hedges_g_independent(sample(A), sample(B))
    assert hedges_g(A, B) == pytest.approx(expected) and hedges_g(sample(A), sample(B)) == expected
    assert hedges_g(A, B, confidence=0.9).low > expected.low
    by_error = Arm(A.mean, A.spread / A.n**0.5, A.n), Arm(B.mean, B.spread / B.n**0.5, B.n)
    assert hedges_g(*by_error, reading="se") == pytest.approx(expected)
    for margin in (0.01, 0.03):
        welch = equivalence.tost_independent(sample(A), sample(B), margin)
        assert astuple(tost(A, B, margin=margin)) == pytest.approx(astuple(welch))
        assert tost(sample(A), sample(B), margin=margin) == welch
    assert tost(A, B, margin=0.03).equivalent and not tost(A, B, margin=0.01).equivalent


def test_one_argument_is_paired_differences() -> None:
    values = sample(A)
    assert hedges_g(values) == effect_size.hedges_g_paired(values)
    assert tost(values, margin=1.0) == equivalence.tost_paired(values, 1.0)


def test_d33_is_simonsohns() -> None:
    """Simonsohn (2015): 20 an arm detect d = .5 with a power of one third."""
    assert d33(20) == pytest.approx(0.5, abs=0.01)


def test_mixed_input_is_refused() -> None:
    for pair in ((A, [1.0, 2.0]), ([1.0, 2.0], A), (A, None)):
        with pytest.raises(InputError, match="found one printed arm, expected two"):
            hedges_g(*pair)
    with pytest.raises(InputError, match="do not vary"):
        tost(Arm(1, 0, 5), Arm(1, 0, 5), margin=1)
    assert np.isnan(hedges_g(Arm(1, 0, 5), Arm(1, 0, 5)).estimate)
