"""The title of a run's real text, as its rows have it."""

from typing import TYPE_CHECKING

from tokentrial.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

UNNAMED = "real text"
"""The title where rows name no text: those of synthetic data, and those of versions that did not record one."""
WIKITEXT2 = "WikiText-2"
"""Document 002's own text, the only one that published perplexities stand beside."""


def title(arms: "pd.DataFrame") -> str:
    """The one text of a run. arms: rows of results.ARMS, of all studies. Raises InputError for rows of two texts."""
    titles = list(arms["corpus"].dropna().unique())
    if len(titles) > 1:
        named = " and ".join(map(repr, titles))
        raise InputError(f"arms: corpus: found rows of {named}, expected those of one text")
    return str(titles[0]) if titles else UNNAMED
