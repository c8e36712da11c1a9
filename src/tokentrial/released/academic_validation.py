"""The "academic validation framework" behind document 001's significance claims, rebuilt with its own random stream.

The script trains nothing and has no data: each "loss" is a fixed formula, with smaller constants for the learned arm,
plus Gaussian noise. There are 23 conditions of 10 runs. The seed is set to 42 + run before every condition, so the
learned arm gets the same ten noise values in all conditions, and so does the traditional arm (the baselines add a
second noise). So the 23 tests are not independent.

Source: protocols A4 (``academic_validation_framework.py``).
"""

import math
import random
import statistics as stats
from typing import NamedTuple

import pandas as pd

from tokentrial.released.cells import Measured

RUNS = 10
NOISE_SD = 0.05
BASELINE_NOISE_SD = 0.03
FLOOR = 0.5
T_CRITICAL = 2.262  # the 97.5 % point of t with 9 degrees of freedom, rounded as in the script
SIGNIFICANCE = 0.05


class Formula(NamedTuple):
    """The constants of one arm's "loss"."""

    base: float
    compression: float  # times ln ratio
    vocabulary: float  # times ln V
    complexity: dict[str, float]
    hidden: float  # times ln(hidden / 32)


class Condition(NamedTuple):
    ratio: float = 8.0
    vocabulary: int = 100
    complexity: str = "simple"
    hidden: int = 32
    baseline: float | None = None  # an autoencoder variant's constant, added to the traditional "loss"


LEARNED = Formula(2.5, 0.05, 0.0001, {"simple": 0.0, "complex": 0.1, "structured": 0.15, "semi_random": 0.4}, -0.1)
TRADITIONAL = Formula(
    2.6, 0.08, 0.0002, {"simple": 0.0, "complex": 0.15, "structured": 0.25, "semi_random": 0.6}, -0.05
)
BASELINES = {"standard": 0.0, "deep": -0.1, "variational": 0.05, "regularized": 0.03, "sparse": -0.05}
ARCHITECTURES = {"minimal": 16, "standard": 32, "deep": 64, "very_deep": 128}
CELLS = {
    **{f"compression-{ratio}": Condition(ratio=float(ratio)) for ratio in (2, 4, 8, 16, 32)},
    **{f"vocabulary-{size}": Condition(vocabulary=size) for size in (50, 100, 500, 1000, 5000)},
    **{f"complexity-{kind}": Condition(complexity=kind) for kind in LEARNED.complexity},
    **{f"baseline-{kind}": Condition(baseline=constant) for kind, constant in BASELINES.items()},
    **{f"architecture-{kind}": Condition(hidden=hidden) for kind, hidden in ARCHITECTURES.items()},
}


def run(seed: int = 42) -> list[Measured]:
    """Returns the script's "results": ``simulated_loss`` of arms ``learned`` and ``traditional``, no unit.

    The ``seed`` column is the seed of Python's generator, ``seed`` + 0 to 9. In baseline cells, the traditional arm is
    the autoencoder variant of the cell. There are no splits; the column says ``none``.
    """
    rows = []
    for name, condition in CELLS.items():
        for run_seed in range(seed, seed + RUNS):
            generator = random.Random(run_seed)
            learned = _loss(generator, LEARNED, condition)
            traditional = _loss(generator, TRADITIONAL, condition)
            if condition.baseline is not None:
                traditional = traditional + condition.baseline + generator.gauss(0, BASELINE_NOISE_SD)
            for arm, value in (("learned", learned), ("traditional", traditional)):
                rows.append(Measured(name, arm, run_seed, "none", None, "simulated_loss", value, "none"))
    return rows


def statistics(rows: list[Measured]) -> pd.DataFrame:
    """Returns the script's own statistics of :func:`run`'s rows, one row per cell in the script's order.

    Columns: ``cell``, ``n``, mean, sd (n - 1) and half-width of the 95 % interval of both arms, ``effect_size``
    (Cohen's d, positive if learned is lower), ``p_value`` (Welch's t with the normal distribution, two-sided; exactly 0
    if it underflows), ``relative_improvement`` (per cent of the traditional mean), ``significant`` (p < 0.05, not
    corrected for 23 tests).
    """
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.value is not None:
            values.setdefault((row.arm, row.cell), []).append(row.value)
    return pd.DataFrame([_compare(cell, values["learned", cell], values["traditional", cell]) for cell in CELLS])


def _loss(generator: random.Random, formula: Formula, condition: Condition) -> float:
    expected = formula.base + formula.compression * math.log(condition.ratio)
    expected += formula.vocabulary * math.log(condition.vocabulary)
    expected += formula.complexity[condition.complexity]
    expected += formula.hidden * math.log(condition.hidden / 32)
    return max(FLOOR, expected + generator.gauss(0, NOISE_SD))


def _compare(cell: str, learned: list[float], traditional: list[float]) -> dict[str, str | float | bool]:
    """Returns one row of the statistics."""
    n = len(learned)
    learned_mean, traditional_mean = stats.fmean(learned), stats.fmean(traditional)
    learned_sd, traditional_sd = stats.stdev(learned), stats.stdev(traditional)
    gap = traditional_mean - learned_mean
    t = gap / math.sqrt(learned_sd**2 / n + traditional_sd**2 / n)
    p_value = 2 * (1 - 0.5 * (1 + math.erf(abs(t) / math.sqrt(2))))
    return {
        "cell": cell,
        "n": n,
        "learned_mean": learned_mean,
        "learned_sd": learned_sd,
        "learned_ci": T_CRITICAL * learned_sd / math.sqrt(n),
        "traditional_mean": traditional_mean,
        "traditional_sd": traditional_sd,
        "traditional_ci": T_CRITICAL * traditional_sd / math.sqrt(n),
        "effect_size": gap / math.sqrt((learned_sd**2 + traditional_sd**2) / 2),
        "p_value": p_value,
        "relative_improvement": gap / traditional_mean * 100,
        "significant": p_value < SIGNIFICANCE,
    }
