"""The report's tables: results and published numbers in, tables out; names and titles are in report.catalogue."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokentrial.report import formats, published
from tokentrial.report.tables import bespoke, cramming, first_page, language_models, learned_encoding, rows
from tokentrial.report.tables import verdicts as claims
from tokentrial.report.verdicts import read

BUILDERS = {
    "learned_encoding": learned_encoding.build,
    "language_models": language_models.build,
    "bespoke": bespoke.build,
    "cramming": cramming.build,
}


def build(found: rows.Results, files: Mapping[str, str]) -> Iterator[formats.Table]:
    """The first page's table and those of each study; files: study -> its published numbers."""
    yield first_page.headline_table(found)
    for study, file in files.items():
        yield from BUILDERS[study](found.only(study), published.load(file))


def write_tables(
    frames: Mapping[str, str],
    published_files: Mapping[str, str],
    cells: str,
    settings: Mapping[str, Any],
    outputs: Sequence[str],
    verdicts: str | None = None,
) -> None:
    """Write the tables to ``<folder>/<name>.<suffix>``, the format by the suffix.

    frames: paths of runs, arms, summary, statistics, and of measures and decisions where there are any;
    published_files: study -> what its documents print; cells: see rows.Results; settings: the config's statistics;
    verdicts: those of all claims (see report.verdicts.read), without which their tables are not made. Raises InputError
    for a file that cannot be used, KeyError for an output that is no table of the catalogue.
    """
    made = {table.name: table for table in build(rows.load(frames, cells, settings), published_files)}
    made |= (
        {}
        if verdicts is None
        else {table.name: table for table in claims.build(read(verdicts), settings["confidence"])}
    )
    for output in outputs:
        claims.write(made[Path(output).stem], output)
