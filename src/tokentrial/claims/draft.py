"""A draft of an audit: entries for the printed numbers of a text that stand in a relation which a check can test.

A reader edits the draft: it proposes what to check, not what a paper claims. Proposed are

    tables     a column of differences, improvements or savings beside two columns of numbers; mean +- sd in two columns
    text       ``A vs B ... (C % reduction)``, ``A x B = C``, ``A - B = C``, ``A / B = C``, ``t(df) = t, p = p``
    ranges     ``A-B %`` beside a table's column of percentages, ``A:1 to B:1`` beside its ratios

Every proposal is tried by its check first, so that a draft can be audited as it is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tokentrial.claims import tables
from tokentrial.claims.audit import completed
from tokentrial.claims.printed import parse
from tokentrial.claims.registry import bound
from tokentrial.claims.tables import Table
from tokentrial.errors import InputError

Entry = dict[str, Any]
SUFFIXES = (".md", ".markdown", ".txt")
N = r"[+\-−]?\d[\d,]*(?:\.\d+)?(?:[KMB]\b|%)?"
"""A printed number."""
CELL = re.compile(rf"^\s*\**(?P<mean>[<>~]?\s*{N}(?::1)?)\**\s*(?:(?:±|\+-|\+/-)\s*(?P<sd>{N}))?")
VS = re.compile(
    rf"(?P<kept>{N})\s+(?:vs\.?|versus|instead of|in place of|against)\s+(?P<of>{N})\D[^(\n]*\((?P<saved>[\d.]+%)"
)
EQUATION = re.compile(rf"(?P<a>{N})\s*(?P<sign>[×x*/÷−\-+])\s*(?P<b>{N})\s*(?:=|≈)\s*(?P<c>{N})")
STATISTIC = re.compile(
    r"t\s*\(\s*(?P<df>[\d.]+)\s*\)\s*=\s*(?P<t>[+\-−]?[\d.]+)\s*[,;]\s*p\s*(?P<how>[=<])\s*(?P<p>\d?\.\d+)"
)
RANGE = re.compile(r"(?P<low>\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(?P<high>\d+(?:\.\d+)?)\s*%")
RATIOS = re.compile(r"(?P<low>\d+:1)\s*(?:-|–|to)\s*(?P<high>\d+:1)")
OPERATIONS = {
    **dict.fromkeys("×x*", ("product", ("factors", "result"))),
    **dict.fromkeys("/÷", ("quotient", ("numerator", "denominator", "result"))),
    **dict.fromkeys("−-", ("difference", ("minuend", "subtrahend", "result"))),
    "+": ("total", ("parts", "result")),
}
DIFFERENCE = re.compile(r"diff|Δ|delta|gap", re.IGNORECASE)
IMPROVEMENT = re.compile(r"improve|gain|better", re.IGNORECASE)
SAVING = re.compile(r"sav|reduc", re.IGNORECASE)


def read(path: Path) -> tuple[str, list[Entry]]:
    """Returns title and proposed entries of a text. Raises InputError for a file that is no text."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: found the ending {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: found bytes that are no UTF-8 ({error.reason}), expected text") from None
    head = next((line.strip("# *").strip() for line in text.splitlines() if line.strip("# *").strip()), path.stem)
    return head, entries(text, str(path))


def entries(text: str, where: str = "text") -> list[Entry]:
    """Returns the entries that a text gives, each once, in the order of tables, text and ranges."""
    printed = tables.of_text(text, where)
    sources = (_of_table(name, table) for name, table in printed.items())
    proposed = [entry for source in sources for entry in source]
    proposed += [entry for place, line in _lines(text) for entry in _of_line(place, line)]
    proposed += [entry for place, line in _lines(text) for entry in _of_range(place, line, printed)]
    known: dict[str, Entry] = {}
    for entry in proposed:
        if _works(entry):
            known.setdefault(repr((entry["check"], entry["reported"], entry["parameters"])), entry)
    return [{"id": f"C-{number}", **entry} for number, entry in enumerate(known.values(), 1)]


def to_yaml(title: str, proposed: Sequence[Entry]) -> str:
    """Returns a file for an audit."""
    content = {"title": title, "claims": list(proposed)}
    head = "# A draft: keep what the paper claims, say what it says, and add what the draft does not see.\n"
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


def _works(entry: Entry) -> bool:
    """Whether the entry's check can decide it."""
    whole = completed(entry, 1, "paper")
    try:
        bound(whole["check"], whole["parameters"], whole["reported"])()
    except InputError:
        return False
    return True


def _entry(section: str, says: str, check: str, reported: Mapping[str, Any], parameters: Mapping[str, Any]) -> Entry:
    head = {"section": section, "kind": "arithmetic", "paraphrase": says.strip()[:200] or check}
    return {**head, "reported": dict(reported), "check": check, "parameters": dict(parameters)}


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yields heading and line of everything but tables."""
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.strip("# ").strip()
        if not line.lstrip().startswith("|"):
            yield heading, line


def _of_table(name: str, table: Table) -> Iterator[Entry]:
    columns = {column: _column(table, column) for column in table.columns[1:]}
    means = {name: [cell[0] for cell in cells if cell] for name, cells in columns.items() if all(cells)}
    for column, results in means.items():
        kind = "difference" if DIFFERENCE.search(column) else "saving" if SAVING.search(column) else ""
        kind = kind or ("improvement" if IMPROVEMENT.search(column) else "")
        others = [other for other in means if other != column and not _derived(other)]
        if not kind or len(others) < 2:
            continue
        for row, a, b, c in zip(table.rows, means[others[0]], means[others[1]], results, strict=True):
            reported = {"first": a, "second": b, "result": c}
            yield _entry(name, f"{row}: {column}", kind, reported, _parameters(kind))


def _derived(column: str) -> bool:
    return any(pattern.search(column) for pattern in (DIFFERENCE, IMPROVEMENT, SAVING))


def _parameters(kind: str) -> dict[str, str]:
    names = {
        "difference": ("minuend", "subtrahend", "result"),
        "saving": ("kept", "of", "result"),
        "improvement": ("subject", "baseline", "result"),
    }
    return dict(zip(names[kind], ("first", "second", "result"), strict=True))


def _column(table: Table, column: str) -> list[tuple[str, str | None] | None]:
    """Returns mean and spread of each cell; None for a cell without a number."""
    found: list[tuple[str, str | None] | None] = []
    for row in table.rows.values():
        match = CELL.match(row[column])
        found.append((match["mean"].replace(" ", ""), match["sd"]) if match and _number(match["mean"]) else None)
    return found


def _number(text: str) -> bool:
    try:
        parse(text.replace(" ", ""))
    except InputError:
        return False
    return True


def _of_line(place: str, line: str) -> Iterator[Entry]:
    for match in VS.finditer(line):
        reported = {"kept": match["kept"], "all": match["of"], "saved": match["saved"]}
        yield _entry(place, line, "saving", reported, {"kept": "kept", "of": "all", "result": "saved"})
    for match in EQUATION.finditer(line):
        check, names = OPERATIONS[match["sign"]]
        reported = {"a": match["a"], "b": match["b"], "c": match["c"]}
        given: Sequence[Any] = (["a", "b"], "c") if len(names) == 2 else ("a", "b", "c")
        yield _entry(place, line, check, reported, dict(zip(names, given, strict=True)))
    for match in STATISTIC.finditer(line):
        p = match["p"] if match["how"] == "=" else f"<{match['p']}"
        reported = {"t": match["t"], "df": match["df"], "p": p}
        yield {
            **_entry(place, line, "p_of_statistic", reported, {"t": "t", "df": "df", "p": "p"}),
            "kind": "statistical",
        }


def _of_range(place: str, line: str, printed: Mapping[str, Table]) -> Iterator[Entry]:
    """Yields entries for a range of percentages, or of ratios, beside every table's column of them."""
    for pattern, end in ((RANGE, "%"), (RATIOS, ":1")):
        for match in pattern.finditer(line):
            low, high = (match[side] + ("%" if end == "%" else "") for side in ("low", "high"))
            for name, table in printed.items():
                for column in table.columns:
                    cells = [cell for cell in _column(table, column) if cell and cell[0].endswith(end)]
                    if len(cells) == len(table.rows) > 1:
                        values = [{"value": cell[0], "where": f"{name}, {column}"} for cell in cells]
                        parameters = {"values": values, "low": "low", "high": "high"}
                        check = "range_ends" if end == ":1" else "within_range"
                        parameters |= {} if end == ":1" else {"claim": "all"}
                        yield {**_entry(place, line, check, {"low": low, "high": high}, parameters), "kind": "internal"}
