"""The replication statistics beside a claim whose document prints means with a spread and the number of runs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from scipy import stats

from tokentrial.claims.printed import parse
from tokentrial.claims.rules.contrasts import Contrast, Released, better
from tokentrial.claims.rules.results import Results
from tokentrial.claims.verdict import Value
from tokentrial.errors import InputError
from tokentrial.statistics import replication
from tokentrial.statistics.placement import place

NAMES = (
    *("original_difference", "original_d", "original_n"),
    *("prediction_low", "prediction_high", "in_prediction_interval"),
    *("prediction_low_se", "prediction_high_se", "in_prediction_interval_se"),
    *("prediction_low_half_width", "prediction_high_half_width", "in_prediction_interval_half_width"),
    *("original_in_interval", "same_sign", "d33", "telescopes_high", "too_small_for_original", "opposite_sign"),
    *("bayes_factor", "sceptical_p", "beyond_best"),
    *("replicated_at", "replication_difference", "replication_low", "replication_high", "replication_n"),
    *("replication_margin", "replication_p_tost", "replication_minimal_detectable"),
)
"""What a finding with an original has in ``recomputed``; None is undefined. The last ones are of the comparison that
stands against the original, which is not always the one that decides the verdict."""


class Original(TypedDict):
    """What a document prints of its own comparison: names of reported numbers, and the number of runs."""

    arm: str
    arm_spread: str
    other: str
    other_spread: str
    n: int


def original_arms(original: Original, reported: Mapping[str, Any]) -> tuple[replication.Arm, replication.Arm]:
    """Raises InputError for a name that the claim does not report, and for fewer than 2 runs."""
    n = original["n"]
    if n < 2:
        raise InputError(f"parameters: original.n: found {n}, expected at least 2")
    wanted = (original["arm"], original["arm_spread"], original["other"], original["other_spread"])
    for name in wanted:
        if name not in reported:
            raise InputError(f"original: found {name!r}, expected one of {sorted(reported)}")
    arm, arm_spread, other, other_spread = (parse(str(reported[name])).value for name in wanted)
    return replication.Arm(arm, arm_spread, n), replication.Arm(other, other_spread, n)


def replicated(results: Results, found: Contrast, original: Original, reported: Mapping[str, Any]) -> dict[str, Value]:
    """All of NAMES for one comparison. The original's +- is read as a standard deviation; its prediction interval also
    as a standard error and as the half width of an interval, the other readings a document leaves open.

    Prediction intervals use Student's quantile with the original's degrees of freedom and the replication's paired
    standard error. Small telescopes take effects in the original's standard deviations, and the Bayes factor takes them
    in the metric's unit: the seeds of a fair run vary less than the original's runs, so that in deviations of its own a
    small difference would be a large effect. The sceptical p takes z from the two-sided p of each study's own t and the
    variances of the two differences.
    """
    a, b = original_arms(original, reported)
    made: dict[str, Value] = dict.fromkeys(NAMES) | _measured(found)
    first = replication.original(a, b)
    made |= {"original_difference": first.difference, "original_d": first.d, "original_n": a.n}
    sign = better(found.metric)
    if found.floor is not None:
        made["beyond_best"] = max(sign * a.mean, sign * b.mean) > sign * found.floor
    made["same_sign"] = first.difference * found.difference > 0
    if found.low is not None and found.high is not None:
        made["original_in_interval"] = replication.inside(first.difference, (found.low, found.high))
    error = found.sd / math.sqrt(found.n) if found.sd is not None else None
    if error is not None:
        for reading, suffix in zip(replication.READINGS, ("", "_se", "_half_width"), strict=True):
            made |= _prediction(found, replication.original(a, b, reading), error, suffix, results.confidence)
    if found.inner_low is not None and found.inner_high is not None and first.deviation > 0 and first.difference != 0:
        telescopes = replication.small_telescopes(first, a.n, (found.inner_low, found.inner_high))
        made |= {"d33": telescopes.d33, "telescopes_high": telescopes.high}
        made |= {"too_small_for_original": telescopes.too_small, "opposite_sign": telescopes.opposite}
    if error and first.standard_error > 0 and found.n > 1:
        made |= _evidence(found, first, error)
    return made


def _measured(found: Contrast) -> dict[str, Value]:
    """The numbers of the comparison that the original is compared with."""
    return {
        "replicated_at": found.ids[0] if found.ids else found.label,
        "replication_difference": found.difference, "replication_low": found.low, "replication_high": found.high,
        "replication_n": found.n, "replication_margin": found.margin, "replication_p_tost": found.p_tost,
        "replication_minimal_detectable": found.detectable,
    }  # fmt: skip


def _prediction(
    found: Contrast, first: replication.Original, error: float, suffix: str, confidence: float
) -> dict[str, Value]:
    interval = replication.prediction_interval(first.difference, first.standard_error, error, first.df, confidence)
    return {
        f"prediction_low{suffix}": interval.low,
        f"prediction_high{suffix}": interval.high,
        f"in_prediction_interval{suffix}": replication.inside(found.difference, interval),
    }


def _evidence(found: Contrast, first: replication.Original, error: float) -> dict[str, Value]:
    """The Bayes factor, of differences in the metric's unit, and the sceptical p."""
    t, df = found.difference / error, found.n - 1
    factor = replication.difference_bayes_factor(first, found.difference, error, df)
    z = [replication.z_of_t(first.t, first.df), replication.z_of_t(t, df)]
    sceptical = replication.sceptical_p(z[0], z[1], (first.standard_error / error) ** 2)
    return {"bayes_factor": factor if math.isfinite(factor) else None, "sceptical_p": sceptical}


def words_of(made: Mapping[str, Value], found: Contrast) -> str:
    """``the measured +0.001 (where) is inside the original's prediction interval [...]``, and the Bayes factor."""
    inside = made.get("in_prediction_interval")
    if inside is None:
        return ""
    interval = f"[{made['prediction_low']:.3g}, {made['prediction_high']:.3g}]"
    parts = [
        f"the measured {found.difference:+.3g} ({found.label}) is {'inside' if inside else 'outside'} the original's "
        f"prediction interval {interval}"
    ]
    if made["bayes_factor"] is not None:
        parts.append(f"replication Bayes factor {made['bayes_factor']:.2g}")
    if made["beyond_best"]:
        parts.append(f"its reported {found.metric} is better than the best possible here, {found.floor:.3g}")
    return ", ".join(parts)


def ratios(
    results: Results, shown: Contrast, reported: Mapping[str, Any], name: str, released: Sequence[Released]
) -> tuple[dict[str, Value], str]:
    """The printed quality ratio among the seeds' ratios: as released its percentile, done right a prediction interval.

    The interval is that of one further run, mean +- t sd sqrt(1 + 1/n): the document ran once.
    """
    if name not in reported:
        raise InputError(f"ratio: found {name!r}, expected one of {sorted(reported)}")
    printed = parse(str(reported[name])).value
    arm, other = (results.values(shown.condition, which, shown.metric) for which in (shown.arm, shown.other))
    fair = (arm / other).dropna().to_numpy()
    made: dict[str, Value] = {"reported_ratio": printed, "ratio": float(fair.mean())}
    text = f"the loss ratio is {fair.mean():.3f} done right"
    if len(fair) > 1:
        reach = float(stats.t.isf(results.alpha / 2, len(fair) - 1) * fair.std(ddof=1) * (1 + 1 / len(fair)) ** 0.5)
        low, high = float(fair.mean()) - reach, float(fair.mean()) + reach
        made |= {"ratio_low": low, "ratio_high": high, "ratio_in_interval": low <= printed <= high}
        text += f" ({printed:g} {'in' if low <= printed <= high else 'out'}side [{low:.3f}, {high:.3f}] of one run)"
    for entry in released[:1]:
        study = results.condition(shown.condition).study
        cells = results.released(study, entry["script"], entry["cell"])
        seen = results.series(cells[0].id if cells else "", entry["pair"][0], "quality_ratio")
        if len(seen):
            made |= {
                "released_ratio_median": float(seen.median()),
                "released_percentile": place(printed, seen).percentile,
            }
            text += f" and {seen.median():.3f} as released (median of {len(seen)})"
    return made, text
