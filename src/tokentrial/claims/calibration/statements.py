"""Statements with a check, their printed numbers by the place where they stand, and what kind of number each is.

A printed number that several entries of a document read is one place: an error in it is in all of these statements.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from tokentrial import config
from tokentrial.claims import registry
from tokentrial.claims.checks import CHECKS
from tokentrial.claims.parameters import Domain, parameters_of
from tokentrial.claims.printed import Quantity, parse
from tokentrial.claims.registry import SEVERAL, Claim
from tokentrial.errors import InputError

NUMBER, SIGN, COUNT, P_VALUE, N, TOTAL = "number", "sign", "count", "p value", "n", "total"
KINDS = (NUMBER, SIGN, COUNT, P_VALUE, N, TOTAL)
RUNS = ("n", "runs", "df")
"""Parameters that say how many runs there were, or what follows from that."""
COMPUTED = ("result", "results", "mean")
"""Parameters for a number that its document computed from others: a sum, a share, a difference, a mean."""
OPPOSITES = {
    "lower": "higher",
    "rising": "falling",
    "positive": "negative",
    "above": "below",
    "at least": "at most",
    "significant": "not significant",
}
OPPOSITES |= {other: word for word, other in OPPOSITES.items()}
Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Statement:
    """What a document says, with the check that decides it, or with a relation that only a reader can check.

    entry: the keys ``parameters`` and ``reported``, as in a registry; places: the keys under which a document's own
    numbers stand, for a made-up document that names each number once.
    """

    id: str
    document: str
    section: str
    check: str
    entry: Mapping[str, Any]
    named: bool = False
    """Whether ``reported`` has the names of the whole document, rather than those of the entry."""
    read: bool = True
    """Whether a check reads it."""

    def verdict(self) -> str | None:
        """What the check says; None for numbers that it rejects, which no reader of a result would overlook."""
        try:
            return registry.bound(self.check, self.entry["parameters"], self.entry["reported"])().verdict
        except (InputError, ArithmeticError, ValueError):
            return None


@dataclass(frozen=True)
class Place:
    """A printed number, or the word that says a direction, and the statements that use it."""

    document: str
    key: tuple[Any, ...]
    kind: str
    text: str
    uses: list[tuple[int, Path_]] = field(default_factory=list, compare=False)
    """Place of the statement in its list, and where in its entry the number stands."""


def of_registry(claims: Sequence[Claim]) -> list[Statement]:
    """The statements of the documents that a check decides."""
    return [
        Statement(
            claim.id, claim.document, claim.section, claim.check,
            {"parameters": claim.parameters, "reported": claim.reported},
        )
        for claim in claims
        if claim.call is not None
    ]  # fmt: skip


def of_made_up(path: Path) -> list[Statement]:
    """The statements of a made-up document: those with an entry, then those that only a reader can check."""
    content = config.load(path)
    numbers = content["numbers"]
    return [
        Statement(
            entry["id"], path.stem, "", entry["check"],
            {"parameters": entry["parameters"], "reported": _named(entry["parameters"], numbers)},
            named=True, read=part == "entries",
        )
        for part in ("entries", "readers")
        for entry in content[part]
    ]  # fmt: skip


def _named(value: Any, numbers: Mapping[str, str]) -> dict[str, str]:
    """The document's numbers that parameters name."""
    if isinstance(value, str):
        return {value: numbers[value]} if value in numbers else {}
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return {name: text for entry in inner for name, text in _named(entry, numbers).items()}


def places(statements: Sequence[Statement]) -> list[Place]:
    """Every printed number of the statements, and every word that says a direction, in their order."""
    every: dict[tuple[Any, ...], Place] = {}
    for index, statement in enumerate(statements):
        for path, kind, text in numbers(statement):
            key = (statement.document, _key(statement, path), kind == SIGN and text in OPPOSITES)
            place = every.setdefault(key, Place(statement.document, key, kind, text))
            place.uses.append((index, path))
    return list(every.values())


def _key(statement: Statement, path: Path_) -> tuple[Any, ...]:
    """What makes a number the same as that of another entry.

    The number of a made-up document by its name; a number in a list by the list, which is a row of a table; a number
    of the entry by its name, text and section.
    """
    if statement.named and path[0] == "reported":
        return (path[1],)
    inner: Any = statement.entry
    for step in path[:-1]:
        inner = inner[step]
    if isinstance(inner, list) and len(inner) > 1:
        return (tuple(map(repr, inner)), path[-1])
    if path[0] == "reported":
        return (statement.section, *path[1:], inner[path[-1]])
    return (statement.id, *path)


def numbers(statement: Statement) -> Iterator[tuple[Path_, str, str]]:
    """Path in the entry, kind and text of each number that a statement prints, and of each word for a direction."""
    entry = statement.entry
    if statement.check == SEVERAL:
        for index, part in enumerate(entry["parameters"]["parts"]):
            path: Path_ = ("parameters", "parts", index, "parameters")
            yield from _numbers(part["check"], part["parameters"], path, entry["reported"])
    elif statement.check in CHECKS:
        yield from _numbers(statement.check, entry["parameters"], ("parameters",), entry["reported"])
    else:  # a relation of readers: all that it names are numbers
        for name, text in entry["reported"].items():
            yield ("reported", name), _kind(name, None, text), text


def _numbers(
    check: str, parameters: Mapping[str, Any], path: Path_, reported: Mapping[str, Any]
) -> Iterator[tuple[Path_, str, str]]:
    for parameter in parameters_of(CHECKS[check]):
        name, hint = parameter.name, parameter.annotation
        if name not in parameters:
            continue
        if get_origin(hint) is Literal and parameters[name] in OPPOSITES:
            yield (*path, name), SIGN, parameters[name]
        domain = _domain(hint)
        if domain is not None:
            for where, text in _texts(parameters[name], (*path, name), reported):
                yield where, _kind(name, domain, text), text


def _domain(hint: Any) -> str | None:
    """The name of the domain of the printed numbers in a type; empty for any number, None for a type without any."""
    if hint is Quantity:
        return ""
    if get_origin(hint) is Annotated:
        inner, domain = get_args(hint)[:2]
        return domain.name if inner is Quantity and isinstance(domain, Domain) else None
    if get_origin(hint) is Literal:
        return None
    return next((name for name in map(_domain, get_args(hint)) if name is not None), None)


def _texts(value: Any, path: Path_, reported: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    if isinstance(value, str) and value in reported:
        yield from _texts(reported[value], ("reported", value), {})
    elif isinstance(value, Mapping):
        keys = ["value"] if set(value) == {"value", "where"} else list(value)
        for key in keys:
            yield from _texts(value[key], (*path, key), reported)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(entry, (*path, index), reported)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, f"{value:,}" if isinstance(value, int) else str(value)
    elif isinstance(value, str):
        try:
            parse(value)
        except InputError:
            return
        yield path, value


def _kind(name: str, domain: str | None, text: str) -> str:
    if domain is not None and domain.startswith("a probability"):
        return P_VALUE
    if name in RUNS:
        return N
    if name in COMPUTED:
        return TOTAL
    return COUNT if text.replace(",", "").isdigit() else NUMBER


def replaced(statement: Statement, path: Path_, text: str) -> Statement:
    """The statement with another text in one place."""
    entry = copy.deepcopy({key: _plain(value) for key, value in statement.entry.items()})
    inner: Any = entry
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = text
    return Statement(
        statement.id, statement.document, statement.section, statement.check, entry, statement.named, statement.read
    )


def _plain(value: Any) -> Any:
    """The value with mappings and lists that can be changed."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
