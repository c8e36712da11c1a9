"""Frequency-dependent layouts: which tokens share a table, its width, and how its rows reach the model's width D.

Tokens are ranked by frequency and cut into bands; each band has one table with its own width. The layouts come from
document 003 (bespoke token dimensions), Baevski and Auli 2019 (adaptive input) and Ginart et al. 2019 (mixed
dimensions), with controls that none of these has. This module has sizes, counts and scores; ``encoders/schemes.py`` has
the named layouts, and ``encoders/banded.py`` trains the tables.

A :class:`Scheme` is a layout before the text is known; token counts turn the scheme into a :class:`Layout` with sizes.
Band indices (V,) are the band of each token; they can express any assignment, not only those of the rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tokentrial.errors import InputError

Integers = NDArray[np.int64]
Counts = NDArray[Any]  # (V,), how often each token occurs


@dataclass(frozen=True)
class Band:
    """One category of tokens and its table.

    tokens: number of tokens; rows: number of table rows that they use, fewer than tokens if tokens share rows; width:
    numbers in a row; stored: rows in the parameter count, more than ``rows`` if the released code keeps a table over
    the whole vocabulary; reach: ``direct`` (width is D), ``own`` projection, or a projection ``shared`` by all bands.
    """

    tokens: int
    rows: int
    width: int
    stored: int
    reach: Literal["direct", "own", "shared"]
    bias: bool
    hashed: bool


@dataclass(frozen=True)
class Layout:
    """Bands from the most to the least frequent tokens, and the width D that all of them reach."""

    full_width: int
    bands: tuple[Band, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Tokens in each band."""
        return tuple(band.tokens for band in self.bands)

    def table_parameters(self) -> tuple[int, ...]:
        """Numbers in each band's table."""
        return tuple(band.stored * band.width for band in self.bands)

    def projection_parameters(self) -> int:
        """Numbers in all projections; a shared projection takes rows padded with zeros to the widest band's width."""
        separate = sum((band.width + band.bias) * self.full_width for band in self.bands if band.reach == "own")
        return separate + max(
            (band.width * self.full_width for band in self.bands if band.reach == "shared"), default=0
        )

    def parameter_count(self) -> int:
        """All numbers of the embedding, as document 003 counts them ('embedding-only')."""
        return sum(self.table_parameters()) + self.projection_parameters()


# Categories


@dataclass(frozen=True)
class Categories:
    """The places at which the ranking by frequency is cut.

    ``cumulative``: a token is in the first band whose end exceeds the share of the text that all more frequent tokens
    cover (document 003, categorize_tokens; protocol B4). ``ranks``: a band ends after this number of tokens, or, if
    negative, this number before the last observed token. ``types``: a band ends after this share of the observed types
    (protocol B5). Tokens that never occur rank last.
    """

    rule: Literal["cumulative", "ranks", "types"]
    ends: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.rule not in ("cumulative", "ranks", "types"):
            raise InputError(f"config: categories: rule '{self.rule}' is unknown; expected cumulative, ranks or types")
        positive = [end for end in self.ends if end > 0 or self.rule != "ranks"]
        rising = all(a < b for a, b in pairwise(positive))
        shares = self.rule == "ranks" or all(0 < end < 1 for end in self.ends)
        if not rising or not shares:
            kind = "rising ranks" if self.rule == "ranks" else "rising shares between 0 and 1"
            raise InputError(f"config: categories: {self.rule}: found {list(self.ends)}; expected {kind}")

    @property
    def fixed(self) -> bool:
        """Whether the sizes are the same for every text."""
        return self.rule == "ranks" and all(end > 0 for end in self.ends)

    def sizes(self, counts: Counts) -> tuple[int, ...]:
        """Returns the number of tokens in each band for counts (V,); raises InputError if a band is empty."""
        ranked = np.sort(check_counts(counts, len(counts)))[::-1]
        observed = int((ranked > 0).sum())
        if self.rule == "cumulative":
            before = np.concatenate([[0.0], np.cumsum(ranked)[:-1]]) / ranked.sum()  # share of all more frequent tokens
            ends = [int((before < end).sum()) for end in self.ends]
        elif self.rule == "types":
            ends = [int(end * observed) for end in self.ends]
        else:
            ends = [int(end) if end > 0 else observed + int(end) for end in self.ends]
        sizes = tuple(int(size) for size in np.diff([0, *ends, len(ranked)]))
        if min(sizes) < 1:
            raise InputError(
                f"config: categories: {self.rule} {list(self.ends)}: band {int(np.argmin(sizes)) + 1} comes out empty "
                f"(sizes {list(sizes)} of {len(ranked)} tokens, {observed} observed); expected a token in every band"
            )
        return sizes


WHOLE = Categories("ranks", ())


def check_counts(counts: Counts, vocab_size: int) -> NDArray[np.float64]:
    """Returns counts (V,) as float64; raises InputError unless they are V finite numbers >= 0, not all of them 0."""
    values = np.asarray(counts, dtype=np.float64)
    if values.shape != (vocab_size,):
        raise InputError(f"token counts: found {values.shape[-1]} of them; expected vocab_size = {vocab_size}")
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise InputError("token counts: found a negative, infinite or all-zero count; expected counts of a text")
    return values


def check_ids(lowest: int, highest: int, vocab_size: int) -> None:
    """Raises InputError if token ids leave the vocabulary."""
    if lowest < 0 or highest >= vocab_size:
        outside = lowest if lowest < 0 else highest
        raise InputError(f"token ids: found {outside}; expected 0 to {vocab_size - 1} (vocab_size = {vocab_size})")


def ranking(counts: Counts) -> Integers:
    """Returns token ids (V,) from the most to the least frequent; among equally frequent tokens, the lower id first."""
    return np.argsort(-np.asarray(counts, dtype=np.float64), kind="stable")


def assign(order: Integers, sizes: Sequence[int]) -> Integers:
    """Returns the band of each token (V,): the first sizes[0] tokens of ``order`` (V,) are in band 0, and so on."""
    bands = np.empty(len(order), dtype=np.int64)
    bands[order] = np.repeat(np.arange(len(sizes)), sizes)
    return bands


def row_index(bands: Integers, layout: Layout) -> Integers:
    """Returns the row of each token (V,) in the bands' stacked tables; in a hashed band, the row is id mod rows.

    bands: band index of each token (V,), with ``layout.sizes[b]`` tokens in band b. Raises InputError for other sizes.
    """
    sizes = tuple(int((bands == number).sum()) for number in range(len(layout.bands)))
    if sizes != layout.sizes or sum(sizes) != len(bands):
        raise InputError(f"layout: found bands of {list(sizes)} tokens; expected {list(layout.sizes)}")
    index = np.empty(len(bands), dtype=np.int64)
    start = 0
    for number, band in enumerate(layout.bands):
        tokens = np.flatnonzero(bands == number)
        index[tokens] = start + (tokens % band.rows if band.hashed else np.arange(len(tokens)))
        start += band.rows
    return index


# Schemes


@dataclass(frozen=True)
class Scheme:
    """A layout before the text is known.

    widths: one per band; reach: ``own`` (a projection per band unless the width is D), ``always`` (a projection even at
    width D) or ``shared`` (one projection); tables: rows for the band's tokens (``class``) or for all V
    (``vocabulary``: rows of other bands' tokens are counted only, as they never get a gradient); hashed: number of rows
    that all tokens of a band share, by band.
    """

    full_width: int
    categories: Categories
    widths: tuple[int, ...]
    reach: Literal["own", "always", "shared"] = "own"
    bias: bool = False
    tables: str = "class"
    hashed: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        if min(self.widths) < 1:
            raise InputError(
                f"config: layout: found band widths {list(self.widths)} at D = {self.full_width}; expected at least 1"
            )
        if len(self.widths) != len(self.categories.ends) + 1:
            raise InputError(
                f"config: layout: found {len(self.categories.ends) + 1} categories for {len(self.widths)} widths"
            )
        if self.tables not in ("class", "vocabulary"):
            raise InputError(f"config: layout: tables '{self.tables}' is unknown; expected 'class' or 'vocabulary'")

    @property
    def fixed(self) -> bool:
        """Whether the layout is the same for every text."""
        return self.categories.fixed

    def layout(self, counts: Counts) -> Layout:
        """Returns the layout for a text's token counts (V,)."""
        return self.of_sizes(self.categories.sizes(counts))

    def of_sizes(self, sizes: Sequence[int]) -> Layout:
        """Returns the layout with these numbers of tokens per band, which may be 0, as in the released scripts."""
        bands = []
        for number, (tokens, width) in enumerate(zip(sizes, self.widths, strict=True)):
            shared_rows = (self.hashed or {}).get(number)
            rows = tokens if shared_rows is None else shared_rows
            stored = sum(sizes) if self.tables == "vocabulary" else rows
            separate: Literal["direct", "own"] = "direct" if self.reach == "own" and width == self.full_width else "own"
            reach = "shared" if self.reach == "shared" else separate
            hashed = shared_rows is not None
            bands.append(Band(tokens, rows, width, stored, reach, self.bias and reach == "own", hashed))
        return Layout(self.full_width, tuple(bands))


@dataclass(frozen=True)
class MatchedBudget:
    """The widest uniform table with a projection, V*w + w*D, with no more parameters than another scheme or number."""

    full_width: int
    of: "Scheme | MatchedBudget | int"

    @property
    def fixed(self) -> bool:
        return isinstance(self.of, int) or self.of.fixed

    def layout(self, counts: Counts) -> Layout:
        budget = self.of if isinstance(self.of, int) else self.of.layout(counts).parameter_count()
        width = budget // (len(counts) + self.full_width)
        if width < 1:
            raise InputError(
                f"config: layout: a budget of {budget} parameters is met by no uniform layout: width 1 already needs "
                f"V + D = {len(counts)} + {self.full_width}"
            )
        return Scheme(self.full_width, WHOLE, (width,), "always").layout(counts)


AnyScheme = Scheme | MatchedBudget


# Document 003's efficiency metrics (appendix B, get_efficiency_metrics; Layout.parameter_count is the third)


def usage_distribution(
    counts: Counts, bands: Integers, names: Sequence[str] = ("high", "mid", "low")
) -> dict[str, float]:
    """Returns the share of a text's tokens that each band covers. counts, bands: (V,) each; names: one per band."""
    values = check_counts(counts, len(bands))
    covered = np.bincount(bands, weights=values, minlength=len(names))
    if len(covered) != len(names):
        raise InputError(f"usage distribution: found {len(covered)} bands; expected one of each name: {list(names)}")
    return dict(zip(names, (covered / values.sum()).tolist(), strict=True))


def efficiency_score(parameter_ratio: float, quality_ratio: float) -> float:
    """Returns (1 / parameter ratio) / max(quality ratio, 0.1), both ratios bespoke over standard; higher is better.

    The formula is that of the released scaling script (protocol B3); document 003 reports the score but does not define
    it.
    """
    if not parameter_ratio > 0 or not quality_ratio >= 0:
        raise InputError(f"efficiency score: found ratios {parameter_ratio}, {quality_ratio}; expected positive ones")
    return 1.0 / parameter_ratio / max(quality_ratio, 0.1)
