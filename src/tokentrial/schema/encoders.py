"""The options of the encoders: an arm's ``encoder`` decides which keys the arm has.

The encoders themselves need torch, which planning does not load; a test compares these models with the encoders'
signatures. Any other encoder is a user's own module, whose text says which options it has.
"""

import importlib.util
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, Union

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tokentrial import encoder_source
from tokentrial.config import nearest
from tokentrial.schema.base import Count, Flag, Number, Positive, Section, Steps, Text, Whole, contradiction, key

MODULE = "Module of src/tokentrial/encoders."
LAYOUT = "The bands and their widths."
CATEGORIES = "Where bands end: shares of the text, ranks, or shares of the types."
TABLE = "The table: trained on the task, or the documents' random one."
TYPE = "type"  # the error for an option whose type no encoder accepts
Positions = Annotated[Whole, Field(ge=1, le=10_000_000)]


@cache
def has_module(encoder: str) -> bool:
    """Whether an encoder of this name exists."""
    return importlib.util.find_spec(f"tokentrial.encoders.{encoder}") is not None


class Options(Section):
    """An encoder and its options."""

    tags: ClassVar[tuple[str, ...]]  # the encoders, or encoders with a layout, that have these options

    encoder: Annotated[Text, Field(pattern="^[a-z][a-z0-9_]*$")] = key(MODULE)


class Plain(Options):
    """An encoder without options."""

    tags = ("factorised", "full", "learned", "one_hot", "random_frozen", "unigram")

    encoder: Literal["factorised", "full", "learned", "one_hot", "random_frozen", "unigram"] = key(MODULE)


class Pca(Options):
    """Principal components of a table."""

    tags = ("pca",)

    encoder: Literal["pca"] = key(MODULE)
    table: Literal["task", "random"] = key(TABLE, "task")


class Autoencoder(Options):
    """An autoencoder of a table, trained before the task."""

    tags = ("autoencoder",)

    encoder: Literal["autoencoder"] = key(MODULE)
    variant: Literal["standard", "deep", "variational"] = key("Its layers and its loss.", "standard")
    activation: Literal["none", "relu"] = key("The function that is applied to the code.", "none")
    table: Literal["task", "random"] = key(TABLE, "task")
    finetune: Flag = key("Whether the task trains the encoder further.", False)
    reconstruction_steps: Steps = key("Optimiser steps of the reconstruction.", 1000)
    reconstruction_rate: Positive = key("Learning rate of the reconstruction.", 0.01)
    kl_weight: Annotated[Number, Field(ge=0, le=1000)] = key("Weight of the variational loss's divergence.", 0.01)


class AutoencoderReleased(Options):
    """The released autoencoder, trained on batches of a text."""

    tags = ("autoencoder_released",)

    encoder: Literal["autoencoder_released"] = key(MODULE)
    batch_size: Count = key("Rows of text a step.", 16)
    rate: Positive = key("Learning rate of the reconstruction.", 0.001)


class Svd(Options):
    """A truncated singular value decomposition of the trained table."""

    tags = ("svd",)

    encoder: Literal["svd"] = key(MODULE)
    weighted: Flag = key("Whether rows are weighted by how often their tokens occur.", False)


class Quantised(Options):
    """The trained table in whole numbers."""

    tags = ("quantised",)

    encoder: Literal["quantised"] = key(MODULE)
    bits: Annotated[Whole, Field(ge=2, le=8)] = key("Bits a number.")
    clip: Positive = key("Standard deviations of a row for which its largest code stands, at most.", None)


class TensorTrain(Options):
    """The trained table as a product of three small tensors."""

    tags = ("tensor_train",)

    encoder: Literal["tensor_train"] = key(MODULE)
    rank: Steps = key("Largest width between two tensors.")


class LowRankResidual(Options):
    """A few dimensions of the trained table, and in whole numbers what they leave."""

    tags = ("low_rank_residual",)

    encoder: Literal["low_rank_residual"] = key(MODULE)
    rank: Annotated[Whole, Field(ge=1, le=65_536)] = key("Dimensions, at most full_width.")
    bits: Annotated[Whole, Field(ge=2, le=8)] = key("Bits a number of the remainder.")
    clip: Positive = key("Standard deviations of a row for which its largest code stands, at most.", None)


class ProductLearned(Options):
    """Product codes whose choices and centroids the task trains."""

    tags = ("product_learned",)

    encoder: Literal["product_learned"] = key(MODULE)
    groups: Annotated[Whole, Field(ge=1, le=65_536)] = key("Groups of a row; they must divide full_width.")
    centroids: Annotated[Whole, Field(ge=2, le=256)] = key("Centroids of a group.", 64)


class AutoencoderDirection(Options):
    """An autoencoder of the trained table that is trained to directions."""

    tags = ("autoencoder_direction",)

    encoder: Literal["autoencoder_direction"] = key(MODULE)
    variant: Literal["standard", "deep"] = key("Its layers.", "standard")
    finetune: Flag = key("Whether the task trains the encoder further.", False)
    reconstruction_steps: Steps = key("Optimiser steps of the reconstruction.", 1000)
    reconstruction_rate: Positive = key("Learning rate of the reconstruction.", 0.01)


class ProductQuantised(Options):
    """The trained table's rows, cut into groups that each take the nearest of a few centroids."""

    tags = ("product_quantised",)

    encoder: Literal["product_quantised"] = key(MODULE)
    groups: Annotated[Whole, Field(ge=1, le=65_536)] = key("Groups of a row; they must divide full_width.")
    centroids: Annotated[Whole, Field(ge=2, le=10_000_000)] = key("Centroids of a group, at most the tokens.", 256)


class QuotientRemainder(Options):
    """Two small tables, of a token's quotient and of its remainder."""

    tags = ("quotient_remainder",)

    encoder: Literal["quotient_remainder"] = key(MODULE)
    buckets: Positions = key("Rows of the remainders' table, at most the tokens.")
    combine: Literal["multiply", "add"] = key("How the two vectors become one.", "multiply")


class Hashed(Options):
    """Weighted sums of rows of a small table that hash functions choose."""

    tags = ("hashed",)

    encoder: Literal["hashed"] = key(MODULE)
    buckets: Positions = key("Rows of the table, at most the tokens.")
    hashes: Positions = key("Hash functions, at most the rows.", 2)


class Banded(Options):
    """Widths by frequency: a band of the ranking has a table of its own width."""

    tags: ClassVar[tuple[str, ...]] = ("banded",)

    encoder: Literal["banded"] = key(MODULE)
    layout: Literal[
        "optimized", "initial", "scaling", "ultra_efficient", "adaptive", "mixed",
        "uniform", "uniform_projected", "uniform_budget",
    ] = key(LAYOUT)  # fmt: skip
    order: Literal["frequency", "permuted", "reversed"] = key("Which tokens are in the first band.", "frequency")


Ends = Annotated[list[Number], Field(min_length=1, max_length=100)]
Categories = Annotated[dict[Literal["cumulative", "ranks", "types"], Ends], Field(min_length=1, max_length=1)]


class BespokeLayout(Banded):
    """A layout of document 003."""

    tags = ("banded/optimized", "banded/initial", "banded/scaling")

    layout: Literal["optimized", "initial", "scaling"] = key(LAYOUT)
    categories: Categories = key(CATEGORIES, None)
    tables: Literal["class", "vocabulary"] = key("Whether a table has the rows of its band, or of all tokens.", None)


class UltraEfficient(Banded):
    """Document 003's layout with shared rows for rare tokens."""

    tags = ("banded/ultra_efficient",)

    layout: Literal["ultra_efficient"] = key(LAYOUT)
    categories: Categories = key(CATEGORIES, None)
    shared_rows: Positions = key("Rows that all rare tokens share.", 8)


class Adaptive(Banded):
    """Adaptive input (Baevski and Auli 2019)."""

    tags = ("banded/adaptive",)

    layout: Literal["adaptive"] = key(LAYOUT)
    cutoffs: Annotated[list[Positions], Field(max_length=100)] = key("Ranks at which all bands but the last end.")
    factor: Positions = key("How many times narrower each band is than the one before.", 4)


class Mixed(Banded):
    """Mixed dimensions (Ginart et al. 2019)."""

    tags = ("banded/mixed",)

    layout: Literal["mixed"] = key(LAYOUT)
    blocks: Annotated[list[Positions | None], Field(min_length=1, max_length=100)] = key(
        "Tokens of each block, the most frequent first; null for the rest of the vocabulary."
    )
    alpha: Annotated[Number, Field(ge=0, le=1000)] = key("Exponent of the law of the widths.")
    queries: Annotated[list[Positive], Field(min_length=1, max_length=100)] = key("Look-ups of each block.", None)
    powers_of_two: Flag = key("Whether widths are rounded to powers of two.", False)


class Uniform(Banded):
    """One width for all tokens."""

    tags = ("banded/uniform", "banded/uniform_projected")

    layout: Literal["uniform", "uniform_projected"] = key(LAYOUT)


class UniformBudget(Banded):
    """One width for all tokens, at the budget of another layout or of a number of parameters."""

    tags = ("banded/uniform_budget",)

    layout: Literal["uniform_budget"] = key(LAYOUT)
    of: Literal["optimized", "initial", "scaling", "ultra_efficient", "uniform", "uniform_projected"] = key(
        "The layout whose number of parameters is the budget.", None
    )
    parameters: Steps = key("The budget in parameters.", None)

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        budgets = [name for name in ("of", "parameters") if getattr(self, name) is not None]
        if len(budgets) != 1:
            raise contradiction(f"found {' and '.join(budgets) or 'no budget'}, expected one of of, parameters")
        return self


def _option(value: Any) -> Any:
    numbers = isinstance(value, list) and all(
        entry is None or (isinstance(entry, int | float) and not isinstance(entry, bool)) for entry in value
    )
    if not numbers and not isinstance(value, str | int | float):
        raise PydanticCustomError(TYPE, "no option of an encoder")
    return value


OPTION = {"type": ["string", "number", "boolean", "array"], "items": {"type": ["number", "null"]}}


SHIPPED: tuple[type[Options], ...] = (
    *(Plain, Pca, Autoencoder, AutoencoderDirection, AutoencoderReleased, Svd, Quantised, TensorTrain),
    *(LowRankResidual, ProductLearned, ProductQuantised, QuotientRemainder, Hashed),
    *(Banded, BespokeLayout, UltraEfficient, Adaptive, Mixed, Uniform, UniformBudget),
)
KNOWN = tuple(dict.fromkeys(tag.partition("/")[0] for kind in SHIPPED for tag in kind.tags))


class Foreign(Options):
    """An encoder of the user's own, with any options."""

    tags = ()

    model_config = ConfigDict(extra="allow")
    encoder: Annotated[Text, Field(pattern="^[a-z][a-z0-9_]*$")] = key(
        MODULE, json_schema_extra={"not": {"enum": list(KNOWN)}}
    )
    __pydantic_extra__: dict[str, Annotated[Any, AfterValidator(_option), WithJsonSchema(OPTION)]]

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if not has_module(self.encoder):
            missing = f"encoder '{self.encoder}' has no module in src/tokentrial/encoders"
            raise contradiction(f"{missing}: {nearest(self.encoder, KNOWN)}expected one of {', '.join(KNOWN)}")
        return self

    @model_validator(mode="after")
    def _options_exist(self) -> Self:
        options, required, *_ = encoder_source.read(self.encoder)
        given = self.__pydantic_extra__ or {}
        if options is None:
            return self
        if unknown := [name for name in given if name not in options]:
            known = f"{nearest(unknown[0], options)}expected one of {', '.join(options)}" if options else "it has none"
            raise contradiction(f"encoder '{self.encoder}' has no option '{unknown[0]}': {known}")
        if missing := [name for name in required if name not in given]:
            raise contradiction(f"encoder '{self.encoder}' needs the option '{missing[0]}', found none")
        return self


KINDS: tuple[type[Options], ...] = (*SHIPPED, Foreign)
TAGS = {tag: kind.__name__ for kind in KINDS for tag in kind.tags}


def _kind(value: Any) -> str:
    """Returns the name of the kind of options that an arm of the config has."""
    encoder, layout = (value.get("encoder"), value.get("layout")) if isinstance(value, Mapping) else (None, None)
    return TAGS.get(f"{encoder}/{layout}") or TAGS.get(str(encoder)) or Foreign.__name__


def arms_type(common: type[Section]) -> Any:
    """Returns the type of a study's arms: the options of any encoder, and the keys that all arms of the study have."""
    prefix = common.__name__
    kinds = [create_model(f"{prefix}{kind.__name__}", __base__=(common, kind), __doc__=kind.__doc__) for kind in KINDS]
    choices = [Annotated[model, Tag(kind.__name__)] for model, kind in zip(kinds, KINDS, strict=True)]
    return Annotated[Union[tuple(choices)], Discriminator(_kind)]  # noqa: UP007
