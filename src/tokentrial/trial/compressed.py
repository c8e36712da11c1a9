"""A model of one's own whose token table is compressed: what each encoding costs on a text of one's own.

The engine is that of the study of a real model (:mod:`tokentrial.real_model.job`). Here are the model, the encodings
and the documents that it gets, and the table of what it measured.
"""

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from tokentrial.cramming import folders, sources
from tokentrial.cramming.folders import LanguageModel
from tokentrial.errors import InputError
from tokentrial.real_model import export, sizes
from tokentrial.real_model.documents import Text
from tokentrial.real_model.job import FULL, INPUT, TIED, Job
from tokentrial.real_model.own_text import files_of, own_text
from tokentrial.real_model.sizes import Options, Table
from tokentrial.real_model.stored import Coded
from tokentrial.run.finals import LOSS
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import UNDEFINED, FloatArray
from tokentrial.training import device
from tokentrial.training.runner import Runner

CONDITION = "compress"
COUNTED = 100_000  # most tokens whose frequencies weigh errors and make bands, as in the study
SEED = 0
CONFIDENCE = 0.95
MARGIN = 0.01  # of the full table's loss: an encoding counts as free if it is shown to cost less
APART = 1e-3  # nats between a written model's loss and the measured one, whose float32 sums have another order
METRICS = {"loss": LOSS, "bits_per_byte": "bits_per_byte", "agreement": "agreement"}


@dataclass(frozen=True)
class Request:
    """What is asked. methods, sizes: see real_model.sizes; tokens: predicted ones at the beginning of a document;

    save: the encodings whose models are written, None for all.
    """

    model: str
    methods: Sequence[str]
    sizes: Sequence[int]
    text: Path
    documents: int = 32
    tokens: int = 32
    input_only: bool = False
    save: Sequence[str] | None = None


@dataclass(frozen=True)
class Written:
    """A model that was written. measured: the loss of its encoding; read: that of the folder, read again; nats."""

    arm: str
    use: str
    bytes: int
    measured: float
    read: float


@dataclass(frozen=True)
class Compressed:
    """What was measured. rows: an encoding in a use, see :func:`table`; counted: tokens behind the frequencies."""

    model: str
    text: Path
    rows: pd.DataFrame
    written: Sequence[Written]
    documents: int
    tokens: int
    counted: int
    table: Table
    parameters: int
    tied: bool
    """Whether the model's output layer is its token table."""

    @property
    def uses(self) -> list[str]:
        """The uses that were measured, the one of the written models last."""
        return list(dict.fromkeys(self.rows["use"]))


class Measured(Job):
    """A job of the study on one text, which hands over each encoded table and may leave out the tied use."""

    def __init__(
        self,
        design: Mapping[str, Any],
        model: LanguageModel,
        text: Text,
        input_only: bool,
        keep: Callable[[str, Tensor, Tensor], None],
    ) -> None:
        """keep: gets arm, table (V, d) and the documents' ids (D, T + 1)."""
        super().__init__(design, model, [text])
        self.input_only, self.keep = input_only, keep

    @property
    def uses(self) -> tuple[str, ...]:
        return (INPUT,) if self.input_only else super().uses

    def encoded(self, arm: str) -> Coded:
        coded = super().encoded(arm)
        self.keep(arm, coded.table, self.windows[self.texts[0].name])
        return coded

    def log(self, message: str) -> None:
        super().log(message.replace(f"{self.texts[0].name} ", ""))


def compress(request: Request, working: Path, models: Path) -> Compressed:
    """Measures the encodings, and writes models as folders of ``models``.

    working: a folder for what is not kept. Raises InputError for a model, method, size or text that cannot be used.
    """
    encodings, files = sizes.asked(request.methods, request.sizes), files_of(request.text)
    folder = sources.folder_of(request.model, working)
    model = folders.read(folder, device.prepare({"device": "cpu"}))
    if model.context is not None and request.tokens > model.context:
        raise InputError(f"--tokens: found {request.tokens}, expected at most the model's context of {model.context}")
    shape = Table(model.vocab_size, model.width)
    arms = sizes.arms(encodings, shape)
    saved = chosen(request.save, arms)
    check_room(models.parent, len(saved), model)
    text = own_text(request.text, files, model, request.documents, request.tokens)
    kept = dict[str, tuple[int, float]]()
    tied = model.weight.data_ptr() == model.table.data_ptr()

    def keep(arm: str, table: Tensor, ids: Tensor) -> None:
        if arm in saved:
            size = export.write(folder, table, models / arm, tied and not request.input_only)
            kept[arm] = (size, export.loss_of(models / arm, table, ids))

    design = {
        "study": "real_model", "condition": CONDITION, "arms": list(arms.items()), "documents": len(text.held_out),
        "tokens": request.tokens, "counted_tokens": COUNTED, "seed": SEED, "device": "cpu",
    }  # fmt: skip
    job = Measured(design, model, text, request.input_only, keep)
    Runner(json.dumps(design), [], str(working / "checkpoints"), float("inf")).run(job)
    rows = table(job)
    return Compressed(
        sources.title_of(request.model), request.text, rows, checked(rows, kept), len(text.held_out), request.tokens,
        int(job.counts.sum()), shape, sum(value.numel() for value in model.model.parameters()), tied,
    )  # fmt: skip


def chosen(save: Sequence[str] | None, arms: Mapping[str, Options]) -> list[str]:
    """Returns the encodings whose models are written. Raises InputError for one that is not measured."""
    known = [arm for arm in arms if arm != FULL]
    for name in save or ():
        if name not in known:
            raise InputError(f"--save: found '{name[:80]}', expected one of {', '.join(known)}")
    return known if save is None else list(save)


def check_room(folder: Path, count: int, model: LanguageModel) -> None:
    """Raises InputError if a folder's disk has no room for so many models in float32."""
    needed, free = count * 4 * sum(value.numel() for value in model.model.parameters()), shutil.disk_usage(folder).free
    if needed > free:
        sizes_ = f"{count} models of {needed / count / 1e6:,.1f} MB each, found {free / 1e6:,.1f} MB free"
        raise InputError(f"--out: expected room for {sizes_}; --save names fewer of them")


def table(job: Measured) -> pd.DataFrame:
    """Returns a row for each use and encoding: bits and bytes of the table, and means over documents with intervals.

    Columns: use, arm, bits, bits_a_token, bits_a_number, bytes (by count), bytes_zstd, bytes_entropy, n, and for loss
    (nats a token), bits_per_byte and agreement the mean with _low and _high; over_ begins the paired differences from
    the full table. Intervals are Student's, of 95 %; the upper end ``over_loss_most`` holds for all encodings of a use
    together (Bonferroni). An encoding whose loss is not finite has neither loss nor agreement. Raises InputError if
    that of the full table is not.
    """
    frame = pd.DataFrame(job.rows, columns=job.row._fields)
    bits = {cost["arm"]: cost["bits_deployed"] for cost in job.costs}
    rows = []
    for use in job.uses:
        of_use = frame[frame["condition"] == f"{CONDITION}/{job.texts[0].name}-{use}"]
        full = by_document(of_use, FULL)
        if not np.isfinite(full["loss"]).all():
            raise InputError("the model's loss is not finite on this text, with its own table in float16")
        for arm in job.arms:
            stored = of_use[(of_use["arm"] == arm) & (of_use["split"] == "table")].set_index("metric")["value"]
            row = {"use": use, "arm": arm, "bits": bits[arm], "bits_a_token": bits[arm] / job.model.vocab_size}
            row |= {"bits_a_number": bits[arm] / job.model.table.numel()}
            row |= {name: float(stored[name]) for name in ("bytes", "bytes_zstd", "bytes_entropy")}
            row["n"] = job.design["documents"]
            values = by_document(of_use, arm)
            usable = bool(np.isfinite(values["loss"]).all())
            for name, of_arm in values.items():
                row |= _with_interval(name, of_arm, usable)
                if name != "agreement":
                    row |= _with_interval(f"over_{name}", of_arm - full[name], usable and arm != FULL)
            together = 1 - (1 - CONFIDENCE) / (len(job.arms) - 1)
            most = t_interval(values["loss"] - full["loss"], together).high if usable and arm != FULL else math.nan
            row["over_loss_most"] = most
            rows.append(row)
    return pd.DataFrame(rows)


def by_document(rows: pd.DataFrame, arm: str) -> dict[str, FloatArray]:
    """Returns column of :func:`table` -> the values of an encoding, (D,) each."""
    of_arm = rows[rows["arm"] == arm].sort_values("seed")
    return {
        name: of_arm.loc[of_arm["metric"] == metric, "value"].to_numpy(dtype=float) for name, metric in METRICS.items()
    }


def _with_interval(name: str, values: FloatArray, usable: bool) -> dict[str, float]:
    mean, (low, high) = (float(values.mean()), t_interval(values, CONFIDENCE)) if usable else (math.nan, UNDEFINED)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def checked(rows: pd.DataFrame, kept: Mapping[str, tuple[int, float]]) -> list[Written]:
    """Returns the written models with both losses. Raises InputError if a folder's differs from the measured one."""
    losses = rows.set_index(["use", "arm"])["loss"]
    use = TIED if TIED in set(rows["use"]) else INPUT
    written = [Written(arm, use, size, float(losses[use, arm]), loss) for arm, (size, loss) in kept.items()]
    for one in written:
        if math.isfinite(one.measured) and not abs(one.read - one.measured) <= APART:
            found = f"its loss, read again, is {one.read:.6f} nats"
            raise InputError(
                f"{one.arm}: the model that was written is another one: {found}, expected {one.measured:.6f}"
            )
    return written
