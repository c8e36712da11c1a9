"""Bayesian view of a paired comparison: the share of the posterior inside the region of practical equivalence."""

import math
from typing import NamedTuple

from numpy.typing import ArrayLike
from scipy import stats

from tokentrial.statistics.samples import check_margin, is_constant, sample


class Rope(NamedTuple):
    """Posterior probabilities of a mean difference below, inside and above (-margin, margin); they add up to 1."""

    below: float
    inside: float
    above: float


def rope_probabilities(differences: ArrayLike, margin: float) -> Rope:
    """Posterior of the mean of paired differences (n,) against a region of practical equivalence, in their unit.

    This is the Bayesian t test of Benavoli et al. (2017, eq. 8) with correlation rho = 0, since seeds are independent:
    Student's t with n - 1 degrees of freedom, centre mean, scale sd / sqrt(n).

    NaN for n = 1 and for differences that do not vary. Raises InputError for a margin that is not positive and finite.
    """
    differences = sample(differences, "differences")
    check_margin(margin)
    if differences.size < 2 or is_constant(differences):
        return Rope(math.nan, math.nan, math.nan)
    posterior = stats.t(differences.size - 1, loc=differences.mean(), scale=stats.sem(differences))
    below, above = float(posterior.cdf(-margin)), float(posterior.sf(margin))
    return Rope(below, max(0.0, 1 - below - above), above)
