"""The provenance of a condition's numbers: its levels, comparisons and rows, and the jobs that made them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tokentrial.report.formats import MISSING, number, p_value
from tokentrial.report.site.claims import query
from tokentrial.report.site.explorer import experiment_key
from tokentrial.report.site.names import Names, shortened, unit
from tokentrial.report.site.rows import Level, Measure, Rows, is_bound
from tokentrial.run.columns import Condition

OF_TRAINING = ("train", "validation")
COSTS = {
    "parameters": ("total", 0),
    "trained": ("params_trained", 0),
    "bits deployed": ("bits_deployed", 0),
    "steps": ("steps", 0),
    "seconds": ("wall_seconds", 3),
    "MiB": ("peak_memory_mib", 3),
}
Row = dict[str, Any]


def place(row: Mapping[str, Any]) -> str:
    """Returns the anchor of a comparison on its condition's page."""
    return f"{row['metric']}:{row['arm_a']}-{row['arm_b']}"


def pages(conditions: Mapping[str, str]) -> dict[str, str]:
    """Condition -> its page; conditions: condition -> the name of its file."""
    return {name: f"conditions/{file}.html" for name, file in conditions.items()}


def links(rows: Rows, where: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Comparison or condition -> its name for readers and its place; where: condition -> its page."""
    found = {name: (rows.names.whole(name), page) for name, page in where.items()}
    for condition, pairs in rows.pairs.items():
        for row in pairs if condition in where else ():
            found[row["comparison"]] = (rows.names.comparison(row), f"{where[condition]}#{quote(place(row))}")
    return found


def explorer(rows: Rows) -> dict[str, str]:
    """Comparison -> the address of the explorer that shows its arms."""
    found = {}
    for condition, pairs in rows.pairs.items():
        known = rows.view.condition(condition)
        for row in pairs:
            measure = next((each for each in rows.of(condition) if each.metric == row["metric"]), None)
            if measure is None:
                continue
            chosen = {"study": row["study"], "experiment": experiment_key(known), "metric": ", ".join(measure[:2])}
            found[row["comparison"]] = f"explorer.html{query(**chosen, arm=[row['arm_a'], row['arm_b']])}"
    return found


def contents(rows: Rows, where: Mapping[str, str], claims: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Yields every condition for the templates; claims: see claims.entries."""
    resting: dict[str, list[Row]] = {}
    for claim in claims:
        for page in {href.partition("#")[0] for _, href in claim["comparisons"]}:
            resting.setdefault(page, []).append({name: claim[name] for name in ("id", "paraphrase", "verdict", "sign")})
    for name, page in where.items():
        known = rows.view.condition(name)
        every = rows.of(name)
        held_out = {each: found for each, found in every.items() if each.split not in OF_TRAINING}
        measures = held_out or every  # a released script may have nothing but training data
        yield {
            "id": name,
            "page": page,
            "title": rows.names.experiment(known),
            "label": rows.names.condition(name),
            "study": rows.names.study(known.study),
            "facts": rows.names.facts(name),
            "levels": [_levels(rows, known, each, found) for each, found in measures.items()],
            "comparisons": [_comparison(rows.names, row) for row in rows.pairs.get(name, [])],
            "grids": [_grid(rows.names, known, each, found) for each, found in measures.items()],
            "arms": list(_arms(rows, known, where)),
            "made": _made(rows, name),
            "claims": resting.get(page, []),
            "explore": f"explorer.html{query(study=known.study, experiment=experiment_key(known))}",
        }


def _levels(rows: Rows, condition: Condition, measure: Measure, levels: list[Level]) -> Row:
    found = []
    for level in levels:
        summary = rows.view.level(condition.condition, level.arm, measure.metric)
        found.append(
            {
                "arm": rows.names.arm(condition.study, level.arm),
                "bound": is_bound(level.arm),
                "n": level.n,
                "mean": shortened(level.mean),
                "interval": "" if level.low is None else f"[{shortened(level.low)}, {shortened(level.high)}]",
                "flag": {"untrained": "untrained: at chance", "unigram": "no better than the unigram"}.get(
                    str(summary.get("flag", "")), ""
                )
                if measure.split == "test"
                else "",
            }
        )
    return {"title": rows.names.metric(measure.metric, measure.split), "unit": unit(measure.unit), "rows": found}


def _comparison(names: Names, row: Mapping[str, Any]) -> Row:
    equal = "equivalent" if row["equivalent"] else ""
    return {
        "id": row["comparison"],
        "place": place(row),
        "name": names.comparison(row, whole=False),
        "n": int(row["n"]),
        "difference": number(row["difference"], 5, signed=True),
        "interval": _interval(row["t_low"], row["t_high"]),
        "p": p_value(row["p_holm"]),
        "g": number(row["hedges_g"], 2, signed=True),
        "margin": number(row["margin"], 5),
        "detectable": number(row["minimal_detectable"], 5),
        "equivalent": equal or "no",
    }


def _interval(low: float, high: float) -> str:
    return MISSING if low != low else f"[{number(low, 5, signed=True)}, {number(high, 5, signed=True)}]"


def _grid(names: Names, condition: Condition, measure: Measure, levels: list[Level]) -> Row:
    """The rows of one measure: a line for each seed, a column for each arm."""
    seeds = sorted({seed for level in levels for seed in level.seeds})
    values = [dict(zip(level.seeds, level.values, strict=True)) for level in levels]
    return {
        "title": names.metric(measure.metric, measure.split),
        "unit": unit(measure.unit),
        "arms": [names.arm(condition.study, level.arm) for level in levels],
        "rows": [(seed, [shortened(each.get(seed)) for each in values]) for seed in seeds],
        "count": sum(len(level.values) for level in levels),
    }


def _arms(rows: Rows, condition: Condition, where: Mapping[str, str]) -> Iterator[Row]:
    """What each arm costs, and the job that trained it."""
    for arm in rows.view.arms_of(condition.condition):
        cost = rows.view.cost(condition.condition, arm)
        trained_as = cost.get("trained_as")
        yield {
            "name": rows.names.arm(condition.study, arm),
            "seeds": cost.get("seeds"),
            "costs": [shortened(cost.get(column), digits or 6) for column, digits in COSTS.values()],
            "config": cost.get("config_hash") or MISSING,
            "trained_as": trained_as or "",
        }


def _made(rows: Rows, name: str) -> list[tuple[str, str]]:
    """What the arms of a condition were made with: the commit of the code, device, versions, text."""
    costs = [rows.view.cost(name, arm) for arm in rows.view.arms_of(name)]
    facts = {"Commit": "git_commit", "Device": "device", "Versions": "versions", "Text": "corpus"}
    shared = [
        (title, "; ".join(sorted({str(cost[column]) for cost in costs if cost.get(column)})))
        for title, column in facts.items()
    ]
    return [(title, text) for title, text in shared if text]
