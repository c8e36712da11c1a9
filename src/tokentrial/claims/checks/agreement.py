"""Parts of a document, or several documents, against each other: do they say the same?"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

from tokentrial.claims.catalogue import WORDS, check
from tokentrial.claims.parameters import Better, Count, Positive, Probability, Share, expect_as_many
from tokentrial.claims.printed import Interval, Quantity, exact, show
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, Each, Finding, capital, failing, listed, verdict_of
from tokentrial.errors import InputError


@check("Can a number that is printed in several places be one number, as far as the digits tell?")
def agreement(places: Mapping[str, Quantity], about: str = "the same quantity") -> Finding:
    if len(places) < 2:
        raise InputError(f"parameters: places: found {len(places)}, expected at least 2")
    low = max(entry.interval.low for entry in places.values())
    high = min(entry.interval.high for entry in places.values())
    shown = listed([f"{entry.text} ({place})" for place, entry in places.items()])
    recomputed = {place: entry.value for place, entry in places.items()}
    if low <= high:
        return Finding(CONSISTENT, recomputed, f"The places agree: {shown}.")
    reason = f"{capital(about)} is printed as {shown}, which no rounding reconciles."
    return Finding(INCONSISTENT, recomputed, reason)


@check("Do printed values agree one by one with those of a table or of the public code?")
def rows_agree(printed: Sequence[Quantity], elsewhere: Sequence[Quantity], place: str, claim: Each) -> Finding:
    expect_as_many(printed=printed, elsewhere=elsewhere)
    pairs = list(zip(printed, elsewhere, strict=True))
    holds = [a.interval.meets(b.interval) for a, b in pairs]
    wrong = [f"{a.text} for {b.text}" for a, b in failing(pairs, holds)]
    reason = f"{sum(holds)} of {len(holds)} printed values agree with {place}"
    reason += f"; not {listed(wrong)}." if wrong else "."
    recomputed = {"agree": sum(holds), "values": len(holds)}
    return Finding(verdict_of(holds, claim), recomputed, reason)


@check("Do several places (documents, sections, the public code) say the same about one matter?", source=WORDS)
def same_statement(about: str, places: Mapping[str, str]) -> Finding:
    if len(places) < 2:
        raise InputError(f"parameters: places: found {len(places)}, expected at least 2")
    said: dict[str, list[str]] = {}
    for place, words in places.items():
        said.setdefault(words, []).append(place)
    recomputed = {"statements": len(said), "places": len(places)}
    if len(said) == 1:
        return Finding(CONSISTENT, recomputed, f"All {len(places)} places agree on {about}: {next(iter(said))}.")
    shown = "; ".join(f"{words} ({listed(where)})" for words, where in said.items())
    reason = f"On {about} the {len(places)} places make {len(said)} different statements: {shown}."
    return Finding(INCONSISTENT, recomputed, reason)


@check("Is everything there that the claim needs?", source=WORDS)
def coverage(what: str, needed: Sequence[str], claim: Each, found: Sequence[str] = ()) -> Finding:
    """``what`` says what was looked for: all CONSISTENT, some PARTLY (claim "all": INCONSISTENT), none INCONSISTENT.

    Raises InputError for a found thing that is not needed.
    """
    extra = [name for name in found if name not in needed]
    if extra:
        raise InputError(f"parameters: found: {extra[0]!r} is not in needed ({', '.join(needed)})")
    missing = [name for name in needed if name not in found]
    recomputed = {"needed": len(needed), "found": len(found)}
    verdict = verdict_of([name in found for name in needed], claim)
    if not missing:
        return Finding(verdict, recomputed, f"{what}: found for all {len(needed)} ({listed(needed)}).")
    reason = f"{what}: found for {len(found)} of {len(needed)}, missing for {listed(missing)}."
    return Finding(verdict, recomputed, reason)


@check("Is everything there that the claim needs, and as many things as it states?", source=WORDS)
def coverage_count(what: str, needed: Sequence[str], stated: Count, claim: Each, found: Sequence[str] = ()) -> Finding:
    if len(needed) != int(stated.nominal):
        reason = f"{what}: the document has {len(needed)} ({listed(needed)}), not {stated.text}."
        return Finding(INCONSISTENT, {"needed": len(needed), "found": len(found)}, reason)
    return coverage(what, needed, claim, found)


@check("Does every value lie between two numbers, as far as the digits tell?")
def within_range(values: Sequence[Quantity], low: Quantity, high: Quantity, claim: Each) -> Finding:
    band = Interval(low.interval.low, high.interval.high)
    holds = [value.interval.meets(band) for value in values]
    outside = [value.text for value in failing(values, holds)]
    recomputed = {"inside": sum(holds), "values": len(values)}
    inside = f"{sum(holds)} of {len(values)} values lie between {low.text} and {high.text}"
    reason = f"{inside}." if not outside else f"{inside}; {listed(outside)} outside."
    return Finding(verdict_of(holds, claim), recomputed, reason)


@check("Does every value lie between the two ends of a printed band?")
def within_band(values: Sequence[Quantity], band: Sequence[Quantity], about: str, claim: Each) -> Finding:
    if len(band) != 2:
        raise InputError(f"parameters: band: found {len(band)} ends, expected 2")
    found = within_range(values, band[0], band[1], claim)
    shown = listed([value.text for value in values])
    reason = f"{capital(about)} are {shown}: {found.reason}"
    return Finding(found.verdict, found.recomputed, reason)


@check("Are the smallest and the largest value the printed ends of their range?")
def range_ends(values: Sequence[Quantity], low: Quantity, high: Quantity) -> Finding:
    """A range is one statement: one wrong end refutes it."""
    smallest = min(values, key=lambda value: value.nominal)
    largest = max(values, key=lambda value: value.nominal)
    holds = [smallest.interval.meets(low.interval), largest.interval.meets(high.interval)]
    recomputed = {"smallest": smallest.value, "largest": largest.value}
    ends = (f"{smallest.text} is not the stated {low.text}", f"{largest.text} is not the stated {high.text}")
    wrong = failing(ends, holds)
    reason = f"The {len(values)} values run from {smallest.text} to {largest.text}"
    reason += f": {listed(wrong)}." if wrong else f", as {low.text} to {high.text} says."
    return Finding(verdict_of(holds, "all"), recomputed, reason)


@check("Is the subject's printed value better than the other's in as many rows as claimed?")
def wins(
    subject: Sequence[Quantity],
    other: Sequence[Quantity],
    better: Better,
    claim: Each,
    claimed: Count | None = None,
    claimed_share: Share | None = None,
    about: str = "the printed value",
) -> Finding:
    """``claimed`` is a number of rows, ``claimed_share`` a share of them; without either all. Equal printed values are
    no advantage. CONSISTENT if at least so many are better, PARTLY (claim "all": INCONSISTENT) if fewer are.
    """
    expect_as_many(subject=subject, other=other)
    sign = 1 if better == "higher" else -1
    gaps = [sign * (a.nominal - b.nominal) for a, b in zip(subject, other, strict=True)]
    won, lost = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
    goal = len(gaps) if claimed is None else int(claimed.nominal)
    if claimed_share is not None:
        goal = round(claimed_share.nominal * len(gaps))
    recomputed = {"better": won, "worse": lost, "equal": len(gaps) - won - lost, "claimed": goal}
    if not 0 < goal <= len(gaps):
        reason = f"{goal} advantages are claimed, the table has {len(gaps)} rows."
        return Finding(INCONSISTENT, recomputed, reason)
    equal = f" and equal in {len(gaps) - won - lost}" if len(gaps) > won + lost else ""
    reason = (
        f"{capital(about)} is {better} in {won} of {len(gaps)} rows and "
        f"{'higher' if better == 'lower' else 'lower'} in {lost}{equal}; the claim needs {goal}."
    )
    return Finding(verdict_of([i < won for i in range(goal)], claim), recomputed, reason)


@check("Can as many printed p values lie below alpha as are said to be significant?")
def significant_count(
    p_values: Sequence[Probability], claimed: Count, of: Count, alpha: float = 0.05, untested: int = 0
) -> Finding:
    """``untested`` rows print neither p nor test; each could count, so the claim holds only inside that range."""
    level = exact(alpha).low  # the decimal itself: the float 0.05 is above 0.05, and ">0.05" would be undecided
    below = sum(p.interval.high < level for p in p_values)
    not_below = sum(p.interval.low >= level for p in p_values)
    most, rows = len(p_values) - not_below + untested, len(p_values) + untested
    goal = int(claimed.nominal)
    recomputed = {"significant": below, "not_significant": not_below, "untested": untested, "claimed": goal}
    reason = (
        f"Of {rows} rows {below} print p < {alpha}, {not_below} p of at least {alpha} and {untested} no test, so at "
        f"most {most} can be significant; {claimed.text} of {of.text} are claimed."
    )
    holds = below <= goal <= most and int(of.nominal) == rows
    return Finding(CONSISTENT if holds else INCONSISTENT, recomputed, reason)


@check("Is each value larger (smaller) than the one before?")
def monotone(values: Sequence[Quantity], direction: Literal["rising", "falling"], claim: Each) -> Finding:
    sign = 1 if direction == "rising" else -1
    steps = [sign * (b.nominal - a.nominal) > 0 for a, b in itertools.pairwise(values)]
    against = [f"{a.text} to {b.text}" for a, b in failing(itertools.pairwise(values), steps)]
    recomputed = {"steps": len(steps), "steps_as_claimed": sum(steps)}
    row = listed([value.text for value in values])
    reason = f"Along {row} {sum(steps)} of {len(steps)} steps are {direction}"
    reason += f"; {listed(against)} {'is' if len(against) == 1 else 'are'} not." if against else "."
    return Finding(verdict_of(steps, claim), recomputed, reason)


@check("Can the values grow exponentially with size, so that they rise with every step of it?")
def exponential(sizes: Sequence[Quantity], values: Sequence[Quantity]) -> Finding:
    rising = monotone(values, "rising", "all")
    names = listed([f"{value.text} at {size.text}" for size, value in zip(sizes, values, strict=True)])
    if rising.verdict == CONSISTENT:
        return Finding(CONSISTENT, rising.recomputed, f"The values rise with every step: {names}.")
    return Finding(INCONSISTENT, rising.recomputed, f"No growing exponential falls, but the values do: {names}.")


@check("Do all values have the sign or, if mixed, do both signs occur?")
def signs(values: Sequence[Quantity], expected: Literal["positive", "negative", "mixed"]) -> Finding:
    above, below = sum(v.interval.low > 0 for v in values), sum(v.interval.high < 0 for v in values)
    recomputed = {"positive": above, "negative": below}
    reason = f"Of the values {listed([v.text for v in values])}, {above} are above and {below} below zero."
    if expected == "mixed":
        return Finding(CONSISTENT if above and below else INCONSISTENT, recomputed, reason)
    holds = [v.interval.low > 0 if expected == "positive" else v.interval.high < 0 for v in values]
    return Finding(verdict_of(holds, "all"), recomputed, reason)


@check("Is the value at least (at most, above, below) the limit, as far as the digits tell?")
def bound(
    value: Quantity, limit: Quantity, side: Literal["at least", "at most", "above", "below"], about: str = "the value"
) -> Finding:
    found, at = value.interval, limit.interval
    possible = {
        "at least": found.high >= at.low,
        "at most": found.low <= at.high,
        "above": found.low > at.high,
        "below": found.high < at.low,
    }[side]
    recomputed = {"value": value.value, "limit": limit.value}
    place = f" ({limit.where})" if limit.where else ""
    reason = f"{capital(about)} is {value.text}, {'' if possible else 'not '}{side} {limit.text}{place}."
    return Finding(CONSISTENT if possible else INCONSISTENT, recomputed, reason)


@check("Is the named entry the largest, without an equal?")
def largest_is(values: Mapping[str, Quantity], name: str) -> Finding:
    if name not in values:
        raise InputError(f"parameters: name: found {name!r}, expected one of {', '.join(values)}")
    order = sorted(values, key=lambda key: values[key].nominal, reverse=True)
    holds = order[0] == name and (len(order) == 1 or values[order[1]].interval.high < values[name].interval.low)
    reason = f"The largest is {values[order[0]].text} ({order[0]})"
    reason += "." if order[0] == name else f", not {values[name].text} ({name})."
    return Finding(CONSISTENT if holds else INCONSISTENT, {"largest": values[order[0]].value}, reason)


@check("Do values that should be one quantity differ by less than a factor?")
def spread_of_values(values: Sequence[Positive], same_within: float, about: str) -> Finding:
    low, high = min(values, key=lambda q: q.nominal), max(values, key=lambda q: q.nominal)
    factor = high.interval / low.interval
    shown = listed([value.text for value in values])
    holds = factor.low <= exact(same_within).high
    reason = f"{capital(about)} differs by a factor of {show(factor, 3)}: {shown}."
    return Finding(CONSISTENT if holds else INCONSISTENT, {"factor": factor.middle}, reason)
