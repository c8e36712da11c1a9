"""An audit as Markdown, as one HTML page that needs no other file, and as JSON."""

import json
from pathlib import Path
from typing import Any

import jinja2

from tokentrial.checkout import ROOT
from tokentrial.claims.audit import Audit, counts
from tokentrial.claims.verdict import AUDIT, listed
from tokentrial.claims.verdicts import to_json
from tokentrial.report.verdicts import MARKS, named

TEMPLATE = Path("workflow/report/audit.html")
COLUMNS = ("id", "section", "paraphrase", "verdict", "reason")


def summary(audit: Audit) -> str:
    """``16 claims: 8 CONSISTENT and 8 INCONSISTENT; 3 more need a run``."""
    rows = audit.verdicts
    parts = []
    for what, some in (("claim", rows[rows["kind"] != AUDIT]), ("audit finding", rows[rows["kind"] == AUDIT])):
        if len(some):
            sizes = [f"{n:,} {word}" for word, n in counts(some).items()]
            parts.append(f"{len(some):,} {what}{'s' * (len(some) != 1)}: {listed(sizes)}")
    if audit.unjudged:
        n = len(audit.unjudged)
        parts.append(f"{n:,} empirical claim{'s' * (n != 1)} {'need' if n != 1 else 'needs'} a run")
    return "; ".join(parts) or "no claim"


def entries(audit: Audit) -> list[dict[str, Any]]:
    """Returns a row for each judged claim: `COLUMNS`, the sign of its verdict, its check and numbers in words."""
    return [
        {**{name: row[name] for name in COLUMNS}, "mark": MARKS[row["verdict"]], "check": row["check"]}
        | {name: named(json.loads(row[name])) for name in ("reported", "recomputed")}
        for row in audit.verdicts.to_dict("records")
    ]


def markdown(audit: Audit) -> str:
    """Returns the audit as a table in Markdown."""
    lines = [f"# Audit: {audit.title}", "", f"{summary(audit)}.", ""]
    lines += ["| claim | place | what it says | verdict | reason |", "|---|---|---|---|---|"]
    for row in entries(audit):
        cells = [row["id"], row["section"], row["paraphrase"], f"{row['mark']} {row['verdict']}", row["reason"]]
        lines.append(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |")
    for claim in audit.unjudged:
        lines.append(f"| {claim.id} | {claim.section} | {claim.paraphrase} | needs a run | rule {claim.check} |")
    return "\n".join(lines) + "\n"


def html(audit: Audit, root: Path = ROOT) -> str:
    """Returns the audit as one page without script, network or other file; every text is escaped."""
    loader = jinja2.FileSystemLoader(root / TEMPLATE.parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    values = {"audit": audit, "summary": summary(audit), "rows": entries(audit)}
    return environment.get_template(TEMPLATE.name).render(values) + "\n"


def as_json(audit: Audit) -> str:
    """Returns file, title, number of claims by verdict, all verdicts (claims.verdict.VERDICTS) and unjudged claims."""
    content = {
        "file": audit.file,
        "title": audit.title,
        "counts": counts(audit.verdicts),
        "claims": json.loads(to_json(audit.verdicts)),
        "unjudged": [claim.id for claim in audit.unjudged],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
