"""What a figure is drawn from: the results of one study and what its documents print."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from tokentrial.cramming.columns import MEASURES
from tokentrial.report import published
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

    @cached_property
    def measures(self) -> pd.DataFrame:
        """Rows of cramming.columns.MEASURES; none in a run without that study."""
        empty: pd.DataFrame = MEASURES.empty_table().to_pandas()
        return empty if self.view.measures is None else self.view.measures
