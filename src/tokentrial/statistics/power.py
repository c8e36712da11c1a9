"""Effects that a number of seeds can detect: minimal detectable and critical effects of two-sided t tests."""

import math
from collections.abc import Iterable

import pandas as pd
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.effect_size import noncentrality
from tokentrial.statistics.equivalence import smallest_equivalence_margin
from tokentrial.statistics.samples import check_open_unit


def minimal_detectable_effect(n: int, *, paired: bool, power: float = 0.8, alpha: float = 0.05) -> float:
    """The true effect that a two-sided t test at level alpha detects, with the right sign, with this power.

    The unit is one standard deviation: of the differences if paired (d_z), else of one arm (d), with n per arm. For
    Bonferroni, divide alpha by the number of tests. The usual definition also counts effects of the wrong sign, which
    adds at most 1e-6 to a power of 80 %.

    NaN for n < 2. Raises InputError for alpha outside (0, 1) or a power outside (alpha, 1).
    """
    critical = critical_effect(n, paired=paired, alpha=alpha)
    if check_open_unit("power", power) <= alpha:
        raise InputError(f"power: expected a number above alpha = {alpha}, found {power!r}")
    if n < 2:
        return math.nan
    # Not statsmodels' solve_power: for few seeds and a small alpha, version 0.15 returns a wrong number without an
    # error (5.36 for n = 3 and alpha = 0.05 / 17, at which the power is 60 %).
    root_n = _root_n(n, paired)
    return noncentrality(critical * root_n, _df(n, paired), 1 - power) / root_n


def critical_effect(n: int, *, paired: bool, alpha: float = 0.05) -> float:
    """The smallest observed effect that is significant at level alpha, in the units of `minimal_detectable_effect`.

    NaN for n < 2. Raises InputError for alpha outside (0, 1).
    """
    check_open_unit("alpha", alpha)
    if n < 2:
        return math.nan
    return float(stats.t.isf(alpha / 2, _df(n, paired))) / _root_n(n, paired)


def power_curve(ns: Iterable[int], *, power: float = 0.8, alpha: float = 0.05) -> pd.DataFrame:
    """Effects and margins that each number of seeds can show, for a figure: one row per n and design.

    Columns: n, design ("paired", "independent"), minimal_detectable, critical, equivalence_margin, the last three in
    standard deviations.
    """
    return pd.DataFrame(
        [
            {
                "n": n,
                "design": "paired" if paired else "independent",
                "minimal_detectable": minimal_detectable_effect(n, paired=paired, power=power, alpha=alpha),
                "critical": critical_effect(n, paired=paired, alpha=alpha),
                "equivalence_margin": smallest_equivalence_margin(n, power, paired=paired, alpha=alpha),
            }
            for n in ns
            for paired in (True, False)
        ]
    )


def _df(n: int, paired: bool) -> int:
    return n - 1 if paired else 2 * n - 2


def _root_n(n: int, paired: bool) -> float:
    """The t statistic per unit of effect."""
    return math.sqrt(n if paired else n / 2)
