"""A printed number as the interval that its digits allow, and exact arithmetic with such intervals.

``0.083`` stands for anything from 0.0825 to 0.0835. A check computes the interval of the result from the intervals of
what is printed and asks whether it meets the interval of the printed result: no tolerance is ever chosen.

Ends are fractions, so that 0.083 - 0.067 = 0.016 holds exactly; an open side is an infinite float.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from tokentrial.errors import InputError

Number = Fraction | float
INFINITY = math.inf
LONGEST = 60  # characters of a printed number
MAGNITUDES = {"K": 10**3, "M": 10**6, "B": 10**9}
_FORM = re.compile(
    r"(?P<side>[<>]=?|~|≈)?\s*(?P<times>[x×])?(?P<digits>[+\-−]?(?:\d{1,3}(?:,?\d{3})*(?:\.\d+)?|\.\d+))"
    r"(?:[eE](?P<power>[+\-−]\d{1,3})|(?P<unit>K|M|B|D|%|x|×|:1))?(?P<more>\+)?"
)


@dataclass(frozen=True)
class Interval:
    """A closed interval; ``low`` and ``high`` may be infinite."""

    low: Number
    high: Number

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError(f"interval: found the ends {self.low} and {self.high}, expected them in rising order")

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def __neg__(self) -> "Interval":
        return Interval(-self.high, -self.low)

    def __sub__(self, other: "Interval") -> "Interval":
        return self + -other

    def __mul__(self, other: "Interval") -> "Interval":
        corners = [_product(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def __truediv__(self, other: "Interval") -> "Interval":
        """Raises InputError where the divisor may be zero."""
        if other.low <= 0 <= other.high:
            raise InputError(f"division by {show(other)}: expected a divisor that cannot be 0")
        ends = sorted(Fraction(0) if math.isinf(end) else 1 / end for end in (other.low, other.high))
        return self * Interval(ends[0], ends[1])

    def __abs__(self) -> "Interval":
        if self.low >= 0:
            return self
        return -self if self.high <= 0 else Interval(Fraction(0), max(-self.low, self.high))

    def meets(self, other: "Interval") -> bool:
        """Whether some number lies in both."""
        return self.low <= other.high and other.low <= self.high

    def contains(self, value: Number) -> bool:
        return self.low <= value <= self.high

    def inside(self, other: "Interval") -> bool:
        return other.low <= self.low and self.high <= other.high

    def rising(self, function: Callable[[float], float]) -> "Interval":
        """The image under a function that does not fall. function: float -> float."""
        return Interval(function(float(self.low)), function(float(self.high)))

    def falling(self, function: Callable[[float], float]) -> "Interval":
        """The image under a function that does not rise. function: float -> float."""
        return Interval(function(float(self.high)), function(float(self.low)))

    @property
    def middle(self) -> float:
        return float(self.low + self.high) / 2


def _product(a: Number, b: Number) -> Number:
    return Fraction(0) if a == 0 or b == 0 else a * b  # 0 times an open end is 0, not NaN


def exact(value: int | float | Fraction) -> Interval:
    """A number without rounding, such as a setting. A float counts as the decimal it is written as."""
    made = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    return Interval(made, made)


def hull(first: Interval, *others: Interval) -> Interval:
    """The smallest interval that holds all of them."""
    return Interval(min(first.low, *(i.low for i in others)), max(first.high, *(i.high for i in others)))


@dataclass(frozen=True)
class Quantity:
    """A number of a claim: its text, the interval that the text allows, its nominal value, and where it stands."""

    text: str
    interval: Interval
    nominal: Number
    where: str = ""
    place: Number = Fraction(0)
    """The unit of the last digit that counts; 0 for an exact number."""

    @property
    def value(self) -> float:
        return float(self.nominal)

    @property
    def truncated(self) -> Interval:
        """All numbers that give this text by cutting digits off (``25M`` from 25.6M)."""
        away = self.nominal + (self.place if self.nominal >= 0 else -self.place)
        return Interval(min(self.nominal, away), max(self.nominal, away))


def setting(value: int | float) -> Quantity:
    """A number that a document sets rather than measures: no rounding."""
    interval = exact(value)
    return Quantity(f"{value:,}" if isinstance(value, int) else str(value), interval, interval.low)


def parse(text: str, where: str = "") -> Quantity:
    """A printed number such as ``0.083``, ``.083``, ``12.5%``, ``1,568``, ``204.8M``, ``8:1``, ``>100`` or ``1.2e-05``.

    The last printed digit is rounded. A whole number without sign or unit is a count, and exact, as is a ratio ``8:1``.
    In a whole number with a magnitude letter, a ``~`` or an ``x`` before it trailing zeros from the third digit on are
    place holders (``200M`` is 195M to 205M); in any other number all digits count. A percent sign divides by 100, and
    ``<``, ``>`` and a trailing ``+`` leave one side open. Raises InputError for any other text.
    """
    found = _FORM.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if found is None:
        raise InputError(
            f"found {text!r:.{LONGEST}}, expected a printed number such as '0.083', '12.5%', '1,568' or '>100'"
        )
    digits = found["digits"].replace(",", "").replace("−", "-")
    scale = Fraction(MAGNITUDES.get(found["unit"] or "", 1)) / (100 if found["unit"] == "%" else 1)
    scale *= Fraction(10) ** int((found["power"] or "0").replace("−", "-"))
    nominal = Fraction(digits) * scale
    marked = found["side"] or found["times"] or found["more"] or found["power"] or found["unit"] not in (None, "D")
    if found["unit"] == ":1" or (not marked and "." not in digits):
        return Quantity(text, Interval(nominal, nominal), nominal, where, Fraction(int(found["unit"] != ":1")))
    loose = found["unit"] in MAGNITUDES or found["side"] in ("~", "≈") or found["times"] is not None
    place = Fraction(10) ** _last_place(digits, loose) * scale
    half = place / 2
    low: Number = nominal - half
    high: Number = nominal + half
    if (found["side"] or "").startswith("<"):
        low, high = -INFINITY, nominal
    elif (found["side"] or "").startswith(">") or found["more"]:
        low, high = nominal, INFINITY
    return Quantity(text, Interval(low, high), nominal, where, place)


def _last_place(digits: str, loose: bool) -> int:
    """The power of ten of the last digit that counts."""
    if "." in digits:
        return -len(digits.split(".")[1])
    whole = digits.lstrip("+-")
    zeros = len(whole) - len(whole.rstrip("0"))
    return min(zeros, max(len(whole) - 2, 0)) if loose else 0


def show(value: Interval | Number, digits: int = 4) -> str:
    """A number, or an interval, as text with so many significant digits; whole numbers in full."""
    if isinstance(value, Interval):
        low, high = show(value.low, digits), show(value.high, digits)
        return low if low == high else f"{low} to {high}"
    number = float(value)
    if math.isinf(number):
        return "infinity" if number > 0 else "-infinity"
    if number.is_integer() and abs(number) < 1e15:
        return f"{round(number):,}"
    return f"{number:,.1f}" if abs(number) >= 10 ** (digits - 1) else f"{number:.{digits}g}"


def percent(value: Interval | Number, digits: int = 3) -> str:
    """A share as text in percent."""
    if isinstance(value, Interval):
        low, high = percent(value.low, digits), percent(value.high, digits)
        return low if low == high else f"{low.removesuffix(' %')} to {high}"
    return f"{float(value) * 100:.{digits}g} %"
