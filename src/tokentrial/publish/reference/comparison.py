"""A finished run beside the reference run: rows, decisions and verdicts, and whether a verdict differs.

Processors round differently, so the last bits of a row may differ between machines; verdicts must not. Rows are
compared where both runs have the same specification (arms.parquet's config_hash and seeds), verdicts always.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.publish.reference import rows
from tokentrial.publish.reference.rows import TABLES, Joined, Mask, Record

Frames = Mapping[str, pd.DataFrame]

ALPHA = 0.05
"""The level of significance of the shipped run, 1 minus the default config's confidence."""
OF_CRAMMING = ("cramming", "cramming_decisions")
ENTRY = ("kind", "reported", "check", "parameters", "decision")
"""Columns of a verdict that its entry in the registry sets: where they differ, another question was asked."""
NAMED = 5
"""How many verdicts the line of the error names."""


def read(folder: str) -> dict[str, pd.DataFrame]:
    """The tables of a finished run. Raises InputError that names the first that is missing or cannot be read."""
    found = {}
    for name, table in TABLES.items():
        path = Path(folder) / f"{name}.parquet"
        if not path.is_file():
            raise InputError(f"{path}: not found, expected the tables of a finished run; make them with the target all")
        found[name] = results.read(path, table.schema).to_pandas()
    return found


def compare(run: str, reference: str) -> Record:
    """Returns all that :mod:`publish.reference.text` says, as one JSON object. run, reference: folders."""
    return compare_frames(read(run), read(reference))


def compare_frames(run: Frames, reference: Frames) -> Record:
    """The same of tables in memory: name -> rows of `rows.TABLES`."""
    joined = {
        name: rows.join(rows.typed(run[name], table), rows.typed(reference[name], table), table)
        for name, table in TABLES.items()
    }
    specified = specifications(run["arms"], reference["arms"])
    equal = specified.index[specified["state"] == "same"]
    comparable = {name: pairs.taken(_comparable(name, pairs, specified, equal)) for name, pairs in joined.items()}
    found = {
        "config": config_state(specified),
        "made": {"run": provenance(run["arms"]), "reference": provenance(reference["arms"])},
        "runs": runs_by_study(joined["runs"], comparable["runs"]),
        "largest": largest_by_metric(comparable["runs"]),
        "tables": {name: table_state(name, joined[name], comparable[name]) for name in TABLES},
        "decisions": decisions(comparable["statistics"]),
        "cramming_decisions": cramming_decisions(comparable["cramming_decisions"]),
        "verdicts": verdicts(joined["verdicts"]),
    }
    plain: Record = _plain(found)
    return plain


def specifications(run: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Condition -> study and state: same, other, only_run or only_reference. Both: rows of results.ARMS.

    The same is every arm's config_hash (its job's whole specification, the master seed in it), number of seeds and real
    text.
    """
    texts = []
    for arms in (run, reference):
        parts = arms["arm"] + " " + arms["seeds"].astype(str) + " " + arms["config_hash"]
        parts += " " + arms["corpus"].fillna("").astype(str)  # which a config may leave open
        texts.append(parts.groupby(arms["condition"]).agg(lambda mine: "\n".join(sorted(set(mine)))))
    both = pd.concat(texts, axis=1, keys=["run", "reference"])
    state = np.where(both["run"] == both["reference"], "same", "other")
    state = np.where(both["reference"].isna(), "only_run", np.where(both["run"].isna(), "only_reference", state))
    studies = pd.concat([run, reference]).drop_duplicates("condition").set_index("condition")["study"]
    return pd.DataFrame({"study": studies.reindex(both.index), "state": state}, index=both.index)


def _comparable(name: str, joined: Joined, specified: pd.DataFrame, equal: pd.Index) -> Mask:
    """Which joined rows come from the same specification; measures of cramming, if the whole study does."""
    if name in OF_CRAMMING:
        whole = bool((specified.loc[specified["study"] == "cramming", "state"] == "same").all())
        return np.full(len(joined.run), whole)
    if "condition" in joined.run:
        return np.asarray(joined.run["condition"].isin(equal))
    return np.ones(len(joined.run), dtype=bool)


def config_state(specified: pd.DataFrame) -> Record:
    """Whether all conditions have the same specification, and how many of each study do."""
    states = ("same", "other", "only_run", "only_reference")
    studies = {
        study: {state: int((mine["state"] == state).sum()) for state in states}
        for study, mine in specified.groupby("study", sort=True)
    }
    return {"same": bool((specified["state"] == "same").all()), "studies": studies}


def provenance(arms: pd.DataFrame) -> Record:
    """Where the numbers of a run were made: the different values of what describes machine and code."""
    names = ("device", "versions", "git_commit")
    seeds = {study: sorted(set(mine["seeds"])) for study, mine in arms.groupby("study", sort=True)}
    texts = sorted(set(arms["corpus"].dropna()))
    return {"seeds": seeds, "corpus": texts, **{name: sorted(set(arms[name])) for name in names}}


def runs_by_study(joined: Joined, comparable: Joined) -> Record:
    """Study -> how many of its rows both runs have or one of them, and of the comparable ones, how many are equal.

    Equal is to the last bit. Rows of another specification are counted and not compared.
    """
    differs = rows.any_of(rows.unequal(comparable), len(comparable.run))
    parts = {
        "both": joined.run["study"],
        "only_run": joined.only_run["study"],
        "only_reference": joined.only_reference["study"],
        "repeated_run": joined.repeated_run["study"],
        "repeated_reference": joined.repeated_reference["study"],
        "identical": comparable.run["study"][~differs],
        "differing": comparable.run["study"][differs],
    }
    sizes = pd.DataFrame({name: studies.value_counts() for name, studies in parts.items()}).fillna(0).astype(int)
    sizes["other_specification"] = sizes["both"] - sizes["identical"] - sizes["differing"]
    return {str(study): row.to_dict() for study, row in sizes.sort_index().iterrows()}


def largest_by_metric(comparable: Joined) -> list[Record]:
    """For each study, metric and unit with a difference: how many values differ, and the two largest differences."""
    differs = ~rows.same(comparable.run["value"], comparable.reference["value"])
    differing = comparable.taken(differs)
    found = rows.apart(differing, "value").assign(unit=differing.run["unit"])
    names = ["study", "metric", "unit"]
    return [dict(zip(names, key, strict=True)) | rows.largest(mine) for key, mine in found.groupby(names, sort=True)]


def table_state(name: str, joined: Joined, comparable: Joined) -> Record:
    """Counts of a table's rows, and for each column in which comparable rows differ, by how much."""
    leave = (*TABLES[name].machine, *(("config_hash",) if name == "arms" else ()))
    masks = rows.unequal(comparable, leave)
    differing = int(rows.any_of(masks, len(comparable.run)).sum())
    made = rows.counts(joined)
    made |= {"identical": len(comparable.run) - differing, "differing": differing}
    made["other_specification"] = made["both"] - len(comparable.run)
    columns = {column: rows.column_change(comparable, column, mask) for column, mask in masks.items() if mask.any()}
    return {**made, "columns": columns}


def decisions(comparable: Joined) -> list[Record]:
    """Comparisons of two arms in which a decision changed: its column, both decisions and the numbers that decide."""
    shown = {
        "significant": ("difference", "p_holm"),
        "equivalent": ("difference", "equivalent_low", "equivalent_high", "margin", "p_tost"),
        "noninferior": ("difference", "margin", "p_noninferior"),
    }
    pairs = {"run": comparable.run, "reference": comparable.reference}
    sides = {side: table.assign(significant=table["p_holm"] < ALPHA) for side, table in pairs.items()}
    made = []
    for column, numbers in shown.items():
        for k in np.flatnonzero(~rows.same(sides["run"][column], sides["reference"][column])):
            row: Record = {"comparison": sides["run"]["comparison"].iloc[k], "column": column}
            row |= {side: bool(table[column].iloc[k]) for side, table in sides.items()}
            row["numbers"] = {name: {side: table[name].iloc[k] for side, table in sides.items()} for name in numbers}
            made.append(row)
    return made


def cramming_decisions(comparable: Joined) -> list[Record]:
    """Criteria of the cramming study whose outcome changed, with both reasons."""
    run, reference = comparable.run, comparable.reference
    changed = np.flatnonzero(~rows.same(run["outcome"], reference["outcome"]))
    names = ("claim", "design", "model", "quantity", "threshold")
    return [
        {name: run[name].iloc[k] for name in names}
        | {"run": run["outcome"].iloc[k], "reference": reference["outcome"].iloc[k]}
        | {"reason_run": run["reason"].iloc[k], "reason_reference": reference["reason"].iloc[k]}
        for k in changed
    ]


def verdicts(joined: Joined) -> Record:
    """How many claims have the same verdict, and those that differ with the deciding numbers of both runs."""
    run, reference = joined.run.to_dict("records"), joined.reference.to_dict("records")
    differ = []
    for mine, its in zip(run, reference, strict=True):
        if mine["verdict"] != its["verdict"]:
            row = {name: mine[name] for name in ("id", "document", "kind", "paraphrase")}
            row |= {"reference": its["verdict"], "run": mine["verdict"]}
            row["entry_changed"] = [name for name in ENTRY if mine[name] != its[name]]
            row["numbers"] = numbers(json.loads(mine["recomputed"]), json.loads(its["recomputed"]))
            differ.append(row | {"reason_reference": its["reason"], "reason_run": mine["reason"]})
    made: Record = {"both": len(run), "same": len(run) - len(differ), "differ": differ}
    for side in ("run", "reference"):
        made[f"only_{side}"] = list(getattr(joined, f"only_{side}")["id"])
        made[f"repeated_{side}"] = list(getattr(joined, f"repeated_{side}")["id"])
    return made


def numbers(run: Mapping[str, Any], reference: Mapping[str, Any]) -> Record:
    """The deciding numbers that differ: name -> reference and run, null where one does not have it."""
    names = [*reference, *(name for name in run if name not in reference)]
    return {
        name: {"reference": reference.get(name), "run": run.get(name)}
        for name in names
        if run.get(name) != reference.get(name)
    }


def agree(found: Record, text: str) -> None:
    """Raises InputError where the configs are the same and a verdict differs. text: the file that says how."""
    differ = [row["id"] for row in found["verdicts"]["differ"]]
    if found["config"]["same"] and differ:
        named = ", ".join(differ[:NAMED]) + (f" and {len(differ) - NAMED} more" if len(differ) > NAMED else "")
        noun = "verdict differs" if len(differ) == 1 else "verdicts differ"
        raise InputError(f"{len(differ)} {noun} from the reference run's at the same config: {named}; see {text}")


def write(found: Record, said: str, json_file: str, text_file: str) -> None:
    """The JSON object and its text, each whole or not at all."""
    with results.whole_file(json_file) as file:
        file.write((json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode())
    with results.whole_file(text_file) as file:
        file.write(said.encode())


def _plain(value: Any) -> Any:
    """Values that JSON has: numpy's as Python's, missing ones as null, infinite ones as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA:
        return None
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    return value
