"""Which means and standard deviations whole numbers can have: GRIM (Brown and Heathers 2017), GRIMMER (Anaya 2016).

Both take what is printed as an interval of the values that round to it, in units of the grain: for accuracies of a test
set of m examples the grain is 1/m.
"""

import itertools
import math
from fractions import Fraction

from tokentrial.errors import InputError

End = Fraction | int
_MOST = 12
"""Values up to which the sum of squares is looked up exactly; from there parity alone decides, as in GRIMMER."""


def whole_sums(low: End, high: End, n: int) -> range:
    """The sums k of n whole numbers whose mean k/n lies in [low, high]. Raises InputError for n < 1."""
    if n < 1:
        raise InputError(f"n: found {n}, expected at least 1")
    return range(math.ceil(low * n), math.floor(high * n) + 1)


def grim(low: End, high: End, n: int) -> bool:
    """Whether the mean of n whole numbers can lie in [low, high]."""
    return len(whole_sums(low, high, n)) > 0


def grimmer(mean: tuple[End, End], sd: tuple[End, End], n: int, ddof: int = 1) -> bool:
    """Whether n whole numbers can have a mean and a standard deviation (ddof) in these intervals.

    For each possible sum k the sum of squares q is whole, of the parity of k, and q = (n - ddof) sd^2 + k^2/n lies in
    the interval that sd allows; up to n = 12 it must also be a sum of n squares of whole numbers that sum to k.
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
    # Around the mean: the deviations' squares sum to squares - total^2/n, so no value is farther off than its root.
    rest = Fraction(squares) - Fraction(total * total, n)
    if rest < 0:
        return False
    reach = math.isqrt(math.ceil(rest * (n - 1) / n)) + 1
    middle = round(Fraction(total, n))
    values = itertools.chain(*((middle - step, middle + step) if step else (middle,) for step in range(reach + 1)))
    return any(_sum_of_squares(n - 1, total - value, squares - value * value) for value in values)
