"""Rules on memory against quality: the Pareto front, and quality at equal or fewer parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tokentrial.claims.rules.contrasts import Contrast, better, gather, holm_over, paired
from tokentrial.claims.rules.outcomes import Judged, joined, judge, maintained, phrase, superiority, untestable
from tokentrial.claims.rules.results import UNUSABLE, Results
from tokentrial.claims.rules.telling import finding, limits
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, TOO_SMALL, Finding
from tokentrial.errors import InputError

AXES = ("parameters", "bits_deployed", "params_trained")
ON, OFF, OPEN, NOTHING = "on the front", "dominated", "undecided", "nothing learned"


@dataclass(frozen=True)
class Point:
    """One arm in one condition, with its size on an axis."""

    condition: str
    arm: str
    size: int


def on_front(
    results: Results,
    reported: Mapping[str, Any],
    *,
    study: str,
    select: Mapping[str, Sequence[Any]],
    group: str,
    arm: str,
    others: Sequence[str],
    metric: str,
    axes: Sequence[str],
    least: int,
    seeds: int = 10,
    differs: str = "",
) -> Finding:
    """An arm is on the Pareto front of size and quality in at least ``least`` conditions, on every axis.

    A condition's point is dominated if another arm of any condition of its group (the same task model) is no larger and
    better (Holm's p over the point's rivals, interval above 0). It is on the front if the interval of its advantage
    over every rival that is no larger is above 0, which excludes domination; else undecided. A point that has learned
    nothing counts as neither. CONFIRMED with ``least`` points on the front on all axes, REFUTED if so many are
    dominated on some axis that this cannot be. Groups must agree.

    Raises InputError for an unknown axis.
    """
    if unknown := [axis for axis in axes if axis not in AXES]:
        raise InputError(f"axes: found {unknown[0]!r}, expected some of {AXES}")
    conditions, missing = results.select(study, select)
    if not conditions:
        return untestable([study])
    groups: dict[Any, list[str]] = {}
    for condition in conditions:
        groups.setdefault(results.cells[condition].get(group), []).append(condition)
    states = {name: _states(results, members, arm, others, metric, axes, seeds) for name, members in groups.items()}
    compared = [entry for _, found in states.values() for entry in found]
    decided = {_placed(found, least) for found, _ in states.values()} - {INCONCLUSIVE}
    verdict = decided.pop() if len(decided) == 1 and not missing else INCONCLUSIVE
    recomputed: dict[str, Any] = {"missing": missing, "differs": differs, "least": least}
    notes = [f"{least} points of each {group} have to be on the front on every axis"]
    for name, (found, _) in states.items():
        on, off, blank = (found.count(state) for state in (ON, OFF, NOTHING))
        recomputed |= {f"on_front_{name}": on, f"dominated_{name}": off, f"nothing_learned_{name}": blank}
        notes.append(f"{group} {name}: {on} on it, {off} dominated on an axis, of {len(found)}")
    if compared:
        worst = min(compared, key=lambda entry: better(metric) * entry.difference)
        notes.append(f"the rival that does best: {phrase(worst, 'sign')}")
        notes += limits(compared, worst, verdict, seeds, missing, differs)
        recomputed |= {"n": worst.n, "difference": worst.difference, "low": worst.low, "high": worst.high}
    ids = [name for where in conditions for other in others for name in results.ids(where, (arm, other), metric)]
    return finding(verdict, recomputed, notes, ids)


def _placed(states: Sequence[str], least: int) -> str:
    """A group's verdict: enough points on the front, or so many dominated that there cannot be enough."""
    if states.count(ON) >= least:
        return CONFIRMED
    return REFUTED if len(states) - states.count(OFF) < least else INCONCLUSIVE


def _states(
    results: Results,
    conditions: Sequence[str],
    arm: str,
    others: Sequence[str],
    metric: str,
    axes: Sequence[str],
    seeds: int,
) -> tuple[list[str], list[Contrast]]:
    """The state of the arm's point in each condition, the worst over axes, and all comparisons with its rivals."""
    states, compared = [], []
    for condition in conditions:
        if results.level(condition, arm, metric).get("flag") in UNUSABLE:
            states.append(NOTHING)
            continue
        by_axis = []
        for axis in axes:
            mine = _size(results, condition, arm, axis)
            rivals = [
                Point(where, other, size)
                for where in conditions
                for other in others
                if (size := _size(results, where, other, axis)) is not None and mine is not None and size <= mine
            ]
            found = holm_over([_against(results, condition, arm, rival, metric) for rival in rivals])
            compared += found
            by_axis.append(OPEN if mine is None else _state(found, metric, results.alpha, seeds))
        states.append(OFF if OFF in by_axis else OPEN if OPEN in by_axis else ON)
    return states, compared


def _state(found: Sequence[Contrast], metric: str, alpha: float, seeds: int) -> str:
    sign = better(metric)
    if any(entry.n < seeds or entry.low is None for entry in found):
        return OPEN
    ends = [entry.ends(sign) or (0.0, 0.0) for entry in found]
    if any(high < 0 and (entry.p_holm or 1.0) < alpha for entry, (_, high) in zip(found, ends, strict=True)):
        return OFF
    return ON if all(low > 0 for low, _ in ends) else OPEN


def _against(results: Results, condition: str, arm: str, rival: Point, metric: str) -> Contrast:
    mine, other = results.values(condition, arm, metric), results.values(rival.condition, rival.arm, metric)
    label = f"{condition.rsplit('/', 1)[-1]} against {rival.condition.rsplit('/', 1)[-1]}"
    made = paired(label, mine, other, margin=max(abs(float(other.mean())), 1e-12), confidence=results.confidence)
    return replace(made, condition=condition, arm=arm, other=rival.arm, metric=metric)


def _size(results: Results, condition: str, arm: str, axis: str) -> int | None:
    if axis == "parameters":
        return results.parameters(condition, arm)
    return results.cost(condition, arm, axis)


def better_for_its_size(
    results: Results,
    reported: Mapping[str, Any],
    *,
    equal: Sequence[Mapping[str, Any]],
    larger: Sequence[Mapping[str, Any]],
    metric: str,
    equivalence: Mapping[str, float],
    seeds: int = 10,
    differs: str = "",
) -> Finding:
    """Better at equal parameters, or as good with fewer.

    equal: pairs whose arms have the same number of parameters, judged for superiority at the study's margin; larger:
    pairs judged for maintained performance at ``equivalence``, of which only those count whose first arm has fewer. In
    every condition one of the two must hold: CONFIRMED; in none can it hold: REFUTED; TOO SMALL if the only thing that
    holds is an advantage inside the margin.
    """
    sign, alpha = better(metric), results.alpha
    same, missing = gather(results, equal, metric, {})
    fewer, absent = gather(results, larger, metric, equivalence)
    fewer = [entry for entry in fewer if _fewer(results, entry)]
    if not same and not fewer:
        return untestable([*missing, *absent])
    judged = judge(same, partial(superiority, sign=sign, alpha=alpha, seeds=seeds))
    judged += judge(fewer, partial(maintained, sign=sign, seeds=seeds), reference=True)
    parts = {entry.contrast.condition: _either(judged, entry.contrast.condition) for entry in judged}
    counted = [Judged(entry.contrast, parts[entry.contrast.condition], entry.excluded) for entry in judged]
    verdict = joined(counted, "agree")
    shown = next((entry.contrast for entry in judged if not entry.excluded), judged[0].contrast)
    best = {INCONCLUSIVE: "undecided", CONFIRMED: "holds", TOO_SMALL: "inside the margin", REFUTED: "does not hold"}
    notes = [
        f"{len(same)} comparisons at equal and {len(fewer)} at fewer parameters",
        ", ".join(f"{'/'.join(condition.split('/')[1::2])}: {best[said]}" for condition, said in parts.items()),
        phrase(shown),
        *limits([entry.contrast for entry in judged], shown, verdict, seeds, [*missing, *absent], differs),
    ]
    recomputed: dict[str, Any] = {
        "at_equal": len(same), "at_fewer": len(fewer), "conditions": len(parts), "missing": [*missing, *absent],
        "n": shown.n, "difference": shown.difference, "low": shown.low, "high": shown.high, "p_holm": shown.p_holm,
        "margin": shown.margin, "p_tost": shown.p_tost, "minimal_detectable": shown.detectable, "differs": differs,
    }  # fmt: skip
    return finding(verdict, recomputed, notes, [name for entry in judged for name in entry.contrast.ids])


def _either(judged: Sequence[Judged], condition: str) -> str:
    """A condition's verdict: the strongest of its comparisons that count."""
    said = [entry.outcome for entry in judged if entry.contrast.condition == condition and not entry.excluded]
    order = (CONFIRMED, TOO_SMALL, INCONCLUSIVE)
    return next((outcome for outcome in order if outcome in said), REFUTED if said else INCONCLUSIVE)


def _fewer(results: Results, entry: Contrast) -> bool:
    sizes = [results.parameters(entry.condition, arm) for arm in (entry.arm, entry.other)]
    return sizes[0] is not None and sizes[1] is not None and sizes[0] < sizes[1]
