"""Two-sided tests of whether paired differences have mean 0: Student's t, and the exact sign flip."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tokentrial.statistics.intervals import check_resamples
from tokentrial.statistics.samples import FloatArray, is_constant, sample

MAXIMUM_EXACT = 16
"""Up to this n, all 2^n sign patterns are counted (n = 16: by symmetry 32,768 rows, 4 MiB)."""

_TIE = 1e-10
"""Two sums of signed differences are equal if they differ by less than this share of sum |d|.

The share is far above rounding and far below differences in data.
"""


class TTest(NamedTuple):
    """Student's test: the statistic, its degrees of freedom and the two-sided p."""

    statistic: float
    df: int
    p_value: float


def paired_t_test(differences: ArrayLike) -> TTest:
    """Student's t test of paired differences (n,) against 0.

    Statistic and p are NaN for n = 1 and for differences that do not vary, 0 or not: without a scale, a t statistic
    says nothing. `sign_flip_test` is still defined.
    """
    differences = sample(differences, "differences")
    df = differences.size - 1
    if df < 1 or is_constant(differences):
        return TTest(float("nan"), df, float("nan"))
    result = stats.ttest_1samp(differences, 0.0)
    return TTest(float(result.statistic), df, float(result.pvalue))


def sign_flip_test(differences: ArrayLike, rng: np.random.Generator, resamples: int = 9999) -> float:
    """Two-sided p of the sign-flip permutation test (Fisher 1935, section 21) on the mean of differences (n,).

    p is the share of sign patterns whose |mean| reaches the observed |mean|. It is exact for n <= `MAXIMUM_EXACT`;
    above, it is Monte Carlo, (k + 1) / (resamples + 1). The smallest p is 2 / 2^n: 0.25 at n = 3, 0.0625 at n = 5. Sums
    within 1e-10 of each other, as a share of sum |d|, are ties. p is 1 for n = 1 and if all differences are 0.

    Raises InputError for fewer than 100 resamples.
    """
    differences = sample(differences, "differences")
    check_resamples(resamples)
    # Scale first: only the ratios of the differences matter, and sums of huge or tiny differences stay finite.
    scale = np.abs(differences).max()
    if scale == 0:
        return 1.0
    scaled = differences / scale
    threshold = float(abs(scaled.sum()) - _TIE * np.abs(scaled).sum())
    if scaled.size <= MAXIMUM_EXACT:
        return _exact_share(scaled, threshold)

    def reaches(flipped: FloatArray, axis: int) -> FloatArray:
        return np.asarray(np.abs(flipped.sum(axis=axis)) >= threshold, dtype=np.float64)

    # The statistic is the event itself, 1 for the observed data, so that scipy's count of "at least as large" uses the
    # ties defined here.
    result = stats.permutation_test(
        (scaled,),
        reaches,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        alternative="greater",
        rng=rng,
        batch=1000,
    )
    return float(result.pvalue)


def _exact_share(scaled: FloatArray, threshold: float) -> float:
    """Share of all sign patterns of (n,) whose |sum| is at least the threshold.

    The first sign stays +: a pattern and its mirror image have the same |sum|.
    """
    others = scaled.size - 1
    bits = np.arange(2**others)[:, None] >> np.arange(others) & 1  # (2^(n-1), n-1)
    signs = 1.0 - 2.0 * bits
    sums = scaled[0] + signs @ scaled[1:]  # (2^(n-1),)
    return float(np.mean(np.abs(sums) >= threshold))
