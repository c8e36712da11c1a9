"""What n seeds can find, in standard deviations and in what this run measured."""

from collections.abc import Mapping

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.released import academic_validation, corrected, focused_scaling
from tokentrial.report.catalogue import sub_study_title, table_title
from tokentrial.report.formats import Section, Table, count, number
from tokentrial.report.tables.rows import Row
from tokentrial.run.finals import ACCURACY, LOSS
from tokentrial.run.view import View
from tokentrial.statistics.power import power_curve

USUAL = (3, 5, 10, 20, 30)
DESIGNS = ("paired", "independent")
EFFECTS = {"minimal_detectable": "MDE", "critical": "critical", "equivalence_margin": "margin"}
SCRIPTS = {
    "pure-python script": 1,
    "focused-scaling script": focused_scaling.RUNS,
    "corrected script": corrected.RUNS,
    "academic-validation script": academic_validation.RUNS,
}


def power(view: View, published: Mapping[str, PublishedTable]) -> Table:
    """Standardised effects by n; then the differences that this run's comparisons could have view."""
    curve = _curve(view, published)
    measured = _measured(view)
    level = f"{100 * (1 - view.confidence):g} %"
    notes = (
        f"Two-sided t tests at {level}. MDE: the true effect found with a power of 80 %. Critical: the smallest "
        "observed effect that is significant. Margin: the smallest equivalence margin that two one-sided tests show "
        "with a power of 80 % if there is no difference. Paired: in standard deviations of the differences; "
        "independent: of one arm.",
        "Lower part: medians over the comparisons of the learned encoding with every other arm. MDE < margin: in how "
        "many of them the seeds suffice to tell a difference of the size of the margin from none.",
    )
    data = pd.concat([curve.assign(panel="seeds"), measured.assign(panel="measured")], ignore_index=True)
    data.insert(0, "panel", data.pop("panel"))
    sections = (Section("Number of seeds", _shown_curve(curve)), Section("In this run", _shown_measured(measured)))
    return Table("power", table_title("power"), data, sections, notes, "Part")


def _curve(view: View, published: Mapping[str, PublishedTable]) -> pd.DataFrame:
    """One row per n: who used it, and the effects of both designs."""
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
    long = power_curve(sorted(users), alpha=1 - view.confidence)
    wide = pd.DataFrame({"n": sorted(users)})
    wide["used_by"] = ["; ".join(dict.fromkeys(users[n])) for n in wide["n"]]
    for design in DESIGNS:
        effects = long[long["design"] == design][list(EFFECTS)].add_suffix(f"_{design}")
        wide = pd.concat([wide, effects.reset_index(drop=True)], axis=1)
    return wide


def _shown_curve(curve: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in curve.to_dict("records"):
        effects = {
            f"{design.capitalize()}:\n{name}": number(row[f"{effect}_{design}"], 2)
            for design in DESIGNS
            for effect, name in EFFECTS.items()
        }
        rows.append({"Used by": row["used_by"] or "", "n": count(row["n"]), **effects})
    return pd.DataFrame(rows)


def _measured(view: View) -> pd.DataFrame:
    """One row per sub-study, way and metric."""
    frame = view.statistics[view.statistics["metric"].isin([LOSS, ACCURACY])]
    conditions = [view.condition(name) for name in frame["condition"]]
    frame = frame.assign(experiment=[row.experiment for row in conditions], way=[row.way or "" for row in conditions])
    rows: list[Row] = []
    for (way, study, metric), group in frame.groupby(["way", "experiment", "metric"], sort=False):
        known = group["minimal_detectable"].notna()
        rows.append(
            {
                "way": way,
                "study": study,
                "metric": metric,
                "comparisons": len(group),
                "n": int(group["n"].min()),
                "sd_difference": group["sd_difference"].median(),
                "minimal_detectable": group["minimal_detectable"].median(),
                "margin": group["margin"].median(),
                "detectable_below_margin": int((group["minimal_detectable"] < group["margin"])[known].sum()),
            }
        )
    columns = ["way", "study", "metric", "comparisons", "n", "sd_difference", "minimal_detectable", "margin"]
    return pd.DataFrame(rows, columns=[*columns, "detectable_below_margin"])


def _shown_measured(measured: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "Way": str(row["way"]).replace("-", " "),
            "Sub-study or script": sub_study_title(str(row["study"])),
            "Metric": "loss" if row["metric"] == LOSS else "accuracy",
            "Comparisons": count(row["comparisons"]),
            "n": count(row["n"]),
            "SD of difference": number(row["sd_difference"]),
            "MDE": number(row["minimal_detectable"]),
            "Margin": number(row["margin"]),
            "MDE < margin": count(row["detectable_below_margin"]),
        }
        for row in measured.to_dict("records")
    ]
    return pd.DataFrame(rows)
