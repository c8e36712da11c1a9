"""The section ``language_models``: language models on a real text."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tokentrial.schema.base import (
    ArmNames,
    Count,
    Distinct,
    ExperimentName,
    Flag,
    Hyphenated,
    HyphenName,
    Name,
    Number,
    Positive,
    Rates,
    Ratios,
    Section,
    Seeds,
    Share,
    Text,
    Whole,
    Width,
    changes,
    contradiction,
    key,
    unknown,
)
from tokentrial.schema.declared import METHODS, ExperimentOfWays, Methods
from tokentrial.schema.encoders import arms_type
from tokentrial.studies.language_models import FULL, arms_of, keeps_body, needs_full

BYTES = 256  # types with which a byte-level BPE starts

Precision = Literal["float32", "bfloat16"]
Clip = Annotated[Number, Field(gt=0, le=1_000_000)]
Dropout = Annotated[Number, Field(ge=0, lt=1)]
Single = Annotated[Text, Field(pattern="^[a-z0-9_]+(-[1-9][0-9]*)?$", max_length=100)]


def _no_folder_of_the_text(name: str) -> str:
    if name in ("source", "text"):
        raise contradiction(f"found the key '{name}', a folder of the text itself; expected another name")
    return name


class Tokenisation(Section):
    """How the text is cut into tokens."""

    tokenizer: Literal["word", "bpe", "file"] = key(
        "word for the word types of the training split, bpe for a byte-level BPE trained on the training split, file "
        "for a tokenizer.json of yours."
    )
    vocab_size: Annotated[Whole, Field(ge=1, le=65_536)] | None = key(
        "Types of the BPE; for words, the number of the most frequent types, or null for all; null for a file."
    )
    file: Annotated[Text, Field(min_length=1)] = key("Path of the tokenizer.json, for the tokenizer file.", None)

    @model_validator(mode="after")
    def _bytes_fit(self) -> Self:
        size = self.vocab_size
        if (self.tokenizer == "file") != (self.file is not None):
            found = "found no file" if self.file is None else f"found a file beside the tokenizer {self.tokenizer}"
            raise contradiction(f"{found}, expected it for the tokenizer file alone", "file")
        if self.tokenizer == "file" and size is not None:
            raise contradiction(f"found {size}, expected null: the file says how many types there are", "vocab_size")
        if self.tokenizer == "bpe" and (size is None or size < BYTES):
            found = f"found {'null' if size is None else size}"
            raise contradiction(f"{found}, expected at least {BYTES} for a byte-level BPE", "vocab_size")
        return self


class Margins(Section):
    """Margins of the equivalence test. Fixed before a run."""

    cross_entropy: Positive = key("Nats per token.")
    accuracy: Share = key("Share of tokens.")


# Bodies


class Lstm(Section):
    """A recurrent network."""

    kind: Literal["lstm"] = key("A stack of attention blocks, or a recurrent network.")
    layers: Annotated[Whole, Field(ge=1, le=1000)] = key("Number of layers.")
    dropout: Dropout = key("Probability of dropping a number in training.")


class Transformer(Section):
    """A stack of attention blocks."""

    kind: Literal["transformer"] = key("A stack of attention blocks, or a recurrent network.")
    layers: Annotated[Whole, Field(ge=1, le=1000)] = key("Number of layers.")
    heads: Width = key("Attention heads; must divide the body's width.")
    feedforward: Count = key("Hidden units of a block's feed-forward network.")
    dropout: Dropout = key("Probability of dropping a number in training.")
    causal: Flag = key(
        "Whether a position sees only earlier positions. Without this mask, the next token is visible.", True
    )
    positions: Flag = key("Whether learned position vectors are added.", True)
    norm_first: Flag = key("Whether layer norm comes before each part of a block (pre-norm), or after.", True)


Body = Annotated[Transformer | Lstm, Field(discriminator="kind")]


class BodyChanges(changes(Transformer, "Keys of the body that an arm changes.")):  # type: ignore[misc]
    """Keys of the body that an arm changes."""

    kind: Literal["transformer", "lstm"] = key("A stack of attention blocks, or a recurrent network.", None)


class LanguageArm(Section):
    """An encoder and its options."""

    body: BodyChanges = key("Keys of the body that this arm changes.", None)
    epochs: Count = key("Passes over the training text, if they differ from the experiment's.", None)


Arm: Any = arms_type(LanguageArm)


class LanguageTraining(Section):
    """How a language model is trained."""

    optimiser: Literal["adam", "sgd"] = key("Adam, or plain gradient descent as in the pytorch/examples recipe.")
    learning_rates: Rates = key("Rates that every arm tries; each seed keeps the one with its best validation loss.")
    epochs: Count = key("Passes over the training text.")
    fraction: Share = key("First share of the training text that is used.")
    held_out_fraction: Share = key("First share of the validation and test text that is used.")
    batch_size: Count = key("Blocks or streams a step.")
    length: Count = key("Predicted tokens of a block.")
    order: Literal["blocks", "streams"] = key("Shuffled blocks, or contiguous streams that carry their state over.")
    clip: Clip = key("Largest norm of the gradient.")
    schedule: Literal["constant", "linear", "plateau"] = key(
        "Keep the rate, let it fall linearly to zero over the second half, or divide it by 4 when validation does not "
        "improve."
    )
    evaluations: Count = key("Number of measurements of the validation loss, spread evenly over the training.")
    select: Literal["best", "last"] = key("Report the best validation step, or the last step as the documents do.")


if TYPE_CHECKING:
    LanguageTrainingChanges = LanguageTraining
else:
    LanguageTrainingChanges = changes(LanguageTraining, "Keys of the training that an experiment changes.")


class LanguageDesign(Section):
    """The settings of an experiment in one way; its jobs are the arms at all ratios and the single arms."""

    tokens: Text = key("Name of a tokenisation.")
    body: Text = key("Name of a body.")
    full_width: Width = key("Numbers per token before compression (D).")
    narrow: Flag = key(
        "Whether the body shrinks to the compressed width, as in the documents; false widens the codes to the full "
        "width."
    )
    tied: Flag = key("Whether the output layer is the input table.")
    initial_scale: Positive = key("Standard deviation of an initial table.")
    seeds: Seeds = key("Replicates, if their number differs from the study's.", None)
    ratios: Ratios = key("Compression ratios; each must divide full_width.")
    arms: ArmNames = key("Arms that have a compressed width, trained at every ratio.")
    single: Annotated[Distinct[Single], Field(max_length=200)] = key(
        "Arms trained once, without a ratio or at the ratio after a hyphen."
    )
    training: LanguageTrainingChanges = key("Keys of the training that this experiment changes.", None)

    def jobs(self) -> list[tuple[str, str, int]]:
        """Returns (name, entry of the study's arms, ratio) of every arm."""
        return list(arms_of(vars(self)))

    @model_validator(mode="after")
    def _jobs_are_possible(self) -> Self:
        jobs = self.jobs()
        names = [name for name, _, _ in jobs]
        twice = [name for name in self.single if names.count(name) > 1]
        if twice:
            raise contradiction(f"single: '{twice[0]}' is there already, from arms and ratios; expected it once")
        for ratio in dict.fromkeys([*self.ratios, *(ratio for _, _, ratio in jobs)]):
            if self.full_width % ratio:
                raise contradiction(f"ratios: {ratio} does not divide full_width {self.full_width}")
        return self


class LanguageExperiment(ExperimentOfWays):
    """An experiment: the ways of running it, and its names if they differ from those in the study's file."""

    as_released: LanguageDesign = key("As the released code does.", None)
    as_described: LanguageDesign = key("As the document says.", None)
    done_right: LanguageDesign = key("As the question needs.", None)


class LanguageTrainings(Hyphenated):
    """Training per way of running an experiment; an experiment may change single keys."""

    as_released: LanguageTraining = key("As the released code does.")
    as_described: LanguageTraining = key("As the document says.")
    done_right: LanguageTraining = key("As the question needs.")


class LanguageModels(Section):
    """Document 002's real-world validation, language models on a real text."""

    tokens: dict[Annotated[HyphenName, AfterValidator(_no_folder_of_the_text)], Tokenisation] = key(
        "Name of a tokenisation -> how the text is cut into tokens.", min_length=1
    )
    seeds: Seeds = key(
        "Paired replicates of every arm; each has its own initial weights, order of batches and dropout."
    )
    margins: Margins = key("Margins of the equivalence test. Fixed before a run.")
    precision: Precision = key("Number format of matrix products; bfloat16 is for hardware that has it.")
    bodies: dict[Name, Body] = key(
        "Name of a body -> the layers between the input vectors and the output layer.", min_length=1
    )
    training: LanguageTrainings = key(
        "Training per way of running an experiment; an experiment may change single keys."
    )
    arms: dict[Name, Arm] = key("Name of an arm -> its encoder and options.", min_length=1)
    methods: Methods = key(METHODS, None)
    experiments: dict[ExperimentName, LanguageExperiment] = key(
        "Name of an experiment -> the ways of running it.", max_length=100
    )

    @model_validator(mode="after")
    def _designs_fit(self) -> Self:
        for name, experiment in self.experiments.items():
            for way, design in experiment.designs():
                place = ("experiments", name, way)
                self._check_names(design, place)
                self._check_bodies(design, place)
                self._check_two_stages(design, place)
        return self

    def _check_names(self, design: LanguageDesign, place: tuple[str, ...]) -> None:
        for where, name, known in (("tokens", design.tokens, self.tokens), ("body", design.body, self.bodies)):
            if name not in known:
                raise unknown(name, known, where, *place)
        for where, names in (("arms", design.arms), ("single", [name.partition("-")[0] for name in design.single])):
            for name in names:
                if name not in self.arms:
                    raise unknown(name, self.arms, where, *place)

    def _check_bodies(self, design: LanguageDesign, place: tuple[str, ...]) -> None:
        """Checks that a body has the keys that arms change, and that heads divide its width (d_c if narrow, else D)."""
        width, body = design.full_width, self.bodies[design.body]
        for name, entry, ratio in design.jobs():
            changed = self.arms[entry].body
            lacking = sorted(changed.model_fields_set - set(type(body).model_fields)) if changed else []
            if lacking:
                found = f"body: found '{design.body}', which lacks the key '{lacking[0]}' of '{name}'"
                raise contradiction(f"{found}; expected a body of another kind", *place)
            heads = (changed and changed.heads) or getattr(body, "heads", 1)
            left = width // ratio if design.narrow else width
            if left % heads:
                found = f"full_width: found {width}" if left == width else f"ratios: {ratio} leaves a width of {left}"
                raise contradiction(f"{found}, expected a multiple of the {heads} heads of '{name}'", *place)

    def _check_two_stages(self, design: LanguageDesign, place: tuple[str, ...]) -> None:
        """Checks that the full model is trained if arms start from it, with its full body if they keep the body."""
        arms = [self.arms[entry] for _, entry, _ in design.jobs()]
        two_stage = [arm.encoder for arm in arms if needs_full({"encoder": vars(arm)})]
        if two_stage and FULL not in design.single:
            missing = f"single: '{FULL}' is missing; the '{two_stage[0]}' encoder starts from its table"
            raise contradiction(missing, *place)
        others = [encoder for encoder in two_stage if keeps_body(encoder)]
        if others and design.narrow:
            found = f"narrow: found true, but '{others[0]}' keeps the full model's body; expected false"
            raise contradiction(found, *place)
