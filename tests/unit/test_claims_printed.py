"""Printed numbers as intervals: what the digits allow, and arithmetic that contains every true result."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentrial.claims.printed import Interval, exact, hull, parse, percent, setting, show
from tokentrial.errors import InputError

PROPERTY = settings(max_examples=80, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0.083", "0.0825", "0.0835"),
        ("+0.016", "0.0155", "0.0165"),
        ("-0.013", "-0.0135", "-0.0125"),
        ("1.190", "1.1895", "1.1905"),
        ("12.5%", "0.1245", "0.1255"),
        ("0.003%", "0.000025", "0.000035"),
        ("50%", "0.495", "0.505"),
        ("1,568", "1568", "1568"),
        ("13,632", "13632", "13632"),
        ("100", "100", "100"),
        ("8:1", "8", "8"),
        ("24x", "23.5", "24.5"),
        ("1.455x", "1.4545", "1.4555"),
        ("x1500", "1450", "1550"),
        ("204.8M", "204750000", "204850000"),
        ("200M", "195000000", "205000000"),
        ("25M", "24500000", "25500000"),
        ("50K", "49500", "50500"),
        ("100K", "95000", "105000"),
        ("3.2B", "3150000000", "3250000000"),
        ("~3,200", "3150", "3250"),
        ("~46x", "45.5", "46.5"),
        ("4096D", "4096", "4096"),
        (".084", "0.0835", "0.0845"),
        ("-.5", "-0.55", "-0.45"),
        ("1.2e-05", "0.0000115", "0.0000125"),
        ("3E-4", "0.00025", "0.00035"),
        ("2.5e+03", "2450", "2550"),
    ],
)
def test_digits_give_the_interval(text: str, low: str, high: str) -> None:
    found = parse(text)
    assert (found.interval.low, found.interval.high) == (Fraction(low), Fraction(high))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        (">100", 100, math.inf),
        ("<0.001", -math.inf, Fraction("0.001")),
        ("<.001", -math.inf, Fraction("0.001")),
        ("1,000+", 1000, math.inf),
    ],
)
def test_open_sides(text: str, low: float, high: float) -> None:
    assert (parse(text).interval.low, parse(text).interval.high) == (low, high)


@pytest.mark.parametrize("text", ["", "ten", "1.2.3", "1,23", "0.1 or 0.2", "__import__('os')", "1e5", "5/5"])
def test_other_text_is_no_number(text: str) -> None:
    with pytest.raises(InputError, match="expected a printed number"):
        parse(text)


def test_a_setting_is_exact() -> None:
    assert setting(0.1).interval == exact(Fraction(1, 10))
    assert setting(50000).text == "50,000"


def test_truncation_is_one_sided() -> None:
    assert parse("25M").truncated.contains(25_600_000)
    assert not parse("25M").interval.contains(25_600_000)
    assert not parse("26M").truncated.contains(25_600_000)
    assert parse("-0.1").truncated.contains(Fraction("-0.15"))


INTERVALS = st.tuples(st.fractions(-50, 50), st.fractions(0, 5)).map(lambda pair: Interval(pair[0], pair[0] + pair[1]))
SHARES = st.fractions(0, 1)


@PROPERTY
@given(INTERVALS, INTERVALS, SHARES, SHARES)
def test_arithmetic_contains_every_result(a: Interval, b: Interval, s: Fraction, t: Fraction) -> None:
    x, y = a.low + s * (a.high - a.low), b.low + t * (b.high - b.low)
    assert (a + b).contains(x + y)
    assert (a - b).contains(x - y)
    assert (a * b).contains(x * y)
    assert abs(a).contains(abs(x))
    assert a.inside(hull(a, b)) and b.inside(hull(a, b))
    if not b.contains(0):
        assert (a / b).contains(x / y)


def test_division_by_what_may_be_zero() -> None:
    with pytest.raises(InputError, match="cannot be 0"):
        exact(1) / Interval(-1, 1)
    with pytest.raises(InputError, match="rising order"):
        Interval(2, 1)


def test_division_by_an_open_interval() -> None:
    made = exact(1) / parse(">100").interval
    assert (made.low, made.high) == (0, Fraction(1, 100))


def test_monotone_images_and_meeting() -> None:
    assert Interval(1, 4).rising(math.sqrt) == Interval(1.0, 2.0)
    assert Interval(1, 4).falling(lambda x: -x) == Interval(-4.0, -1.0)
    assert Interval(1, 2).meets(Interval(2, 3)) and not Interval(1, 2).meets(Interval(2.1, 3))


def test_words() -> None:
    assert show(Fraction(13632)) == "13,632"
    assert show(Interval(Fraction("0.015"), Fraction("0.017"))) == "0.015 to 0.017"
    assert show(math.inf) == "infinity"
    assert percent(Interval(Fraction("0.521"), Fraction("0.522"))) == "52.1 to 52.2 %"
