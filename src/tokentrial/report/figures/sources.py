"""What a figure is drawn from: the results of one study and what its documents print."""

from collections.abc import Mapping
from dataclasses import dataclass

from tokentrial.published import PublishedTable
from tokentrial.run.view import View


@dataclass(frozen=True)
class Sources:
    """What figures of a study need.

    view: the study's results alone; documents: every printed table by name; predict_first: whether cramming predicted
    the first token of a text, too.
    """

    view: View
    documents: Mapping[str, PublishedTable]
    predict_first: bool = False
