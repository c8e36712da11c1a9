"""The tables of the verdicts: the matrix, the consequential findings, the replications, and all claims by document."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from tokentrial.claims import verdict as words
from tokentrial.report import catalogue
from tokentrial.report.catalogue import DOCUMENTS, LISTINGS
from tokentrial.report.claims_listing import decided_by
from tokentrial.report.formats import GAP, MINUS, MISSING, Table, count, missing, p_value, yes_no
from tokentrial.report.sensitivity import claim_rows
from tokentrial.report.tables import declared
from tokentrial.report.tables.registry import Ask, Row, kind
from tokentrial.report.verdicts import (
    EMPIRICAL,
    consequential,
    counted,
    decisions,
    group,
    named,
    of,
    question,
    replications,
)
from tokentrial.run.view import records

SENSITIVITY = "sensitivity"
"""The kind of the table that is made of other rows than the verdicts."""


def build(verdicts: pd.DataFrame, confidence: float, sensitivity: pd.DataFrame | None = None) -> Iterator[Table]:
    """Every table of the verdicts, in the catalogue's order; verdicts: see report.verdicts.read; confidence: theirs.

    sensitivity: rows of claims.sensitivity.SENSITIVITY, without which their table has no rows.
    """
    said = {"alpha": f"{1 - confidence:g}", "confidence": f"{100 * confidence:g} %"}
    file = catalogue.FILES[catalogue.VERDICTS]
    for name, entry in catalogue.entries(catalogue.VERDICTS).tables.items():
        if name != catalogue.HEADLINE:
            rows = sensitivity if entry.kind == SENSITIVITY else verdicts
            yield declared.build(Ask(f"{file}: tables.{name}", name, entry, rows, {}, dict(said)), entry.title)


@kind("verdict matrix")
def matrix(ask: Ask) -> Iterator[Row]:
    """A section per kind, a row per document and one for all, a column per verdict; checks and rules apart."""
    sizes = counted(ask.view)
    yield from ({**row, "_only": "csv"} for row in records(sizes))
    for name in words.KINDS:
        of_kind = sizes[sizes["kind"] == name]
        wide = of_kind.pivot_table(index="document", columns="verdict", values="n", aggfunc="sum", fill_value=0)
        wide = wide.reindex(index=[document for document in DOCUMENTS if document in wide.index])
        wide.loc["all"] = wide.sum()
        for document, numbers in wide.assign(claims=wide.sum(axis=1)).iterrows():
            shown = {f"_{verdict}": n or None for verdict, n in numbers.items()}
            section = {"_section": name.capitalize(), "_part": "rules" if name == EMPIRICAL else None, "_only": "page"}
            yield {"_document": DOCUMENTS.get(str(document), "All"), **shown, **section}


@kind("claims")
def claims(ask: Ask) -> Iterator[Row]:
    """All that a reader needs of each claim; the raw data also say how the check was called and what the audit asks.

    The claims of the table's document, or the most consequential ones.
    """
    rows = of(ask.view, LISTINGS[ask.name]) if ask.name in LISTINGS else consequential(ask.view)
    for row in records(rows):
        audit = "" if row["kind"] == EMPIRICAL else question(row["check"], row["parameters"])
        numbers = {f"_{name}": named(json.loads(row[name])) for name in ("reported", "recomputed")}
        yield {**row, "audit": audit, **numbers, "_decided_by": decided_by(row)}


@kind("decision rules")
def rules(ask: Ask) -> Iterator[Row]:
    """Each rule in words, when it was fixed, and the claims that it decided."""
    return ({**row, "_section": f"Fixed {row['fixed']}"} for row in records(decisions(ask.view)))


@kind("replications")
def of_replications(ask: Ask) -> Iterator[Row]:
    """Beside each empirical claim, where it is defined: what its original predicts, and what the replication says."""
    data = replications(ask.view)
    yield from ({**declared.whole(row), "_only": "csv"} for row in records(data))
    for name, title in DOCUMENTS.items():
        for row in of(data, name).to_dict("records"):
            yield {**_replication(row), "_section": title, "_only": "page"}


@kind("sensitivity")
def of_choices(ask: Ask) -> Iterator[Row]:
    """A row for every claim whose verdict is another one under some choice; the CSV has all of them."""
    for row in [] if ask.view is None else claim_rows(ask.view):
        section = DOCUMENTS.get(group(row["document"]), row["document"])
        flips = row["same"] < row["specifications"]
        same = f"{row['same']} of {row['specifications']}"
        yield {**row, "_same": same, "_section": section, **({} if flips else {"_only": "csv"})}


def _replication(row: Mapping[Any, Any]) -> Row:
    inside, telescopes = yes_no(row["in_prediction_interval"]), _small(row)
    predicted = f"{_interval(row['prediction_low'], row['prediction_high'])}\n{inside}"
    tost = f"{p_value(row['p_tost'])}\n±{GAP}{_short(row['margin'])}"
    return {
        "_id": row["id"],
        "_verdict": row["verdict"],
        "_published": _difference(row["original_difference"], row["original_n"]),
        "_measured": f"{_difference(row['difference'], row['n'])}\n{_interval(row['low'], row['high'])}",
        "_predicted": None if missing(row["prediction_low"]) else predicted,
        "_d33": None if missing(row["d33"]) else f"{_short(row['d33'])}\n{telescopes}",
        "_bayes_factor": _short(row["bayes_factor"]),
        "_sceptical_p": row["sceptical_p"],
        "_tost": None if missing(row["p_tost"]) else tost,
        "_minimal_detectable": _short(row["minimal_detectable"]),
    }


def _difference(value: float | None, n: float | None) -> str:
    return MISSING if missing(value) else f"{_short(value, signed=True)} ({count(n)})"


def _interval(low: float | None, high: float | None) -> str:
    return MISSING if missing(low) or missing(high) else f"[{_short(low)},{GAP}{_short(high)}]"


def _short(value: float | None, signed: bool = False) -> str:
    """Three significant digits, and no exponent for thousands."""
    if missing(value) or value is None:
        return MISSING
    sign = "+" if signed and value else ""
    text = f"{value:{sign}.3g}" if abs(value) < 1000 else f"{value:{sign},.0f}"
    return text.replace("e-0", "e-").replace("-", MINUS)


def _small(row: Mapping[Any, Any]) -> str:
    """What small telescopes say; an effect of the other sign is not called too small."""
    if missing(row["too_small_for_original"]):
        return MISSING
    return "other sign" if row["opposite_sign"] else "too small" if row["too_small_for_original"] else "large enough"
