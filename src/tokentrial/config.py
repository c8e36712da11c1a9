"""The config: loading with overlays, and one clear line for whatever is wrong with it.

The schema is closed: a key that it does not list is an error that names the nearest one it does.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

from tokentrial.errors import InputError


def load(*paths: str | Path) -> dict[str, Any]:
    """The first file with the later ones laid over it, key by key (as ``snakemake --configfile`` does)."""
    merged: dict[str, Any] = {}
    for path in paths:
        try:
            overlay = yaml.safe_load(Path(path).read_text())
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
        if not isinstance(overlay, dict):
            raise InputError(f"{path}: expected keys and values, found {type(overlay).__name__}")
        merged = merge(merged, overlay)
    return merged


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``overlay``'s keys replaced; mappings merge, lists and numbers are replaced whole."""
    made = deepcopy(dict(base))
    for key, value in overlay.items():
        nested = isinstance(value, Mapping) and isinstance(made.get(key), Mapping)
        made[key] = merge(made[key], value) if nested else deepcopy(value)
    return made


def canonical(value: Any) -> str:
    """A specification as one JSON string: keys in order and 1.0 written as 1, so that equal settings are equal text."""
    return json.dumps(whole(value), sort_keys=True)


def whole(value: Any) -> Any:
    """The same value with whole floats as integers, at any depth."""
    if isinstance(value, Mapping):
        return {key: whole(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [whole(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check(config: Mapping[str, Any], schema_path: str | Path) -> None:
    """Check a config against the closed schema; raises InputError with one line on the first thing wrong."""
    path = Path(schema_path)

    def part(name: str) -> Resource[Any]:
        return Resource.from_contents(yaml.safe_load((path.parent / name).read_text()))

    validator = Draft202012Validator(part(path.name).contents, registry=Registry(retrieve=part))  # type: ignore[call-arg]
    errors = sorted(validator.iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise InputError(describe(deepest(errors[0])))


def deepest(error: ValidationError) -> ValidationError:
    """Of the alternatives of an anyOf, the error that got furthest into the value."""
    while error.context:
        error = max(error.context, key=lambda inner: len(inner.path))
    return error


def describe(error: ValidationError) -> str:
    """One line: the key, what was found, what was expected."""
    key = ".".join(map(str, error.absolute_path))
    where = f"config: {key}" if key else "config"
    found, rule, schema = cast(Any, error.instance), cast(Any, error.validator_value), cast(Any, error.schema)
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        return f"{where}: {unknown_key(next(name for name in found if name not in known), known)}"
    if "propertyNames" in error.absolute_schema_path:  # the mapping's path, the key itself as what was found
        if error.validator == "enum":
            return f"{where}: {unknown_key(found, rule)}"
        return f"{where}: found the key {found!r}, expected a key like {rule}"
    if error.validator == "required":
        missing = next(name for name in rule if name not in found)
        return f"{where}: key '{missing}' is missing"
    expected = {
        "type": f"a value of type {rule}",
        "enum": f"one of {rule}",
        "minimum": f"at least {rule}",
        "maximum": f"at most {rule}",
        "exclusiveMinimum": f"more than {rule}",
        "exclusiveMaximum": f"less than {rule}",
        "minItems": f"at least {rule} items",
        "minProperties": f"at least {rule} entries",
        "uniqueItems": "no repeated items",
        "pattern": f"text like {rule}",
    }.get(str(error.validator), error.message)
    return f"{where}: found {found!r}, expected {expected}"


def unknown_key(name: object, known: Sequence[str]) -> str:
    """What is wrong with a key that is none of the known ones, with the nearest of them."""
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"unknown key '{name}': {hint}expected one of {', '.join(known)}"
