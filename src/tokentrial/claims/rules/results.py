"""The results of a run as the rules look them up: a View, with what a claim's entry names."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from tokentrial.claims.verdict import Finding
from tokentrial.errors import InputError
from tokentrial.real_text import UNNAMED, WIKITEXT2
from tokentrial.run.columns import Condition
from tokentrial.run.finals import METRICS
from tokentrial.run.view import View

NOTHING_LEARNED = ("untrained", "unigram")
"""Flags of an arm that is no better than a prediction which ignores the input."""
UNUSABLE = (*NOTHING_LEARNED, "leaked")
ROLES = tuple(f"parameters_{role}" for role in ("embedding", "encoder", "decoder", "body", "head"))
WAY = "done-right"


@dataclass(frozen=True)
class Results(View):
    """All results of a run. A claim names an experiment ``learned_encoding/markov``.

    every_margin: the margin of every comparison in place of those of the rules, as a share of the distance from chance
    to the floor; center: what stands for the seeds. Both are for claims.sensitivity.
    """

    every_margin: float | None = None
    center: Literal["mean", "median"] = "mean"

    def choose(self, every_margin: float | None, center: Literal["mean", "median"]) -> None:
        """Sets both choices of these results, which keep all that has been looked up; a copy would look it up again."""
        for name, value in (("every_margin", every_margin), ("center", center)):
            object.__setattr__(self, name, value)

    def distance(self, condition: str, metric: str) -> float:
        """From chance to the floor; where no floor is known, as of real text, to the best arm. NaN without chance."""
        rows = [self.level(condition, arm, metric) for arm in self.arms_of(condition)]
        rows = [row for row in rows if row]
        chance = next((row["chance"] for row in rows if row["chance"] is not None), None)
        floor = next((row["floor"] for row in rows if row["floor"] is not None), None)
        if chance is None:
            return math.nan
        best = (max if higher_is_better(metric) else min)(row["mean"] for row in rows)
        return abs(float(chance) - float(best if floor is None else floor))

    def has_study(self, name: str) -> bool:
        """Whether a study or an experiment (``bespoke``, ``learned_encoding/markov``) has rows in this run."""
        return bool(self.select(**_named(name)))

    def with_text(self, finding: Finding) -> Finding:
        """A finding whose reason names the run's real text where rows about that text decided it."""
        conditions = {name.split(":")[0] for name in finding.comparisons}  # of results.STATISTICS' names
        if self.corpus == UNNAMED or not (conditions & self._of_text or finding.of_text):
            return finding
        other = "" if self.corpus == WIKITEXT2 else ", not the documents' own"
        return replace(finding, reason=f"{finding.reason.rstrip('.')}. Real text: {self.corpus}{other}.")

    def chosen(self, experiment: str, wanted: Mapping[str, Sequence[Any]]) -> tuple[list[str], list[str]]:
        """Conditions done right of an experiment whose columns have one of the wanted values; the values without any.

        Those of a study without ways of doing it count as well. Raises InputError for a column that no condition of the
        experiment has.
        """
        conditions = [each for each in self.select(**_named(experiment)) if each.way in (WAY, None)]
        for key in wanted:
            known = sorted({name for each in conditions for name in keys(each)})
            if conditions and key not in known:
                raise InputError(f"select: found the key {key!r}, expected one of {known}")
        chosen = [each for each in conditions if all(getattr(each, key) in wanted[key] for key in wanted)]
        missing = [
            f"{key} {value}"
            for key, values in wanted.items()
            for value in values
            if not any(getattr(each, key) == value for each in chosen)
        ]
        return [each.id for each in chosen], missing

    def released(self, experiment: str, script: str, cell: str | None = None) -> list[Condition]:
        """The conditions of a released script of the experiment's study as reported, not on fresh text; one cell's."""
        wanted = {} if cell is None else {"cell": cell}
        study = _named(experiment)["study"]
        return self.select(study=study, experiment=script, way="as-released", fresh=False, **wanted)

    def fresh(self, released: Condition) -> str:
        """The condition of the same models on fresh text."""
        [condition] = self.select(
            study=released.study, experiment=released.experiment, way="as-released", fresh=True, cell=released.cell
        )
        return condition.id

    def label(self, condition: str) -> str:
        """``compression/v20-ratio-8``: a condition done right in a reason."""
        described = self.condition(condition)
        return f"{described.experiment}/{described.name}"

    def ids(self, condition: str, arms: Sequence[str], metric: str) -> tuple[str, ...]:
        """Comparisons that hold these arms: that of the pair if there is one, else one for each arm."""
        rows = [row for row in self.pairs(condition) if row["metric"] == metric]
        both = [row["comparison"] for row in rows if {row["arm_a"], row["arm_b"]} == set(arms)]
        each = [[row["comparison"] for row in rows if arm in (row["arm_a"], row["arm_b"])][:1] for arm in arms]
        return tuple(both[:1] or dict.fromkeys(names[0] for names in each if names))

    def parameters(self, condition: str, arm: str) -> int | None:
        """All numbers in the modules built for an arm; None where it was not counted."""
        row = self.cost(condition, arm)
        known = [row[name] for name in ROLES if row.get(name) is not None]
        return int(sum(known)) if known else None

    def counted(self, condition: str, arm: str, name: str) -> int | None:
        """A column of results.ARMS as a whole number; None where it is missing."""
        value = self.cost(condition, arm).get(name)
        return None if value is None else int(value)

    @cached_property
    def compared(self) -> dict[tuple[str, ...], Any]:
        """The comparisons that were made, without a claim's own margin (see contrasts.contrast)."""
        return {}

    @cached_property
    def _of_text(self) -> frozenset[str]:
        """The conditions of real text."""
        return frozenset(self.arms.loc[self.arms["corpus"].notna(), "condition"])


def keys(condition: Condition) -> Mapping[str, Any]:
    """What tells a condition apart: the columns that say something of it."""
    return {name: value for name, value in vars(condition).items() if value is not None}


def _named(experiment: str) -> dict[str, str]:
    """Columns of an experiment as claims name it, or of a whole study."""
    study, _, name = experiment.partition("/")
    return {"study": study} | ({"experiment": name} if name else {})


def higher_is_better(metric: str) -> bool:
    """Accuracy is; every loss, in all or by band, is not."""
    return METRICS.get(metric, False)
