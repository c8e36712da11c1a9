"""Access to the measures of the cramming study by quantity, scope and length of the texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tokentrial.cramming.cells import ALL, MODEL_ARM, NATURAL, TUNED
from tokentrial.statistics.cramming import Estimate

UNKNOWN = Estimate(None, None, None, 0)


class Scope(NamedTuple):
    """The scope of an estimate. Kind 'all' means all kinds, vectors None all numbers; both None: a fact of the model.

    design: the name of the experiment.
    """

    design: str
    model: str
    kind: str | None
    vectors: int | None
    arm: str


@dataclass(frozen=True)
class Estimates:
    """The estimates in rows of cramming.columns.MEASURES; a missing value is None."""

    rows: Sequence[Mapping[str, Any]]

    def get(self, measure: str, scope: Scope, length: int | None = None) -> Estimate:
        """Returns a measure over all lengths, or at one length; UNKNOWN if it does not exist."""
        return self._by_key.get((measure, scope, length), UNKNOWN)

    def each(self, measure: str) -> Iterator[tuple[Scope, Estimate]]:
        """Yields a measure over all lengths for every scope that has it, in the run's order."""
        return (
            (scope, value) for (name, scope, length), value in self._by_key.items() if (name, length) == (measure, None)
        )

    def fact(self, model: str, name: str) -> float | None:
        """Returns a fact of a model: width, layers, validation_cross_entropy, ...; None if it is unknown."""
        return self._facts.get((model, name))

    @cached_property
    def scopes(self) -> list[Scope]:
        """Every model, kind, number of vectors and arm of each experiment, in the run's order."""
        return list(dict.fromkeys(scope for _, scope, length in self._by_key if length is not None))

    @cached_property
    def groups(self) -> list[Scope]:
        """Scopes over all kinds of text, by experiment, model, number of vectors and arm."""
        return list(dict.fromkeys(scope for _, scope, _ in self._by_key if scope.kind == ALL))

    def members(self, group: Scope) -> list[Scope]:
        """Returns the scopes of the single kinds of text in a group."""
        return [scope for scope in self.scopes if scope._replace(kind=ALL) == group]

    def lengths(self, scope: Scope) -> list[int]:
        """Returns the lengths of the texts, rising."""
        return self._lengths.get(scope, [])

    def widest(self, kind: str = NATURAL, vectors: int = 1, arm: str = TUNED) -> list[Scope]:
        """Returns a scope for each model: that of the experiment with the most lengths."""
        best: dict[str, Scope] = {}
        for scope in self.scopes:
            if (scope.kind, scope.vectors, scope.arm) == (kind, vectors, arm):
                present = best.get(scope.model)
                if present is None or len(self.lengths(scope)) > len(self.lengths(present)):
                    best[scope.model] = scope
        return list(best.values())

    @cached_property
    def _by_key(self) -> dict[tuple[str, Scope, int | None], Estimate]:
        return {
            (row["measure"], Scope(*(row[name] for name in Scope._fields)), row["length"]): Estimate(
                row["estimate"], row["low"], row["high"], row["n"], row["note"]
            )
            for row in self.rows
        }

    @cached_property
    def _facts(self) -> dict[tuple[str, str], float]:
        facts: dict[tuple[str, str], float] = {}
        for (name, scope, _), value in self._by_key.items():
            if scope.arm == MODEL_ARM and value.value is not None:
                facts.setdefault((scope.model, name), value.value)
        return facts

    @cached_property
    def _lengths(self) -> dict[Scope, list[int]]:
        lengths: dict[Scope, list[int]] = {}
        for measure, scope, length in self._by_key:
            if measure == "accuracy" and length is not None:
                lengths.setdefault(scope, []).append(length)
        return {scope: sorted(each) for scope, each in lengths.items()}
