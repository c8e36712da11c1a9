"""A cramming job from files to files: one experiment on one model.

All kinds of text of one length and number of vectors under one arm are a batch. A part of the job is the batches that
step together: all batches of an arm if the model takes several lengths at once, else a single batch. After them come
the rounds of the search for each text's capacity (`cramming.search`), if the design has one.
"""

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tokentrial.cramming import controls, folders
from tokentrial.cramming.decode import Reader, greedy_prefix
from tokentrial.cramming.design import Batch, batches, check, check_model, places
from tokentrial.cramming.engine import Cramming, Settings, measure_together
from tokentrial.cramming.facts import model_rows
from tokentrial.cramming.search import Cell, Round, Search
from tokentrial.cramming.texts import Texts, start_vectors
from tokentrial.data.corpora import read_record
from tokentrial.training import device
from tokentrial.training.checkpoint import Saved, prefixed
from tokentrial.training.runner import SECONDS, Runner, Task, digest_of_arrays, digest_of_files

WATCHED = 4  # texts of a kind whose learning curves are kept
LOG_SECONDS = 10.0
OF_THE_RUN = ("results", "models", "cramming")  # the folder of models that a run has trained
UNITS = {
    **dict.fromkeys(("accuracy", "accuracy_without"), "fraction"),
    **dict.fromkeys(("cross_entropy", "cross_entropy_without"), "nats"),
    "greedy_exact": "1",
    "greedy_prefix": "tokens",
    "steps": "steps",
    "solved_step": "steps",
}
# Of texts at the lengths of the search. Other names, so that means over texts of a length are over all texts of a kind.
SEARCH_UNITS = {"search_accuracy": "fraction", "search_exact": "1", "search_steps": "steps"}


class Row(NamedTuple):
    """A row of runs.parquet: a measurement and its condition."""

    condition: str
    arm: str
    seed: int
    split: str
    step: int | None
    metric: str
    value: float | None
    unit: str
    text: str | None = None  # digest of the text; None for facts of the model


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
) -> None:
    """Crams the texts of the canonical JSON ``spec`` and writes the rows and the costs.

    model: a folder in Hugging Face's format; text: the raw text files of the splits train, validation and test; record:
    the file that describes them; code: the library files that the job runs. A killed job continues from its checkpoint
    with the same rows. Raises InputError for a key, file or model that cannot be used, before anything is optimised.
    """
    runner = Runner(spec, code, checkpoints, checkpoint_seconds)
    design = runner.design
    check(design)
    target = device.prepare(design)
    if Path(model).parts[-4:-1] == OF_THE_RUN:  # the owner of any other model may change it
        folders.check_digests(model)
    language_model = folders.read(model, target)
    check_model(design, language_model)
    job = Job(design, Reader.of(language_model, design["precision"], design["compile"]), text)
    runner.run(job, job.fingerprint, digest_of_files(model_files(model)))
    job.costs = [{**cost, "corpus": read_record(record).title} for cost in job.costs]
    runner.write(runs, arms)


def model_files(folder: str) -> list[Path]:
    """Returns the files that decide a model's bits: config, weights and tokenizer."""
    names = ("config.json", "tokenizer.json")
    return [path for path in sorted(Path(folder).iterdir()) if path.name in names or path.suffix == ".safetensors"]


@dataclass(frozen=True)
class BatchTexts:
    """The texts of a batch."""

    names: list[tuple[str, int]]  # (kind, index) of each text
    ids: Tensor  # (B, N)
    start: Tensor  # (B, m, d) initial vectors


class Job(Task):
    """One experiment on one model: its texts, and the rows of its batches."""

    row = Row

    def __init__(self, design: Mapping[str, Any], reader: Reader, files: Mapping[str, str]) -> None:
        given, context = 0 if design["predict_first"] else 1, reader.model.context
        self.search = Search(places(design), given, context)
        rounds = self.search.rounds if design["search"] else 0
        searches = [Round(arm, number) for arm in design["arms"] for number in range(rounds)]
        super().__init__(design["condition"], [(), *together(batches(design), reader.packs), *searches])
        self.design, self.reader = design, reader
        longest = self.search.longest if design["search"] else max(batch.length for batch in batches(design))
        self.texts = Texts(reader, files, design["seed"], design["texts"], longest, design.get("room"))
        self.fingerprint = digest_of_arrays(
            {kind: self.texts.ids(kind, longest).cpu().numpy() for kind in design["kinds"]}
        )
        self.logged_at = time.perf_counter()

    def work(self, part: Sequence[Batch] | Round, state: Saved | None, runner: Runner) -> None:
        """Optimises or measures the batches of a part; the first part has none and adds the rows about the model."""
        if isinstance(part, Round):
            due = {Batch(part.arm, None, *place): names for place, names in self.search.due(part.arm).items()}
            if due:
                texts = [self._texts(batch, names) for batch, names in due.items()]
                self._cram(list(due), texts, state, runner, self._add_searched)
        elif not part:
            self._add_model()
        elif part[0].control in controls.MEASURED:
            self._measure(part[0], self.texts_of(part[0]), runner)
        else:
            self._cram(part, [self.texts_of(batch) for batch in part], state, runner, self._add_batch)

    def _cram(
        self,
        part: Sequence[Batch],
        texts: Sequence[BatchTexts],
        state: Saved | None,
        runner: Runner,
        add: Callable[[Batch, BatchTexts, Cramming, float], None],
    ) -> None:
        """Optimises batches that step together; add: adds the rows of each."""
        works = [self._work_of(batch, of_batch) for batch, of_batch in zip(part, texts, strict=True)]
        if state is not None:
            self._restore(works, state)
        self._optimise(part[0], works, runner)
        seconds = shares(works, runner.part_clock.seconds())
        for batch, of_batch, work, share in zip(part, texts, works, seconds, strict=True):
            add(batch, of_batch, work, share)

    def saved(self) -> Saved:
        """Returns what the search depends on."""
        return Saved(values={"tried": self.search.saved()})

    def restore(self, saved: Saved) -> None:
        """Restores what the search depends on."""
        self.search.restore(saved.values["tried"])

    def _restore(self, works: Sequence[Cramming], state: Saved) -> None:
        for number, (work, values) in enumerate(zip(works, state.values["works"], strict=True)):
            work.restore(Saved(state.under(str(number)), values))
        self.log(f"goes on from step {max(work.step_count for work in works)}")

    def texts_of(self, batch: Batch) -> BatchTexts:
        """Returns the texts of all kinds of a batch; if pairs share vectors, a last text without partner is dropped."""
        kinds, count = self.design["kinds"], self.design["texts"]
        if batch.control == "shared":
            count -= count % controls.SHARING
        return self._texts(batch, [(kind, index) for kind in kinds for index in range(count)])

    def _texts(self, batch: Batch, names: list[tuple[str, int]]) -> BatchTexts:
        """Returns the texts with these names, (kind, index), for a batch."""
        of_kind = {kind: self.texts.ids(kind, batch.length) for kind, _ in names}
        ids = torch.stack([of_kind[kind][index] for kind, index in names])
        seed, model = self.design["seed"], self.reader.model
        start = [start_vectors(model, seed, kind, index, batch.vectors) for kind, index in names]
        return BatchTexts(names, ids, torch.stack(start))

    def _work_of(self, batch: Batch, texts: BatchTexts) -> Cramming:
        """Returns the optimisation of a batch of an arm, or of the control ``shared`` under its arm's settings."""
        arms = self.design["arms"]
        settings = Settings.of(arms[batch.settings], batch.settings)
        ids, start = texts.ids.unsqueeze(1), texts.start
        if batch.control == "shared":
            ids, start = controls.shared_units(texts.ids, texts.start)
        sharing = ids.shape[1]
        watched = frozenset(unit for unit in range(len(ids)) if texts.names[unit * sharing][1] < WATCHED)
        return Cramming(self.reader, ids, start, settings, self.design["predict_first"], watched)

    def _optimise(self, batch: Batch, works: Sequence[Cramming], runner: Runner) -> None:
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

    def _add_batch(self, batch: Batch, texts: BatchTexts, work: Cramming, seconds: float) -> None:
        """Adds the rows of an optimised batch: one set per text, the learning curves, the costs by kind."""
        records, sharing = work.records, work.ids.shape[1]
        count, ids = len(texts.names), texts.ids
        vectors = records.vectors.repeat_interleave(sharing, 0)
        greedy = greedy_prefix(self.reader, vectors, ids, work.predict_first).tolist()
        accuracy = (records.hits.to(torch.float64) / work.predicted).flatten().tolist()
        losses = records.losses.flatten().tolist()
        steps = records.steps.repeat_interleave(sharing).tolist()
        solved = records.solved.repeat_interleave(sharing).tolist()
        without = self._without(ids)
        for text in range(count):
            values = {
                "accuracy": accuracy[text],
                "cross_entropy": losses[text],
                **without[text],
                **self._greedy(greedy[text], work.predicted),
                "steps": steps[text],
                "solved_step": solved[text] or None,
            }
            self._add_text(batch, *texts.names[text], values)
            if batch.control is None:
                known = Cell(batch.arm, batch.vectors, *texts.names[text])
                self.search.add(known, batch.length, accuracy[text] == 1 and values["greedy_exact"] == 1)
        for step, unit, text, right, loss in work.curve:
            kind, index = texts.names[unit * sharing + text]
            for metric, value in (("accuracy", right), ("cross_entropy", loss)):
                self._add(batch, kind, index, step, metric, value)
        self._add_costs(batch, [kind for kind, _ in texts.names], steps, seconds)
        done = sum(1 for step in solved if step)
        speed = work.text_steps / seconds
        self.log(f"{batch.name}: {done} of {count} solved, {work.step_count} steps, {speed:.0f} texts x steps a second")

    def _add_searched(self, batch: Batch, texts: BatchTexts, work: Cramming, seconds: float) -> None:
        """Adds the rows of texts at a length of the search."""
        records = work.records
        right = greedy_prefix(self.reader, records.vectors, texts.ids, work.predict_first).tolist()
        accuracy = (records.hits.to(torch.float64) / work.predicted).flatten().tolist()
        steps = records.steps.tolist()
        for text, (kind, index) in enumerate(texts.names):
            exact = right[text] == work.predicted
            values = {"search_accuracy": accuracy[text], "search_exact": float(exact), "search_steps": steps[text]}
            for metric, value in values.items():
                self._add(batch, kind, index, None, metric, value)
            self.search.add(Cell(batch.arm, batch.vectors, kind, index), batch.length, accuracy[text] == 1 and exact)
        self._add_costs(batch, [kind for kind, _ in texts.names], steps, seconds)
        self.log(f"{batch.name}: searched with {len(texts.names)} texts, {sum(map(int, accuracy))} right throughout")

    def _measure(self, batch: Batch, texts: BatchTexts, runner: Runner) -> None:
        """Adds the rows of a control without optimisation, with nulls if the context cannot hold vectors and text."""
        predicted = batch.length - (0 if self.design["predict_first"] else 1)
        measured = controls.measure(
            batch.control or "", self.reader, texts.start, texts.ids, bool(self.design["predict_first"])
        )
        without = self._without(texts.ids)
        empty = dict.fromkeys(("accuracy", "cross_entropy", "greedy_exact", "greedy_prefix"))
        for text, (kind, index) in enumerate(texts.names):
            values: dict[str, float | None] = {**empty}
            if measured is not None:
                values = {
                    "accuracy": measured.accuracy[text].item(),
                    "cross_entropy": measured.cross_entropy[text].item(),
                    **self._greedy(int(measured.greedy[text]), predicted),
                }
            self._add_text(batch, kind, index, {**values, **without[text], "steps": 0, "solved_step": None})
        kinds = [kind for kind, _ in texts.names]
        self._add_costs(batch, kinds, [0] * len(kinds), runner.part_clock.seconds())
        self.log(f"{batch.name}: measured")

    def _without(self, ids: Tensor) -> list[dict[str, float]]:
        """Returns the scores of texts (B, N) without vectors before them."""
        accuracy, losses = controls.without_vectors(self.reader, ids, bool(self.design["predict_first"]))
        pairs = zip(accuracy.tolist(), losses.tolist(), strict=True)
        return [{"accuracy_without": right, "cross_entropy_without": loss} for right, loss in pairs]

    def _greedy(self, right: int, predicted: int) -> dict[str, float | None]:
        return {"greedy_exact": float(right == predicted), "greedy_prefix": float(right)}

    def _add_text(self, batch: Batch, kind: str, index: int, values: Mapping[str, float | None]) -> None:
        """Adds a row for each metric of a text."""
        for metric in UNITS:
            self._add(batch, kind, index, None, metric, values[metric])

    def _add(self, batch: Batch, kind: str, index: int, step: int | None, metric: str, value: float | None) -> None:
        condition = f"{self.design['condition']}/{kind}/{batch.place}"
        usable = None if value is None or not math.isfinite(value) else float(value)
        text = self.texts.digests(kind)[index]
        unit = (UNITS | SEARCH_UNITS)[metric]
        self.rows.append(Row(condition, batch.arm, index, kind, step, metric, usable, unit, text))

    def _add_costs(self, batch: Batch, kinds: Sequence[str], steps: Sequence[int], seconds: float) -> None:
        """Adds a row of costs for each kind, with a share of the batch's seconds by the steps of its texts.

        kinds, steps: of each text.
        """
        total = sum(steps)
        for kind in dict.fromkeys(kinds):
            of_kind = [count for count, other in zip(steps, kinds, strict=True) if other == kind]
            share = seconds * (sum(of_kind) / total if total else len(of_kind) / len(kinds))
            trained = 0 if batch.control in controls.MEASURED else batch.vectors * self.reader.model.width
            self._charge(
                {
                    "condition": f"{self.design['condition']}/{kind}/{batch.place}",
                    "arm": batch.arm,
                    "seeds": len(of_kind),
                    "params_trained": trained,
                    "steps": max(of_kind),
                    "tokens_per_second": sum(of_kind) * batch.length / share if total else None,
                    "wall_seconds": share,
                }
            )

    def _charge(self, cost: dict[str, Any]) -> None:
        """Adds a cost; rounds of the search that try a length of a kind share a row."""
        same = [each for each in self.costs if (each["condition"], each["arm"]) == (cost["condition"], cost["arm"])]
        if not same:
            self.costs.append(cost)
            return
        [known] = same
        tokens = sum(each["tokens_per_second"] * each["wall_seconds"] for each in (known, cost))
        seconds = known["wall_seconds"] + cost["wall_seconds"]
        known |= {"seeds": known["seeds"] + cost["seeds"], "steps": max(known["steps"], cost["steps"])}
        known |= {"tokens_per_second": tokens / seconds, "wall_seconds": seconds}

    def _add_model(self) -> None:
        """Adds the facts of the model and the cost of measuring them."""
        started = time.perf_counter()
        condition = self.design["condition"]
        for row in model_rows(self.reader, self.texts):
            self.rows.append(Row(condition, *row))
        cost = {"condition": condition, "arm": "model", "seeds": 1, "params_trained": 0}
        cost["parameters_body"] = sum(value.numel() for value in self.reader.model.model.parameters())
        self.costs.append({**cost, "wall_seconds": time.perf_counter() - started})
        facts = {row.metric: row.value for row in self.rows}
        loss = facts["validation_cross_entropy"]
        self.log(f"{facts['parameters']:.0f} parameters, validation loss {loss:.3f} nats")


def together(all_batches: Sequence[Batch], packs: bool) -> list[list[Batch]]:
    """Returns groups of batches that step together; packs: whether the model takes texts of several lengths at once."""

    def key(numbered: tuple[int, Batch]) -> str | int:
        number, batch = numbered
        return batch.arm if packs and batch.control not in controls.MEASURED else number

    return [[batch for _, batch in group] for _, group in itertools.groupby(enumerate(all_batches), key)]


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
