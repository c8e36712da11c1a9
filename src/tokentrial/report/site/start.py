"""The start page: the answer card, what the fair arms say, the verdicts by document and kind, and what search finds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from tokentrial.documents import Group
from tokentrial.report.advice import Advice, Evidence
from tokentrial.report.answers import Answer
from tokentrial.report.formats import number
from tokentrial.report.headline import headline
from tokentrial.report.site.claims import MEANINGS
from tokentrial.report.site.names import Names
from tokentrial.report.site.pages import slug
from tokentrial.report.verdicts import tally
from tokentrial.run.view import View

Links = Mapping[str, tuple[str, str]]


def card(rows: Sequence[Answer], documents: Mapping[str, Group], names: Names, links: Links) -> list[dict[str, Any]]:
    """Returns the answer card for the template: a part for each document with its main claims.

    links: comparison -> its name and its place in the site.
    """
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        parts.setdefault(row.document, []).append(
            {
                "statement": row.statement,
                "printed": _verdict(row.printed, row.printed_share, row.printed_ids),
                "why": names.readable(row.why),
                "run": _verdict(row.run, row.run_share, row.run_ids),
                "evidence": names.readable(row.evidence),
                "href": links.get(row.comparison, ("", ""))[1],
                "unfrozen": row.unfrozen,
            }
        )
    return [{"name": name, "title": documents[name].title, "rows": found} for name, found in parts.items()]


def _verdict(verdict: str, share: str, ids: Sequence[str]) -> dict[str, Any]:
    return {
        "word": verdict,
        "slug": slug(verdict),
        "sign": MEANINGS[verdict][0] if verdict else "",
        "share": share,
        "ids": list(ids),
    }


def findings(view: View, verdicts: pd.DataFrame) -> dict[str, str]:
    """Study -> what its fair arms say, in a sentence; ``verdicts``: how many claims have which verdict."""
    found = {"verdicts": f"Of {len(verdicts):,} claims and findings: {tally(verdicts)}."} if len(verdicts) else {}
    for study in dict.fromkeys(view.conditions["study"]):
        rows = headline(view.only(study))
        if len(rows):
            total = rows[["Comparisons", "Better", "Worse", "Equivalent"]].sum()
            found[str(study)] = (
                f"Of {total['Comparisons']} fair comparisons on held-out loss, the documents' own encoding is better "
                f"in {total['Better']}, worse in {total['Worse']} and equivalent in {total['Equivalent']}."
            )
    return found


def advised(pieces: Sequence[Advice], view: View, links: Links) -> list[dict[str, Any]]:
    """Returns the advice for the template: a sentence, and its comparisons with numbers and places.

    links: comparison or condition -> its name and its place in the site.
    """
    return [
        {
            "text": f"{piece.text} {piece.condition}." if piece.condition else piece.text,
            "evidence": [_evidence(each, view, links) for each in piece.evidence],
        }
        for piece in pieces
    ]


def _evidence(each: Evidence, view: View, links: Links) -> dict[str, str]:
    row = each.row or view.difference_on("test", *each.apart)
    names = ("difference", "t_low", "t_high") if each.row else ("mean", "low", "high")
    value, low, high = (row[name] for name in names)
    interval = f"[{number(low, 3)}, {number(high, 3)}]"
    place = links.get(each.row["comparison"] if each.row else each.apart[0], ("", ""))[1]
    return {
        "words": each.words,
        "value": f"{number(value, 3, signed=True)} nats {interval}, n = {row['n']}",
        "href": place,
    }


def searchable(
    claims: Sequence[Mapping[str, Any]],
    tables: Sequence[Mapping[str, Any]],
    figures: Sequence[Mapping[str, Any]],
    conditions: Sequence[Mapping[str, Any]],
) -> Iterator[list[str]]:
    """Yields what the search of the start page finds: kind, title, further words, place."""
    for claim in claims:
        words = f"{claim['id']} {claim['verdict']} {claim['document']} {claim['section']} {claim['reason']}"
        yield ["Claim", claim["paraphrase"], words, f"claims.html#{claim['id']}"]
    for table in tables:
        yield ["Table", table["title"], f"{table['name']} {table['part']}", f"tables/{table['name']}.html"]
    for figure in figures:
        yield [
            "Figure",
            figure["title"],
            f"{figure['name']} {figure['caption']}",
            f"figures.html#figure-{figure['name']}",
        ]
    for each in conditions:
        title = ": ".join(part for part in (each["title"], each["label"]) if part)
        yield ["Rows", title, f"{each['id']} {each['study']}", each["page"]]
