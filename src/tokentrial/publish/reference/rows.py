"""Rows of two runs side by side: repeated rows, rows of one run only, and equality to the last bit or differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from tokentrial import results
from tokentrial.claims.verdict import OF_ENTRIES, VERDICTS
from tokentrial.cramming.columns import DECISIONS, MEASURES

Mask = npt.NDArray[np.bool_]
Record = dict[str, Any]

EXAMPLES = 20
"""Number of listed rows among those that only one run has; all are counted."""


class Table(NamedTuple):
    """The key columns of a result table, and those that are no difference: of the machine, or of a claim's entry."""

    schema: Any
    keys: tuple[str, ...]
    machine: tuple[str, ...] = ()
    numbered: bool = False  # whether the order tells rows of equal keys apart


MACHINE = (*results.TIMED, "device", "versions", "git_commit")
TABLES = {
    "runs": Table(results.RUNS, ("study", "condition", "arm", "seed", "split", "step", "metric")),
    "arms": Table(results.ARMS, ("study", "condition", "arm"), MACHINE),
    "summary": Table(results.SUMMARY, ("study", "condition", "arm", "metric")),
    "statistics": Table(results.STATISTICS, ("comparison",)),
    "cramming": Table(MEASURES, ("measure", "design", "model", "kind", "vectors", "length", "arm")),
    "cramming_decisions": Table(DECISIONS, ("claim", "design", "model", "quantity"), numbered=True),
    "verdicts": Table(VERDICTS, ("id",), OF_ENTRIES),
}


@dataclass(frozen=True)
class Joined:
    """Two tables joined by key: row i of ``run`` and row i of ``reference`` are the same row of the two runs.

    If rows of one table have equal keys, the first is joined; the others are in ``repeated_*``.
    """

    keys: tuple[str, ...]
    run: pd.DataFrame
    reference: pd.DataFrame
    only_run: pd.DataFrame
    only_reference: pd.DataFrame
    repeated_run: pd.DataFrame
    repeated_reference: pd.DataFrame

    def taken(self, mask: Mask) -> "Joined":
        """Returns the same tables with only the joined rows for which ``mask`` holds."""
        chosen = {name: getattr(self, name)[mask].reset_index(drop=True) for name in ("run", "reference")}
        return Joined(**{**self.__dict__, **chosen})


def typed(rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Returns rows with nullable integer and boolean columns, instead of floats and objects."""
    kinds = {
        field.name: "Int64" if pa.types.is_integer(field.type) else "boolean"
        for field in table.schema
        if pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)
    }
    return rows.astype(kinds)


def join(run: pd.DataFrame, reference: pd.DataFrame, table: Table) -> Joined:
    """Joins rows of equal keys, in the run's order; a null key equals a null key."""
    keys = list(table.keys)
    if table.numbered:
        run, reference = (_numbered(rows, keys) for rows in (run, reference))
        keys = [*keys, "number"]
    both = pd.concat([run[keys], reference[keys]], ignore_index=True)
    codes = both.groupby(keys, dropna=False, sort=False).ngroup().to_numpy()
    of_run, of_reference = codes[: len(run)], codes[len(run) :]
    repeated_run, repeated_reference = (pd.Series(side).duplicated().to_numpy() for side in (of_run, of_reference))
    # Of rows with equal codes, intersect1d returns the first.
    _, rows_of_run, rows_of_reference = np.intersect1d(of_run, of_reference, return_indices=True)
    order = np.argsort(rows_of_run)
    return Joined(
        tuple(keys),
        run.iloc[rows_of_run[order]].reset_index(drop=True),
        reference.iloc[rows_of_reference[order]].reset_index(drop=True),
        run[~np.isin(of_run, of_reference) & ~repeated_run],
        reference[~np.isin(of_reference, of_run) & ~repeated_reference],
        run[repeated_run],
        reference[repeated_reference],
    )


def _numbered(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return rows.assign(number=rows.groupby(keys, dropna=False, sort=False).cumcount())


def counts(joined: Joined) -> Record:
    """Returns numbers of rows: in each run, in both, in one only, or repeated; with the first of the last two kinds."""
    both = len(joined.run)
    numbers: Record = {
        "run": both + len(joined.only_run) + len(joined.repeated_run),
        "reference": both + len(joined.only_reference) + len(joined.repeated_reference),
        "both": both,
    }
    for name in ("only_run", "only_reference", "repeated_run", "repeated_reference"):
        rows = getattr(joined, name)
        numbers[name] = len(rows)
        numbers[f"{name}_first"] = rows[list(joined.keys)].head(EXAMPLES).to_dict("records")
    return numbers


def same(one: pd.Series, other: pd.Series) -> Mask:
    """Whether two columns are equal in each row: numbers to the last bit; null equals null."""
    missing = (one.isna() & other.isna()).to_numpy()
    if pd.api.types.is_float_dtype(one.dtype) and pd.api.types.is_float_dtype(other.dtype):
        equal = one.to_numpy("float64").view("int64") == other.to_numpy("float64").view("int64")
    else:
        equal = one.eq(other).fillna(False).to_numpy(bool)
    return np.asarray(missing | equal)


def unequal(joined: Joined, leave: Sequence[str] = ()) -> dict[str, Mask]:
    """Returns by column whether each joined row differs; keys and the columns in ``leave`` are not compared."""
    columns = [str(name) for name in joined.run if name not in (*joined.keys, *leave)]
    return {name: ~same(joined.run[name], joined.reference[name]) for name in columns}


def any_of(masks: Mapping[str, Mask], rows: int) -> Mask:
    """Whether any column differs in each row."""
    return np.asarray(np.logical_or.reduce([np.zeros(rows, dtype=bool), *masks.values()]))


def apart(joined: Joined, column: str) -> pd.DataFrame:
    """Returns the keys of every joined row with run, reference, difference (absolute), relative (of the reference).

    Both differences are null if a value is missing in one run; relative is null if the reference is 0.
    """
    run_values, reference_values = (
        side[column].astype("float64").to_numpy() for side in (joined.run, joined.reference)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.where(run_values == reference_values, 0.0, np.abs(run_values - reference_values))
        relative = np.where(reference_values == 0, np.nan, difference / np.abs(reference_values))
    keys = joined.run[list(joined.keys)].copy()
    return keys.assign(run=run_values, reference=reference_values, difference=difference, relative=relative)


def largest(differing: pd.DataFrame) -> Record:
    """Returns for differing rows of :func:`apart` their number, those with one value missing, and the two largest."""
    one_missing = differing["run"].isna() != differing["reference"].isna()
    summary: Record = {"differing": len(differing), "missing_in_one": int(one_missing.sum())}
    for by, name in (("difference", "absolute"), ("relative", "relative")):
        ranked = differing[by].fillna(-1.0)
        summary[name] = None if not (ranked >= 0).any() else differing.iloc[int(ranked.to_numpy().argmax())].to_dict()
    return summary


def column_change(joined: Joined, column: str, mask: Mask) -> Record:
    """Returns the change of one column: the largest differences of numbers, else the first example."""
    rows = joined.taken(mask)
    if pd.api.types.is_numeric_dtype(rows.run[column].dtype) and not pd.api.types.is_bool_dtype(rows.run[column].dtype):
        return largest(apart(rows, column))
    first = {**rows.run[list(joined.keys)].iloc[0].to_dict(), "run": rows.run[column].iloc[0]}
    return {"differing": len(rows.run), "first": {**first, "reference": rows.reference[column].iloc[0]}}
