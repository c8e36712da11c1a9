"""Rules on memory against quality: the Pareto front, and quality at equal or fewer parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from tokentrial.claims.catalogue import rule
from tokentrial.claims.judge import joined
from tokentrial.claims.rules import outcomes, words
from tokentrial.claims.rules.contrasts import Contrast, Margin, Pairs, better, fewer, gather, holm_over, ids_of, paired
from tokentrial.claims.rules.outcomes import Compared, criteria, deciding, finding, limits, phrase, untestable
from tokentrial.claims.rules.results import UNUSABLE, Results, keys
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, TOO_SMALL, Finding, listed

Axis = Literal["parameters", "bits_deployed", "params_trained"]
ON, OFF, OPEN, NOTHING = "on the front", "dominated", "undecided", "nothing learned"
OUTCOMES = {ON: CONFIRMED, OFF: REFUTED, OPEN: INCONCLUSIVE, NOTHING: INCONCLUSIVE}


def _front_words(given: Mapping[str, Any]) -> str:
    return (
        f"{words.paired(given)}: a point is dominated if an arm that is no larger is significantly better (Holm over "
        f"its rivals), and on the front if the interval of its advantage over each such arm lies above 0. At least "
        f"{given['least']} points have to be on the front on every axis ({listed(list(given['axes']))}), and each "
        f"{given['group']} has to agree; refuted if so many are dominated that this cannot be."
    )


@rule("Is an arm on the Pareto front of size and quality in enough conditions, on every axis?", _front_words)
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
    axes: Sequence[Axis],
    least: int,
    seeds: int = 10,
    differs: str = "",
) -> Finding:
    """A condition's point is dominated if another arm of any condition of its group (the same task model) is no larger
    and better (Holm's p over the point's rivals, interval above 0).

    It is on the front if the interval of its advantage over every rival that is no larger is above 0, which excludes
    domination; else undecided. A point that has learned nothing counts as neither. CONFIRMED with ``least`` points on
    the front on all axes, REFUTED if so many are dominated on some axis that this cannot be. Groups must agree.
    """
    conditions, missing = results.chosen(study, select)
    if not conditions:
        return untestable([study])
    groups: dict[Any, list[str]] = {}
    for condition in conditions:
        groups.setdefault(keys(results.condition(condition)).get(group), []).append(condition)
    states = {name: _states(results, members, arm, others, metric, axes, seeds) for name, members in groups.items()}
    compared = [entry for _, found in states.values() for entry in found]
    words = [joined((OUTCOMES[state] for state in found), least) for found, _ in states.values()]
    said = INCONCLUSIVE if missing else joined(words, "agree")
    recomputed: dict[str, Any] = {"missing": missing, "differs": differs, "least": least}
    notes = [f"{least} points of each {group} have to be on the front on every axis"]
    for name, (found, _) in states.items():
        on, off, blank = (found.count(state) for state in (ON, OFF, NOTHING))
        recomputed |= {f"on_front_{name}": on, f"dominated_{name}": off, f"nothing_learned_{name}": blank}
        notes.append(f"{group} {name}: {on} on it, {off} dominated on an axis, of {len(found)}")
    if compared:
        worst = min(compared, key=lambda entry: better(metric) * entry.difference)
        notes.append(f"the rival that does best: {phrase(worst, 'sign')}")
        notes += limits(compared, worst, said, seeds, missing, differs)
        recomputed |= {"n": worst.n, "difference": worst.difference, "low": worst.low, "high": worst.high}
    ids = [name for where in conditions for other in others for name in results.ids(where, (arm, other), metric)]
    return finding(said, recomputed, notes, ids)


def _states(
    results: Results, conditions: Sequence[str], arm: str, others: Sequence[str], metric: str, axes: Sequence[Axis],
    seeds: int,
) -> tuple[list[str], list[Contrast]]:  # fmt: skip
    """The state of the arm's point in each condition, the worst over axes, and all comparisons with its rivals."""
    states, compared = [], []
    for condition in conditions:
        if results.level(condition, arm, metric).get("flag") in UNUSABLE:
            states.append(NOTHING)
            continue
        by_axis = []
        for axis in axes:
            size = _size(results, condition, arm, axis)
            rivals = [
                (where, other)
                for where in conditions
                for other in others
                if size is not None and (its := _size(results, where, other, axis)) is not None and its <= size
            ]
            contrasts = holm_over([_against(results, condition, arm, rival, metric) for rival in rivals])
            compared += contrasts
            by_axis.append(OPEN if size is None else _state(contrasts, metric, results.alpha, seeds))
        states.append(OFF if OFF in by_axis else OPEN if OPEN in by_axis else ON)
    return states, compared


def _state(contrasts: Sequence[Contrast], metric: str, alpha: float, seeds: int) -> str:
    if any(entry.n < seeds or entry.low is None for entry in contrasts):
        return OPEN
    ends = [entry.ends(better(metric)) or (0.0, 0.0) for entry in contrasts]
    ps = [1.0 if entry.p_holm is None else entry.p_holm for entry in contrasts]
    if any(high < 0 and p < alpha for p, (_, high) in zip(ps, ends, strict=True)):
        return OFF
    return ON if all(low > 0 for low, _ in ends) else OPEN


def _against(results: Results, condition: str, arm: str, rival: tuple[str, str], metric: str) -> Contrast:
    values, other = results.values(condition, arm, metric), results.values(*rival, metric)
    label = f"{results.condition(condition).name} against {results.condition(rival[0]).name}"
    unused = max(abs(float(other.mean())), 1e-12)  # a front has no margin
    contrast = paired(label, values, other, unused, results.confidence, results.center)
    return replace(contrast, condition=condition, arm=arm, other=rival[1], metric=metric)


def _size(results: Results, condition: str, arm: str, axis: Axis) -> int | None:
    return results.parameters(condition, arm) if axis == "parameters" else results.counted(condition, arm, axis)


def _size_words(given: Mapping[str, Any]) -> str:
    fewer_parameters = words.maintained(words.margin(given["equivalence"]), strict=True)
    return (
        f"{words.paired(given)}. At equal parameters, against each arm of its size: "
        f"{words.superiority('better', words.margin(None))}. With fewer parameters: {fewer_parameters}. In every "
        f"condition one of the two has to hold, and the conditions have to agree. {words.COUNTING} "
        f"{words.BESIDE}"
    )


@rule("Is an arm better at equal parameters, or as good with fewer?", _size_words)
def better_for_its_size(
    results: Results,
    reported: Mapping[str, Any],
    *,
    equal: Sequence[Pairs],
    larger: Sequence[Pairs],
    metric: str,
    equivalence: Margin,
    seeds: int = 10,
    differs: str = "",
) -> Finding:
    """equal: pairs whose arms have the same number of parameters, judged for superiority at the study's margin; larger:
    pairs judged for maintained performance at ``equivalence``, of which only those count whose first arm has fewer.

    In every condition an arm must beat all its arms of equal size, or be as good as a larger one. All conditions agree
    that it does: CONFIRMED, or TOO SMALL if the only thing that holds is an advantage inside the margin; all agree that
    it does not: REFUTED; else INCONCLUSIVE.
    """
    sign = better(metric)
    same, missing = gather(results, equal, metric)
    pairs, absent = gather(results, larger, metric, equivalence)
    smaller, missing = [entry for entry in pairs if fewer(results, entry)], [*missing, *absent]
    if not same and not smaller:
        return untestable(missing)
    at_equal = criteria(same, partial(outcomes.superiority, sign=sign, alpha=results.alpha, seeds=seeds))
    kept = outcomes.maintained(smaller, sign, results.alpha, seeds, strict=True)
    at_fewer = criteria(smaller, kept, reference=True)
    judged = [*at_equal, *at_fewer]
    parts = {
        condition: _either(*([it for it in side if it.about.condition == condition] for side in (at_equal, at_fewer)))
        for condition in dict.fromkeys(entry.about.condition for entry in judged)
    }
    said, shown = joined(parts.values(), "agree", missing), outcomes.shown_of(judged, "")
    contrasts = [entry.about for entry in judged]
    best = {INCONCLUSIVE: "undecided", CONFIRMED: "holds", TOO_SMALL: "inside the margin", REFUTED: "does not hold"}
    notes = [
        f"{len(same)} comparisons at equal and {len(smaller)} at fewer parameters",
        ", ".join(f"{results.label(condition)}: {best[part]}" for condition, part in parts.items()),
        phrase(shown),
        *limits(contrasts, shown, said, seeds, missing, differs),
    ]
    recomputed: dict[str, Any] = {
        "at_equal": len(same), "at_fewer": len(smaller), "missing": missing,
        "conditions_held": list(parts.values()).count(CONFIRMED), "conditions_decided": len(parts),
        "n": shown.n, "difference": shown.difference, "low": shown.low, "high": shown.high, "p_holm": shown.p_holm,
        "margin": shown.margin, "p_tost": shown.p_tost, "minimal_detectable": shown.detectable, "differs": differs,
    }  # fmt: skip
    return finding(said, recomputed, notes, ids_of(contrasts))


def _either(at_equal: Sequence[Compared], at_fewer: Sequence[Compared]) -> str:
    """The verdict of a condition: one of its arms beats every arm of its size, or is as good as a larger one."""
    by_arm: dict[str, list[str]] = {}
    for each in deciding(at_equal):
        by_arm.setdefault(each.about.arm, []).append(each.outcome)
    ways = [joined(verdicts, "every") for verdicts in by_arm.values()]
    return joined([*ways, *(each.outcome for each in deciding(at_fewer))], "any")
