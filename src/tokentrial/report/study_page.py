"""The page of a study of one's own: its text, the verdicts on its claims, tables, figures, and what was left out."""

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from tokentrial import results
from tokentrial.checkout import ROOT
from tokentrial.data.corpora import read_record
from tokentrial.documents import CROSS, read
from tokentrial.published import load
from tokentrial.report import catalogue
from tokentrial.report.figures.registry import NOTHING
from tokentrial.report.formats import Table
from tokentrial.report.scale import origin, spread
from tokentrial.report.tables import of_study
from tokentrial.report.verdicts import MARKS
from tokentrial.report.verdicts import read as read_verdicts
from tokentrial.run.view import View

TEMPLATE = Path("workflow/report/study.html")
WORDS = {"The documents' encodings": "The arms of the study", ", not the documents' own": ""}
"""What titles and reasons say of the documents, and of a study that is none of theirs."""
OF_DOCUMENTS = ("cramming-decisions", "cramming-criteria")
"""Tables about the documents' claims alone; the report has them."""


def write(
    frames: Mapping[str, str],
    settings: Mapping[str, Any],
    verdicts: str,
    documents: Sequence[str],
    published: Sequence[str],
    figures: Sequence[str],
    corpus: str,
    output: str,
) -> None:
    """Writes the page, one file that needs no other.

    frames: see run.view.View.read; settings: the config's statistics; verdicts: verdicts.parquet; documents: the files
    document.yaml of the study's own documents; published: printed tables of all documents; figures: SVG files of the
    run; corpus: the record of its text. Raises InputError for a file that cannot be used.
    """
    view = View.read(frames, settings["confidence"], settings["equivalence_margin"])
    judged = read_verdicts(verdicts)
    groups = {Path(file).parent.name: read(Path(file)) for file in documents}
    tables, figures_shown, left_out = [], [], []
    for study in (name for name in catalogue.STUDIES if name in set(view.arms["study"])):
        entries = catalogue.entries(study)
        asked = {name: entry for name, entry in entries.tables.items() if name not in OF_DOCUMENTS}
        for table in of_study(study, view.only(study), load(published), asked):
            if table.data.empty:
                left_out.append(f"the table “{table.title}”")
            else:
                tables.append(_table(table))
        for name, entry in entries.figures.items():
            title = catalogue.titled(entry.title, view.corpus)
            drawn = next((Path(path).read_bytes() for path in figures if Path(path).stem == name), None)
            if drawn is None or _is_empty(drawn, entry.absent):
                left_out.append(f"the figure “{title}”")
            else:
                figures_shown.append({"title": title, "uri": _uri(drawn), "legend": entry.legend or ""})
    page = _filled(
        title=next((each.title for name, each in groups.items() if name != CROSS), view.corpus),
        facts=_facts(view, corpus),
        claims=list(_claims(judged, list(groups))),
        tables=tables,
        figures=figures_shown,
        left_out=left_out,
    )
    with results.whole_file(output) as file:
        file.write(page.encode())


def _is_empty(drawn: bytes, absent: str | None) -> bool:
    """Whether a figure is a strip with the sentence that it has nothing to show."""
    text = html.unescape(drawn.decode())
    return NOTHING in text or bool(absent and absent in text)


def _uri(drawn: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"


def _facts(view: View, corpus: str) -> dict[str, str]:
    """What the page says on top: the text, the seeds, the minutes, the machine, the code."""
    trained = view.arms[view.arms["trained_as"].isna()]
    models = view.arms[view.arms["study"] == "language_models"]
    return {
        "Text": origin(read_record(corpus)),
        "Seeds": spread(models["seeds"]),
        "Training": f"{trained['wall_seconds'].sum() / 60:.1f} minutes of one core",
        "Machine": "; ".join(sorted(view.arms["device"].unique())),
        "Code": ", ".join(sorted(view.arms["git_commit"].unique())),
    }


def _claims(judged: pd.DataFrame, documents: Sequence[str]) -> Iterator[dict[str, str]]:
    for row in judged[judged["document"].isin(documents)].to_dict("records"):
        yield {
            "id": str(row["id"]),
            "says": str(row["paraphrase"]),
            "verdict": f"{MARKS[row['verdict']]} {row['verdict']}",
            "reason": _of_study(str(row["reason"])),
        }


def _table(table: Table) -> dict[str, Any]:
    """Returns a table's title, its grids (columns, and parts with a heading and rows of text) and its notes."""
    grids = []
    for sections in table.grids():
        parts = [
            {"heading": each.heading, "rows": [list(map(str, row)) for row in each.shown.itertuples(index=False)]}
            for each in sections
        ]
        grids.append({"columns": list(map(str, sections[0].shown.columns)), "parts": parts})
    return {"title": _of_study(table.title), "grids": grids, "notes": table.notes}


def _of_study(text: str) -> str:
    """Returns what the report says of the documents as it is true of a study of one's own."""
    for said, meant in WORDS.items():
        text = text.replace(said, meant)
    return text


def _filled(**values: Any) -> str:
    loader = jinja2.FileSystemLoader(ROOT / TEMPLATE.parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template(TEMPLATE.name).render(values) + "\n"
