"""Whether training has gone flat: what a model still gained over the last quarter of its steps."""

import numpy as np
import numpy.typing as npt

FLAT = 0.01
"""An arm has gone flat if its gain over the last quarter is below this share of the distance from chance to the floor.

Where the floor is unknown, the best loss that the arm reached takes its place.
"""


def late_gain(steps: npt.ArrayLike, losses: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Returns by how much the last quarter of training lowered each model's best validation loss, (S,).

    steps: rising, (E,); losses at them, (E, S), NaN where a model was not measured. The gain is the lowest loss of the
    first three quarters minus the lowest of the last quarter: below zero if the last quarter brought nothing better,
    NaN if either has no loss. Raises ValueError without a measurement in both.
    """
    at, values = np.asarray(steps, dtype=float), np.asarray(losses, dtype=float)
    late = at > 0.75 * at.max() if at.size else np.zeros(0, dtype=bool)
    if not late.any() or late.all():
        raise ValueError(f"found measurements at the steps {at.tolist()}, expected some before and in the last quarter")
    early_best, late_best = (np.fmin.reduce(values[part], axis=0) for part in (~late, late))
    return np.asarray(early_best - late_best)
