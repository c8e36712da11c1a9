"""A cramming job from files to files: one design on one model.

Work goes cell by cell: all kinds of text of one length and number of vectors under one arm are a batch. A part of
the job is the cells that step together: those of an arm where the model takes several lengths at once, else one.
"""

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tokentrial.cramming import controls, folders
from tokentrial.cramming.decode import Reader, greedy_prefix
from tokentrial.cramming.design import Cell, cells, check, check_model
from tokentrial.cramming.engine import Cramming, Settings, measure_together
from tokentrial.cramming.facts import model_rows
from tokentrial.cramming.texts import Texts, start_vectors
from tokentrial.data.corpora import read_record
from tokentrial.training import device
from tokentrial.training.checkpoint import Saved, prefixed
from tokentrial.training.runner import SECONDS, Runner, Task, digest_of_arrays, digest_of_files

WATCHED = 4  # texts of a kind whose learning curves are kept
LOG_SECONDS = 10.0
OF_THE_RUN = ("results", "models", "cramming")  # where the models are that a run has trained
UNITS = {
    **dict.fromkeys(("accuracy", "accuracy_without"), "fraction"),
    **dict.fromkeys(("cross_entropy", "cross_entropy_without"), "nats"),
    "greedy_exact": "1",
    "greedy_prefix": "tokens",
    "steps": "steps",
    "solved_step": "steps",
}


class Row(NamedTuple):
    """A row of runs.parquet: a measurement and the condition that it belongs to."""

    condition: str
    arm: str
    seed: int
    split: str
    step: int | None
    metric: str
    value: float | None
    unit: str


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
    """Cram the texts of the canonical JSON ``spec`` and write the rows and the costs.

    model: a folder in Hugging Face's format. text: the raw text files of the splits train, validation and test; record:
    the file that says what they are; code: the library files that the job runs. A killed job goes on from its
    checkpoint and gives the same rows. Raises InputError for a key, file or model that cannot be used, before anything
    is optimised.
    """
    runner = Runner(spec, code, checkpoints, checkpoint_seconds)
    design = runner.design
    check(design)
    target = device.prepare(design)
    if Path(model).parts[-4:-1] == OF_THE_RUN:  # others are their owner's to change
        folders.check_digests(model)
    read = folders.read(model, target)
    check_model(design, read)
    job = Job(design, Reader.of(read, design["precision"], design["compile"]), text)
    runner.run(job, job.fingerprint, digest_of_files(model_files(model)))
    job.costs = [{**cost, "corpus": read_record(record).title} for cost in job.costs]
    runner.write(runs, arms)


def model_files(folder: str) -> list[Path]:
    """What decides a model's bits: config, weights and tokenizer."""
    wanted = ("config.json", "tokenizer.json")
    return [path for path in sorted(Path(folder).iterdir()) if path.name in wanted or path.suffix == ".safetensors"]


@dataclass(frozen=True)
class Batch:
    """The texts of a cell: names (kind, index) of each, ids (B, N), initial vectors (B, m, d)."""

    names: list[tuple[str, int]]
    ids: Tensor
    start: Tensor


class Job(Task):
    """One design on one model: its texts, and the rows of its cells."""

    row = Row

    def __init__(self, design: Mapping[str, Any], reader: Reader, files: Mapping[str, str]) -> None:
        super().__init__(design["condition"], [(), *together(cells(design), reader.packs)])
        self.design, self.reader = design, reader
        longest = max(cell.length for cell in cells(design))
        self.texts = Texts(reader, files, design["seed"], design["texts"], longest)
        self.fingerprint = digest_of_arrays(
            {kind: self.texts.ids(kind, longest).cpu().numpy() for kind in design["kinds"]}
        )
        self.logged_at = time.perf_counter()

    def work(self, part: Sequence[Cell], state: Saved | None, runner: Runner) -> None:
        """Work off cells that step together; the part without cells, the first, is the model's own rows."""
        if not part:
            return self._add_model()
        batches = [self.batch(cell) for cell in part]
        if part[0].control in controls.MEASURED:
            return self._measure(part[0], batches[0], runner)
        works = [self._work_of(cell, batch) for cell, batch in zip(part, batches, strict=True)]
        if state is not None:
            self._restore(works, state)
        self._optimise(part[0], works, runner)
        for cell, batch, work, seconds in zip(
            part, batches, works, shares(works, runner.part_clock.seconds()), strict=True
        ):
            self._add_cell(cell, batch, work, seconds)
        return None

    def _restore(self, works: Sequence[Cramming], state: Saved) -> None:
        for number, (work, values) in enumerate(zip(works, state.values["works"], strict=True)):
            work.restore(Saved(state.under(str(number)), values))
        self.log(f"goes on from step {max(work.step_count for work in works)}")

    def batch(self, cell: Cell) -> Batch:
        """The texts of all kinds of a cell; where pairs share vectors, a last text without a partner is left out."""
        kinds, count = self.design["kinds"], self.design["texts"]
        if cell.control == "shared":
            count -= count % controls.SHARING
        names = [(kind, index) for kind in kinds for index in range(count)]
        ids = torch.cat([self.texts.ids(kind, cell.length)[:count] for kind in kinds])
        seed, model = self.design["seed"], self.reader.model
        start = [start_vectors(model, seed, kind, index, cell.vectors) for kind, index in names]
        return Batch(names, ids, torch.stack(start))

    def _work_of(self, cell: Cell, batch: Batch) -> Cramming:
        """The batch of an arm, or of the control ``shared`` under the first arm's settings."""
        arms = self.design["arms"]
        settings = Settings.of(arms[cell.settings], cell.settings)
        ids, start = batch.ids.unsqueeze(1), batch.start
        if cell.control == "shared":
            ids, start = controls.shared_units(batch.ids, batch.start)
        texts = ids.shape[1]
        watched = frozenset(unit for unit in range(len(ids)) if batch.names[unit * texts][1] < WATCHED)
        return Cramming(self.reader, ids, start, settings, self.design["predict_first"], watched)

    def _optimise(self, cell: Cell, works: Sequence[Cramming], runner: Runner) -> None:
        """Step until every unit is done; a checkpoint and a line in the log now and then."""
        while open_ := [work for work in works if not work.done]:
            measure_together(open_)
            for work in open_:
                work.step()
            if runner.due() and not all(work.done for work in works):
                runner.save(saved(works))
            if time.perf_counter() - self.logged_at >= LOG_SECONDS:
                left, all_ = (sum(map(len, each)) for each in zip(*((w.active, w.ids) for w in works), strict=True))
                self.log(f"{cell.arm}: step {open_[0].step_count}, {left} of {all_} in work")
                self.logged_at = time.perf_counter()

    def _add_cell(self, cell: Cell, batch: Batch, work: Cramming, seconds: float) -> None:
        """The rows of an optimised cell: one set per text, the learning curves, the costs by kind."""
        found, texts = work.records, work.ids.shape[1]
        count, ids = len(batch.names), batch.ids
        vectors = found.vectors.repeat_interleave(texts, 0)
        greedy = greedy_prefix(self.reader, vectors, ids, work.predict_first).tolist()
        accuracy = (found.hits.to(torch.float64) / work.predicted).flatten().tolist()
        losses = found.losses.flatten().tolist()
        steps = found.steps.repeat_interleave(texts).tolist()
        solved = found.solved.repeat_interleave(texts).tolist()
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
            self._add_text(cell, *batch.names[text], values)
        for step, unit, text, right, loss in work.curve:
            kind, index = batch.names[unit * texts + text]
            for metric, value in (("accuracy", right), ("cross_entropy", loss)):
                self._add(cell, kind, index, step, metric, value)
        used = dict(zip(range(count), steps, strict=True))
        self._add_costs(cell, [batch.names[text][0] for text in range(count)], used, seconds)
        done = sum(1 for step in solved if step)
        speed = work.text_steps / seconds
        self.log(f"{cell.name}: {done} of {count} solved, {work.step_count} steps, {speed:.0f} texts x steps a second")

    def _measure(self, cell: Cell, batch: Batch, runner: Runner) -> None:
        """The rows of a control without optimisation; nulls where the context cannot hold it."""
        predicted = cell.length - (0 if self.design["predict_first"] else 1)
        found = controls.measure(
            cell.control or "", self.reader, batch.start, batch.ids, bool(self.design["predict_first"])
        )
        without = self._without(batch.ids)
        empty = dict.fromkeys(("accuracy", "cross_entropy", "greedy_exact", "greedy_prefix"))
        for text, (kind, index) in enumerate(batch.names):
            values: dict[str, float | None] = {**empty}
            if found is not None:
                values = {
                    "accuracy": found.accuracy[text].item(),
                    "cross_entropy": found.cross_entropy[text].item(),
                    **self._greedy(int(found.greedy[text]), predicted),
                }
            self._add_text(cell, kind, index, {**values, **without[text], "steps": 0, "solved_step": None})
        kinds = [kind for kind, _ in batch.names]
        self._add_costs(cell, kinds, dict.fromkeys(range(len(kinds)), 0), runner.part_clock.seconds())
        self.log(f"{cell.name}: measured")

    def _without(self, ids: Tensor) -> list[dict[str, float]]:
        accuracy, losses = controls.without_vectors(self.reader, ids, bool(self.design["predict_first"]))
        pairs = zip(accuracy.tolist(), losses.tolist(), strict=True)
        return [{"accuracy_without": right, "cross_entropy_without": loss} for right, loss in pairs]

    def _greedy(self, right: int, predicted: int) -> dict[str, float | None]:
        return {"greedy_exact": float(right == predicted), "greedy_prefix": float(right)}

    def _add_text(self, cell: Cell, kind: str, index: int, values: Mapping[str, float | None]) -> None:
        for metric in UNITS:
            self._add(cell, kind, index, None, metric, values[metric])

    def _add(self, cell: Cell, kind: str, index: int, step: int | None, metric: str, value: float | None) -> None:
        condition = f"{self.design['condition']}/{kind}/{cell.place}"
        usable = None if value is None or not math.isfinite(value) else float(value)
        self.rows.append(Row(condition, cell.arm, index, kind, step, metric, usable, UNITS[metric]))

    def _add_costs(self, cell: Cell, kinds: list[str], used: Mapping[int, int], seconds: float) -> None:
        """One row per kind; the batch's seconds are shared by the texts' steps."""
        total = sum(used.values())
        for kind in dict.fromkeys(kinds):
            own = [used[text] for text, other in enumerate(kinds) if other == kind]
            share = seconds * (sum(own) / total if total else len(own) / len(kinds))
            trained = 0 if cell.control in controls.MEASURED else cell.vectors * self.reader.model.width
            self.costs.append(
                {
                    "condition": f"{self.design['condition']}/{kind}/{cell.place}",
                    "arm": cell.arm,
                    "seeds": len(own),
                    "params_trained": trained,
                    "steps": max(own),
                    "tokens_per_second": sum(own) * cell.length / share if total else None,
                    "wall_seconds": share,
                }
            )

    def _add_model(self) -> None:
        """The facts of the model and what it cost to find them."""
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


def together(all_cells: Sequence[Cell], packs: bool) -> list[list[Cell]]:
    """The cells that step together; packs: the model takes texts of several lengths at once."""

    def key(numbered: tuple[int, Cell]) -> str | int:
        number, cell = numbered
        return cell.arm if packs and cell.control not in controls.MEASURED else number

    return [[cell for _, cell in group] for _, group in itertools.groupby(enumerate(all_cells), key)]


def shares(works: Sequence[Cramming], seconds: float) -> list[float]:
    """The seconds of each of some batches that stepped together: by the positions that they put in."""
    positions = [work.text_steps * (work.vectors.shape[1] + work.ids.shape[2]) for work in works]
    return [seconds * own / sum(positions) for own in positions]


def saved(works: Sequence[Cramming]) -> Saved:
    """The state of batches that step together."""
    parts = [work.saved() for work in works]
    tensors: dict[str, Tensor] = {}
    for number, part in enumerate(parts):
        tensors |= prefixed(str(number), part.tensors)
    return Saved(tensors, {"works": [part.values for part in parts]})
