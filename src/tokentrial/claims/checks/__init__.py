"""The checks by name. A new kind of check is one function in a module here and a test of it."""

from tokentrial.claims.catalogue import CHECKS
from tokentrial.claims.checks import (
    agreement,
    arithmetic,
    counts,
    effects,
    granularity,
    levels,
    performance,
    ranges,
    row_means,
    scope,
)

_REGISTERED = (agreement, arithmetic, counts, effects, granularity, levels, performance, ranges, row_means, scope)

__all__ = ["CHECKS"]
