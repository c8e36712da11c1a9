"""The documents that verdicts are about, as exports name them."""

import base64
from collections.abc import Mapping
from typing import NamedTuple

from tokentrial.documents import CROSS, Document, Group


class Work(NamedTuple):
    """A document. name: that of its folder or file; sha256: of its text, empty if nobody stated it."""

    name: str
    title: str
    sha256: str = ""

    @property
    def iri(self) -> str:
        """The text's name by its checksum (RFC 6920), which is the same wherever the text is; empty without one."""
        digest = base64.urlsafe_b64encode(bytes.fromhex(self.sha256)).decode().rstrip("=")
        return f"ni:///sha-256;{digest}" if digest else ""


Works = Mapping[str, Work]


def of_documents(documents: Mapping[str, Group]) -> dict[str, Work]:
    """Returns the documents of a project by name. documents: see documents.load."""
    return {
        name: Work(name, group.title, group.sha256 if isinstance(group, Document) else "")
        for name, group in documents.items()
        if name != CROSS
    }


def named(document: str, works: Works) -> list[Work]:
    """Returns the works of a verdict. document: its column, such as ``000 + 001``; an unknown one is called by it."""
    return [works.get(name, Work(name, name)) for name in document.split(" + ") if name != CROSS]
