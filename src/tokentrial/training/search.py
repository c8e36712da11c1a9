"""The search of learning rates and steps of small models: one job per condition, and each part of the job is an arm.

An arm starts with a geometric grid of learning rates around the study's. While the best of them, by the mean
validation loss over the seeds, is at an end of the grid, the grid grows there. If the arm's gain over the last quarter
of its steps is not yet flat (:mod:`tokentrial.statistics.convergence`), the search goes on with twice the steps and a
grid around the best rate. Both limits are settings (schema.run.Search).

The search has seeds of its own: all its random streams start from another number (:func:`tokentrial.seeds.of_search`).
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tokentrial.data.generate import generate
from tokentrial.results import Measurement, whole_file
from tokentrial.statistics.convergence import FLAT, late_gain
from tokentrial.training import condition
from tokentrial.training.checkpoint import Saved
from tokentrial.training.loop import fit_rates
from tokentrial.training.runner import Runner, Task

DIGITS = 6  # significant digits of a rate, so that halving and doubling lead back to the same number


@dataclass(frozen=True)
class Limits:
    """How far a search goes.

    factor: between neighbouring rates; rates: of a first grid; most_rates: of a grid that has grown; doublings: of the
    study's steps, at most.
    """

    factor: float
    rates: int
    most_rates: int
    doublings: int


@dataclass(frozen=True)
class Level:
    """What a rate came to: mean over seeds of the best validation loss (nats), and of the gain of the last quarter."""

    loss: float
    gain: float


@dataclass(frozen=True)
class Tried:
    """One grid: steps, rates rising, and the loss at each; null for a rate that diverged."""

    steps: int
    rates: tuple[float, ...]
    losses: tuple[float | None, ...]


@dataclass(frozen=True)
class Choice:
    """The result of an arm's search.

    gain: of the last quarter, in nats and as share of the distance from chance to the floor (or to the best loss, where
    the floor is unknown); inside: whether the best rate has a worse one on both sides; converged: whether the gain is
    flat; tried: every grid.
    """

    rate: float
    steps: int
    loss: float
    gain: float
    share: float
    inside: bool
    converged: bool
    tried: tuple[Tried, ...]


Train = Callable[[Sequence[float], int], Sequence[Level]]
"""Trains an arm at some rates for a number of steps, and returns the level of each."""


def search(train: Train, rate: float, steps: int, limits: Limits, chance: float | None, floor: float | None) -> Choice:
    """Returns the best rate and the steps of an arm; rate, steps: the study's, where the search begins.

    chance, floor: losses in nats; floor None if unknown. Raises ValueError without the level of chance.
    """
    if chance is None:
        raise ValueError("found no level of chance, expected one")
    tried: list[Tried] = []
    for doubling in range(limits.doublings + 1):
        levels = grown(train, grid(rate, limits), steps, limits)
        rates = sorted(levels)
        rate = min(rates, key=lambda each: levels[each].loss)
        tried.append(Tried(steps, tuple(rates), tuple(finite(levels[each].loss) for each in rates)))
        level = levels[rate]
        distance = chance - (level.loss if floor is None else floor)
        share = level.gain / distance if distance > 0 else 0.0  # nothing can be learned where the floor is chance
        if share < FLAT or doubling == limits.doublings:
            break
        steps *= 2
    inside = rate not in (rates[0], rates[-1])
    return Choice(rate, steps, level.loss, level.gain, share, inside, share < FLAT, tuple(tried))


def grid(rate: float, limits: Limits) -> list[float]:
    """Returns the rates of a first grid, with ``rate`` in its middle."""
    half = limits.rates // 2
    return [rounded(rate * limits.factor**k) for k in range(-half, limits.rates - half)]


def grown(train: Train, rates: Sequence[float], steps: int, limits: Limits) -> dict[float, Level]:
    """Returns rate -> level, for a grid that grows at the end where its best rate is, up to ``most_rates``."""
    levels: dict[float, Level] = {}
    while rates:
        levels |= zip(rates, train(rates, steps), strict=True)
        known = sorted(levels)
        best = min(known, key=lambda each: levels[each].loss)
        beyond = {known[0]: known[0] / limits.factor, known[-1]: known[-1] * limits.factor}
        grows = best in beyond and len(known) < limits.most_rates and math.isfinite(levels[best].loss)
        rates = [rounded(beyond[best])] if grows else []
    return levels


def rounded(rate: float) -> float:
    return float(f"{rate:.{DIGITS}g}")


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(rows: Sequence[Measurement], arm: str) -> float | None:
    values = [row.value for row in rows if row.arm == arm and row.value is not None]
    return float(np.mean(values)) if values else None


class Searched(Task):
    """The arms of a condition. The full arm comes first, since other arms start from its table."""

    def __init__(self, design: Mapping[str, Any]) -> None:
        arms = sorted(design["arms"], key=lambda arm: arm != "full")
        searched = [arm for arm in arms if design["arms"][arm].get("update") != "noise_walk"]  # it has no rate
        super().__init__(design["condition"], searched)
        dataset = generate(design["source"], design["seed"], design["seeds"])
        self.job = condition.begin({**design, "arms": {arm: dict(design["arms"][arm]) for arm in arms}}, dataset)
        self.limits = Limits(**design["limits"])
        losses = [row for row in condition.levels(design, dataset) if row.metric == "cross_entropy"]
        self.chance, self.floor = (_mean(losses, f"reference.{bound}") for bound in ("chance", "floor"))
        self.choices: dict[str, dict[str, Any]] = {}

    def work(self, part: str, state: Saved | None, runner: Runner) -> None:
        options = self.job.spec["arms"][part]
        start = condition.prepared(self.job, part, options)
        settings = start.settings
        declared = sorted(settings.learning_rates)
        choice = search(
            lambda rates, steps: self._levels(part, start, rates, steps),
            declared[len(declared) // 2],
            settings.steps,
            self.limits,
            self.chance,
            self.floor,
        )
        self.log(
            f"{part}: rate {choice.rate:g}, {choice.steps} steps: validation {choice.loss:.4f} nats, last quarter "
            f"{choice.share:.2%} of chance to floor{'' if choice.converged else ', not converged'}"
        )
        self.choices[part] = asdict(choice)
        self._settle(part)

    def _levels(self, part: str, start: condition.Start, rates: Sequence[float], steps: int) -> list[Level]:
        job = self.job
        settings = replace(start.settings, learning_rates=tuple(rates), steps=steps)
        models = (start.encoder, start.head, start.trainable, start.frozen)
        log = condition.logger(job, part)
        best = fit_rates(*models, job.data, settings, job.spec["seed"], job.drawn_as("order"), log)
        losses = best.loss.nan_to_num(nan=math.inf).view(len(rates), -1).mean(1).tolist()
        curve = np.stack([loss.cpu().numpy() for _, loss in best.curve])  # (E, R*S)
        gains = late_gain([step for step, _ in best.curve], curve).reshape(len(rates), -1).mean(1)
        return [Level(loss, gain) for loss, gain in zip(losses, gains.tolist(), strict=True)]

    def _settle(self, part: str) -> None:
        """Gives an arm its rate and steps, with which it trains the table of the arms that start from it."""
        choice = self.choices[part]
        taken = {"learning_rates": [choice["rate"]], "steps": choice["steps"]}
        if self.job.spec["arms"][part] == {"encoder": "full"}:  # the table that the others compress
            self.job.spec = {**self.job.spec, "full": taken}
        self.job.spec["arms"][part] |= taken

    def saved(self) -> Saved:
        return Saved(values={"choices": self.choices})

    def restore(self, saved: Saved) -> None:
        self.choices = saved.values["choices"]
        for part in self.choices:
            self._settle(part)
            self.log(f"{part}: was searched before")


def run_search(spec: str, code: Sequence[str], checkpoints: str, choices: str) -> None:
    """Searches the arms of the canonical JSON ``spec`` (studies.rates.jobs); writes arm -> Choice as JSON.

    code: the library files that the job runs. A killed job goes on after its last finished arm and chooses the same.
    """
    runner = Runner(spec, code, checkpoints, seconds=0.0, passes_over=True)
    task = Searched(runner.design)
    runner.run(task)
    with whole_file(choices) as file:
        file.write((json.dumps(task.choices, indent=1) + "\n").encode())
    runner.clear()
