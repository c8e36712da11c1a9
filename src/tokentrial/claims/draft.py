"""A draft of an audit: entries for the printed numbers of a text that stand in a relation which a check can test.

A reader edits the draft: it proposes what to check, not what a paper claims. Proposed are

    tables     a column of differences, improvements, savings or ratios after two columns of numbers; effect sizes or p
               values beside two columns of mean +- sd, if the text states the number of runs
    text       ``A vs B ... (C % reduction)``, ``A x B = C``, ``A - B = C``, ``A / B = C``, ``C % (A/B)``, and
               ``t(df) = t, p = p``
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
N = r"[+\-−]?\d[\d,]*(?:\.\d+)?(?:[KMB]\b|%|x\b)?"
"""A printed number."""
CELL = re.compile(rf"^\s*\**(?P<mean>[<>~]?\s*{N}(?::1)?)\**\s*(?:(?:±|\+-|\+/-)\s*(?P<sd>{N}))?")
VS = re.compile(
    rf"(?P<kept>{N})\s+(?:vs\.?|versus|instead of|in place of|against)\s+(?P<of>{N})\D[^(\n]*\((?P<saved>[\d.]+%)"
)
EQUATION = re.compile(rf"(?P<a>{N})[ A-Za-z]*\s*(?P<sign>[×x*/÷−\-+])\s*(?P<b>{N})D?\s*(?:=|≈)\s*(?P<c>{N})")
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
DERIVED = {
    "difference": re.compile(r"diff|Δ|delta|gap", re.IGNORECASE),
    "improvement": re.compile(r"improve|gain|better", re.IGNORECASE),
    "saving": re.compile(r"sav|reduc", re.IGNORECASE),
    "quotient": re.compile(r"ratio|factor|speed-?up", re.IGNORECASE),
}
"""Check -> header of a column that is derived from two columns before it."""
PARAMETERS = {
    "difference": ("minuend", "subtrahend", "result"),
    "improvement": ("subject", "baseline", "result"),
    "saving": ("kept", "of", "result"),
    "quotient": ("numerator", "denominator", "result"),
}
EFFECT, P_VALUE = re.compile(r"cohen|effect size|hedges", re.IGNORECASE), re.compile(r"\bp\b", re.IGNORECASE)
VERSUS = re.compile(rf"(?P<a>{N})\s+(?:vs\.?|versus)\s+(?P<b>{N})")
SHARE = re.compile(r"(?P<share>\d[\d.]*%)[^()\n]*\((?P<part>\d[\d,]*)\s*/\s*(?P<of>\d[\d,]*)")
RUNS = re.compile(r"(\d+) (?:independent |random )?(?:runs|seeds|trials)\b", re.IGNORECASE)
Cells = list[tuple[str, str | None] | None]


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
    stated = RUNS.search(text)
    sources = (_of_table(name, table, stated and stated[1]) for name, table in printed.items())
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


def _of_table(name: str, table: Table, runs: str | None) -> Iterator[Entry]:
    """Yields entries for the derived numbers of each row. runs: how many runs the text states."""
    columns = {column: _column(table, column) for column in table.columns[1:]}
    for place, (column, results) in enumerate(columns.items()):
        kind = next((check for check, pattern in DERIVED.items() if pattern.search(column)), None)
        before = [
            other for other in list(columns)[:place] if not _derived(other) and sum(map(bool, columns[other])) > 1
        ]
        if kind is None:
            continue
        for row, texts, c in zip(table.rows, table.rows.values(), results, strict=True):
            both = VERSUS.search(texts[table.columns[place]])  # in the column before
            numbers = [columns[other][list(table.rows).index(row)] for other in before[-2:]]
            values = [both["a"], both["b"]] if both else [cell[0] for cell in numbers if cell]
            if c and len(values) == 2:
                yield from _derivations(kind, name, f"{row}: {column}", values, c[0])
    yield from _of_spreads(name, table, columns, runs)


def _derivations(kind: str, name: str, says: str, values: Sequence[str], result: str) -> Iterator[Entry]:
    """Yields an entry for a derived number; of a ratio, whose order no header says, the order that is nearer."""
    first, second = values
    if kind == "quotient":
        a, b, c = (abs(float(parse(text).value)) for text in (first, second, result))
        if a * b * c and abs(a / b - c) > abs(b / a - c):
            first, second = second, first
    names = PARAMETERS[kind]
    reported = {"first": first, "second": second, "result": result}
    yield _entry(name, says, kind, reported, dict(zip(names, reported, strict=True)))


def _of_spreads(name: str, table: Table, columns: Mapping[str, Cells], runs: str | None) -> Iterator[Entry]:
    """Yields entries for a column of effect sizes or of p values beside two columns of mean +- sd."""
    spread = [column for column, cells in columns.items() if cells and all(cell and cell[1] for cell in cells)]
    if len(spread) != 2 or runs is None:
        return
    pairs = zip(table.rows, columns[spread[0]], columns[spread[1]], strict=True)
    rows = {row: [*(a or ()), *(b or ())] for row, a, b in pairs}
    for check, what, pattern in (("effect_size", "effects", EFFECT), ("p_of_rows", "p_values", P_VALUE)):
        for column in filter(pattern.search, columns):
            values = [cell[0] for cell in columns[column] if cell]
            if len(values) == len(rows):
                given = {"rows": rows, what: "values", "n": "runs"}
                yield {**_entry(name, column, check, {"values": values, "runs": runs}, given), "kind": "statistical"}


def _derived(column: str) -> bool:
    return any(pattern.search(column) for pattern in (*DERIVED.values(), EFFECT, P_VALUE))


def _column(table: Table, column: str) -> Cells:
    """Returns mean and spread of each cell; None for a cell without a number."""
    cells: Cells = []
    for row in table.rows.values():
        match = CELL.match(row[column])
        cells.append((match["mean"].replace(" ", ""), match["sd"]) if match and _number(match["mean"]) else None)
    return cells


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
    for match in SHARE.finditer(line):
        reported = {name: match[name] for name in ("part", "of", "share")}
        yield _entry(place, line, "share", reported, {"part": "part", "of": "of", "result": "share"})
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
