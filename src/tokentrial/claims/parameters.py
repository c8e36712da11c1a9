"""The parameters of a check or a rule: from YAML values to what the function's annotations ask for.

A number of a claim reaches its check in one of four forms: the name of one of the claim's reported numbers, a quoted
number that the document prints, the same with its place ``{value: "0.083", where: "Section 3.2, row 2:1"}``, or a bare
number, which is a setting without rounding. Nothing is ever evaluated.
"""

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, Literal, NotRequired, get_args, get_origin

from tokentrial.claims.printed import INFINITY, Interval, Number, Quantity, parse, setting
from tokentrial.config import shown, unknown_key
from tokentrial.errors import InputError


@dataclass(frozen=True)
class Domain:
    """The values that a number of this kind can have."""

    name: str
    low: Number
    high: Number
    whole: bool = False
    measured: bool = False
    """A whole number is rounded, too: a printed 3 stands for anything from 2.5 to 3.5."""


Count = Annotated[Quantity, Domain("a whole number of at least 0", Fraction(0), INFINITY, whole=True)]
Runs = Annotated[Quantity, Domain("a whole number of at least 2", Fraction(2), INFINITY, whole=True)]
"""Of an arm that has a spread."""
Statistic = Annotated[Quantity, Domain("a number", -INFINITY, INFINITY, measured=True)]
Positive = Annotated[Quantity, Domain("a number above 0", Fraction(1, 10**12), INFINITY)]
Spread = Annotated[Quantity, Domain("a spread of at least 0", Fraction(0), INFINITY)]
Probability = Annotated[Quantity, Domain("a probability between 0 and 1", Fraction(0), Fraction(1))]
Better = Literal["lower", "higher"]
Share = Annotated[Quantity, Domain("a share of at most 100 %", -INFINITY, Fraction(1))]


@dataclass
class Reported:
    """A claim's reported values by name, and which of them a parameter has used."""

    values: Mapping[str, Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def get(self, name: str) -> Any:
        self.used.add(name)
        return self.values[name]


def expect_as_many(**lists: Sized) -> None:
    """Raises InputError if two parameters that belong together have not as many entries."""
    (name, one), (other_name, other) = lists.items()
    if len(one) != len(other):
        raise InputError(
            f"parameters: {len(one)} {name} and {len(other)} {other_name}, expected as many".replace("_", " ")
        )


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """What an entry can give: of a rule its keyword arguments, of a check all. Annotations are types, not text."""
    known = inspect.signature(function).parameters.values()
    hints = typing.get_type_hints(function, include_extras=True)
    given = [entry for entry in known if entry.kind is entry.KEYWORD_ONLY] or known
    return [entry.replace(annotation=hints[entry.name]) for entry in given]


def bind(function: Callable[..., Any], given: Mapping[str, Any], reported: Reported | None = None) -> dict[str, Any]:
    """Keyword arguments for a check or a rule. reported: a claim's numbers, which parameters can name.

    Raises InputError naming the parameter that is unknown, missing or of a wrong type.
    """
    known = {entry.name: entry for entry in parameters_of(function)}
    for name in given:
        if name not in known:
            raise InputError(f"parameters: {unknown_key(name, list(known) or ['none'])}")
    missing = [name for name, entry in known.items() if entry.default is entry.empty and name not in given]
    if missing:
        raise InputError(f"parameters: '{missing[0]}' is missing")
    numbers = reported or Reported()
    return {
        name: () if value == [] and known[name].default == ()
        else _typed(known[name].annotation, value, numbers, f"parameters: {name}")
        for name, value in given.items()
    }  # fmt: skip


def _typed(hint: Any, value: Any, reported: Reported, where: str) -> Any:
    """One value as its annotation asks."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Quantity:
        return quantity(value, reported, where)
    if origin is Annotated:
        return _in_domain(_typed(inner[0], value, reported, where), inner[1], where)
    if origin is Literal:
        if value not in inner:
            raise InputError(f"{where}: {unknown_key(value, [str(entry) for entry in inner])}")
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _typed(inner[0], value, reported, where)
    if origin in (Sequence, tuple):
        entries = reported.get(value) if isinstance(value, str) and value in reported.values else value
        size = len(inner) if origin is tuple else None
        if not isinstance(entries, list) or not entries or (size or len(entries)) != len(entries):
            what = f"a list of {size} entries" if size else "a list with at least one entry"
            raise InputError(f"{where}: found {shown(value)}, expected {what}")
        return tuple(_typed(inner[0], entry, reported, f"{where}[{i}]") for i, entry in enumerate(entries))
    if origin is Mapping or typing.is_typeddict(hint):
        if not isinstance(value, Mapping) or not value:
            raise InputError(f"{where}: found {shown(value)}, expected names with values")
        entries = _of_keys(hint, value, where) if typing.is_typeddict(hint) else dict.fromkeys(value, inner[1])
        if origin is Mapping and inner[0] is not str:
            value = {_typed(inner[0], key, reported, where): entry for key, entry in value.items()}
        return {str(key): _typed(entries[key], entry, reported, f"{where}.{key}") for key, entry in value.items()}
    return _plain(hint, value, reported, where)


def _of_keys(hint: Any, value: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The type of each key of a typed dictionary, which has to have all that are required and no other."""
    known = typing.get_type_hints(hint, include_extras=True)
    for key in value:
        if key not in known:
            raise InputError(f"{where}: {unknown_key(key, list(known))}")
    if not hint.__required_keys__ <= set(value):
        needed = ", ".join(f"'{key}'" for key in known if key in hint.__required_keys__)
        raise InputError(f"{where}: found the keys {shown(list(value))}, expected {needed}")
    return {key: get_args(entry)[0] if get_origin(entry) is NotRequired else entry for key, entry in known.items()}


def _plain(hint: Any, value: Any, reported: Reported, where: str) -> Any:
    if hint is Any:
        return value
    if hint is str and isinstance(value, str):
        return str(reported.get(value)) if value in reported.values else value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise InputError(f"{where}: found {shown(value)}, expected a value of type {getattr(hint, '__name__', hint)}")
    return value


def quantity(value: Any, reported: Reported, where: str) -> Quantity:
    """A number of a claim from one of its four forms."""
    if isinstance(value, Mapping):
        if set(value) != {"value", "where"} or not all(isinstance(entry, str) for entry in value.values()):
            raise InputError(f"{where}: found {shown(dict(value))}, expected the keys value and where, both text")
        return _parsed(value["value"], where, value["where"])
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{where}: found {shown(value)}, expected a number or the name of a reported number")
    if not isinstance(value, str):
        return setting(value)
    if value in reported.values:
        found = reported.get(value)
        if not isinstance(found, str):
            raise InputError(f"{where}: reported {value} is a list, expected one number")
        return _parsed(found, f"reported: {value}", "")
    if not any(letter.isdigit() for letter in value):
        raise InputError(f"{where}: {unknown_key(value, list(reported.values) or ['no reported number'])}")
    return _parsed(value, where, "")


def _parsed(text: str, where: str, place: str) -> Quantity:
    try:
        return parse(text, place)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _in_domain(found: Quantity, domain: Domain, where: str) -> Quantity:
    """The number if it lies in its domain; a rounded one may reach out of it by its rounding."""
    nominal = found.nominal
    if not domain.low <= nominal <= domain.high or (domain.whole and nominal != round(nominal)):
        raise InputError(f"{where}: found {shown(found.text)}, expected {domain.name}")
    interval = found.interval
    if domain.measured and interval.low == interval.high and found.place > 0:
        interval = Interval(nominal - found.place / 2, nominal + found.place / 2)
    low, high = max(interval.low, domain.low), min(interval.high, domain.high)
    return Quantity(found.text, Interval(low, high), nominal, found.where, found.place)
