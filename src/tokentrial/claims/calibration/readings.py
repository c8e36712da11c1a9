"""What a reader with a document can see: whether a statement can hold for some numbers that round to the printed ones.

Written apart from the checks that it measures, in decimals and floats: no interval, check or reading of theirs is used.
Formulas are evaluated at all corners of the rounding of their numbers; all are monotone in each number, so that the
corners hold the extremes. Printed numbers are read as the documents mean them: the last digit is rounded, a whole
number without unit is exact, a magnitude letter or ``x`` leaves trailing zeros from the third digit on open.
"""

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

NEAR = 1e-9
"""Relative room for the rounding of floats."""
FORM = re.compile(r"([<>]=?|~|≈)?\s*([x×])?([+\-−]?[\d,]*\.?\d+)(?:[eE]([+\-−]?\d+))?(K|M|B|D|%|x|×|:1)?(\+)?")
UNITS = {"K": Decimal(1000), "M": Decimal(10**6), "B": Decimal(10**9), "%": Decimal("0.01")}


class Read(NamedTuple):
    """A printed number as a reader takes it: its nominal value and the ends of what rounds to it."""

    value: float
    low: float
    high: float

    @property
    def ends(self) -> tuple[float, ...]:
        return (self.low,) if self.low == self.high else (self.low, self.high)


def read(text: str) -> Read:
    """A printed number. Raises ValueError for a text that is none."""
    match = FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"found {text!r}, expected a printed number")
    side, times, digits, power, unit, more = match.groups()
    digits = digits.replace(",", "").replace("−", "-")
    scale = UNITS.get(unit or "", Decimal(1)) * Decimal(10) ** int((power or "0").replace("−", "-"))
    value = Decimal(digits) * scale
    bare = not (side or times or power or more) and unit in (None, "D")
    if unit == ":1" or (bare and "." not in digits):
        return Read(float(value), float(value), float(value))
    place = -len(digits.split(".")[1]) if "." in digits else 0
    if "." not in digits and (unit in ("K", "M", "B") or side in ("~", "≈") or times):
        whole = digits.lstrip("+-")
        place = min(len(whole) - len(whole.rstrip("0")), max(len(whole) - 2, 0))
    half = Decimal(10) ** place * scale / 2
    low, high = float(value - half), float(value + half)
    if side and side[0] == "<":
        low, high = -math.inf, float(value)
    elif (side and side[0] == ">") or more:
        low, high = float(value), math.inf
    return Read(float(value), low, high)


def _span(formula: Callable[..., float], *numbers: Read) -> tuple[float, float]:
    """The smallest and largest value of a formula over the rounding of its numbers."""
    values = [formula(*corner) for corner in itertools.product(*(number.ends for number in numbers))]
    known = [value for value in values if not math.isnan(value)]
    return min(known), max(known)


def _meet(span: tuple[float, float], printed: Read) -> bool:
    low, high = span
    room = NEAR * max(1e-12, *(abs(end) for end in (low, high, printed.value) if math.isfinite(end)))
    return low <= printed.high + room and printed.low <= high + room


def _formula(formula: Callable[..., float], *names: str) -> Callable[..., bool]:
    """Whether a formula of the named numbers can give the printed result."""

    def possible(result: Read, **given: Any) -> bool:
        return _meet(_span(formula, *(given[name] for name in names)), result)

    return possible


def _folded(formula: Callable[[Sequence[float]], float], name: str, result: str = "result") -> Callable[..., bool]:
    """The same for a formula of a list, which rises in each of its numbers if all are above zero, as sums do always."""

    def possible(**given: Any) -> bool:
        numbers = _list(given[name])
        ends = [formula([number.low for number in numbers]), formula([number.high for number in numbers])]
        return _meet((min(ends), max(ends)), given[result])

    return possible


def _list(numbers: Any) -> list[Read]:
    return list(numbers.values()) if isinstance(numbers, Mapping) else list(numbers)


def _quotients(numerator: Read, denominators: Sequence[Read], results: Sequence[Read]) -> bool:
    pairs = zip(denominators, results, strict=True)
    return all(_meet(_span(lambda a, b: a / b, numerator, each), result) for each, result in pairs)


def _orders(large: Read, small: Read, orders: Read) -> bool:
    span = _span(lambda a, b: math.log10(a / b), large, small)
    return any(round(end) == orders.value for end in span)


def _same(a: Read, b: Read) -> bool:
    """Whether two places can print one number; with as many digits they have to print the same ones."""
    if math.isclose(a.high - a.low, b.high - b.low, rel_tol=NEAR) and math.isfinite(a.high - a.low):
        return math.isclose(a.value, b.value, rel_tol=NEAR)
    return a.low <= b.high and b.low <= a.high


def _agreement(places: Mapping[str, Read], about: str = "") -> bool:
    return all(_same(a, b) for a, b in itertools.combinations(places.values(), 2))


def _rows_agree(printed: Sequence[Read], elsewhere: Sequence[Read], **_: Any) -> bool:
    return all(_same(a, b) for a, b in zip(printed, elsewhere, strict=True))


def _range_ends(values: Sequence[Read], low: Read, high: Read) -> bool:
    order = sorted(values, key=lambda value: value.value)
    return _same(order[0], low) and _same(order[-1], high)


def _within(values: Sequence[Read], low: Read, high: Read, **_: Any) -> bool:
    return all(value.high >= low.low and value.low <= high.high for value in values)


def _wins(
    subject: Sequence[Read], other: Sequence[Read], better: str,
    claimed: Read | None = None, claimed_share: Read | None = None, **_: Any,
) -> bool:  # fmt: skip
    """A reader counts, and expects the number that is stated: three of four is wrong if all four are better."""
    sign = 1 if better == "higher" else -1
    won = sum(sign * (a.value - b.value) > 0 for a, b in zip(subject, other, strict=True))
    if claimed_share is not None:
        return claimed_share.low <= won / len(subject) <= claimed_share.high
    return won == (len(subject) if claimed is None else claimed.value)


def _signs(values: Sequence[Read], expected: str) -> bool:
    above, below = sum(each.value > 0 for each in values), sum(each.value < 0 for each in values)
    return {"positive": above == len(values), "negative": below == len(values), "mixed": min(above, below) > 0}[
        expected
    ]


def _monotone(values: Sequence[Read], direction: str, **_: Any) -> bool:
    sign = 1 if direction == "rising" else -1
    return all(sign * (b.value - a.value) > 0 for a, b in itertools.pairwise(values))


def _largest(values: Mapping[str, Read], name: str) -> bool:
    return all(values[name].value > each.value for key, each in values.items() if key != name)


def _bound(value: Read, limit: Read, side: str, about: str = "") -> bool:
    return {
        "at least": value.high >= limit.low,
        "at most": value.low <= limit.high,
        "above": value.high > limit.low,
        "below": value.low < limit.high,
    }[side]


def _listed(items: Sequence[str], result: Read) -> bool:
    return result.low <= len(set(items)) <= result.high


def _d(mean: float, spread: float, other: float, other_spread: float) -> float:
    pooled = math.sqrt((max(spread, 0) ** 2 + max(other_spread, 0) ** 2) / 2)
    return abs(mean - other) / pooled if pooled else math.inf


def _d_span(row: Sequence[Read]) -> tuple[float, float]:
    """Cohen's d of a row (mean, sd, mean, sd); it can be 0 if the means can be equal."""
    low, high = _span(_d, *row)
    return (0.0 if row[0].low <= row[2].high and row[2].low <= row[0].high else low), high


def _p(d: float, n: float) -> float:
    """Two-sided p of an independent t test with n per arm."""
    return float(2 * stats.t.sf(abs(d) * math.sqrt(n / 2), 2 * n - 2))


def _effect_size(rows: Mapping[str, Sequence[Read]], effects: Sequence[Read], n: Read) -> bool:
    """Printed effects may leave out the sign."""
    pairs = zip(rows.values(), effects, strict=True)
    return all(_meet(_d_span(row), _absolute(effect)) for row, effect in pairs)


def _absolute(number: Read) -> Read:
    low, high = sorted((abs(number.low), abs(number.high)))
    return Read(abs(number.value), 0.0 if number.low < 0 < number.high else low, high)


def _p_of_rows(rows: Mapping[str, Sequence[Read]], p_values: Sequence[Read], n: Read) -> bool:
    spans = [_d_span(row) for row in rows.values()]
    return all(_meet((_p(high, n.value), _p(low, n.value)), p) for (low, high), p in zip(spans, p_values, strict=True))


def _p_of_effects(effects: Sequence[Read], p_values: Sequence[Read], n: Read) -> bool:
    spans = [_absolute(effect) for effect in effects]
    return all(_meet((_p(d.high, n.value), _p(d.low, n.value)), p) for d, p in zip(spans, p_values, strict=True))


def _p_of_statistic(t: Read, df: Read, p: Read, one_sided: bool = False) -> bool:
    size = _absolute(t)
    low, high = (size.value - 0.5, size.value + 0.5) if size.low == size.high else (size.low, size.high)
    span = [(1 if one_sided else 2) * float(stats.t.sf(max(end, 0.0), df.value)) for end in (high, low)]
    return _meet((span[0], span[1]), p)


def _decisions(rows: Mapping[str, Sequence[Read]], n: Read, claimed: str, alpha: float = 0.05) -> bool:
    spans = [_d_span(row) for row in rows.values()]
    if claimed == "significant":
        return all(_p(high, n.value) < alpha for _, high in spans)
    return all(_p(low, n.value) >= alpha for low, _ in spans)


def _parameter_count(
    layers: Mapping[str, Sequence[Read]], result: Read, biases: str = "optional", optional_layers: Sequence[str] = ()
) -> bool:
    """With every layer that is described; a document that is silent on biases may have any of them."""
    choices = []
    for name, shape in layers.items():
        weights = math.prod(length.value for length in shape)
        with_bias = weights + shape[-1].value
        plain = biases == "none" or "table" in name or len(shape) == 1
        choices.append([weights] if plain else [with_bias] if biases == "all" else [weights, with_bias])
    return any(sum(chosen) == result.value for chosen in itertools.product(*choices))


def _attainable(means: Sequence[Read], runs: Read, examples: int, **_: Any) -> bool:
    n = runs.value * examples
    return all(math.floor(mean.high * n + NEAR) >= math.ceil(mean.low * n - NEAR) for mean in means)


def _significant_count(
    p_values: Sequence[Read], claimed: Read, of: Read, alpha: float = 0.05, untested: int = 0
) -> bool:
    below, can_be = sum(p.high < alpha for p in p_values), sum(p.low < alpha for p in p_values)
    return below <= claimed.value <= can_be + untested and of.value == len(p_values) + untested


def _mean(rows: Any, mean: Read, selected: Sequence[str] | None = None) -> bool:
    numbers = _list(rows)
    spans = [sum(getattr(number, end) for number in numbers) / len(numbers) for end in ("low", "high")]
    return _meet((spans[0], spans[1]), mean)


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def _weighted(values: Sequence[Read], weights: Sequence[Read], result: Read) -> bool:
    size = [weight.value for weight in weights]
    spans = [float(np.average([getattr(value, end) for value in values], weights=size)) for end in ("low", "high")]
    return _meet((spans[0], spans[1]), result)


def _interval_of_mean(mean: Read, sd: Read, n: Read, low: Read, high: Read) -> bool:
    """The 95 % t interval of a mean."""
    reach = float(stats.t.isf(0.025, n.value - 1)) / math.sqrt(n.value)
    return _meet(_span(lambda m, s: m - reach * s, mean, sd), low) and _meet(
        _span(lambda m, s: m + reach * s, mean, sd), high
    )


OF_CHECKS: dict[str, Callable[..., bool]] = {
    "difference": _formula(lambda a, b: a - b, "minuend", "subtrahend"),
    "quotient": lambda may_truncate=False, **given: _formula(lambda a, b: a / b, "numerator", "denominator")(**given),
    "quotients": _quotients,
    "saving": _formula(lambda a, b: 1 - a / b, "kept", "of"),
    "saving_at_ratio": _formula(lambda a: 1 - 1 / a, "ratio"),
    "improvement": _formula(lambda a, b: (b - a) / b, "subject", "baseline"),
    "product": lambda may_truncate=False, **given: _folded(lambda all_: math.prod(all_), "factors")(**given),
    "reduction": lambda may_truncate=False, **given: _formula(
        lambda v, a, b: v * (a - b), "vocabulary", "width", "narrow"
    )(**given),
    "total": _folded(sum, "parts"),
    "share": _formula(lambda a, b: a / b, "part", "of"),
    "orders_of_magnitude": _orders,
    "agreement": _agreement,
    "rows_agree": _rows_agree,
    "range_ends": _range_ends,
    "within_range": _within,
    "wins": _wins,
    "signs": _signs,
    "monotone": _monotone,
    "largest_is": _largest,
    "bound": _bound,
    "number_listed": _listed,
    "effect_size": _effect_size,
    "p_of_rows": _p_of_rows,
    "p_of_effects": _p_of_effects,
    "p_of_statistic": _p_of_statistic,
    "decisions": _decisions,
    "parameter_count": _parameter_count,
    "attainable_means": _attainable,
    "significant_count": _significant_count,
    "mean_of_rows": _mean,
}
"""Check -> whether what it is about can hold."""
OF_READERS: dict[str, Callable[..., bool]] = {
    "median": _folded(lambda values: float(np.median(values)), "values"),
    "geometric_mean": _folded(lambda values: float(stats.gmean(values)), "values"),
    "weighted_mean": _weighted,
    "f1": _formula(_f1, "precision", "recall"),
    "squared": _formula(lambda a: a * a, "root"),
    "interval_of_mean": _interval_of_mean,
}
"""Relations that a reader can check, and no check of the library does."""


def resolved(value: Any, reported: Mapping[str, Any]) -> Any:
    """The parameters of an entry with every number read; words and settings as they are."""
    if isinstance(value, str) and value in reported:
        return resolved(reported[value], {})
    if isinstance(value, Mapping):
        if set(value) == {"value", "where"}:
            return resolved(value["value"], {})
        return {key: resolved(entry, reported) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(entry, reported) for entry in value]
    if isinstance(value, str):
        try:
            return read(value)
        except ValueError:
            return value
    return value


SETTINGS = {"alpha", "examples", "untested", "may_truncate", "one_sided", "items", "where", "name", "about", "place"}
SETTINGS |= {"selected", "optional_layers"}
"""Parameters that are no printed numbers, whatever they look like."""


def possible(check: str, entry: Mapping[str, Any]) -> bool | None:
    """Whether a statement can hold, of a check, of several, or of readers; None for one that this module cannot read.

    entry: its parameters and reported numbers.
    """
    parameters, reported = entry["parameters"], entry["reported"]
    if check == "several":
        parts = [possible(part["check"], {"parameters": part["parameters"], "reported": reported})
                 for part in parameters["parts"]]  # fmt: skip
        if parameters["claim"] != "all" or None in parts:
            return None
        return all(parts)
    relation = (OF_CHECKS | OF_READERS).get(check)
    if relation is None:
        return None
    given = {name: _given(name, value, reported) for name, value in parameters.items()}
    try:
        return relation(**given)
    except (ZeroDivisionError, OverflowError, ValueError):
        return False  # no number at all comes out


def _given(name: str, value: Any, reported: Mapping[str, Any]) -> Any:
    if name in SETTINGS:
        return reported.get(value, value) if isinstance(value, str) else value
    return _numbers(resolved(value, reported))


def _numbers(value: Any) -> Any:
    """Settings among the numbers, which are exact."""
    if value is None or isinstance(value, Read | bool | str):
        return value
    if isinstance(value, int | float):
        return Read(float(value), float(value), float(value))
    if isinstance(value, Mapping):
        return {key: _numbers(entry) for key, entry in value.items()}
    return [_numbers(entry) for entry in value]
