"""Means and standard deviations that whole numbers can have: GRIM (Brown and Heathers 2017), GRIMMER (Anaya 2016).

Both take a printed number as the interval of the values that round to the number, in units of the grain. For accuracies
on a test set of m examples, the grain is 1/m.

An end of an interval is an exact number, or a printed number as text or as a float, of which the digits say how far it
was rounded: the low end "0.083" stands for 0.0825, the high end for 0.0835. A float shows no trailing zeros; `decimals`
says how many places are printed, and without it the interval can only be too wide, which accuses nobody.
"""

import itertools
import math
from decimal import Decimal
from fractions import Fraction

from tokentrial.errors import InputError

End = Fraction | int | float | str
_DIGITS = 15
"""A float holds so many significant digits; the others come from its binary form."""
_MOST = 12
"""Up to this n, the sum of squares is checked exactly; above, parity alone decides, as in GRIMMER."""


def ends(low: End, high: End, decimals: int | None = None) -> tuple[Fraction, Fraction]:
    """Returns both ends as exact numbers, printed ones half a unit of their last place further out.

    decimals: places of printed numbers. Raises InputError for a text that is no number.
    """
    return _exact(low, decimals, -1), _exact(high, decimals, 1)


def _exact(end: End, decimals: int | None, side: int) -> Fraction:
    if isinstance(end, int | Fraction):
        return Fraction(end)
    text = f"{end:.{_DIGITS}g}" if isinstance(end, float) else end.strip()
    try:
        value, digits = Fraction(text), Decimal(text).as_tuple().exponent
    except (ValueError, ArithmeticError):
        raise InputError(f"found {end!r:.60}, expected a printed number such as '0.083'") from None
    places = -int(digits) if decimals is None else decimals
    return value + side * Fraction(1, 2) / Fraction(10) ** places


def whole_sums(low: End, high: End, n: int, decimals: int | None = None) -> range:
    """Returns the sums k of n whole numbers whose mean k/n lies in [low, high] (see `ends`).

    Raises InputError for n < 1.
    """
    if n < 1:
        raise InputError(f"n: found {n}, expected at least 1")
    first, last = ends(low, high, decimals)
    return range(math.ceil(first * n), math.floor(last * n) + 1)


def grim(low: End, high: End, n: int, decimals: int | None = None) -> bool:
    """Whether the mean of n whole numbers can lie in [low, high] (see `ends`): ``grim("0.083", "0.083", 600)``."""
    return len(whole_sums(low, high, n, decimals)) > 0


def grimmer(mean: tuple[End, End], sd: tuple[End, End], n: int, ddof: int = 1, decimals: int | None = None) -> bool:
    """Whether n whole numbers can have a mean and a standard deviation (ddof) in these intervals.

    For a possible sum k, the sum of squares q = (n - ddof) sd^2 + k^2/n must be whole, have the parity of k, and lie in
    the interval that sd allows. Up to n = 12, q must also be the sum of squares of n whole numbers that sum to k.
    mean, sd: both ends, see `ends`; decimals: places of printed numbers.
    Raises InputError for n <= ddof.
    """
    if n <= ddof:
        raise InputError(f"n: found {n}, expected more than ddof = {ddof}")
    smallest, largest = ends(*sd, decimals)
    for k in whole_sums(*mean, n, decimals):
        centre = Fraction(k * k, n)
        low = math.ceil(centre + (n - ddof) * max(smallest, Fraction(0)) ** 2)
        high = math.floor(centre + (n - ddof) * largest**2)
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
