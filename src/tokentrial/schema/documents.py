"""Documents made from the models: the JSON schema of the config, for editors, and the tables of ``config/README.md``.

``python -m tokentrial.schema`` writes both; a test checks that they are up to date.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from tokentrial.schema.encoders import SHIPPED, Banded
from tokentrial.schema.json_schema import Part, resolved, schema
from tokentrial.schema.own_study import OwnArm, OwnClaim, OwnCramming, OwnStudy

SCHEMA = Path("workflow/schemas/config.schema.yaml")
README = Path("config/README.md")
STUDY = Path("docs/study.md")
BEGIN, END = "<!-- keys: written by python -m tokentrial.schema -->", "<!-- end of keys -->"
HEAD = "# For editors. Written by python -m tokentrial.schema from the models, which themselves check a config.\n"
TABLE = ("| key | values | meaning |", "|---|---|---|")
KINDS_OF = {kind.__name__: kind.tags for kind in SHIPPED}


def written_schema() -> str:
    """Returns the text of the schema file, without the discriminators of unions."""

    def plain(part: Any) -> Any:
        if isinstance(part, list):
            return [plain(entry) for entry in part]
        if not isinstance(part, dict):
            return part
        return {name: plain(value) for name, value in part.items() if name != "discriminator"}

    tree = plain(schema())
    used = str(tree)
    tree["$defs"] = {name: part for name, part in tree["$defs"].items() if f"'#/$defs/{name}'" in used}
    return HEAD + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=None)


def written_readme(text: str) -> str:
    """Returns the README with the tables of all keys between its marks."""
    tables = "\n".join(_tables())
    return re.sub(f"(?<={BEGIN}\n).*(?={END})", lambda _: f"\n{tables}\n", text, flags=re.DOTALL)


def written_study(text: str) -> str:
    """Returns the page of studies in one file with the rows of all keys between its marks."""
    sections: dict[str, type[BaseModel]] = {
        "": OwnStudy,
        "arms.*.": OwnArm,
        "cramming.": OwnCramming,
        "claims.*.": OwnClaim,
    }
    rows = ["", "| key | meaning |", "|---|---|"]
    for prefix, model in sections.items():
        for name, field in model.model_fields.items():
            optional = (
                "needed" if field.is_required() else "" if field.default is None else f"default {_shown(field.default)}"
            )
            rows.append(f"| `{prefix}{name}`{f' ({optional})' if optional else ''} | {field.description} |")
    return re.sub(f"(?<={BEGIN}\n).*(?={END})", lambda _: "\n".join([*rows, "", ""]), text, flags=re.DOTALL)


def _tables() -> Iterator[str]:
    """Yields lines of Markdown: the single keys of the config, a table for each section, the encoders' options."""
    top = schema()["properties"]
    sections = {name: resolved(part) for name, part in top.items() if resolved(part).get("type") == "object"}
    known: dict[str, str] = {}
    yield from [*TABLE, *[line for name, part in top.items() if name not in sections for line in _row(name, part)]]
    for name, part in sections.items():
        yield from ["", f"**{name}** {part['description']}", "", *TABLE, *_rows(part, "", name, known)]
    yield from ["", "**Options of the encoders** Beside the keys that all arms have.", "", *TABLE]
    arms = resolved(sections["language_models"]["properties"]["arms"]["additionalProperties"])
    yield from _choices(arms["discriminator"]["mapping"])


def _rows(part: Part, prefix: str, section: str, known: dict[str, str]) -> Iterator[str]:
    """Yields the rows of a mapping's keys and of all keys below; a mapping in several places has its rows only once.

    known: reference of a mapping -> the place of its rows.
    """
    inner = _keys(part)
    if "propertyNames" in part:
        inner["*"] = part["additionalProperties"]
    for name, entry in inner.items():
        path, reference = f"{prefix}{name}", entry.get("$ref")
        yield from _row(path, entry) if name != "*" else ()
        if reference in known:
            yield f"| `{path}.…` | | As `{known[reference]}`. |"
            continue
        if reference:
            known[reference] = f"{section}.{path}.…"
        whole = resolved(entry)
        common = _common(whole)
        inside = {"properties": common, "required": list(common)} if common else whole
        yield from _rows(inside, f"{path}.", section, known)
        if "encoder" in common:
            yield f"| `{path}.…` | | The options of its encoder: the last table. |"
        elif "oneOf" in whole:
            yield from _choices(whole["discriminator"]["mapping"], f"{path}.")


def _keys(mapping: Part) -> Part:
    """Returns the keys of a mapping; keys that may be missing are marked as optional."""
    required = mapping.get("required", ())
    keys = mapping.get("properties", {})
    return {name: entry if name in required else {**entry, "optional": True} for name, entry in keys.items()}


def _common(union: Part) -> Part:
    """Returns the keys that all choices of a union have; the deciding key has the values of all choices."""
    choices = [_keys(resolved(choice)) for choice in union.get("oneOf", ())]
    common: Part = {}
    for name, entry in choices[-1].items() if choices else ():
        if all(name in choice for choice in choices):
            values = dict.fromkeys(value for choice in choices for value in choice[name].get("enum", ()))
            common[name] = {**entry, "enum": list(values)} if "enum" in entry else entry
    return common


def _choices(mapping: Part, prefix: str = "") -> Iterator[str]:
    """Yields the rows of keys that only some choices of a union have, with the names of these choices."""
    choices = {tag: _keys(resolved(choice)) for tag, choice in mapping.items()}
    options: dict[str, tuple[str, Part, list[str]]] = {}
    for tag, choice in choices.items():
        for name, entry in choice.items():
            deciding = name == "layout" and tag != Banded.__name__  # Banded lists all layouts
            if not deciding and not all(name in other for other in choices.values()):
                options.setdefault(f"{name} {entry}", (name, entry, []))[2].extend(KINDS_OF.get(tag, (tag,)))
    for name, entry, tags in options.values():
        kinds = [tag.replace("/", " ") for tag in tags if tag.partition("/")[0] not in tags or "/" not in tag]
        yield from _row(f"{prefix}{name}", entry, f" ({', '.join(kinds)})")


def _row(path: str, entry: Part, note: str = "") -> Iterator[str]:
    whole = resolved(entry)
    default = f"; default {_shown(whole['default'])}" if "default" in whole else "; optional" * whole.get("optional", 0)
    yield f"| `{path}`{note} | {values(whole)}{default} | {whole.get('description', '')} |"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def values(part: Part) -> str:
    """Returns in words the values that a key may have."""
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if part.get("type") == "array":
        return f"list: {values(resolved(part.get('items', {})))}"
    if "propertyNames" in part:
        return values(part["propertyNames"]) if "enum" in part["propertyNames"] else "names"
    kinds = part.get("type", "object")
    null = " or null" if isinstance(kinds, list) and "null" in kinds else ""
    kind = str(kinds[0] if isinstance(kinds, list) else kinds)
    words = {"integer": "whole number", "boolean": "true or false", "string": "text", "object": "keys"}
    bounds = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}", "exclusiveMaximum": "below {}"}
    limits = [words.format(f"{part[rule]:,}") for rule, words in bounds.items() if rule in part]
    return " ".join([words.get(kind, kind), *limits]) + null
