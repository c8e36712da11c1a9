"""Entries for numbers in lines of text that stand in a relation.

pairs        ``A vs B ... (C % reduction)``, ``A -> B (C:1)``, ``C % (A/B)``
equations    ``A x B = C``, ``A - B = C``, ``A / B = C``
statistics   ``t(df) = t, p = p``
parts        ``name: N ... (P %)`` on lines that follow each other, with a line ``Total: N``
savings      ``Savings: P %`` after two lines that end with counts of one thing
ranges       ``A-B %`` or ``A-B`` beside a table's column with these ends, ``A:1 to B:1`` beside its ratios
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokentrial.claims.drafts.of_tables import column
from tokentrial.claims.drafts.proposals import Entry, N, of_result, proposed, quantity
from tokentrial.claims.tables import Table

VS = re.compile(
    rf"(?P<kept>{N})\s+(?:vs\.?|versus|instead of|in place of|against)\s+(?P<of>{N})\D[^(\n]*\((?P<saved>[\d.]+%)"
)
ARROW = re.compile(
    rf"(?P<a>{N})D?\s*(?:→|->|⟶)\s*(?:{N}[ A-Za-z]*[×x*]\s*)?(?P<b>{N})D?[^()\n]{{0,40}}\((?P<c>\d[\d.]*:1)"
)
LABELLED = re.compile(rf"(?P<c>\d[\d.]*:1)\s*\((?P<a>{N})D?\s*(?:→|->|⟶|to)\s*(?P<b>{N})D?\)")
EQUATION = re.compile(rf"(?P<a>{N})[ A-Za-z]*\s*(?P<sign>[×x*/÷−\-+])\s*(?P<b>{N})D?\s*(?:=|≈)\s*(?P<c>{N})")
STATISTIC = re.compile(
    r"t\s*\(\s*(?P<df>[\d.]+)\s*\)\s*=\s*(?P<t>[+\-−]?[\d.]+)\s*[,;]\s*p\s*(?P<how>[=<])\s*(?P<p>\d?\.\d+)"
)
SHARE = re.compile(r"(?P<share>\d[\d.]*%)[^()\n]*\((?P<part>\d[\d,]*)\s*/\s*(?P<of>\d[\d,]*)")
PART = re.compile(r"^[^\d\n]*:\W*(?P<part>\d[\d,]*(?:\.\d+)?)\b[^(\n%]*\((?P<share>\d[\d.]*%)\)?")
TOTAL = re.compile(r"^[^\d\n]*\btotal\b[^\d\n]*(?P<total>\d[\d,]*(?:\.\d+)?)\b", re.IGNORECASE)
SAVED = re.compile(r"^[^\d\n]*(?:sav|reduc)[^\d\n]*(?P<saved>\d[\d.]*%)", re.IGNORECASE)
COUNT = re.compile(rf"(?P<count>{N}) (?P<what>parameters|weights|bytes|numbers|tokens|GB|MB|FLOPs)\b")
PERCENT = re.compile(r"(?P<low>\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(?P<high>\d+(?:\.\d+)?)\s*%")
RATIOS = re.compile(r"(?P<low>\d+:1)\s*(?:-|–|to)\s*(?P<high>\d+:1)")
DECIMALS = re.compile(r"(?<![\d.:\[])(?P<low>\d+\.\d+)x?\s*(?:-|–|to)\s*(?P<high>\d+\.\d+)(?P<times>x?)(?![\d%:])")
OPERATIONS = {
    **dict.fromkeys("×x*", ("product", ("factors", "result"))),
    **dict.fromkeys("/÷", ("quotient", ("numerator", "denominator", "result"))),
    **dict.fromkeys("−-", ("difference", ("minuend", "subtrahend", "result"))),
    "+": ("total", ("parts", "result")),
}
QUOTIENT = ("numerator", "denominator", "result")


def of_lines(lines: Sequence[tuple[str, str]]) -> Iterator[Entry]:
    """Yields the entries of a text. lines: heading and text of each line that is of no table."""
    for place, line in lines:
        yield from _of_line(place, line)
    yield from _of_parts(lines)
    yield from _of_savings(lines)


def of_ranges(lines: Sequence[tuple[str, str]], printed: Mapping[str, Table]) -> Iterator[Entry]:
    """Yields entries for ranges in the text beside columns of the tables."""
    for place, line in lines:
        for pattern, end in ((PERCENT, "%"), (RATIOS, ""), (DECIMALS, "")):
            for match in pattern.finditer(line):
                times = match["times"] if "times" in match.re.groupindex else ""
                low, high = (f"{match[side]}{end}{times}" for side in ("low", "high"))
                yield from _of_range(place, line, low, high, printed)


def _of_line(place: str, line: str) -> Iterator[Entry]:
    for match in VS.finditer(line):
        reported = {"kept": match["kept"], "all": match["of"], "saved": match["saved"]}
        yield proposed(place, line, "saving", reported, {"kept": "kept", "of": "all", "result": "saved"})
    for pattern in (ARROW, LABELLED):
        for match in pattern.finditer(line):
            yield of_result(place, line, "quotient", QUOTIENT, (match["a"], match["b"], match["c"]))
    for match in EQUATION.finditer(line):
        check, names = OPERATIONS[match["sign"]]
        reported = {"a": match["a"], "b": match["b"], "c": match["c"]}
        given: Sequence[Any] = (["a", "b"], "c") if len(names) == 2 else ("a", "b", "c")
        yield proposed(place, line, check, reported, dict(zip(names, given, strict=True)))
    for match in SHARE.finditer(line):
        reported = {name: match[name] for name in ("part", "of", "share")}
        yield proposed(place, line, "share", reported, {"part": "part", "of": "of", "result": "share"})
    for match in STATISTIC.finditer(line):
        p = match["p"] if match["how"] == "=" else f"<{match['p']}"
        reported = {"t": match["t"], "df": match["df"], "p": p}
        yield proposed(place, line, "p_of_statistic", reported, {"t": "t", "df": "df", "p": "p"}, "statistical")


def _of_parts(lines: Sequence[tuple[str, str]]) -> Iterator[Entry]:
    """Yields the shares of a list of parts, and their sum, for each list that a line with the total ends."""
    parts: list[tuple[str, str, str]] = []
    for place, line in lines:
        if (part := PART.match(line)) and not TOTAL.match(line):
            parts.append((line, part["part"], part["share"]))
            continue
        total = TOTAL.match(line)
        if total and len(parts) > 1:
            for says, number, share in parts:
                shown = {"part": number, "of": total["total"], "share": share}
                yield proposed(place, says, "share", shown, {"part": "part", "of": "of", "result": "share"})
            reported = {"parts": [number for _, number, _ in parts], "total": total["total"]}
            yield proposed(place, line, "total", reported, {"parts": "parts", "result": "total"})
        if line.strip():
            parts = []


def _of_savings(lines: Sequence[tuple[str, str]]) -> Iterator[Entry]:
    """Yields an entry for a share that is saved, of the counts on the two lines before, or of the line's own count."""
    counts: list[tuple[str, str]] = []
    for place, line in lines:
        saved, own = SAVED.match(line), [(match["count"], match["what"]) for match in COUNT.finditer(line)]
        if saved and not own and len(counts) == 2 and counts[0][1] == counts[1][1]:
            numbers = sorted((count for count, _ in counts), key=lambda text: q.value if (q := quantity(text)) else 0.0)
            reported = {"kept": numbers[0], "all": numbers[1], "saved": saved["saved"]}
            yield proposed(place, line, "saving", reported, {"kept": "kept", "of": "all", "result": "saved"})
        if line.strip():
            counts = [*counts, own[0]][-2:] if own else []


def _of_range(place: str, line: str, low: str, high: str, printed: Mapping[str, Table]) -> Iterator[Entry]:
    """Yields an entry for each column that has both ends, or that has such numbers, if the range is of percentages."""
    ends = [quantity(end) for end in (low, high)]
    for name, table in printed.items():
        for header in table.columns:
            cells = [cell[0] for cell in column(table, header) if cell]
            numbers = [number for number in map(quantity, cells) if number]
            if not ends[0] or not ends[1] or len(numbers) < max(2, len(table.rows)):
                continue
            alike = all(cell.endswith(low[-1]) for cell in cells) if low[-1] in "%1x" else True
            met = [any(number.interval.meets(end.interval) for number in numbers) for end in ends if end]
            values = [{"value": cell, "where": f"{name}, {header}"} for cell in cells]
            reported, parameters = {"low": low, "high": high}, {"values": values, "low": "low", "high": "high"}
            if alike and (":1" in low or any(met)):
                yield proposed(place, line, "range_ends", reported, parameters, "internal")
            if alike and "%" in low:
                yield proposed(place, line, "within_range", reported, parameters | {"claim": "all"}, "internal")
