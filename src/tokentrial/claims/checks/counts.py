"""Parameter counts: what the described layers can have, and whether counts can belong to one architecture."""

import itertools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

from tokentrial.claims.catalogue import WORDS, check
from tokentrial.claims.parameters import Count
from tokentrial.claims.printed import Quantity, show
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, PARTLY, Finding, listed
from tokentrial.errors import InputError

Biases = Literal["none", "optional", "all"]


@check(
    "Can the described layers have the printed number of parameters?",
    source="the described layers: weights are inputs x outputs",
)
def parameter_count(
    layers: Mapping[str, Sequence[Count]],
    result: Count,
    biases: Biases = "optional",
    optional_layers: Sequence[str] = (),
) -> Finding:
    """layers: name -> (rows, columns), or (n,) for n numbers.

    ``biases``: whether each layer but tables (a name with "table") has one bias per column; "optional" tries every
    choice. CONSISTENT if all layers together can have the printed count; PARTLY if that takes leaving out some of
    ``optional_layers`` (a frozen table, a decoder that only training uses).
    """
    unknown = [name for name in optional_layers if name not in layers]
    if unknown:
        raise InputError(f"parameters: optional_layers: found {unknown[0]!r}, expected one of {', '.join(layers)}")
    printed = int(result.nominal)
    sizes = {name: [int(length.nominal) for length in shape] for name, shape in layers.items()}
    readings = _readings(sizes, biases, optional_layers)
    full = sum(math.prod(shape) for shape in sizes.values())
    shapes = listed([f"{name} {' x '.join(map(str, shape))}" for name, shape in sizes.items()])
    left_out = min((names for count, names in readings if count == printed), key=len, default=None)
    nearest = min((count for count, _ in readings), key=lambda count: abs(count - printed))
    recomputed = {"weights": full, "nearest": nearest, "readings": len(readings)}
    if left_out is None:
        counted = len({count for count, _ in readings})
        of = f", of {counted} ways to count them the nearest gives {nearest:,}" if counted > 1 else ""
        reason = f"The layers ({shapes}) have {full:,} weights{of}, not the printed {result.text}."
        return Finding(INCONSISTENT, recomputed, reason)
    if left_out:
        reason = f"The layers ({shapes}) have the printed {result.text} parameters only without the {listed(left_out)}."
        return Finding(PARTLY, recomputed | {"left_out": len(left_out)}, reason)
    return Finding(CONSISTENT, recomputed, f"The layers ({shapes}) have {result.text} parameters, as printed.")


def _readings(
    layers: Mapping[str, Sequence[int]], biases: Biases, optional: Sequence[str]
) -> list[tuple[int, list[str]]]:
    """Every way to count: the count, and the names of the layers left out."""
    choices: list[list[tuple[int, str]]] = []
    for name, shape in layers.items():
        weights = math.prod(shape)
        with_bias = weights + shape[-1]
        table = "table" in name or len(shape) == 1
        counts = [weights] if table or biases == "none" else [with_bias] if biases == "all" else [weights, with_bias]
        choices.append([*((count, "") for count in counts), *([(0, name)] if name in optional else [])])
    return [
        (sum(count for count, _ in chosen), [name for _, name in chosen if name])
        for chosen in itertools.product(*choices)
    ]


@check("Can parameter counts at several compressed widths d_c come from one architecture?")
def affine_counts(widths: Sequence[Count], counts: Sequence[Count]) -> Finding:
    """Such a count is a + b d_c: every layer between parts of fixed size and the code has d_c rows or columns, so the
    slope is the same between any two widths.
    """
    if len(widths) != len(counts) or len(widths) < 3:
        raise InputError(f"parameters: {len(widths)} widths and {len(counts)} counts, expected as many and at least 3")
    points = sorted((w.nominal, c.nominal) for w, c in zip(widths, counts, strict=True))
    pairs = list(itertools.pairwise(points))
    if any(low[0] == high[0] for low, high in pairs):
        raise InputError("parameters: widths: found the same width twice, expected different widths")
    slopes = [Fraction(high[1] - low[1]) / Fraction(high[0] - low[0]) for low, high in pairs]
    recomputed = {"slopes": [float(slope) for slope in slopes]}
    steps = listed(
        [
            f"{show(slope)} from {show(low[0])} to {show(high[0])}"
            for slope, (low, high) in zip(slopes, pairs, strict=True)
        ]
    )
    if len(set(slopes)) == 1:
        constant = Fraction(points[0][1]) - slopes[0] * Fraction(points[0][0])
        reason = (
            f"All {len(counts)} counts are {show(constant)} + {show(slopes[0])} d_c, so one architecture can have them."
        )
        return Finding(CONSISTENT, recomputed | {"constant": float(constant)}, reason)
    reason = (
        f"The counts rise by {steps} parameters per unit of d_c, and no single architecture has more than one slope."
    )
    return Finding(INCONSISTENT, recomputed, reason)


@check("Does the document list as many things as it says?", source=WORDS)
def number_listed(items: Sequence[str], result: Quantity) -> Finding:
    different = len(set(items))
    holds = result.interval.contains(different)
    reason = f"The document lists {different} ({listed(items)}){', as stated' if holds else f', not {result.text}'}."
    return Finding(CONSISTENT if holds else INCONSISTENT, {"listed": different}, reason)


@check("Can tables with these parameters have a row for each token, at widths between two limits?")
def rows_covered(
    parameters: Sequence[Count], narrowest: Sequence[int], widest: Sequence[int], tokens: Count
) -> Finding:
    """parameters, narrowest, widest: one entry per table, in one order."""
    if not len(parameters) == len(narrowest) == len(widest):
        raise InputError("parameters: found lists of different lengths, expected one entry per table in each")
    most = [int(count.nominal) // low for count, low in zip(parameters, narrowest, strict=True)]
    least = [-(-int(count.nominal) // high) for count, high in zip(parameters, widest, strict=True)]
    holds = sum(least) <= tokens.nominal <= sum(most)
    reason = (
        f"Tables of {listed([count.text for count in parameters])} parameters at the documented widths have "
        f"{sum(least)} to {sum(most)} rows, {'as many as' if holds else 'not one for each of'} the {tokens.text} "
        "tokens."
    )
    return Finding(CONSISTENT if holds else INCONSISTENT, {"rows_least": sum(least), "rows_most": sum(most)}, reason)
