"""Comparison of a finished run with the reference run: rows, decisions and verdicts, and whether a verdict differs.

Processors round differently, so the last bits of a row may differ between machines; verdicts must not differ. Rows are
compared if both runs have the same specification (arms.parquet's config_hash and seeds); verdicts are always compared.
They may differ if the runs were judged differently: by other settings of the statistics, other margins, other claims
or other rules.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.publish.reference import rows
from tokentrial.publish.reference.rows import TABLES, Joined, Mask, Record
from tokentrial.run.statistics import SETTINGS

Frames = Mapping[str, pd.DataFrame]

ALPHA = 0.05
"""The significance level of the shipped run, 1 minus the default config's confidence."""
OF_CRAMMING = ("cramming", "cramming_decisions")
ENTRY = ("kind", "reported", "check", "parameters", "decision")
"""Columns of a verdict from its entry in the registry: if they differ, the two runs asked different questions."""
NAMED = 5
"""Number of verdicts that the error names."""
SAME_MARGIN = 1e-6
"""Margins that differ by a smaller share come from one setting and measured levels on two processors."""


def read(folder: str) -> dict[str, pd.DataFrame]:
    """Returns the tables of a finished run. Raises InputError naming the first that is missing or cannot be read."""
    frames = {}
    for name, table in TABLES.items():
        path = Path(folder) / f"{name}.parquet"
        if not path.is_file():
            raise InputError(f"{path}: not found, expected the tables of a finished run; make them with the target all")
        frames[name] = results.read(path, table.schema).to_pandas()
    return frames


def settings(folder: str) -> Record | None:
    """Returns the settings by which a run was judged (config.judging); None for a run that did not record them yet."""
    recorded = results.metadata(results.read(Path(folder) / "statistics.parquet")).get(SETTINGS)
    return None if recorded is None else dict(json.loads(recorded))


def compare(run: str, reference: str) -> Record:
    """Returns the content of :mod:`publish.reference.text` as one JSON object. run, reference: folders."""
    return compare_frames(read(run), read(reference), (settings(run), settings(reference)))


def compare_frames(
    run: Frames, reference: Frames, judged_by: tuple[Record | None, Record | None] = (None, None)
) -> Record:
    """As `compare`, for tables in memory: rows of `rows.TABLES` by name. judged_by: see `settings`."""
    joined = {
        name: rows.join(rows.typed(run[name], table), rows.typed(reference[name], table), table)
        for name, table in TABLES.items()
    }
    specified = specifications(run["arms"], reference["arms"])
    equal = specified.index[specified["state"] == "same"]
    comparable = {name: pairs.taken(_comparable(name, pairs, specified, equal)) for name, pairs in joined.items()}
    parts: Record = {
        "config": config_state(specified) | {"judged": judged(joined["verdicts"], comparable["statistics"], judged_by)},
        "made": {"run": provenance(run["arms"]), "reference": provenance(reference["arms"])},
        "runs": runs_by_study(joined["runs"], comparable["runs"]),
        "largest": largest_by_metric(comparable["runs"]),
        "tables": {name: table_state(name, joined[name], comparable[name]) for name in TABLES},
        "decisions": decisions(comparable["statistics"]),
        "cramming_decisions": cramming_decisions(comparable["cramming_decisions"]),
        "verdicts": verdicts(joined["verdicts"]),
    }
    parts["config"]["same"] = parts["config"]["trained"] and parts["config"]["judged"]["same"]
    plain: Record = _plain(parts)
    return plain


def specifications(run: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Returns study and state of each condition: same, other, only_run or only_reference. Both: rows of results.ARMS.

    A condition is the same if every arm has the same config_hash (its job's whole specification with the master seed),
    number of seeds and real text.
    """
    texts = []
    for arms in (run, reference):
        parts = arms["arm"] + " " + arms["seeds"].astype(str) + " " + arms["config_hash"]
        parts += " " + arms["corpus"].fillna("").astype(str)  # which a config may leave open
        texts.append(parts.groupby(arms["condition"]).agg(lambda group: "\n".join(sorted(set(group)))))
    both = pd.concat(texts, axis=1, keys=["run", "reference"])
    state = np.where(both["run"] == both["reference"], "same", "other")
    state = np.where(both["reference"].isna(), "only_run", np.where(both["run"].isna(), "only_reference", state))
    studies = pd.concat([run, reference]).drop_duplicates("condition").set_index("condition")["study"]
    return pd.DataFrame({"study": studies.reindex(both.index), "state": state}, index=both.index)


def _comparable(name: str, joined: Joined, specified: pd.DataFrame, equal: pd.Index) -> Mask:
    """Whether each joined row comes from the same specification; for measures of cramming, whether the whole study."""
    if name in OF_CRAMMING:
        whole = bool((specified.loc[specified["study"] == "cramming", "state"] == "same").all())
        return np.full(len(joined.run), whole)
    if "condition" in joined.run:
        return np.asarray(joined.run["condition"].isin(equal))
    return np.ones(len(joined.run), dtype=bool)


def config_state(specified: pd.DataFrame) -> Record:
    """Returns whether all conditions have the same specification (trained), and how many do by study and state."""
    states = ("same", "other", "only_run", "only_reference")
    studies = {
        study: {state: int((group["state"] == state).sum()) for state in states}
        for study, group in specified.groupby("study", sort=True)
    }
    return {"trained": bool((specified["state"] == "same").all()), "studies": studies}


def judged(claims: Joined, comparisons: Joined, judged_by: tuple[Record | None, Record | None]) -> Record:
    """Returns whether both runs were judged by the same settings and margins (same), and what differs.

    settings: setting -> both values, if both runs recorded theirs; margins: number of comparisons with another margin;
    entries: ids of claims with another rule, other parameters or other reported numbers; only_run, only_reference: ids
    of claims that one registry has. claims: verdicts joined; comparisons: rows of the same specification joined.
    """
    run, reference = judged_by
    changed = {} if run is None or reference is None else dict(_changed(reference, run))
    margin, other = (side["margin"].to_numpy("float64") for side in (comparisons.run, comparisons.reference))
    alike = np.isclose(margin, other, rtol=SAME_MARGIN, atol=0, equal_nan=True)
    changes = {name: ~rows.same(claims.run[name], claims.reference[name]) for name in ENTRY}
    entries = rows.any_of(changes, len(claims.run))
    return {
        "same": bool(alike.all()) and not changed,
        "settings": changed,
        "margins": int((~alike).sum()),
        "entries": list(claims.run["id"][entries]),
        "only_run": list(claims.only_run["id"]),
        "only_reference": list(claims.only_reference["id"]),
    }


def _changed(reference: Any, run: Any, place: str = "") -> Iterator[tuple[str, Record]]:
    """Yields the place and both values of every setting that differs."""
    if isinstance(reference, Mapping) and isinstance(run, Mapping):
        for key in dict.fromkeys((*reference, *run)):
            yield from _changed(reference.get(key), run.get(key), f"{place}.{key}" if place else key)
    elif reference != run:
        yield place, {"reference": reference, "run": run}


def provenance(arms: pd.DataFrame) -> Record:
    """Returns the provenance of a run's numbers: all values of the columns that describe machine and code."""
    names = ("device", "versions", "git_commit")
    seeds = {study: sorted(set(group["seeds"])) for study, group in arms.groupby("study", sort=True)}
    texts = sorted(set(arms["corpus"].dropna()))
    return {"seeds": seeds, "corpus": texts, **{name: sorted(set(arms[name])) for name in names}}


def runs_by_study(joined: Joined, comparable: Joined) -> Record:
    """Returns by study how many rows both runs or one run have, and how many of the comparable rows are equal.

    Equal means to the last bit. Rows of another specification are counted but not compared.
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
    """Returns for each study, metric and unit with a difference the number of differing values and the two largest."""
    differs = ~rows.same(comparable.run["value"], comparable.reference["value"])
    differing = comparable.taken(differs)
    changes = rows.apart(differing, "value").assign(unit=differing.run["unit"])
    names = ["study", "metric", "unit"]
    groups = changes.groupby(names, sort=True)
    return [dict(zip(names, key, strict=True)) | rows.largest(group) for key, group in groups]


def table_state(name: str, joined: Joined, comparable: Joined) -> Record:
    """Returns counts of a table's rows, and the differences in each column in which comparable rows differ."""
    leave = (*TABLES[name].machine, *(("config_hash",) if name == "arms" else ()))
    masks = rows.unequal(comparable, leave)
    differing = int(rows.any_of(masks, len(comparable.run)).sum())
    state = rows.counts(joined)
    state |= {"identical": len(comparable.run) - differing, "differing": differing}
    state["other_specification"] = state["both"] - len(comparable.run)
    columns = {column: rows.column_change(comparable, column, mask) for column, mask in masks.items() if mask.any()}
    return {**state, "columns": columns}


def decisions(comparable: Joined) -> list[Record]:
    """Returns comparisons of two arms with a changed decision: its column, both decisions and the deciding numbers."""
    shown = {
        "significant": ("difference", "p_holm"),
        "equivalent": ("difference", "equivalent_low", "equivalent_high", "margin", "p_tost"),
        "noninferior": ("difference", "margin", "p_noninferior"),
    }
    pairs = {"run": comparable.run, "reference": comparable.reference}
    sides = {side: table.assign(significant=table["p_holm"] < ALPHA) for side, table in pairs.items()}
    changes = []
    for column, numbers in shown.items():
        for k in np.flatnonzero(~rows.same(sides["run"][column], sides["reference"][column])):
            row: Record = {"comparison": sides["run"]["comparison"].iloc[k], "column": column}
            row |= {side: bool(table[column].iloc[k]) for side, table in sides.items()}
            row["numbers"] = {name: {side: table[name].iloc[k] for side, table in sides.items()} for name in numbers}
            changes.append(row)
    return changes


def cramming_decisions(comparable: Joined) -> list[Record]:
    """Returns the criteria of the cramming study whose outcome changed, with both reasons."""
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
    """Returns the number of claims with the same verdict, and differing verdicts with both runs' deciding numbers."""
    run, reference = joined.run.to_dict("records"), joined.reference.to_dict("records")
    differ = []
    for run_row, reference_row in zip(run, reference, strict=True):
        if run_row["verdict"] != reference_row["verdict"]:
            row = {name: run_row[name] for name in ("id", "document", "kind", "paraphrase")}
            row |= {"reference": reference_row["verdict"], "run": run_row["verdict"]}
            row["entry_changed"] = [name for name in ENTRY if run_row[name] != reference_row[name]]
            row["numbers"] = numbers(json.loads(run_row["recomputed"]), json.loads(reference_row["recomputed"]))
            differ.append(row | {"reason_reference": reference_row["reason"], "reason_run": run_row["reason"]})
    summary: Record = {"both": len(run), "same": len(run) - len(differ), "differ": differ}
    for side in ("run", "reference"):
        summary[f"only_{side}"] = list(getattr(joined, f"only_{side}")["id"])
        summary[f"repeated_{side}"] = list(getattr(joined, f"repeated_{side}")["id"])
    return summary


def numbers(run: Mapping[str, Any], reference: Mapping[str, Any]) -> Record:
    """Returns the differing numbers by name: reference and run, null if one run lacks the number."""
    names = [*reference, *(name for name in run if name not in reference)]
    return {
        name: {"reference": reference.get(name), "run": run.get(name)}
        for name in names
        if run.get(name) != reference.get(name)
    }


def agree(comparison: Record, text: str) -> None:
    """Raises InputError if the configs are the same and a verdict on the same entry differs. text: the file with all.

    Another verdict by another margin, claim or rule is a dispute, not a failure.
    """
    differ = [row["id"] for row in comparison["verdicts"]["differ"] if not row["entry_changed"]]
    if comparison["config"]["same"] and differ:
        named = ", ".join(differ[:NAMED]) + (f" and {len(differ) - NAMED} more" if len(differ) > NAMED else "")
        noun = "verdict differs" if len(differ) == 1 else "verdicts differ"
        raise InputError(f"{len(differ)} {noun} from the reference run's at the same config: {named}; see {text}")


def write(comparison: Record, text: str, json_file: str, text_file: str) -> None:
    """Writes the JSON object and its text, each whole or not at all."""
    with results.whole_file(json_file) as file:
        file.write((json.dumps(comparison, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode())
    with results.whole_file(text_file) as file:
        file.write(text.encode())


def _plain(value: Any) -> Any:
    """Converts to JSON's values: numpy's to Python's, missing values to null, infinite values to text."""
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
