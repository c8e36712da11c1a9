"""Values of the chapter on the verdicts (workflow/report/verdicts.typ): how many, and when rules were fixed."""

import pandas as pd

from tokentrial.claims.verdict import AUDIT, OF_CHECKS, OF_RULES, listed
from tokentrial.documents import CROSS
from tokentrial.report.catalogue import DOCUMENTS, HEADLINE, LISTINGS, VERDICTS, among, table_title, title_values
from tokentrial.report.template import escape
from tokentrial.report.verdicts import (
    BETWEEN,
    EMPIRICAL,
    FAILS,
    HOLDS,
    NOT_DECIDABLE,
    UNDECIDED,
    consequential,
    group,
    is_headline,
    of,
    replications,
    tally,
)

Values = dict[str, str]
SHARES = {
    ("holds", "hold"): HOLDS,
    ("does not hold", "do not hold"): FAILS,
    ("holds in part or is too small to matter", "hold in part or are too small to matter"): BETWEEN,
    ("is undecided", "are undecided"): UNDECIDED,
    ("can be decided by nothing here", "can be decided by nothing here"): NOT_DECIDABLE,
}
"""What the words of a verdict come to, of one claim and of several."""


def values(verdicts: pd.DataFrame) -> Values:
    """Every placeholder of the chapter; verdicts: see report.verdicts.read. Audit findings are counted apart."""
    findings, verdicts = verdicts[verdicts["kind"] == AUDIT], verdicts[verdicts["kind"] != AUDIT]
    empirical = verdicts["kind"] == EMPIRICAL
    pairs = zip(verdicts["document"], verdicts["section"], strict=True)
    stands = [is_headline(str(document), str(section)) for document, section in pairs]
    headline = verdicts[pd.Series(stands, index=verdicts.index, dtype=bool)]
    titles = title_values(VERDICTS, leave_out=(HEADLINE, *LISTINGS))
    return {
        "verdicts.total": f"{len(verdicts):,}",
        "verdicts.shares": shares(verdicts),
        "verdicts.audits": audits(findings),
        "verdicts.checked": f"{int((~empirical).sum()):,}",
        "verdicts.checks": tally(verdicts[~empirical]),
        "verdicts.empirical": f"{int(empirical.sum()):,}",
        "verdicts.rules": tally(verdicts[empirical]),
        "verdicts.words_of_checks": listed(OF_CHECKS),
        "verdicts.words_of_rules": listed(OF_RULES),
        "verdicts.headline": f"{len(headline):,}",
        "verdicts.headline_shares": shares(headline),
        "verdicts.findings": f"{len(consequential(verdicts)):,}",
        "verdicts.replications": f"{len(replications(verdicts)):,}",
        "verdicts.fixed": fixed(verdicts[empirical]),
        "verdicts.by_document": escape(by_document(verdicts)),
        "verdicts.listings": listings(),
        **titles,
    }


def shares(verdicts: pd.DataFrame) -> str:
    """``3 hold, 2 do not hold and 1 is undecided``."""
    sizes = {text: int(verdicts["verdict"].isin(among).sum()) for text, among in SHARES.items()}
    return listed([f"{size:,} {one if size == 1 else many}" for (one, many), size in sizes.items() if size])


def audits(findings: pd.DataFrame) -> str:
    """How many audit findings there are beside the claims; empty without any."""
    if findings.empty:
        return ""
    count = f"{len(findings):,} audit finding{' is' if len(findings) == 1 else 's are'}"
    return f"Beside them, {count} of the kind audit, which no document states: {shares(findings)}."


def listings() -> str:
    """A section for each document, with the table of its claims."""
    sections = []
    for table, name in LISTINGS.items():
        heading = f"Claims {DOCUMENTS[name].lower()}" if name == CROSS else DOCUMENTS[name]
        sections.append(f'== {escape(heading)}\n\n#wide-table("{table}", [{escape(table_title(table))}.])')
    return "\n\n".join(sections)


def by_document(verdicts: pd.DataFrame) -> str:
    """What holds and what does not, document by document, in one sentence each."""
    parts = []
    for name, title in among(verdicts["document"].map(group)).items():
        mine = of(verdicts, name)
        parts.append(f"{title}: of {len(mine):,} claim{'' if len(mine) == 1 else 's'} {shares(mine)}.")
    return " ".join(parts)


def fixed(empirical: pd.DataFrame) -> str:
    """``53 were fixed before the run and 2 after the run``: when the rules of the empirical claims were fixed."""
    sizes = empirical["fixed"].value_counts().sort_index(ascending=False)
    return listed([f"{size:,} {'was' if size == 1 else 'were'} fixed {when}" for when, size in sizes.items()])
