"""The tables of the verdicts: the matrix, the consequential findings, the replications, and all claims by document.

As CSV, Markdown and LaTeX a claim's table has a column for each thing; on the report's page the same is in four.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial.claims import verdict as words
from tokentrial.report import formats
from tokentrial.report.catalogue import DOCUMENTS, LISTINGS, table_title
from tokentrial.report.formats import GAP, MINUS, MISSING, Section, Table, count, missing, p_value, typst, yes_no
from tokentrial.report.verdicts import (
    EMPIRICAL,
    MARKS,
    consequential,
    counted,
    decisions,
    named,
    of,
    question,
    replications,
)
from tokentrial.results import whole_file

FINDINGS = "verdict-findings"
WIDTHS = (9, 9, 7, 17, 13, 17, 9, 28, 11)
"""Shares of a page's width: id, section, kind, claim, reported, recomputed, verdict, reason, decided by."""
RULE_WIDTHS = (30, 15, 8)
MAIN = ("difference", "low", "high", "p_holm", "p_tost", "margin", "minimal_detectable", "n")
"""What the page shows of an empirical claim's numbers; all of them are in the other formats."""
MOST, LONGEST = 6, 4
"""Numbers of a claim, and entries of a list, that the page shows."""
LONG = 18
"""Letters of a word that may not fit into a line of a narrow column."""
ABBREVIATIONS = {"p_holm": "Holm p", "p_tost": "TOST p", "minimal_detectable": "minimal detectable"}

# One row in the four columns of the page; a claim's id is a label that other places link to.
PAGE = """#set par(justify: false, leading: 0.42em)
#show table: set text(size: 6.6pt)
#set table.cell(breakable: false)
#let aside(body) = text(size: 6pt, fill: luma(80), body)
#let claim(name, shown) = context {
  let found = query(label("claim-" + name))
  strong(if found.len() == 0 { shown } else { link(found.first().location(), shown) })
}
#let decider(name) = context {
  let found = query(selector(label("table-" + name)).or(label("figure-" + name)))
  if found.len() == 0 { name } else {
    let it = found.first()
    let number = numbering(it.numbering, ..counter(figure.where(kind: it.kind)).at(it.location()))
    link(it.location())[#it.supplement #number]
  }
}
"""


def build(verdicts: pd.DataFrame, confidence: float) -> Iterator[Table]:
    """Every table of the verdicts, in the catalogue's order; verdicts: see report.verdicts.read; confidence: theirs."""
    yield matrix(verdicts)
    yield claims(FINDINGS, consequential(verdicts))
    yield rules(verdicts, confidence)
    yield replication_table(verdicts)
    for name, document in LISTINGS.items():
        yield claims(name, of(verdicts, document))


def write(table: Table, path: str) -> None:
    """`formats.write` of any table, but a table of claims has four columns in Typst; raises InputError as that does."""
    whole = table.name in LISTINGS
    if path.endswith(".typ") and (whole or table.name == FINDINGS):
        with whole_file(Path(path)) as file:
            file.write(to_page(table.data, labelled=whole).encode())
    else:
        formats.write(table, path)


def matrix(verdicts: pd.DataFrame) -> Table:
    """A section per kind, a row per document and one for all, a column per verdict; checks and rules apart."""
    sizes = counted(verdicts)
    sections = []
    for kind in words.KINDS:
        mine = sizes[sizes["kind"] == kind]
        known = words.OF_RULES if kind == EMPIRICAL else words.OF_CHECKS
        wide = mine.pivot_table(index="document", columns="verdict", values="n", aggfunc="sum", fill_value=0)
        wide = wide.reindex(index=[name for name in DOCUMENTS if name in wide.index], columns=known, fill_value=0)
        wide.loc["all"] = wide.sum()
        shown = wide.astype(int).assign(claims=wide.sum(axis=1).astype(int)).map(lambda n: str(n) if n else MISSING)
        shown.insert(0, "Document", [DOCUMENTS.get(str(name), "All") for name in shown.index])
        shown.columns = [str(name).replace(" ", "\n").replace("claims", "Claims") for name in shown.columns]
        sections.append(Section(kind.capitalize(), shown.reset_index(drop=True)))
    notes = (
        "Checks decide arithmetic, internal, statistical and scope claims from what the documents print; rules decide "
        "empirical ones from the arms done right. A claim about several documents is one across documents.",
    )
    return Table("verdict-matrix", table_title("verdict-matrix"), sizes, tuple(sections), notes, by="Kind")


def claims(name: str, rows: pd.DataFrame) -> Table:
    """All that a reader needs of each claim; the raw data also say how the check was called and what the audit asks."""
    shown = pd.DataFrame([_shown(row) for row in rows.to_dict("records")])
    if shown.empty:
        shown = pd.DataFrame([dict.fromkeys(_shown_names(), MISSING)])
    pairs = zip(rows["kind"], rows["check"], rows["parameters"], strict=True)
    data = rows.assign(audit=["" if kind == EMPIRICAL else question(*call) for kind, *call in pairs])
    notes = (
        "Reported: numbers as printed. Recomputed: what the check or rule made of them, low and high as far as the "
        "printed digits tell. Decided by: the check or rule with the numbers or rows it used, and the table or figure "
        "of the report that shows them.",
    )
    return Table(name, table_title(name), data, (Section("", shown),), notes, widths=WIDTHS)


def _shown(row: Mapping[Any, Any]) -> dict[str, str]:
    values = (
        *(row["id"], row["section"], row["kind"], row["paraphrase"], named(json.loads(row["reported"])) or MISSING),
        *(named(json.loads(row["recomputed"])) or MISSING, row["verdict"], row["reason"], decided_by(row)),
    )
    return dict(zip(_shown_names(), values, strict=True))


def _shown_names() -> tuple[str, ...]:
    return ("Id", "Section", "Kind", "Claim", "Reported", "Recomputed", "Verdict", "Reason", "Decided by")


def used(row: Mapping[Any, Any]) -> str:
    """``rule superior, 2 rows, fixed before the run``: what judged the claim, on how much, and when a rule was made."""
    empirical = row["kind"] == EMPIRICAL
    size, unit = int(row["rows"]), "row" if empirical else "printed number"
    amount = f", {size:,} {unit}{'' if size == 1 else 's'}" if size else ""
    fixed = f", fixed {row['fixed']}" if row["fixed"] else ""
    return f"{'rule' if empirical else 'check'} {str(row['check']).replace('_', ' ')}{amount}{fixed}"


def source(row: Mapping[Any, Any]) -> str:
    """The table or figure that shows what decides; empty without one."""
    return "" if row["decided_by"] in ("check", "none") else str(row["decided_by"])


def decided_by(row: Mapping[Any, Any]) -> str:
    """``check saving, 3 printed numbers; doc000-accuracy``."""
    return "; ".join(part for part in (used(row), source(row)) if part)


def to_page(rows: pd.DataFrame, labelled: bool) -> str:
    """The claims as a Typst table of four columns with a repeated header; labelled: other places link to these rows."""
    lines = [PAGE, "#table(", "  columns: (2.9cm, 1fr, 2.2cm, 1.5fr), stroke: none, inset: (x: 3pt, y: 2.4pt),"]
    head = ", ".join(f'strong("{name}")' for name in ("Claim", "What the document says", "Verdict", "Why"))
    lines.append("  align: left,")
    lines.append(f"  table.header(table.hline(stroke: 0.8pt), {head}, table.hline(stroke: 0.5pt)),")
    for row in rows.to_dict("records"):
        lines.append("  " + " ".join(f"[{cell}]," for cell in _cells(row, labelled)))
        lines.append("  table.hline(stroke: 0.2pt + luma(190)),")
    if rows.empty:
        lines.append(f"  table.cell(colspan: 4, {typst(MISSING)}),")
    return "\n".join([*lines, "  table.hline(stroke: 0.8pt),", ")", ""])


def _cells(row: Mapping[Any, Any], labelled: bool) -> Iterator[str]:
    """The four cells as Typst markup, all text in string literals."""
    name = str(row["id"])
    target = f"#metadata({typst(name)})#label({typst(f'claim-{name}')})#strong({typst(breakable(name))})"
    head = target if labelled else f"#claim({typst(name)}, {typst(breakable(name))})"
    where = ", ".join(part for part in (row["section"], row["kind"]) if part)
    yield f"{head} \\ #aside({typst(where)})"
    reported = named(json.loads(row["reported"]), longest=8)
    printed = f" \\ #aside({typst(f'Printed: {reported}')})" if reported else ""
    yield f"#{typst(row['paraphrase'])}{printed}"
    yield f"#{typst(MARKS[row['verdict']] + GAP)}#strong({typst(row['verdict'])})"
    recomputed = page_numbers(row)
    numbers = f" \\ #aside({typst(f'Recomputed: {recomputed}')})" if recomputed else ""
    shows = f"#aside[; #decider({typst(source(row))})]" if source(row) else ""
    yield f"#{typst(breakable(row['reason']))}{numbers} \\ #aside({typst(f'Decided by: {used(row)}')}){shows}"


def page_numbers(row: Mapping[Any, Any]) -> str:
    """The main recomputed numbers; those of a comparison for an empirical claim, if it has one."""
    found = json.loads(row["recomputed"])
    if row["kind"] == EMPIRICAL and found.get("difference") is not None:
        found = {ABBREVIATIONS.get(name, name): found[name] for name in MAIN if found.get(name) is not None}
        return named(found)
    if row["kind"] == EMPIRICAL:
        found = {name: value for name, value in found.items() if value not in (None, [], "")}
        found = {name: value for name, value in found.items() if not isinstance(value, str) or len(value) < 40}
    return breakable(named(found, most=MOST, longest=LONGEST))


def breakable(text: str) -> str:
    """The text with places to break a line inside names too long for one: after an underscore, a slash, a colon."""
    parts = [re.sub(r"([_/:])", "\\1\u200b", part) if len(part) > LONG else part for part in text.split(" ")]
    return " ".join(parts)


def rules(verdicts: pd.DataFrame, confidence: float) -> Table:
    """Each rule in words, when it was fixed, and the claims that it decided."""
    data = decisions(verdicts)
    columns = {"Rule in words": "decision", "Claims": "claims", "Verdicts": "verdicts"}
    sections = [
        Section(f"Fixed {when}", mine[list(columns.values())].set_axis(list(columns), axis=1))
        for when, mine in data.groupby("fixed", sort=False)
    ]
    sections = sections or [Section("", pd.DataFrame([dict.fromkeys(columns, MISSING)]))]
    notes = (
        "The margin of a rule is in its claims' entries (equivalence); without one it is the study's. Whatever level a "
        f"rule's words have, this run applied p < {1 - confidence:g} and {100 * confidence:g} % intervals.",
    )
    title = table_title("verdict-rules")
    return Table("verdict-rules", title, data, tuple(sections), notes, by="Fixed", widths=RULE_WIDTHS)


def replication_table(verdicts: pd.DataFrame) -> Table:
    """Beside each empirical claim, where it is defined: what its original predicts, and what the replication says."""
    data = replications(verdicts)
    sections = []
    for name, title in DOCUMENTS.items():
        mine = of(data, name)
        if len(mine):
            sections.append(Section(title, pd.DataFrame([_replication(row) for row in mine.to_dict("records")])))
    empty = pd.DataFrame([{"Claim": MISSING, "Verdict": MISSING}])
    notes = (
        "Published and measured: the difference of the arms in the metric's unit (nats, a fraction or steps), with its "
        "interval when measured, and the number of runs. Predicted: the original's prediction interval (± read as a "
        "standard deviation), and whether the measured difference is inside. d33: the effect that the original would "
        "have found with 33 % power; too small where the replication's upper end lies below. BF: replication Bayes "
        "factor, above 1 for the published effect. Sceptical p: below the level where both studies convince together. "
        "TOST p: of equivalence within the margin. MDE: minimal detectable difference. A dash: too little is printed.",
    )
    table = Table("verdict-replications", table_title("verdict-replications"), data, tuple(sections), notes)
    return table if sections else Table(table.name, table.title, data, (Section("", empty),), notes)


def _replication(row: Mapping[Any, Any]) -> dict[str, str]:
    inside = yes_no(row["in_prediction_interval"])
    telescopes = f"{_short(row['d33'])}\n{_small(row['too_small_for_original'])}"
    predicted = f"{_interval(row['prediction_low'], row['prediction_high'])}\n{inside}"
    tost = f"{p_value(row['p_tost'])}\n±{GAP}{_short(row['margin'])}"
    return {
        "Claim": str(row["id"]),
        "Verdict": str(row["verdict"]),
        "Published\n(n)": _difference(row["original_difference"], row["original_n"]),
        "Measured\n(n)": f"{_difference(row['difference'], row['n'])}\n{_interval(row['low'], row['high'])}",
        "Predicted,\ninside": MISSING if missing(row["prediction_low"]) else predicted,
        "d33,\ntoo small": MISSING if missing(row["d33"]) else telescopes,
        "BF": _short(row["bayes_factor"]),
        "Sceptical\np": p_value(row["sceptical_p"]),
        "TOST p,\nmargin": MISSING if missing(row["p_tost"]) else tost,
        "MDE": _short(row["minimal_detectable"]),
    }


def _difference(value: float | None, n: float | None) -> str:
    return MISSING if missing(value) else f"{_short(value, signed=True)} ({count(n)})"


def _interval(low: float | None, high: float | None) -> str:
    return MISSING if missing(low) or missing(high) else f"[{_short(low)},{GAP}{_short(high)}]"


def _short(value: float | None, signed: bool = False) -> str:
    """Three significant digits, and no exponent for thousands."""
    if missing(value) or value is None:
        return MISSING
    sign = "+" if signed and value else ""
    text = f"{value:{sign}.3g}" if abs(value) < 1000 else f"{value:{sign},.0f}"
    return text.replace("e-0", "e-").replace("-", MINUS)


def _small(value: bool | None) -> str:
    return MISSING if missing(value) else "too small" if value else "large enough"
