"""Sums, differences, ratios and products of printed numbers, compared as intervals."""

import math
from collections.abc import Sequence
from functools import partial, reduce

from tokentrial.claims.catalogue import check
from tokentrial.claims.parameters import Count, Positive, expect_as_many
from tokentrial.claims.printed import Interval, Quantity, exact, percent, show
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, PARTLY, Finding, listed, verdict_of


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


@check("Is one printed number minus another the printed difference?")
def difference(minuend: Quantity, subtrahend: Quantity, result: Quantity) -> Finding:
    found = minuend.interval - subtrahend.interval
    return compared(f"{minuend.text} - {subtrahend.text}", found, result)


@check("Is one printed number divided by another the printed ratio?")
def quotient(numerator: Quantity, denominator: Positive, result: Quantity, may_truncate: bool = False) -> Finding:
    found = numerator.interval / denominator.interval
    return compared(f"{numerator.text} / {denominator.text}", found, result, may_truncate)


@check("Is a number divided by each of several the printed row, such as a width at several ratios?")
def quotients(numerator: Quantity, denominators: Sequence[Positive], results: Sequence[Quantity]) -> Finding:
    expect_as_many(denominators=denominators, results=results)
    found = [numerator.interval / denominator.interval for denominator in denominators]
    holds = [made.meets(result.interval) for made, result in zip(found, results, strict=True)]
    reason = (
        f"{numerator.text} divided by {listed([entry.text for entry in denominators])} gives "
        f"{listed([show(made) for made in found])}; {sum(holds)} of the {len(holds)} printed values agree."
    )
    return Finding(verdict_of(holds, "all"), {"quotients": [made.middle for made in found]}, reason)


@check("Is 1 - kept / of the printed saving?")
def saving(kept: Positive, of: Positive, result: Quantity) -> Finding:
    return compared(f"1 - {kept.text} / {of.text}", exact(1) - kept.interval / of.interval, result)


@check("Is 1 - 1 / ratio the printed saving of a table whose width is divided by the ratio?")
def saving_at_ratio(ratio: Positive, result: Quantity) -> Finding:
    return compared(f"1 - 1/{show(ratio.interval)}", exact(1) - exact(1) / ratio.interval, result)


@check("Is (baseline - subject) / baseline the printed improvement of a loss?")
def improvement(subject: Positive, baseline: Positive, result: Quantity) -> Finding:
    found = exact(1) - subject.interval / baseline.interval
    return compared(f"({baseline.text} - {subject.text}) / {baseline.text}", found, result)


@check("Is the product of the factors the printed number?")
def product(factors: Sequence[Quantity], result: Quantity, may_truncate: bool = False) -> Finding:
    found = reduce(lambda a, b: a * b, (factor.interval for factor in factors))
    return compared(" x ".join(factor.text for factor in factors), found, result, may_truncate)


@check("Is vocabulary x (width - narrow) the printed number of parameters that a narrower table saves?")
def reduction(
    vocabulary: Positive, width: Positive, narrow: Positive, result: Quantity, may_truncate: bool = False
) -> Finding:
    found = vocabulary.interval * (width.interval - narrow.interval)
    how = f"{vocabulary.text} x ({width.text} - {narrow.text})"
    return compared(how, found, result, may_truncate)


@check("Is the sum of the parts the printed total?")
def total(parts: Sequence[Quantity], result: Quantity) -> Finding:
    found = reduce(lambda a, b: a + b, (part.interval for part in parts))
    return compared(" + ".join(part.text for part in parts), found, result)


@check("Is part / of the printed share?")
def share(part: Quantity, of: Positive, result: Quantity) -> Finding:
    return compared(f"{part.text} / {of.text}", part.interval / of.interval, result)


@check("Are two numbers as many orders of magnitude apart as is printed?")
def orders_of_magnitude(large: Positive, small: Positive, orders: Count) -> Finding:
    ratio = large.interval / small.interval
    found = ratio.rising(math.log10)
    holds = any(round(end) == orders.nominal for end in (found.low, found.high))
    reason = (
        f"{large.text} / {small.text} is {show(ratio)}, {show(found, 3)} orders of magnitude, "
        f"{'which rounds to' if holds else 'not'} {orders.text}."
    )
    return Finding(CONSISTENT if holds else INCONSISTENT, {"orders": found.middle}, reason)
