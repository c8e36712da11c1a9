"""What a figure is drawn from: the result tables of one study and what its documents print."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import pyarrow as pa

from tokentrial import results
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

    def _rows(self, path: str, schema: pa.Schema) -> pd.DataFrame:
        rows: pd.DataFrame = results.read(path, schema).to_pandas()
        return rows[rows["study"] == self.study]
