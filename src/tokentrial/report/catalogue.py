"""What the report's tables and figures are called, by the files of the studies and, of those of none, verdicts.yaml.

One entry serves the report, the site and Snakemake's own report. A text has ``{corpus}`` where it names the
run's real text, which the functions below fill in. While the workflow is planned the text is not known, so without a
name titles say "real text".
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tokentrial import config, documents
from tokentrial.checkout import ROOT
from tokentrial.errors import InputError
from tokentrial.real_text import UNNAMED
from tokentrial.schema import declared, study_files
from tokentrial.schema.declared import CORPUS, Captions, Study

STUDIES = ("learned_encoding", "language_models", "bespoke", "cramming", "real_model")
"""In the order of the paper."""

HEADLINE = "headline"
"""The table of outcomes by experiment."""


def among(names: Iterable[str]) -> dict[str, str]:
    """Documents by name, with their titles for tables and figures, in the order of the report.

    A claim about several documents is one across documents.
    """
    ordered = sorted(set(names), key=lambda name: (name == documents.CROSS, name))
    return {name: "Across documents" if name == documents.CROSS else f"Document {name}" for name in ordered}


# What the claims' tables are about.
DOCUMENTS = among(documents.names(*documents.folders()))
LISTINGS = {f"verdicts-{name}": name for name in DOCUMENTS}
"""The tables of all claims, by document."""
DOCUMENT = "{document}"
"""Stands for each of them: for its id in the name of a table, for what it is called in the title."""

Kind = Literal["tables", "figures"]
VERDICTS = "verdicts"
FILES = {VERDICTS: "workflow/report/verdicts.yaml", **{study: f"studies/{study}.yaml" for study in STUDIES}}
"""Study -> its file in the checkout; `VERDICTS` stands for what belongs to none."""

PLACEHOLDER = re.compile(r"\{(\w*)\}")


_read = cache(study_files.load)  # for the checkout as for any other folder: once a process


@cache
def conclusions(root: Path = ROOT) -> dict[str, str]:
    """Document -> how its concluding section is cited; without the documents that have none."""
    groups = documents.load(*documents.folders(root)).items()
    return {name: each.conclusion for name, each in groups if isinstance(each, documents.Document) and each.conclusion}


def studies(root: Path = ROOT) -> dict[str, Study]:
    """Study -> what its file says, in the order of the paper. Raises InputError that names file and key."""
    files = _read(root)
    return {study: files[study].names for study in STUDIES}


@cache
def entries(part: str, root: Path = ROOT) -> Captions | Study:
    """A study's names with its entries, or the entries of none (`VERDICTS`), with a table for each document."""
    if part != VERDICTS:
        return studies(root)[part]
    of_none = declared.captions(root / FILES[part])
    tables = {}
    for name, table in of_none.tables.items():
        for document, title in DOCUMENTS.items() if DOCUMENT in name else [("", "")]:
            named = table.model_copy(update={"title": table.title.replace(DOCUMENT, title)})
            tables[name.replace(DOCUMENT, document)] = named
    return of_none.model_copy(update={"tables": tables})


def titles(kind: Kind, part: str, corpus: str = UNNAMED) -> dict[str, str]:
    """Name -> title of the tables or figures of a study, or of the first page and the verdicts (`VERDICTS`)."""
    return {name: titled(entry.title, corpus) for name, entry in getattr(entries(part), kind).items()}


def titled(template: str, corpus: str = UNNAMED) -> str:
    """A title with the name of the run's real text."""
    return template.replace(CORPUS, corpus)


def verdict_tables() -> dict[str, str]:
    """Name -> title of the tables of the verdicts."""
    return {name: title for name, title in titles("tables", VERDICTS).items() if name != HEADLINE}


def verdict_figures() -> dict[str, str]:
    """Name -> title of the figures of the verdicts."""
    return titles("figures", VERDICTS)


def tables_of(parts: Iterable[str], corpus: str = UNNAMED) -> dict[str, str]:
    """Name -> title of the first page's table and those of the studies that the config has."""
    first = {HEADLINE: titles("tables", VERDICTS, corpus)[HEADLINE]}
    return first | {name: title for study in parts for name, title in titles("tables", study, corpus).items()}


def figures_of(parts: Iterable[str], corpus: str = UNNAMED) -> dict[str, str]:
    """Name -> title of the figures of the studies that the config has."""
    return {name: title for study in parts for name, title in titles("figures", study, corpus).items()}


def table_title(name: str, corpus: str = UNNAMED) -> str:
    """The title of a table of any study, or of the verdicts. Raises InputError for one without an entry."""
    known = {name: title for part in FILES for name, title in titles("tables", part, corpus).items()}
    if name not in known:
        raise InputError(f"{' or '.join(FILES.values())}: tables: {config.unknown_key(name, list(known))}")
    return known[name]


def study_title(study: str, corpus: str = UNNAMED) -> str:
    """The title of a study's chapter; the name of a study that has no file."""
    known = studies().get(study)
    return study if known is None else titled(known.title, corpus)


def captions(parts: Iterable[str], corpus: str, settings: Mapping[str, Any], root: Path = ROOT) -> "Texts":
    """Name -> caption in Snakemake's own report, as reStructuredText; see `caption_texts`."""
    return Texts({name: plain(text) for name, text in caption_texts(parts, corpus, settings, root).items()})


def caption_texts(parts: Iterable[str], corpus: str, settings: Mapping[str, Any], root: Path = ROOT) -> dict[str, str]:
    """Name -> caption of the figures of studies and of the verdicts.

    corpus: the title of the run's real text, empty until it is known; settings: see config.judging. Raises InputError
    for a name in braces that stands for none of them.
    """
    values = {
        "corpus": corpus or UNNAMED,
        "confidence": f"{100 * settings['confidence']:g} %",
        "level": f"{1 - settings['confidence']:g}",
        "margin_share": f"{100 * settings['equivalence_margin']:g} %",
        "margin_nats": f"{settings['margins']['language_models']['cross_entropy']:g}",
    }
    texts = {}
    for part in (VERDICTS, *parts):
        text = f" Real text: {corpus}." if corpus and part != VERDICTS and studies(root)[part].real_text else ""
        for name, figure in entries(part, root).figures.items():
            for word in PLACEHOLDER.findall(figure.caption):
                if word not in values:
                    where = f"{FILES[part]}: figures.{name}.caption"
                    raise InputError(f"{where}: {config.unknown_key(word, list(values))}")
            texts[name] = PLACEHOLDER.sub(lambda match: values[match[1]], figure.caption) + text
    return texts


class Texts(dict[str, str]):
    """Texts by name. In few words where Snakemake lists the params of a job, beside every figure of its report."""

    def __str__(self) -> str:
        return f"{len(self)} texts"

    __repr__ = __str__


def plain(text: str) -> str:
    """A text with every sign that reStructuredText could read as markup behind a backslash."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", text)
