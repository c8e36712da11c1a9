"""What a figure is drawn from: the result tables of one study and what its documents print."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow as pa

from tokentrial import real_text, results
from tokentrial.cramming.columns import MEASURES
from tokentrial.report import published


@dataclass(frozen=True)
class Sources:
    """Where a study's tables are; each is read, and checked against its schema, when a figure asks for it."""

    study: str
    runs_path: str
    arms_path: str
    summary_path: str
    statistics_path: str
    published_path: str
    confidence: float
    cells_json: str = "[]"
    """What tells trained conditions apart, as pairs (see tables.rows.load)."""
    measures_path: str | None = None
    """The cramming study's measures; without it there are none."""
    predict_first: bool = False
    """Whether that study predicted the first token of a text too."""

    @cached_property
    def measures(self) -> pd.DataFrame:
        """Rows of cramming.columns.MEASURES; none in a run without that study."""
        if self.measures_path is None:
            empty: pd.DataFrame = MEASURES.empty_table().to_pandas()
            return empty
        made: pd.DataFrame = results.read(self.measures_path, MEASURES).to_pandas()
        return made

    @cached_property
    def corpus(self) -> str:
        """The title of the run's real text."""
        return real_text.title(results.read(self.arms_path, results.ARMS).to_pandas())

    @cached_property
    def runs(self) -> pd.DataFrame:
        return self._rows(self.runs_path, results.RUNS)

    @cached_property
    def arms(self) -> pd.DataFrame:
        return self._rows(self.arms_path, results.ARMS)

    @cached_property
    def summary(self) -> pd.DataFrame:
        return self._rows(self.summary_path, results.SUMMARY)

    @cached_property
    def statistics(self) -> pd.DataFrame:
        return self._rows(self.statistics_path, results.STATISTICS)

    @cached_property
    def documents(self) -> dict[str, published.PublishedTable]:
        return published.load(self.published_path)

    @cached_property
    def cells(self) -> Mapping[str, Mapping[str, Any]]:
        """Condition -> the rest of a tables.rows.Cell, for the study's own conditions."""
        return {name: cell for name, cell in json.loads(self.cells_json) if name.startswith(f"{self.study}/")}

    def _rows(self, path: str, schema: pa.Schema) -> pd.DataFrame:
        rows: pd.DataFrame = results.read(path, schema).to_pandas()
        return rows[rows["study"] == self.study]
