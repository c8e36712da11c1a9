"""One verdict for each claim: judged by its check or its rule, written as Parquet and as JSON."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tokentrial import results as tables
from tokentrial.claims.basis import basis
from tokentrial.claims.catalogue import Check
from tokentrial.claims.frozen import AFTER
from tokentrial.claims.registry import Claim
from tokentrial.claims.rules import RULES, Results
from tokentrial.claims.verdict import OF_CHECKS, OF_RULES, VERDICTS, Finding
from tokentrial.errors import InputError

Fixed = Callable[[Claim], tuple[str, str]]


def unknown(claim: Claim) -> tuple[str, str]:
    """Of a claim that is judged without looking at frozen rules."""
    return AFTER, "no frozen rules were looked at"


def judge(claims: Sequence[Claim], results: Results | None, fixed: Fixed = unknown) -> pd.DataFrame:
    """One row per claim, see `VERDICTS`. Without results the empirical claims are left out.

    fixed: says when an empirical claim's rule was fixed, and why not before the run (see claims.frozen).

    Raises InputError with file and id where a check or a rule fails: a failure never becomes a verdict.
    """
    rows = []
    for claim in claims:
        if claim.call is None and results is None:
            continue
        rows.append(row(claim, finding(claim, results), fixed(claim) if claim.call is None else ("", "")))
    return pd.DataFrame(rows, columns=VERDICTS.names).astype({"rows": "int32"})


def finding(claim: Claim, results: Results | None, rule: Check | None = None) -> Finding:
    """The verdict of one claim. rule: in place of the one that it names. Raises InputError with file and id."""
    call = claim.call or partial(rule or RULES[claim.check], results, claim.reported, **claim.parameters)
    try:
        found = call()
    except InputError as error:
        raise InputError(f"{claim.where}: {error}") from None
    except Exception as error:  # whatever broke, the line must name the claim
        raise InputError(f"{claim.where}: {claim.check} failed: {type(error).__name__}: {error}") from error
    allowed = OF_RULES if claim.call is None else OF_CHECKS
    if found.verdict not in allowed:
        raise InputError(f"{claim.where}: {claim.check} gave {found.verdict}, expected one of {', '.join(allowed)}")
    return found if claim.call is not None or results is None else results.with_text(found)


def row(claim: Claim, found: Finding, fixed: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """One row of `VERDICTS`. fixed: when an empirical claim's rule was fixed, and why not before the run."""
    return {
        "id": claim.id,
        "document": claim.document,
        "section": claim.section,
        "kind": claim.kind,
        "paraphrase": claim.paraphrase,
        "reported": as_json(claim.reported),
        "check": claim.check,
        "parameters": as_json(claim.parameters),
        "recomputed": as_json(found.recomputed),
        "verdict": found.verdict,
        "reason": found.reason,
        "comparison": as_json(list(found.comparisons)),
        "decided_by": found.source if found.source != "check" else claim.source,
        "decision": claim.decision,
        "fixed": fixed[0],
        "unfrozen": fixed[1],
        "rows": found.rows if claim.call is None else claim.numbers,
        "basis": basis(claim),
        "quotes": as_json(claim.quotes),
    }


def as_json(value: Any) -> str:
    """A value as JSON text in its own order; numpy's numbers as Python's, a number that is not finite as text."""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.12g}") if np.isfinite(value) else str(value)
    return value


def counts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Number of claims by document, kind and verdict, in the order of the table: columns document, kind, verdict, n."""
    return verdicts.groupby(["document", "kind", "verdict"], sort=False).size().rename("n").reset_index()


def write(folder: str | Path, verdicts: pd.DataFrame) -> None:
    """verdicts.parquet and verdicts.json, each whole or not at all and equal for equal verdicts."""
    tables.write(Path(folder) / "verdicts.parquet", tables.table(verdicts, VERDICTS))
    with tables.whole_file(Path(folder) / "verdicts.json") as file:
        file.write(to_json(verdicts).encode())


def to_json(verdicts: pd.DataFrame) -> str:
    """All verdicts as one JSON list, the JSON columns as values."""
    opened = ("reported", "parameters", "recomputed", "comparison", "quotes")
    entries = [
        {str(name): json.loads(value) if name in opened else value for name, value in entry.items()}
        for entry in verdicts.to_dict("records")
    ]
    return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"
