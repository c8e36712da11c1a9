"""The cramming study's measurements as arrays, in blocks: one model, kind of text, number of vectors and arm each.

The arrays come from the rows of results.RUNS, whose seed is the index of the text in its job, and the table of
conditions. What makes two texts the same is the digest of their words (`cramming.texts`), never their index: blocks of
several experiments are merged, and blocks of several models compared, over the digests that they share.

ASSUME: rows of versions without digests have the same text under an index if the models have the same context, since
the list of texts depended on that alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tokentrial.errors import InputError
from tokentrial.statistics import cramming
from tokentrial.statistics.cramming import BoolArray, Lengths
from tokentrial.statistics.samples import FloatArray

STUDY = "cramming"
MODEL_ARM = "model"  # rows that describe a language model
SEARCH = "search_"  # begins the metrics of texts at the lengths of a search (cramming.search)
CONTROL = "control"  # the role of arms that are controls
TUNED, PAPER = "tuned", "paper"
NATURAL, SEEN = "text-test", "text-train"
ALL = "all"  # kinds of text together
KINDS = (NATURAL, SEEN, "samples", "random-words", "random-tokens", "shuffled", "repeated")
RIGHT = 1 - 1e-6  # an accuracy of 1, in any precision
PAPER_UNSOLVED = 0.99  # the paper pools gains over texts with at most this accuracy

Facts = Mapping[str, float]


class Key(NamedTuple):
    """The identity of a block. design: the name of its experiment; of a merged block, the names of all."""

    design: str
    model: str
    kind: str
    vectors: int
    arm: str


@dataclass(frozen=True, eq=False)
class Block:
    """The measurements of T texts at K lengths.

    texts: (T,) digests; indexes: (T,) of the texts in their job, rising; values: metric -> (T, K), NaN if a text was
    not measured; lengths: (K,) tokens of a text, rising. given: how many of a text's tokens are not predicted: the
    first one, as in document 004, or none.
    """

    key: Key
    texts: tuple[str, ...]
    indexes: tuple[int, ...]
    lengths: FloatArray
    values: Mapping[str, FloatArray]
    given: int = 1
    search_lengths: FloatArray = field(default_factory=lambda: np.empty(0))
    searched: FloatArray | None = None
    """Whether each text is solved at the lengths of its search, NaN where it was not tried, (T, search lengths)."""

    def metric(self, name: str) -> FloatArray:
        """Returns the values of a metric, (T, K): NaN if the block has no such metric."""
        return self.values.get(name, np.full_like(self.values["accuracy"], np.nan))

    @property
    def rows(self) -> int:
        """T."""
        return len(self.texts)

    @cached_property
    def count(self) -> int:
        """The number of texts with a measurement."""
        return int(self.measured.any(axis=1).sum())

    @cached_property
    def fewest(self) -> int:
        """The smallest number of measured texts at a length that has any."""
        counts = self.measured.sum(axis=0)
        return int(counts[counts > 0].min()) if counts.any() else 0

    @cached_property
    def measured(self) -> BoolArray:
        return np.asarray(~np.isnan(self.values["accuracy"]))

    @property
    def predicted(self) -> FloatArray:
        """The number of predicted tokens of a text, (K,)."""
        return self.lengths - self.given

    @cached_property
    def solved(self) -> FloatArray:
        """1 if every token is right in teacher forcing and in greedy decoding, else 0; NaN if unknown. (T, K)."""
        accuracy, greedy = self.values["accuracy"], self.metric("greedy_exact")
        both = (accuracy >= RIGHT) & (greedy >= 1)
        return np.where(np.isnan(accuracy) | np.isnan(greedy), np.nan, both.astype(float))

    @cached_property
    def capacities(self) -> Lengths:
        """The capacity of each text: the last length that it solves before its first failure. Bounds, (T,) each."""
        searched = np.empty((self.rows, 0)) if self.searched is None else self.searched
        lengths, solved = np.r_[self.lengths, self.search_lengths], np.hstack([self.solved, searched])
        order = np.argsort(lengths, kind="stable")
        return cramming.first_failures(solved[:, order], lengths[order], self.given)

    @cached_property
    def unsolved(self) -> BoolArray:
        """Whether a text is measured, with both cross-entropies, and not solved, (T, K).

        If nothing was decoded, a text with an accuracy of 1 counts as solved.
        """
        greedy = np.nan_to_num(self.metric("greedy_exact"), nan=1.0)
        solved = (self.values["accuracy"] >= RIGHT) & (greedy >= 1)
        return np.asarray(self.measured & ~solved & ~np.isnan(self.gain))

    @cached_property
    def unsolved_paper(self) -> BoolArray:
        """Whether the paper pools the gain of a text, (T, K)."""
        return np.asarray(self.measured & (self.values["accuracy"] <= PAPER_UNSOLVED) & ~np.isnan(self.gain))

    @cached_property
    def entropy(self) -> FloatArray:
        """H(LM): the nats of the predicted tokens without the vector, (T, K)."""
        return self.metric("cross_entropy_without") * self.predicted

    @cached_property
    def entropy_with(self) -> FloatArray:
        """H(LM+mem): the nats of the predicted tokens with the vector, (T, K)."""
        return self.metric("cross_entropy") * self.predicted

    @cached_property
    def gain(self) -> FloatArray:
        """Information gain in nats: the difference of the mean losses times the predicted tokens, N - 1. (T, K)."""
        return self._gain(self.predicted)

    @cached_property
    def gain_paper(self) -> FloatArray:
        """The paper's information gain in nats: the difference of the mean losses times N. (T, K)."""
        return self._gain(self.lengths)

    def _gain(self, predicted: FloatArray) -> FloatArray:
        return cramming.information_gain(self.metric("cross_entropy_without"), self.metric("cross_entropy"), predicted)

    @cached_property
    def token_gain(self) -> FloatArray:
        return cramming.token_gain(self.values["accuracy"], self.metric("accuracy_without"), self.lengths)

    def at(self, lengths: Iterable[float], rows: Sequence[int] | None = None) -> "Block":
        """Returns the block with some of its lengths, and with the texts in these rows (None: all)."""
        columns = [int(np.flatnonzero(self.lengths == length)[0]) for length in lengths]
        kept = list(range(self.rows) if rows is None else rows)
        values = {name: value[np.ix_(kept, columns)] for name, value in self.values.items()}
        return replace(
            self,
            texts=tuple(self.texts[row] for row in kept),
            indexes=tuple(self.indexes[row] for row in kept),
            lengths=self.lengths[columns],
            values=values,
            searched=None if self.searched is None else self.searched[kept],
        )

    def of_enough_texts(self, minimum: int) -> "Block":
        """Returns the block without lengths that have fewer texts; the whole block if no length would remain."""
        enough = self.measured.sum(axis=0) >= minimum
        return self.at(self.lengths[enough]) if enough.any() and not enough.all() else self


def common(*blocks: Block) -> tuple[Block, ...]:
    """Returns the blocks at the lengths and texts that all of them have, which may be none; row i is one text."""
    shared = sorted(set.intersection(*(set(block.lengths) for block in blocks)))
    return tuple(block.at(shared) for block in paired(*blocks))


def paired(*blocks: Block) -> tuple[Block, ...]:
    """Returns the blocks with the texts that all of them have, in the order of the digests; row i is one text.

    Kinds have no text in common. Blocks of several kinds are matched by the index of the text: a shuffled or repeated
    text with the natural one that it is made of, and otherwise independent draws, of which any match is as good.
    """
    alike = len({block.key.kind for block in blocks}) == 1
    names: list[Sequence[Any]] = [block.texts if alike else block.indexes for block in blocks]
    shared = sorted(set.intersection(*map(set, names)))
    places = [{name: row for row, name in reversed(list(enumerate(each)))} for each in names]
    return tuple(
        block.at(block.lengths, [at[name] for name in shared]) for block, at in zip(blocks, places, strict=True)
    )


class Cells:
    """All blocks of a run, and the facts about its models."""

    def __init__(
        self,
        runs: pd.DataFrame,
        conditions: pd.DataFrame,
        methods: pd.DataFrame,
        models: Mapping[str, Any] | None = None,
        predict_first: bool = False,
        minimum_texts: int = 1,
    ) -> None:
        """runs, conditions, methods: a run's tables; models: name -> entry of the config, if there is one;
        predict_first: whether the first token of a text was predicted, too; minimum_texts: see `block`.

        Raises InputError for rows of a condition that the table of conditions lacks.
        """
        self.given, self._minimum = 0 if predict_first else 1, minimum_texts
        final = runs[(runs["study"] == STUDY) & runs["step"].isna() & runs["value"].notna()]
        self._config = dict(models or {})
        self._controls = set(methods.loc[(methods["study"] == STUDY) & (methods["role"] == CONTROL), "arm"])
        about_models, of_texts = final["arm"] == MODEL_ARM, conditions["kind"].notna()
        self._about_models = _described(final[about_models], conditions)
        frame = _described(final[~about_models], conditions[of_texts]).astype({"length": int, "vectors": int})
        self._frame = frame.assign(text=frame["text"].fillna(self._texts_of_earlier_versions(frame)))
        self._merged: dict[Key, Block | None] = {}

    @cached_property
    def blocks(self) -> list[Block]:
        """The blocks of single experiments, in the order of the rows."""
        return [
            self._block(Key(str(design), str(model), str(kind), int(str(vectors)), str(arm)), group)
            for (design, model, kind, vectors, arm), group in self._frame.groupby(list(Key._fields), sort=False)
        ]

    def _texts_of_earlier_versions(self, frame: pd.DataFrame) -> pd.Series:
        """Returns what stands for the digest of each row's text in runs that lack digests (see above)."""
        contexts = {model: f"{self.about(model).get('context')}" for model in frame["model"].unique()}
        return frame["model"].map(contexts).astype(str) + " " + frame["index"].astype(str).str.zfill(6)

    @cached_property
    def optimised(self) -> list[Block]:
        """The blocks that are not a control."""
        return [block for block in self.blocks if block.key.arm not in self._controls]

    @cached_property
    def models(self) -> list[str]:
        return [str(name) for name in dict.fromkeys(block.key.model for block in self.blocks)]

    @cached_property
    def facts(self) -> dict[tuple[str, str], dict[str, float]]:
        """(experiment, model) -> width, layers, vocab_size, parameters, context, validation_cross_entropy, ..."""
        facts: dict[tuple[str, str], dict[str, float]] = {}
        rows = self._about_models
        for design, model, metric, value in zip(
            *(rows[name] for name in ("design", "model", "metric", "value")), strict=True
        ):
            facts.setdefault((str(design), str(model)), {})[str(metric)] = float(value)
        return facts

    def about(self, model: str) -> dict[str, float]:
        """Returns the facts about a model from all experiments."""
        known: dict[str, float] = {}
        for (_, name), facts in self.facts.items():
            known = facts | known if name == model else known
        return known

    def is_trained(self, model: str) -> bool:
        """Whether a model was trained: by its config, which alone says that a recipe has no epochs."""
        return (self._config.get(model, {}).get("train") or {}).get("epochs") != 0

    @cached_property
    def trained(self) -> list[str]:
        return [model for model in self.models if self.is_trained(model)]

    def block(self, model: str, kind: str = NATURAL, vectors: int = 1, arm: str = TUNED) -> Block | None:
        """Returns the measurements of all experiments together; None if there are none.

        If two experiments measure a text at the same length, it is counted once. Lengths with fewer than
        ``minimum_texts`` texts are left out if other lengths have as many, so that an experiment with longer and fewer
        texts does not weaken the results of the others.
        """
        key = Key("", model, kind, vectors, arm)
        if key not in self._merged:
            frame = self._frame
            same = [frame[name] == value for name, value in zip(Key._fields[1:], key[1:], strict=True)]
            rows = frame[np.logical_and.reduce(same)] if len(frame) else frame
            experiments = ", ".join(dict.fromkeys(rows["design"]))
            merged = self._block(key._replace(design=experiments), rows) if len(rows) else None
            self._merged[key] = None if merged is None else merged.of_enough_texts(self._minimum)
        return self._merged[key]

    def vectors(self, model: str, kind: str = NATURAL, arm: str = TUNED) -> list[int]:
        """Returns the numbers of vectors that a model was run with, rising."""
        keys = (block.key for block in self.blocks)
        return sorted({key.vectors for key in keys if (key.model, key.kind, key.arm) == (model, kind, arm)})

    def kinds(self, model: str, vectors: int = 1, arm: str = TUNED) -> list[str]:
        """Returns the kinds of text that a model was run with, in the order of `KINDS`."""
        return _ordered(
            key.kind
            for key in (block.key for block in self.blocks)
            if (key.model, key.vectors, key.arm) == (model, vectors, arm)
        )

    def _block(self, key: Key, rows: pd.DataFrame) -> Block:
        texts = rows.drop_duplicates("text").sort_values(["index", "text"])
        of_search = rows["metric"].str.startswith(SEARCH)
        lengths, values = _arrays(rows[~of_search], texts["text"])
        empty = np.full((len(texts), len(lengths)), np.nan)
        search_lengths, searched = _arrays(rows[of_search], texts["text"])
        right, exact = (searched.get(f"{SEARCH}{name}") for name in ("accuracy", "exact"))
        both = (
            None
            if right is None or exact is None
            else np.where(np.isnan(right), np.nan, (right >= RIGHT) & (exact == 1))
        )
        return Block(
            key,
            tuple(texts["text"]),
            tuple(texts["index"].tolist()),
            lengths,
            {"accuracy": empty, **values},
            self.given,
            search_lengths,
            both,
        )


def _arrays(rows: pd.DataFrame, texts: pd.Series) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Returns the lengths in these rows, rising, and metric -> values by text and length, NaN if not measured."""
    lengths = np.array(sorted(rows["length"].unique()), dtype=float)
    place, values = pd.Series(range(len(texts)), index=texts), dict[str, FloatArray]()
    for metric, group in rows.drop_duplicates(["metric", "text", "length"]).groupby("metric", sort=False):
        array = np.full((len(texts), len(lengths)), np.nan)
        at = place[group["text"]].to_numpy()
        array[at, np.searchsorted(lengths, group["length"].to_numpy())] = group["value"]
        values[str(metric)] = array
    return lengths, values


def _ordered(kinds: Iterable[str]) -> list[str]:
    present = dict.fromkeys(kinds)
    return [*(kind for kind in KINDS if kind in present), *(kind for kind in present if kind not in KINDS)]


def _described(rows: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    """Returns arm, index, text, metric and value with a row's design (experiment), model, kind, length and vectors.

    Raises InputError for a row whose condition the table lacks.
    """
    unknown = rows.loc[~rows["condition"].isin(conditions["condition"]), "condition"]
    if len(unknown):
        raise InputError(f"runs: condition: found '{unknown.iloc[0]}', expected one of the table of conditions")
    columns = conditions.set_index("condition")[["experiment", "model", "kind", "length", "vectors"]]
    texts = rows[["condition", "arm", "seed", "text", "metric", "value"]].rename(columns={"seed": "index"})
    return texts.join(columns.rename(columns={"experiment": "design"}), on="condition")
