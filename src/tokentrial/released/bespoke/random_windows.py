"""The scripts that train a mean of vectors on random windows: ``quick`` (B1), ``optimized`` (B4), ``ultra`` (B5).

Each run has one text of independent Zipf draws, which both arms see in random windows. As released, each arm draws its
own windows. ``bespoke_paired`` is the bespoke arm, with the same initial weights, on the windows of the standard arm.
The scripts report the loss of the last batch of eight.

The target of ``optimized`` and ``ultra`` is the first token of the window; the input is the other 63 tokens and an id
0, the commonest real token. The tokens are independent, so no model beats the entropy of the Zipf law on fresh text.
The targets of ``quick`` are uniform random ids, so no model beats ln V. On fresh windows the expected loss under the
targets' law is measured, which has no noise from the targets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tokentrial.data.zipf import zipf_probabilities
from tokentrial.encoders.base import Parameters
from tokentrial.released.bespoke import layouts, text
from tokentrial.released.bespoke.arms import BESPOKE, FRESH, STANDARD, Report, median_cost
from tokentrial.released.bespoke.layouts import HIGH, LOW, MID, Band, Cost, Layout
from tokentrial.released.bespoke.models import PooledModel, expected_losses, losses, trained_names
from tokentrial.released.bespoke.text import FloatArray, IntArray
from tokentrial.released.bespoke.training import Batch, chunks, train
from tokentrial.released.bespoke.weights import Weights
from tokentrial.seeds import stream

BATCH = 8
RATE = 1e-3
EVERY = 10  # steps between the recorded losses
PAIRED = "bespoke_paired"


@dataclass(frozen=True)
class Script:
    """A script's sizes. whole_model: whether its parameter ratio counts the whole model or only the embedding layer."""

    name: str
    vocab_size: int
    exponent: float
    corpus: int
    width: int
    length: int
    steps: int
    bespoke: Callable[[Sequence[IntArray], int], tuple[Layout, list[Cost]]]
    uniform_targets: bool = False
    whole_model: bool = True

    @property
    def law(self) -> FloatArray:
        return zipf_probabilities(self.vocab_size, self.exponent)

    @property
    def target_law(self) -> FloatArray:
        """The law of the targets, independent of the window."""
        return np.full(self.vocab_size, 1 / self.vocab_size) if self.uniform_targets else self.law

    @property
    def head(self) -> int:
        return (self.width + 1) * self.vocab_size

    def standard(self, seeds: int) -> tuple[Layout, list[Cost]]:
        layout = layouts.uniform(self.vocab_size, self.width, self.width, seeds, projected=False)
        return layout, [Cost(self.vocab_size * self.width, 0, self.head)] * seeds


def quick_layout(corpora: Sequence[IntArray], head: int) -> tuple[Layout, list[Cost]]:
    """B1: the 20 commonest observed types 80 wide, the 20 rarest 48 wide, biased maps; tables over all V = 100."""
    bands = (
        Band("high", 80, 20, bias=True),
        Band("mid", 64, 60, projected=False),
        Band("low", 48, 20, bias=True, rare=True),
    )
    classes = [layouts.by_ends(text.ranked_types(corpus), 100, 20, 20, low_wins=False) for corpus in corpora]
    cost = Cost(100 * (80 + 64 + 48), (80 + 1) * 64 + (48 + 1) * 64, head)
    return Layout(bands, layouts.slots_of(np.stack(classes), bands), 64), [cost] * len(corpora)


def optimized_layout(corpora: Sequence[IntArray], head: int) -> tuple[Layout, list[Cost]]:
    """B4: classes by 80 and 95 % of all occurrences, tables of their sizes, 160, 128 and 51 wide; bias-free maps."""
    bands = (Band("high", 160, 200), Band("mid", 128, 200, projected=False), Band("low", 51, 200))
    classes, costs = [], []
    for corpus in corpora:
        ranking = text.ranked_types(corpus)
        labels = layouts.by_share(ranking, np.bincount(corpus, minlength=200))
        classes.append(labels)
        sizes = np.bincount(labels[ranking], minlength=3)  # a type that does not occur has no row
        tables = 160 * sizes[HIGH] + 128 * sizes[MID] + 51 * sizes[LOW]
        costs.append(Cost(int(tables), (160 + 51) * 128, head))
    return Layout(bands, layouts.slots_of(np.stack(classes), bands), 128), costs


def ultra_layout(corpora: Sequence[IntArray], head: int) -> tuple[Layout, list[Cost]]:
    """B5: widths 192, 96, 16, padded with zeros to 192, one bias-free map for all; all low types share eight rows."""
    bands = (Band("high", 192, 20), Band("mid", 96, 20), Band("low", 16, 8))
    classes, costs = [], []
    for corpus in corpora:
        ranking = text.ranked_types(corpus)
        labels = layouts.by_types(ranking, 200)
        classes.append(labels)
        sizes = np.bincount(labels[ranking], minlength=3)
        costs.append(Cost(int(192 * sizes[HIGH] + 96 * sizes[MID] + 16 * min(8, sizes[LOW])), 192 * 128, head))
    return Layout(bands, layouts.slots_of(np.stack(classes), bands, low_rows=8), 128, shared=True), costs


SCRIPTS = {
    "quick": Script("quick", 100, 1.0, 1_000, 64, 32, 100, quick_layout, uniform_targets=True),
    "optimized": Script("optimized", 200, 1.1, 20_000, 128, 64, 50, optimized_layout, whole_model=False),
    "ultra": Script("ultra", 200, 1.1, 20_000, 128, 64, 60, ultra_layout, whole_model=False),
}


def run(spec: Mapping[str, Any], script: Script) -> Report:
    """Runs all seeds of a script.

    spec: ``condition``, ``seed``, ``seeds``; ``fresh``: number of windows of fresh text for the measurement.
    """
    report = Report()
    cell = f"corpus-{script.corpus}"
    condition = f"{spec['condition']}/{cell}"
    replicates = range(spec["seeds"])
    draw = [text.draw_corpus(script.law, script.corpus, spec["seed"], script.name, k) for k in replicates]
    corpora = np.stack(draw)
    layouts_by_arm = {STANDARD: script.standard(spec["seeds"]), BESPOKE: script.bespoke(draw, script.head)}
    layouts_by_arm[PAIRED] = layouts_by_arm[BESPOKE]
    for arm, (layout, costs) in layouts_by_arm.items():
        report.cost(condition, arm, spec["seeds"], script.steps, median_cost(costs))
        for members in chunks(replicates):
            with report.timed(condition, arm):
                _run_chunk(report, spec, script, condition, arm, layout, corpora, members)
    ratios = {
        k: _size(script, layouts_by_arm[BESPOKE][1][k]) / _size(script, layouts_by_arm[STANDARD][1][k])
        for k in replicates
    }
    report.scores(condition, ratios)
    report.levels(condition, text.levels(script.target_law, replicates))
    return report


def _size(script: Script, cost: Cost) -> int:
    return cost.total if script.whole_model else cost.embedding + cost.encoder


def _run_chunk(
    report: Report,
    spec: Mapping[str, Any],
    script: Script,
    condition: str,
    arm: str,
    layout: Layout,
    corpora: IntArray,
    replicates: Sequence[int],
) -> None:
    """Trains some seeds of an arm together and measures them."""
    members = slice(replicates[0], replicates[-1] + 1)
    model = PooledModel(layout.of(members), script.vocab_size, norm=False)
    drawn_for = STANDARD if arm == STANDARD else BESPOKE
    parameters = model.initial(Weights(spec["seed"], script.name, drawn_for, replicates))
    fresh = model.encode(fresh_inputs(spec, script, replicates))
    law = torch.from_numpy(script.target_law).float()

    def loss(weights: Parameters, batch: Batch) -> Tensor:
        return losses(model.logits(weights, batch.inputs), batch.targets)

    def measure(step: int, batch_loss: Tensor, weights: Parameters) -> None:
        if step % EVERY == 0:
            report.add(condition, arm, replicates, "train", step, batch_loss)
        if step == script.steps:
            report.add(condition, arm, replicates, "train", None, batch_loss)
            with report.timed(condition + FRESH, arm), torch.no_grad():
                fresh_loss = expected_losses(model.logits(weights, fresh), law)
            report.add(condition + FRESH, arm, replicates, "test", None, fresh_loss)

    purpose = BESPOKE if arm == BESPOKE else STANDARD  # the paired arm sees the standard arm's windows
    inputs, targets = sample(script, spec["seed"], corpora[members], purpose, replicates)
    batches = [Batch(model.encode(inputs[:, t]), torch.from_numpy(targets[:, t])) for t in range(script.steps)]
    train(loss, parameters, trained_names(layout, parameters), batches, RATE, measure, reads=model.reads)


def sample(
    script: Script, seed: int, corpora: IntArray, arm: str, replicates: Sequence[int]
) -> tuple[IntArray, IntArray]:
    """Draws the inputs (S, steps, 8, L) and targets (S, steps, 8) of an arm."""
    shape = (script.steps, BATCH)
    starts = text.random_starts(script.corpus - script.length, shape, seed, script.name, f"batches/{arm}", replicates)
    drawn = np.stack([text.windows(*pair, script.length) for pair in zip(corpora, starts, strict=True)])
    if script.uniform_targets:
        purposes = [("bespoke", script.name, f"targets/{arm}", k) for k in replicates]
        targets = np.stack([stream(seed, *names).integers(0, script.vocab_size, shape) for names in purposes])
        return drawn, targets
    return without_first(drawn), drawn[..., 0]


def without_first(drawn: IntArray) -> IntArray:
    """Returns windows (..., L) shifted one place to the left, with id 0 at the end."""
    return np.concatenate([drawn[..., 1:], np.zeros_like(drawn[..., :1])], axis=-1)


def fresh_inputs(spec: Mapping[str, Any], script: Script, replicates: Sequence[int]) -> IntArray:
    """Returns inputs (S, F, L) from disjoint windows of fresh text."""
    size = spec["fresh"] * script.length
    drawn = [text.draw_corpus(script.law, size, spec["seed"], script.name, k, "fresh") for k in replicates]
    disjoint = np.stack(drawn).reshape(len(replicates), spec["fresh"], script.length)
    return disjoint if script.uniform_targets else without_first(disjoint)
