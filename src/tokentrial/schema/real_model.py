"""The section ``real_model``: the token table of a pretrained language model, encoded in many ways."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tokentrial.schema.base import (
    ArmNames,
    Count,
    Distinct,
    ExperimentName,
    Flag,
    Positive,
    Section,
    Seeds,
    Text,
    Whole,
    Width,
    contradiction,
    key,
    unknown,
)
from tokentrial.schema.declared import METHODS, ExperimentNames, Methods

ArmName = Annotated[Text, Field(pattern="^[a-z][a-z0-9_]*(-[0-9]+)?$")]
Bits = Annotated[Whole, Field(ge=2, le=8)]
Name = Literal[
    "plain",
    "svd",
    "autoencoder",
    "tensor_train",
    "integers",
    "compensated",
    "product",
    "additive",
    "residual",
    "banded_widths",
    "banded_bits",
    "hashed",
    "quotient_remainder",
    "learned",
    "learned_product",
    "learned_table",
]
Order = Literal["frequency", "permuted", "reversed", "uniform"]

TRAINING = ("uses", "seeds", "steps", "batch", "length", "rate", "precision")  # of every trained code

# Code -> the options that it needs, and those that it may have.
OPTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "plain": ((), ()),
    "svd": (("width",), ("counted",)),
    "integers": (("bits",), ("clip", "group")),
    "compensated": (("bits",), ("clip", "group", "by")),
    "autoencoder": (("width",), ("loss", "hidden", "steps", "counted")),
    "tensor_train": (("rank",), ()),
    "product": (("width",), ("counted",)),
    "additive": (("width", "stages"), ()),
    "residual": (("width", "bits"), ("clip", "group", "counted")),
    "banded_widths": (("widths", "order"), ()),
    "banded_bits": (("levels", "order"), ("clip",)),
    "hashed": (("buckets",), ("hashes",)),
    "quotient_remainder": (("buckets",), ("combine",)),
    "learned": (("width", "start", *TRAINING), ("hidden",)),
    "learned_product": (("width", *TRAINING), ("stages",)),
    "learned_table": (TRAINING, ()),
}


class Code(Section):
    """An encoding of a trained table; real numbers are stored as float16."""

    code: Name = key(
        "plain: the table as it is; svd, autoencoder: fewer dimensions; tensor_train: three small tensors; integers: "
        "fewer bits; compensated: integers whose rounding errors the other numbers of the row make up for (GPTQ); "
        "product: centroids of groups of numbers; additive: sums of these; residual: svd, and integers for the rest; "
        "banded_widths and banded_bits: bands of tokens by frequency (document 003's 80 and 95 %), each with its own "
        "svd or integers; hashed, quotient_remainder: rows that tokens share. learned and learned_product are trained "
        "on the language model's loss, its body frozen: fewer dimensions with a lift or decoder, and product codes; "
        "learned_table is the table itself, trained like them."
    )
    width: Width = key(
        "Dimensions of svd, autoencoder, residual and learned; numbers of a group of product, additive and "
        "learned_product.",
        None,
    )
    rank: Width = key("Largest rank of tensor_train.", None)
    stages: Annotated[Whole, Field(ge=1, le=16)] = key("Product codes that are added up; if missing, one.", None)
    loss: Literal["squared", "direction"] = key("What an autoencoder is trained to; squared error if missing.", None)
    hidden: Width = key("Width of an autoencoder's hidden layer on each side; if missing, its maps are linear.", None)
    steps: Width = key("Optimiser steps of an autoencoder, if missing, 1,000; or of a training on text.", None)
    bits: Bits = key("Bits of a number.", None)
    clip: Positive = key("Largest magnitude in standard deviations of the numbers with one scale.", None)
    group: Width = key("Numbers with one scale, a divisor of the table's width; if missing, a row.", None)
    by: Literal["inputs", "gradients"] = key(
        "Second moments by which compensated weighs errors: of the text's input vectors, or of the loss's gradients "
        "with respect to them; of inputs if missing.",
        None,
    )
    counted: Flag = key("Whether errors weigh as much as their token is frequent.", None)
    widths: Annotated[list[Width], Field(min_length=3, max_length=3)] = key("Dimensions of each band.", None)
    levels: Annotated[list[Bits], Field(min_length=3, max_length=3)] = key("Bits of each band.", None)
    order: Order = key(
        "Which tokens get the first band: the most frequent ones, random ones, or the rarest; uniform: one width for "
        "all tokens within the same number of stored numbers, or the same bits, spread evenly.",
        None,
    )
    buckets: Annotated[Whole, Field(ge=1, le=10_000_000)] = key(
        "Rows of the pool of hashed, or of the remainders of quotient_remainder.", None
    )
    hashes: Annotated[Whole, Field(ge=1, le=16)] = key("Rows of the pool that a token sums; if missing, two.", None)
    combine: Literal["multiply", "add"] = key("How quotient and remainder become a vector; multiply if missing.", None)
    start: Literal["random", "svd", "autoencoder"] = key("What a learned encoding is before its training.", None)
    uses: Annotated[Distinct[Literal["input", "tied"]], Field(min_length=1)] = key(
        "What a trained encoding replaces, and is trained for: the input table, or also the output layer.", None
    )
    seeds: Seeds = key("Trainings, each with its own passages and start.", None)
    batch: Count = key("Passages of a step of a training on text.", None)
    length: Annotated[Whole, Field(ge=1, le=100_000)] = key("Predicted tokens of a passage.", None)
    rate: Positive = key("Largest step of a number, as a share of the root mean square of its tensor.", None)
    precision: Literal["float32", "bfloat16"] = key(
        "Number format of a training's matrix products; bfloat16 is for hardware that has it. Losses are float32.", None
    )

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        needed, allowed = OPTIONS[self.code]
        given = [name for name in type(self).model_fields if name != "code" and getattr(self, name) is not None]
        for name in needed:
            if name not in given:
                raise contradiction(f"code '{self.code}': key '{name}' is missing")
        for name in given:
            if name not in (*needed, *allowed):
                expected = ", ".join((*needed, *allowed)) or "no option"
                raise contradiction(f"code '{self.code}': found the key '{name}', expected {expected}")
        if self.start == "svd" and self.hidden is not None:
            raise contradiction("hidden: found a hidden layer, expected none after the start 'svd'")
        return self


class RealExperiment(ExperimentNames):
    """An experiment: encodings of the table of each of its models."""

    models: Distinct[Text] = key("Names of models of the section cramming.")
    arms: ArmNames = key("Names of encodings; the first is full, with whose predictions all others are compared.")

    @model_validator(mode="after")
    def _full_is_first(self) -> Self:
        if not self.arms or self.arms[0] != "full":
            raise contradiction(f"arms: found {', '.join(self.arms) or 'none'}, expected 'full' as the first")
        return self


class RealModel(Section):
    """The token table of a pretrained language model, encoded after its training."""

    documents: Annotated[Whole, Field(ge=2, le=1000)] = key(
        "Held-out documents of every text; comparisons are paired over them."
    )
    tokens: Annotated[Whole, Field(ge=8, le=100_000)] = key("Predicted tokens at the beginning of each document.")
    counted_tokens: Annotated[Whole, Field(ge=1000, le=100_000_000)] = key(
        "Tokens of every training text whose frequencies weigh errors and make bands."
    )
    arms: dict[ArmName, Code] = key("Name of an arm -> its encoding.", min_length=1)
    methods: Methods = key(METHODS, None)
    experiments: dict[ExperimentName, RealExperiment] = key(
        "Name of an experiment -> its models and encodings.", max_length=100
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name, experiment in self.experiments.items():
            for entry in experiment.arms:
                if entry not in self.arms:
                    raise unknown(entry, list(self.arms), "arms", "experiments", name)
        return self
