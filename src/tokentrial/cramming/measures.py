"""The measures of the cramming study: the rows of results/cramming.parquet, from the rows of all runs.

Intervals are percentile bootstraps over texts. All quantities use the same resampled texts, so differences and ratios
are paired. Gains are pooled over unsolved pairs of text and length, as in document 004.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tokentrial import results
from tokentrial.cramming.cells import ALL, MODEL_ARM, NATURAL, PAPER, TUNED, Block, Facts, Key
from tokentrial.cramming.evidence import Evidence
from tokentrial.cramming.names import GROWN
from tokentrial.statistics import cramming
from tokentrial.statistics.cramming import Estimate

FACT_UNITS = {"bound": "tokens", "validation_cross_entropy": "nats", "test_cross_entropy": "nats"}
# Measure -> unit, for means over the texts of each length.
BY_LENGTH = {
    "accuracy": "fraction",
    "accuracy_without": "fraction",
    "greedy_exact": "fraction",
    "greedy_prefix": "tokens",
    "solved": "fraction",
    "entropy": "nats",
    "entropy_with": "nats",
    "gain": "nats",
    "steps": "steps",
    "solved_step": "steps",
    # of a search in bfloat16, and of the probes of solved texts (docs/cramming.md)
    "accuracy_bfloat16": "fraction",
    "solved_step_bfloat16": "steps",
    "arithmetic_bits": "bits",
    "number_bits": "bits",
    "vector_bits": "bits",
    "dimensions": "1",
    "subspace_bits": "bits",
    "line_accuracy": "fraction",
    "line_solved": "fraction",
    "line_cosine": "1",
    "following_cross_entropy": "nats",
    "following_cross_entropy_text": "nats",
    "following_cross_entropy_without": "nats",
}
Row = dict[str, Any]


def row(measure: str, key: Key, estimate: Estimate, unit: str, **changes: Any) -> Row:
    """Returns a row of `MEASURES`; changes: other values of the key's columns, or the length."""
    identity = {**key._asdict(), "length": None, **changes}
    ends = {"estimate": estimate.value, "low": estimate.low, "high": estimate.high}
    return {"measure": measure, **identity, **ends, "n": estimate.n, "unit": unit, "note": estimate.note}


def grows(block: Block) -> bool:
    """Whether the arm is progressive: every text is measured up to its own first failure.

    Means over the texts of a length, and gains over unsolved texts, are then of the few that are left.
    """
    return GROWN in block.values


def rows(evidence: Evidence) -> Iterator[Row]:
    """Yields every measure of a run, by experiment."""
    cells = evidence.cells
    for (design, model), facts in cells.facts.items():
        yield from fact_rows(design, model, facts)
    for block in cells.blocks:
        facts = cells.facts.get((block.key.design, block.key.model)) or cells.about(block.key.model)
        if not grows(block):
            yield from length_rows(evidence, block)
        yield from block_rows(evidence, block, facts)
    ordinary = [block for block in cells.optimised if not grows(block)]
    for group in _grouped(ordinary, "design", "model", "vectors", "arm"):
        yield from kind_rows(evidence, group)
    for group in _grouped(ordinary, "design", "model", "kind", "arm"):
        yield from vector_rows(evidence, group)
    for group in _grouped(cells.blocks, "design", "model", "kind", "vectors"):
        yield from arm_rows(evidence, group)


def fact_rows(design: str, model: str, facts: Facts) -> Iterator[Row]:
    """Yields the facts of a model: width, validation loss, ..."""
    for name, value in facts.items():
        identity: Row = {"measure": name, "design": design, "model": model, "kind": None, "vectors": None}
        identity |= {"length": None, "arm": MODEL_ARM, "estimate": value, "low": None, "high": None, "n": 1}
        yield {**identity, "unit": FACT_UNITS.get(name, "1"), "note": ""}


def length_rows(evidence: Evidence, block: Block) -> Iterator[Row]:
    """Yields the means over the texts of each length."""
    derived = {"solved": block.solved, "entropy": block.entropy, "entropy_with": block.entropy_with, "gain": block.gain}
    weights = evidence.weights(block.rows)
    for name, unit in BY_LENGTH.items():
        values = derived.get(name, block.metric(name))
        means = cramming.shares(values, weights)
        for column, length in enumerate(block.lengths):
            n = int((~np.isnan(values[:, column])).sum())
            if n:
                yield row(name, block.key, evidence.estimate(means[:, column], n), unit, length=int(length))


def block_rows(evidence: Evidence, block: Block, facts: Facts) -> Iterator[Row]:
    """Yields capacities and gains over all lengths, and their shares of the theoretical bound."""
    key, vectors = block.key, block.key.vectors
    if not np.isnan(block.solved).all():
        yield row("capacity_mean", key, evidence.capacity(block), "tokens")
        yield row("capacity_half", key, evidence.longest(block), "tokens")
    if grows(block):
        return
    yield row("capacity", key, evidence.published_capacity(block), "tokens")
    tokens = evidence.mean(block.token_gain, block.unsolved_paper)
    gain = evidence.mean(block.gain_paper, block.unsolved_paper)
    yield row("token_gain", key, tokens, "tokens")
    yield row("information_gain", key, gain, "nats")
    spreads = {"token_gain_sd": (block.token_gain, "tokens"), "information_gain_sd": (block.gain_paper, "nats")}
    for name, (values, unit) in spreads.items():
        sd = cramming.deviation(values, block.unsolved_paper)
        yield row(name, key, Estimate(sd, None, None, gain.n, "over unsolved pairs"), unit)
    strict = evidence.gain(block)
    yield row("information_gain_strict", key, strict, "nats")
    yield row("information_gain_per_vector", key, _scaled(strict, 1 / vectors), "nats")
    if {"width", "vocab_size"} <= set(facts):
        bound = cramming.theoretical_capacity(facts["width"], facts["vocab_size"], vectors)
        yield row("theoretical_capacity", key, Estimate(bound, None, None, 1), "tokens")
        yield row("utilisation", key, _scaled(tokens, 1 / bound), "fraction")
        bits = cramming.bits_per_dimension(1.0, facts["width"], vectors)
        yield row("bits_per_dimension", key, _scaled(gain, bits), "bits")
    yield from line_rows(evidence, key, [block])


def line_rows(evidence: Evidence, key: Key, blocks: list[Block], **changes: Any) -> Iterator[Row]:
    """Yields the lines of H(LM+mem) on H(LM): the free line, and the paper's line with slope 1."""
    line = evidence.line(blocks)
    yield row("entropy_slope", key, line.slope, "1", **changes)
    yield row("entropy_intercept", key, line.intercept, "nats", **changes)
    yield row("fixed_offset", key, line.fixed_offset, "nats", **changes)


def kind_rows(evidence: Evidence, blocks: list[Block]) -> Iterator[Row]:
    """Yields measures over the kinds of text of a model: lines, limits, and each kind's gain over natural text's."""
    if len(blocks) < 2:
        return
    key = blocks[0].key
    yield from line_rows(evidence, key, blocks, kind=ALL)
    for name, estimate in evidence.limits(blocks)._asdict().items():
        yield row(name, key, estimate, "1", kind=ALL)
    natural = next((block for block in blocks if block.key.kind == NATURAL), None)
    for block in blocks:
        if natural is not None and block is not natural:
            note = f"over {NATURAL}"
            ratio = evidence.gain_ratio(block, natural)
            yield row("gain_ratio", block.key, _noted(ratio, note), "ratio")


def vector_rows(evidence: Evidence, blocks: list[Block]) -> Iterator[Row]:
    """Yields the exponents over the number of vectors."""
    if len(blocks) < 2:
        return
    blocks = sorted(blocks, key=lambda block: block.key.vectors)
    context = evidence.cells.about(blocks[0].key.model).get("context")
    for name, quantity in (("exponent_information_gain", "gain"), ("exponent_token_gain", "token_gain")):
        yield row(name, blocks[0].key, evidence.exponent(blocks, context, quantity), "1", vectors=None)


def arm_rows(evidence: Evidence, blocks: list[Block]) -> Iterator[Row]:
    """Yields the gain of the tuned settings minus that of the paper's settings, on the same texts."""
    by_arm = {block.key.arm: block for block in blocks}
    tuned = by_arm.get(TUNED)
    for arm, block in by_arm.items():
        if tuned is not None and arm == PAPER:
            difference = evidence.gain_difference(tuned, block)
            yield row("gain_difference", block.key, _noted(difference, f"{TUNED} minus {arm}"), "nats")


def _grouped(blocks: list[Block], *names: str) -> list[list[Block]]:
    """Returns the blocks in groups that are equal in these parts of the key."""
    groups: dict[tuple[Any, ...], list[Block]] = {}
    for block in blocks:
        groups.setdefault(tuple(getattr(block.key, name) for name in names), []).append(block)
    return list(groups.values())


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    """Returns a multiple of an estimate; a negative factor exchanges the ends."""
    value, low, high = (None if each is None else each * factor for each in estimate[:3])
    return estimate._replace(value=value, low=low if factor > 0 else high, high=high if factor > 0 else low)


def _noted(estimate: Estimate, note: str) -> Estimate:
    return estimate._replace(note="; ".join(part for part in (note, estimate.note) if part))


def table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    """Returns rows as a table of this schema; integers that may be missing stay integers."""
    frame = pd.DataFrame(rows, columns=schema.names)
    integers = {entry.name: "Int32" for entry in schema if entry.type == pa.int32()}
    floats = {entry.name: "float64" for entry in schema if entry.type == pa.float64()}
    return results.table(frame.astype({**integers, **floats}), schema)
