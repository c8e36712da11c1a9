"""The released embedding layers as layouts: which token reads which row of which table, and how it gets to width D.

A layout is a list of bands (tables). The scripts make most tables over the whole vocabulary, although a token only ever
reads its own band's; rows that no token reads have no gradient and never move. Here a band has the rows that can be
read, and the parameters of the released tables are counted apart (:class:`Cost`).

Source: protocols B1 to B6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tokentrial.released.bespoke.text import IntArray
from tokentrial.seeds import stream

HIGH, MID, LOW = 0, 1, 2


@dataclass(frozen=True)
class Band:
    """One table of ``rows`` x ``width``; ``projected`` to width D by a linear map of its own, or by the shared one.

    trained False: no window of the text reads the table, so that its gradient is always zero. rare: some batches do
    not read it, and then torch leaves it and its map alone (see :class:`training.SkippingAdam`). A band that is not
    rare is read by every batch or by none.
    """

    name: str
    width: int
    rows: int
    projected: bool = True
    bias: bool = False
    trained: bool = True
    rare: bool = False


@dataclass(frozen=True)
class Cost:
    """Parameters of an arm as released: tables, projections, all that follows; ``frozen`` of them stay as drawn."""

    embedding: int
    encoder: int
    head: int
    frozen: int = 0

    @property
    def trained(self) -> int:
        return self.total - self.frozen

    @property
    def total(self) -> int:
        return self.embedding + self.encoder + self.head


@dataclass(frozen=True)
class Layout:
    """Bands, and for every seed and token the row it reads, counted through all bands: slots (S, V).

    shared: one projection from the widest band's width for all (narrower vectors are padded with zeros).
    train_projection: False keeps the projections as they were drawn.
    """

    bands: tuple[Band, ...]
    slots: IntArray
    width: int
    shared: bool = False
    train_projection: bool = True

    @property
    def rows(self) -> int:
        return sum(band.rows for band in self.bands)

    def offsets(self) -> list[int]:
        """The first slot of each band."""
        return [sum(band.rows for band in self.bands[:index]) for index in range(len(self.bands))]

    def of(self, members: slice) -> "Layout":
        """The layout of some of the seeds."""
        return replace(self, slots=self.slots[members])


def uniform(vocab_size: int, width: int, output: int, seeds: int, projected: bool) -> Layout:
    """One table for all tokens; ``projected``: with a bias-free map behind it."""
    slots = np.broadcast_to(np.arange(vocab_size), (seeds, vocab_size))
    return Layout((Band("table", width, vocab_size, projected),), slots, output)


def slots_of(classes: IntArray, bands: Sequence[Band], low_rows: int | None = None) -> IntArray:
    """Slots (S, V) for classes (S, V): within a class, tokens take rows in order of their ids.

    low_rows: low tokens share that many rows, id modulo it. A class larger than its band is an error.
    """
    slots = np.empty_like(classes)
    offset = 0
    for label, band in enumerate(bands):
        member = classes == label
        row = np.cumsum(member, axis=1) - 1
        if label == LOW and low_rows is not None:
            row = np.broadcast_to(np.arange(classes.shape[1]) % low_rows, classes.shape)
        elif int(member.sum(axis=1).max(initial=0)) > band.rows:
            raise ValueError(f"band {band.name}: {int(member.sum(axis=1).max())} tokens for {band.rows} rows")
        slots = np.where(member, offset + row, slots)
        offset += band.rows
    return slots


def by_ends(ranking: IntArray, vocab_size: int, high: int, low: int, low_wins: bool) -> IntArray:
    """Classes (V,): the first ``high`` of the ranking, the last ``low`` of it, and all other ids mid.

    Where the ranking is shorter than both together the sets overlap, and ``low_wins`` says which one a token reads.
    """
    classes = np.full(vocab_size, MID, dtype=np.int64)
    for label in (HIGH, LOW) if low_wins else (LOW, HIGH):
        classes[ranking[:high] if label == HIGH else ranking[-low:]] = label
    return classes


def by_share(ranking: IntArray, counts: IntArray, high: float = 0.80, mid: float = 0.95) -> IntArray:
    """Classes (V,) by the share of the text that the tokens ranked before make up; ids that do not occur are low."""
    ordered = counts[ranking]
    before = (np.cumsum(ordered) - ordered) / ordered.sum()
    classes = np.full(len(counts), LOW, dtype=np.int64)
    classes[ranking] = np.where(before < high, HIGH, np.where(before < mid, MID, LOW))
    return classes


def by_types(ranking: IntArray, vocab_size: int, high: float = 0.1, mid: float = 0.2) -> IntArray:
    """Classes (V,) by rank: the first tenth of the types that occur high, the second mid, all others low."""
    classes = np.full(vocab_size, LOW, dtype=np.int64)
    classes[ranking[: int(mid * len(ranking))]] = MID
    classes[ranking[: int(high * len(ranking))]] = HIGH
    return classes


Reassign = Callable[[IntArray, IntArray, int], IntArray]


def permuted(seed: int, name: str) -> Reassign:
    """Controls: the same number of wide and narrow vectors, given to the types that occur at random."""

    def assign(classes: IntArray, ranking: IntArray, replicate: int) -> IntArray:
        made = classes.copy()
        made[ranking] = stream(seed, "bespoke", name, "permuted", replicate).permutation(classes[ranking])
        return made

    return assign


def reversed_ranks(classes: IntArray, ranking: IntArray, replicate: int) -> IntArray:
    """Controls: the same number of wide and narrow vectors, the wide ones for the rarest types that occur."""
    made = classes.copy()
    made[ranking] = classes[ranking[::-1]]
    return made
