"""The RO-Crate validator without a network: the two JSON-LD contexts come from ``tests/contexts``.

ro-crate-1.1.jsonld is https://w3id.org/ro/crate/1.1/context, workflow-run.jsonld is
https://w3id.org/ro/terms/workflow-run/context; both as published, the first under CC0.
"""

import io
from pathlib import Path
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests_cache import CachedSession
from rocrate_validator import services
from rocrate_validator.models import Severity
from urllib3 import HTTPResponse

CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": "ro-crate-1.1.jsonld",
    "https://w3id.org/ro/terms/workflow-run/context": "workflow-run.jsonld",
}
KIND = {"Content-Type": "application/ld+json"}


class Shelf(BaseAdapter):
    """Answers for the addresses of the contexts, and for no other."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The context of this address as its server would send it."""
        body = (Path(__file__).parent / "contexts" / CONTEXTS[str(request.url)]).read_bytes()
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, str(request.url)
        response.headers.update(KIND)
        response.raw = HTTPResponse(io.BytesIO(body), status=200, headers=KIND, preload_content=False)
        return response

    def close(self) -> None:
        """Nothing is open."""


def issues(crate: Path, cache: Path, profile: str = "provenance-run-crate") -> list[str]:
    """What the validator has against a crate (a folder or a zip) at severity REQUIRED, in its inherited profiles too.

    cache: where the validator's cache of web pages may lie; it holds the contexts alone, so it fails for other pages.
    """
    with CachedSession(cache_name=str(cache), backend="sqlite", expire_after=-1) as session:
        session.mount("https://", Shelf())
        for url in CONTEXTS:
            session.get(url)
    settings = services.ValidationSettings(
        rocrate_uri=str(crate),
        profile_identifier=profile,
        requirement_severity=Severity.REQUIRED,
        offline=True,
        cache_path=cache,
        skip_availability_check=True,  # of addresses on the web
    )
    result = services.validate(settings)
    found = [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]
    assert result.passed() == (not found)
    return found
