"""All verdicts of a run as JSON-LD: each a ClaimReview of schema.org, which search engines and fact checkers read.

What is lost: the intervals of printed numbers, the comparisons behind a verdict and the digits beyond a sentence stay
in verdicts.parquet, to which each review points by its id. A rating has words only: schema.org's numbers would order
verdicts that have no order.
"""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tokentrial.documents import CROSS, Document, Group

CONTEXT = "https://schema.org"
TOOL = {"@type": "SoftwareApplication", "name": "tokentrial"}


def reviews(verdicts: pd.DataFrame, documents: Mapping[str, Group]) -> dict[str, Any]:
    """Returns one graph. verdicts: rows of claims.verdict.VERDICTS; documents: by name (see documents.load)."""
    return {"@context": CONTEXT, "@graph": [_review(row, documents) for row in verdicts.to_dict("records")]}


def to_json(verdicts: pd.DataFrame, documents: Mapping[str, Group]) -> str:
    """Returns the graph as text."""
    return json.dumps(reviews(verdicts, documents), ensure_ascii=False, indent=1) + "\n"


def _review(row: Mapping[Any, Any], documents: Mapping[str, Group]) -> dict[str, Any]:
    works = [_work(name, documents.get(name)) for name in str(row["document"]).split(" + ") if name != CROSS]
    return {
        "@type": "ClaimReview",
        "@id": f"#{row['id']}",
        "claimReviewed": row["paraphrase"],
        "itemReviewed": {"@type": "Claim", "name": row["section"], "appearance": works},
        "reviewRating": {"@type": "Rating", "alternateName": row["verdict"], "ratingExplanation": row["reason"]},
        "reviewAspect": row["kind"],
        "author": TOOL,
    }


def _work(name: str, group: Group | None) -> dict[str, Any]:
    work = {"@type": "CreativeWork", "identifier": name, "name": group.title if group else name}
    if isinstance(group, Document):
        work["sha256"] = group.sha256
    return work
