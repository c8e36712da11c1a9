"""The paper: sections filled with the run's numbers, and the PDF.

The prose is in workflow/report/paper/, a file per section; a section of a study that did not run is left out.
"""

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import typst
import yaml

from tokentrial import checkout, documents, results
from tokentrial.claims import frozen
from tokentrial.claims.calibration.measure import CALIBRATION
from tokentrial.data.corpora import read_record
from tokentrial.published import load
from tokentrial.report import advice
from tokentrial.report.answers import answers
from tokentrial.report.paper import (
    appendix,
    audit,
    cramming,
    discussion,
    front,
    real_model,
    real_text,
    synthetic,
    widths,
)
from tokentrial.report.paper.context import Paper, Printed, Values
from tokentrial.report.paper.figures import figure_values
from tokentrial.report.template import PLACEHOLDER, escape, fill
from tokentrial.report.verdicts import read
from tokentrial.run.view import View

OF_STUDIES: dict[str, tuple[str, Callable[[Paper], Values]]] = {
    "synthetic": ("learned_encoding", synthetic.values),
    "real_text": ("language_models", real_text.values),
    "widths": ("bespoke", widths.values),
    "cramming": ("cramming", cramming.values),
    "real_model": ("real_model", real_model.values),
}
"""Section -> its study and what fills it, in the order of the paper."""
CITATION = "CITATION.cff"


def sections(paper: Paper, folder: Path, studies: Sequence[str], first: Values, pieces: Sequence[advice.Advice]) -> str:
    """Returns the filled sections before the references. first: the values of the first page; pieces: of advice."""
    filled = [
        _filled(folder / "summary.typ", first),
        _filled(folder / "claims.typ", front.claims(paper)),
        _filled(folder / "methods.typ", front.methods(paper)),
        _filled(folder / "audit.typ", audit.values(paper) | figure_values(studies)),
    ]
    for section, (study, values) in OF_STUDIES.items():
        if study in studies:
            filled.append(_filled(folder / f"{section}.typ", values(paper) | figure_values(studies)))
    filled.append(_filled(folder / "discussion.typ", discussion.values(paper, pieces)))
    return "\n".join(filled)


def _filled(template: Path, values: Values) -> str:
    """Fills a section; values of others are allowed, a placeholder without one is not."""
    text = template.read_text(encoding="utf-8")
    named = set(PLACEHOLDER.findall(text))
    return fill(text, {name: value for name, value in values.items() if name in named})


def citation(root: Path) -> Values:
    """Title, authors and description, from the project's citation file."""
    cited = yaml.safe_load((root / CITATION).read_text(encoding="utf-8"))
    paper = cited.get("preferred-citation", cited)
    names = [author.get("name") or f"{author['given-names']} {author['family-names']}" for author in paper["authors"]]
    return {
        "paper.title": escape(paper["title"]),
        "paper.authors": "".join(f"{json.dumps(name)}, " for name in names),
        "paper.byline": escape(", ".join(names)),
        "paper.description": escape(paper.get("abstract", paper["title"])).replace('"', "'"),
        "paper.keywords": "".join(f"{json.dumps(word)}, " for word in cited.get("keywords", [])),
    }


def paper_source(
    tables: Mapping[str, str],
    claims: str,
    template: str,
    studies: Sequence[str],
    published: Sequence[str],
    config: Mapping[str, Any],
    command: str,
    rules: str,
    corpus: str | None = None,
    calibration: str | None = None,
    shipped: str | None = None,
) -> tuple[str, list[Printed], str]:
    """Returns the paper as Typst markup, its numbers, and the advice as Markdown; the arguments are write_report's."""
    statistics, folder = config["statistics"], Path(template).parent
    view = View.read(tables, statistics["confidence"], statistics["equivalence_margin"])
    verdicts = read(claims)
    paper = Paper(view, verdicts, config, load(published))
    card = answers(verdicts, view, documents.places(*documents.folders()))
    recorded = frozen.provenance(frozen.read(rules), config["seed"], checkout.ROOT)
    record = None if corpus is None else read_record(corpus)
    facts = front.run_facts(paper, config, record, studies, recorded, front.beside_shipped(paper, shipped))
    pieces = advice.advice(view)
    body = sections(paper, folder, studies, front.summary(paper, card, pieces, facts), pieces)
    planted = None if calibration is None else results.read(calibration, CALIBRATION).to_pandas()
    behind = _filled(folder / "appendix.typ", appendix.values(paper, planted, command, figure_values(studies)))
    frame = Path(template).read_text(encoding="utf-8")
    source = fill(frame, {**citation(checkout.ROOT), "sections": body, "appendix": behind})
    return source, paper.numbers, advice.markdown(pieces, view)


def write_report(
    tables: Mapping[str, str],
    claims: str,
    template: str,
    studies: Sequence[str],
    published: Sequence[str],
    config: Mapping[str, Any],
    output: str,
    command: str,
    rules: str,
    corpus: str | None = None,
    calibration: str | None = None,
    shipped: str | None = None,
) -> None:
    """Fills the sections and compiles the PDF beside the run's figures, with its numbers and the advice as files.

    tables: see run.view.View.read; claims: their verdicts, see report.verdicts.read; template: the frame, with the
    sections beside it; studies: those that ran; published: the files of the documents' printed tables; output: the PDF,
    in the folder that holds ``tables`` and ``figures``; command: makes all of it again; rules: the frozen rules (see
    claims.frozen); corpus: the record of the run's text (see data.corpora), where there is one; calibration: planted
    errors; shipped: the verdicts of the shipped run, for a run that is another one. Raises TemplateError on an
    unresolved placeholder.
    """
    folder = Path(output).parent
    text, numbers, to_do = paper_source(
        tables, claims, template, studies, published, config, command, rules, corpus, calibration, shipped
    )
    source = folder / "report.typ"
    source.write_text(text, encoding="utf-8")
    shutil.copyfile(Path(template).parent / "references.bib", folder / "references.bib")
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False, width=140), encoding="utf-8")
    compiled = typeset(source, pdf_standards=["ua-1"])
    with results.whole_file(folder / "report.numbers.csv") as file:
        file.write(numbers_file(numbers).encode())
    with results.whole_file(folder / "advice.md") as file:
        file.write(to_do.encode())
    with results.whole_file(output) as file:
        file.write(compiled)


def typeset(source: Path, **options: Any) -> Any:
    """Compiles the paper's source with the fonts of its figures; options: those of typst.compile."""
    fonts = [str(Path(matplotlib.get_data_path()) / "fonts" / "ttf")]
    return typst.compile(str(source), root=str(source.parent), font_paths=fonts, **options)


def numbers_file(numbers: Sequence[Printed]) -> str:
    """Returns the paper's numbers as CSV: what is printed, where it comes from, its value in full."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["printed", "place", "value"])
    writer.writerows([one.text, one.place, repr(one.value)] for one in numbers)
    return lines.getvalue()
