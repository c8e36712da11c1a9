"""The named layouts: document 003's four, adaptive input, mixed dimensions and the uniform controls."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tokentrial.encoders.layouts import WHOLE, AnyScheme, Categories, MatchedBudget, Scheme
from tokentrial.errors import InputError


def categories_of(ends_by_rule: Mapping[str, Sequence[float]]) -> Categories:
    """Returns categories from a config's ``{rule: [ends]}``, for example ``{cumulative: [0.8, 0.95]}``."""
    if len(ends_by_rule) != 1:
        raise InputError(
            f"config: categories: found {dict(ends_by_rule)}; expected one of cumulative, ranks, types with ends"
        )
    ((rule, ends),) = ends_by_rule.items()
    return Categories(rule, tuple(ends))  # type: ignore[arg-type]  # checked there


DOCUMENT_003: Mapping[str, Sequence[float]] = {"cumulative": (0.80, 0.95)}

# Document 003: widths of high, mid and low as multiples of D; whether projections have a bias; rows of the tables. The
# released 'Initial' and 'Scaling' (protocols B2, B3) keep tables over the whole vocabulary; 'Optimized' (B4) does not.
# ASSUME: all three use the document's 80/95 categories here; the released scripts of the first two cut by rank, in ways
# that let categories overlap or come out empty, and are rebuilt apart.
BESPOKE: dict[str, tuple[tuple[float, float, float], bool, str]] = {
    "optimized": ((1.25, 1.0, 0.4), False, "class"),
    "initial": ((1.5, 1.0, 0.5), True, "vocabulary"),
    "scaling": ((1.75, 1.0, 0.25), False, "vocabulary"),
}


def bespoke(
    name: str,
    vocab_size: int,
    full_width: int,
    categories: Mapping[str, Sequence[float]] = DOCUMENT_003,
    tables: str | None = None,
) -> Scheme:
    """A layout of document 003: bands int(factor * D) wide (appendix B), each with a projection unless D wide."""
    factors, bias, released = BESPOKE[name]
    widths = tuple(int(full_width * factor) for factor in factors)
    return Scheme(full_width, categories_of(categories), widths, bias=bias, tables=tables or released)


ULTRA_TYPES: Mapping[str, Sequence[float]] = {"types": (0.1, 0.2)}


def ultra_efficient(
    vocab_size: int,
    full_width: int,
    categories: Mapping[str, Sequence[float]] = ULTRA_TYPES,
    shared_rows: int = 8,
) -> Scheme:
    """Document 003's 'Ultra-Efficient' (protocol B5): widths 192/96/16 at D = 128, rare tokens share 8 rows (id mod 8).

    Rows are padded with zeros to the widest band's width and go through one projection without bias.
    """
    if shared_rows < 1:
        raise InputError(f"config: layout: shared_rows: found {shared_rows}; expected at least 1")
    widths = tuple(int(full_width * factor) for factor in (1.5, 0.75, 0.125))
    return Scheme(full_width, categories_of(categories), widths, "shared", hashed={2: shared_rows})


def adaptive(vocab_size: int, full_width: int, cutoffs: Sequence[int], factor: int = 4) -> Scheme:
    """Adaptive input (Baevski and Auli 2019, section 3): band j has width D / factor^(j-1), and a linear map to D.

    cutoffs: ranks at which bands end, without the last. The first band also has a map, as in fairseq.
    """
    if factor < 1 or any(not 0 < cutoff < vocab_size for cutoff in cutoffs):
        raise InputError(
            f"config: layout: adaptive: found cutoffs {list(cutoffs)}, factor {factor}; expected ranks between 0 and "
            f"vocab_size = {vocab_size}, and a factor >= 1"
        )
    widths = tuple(full_width // factor**band for band in range(len(cutoffs) + 1))
    return Scheme(full_width, Categories("ranks", tuple(cutoffs)), widths, "always")


def power_rule(
    blocks: Sequence[int],
    alpha: float,
    full_width: int,
    queries: Sequence[float] | None = None,
    powers_of_two: bool = False,
) -> tuple[int, ...]:
    """Returns widths d_b = D (r_b / r_max)^alpha, popularity r_b = queries_b / n_b (Ginart et al. 2019, algorithm 2).

    blocks: rows n_b; queries: number of lookups of a block, equal for all if None. Widths are rounded half to even and
    are at least 1. If powers_of_two, they are then rounded to the nearest power of two on the log scale, as
    facebookresearch/dlrm's md_embedding_bag does.
    """
    asked = [1.0] * len(blocks) if queries is None else queries
    if len(asked) != len(blocks) or min((*blocks, *asked), default=0) <= 0 or alpha < 0:
        raise InputError(
            f"config: layout: mixed: found blocks {list(blocks)}, queries {list(asked)}, alpha {alpha}; expected as "
            "many positive queries as positive blocks, and alpha >= 0"
        )
    popularity = [query / rows for query, rows in zip(asked, blocks, strict=True)]
    top = max(popularity)
    widths = [max(1, round(full_width * (value / top) ** alpha)) for value in popularity]
    return tuple(2 ** round(math.log2(width)) if powers_of_two else width for width in widths)


def mixed(
    vocab_size: int,
    full_width: int,
    blocks: Sequence[int | None],
    alpha: float,
    queries: Sequence[float] | None = None,
    powers_of_two: bool = False,
) -> Scheme:
    """Mixed dimensions (Ginart et al. 2019): blocks of the ranking with :func:`power_rule` widths, mapped to D.

    blocks: tokens per block, most frequent first. The last may be None for the rest of the vocabulary, whose size
    depends on the text if tokens are words. A block of width D has no projection.
    """
    rest = vocab_size - sum(size or 0 for size in blocks)
    sizes = [rest if size is None else size for size in blocks]
    if sum(sizes) != vocab_size:
        raise InputError(f"config: layout: mixed: blocks hold {sum(sizes)} tokens; expected vocab_size = {vocab_size}")
    widths = power_rule(sizes, alpha, full_width, queries, powers_of_two)
    if max(widths) > full_width:
        raise InputError(f"config: layout: mixed: widths {list(widths)} exceed D = {full_width}; drop powers_of_two")
    ends = tuple(int(end) for end in np.cumsum(sizes)[:-1])
    return Scheme(full_width, Categories("ranks", ends), widths)


def uniform(vocab_size: int, full_width: int) -> Scheme:
    """Control: one table V x D, no projection."""
    return Scheme(full_width, WHOLE, (full_width,))


def uniform_projected(vocab_size: int, full_width: int) -> Scheme:
    """Control: one table V x D and one D x D projection: one more linear layer, independent of frequency."""
    return Scheme(full_width, WHOLE, (full_width,), "always")


def uniform_budget(
    vocab_size: int, full_width: int, of: str | Mapping[str, Any] | None = None, parameters: int | None = None
) -> MatchedBudget:
    """Control: a uniform table with a projection, and the budget of another layout or a number of parameters.

    of: the layout's name, or its name and options, for example ``{layout: adaptive, cutoffs: [2000, 10000]}``.
    """
    if (of is None) == (parameters is None):
        raise InputError(
            f"config: layout: uniform_budget: found of {of}, parameters {parameters}; expected one of them"
        )
    if of is None:
        return MatchedBudget(full_width, int(parameters or 0))
    options = {"layout": of} if isinstance(of, str) else dict(of)
    return MatchedBudget(full_width, scheme(options.pop("layout", ""), vocab_size, full_width, **options))


NAMED = (ultra_efficient, adaptive, mixed, uniform, uniform_projected, uniform_budget)
SCHEMES: dict[str, Callable[..., AnyScheme]] = {name: partial(bespoke, name) for name in BESPOKE}
SCHEMES |= {made.__name__: made for made in NAMED}


def scheme(name: str, vocab_size: int, full_width: int, **options: Any) -> AnyScheme:
    """Returns the scheme of a config's layout name and options; raises InputError for an unknown name or option."""
    if name not in SCHEMES:
        raise InputError(f"config: layout '{name}' is unknown; expected one of {', '.join(SCHEMES)}")
    try:
        inspect.signature(SCHEMES[name]).bind(vocab_size, full_width, **options)
    except TypeError as error:
        raise InputError(f"config: layout '{name}': {error}; found options {options}") from None
    return SCHEMES[name](vocab_size, full_width, **options)
