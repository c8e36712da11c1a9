"""The cramming study's measurements as arrays: a block is one model, kind of text, number of vectors and arm.

Rows of results.RUNS, condition ``cramming/<design>/<model>/<kind>/n-<tokens>-m-<vectors>``, seed the index of the text.
A text is the same one in every design, model and length, so blocks of several designs can be merged and compared.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tokentrial.errors import InputError
from tokentrial.statistics import cramming
from tokentrial.statistics.cramming import BoolArray
from tokentrial.statistics.samples import FloatArray

STUDY = "cramming"
MODEL_ARM = "model"  # rows that describe a language model
TUNED, PAPER = "tuned", "paper"
NATURAL, SEEN = "text-test", "text-train"
KINDS = (NATURAL, SEEN, "samples", "random-words", "random-tokens", "shuffled", "repeated")
RIGHT = 1 - 1e-6  # an accuracy of 1, whatever its precision
PAPER_UNSOLVED = 0.99  # the paper pools gains over texts of at most this accuracy
_CELL = re.compile(rf"{STUDY}/(?P<design>[^/]+)/(?P<model>.+)/(?P<kind>[^/]+)/n-(?P<length>\d+)-m-(?P<vectors>\d+)")

Facts = Mapping[str, float]


class Key(NamedTuple):
    """What a block is of; in merged blocks ``design`` lists the designs."""

    design: str
    model: str
    kind: str
    vectors: int
    arm: str


@dataclass(frozen=True, eq=False)
class Block:
    """values: metric -> (T, K), NaN where a text was not measured; lengths: (K,) tokens of a text, rising.

    given: how many of a text's tokens are not predicted: the first one, as in document 004, or none.
    """

    key: Key
    lengths: FloatArray
    values: Mapping[str, FloatArray]
    given: int = 1

    def metric(self, name: str) -> FloatArray:
        return self.values.get(name, np.full_like(self.values["accuracy"], np.nan))

    @property
    def rows(self) -> int:
        """T: the largest index of a text, plus one."""
        return len(self.values["accuracy"])

    @cached_property
    def texts(self) -> int:
        """Texts with a measurement."""
        return int(self.measured.any(axis=1).sum())

    @cached_property
    def fewest(self) -> int:
        """Texts of the length that has the fewest, of those that have any."""
        counts = self.measured.sum(axis=0)
        return int(counts[counts > 0].min()) if counts.any() else 0

    @cached_property
    def measured(self) -> BoolArray:
        return np.asarray(~np.isnan(self.values["accuracy"]))

    @property
    def predicted(self) -> FloatArray:
        """Tokens that a text's means are over, (K,)."""
        return self.lengths - self.given

    @cached_property
    def solved(self) -> FloatArray:
        """1 where teacher forcing is right throughout and greedy decoding gives the text back; NaN where unknown."""
        accuracy, greedy = self.values["accuracy"], self.metric("greedy_exact")
        both = (accuracy >= RIGHT) & (greedy >= 1)
        return np.where(np.isnan(accuracy) | np.isnan(greedy), np.nan, both.astype(float))

    @cached_property
    def unsolved(self) -> BoolArray:
        """Measured and not solved, nor of accuracy 1 where nothing was decoded; with both cross-entropies."""
        greedy = np.nan_to_num(self.metric("greedy_exact"), nan=1.0)
        solved = (self.values["accuracy"] >= RIGHT) & (greedy >= 1)
        return np.asarray(self.measured & ~solved & ~np.isnan(self.gain))

    @cached_property
    def unsolved_paper(self) -> BoolArray:
        return np.asarray(self.measured & (self.values["accuracy"] <= PAPER_UNSOLVED) & ~np.isnan(self.gain))

    @cached_property
    def entropy(self) -> FloatArray:
        """H(LM), nats of the predicted tokens without the vector."""
        return self.metric("cross_entropy_without") * self.predicted

    @cached_property
    def entropy_with(self) -> FloatArray:
        """H(LM+mem), the same with the vector."""
        return self.metric("cross_entropy") * self.predicted

    @cached_property
    def gain(self) -> FloatArray:
        """Information gain, nats: the difference of the means times the predicted tokens, N - 1."""
        return self._gain(self.predicted)

    @cached_property
    def gain_paper(self) -> FloatArray:
        """The paper's: N times it."""
        return self._gain(self.lengths)

    def _gain(self, predicted: FloatArray) -> FloatArray:
        return cramming.information_gain(self.metric("cross_entropy_without"), self.metric("cross_entropy"), predicted)

    @cached_property
    def token_gain(self) -> FloatArray:
        return cramming.token_gain(self.values["accuracy"], self.metric("accuracy_without"), self.lengths)

    def at(self, lengths: Iterable[float], rows: int | None = None) -> "Block":
        """The same at these of its lengths, of the first ``rows`` texts."""
        places = [int(np.flatnonzero(self.lengths == length)[0]) for length in lengths]
        values = {name: value[: rows or self.rows, places] for name, value in self.values.items()}
        return Block(self.key, self.lengths[places], values, self.given)

    def of_enough_texts(self, minimum: int) -> "Block":
        """Without the lengths that fewer texts have, unless that leaves none."""
        enough = self.measured.sum(axis=0) >= minimum
        return self.at(self.lengths[enough]) if enough.any() and not enough.all() else self


def common(*blocks: Block) -> tuple[Block, ...]:
    """The blocks at the lengths and texts that all of them have; they may have none."""
    shared = sorted(set.intersection(*(set(block.lengths) for block in blocks)))
    rows = min(block.rows for block in blocks)
    return tuple(block.at(shared, rows) for block in blocks)


class Cells:
    """All blocks of a run, and what is known about its models."""

    def __init__(
        self,
        runs: pd.DataFrame,
        models: Mapping[str, Any] | None = None,
        predict_first: bool = False,
        minimum_texts: int = 1,
    ) -> None:
        """runs: rows of results.RUNS, of any study; models: name -> its entry in the config, where there is one;
        predict_first: whether the first token of a text was predicted too; minimum_texts: see `block`."""
        self._given, self._minimum = 0 if predict_first else 1, minimum_texts
        final = runs[(runs["study"] == STUDY) & runs["step"].isna() & runs["value"].notna()]
        self._config = dict(models or {})
        self._describing = final[final["arm"] == MODEL_ARM]
        self._frame = _parsed(final[final["arm"] != MODEL_ARM])
        self._merged: dict[Key, Block | None] = {}

    @cached_property
    def blocks(self) -> list[Block]:
        """One for each design, in the order of the rows."""
        made = []
        for key, group in self._frame.groupby(list(Key._fields), sort=False):
            design, model, kind, vectors, arm = key
            made.append(self._block(Key(str(design), str(model), str(kind), int(str(vectors)), str(arm)), group))
        return made

    @cached_property
    def models(self) -> list[str]:
        return [str(name) for name in dict.fromkeys(block.key.model for block in self.blocks)]

    @cached_property
    def facts(self) -> dict[tuple[str, str], dict[str, float]]:
        """(design, model) -> width, layers, vocab_size, parameters, context, validation_cross_entropy, ..."""
        found: dict[tuple[str, str], dict[str, float]] = {}
        rows = self._describing
        for name, metric, value in zip(rows["condition"], rows["metric"], rows["value"], strict=True):
            _, design, model = str(name).split("/", 2)
            found.setdefault((design, model), {})[str(metric)] = float(value)
        return found

    def about(self, model: str) -> dict[str, float]:
        """What is known about a model, from all designs."""
        made: dict[str, float] = {}
        for (_, name), facts in self.facts.items():
            made = facts | made if name == model else made
        return made

    def architecture(self, model: str) -> str:
        """``llama``: from the config, else the name up to its first hyphen."""
        shape = self._config.get(model, {}).get("train") or {}
        return str(shape.get("architecture") or model.partition("-")[0])

    def is_trained(self, model: str) -> bool:
        shape = self._config.get(model, {}).get("train") or {}
        return shape.get("epochs") != 0 and not model.startswith("untrained")

    @cached_property
    def trained(self) -> list[str]:
        return [model for model in self.models if self.is_trained(model)]

    def block(self, model: str, kind: str = NATURAL, vectors: int = 1, arm: str = TUNED) -> Block | None:
        """The measurements of all designs together; a text that two of them have at a length counts once.

        Lengths with fewer than ``minimum_texts`` are left out where others have as many: a design that looks further
        with fewer texts does not weaken what the others found.
        """
        wanted = Key("", model, kind, vectors, arm)
        if wanted not in self._merged:
            frame = self._frame
            same = [frame[name] == value for name, value in zip(Key._fields[1:], wanted[1:], strict=True)]
            mine = frame[np.logical_and.reduce(same)] if len(frame) else frame
            designs = ", ".join(dict.fromkeys(mine["design"]))
            merged = self._block(wanted._replace(design=designs), mine) if len(mine) else None
            self._merged[wanted] = None if merged is None else merged.of_enough_texts(self._minimum)
        return self._merged[wanted]

    def vectors(self, model: str, kind: str = NATURAL, arm: str = TUNED) -> list[int]:
        """The numbers of vectors that a model was run with, rising."""
        keys = (block.key for block in self.blocks)
        return sorted({key.vectors for key in keys if (key.model, key.kind, key.arm) == (model, kind, arm)})

    def kinds(self, model: str, vectors: int = 1, arm: str = TUNED) -> list[str]:
        """The kinds of text that a model was run with."""
        return _ordered(
            key.kind
            for key in (block.key for block in self.blocks)
            if (key.model, key.vectors, key.arm) == (model, vectors, arm)
        )

    def _block(self, key: Key, rows: pd.DataFrame) -> Block:
        lengths = np.array(sorted(rows["length"].unique()), dtype=float)
        count = int(rows["text"].max()) + 1
        values = {"accuracy": np.full((count, len(lengths)), np.nan)}
        first = rows.drop_duplicates(["metric", "text", "length"])
        for metric, group in first.groupby("metric", sort=False):
            array = np.full((count, len(lengths)), np.nan)
            array[group["text"].to_numpy(), np.searchsorted(lengths, group["length"].to_numpy())] = group["value"]
            values[str(metric)] = array
        return Block(key, lengths, values, self._given)


def _ordered(kinds: Iterable[str]) -> list[str]:
    found = dict.fromkeys(kinds)
    return [*(kind for kind in KINDS if kind in found), *(kind for kind in found if kind not in KINDS)]


def _parsed(rows: pd.DataFrame) -> pd.DataFrame:
    """design, model, kind, length, vectors, arm, text, metric, value; raises InputError for another condition."""
    names = rows["condition"].drop_duplicates()
    parts: dict[str, dict[str, Any]] = {}
    for name in names:
        match = _CELL.fullmatch(str(name))
        if match is None:
            raise InputError(
                f"runs: condition: found '{name}', expected {STUDY}/<design>/<model>/<kind>/n-<tokens>-m-<vectors>"
            )
        parts[str(name)] = match.groupdict()
    made = rows[["condition", "arm", "seed", "metric", "value"]].rename(columns={"seed": "text"})
    for column in ("design", "model", "kind"):
        made[column] = [parts[name][column] for name in rows["condition"]]
    for column in ("length", "vectors"):
        made[column] = np.array([int(parts[name][column]) for name in rows["condition"]], dtype=int)
    return made
