"""What the cramming study measures, one row per quantity: results/cramming.parquet, from the rows of all runs.

Intervals are percentile bootstraps over texts; the same resampled texts serve every quantity, so that differences and
ratios are paired. Gains are pooled over unsolved pairs of text and length, as document 004 does.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tokentrial import results
from tokentrial.cramming.cells import ALL, MODEL_ARM, NATURAL, PAPER, TUNED, Block, Facts, Key
from tokentrial.cramming.evidence import Evidence
from tokentrial.statistics import cramming
from tokentrial.statistics.cramming import Estimate

FACT_UNITS = {"bound": "tokens", "validation_cross_entropy": "nats", "test_cross_entropy": "nats"}
# measure -> unit; the mean over texts of every length
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
}
Row = dict[str, Any]


def row(measure: str, key: Key, found: Estimate, unit: str, **place: Any) -> Row:
    """One row of `MEASURES`; place: replaces parts of the key, or adds the length."""
    identity = {**key._asdict(), "length": None, **place}
    ends = {"estimate": found.value, "low": found.low, "high": found.high}
    return {"measure": measure, **identity, **ends, "n": found.n, "unit": unit, "note": found.note}


def rows(evidence: Evidence) -> Iterator[Row]:
    """Every measure of a run, by design."""
    cells = evidence.cells
    for (design, model), facts in cells.facts.items():
        yield from fact_rows(design, model, facts)
    for block in cells.blocks:
        facts = cells.facts.get((block.key.design, block.key.model)) or cells.about(block.key.model)
        yield from length_rows(evidence, block)
        yield from block_rows(evidence, block, facts)
    for group in _grouped(cells.optimised, "design", "model", "vectors", "arm"):
        yield from kind_rows(evidence, group)
    for group in _grouped(cells.optimised, "design", "model", "kind", "arm"):
        yield from vector_rows(evidence, group)
    for group in _grouped(cells.blocks, "design", "model", "kind", "vectors"):
        yield from arm_rows(evidence, group)


def fact_rows(design: str, model: str, facts: Facts) -> Iterator[Row]:
    """What describes a model: width, validation loss, ..."""
    for name, value in facts.items():
        identity: Row = {"measure": name, "design": design, "model": model, "kind": None, "vectors": None}
        identity |= {"length": None, "arm": MODEL_ARM, "estimate": value, "low": None, "high": None, "n": 1}
        yield {**identity, "unit": FACT_UNITS.get(name, "1"), "note": ""}


def length_rows(evidence: Evidence, block: Block) -> Iterator[Row]:
    """Means over the texts of each length."""
    own = {"solved": block.solved, "entropy": block.entropy, "entropy_with": block.entropy_with, "gain": block.gain}
    weights = evidence.weights(block.rows)
    for name, unit in BY_LENGTH.items():
        values = own.get(name, block.metric(name))
        means = cramming.shares(values, weights)
        for place, length in enumerate(block.lengths):
            n = int((~np.isnan(values[:, place])).sum())
            if n:
                yield row(name, block.key, evidence.estimate(means[:, place], n), unit, length=int(length))


def block_rows(evidence: Evidence, block: Block, facts: Facts) -> Iterator[Row]:
    """Lengths and gains over the grid, and what they are of the theoretical bound."""
    key, vectors = block.key, block.key.vectors
    yield row("capacity", key, evidence.capacity(block), "tokens")
    if not np.isnan(block.solved).all():
        yield row("n_max", key, evidence.longest(block), "tokens")
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


def line_rows(evidence: Evidence, key: Key, blocks: list[Block], **place: Any) -> Iterator[Row]:
    """H(LM+mem) on H(LM): the free line, and the paper's with slope 1."""
    found = evidence.line(blocks)
    yield row("entropy_slope", key, found.slope, "1", **place)
    yield row("entropy_intercept", key, found.intercept, "nats", **place)
    yield row("fixed_offset", key, found.fixed_offset, "nats", **place)


def kind_rows(evidence: Evidence, blocks: list[Block]) -> Iterator[Row]:
    """Over the kinds of text of a model: what decides, and each kind's gain against that of natural text."""
    if len(blocks) < 2:
        return
    key = blocks[0].key
    yield from line_rows(evidence, key, blocks, kind=ALL)
    for name, found in evidence.limits(blocks)._asdict().items():
        yield row(name, key, found, "1", kind=ALL)
    natural = next((block for block in blocks if block.key.kind == NATURAL), None)
    for block in blocks:
        if natural is not None and block is not natural:
            note = f"over {NATURAL}"
            ratio = evidence.gain_ratio(block, natural)
            yield row("gain_ratio", block.key, _noted(ratio, note), "ratio")


def vector_rows(evidence: Evidence, blocks: list[Block]) -> Iterator[Row]:
    """Exponents over the number of vectors."""
    if len(blocks) < 2:
        return
    blocks = sorted(blocks, key=lambda block: block.key.vectors)
    context = evidence.cells.about(blocks[0].key.model).get("context")
    for name, quantity in (("exponent_information_gain", "gain"), ("exponent_token_gain", "token_gain")):
        yield row(name, blocks[0].key, evidence.exponent(blocks, context, quantity), "1", vectors=None)


def arm_rows(evidence: Evidence, blocks: list[Block]) -> Iterator[Row]:
    """The tuned settings' gain minus each other arm's, on the same texts."""
    by_arm = {block.key.arm: block for block in blocks}
    tuned = by_arm.get(TUNED)
    for arm, block in by_arm.items():
        if tuned is not None and arm == PAPER:
            difference = evidence.gain_difference(tuned, block)
            yield row("gain_difference", block.key, _noted(difference, f"{TUNED} minus {arm}"), "nats")


def _grouped(blocks: list[Block], *names: str) -> list[list[Block]]:
    found: dict[tuple[Any, ...], list[Block]] = {}
    for block in blocks:
        found.setdefault(tuple(getattr(block.key, name) for name in names), []).append(block)
    return list(found.values())


def _scaled(found: Estimate, factor: float) -> Estimate:
    """A multiple of an estimate; the ends change places for a negative one."""
    value, low, high = (None if each is None else each * factor for each in found[:3])
    return found._replace(value=value, low=low if factor > 0 else high, high=high if factor > 0 else low)


def _noted(found: Estimate, note: str) -> Estimate:
    return found._replace(note="; ".join(part for part in (note, found.note) if part))


def table(made: list[Row], schema: pa.Schema) -> pa.Table:
    """Rows as a table of this schema; integers that may be missing stay integers."""
    frame = pd.DataFrame(made, columns=schema.names)
    integers = {entry.name: "Int32" for entry in schema if entry.type == pa.int32()}
    floats = {entry.name: "float64" for entry in schema if entry.type == pa.float64()}
    return results.table(frame.astype({**integers, **floats}), schema)
