"""A config checked against the models, and whatever is wrong with it in one line that names the key."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tokentrial import config as settings
from tokentrial.errors import InputError
from tokentrial.schema import json_schema
from tokentrial.schema.base import CONTRADICTION, REPEATED
from tokentrial.schema.encoders import TYPE
from tokentrial.schema.run import Config

KEY = "[key]"  # ends the place of an error in a key that the user chose

# The kinds of pydantic's errors -> the rule of the JSON schema that says what was expected.
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
    """What is wrong at a place. Faults compare in the order in which a user is told of them."""

    contradiction: bool
    keys: tuple[str, ...]
    missing: bool
    text: str

    def line(self) -> str:
        return f"config: {'.'.join(self.keys)}: {self.text}" if self.keys else f"config: {self.text}"


def check(config: Mapping[str, Any], experiments: Mapping[str, Collection[str]] | None = None) -> None:
    """Raises InputError with one line on the first thing that is wrong with a config, contradictions last.

    experiments: study -> those that it may have, for studies that take no others (see study_files.experiments).
    """
    settings.check_values(config)
    faults = list(_unknown_experiments(config, experiments or {}))
    try:
        Config.model_validate(settings.whole(config))
    except ValidationError as error:
        faults += [_fault(details, config) for details in error.errors(include_url=False)]
    if faults:
        raise InputError(min(faults, key=lambda fault: fault[:3]).line()) from None


def _unknown_experiments(config: Mapping[str, Any], experiments: Mapping[str, Collection[str]]) -> Iterator[Fault]:
    for study, known in experiments.items():
        section = config.get(study)
        chosen = section.get("studies") if isinstance(section, Mapping) else None
        for name in chosen if isinstance(chosen, Mapping) else ():
            if name not in known:
                yield Fault(False, (study, "studies"), False, settings.unknown_key(name, list(known)))


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
    """The value is shown as the config has it; the models see whole floats as integers."""
    for key in keys:
        config = config[int(key)] if isinstance(config, list) else config[key]
    return f"found {settings.shown(config)}, expected {settings.expected(rule, expected)}"
