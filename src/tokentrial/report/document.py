"""The report: values for the templates' placeholders, computed from the result tables, and the PDF."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import typst
import yaml

from tokentrial import checkout, results
from tokentrial.claims import frozen
from tokentrial.data.corpora import Corpus, read_record
from tokentrial.published import PublishedTable, load
from tokentrial.report import catalogue
from tokentrial.report.chapters import audit, bespoke, cramming, language_models, learned_encoding, real_model, verdicts
from tokentrial.report.chapters.verdicts import fixed
from tokentrial.report.deviations import assumptions
from tokentrial.report.scale import scale_values, spread, text_said, trained_once
from tokentrial.report.template import escape, fill
from tokentrial.report.verdicts import EMPIRICAL, read
from tokentrial.run.view import View

Values = dict[str, str]
CHAPTERS = {
    "learned_encoding": learned_encoding.values,
    "language_models": language_models.values,
    "bespoke": bespoke.values,
    "cramming": cramming.values,
    "real_model": real_model.values,
}
VERDICTS = {"verdicts": verdicts.values, "audit": audit.values}
"""The chapters made from the verdicts, after the first page."""


def study_rows(view: View) -> Iterator[str]:
    """A Typst table row per study: what was run, with how many seeds and steps, in what time."""
    for study in view.arms["study"].unique():
        mine = view.only(study)
        trained = trained_once(mine.arms)
        released = mine.arms["condition"].isin(mine.of_way("as-released"))
        fair = mine.arms[mine.arms["condition"].isin(mine.of_way("done-right"))]
        seeds = mine.summary.loc[mine.summary["condition"].isin(fair["condition"]), "n"]
        if fair.empty:  # cramming has no ways: its seeds are texts
            fair = mine.arms[mine.arms["params_trained"] > 0]
            seeds = fair["seeds"]
        cells = (
            escape(catalogue.study_title(study, view.corpus)),
            f"{mine.arms.loc[~released, 'condition'].nunique()} + {mine.arms.loc[released, 'condition'].nunique()}",
            spread(seeds),
            spread(fair["steps"].dropna()),
            f"{int(trained['seeds'].sum()):,}",
            f"{trained['wall_seconds'].sum() / 60:.0f}",
        )
        yield ", ".join(f"[{cell}]" for cell in cells)


def statistics_values(config: Mapping[str, Any]) -> Values:
    """The level and the margins."""
    statistics = config["statistics"]
    return {
        "stats.alpha": f"{1 - statistics['confidence']:g}",
        "stats.confidence": f"{100 * statistics['confidence']:g}",
        "stats.tost_confidence": f"{100 * (2 * statistics['confidence'] - 1):g}",
        "stats.margin": f"{100 * statistics['equivalence_margin']:g}",
        "stats.margin_language_models": f"{config['language_models']['margins']['cross_entropy']:g}",
        "stats.resamples": f"{statistics['resamples']:,}",
    }


def rules_values(verdicts: pd.DataFrame, recorded: Mapping[str, Any]) -> Values:
    """Which frozen rules the run has, whether its data are younger, and how many rules count as fixed before it.

    recorded: see `frozen.provenance`.
    """
    younger = "made from this digest, so that the data are younger than the rules"
    older = f"not {recorded['seed']}, which is made from this digest: no rule counts as older than the data"
    return {
        "rules.file": recorded["file"],
        "rules.digest": recorded["sha256"][:16] or "none",
        "rules.commit": recorded["git_commit"],
        "rules.seed": younger if recorded["data_are_younger"] else older,
        "rules.fixed": fixed(verdicts[verdicts["kind"] == EMPIRICAL]),
    }


def text_row(corpus: Corpus | None, title: str) -> str:
    """A Typst table row: which real text the run used, where it is from, and why it is not another one.

    corpus: the text's record; without one the row has the title alone. Empty for a run without real text.
    """
    said = text_said(corpus, title)
    return f"[Text], [{escape(said)}],\n    " if said else ""


def left_out_row(studies: Sequence[str], config: Mapping[str, Any], corpus: str) -> str:
    """A Typst table row: the studies of the config that this report has no rows of, if there are any."""
    missing = [study for study in catalogue.STUDIES if study not in studies and config[study]["experiments"]]
    titles = "; ".join(catalogue.study_title(study, corpus) for study in missing)
    why = "its package is not installed, or these rows are older"
    return f"[Left out], [{escape(f'{titles}: {why}.')}],\n    " if titles else ""


def deviations_list(root: Path) -> str:
    """The guesses as a Typst list."""
    return "\n".join(f'- #raw("{where}"): {escape(text)}' for where, text in assumptions(root))


def chapters(
    view: View, config: Mapping[str, Any], studies: Sequence[str], printed: Mapping[str, PublishedTable], folder: Path
) -> str:
    """The filled chapters of the studies that ran, in their order; at the end of each, tables that it does not name."""
    filled = []
    for study in studies:
        values = CHAPTERS[study](view.only(study), config, printed) | catalogue.title_values(study, view.corpus)
        chapter = (folder / f"{study}.typ").read_text(encoding="utf-8")
        filled.append(fill(catalogue.with_further(study, chapter), values))
    return "\n".join(filled)


def verdict_chapters(path: str, folder: Path) -> Values:
    """Name -> the filled chapter on the verdicts of all claims (see report.verdicts.read)."""
    found = read(path)
    return {
        name: fill((folder / f"{name}.typ").read_text(encoding="utf-8"), made(found)) for name, made in VERDICTS.items()
    }


def report_source(
    tables: Mapping[str, str],
    claims: str,
    template: str,
    studies: Sequence[str],
    published: Sequence[str],
    config: Mapping[str, Any],
    command: str,
    rules: str,
    corpus: str | None = None,
) -> str:
    """The report as Typst markup; the arguments are those of :func:`write_report`."""
    statistics = config["statistics"]
    view = View.read(tables, statistics["confidence"], statistics["equivalence_margin"])
    frame = Path(template)
    values = {
        **scale_values(view.arms, len(view.statistics), config),
        "title.headline": escape(catalogue.table_title(catalogue.HEADLINE)),
        "corpus.title": escape(view.corpus),
        "corpus.row": text_row(None if corpus is None else read_record(corpus), view.corpus),
        "scale.left_out": left_out_row(studies, config, view.corpus),
        "scale.studies": ",\n    ".join(study_rows(view)),
        **statistics_values(config),
        **rules_values(read(claims), frozen.provenance(frozen.read(rules), config["seed"], checkout.ROOT)),
        **verdict_chapters(claims, frame.parent),
        "chapters": chapters(view, config, studies, load(published), frame.parent),
        "deviations": deviations_list(checkout.ROOT),
        "repro.command": command,
        "repro.runs": tables["runs"],
        "repro.statistics": tables["statistics"],
    }
    return fill(frame.read_text(encoding="utf-8"), values)


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
) -> None:
    """Fill the templates and compile the PDF beside the run's tables and figures.

    tables: see run.view.View.read; claims: their verdicts, see report.verdicts.read; template: the frame, with the
    chapters beside it; studies: those that ran; published: the files of the documents' printed tables; output: the PDF,
    in the folder that holds ``tables`` and ``figures``; command: makes all of it again; rules: the frozen rules (see
    claims.frozen); corpus: the record of the run's text (see data.corpora), where there is one. Raises TemplateError on
    an unresolved or unused placeholder.
    """
    folder = Path(output).parent
    source = folder / "report.typ"
    text = report_source(tables, claims, template, studies, published, config, command, rules, corpus)
    source.write_text(text, encoding="utf-8")
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False, width=140), encoding="utf-8")
    # tags for the long tables would make up five sixths of the file; they are there as CSV and Markdown too
    compiled = typst.compile(str(source), root=str(folder), pdf_tags=False)
    with results.whole_file(output) as file:
        file.write(compiled)
