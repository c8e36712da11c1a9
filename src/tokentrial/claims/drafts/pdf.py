"""The text of a PDF as Markdown: pages as headings, wrapped lines joined, and what stands in columns as a table."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokentrial.errors import InputError

MISSING = "a PDF needs the package pypdf: pip install -r requirements.lock"
LIGATURE = re.compile("[\ufb00-\ufb06]")
GAP = re.compile(r"\s{2,}")
FEWEST = 3
"""Columns of a table, at least: two may be two columns of text."""
DASHES = "---"


def read(path: Path) -> tuple[str, str]:
    """Returns title and text of a PDF. Raises InputError for a file that is none, is encrypted, or holds no text."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        raise InputError(f"{path}: {MISSING}") from None
    try:
        reader = PdfReader(path)
        pages = [plain(page.extract_text(extraction_mode="layout")) for page in reader.pages]
        titled = reader.metadata.title if reader.metadata else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (PyPdfError, ValueError, KeyError, TypeError) as error:  # damaged files end in any of them
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{path}: cannot be read as PDF: {reason}") from None
    first = next((line.strip() for page in pages for line in page.splitlines() if line.strip()), "")
    if not first:
        raise InputError(f"{path}: found no text, expected a PDF with text, not of scanned pages")
    return str(titled or first), "\n\n".join(
        f"# Page {number}\n\n{markdown(page)}" for number, page in enumerate(pages, 1)
    )


def plain(text: str) -> str:
    """Returns a text with one kind of space, its ligatures as letters, and nothing that cannot be printed."""
    text = LIGATURE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in text)
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")


def markdown(page: str) -> str:
    """Returns the text of a page, laid out with spaces, as Markdown."""
    parts: list[str] = []
    paragraph: list[str] = []
    for block in _blocks(page.splitlines()):
        if len(block) > 1:
            parts += [_joined(paragraph), _table(block)]
            paragraph = []
        elif not block[0]:
            parts.append(_joined(paragraph))
            paragraph = []
        else:
            paragraph.append(" ".join(block[0]))
    return "\n\n".join(part for part in [*parts, _joined(paragraph)] if part)


def _blocks(lines: Sequence[str]) -> Iterator[list[list[str]]]:
    """Yields tables, as rows of cells, and each other line alone; an empty line has no cells."""
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        cells = GAP.split(line.strip()) if line.strip() else []
        if rows and len(cells) != len(rows[0]):
            yield from [rows] if _is_table(rows) else [[row] for row in rows]
            rows = []
        if len(cells) >= FEWEST:
            rows.append(cells)
        else:
            yield [cells]


def _is_table(rows: Sequence[Sequence[str]]) -> bool:
    """Whether lines in columns are a table: a head of distinct names, distinct rows, and numbers in most cells."""
    head, *body = rows
    cells = [cell for row in body for cell in row[1:]]
    numbers = sum(any(letter.isdigit() for letter in cell) for cell in cells)
    distinct = len({row[0] for row in body}) == len(body) and len(set(head)) == len(head)
    return bool(body) and distinct and 2 * numbers >= len(cells)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, [DASHES] * len(head), *body])


def _joined(lines: Sequence[str]) -> str:
    """Returns a paragraph on one line; a word that a line's end divides is joined."""
    return re.sub(r"(?<=[a-z])- (?=[a-z])", "", " ".join(lines))
