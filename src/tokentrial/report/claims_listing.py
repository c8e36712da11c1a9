"""Claims as the report's page shows them: a Typst table of four columns, to whose rows other places link.

As CSV, Markdown and LaTeX a claim's table has a column for each thing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial.report import formats
from tokentrial.report.catalogue import LISTINGS
from tokentrial.report.formats import GAP, MISSING, Table, typst
from tokentrial.report.verdicts import EMPIRICAL, MARKS, named
from tokentrial.results import whole_file

FINDINGS = "verdict-findings"
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


def write(table: Table, path: str) -> None:
    """`formats.write` of any table, but a table of claims has four columns in Typst; raises InputError as that does."""
    whole = table.name in LISTINGS
    if path.endswith(".typ") and (whole or table.name == FINDINGS):
        with whole_file(Path(path)) as file:
            file.write(to_page(table.data, labelled=whole).encode())
    else:
        formats.write(table, path)


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
    values = json.loads(row["recomputed"])
    if row["kind"] == EMPIRICAL and values.get("difference") is not None:
        return named({ABBREVIATIONS.get(name, name): values[name] for name in MAIN if values.get(name) is not None})
    if row["kind"] == EMPIRICAL:
        values = {name: value for name, value in values.items() if value not in (None, [], "")}
        values = {name: value for name, value in values.items() if not isinstance(value, str) or len(value) < 40}
    return breakable(named(values, most=MOST, longest=LONGEST))


def breakable(text: str) -> str:
    """The text with places to break a line inside names too long for one: after an underscore, a slash, a colon."""
    parts = [re.sub(r"([_/:])", "\\1\u200b", part) if len(part) > LONG else part for part in text.split(" ")]
    return " ".join(parts)
