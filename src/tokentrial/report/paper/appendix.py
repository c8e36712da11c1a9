"""Appendix (workflow/report/paper/appendix.typ)."""

import pandas as pd

from tokentrial import checkout
from tokentrial.claims import verdict as words
from tokentrial.claims.calibration.measure import rates
from tokentrial.claims.sensitivity import MARGINS
from tokentrial.documents import CROSS
from tokentrial.report import catalogue
from tokentrial.report.deviations import assumptions
from tokentrial.report.paper.card import verdict_cell
from tokentrial.report.paper.context import COUNTED, Paper, Values, interval, plain, table
from tokentrial.report.verdicts import EMPIRICAL, counted, group
from tokentrial.run.view import Row, records

OF_PAPER = ("000", "001", "002", "003", "004")
"""The documents that the paper's sections are about."""

NEURIPS = {
    "Claims": "The abstract states what the run shows; each number is filled in by the run.",
    "Limitations": "All limits are in @discussion.",
    "Theory": "Bounds in closed form are derived in the code beside their formula; no theorem is claimed.",
    "Reproducibility": (
        "One command repeats the run; rows, config, rules and code are of the two commits in the box behind @card."
    ),
    "Open access": "Code, rows and figures are public; texts are downloaded with checksums and not redistributed.",
    "Settings": "Every setting is in the config and the studies' files, which the run's site prints in full.",
    "Significance": (
        "Every comparison has an interval over seeds, documents or texts, with its number; tests are corrected, "
        "and a sentence that rests on intervals alone says so."
    ),
    "Compute": "@studies, and the box behind @card.",
    "Ethics, safeguards, human subjects": (
        "Public documents and texts; no personal data; no model is released that could be misused."
    ),
    "Licences": (
        "The project is under the MIT licence, WikiText-2 under CC BY-SA, SmolLM2 under Apache 2.0; the speeches "
        "are in the public domain."
    ),
    "Use of language models": (
        "The code and the prose of this paper were written with the help of a language model; every number is computed."
    ),
}
CHALLENGE = {
    "Scope": "The main claims are on the first page, each with both answers.",
    "Methodology": (
        "The authors' code was run as released; designs that follow their words and fair designs were written anew."
    ),
    "Results": "Per claim, with intervals and frozen rules.",
    "What was easy": "The public scripts run in seconds and need no special hardware.",
    "What was difficult": (
        "Published numbers do not come from the published code, and settings differ between text and code."
    ),
    "Communication with authors": "None; the documents and the public repositories are all that was used.",
}
"""Points of the checklists of NeurIPS and of the ML Reproducibility Challenge, with our answers."""


def values(paper: Paper, calibration: pd.DataFrame | None, command: str, figures: Values) -> Values:
    """Every placeholder of the appendix; calibration: planted errors, see claims.calibration.measure; figures: see
    paper.figures.
    """
    front = figures["figure.real_model_front"]
    return {
        "appendix.own": others(paper),
        "appendix.real_model": f"= Memory and loss of the pretrained model's codes\n\n{front}" if front else "",
        "figure.sensitivity": figures["figure.sensitivity"],
        "appendix.counts": counts(paper),
        "appendix.flips": flips(paper),
        "appendix.calibration": instrument(paper, calibration),
        "appendix.deviations": deviations(paper),
        "appendix.checklists": checklists(),
        "appendix.repro": repro(command),
    }


def others(paper: Paper) -> str:
    """Every claim of documents beside the five of this project, with its verdict; empty without one."""
    view = paper.verdicts.assign(document=paper.verdicts["document"].map(group))
    parts = []
    for name, title in catalogue.DOCUMENTS.items():
        mine = view[view["document"] == name]
        if name in OF_PAPER or name == CROSS or mine.empty:
            continue
        rows = [
            f"[{plain(row['id'])}], [{plain(row['paraphrase'])}], [{verdict_cell(row['verdict'], '')}], "
            f"[{plain(row['reason'])}],"
            for row in records(mine)
        ]
        body = "\n  ".join(rows)
        parts.append(
            f"= {plain(title)}: every claim\n\n#table(columns: (auto, 1fr, auto, 2fr), align: left,\n"
            f"  table.header([*Id*], [*Claim*], [*Verdict*], [*Reason*]), rule,\n  {body}\n  ends)"
        )
    return "\n\n".join(parts)


def counts(paper: Paper) -> str:
    """Verdicts by document: of checks, and of rules."""
    sizes = counted(paper.verdicts[paper.verdicts["kind"] != words.AUDIT])
    names = catalogue.among(sizes["document"])
    parts = []
    for label, columns, mine in (
        ("counts-checks", words.OF_CHECKS, sizes[sizes["kind"] != EMPIRICAL]),
        ("counts-rules", words.OF_RULES, sizes[sizes["kind"] == EMPIRICAL]),
    ):
        rows = []
        for name, title in names.items():
            of_document = mine[mine["document"] == name]
            cells = [
                paper.number(
                    int(of_document.loc[of_document["verdict"] == word, "n"].sum()), f"{COUNTED}: {name} {word}", 0
                )
                for word in columns
            ]
            rows.append([plain(title), *cells])
        what = "decided from the text" if label == "counts-checks" else "decided by the runs"
        header = ["", *(word.capitalize() for word in columns)]
        parts.append(
            table(
                f"({'auto, ' * (len(columns) + 1)})",
                header,
                rows,
                f"Claims {what}, by document and verdict.",
                label,
                "(left, " + "right, " * len(columns) + ")",
            )
        )
    return "\n\n".join(parts)


def flips(paper: Paper) -> str:
    low, high = (
        paper.number(100 * end(MARGINS), f"{COUNTED}: {name} margin of the sensitivity analysis, %", 0)
        for name, end in (("smallest", min), ("largest", max))
    )
    return (
        "A verdict that changes with the margin or the baseline is a statement about that choice. "
        f"@figure-sensitivity judges again each empirical claim whose rule has such a choice, with margins of {low} to "
        f"{high} % of the distance from chance to the best possible loss, on the other metric, on the median of the "
        "seeds, and "
        "against the other baseline. The rule's own margin is often another one, absolute or of several conditions, so "
        "its verdict need not be that of any column; claims of document 004 rest on levels and have no such choice. "
        "Blank: the rule has no such choice, or the rows lack it."
    )


def instrument(paper: Paper, calibration: pd.DataFrame | None) -> str:
    """How many planted errors the checks find."""
    if calibration is None or calibration.empty:
        return "This run has not planted errors for the checks to find."
    rows = {
        (row["measure"], row["name"]): row
        for row in records(rates(calibration, paper.view.confidence))
        if row["by"] == ""
    }
    seen = next(row for (measure, _), row in rows.items() if measure == "recall")
    alarms = next((row for (measure, _), row in rows.items() if measure == "false alarms"), None)

    def share(row: Row, what: str) -> str:
        hits, n = (paper.number(row[key], f"{COUNTED}: {what} of planted errors, {key}", 0) for key in ("hits", "n"))
        low, high = (
            paper.number(100 * row[end], f"{COUNTED}: {what} of planted errors, {end}", 1) for end in ("low", "high")
        )
        return f"{hits} of {n} ({interval(low, high)} %)"

    text = (
        "Errors were planted in true statements, one at a time: a digit, a sign, a count, a number of runs. Of "
        "those that contradict another printed number by more than rounding, the checks flag "
        f"{share(seen, 'recall')}. "
    )
    if alarms is not None:
        text += f"Of true statements, they flag {share(alarms, 'false alarms')}. "
    return text + (
        "Each statement was transcribed into an entry first, so these shares say nothing about errors of transcription "
        "or in sentences without an entry."
    )


def deviations(paper: Paper) -> str:
    every = assumptions(checkout.ROOT)
    return (
        "Where a document leaves something open, the code states how it was decided: "
        f"{paper.count(len(every), 'ASSUME comments')} decisions, each beside the line that it concerns, "
        "collected in `docs/deviations.md`."
    )


def checklists() -> str:
    parts = []
    for title, points in (("NeurIPS paper checklist", NEURIPS), ("ML Reproducibility Challenge", CHALLENGE)):
        lines = "\n".join(f"- _{name}._ {text}" for name, text in points.items())
        parts.append(f"*{title}.*\n{lines}")
    return "\n\n".join(parts)


def repro(command: str) -> str:
    return (
        f"The tables, figures and pages of this run are made by `{command}`. Results depend on the config and the "
        "code alone, not on cores, order of jobs or executor @snakemake; another processor may round differently. "
        "All rows, comparisons and verdicts are Parquet files beside this paper; the config, the list of all "
        "claims and every table are on the run's site. The numbers of this paper are listed with the place of "
        "their rows in `report.numbers.csv`, "
        "and `tokentrial trace` reads them again."
    )
