"""The title of a run's real text, from its rows."""

from typing import TYPE_CHECKING

from tokentrial.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

UNNAMED = "real text"
"""The title if rows name no text: rows of synthetic data, and rows of versions that recorded none."""
WIKITEXT2 = "WikiText-2"
"""Document 002's own text, the only text with published perplexities for comparison."""


def title(arms: "pd.DataFrame") -> str:
    """Returns the title of a run's text. arms: results.ARMS of all studies. Raises InputError for rows of two texts."""
    titles = list(arms["corpus"].dropna().unique())
    if len(titles) > 1:
        named = " and ".join(map(repr, titles))
        raise InputError(f"arms: corpus: found rows of {named}, expected those of one text")
    return str(titles[0]) if titles else UNNAMED
