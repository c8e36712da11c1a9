"""Entries for the numbers of a table that stand in a relation.

derived    a column of differences, improvements, savings or ratios after two columns of numbers: by its header, or
           since at least half of its cells are what the two columns give
factors    ``5.4x better`` in a cell, of the two numbers of its row
spreads    effect sizes or p values beside two columns of mean +- sd, if the text states the number of runs
losses     two columns of losses beside chance, ln V, if the rows are vocabularies or the text states V
wins       which of two columns of losses, or of scores, is better in how many rows
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tokentrial.claims.drafts.proposals import Entry, N, of_result, proposed, quantity
from tokentrial.claims.printed import Interval, exact
from tokentrial.claims.tables import Table
from tokentrial.errors import InputError

CELL = re.compile(rf"^\s*\**(?P<mean>[<>~]?\s*{N}(?::1)?)\**\s*(?:(?:±|\+-|\+/-)\s*(?P<sd>{N}))?")
P_CELL = re.compile(r"^\s*p?\s*(?P<how>[<>=]?)\s*(?P<p>[01]?\.\d+)\s*$", re.IGNORECASE)
FACTOR = re.compile(
    r"(?P<factor>\d[\d.]*[x×]) (?:better|worse|faster|slower|smaller|larger|less|fewer|more|lower|higher)"
)
VERSUS = re.compile(rf"(?P<a>{N})\s+(?:vs\.?|versus)\s+(?P<b>{N})")
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
FORMULAS: Mapping[str, Callable[[Interval, Interval], Interval]] = {
    "difference": lambda a, b: a - b,
    "improvement": lambda a, b: exact(1) - a / b,
    "saving": lambda a, b: exact(1) - a / b,
    "quotient": lambda a, b: a / b,
}
EFFECT = re.compile(r"cohen|effect size|hedges", re.IGNORECASE)
P_VALUE = re.compile(r"\bp\b|significan", re.IGNORECASE)
LOSS = re.compile(r"loss|perplexity|error|entropy|nll", re.IGNORECASE)
SCORE = re.compile(r"accuracy|score|f1\b|bleu|auc", re.IGNORECASE)
CROSS_ENTROPY = re.compile(r"\bloss|entropy|nll", re.IGNORECASE)
ROWS_OF_V = re.compile(r"^\W*(vocab|\|?V\|?\b)", re.IGNORECASE)
Cells = list[tuple[str, str | None] | None]


@dataclass(frozen=True)
class Stated:
    """Numbers that the text states for all its tables, as printed. runs: of each mean; examples: of the test set."""

    runs: str | None = None
    examples: str | None = None
    vocabulary: str | None = None


def of_table(name: str, table: Table, stated: Stated) -> Iterator[Entry]:
    """Yields the entries of one table."""
    columns = {name: column(table, name) for name in table.columns[1:]}
    yield from _of_columns(name, table, columns)
    yield from _of_factors(name, table, columns)
    yield from _of_spreads(name, table, columns, stated.runs)
    yield from _of_means(name, columns, stated)
    compared = _compared(columns)
    if compared is not None:
        yield from _of_losses(name, table, columns, compared, stated.vocabulary)
        yield _of_wins(name, columns, compared)


def column(table: Table, name: str) -> Cells:
    """Returns mean and spread of each cell of a column; None for a cell without a number."""
    cells: Cells = []
    for row in table.rows.values():
        match = CELL.match(row[name])
        number = match and match["mean"].replace(" ", "")
        cells.append((number, match["sd"]) if match and number and quantity(number) else None)
    return cells


def _of_columns(name: str, table: Table, columns: Mapping[str, Cells]) -> Iterator[Entry]:
    """Yields an entry for each cell of a derived column."""
    for place, (header, results) in enumerate(columns.items()):
        before = [
            other for other in list(columns)[:place] if not _derived(other) and sum(map(bool, columns[other])) > 1
        ]
        rows = list(_pairs(table, columns, before[-2:], table.columns[place], results))
        kind = next((check for check, pattern in DERIVED.items() if pattern.search(header)), None)
        if kind is None and not _derived(header) and place > 1:
            kind = next((check for check in FORMULAS if _mostly(check, rows)), None)
        for row, values, result in rows if kind else ():
            yield _derivation(str(kind), name, f"{row}: {header}", values, result)


def _pairs(
    table: Table, columns: Mapping[str, Cells], before: Sequence[str], neighbour: str, results: Cells
) -> Iterator[tuple[str, list[str], str]]:
    """Yields row, the two numbers before a cell, and the cell's own; ``a vs b`` in the column before has both."""
    for number, ((row, texts), result) in enumerate(zip(table.rows.items(), results, strict=True)):
        both = VERSUS.search(texts[neighbour])
        found = (
            [both["a"], both["b"]]
            if both
            else [cell[0] for cell in (columns[other][number] for other in before) if cell]
        )
        if result and len(found) == 2:
            yield row, found, result[0]


def _mostly(check: str, rows: Sequence[tuple[str, list[str], str]]) -> bool:
    """Whether at least half of the rows, and two, hold in one order of the two columns."""
    return len(rows) > 1 and any(
        2 * sum(_holds(check, values[::step], result) for _, values, result in rows) >= len(rows) for step in (1, -1)
    )


def _holds(check: str, values: Sequence[str], result: str) -> bool:
    numbers = [quantity(text) for text in (*values, result)]
    try:
        first, second, printed = (number.interval for number in numbers if number)
        return FORMULAS[check](first, second).meets(printed)
    except (InputError, ValueError):  # a divisor that may be zero, or a text that is no number
        return False


def _derivation(kind: str, name: str, says: str, values: Sequence[str], result: str) -> Entry:
    """Returns an entry for a derived number; of a ratio, whose order no header says, the order that is nearer."""
    first, second = values
    if kind == "quotient":
        a, b, c = (abs(number.value) if (number := quantity(text)) else 0.0 for text in (first, second, result))
        if a * b * c and abs(a / b - c) > abs(b / a - c):
            first, second = second, first
    return of_result(name, says, kind, PARAMETERS[kind], (first, second, result))


def _of_factors(name: str, table: Table, columns: Mapping[str, Cells]) -> Iterator[Entry]:
    """Yields an entry for each cell that calls the ratio of the row's two numbers a factor."""
    for place, header in enumerate(columns):
        numbers = [other for other in list(columns)[:place] if not _derived(other)]
        for number, (row, texts) in enumerate(table.rows.items()):
            values = [cell[0] for cell in (columns[other][number] for other in numbers[-2:]) if cell]
            if (factor := FACTOR.search(texts[header])) and len(values) == 2:
                yield _derivation("quotient", name, f"{row}: {factor[0]}", values, factor["factor"])


def _of_spreads(name: str, table: Table, columns: Mapping[str, Cells], runs: str | None) -> Iterator[Entry]:
    """Yields entries for effect sizes and p values beside two columns of mean +- sd, and beside each other."""
    if runs is None:
        return
    effects = [(header, [cell[0] for cell in columns[header] if cell]) for header in filter(EFFECT.search, columns)]
    p_values = [(header, _p_values(table, header)) for header in filter(P_VALUE.search, columns)]
    spread = [header for header, cells in columns.items() if cells and all(cell and cell[1] for cell in cells)]
    whole = [
        [(header, values) for header, values in each if len(values) == len(table.rows)] for each in (effects, p_values)
    ]
    if len(spread) == 2:
        pairs = zip(table.rows, columns[spread[0]], columns[spread[1]], strict=True)
        rows = {row: [*(a or ()), *(b or ())] for row, a, b in pairs}
        for (check, what), each in zip((("effect_size", "effects"), ("p_of_rows", "p_values")), whole, strict=True):
            for header, values in each:
                given = {"rows": rows, what: "values", "n": "runs"}
                yield proposed(name, header, check, {"values": values, "runs": runs}, given, "statistical")
    for (effect, d), (_, p) in ((d, p) for d in whole[0] for p in whole[1]):
        reported = {"effects": d, "p": p, "runs": runs}
        given = {"effects": "effects", "p_values": "p", "n": "runs"}
        yield proposed(name, f"{effect} and p", "p_of_effects", reported, given, "statistical")


def _p_values(table: Table, header: str) -> list[str]:
    """Returns the p values of a column: ``0.452``, ``p > 0.05``."""
    printed = [P_CELL.match(row[header]) for row in table.rows.values()]
    return [f"{match['how'].strip('=')}{match['p']}" for match in printed if match]


def _of_means(name: str, columns: Mapping[str, Cells], stated: Stated) -> Iterator[Entry]:
    """Yields an entry that asks whether shares of right answers are whole numbers of answers (GRIM)."""
    if stated.runs is None or stated.examples is None:
        return
    for header in filter(SCORE.search, columns):
        means = [cell[0] for cell in columns[header] if cell]
        if means and all((number := quantity(mean)) and 0 <= number.value <= 1 for mean in means):
            reported = {"means": means, "runs": stated.runs}
            parameters = {"means": "means", "runs": "runs", "examples": int(stated.examples.replace(",", ""))}
            parameters |= {"where": "the text", "claim": "all"}
            yield proposed(name, header, "attainable_means", reported, parameters, "statistical")


def _compared(columns: Mapping[str, Cells]) -> tuple[str, str, str] | None:
    """Returns two columns of one quantity, and whether ``lower`` or ``higher`` is better; None without exactly two."""
    for better, pattern in (("lower", LOSS), ("higher", SCORE)):
        named = [name for name, cells in columns.items() if pattern.search(name) and all(cells) and len(cells) > 1]
        if len(named) == 2:
            return named[0], named[1], better
    return None


def _of_losses(
    name: str, table: Table, columns: Mapping[str, Cells], compared: tuple[str, str, str], vocabulary: str | None
) -> Iterator[Entry]:
    """Yields an entry for the losses of each row beside those of a uniform guess."""
    if not all(CROSS_ENTROPY.search(header) for header in compared[:2]):
        return
    for number, row in enumerate(table.rows):
        size = row if ROWS_OF_V.search(table.columns[0]) else vocabulary
        whole = size and quantity(size)
        if size is None or not whole or whole.value != int(whole.value) or whole.value < 2:
            return
        losses = [cell[0] for cell in (columns[header][number] for header in compared[:2]) if cell]
        reported = {"losses": losses, "vocabulary": size}
        parameters = {"losses": {row: "losses"}, "vocabularies": {row: "vocabulary"}, "claim": "all"}
        yield proposed(name, f"{row}: the losses are below chance", "learned", reported, parameters, "internal")


def _of_wins(name: str, columns: Mapping[str, Cells], compared: tuple[str, str, str]) -> Entry:
    """Returns an entry that asks whether the column that is better in more rows is better in all."""
    first, second, better = compared
    pairs = list(zip(columns[first], columns[second], strict=True))
    numbers = [[quantity(cell[0]) for cell in pair if cell] for pair in pairs]
    gaps = [a.value - b.value for a, b in numbers if a and b]
    won = sum(gap < 0 for gap in gaps) if better == "lower" else sum(gap > 0 for gap in gaps)
    subject, other = (first, second) if 2 * won >= len(gaps) else (second, first)
    values = {
        key: [cell[0] for cell in columns[header] if cell] for key, header in (("subject", subject), ("other", other))
    }
    parameters = {"subject": "subject", "other": "other", "better": better, "claim": "all", "about": subject}
    return proposed(name, f"{subject} is better than {other} in every row", "wins", values, parameters, "internal")


def _derived(header: str) -> bool:
    return any(pattern.search(header) for pattern in (*DERIVED.values(), EFFECT, P_VALUE))
