"""The search of the learning rates of language models: one job per condition, and each part of the job is an arm.

As for small models (:mod:`tokentrial.training.search`), with two differences. The epochs stay the study's, since they
are the budget at which arms are compared. And an arm that starts from the trained full model starts here from the one
that the search trained at the rate that it chose for it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from tokentrial.results import whole_file
from tokentrial.statistics.convergence import late_gain
from tokentrial.training.checkpoint import Saved, prefixed
from tokentrial.training.language_job import Corpus, Job, read_data
from tokentrial.training.language_loop import Chosen
from tokentrial.training.runner import Runner, Task, digest_of_arrays
from tokentrial.training.search import Level, Limits, search

FULL = "full"


class SearchedLanguageModels(Task):
    """The trained arms of a condition. The full arm comes first, since other arms start from its model."""

    def __init__(self, design: Mapping[str, Any], data: Corpus, files: Mapping[str, str]) -> None:
        super().__init__(design["condition"], sorted(design["arms"], key=lambda arm: arm != FULL))
        self.design, self.data, self.files = design, data, files
        self.limits = replace(Limits(**design["limits"]), doublings=0)
        self.choices: dict[str, dict[str, Any]] = {}
        self.full = Saved()

    def work(self, part: str, state: Saved | None, runner: Runner) -> None:
        job = Job(self.design["arms"][part], self.data, self.files, None)
        job.trained = self.full if self.full.tensors else None
        best: dict[int, Chosen] = {}
        rates = sorted(job.settings.learning_rates)
        steps = job.settings.epochs * job.texts["train"].steps
        choice = search(
            lambda rates, _: [self._level(job, rate, best) for rate in rates],
            rates[len(rates) // 2],
            steps,
            self.limits,
            math.log(job.vocab_size),
            None,
        )
        inside = "" if choice.inside else ", at an end of the grid"
        self.log(f"{part}: rate {choice.rate:g}, {steps} steps: validation {choice.loss:.4f} nats{inside}")
        self.choices[part] = asdict(choice)
        if part == FULL:
            models = [prefixed(str(replicate), chosen.weights) for replicate, chosen in best.items()]
            self.full = Saved({name: value for each in models for name, value in each.items()}, {
                "body": job.spec["body"], "steps": steps,
            })  # fmt: skip

    def _level(self, job: Job, rate: float, best: dict[int, Chosen]) -> Level:
        """Returns the level of a rate, and keeps the better model of each seed in ``best``."""
        losses, gains = [], []
        for replicate in range(job.spec["seeds"]):
            chosen = job.trained_at(rate, replicate, job.start(replicate), None)
            losses.append(chosen.loss)
            if math.isfinite(chosen.loss):
                steps, curve = zip(*chosen.curve, strict=True)
                gains.append(float(late_gain(list(steps), np.array(curve)[:, None])[0]))
            if replicate not in best or chosen.loss < best[replicate].loss:
                best[replicate] = chosen
        return Level(float(np.mean(losses)), float(np.mean(gains)) if gains else math.nan)

    def saved(self) -> Saved:
        return Saved(self.full.tensors, {"choices": self.choices, "full": self.full.values})

    def restore(self, saved: Saved) -> None:
        self.choices = saved.values["choices"]
        self.full = Saved(saved.tensors, saved.values["full"])
        for part in self.choices:
            self.log(f"{part}: was searched before")


def run_language_search(
    spec: str, data: Mapping[str, str], code: Sequence[str], checkpoints: str, choices: str
) -> None:
    """Searches the arms of the canonical JSON ``spec`` (studies.rates.language_jobs); writes arm -> Choice as JSON.

    data: the files of data.tokenise.prepare by name; code: the library files that the job runs. A killed job goes on
    after its last finished arm and chooses the same.
    """
    runner = Runner(spec, code, checkpoints, seconds=0.0, passes_over=True)
    corpus = read_data(data)
    task = SearchedLanguageModels(runner.design, corpus, data)
    runner.run(task, digest_of_arrays(corpus.tokens))
    with whole_file(choices) as file:
        file.write((json.dumps(task.choices, indent=1) + "\n").encode())
    runner.clear()
