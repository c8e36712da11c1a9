"""What n seeds can find, in standard deviations and in what this run measured."""

from collections.abc import Iterator, Mapping

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.released import academic_validation, corrected, focused_scaling
from tokentrial.report.tables.registry import Ask, Row, kind
from tokentrial.run.finals import ACCURACY, LOSS
from tokentrial.run.view import View
from tokentrial.statistics.power import power_curve

USUAL = (3, 5, 10, 20, 30)
EFFECTS = ("minimal_detectable", "critical", "equivalence_margin")
SCRIPTS = {
    "pure-python script": 1,
    "focused-scaling script": focused_scaling.RUNS,
    "corrected script": corrected.RUNS,
    "academic-validation script": academic_validation.RUNS,
}


@kind("power")
def power(ask: Ask) -> Iterator[Row]:
    """Standardised effects by n; then the differences that this run's comparisons could have found."""
    ask.words["level"] = f"{100 * (1 - ask.view.confidence):g} %"
    users = _users(ask.view, ask.printed)
    curve = power_curve(sorted(users), alpha=1 - ask.view.confidence)
    effects = {(row["design"], row["n"]): row for row in curve.to_dict("records")}
    for n in sorted(users):
        row: Row = {"panel": "seeds", "n": n, "used_by": "; ".join(dict.fromkeys(users[n]))}
        row |= {
            f"{effect}_{design}": effects[design, n][effect]
            for design in ("paired", "independent")
            for effect in EFFECTS
        }
        yield {**row, "_section": "Number of seeds"}
    yield from (
        {"panel": "measured", **row, "_section": "In this run", "_part": "measured"} for row in _measured(ask.view)
    )


def _users(view: View, published: Mapping[str, PublishedTable]) -> dict[int, list[str]]:
    """Number of seeds -> who used it."""
    users: dict[int, list[str]] = {n: [] for n in USUAL}
    for table in published.values():
        if table.n is not None and table.in_document:
            users.setdefault(table.n, []).append(f"document {table.document}")
    for script, runs in SCRIPTS.items():
        users.setdefault(runs, []).append(script)
    ways = pd.Series([view.condition(name).way for name in view.statistics["condition"]])
    for n, group in ways.groupby(view.statistics["n"].to_numpy()):
        names = ", ".join(str(way).replace("-", " ") for way in group.unique())
        users.setdefault(int(str(n)), []).append(f"this run ({names})")
    return users


def _measured(view: View) -> Iterator[Row]:
    """One row per experiment, way and metric."""
    frame = view.statistics[view.statistics["metric"].isin([LOSS, ACCURACY])]
    conditions = [view.condition(name) for name in frame["condition"]]
    frame = frame.assign(experiment=[row.experiment for row in conditions], way=[row.way or "" for row in conditions])
    for (way, study, metric), group in frame.groupby(["way", "experiment", "metric"], sort=False):
        row: Row = {"way": way, "study": study, "metric": metric, "comparisons": len(group), "n": int(group["n"].min())}
        row |= {name: group[name].median() for name in ("sd_difference", "minimal_detectable", "margin")}
        row["detectable_below_margin"] = int((group["minimal_detectable"] < group["margin"]).sum())
        said = {"_way": str(way).replace("-", " "), "_study": view.condition(group["condition"].iloc[0]).title}
        yield {**row, **said, "_metric": "loss" if metric == LOSS else "accuracy"}
