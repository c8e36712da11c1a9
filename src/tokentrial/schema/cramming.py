"""The section ``cramming``: texts in one input vector of a frozen language model."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tokentrial.schema.base import (
    ArmNames,
    Count,
    Distinct,
    ExperimentName,
    Flag,
    Name,
    Number,
    Positive,
    Section,
    Share,
    Steps,
    Text,
    Whole,
    contradiction,
    key,
    unknown,
)
from tokentrial.schema.declared import METHODS, ExperimentNames, Methods
from tokentrial.schema.language_models import BYTES, Clip, Precision
from tokentrial.studies.cramming import SOURCES

Texts = Annotated[Whole, Field(ge=1, le=10_000)]
Beta = Annotated[Number, Field(ge=0, lt=1)]
Lengths = Annotated[Distinct[Annotated[Whole, Field(ge=2, le=100_000)]], Field(min_length=1, max_length=100)]
Vectors = Annotated[Distinct[Annotated[Whole, Field(ge=1, le=1024)]], Field(min_length=1, max_length=100)]
ModelName = Annotated[Text, Field(pattern="^[a-z0-9_-]+$")]
HubName = Annotated[Text, Field(pattern="^[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95})?$")]
Revision = Annotated[Text, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,99})*$")]


class Optimisation(Section):
    """How the vectors are optimised (AdamW)."""

    learning_rate: Positive = key(
        "Step size, or the multiple of the embedding table's standard deviation where relative."
    )
    relative: Flag = key("Whether the rate follows the scale of the embedding table.")
    schedule: Literal["constant", "cosine"] = key("constant, or cosine down to 2 % of the rate.")
    betas: list[Beta] = key("Decay of the two moments.", min_length=2, max_length=2)
    weight_decay: Annotated[Number, Field(ge=0, le=1000)] = key("Decoupled decay, times the rate.")
    steps: Steps = key("Most steps for a text; a solved text stops.")
    patience: Steps | None = key("Steps without a better accuracy after which a text is given up; null for none.")


class CrammingTraining(Section):
    """Training of the models that this pipeline trains."""

    optimiser: Literal["adam", "sgd"] = key("As in language_models.training.")
    fraction: Share = key("First share of the training text.")
    held_out_fraction: Share = key("First share of the validation and test text.")
    order: Literal["blocks"] = key("Rows shuffled; these models keep no state between rows.")
    clip: Clip | None = key("Largest norm of the gradient; null for none.")
    schedule: Literal["constant", "linear"] = key(
        "Of the learning rate; linear is constant for one half of the steps, then falls to zero."
    )
    evaluations: Count = key("How often the validation loss is looked at.")
    select: Literal["best", "last"] = key("The best validation step or the last.")


class Recipe(Section):
    """A model that this pipeline trains."""

    architecture: Literal["llama", "neox", "mamba"] = key(
        "Llama-, GPT-NeoX- or Mamba-like, from transformers' configs."
    )
    width: Annotated[Whole, Field(ge=4, le=8192, multiple_of=4)] = key("d, numbers of an input vector.")
    layers: Annotated[Whole, Field(ge=1, le=128)] = key("Transformer layers, or Mamba blocks.")
    context: Annotated[Whole, Field(ge=8, le=100_000_000)] = key("Largest number of positions.")
    learning_rate: Positive = key("Of Adam.")
    epochs: Annotated[Whole, Field(ge=0, le=1_000_000)] = key("Passes over the text; 0 leaves the model untrained.")
    batch_size: Count = key("Rows of a step.")
    length: Annotated[Whole, Field(ge=2, le=1_000_000)] = key("Predictions of a row.")


class Model(Section):
    """One of train, folder and hub says where a model comes from."""

    folder: Annotated[Text, Field(min_length=1)] = key(
        "A folder in Hugging Face's format with config.json, safetensors and tokenizer.", None
    )
    hub: HubName = key("A name of the Hugging Face hub, downloaded into results/models/hub.", None)
    revision: Revision = key(
        "Commit of the hub's model (40 hexadecimal digits), which stays what it is; a branch or tag may move.", "main"
    )
    shipped: Flag = key("Whether the trained model comes with the code, in models/<corpus>/<name>.", False)
    train: Recipe = key("A model that this pipeline trains.", None)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [source for source in SOURCES if getattr(self, source) is not None]
        if len(given) != 1:
            raise contradiction(f"found {' and '.join(given) or 'no source'}, expected one of {', '.join(SOURCES)}")
        return self


class CrammingDesign(ExperimentNames):
    """An experiment, which runs all its kinds, lengths and vectors on each of its models."""

    models: ArmNames = key("Names of models.")
    kinds: Distinct[
        Literal["text-test", "text-train", "samples", "random-words", "random-tokens", "shuffled", "repeated"]
    ] = key("Kinds of text; random ones know no language, samples are the model's own.", min_length=1)
    lengths: Lengths = key("Tokens of a text, or for each vector where per_vector is true.")
    vectors: Vectors = key("Numbers of trainable vectors.")
    per_vector: Flag = key("Whether lengths grow with the number of vectors.")
    arms: ArmNames = key(
        "Names of settings; the control shared is optimised as tuned, or else as the first of them.", min_length=1
    )
    controls: Distinct[Literal["random-vector", "prefix", "shared"]] = key(
        "random-vector is not optimised, prefix is the text itself before the text, shared is one vector for two texts."
    )
    texts: Texts = key("Texts of this design, where it has its own number.", None)

    @model_validator(mode="after")
    def _vectors_fit(self) -> Self:
        shortest, most = min(self.lengths), max(self.vectors)
        if not self.per_vector and most > shortest:
            found = f"vectors: found {most}, expected at most the {shortest} tokens of the shortest text"
            raise contradiction(found)
        return self


class Cramming(Section):
    """Document 004, texts in one input vector of a frozen language model."""

    texts: Texts = key(
        "Texts of every kind and length; a design may have its own number. Intervals are bootstraps over texts, and "
        "decisions ask for at least 16."
    )
    predict_first: Flag = key(
        "Whether a text's first token is predicted from the last vector too; document 004 gives it away."
    )
    precision: Precision = key(
        "Number format of the frozen model's matrix products; bfloat16 is for hardware that has it."
    )
    compile: Flag = key("Whether torch.compile is used; for a GPU, where it pays for its start.")
    settings: dict[Name, Optimisation] = key("Name of an arm -> how the vectors are optimised (AdamW).", min_length=1)
    retrain: Flag = key("Whether models that are shipped with the code are trained anew.")
    vocab_size: Annotated[Whole, Field(ge=BYTES, le=65_536)] = key(
        "Tokens of the byte-level BPE of the models trained here."
    )
    training: CrammingTraining = key("Training of those models; a model adds its rate, epochs, batch size and length.")
    models: dict[ModelName, Model] = key("Name of a language model -> where it comes from.", min_length=1)
    methods: Methods = key(METHODS, None)
    experiments: dict[ExperimentName, CrammingDesign] = key(
        "Designs, each of which runs all its kinds, lengths and vectors on each of its models.", max_length=100
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name, design in self.experiments.items():
            for where, names, known in (
                ("models", design.models, list(self.models)),
                ("arms", design.arms, list(self.settings)),
            ):
                for entry in names:
                    if entry not in known:
                        raise unknown(entry, known, where, "experiments", name)
        return self
