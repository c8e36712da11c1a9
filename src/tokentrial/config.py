"""The config as text: loading with overlays, its canonical form, and one clear line for each error in a file.

The models of :mod:`tokentrial.schema` define the valid content of a config.
"""

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from tokentrial.errors import InputError

if TYPE_CHECKING:
    from jsonschema import ValidationError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, eight times as fast; absent from some builds
MERGE = "tag:yaml.org,2002:merge"  # of the key <<
MORE = "+"  # ends the key of a list that is added to another one

# Names in the config become parts of paths: no separator, no hidden file, no option, and short enough for a file name.
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
DEEPEST = 20  # levels; the shipped configs have 7
MOST_VALUES = 50_000  # aliases counted each time; the shipped configs have 1,600
LONGEST_LIST = 1_000
LARGEST = 1e15  # whole numbers up to it are exact as floats
LONGEST_TEXT = 1_000

# Keys that act on finished rows; all others act on the training that makes the rows.
JUDGING = (("statistics",), ("language_models", "margins"))


def load(*paths: str | Path) -> dict[str, Any]:
    """Returns the first file's content with the later files merged over it, key by key, as ``snakemake --configfile``.

    Raises InputError for a file that cannot be read or is not YAML.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not YAML: {error}") from None
        merged = merge(merged, loads(text, path))
    return merged


def loads(text: str, where: str | Path) -> dict[str, Any]:
    """Returns the keys and values of a YAML text; raises InputError, with ``where`` first, for any other text."""
    content = _read(text, where)
    if not isinstance(content, dict):
        raise InputError(f"{where}: expected keys and values, found {type(content).__name__}")
    return content


def check_keys(path: str | Path) -> None:
    """Raises InputError if a file that another reader has accepted has a key twice."""
    try:
        node = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=LOADER)
    except yaml.YAMLError:  # JSON with tabs, which the other reader takes
        return
    try:
        _refuse_repeated_keys(node, set())
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def of_command_line(entries: Iterable[str], read: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the mappings and lists among the ``--config`` entries, typed as in a file.

    entries: for example ``statistics={confidence: 0.9}``
    read: Snakemake's reading of the entries, with all values as text; values that a program passed keep their type
    """
    typed: dict[str, Any] = {}
    for entry in entries:
        key, _, text = entry.partition("=")
        inner = [value for place, value in _values(read.get(key), ()) if not isinstance(value, Mapping | list)]
        if text.lstrip().startswith(("{", "[")) and all(isinstance(value, str) for value in inner):
            typed = merge(typed, {key: _read(text, f"--config {key}")})
    return typed


def _read(text: str, where: str | Path) -> Any:
    """Returns the content of a YAML text; raises InputError with the place and the fault."""
    try:
        return deepcopy(_parsed(text))  # callers change what they get
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except Exception as error:  # PyYAML's constructors let out any error of Python's for a value like !!int x
        raise InputError(f"{where}: not YAML: {shown(' '.join(str(error).split()), 300, str)}") from None


@lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    """Returns the content of a YAML text, which is not to be changed: a run reads the studies' files three times.

    Raises InputError for a repeated key, and ValueError for a text that is nested or unfolds beyond any use.

    Composing is recursive, in C without a limit, so levels are counted beforehand.
    """
    level = 0
    for event in yaml.parse(text, Loader=LOADER):
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > 5 * DEEPEST:
            raise ValueError(f"it has more than {5 * DEEPEST} levels")
    loader = LOADER(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        unfolded = _unfolded(node, {})
        if unfolded > 20 * MOST_VALUES:  # claims and published tables are longer than a config
            raise ValueError(f"its aliases unfold to more than {20 * MOST_VALUES:,} values")
        _refuse_repeated_keys(node, set())
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _unfolded(node: yaml.Node, known: dict[int, float]) -> float:
    """Returns the number of values of a node with every alias written out: infinite for a node that holds itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = math.inf
        inner = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_unfolded(part, known) for part in inner)
    return known[id(node)]


def _refuse_repeated_keys(node: yaml.Node | None, known: set[int]) -> None:
    """Raises InputError for a mapping that repeats a key; YAML's readers silently take the last value."""
    if node is None or isinstance(node, yaml.ScalarNode) or id(node) in known:
        return
    known.add(id(node))
    if isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                found = f"line {line}: found the key {shown(key.value)} a second time"
                raise InputError(f"{found}, expected each key once (the first is in line {lines[name]})")
            lines[name] = line
    for part in node.value:
        for inner in part if isinstance(part, tuple) else (part,):
            _refuse_repeated_keys(inner, known)


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``base`` with ``overlay``'s keys replaced; mappings merge, lists and numbers are replaced whole.

    A list under ``key+`` is added to the list of ``key``. If there is no such list yet, the entry stays, for a later
    merge over a base with this list; :func:`check_values` refuses the entry in a complete config.
    """
    merged = deepcopy(dict(base))
    for key, value in overlay.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if nested else deepcopy(value)
    for key in [key for key in merged if isinstance(key, str) and key.endswith(MORE)]:
        if isinstance(merged.get(key[:-1]), list) and isinstance(merged[key], list):
            merged[key[:-1]] = [*merged[key[:-1]], *merged.pop(key)]
    return merged


def canonical(value: Any) -> str:
    """Returns a specification as one JSON string; sorted keys and 1 for 1.0 make equal settings equal text."""
    return json.dumps(whole(value), sort_keys=True)


def judging(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of :data:`JUDGING`, in the form that the statistics and all later steps take.

    These are the keys of ``statistics``, and ``margins``: study -> metric -> equivalence margin in the metric's unit.
    """
    return {**config["statistics"], "margins": {"language_models": config["language_models"]["margins"]}}


def with_judging(config: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a config with the settings of :data:`JUDGING` of another one."""
    replaced = deepcopy(dict(config))
    for *sections, name in JUDGING:
        section, theirs = replaced, other
        for key in sections:
            section, theirs = section[key], theirs[key]
        section[name] = deepcopy(theirs[name])
    return replaced


def training(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config without the settings of :data:`JUDGING`: configs that are equal here have the same rows."""
    remaining = deepcopy(dict(config))
    for *sections, name in JUDGING:
        section = remaining
        for key in sections:
            section = section.get(key, {})
        section.pop(name, None)
    return remaining


def whole(value: Any) -> Any:
    """Returns the same value with whole floats as integers, at any depth."""
    if isinstance(value, str | int):  # most values of a plan with thousands of conditions, so they come first
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {key: whole(entry) for key, entry in value.items()}
    return [whole(entry) for entry in value] if isinstance(value, list | tuple) else value


def check_values(config: Mapping[str, Any], start: str = "config", key: re.Pattern[str] | None = KEY) -> None:
    """Checks that the schema cannot express, or that would be slow there; raises InputError with one line.

    Keys must match ``key`` (None: any text), numbers must be finite, text must be printable, and the size must be sane.
    A schema's patterns skip keys that are not text, its bounds let NaN pass, and ``$`` in a pattern allows a line
    break.
    """
    for count, (place, value) in enumerate(_values(config, ()), 1):
        if count > MOST_VALUES or len(place) > DEEPEST:
            found = f"more than {MOST_VALUES:,} values" if count > MOST_VALUES else f"more than {DEEPEST} levels"
            raise InputError(f"{start}: found {found}, expected settings without such a tree of lists and aliases")
        fault = _fault(value, key)
        if fault:
            where = ".".join(map(str, place))
            raise InputError(f"{start}: {where}: {fault}" if where else f"{start}: {fault}")


def _values(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yields every value with its place, outer values first, so that a caller can stop before the inner values."""
    yield place, value
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, entry in inner:
        yield from _values(entry, (*place, name))


def _fault(value: Any, key: re.Pattern[str] | None) -> str:
    """Returns the fault of one value, or an empty text."""
    if isinstance(value, Mapping):
        for name in value:
            if key and isinstance(name, str) and KEY.fullmatch(name.removesuffix(MORE)) and name.endswith(MORE):
                return f"found the key {shown(name)}, expected a list under it and one under '{name[:-1]}'"
            if not isinstance(name, str) or not name.isprintable() or (key and not key.fullmatch(name)):
                rule = (
                    "up to 64 letters, digits, - and _ that begin with a letter or digit" if key else "printable text"
                )
                return f"found the key {shown(name)}, expected {rule}"
        return ""
    if isinstance(value, list):
        found = f"found {len(value):,} items"
        return f"{found}, expected at most {LONGEST_LIST:,}" if len(value) > LONGEST_LIST else ""
    if isinstance(value, str):
        good = len(value) <= LONGEST_TEXT and value.isprintable()
        return "" if good else f"found {shown(value)}, expected up to {LONGEST_TEXT:,} printable characters"
    if isinstance(value, int | float):
        good = math.isfinite(value) if isinstance(value, float) else True
        good = good and abs(value) <= LARGEST
        return "" if good else f"found {shown(value)}, expected a finite number, at most {LARGEST:g} in size"
    return "" if value is None else f"found a value of type {type(value).__name__}, expected text, a number or a list"


def shown(value: Any, most: int = 80, text: Callable[[Any], str] = repr) -> str:
    """Returns any value as one short line."""
    if isinstance(value, int) and value.bit_length() > 64:  # Python refuses to print very long ones
        return f"a whole number of {value.bit_length()} bits"
    line = text(value)
    line = line if line.isprintable() else ascii(line)[1:-1]
    return line if len(line) <= most else f"{line[: most - 1]}…"


def deepest(error: "ValidationError") -> "ValidationError":
    """Returns the error that got furthest into the value, among the alternatives of an anyOf."""
    while error.context:
        error = max(error.context, key=lambda inner: len(inner.path))
    return error


def describe(error: "ValidationError") -> str:
    """Returns one line for an error of a JSON schema: the key, the found value and the expected value."""
    key = ".".join(map(str, error.absolute_path))
    where = f"config: {key}" if key else "config"
    value, rule, schema = cast(Any, error.instance), cast(Any, error.validator_value), cast(Any, error.schema)
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        return f"{where}: {unknown_key(next(name for name in value if name not in known), known)}"
    if "propertyNames" in error.absolute_schema_path:  # the path is the mapping's, the found value is the key itself
        if error.validator == "enum":
            return f"{where}: {unknown_key(value, rule)}"
        return f"{where}: found the key {shown(value)}, expected a key like {rule}"
    if error.validator == "required":
        missing = next(name for name in rule if name not in value)
        return f"{where}: key '{missing}' is missing"
    requirement = expected(str(error.validator), rule) or shown(error.message, 200, str)
    return f"{where}: found {shown(value)}, expected {requirement}"


def expected(keyword: str, rule: Any) -> str:
    """Returns in words what a rule of a JSON schema requires; an empty text for a keyword without words."""
    return {
        "type": f"a value of type {rule}",
        "enum": f"one of {rule}",
        "minimum": f"at least {rule}",
        "maximum": f"at most {rule}",
        "exclusiveMinimum": f"more than {rule}",
        "exclusiveMaximum": f"less than {rule}",
        "minItems": f"at least {rule} items",
        "minProperties": f"at least {rule} entries",
        "maxItems": f"at most {rule} items",
        "maxProperties": f"at most {rule} entries",
        "uniqueItems": "no repeated items",
        "multipleOf": f"a multiple of {rule}",
        "minLength": f"at least {rule} characters",
        "maxLength": f"at most {rule} characters",
        "pattern": f"text like {rule}",
    }.get(keyword, "")


def unknown_key(name: object, known: Sequence[str]) -> str:
    """Returns the fault of an unknown key, with the nearest known key."""
    written = shown(name, text=str)
    return f"unknown key '{written}': {nearest(written, known)}expected one of {', '.join(known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a question that names the nearest known name, or an empty text."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{near[0]}'? " if near else ""
