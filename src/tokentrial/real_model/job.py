"""A job of the study real_model, from files to files: every encoding of one language model's token table.

A part of the job is an arm. Its table is decoded once, goes through the body once for each text, and then through both
output layers: the model's own (``input``: only the input table is encoded) and the decoded one (``tied``).
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tokentrial.cramming import folders
from tokentrial.cramming.decode import CPU_POSITIONS, CUDA_POSITIONS
from tokentrial.cramming.folders import LanguageModel
from tokentrial.cramming.job import Row, model_files
from tokentrial.data.corpora import Corpus, read_record
from tokentrial.errors import InputError
from tokentrial.real_model.codes import encode
from tokentrial.real_model.documents import Text, texts_of
from tokentrial.real_model.moments import of_gradients
from tokentrial.real_model.stored import Coded
from tokentrial.seeds import stream
from tokentrial.training import device
from tokentrial.training.bands import BANDS, bands_of
from tokentrial.training.checkpoint import Saved
from tokentrial.training.runner import SECONDS, Runner, Task, digest_of_arrays, digest_of_files

FULL = "full"  # the arm of the table as it is, with whose predictions all others are compared
LOGITS = 128  # positions whose logits exist at once
TIED, INPUT = "tied", "input"


class Scored(NamedTuple):
    """Scores of documents. nll: (D, T) nats; guess: (D, T) the most probable token."""

    nll: Tensor
    guess: Tensor


def run_real_model(
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
    """Measures the encodings of the canonical JSON ``spec`` and writes the rows and the costs.

    model: a folder in Hugging Face's format; text: the raw text files of the splits train, validation and test; record:
    the file that describes them; code: the library files that the job runs. A killed job continues with the next arm.
    Raises InputError for a model or text that cannot be used.
    """
    carry_out(Job, Runner(spec, code, checkpoints, checkpoint_seconds), model, text, record, runs, arms)


def carry_out(
    kind: "type[Job]", runner: Runner, model: str, text: Mapping[str, str], record: str, runs: str, arms: str
) -> None:
    """Reads the model and the texts, runs a job of this kind, and writes its rows and costs."""
    target, corpus = device.prepare(runner.design), read_record(record)
    job = kind(runner.design, folders.read(model, target), texts_of(text, corpus), corpus)
    runner.run(job, job.fingerprint, digest_of_files(model_files(model)))
    runner.write(runs, arms)


class Job(Task):
    """One experiment on one model: its texts, and the rows of its arms."""

    row = Row

    def __init__(
        self, design: Mapping[str, Any], model: LanguageModel, texts: Sequence[Text], corpus: Corpus | None = None
    ) -> None:
        """texts: those on which the arms are measured; corpus: the record of a run's text, which one of them may be."""
        arms = dict(design["arms"])  # pairs in the specification, since a mapping is sorted there
        if next(iter(arms), None) != FULL:
            raise InputError(f"config: real_model: arms: found {', '.join(arms)}, expected '{FULL}' as the first")
        super().__init__(design["condition"], list(arms))
        self.design, self.arms, self.model, self.corpus = design, arms, model, corpus
        self.texts = texts
        count, tokens = design["documents"], design["tokens"]
        context = model.context or tokens
        if tokens > context:
            raise InputError(f"config: real_model.tokens: found {tokens}, expected at most the context of {context}")
        self.windows = {text.name: text.windows(model, count, tokens, design["seed"]) for text in self.texts}
        counted = [text.counts(model, design["counted_tokens"], design["seed"]) for text in self.texts]
        self.counts = torch.stack(counted).sum(0)
        self.bands = bands_of(self.counts.unsqueeze(0))[0]  # (V,)
        self.guesses: dict[str, Tensor] = {}  # of the arm FULL, by text
        arrays = {**self.windows, "counts": self.counts}
        self.fingerprint = digest_of_arrays({name: value.numpy() for name, value in arrays.items()})

    @property
    def uses(self) -> tuple[str, ...]:
        """What is encoded: the input table alone, and, if the model uses it as output layer, both."""
        tied = self.model.weight.data_ptr() == self.model.table.data_ptr()
        return (INPUT, TIED) if tied else (INPUT,)

    def saved(self) -> Saved:
        return Saved(dict(self.guesses))

    def restore(self, saved: Saved) -> None:
        self.guesses = dict(saved.tensors)

    def work(self, part: Any, state: Saved | None, runner: Runner) -> None:
        """Encodes the table as the arm says, and measures it on every text and in every use."""
        started = time.process_time()
        coded = self.encoded(part)
        encoded = time.process_time()
        coded.decoded()
        seconds = {"encode_seconds": encoded - started, "decode_seconds": time.process_time() - encoded}
        table = coded.table.to(self.model.table.device)
        outputs = {INPUT: self.model.weight, TIED: table}
        sizes = coded.sizes()
        losses = []
        for text in self.texts:
            ids = self.windows[text.name]
            scored = scores(self.model, ids, table, {use: outputs[use] for use in self.uses})
            if part == FULL:
                self.guesses[text.name] = scored[INPUT].guess
            for use, of_use in scored.items():
                condition = f"{self.design['condition']}/{text.name}-{use}"
                self.rows += self._rows(condition, part, text, [of_use])
                self.rows += size_rows(condition, part, sizes)
                self.rows += self._bounds(condition, ids) if part == FULL else []
                self._add_cost(condition, text, part, bits_deployed=coded.bits, **seconds)
                losses.append(f"{text.name} {use} {of_use.nll.mean():.3f}")
        self._share_time(len(losses), runner)
        self.log(f"{part}: {coded.bits / self.model.table.numel():.2f} bits a number, nats: {', '.join(losses)}")

    def encoded(self, arm: str) -> Coded:
        """Returns the table as an arm encodes it."""
        rng = stream(self.design["seed"], "real_model", "code", arm)
        return encode(self.arms[arm], self.model.table.detach().cpu(), self.counts, rng, lambda: self._gradients)

    @cached_property
    def _gradients(self) -> Tensor:
        """The moments of :func:`~tokentrial.real_model.moments.of_gradients`, the same for all arms."""
        return of_gradients(self.model, self.texts, stream(self.design["seed"], "real_model", "gradients"))

    def _share_time(self, count: int, runner: Runner) -> None:
        """Gives the last ``count`` costs an equal share of the time of the current part."""
        for cost in self.costs[-count:]:
            cost["wall_seconds"] = runner.part_clock.seconds() / count

    def _rows(self, condition: str, arm: str, text: Text, scored: Sequence[Scored]) -> Iterator[Row]:
        """Yields the rows of an arm, document by document; of several scores, those of its seeds, the means."""
        ids, tokenizer = self.windows[text.name], self.model.tokenizer
        agreement = torch.stack([(each.guess == self.guesses[text.name]).double().mean(1) for each in scored]).mean(0)
        for number, nll in enumerate(torch.stack([each.nll.double() for each in scored]).mean(0)):
            size = len(tokenizer.decode(ids[number, 1:].tolist(), clean_up_tokenization_spaces=False).encode())
            values: dict[str, tuple[float | None, str]] = {
                "cross_entropy": (float(nll.mean()), "nats"),
                "bits_per_byte": (float(nll.sum()) / math.log(2) / size, "bits"),
                "agreement": (float(agreement[number]), "fraction"),
            }
            bands = self.bands[ids[number, :-1]]
            for band, name in enumerate(BANDS):
                inside = nll[bands == band]
                values[f"cross_entropy_{name}"] = (float(inside.mean()) if len(inside) else None, "nats")
            for metric, (value, unit) in values.items():
                yield Row(condition, arm, number, "test", None, metric, value, unit)

    def _bounds(self, condition: str, ids: Tensor) -> Iterator[Row]:
        """Yields the losses of a uniform guess and of the token counts (plus one) by document."""
        shares = ((self.counts + 1).double() / (self.counts + 1).sum()).log()
        for number, row in enumerate(ids):
            values = {"chance": math.log(self.model.vocab_size), "unigram": float(-shares[row[1:]].mean())}
            for name, value in values.items():
                yield Row(condition, f"reference.{name}", number, "test", None, "cross_entropy", value, "nats")

    def _add_cost(self, condition: str, text: Text, arm: str, **facts: Any) -> None:
        """Adds an arm's row of results.ARMS; facts: those of its columns that the arm's own encoding decides."""
        title = self.corpus.title if self.corpus is not None and text.name == self.corpus.name else None
        self.costs.append(
            {
                "condition": condition,
                "arm": arm,
                "corpus": title,
                "seeds": 1,  # nothing is drawn but the permuted bands; documents are the rows
                "parameters_embedding": self.model.table.numel(),
                "parameters_body": sum(value.numel() for value in self.model.body.parameters()),
                "params_trained": 0,
                **facts,
            }
        )


def size_rows(condition: str, arm: str, sizes: Mapping[str, float]) -> list[Row]:
    """Returns the rows of the bytes of a table by kind."""
    return [Row(condition, arm, 0, "table", None, name, value, "bytes") for name, value in sizes.items()]


@torch.no_grad()
def scores(model: LanguageModel, ids: Tensor, table: Tensor, outputs: Mapping[str, Tensor]) -> dict[str, Scored]:
    """Returns the scores of ids[:, 1:] after ids (D, T + 1), whose vectors are rows of ``table`` (V, d), by output.

    outputs: output layers (V, h), all of which read the hidden states of one pass through the body.
    """
    ids = ids.to(table.device)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    most = CUDA_POSITIONS if table.is_cuda else CPU_POSITIONS
    rows = max(1, most // inputs.shape[1])
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {use: [] for use in outputs}
    for some, expected in zip(torch.split(inputs, rows), torch.split(targets, rows), strict=True):
        hidden = model.hidden(table[some]).flatten(0, 1)
        for use, weight in outputs.items():
            parts[use] += [
                _scored(nn.functional.linear(features, weight, model.bias), of_features)
                for features, of_features in zip(
                    torch.split(hidden, LOGITS), torch.split(expected.flatten(), LOGITS), strict=True
                )
            ]
    return {
        use: Scored(*(torch.cat(each).view(targets.shape).cpu() for each in zip(*of_use, strict=True)))
        for use, of_use in parts.items()
    }


def _scored(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the losses and the most probable tokens, (T,) each, of logits (T, V)."""
    return nn.functional.cross_entropy(logits, targets, reduction="none"), logits.argmax(1)
