"""What the cramming study found, in sentences that follow the numbers: limits, vectors, settings, published values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tokentrial.cramming.cells import CONTROL, NATURAL, PAPER, STUDY, TUNED, Block, Cells
from tokentrial.cramming.evidence import PAIRS
from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.report.cramming_names import arm_name, in_words, kind_name, verdict_of
from tokentrial.report.formats import number
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.statistics.cramming import ABOVE, AT_LEAST, COARSE, Estimate

Printed = Mapping[str, PublishedTable]


def plural(amount: int, noun: str) -> str:
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


# What limits it


def ends(estimate: Estimate, decimals: int) -> str:
    """``0.12 (0.05 to 0.19)``, or the value alone."""
    value = number(estimate.value, decimals)
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({number(estimate.low, decimals)} to {number(estimate.high, decimals)})"


def sided(estimate: Estimate, limit: float, below: str, above: str, neither: str) -> str:
    """Words by where the whole interval lies, if it rests on enough texts."""
    if estimate.n < PAIRS:
        return "too few texts to conclude from"
    if estimate.low is not None and estimate.low > limit:
        return above
    return below if estimate.high is not None and estimate.high < limit else neither


def limit_words(view: View) -> Iterator[str]:
    """By model with several kinds of text: entropy against length, the slope, the spread over kinds."""
    for group in view.estimates.groups:
        if (group.vectors, group.arm) != (1, TUNED):
            continue
        auc = view.estimates.get("auc_difference", group)
        if auc.value is not None:
            areas = [number(view.estimates.get(f"auc_{name}", group).value, 3) for name in ("entropy", "length")]
            outcome = sided(
                auc,
                0,
                "length tells solved from unsolved texts better than entropy",
                "entropy tells solved from unsolved texts better than length",
                "neither is shown to tell solved from unsolved texts better",
            )
            words = f"AUC {areas[0]} for entropy, {areas[1]} for length, difference {ends(auc, 3)}"
            yield f"{group.model}: {words}: {outcome}."
        yield slope_words(view, group)
        yield from spread_words(view, group)


def slope_words(view: View, group: Scope) -> str:
    slope, offset = view.estimates.get("entropy_slope", group), view.estimates.get("fixed_offset", group)
    fixed = f"the paper's line of slope 1 has the offset {ends(offset, 1)} nats"
    if slope.value is None:
        return f"{group.model}: too few texts lie beyond the elbow for a free slope; {fixed}."
    outcome = sided(
        slope,
        1,
        "below 1: what a vector takes away still grows with a text's entropy",
        "above 1: a vector takes less from texts of more entropy",
        "not shown to differ from 1",
    )
    return f"{group.model}: free slope of H(LM+mem) on H(LM) {ends(slope, 2)}, {outcome}; {fixed}."


def spread_words(view: View, group: Scope) -> Iterator[str]:
    """Over the kinds: range of gains and of capacities, as estimated."""
    members = view.estimates.members(group)
    for measure, name, unit in (("information_gain_strict", "gain", "nats"), ("capacity_mean", "capacity", "tokens")):
        estimates = {scope.kind: view.estimates.get(measure, scope) for scope in members}
        known = {
            kind: each.value
            for kind, each in estimates.items()
            if each.value is not None and not each.note.startswith(AT_LEAST)
        }
        if len(known) > 1:
            low, high = (pick(known, key=lambda kind: known[kind]) for pick in (min, max))
            apart = f", {known[high] / known[low]:.2f} times as much" if known[low] > 0 else ""
            others = "; the others have texts without a known capacity" if len(known) < len(members) else ""
            yield (
                f"{group.model}, {name} over {len(known)} of {len(members)} kinds of text: from "
                f"{number(known[low], 1)} ({kind_name(low)}) to {number(known[high], 1)} {unit} ({kind_name(high)})"
                f"{apart}{others}."
            )


def vector_words(view: View, printed: Printed) -> Iterator[str]:
    """Exponents over the number of vectors, ours and the paper's; what ours decide is said by the claim's verdict."""
    for scope, exponent in view.estimates.each("exponent_information_gain"):
        said = ends(exponent, 2) if exponent.value is not None else f"not defined ({exponent.note})"
        where = f"{scope.model}, {kind_name(scope.kind)}"
        yield f"{where}: exponent of the information gain {said} (n = {exponent.n} texts); linear is 1."
    row = verdict_of(view, "CR4-LINEAR")
    if row is not None:
        yield f"CR4-LINEAR, almost linear: {row['outcome']}."
    rows = printed["cramming-exponents"].rows.values()
    yield (
        "Published, between the fewest and the most vectors: "
        + "; ".join(f"{row['label']} {row['exponent']}" for row in rows)
        + "."
    )


def settings_words(view: View, cells: Cells) -> Iterator[str]:
    """Solved texts and gains of every setting on the same texts; differences with their intervals."""
    groups: dict[tuple[Any, ...], list[Block]] = {}
    for block in cells.optimised:
        groups.setdefault(block.key[:4], []).append(block)
    for (design, model, kind, vectors), blocks in groups.items():
        if len(blocks) < 2:
            continue
        blocks = sorted(blocks, key=lambda block: (block.key.arm != TUNED, block.key.arm == PAPER))
        parts = [
            f"{arm_name(view, block.key.arm)} {int(np.nansum(block.solved))} of {int((~np.isnan(block.solved)).sum())} "
            f"texts, mean gain {number(float(np.nanmean(block.gain)), 1)} nats"
            for block in blocks
        ]
        yield f"{model}, {kind_name(kind)}, {in_words(vectors)}: solved with {'; '.join(parts)}."
        for block in blocks:
            apart = view.estimates.get("gain_difference", Scope(design, model, kind, vectors, block.key.arm))
            if apart.value is not None:
                name = arm_name(view, block.key.arm)
                other = f"{name} settings" if block.key.arm == PAPER else name
                outcome = sided(apart, 0, f"{other} take away more", "tuned takes away more", "no difference is shown")
                yield f"{model}: gain of tuned minus {other} {ends(apart, 2)} nats: {outcome}."


# Beside the published numbers


def published_words(view: View, cells: Cells, printed: Printed) -> Iterator[str]:
    """Shares of the bound, bits for each number, random text over natural text."""
    natural, random = (
        [scope for scope in view.estimates.widest(kind) if scope.model in cells.trained]
        for kind in (NATURAL, "random-words")
    )
    theirs = printed["cramming-models"].rows
    utilisation = [value_of(row["utilisation"]) for row in theirs.values()]
    bits = [value_of(row["bits"]) for row in printed["cramming-bits"].rows.values()]
    ratios = [value_of(row["information_gain_random"]) / value_of(row["information_gain"]) for row in theirs.values()]
    yield from beside(view, natural, "utilisation", "Token gain over the bound, natural text", utilisation, 3)
    yield from beside(view, natural, "bits_per_dimension", "Bits for each number of the vector, natural text", bits, 2)
    yield from beside(view, random, "gain_ratio", "Gain on random words over that on natural text", ratios, 2)


def beside(
    view: View, scopes: Sequence[Scope], measure: str, name: str, theirs: Sequence[float], decimals: int
) -> Iterator[str]:
    """Range here, range there, and how they lie to each other."""
    estimates = {scope.model: view.estimates.get(measure, scope).value for scope in scopes}
    known = {model: value for model, value in estimates.items() if value is not None}
    if not known:
        return
    low, high = min(known.values()), max(known.values())
    there = min(theirs), max(theirs)
    place = "the ranges overlap"
    if high < there[0]:
        place = "all below the published range"
    elif low > there[1]:
        place = "all above the published range"
    elif there[0] <= low and high <= there[1]:
        place = "inside the published range"
    here = number(low, decimals) if len(known) == 1 else f"{number(low, decimals)} to {number(high, decimals)}"
    yield (
        f"{name}: {here} ({plural(len(known), 'trained model')}), published {number(there[0], decimals)} to "
        f"{number(there[1], decimals)} ({len(theirs)} models): {place}."
    )


def scale_words(view: View, cells: Cells, printed: Printed) -> str:
    """How this run's models compare in size with the published ones."""
    widths = [facts["width"] for model in cells.trained if "width" in (facts := cells.about(model))]
    theirs = [value_of(row["width"]) for row in printed["cramming-models"].rows.values()]
    if not widths:
        return "The size of this run's models is not known."
    words = f"The trained models of this run have widths from {min(widths):,.0f} to {max(widths):,.0f}"
    if max(widths) < min(theirs):
        narrowest = f"the narrowest published model has {min(theirs):,.0f}"
        return f"{words}; {narrowest}. Nothing here speaks for models of that size."
    return f"{words}, the published ones from {min(theirs):,.0f} to {max(theirs):,.0f}."


def grid_words(view: View) -> str:
    """Cells whose limit lies beyond the lengths that were run."""
    limits = view.estimates.each("capacity_mean")
    notes = [limit.note for scope, limit in limits if scope.arm not in view.with_role(STUDY, CONTROL)]
    if not notes:
        return "This run has no measurement."
    above, coarse = (sum(note.startswith(start) for note in notes) for start in (ABOVE, COARSE))
    return (
        f"Of {plural(len(notes), 'condition')} (model, text, vectors, settings), the capacity of a text lies above the "
        f"longest length that was tried in {above}; in {coarse} more, lengths below a first failure were not tried."
    )
