"""A draft of an audit: entries for the printed numbers of a text that stand in a relation which a check can test.

A reader edits the draft: it proposes what to check, not what a paper claims. What it looks for say `drafts.of_tables`
and `drafts.of_lines`. Every proposal is tried by its check first, so that a draft can be audited as it is.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tokentrial.claims import tables
from tokentrial.claims.audit import completed
from tokentrial.claims.drafts import of_lines, of_tables, pdf
from tokentrial.claims.drafts.of_tables import Stated
from tokentrial.claims.drafts.proposals import Entry
from tokentrial.claims.registry import bound
from tokentrial.errors import InputError

SUFFIXES = (".md", ".markdown", ".txt", ".pdf")
RUNS = re.compile(r"(\d+) (?:independent |random )?(?:runs|seeds|trials)\b", re.IGNORECASE)
EXAMPLES = re.compile(r"(\d[\d,]*) (?:held-out |test )(?:examples|items|sequences|samples|questions)\b", re.IGNORECASE)
VOCABULARY = re.compile(r"vocabulary(?: size)?[*:=( ]{0,5}(?:of |is )?(\d[\d,]*)\b", re.IGNORECASE)


def read(path: Path) -> tuple[str, list[Entry]]:
    """Returns title and proposed entries of a text. Raises InputError for a file that is no text."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: found the ending {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
    if path.suffix.lower() == ".pdf":
        head, text = pdf.read(path)
        return head, entries(text, str(path))
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
    printed = tables.of_text(text, where, strict=False)
    stated = Stated(*(match and match[1] for match in (each.search(text) for each in (RUNS, EXAMPLES, VOCABULARY))))
    lines = list(_lines(text))
    proposed = [entry for name, table in printed.items() for entry in of_tables.of_table(name, table, stated)]
    proposed += of_lines.of_lines(lines)
    proposed += of_lines.of_ranges(lines, printed)
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


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yields heading and line of everything but tables."""
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.strip("# ").strip()
        if not line.lstrip().startswith("|"):
            yield heading, line
