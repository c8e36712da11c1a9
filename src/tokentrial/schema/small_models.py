"""The sections ``learned_encoding`` and ``bespoke``: small models on synthetic data."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tokentrial.schema.base import (
    ArmNames,
    Count,
    Distinct,
    ExperimentName,
    Flag,
    Hyphenated,
    HyphenName,
    Positive,
    Rates,
    Ratios,
    Runs,
    Section,
    Steps,
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
from tokentrial.schema.sources import AnySource

Windows = Annotated[Whole, Field(ge=1, le=1_000_000)]
ArmName = Annotated[Text, Field(pattern="^[A-Za-z0-9_]+(-[A-Za-z0-9_]+)*$")]


# The public scripts as released


class Script(Section):
    """One released script."""

    seeds: Runs = key("Number of runs; the first has the script's own seed 42.")
    last_cell: Text | None = key(
        "The cell after which the script stops; null runs all cells. They share one random stream, so only a first "
        "part can be run."
    )


class BespokeScript(Section):
    """One released script of document 003. The script sets no seed, so each run has its own seed."""

    seeds: Runs = key("Number of runs.")
    fresh: Windows = key("Windows of fresh text on which each model is measured, too.")


class ScalingScript(BespokeScript):
    """The scaling script of document 003."""

    steps: Annotated[Distinct[Count], Field(min_length=1, max_length=32)] = key(
        "Numbers of optimiser steps at which the script's models are measured."
    )
    long_seeds: Runs = key("Number of runs that go beyond the script's own number of steps.")
    attribution: Annotated[Distinct[Annotated[Whole, Field(ge=1, le=100_000_000)]], Field(max_length=32)] = key(
        "Corpus sizes at which the attribution arms run."
    )
    attribution_steps: Steps = key("Steps of the attribution arms.")
    fast_rate: Positive = key("Learning rate of the attribution arm with a raised one.")


class ConvergenceScript(BespokeScript):
    """The convergence script of document 003."""

    epochs: Count = key("Number of epochs.")


class BespokeScripts(Section):
    """The released scripts of document 003 by name."""

    quick: BespokeScript = key("A script without a number in the document.", None)
    initial: BespokeScript = key('The document\'s "Initial".', None)
    scaling: ScalingScript = key('The document\'s "Scaling".', None)
    optimized: BespokeScript = key('The document\'s "Optimized".', None)
    ultra: BespokeScript = key('The document\'s "Ultra-Efficient".', None)
    convergence: ConvergenceScript = key("The author's later correction.", None)


# Experiments


class Initialisation(Section):
    """Laws of the initial weights."""

    initial_scale: Positive = key("Standard deviation of an initial table.")
    head_scale: Positive | None = key("Standard deviation of the task model's weights; null for torch.nn.Linear's law.")
    head_bias: Flag = key("Whether the logits have a bias (the documents' models have none).")


class Training(Section):
    """How arms are trained, by Adam."""

    learning_rates: Rates = key("Rates that every arm tries; each seed keeps the one with its best validation loss.")
    steps: Steps = key("Optimiser steps.")
    batch_size: Count | None = key("Sequences a step; null for all of them.")
    evaluations: Count = key("Number of measurements of the validation loss.")
    decay: Flag = key("Whether the learning rate falls linearly to zero over the second half of the steps.")
    select: Literal["best", "last"] = key("Report the best validation step, or the last step as the documents do.")


if TYPE_CHECKING:
    TrainingChanges = Training
else:
    TrainingChanges = changes(Training, "Keys of the training that an experiment changes.")


class SmallArm(Section):
    """An encoder and its options."""

    update: Literal["noise_walk"] = key("noise_walk replaces gradients by the released scripts' random noise.", None)
    steps: Steps = key("Optimiser steps of this arm, if they differ from the experiment's.", None)


Arm: Any = arms_type(SmallArm)


class Design(Section):
    """The settings of an experiment in one way; the conditions are all combinations of its data, ratios and heads."""

    full_width: Width = key("Numbers per token before compression (D).")
    ratios: Ratios = key("Compression ratios; each must divide full_width.", min_length=1)
    heads: Distinct[Literal["mean_pool", "token_mlp", "window_mlp"]] = key("Task models.", min_length=1)
    arms: ArmNames = key("Names of arms.", min_length=1)
    training: TrainingChanges = key("Keys of the training that this experiment changes.", None)
    data: dict[HyphenName, AnySource] = key("Name of a data set -> its source.", min_length=1, max_length=100)

    @model_validator(mode="after")
    def _ratios_divide(self) -> Self:
        for ratio in self.ratios:
            if self.full_width % ratio:
                raise contradiction(f"ratios: {ratio} does not divide full_width {self.full_width}")
        return self


class SmallExperiment(ExperimentOfWays):
    """An experiment: the ways of running it, and its names if they differ from those in the study's file.

    The key scripts lists the scripts as released.
    """

    as_described: Design = key("As the document says.", None)
    done_right: Design = key("As the question needs.", None)


class Initialisations(Hyphenated):
    """Initial weights per way of running an experiment."""

    as_described: Initialisation = key("As the document says.")
    done_right: Initialisation = key("As the question needs.")


class Trainings(Hyphenated):
    """Training per way of running an experiment; an experiment may change single keys."""

    as_described: Training = key("As the document says.")
    done_right: Training = key("As the question needs.")


class Study(Section):
    """A study of small models on synthetic data."""

    hidden: Width = key("Hidden units of the task MLPs.")
    scripts: Any = key("The public scripts as released.")
    initialisation: Initialisations = key("Initial weights per way of running an experiment.")
    training: Trainings = key("Training per way of running an experiment; an experiment may change single keys.")
    arms: dict[ArmName, Arm] = key(
        "Name of an arm (a method, or a method and its size after a hyphen) -> its encoder and options.", min_length=1
    )
    methods: Methods = key(METHODS, None)
    experiments: dict[ExperimentName, SmallExperiment] = key(
        "Name of an experiment -> the ways of running it.", max_length=100
    )

    @model_validator(mode="after")
    def _arms_are_known(self) -> Self:
        for name, experiment in self.experiments.items():
            for way, design in experiment.designs():
                for arm in design.arms:
                    if arm not in self.arms:
                        raise unknown(arm, self.arms, "arms", "experiments", name, way)
        return self


class LearnedEncoding(Study):
    """Documents 000, 001 and 002, synthetic data."""

    scripts: dict[Literal["pure-python", "focused-scaling", "corrected", "academic-validation"], Script] = key(
        "The public scripts as released."
    )


class Bespoke(Study):
    """Document 003."""

    scripts: BespokeScripts = key("The public scripts as released.")
