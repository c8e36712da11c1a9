"""What a model still gained over the last quarter of its steps."""

import numpy as np
import pytest

from tokentrial.statistics.convergence import late_gain


def test_the_gain_is_the_best_before_minus_the_best_of_the_last_quarter() -> None:
    steps = [0, 25, 50, 75, 100]  # the last quarter begins after step 75
    losses = np.array([[5.0, 5.0], [3.0, 1.0], [4.0, 2.0], [2.5, 2.0], [2.0, 1.5]])
    np.testing.assert_array_equal(late_gain(steps, losses), [0.5, -0.5])


def test_a_missing_measurement_is_passed_over_and_a_model_without_any_has_no_gain() -> None:
    losses = np.array([[4.0, 4.0], [np.nan, 3.0], [1.0, np.nan]])
    np.testing.assert_array_equal(late_gain([0, 50, 100], losses), [3.0, np.nan])


@pytest.mark.parametrize("steps", [[], [100]])
def test_without_a_measurement_in_both_parts_there_is_no_gain(steps: list[int]) -> None:
    with pytest.raises(ValueError, match="expected some before and in the last quarter"):
        late_gain(steps, np.ones((len(steps), 2)))
