"""All verdicts of a run as JSON-LD: each a ClaimReview of schema.org, which search engines and fact checkers read.

What is lost: the intervals of printed numbers, the comparisons behind a verdict and the digits beyond a sentence stay
in verdicts.parquet, to which each review points by its id. A rating has words only: schema.org's numbers would order
verdicts that have no order.
"""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tokentrial.publish.works import Works, named

CONTEXT = "https://schema.org"
TOOL = {"@type": "SoftwareApplication", "name": "tokentrial"}


def reviews(verdicts: pd.DataFrame, works: Works) -> dict[str, Any]:
    """Returns one graph. verdicts: rows of claims.verdict.VERDICTS; works: the documents that they are about."""
    return {"@context": CONTEXT, "@graph": [review(row, works) for row in verdicts.to_dict("records")]}


def to_json(verdicts: pd.DataFrame, works: Works) -> str:
    """Returns the graph as text."""
    return json.dumps(reviews(verdicts, works), ensure_ascii=False, indent=1) + "\n"


def review(row: Mapping[Any, Any], works: Works) -> dict[str, Any]:
    """Returns one verdict as a ClaimReview."""
    return {
        "@type": "ClaimReview",
        "@id": f"#{row['id']}",
        "claimReviewed": row["paraphrase"],
        "itemReviewed": {
            "@type": "Claim",
            "name": row["section"],
            "appearance": [
                {"@type": "CreativeWork", "identifier": work.name, "name": work.title}
                | ({"sha256": work.sha256} if work.sha256 else {})
                for work in named(str(row["document"]), works)
            ],
        },
        "reviewRating": {"@type": "Rating", "alternateName": row["verdict"], "ratingExplanation": row["reason"]},
        "reviewAspect": row["kind"],
        "author": TOOL,
    }
