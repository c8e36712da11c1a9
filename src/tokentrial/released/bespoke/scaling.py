"""The "Scaling 1K/5K/20K/50K" rows (protocol B3), with corpus size and number of steps crossed, and attribution arms.

As released, a corpus of N tokens gets 5, 10, 15 or 20 Adam steps on heavily overlapping windows from its beginning. The
target is the commonest token of the visible window, and the script reports the loss of only the last batch. Here the
same trajectory is measured at every requested number of steps; at the end of the corpus, the windows start again.
Batches depend only on the corpus, so both arms of a seed see the same batches.

Besides the released ``standard`` and ``bespoke``, there are arms that change one thing each:

| arm | is |
|---|---|
| ``projected`` | standard with one bias-free 128 x 128 map behind the table: only the extra linear layer |
| ``projected_wide`` | the same with width 224, that of bespoke's frequent tokens, for all tokens |
| ``standard_fast`` | standard, learning rate raised |
| ``frozen`` | bespoke with its two maps kept as drawn |
| ``permuted`` | bespoke with wide and narrow vectors assigned at random to the types that occur |
| ``reversed`` | bespoke with the wide vectors for the rarest types |
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tokentrial.data.zipf import zipf_probabilities
from tokentrial.encoders.base import Parameters
from tokentrial.errors import InputError
from tokentrial.released.bespoke import layouts, text
from tokentrial.released.bespoke.arms import BESPOKE, FRESH, STANDARD, Report
from tokentrial.released.bespoke.layouts import Band, Cost, Layout
from tokentrial.released.bespoke.models import PooledModel, losses, trained_names
from tokentrial.released.bespoke.text import IntArray
from tokentrial.released.bespoke.training import Batch, chunks, train
from tokentrial.released.bespoke.weights import Weights

CORPORA = {1_000: 5, 5_000: 10, 20_000: 15, 50_000: 20}  # tokens: the released script's steps
VOCABULARY = 200
EXPONENT = 1.1
WIDTH, HIGH_WIDTH, LOW_WIDTH = 128, 224, 32  # 1.75 and 0.25 times 128
HIGH_TYPES, LOW_TYPES = 30, 170  # the second is int(0.85 V), meant as an index and used as a count
LENGTH = 64
BATCH = 8
RATE = 1e-3
BLOCK = 50  # steps whose windows are encoded at once

HEAD = 2 * WIDTH + WIDTH * VOCABULARY + VOCABULARY  # LayerNorm and linear
STANDARD_COST = Cost(VOCABULARY * WIDTH, 0, HEAD)
BESPOKE_COST = Cost(VOCABULARY * (HIGH_WIDTH + WIDTH + LOW_WIDTH), (HIGH_WIDTH + LOW_WIDTH) * WIDTH, HEAD)


@dataclass(frozen=True)
class Arm:
    """A layout, its costs, its learning rate, and the arm whose initial weights it has."""

    layout: Layout
    cost: Cost
    weights: str
    rate: float = RATE


@dataclass(frozen=True)
class Cell:
    """One corpus size: the texts of all seeds (S, N), and fresh windows (S, F, L) with their modes (S, F)."""

    name: str
    steps: int  # as released
    corpora: IntArray
    fresh: IntArray
    fresh_targets: IntArray

    @property
    def batches(self) -> int:
        """Number of batches that the released loop takes from this corpus before it stops."""
        size: int = self.corpora.shape[1]
        return math.ceil((size - LENGTH * BATCH) / LENGTH)


def run(spec: Mapping[str, Any]) -> Report:
    """Runs all corpora of the script.

    spec: ``condition``, ``seed``, ``seeds``; ``steps``: numbers of steps to measure at; ``long_seeds``: number of seeds
    that go beyond the released 20 steps; ``attribution``: corpora with all arms, up to ``attribution_steps``;
    ``fast_rate``: rate of standard_fast; ``fresh``: number of windows of fresh text for the measurement.

    Raises InputError for a corpus that the script does not have.
    """
    unknown = [size for size in spec["attribution"] if size not in CORPORA]
    if unknown:
        raise InputError(f"scaling: attribution: found {unknown[0]}, expected some of {', '.join(map(str, CORPORA))}")
    report = Report()
    law = zipf_probabilities(VOCABULARY, EXPONENT)
    target_law = text.mode_law(law, LENGTH)
    for size, steps in CORPORA.items():
        cell = make_cell(spec, size, steps)
        condition = f"{spec['condition']}/{cell.name}"
        for name, arm in arms(cell, spec, all_arms=size in spec["attribution"]).items():
            limit = max(spec["steps"]) if name in (STANDARD, BESPOKE) else spec["attribution_steps"]
            run_arm(report, spec, condition, cell, name, arm, limit)
        ratio = BESPOKE_COST.total / STANDARD_COST.total
        report.scores(condition, dict.fromkeys(range(spec["seeds"]), ratio))
        report.levels(condition, text.levels(target_law, range(spec["seeds"]), floor=0.0))
    return report


def make_cell(spec: Mapping[str, Any], size: int, steps: int) -> Cell:
    """Draws the texts of a corpus size, for all seeds."""
    law = zipf_probabilities(VOCABULARY, EXPONENT)
    name = f"corpus-{size}"
    draw = partial(text.draw_corpus, law, seed=spec["seed"], name=f"scaling/{name}")
    replicates = range(spec["seeds"])
    corpora = np.stack([draw(size=size, replicate=k) for k in replicates])
    fresh = np.stack([draw(size=spec["fresh"] * LENGTH, replicate=k, purpose="fresh") for k in replicates])
    fresh = fresh.reshape(spec["seeds"], spec["fresh"], LENGTH)
    return Cell(name, steps, corpora, fresh, text.modes(fresh, VOCABULARY))


def arms(cell: Cell, spec: Mapping[str, Any], all_arms: bool) -> dict[str, Arm]:
    """Returns the two released arms, or all arms of the module's docstring."""
    seeds = len(cell.corpora)
    standard = Arm(layouts.uniform(VOCABULARY, WIDTH, WIDTH, seeds, projected=False), STANDARD_COST, STANDARD)
    bespoke = Arm(bespoke_layout(cell), BESPOKE_COST, BESPOKE)
    if not all_arms:
        return {STANDARD: standard, BESPOKE: bespoke}
    projected = layouts.uniform(VOCABULARY, WIDTH, WIDTH, seeds, projected=True)
    wide = layouts.uniform(VOCABULARY, HIGH_WIDTH, WIDTH, seeds, projected=True)
    shuffled = layouts.permuted(spec["seed"], f"scaling/{cell.name}")
    return {
        STANDARD: standard,
        BESPOKE: bespoke,
        "projected": Arm(projected, Cost(VOCABULARY * WIDTH, WIDTH**2, HEAD), "projected"),
        "projected_wide": Arm(wide, Cost(VOCABULARY * HIGH_WIDTH, HIGH_WIDTH * WIDTH, HEAD), "projected_wide"),
        "standard_fast": replace(standard, rate=spec["fast_rate"]),
        "frozen": replace(
            bespoke,
            layout=replace(bespoke.layout, train_projection=False),
            cost=replace(BESPOKE_COST, frozen=BESPOKE_COST.encoder),
        ),
        "permuted": replace(bespoke, layout=bespoke_layout(cell, shuffled)),
        "reversed": replace(bespoke, layout=bespoke_layout(cell, layouts.reversed_ranks)),
    }


def bespoke_layout(cell: Cell, reassign: layouts.Reassign | None = None) -> Layout:
    """Returns three bands by rank; if the sets overlap, low overwrites high; only ids that never occur are mid."""
    control = reassign is not None  # the wide vectors may then belong to rare types
    bands = (
        Band("high", HIGH_WIDTH, HIGH_TYPES, rare=control),
        Band("mid", WIDTH, VOCABULARY, projected=False, trained=False),
        Band("low", LOW_WIDTH, LOW_TYPES),
    )
    classes = []
    for k, corpus in enumerate(cell.corpora):
        ranking = text.ranked_types(corpus)
        labels = layouts.by_ends(ranking, VOCABULARY, HIGH_TYPES, LOW_TYPES, low_wins=True)
        classes.append(labels if reassign is None else reassign(labels, ranking, k))
    return Layout(bands, layouts.slots_of(np.stack(classes), bands), WIDTH)


def run_arm(
    report: Report, spec: Mapping[str, Any], condition: str, cell: Cell, name: str, arm: Arm, limit: int
) -> None:
    """Trains an arm on all seeds; measures at the released number of steps and at ``spec['steps']`` up to limit."""
    marks = {step for step in spec["steps"] if step <= limit} | {cell.steps}
    everyone = max(CORPORA.values())
    long_seeds = min(spec["long_seeds"], spec["seeds"]) if max(marks) > everyone else 0
    groups = [(range(long_seeds), marks), (range(long_seeds, spec["seeds"]), {m for m in marks if m <= everyone})]
    report.cost(condition, name, spec["seeds"], cell.steps, arm.cost)
    for members, asked in groups:
        for replicates in chunks(members):
            with report.timed(condition, name):
                run_chunk(report, spec, condition, cell, name, arm, replicates, asked)


def run_chunk(
    report: Report,
    spec: Mapping[str, Any],
    condition: str,
    cell: Cell,
    name: str,
    arm: Arm,
    replicates: Sequence[int],
    marks: set[int],
) -> None:
    """Trains some seeds of an arm together, to the last of the marked steps."""
    members = slice(replicates[0], replicates[-1] + 1)
    model = PooledModel(arm.layout.of(members), VOCABULARY, norm=True)
    parameters = model.initial(Weights(spec["seed"], f"scaling/{cell.name}", arm.weights, replicates))
    fresh = Batch(model.encode(cell.fresh[members]), torch.from_numpy(cell.fresh_targets[members]))

    def loss(weights: Parameters, batch: Batch) -> Tensor:
        return losses(model.logits(weights, batch.inputs), batch.targets)

    def measure(step: int, batch_loss: Tensor, weights: Parameters) -> None:
        if step not in marks:
            return
        with report.timed(condition + FRESH, name), torch.no_grad():
            fresh_loss = loss(weights, fresh)
        for reported in (step, None) if step == cell.steps else (step,):
            report.add(condition, name, replicates, "train", reported, batch_loss)
            report.add(condition + FRESH, name, replicates, "test", reported, fresh_loss)

    names = trained_names(arm.layout, parameters)
    train(loss, parameters, names, batches(cell, model, members, max(marks)), arm.rate, measure, reads=model.reads)


def batches(cell: Cell, model: PooledModel, members: slice, steps: int) -> Iterator[Batch]:
    """Yields batch b: eight windows from 64 b on, 8 tokens apart; at the end of the corpus, windows start again."""
    corpora = cell.corpora[members]
    for first in range(0, steps, BLOCK):
        numbers = np.arange(first, min(first + BLOCK, steps)) % cell.batches
        starts = (LENGTH * numbers[:, None] + LENGTH // BATCH * np.arange(BATCH)).reshape(-1)
        sequences = np.stack([text.windows(corpus, starts, LENGTH) for corpus in corpora])  # S, steps * B, L
        inputs, targets = model.encode(sequences), torch.from_numpy(text.modes(sequences, VOCABULARY))
        for step in range(len(numbers)):
            chosen = slice(step * BATCH, (step + 1) * BATCH)
            yield Batch(inputs[:, chosen], targets[:, chosen])
