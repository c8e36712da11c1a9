"""One training job: all arms of one condition, all their seeds, on the same data, batches and initial randomness."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tokentrial.data.dataset import Dataset
from tokentrial.data.spec import Spec, Vary, parse_spec
from tokentrial.encoders.base import Context, Encoder, Parameters, make
from tokentrial.errors import InputError
from tokentrial.models import heads
from tokentrial.results import Measurement
from tokentrial.training.bands import band_metrics, losses_by_band
from tokentrial.training.deployed import check_declared
from tokentrial.training.device import prepare
from tokentrial.training.loop import Fit, HeldOut, Settings, fit
from tokentrial.training.noise_walk import RELEASED_SCALE, walk
from tokentrial.training.reference import reference_rows

OF_TRAINING = ("steps", "learning_rates")  # options of an arm that replace those of its condition's training


@dataclass
class Arm:
    """The result of one arm: its rows, and its costs (see results.ARMS)."""

    name: str
    rows: list[Measurement]
    costs: dict[str, int | str | None]
    seconds: float


@dataclass
class Job:
    """State that the arms of a condition share. ``spec``: see studies.small_models.conditions."""

    spec: Mapping[str, Any]
    source: Spec
    data: dict[str, tuple[Tensor, Tensor]]
    counts: Tensor
    fits: dict[str, tuple[Encoder, heads.Head, Fit]] = field(default_factory=dict)
    starts: dict[str, "Start"] = field(default_factory=dict)

    @property
    def replicates(self) -> tuple[int, ...]:
        return tuple(range(self.spec["seeds"]))

    def drawn_as(self, purpose: Vary) -> tuple[int, ...]:
        """Returns the replicates whose streams of a purpose the seeds draw from."""
        return tuple(self.source.drawn_as(purpose, replicate) for replicate in self.replicates)

    def settings(self, **changes: Any) -> Settings:
        training = {**self.spec["training"], **changes}
        return Settings(**{**training, "learning_rates": tuple(training["learning_rates"])})

    @property
    def full(self) -> Mapping[str, Any]:
        """The options of the table that others compress: the condition's own training, whatever an arm 'full' has, at
        the rate and the steps that a search found for it."""
        searched: Mapping[str, Any] = self.spec.get("full", {})
        return {"encoder": "full", **searched}


@dataclass(frozen=True)
class Start:
    """An arm before its training on the task.

    trainable, frozen: parameters, (S, ...) each; steps_before: optimiser steps on text of the training that made the
    table from which the arm starts, None for an arm that starts from none.
    """

    encoder: Encoder
    head: heads.Head
    trainable: Parameters
    frozen: Parameters
    settings: Settings
    steps_before: int | None


def tensors(dataset: Dataset, device: torch.device) -> dict[str, tuple[Tensor, Tensor]]:
    """Returns (inputs (S, N, L), targets (S, N, T)) of each split; targets are all next tokens or only the last."""
    splits = {}
    for split, tokens in dataset.tokens.items():
        ids = torch.from_numpy(tokens).long().to(device)
        targets = ids[:, :, -1:] if dataset.targets == "last" else ids[:, :, 1:]
        splits[split] = (ids[:, :, :-1].contiguous(), targets.contiguous())
    return splits


def token_counts(inputs: Tensor, vocab_size: int) -> Tensor:
    """Returns the number of occurrences (S, V) of each token in each seed's inputs (S, N, L)."""
    flat = inputs.flatten(1)
    counts = torch.zeros(len(flat), vocab_size, device=inputs.device)
    return counts.scatter_add_(1, flat, torch.ones_like(flat, dtype=counts.dtype))


def begin(spec: Mapping[str, Any], dataset: Dataset) -> Job:
    """Returns a condition before its first arm, on its device."""
    data = tensors(dataset, prepare(spec))
    return Job(spec, parse_spec(dataset.spec), data, token_counts(data["train"][0], dataset.vocab_size))


def levels(spec: Mapping[str, Any], dataset: Dataset) -> list[Measurement]:
    """Returns the reference levels of a condition's data, for the context that its task model sees."""
    return reference_rows(dataset.reference, heads.HEADS[spec["head"]].context)


def train_condition(spec: Mapping[str, Any], dataset: Dataset) -> tuple[list[Arm], list[Measurement]]:
    """Returns every trained arm of a condition, and the reference levels of its data.

    The same spec and data yield the same rows on the same kind of machine.
    """
    job = begin(spec, dataset)
    return [train_arm(job, name) for name in spec["arms"]], levels(spec, dataset)


def build(job: Job, name: str, options: Mapping[str, Any]) -> tuple[Encoder, heads.Head]:
    """Returns the untrained encoder and task model of an arm; raises InputError for an option that does not exist."""
    spec = job.spec
    known = {key: value for key, value in options.items() if key not in ("encoder", "update", *OF_TRAINING)}
    sizes = (spec["vocab_size"], spec["width"], spec["full_width"])
    encoder = make(f"config: arms: {name}", options["encoder"], *sizes, known)
    length = job.data["train"][0].shape[2]
    shape = (spec["vocab_size"], encoder.output_width, length, spec["hidden"], spec["head_bias"])
    return encoder, heads.build(spec["head"], *shape)


def fit_arm(job: Job, name: str, options: Mapping[str, Any]) -> tuple[Encoder, heads.Head, Fit]:
    """Trains one arm, once: an arm that needs the trained full table uses the full arm's fit.

    Fits are stored by options, not by name, so an arm's result does not depend on the other arms.
    """
    key = key_of(options)
    if key in job.fits:
        return job.fits[key]
    log = logger(job, name)
    start = job.starts[key] = prepared(job, name, options)
    train = walk if options.get("update") == "noise_walk" else fit
    models = (start.encoder, start.head, start.trainable, start.frozen)
    result = train(*models, job.data, start.settings, job.spec["seed"], job.drawn_as("order"), log)
    job.fits[key] = (start.encoder, start.head, result)
    return job.fits[key]


def key_of(options: Mapping[str, Any]) -> str:
    """Returns the name of an arm's options in a job's fits and starts."""
    return json.dumps(options, sort_keys=True)


def logger(job: Job, name: str) -> Callable[[str], None]:
    """Returns the function that writes a line about an arm to the log."""

    def log(message: str) -> None:
        print(f"{job.spec['condition']}: {name}: {message}", file=sys.stderr, flush=True)

    return log


def prepared(job: Job, name: str, options: Mapping[str, Any]) -> Start:
    """Builds an arm and trains the stages before its task: the full arm's table, the reconstruction.

    Raises InputError for an option that does not exist, and for a tensor with the name of one of the task model's.
    """
    spec, tables = job.spec, list[Fit]()

    def trained_table() -> Tensor:
        tables.append(fit_arm(job, "full", job.full)[2])
        return tables[-1].parameters["table"]

    encoder, head = build(job, name, options)
    released = options.get("update") == "noise_walk"
    scale, head_scale = (RELEASED_SCALE,) * 2 if released else (spec["initial_scale"], spec["head_scale"])
    context = Context(spec["seed"], job.drawn_as("weights"), job.counts, trained_table, scale, logger(job, name))
    trainable, frozen = encoder.initialise(context)
    if taken := sorted({*trainable, *frozen} & {"bias", *head.shapes()}):
        found = f"found a tensor '{taken[0]}', which is the task model's; expected another name"
        raise InputError(f"{spec['condition']}: {name}: encoder '{options['encoder']}': {found}")
    trainable = trainable | heads.initialise(head, context, head_scale)
    settings = job.settings(**{key: options[key] for key in OF_TRAINING if key in options})
    return Start(encoder, head, trainable, frozen, settings, tables[0].curve[-1][0] if tables else None)


def train_arm(job: Job, name: str) -> Arm:
    """Trains and measures one arm."""
    started = time.perf_counter()
    encoder, head, result = fit_arm(job, name, job.spec["arms"][name])
    check(job, name, encoder, head, result)
    rows: list[Measurement] = []

    def add(split: str, step: int | None, metric: str, values: Tensor, unit: str) -> None:
        rows.extend(Measurement(name, k, split, step, metric, float(v), unit) for k, v in enumerate(values.tolist()))

    enough = {"train": job.data["test"][0].shape[1]}  # the test text's number of sequences suffices to show overfitting
    for split in ("train", "validation", "test"):
        inputs, targets = (value[:, : enough.get(split)] for value in job.data[split])
        text = HeldOut(encoder, head, inputs, targets)
        loss, accuracy = text.loss(result.parameters), text.accuracy(result.parameters)
        add(split, None, "cross_entropy", loss, "nats")
        # a diverged model guesses the first token: what it gets right is no measurement
        add(split, None, "accuracy", torch.where(loss.isfinite(), accuracy, torch.nan), "fraction")
    if job.spec.get("bands"):
        by_band = losses_by_band(encoder, head, result.parameters, *job.data["test"], job.counts)
        for metric, values, unit in band_metrics(*by_band):
            add("test", None, metric, values, unit)
    for step, loss in result.curve:
        add("validation", step, "cross_entropy", loss, "nats")
    add("validation", None, "chosen_step", result.step, "steps")
    add("validation", None, "learning_rate", result.learning_rate, "1")
    error = getattr(encoder, "reconstruction_error", None)
    if error is not None:
        add("train", None, "reconstruction_error", error, "share of variance")
    spent = costs(job, encoder, head, result) | budget(job, name, result)
    return Arm(name, rows, spent, time.perf_counter() - started)


def check(job: Job, name: str, encoder: Encoder, head: heads.Head, result: Fit) -> None:
    """Raises InputError where an arm's encoder holds more than it declares."""
    options = job.spec["arms"][name]
    in_head = head.shapes()
    seeds = [
        {key: value[seed : seed + 1] for key, value in result.parameters.items() if key not in in_head}
        for seed in job.replicates
    ]
    where = f"{job.spec['condition']}: {name}: encoder '{options['encoder']}'"
    check_declared(where, encoder, build(job, name, options)[0], seeds)


def costs(job: Job, encoder: Encoder, head: heads.Head, result: Fit) -> dict[str, int | None]:
    """Returns parameters by role and at any stage trained, bits to deploy and optimiser steps (see results.ARMS)."""
    roles = encoder.parameter_counts()
    in_head = heads.parameter_count(head)
    trained = encoder.trained_count() + in_head
    return {
        "parameters_embedding": roles.get("embedding", 0),
        "parameters_encoder": roles.get("encoder", 0),
        "parameters_decoder": roles.get("decoder", 0),
        "parameters_head": in_head,
        "params_trained": trained,
        "bits_deployed": encoder.bits_deployed() + 32 * in_head,
        "steps": result.curve[-1][0],
    }


def budget(job: Job, name: str, result: Fit) -> dict[str, int | str | None]:
    """Returns the text on which an arm and the table that it starts from trained, and its rate's source (results.ARMS).

    The steps of a reconstruction are none of these: they see a table, no text.
    """
    options = job.spec["arms"][name]
    before = job.starts[key_of(options)].steps_before
    inputs = job.data["train"][0]  # (S, N, L)
    batch = min(job.spec["training"]["batch_size"] or inputs.shape[1], inputs.shape[1])
    return {
        "starts_from": None if before is None else "full",
        "steps_before": before or 0,
        "tokens_seen": (result.curve[-1][0] + (before or 0)) * batch * inputs.shape[2],
        "rate_source": "search" if "learning_rates" in options else "study",
    }
