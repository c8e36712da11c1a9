"""Ranges with an open end: what stands behind a plus sign."""

import pytest

from tokentrial.claims.checks.ranges import open_range
from tokentrial.claims.printed import parse
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, PARTLY
from tokentrial.errors import InputError

SIZES = [parse(value) for value in ("100", "50", "1,000", "500")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("50", "500+", CONSISTENT),
        ("50", "999+", CONSISTENT),
        ("50", "1,000+", PARTLY),
        ("50", "1,001+", INCONSISTENT),
        ("50", "5,000+", INCONSISTENT),
        ("20", "500+", INCONSISTENT),
        ("20", "1,000+", INCONSISTENT),
    ],
)
def test_open_range(low, high, expected):
    assert open_range(SIZES, parse(low), parse(high)).verdict == expected


def test_the_reason_says_where_the_largest_value_is():
    assert "1,000 itself, with nothing behind the plus sign" in open_range(SIZES, parse("50"), parse("1,000+")).reason
    assert "below 5,000" in open_range(SIZES, parse("50"), parse("5,000+")).reason
    assert "not the stated 20, to 1,000, above 500" in open_range(SIZES, parse("20"), parse("500+")).reason


def test_a_closed_end_is_no_open_range():
    with pytest.raises(InputError, match="found '1,000', expected a number with a plus sign"):
        open_range(SIZES, parse("50"), parse("1,000"))
