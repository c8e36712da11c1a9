"""What counts as a sample, as a tie and as constant."""

import numpy as np
import pytest

from tokentrial.errors import InputError
from tokentrial.statistics.samples import is_constant, paired_differences, sample


@pytest.mark.parametrize("bad", [[], [[1.0, 2.0]], 3.0, [1.0, np.nan], [1.0, np.inf]])
def test_malformed_samples_are_refused(bad: object) -> None:
    with pytest.raises(InputError):
        sample(bad)


def test_pairs_need_equal_lengths() -> None:
    with pytest.raises(InputError, match="3 and 2"):
        paired_differences([1, 2, 3], [1, 2])


def test_rounding_is_no_difference() -> None:
    np.testing.assert_array_equal(paired_differences([0.1 + 0.2, 1.0], [0.3, 1.0]), [0.0, 0.0])
    shifted = paired_differences(np.array([0.1, 0.7, 123.4]) + 0.3, [0.1, 0.7, 123.4])
    assert np.ptp(shifted) == 0
    assert shifted[0] == pytest.approx(0.3)


def test_small_differences_are_kept_beside_a_huge_pair() -> None:
    np.testing.assert_allclose(paired_differences([1e30, 2.0, 3.5], [0.0, 1.0, 2.0]), [1e30, 1.0, 1.5])
    np.testing.assert_allclose(paired_differences([1.0, 1.0], [1.0 + 1e-9, 1.0]), [-1e-9, 0.0], rtol=1e-6)


def test_constant() -> None:
    assert is_constant(np.array([5.0]))
    assert is_constant(np.array([0.1 + 0.2, 0.3]))
    assert not is_constant(np.array([0.3, 0.3 + 1e-10]))
    assert not is_constant(np.array([0.0, 1e-300]))
