"""The results of a run as the rules look them up: levels, comparisons, costs, values by seed, learning curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from tokentrial import real_text, results
from tokentrial.claims.verdict import Finding
from tokentrial.cramming.columns import DECISIONS
from tokentrial.errors import InputError
from tokentrial.real_text import UNNAMED, WIKITEXT2
from tokentrial.statistics.tables import METRICS, final_values

Row = Mapping[str, Any]
NOTHING_LEARNED = ("untrained", "unigram")
"""Flags of an arm that is no better than a prediction which ignores the input."""
UNUSABLE = (*NOTHING_LEARNED, "leaked")
ROLES = tuple(f"parameters_{role}" for role in ("embedding", "encoder", "decoder", "body", "head"))
WAY = "done-right"


@dataclass(frozen=True)
class Results:
    """All results of a run. cells: condition -> what tells it apart (``ratio``, ``head``, ``vocab_size``, ...)."""

    runs: pd.DataFrame
    arms: pd.DataFrame
    summary: pd.DataFrame
    statistics: pd.DataFrame
    cells: Mapping[str, Mapping[str, Any]]
    confidence: float = 0.95
    decisions: pd.DataFrame | None = None
    """Of the cramming study, see `tokentrial.cramming.columns`; None for a run without."""
    corpus: str = UNNAMED
    """The title of the run's real text."""

    @classmethod
    def read(
        cls, runs: str, arms: str, summary: str, statistics: str, cells: Mapping[str, Mapping[str, Any]],
        confidence: float = 0.95, decisions: str | None = None,
    ) -> "Results":  # fmt: skip
        """Read the tables; raises InputError naming a file that is missing or has other columns."""
        costs = results.read(arms, results.ARMS).to_pandas()
        return cls(
            runs=results.read(runs, results.RUNS).to_pandas(),
            arms=costs,
            summary=results.read(summary, results.SUMMARY).to_pandas(),
            statistics=results.read(statistics, results.STATISTICS).to_pandas(),
            cells=cells,
            confidence=confidence,
            decisions=None if decisions is None else results.read(decisions, DECISIONS).to_pandas(),
            corpus=real_text.title(costs),
        )

    @property
    def alpha(self) -> float:
        return 1 - self.confidence

    def has_study(self, name: str) -> bool:
        """Whether a study or sub-study (``bespoke``, ``learned_encoding/markov``) has rows in this run."""
        return any(condition == name or condition.startswith(f"{name}/") for condition in self._conditions)

    def with_text(self, found: Finding) -> Finding:
        """A finding whose reason names the run's real text where rows about that text decided it."""
        conditions = {name.split(":")[0] for name in found.comparisons}
        if self.corpus == UNNAMED or not (conditions & self._of_text or found.of_text):
            return found
        other = "" if self.corpus == WIKITEXT2 else ", not the documents' own"
        return replace(found, reason=f"{found.reason.rstrip('.')}. Real text: {self.corpus}{other}.")

    def select(self, study: str, wanted: Mapping[str, Sequence[Any]]) -> tuple[list[str], list[str]]:
        """Conditions done right of a sub-study whose keys have one of the wanted values, and the values without any.

        ``data`` is the last part of the data set's name. Raises InputError for a key that no cell of the study has.
        """
        mine = [name for name in self.cells if name.startswith(f"{study}/{WAY}/") and name in self._conditions]
        cells = {name: self.keys(name) for name in mine}
        for key in wanted:
            if cells and not any(key in spec for spec in cells.values()):
                known = sorted({name for spec in cells.values() for name in spec})
                raise InputError(f"select: found the key {key!r}, expected one of {known}")
        found = [name for name, spec in cells.items() if all(spec.get(key) in wanted[key] for key in wanted)]
        missing = [
            f"{key} {value}"
            for key, values in wanted.items()
            for value in values
            if not any(cells[name].get(key) == value for name in found)
        ]
        return found, missing

    def keys(self, condition: str) -> Mapping[str, Any]:
        """What tells a condition apart, and ``data``, the last part of its data set's name."""
        spec = self.cells[condition]
        return {"data": str(spec.get("dataset", "")).rsplit("/", 1)[-1], **spec}

    def level(self, condition: str, arm: str, metric: str) -> Row:
        """The arm's row of results.SUMMARY; empty where there is none."""
        return self._levels.get((condition, arm, metric), {})

    def comparison(self, condition: str, arm: str, other: str, metric: str) -> Row:
        """The row of results.STATISTICS of arm minus other; empty where there is none."""
        return self._comparisons.get((condition, arm, other, metric), {})

    def ids(self, condition: str, arms: Sequence[str], metric: str) -> tuple[str, ...]:
        """Comparisons that hold these arms: that of the pair if there is one, else one for each arm."""
        mine = [row for key, row in self._comparisons.items() if key[0] == condition and key[3] == metric]
        both = [row["comparison"] for row in mine if {row["arm_a"], row["arm_b"]} == set(arms)]
        each = [[row["comparison"] for row in mine if arm in (row["arm_a"], row["arm_b"])][:1] for arm in arms]
        return tuple(both[:1] or dict.fromkeys(found[0] for found in each if found))

    def parameters(self, condition: str, arm: str) -> int | None:
        """All numbers in the modules built for an arm; None where it was not counted."""
        return self._sum(condition, arm, ROLES)

    def cost(self, condition: str, arm: str, name: str) -> int | None:
        """A column of results.ARMS; None where it is missing."""
        return self._sum(condition, arm, (name,))

    def _sum(self, condition: str, arm: str, names: Sequence[str]) -> int | None:
        row = self._costs.get((condition, arm), {})
        known = [row[name] for name in names if row.get(name) is not None]
        return int(sum(known)) if known else None

    def values(self, condition: str, arm: str, metric: str) -> pd.Series:
        """Final values on test data by seed (of a script without such data, on its training text); finite ones."""
        return self._finals.get((condition, arm, metric), pd.Series(dtype="float64"))

    def curve(self, condition: str, arm: str) -> pd.DataFrame:
        """Validation loss by step (rows, rising) and seed (columns)."""
        return self._curves.get((condition, arm), pd.DataFrame())

    def series(self, condition: str, arm: str, metric: str, step: int | None = None) -> pd.Series:
        """Values by seed of a released cell, as reported (no step) or at a step; test data before training data."""
        return self._released.get((condition, arm, metric, -1 if step is None else step), pd.Series(dtype="float64"))

    def steps(self, condition: str, arm: str, metric: str) -> set[int]:
        """The numbers of steps at which a released cell was measured."""
        return {key[3] for key in self._released if key[:3] == (condition, arm, metric) and key[3] >= 0}

    def tokens(self, condition: str) -> float:
        """Tokens of the training text of a condition."""
        return float(self.cells[condition]["train"] * self.cells[condition]["length"])

    @cached_property
    def _conditions(self) -> frozenset[str]:
        return frozenset(self.arms["condition"].unique())

    @cached_property
    def _of_text(self) -> frozenset[str]:
        """The conditions of real text."""
        return frozenset(self.arms.loc[self.arms["corpus"].notna(), "condition"])

    @cached_property
    def _levels(self) -> dict[tuple[str, ...], Row]:
        return _by(self.summary, "condition", "arm", "metric")

    @cached_property
    def _comparisons(self) -> dict[tuple[str, ...], Row]:
        return _by(self.statistics, "condition", "arm_a", "arm_b", "metric")

    @cached_property
    def _costs(self) -> dict[tuple[str, ...], Row]:
        return _by(self.arms, "condition", "arm")

    @cached_property
    def _finals(self) -> dict[Any, pd.Series]:
        runs = self.runs
        bands = runs["metric"].str.fullmatch(r"cross_entropy_(high|mid|low)") & (runs["split"] == "test")
        kept = pd.concat([final_values(runs), runs[bands & runs["step"].isna()]])
        kept = kept[kept["value"].notna()]
        return _series(kept, ["condition", "arm", "metric"])

    @cached_property
    def _curves(self) -> dict[Any, pd.DataFrame]:
        runs = self.runs
        loss = (runs["metric"] == "cross_entropy") & (runs["split"] == "validation") & runs["step"].notna()
        fair = runs[loss & runs["condition"].str.contains(f"/{WAY}/") & runs["value"].notna()]
        return {
            key: group.pivot(index="step", columns="seed", values="value").sort_index()
            for key, group in fair.groupby(["condition", "arm"], sort=False)
        }

    @cached_property
    def _released(self) -> dict[Any, pd.Series]:
        mine = self.runs[self.runs["condition"].str.contains("/as-released/") & self.runs["value"].notna()]
        mine = mine.assign(step=mine["step"].fillna(-1).astype(int))
        made = _series(mine, ["condition", "arm", "metric", "step", "split"])
        ordered = sorted(made, key=lambda key: key[4] != "test")  # test data first, so that it is what is kept
        chosen: dict[Any, pd.Series] = {}
        for key in ordered:
            chosen.setdefault(key[:4], made[key])
        return chosen


def higher_is_better(metric: str) -> bool:
    """Accuracy is; every loss, in all or by band, is not."""
    return METRICS.get(metric, False)


def _series(rows: pd.DataFrame, keys: list[str]) -> dict[Any, pd.Series]:
    indexed = rows.set_index("seed")
    return {key: group["value"].sort_index() for key, group in indexed.groupby(keys, sort=False)}


def _by(frame: pd.DataFrame, *keys: str) -> dict[tuple[str, ...], Row]:
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {tuple(row[key] for key in keys): {str(name): value for name, value in row.items()} for row in records}
