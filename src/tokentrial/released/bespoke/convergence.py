"""The 50-epoch script behind the document's own correction (protocol B6): 2,500 steps of next-token prediction.

The text has 10,000 independent Zipf tokens, 80 % of them for training. A mean of 16 vectors predicts the next token.
The script reports the loss on 80 validation targets, redrawn for each arm and each evaluation, after the last epoch.
The fresh condition instead measures the expected loss under the targets' law (split ``test``), and the loss on every
window of the validation text with the real targets (split ``validation``). No model beats the entropy of the Zipf law
on fresh text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tokentrial.data.zipf import zipf_probabilities
from tokentrial.encoders.base import Parameters
from tokentrial.released.bespoke import layouts, text
from tokentrial.released.bespoke.arms import BESPOKE, FRESH, STANDARD, Report
from tokentrial.released.bespoke.layouts import Band, Cost, Layout
from tokentrial.released.bespoke.models import PooledModel, expected_losses, losses, trained_names
from tokentrial.released.bespoke.text import IntArray
from tokentrial.released.bespoke.training import Batch, chunks, train
from tokentrial.released.bespoke.weights import Weights

NAME = "convergence"
VOCABULARY = 200
EXPONENT = 1.4
CORPUS = 10_000
TRAINING = 8_000
WIDTH = 64
LENGTH = 16
BATCH = 8
EPOCH = 50  # batches in an epoch
EVALUATE = 10  # epochs between evaluations; the last epoch is also evaluated
VALIDATION = 80  # targets of an evaluation: ten batches of eight; the mean of their means is the mean of all
RATE = 1e-3

HEAD = (WIDTH + 1) * VOCABULARY
COSTS = {
    STANDARD: Cost(VOCABULARY * WIDTH, 0, HEAD),
    BESPOKE: Cost(VOCABULARY * (128 + 64 + 16), (128 + 1) * WIDTH + (16 + 1) * WIDTH, HEAD),
}


def run(spec: Mapping[str, Any]) -> Report:
    """Runs all seeds. spec: ``condition``, ``seed``, ``seeds``, ``epochs`` (as released: 50), ``fresh`` windows."""
    report = Report()
    condition = f"{spec['condition']}/epochs-{spec['epochs']}"
    law = zipf_probabilities(VOCABULARY, EXPONENT)
    replicates = range(spec["seeds"])
    corpora = np.stack([text.draw_corpus(law, CORPUS, spec["seed"], NAME, k) for k in replicates])
    layouts_by_arm = {
        STANDARD: layouts.uniform(VOCABULARY, WIDTH, WIDTH, spec["seeds"], projected=False),
        BESPOKE: bespoke_layout(corpora),
    }
    for arm, layout in layouts_by_arm.items():
        report.cost(condition, arm, spec["seeds"], spec["epochs"] * EPOCH, COSTS[arm])
        for members in chunks(replicates):
            with report.timed(condition, arm):
                Chunk(report, spec, condition, arm, layout, corpora, members).run()
    ratio = COSTS[BESPOKE].total / COSTS[STANDARD].total
    report.scores(condition, dict.fromkeys(replicates, ratio))
    report.levels(condition, text.levels(law, replicates))
    return report


def bespoke_layout(corpora: IntArray) -> Layout:
    """Widths by the whole text's counts: 128 for the 20 commonest types, 16 for the 50 rarest that occur, else 64."""
    bands = (
        Band("high", 128, 20, bias=True),
        Band("mid", 64, 130, projected=False),
        Band("low", 16, 50, bias=True, rare=True),
    )
    rankings = [text.ranked_types(corpus) for corpus in corpora]
    classes = [layouts.by_ends(ranking, VOCABULARY, 20, 50, low_wins=False) for ranking in rankings]
    return Layout(bands, layouts.slots_of(np.stack(classes), bands), WIDTH)


class Chunk:
    """Some seeds of an arm, trained together."""

    def __init__(
        self,
        report: Report,
        spec: Mapping[str, Any],
        condition: str,
        arm: str,
        layout: Layout,
        corpora: IntArray,
        replicates: Sequence[int],
    ) -> None:
        members = slice(replicates[0], replicates[-1] + 1)
        self.report, self.spec, self.condition, self.arm, self.replicates = report, spec, condition, arm, replicates
        self.training, self.validation = corpora[members, :TRAINING], corpora[members, TRAINING:]
        self.model = PooledModel(layout.of(members), VOCABULARY, norm=False)
        self.parameters = self.model.initial(Weights(spec["seed"], NAME, arm, replicates))
        self.evaluations = [e for e in range(spec["epochs"]) if e % EVALUATE == 0 or e == spec["epochs"] - 1]
        self.validation_starts = self._starts(CORPUS - TRAINING, (len(self.evaluations), VALIDATION), "validation")
        self.epoch_loss = torch.zeros(len(replicates))

    def run(self) -> None:
        """Trains for all epochs and measures on fresh text."""
        names = trained_names(self.model.layout, self.parameters)
        train(self._loss, self.parameters, names, self._batches(), RATE, self._before, self._after, self.model.reads)

    def _loss(self, weights: Parameters, batch: Batch) -> Tensor:
        return losses(self.model.logits(weights, batch.inputs), batch.targets)

    def _starts(self, size: int, shape: tuple[int, ...], purpose: str) -> IntArray:
        names = (self.spec["seed"], NAME, f"{purpose}/{self.arm}", self.replicates)
        return text.random_starts(size - LENGTH - 1, shape, *names)

    def _windows(self, corpora: IntArray, starts: IntArray) -> Batch:
        """Returns encoded windows and the tokens after them; starts: (S, N)."""
        drawn = np.stack([text.windows(*pair, LENGTH + 1) for pair in zip(corpora, starts, strict=True)])
        return Batch(self.model.encode(drawn[..., :-1]), torch.from_numpy(drawn[..., -1]))

    def _batches(self) -> Iterator[Batch]:
        starts = self._starts(TRAINING, (self.spec["epochs"], EPOCH * BATCH), "batches")
        for epoch in range(self.spec["epochs"]):
            inputs, targets = self._windows(self.training, starts[:, epoch])
            for first in range(0, EPOCH * BATCH, BATCH):
                yield Batch(inputs[:, first : first + BATCH], targets[:, first : first + BATCH])

    def _before(self, step: int, loss: Tensor, weights: Parameters) -> None:
        self.epoch_loss += loss / EPOCH
        if step % EPOCH == 0:
            self.report.add(self.condition, self.arm, self.replicates, "train", step, self.epoch_loss)
            self.epoch_loss = torch.zeros_like(loss)

    def _after(self, step: int, weights: Parameters) -> None:
        epoch, rest = divmod(step, EPOCH)
        if rest or epoch - 1 not in self.evaluations:
            return
        last = epoch == self.spec["epochs"]
        with torch.no_grad():
            starts = self.validation_starts[:, self.evaluations.index(epoch - 1)]
            drawn = self._loss(weights, self._windows(self.validation, starts))
        for reported in (step, None) if last else (step,):
            self.report.add(self.condition, self.arm, self.replicates, "validation", reported, drawn)
        with self.report.timed(self.condition + FRESH, self.arm), torch.no_grad():
            self._measure_fresh(step, last, weights)

    def _measure_fresh(self, step: int, last: bool, weights: Parameters) -> None:
        """Adds the expected loss on fresh windows and the loss on every window of the validation text."""
        law = zipf_probabilities(VOCABULARY, EXPONENT)
        size = self.spec["fresh"] * LENGTH
        drawn = [text.draw_corpus(law, size, self.spec["seed"], NAME, k, "fresh") for k in self.replicates]
        inputs = self.model.encode(np.stack(drawn).reshape(len(drawn), self.spec["fresh"], LENGTH))
        fresh = expected_losses(self.model.logits(weights, inputs), torch.from_numpy(law).float())
        every = np.broadcast_to(np.arange(CORPUS - TRAINING - LENGTH), (len(drawn), CORPUS - TRAINING - LENGTH))
        whole = self._loss(weights, self._windows(self.validation, every))
        for reported in (step, None) if last else (step,):
            for split, values in (("test", fresh), ("validation", whole)):
                self.report.add(self.condition + FRESH, self.arm, self.replicates, split, reported, values)
