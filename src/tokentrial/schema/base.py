"""The common parts of all sections' models: closed sections, kinds of values, and contradictions between keys."""

from collections.abc import Iterable
from copy import copy
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    create_model,
)
from pydantic_core import PydanticCustomError

from tokentrial.config import nearest

Item = TypeVar("Item", bound=int | float | str)
CONTRADICTION, REPEATED = "contradiction", "repeated"


class Section(BaseModel):
    """A mapping of the config whose keys are the attributes and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Hyphenated(Section):
    """A mapping whose keys are written with hyphens: ``done-right`` is the attribute ``done_right``."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))


def key(description: str, default: Any = ..., **rules: Any) -> Any:
    """Returns the field of a key. ``default`` is None for a key that may be missing; null is no valid value of it."""
    return Field(default, description=description, **rules)


def contradiction(text: str, *place: str) -> PydanticCustomError:
    """Returns the error for keys that do not fit each other.

    place: the path of keys from the section that raises the error to the keys in question.
    """
    return PydanticCustomError(CONTRADICTION, "{text}", {"text": text, "place": place})


def unknown(name: str, known: Iterable[str], where: str, *place: str) -> PydanticCustomError:
    """Returns the error for a name under the key ``where`` that the config does not define."""
    return contradiction(
        f"{where}: '{name}' is unknown; {nearest(name, known)}expected one of {', '.join(known)}", *place
    )


def changes(model: type[Section], description: str) -> Any:
    """Returns the model of a mapping that changes single keys of ``model``: every key may be missing."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        optional = copy(field)
        optional.default = None
        fields[name] = (field.annotation, optional)
    return create_model(f"{model.__name__}Changes", __base__=model, __doc__=description, **fields)


def _distinct(values: list[Item]) -> list[Item]:
    if len(set(values)) < len(values):
        raise PydanticCustomError(REPEATED, "repeated items")
    return values


Flag = StrictBool
Whole = StrictInt
Number = StrictFloat
Text = StrictStr
Distinct = Annotated[list[Item], AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True})]

Seeds = Annotated[Whole, Field(ge=1, le=1000)]
Runs = Annotated[Whole, Field(ge=1, le=10_000)]
Steps = Annotated[Whole, Field(ge=1, le=1_000_000_000)]
Count = Annotated[Whole, Field(ge=1, le=1_000_000)]
Width = Annotated[Whole, Field(ge=1, le=65_536)]
Positive = Annotated[Number, Field(gt=0, le=1000)]
Share = Annotated[Number, Field(gt=0, le=1)]
Rates = Annotated[Distinct[Positive], Field(min_length=1, max_length=32)]
Ratios = Annotated[Distinct[Width], Field(max_length=32)]
ArmNames = Annotated[Distinct[Text], Field(max_length=200)]
Name = Annotated[Text, Field(pattern="^[a-z0-9_]+$")]
HyphenName = Annotated[Text, Field(pattern="^[a-z0-9-]+$")]
ExperimentName = Annotated[Text, Field(pattern="^[a-z][a-z0-9-]*$")]
