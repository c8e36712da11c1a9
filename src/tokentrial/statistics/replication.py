"""Agreement of a replication with its original: five published criteria, as pure functions of summary numbers.

* Prediction interval of the replication's estimate (Spence and Stanley 2016; Patil, Peng and Leek 2016).
* The original inside the replication's confidence interval (Open Science Collaboration 2015, the second criterion).
* Small telescopes: d33, and whether the effect is too small for the original to detect (Simonsohn 2015).
* The replication Bayes factor, by quadrature (Verhagen and Wagenmakers 2014).
* The sceptical p-value for any ratio of variances (Held 2020).
"""

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import integrate, special, stats

from tokentrial.errors import InputError
from tokentrial.statistics.effect_size import noncentrality
from tokentrial.statistics.power import minimal_detectable_effect
from tokentrial.statistics.samples import FloatArray, Interval, check_open_unit

READINGS = ("sd", "se", "half_width")
"""Readings of a printed +-: standard deviation, standard error, or half of the 95 % t interval of the arm's mean."""
SMALL_POWER = 1 / 3
"""The power that defines an effect too small for the original to detect (Simonsohn 2015)."""


class Arm(NamedTuple):
    """One printed arm of an original: its mean, the number after +- (unit of the mean), and its number of runs."""

    mean: float
    spread: float
    n: int

    def standard_error(self, reading: str = "sd", confidence: float = 0.95) -> float:
        """Standard error of the mean under one of the `READINGS`.

        Raises InputError for another reading, n < 2, or a spread < 0.
        """
        if reading not in READINGS:
            raise InputError(f"reading of +-: expected one of {READINGS}, found {reading!r}")
        if self.n < 2 or not self.spread >= 0:
            raise InputError(f"arm of an original: expected n >= 2 and a spread >= 0, found {self!r}")
        if reading == "sd":
            return self.spread / math.sqrt(self.n)
        if reading == "se":
            return self.spread
        return self.spread / float(stats.t.isf((1 - confidence) / 2, self.n - 1))


@dataclass(frozen=True)
class Original:
    """The difference a - b of two independent arms, from an original's printed numbers under one reading."""

    difference: float
    standard_error: float
    df: int
    effective_n: float
    """n_a n_b / (n_a + n_b): a t statistic is d times the root of this number."""

    @property
    def t(self) -> float:
        """The two-sample t; NaN if the arms do not vary."""
        return self.difference / self.standard_error if self.standard_error > 0 else math.nan

    @property
    def d(self) -> float:
        """Cohen's d."""
        return self.t / math.sqrt(self.effective_n)

    @property
    def deviation(self) -> float:
        """The arms' standard deviation behind d, in the unit of the difference."""
        return self.standard_error * math.sqrt(self.effective_n)


def original(a: Arm, b: Arm, reading: str = "sd") -> Original:
    """Returns the original's difference a - b. With equal n, Student's and Welch's standard errors are the same.

    Raises InputError for unequal n.
    """
    if a.n != b.n:
        raise InputError(f"original: expected arms of equal n, found {a.n} and {b.n}")
    error = math.hypot(a.standard_error(reading), b.standard_error(reading))
    return Original(a.mean - b.mean, error, a.n + b.n - 2, a.n * b.n / (a.n + b.n))


def prediction_interval(
    difference: float,
    se_original: float,
    se_replication: float,
    df: float | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Interval of a replication's difference if both have the same truth: D_o +- q sqrt(SE_o^2 + SE_r^2).

    q is Student's quantile with `df`, or the normal quantile without. Raises InputError for a negative standard error.
    """
    if not (se_original >= 0 and se_replication >= 0):
        raise InputError(
            f"prediction interval: expected standard errors >= 0, found {se_original!r}, {se_replication!r}"
        )
    tail = (1 - check_open_unit("confidence", confidence)) / 2
    quantile = -float(special.ndtri(tail)) if df is None else float(stats.t.isf(tail, df))
    reach = quantile * math.hypot(se_original, se_replication)
    return Interval(difference - reach, difference + reach)


def correlation_prediction_interval(
    r: float, n_original: int, n_replication: int, confidence: float = 0.95
) -> Interval:
    """Prediction interval of a correlation, on Fisher's z scale: tanh(atanh r +- q sqrt(1/(n_o - 3) + 1/(n_r - 3))).

    Raises InputError for |r| >= 1 or fewer than four observations.
    """
    if not -1 < r < 1 or min(n_original, n_replication) < 4:
        raise InputError(f"correlation: expected |r| < 1 and n >= 4, found r={r!r}, n={n_original}, {n_replication}")
    error = 1 / math.sqrt(n_original - 3)
    low, high = prediction_interval(math.atanh(r), error, 1 / math.sqrt(n_replication - 3), confidence=confidence)
    return Interval(math.tanh(low), math.tanh(high))


def inside(value: float, interval: tuple[float, float]) -> bool:
    """Whether an estimate, of the original or the replication, lies in the closed interval of the other."""
    return bool(interval[0] <= value <= interval[1])


class SmallTelescopes(NamedTuple):
    """d33 of the original, and the replication's 90 % interval, both in the original's direction and d units."""

    d33: float
    low: float
    high: float
    too_small: bool
    """Whether the effect is below d33, and not of the other sign: the original could not have detected it."""
    opposite: bool
    """Whether the whole interval is on the other side of 0: an effect of the other sign, large or small."""


def small_effect(n: int, power: float = SMALL_POWER) -> float:
    """d33: the d that an original with n per arm detects with a power of one third (two-sided alpha = .05)."""
    return minimal_detectable_effect(n, paired=False, power=power)


def small_telescopes(effect: Original, n: int, interval: tuple[float, float]) -> SmallTelescopes:
    """Simonsohn's decision. interval: the replication's 90 % interval of the difference, in the original's unit.

    The interval is divided by the original's standard deviation, since the question is what the original's instrument
    could detect; otherwise a replication with less noisy runs would make any difference look large. n: the original's
    runs per arm.

    Raises InputError if the original's arms do not vary or do not differ.
    """
    if not effect.deviation > 0:
        raise InputError(f"small telescopes: expected an original whose arms vary, found sd {effect.deviation!r}")
    if effect.difference == 0:
        raise InputError("small telescopes: expected an original whose arms differ, found the difference 0")
    sign = -1.0 if effect.difference < 0 else 1.0
    low, high = sorted(sign * end / effect.deviation for end in interval)
    limit = small_effect(n)
    return SmallTelescopes(limit, low, high, 0 <= high < limit, high < 0)


def telescope_size(n: int, power: float = 0.8) -> int:
    """Runs per arm that a replication needs to call a true effect of zero too small with this power.

    The number is exact, by the noncentral t: n = 3 needs 5, n = 20 needs 51. Simonsohn's rule of 2.5 n is the
    large-sample value.
    """
    check_open_unit("power", power)
    limit, size = small_effect(n), 2
    while True:
        df, unit = 2 * size - 2, math.sqrt(size / 2)
        critical = float(stats.nct.ppf(0.05, df, limit * unit))
        if float(stats.t.cdf(critical, df)) >= power:
            return size
        size += 1


def replication_bayes_factor(
    t_original: float, effective_original: float, df_original: float,
    t_replication: float, effective_replication: float, df_replication: float,
) -> float:  # fmt: skip
    """BF_r0: density of the replication's t under the original's posterior of d, over that under d = 0.

    Values above 1 support the original. The posterior comes from a flat prior on d. effective_*: the factor in
    t = d sqrt(effective); n_a n_b / (n_a + n_b) for two samples, n for one. Both integrals use Gauss-Legendre over the
    d that hold all but 2e-12 of the posterior. If the replication is so far out that its likelihood underflows there,
    the result is 0.

    Each study's d is in its own standard deviations, so both have to vary alike (see `difference_bayes_factor`).

    Raises InputError for values that are not finite (through `noncentrality`).
    """
    tail = 1e-12
    root = math.sqrt(effective_original)
    bounds = [noncentrality(t_original, df_original, p) / root for p in (1 - tail, tail)]
    unit = math.sqrt(effective_replication)

    def likelihood(d: FloatArray) -> FloatArray:
        return np.nan_to_num(stats.nct.pdf(t_original, df_original, d * root))

    def joint(d: FloatArray) -> FloatArray:
        return likelihood(d) * np.nan_to_num(stats.nct.pdf(t_replication, df_replication, d * unit))

    panels = list(itertools.pairwise(np.linspace(bounds[0], bounds[1], 41).tolist()))
    posterior = sum(float(integrate.fixed_quad(likelihood, *panel, n=40)[0]) for panel in panels)
    marginal = sum(float(integrate.fixed_quad(joint, *panel, n=40)[0]) for panel in panels)
    null = float(stats.t.pdf(t_replication, df_replication))
    return marginal / posterior / null if null > 0 else math.inf


def difference_bayes_factor(first: Original, difference: float, standard_error: float, df: float) -> float:
    """The same Bayes factor for a difference in its own unit, if the replication's runs vary less than the original's.

    With flat priors on differences and on the logarithms of variances, the original's posterior is its t with its
    difference and standard error, and the replication's likelihood its t. Values above 1: the measured difference is
    nearer to the original's than to 0. If it is far from both, the value is near 1 and says nothing.

    Raises InputError for a standard error that is not positive.
    """
    if not (first.standard_error > 0 and standard_error > 0):
        raise InputError(
            f"Bayes factor: expected standard errors > 0, found {first.standard_error!r}, {standard_error!r}"
        )
    reach = np.sinh(np.linspace(-12, 12, 97))  # up to 81,000 standard errors, in steps that grow
    centres = ((first.difference, first.standard_error), (difference, standard_error))
    edges = np.unique(np.concatenate([centre + unit * reach for centre, unit in centres]))

    def joint(delta: FloatArray) -> FloatArray:
        posterior = stats.t.pdf(delta, first.df, first.difference, first.standard_error)
        return np.asarray(posterior * stats.t.pdf(difference, df, delta, standard_error))

    marginal = sum(float(integrate.fixed_quad(joint, *panel, n=10)[0]) for panel in itertools.pairwise(edges.tolist()))
    null = float(stats.t.pdf(difference, df, 0.0, standard_error))
    return marginal / null if null > 0 else math.inf


def sceptical_p(z_original: float, z_replication: float, variance_ratio: float = 1.0) -> float:
    """Held's (2020) two-sided sceptical p-value. If the signs agree, a value below alpha is replication success.

    z_S^2 is the root of (z_o^2 / z_S^2 - 1)(z_r^2 / z_S^2 - 1) = c below both z^2; c = variance_ratio = Var_o / Var_r.
    With x = z_S^2 this is (1 - c) x^2 - (z_o^2 + z_r^2) x + z_o^2 z_r^2 = 0, solved in the form that holds for any c.

    Raises InputError for a variance ratio that is not positive.
    """
    if not variance_ratio > 0:
        raise InputError(f"sceptical p: expected a variance ratio above 0, found {variance_ratio!r}")
    a, b = z_original**2, z_replication**2
    if a == 0 or b == 0:
        return 1.0
    root = math.sqrt((a + b) ** 2 - 4 * (1 - variance_ratio) * a * b)
    return float(2 * special.ndtr(-math.sqrt(2 * a * b / (a + b + root))))


def z_of_t(t: float, df: float) -> float:
    """The normal deviate with the sign and the two-sided p of a t statistic: the sceptical p's z for small n."""
    return math.copysign(-float(special.ndtri(stats.t.sf(abs(t), df))), t)
