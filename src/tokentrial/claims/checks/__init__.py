"""The checks by name. A new kind of check is one documented function here and a test of it.

A check takes the parameters of its registry entry as keyword arguments and returns a `Finding`; it reads no file and
evaluates no text. Its annotations say what each parameter is (see `tokentrial.claims.parameters`).
"""

from collections.abc import Callable, Mapping

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
from tokentrial.claims.verdict import Finding

Check = Callable[..., Finding]

_MODULES = (arithmetic, counts, agreement, row_means, effects, granularity, levels, scope, performance, ranges)
CHECKS: Mapping[str, Check] = {name: check for module in _MODULES for name, check in module.CHECKS.items()}
