"""Cramming: the input vectors that make a frozen model say a text, for many texts of one length at once.

Texts do not touch each other: the loss is their sum, the gradient goes to the vectors alone, and AdamW works on each
element by itself. So a batch takes exactly the steps of single runs, and a text that is solved or out of patience
leaves the batch. Kuratov et al. 2025 (arXiv 2502.13063), section 3; released code as in ``docs``.

Shapes: U units, each with vectors of its own (m, d) for G texts (one, or two that share them) of N tokens; A units
still in work; P predicted tokens of a text, t_2 to t_N, or t_1 too with ``predict_first``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tokentrial.adam import Adam
from tokentrial.cramming.decode import Reader, first_predicted, inputs_of
from tokentrial.errors import InputError
from tokentrial.training.checkpoint import Saved, prefixed

LAST_SHARE = 0.02  # of the learning rate, what the cosine schedule ends at
SCHEDULES = ("cosine", "constant")
LOGGED = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # steps of a learning curve
CUDA_CHECK = 16  # steps between looks at which texts are done: on a GPU a look waits for it


@dataclass(frozen=True)
class Settings:
    """How vectors are optimised; ``relative``: the rate is times the standard deviation of the embedding table."""

    learning_rate: float
    relative: bool
    schedule: str
    betas: tuple[float, float]
    weight_decay: float
    steps: int
    patience: int | None  # steps without a better accuracy after which a text is given up

    @classmethod
    def of(cls, values: Mapping[str, Any], name: str) -> "Settings":
        """The settings of an arm of the config; raises InputError naming the key that is wrong."""
        where = f"config: cramming.arms.{name}"
        wanted = {field.name for field in fields(cls)}
        if set(values) != wanted:
            odd = ", ".join(sorted(set(values) ^ wanted))
            raise InputError(f"{where}: found missing or unknown keys {odd}, expected {', '.join(sorted(wanted))}")
        made = cls(**{**values, "betas": tuple(values["betas"])})
        if made.schedule not in SCHEDULES:
            raise InputError(f"{where}.schedule: found '{made.schedule}', expected one of {', '.join(SCHEDULES)}")
        if made.steps < 1 or (made.patience is not None and made.patience < 1):
            raise InputError(f"{where}: found {made.steps} steps and patience {made.patience}, expected at least 1")
        if not made.learning_rate > 0 or len(made.betas) != 2 or not all(0 <= beta < 1 for beta in made.betas):
            found = f"found rate {made.learning_rate} and betas {list(made.betas)}"
            raise InputError(f"{where}: {found}, expected a rate above 0 and two betas from 0 to below 1")
        return made

    def rate(self, step: int, deviation: float) -> float:
        """Learning rate of step 1, 2, ...; deviation: the table's."""
        rate = self.learning_rate * (deviation if self.relative else 1.0)
        if self.schedule == "constant":
            return rate
        return rate * (LAST_SHARE + (1 - LAST_SHARE) * 0.5 * (1 + math.cos(math.pi * (step - 1) / self.steps)))


class AdamW(Adam):
    """Adam of one tensor whose rows may leave."""

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows (A,) alone."""
        for group in (self.parameters, self.first, self.second):
            group[:] = [value[rows] for value in group]


@dataclass
class Records:
    """What is known of every unit, by the paper's definitions: best accuracy and smallest loss over the steps.

    best and smallest are of the unit; those of its texts are from the same step. The vectors are those that were
    measured, before the update (the released code stores them one step late).
    """

    best: Tensor  # (U,) hits of all texts, -1 before the first step
    best_step: Tensor  # (U,)
    hits: Tensor  # (U, G)
    vectors: Tensor  # (U, m, d)
    smallest: Tensor  # (U,) nats, mean over the texts
    losses: Tensor  # (U, G) nats per predicted token
    steps: Tensor  # (U,) used
    solved: Tensor  # (U,) the step that solved it, 0 where none did

    @classmethod
    def start(cls, vectors: Tensor, texts: int) -> "Records":
        count, device = len(vectors), vectors.device

        def whole(value: int, *shape: int) -> Tensor:
            return torch.full((count, *shape), value, dtype=torch.int64, device=device)

        far = vectors.new_full((count,), math.inf)
        losses = vectors.new_full((count, texts), math.nan)
        return cls(whole(-1), whole(0), whole(0, texts), vectors.clone(), far, losses, whole(0), whole(0))

    def tensors(self) -> dict[str, Tensor]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def rows(self, rows: Tensor) -> "Records":
        """A copy of some rows."""
        return Records(**{name: value[rows] for name, value in self.tensors().items()})

    def put(self, rows: Tensor, other: "Records") -> None:
        """Replace rows."""
        for name, value in self.tensors().items():
            value[rows] = getattr(other, name)

    def add(self, step: int, hits: Tensor, losses: Tensor, vectors: Tensor, wanted: int, open_: Tensor) -> None:
        """Take in a step's hits (A, G) and losses (A, G); wanted: hits of a solved unit; closed units stay."""
        total, loss = hits.sum(1), losses.mean(1)
        usable = open_ & loss.isfinite()  # the argmax of nan may hit a target by accident
        better = usable & (total > self.best)
        self.best = torch.where(better, total, self.best)
        self.best_step.masked_fill_(better, step)
        self.hits = torch.where(better.unsqueeze(1), hits, self.hits)
        self.vectors = torch.where(better.view(-1, 1, 1), vectors, self.vectors)
        smaller = usable & (loss < self.smallest)
        self.smallest = torch.where(smaller, loss, self.smallest)
        self.losses = torch.where(smaller.unsqueeze(1), losses, self.losses)
        self.steps.masked_fill_(open_, step)
        self.solved.masked_fill_(better & (total == wanted), step)


class Measured(NamedTuple):
    """hits (A, G), mean losses (A, G) in nats, gradient (A, m, d) of a unit's summed mean losses."""

    hits: Tensor
    losses: Tensor
    gradient: Tensor


class Cramming:
    """One batch in work: units of one text length and number of vectors under one arm's settings."""

    def __init__(
        self,
        reader: Reader,
        ids: Tensor,
        start: Tensor,
        settings: Settings,
        predict_first: bool = False,
        watched: frozenset[int] = frozenset(),
    ) -> None:
        """ids (U, G, N) int64; start (U, m, d); watched: units whose learning curves are kept."""
        self.reader, self.settings, self.predict_first, self.watched = reader, settings, predict_first, watched
        self.ids, self.deviation = ids, reader.model.deviation
        self.first = first_predicted(start.shape[1], predict_first)
        self.predicted = ids.shape[2] - (0 if predict_first else 1)
        self.look = CUDA_CHECK if ids.device.type == "cuda" else 1  # closed units are only looked for every so often
        self.step_count = 0
        self.text_steps = 0  # texts times steps, what a second of work is measured in
        self.active = torch.arange(len(ids), device=ids.device)
        self.open = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
        self.optimiser = AdamW([start.detach().clone()], settings.betas, settings.weight_decay)
        self.records = Records.start(start.detach(), ids.shape[1])  # of all units
        self.current = self.records.rows(self.active)  # of those in work
        self.measured: Measured | None = None  # of the step to come
        self.curve: list[tuple[int, int, int, float, float]] = []  # step, unit, text, accuracy, cross-entropy

    @property
    def vectors(self) -> Tensor:
        """The vectors (A, m, d) of the units in work."""
        return self.optimiser.parameters[0]

    @property
    def done(self) -> bool:
        return len(self.active) == 0

    def step(self) -> None:
        """Measure the vectors as they are, let the units go that are done, update the others."""
        self.step_count += 1
        step, settings = self.step_count, self.settings
        hits, losses, gradient = self.measure()
        self.text_steps += hits.numel()
        self._log(step, hits, losses)
        wanted = self.predicted * hits.shape[1]
        self.current.add(step, hits, losses, self.vectors, wanted, self.open)
        self.open &= self.current.solved == 0
        if settings.patience is not None:
            self.open &= step - self.current.best_step < settings.patience
        if step == settings.steps:
            self.open.zero_()
        if step == settings.steps or step % self.look == 0:
            gradient = self._leave(gradient)
        if not self.done:
            self.optimiser.step([gradient], settings.rate(step, self.deviation))

    def measure(self) -> Measured:
        """What a step needs to know, measured by this call or by :func:`measure_together` before it."""
        if self.measured is None:
            measure_together([self])
        assert self.measured is not None
        found, self.measured = self.measured, None
        return found

    def inputs(self, vectors: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        """Input vectors (b, L, d) and targets (b, P) of the texts of a part of the units in work, b texts."""
        read = self.ids[self.active[part]].flatten(0, 1)
        repeated = vectors if self.ids.shape[1] == 1 else vectors.repeat_interleave(self.ids.shape[1], 0)
        return inputs_of(self.reader.model, repeated, read), read if self.predict_first else read[:, 1:]

    def _leave(self, gradient: Tensor) -> Tensor:
        """Take closed units out of the batch; gives the gradient of those that stay."""
        if bool(self.open.all()):
            return gradient
        gone, kept = (~self.open).nonzero().squeeze(1), self.open.nonzero().squeeze(1)
        self.records.put(self.active[gone], self.current.rows(gone))
        self.current, self.active, self.open = self.current.rows(kept), self.active[kept], self.open[kept]
        self.optimiser.keep(kept)
        return gradient[kept]

    def _log(self, step: int, hits: Tensor, losses: Tensor) -> None:
        """Keep the watched units' values at the logged steps."""
        if step not in LOGGED or not self.watched:
            return
        shown = (hits / self.predicted).tolist(), losses.tolist()
        for unit, is_open, accuracies, nats in zip(self.active.tolist(), self.open.tolist(), *shown, strict=True):
            if unit in self.watched and is_open:
                for text, (accuracy, loss) in enumerate(zip(accuracies, nats, strict=True)):
                    self.curve.append((step, unit, text, accuracy, loss))

    def saved(self) -> Saved:
        """Everything that the rest of the run depends on."""
        optimiser = {"vectors": self.vectors, "first": self.optimiser.first[0], "second": self.optimiser.second[0]}
        tensors = optimiser | {"active": self.active, "open": self.open}
        tensors |= prefixed("records", self.records.tensors()) | prefixed("current", self.current.tensors())
        return Saved(tensors, {"step": self.step_count, "text_steps": self.text_steps, "curve": self.curve})

    def restore(self, saved: Saved) -> None:
        """Go on where :meth:`saved` was called."""
        place = self.ids.device
        tensors = {name: value.to(place) for name, value in saved.tensors.items()}
        self.active, self.open = tensors["active"], tensors["open"]
        self.optimiser.parameters[0] = tensors["vectors"]
        self.optimiser.first[0], self.optimiser.second[0] = tensors["first"], tensors["second"]
        self.records, self.current = (Records(**Saved(tensors).under(name)) for name in ("records", "current"))
        self.step_count = self.optimiser.count = saved.values["step"]
        self.text_steps = saved.values["text_steps"]
        self.curve = [(step, unit, text, right, loss) for step, unit, text, right, loss in saved.values["curve"]]


def measure_together(works: Sequence[Cramming]) -> None:
    """Measure the vectors of several batches on one model, in as few passes through its body as they fit in."""
    reader = works[0].reader
    vectors = [work.vectors.detach() for work in works]
    found: list[list[Measured]] = [[] for _ in works]
    sizes = [(len(work.active), work.ids.shape[1] * (work.vectors.shape[1] + work.ids.shape[2] - 1)) for work in works]
    for batch in reader.batches_together(sizes):
        for (index, _), part in zip(batch, _measure(works, vectors, batch), strict=True):
            found[index].append(part)
    for work, parts in zip(works, found, strict=True):
        work.measured = Measured(*map(torch.cat, zip(*parts, strict=True)))


def _measure(
    works: Sequence[Cramming], vectors: Sequence[Tensor], batch: Sequence[tuple[int, slice]]
) -> list[Measured]:
    """The parts of one pass."""
    reader, own = works[0].reader, [works[index] for index, _ in batch]
    leaves = [vectors[index][part].detach().requires_grad_() for index, part in batch]
    with torch.enable_grad():
        given = [work.inputs(leaf, part) for work, leaf, (_, part) in zip(own, leaves, batch, strict=True)]
        states = reader.hidden_together([inputs for inputs, _ in given])
        states = [each[:, work.first :] for work, each in zip(own, states, strict=True)]
    features = torch.cat([each.detach().flatten(0, 1) for each in states])
    scores = reader.head(features, torch.cat([targets.flatten() for _, targets in given]), 1.0)
    assert scores.gradient is not None
    ends = [targets.numel() for _, targets in given]
    pairs = zip(torch.split(scores.gradient, ends), states, own, strict=True)
    wanted = [part.view_as(each).div_(work.predicted) for part, each, work in pairs]
    gradients = torch.autograd.grad(states, leaves, wanted)
    made = []
    for work, hit, nll, gradient in zip(
        own, torch.split(scores.hit, ends), torch.split(scores.nll, ends), gradients, strict=True
    ):
        shape = (-1, work.ids.shape[1], work.predicted)
        made.append(Measured(hit.view(shape).sum(2), nll.view(shape).mean(2), gradient))
    return made
