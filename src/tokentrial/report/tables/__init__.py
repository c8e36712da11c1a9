"""The report's tables: results and published numbers in, tables out; names and titles are in report.catalogue."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokentrial import published
from tokentrial.report import formats
from tokentrial.report.tables import bespoke, cramming, first_page, language_models, learned_encoding
from tokentrial.report.tables import verdicts as claims
from tokentrial.report.verdicts import read
from tokentrial.run.view import View

BUILDERS = {
    "learned_encoding": learned_encoding.build,
    "language_models": language_models.build,
    "bespoke": bespoke.build,
    "cramming": cramming.build,
}


def build(view: View, files: Mapping[str, str]) -> Iterator[formats.Table]:
    """The first page's table and those of each study; files: study -> its published numbers."""
    yield first_page.headline_table(view)
    for study, file in files.items():
        yield from BUILDERS[study](view.only(study), published.load(file))


def write_tables(
    frames: Mapping[str, str],
    published_files: Mapping[str, str],
    settings: Mapping[str, Any],
    outputs: Sequence[str],
    verdicts: str | None = None,
) -> None:
    """Write the tables to ``<folder>/<name>.<suffix>``, the format by the suffix.

    frames: see run.view.View.read; published_files: study -> what its documents print; settings: the config's
    statistics; verdicts: those of all claims (see report.verdicts.read), without which their tables are not made.
    Raises InputError for a file that cannot be used, KeyError for an output that is no table of the catalogue.
    """
    view = View.read(frames, settings["confidence"], settings["equivalence_margin"])
    tables = {table.name: table for table in build(view, published_files)}
    if verdicts is not None:
        tables |= {table.name: table for table in claims.build(read(verdicts), settings["confidence"])}
    for output in outputs:
        claims.write(tables[Path(output).stem], output)
