"""The report's tables: results and published numbers in, tables out; names and titles are in report.catalogue."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokentrial.published import PublishedTable, load
from tokentrial.report import catalogue, formats
from tokentrial.report.language_model_names import margin
from tokentrial.report.tables import bespoke, cramming, first_page, language_models, learned_encoding
from tokentrial.report.tables import verdicts as claims
from tokentrial.report.tables.declared import build as build_declared
from tokentrial.report.verdicts import read
from tokentrial.run.view import View
from tokentrial.schema.declared import AnyTable, DeclaredTable

BUILDERS = {
    "learned_encoding": learned_encoding.build,
    "language_models": language_models.build,
    "bespoke": bespoke.build,
    "cramming": cramming.build,
}


def build(
    view: View, studies: Mapping[str, Mapping[str, AnyTable]], printed: Mapping[str, PublishedTable]
) -> Iterator[formats.Table]:
    """The first page's table and those of each study that ran.

    studies: study -> the entries of its tables; printed: every table of the documents by name.
    """
    yield first_page.headline_table(view)
    for study, entries in studies.items():
        yield from of_study(study, view.only(study), printed, entries)


def of_study(
    study: str, view: View, printed: Mapping[str, PublishedTable], entries: Mapping[str, AnyTable]
) -> Iterator[formats.Table]:
    """The tables of one study, in the report's order; view: its results alone."""
    tables = {table.name: table for table in BUILDERS[study](view, printed)}
    words = words_of(view)
    for name, entry in entries.items():
        if isinstance(entry, DeclaredTable):
            quoted = printed_words(printed[name]) if name in printed else {}
            title = catalogue.titled(entry.title, view.corpus)
            tables[name] = build_declared(name, entry, view, words | quoted, title)
    yield from (tables[name] for name in entries)


def words_of(view: View) -> dict[str, str]:
    """What the notes of declared tables can say of a run."""
    nats = margin(view)
    return {
        "confidence": f"{100 * view.confidence:g} %",
        "margin_share": f"{100 * view.margin_share:g} %",
        "within": "the margin" if nats is None else f"{nats:g} nats",
        "missing": formats.MISSING,
    }


def printed_words(table: PublishedTable) -> dict[str, str]:
    """What they can say of the printed table or text of the same name."""
    quotes = "; ".join(f"“{quote}”" for quote in table.quotes)
    return {"document": table.document, "where": table.where, "quotes": quotes}


def write_tables(
    frames: Mapping[str, str],
    studies: Sequence[str],
    published: Sequence[str],
    settings: Mapping[str, Any],
    outputs: Sequence[str],
    verdicts: str | None = None,
) -> None:
    """Write the tables to ``<folder>/<name>.<suffix>``, the format by the suffix.

    frames: see run.view.View.read; studies: those that ran; published: the files of the documents' printed tables;
    settings: the config's statistics; verdicts: those of all claims (see report.verdicts.read), without which their
    tables are not made. Raises InputError for a file that cannot be used,
    KeyError for an output that is no table of the catalogue.
    """
    view = View.read(frames, settings["confidence"], settings["equivalence_margin"])
    entries = {study: catalogue.entries(study).tables for study in studies}
    tables = {table.name: table for table in build(view, entries, load(published))}
    if verdicts is not None:
        tables |= {table.name: table for table in claims.build(read(verdicts), settings["confidence"])}
    for output in outputs:
        claims.write(tables[Path(output).stem], output)
