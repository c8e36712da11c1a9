"""The report's tables: results and published numbers in, tables out, as the entries of the studies' files say it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokentrial import results
from tokentrial.claims.sensitivity import SENSITIVITY
from tokentrial.published import PublishedTable, load
from tokentrial.real_text import UNNAMED
from tokentrial.report import catalogue, formats
from tokentrial.report.claims_listing import write
from tokentrial.report.headline import headline
from tokentrial.report.language_model_names import margin
from tokentrial.report.tables import (  # noqa: F401  (each registers what entries name)
    arms,
    beside_printed,
    cells,
    document_003,
    estimates,
    language_models,
    power,
    significance,
    solutions,
)
from tokentrial.report.tables import verdicts as claims
from tokentrial.report.tables.declared import build as build_declared
from tokentrial.report.tables.registry import Ask, Row, kind
from tokentrial.report.verdicts import read
from tokentrial.run.view import View, records
from tokentrial.schema.tables import AnyTable


def build(
    view: View, studies: Mapping[str, Mapping[str, AnyTable]], printed: Mapping[str, PublishedTable]
) -> Iterator[formats.Table]:
    """The first page's table and those of each study that ran.

    studies: study -> the entries of its tables; printed: every table of the documents by name.
    """
    first = {catalogue.HEADLINE: catalogue.entries(catalogue.VERDICTS).tables[catalogue.HEADLINE]}
    yield from of_study(catalogue.VERDICTS, view, printed, first)
    for study, entries in studies.items():
        yield from of_study(study, view.only(study), printed, entries)


def of_study(
    study: str, view: View, printed: Mapping[str, PublishedTable], entries: Mapping[str, AnyTable]
) -> Iterator[formats.Table]:
    """The tables of one study, in the report's order; view: its results alone."""
    words = words_of(view)
    for name, entry in entries.items():
        quoted = printed_words(printed[name]) if name in printed else {}
        where = f"{catalogue.FILES[study]}: tables.{name}"
        ask = Ask(where, name, entry, view, printed, words | quoted)
        yield build_declared(ask, catalogue.titled(entry.title, view.corpus))


def words_of(view: View) -> dict[str, str]:
    """What the notes of tables can say of a run."""
    nats = margin(view)
    return {
        "confidence": f"{100 * view.confidence:g} %",
        "margin_share": f"{100 * view.margin_share:g} %",
        "within": "the margin" if nats is None else f"{nats:g} nats",
        "corpus": view.corpus,
        "natural_text": "" if view.corpus == UNNAMED else f"Natural text: {view.corpus}. ",
        "missing": formats.MISSING,
        "minus": formats.MINUS,
    }


def printed_words(table: PublishedTable) -> dict[str, str]:
    """What they can say of the printed table or text of the same name."""
    quotes = "; ".join(f"“{quote}”" for quote in table.quotes)
    return {"document": table.document, "where": table.where, "quotes": quotes, "source": table.source}


@kind("headline")
def of_first_page(ask: Ask) -> Iterator[Row]:
    """What the fair arms of every study say."""
    return iter(records(headline(ask.view)))


def write_tables(
    frames: Mapping[str, str],
    studies: Sequence[str],
    published: Sequence[str],
    settings: Mapping[str, Any],
    outputs: Sequence[str],
    verdicts: str | None = None,
    sensitivity: str | None = None,
) -> None:
    """Write the tables to ``<folder>/<name>.<suffix>``, the format by the suffix.

    frames: see run.view.View.read; studies: those that ran; published: the files of the documents' printed tables;
    settings: the config's statistics; verdicts: those of all claims (see report.verdicts.read), without which their
    tables are not made; sensitivity: what claims.sensitivity writes. Raises InputError for a file that cannot be used,
    KeyError for an output that is no table of the catalogue.
    """
    view = View.read(frames, settings["confidence"], settings["equivalence_margin"])
    entries = {study: catalogue.entries(study).tables for study in studies}
    tables = {table.name: table for table in build(view, entries, load(published))}
    if verdicts is not None:
        choices = None if sensitivity is None else results.read(sensitivity, SENSITIVITY).to_pandas()
        tables |= {table.name: table for table in claims.build(read(verdicts), settings["confidence"], choices)}
    for output in outputs:
        write(tables[Path(output).stem], output)
