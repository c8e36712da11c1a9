"""A job of the study real_model for one trained arm: its encoding is trained for every use and seed, and measured.

A part of the job is a seed in a use. In the results, a document's values are means over seeds; the split ``seeds`` has
means over documents, seed by seed, and the split ``train`` the curve of the training loss.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tokentrial.cramming.folders import LanguageModel
from tokentrial.cramming.job import Row
from tokentrial.data.corpora import Corpus
from tokentrial.errors import InputError
from tokentrial.real_model import trained
from tokentrial.real_model.documents import Text
from tokentrial.real_model.fitting import Fitting, Settings
from tokentrial.real_model.job import FULL, INPUT, TIED, Job, Scored, carry_out, scores, size_rows
from tokentrial.real_model.stored import SIZES
from tokentrial.seeds import stream
from tokentrial.training.checkpoint import Saved, prefixed
from tokentrial.training.runner import SECONDS, Runner

SEEDS = "seeds"  # the split of values by seed


def run_training(
    spec: str,
    model: str,
    text: Mapping[str, str],
    record: str,
    code: Sequence[str],
    checkpoints: str,
    runs: str,
    arms: str,
    checkpoint_seconds: float = SECONDS,
) -> None:
    """Trains and measures the arm of the canonical JSON ``spec``, and writes the rows and the costs.

    The arguments are those of job.run_real_model. A killed job continues from the step of its last checkpoint.
    """
    runner = Runner(spec, code, checkpoints, checkpoint_seconds)
    carry_out(TrainingJob, runner, model, text, record, runs, arms)


@dataclass(frozen=True)
class Outcome:
    """What a seed ended with. scored: by text; facts: numbers that JSON can hold."""

    scored: Mapping[str, Scored]
    facts: Mapping[str, Any]


class TrainingJob(Job):
    """One trained arm of an experiment on one model. Its parts are (use, seed)."""

    def __init__(
        self, design: Mapping[str, Any], model: LanguageModel, texts: Sequence[Text], corpus: Corpus | None = None
    ) -> None:
        super().__init__(design, model, texts, corpus)
        self.arm = next(arm for arm in self.arms if arm != FULL)
        self.name = f"{design['condition']}: {self.arm}"
        self.options = self.arms[self.arm]
        self.settings = Settings.of(self.options)
        where = f"config: real_model.arms.{self.arm}"
        if TIED in self.options["uses"] and TIED not in self.uses:
            raise InputError(f"{where}.uses: found '{TIED}', expected '{INPUT}': the output layer is no token table")
        if model.context is not None and self.settings.length > model.context:
            expected = f"expected at most the context of {model.context}"
            raise InputError(f"{where}.length: found {self.settings.length}, {expected}")
        self.parts = [(use, seed) for use in self.options["uses"] for seed in range(self.options["seeds"])]
        self.outcomes: list[Outcome] = []  # of the finished seeds of the current use

    def work(self, part: Any, state: Saved | None, runner: Runner) -> None:
        """Trains a seed in a use and measures it; after the last seed of the use come its rows and costs."""
        use, seed = part
        fitting, windows = self._fitting(use, seed, state)
        fitting.run(runner.due, runner.save)
        self.outcomes.append(self._outcome(use, fitting, windows, runner.part_clock.seconds))
        losses = ", ".join(f"{name} {each.nll.mean():.3f}" for name, each in self.outcomes[-1].scored.items())
        seconds = self.outcomes[-1].facts["encode_seconds"]
        self.log(f"{use}, seed {seed}: nats: {losses}; {seconds:.0f} CPU-seconds")
        if len(self.outcomes) == self.options["seeds"]:
            self._add_use(use)
            self.outcomes = []

    def _fitting(self, use: str, seed: int, state: Saved | None) -> tuple[Fitting, Tensor]:
        """Returns the training of a seed, as it starts or goes on, and its windows (N, length + 1)."""
        started = time.process_time()
        draws = self.design["seed"]
        rng = stream(draws, "real_model", "start", seed)
        encoding = trained.start(self.options, self.model.table.detach().cpu(), self.counts, rng)
        number = -(-self.settings.steps * self.settings.batch // len(self.texts))
        of_texts = [
            text.passages(
                self.model, number, self.settings.length, stream(draws, "real_model", "windows", text.name, seed)
            )
            for text in self.texts
        ]
        windows = torch.stack(of_texts, 1).flatten(0, 1)[: self.settings.steps * self.settings.batch]
        fitting = Fitting(self.model, encoding, windows, use == TIED, self.settings)
        fitting.cpu_seconds = time.process_time() - started
        if state is not None:
            fitting.restore(state)
            self.log(f"{use}, seed {seed}: goes on from step {fitting.step}")
        return fitting, windows

    def _outcome(self, use: str, fitting: Fitting, windows: Tensor, seconds: Callable[[], float]) -> Outcome:
        """Measures a trained encoding; seconds: of the clock since the seed started."""
        coded = fitting.encoding.coded()
        started = time.process_time()
        coded.decoded()
        decoding = time.process_time() - started
        table = coded.table.to(self.model.table.device)
        output = table if use == TIED else self.model.weight
        shown = torch.zeros(self.model.vocab_size, dtype=torch.bool)
        shown[windows[:, :-1].flatten()] = True
        scored, unseen = {}, {}
        for text in self.texts:
            ids = self.windows[text.name]
            scored[text.name] = scores(self.model, ids, table, {use: output})[use]
            unseen[text.name] = float((~shown[ids[:, :-1]]).double().mean())
        facts = {
            "sizes": coded.sizes(),
            "bits": coded.bits,
            "numbers": sum(value.numel() for value in fitting.encoding.tensors.values()),
            "encode_seconds": fitting.cpu_seconds,
            "decode_seconds": decoding,
            "unseen": unseen,
            "curve": fitting.curve(),
            "wall_seconds": seconds(),
        }
        return Outcome(scored, facts)

    def _add_use(self, use: str) -> None:
        """Adds the rows and costs of all seeds of a use."""
        facts = [outcome.facts for outcome in self.outcomes]
        means = {name: sum(each[name] for each in facts) / len(facts) for name in ("encode_seconds", "decode_seconds")}
        sizes = {name: sum(each["sizes"][name] for each in facts) / len(facts) for name in SIZES}
        for text in self.texts:
            condition = f"{self.design['condition']}/{text.name}-{use}"
            self._read_guesses(text)
            scored = [outcome.scored[text.name] for outcome in self.outcomes]
            self.rows += self._rows(condition, self.arm, text, scored)
            self.rows += size_rows(condition, self.arm, sizes)
            self.rows += self._rows_of_seeds(condition, text)
            self._add_cost(
                condition,
                text,
                self.arm,
                bits_deployed=facts[0]["bits"],
                seeds=len(facts),
                params_trained=facts[0]["numbers"],
                steps=self.settings.steps,
                tokens_seen=self.settings.tokens,
                wall_seconds=sum(each["wall_seconds"] for each in facts) / len(self.texts),
                **means,
            )

    def _rows_of_seeds(self, condition: str, text: Text) -> list[Row]:
        """Returns every seed's loss, its share of tokens that training never showed, and its training curve."""
        rows = []
        for seed, outcome in enumerate(self.outcomes):
            loss, unseen = float(outcome.scored[text.name].nll.double().mean()), outcome.facts["unseen"][text.name]
            rows.append(Row(condition, self.arm, seed, SEEDS, None, "cross_entropy", loss, "nats"))
            rows.append(Row(condition, self.arm, seed, SEEDS, None, "unseen", unseen, "fraction"))
            rows += [
                Row(condition, self.arm, seed, "train", step, "cross_entropy", value, "nats")
                for step, value in outcome.facts["curve"]
            ]
        return rows

    def _read_guesses(self, text: Text) -> None:
        """Computes the full table's predictions, as the arm ``full`` has them, unless they are known."""
        if text.name not in self.guesses:
            table = self.encoded(FULL).table.to(self.model.table.device)
            scored = scores(self.model, self.windows[text.name], table, {INPUT: self.model.weight})
            self.guesses[text.name] = scored[INPUT].guess

    def saved(self) -> Saved:
        tensors = prefixed("guesses", self.guesses)
        for seed, outcome in enumerate(self.outcomes):
            for name, scored in outcome.scored.items():
                tensors |= prefixed(f"outcomes/{seed}/{name}", scored._asdict())
        return Saved(tensors, {"facts": [dict(outcome.facts) for outcome in self.outcomes]})

    def restore(self, saved: Saved) -> None:
        self.guesses = saved.under("guesses")
        self.outcomes = [
            Outcome({text.name: Scored(**saved.under(f"outcomes/{seed}/{text.name}")) for text in self.texts}, of_seed)
            for seed, of_seed in enumerate(saved.values["facts"])
        ]
