"""The JSON schema of the config, made from the models, and its part for a place in a config."""

from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tokentrial.schema.encoders import Banded
from tokentrial.schema.run import Config

Part = dict[str, Any]


class Generator(GenerateJsonSchema):
    """JSON schema without titles, in the short forms that a reader would write."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Keeps the order of the models."""
        return value

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leaves out the default None of a key that may be missing, since null is no valid value of it."""
        inner = super().default_schema(schema)
        return {name: value for name, value in inner.items() if (name, value) != ("default", None)}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        return {**inner, "type": [inner["type"], "null"]}

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return {"enum": list(schema["expected"])}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Writes the rule for names that a user may choose as ``propertyNames``."""
        rules = {"minProperties": schema.get("min_length"), "maxProperties": schema.get("max_length")}
        return {
            "type": "object",
            **{name: rule for name, rule in rules.items() if rule is not None},
            "propertyNames": self.generate_inner(schema["keys_schema"]),
            "additionalProperties": self.generate_inner(schema["values_schema"]),
        }

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        choices = {str(tag): self.generate_inner(choice) for tag, choice in schema["choices"].items()}
        whole = [choice for tag, choice in choices.items() if tag != Banded.__name__]  # Banded is for unknown layouts
        return {"oneOf": whole, "discriminator": {"mapping": choices}}


@cache
def schema() -> Part:
    """Returns the JSON schema of a config. A union's ``discriminator`` names its choices as pydantic's errors do."""
    tree = Config.model_json_schema(schema_generator=Generator)
    for part in (tree, *tree["$defs"].values()):
        del part["title"]
    return {"$schema": Generator.schema_dialect, **tree}


def resolved(part: Part) -> Part:
    """Returns a part of the schema with its reference resolved; entries beside the reference have priority."""
    while "$ref" in part:
        rest = {name: value for name, value in part.items() if name != "$ref"}
        part = {**schema()["$defs"][part["$ref"].rpartition("/")[2]], **rest}
    return part


def locate(place: tuple[int | str, ...]) -> tuple[tuple[str, ...], Part]:
    """Returns (keys, schema) of a place in pydantic's errors, which also names the choice of each union on the way."""
    keys: list[str] = []
    part = schema()
    for step in place:
        if "oneOf" in part:
            part = resolved(part["discriminator"]["mapping"][step])
            continue
        keys.append(str(step))
        inner = part.get("items") if isinstance(step, int) else part.get("properties", {}).get(step)
        part = resolved(inner or part.get("additionalProperties") or {})
    return tuple(keys), part
