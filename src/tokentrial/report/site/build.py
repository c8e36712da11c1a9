"""Builds the site of a run: reads the run, fills every page, and puts the folder in its place whole."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial.claims import verdict as words
from tokentrial.documents import Group
from tokentrial.documents import read as read_document
from tokentrial.errors import InputError
from tokentrial.report import catalogue
from tokentrial.report.advice import advice
from tokentrial.report.answers import answers
from tokentrial.report.site import claims, conditions, explorer, figures, start, tables
from tokentrial.report.site.names import Names
from tokentrial.report.site.numbers import numbers
from tokentrial.report.site.pages import Pages, file_names, read, slug
from tokentrial.report.site.rows import Rows
from tokentrial.report.verdicts import read as read_verdicts
from tokentrial.run.view import View

STYLES = (".css", ".js")
# What the start page says about the run: name of a fact -> label. ``run``, ``note`` and ``missing`` have their own
# places; missing names the studies that this run left out; ``corpus``, the title of the run's real text, is in titles.
FACTS = {
    "run": "",
    "note": "",
    "missing": "",
    "corpus": "",
    "text": "Real text",
    "seeds": "Seeds",
    "device": "Device",
    "commit": "Code",
    "judged": "Judged by",
    "config": "Config",
    "versions": "Versions",
}


@dataclass(frozen=True)
class Sources:
    """The files of a run that its site is made of.

    frames: see run.view.View.read; tables: every table in every format; figures: SVG files; documents: their files
    documents/<id>/document.yaml; published: the files of printed tables and of claims; facts: see `FACTS`; settings:
    see config.judging; templates: the files of workflow/report/site; numbers: those of the paper, report.numbers.csv.
    """

    frames: Mapping[str, str]
    verdicts: str
    tables: Sequence[str]
    figures: Sequence[str]
    documents: Sequence[str]
    published: Sequence[str]
    facts: Mapping[str, str]
    settings: Mapping[str, Any]
    templates: Sequence[str]
    numbers: str


def write_site(sources: Sources, output: str) -> None:
    """Writes the folder ``output`` whole or not at all.

    Raises InputError for a file that cannot be read, and for a verdict that no page can place.
    """
    target = Path(output)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    try:
        _Site(sources, temporary).write()
        temporary.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class _Site:
    """A site while it is written."""

    def __init__(self, sources: Sources, folder: Path) -> None:
        self.sources, self.facts = sources, sources.facts
        settings = sources.settings
        self.view = View.read(sources.frames, settings["confidence"], settings["equivalence_margin"])
        self.names = Names(self.view)
        self.rows = Rows(self.view, self.names)
        self.verdicts: pd.DataFrame = read_verdicts(sources.verdicts)
        self.documents: dict[str, Group] = {
            Path(file).parent.name: read_document(Path(file)) for file in sources.documents
        }
        self.where = conditions.pages(file_names([each.condition for each in self.view.select()]))
        self.links = conditions.links(self.rows, self.where)
        self.assets = {Path(path).name: read(path) for path in sources.templates}
        shared = {
            "slug": slug,
            "facts": self.facts,
            "boxes": [(label, self.facts[name]) for name, label in FACTS.items() if label and self.facts[name]],
            "meanings": claims.MEANINGS,
            "query": claims.query,
        }
        templates = {name: text.decode() for name, text in self.assets.items() if not name.endswith(STYLES)}
        self.pages = Pages(folder, templates, shared)

    def write(self) -> None:
        """Writes every page and every file of data."""
        for name, content in self.assets.items():
            if name.endswith(STYLES):
                self.pages.file(f"assets/{name}", content)
        self._claims()
        self._tables()
        self._figures()
        self._explorer()
        self._provenance()
        self._start()

    @cached_property
    def claims(self) -> list[dict[str, Any]]:
        places = claims.Places(
            self.names,
            self.links,
            conditions.explorer(self.rows),
            {name: f"tables/{name}.html" for name in tables.files(self.sources.tables)},
            {Path(path).stem: f"figures.html#figure-{Path(path).stem}" for path in self.sources.figures},
        )
        try:
            return claims.entries(self.verdicts, self.documents, places)
        except InputError as error:
            raise InputError(f"{self.sources.verdicts}: {error}") from None

    @cached_property
    def tables(self) -> list[dict[str, Any]]:
        compared = {
            (row["condition"], row["arm_a"], row["arm_b"]): self.links[row["comparison"]][1]
            for pairs in self.rows.pairs.values()
            for row in reversed(pairs)  # the first metric of a pair is the one of the table's first number
        }
        behind = tables.Behind(self.view, self.where, compared)
        titles = tables.titled(self.studies, self.view.corpus)
        places = {claim["id"]: f"claims.html#{claim['id']}" for claim in self.claims}
        return list(tables.contents(tables.files(self.sources.tables), titles, behind, places))

    @cached_property
    def studies(self) -> list[str]:
        ran = set(self.view.conditions["study"])
        return [*(study for study in catalogue.STUDIES if study in ran), *sorted(ran - set(catalogue.STUDIES))]

    @cached_property
    def findings(self) -> dict[str, str]:
        return start.findings(self.view, self.verdicts)

    @cached_property
    def figures(self) -> list[dict[str, Any]]:
        known = [study for study in self.studies if study in catalogue.STUDIES]
        captions = catalogue.caption_texts(known, self.view.corpus, self.sources.settings)
        described = {}
        for part in (*known, catalogue.VERDICTS):
            heading = "Verdicts" if part == catalogue.VERDICTS else self.names.study(part)
            for name, title in catalogue.titles("figures", part, self.view.corpus).items():
                described[name] = (heading, title, captions.get(name, ""), self.findings.get(part, ""))
        return figures.entries({Path(path).stem: read(path) for path in self.sources.figures}, described, self.claims)

    def _claims(self) -> None:
        parts = claims.sections(self.documents)
        known = set(self.verdicts["id"])
        self.pages.page(
            "claims.html",
            "claims.html",
            total=claims.counted(self.claims, None),
            sections=[part | claims.counted(self.claims, part) for part in parts],
            groups=claims.filters(self.claims, parts),
            families=claims.FAMILIES,
            absent=[name for part in parts for name in part["ids"] if name not in known],
            known=sum(len(part["ids"]) for part in parts),
        )
        listed = self.verdicts[["id", "document", "section", "kind", "paraphrase", "verdict", "reason"]]
        self.pages.file("data/claims.csv", str(listed.to_csv(index=False, lineterminator="\n")))

    def _tables(self) -> None:
        self.pages.page("tables.html", "tables.html", parts=_by_part(self.tables))
        for table in self.tables:
            self.pages.page(f"tables/{table['name']}.html", "table.html", table=table)
            self.pages.archive(f"tables/{table['name']}.zip", table["files"])

    def _figures(self) -> None:
        for path in self.sources.figures:
            self.pages.file(f"figures/{Path(path).name}", figures.themed(read(path)))
        self.pages.page("figures.html", "figures.html", parts=_by_part(self.figures))

    def _explorer(self) -> None:
        try:
            import vl_convert
        except ImportError:
            raise InputError(
                "vl-convert-python: not installed, expected it: pip install 'tokentrial[workflow]'"
            ) from None
        bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # without a snippet: all of Vega-Lite
        self.pages.file("assets/vega.js", bundle)
        studies = []
        for study in self.studies:
            data = explorer.of_study(study, self.rows, self.where)
            if data["experiments"]:
                self.pages.data(study, data)
                studies.append({name: data[name] for name in ("study", "name", "experiments")})
        self.pages.page("explorer.html", "explorer.html", studies=studies)

    def _provenance(self) -> None:
        every = list(conditions.contents(self.rows, self.where, self.claims))
        for each in every:
            self.pages.page(each["page"], "condition.html", condition=each, costs=conditions.COSTS)
        files = []
        for path in map(Path, [*self.sources.frames.values(), self.sources.verdicts]):
            content = read(path)
            digest = hashlib.sha256(content).hexdigest()
            files.append({"name": path.name, "bytes": len(content), "sha256": digest})
        printed: dict[str, list[str]] = {}
        for path in map(Path, self.sources.published):
            self.pages.file(f"documents/{path.parent.name}/{path.name}", read(path))
            printed.setdefault(path.parent.name, []).append(path.name)
        groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for each in every:
            groups.setdefault(each["study"], {}).setdefault(each["title"], []).append(each)
        places = {claim["id"]: f"claims.html#{claim['id']}" for claim in self.claims}
        self.pages.page("numbers.html", "numbers.html", numbers=self._numbers(places))
        self.pages.page(
            "provenance.html", "provenance.html", groups=groups, files=files, documents=self.documents, printed=printed
        )
        found = start.searchable(self.claims, self.tables, self.figures, every)
        self.pages.data("search", list(found))

    def _numbers(self, places: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
        found = numbers(self.sources.numbers, self.links, places)
        return [
            (printed, self.names.readable(of), self.names.readable(what), href) for printed, of, what, href in found
        ]

    def _start(self) -> None:
        folders = {Path(file).parent.name: Path(file).parent for file in self.sources.documents}
        parts = claims.sections(self.documents)
        kinds = [kind for kind in words.KINDS if any(each["kind"] == kind for each in self.claims)]
        headline = next((table for table in self.tables if table["name"] == catalogue.HEADLINE), None)
        self.pages.page(
            "index.html",
            "index.html",
            card=start.card(answers(self.verdicts, self.view, folders), self.documents, self.names, self.links),
            total=claims.counted(self.claims, None),
            sections=[part | claims.counted(self.claims, part) for part in parts],
            kinds=kinds,
            audits=sum(each["kind"] == words.AUDIT for each in self.claims),
            headline=headline,
            advice=start.advised(advice(self.view), self.view, self.links),
            counts={"tables": len(self.tables), "figures": len(self.figures), "conditions": len(self.where)},
        )


def _by_part(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for each in entries:
        parts.setdefault(each["part"], []).append(each)
    return parts
