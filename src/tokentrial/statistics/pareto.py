"""Memory against quality: loss curves over log2 bits, differences at equal bits, dominance, the non-dominated front.

A method is a family of arms that differ only in size (ratios, bits per number, codebooks, buckets). Its curve joins the
sizes by straight lines in log2 bits, one curve per seed. Two methods are compared only over the range of bits that both
cover.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tokentrial.errors import InputError
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import FloatArray, check_open_unit, paired_differences

VERDICTS = ("better", "worse", "crossing", "not shown", "no overlap", "too few seeds")


@dataclass(frozen=True)
class Curve:
    """One method's losses by size. Raises InputError if the shapes disagree or the sizes do not rise."""

    log2_bits: FloatArray
    """(k,), rising."""
    loss: FloatArray
    """(n, k), nats per token, one row per seed."""
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        expected = (len(self.seeds), len(self.log2_bits))
        if self.loss.shape != expected or not self.log2_bits.size:
            raise InputError(f"curve: expected losses of shape {expected}, k >= 1, found {self.loss.shape}")
        if np.any(np.diff(self.log2_bits) <= 0):
            raise InputError(f"curve: expected rising sizes, found {self.log2_bits.tolist()}")

    def at(self, log2_bits: FloatArray, seeds: Iterable[int]) -> FloatArray:
        """Returns losses (n, m) of these seeds at sizes (m,) inside the curve's range."""
        rows = [self.loss[self.seeds.index(seed)] for seed in seeds]
        return np.array([np.interp(log2_bits, self.log2_bits, row) for row in rows]).reshape(len(rows), -1)


@dataclass(frozen=True)
class EqualBits:
    """Method a minus method b at the same bits: below zero, a is better. Interval ends are NaN for fewer than 2 seeds.

    The intervals are simultaneous: with at least the stated confidence, all of them cover their true differences.
    """

    verdict: str
    """One of VERDICTS."""
    seeds: int
    log2_bits: FloatArray
    difference: FloatArray
    low: FloatArray
    high: FloatArray


def curves(losses: pd.DataFrame, bits: pd.Series, families: Mapping[str, str]) -> dict[str, Curve]:
    """Returns the curve of each family, for one condition.

    losses: columns arm, seed, value (final losses, nats); bits: arm -> stored bits; families: arm -> its method. Arms
    without bits are left out. So are seeds that lack a size of the family: otherwise neighbouring sizes would be means
    over different seeds. If two arms of a family have equal bits, the arm with the lower mean loss counts.
    """
    known = losses[np.isfinite(losses["value"]) & losses["arm"].map(bits).gt(0)]
    by_family = {}
    for name, group in known.groupby(known["arm"].map(families), sort=False):
        by_arm = group.pivot(index="seed", columns="arm", values="value").dropna()  # (n, k)
        if by_arm.empty:
            continue
        order = sorted(by_arm.columns, key=lambda arm: (bits[arm], by_arm[arm].mean()))
        distinct = [arm for index, arm in enumerate(order) if index == 0 or bits[arm] > bits[order[index - 1]]]
        sizes = np.log2([float(bits[arm]) for arm in distinct])
        by_family[str(name)] = Curve(
            sizes, by_arm[distinct].to_numpy(dtype=float), tuple(int(seed) for seed in by_arm.index)
        )
    return by_family


def common_sizes(a: Curve, b: Curve) -> FloatArray:
    """Returns the sizes (m,) of either method that lie inside both ranges; empty if the ranges do not meet."""
    low = max(a.log2_bits[0], b.log2_bits[0])
    high = min(a.log2_bits[-1], b.log2_bits[-1])
    sizes = np.union1d(a.log2_bits, b.log2_bits)
    return np.asarray(sizes[(sizes >= low) & (sizes <= high)], dtype=np.float64)


def compare_at_equal_bits(a: Curve, b: Curve, confidence: float = 0.95) -> EqualBits:
    """Paired differences a - b at the m common sizes, with simultaneous intervals (Bonferroni over the m).

    ``better`` (``worse``): every interval lies below (above) zero. ``crossing``: one lies below and one above. ``not
    shown``: anything else. Between two common sizes a seed's difference is a straight line and the interval's
    half-width is convex, so an interval that excludes zero at both sizes excludes zero between them: the verdict holds
    over the whole overlap.
    """
    check_open_unit("confidence", confidence)
    sizes = common_sizes(a, b)
    shared = sorted(set(a.seeds) & set(b.seeds))
    if not sizes.size or not shared:
        nothing = np.array([])
        return EqualBits("too few seeds" if sizes.size else "no overlap", len(shared), *[nothing] * 4)
    left, right = a.at(sizes, shared), b.at(sizes, shared)  # (n, m)
    apart = np.array([paired_differences(left[:, k], right[:, k]) for k in range(sizes.size)])  # (m, n)
    level = 1 - (1 - confidence) / sizes.size
    low, high = np.array([t_interval(values, level) for values in apart]).T
    return EqualBits(_verdict(low, high), len(shared), sizes, apart.mean(axis=1), low, high)


def _verdict(low: FloatArray, high: FloatArray) -> str:
    if np.isnan(low).any():
        return "too few seeds"
    below, above = high < 0, low > 0
    if below.all() or above.all():
        return "better" if below.all() else "worse"
    return "crossing" if below.any() and above.any() else "not shown"


def front(bits: ArrayLike, loss: ArrayLike) -> list[bool]:
    """Whether each point (n,) is dominated by no other.

    A point dominates another if it is no larger in bits and in loss, and smaller in one of the two.
    """
    x, y = np.asarray(bits, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    no_worse = (x[:, None] <= x) & (y[:, None] <= y)  # (n, n): the row's point is no worse than the column's
    less = (x[:, None] < x) | (y[:, None] < y)
    dominated = np.any(no_worse & less, axis=0)
    return [not is_dominated for is_dominated in dominated.tolist()]
