"""What a figure is drawn from: the results of one study and what its documents print."""

from dataclasses import dataclass
from functools import cached_property

from tokentrial import published
from tokentrial.run.view import View


@dataclass(frozen=True)
class Sources:
    """view: the study's results alone; predict_first: whether cramming predicted the first token of a text, too."""

    view: View
    published_path: str
    predict_first: bool = False

    @cached_property
    def documents(self) -> dict[str, published.PublishedTable]:
        return published.load(self.published_path)
