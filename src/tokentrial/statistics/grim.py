"""Means and standard deviations that whole numbers can have: GRIM (Brown and Heathers 2017), GRIMMER (Anaya 2016).

Both take a printed number as the interval of the values that round to the number, in units of the grain. For accuracies
on a test set of m examples, the grain is 1/m.
"""

import itertools
import math
from fractions import Fraction

from tokentrial.errors import InputError

End = Fraction | int
_MOST = 12
"""Up to this n, the sum of squares is checked exactly; above, parity alone decides, as in GRIMMER."""


def whole_sums(low: End, high: End, n: int) -> range:
    """Returns the sums k of n whole numbers whose mean k/n lies in [low, high]. Raises InputError for n < 1."""
    if n < 1:
        raise InputError(f"n: found {n}, expected at least 1")
    return range(math.ceil(low * n), math.floor(high * n) + 1)


def grim(low: End, high: End, n: int) -> bool:
    """Whether the mean of n whole numbers can lie in [low, high]."""
    return len(whole_sums(low, high, n)) > 0


def grimmer(mean: tuple[End, End], sd: tuple[End, End], n: int, ddof: int = 1) -> bool:
    """Whether n whole numbers can have a mean and a standard deviation (ddof) in these intervals.

    For a possible sum k, the sum of squares q = (n - ddof) sd^2 + k^2/n must be whole, have the parity of k, and lie in
    the interval that sd allows. Up to n = 12, q must also be the sum of squares of n whole numbers that sum to k.
    Raises InputError for n <= ddof.
    """
    if n <= ddof:
        raise InputError(f"n: found {n}, expected more than ddof = {ddof}")
    for k in whole_sums(*mean, n):
        centre = Fraction(k * k, n)
        low = math.ceil(centre + (n - ddof) * Fraction(max(sd[0], 0)) ** 2)
        high = math.floor(centre + (n - ddof) * Fraction(sd[1]) ** 2)
        for squares in range(low, high + 1):
            if squares % 2 == k % 2 and (n > _MOST or _sum_of_squares(n, k, squares)):
                return True
    return False


def _sum_of_squares(n: int, total: int, squares: int) -> bool:
    """Whether n whole numbers exist with this sum and this sum of squares."""
    if n == 1:
        return total * total == squares
    # The squared deviations from the mean sum to squares - total^2/n, so no value is farther from the mean than the
    # root of this sum.
    rest = Fraction(squares) - Fraction(total * total, n)
    if rest < 0:
        return False
    reach = math.isqrt(math.ceil(rest * (n - 1) / n)) + 1
    middle = round(Fraction(total, n))
    values = itertools.chain(*((middle - step, middle + step) if step else (middle,) for step in range(reach + 1)))
    return any(_sum_of_squares(n - 1, total - value, squares - value * value) for value in values)
