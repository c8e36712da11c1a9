"""What the cramming study found, in sentences that follow the numbers: limits, vectors, settings, published values."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tokentrial.cramming.cells import NATURAL, PAPER, TUNED, Block, Cells
from tokentrial.cramming.claim_rules import PAIRS
from tokentrial.report.formats import number
from tokentrial.report.published import PublishedTable
from tokentrial.report.published import number as value_of
from tokentrial.report.tables.cramming_rows import CONTROL, Cell, Lookup, Row, arm_name, in_words, kind_name

Printed = Mapping[str, PublishedTable]


def plural(amount: int, noun: str) -> str:
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


# What limits it


def ends(row: Row, decimals: int) -> str:
    """``0.12 (0.05 to 0.19)``, or the value alone."""
    value = number(row.get("estimate"), decimals)
    if row.get("low") is None or row.get("high") is None:
        return value
    return f"{value} ({number(row['low'], decimals)} to {number(row['high'], decimals)})"


def setting_name(arm: str) -> str:
    return arm_name(arm).replace("_", " ")


def sided(row: Row, limit: float, below: str, above: str, neither: str) -> str:
    """Words by where the whole interval lies, if it rests on enough texts."""
    low, high = row.get("low"), row.get("high")
    if (row.get("n") or 0) < PAIRS:
        return "too few texts to conclude from"
    if low is not None and low > limit:
        return above
    return below if high is not None and high < limit else neither


def limit_words(look: Lookup) -> Iterator[str]:
    """By model with several kinds of text: entropy against length, the slope, the spread over kinds."""
    for group in look.groups:
        if (group.vectors, group.arm) != (1, TUNED):
            continue
        auc = look.row("auc_difference", group)
        if auc.get("estimate") is not None:
            areas = [number(look.row(f"auc_{name}", group).get("estimate"), 3) for name in ("entropy", "length")]
            outcome = sided(
                auc,
                0,
                "length tells solved from unsolved texts better than entropy",
                "entropy tells solved from unsolved texts better than length",
                "neither is shown to tell solved from unsolved texts better",
            )
            words = f"AUC {areas[0]} for entropy, {areas[1]} for length, difference {ends(auc, 3)}"
            yield f"{group.model}: {words}: {outcome}."
        yield slope_words(look, group)
        yield from spread_words(look, group)


def slope_words(look: Lookup, group: Cell) -> str:
    slope, offset = look.row("entropy_slope", group), look.row("fixed_offset", group)
    fixed = f"the paper's line of slope 1 has the offset {ends(offset, 1)} nats"
    if slope.get("estimate") is None:
        return f"{group.model}: too few texts lie beyond the elbow for a free slope; {fixed}."
    outcome = sided(
        slope,
        1,
        "below 1: what a vector takes away still grows with a text's entropy",
        "above 1: a vector takes less from texts of more entropy",
        "not shown to differ from 1",
    )
    return f"{group.model}: free slope of H(LM+mem) on H(LM) {ends(slope, 2)}, {outcome}; {fixed}."


def spread_words(look: Lookup, group: Cell) -> Iterator[str]:
    """Over the kinds: range of gains and of N max, as estimated."""
    members = [cell for cell in look.cells if cell._replace(kind="all") == group]
    for measure, name, unit in (("information_gain_strict", "gain", "nats"), ("n_max", "N max", "tokens")):
        known = {}
        for cell in members:
            row = look.row(measure, cell)
            inside = not str(row.get("note") or "").startswith(("at least", "below"))
            if row.get("estimate") is not None and inside:
                known[cell.kind] = float(row["estimate"])
        if len(known) > 1:
            low, high = (pick(known, key=lambda kind: known[kind]) for pick in (min, max))
            apart = f", {known[high] / known[low]:.2f} times as much" if known[low] > 0 else ""
            others = "; the others have no such limit inside the grid" if len(known) < len(members) else ""
            yield (
                f"{group.model}, {name} over {len(known)} of {len(members)} kinds of text: from "
                f"{number(known[low], 1)} ({kind_name(low)}) to {number(known[high], 1)} {unit} ({kind_name(high)})"
                f"{apart}{others}."
            )


def vector_words(look: Lookup, printed: Printed) -> Iterator[str]:
    """Exponents over the number of vectors, ours and the paper's."""
    for row in look.measures:
        if row["measure"] == "exponent_information_gain":
            outcome = sided(row, 1, "less than linear", "more than linear", "linear is not excluded")
            said = f"{ends(row, 2)}, {outcome}" if row["estimate"] is not None else f"not defined ({row['note']})"
            where = f"{row['model']}, {kind_name(row['kind'])}"
            yield f"{where}: exponent of the information gain {said} (n = {row['n']} texts)."
    rows = printed["cramming-exponents"].rows.values()
    yield (
        "Published, between the fewest and the most vectors: "
        + "; ".join(f"{row['label']} {row['exponent']}" for row in rows)
        + "."
    )


def settings_words(look: Lookup, cells: Cells) -> Iterator[str]:
    """Solved texts and gains of every setting on the same texts; differences with their intervals."""
    groups: dict[tuple[Any, ...], list[Block]] = {}
    for block in cells.blocks:
        if not block.key.arm.startswith(CONTROL):
            groups.setdefault(block.key[:4], []).append(block)
    for (design, model, kind, vectors), blocks in groups.items():
        if len(blocks) < 2:
            continue
        blocks = sorted(blocks, key=lambda block: (block.key.arm != TUNED, block.key.arm == PAPER))
        parts = [
            f"{setting_name(block.key.arm)} {int(np.nansum(block.solved))} of {int((~np.isnan(block.solved)).sum())} "
            f"texts, mean gain {number(float(np.nanmean(block.gain)), 1)} nats"
            for block in blocks
        ]
        yield f"{model}, {kind_name(kind)}, {in_words(vectors)}: solved with {'; '.join(parts)}."
        for block in blocks:
            row = look.row("gain_difference", Cell(design, model, kind, vectors, block.key.arm))
            if row.get("estimate") is not None:
                name = setting_name(block.key.arm)
                own = f"{name} settings" if block.key.arm == PAPER else name
                outcome = sided(row, 0, f"{own} take away more", "tuned takes away more", "no difference is shown")
                yield f"{model}: gain of tuned minus {own} {ends(row, 2)} nats: {outcome}."


# Beside the published numbers


def published_words(look: Lookup, cells: Cells, printed: Printed) -> Iterator[str]:
    """Shares of the bound, bits for each number, random text over natural text."""
    own = [cell for cell in look.widest(NATURAL) if cell.model in cells.trained]
    theirs = printed["cramming-models"].rows
    utilisation = [value_of(row["utilisation"]) for row in theirs.values()]
    bits = [value_of(row["bits"]) for row in printed["cramming-bits"].rows.values()]
    ratios = [value_of(row["information_gain_random"]) / value_of(row["information_gain"]) for row in theirs.values()]
    yield from beside(look, own, "utilisation", "Token gain over the bound, natural text", utilisation, 3)
    yield from beside(look, own, "bits_per_dimension", "Bits for each number of the vector, natural text", bits, 2)
    random = [cell for cell in look.widest("random-words") if cell.model in cells.trained]
    yield from beside(look, random, "gain_ratio", "Gain on random words over that on natural text", ratios, 2)


def beside(look: Lookup, own: list[Cell], measure: str, name: str, theirs: list[float], decimals: int) -> Iterator[str]:
    """Range here, range there, and how they lie to each other."""
    found = [(cell.model, look.row(measure, cell)) for cell in own]
    known = {model: float(row["estimate"]) for model, row in found if row.get("estimate") is not None}
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


def scale_words(look: Lookup, cells: Cells, printed: Printed) -> str:
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


def grid_words(look: Lookup) -> str:
    """Cells whose limit lies beyond the lengths that were run."""
    notes = [
        str(row["note"])
        for row in look.measures
        if row["measure"] == "n_max" and not str(row["arm"]).startswith(CONTROL)
    ]
    if not notes:
        return "This run has no measurement."
    above, below = (sum(note.startswith(start) for note in notes) for start in ("at least", "below"))
    return (
        f"Of {plural(len(notes), 'cell')} (model, text, vectors, settings), N max lies above the longest length that "
        f"was run in {above} and below the shortest in {below}."
    )
