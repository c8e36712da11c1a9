"""Looking up the measures of the cramming study: by quantity, by what they are of, and by length of the texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tokentrial.cramming.cells import ALL, MODEL_ARM, NATURAL, TUNED
from tokentrial.statistics.cramming import Estimate

UNKNOWN = Estimate(None, None, None, 0)


class Scope(NamedTuple):
    """What an estimate is of; kind 'all' and vectors None stand for several together, both None for the model."""

    design: str
    model: str
    kind: str | None
    vectors: int | None
    arm: str


@dataclass(frozen=True)
class Estimates:
    """rows: those of cramming.columns.MEASURES, None where a value is missing."""

    rows: Sequence[Mapping[str, Any]]

    def get(self, measure: str, scope: Scope, length: int | None = None) -> Estimate:
        """The measure over all lengths, or at one; UNKNOWN where it was not made."""
        return self._by_key.get((measure, scope, length), UNKNOWN)

    def each(self, measure: str) -> Iterator[tuple[Scope, Estimate]]:
        """The measure over all lengths, of everything that has it, in the run's order."""
        return (
            (scope, value) for (name, scope, length), value in self._by_key.items() if (name, length) == (measure, None)
        )

    def fact(self, model: str, name: str) -> float | None:
        """Width, layers, validation_cross_entropy, ... of a model."""
        return self._facts.get((model, name))

    @cached_property
    def scopes(self) -> list[Scope]:
        """Every model, kind, number of vectors and arm of each design, in the run's order."""
        return list(dict.fromkeys(scope for _, scope, length in self._by_key if length is not None))

    @cached_property
    def groups(self) -> list[Scope]:
        """Kinds of text taken together, by design, model, number of vectors and arm."""
        return list(dict.fromkeys(scope for _, scope, _ in self._by_key if scope.kind == ALL))

    def members(self, group: Scope) -> list[Scope]:
        """The kinds of text behind a group."""
        return [scope for scope in self.scopes if scope._replace(kind=ALL) == group]

    def lengths(self, scope: Scope) -> list[int]:
        """The lengths of the texts, rising."""
        return self._lengths.get(scope, [])

    def widest(self, kind: str = NATURAL, vectors: int = 1, arm: str = TUNED) -> list[Scope]:
        """A scope for each model: of its designs the one with the most lengths."""
        best: dict[str, Scope] = {}
        for scope in self.scopes:
            if (scope.kind, scope.vectors, scope.arm) == (kind, vectors, arm):
                held = best.get(scope.model)
                if held is None or len(self.lengths(scope)) > len(self.lengths(held)):
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
