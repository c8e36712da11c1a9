"""A cramming job from files to files: one experiment on one model.

All kinds of text of one length and number of vectors under one arm are a batch. A part of the job is the batches that
step together: all batches of an arm if the model takes several lengths at once, else a single batch. After them come
the rounds of the search for each text's capacity (`cramming.search`), the lengths of progressive arms
(`cramming.progressive`) and the probes of the solved texts (`cramming.probes`), if the design has them.
"""

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokentrial.cramming import controls, folders
from tokentrial.cramming.batch_work import BatchJob, BatchTexts, decoded
from tokentrial.cramming.decode import Reader
from tokentrial.cramming.design import Batch, batches, check, check_model, places, progressive
from tokentrial.cramming.engine import Cramming
from tokentrial.cramming.facts import model_rows
from tokentrial.cramming.keeping import Keeping
from tokentrial.cramming.names import GROWN
from tokentrial.cramming.probes import Probing, Solutions, probings
from tokentrial.cramming.probing import probe
from tokentrial.cramming.progressive import Extension, Progress, extensions
from tokentrial.cramming.rows import Row as Row  # the rows of other jobs are of this type, too
from tokentrial.cramming.search import Cell, Round, Search
from tokentrial.cramming.texts import Texts
from tokentrial.data.corpora import read_record
from tokentrial.results import Measurement
from tokentrial.training import device
from tokentrial.training.checkpoint import Saved, prefixed
from tokentrial.training.runner import SECONDS, Runner, digest_of_arrays, digest_of_files, identity

OF_THE_RUN = ("results", "models", "cramming")  # the folder of models that a run has trained


def run_cramming(
    spec: str,
    model: str,
    text: Mapping[str, str],
    record: str,
    code: Sequence[str],
    checkpoints: str,
    runs: str,
    arms: str,
    checkpoint_seconds: float = SECONDS,
    kept: str | None = None,
) -> None:
    """Crams the texts of the canonical JSON ``spec`` and writes the rows and the costs.

    model: a folder in Hugging Face's format; text: the raw text files of the splits train, validation and test; record:
    the file that describes them; code: the library files that the job runs; kept: a folder in which the jobs of a model
    share its facts. A killed job continues from its checkpoint with the same rows. Raises InputError for a key, file or
    model that cannot be used, before anything is optimised.
    """
    runner = Runner(spec, code, checkpoints, checkpoint_seconds)
    design = runner.design
    check(design)
    target = device.prepare(design)
    if Path(model).parts[-4:-1] == OF_THE_RUN:  # the owner of any other model may change it
        folders.check_digests(model)
    language_model = folders.read(model, target)
    check_model(design, language_model)
    content = digest_of_files(model_files(model))
    threads = design.get("threads", 1)
    torch.set_num_threads(threads)
    keeping = Keeping(kept, identity("", code, content, digest_of_files(text.values()), f"{target} {threads}"))
    job = Job(design, Reader.of(language_model, design["precision"], design["compile"]), text, keeping)
    runner.run(job, job.fingerprint, content)
    job.costs = [{**cost, "corpus": read_record(record).title} for cost in job.costs]
    runner.write(runs, arms)


def model_files(folder: str) -> list[Path]:
    """Returns the files that decide a model's bits: config, weights and tokenizer."""
    names = ("config.json", "tokenizer.json", "tokenizer_config.json")
    return [path for path in sorted(Path(folder).iterdir()) if path.name in names or path.suffix == ".safetensors"]


class Job(BatchJob):
    """One experiment on one model: its texts, and the rows of its batches."""

    def __init__(
        self, design: Mapping[str, Any], reader: Reader, files: Mapping[str, str], keeping: Keeping | None = None
    ) -> None:
        given, context = 0 if design["predict_first"] else 1, reader.model.context
        self.search = Search(places(design), given, context)
        longest = self.search.longest if design["search"] else max(length for length, _ in places(design))
        self.keeping = keeping or Keeping()
        texts = Texts(reader.exact, files, design["seed"], design["texts"], longest, design.get("room"), self.keeping)
        super().__init__(design, reader, texts, parts(design, reader, self.search))
        self.progress, self.solutions = Progress(), Solutions()
        self.fingerprint = digest_of_arrays(
            {kind: self.texts.ids(kind, longest).cpu().numpy() for kind in design["kinds"]}
        )

    def work(self, part: Any, state: Saved | None, runner: Runner) -> None:
        """Optimises or measures the batches of a part; the first part has none and adds the rows about the model."""
        if isinstance(part, Round):
            due = {Batch(part.arm, None, *place): names for place, names in self.search.due(part.arm).items()}
            if due:
                texts = [self.texts_at(batch, names) for batch, names in due.items()]
                self.cram(list(due), texts, state, runner, self._add_searched)
        elif isinstance(part, Extension):
            self._extend(part, state, runner)
        elif isinstance(part, Probing):
            probe(self, self.solutions, part, state, runner)
        elif not part:
            self._add_model()
        elif part[0].control in controls.MEASURED:
            self._measure(part[0], self.texts_of(part[0]), runner)
        else:
            self.cram(part, [self.texts_of(batch) for batch in part], state, runner, self._add_batch)

    def saved(self) -> Saved:
        """Returns what the search, the progressive arms and the probes depend on."""
        progress, solutions = self.progress.saved(), self.solutions.saved()
        tensors = prefixed("progress", progress.tensors) | prefixed("solutions", solutions.tensors)
        values = {"tried": self.search.saved(), "progress": progress.values, "solutions": solutions.values}
        return Saved(tensors, values)

    def restore(self, saved: Saved) -> None:
        """Restores what the search, the progressive arms and the probes depend on."""
        self.search.restore(saved.values["tried"])
        target = self.reader.model.table.device
        self.progress.restore(Saved(saved.under("progress"), saved.values["progress"]), target)
        self.solutions.restore(Saved(saved.under("solutions"), saved.values["solutions"]), target)

    def _extend(self, part: Extension, state: Saved | None, runner: Runner) -> None:
        """Optimises the texts of a progressive arm that are still growing at their next length."""
        batch, due = Batch(part.arm, None, part.length, part.vectors), self.progress.due(part)
        if due is None:
            self.cram([batch], [self.texts_of(batch)], state, runner, self._add_batch)
        elif due[0]:
            texts = replace(self.texts_at(batch, due[0]), start=due[1])
            self.cram([batch], [texts], state, runner, self._add_batch)

    def _add_batch(self, batch: Batch, texts: BatchTexts, work: Cramming, seconds: float) -> None:
        """Adds the rows of an optimised batch: one set per text, the learning curves, the costs by kind.

        What decides is float32: the accuracy, the losses and the greedy decode of vectors that were searched in
        bfloat16 are measured anew.
        """
        records, sharing, growing = work.records, work.ids.shape[1], progressive(self.design)
        vectors = records.vectors.repeat_interleave(sharing, 0)
        outcome = self.outcome(work, texts.ids)
        without = self._without(texts.ids)
        steps = records.steps.repeat_interleave(sharing).tolist()
        exact = []
        for text, (kind, index) in enumerate(texts.names):
            values = {**outcome[text], **without[text], "steps": steps[text]}
            if batch.settings in growing:
                values[GROWN] = float(self.progress.due(Extension(batch.arm, batch.vectors, batch.length)) is not None)
            self.add_text(batch, kind, index, values)
            solved = values["accuracy"] == 1 and values["greedy_exact"] == 1
            if solved:
                exact.append(text)
            if batch.control is None and batch.settings not in growing:
                self.search.add(Cell(batch.arm, batch.vectors, kind, index), batch.length, solved)
        names, rows = [texts.names[text] for text in exact], torch.tensor(exact, dtype=torch.int64)
        if batch.settings in growing:
            self.progress.grow(Extension(batch.arm, batch.vectors, batch.length), names, vectors[rows])
        elif batch.control is None and self.design.get("probes"):
            self.solutions.keep(batch, names, vectors[rows])
        for step, unit, text, right, loss in work.curve:
            kind, index = texts.names[unit * sharing + text]
            for metric, value in (("accuracy", right), ("cross_entropy", loss)):
                self.add(batch, kind, index, step, metric, value)
        self.add_costs(batch, [kind for kind, _ in texts.names], steps, seconds)
        speed = work.text_steps / seconds  # below 1 for a large model
        done = f"{sum(1 for each in outcome if each['solved_step'])} of {len(outcome)} solved"
        self.log(
            f"{batch.name}: {done}, {work.step_count} steps, {speed:.{0 if speed >= 10 else 2}f} texts x steps a second"
        )

    def _add_searched(self, batch: Batch, texts: BatchTexts, work: Cramming, seconds: float) -> None:
        """Adds the rows of texts at a length of the search."""
        outcome, steps = self.outcome(work, texts.ids), work.records.steps.tolist()
        for text, (kind, index) in enumerate(texts.names):
            accuracy, exact = outcome[text]["accuracy"], outcome[text]["greedy_exact"]
            values = {"search_accuracy": accuracy, "search_exact": exact, "search_steps": steps[text]}
            for metric, value in values.items():
                self.add(batch, kind, index, None, metric, value)
            self.search.add(Cell(batch.arm, batch.vectors, kind, index), batch.length, accuracy == 1 and exact == 1)
        self.add_costs(batch, [kind for kind, _ in texts.names], steps, seconds)
        done = sum(1 for each in outcome if each["accuracy"] == 1)
        self.log(f"{batch.name}: searched with {len(texts.names)} texts, {done} right throughout")

    def _measure(self, batch: Batch, texts: BatchTexts, runner: Runner) -> None:
        """Adds the rows of a control without optimisation, with nulls if the context cannot hold vectors and text."""
        predicted = batch.length - (0 if self.design["predict_first"] else 1)
        measured = controls.measure(
            batch.control or "", self.reader.exact, texts.start, texts.ids, bool(self.design["predict_first"])
        )
        without = self._without(texts.ids)
        empty = dict.fromkeys(("accuracy", "cross_entropy", "greedy_exact", "greedy_prefix"))
        for text, (kind, index) in enumerate(texts.names):
            values: dict[str, float | None] = {**empty}
            if measured is not None:
                values = {
                    "accuracy": measured.accuracy[text].item(),
                    "cross_entropy": measured.cross_entropy[text].item(),
                    **decoded(int(measured.greedy[text]), predicted),
                }
            self.add_text(batch, kind, index, {**values, **without[text], "steps": 0, "solved_step": None})
        kinds = [kind for kind, _ in texts.names]
        self.add_costs(batch, kinds, [0] * len(kinds), runner.part_clock.seconds())
        self.log(f"{batch.name}: measured")

    def _without(self, ids: Tensor) -> list[dict[str, float]]:
        """Returns the scores of texts (B, N) without vectors before them."""
        accuracy, losses = controls.without_vectors(self.reader.exact, ids, bool(self.design["predict_first"]))
        pairs = zip(accuracy.tolist(), losses.tolist(), strict=True)
        return [{"accuracy_without": right, "cross_entropy_without": loss} for right, loss in pairs]

    def _add_model(self) -> None:
        """Adds the facts of the model and the cost of measuring them, or of reading those that another job measured."""
        started = time.perf_counter()
        condition = self.design["condition"]
        facts = self.keeping.get("facts", None, lambda: model_rows(self.reader.exact, self.texts))
        for row in facts:
            self.rows.append(Row(condition, *Measurement(*row)))
        cost = {"condition": condition, "arm": "model", "seeds": 1, "params_trained": 0}
        cost["parameters_body"] = sum(value.numel() for value in self.reader.model.model.parameters())
        self.costs.append({**cost, "wall_seconds": time.perf_counter() - started})
        values = {row.metric: row.value for row in self.rows}
        loss, chance = values["validation_cross_entropy"], math.log(self.reader.model.vocab_size)
        self.log(f"{values['parameters']:.0f} parameters, validation loss {loss:.3f} nats")
        if loss >= chance:
            self.log(f"no better than a guess among its tokens ({chance:.3f} nats): untrained, or not its tokenizer?")


def parts(design: Mapping[str, Any], reader: Reader, search: Search) -> list[Any]:
    """Returns the parts of a job in the order of the work."""
    ordinary = [arm for arm in design["arms"] if arm not in progressive(design)]
    every = batches(design)
    rounds = search.rounds if design["search"] else 0
    searches = [Round(arm, number) for arm in ordinary for number in range(rounds)]
    growing = [part for arm in progressive(design) for part in extensions(arm, places(design))]
    probed = [batch for batch in every if batch.control is None]
    probings_ = probings(probed, design.get("probes", ()), reader.model.width)
    return [(), *together(every, reader.packs), *searches, *growing, *probings_]


def together(all_batches: Sequence[Batch], packs: bool) -> list[list[Batch]]:
    """Returns groups of batches that step together; packs: whether the model takes texts of several lengths at once."""

    def key(numbered: tuple[int, Batch]) -> str | int:
        number, batch = numbered
        return batch.arm if packs and batch.control not in controls.MEASURED else number

    return [[batch for _, batch in group] for _, group in itertools.groupby(enumerate(all_batches), key)]
