"""Access to a run's results: conditions by their columns, and the arms, levels, pairs and costs of a condition."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow as pa

from tokentrial import real_text, results
from tokentrial.cramming.columns import DECISIONS, MEASURES
from tokentrial.errors import InputError
from tokentrial.run.columns import CONDITIONS, METHODS, Condition, Method
from tokentrial.run.estimates import Estimates
from tokentrial.run.finals import BANDS, LOSS, final_values
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import FloatArray, paired_differences

Row = dict[str, Any]
SCHEMAS = {
    "runs": results.RUNS,
    "arms": results.ARMS,
    "summary": results.SUMMARY,
    "statistics": results.STATISTICS,
    "conditions": CONDITIONS,
    "methods": METHODS,
    "measures": MEASURES,
    "decisions": DECISIONS,
}
ROLES = ("embedding", "encoder", "decoder", "head")
"""Parts of a small model whose parameters results.ARMS counts; a language model also has a body."""


@dataclass(frozen=True)
class View:
    """All results of a run, or those of one study.

    measures, decisions: those of the cramming study; None in a run without this study. confidence: coverage of the
    intervals, as a share; margin_share: the margin of equivalence, as a share of the distance from chance to the floor.
    """

    runs: pd.DataFrame
    arms: pd.DataFrame
    summary: pd.DataFrame
    statistics: pd.DataFrame
    conditions: pd.DataFrame
    methods: pd.DataFrame
    measures: pd.DataFrame | None = None
    decisions: pd.DataFrame | None = None
    confidence: float = 0.95
    margin_share: float = 0.05
    corpus: str = real_text.UNNAMED
    """The title of the run's real text, also in a view of a study without real text."""

    @classmethod
    def read(cls, paths: Mapping[str, str], confidence: float, margin_share: float = 0.05) -> "View":
        """Reads the tables and returns the view. paths: table -> file, for every table of this class that the run has.

        Raises InputError that names a file if the file is missing or has other columns.
        """
        frames = {name: results.read(path, SCHEMAS[name]).to_pandas() for name, path in paths.items()}
        title = real_text.title(frames["arms"])
        return cls(**frames, confidence=confidence, margin_share=margin_share, corpus=title)

    @property
    def alpha(self) -> float:
        """The significance level of the tests."""
        return 1 - self.confidence

    def only(self, study: str) -> "View":
        """Returns the results of one study."""
        names = ("runs", "arms", "summary", "statistics", "conditions", "methods")
        frames = {name: getattr(self, name) for name in names}
        return replace(self, **{name: frame[frame["study"] == study] for name, frame in frames.items()})

    def select(self, **columns: Any) -> list[Condition]:
        """Returns the conditions whose columns have these values, in the config's order.

        A list or tuple stands for any of its values. Raises InputError for an unknown column.
        """
        unknown = [name for name in columns if name not in CONDITIONS.names]
        if unknown:
            raise InputError(f"conditions: found the column {unknown[0]!r}, expected one of {CONDITIONS.names}")
        allowed = {name: value if isinstance(value, list | tuple) else (value,) for name, value in columns.items()}
        experiment = columns.get("experiment")
        every = self._by_experiment.get(experiment, []) if isinstance(experiment, str) else self._conditions.values()
        return [row for row in every if all(getattr(row, name) in values for name, values in allowed.items())]

    def condition(self, name: str) -> Condition:
        """Returns a condition with all its columns. Raises KeyError if this run does not have the condition."""
        return self._conditions[name]

    def experiments(self) -> list[tuple[str, str]]:
        """Returns (study, experiment) of everything but released scripts, in the config's order."""
        every = self._conditions.values()
        return list(dict.fromkeys((row.study, row.experiment) for row in every if row.cell is None))

    def of_way(self, way: str) -> Collection[str]:
        """Returns the names of the conditions that are run in this way."""
        return [name for name, row in self._conditions.items() if row.way == way]

    def arms_of(self, condition: str) -> list[str]:
        """Returns the arms of a condition, in the config's order."""
        return self._arms.get(condition, [])

    def method(self, study: str, arm: str) -> Method:
        """Returns an arm of a study with all its columns. Raises KeyError if this run does not have the arm."""
        return self._methods[study, arm]

    def arm_name(self, study: str, arm: str) -> str:
        """Returns an arm's name for readers; for an arm that this run does not have, the arm's name in the config."""
        known = self._methods.get((study, arm))
        return arm.replace("_", " ") if known is None else known.name

    def with_role(self, study: str, role: str) -> list[str]:
        """Returns the arms of a study with this role, in the order of the study's file."""
        return [arm for (_, arm), method in self._methods.items() if (method.study, method.role) == (study, role)]

    @cached_property
    def estimates(self) -> Estimates:
        """The measures of the cramming study; empty in a run without this study."""
        return Estimates([] if self.measures is None else records(self.measures, MEASURES))

    def level(self, condition: str, arm: str, metric: str = LOSS) -> Row:
        """Returns the arm's row of results.SUMMARY; empty if there is none."""
        return self._levels.get((condition, arm, metric), {})

    def pair(self, condition: str, arm: str, other: str, metric: str = LOSS) -> Row:
        """Returns the row of results.STATISTICS for arm minus other; empty if there is none."""
        return self._pairs.get((condition, arm, other, metric), {})

    def pairs(self, condition: str) -> Iterator[Row]:
        """Yields every row of results.STATISTICS of a condition."""
        return (row for key, row in self._pairs.items() if key[0] == condition)

    def cost(self, condition: str, arm: str) -> Row:
        """Returns the arm's row of results.ARMS with ``total``, a small model's parameters; empty if there is none."""
        return self._costs.get((condition, arm), {})

    def values(self, condition: str, arm: str, metric: str = LOSS, first: int | None = None) -> pd.Series:
        """Returns the final values by seed, rising (see finals.final_values); first: only the seeds below this one."""
        values = self._finals.get((condition, arm, metric), pd.Series(dtype="float64"))
        return values if first is None else values[values.index < first]

    def values_on(self, split: str, condition: str, arm: str, metric: str = LOSS) -> pd.Series:
        """Returns the final values by seed on one split; empty if there are none."""
        return self._by_split.get((condition, arm, metric, split), pd.Series(dtype="float64"))

    def level_on(self, split: str, condition: str, arm: str, metric: str = LOSS) -> Row:
        """Returns n, mean, low and high of the final values on one split; empty if there are none."""
        return self._moments(self.values_on(split, condition, arm, metric).to_numpy())

    def difference_on(self, split: str, condition: str, arm: str, other: str, metric: str = LOSS) -> Row:
        """Returns the same of arm minus other, seed by seed, over the seeds that both have; empty if there are none."""
        values = [self.values_on(split, condition, each, metric) for each in (arm, other)]
        both = pd.concat(values, axis=1, join="inner").to_numpy()
        return self._moments(paired_differences(both[:, 0], both[:, 1]) if len(both) else both)

    def _moments(self, values: FloatArray) -> Row:
        if not len(values):
            return {}
        low, high = t_interval(values, self.confidence) if len(values) > 1 else (None, None)
        return {"n": len(values), "mean": float(values.mean()), "low": low, "high": high}

    def curve(self, condition: str, arm: str) -> pd.DataFrame:
        """Returns the validation loss by step (rows, rising) and seed (columns); empty for a released script."""
        return self._curves.get((condition, arm), pd.DataFrame())

    def series(self, condition: str, arm: str, metric: str = LOSS, step: int | None = None) -> pd.Series:
        """Returns a released script's values by seed, as reported (no step) or at a step.

        The values are those on test data, or on training data if there are none on test data.
        """
        return self._released.get((condition, arm, metric, -1 if step is None else step), pd.Series(dtype="float64"))

    def steps(self, condition: str, arm: str, metric: str = LOSS) -> list[int]:
        """Returns the numbers of steps at which a released script's condition was measured, rising."""
        return sorted(key[3] for key in self._released if key[:3] == (condition, arm, metric) and key[3] >= 0)

    @cached_property
    def _conditions(self) -> dict[str, Condition]:
        return {row["condition"]: Condition(**row) for row in records(self.conditions, CONDITIONS)}

    @cached_property
    def _by_experiment(self) -> dict[str, list[Condition]]:
        grouped: dict[str, list[Condition]] = {}
        for row in self._conditions.values():
            grouped.setdefault(row.experiment, []).append(row)
        return grouped

    @cached_property
    def _methods(self) -> dict[tuple[str, str], Method]:
        return {(row["study"], row["arm"]): Method(**row) for row in records(self.methods, METHODS)}

    @cached_property
    def _arms(self) -> dict[str, list[str]]:
        return {str(name): list(arms) for name, arms in self.arms.groupby("condition", sort=False)["arm"]}

    @cached_property
    def _levels(self) -> dict[tuple[str, ...], Row]:
        return {(row["condition"], row["arm"], row["metric"]): row for row in records(self.summary)}

    @cached_property
    def _pairs(self) -> dict[tuple[str, ...], Row]:
        keys = ("condition", "arm_a", "arm_b", "metric")
        return {tuple(row[key] for key in keys): row for row in records(self.statistics)}

    @cached_property
    def _costs(self) -> dict[tuple[str, ...], Row]:
        names = [f"parameters_{role}" for role in ROLES]
        total = self.arms[names].sum(axis=1, min_count=len(names))
        return {(row["condition"], row["arm"]): row for row in records(self.arms.assign(total=total))}

    @cached_property
    def _finals(self) -> dict[Any, pd.Series]:
        runs = self.runs
        by_band = runs[runs["metric"].isin(BANDS) & (runs["split"] == "test") & runs["step"].isna()]
        return _by_seed(pd.concat([final_values(runs, self.of_way("as-released")), by_band]), "arm", "metric")

    @cached_property
    def _by_split(self) -> dict[Any, pd.Series]:
        return _by_seed(self.runs[self.runs["step"].isna()], "arm", "metric", "split")

    @cached_property
    def _curves(self) -> dict[Any, pd.DataFrame]:
        runs = self.runs
        loss = (runs["metric"] == LOSS) & (runs["split"] == "validation") & runs["step"].notna()
        ways = [*self.of_way("as-described"), *self.of_way("done-right")]
        trained = runs[loss & runs["condition"].isin(ways) & runs["value"].notna()]
        return {
            key: group.pivot(index="step", columns="seed", values="value").sort_index()
            for key, group in trained.groupby(["condition", "arm"], sort=False)
        }

    @cached_property
    def _released(self) -> dict[Any, pd.Series]:
        rows = self.runs[self.runs["condition"].isin(self.of_way("as-released"))]
        every = _by_seed(rows.assign(step=rows["step"].fillna(-1).astype(int)), "arm", "metric", "step", "split")
        chosen: dict[Any, pd.Series] = {}
        for key in sorted(every, key=lambda key: key[4] != "test"):  # test data comes first, and the first is kept
            chosen.setdefault(key[:4], every[key])
        return chosen


def records(frame: pd.DataFrame, schema: pa.Schema | None = None) -> list[Row]:
    """Returns rows as mappings, with None for a missing value. schema: keeps the integers of its integer columns."""
    whole = [] if schema is None else [field.name for field in schema if pa.types.is_integer(field.type)]
    plain = frame.astype(dict.fromkeys(whole, "Int64")).astype(object)
    rows = plain.where(plain.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _by_seed(rows: pd.DataFrame, *keys: str) -> dict[Any, pd.Series]:
    """Returns (condition, *keys) -> values by seed, rising."""
    known = rows[rows["value"].notna()].set_index("seed")
    return {key: group["value"].sort_index() for key, group in known.groupby(["condition", *keys], sort=False)}
