"""A language-model job, from files to files: one arm of a condition. Each part of the job is a seed.

A language model's step fills the core, so training seeds side by side would gain nothing.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokentrial import provenance, results
from tokentrial.data.tokenise import VOCABULARY, read_tokens, reference_levels
from tokentrial.encoders.base import Context
from tokentrial.errors import InputError
from tokentrial.results import Measurement
from tokentrial.training import checkpoint, device
from tokentrial.training.checkpoint import Saved, prefixed
from tokentrial.training.deployed import check_declared
from tokentrial.training.language_loop import Chosen, Run, Settings
from tokentrial.training.language_model import LanguageModel, build, build_encoder, evaluate, parameter_counts
from tokentrial.training.runner import SECONDS, Runner, Task, digest_of_arrays
from tokentrial.training.text import Text, cut

Tokens = npt.NDArray[np.int32]

# Keys in which arms that start from one full model may differ. They include the condition's name, since two conditions
# may share the model. The other keys of a spec, rates apart, decide whose trained model an arm can start from.
OWN_KEYS = ("condition", "arm", "encoder", "width", "body_width", "body", "reference", "rates")
# reference arm -> quantities of data.tokenise.reference_levels for (cross-entropy, accuracy)
LEVELS = {
    "reference.chance": ("chance", "accuracy_chance"),
    "reference.unigram": ("unigram", "accuracy_constant"),
    "reference.unigram_train": ("unigram_train", "accuracy_constant"),
}


def run_language_model(
    spec: str,
    data: Mapping[str, str],
    code: Sequence[str],
    trained: str | None,
    checkpoints: str,
    runs: str,
    arms: str,
    models: str | None = None,
    checkpoint_seconds: float = SECONDS,
) -> None:
    """Trains the arm of the canonical JSON ``spec`` and writes rows, costs and, if ``models`` is set, its models.

    data: the files of data.tokenise.prepare by name. code: the library files that the job runs. trained: the ``models``
    of the condition's full arm. A killed job continues from its checkpoint and writes the same rows. Raises InputError
    for a key or file that cannot be used.
    """
    runner = Runner(spec, code, checkpoints, checkpoint_seconds)
    job = Job(runner.design, read_data(data), data, trained)
    runner.run(job, job.fingerprint)
    if runner.design["reference"]:
        job.rows += reference_rows(job)
    job.costs = [job.cost(runner.clock.seconds())]
    if models is not None:
        values = {"body": runner.design["body"], "steps": job.steps}
        checkpoint.write(models, Saved(job.models, values), job.family)
    runner.write(runs, arms)


@dataclass(frozen=True)
class Corpus:
    """A tokenised corpus: token ids (n,) per split, the bytes (n,) of each token, vocabulary size and title."""

    tokens: dict[str, Tokens]
    sizes: dict[str, Tokens]
    vocab_size: int
    title: str


def read_data(data: Mapping[str, str]) -> Corpus:
    """Returns the corpus in the files of data.tokenise.prepare; raises InputError if they do not belong together."""
    vocab_size = results.read(data["vocabulary"], VOCABULARY).num_rows
    tokens, sizes, titles = {}, {}, set()
    for split in ("train", "validation", "test"):
        tokens[split], sizes[split], metadata = read_tokens(data[split])
        titles.add(metadata["corpus"])
        if metadata["vocab_size"] != str(vocab_size):
            mismatch = (
                f"found a vocabulary of {metadata['vocab_size']}, expected {vocab_size} as in {data['vocabulary']}"
            )
            raise InputError(f"{data[split]}: {mismatch}")
    if len(titles) > 1:
        raise InputError(f"{data['train']}: found splits of {' and '.join(sorted(titles))}, expected one corpus")
    return Corpus(tokens, sizes, vocab_size, titles.pop())


class Job(Task):
    """One arm: its texts, and the results of its finished seeds."""

    def __init__(self, spec: Mapping[str, Any], data: Corpus, files: Mapping[str, str], trained: str | None) -> None:
        super().__init__(f"{spec['condition']}: {spec['arm']}", range(spec["seeds"]))
        self.spec, self.title, self.vocab_size = spec, data.title, data.vocab_size
        self.settings = Settings.of(spec["training"])
        self.device = device.prepare(spec)
        self.fingerprint = digest_of_arrays(data.tokens)
        family = {key: value for key, value in spec.items() if key not in OWN_KEYS}
        family["training"] = {key: value for key, value in spec["training"].items() if key != "learning_rates"}
        self.family = provenance.digest(json.dumps([family, self.fingerprint], sort_keys=True))
        self.train_tokens = share(data.tokens["train"], self.settings.fraction)
        self.texts = texts(self.settings, data.tokens, self.train_tokens, files, self.device)
        sizes = share(data.sizes["train"], self.settings.fraction)
        self.bits_per_nat = {
            name: text.targets.numel() / (math.log(2) * int(text.targets.sum()))
            for name, text in texts(self.settings, data.sizes, sizes, files, torch.device("cpu")).items()
        }
        self.trained = None if trained is None else self._read_trained(trained)
        self.model = build(spec, data.vocab_size)
        self.models: dict[str, Tensor] = {}  # of the finished seeds
        self.rate, self.chosen = 0, Chosen()  # of the current seed: index of the rate in training, best model so far
        self.training_seconds, self.training_tokens, self.steps = 0.0, 0, 0

    def work(self, part: int, state: Saved | None, runner: Runner) -> None:
        """Trains a seed at each learning rate and measures the model of the best rate."""
        self._measure(part, self._train_seed(part, state, runner))
        self.rate, self.chosen = 0, Chosen()

    def _train_seed(self, replicate: int, state: Saved | None, runner: Runner) -> Chosen:
        """Returns the model of this seed's best learning rate; its loss is infinite if all rates diverge."""
        rates = self.settings.learning_rates
        if self.trained is not None and not self.trained.under(str(replicate)):
            self.log(f"seed {replicate}: the full arm's training diverged, so there is nothing to start from")
            return Chosen()
        start = self.start(replicate)
        if self.model.encoder.after_training:
            return self._load_trained(self.model, replicate)
        for rate in range(self.rate, len(rates)):
            self.rate = rate
            candidate = self.trained_at(rates[rate], replicate, start, runner, state)
            if candidate.loss < self.chosen.loss:
                self.chosen = candidate
            state = None
        return self.chosen

    def start(self, replicate: int) -> dict[str, Tensor]:
        """Initialises the model for a seed, and returns its weights before training."""
        self.model.initialise(self._context(replicate))
        self._check()  # at once too, since training may take hours
        return {name: value.clone() for name, value in self.model.state_dict().items()}

    def trained_at(
        self,
        rate: float,
        replicate: int,
        start: Mapping[str, Tensor],
        runner: Runner | None,
        state: Saved | None = None,
    ) -> Chosen:
        """Trains the model from a seed's first weights at one learning rate, and returns the best of it.

        state: of an interrupted training, from which it goes on; runner: None to keep no state.
        """
        self.model.load_state_dict(start)
        run = Run(self.model, self.settings, rate, self.spec["seed"], replicate)
        if state is not None:
            run.restore(state)
            self.log(f"seed {replicate}: goes on from step {run.step} at rate {run.learning_rate:g}")
        chosen = run.train(self.texts["train"], self.texts["validation"], self.log, runner)
        self._count(run)
        return chosen

    def _context(self, replicate: int) -> Context:
        counts = np.bincount(self.train_tokens, minlength=self.vocab_size)
        return Context(
            self.spec["seed"],
            (replicate,),
            torch.from_numpy(counts.astype(np.float32)).unsqueeze(0).to(self.device),
            lambda: self._trained_table(replicate),
            self.spec["initial_scale"],
            self.log,
            lambda: self.texts["train"].inputs.unsqueeze(0),
        )

    def _read_trained(self, path: str) -> Saved:
        saved, family = checkpoint.read(path)
        if family != self.family:
            expected = f"found digest {family}, expected {self.family}"
            raise InputError(f"{path}: trained model of another condition, config or data: {expected}")
        self.trained_path = path
        return saved

    def _trained_table(self, replicate: int) -> Tensor:
        """Returns the full arm's table (1, V, D) of this seed."""
        name = f"{replicate}/trainable.table"
        if self.trained is None or name not in self.trained.tensors:
            where = "no file" if self.trained is None else f"{self.trained_path}: no tensor '{name}'"
            raise InputError(f"{self.spec['condition']}: {self.spec['arm']} needs the full arm's model: found {where}")
        return self.trained.tensors[name].to(self.device)

    def _load_trained(self, model: LanguageModel, replicate: int) -> Chosen:
        """Loads the full arm's body, lift and output around this arm's table."""
        if self.trained is None or self.trained.values["body"] != self.spec["body"]:
            raise InputError(
                f"{self.spec['condition']}: {self.spec['arm']} keeps the full arm's body: "
                f"found {None if self.trained is None else self.trained.values['body']}, expected {self.spec['body']}"
            )
        state = self.trained.under(str(replicate))
        shared = {name: value for name, value in state.items() if not name.startswith(("trainable.", "frozen."))}
        encoding = {
            name: value for name, value in model.state_dict().items() if name.startswith(("trainable.", "frozen."))
        }
        try:
            model.load_state_dict(shared | encoding)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise InputError(f"{self.trained_path}: does not fit arm {self.spec['arm']}: {reason}") from None
        return Chosen(model.state_dict(), loss=math.nan)

    def _count(self, run: Run) -> None:
        self.training_seconds += run.seconds
        self.training_tokens += run.step * self.settings.batch_size * self.settings.length
        self.steps = self.settings.epochs * self.texts["train"].steps

    def _measure(self, replicate: int, chosen: Chosen) -> None:
        """Adds the rows of a trained seed, with nulls if training diverged."""
        model, learned = self.model, bool(chosen.weights)

        def add(split: str, step: int | None, metric: str, value: float | None, unit: str) -> None:
            self.rows.append(Measurement(self.spec["arm"], replicate, split, step, metric, value, unit))

        if learned:
            model.load_state_dict(chosen.weights)
            self._check()
            self.models |= prefixed(str(replicate), {k: v.detach().clone() for k, v in chosen.weights.items()})
        for split in ("train", "validation", "test"):
            loss, accuracy = self._scores(model, chosen, split) if learned else (None, None)
            add(split, None, "cross_entropy", loss, "nats")
            add(split, None, "bits_per_byte", self.bits_per_byte(split, loss), "bits")
            add(split, None, "accuracy", accuracy, "fraction")
        for step, held_out in chosen.curve:
            add("validation", step, "cross_entropy", held_out if math.isfinite(held_out) else None, "nats")
        if not model.encoder.after_training:
            add("validation", None, "chosen_step", chosen.step if learned else None, "steps")
            add("validation", None, "learning_rate", chosen.learning_rate if learned else None, "1")
        error = getattr(model.encoder, "reconstruction_error", None)
        if error is not None:
            add("train", None, "reconstruction_error", float(error), "share of variance")

    def _check(self) -> None:
        """Raises InputError where the seed's encoder holds more than it declares."""
        spec, model = self.spec, self.model
        where = f"{self.name}: encoder '{spec['encoder']['encoder']}'"
        tensors = {name: value.detach() for part in (model.trainable, model.frozen) for name, value in part.items()}
        check_declared(where, model.encoder, build_encoder(spec, self.vocab_size), [tensors])

    def bits_per_byte(self, split: str, loss: float | None) -> float | None:
        """Converts a cross-entropy in nats per token to bits per byte of the measured tokens' text."""
        return None if loss is None else loss * self.bits_per_nat["train_measured" if split == "train" else split]

    def _scores(self, model: LanguageModel, chosen: Chosen, split: str) -> tuple[float, float]:
        """Returns (cross-entropy in nats, accuracy) of the chosen model; training already measured validation."""
        if split == "validation" and not model.encoder.after_training:
            return chosen.loss, chosen.accuracy
        return evaluate(model, self.texts["train_measured" if split == "train" else split])

    def cost(self, seconds: float) -> dict[str, Any]:
        """Returns the arm's costs: steps of one run, training tokens per second, ...; seconds: of the whole job."""
        before = 0 if self.trained is None else int(self.trained.values["steps"])
        return {
            "arm": self.spec["arm"],
            "seeds": self.spec["seeds"],
            "corpus": self.title,
            **parameter_counts(self.model),
            "steps": self.steps,
            "starts_from": None if self.trained is None else "full",
            "steps_before": before,
            "tokens_seen": (self.steps + before) * self.settings.batch_size * self.settings.length,
            "rate_source": self.spec.get("rates", "study"),
            "tokens_per_second": self.training_tokens / self.training_seconds if self.training_seconds else None,
            "wall_seconds": seconds,
        }

    def saved(self) -> Saved:
        tensors = prefixed("models", self.models) | prefixed("chosen", self.chosen.weights)
        training = [self.training_seconds, self.training_tokens, self.steps]
        return Saved(tensors, {"rate": self.rate, "chosen": self.chosen.values(), "training": training})

    def restore(self, saved: Saved) -> None:
        weights = {name: value.to(self.device) for name, value in saved.under("chosen").items()}
        self.rate, self.chosen = saved.values["rate"], Chosen.of(weights, saved.values["chosen"])
        self.models = saved.under("models")
        self.training_seconds, self.training_tokens, self.steps = saved.values["training"]


def share(tokens: Tokens, fraction: float) -> Tokens:
    """Returns the first ``fraction`` of a text; raises InputError for a fraction outside (0, 1]."""
    if not 0 < fraction <= 1:
        raise InputError(f"config: training: found a share of {fraction} of a text, expected more than 0 and at most 1")
    return tokens[: int(len(tokens) * fraction)]


def texts(
    settings: Settings,
    tokens: Mapping[str, Tokens],
    train: Tokens,
    files: Mapping[str, str],
    target: torch.device,
) -> dict[str, Text]:
    """Returns the texts to train and measure on; ``train_measured`` has as much training text as the test's share."""
    parts = {split: share(tokens[split], settings.held_out_fraction) for split in ("validation", "test")}
    parts |= {"train": train, "train_measured": train[: len(parts["test"])]}
    how = (settings.batch_size, settings.length, settings.order, target)
    return {name: cut(part, *how, str(files[name.split("_")[0]])) for name, part in parts.items()}


def reference_rows(job: Job) -> list[Measurement]:
    """Returns levels of predictors that see no context, on exactly the predictions on which the arms are measured."""
    rows = []
    for split in ("train", "validation", "test"):
        text = job.texts["train_measured" if split == "train" else split]
        targets = text.targets.flatten().cpu().numpy().astype(np.int32)
        levels = reference_levels(job.train_tokens, targets, job.vocab_size)
        for arm, (loss, accuracy) in LEVELS.items():
            for replicate in range(job.spec["seeds"]):
                rows.append(Measurement(arm, replicate, split, None, "cross_entropy", levels[loss], "nats"))
                per_byte = job.bits_per_byte(split, levels[loss])
                rows.append(Measurement(arm, replicate, split, None, "bits_per_byte", per_byte, "bits"))
                rows.append(Measurement(arm, replicate, split, None, "accuracy", levels[accuracy], "fraction"))
    return rows
