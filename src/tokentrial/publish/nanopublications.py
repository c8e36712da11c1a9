"""All verdicts as JSON-LD of nanopublications: one for each claim, ready to be signed and published.

A nanopublication has four named graphs (https://nanopub.net/guidelines/): a head; the assertion, which is the verdict
as a ClaimReview of schema.org; its provenance, which names the documents by checksum and the frozen rule; and the
publication info. The addresses are temporary ones, as tools for nanopublications use them: signing puts the final
address in their place and adds the signer.

What is lost is what is lost in claim_reviews, and order: each claim stands alone.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from tokentrial import __version__
from tokentrial.publish.claim_reviews import review
from tokentrial.publish.works import Works, named

TEMPORARY = "http://purl.org/nanopub/temp/tokentrial/"
LICENSE = "https://spdx.org/licenses/MIT"
CONTEXT = {
    "@vocab": "https://schema.org/",
    "np": "http://www.nanopub.org/nschema#",
    "prov": "http://www.w3.org/ns/prov#",
    "dct": "http://purl.org/dc/terms/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
TOOL = f"{TEMPORARY}tool/{__version__}"


def graphs(verdicts: pd.DataFrame, works: Works, created: str | None = None) -> dict[str, Any]:
    """Returns all nanopublications.

    verdicts: rows of claims.verdict.VERDICTS; works: the documents that they are about; created: when the verdicts were
    reached (ISO 8601, with zone), which the publisher adds if it is None.
    """
    parts = [part for row in verdicts.to_dict("records") for part in _of_claim(row, works, created)]
    return {"@context": CONTEXT, "@graph": parts}


def to_json(verdicts: pd.DataFrame, works: Works, created: str | None = None) -> str:
    """Returns all nanopublications as text."""
    return json.dumps(graphs(verdicts, works, created), ensure_ascii=False, indent=1) + "\n"


def _of_claim(row: Mapping[Any, Any], works: Works, created: str | None) -> Iterator[dict[str, Any]]:
    """Yields the four graphs of one claim."""
    place = f"{TEMPORARY}{row['id']}#"
    assertion, provenance, info = ({"@id": f"{place}{name}"} for name in ("assertion", "provenance", "pubinfo"))
    head: dict[str, Any] = {"@id": place, "@type": "np:Nanopublication"}
    head |= {"np:hasAssertion": assertion, "np:hasProvenance": provenance, "np:hasPublicationInfo": info}
    tool = {"@id": TOOL, "@type": "SoftwareApplication", "rdfs:label": f"tokentrial {__version__}"}
    sources = [(work, work.iri or f"{TEMPORARY}document/{work.name}") for work in named(str(row["document"]), works)]
    verdict = {**review(row, works), "@id": f"{place}review", "author": {"@id": TOOL}}
    # no blank nodes: a nanopublication names all that it speaks of
    verdict["reviewRating"] = {**verdict["reviewRating"], "@id": f"{place}rating"}
    pairs = zip(sources, verdict["itemReviewed"]["appearance"], strict=True)
    appearance = [{**entry, "@id": iri} for (_, iri), entry in pairs]
    verdict["itemReviewed"] = {**verdict["itemReviewed"], "@id": f"{place}claim", "appearance": appearance}
    origin = {
        **assertion,
        "prov:wasAttributedTo": tool,
        "prov:wasDerivedFrom": [{"@id": iri, "rdfs:label": work.title} for work, iri in sources],
        "prov:wasGeneratedBy": {"@id": f"{place}judging", "@type": "prov:Activity", "rdfs:label": _how(row)},
    }
    about: dict[str, Any] = {"@id": place, "prov:wasAttributedTo": tool, "dct:license": {"@id": LICENSE}}
    if created:
        about["dct:created"] = {"@value": created, "@type": "xsd:dateTime"}
    yield {"@id": f"{place}Head", "@graph": [head]}
    yield {**assertion, "@graph": [verdict]}
    yield {**provenance, "@graph": [origin]}
    yield {**info, "@graph": [about]}


def _how(row: Mapping[Any, Any]) -> str:
    """Returns by what a claim was judged, in words."""
    if not row["decision"]:
        return f"check {row['check']}"
    return f"rule {row['check']}, fixed {row['fixed']}: {row['decision']}" if row["fixed"] else f"rule {row['check']}"
