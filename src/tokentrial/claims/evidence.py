"""The chain of evidence of a claim: its entry, its verdict, the comparisons that decide, the jobs that made them.

Everything comes from the tables of a finished run, so the chain of a shipped verdict needs no training.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial import config, results
from tokentrial.claims.checks import CHECKS
from tokentrial.claims.rules import RULES
from tokentrial.claims.verdict import VERDICTS
from tokentrial.errors import InputError

Record = dict[str, Any]
JSON = ("reported", "parameters", "recomputed", "comparison", "quotes")
"""Columns of verdicts.parquet that hold JSON."""
NUMBERS = ("n", "mean_a", "mean_b", "difference", "t_low", "t_high", "p_holm", "margin", "equivalent")
"""Columns of statistics.parquet that a chain shows."""
MADE = ("seeds", "wall_seconds", "device", "versions", "git_commit", "config_hash", "trained_as")
"""Columns of arms.parquet that say how a number was made."""


def read(folder: Path) -> pd.DataFrame:
    """Returns the verdicts of a run, with the JSON columns as text."""
    rows: pd.DataFrame = results.read(folder / "verdicts.parquet", VERDICTS).to_pandas()
    return rows


def opened(row: Mapping[Any, Any]) -> Record:
    """Returns a row of verdicts.parquet with the JSON columns as values."""
    return {str(name): json.loads(value) if name in JSON and value else value for name, value in row.items()}


def chosen(rows: pd.DataFrame, document: str | None, kind: str | None, verdict: str | None) -> pd.DataFrame:
    """Returns the verdicts of a document, a kind and a word. Raises InputError for a value that no claim has."""
    for name, wanted in (("document", document), ("kind", kind), ("verdict", verdict)):
        if wanted is None:
            continue
        known = sorted(set(rows[name]))
        value = wanted.upper() if name == "verdict" else wanted
        if value not in known:
            raise InputError(f"--{name}: {config.unknown_key(value, known)}".replace("unknown key", "found"))
        rows = rows[rows[name] == value]
    return rows


def chain(folder: Path, claim: str) -> Record:
    """Returns the evidence of one claim, from its entry to the jobs.

    entry, verdict: of verdicts.parquet; question: of its check or rule; comparisons: rows of statistics.parquet that it
    used; jobs: condition and arms with seeds, time, machine, versions, commit and digest of the specification, and how
    many rows of runs.parquet they have. Raises InputError for a claim that the run does not have.
    """
    rows = read(folder)
    if claim not in set(rows["id"]):
        nearest = config.nearest(claim, list(rows["id"]))
        raise InputError(f"{folder}: {claim}: found no such claim; {nearest}tokentrial claims list shows them all")
    row = opened(rows[rows["id"] == claim].iloc[0].to_dict())
    verdict = {name: row.pop(name) for name in ("verdict", "reason", "recomputed", "decided_by", "basis", "rows")}
    names = row.pop("comparison")
    catalogue = RULES if row["kind"] == "empirical" else CHECKS
    questions = [catalogue.questions[part] for part in _checks(row) if part in catalogue]
    statistics = results.read(folder / "statistics.parquet", results.STATISTICS).to_pandas()
    used = statistics[statistics["comparison"].isin(names)]
    kept = ["comparison", "study", "condition", "metric", "arm_a", "arm_b", *NUMBERS]
    jobs = _jobs(folder, used) if len(used) else []
    return {
        "run": str(folder),
        "entry": row,
        "question": " ".join(questions),
        **verdict,
        "comparisons": _plain(used[kept]),
        "elsewhere": [name for name in names if name not in set(statistics["comparison"])],
        "jobs": jobs,
    }


def _checks(row: Mapping[str, Any]) -> list[str]:
    """Returns the names of the checks or the rule of an entry."""
    if row["check"] == "several":
        return list(dict.fromkeys(part["check"] for part in row["parameters"]["parts"]))
    return [row["check"]]


def _jobs(folder: Path, used: pd.DataFrame) -> list[Record]:
    """Returns one record for each condition and arm of the comparisons."""
    arms = results.read(folder / "arms.parquet", results.ARMS).to_pandas()
    runs = results.read(folder / "runs.parquet", results.RUNS).to_pandas()
    sizes = runs.groupby(["condition", "arm"]).size()
    pairs = {(row["condition"], row[side]) for row in used.to_dict("records") for side in ("arm_a", "arm_b")}
    wanted = arms[[pair in pairs for pair in zip(arms["condition"], arms["arm"], strict=True)]]
    records = _plain(wanted[["condition", "arm", *MADE]])
    return [{**job, "measurements": int(sizes.get((job["condition"], job["arm"]), 0))} for job in records]


def _plain(rows: pd.DataFrame) -> list[Record]:
    """Returns rows as values of JSON; a missing value is null."""
    return [dict(row) for row in json.loads(rows.to_json(orient="records", double_precision=12))]
