"""Verdicts for other programs: the formats of ``claims export`` and of ``audit --export``."""

from enum import StrEnum
from pathlib import Path

import pandas as pd

from tokentrial.cli import common
from tokentrial.errors import InputError
from tokentrial.publish.works import Works


class Format(StrEnum):
    """A format of verdicts for other programs."""

    CSV = "csv"
    JSON = "json"
    JSONLD = "jsonld"
    NANOPUB = "nanopub"
    REPRO = "repro"


HELP = (
    "csv (a row per claim), json (numbers as values), jsonld (ClaimReview of schema.org), nanopub (nanopublications as "
    "JSON-LD) or repro (a folder with repro.yaml for claims-cli, named by --output)."
)


def export(verdicts: pd.DataFrame, works: Works, format: Format, output: Path | None) -> None:
    """Prints or writes verdicts. verdicts: rows of claims.verdict.VERDICTS; works: their documents.

    Raises InputError for a manifest without a folder, and for a file or folder that cannot be written.
    """
    if format is Format.REPRO:
        from tokentrial.publish import repro_manifest

        if output is None:
            raise InputError("repro: found no --output, expected a folder, since repro.yaml pins two files beside it")
        repro_manifest.write(output, verdicts, works)
        common.told(f"wrote {output / repro_manifest.MANIFEST}")
        return
    common.emit(_text(verdicts, works, format), output)


def _text(verdicts: pd.DataFrame, works: Works, format: Format) -> str:
    """Returns the verdicts in a format that is one file."""
    if format is Format.JSONLD:
        from tokentrial.publish import claim_reviews

        return claim_reviews.to_json(verdicts, works)
    if format is Format.NANOPUB:
        from tokentrial.publish import nanopublications

        return nanopublications.to_json(verdicts, works)
    if format is Format.JSON:
        from tokentrial.claims.verdicts import to_json

        return to_json(verdicts)
    return str(verdicts.to_csv(index=False))
