"""A cramming job from files to files: one design on one model; resumable.

Work goes cell by cell: all kinds of text of one length and number of vectors under one arm are a batch. The batches of
an arm step together where the model takes several lengths at once. While it works, the job's state (finished rows, the
cells in work) is kept in ``<checkpoints>/state.safetensors``.
"""

import hashlib
import itertools
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from tokentrial import provenance
from tokentrial.cramming import controls, folders
from tokentrial.cramming.decode import Reader, greedy_prefix
from tokentrial.cramming.design import Cell, cells, check, check_model
from tokentrial.cramming.engine import Cramming, Settings, measure_together
from tokentrial.cramming.facts import model_rows
from tokentrial.cramming.texts import Texts, start_vectors
from tokentrial.data.corpora import read_record
from tokentrial.studies.results import write_job
from tokentrial.training import checkpoint, device
from tokentrial.training.checkpoint import Saved, prefixed

WATCHED = 4  # texts of a kind whose learning curves are kept
LOG_SECONDS = 10.0
OF_THE_RUN = ("results", "models", "cramming")  # where the models are that a run has trained
# Modules, below src/tokentrial, whose edit makes a checkpoint worthless.
MODULES = (
    *("seeds", "training/adam", "training/device"),
    *(f"cramming/{name}" for name in ("folders", "packed", "scan", "head", "decode", "engine", "texts")),
    *(f"cramming/{name}" for name in ("controls", "design", "job")),
)
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
    checkpoints: str,
    runs: str,
    arms: str,
    checkpoint_seconds: float = 60.0,
) -> None:
    """Cram the texts of the canonical JSON ``spec`` and write the rows and the costs.

    model: a folder in Hugging Face's format. text: the raw text files of the splits train, validation and test; record:
    the file that says what they are. A killed job goes on from its checkpoint and gives the same rows. Raises
    InputError for a key, file or model that cannot be used, before anything is optimised.
    """
    design = json.loads(spec)
    check(design)
    target = device.prepare(design)
    if Path(model).parts[-4:-1] == OF_THE_RUN:  # others are their owner's to change
        folders.check_digests(model)
    read = folders.read(model, target)
    check_model(design, read)
    job = Job(design, spec, Reader.of(read, design["precision"], design["compile"]), model, text)
    job.run(Keeper(Path(checkpoints) / "state.safetensors", job.identity, checkpoint_seconds))
    rows = pd.DataFrame(job.rows, columns=Row._fields)
    costs = pd.DataFrame(job.costs).assign(corpus=read_record(record).title)
    write_job(design, spec, rows, costs, runs, arms)
    (Path(checkpoints) / "state.safetensors").unlink(missing_ok=True)
    if Path(checkpoints).is_dir() and not any(Path(checkpoints).iterdir()):
        Path(checkpoints).rmdir()


@dataclass
class Keeper:
    """Writes a checkpoint when it is time to."""

    path: Path
    identity: str
    seconds: float
    saved_at: float = -math.inf

    def due(self) -> bool:
        return time.perf_counter() - self.saved_at >= self.seconds

    def save(self, saved: Saved) -> None:
        checkpoint.write(self.path, saved, self.identity)
        self.saved_at = time.perf_counter()


@dataclass(frozen=True)
class Batch:
    """The texts of a cell: names (kind, index) of each, ids (B, N), initial vectors (B, m, d)."""

    names: list[tuple[str, int]]
    ids: Tensor
    start: Tensor


class Job:
    """One design on one model: its texts, its finished rows, and the cell in work."""

    def __init__(
        self, design: Mapping[str, Any], spec: str, reader: Reader, folder: str, files: Mapping[str, str]
    ) -> None:
        self.design, self.reader = design, reader
        self.cells = cells(design)
        longest = max(cell.length for cell in self.cells)
        self.texts = Texts(reader, files, design["seed"], design["texts"], longest)
        everything = {kind: self.texts.ids(kind, longest).cpu().numpy() for kind in design["kinds"]}
        fingerprint = hashlib.sha256(b"".join(everything[kind].tobytes() for kind in sorted(everything))).hexdigest()
        parts = [spec, fingerprint, _digest_of_folder(folder), _digest_of_code(), torch.__version__]
        self.identity = provenance.digest(json.dumps(parts))
        self.rows: list[Row] = []
        self.costs: list[dict[str, Any]] = []
        self.finished = 0  # cells
        self.seconds = 0.0  # of the cell in work, earlier attempts included
        self.logged_at = time.perf_counter()

    def log(self, message: str) -> None:
        print(f"{self.design['condition']}: {message}", file=sys.stderr, flush=True)

    def run(self, keeper: Keeper) -> None:
        """Work off every cell that is not finished yet."""
        keeper.saved_at = time.perf_counter()
        part = self._resume(keeper)
        if not self.rows:
            self._add_model()
        while self.finished < len(self.cells):
            group = self.group(self.finished)
            started, batches = time.perf_counter() - self.seconds, [self.batch(cell) for cell in group]
            if group[0].control in controls.MEASURED:
                self._measure(group[0], batches[0], started)
            else:
                works = [self.work(cell, batch) for cell, batch in zip(group, batches, strict=True)]
                if part is not None:
                    self._restore(works, part)
                self._optimise(group[0], works, started, keeper)
                shares = self._shares(works, time.perf_counter() - started)
                for cell, batch, work, seconds in zip(group, batches, works, shares, strict=True):
                    self._add_cell(cell, batch, work, seconds)
            self.finished, self.seconds, part = self.finished + len(group), 0.0, None

    def group(self, first: int) -> list[Cell]:
        """The cells from ``first`` on that step together: those of its arm, where the model takes several lengths."""
        cell = self.cells[first]
        if cell.control in controls.MEASURED or not self.reader.packs:
            return [cell]
        return list(itertools.takewhile(lambda other: other.arm == cell.arm, self.cells[first:]))

    def _restore(self, works: Sequence[Cramming], part: Saved) -> None:
        for number, (work, values) in enumerate(zip(works, part.values["works"], strict=True)):
            work.restore(Saved(part.under(str(number)), values))
        self.log(f"goes on from step {max(work.step_count for work in works)}")

    def _shares(self, works: Sequence[Cramming], seconds: float) -> list[float]:
        """The seconds of each of some batches that stepped together: by the positions that they put in."""
        positions = [work.text_steps * (work.vectors.shape[1] + work.ids.shape[2]) for work in works]
        return [seconds * own / sum(positions) for own in positions]

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

    def work(self, cell: Cell, batch: Batch) -> Cramming:
        """The batch of an arm, or of the control ``shared`` under the first arm's settings."""
        arms = self.design["arms"]
        settings = Settings.of(arms[cell.settings], cell.settings)
        ids, start = batch.ids.unsqueeze(1), batch.start
        if cell.control == "shared":
            ids, start = controls.shared_units(batch.ids, batch.start)
        texts = ids.shape[1]
        watched = frozenset(unit for unit in range(len(ids)) if batch.names[unit * texts][1] < WATCHED)
        return Cramming(self.reader, ids, start, settings, self.design["predict_first"], watched)

    def _optimise(self, cell: Cell, works: Sequence[Cramming], started: float, keeper: Keeper) -> None:
        """Step until every unit is done; a checkpoint and a line in the log now and then."""
        while open_ := [work for work in works if not work.done]:
            measure_together(open_)
            for work in open_:
                work.step()
            if keeper.due() and not all(work.done for work in works):
                self.seconds = time.perf_counter() - started
                keeper.save(self.saved(works))
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

    def _measure(self, cell: Cell, batch: Batch, started: float) -> None:
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
        self._add_costs(cell, kinds, dict.fromkeys(range(len(kinds)), 0), time.perf_counter() - started)
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

    def saved(self, works: Sequence[Cramming]) -> Saved:
        """The state of the job in the middle of a group of cells."""
        parts = [work.saved() for work in works]
        tensors: dict[str, Tensor] = {}
        for number, part in enumerate(parts):
            tensors |= prefixed(str(number), part.tensors)
        values = {"finished": self.finished, "rows": self.rows, "costs": self.costs, "seconds": self.seconds}
        return Saved(prefixed("work", tensors), {**values, "work": {"works": [part.values for part in parts]}})

    def _resume(self, keeper: Keeper) -> Saved | None:
        """Take up the checkpoint, if there is one; gives the state of the cell in work."""
        saved = checkpoint.resume(keeper.path, keeper.identity, self.log)
        if saved is None:
            return None
        values = saved.values
        self.rows = [Row(*row) for row in values["rows"]]
        self.costs, self.finished, self.seconds = values["costs"], values["finished"], values["seconds"]
        return Saved(saved.under("work"), values["work"])


def _digest_of_folder(folder: str) -> str:
    """A digest of a model folder's config, weights and tokenizer."""
    total = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.name in ("config.json", "tokenizer.json") or path.suffix == ".safetensors":
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _digest_of_code() -> str:
    root = Path(__file__).parents[1]
    return hashlib.sha256(b"".join((root / f"{name}.py").read_bytes() for name in MODULES)).hexdigest()
