"""The released embedding layers as layouts: which token reads which row of which table, and the map to width D.

A layout is a list of bands (tables). The scripts make most tables over the whole vocabulary, although a token reads
only its own band's table; rows that no token reads have no gradient and never move. Here a band has only the rows that
can be read, and the parameters of the released tables are counted separately (:class:`Cost`).

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
    """One table of ``rows`` x ``width``; ``projected``: mapped to width D by its own linear map or a shared one.

    trained: if false, no window of the text reads the table, so its gradient is always zero. rare: some batches do not
    read the table, and torch then does not update it or its map (see :class:`training.SkippingAdam`). A band that is
    not rare is read by every batch or by none.
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
    """Parameters of an arm as released: tables, projections, and later layers; ``frozen`` of them stay as drawn."""

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
    """Bands, and the row that each token reads in each seed, counted through all bands: slots (S, V).

    shared: whether one projection from the widest band's width serves all (narrower vectors are padded with zeros).
    train_projection: if false, the projections stay as drawn.
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
        """Returns the layout of some of the seeds."""
        return replace(self, slots=self.slots[members])


def uniform(vocab_size: int, width: int, output: int, seeds: int, projected: bool) -> Layout:
    """Returns a layout with one table for all tokens; ``projected``: with a bias-free map behind the table."""
    slots = np.broadcast_to(np.arange(vocab_size), (seeds, vocab_size))
    return Layout((Band("table", width, vocab_size, projected),), slots, output)


def slots_of(classes: IntArray, bands: Sequence[Band], low_rows: int | None = None) -> IntArray:
    """Returns slots (S, V) for classes (S, V): within a class, tokens take rows in order of their ids.

    low_rows: number of rows that low tokens share, row id modulo low_rows. Raises ValueError for a class larger than
    its band.
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
    """Returns classes (V,): high for the first ``high`` of the ranking, low for the last ``low``, mid for other ids.

    If the ranking is shorter than both together, the sets overlap, and ``low_wins`` decides the class of a token.
    """
    classes = np.full(vocab_size, MID, dtype=np.int64)
    for label in (HIGH, LOW) if low_wins else (LOW, HIGH):
        classes[ranking[:high] if label == HIGH else ranking[-low:]] = label
    return classes


def by_share(ranking: IntArray, counts: IntArray, high: float = 0.80, mid: float = 0.95) -> IntArray:
    """Returns classes (V,) by the text's share of all tokens ranked before; ids that do not occur are low."""
    ordered = counts[ranking]
    before = (np.cumsum(ordered) - ordered) / ordered.sum()
    classes = np.full(len(counts), LOW, dtype=np.int64)
    classes[ranking] = np.where(before < high, HIGH, np.where(before < mid, MID, LOW))
    return classes


def by_types(ranking: IntArray, vocab_size: int, high: float = 0.1, mid: float = 0.2) -> IntArray:
    """Returns classes (V,) by rank: high for the first tenth of occurring types, mid for the second, low for others."""
    classes = np.full(vocab_size, LOW, dtype=np.int64)
    classes[ranking[: int(mid * len(ranking))]] = MID
    classes[ranking[: int(high * len(ranking))]] = HIGH
    return classes


Reassign = Callable[[IntArray, IntArray, int], IntArray]


def permuted(seed: int, name: str) -> Reassign:
    """Control: the same number of wide and narrow vectors, assigned at random to the types that occur."""

    def assign(classes: IntArray, ranking: IntArray, replicate: int) -> IntArray:
        reassigned = classes.copy()
        reassigned[ranking] = stream(seed, "bespoke", name, "permuted", replicate).permutation(classes[ranking])
        return reassigned

    return assign


def reversed_ranks(classes: IntArray, ranking: IntArray, replicate: int) -> IntArray:
    """Control: the same number of wide and narrow vectors, with the wide vectors for the rarest types that occur."""
    reassigned = classes.copy()
    reassigned[ranking] = classes[ranking[::-1]]
    return reassigned
