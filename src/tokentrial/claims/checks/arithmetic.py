"""Sums, differences, ratios and products of printed numbers, compared as intervals."""

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce

from tokentrial.claims.parameters import Count, Positive
from tokentrial.claims.printed import Interval, Quantity, exact, percent, show
from tokentrial.claims.verdict import (
    CONSISTENT,
    INCONSISTENT,
    PARTLY,
    Finding,
    listed,
    verdict_of,
)
from tokentrial.errors import InputError


def compared(how: str, found: Interval, result: Quantity, may_truncate: bool = False) -> Finding:
    """The finding on one recomputed number. how: the calculation in words, with its numbers.

    ``may_truncate``: a result whose digits were cut off instead of rounded is PARTLY right.
    """
    write = percent if "%" in result.text else partial(show, digits=5)
    recomputed = {"low": float(found.low), "high": float(found.high)}
    if found.meets(result.interval):
        reason = f"{how} gives {write(found)}, in agreement with the printed {result.text}."
        return Finding(CONSISTENT, recomputed, reason)
    if may_truncate and found.meets(result.truncated):
        reason = f"{how} gives {write(found)}, of which the printed {result.text} is cut off, not rounded."
        return Finding(PARTLY, recomputed, reason)
    return Finding(INCONSISTENT, recomputed, f"{how} gives {write(found)}, not the printed {result.text}.")


def difference(minuend: Quantity, subtrahend: Quantity, result: Quantity) -> Finding:
    """minuend - subtrahend = result."""
    found = minuend.interval - subtrahend.interval
    return compared(f"{minuend.text} - {subtrahend.text}", found, result)


def quotient(numerator: Quantity, denominator: Positive, result: Quantity, may_truncate: bool = False) -> Finding:
    """numerator / denominator = result."""
    found = numerator.interval / denominator.interval
    return compared(f"{numerator.text} / {denominator.text}", found, result, may_truncate)


def quotients(numerator: Quantity, denominators: Sequence[Positive], results: Sequence[Quantity]) -> Finding:
    """numerator / each denominator = each result: for instance a width at several compression ratios."""
    if len(denominators) != len(results):
        raise InputError(f"parameters: {len(denominators)} denominators and {len(results)} results, expected as many")
    found = [numerator.interval / denominator.interval for denominator in denominators]
    holds = [made.meets(result.interval) for made, result in zip(found, results, strict=True)]
    reason = (
        f"{numerator.text} divided by {listed([entry.text for entry in denominators])} gives "
        f"{listed([show(made) for made in found])}; {sum(holds)} of the {len(holds)} printed values agree."
    )
    return Finding(verdict_of(holds), {"quotients": [made.middle for made in found]}, reason)


def saving(kept: Positive, of: Positive, result: Quantity) -> Finding:
    """1 - kept / of = result: the share that is saved."""
    return compared(f"1 - {kept.text} / {of.text}", exact(1) - kept.interval / of.interval, result)


def saving_at_ratio(ratio: Positive, result: Quantity) -> Finding:
    """1 - 1/ratio = result: what a table saves when its width is divided by the ratio."""
    return compared(f"1 - 1/{show(ratio.interval)}", exact(1) - exact(1) / ratio.interval, result)


def improvement(subject: Positive, baseline: Positive, result: Quantity) -> Finding:
    """(baseline - subject) / baseline = result, for a loss: above zero the subject is better."""
    found = exact(1) - subject.interval / baseline.interval
    return compared(f"({baseline.text} - {subject.text}) / {baseline.text}", found, result)


def product(factors: Sequence[Quantity], result: Quantity, may_truncate: bool = False) -> Finding:
    """The product of the factors = result."""
    found = reduce(lambda a, b: a * b, (factor.interval for factor in factors))
    return compared(" x ".join(factor.text for factor in factors), found, result, may_truncate)


def reduction(
    vocabulary: Positive, width: Positive, narrow: Positive, result: Quantity, may_truncate: bool = False
) -> Finding:
    """vocabulary x (width - narrow) = result: the numbers a narrower table saves."""
    found = vocabulary.interval * (width.interval - narrow.interval)
    how = f"{vocabulary.text} x ({width.text} - {narrow.text})"
    return compared(how, found, result, may_truncate)


def total(parts: Sequence[Quantity], result: Quantity) -> Finding:
    """The sum of the parts = result."""
    found = reduce(lambda a, b: a + b, (part.interval for part in parts))
    return compared(" + ".join(part.text for part in parts), found, result)


def share(part: Quantity, of: Positive, result: Quantity) -> Finding:
    """part / of = result, a share in percent."""
    return compared(f"{part.text} / {of.text}", part.interval / of.interval, result)


def orders_of_magnitude(large: Positive, small: Positive, orders: Count) -> Finding:
    """log10(large / small), rounded to a whole number, = orders."""
    ratio = large.interval / small.interval
    found = ratio.rising(math.log10)
    holds = any(round(end) == orders.nominal for end in (found.low, found.high))
    reason = (
        f"{large.text} / {small.text} is {show(ratio)}, {show(found, 3)} orders of magnitude, "
        f"{'which rounds to' if holds else 'not'} {orders.text}."
    )
    return Finding(CONSISTENT if holds else INCONSISTENT, {"orders": found.middle}, reason)


CHECKS: dict[str, Callable[..., Finding]] = {
    "difference": difference,
    "quotient": quotient,
    "quotients": quotients,
    "saving": saving,
    "saving_at_ratio": saving_at_ratio,
    "improvement": improvement,
    "product": product,
    "reduction": reduction,
    "total": total,
    "share": share,
    "orders_of_magnitude": orders_of_magnitude,
}
