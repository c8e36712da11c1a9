"""Checks a config against the models, and reports the first fault in one line that names the key."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tokentrial import config as settings
from tokentrial.errors import InputError
from tokentrial.schema import json_schema
from tokentrial.schema.base import CONTRADICTION, REPEATED
from tokentrial.schema.encoders import TYPE
from tokentrial.schema.run import Config
from tokentrial.schema.study_files import StudyFile

KEY = "[key]"  # the last part of an error's place, if the error is in a key that the user chose

# Kind of pydantic's error -> the rule of the JSON schema with the expected value.
RULES = {
    **dict.fromkeys(("int_type", "float_type", "bool_type", "string_type", "list_type", "dict_type"), "type"),
    **dict.fromkeys(("model_type", "model_attributes_type", TYPE), "type"),
    "literal_error": "enum",
    "greater_than_equal": "minimum",
    "less_than_equal": "maximum",
    "greater_than": "exclusiveMinimum",
    "less_than": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "string_too_short": "minLength",
    "string_too_long": "maxLength",
    "string_pattern_mismatch": "pattern",
    REPEATED: "uniqueItems",
}


class Fault(NamedTuple):
    """A fault of a config. Faults compare in the order in which they are reported; text: without the keys."""

    contradiction: bool
    keys: tuple[str, ...]
    missing: bool
    text: str

    def line(self, where: str, keys: tuple[str, ...]) -> str:
        """Returns the line of an error. where: its beginning; keys: the path to show."""
        return where + (f"{'.'.join(keys)}: {self.text}" if keys else self.text)


def check(config: Mapping[str, Any], files: Mapping[str, StudyFile] | None = None) -> None:
    """Raises InputError with one line for the first fault of a config; contradictions come last.

    files: those of the studies. An experiment that is in none of them needs a title. A fault inside a file is reported
    with the file's name.
    """
    settings.check_values(config)
    files = files or {}
    faults = [*_faults(config), *_untitled_experiments(config, files)]
    if not faults:
        return
    first = min(faults, key=lambda fault: fault[:3])
    file = files.get(first.keys[0]) if first.keys else None
    if file is not None and first in _faults({first.keys[0]: file.design}):
        raise InputError(first.line(f"{file.path}: ", first.keys[1:]))
    raise InputError(first.line("config: ", first.keys))


def _faults(config: Mapping[str, Any]) -> list[Fault]:
    try:
        Config.model_validate(settings.whole(config))
    except ValidationError as error:
        return [_fault(details, config) for details in error.errors(include_url=False)]
    return []


def _untitled_experiments(config: Mapping[str, Any], files: Mapping[str, StudyFile]) -> Iterator[Fault]:
    """Yields a fault for each experiment that is in no file and has no title: its name is mistyped."""
    for study, file in files.items():
        section = config.get(study)
        entries = section.get("experiments") if isinstance(section, Mapping) else None
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            if name not in file.names.experiments and not (isinstance(entry, Mapping) and "title" in entry):
                line = f"{settings.unknown_key(name, list(file.names.experiments))}, or a title for a new experiment"
                yield Fault(False, (study, "experiments"), False, line)


def _fault(error: ErrorDetails, config: Mapping[str, Any]) -> Fault:
    kind, place = error["type"], error["loc"]
    if kind == CONTRADICTION:
        keys, _ = json_schema.locate(place[:-2] if place[-1:] == (KEY,) else place)
        return Fault(True, (*keys, *error["ctx"]["place"]), False, error["msg"])
    if place[-1] == KEY:
        keys, part = json_schema.locate(place[:-2])
        return Fault(False, keys, False, _wrong_key(place[-2], part["propertyNames"]))
    if kind == "missing":
        keys, _ = json_schema.locate(place[:-1])
        return Fault(False, keys, True, f"key '{place[-1]}' is missing")
    if kind == "extra_forbidden":
        keys, part = json_schema.locate(place[:-1])
        return Fault(False, keys, False, settings.unknown_key(place[-1], list(part["properties"])))
    keys, part = json_schema.locate(place)
    if kind == "union_tag_not_found":
        return Fault(False, keys, True, f"key {error['ctx']['discriminator']} is missing")
    if kind == "union_tag_invalid":
        keys = (*keys, error["ctx"]["discriminator"].strip("'"))
        return Fault(False, keys, False, _wrong_value(config, keys, "enum", list(part["discriminator"]["mapping"])))
    if kind in ("too_short", "too_long"):
        rule = ("min" if kind == "too_short" else "max") + ("Items" if part["type"] == "array" else "Properties")
    else:
        rule = RULES[kind]
    return Fault(False, keys, False, _wrong_value(config, keys, rule, part.get(rule, "object")))


def _wrong_key(name: Any, rule: Mapping[str, Any]) -> str:
    if "enum" in rule:
        return settings.unknown_key(name, rule["enum"])
    return f"found the key {settings.shown(name)}, expected a key like {rule['pattern']}"


def _wrong_value(config: Any, keys: tuple[str, ...], rule: str, expected: Any) -> str:
    """Returns the fault of a value, shown as in the config; the models get whole floats as integers."""
    for key in keys:
        config = config[int(key)] if isinstance(config, list) else config[key]
    return f"found {settings.shown(config)}, expected {settings.expected(rule, expected)}"
