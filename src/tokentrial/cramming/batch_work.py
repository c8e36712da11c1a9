"""The work on batches of a cramming job: their texts, and the steps of batches that are optimised together."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tokentrial.cramming import controls
from tokentrial.cramming.decode import Reader, greedy_prefix, scores
from tokentrial.cramming.design import Batch
from tokentrial.cramming.engine import Cramming, Settings, measure_together
from tokentrial.cramming.rows import Recorded
from tokentrial.cramming.texts import Texts, start_vectors
from tokentrial.training.checkpoint import Saved, prefixed
from tokentrial.training.runner import Runner

WATCHED = 4  # texts of a kind whose learning curves are kept
LOG_SECONDS = 10.0


@dataclass(frozen=True)
class BatchTexts:
    """The texts of a batch."""

    names: list[tuple[str, int]]  # (kind, index) of each text
    ids: Tensor  # (B, N)
    start: Tensor  # (B, m, d) initial vectors


class BatchJob(Recorded):
    """A task that optimises batches of texts."""

    def __init__(self, design: Mapping[str, Any], reader: Reader, texts: Texts, parts: Sequence[Any]) -> None:
        super().__init__(design, reader, texts, parts)
        self.logged_at = time.perf_counter()

    def texts_of(self, batch: Batch) -> BatchTexts:
        """Returns the texts of all kinds of a batch; if pairs share vectors, a last text without partner is dropped."""
        kinds, count = self.design["kinds"], self.design["texts"]
        if batch.control == "shared":
            count -= count % controls.SHARING
        return self.texts_at(batch, [(kind, index) for kind in kinds for index in range(count)])

    def texts_at(self, batch: Batch, names: list[tuple[str, int]]) -> BatchTexts:
        """Returns the texts with these names, (kind, index), for a batch."""
        of_kind = {kind: self.texts.ids(kind, batch.length) for kind, _ in names}
        ids = torch.stack([of_kind[kind][index] for kind, index in names])
        seed, model = self.design["seed"], self.reader.model
        start = [start_vectors(model, seed, kind, index, batch.vectors) for kind, index in names]
        return BatchTexts(names, ids, torch.stack(start))

    def work_of(self, batch: Batch, texts: BatchTexts, basis: Tensor | None = None) -> Cramming:
        """Returns the optimisation of a batch of an arm, or of the control ``shared`` under its arm's settings."""
        arms = self.design["arms"]
        settings = Settings.of(arms[batch.settings], batch.settings)
        ids, start = texts.ids.unsqueeze(1), texts.start
        if batch.control == "shared":
            ids, start = controls.shared_units(texts.ids, texts.start)
        sharing = ids.shape[1]
        watched = frozenset(unit for unit in range(len(ids)) if texts.names[unit * sharing][1] < WATCHED)
        if settings.progressive or basis is not None:
            watched = frozenset()
        return Cramming(self.reader, ids, start, settings, self.design["predict_first"], watched, basis)

    def cram(
        self,
        part: Sequence[Batch],
        texts: Sequence[BatchTexts],
        state: Saved | None,
        runner: Runner,
        add: Callable[[Batch, BatchTexts, Cramming, float], None],
    ) -> None:
        """Optimises batches that step together; add: adds the rows of each."""
        works = [self.work_of(batch, of_batch) for batch, of_batch in zip(part, texts, strict=True)]
        if state is not None:
            self.restore_works(works, state)
        self.optimise(part[0], works, runner)
        seconds = shares(works, runner.part_clock.seconds())
        for batch, of_batch, work, share in zip(part, texts, works, seconds, strict=True):
            add(batch, of_batch, work, share)

    def restore_works(self, works: Sequence[Cramming], state: Saved) -> None:
        """Restores optimisations that step together from the state that :func:`saved` returned."""
        for number, (work, values) in enumerate(zip(works, state.values["works"], strict=True)):
            work.restore(Saved(state.under(str(number)), values))
        self.log(f"goes on from step {max(work.step_count for work in works)}")

    def optimise(self, batch: Batch, works: Sequence[Cramming], runner: Runner) -> None:
        """Steps until every unit is done; writes checkpoints and lines in the log at intervals."""
        while open_ := [work for work in works if not work.done]:
            measure_together(open_)
            for work in open_:
                work.step()
            if runner.due() and not all(work.done for work in works):
                runner.save(saved(works))
            if time.perf_counter() - self.logged_at >= LOG_SECONDS:
                left, all_ = (sum(map(len, each)) for each in zip(*((w.active, w.ids) for w in works), strict=True))
                self.log(f"{batch.arm}: step {open_[0].step_count}, {left} of {all_} in work")
                self.logged_at = time.perf_counter()

    def outcome(self, work: Cramming, ids: Tensor) -> list[dict[str, float | None]]:
        """Returns each text's values of the vectors that an optimisation found; ids: the texts (B, N)."""
        records, sharing, first = work.records, work.ids.shape[1], work.predict_first
        vectors, lowest = (each.repeat_interleave(sharing, 0) for each in (records.vectors, records.lowest))
        greedy = greedy_prefix(self.reader.exact, vectors, ids, first).tolist()
        accuracy = (records.hits.to(torch.float64) / work.predicted).flatten().tolist()
        losses = records.losses.flatten().tolist()
        rounded: list[dict[str, float | None]] = [{} for _ in greedy]
        if self.reader.rounds:
            claimed = records.claimed.repeat_interleave(sharing).tolist()
            rounded = [
                {"accuracy_bfloat16": right, "solved_step_bfloat16": step or None}
                for right, step in zip(accuracy, claimed, strict=True)
            ]
            accuracy = scores(self.reader.exact, vectors, ids, first)[1].double().mean(1).tolist()
            losses = scores(self.reader.exact, lowest, ids, first)[0].mean(1).tolist()
        solved = records.solved.repeat_interleave(sharing).tolist()
        return [
            {
                "accuracy": accuracy[text],
                "cross_entropy": losses[text],
                **decoded(greedy[text], work.predicted),
                "solved_step": solved[text] or None,
                **rounded[text],
            }
            for text in range(len(ids))
        ]


def decoded(right: int, predicted: int) -> dict[str, float | None]:
    """Returns the values of a greedy decode; right: tokens before the first error, of the predicted ones."""
    return {"greedy_exact": float(right == predicted), "greedy_prefix": float(right)}


def shares(works: Sequence[Cramming], seconds: float) -> list[float]:
    """Returns the share of each batch in the seconds of batches that stepped together, by their positions."""
    positions = [work.text_steps * (work.vectors.shape[1] + work.ids.shape[2]) for work in works]
    return [seconds * count / sum(positions) for count in positions]


def saved(works: Sequence[Cramming]) -> Saved:
    """Returns the state of batches that step together."""
    parts = [work.saved() for work in works]
    tensors: dict[str, Tensor] = {}
    for number, part in enumerate(parts):
        tensors |= prefixed(str(number), part.tensors)
    return Saved(tensors, {"works": [part.values for part in parts]})
