"""Values of the audit's chapter (workflow/report/audit.typ): what the checks alone say of the originals."""

import pandas as pd

from tokentrial.claims import verdict as words
from tokentrial.report.catalogue import among
from tokentrial.report.claims_listing import breakable
from tokentrial.report.formats import GAP, typst
from tokentrial.report.template import escape
from tokentrial.report.verdicts import FURTHER, HOLDS, MARKS, audited, group, tally

Values = dict[str, str]
WRONG = (words.INCONSISTENT, words.PARTLY)


def values(verdicts: pd.DataFrame) -> Values:
    """Every placeholder of the chapter; verdicts: see report.verdicts.read. The claims of rules do not count here."""
    asked = audited(verdicts)
    checked = pd.concat(asked.values())
    further = answer(asked[FURTHER])
    return {
        "audit.total": f"{len(checked):,}",
        "audit.tally": tally(checked),
        **{f"audit.{name}": answer(claims) for name, claims in asked.items() if name != FURTHER},
        "audit.further": f"== Further checks\n\n{further}" if len(asked[FURTHER]) else "",
    }


def answer(claims: pd.DataFrame) -> str:
    """One question's counts, its claims that are not consistent with their reasons, and those that are in order."""
    if claims.empty:
        return "No claim with a verdict asks this."
    documents = list(among(claims["document"].map(group)).values())
    count = f"{len(claims):,} claim{'' if len(claims) == 1 else 's'}"
    head = f"{count} ({words.listed(documents)}): {tally(claims)}."
    wrong = claims[claims["verdict"].isin(WRONG)]
    return "\n\n".join(part for part in (escape(head), listing(wrong), remainder(claims)) if part)


def listing(claims: pd.DataFrame) -> str:
    """Claim, verdict and reason as a table with a repeated header; ids link to their rows. Empty without claims."""
    if claims.empty:
        return ""
    head = ", ".join(f"strong({typst(name)})" for name in ("Claim", "Verdict", "What the check found"))
    lines = ["#audit-table(", f"  table.header(table.hline(stroke: 0.8pt), {head}, table.hline(stroke: 0.5pt)),"]
    order = [*WRONG]
    for row in sorted(claims.to_dict("records"), key=lambda claim: order.index(claim["verdict"])):
        name, mark = str(row["id"]), MARKS[row["verdict"]] + GAP
        cells = (
            f"[#strong(claim({typst(name)})) #{typst(row['paraphrase'])}]",
            f"[#{typst(mark)}#strong({typst(row['verdict'])})]",
            f"[#{typst(breakable(row['reason']))}]",
        )
        lines.append(f"  {', '.join(cells)}, table.hline(stroke: 0.2pt + luma(190)),")
    return "\n".join([*lines, "  table.hline(stroke: 0.8pt),", ")"])


def remainder(claims: pd.DataFrame) -> str:
    """The claims that are in order, then those that nothing printed can decide, in one paragraph each."""
    parts = []
    for title, verdicts in (("In order", HOLDS), ("Not checkable", (words.NOT_CHECKABLE,))):
        mine = claims[claims["verdict"].isin(verdicts)]
        if len(mine):
            pairs = zip(mine["id"], mine["paraphrase"], strict=True)
            named = '#"; "'.join(f"#{typst(text)} (#claim({typst(name)}))" for name, text in pairs)
            parts.append(f"#block(text(size: 8pt)[*{title}* ({len(mine):,}): {named}.])")
    return "\n\n".join(parts)
