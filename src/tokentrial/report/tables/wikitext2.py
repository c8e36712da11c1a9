"""The tables of the wikitext2 study."""

from collections.abc import Iterator

from tokentrial.report import formats
from tokentrial.report.published import PublishedTable
from tokentrial.report.tables import rows


def build(found: rows.Results, printed: dict[str, PublishedTable]) -> Iterator[formats.Table]:
    """Every table of the study; found: its results alone; printed: config/published/wikitext2.yaml."""
    yield from ()
