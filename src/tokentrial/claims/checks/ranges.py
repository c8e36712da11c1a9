"""Ranges with an open end, such as ``50 to 1,000+``."""

from collections.abc import Sequence

from tokentrial.claims.catalogue import check
from tokentrial.claims.printed import Quantity
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, PARTLY, Finding
from tokentrial.errors import InputError


@check("Do the values run from one number to beyond another, which is printed with a plus sign?")
def open_range(values: Sequence[Quantity], low: Quantity, high: Quantity) -> Finding:
    """CONSISTENT if the smallest is low and the largest is above high, PARTLY if the largest is high itself, so that
    nothing stands behind the plus sign, INCONSISTENT otherwise. Raises InputError for a high without a plus sign.
    """
    if not high.text.endswith("+"):
        raise InputError(f"parameters: high: found {high.text!r}, expected a number with a plus sign")
    smallest = min(values, key=lambda value: value.nominal)
    largest = max(values, key=lambda value: value.nominal)
    starts = smallest.interval.meets(low.interval)
    reaches, beyond = largest.nominal >= high.nominal, largest.nominal > high.nominal
    recomputed = {"smallest": smallest.value, "largest": largest.value}
    verdict = INCONSISTENT if not (starts and reaches) else CONSISTENT if beyond else PARTLY
    end = high.text.removesuffix("+")
    place = (
        f"above {end}" if beyond else f"{end} itself, with nothing behind the plus sign" if reaches else f"below {end}"
    )
    start = "as stated" if starts else f"not the stated {low.text}"
    reason = f"The {len(values)} values run from {smallest.text}, {start}, to {largest.text}, {place}."
    return Finding(verdict, recomputed, reason)
