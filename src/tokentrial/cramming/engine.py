"""Cramming: optimises input vectors so that a frozen model predicts a text, for many texts of one length at once.

Texts do not affect each other: the loss is the sum of their losses, only the vectors get gradients, and AdamW updates
each element separately. So a batch takes exactly the steps of single runs, and a text that is solved or out of patience
leaves the batch. Where products are rounded to bfloat16, a text that seems solved is measured in float32 at once, and
goes on if float32 disagrees. Kuratov et al. 2025 (arXiv 2502.13063), section 3; ``docs`` describes the released code.

Shapes: U units, each with its vectors (m, d) for G texts (one, or two that share the vectors) of N tokens; A units
still in work; P predicted tokens of a text, t_2 to t_N, or also t_1 with ``predict_first``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tokentrial.adam import Adam
from tokentrial.cramming.decode import Reader, first_predicted, inputs_of, scores
from tokentrial.errors import InputError
from tokentrial.training.checkpoint import Saved, prefixed

LAST_SHARE = 0.02  # the share of the learning rate at the end of the cosine schedule
SCHEDULES = ("cosine", "constant")
LOGGED = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # steps of a learning curve
CUDA_CHECK = 16  # steps between removals of finished texts: on a GPU, each makes the CPU wait for the GPU


@dataclass(frozen=True)
class Settings:
    """Settings of the optimisation. relative: the rate is a multiple of the embedding table's standard deviation.

    progressive: a text grows by one token from its last solution (:mod:`tokentrial.cramming.progressive`), each time
    with these settings.
    """

    learning_rate: float
    relative: bool
    schedule: str
    betas: tuple[float, float]
    weight_decay: float
    steps: int
    patience: int | None  # steps without a better accuracy after which a text is given up; None: never
    progressive: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any], name: str) -> "Settings":
        """Returns the settings of an arm of the config; raises InputError that names the wrong key."""
        where = f"config: cramming.arms.{name}"
        keys = {field.name for field in fields(cls)} - {"progressive"}
        if set(values) - {"progressive"} != keys:
            odd = ", ".join(sorted((set(values) - {"progressive"}) ^ keys))
            raise InputError(f"{where}: found missing or unknown keys {odd}, expected {', '.join(sorted(keys))}")
        settings = cls(**{**values, "betas": tuple(values["betas"])})
        rate, betas, steps, patience = settings.learning_rate, settings.betas, settings.steps, settings.patience
        if settings.schedule not in SCHEDULES:
            raise InputError(f"{where}.schedule: found '{settings.schedule}', expected one of {', '.join(SCHEDULES)}")
        if steps < 1 or (patience is not None and patience < 1):
            raise InputError(f"{where}: found {steps} steps and patience {patience}, expected at least 1")
        if not rate > 0 or len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            found = f"found rate {rate} and betas {list(betas)}"
            raise InputError(f"{where}: {found}, expected a rate above 0 and two betas from 0 to below 1")
        return settings

    def rate(self, step: int, deviation: float) -> float:
        """Returns the learning rate of step 1, 2, ...; deviation: of the embedding table."""
        rate = self.learning_rate * (deviation if self.relative else 1.0)
        if self.schedule == "constant":
            return rate
        return rate * (LAST_SHARE + (1 - LAST_SHARE) * 0.5 * (1 + math.cos(math.pi * (step - 1) / self.steps)))


class AdamW(Adam):
    """Adam of one tensor, from which rows can be removed."""

    def keep(self, rows: Tensor) -> None:
        """Keeps these rows (A,) and removes all others."""
        for group in (self.parameters, self.first, self.second):
            group[:] = [value[rows] for value in group]


@dataclass
class Records:
    """The results of every unit, as the paper defines them: the best accuracy and the smallest loss over the steps.

    ``best`` and ``smallest`` belong to a unit; ``hits`` and ``losses`` are those of its texts at the same step. The
    vectors are those that were measured, before the update (the released code stores them one step late).
    """

    best: Tensor  # (U,) hits of all texts, -1 before the first step
    best_step: Tensor  # (U,)
    hits: Tensor  # (U, G) at the best step
    vectors: Tensor  # (U, m, d) at the best step
    smallest: Tensor  # (U,) nats, mean over the texts
    losses: Tensor  # (U, G) nats per predicted token, at the step of the smallest loss
    steps: Tensor  # (U,) number of steps
    solved: Tensor  # (U,) the step that solved the unit, 0 if none did
    claimed: Tensor  # (U,) the first step at which rounded products had the unit solved, 0 if none did
    lowest: Tensor  # (U, m, d) vectors at the step of the smallest loss

    @classmethod
    def start(cls, vectors: Tensor, texts: int) -> "Records":
        """Returns the records before the first step; vectors: the initial vectors (U, m, d); texts: G."""
        count, device = len(vectors), vectors.device

        def whole(value: int, *shape: int) -> Tensor:
            return torch.full((count, *shape), value, dtype=torch.int64, device=device)

        far = vectors.new_full((count,), math.inf)
        losses = vectors.new_full((count, texts), math.nan)
        counts = whole(-1), whole(0), whole(0, texts)
        return cls(*counts, vectors.clone(), far, losses, whole(0), whole(0), whole(0), vectors.clone())

    def tensors(self) -> dict[str, Tensor]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def rows(self, rows: Tensor) -> "Records":
        """Returns a copy of some rows."""
        return Records(**{name: value[rows] for name, value in self.tensors().items()})

    def put(self, rows: Tensor, other: "Records") -> None:
        """Replaces rows by those of ``other``."""
        for name, value in self.tensors().items():
            value[rows] = getattr(other, name)

    def add(self, step: int, hits: Tensor, losses: Tensor, vectors: Tensor, all_hits: int, open_: Tensor) -> None:
        """Adds a step's hits (A, G) and losses (A, G).

        all_hits: the number of hits of a solved unit; open_ (A,): units whose records may change.
        """
        total, loss = hits.sum(1), losses.mean(1)
        usable = open_ & loss.isfinite()  # the argmax of NaN may be the target by accident
        better = usable & (total > self.best)
        self.best = torch.where(better, total, self.best)
        self.best_step.masked_fill_(better, step)
        self.hits = torch.where(better.unsqueeze(1), hits, self.hits)
        self.vectors = torch.where(better.view(-1, 1, 1), vectors, self.vectors)
        smaller = usable & (loss < self.smallest)
        self.smallest = torch.where(smaller, loss, self.smallest)
        self.losses = torch.where(smaller.unsqueeze(1), losses, self.losses)
        self.lowest = torch.where(smaller.view(-1, 1, 1), vectors, self.lowest)
        self.steps.masked_fill_(open_, step)
        self.solved.masked_fill_(better & (total == all_hits), step)


class Measured(NamedTuple):
    """The measurement of a step."""

    hits: Tensor  # (A, G)
    losses: Tensor  # (A, G) nats per predicted token
    gradient: Tensor  # (A, m, d) of the sum of a unit's losses


class Cramming:
    """The optimisation of one batch: units of one text length and number of vectors under one arm's settings."""

    def __init__(
        self,
        reader: Reader,
        ids: Tensor,
        start: Tensor,
        settings: Settings,
        predict_first: bool = False,
        watched: frozenset[int] = frozenset(),
        basis: Tensor | None = None,
    ) -> None:
        """ids (U, G, N) int64; start (U, m, d); watched: units whose learning curves are kept.

        basis (k, d): vectors are ``start`` plus m coordinates each in this basis, which are what is optimised; None:
        all numbers of the vectors are.
        """
        self.reader, self.settings, self.predict_first, self.watched = reader, settings, predict_first, watched
        self.ids, self.deviation, self.start, self.basis = ids, reader.model.deviation, start.detach(), basis
        self.first = first_predicted(start.shape[1], predict_first)
        self.predicted = ids.shape[2] - (0 if predict_first else 1)
        self.look = CUDA_CHECK if ids.device.type == "cuda" else 1  # steps between removals of closed units
        self.step_count = 0
        self.text_steps = 0  # texts times steps, the unit of work of the log's speed
        self.active = torch.arange(len(ids), device=ids.device)
        self.open = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
        free = self.start.clone() if basis is None else start.new_zeros(*start.shape[:2], len(basis))
        self.optimiser = AdamW([free], settings.betas, settings.weight_decay)
        self.records = Records.start(start.detach(), ids.shape[1])  # of all units
        self.current = self.records.rows(self.active)  # of the units in work
        self.measured: Measured | None = None  # of the next step
        self.curve: list[tuple[int, int, int, float, float]] = []  # step, unit, text, accuracy, cross-entropy

    @property
    def vectors(self) -> Tensor:
        """The vectors (A, m, d) of the units in work."""
        free = self.optimiser.parameters[0]
        return free if self.basis is None else self.start[self.active] + free @ self.basis

    @property
    def done(self) -> bool:
        """Whether no unit is in work."""
        return len(self.active) == 0

    def step(self) -> None:
        """Measures the present vectors, removes finished units, and updates the vectors of the others."""
        self.step_count += 1
        step, settings = self.step_count, self.settings
        hits, losses, gradient = self.measure()
        self.text_steps += hits.numel()
        self._log(step, hits, losses)
        all_hits = self.predicted * hits.shape[1]
        if self.reader.rounds:
            hits = self._confirmed(step, hits, all_hits)
        self.current.add(step, hits, losses, self.vectors, all_hits, self.open)
        self.open &= self.current.solved == 0
        if settings.patience is not None:
            self.open &= step - self.current.best_step < settings.patience
        if step == settings.steps:
            self.open.zero_()
        if step == settings.steps or step % self.look == 0:
            gradient = self._leave(gradient)
        if not self.done:
            free = gradient if self.basis is None else gradient @ self.basis.t()
            self.optimiser.step([free], settings.rate(step, self.deviation))

    def _confirmed(self, step: int, hits: Tensor, all_hits: int) -> Tensor:
        """Returns the hits (A, G), those of float32 for units that seem solved."""
        claims = self.open & (hits.sum(1) == all_hits)
        self.current.claimed.masked_fill_(claims & (self.current.claimed == 0), step)
        rows = claims.nonzero().squeeze(1)
        if len(rows) == 0:
            return hits
        ids, sharing = self.ids[self.active[rows]], self.ids.shape[1]
        vectors = self.vectors[rows].repeat_interleave(sharing, 0)
        _, exact = scores(self.reader.exact, vectors, ids.flatten(0, 1), self.predict_first)
        return hits.index_copy(0, rows, exact.sum(1).view(-1, sharing).to(hits.dtype))

    def measure(self) -> Measured:
        """Returns the measurement of the next step, made by :func:`measure_together` before or during this call."""
        if self.measured is None:
            measure_together([self])
        assert self.measured is not None
        measured, self.measured = self.measured, None
        return measured

    def inputs(self, vectors: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        """Returns input vectors (b, L, d) and targets (b, P) of the b texts of some of the units in work."""
        ids = self.ids[self.active[part]].flatten(0, 1)
        repeated = vectors if self.ids.shape[1] == 1 else vectors.repeat_interleave(self.ids.shape[1], 0)
        return inputs_of(self.reader.model, repeated, ids), ids if self.predict_first else ids[:, 1:]

    def _leave(self, gradient: Tensor) -> Tensor:
        """Removes closed units from the batch, and returns the gradient of the remaining units."""
        if bool(self.open.all()):
            return gradient
        gone, kept = (~self.open).nonzero().squeeze(1), self.open.nonzero().squeeze(1)
        self.records.put(self.active[gone], self.current.rows(gone))
        self.current, self.active, self.open = self.current.rows(kept), self.active[kept], self.open[kept]
        self.optimiser.keep(kept)
        return gradient[kept]

    def _log(self, step: int, hits: Tensor, losses: Tensor) -> None:
        """Adds the watched units' values at the logged steps to the learning curves."""
        if step not in LOGGED or not self.watched:
            return
        shown = (hits / self.predicted).tolist(), losses.tolist()
        for unit, is_open, accuracies, nats in zip(self.active.tolist(), self.open.tolist(), *shown, strict=True):
            if unit in self.watched and is_open:
                for text, (accuracy, loss) in enumerate(zip(accuracies, nats, strict=True)):
                    self.curve.append((step, unit, text, accuracy, loss))

    def saved(self) -> Saved:
        """Returns everything that the remaining steps depend on."""
        optimiser = {
            "vectors": self.optimiser.parameters[0],
            "first": self.optimiser.first[0],
            "second": self.optimiser.second[0],
        }
        tensors = optimiser | {"active": self.active, "open": self.open}
        tensors |= prefixed("records", self.records.tensors()) | prefixed("current", self.current.tensors())
        return Saved(tensors, {"step": self.step_count, "text_steps": self.text_steps, "curve": self.curve})

    def restore(self, saved: Saved) -> None:
        """Restores a state that :meth:`saved` returned."""
        tensors = {name: value.to(self.ids.device) for name, value in saved.tensors.items()}
        self.active, self.open = tensors["active"], tensors["open"]
        self.optimiser.parameters[0] = tensors["vectors"]
        self.optimiser.first[0], self.optimiser.second[0] = tensors["first"], tensors["second"]
        self.records, self.current = (Records(**Saved(tensors).under(name)) for name in ("records", "current"))
        self.step_count = self.optimiser.count = saved.values["step"]
        self.text_steps = saved.values["text_steps"]
        self.curve = [(step, unit, text, right, loss) for step, unit, text, right, loss in saved.values["curve"]]


def measure_together(works: Sequence[Cramming]) -> None:
    """Measures the vectors of several batches on one model, in as few passes through its body as possible.

    works: optimisations of batches, each of which gets the measurement of its next step.
    """
    reader = works[0].reader
    vectors = [work.vectors.detach() for work in works]
    measured: list[list[Measured]] = [[] for _ in works]
    sizes = [(len(work.active), work.ids.shape[1] * (work.vectors.shape[1] + work.ids.shape[2] - 1)) for work in works]
    for slices in reader.passes_together(sizes):
        for (index, _), part in zip(slices, _measure(works, vectors, slices), strict=True):
            measured[index].append(part)
    for work, parts in zip(works, measured, strict=True):
        work.measured = Measured(*map(torch.cat, zip(*parts, strict=True)))


def _measure(
    works: Sequence[Cramming], vectors: Sequence[Tensor], slices: Sequence[tuple[int, slice]]
) -> list[Measured]:
    """Returns the measurements of the batches in one pass. slices: (index of the batch, its units in the pass)."""
    reader, in_pass = works[0].reader, [works[index] for index, _ in slices]
    leaves = [vectors[index][part].detach().requires_grad_() for index, part in slices]
    with torch.enable_grad():
        pairs = [work.inputs(leaf, part) for work, leaf, (_, part) in zip(in_pass, leaves, slices, strict=True)]
        states = reader.hidden_together([inputs for inputs, _ in pairs])
        states = [each[:, work.first :] for work, each in zip(in_pass, states, strict=True)]
    features = torch.cat([each.detach().flatten(0, 1) for each in states])
    scores = reader.head(features, torch.cat([targets.flatten() for _, targets in pairs]), 1.0)
    assert scores.gradient is not None
    sizes = [targets.numel() for _, targets in pairs]
    parts = zip(torch.split(scores.gradient, sizes), states, in_pass, strict=True)
    of_states = [part.view_as(each).div_(work.predicted) for part, each, work in parts]
    gradients = torch.autograd.grad(states, leaves, of_states)
    measured = []
    for work, hit, nll, gradient in zip(
        in_pass, torch.split(scores.hit, sizes), torch.split(scores.nll, sizes), gradients, strict=True
    ):
        shape = (-1, work.ids.shape[1], work.predicted)
        measured.append(Measured(hit.view(shape).sum(2), nll.view(shape).mean(2), gradient))
    return measured
