"""The report's tables: results and published numbers in, tables out; names and titles are in report.catalogue."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokentrial.report import formats, published
from tokentrial.report.published import PublishedTable
from tokentrial.report.tables import document_000, document_001, document_002, listings, rows, seeds, significance


def build(found: rows.Results, printed: dict[str, PublishedTable]) -> Iterator[formats.Table]:
    """Every table of the catalogue, in its order."""
    yield seeds.first_page(found)
    yield document_000.accuracy(found, printed["doc000-accuracy"])
    yield document_000.parameters(found, printed["doc000-parameters"])
    yield significance.summary(found, printed)
    yield document_001.compression(found, printed["doc001-compression"])
    yield document_001.vocabulary(found, printed["doc001-vocabulary"])
    yield document_001.complexity(found, printed["doc001-complexity"])
    yield document_001.baselines(found, printed["doc001-baselines"])
    yield document_002.proof_of_concept(found, printed["doc002-proof-of-concept"])
    yield document_002.signal(found, printed["signal"])
    yield listings.levels(found)
    yield listings.comparisons(found)
    yield seeds.power(found, printed)
    yield listings.costs(found)


def write_tables(
    frames: Mapping[str, str],
    published_file: str,
    cells: str,
    settings: Mapping[str, Any],
    outputs: Sequence[str],
) -> None:
    """Write the tables to ``<folder>/<name>.<suffix>``, the format by the suffix.

    frames: paths of runs, arms, summary and statistics; cells: see rows.Results; settings: the config's statistics.
    Raises InputError for a file that cannot be used, KeyError for an output that is no table of the catalogue.
    """
    made = {table.name: table for table in build(rows.load(frames, cells, settings), published.load(published_file))}
    for output in outputs:
        formats.write(made[Path(output).stem], output)
