"""The claims with their verdicts and evidence, as the pages show them."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pandas as pd
import yaml

from tokentrial.claims import verdict as words
from tokentrial.documents import CROSS, Group
from tokentrial.errors import InputError
from tokentrial.report import catalogue
from tokentrial.report.site.evidence import comparisons, facts
from tokentrial.report.site.names import Names
from tokentrial.report.site.pages import slug

# verdict -> (sign beside the word, what it says)
MEANINGS = {
    words.CONSISTENT: ("✓", "The printed numbers or statements agree, within what their digits allow."),
    words.PARTLY: ("◐", "Some of what the claim says agrees, some does not."),
    words.INCONSISTENT: ("✗", "The printed numbers or statements contradict each other, whatever their rounding."),
    words.NOT_CHECKABLE: ("–", "Nothing that is printed or public can decide it."),
    words.CONFIRMED: ("✓", "The fair arms show the effect, by the rule in the registry."),
    words.REFUTED: ("✗", "The fair arms show the opposite, or no effect larger than the margin where one is claimed."),
    words.TOO_SMALL: ("≈", "The effect is there and lies inside the margin of equivalence."),
    words.INCONCLUSIVE: ("?", "This run cannot tell; the smallest effect that it could have found is given."),
    words.ARTEFACT: ("△", "There in the code as released, gone when its flaw is removed."),
    words.UNTESTABLE: ("–", "This run has no results that could decide it."),
}
FAMILIES = ((words.KINDS[:-1], words.OF_CHECKS), (words.KINDS[-1:], words.OF_RULES))
SHOWN = 12
"""Comparisons that an entry names; the page of their condition has the others."""


@dataclass(frozen=True)
class Places:
    """Where the site shows what a claim rests on.

    names: of the run; links: comparison or condition -> its name for readers and its page; explorer: comparison -> the
    explorer's page with this comparison chosen; tables, figures: those that the site has, by name.
    """

    names: Names
    links: Mapping[str, tuple[str, str]]
    explorer: Mapping[str, str]
    tables: Mapping[str, str]
    figures: Mapping[str, str]


def entries(verdicts: pd.DataFrame, documents: Mapping[str, Group], places: Places) -> list[dict[str, Any]]:
    """Returns every claim for the templates. Raises InputError for a verdict that no page can place."""
    _check(verdicts, sections(documents))
    return [entry({str(name): value for name, value in row.items()}, places) for row in verdicts.to_dict("records")]


def sections(documents: Mapping[str, Group]) -> list[dict[str, Any]]:
    """The documents in order, the claims across documents last: name, title and the ids that exist."""
    return [{"name": name, "title": group.title, "ids": group.claims} for name, group in documents.items()]


def _check(verdicts: pd.DataFrame, parts: Sequence[Mapping[str, Any]]) -> None:
    """Each claim once, in a document that exists, with a word that has a meaning."""
    known = {name for part in parts for name in part["ids"]}
    for name, count in Counter(verdicts["id"]).items():
        if count > 1:
            raise InputError(f"{name}: the id is there {count} times, expected once")
        if name not in known:
            raise InputError(f"{name}: no document has the id")
    documents = [part["name"] for part in parts]
    for name, document, kind, found in verdicts[["id", "document", "kind", "verdict"]].itertuples(index=False):
        for column, value, expected in (
            ("document", section_of(document), documents),
            ("kind", kind, words.KINDS),
            ("verdict", found, MEANINGS),
        ):
            if value not in expected:
                raise InputError(f"{name}: {column}: found {value!r}, expected one of {', '.join(expected)}")


def section_of(document: str) -> str:
    """The part of the page that has the claims of this document, or of several joined by `` + ``."""
    return CROSS if " + " in document else document


# One claim


def entry(row: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """One claim for the template: what it reports and what was recomputed as named texts, where it rests."""
    empirical = row["kind"] == words.KINDS[-1]
    one, many = ("row", "rows") if empirical else ("number", "numbers")
    ids = list(comparisons(row["comparison"]))
    recomputed = json.loads(row["recomputed"])
    shown = recomputed.get("shown")
    answer, _, rest = places.names.readable(row["reason"]).partition("; ")
    return {
        **row,
        "reason": places.names.readable(row["reason"]),
        "answer": answer,
        "rest": rest,
        "part": section_of(row["document"]),
        "sign": MEANINGS[row["verdict"]][0],
        "reported": facts(json.loads(row["reported"]), places.names, places.links),
        "recomputed": facts(recomputed, places.names, places.links),
        "parameters": written(json.loads(row["parameters"])),
        "comparisons": [places.links[name] for name in ids if name in places.links][:SHOWN],
        "more": max(len(ids) - SHOWN, 0),
        "explore": places.explorer.get(str(shown), ""),
        "sources": list(sources(row["decided_by"], places)),
        "basis": row["basis"] if isinstance(row["basis"], str) else "",
        "unfrozen": row["unfrozen"] if isinstance(row["unfrozen"], str) else "",
        "quotes": list(json.loads(row["quotes"]).items()) if isinstance(row["quotes"], str) else [],
        "check_name": "Rule" if empirical else "Check",
        "check_words": str(row["check"]).replace("_", " "),
        "rests": f"{row['rows']:,} {one if row['rows'] == 1 else many} "
        + ("of the result tables" if empirical else "as printed"),
    }


def written(parameters: Mapping[str, Any]) -> str:
    """Parameters as the registry writes them, innermost lists and mappings on one line."""
    return yaml.safe_dump(parameters, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100).rstrip()


def sources(decided_by: str, places: Places) -> Iterator[dict[str, str]]:
    """The tables and figures that decide: kind, title, and the page that shows each.

    A name that is both a table's and a figure's gives both. What is in no catalogue is shown as it is; ``check`` and
    ``none`` give nothing.
    """
    corpus = places.names.view.corpus
    titles = (
        ("Table", catalogue.tables_of(catalogue.STUDIES, corpus)),
        ("Figure", catalogue.figures_of(catalogue.STUDIES, corpus)),
    )
    pages = {"Table": places.tables, "Figure": places.figures}
    listed = re.split(r"\s*[,;]\s*", decided_by)
    if not all(any(name in known for _, known in titles) for name in listed):
        listed = [decided_by]
    for name in listed:
        found = [(kind, known[name]) for kind, known in titles if name in known]
        for kind, title in found:
            yield {"kind": kind, "title": title, "href": pages[kind].get(name, "")}
        if not found and name not in ("check", "none"):
            yield {"kind": "", "title": name, "href": ""}


# Counts


def filters(claims: Sequence[Mapping[str, Any]], parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What can be chosen: key in the URL, heading, and its options as (value, label, sign, number of claims).

    Documents and kinds without a claim are options too, verdicts without one are not.
    """
    found = Counter((key, each[key]) for each in claims for key in ("part", "kind", "verdict"))
    documents = [
        (part["name"], part["name"] if part["name"] != CROSS else "across", "", found["part", part["name"]])
        for part in parts
    ]
    kinds = [(kind, kind, "", found["kind", kind]) for kind in words.KINDS]
    verdicts = [
        (slug(name), name.lower(), sign, found["verdict", name])
        for name, (sign, _) in MEANINGS.items()
        if found["verdict", name]
    ]
    names = (("document", "Document", documents), ("kind", "Kind", kinds), ("verdict", "Verdict", verdicts))
    return [{"key": key, "heading": heading, "options": options} for key, heading, options in names]


def counted(claims: Sequence[Mapping[str, Any]], part: Mapping[str, Any] | None) -> dict[str, Any]:
    """The claims of one document (all of them without one) and their numbers by kind and verdict."""
    some = [each for each in claims if part is None or each["part"] == part["name"]]
    cells = {
        kind: counts(each["verdict"] for each in some if each["kind"] == kind)
        for kind in words.KINDS
        if any(each["kind"] == kind for each in some)
    }
    return {"claims": some, "cells": cells, "bar": bar(counts(each["verdict"] for each in some))}


def counts(verdicts: Iterable[str]) -> dict[str, int]:
    """Number of claims by verdict in the order of `MEANINGS`, without zeros."""
    found = Counter(verdicts)
    return {name: found[name] for name in MEANINGS if found[name]}


def bar(numbers: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """Stacked bar of 100 units: (verdict, left end, width)."""
    total, left, parts = sum(numbers.values()), 0, []
    for name, number in numbers.items():
        parts.append((name, round(100 * left / total, 3), round(100 * number / total, 3)))
        left += number
    return parts


def query(**chosen: Any) -> str:
    """Returns the query of a page's address that chooses these values; a list gives its key several times."""
    pairs = [(key, each) for key, value in chosen.items() for each in (value if isinstance(value, list) else [value])]
    return "?" + "&".join(f"{key}={quote(str(value), safe='')}" for key, value in pairs)
