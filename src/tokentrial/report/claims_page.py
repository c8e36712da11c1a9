"""The verdicts as one HTML page that needs nothing else: no network, no other file, and no script to be read.

The page is filled from ``workflow/report/claims.html``, with its style sheet and its script inside; every text is
escaped. Its content security policy names the two by their SHA-256 and allows images from data URIs, nothing else.
"""

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup

from tokentrial import results
from tokentrial.claims import verdict as words
from tokentrial.claims.verdict import VERDICTS
from tokentrial.documents import CROSS, Group
from tokentrial.documents import read as read_document
from tokentrial.errors import InputError
from tokentrial.real_text import UNNAMED
from tokentrial.report import catalogue
from tokentrial.report.template import TemplateError

TEMPLATES = ("claims.html", "claims.css", "claims.js")
# What the box on top shows: name of a fact -> label. ``run``, ``note`` and ``missing`` have their own places; missing
# names the studies that this run left out and is empty where there are none; ``corpus``, the title of the run's real
# text, is in the titles of tables and figures.
FACTS = {
    "run": "",
    "note": "",
    "missing": "",
    "corpus": "",
    "text": "Real text",
    "seeds": "Seeds",
    "device": "Device",
    "commit": "Code",
    "judged": "Judged by",
    "config": "Config",
    "versions": "Versions",
}
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
NAMED_PART = re.compile(r"^(\d+)\.")
SIZE = re.compile(rb'<svg[^>]*\bviewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"')


def write_page(
    verdicts: str,
    figures: Mapping[str, str],
    documents: Sequence[str],
    facts: Mapping[str, str],
    output: str,
    template_folder: str,
) -> None:
    """Write the page whole or not at all.

    verdicts: verdicts.parquet; figures: name -> SVG file, in the page's order; documents: their files,
    documents/<id>/document.yaml; facts: see `FACTS`; template_folder: holds `TEMPLATES`. Raises InputError for a file
    that cannot be read or a verdict that the page cannot place, TemplateError for a fact that is missing or that no
    place shows.
    """
    rows = results.read(verdicts, VERDICTS).to_pandas()
    drawings = {name: _bytes(path) for name, path in figures.items()}
    templates = {name: _bytes(Path(template_folder) / name).decode() for name in TEMPLATES}
    known = {Path(file).parent.name: read_document(Path(file)) for file in documents}
    try:
        text = page(rows, drawings, known, facts, templates)
    except InputError as error:
        raise InputError(f"{verdicts}: {error}") from None
    with results.whole_file(output) as file:
        file.write(text.encode())


def _bytes(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def page(
    verdicts: pd.DataFrame,
    figures: Mapping[str, bytes],
    documents: Mapping[str, Group],
    facts: Mapping[str, str],
    templates: Mapping[str, str],
) -> str:
    """The page as text: the same arguments give the same text.

    verdicts: one row per claim, see claims.verdicts.VERDICTS; figures: name -> SVG; documents: name -> what its file
    says; facts: see `FACTS`; templates: name of a template -> its text. Raises InputError and TemplateError.
    """
    if set(facts) != set(FACTS):
        missing, unused = sorted(FACTS.keys() - facts.keys()), sorted(facts.keys() - FACTS.keys())
        raise TemplateError(f"facts without a value: {missing}; facts that the page does not show: {unused}")
    parts = sections(documents)
    _check(verdicts, parts)
    style, script = (_inlined(templates[name]) for name in ("claims.css", "claims.js"))
    entries = [entry(dict(row), figures, facts["corpus"]) for row in verdicts.to_dict("records")]  # type: ignore[arg-type]
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(dict(templates)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("claims.html").render(
        style=style,
        script=script,
        policy=policy(style, script),
        facts=facts,
        boxes=[(label, facts[name]) for name, label in FACTS.items() if label and facts[name]],
        meanings=MEANINGS,
        slug=slug,
        families=((words.KINDS[:-1], words.OF_CHECKS), (words.KINDS[-1:], words.OF_RULES)),
        groups=filters(entries, parts),
        sections=[part | _counted(entries, part) for part in parts],
        kinds=[kind for kind in words.KINDS if any(found["kind"] == kind for found in entries)],
        total=_counted(entries, None),
        audits=sum(found["kind"] == words.AUDIT for found in entries),
        absent=[name for part in parts for name in part["ids"] if name not in set(verdicts["id"])],
        known=sum(len(part["ids"]) for part in parts),
        figures=list(drawn(figures, entries, facts["corpus"])),
    )


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


def slug(verdict: str) -> str:
    """A verdict in a URL and as a class name: ``too-small``."""
    return verdict.lower().replace(" ", "-")


def _inlined(text: str) -> Markup:
    """A style sheet or script as it stands between its tags, which nothing in it may end."""
    if re.search(r"</(style|script)", text, re.IGNORECASE):
        raise TemplateError("a style sheet or script inside the page contains an end tag")
    return Markup(text.replace("\r\n", "\n"))


def policy(style: str, script: str) -> str:
    """The content security policy: this style, this script, images from data URIs; no address at all."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


# One claim


def entry(row: Mapping[str, Any], figures: Mapping[str, bytes], corpus: str = UNNAMED) -> dict[str, Any]:
    """One claim for the template: what it reports and what was recomputed as pairs of name and text, where it rests."""
    empirical = row["kind"] == words.KINDS[-1]
    one, many = ("row", "rows") if empirical else ("number", "numbers")
    return {
        **row,
        "part": section_of(row["document"]),
        "sign": MEANINGS[row["verdict"]][0],
        "reported": pairs(json.loads(row["reported"])),
        "recomputed": pairs(json.loads(row["recomputed"])),
        "parameters": written(json.loads(row["parameters"])),
        "comparison": json.loads(row["comparison"]),
        "sources": list(sources(row["decided_by"], figures, corpus)),
        "basis": row["basis"] if isinstance(row["basis"], str) else "",
        "unfrozen": row["unfrozen"] if isinstance(row["unfrozen"], str) else "",
        "quotes": list(json.loads(row["quotes"]).items()) if isinstance(row["quotes"], str) else [],
        "check_name": "Rule" if empirical else "Check",
        "rests": f"{row['rows']:,} {one if row['rows'] == 1 else many} "
        + ("of the result tables" if empirical else "as printed"),
    }


def written(parameters: Mapping[str, Any]) -> str:
    """Parameters as the registry writes them, innermost lists and mappings on one line."""
    return yaml.safe_dump(parameters, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100).rstrip()


def sources(decided_by: str, figures: Mapping[str, bytes], corpus: str = UNNAMED) -> Iterator[dict[str, str]]:
    """The table and figures that decide: kind, name, title, and the anchor of a figure that is in the page.

    A name that is both a table's and a figure's gives both. What is in no catalogue is shown as it is; ``check`` and
    ``none`` give nothing.
    """
    tables, figures_known = (of(catalogue.STUDIES, corpus) for of in (catalogue.tables_of, catalogue.figures_of))
    titles = (("Table", tables), ("Figure", figures_known))
    names = re.split(r"\s*[,;]\s*", decided_by)
    if not all(any(name in known for _, known in titles) for name in names):
        names = [decided_by]
    for name in names:
        found = [(kind, known[name]) for kind, known in titles if name in known]
        for kind, title in found:
            anchor = f"figure-{name}" if kind == "Figure" and name in figures else ""
            yield {"kind": kind, "name": name, "title": title, "anchor": anchor}
        if not found and name not in ("check", "none"):
            yield {"kind": "", "name": name, "title": "", "anchor": ""}


def pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Named values as text: ``p_value`` as p value, ``2.p`` (a part of a claim) as p (part 2)."""
    found = []
    for name, value in values.items():
        part = NAMED_PART.match(name)
        label = NAMED_PART.sub("", name).replace("_", " ") + (f" (part {part[1]})" if part else "")
        found.append((label, shown(value)))
    return found


def shown(value: Any) -> str:
    """A value of a JSON column in at most six digits; text as it was printed."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {shown(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if value == int(value) and abs(value) < 1e15:
            return f"{int(value):,}" if abs(value) >= 1e4 else str(int(value))
        return f"{value:,.1f}" if 1e5 <= abs(value) < 1e15 else f"{value:.6g}"
    return str(value)


# Counts and figures


def filters(entries: Sequence[Mapping[str, Any]], parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What can be chosen: key in the URL, heading, and its options as (value, label, sign, number of claims).

    Documents and kinds without a claim are options too, verdicts without one are not.
    """
    found = Counter((key, each[key]) for each in entries for key in ("part", "kind", "verdict"))
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


def _counted(entries: Sequence[Mapping[str, Any]], part: Mapping[str, Any] | None) -> dict[str, Any]:
    """The claims of one part of the page (all of them without one) and their numbers by kind and verdict."""
    mine = [each for each in entries if part is None or each["part"] == part["name"]]
    cells = {
        kind: counts(each["verdict"] for each in mine if each["kind"] == kind)
        for kind in words.KINDS
        if any(each["kind"] == kind for each in mine)
    }
    return {"claims": mine, "cells": cells, "bar": bar(counts(each["verdict"] for each in mine))}


def counts(verdicts: Iterable[str]) -> dict[str, int]:
    """Number of claims by verdict in the order of `MEANINGS`, without zeros."""
    found = Counter(verdicts)
    return {name: found[name] for name in MEANINGS if found[name]}


def bar(numbers: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """Stacked bar of 100 units: (verdict, left end, width)."""
    total, left, made = sum(numbers.values()), 0, []
    for name, number in numbers.items():
        made.append((name, round(100 * left / total, 3), round(100 * number / total, 3)))
        left += number
    return made


def drawn(
    figures: Mapping[str, bytes], entries: Sequence[Mapping[str, Any]], corpus: str = UNNAMED
) -> Iterator[dict[str, Any]]:
    """The figures for the template: name, title, data URI, size in px, and the claims that they decide.

    As images, so that ids inside of two figures cannot meet and nothing in them runs.
    """
    titles = catalogue.figures_of(catalogue.STUDIES, corpus)
    for name, drawing in figures.items():
        size = SIZE.search(drawing)
        if size is None:
            raise InputError(f"figure {name}: found no SVG with a viewBox")
        yield {
            "name": name,
            "title": titles.get(name, name),
            "uri": f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}",
            "width": round(float(size[1]) * 4 / 3),  # a point is 4/3 px
            "height": round(float(size[2]) * 4 / 3),
            "claims": [
                each["id"]
                for each in entries
                if any(source["anchor"] == f"figure-{name}" for source in each["sources"])
            ],
        }
