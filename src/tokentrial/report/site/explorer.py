"""What the explorer draws: the final rows of a study with what they are called, as one file of data."""

from itertools import cycle
from typing import Any

from tokentrial.report.site.names import WAYS, Names, lower_is_better, unit
from tokentrial.report.site.rows import Level, Measure, Rows, is_bound, rank
from tokentrial.run.columns import Condition
from tokentrial.run.view import View

DIGITS = 9
"""Enough to tell all numbers of single precision apart, in which models are trained."""
FIRST_ROLES = ("own", "baseline")
"""Arms that are chosen where a link chooses none."""
SPARE = (("purple", "<"), ("sky", ">"), ("green", "s"), ("orange", "D"), ("vermillion", "v"))
"""Colours and markers of arms without a declared look."""
PAIR = ("difference", "t_low", "t_high", "n")
SHAPES = {
    "o": "circle",
    "s": "square",
    "D": "diamond",
    "d": "diamond",
    "^": "triangle-up",
    "v": "triangle-down",
    "<": "triangle-left",
    ">": "triangle-right",
    "P": "cross",
    "X": "cross",
    "*": "diamond",
    "H": "square",
}
"""Marker of a study's file -> its name in Vega-Lite."""


def of_study(study: str, rows: Rows, pages: dict[str, str]) -> dict[str, Any]:
    """Returns the data of one study; pages: condition -> its page.

    Values are those of results.RUNS in `DIGITS` digits. Lists of values follow the lists of measures and seeds beside
    them.
    """
    names, view = rows.names, rows.view.only(study)
    every = {measure for each in view.select() for measure in rows.of(each.condition)}
    measures = {measure: place for place, measure in enumerate(sorted(every, key=rank))}
    experiments: list[dict[str, Any]] = []
    for first, group in rows.experiments(study):
        conditions = []
        for each in group:
            levels = []
            for measure, found in rows.of(each.condition).items():
                levels += [[measures[measure], *_level(level)] for level in found]
            conditions.append(
                {
                    "id": each.condition,
                    "name": names.condition(each.condition) or "all",
                    "page": pages[each.condition],
                    "levels": levels,
                    "pairs": _pairs(rows, each),
                }
            )
        experiments.append({"key": experiment_key(first), "name": names.experiment(first), "conditions": conditions})
    used = {level[1] for each in experiments for condition in each["conditions"] for level in condition["levels"]}
    return {
        "study": study,
        "name": names.study(study),
        "confidence": rows.view.confidence,
        "measures": [_measure(names, each) for each in measures],
        "arms": _arms(view, names, study, used),
        "experiments": experiments,
    }


def experiment_key(condition: Condition) -> str:
    """Returns what stands for an experiment and its way in an address."""
    return ", ".join(
        part for part in (condition.experiment, WAYS.get(condition.way or "", condition.way or "")) if part
    )


def _level(level: Level) -> list[Any]:
    """Arm, mean, low, high, values by seed, and the seeds where they are not 0, 1, 2, ..."""
    plain = level.seeds == list(range(len(level.seeds)))
    ends = [_rounded(value) for value in (level.mean, level.low, level.high)]
    return [level.arm, *ends, list(map(_rounded, level.values)), *([] if plain else [level.seeds])]


def _rounded(value: float | None) -> float | int | None:
    if value is None:
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 2**53 else rounded


def _measure(names: Names, measure: Measure) -> dict[str, Any]:
    return {
        "key": ", ".join(measure[:2]),
        "name": names.metric(measure.metric, measure.split),
        "unit": unit(measure.unit),
        "metric": measure.metric,
        "split": measure.split,
        "lower": lower_is_better(measure.metric),
    }


def _arms(view: View, names: Names, study: str, used: set[str]) -> dict[str, Any]:
    """Arm -> name, colour, shape and whether it is chosen first; in the order of the study's file, bounds last."""
    known = [str(arm) for arm in view.methods["arm"] if arm in used]
    arms: dict[str, Any] = {}
    spare = cycle(SPARE)
    for arm in [*known, *sorted(used - set(known))]:
        method = None if is_bound(arm) or arm not in known else view.method(study, arm)
        declared = method is not None and method.color is not None
        color, marker = (method.color, method.marker) if method is not None and declared else next(spare)
        arms[arm] = {
            "name": names.arm(study, arm),
            "color": "grey" if is_bound(arm) else color,
            "shape": SHAPES.get(str(marker), "circle"),
            "first": method is not None and method.role in FIRST_ROLES,
            "bound": is_bound(arm),
        }
    return arms


def _pairs(rows: Rows, condition: Condition) -> list[list[Any]]:
    """Arm, other arm, metric, difference, low, high, n, the comparison's place on the condition's page."""
    return [
        [row["arm_a"], row["arm_b"], row["metric"], *(_known(row[name]) for name in PAIR)]
        for row in rows.pairs.get(condition.condition, [])
    ]


def _known(value: float) -> float | int | None:
    return _rounded(None if value != value else float(value))
