"""Synthetic data: the key ``source`` decides which other keys a data set has."""

from typing import Annotated, Literal

from pydantic import Field

from tokentrial.schema.base import Flag, Number, Section, Whole, key

SOURCE = "The source of the sequences."
EXPONENT = "Exponent of the Zipf law."
Sequences = Annotated[Whole, Field(ge=1, le=100_000_000)]
Strength = Annotated[Number, Field(ge=0, le=1000)]


class Source(Section):
    """A synthetic data set (see data.spec)."""

    source: str = key(SOURCE)
    vocab_size: Annotated[Whole, Field(ge=2, le=10_000_000)] = key("Number of token types (V).")
    length: Annotated[Whole, Field(ge=2, le=1_000_000)] = key("Tokens of a sequence, inputs and targets.")
    targets: Literal["all", "last"] = key("Predict every next token, or only the last.", "all")
    train: Sequences = key("Training sequences of each seed.")
    validation: Sequences = key("Validation sequences of each seed.")
    test: Sequences = key("Test sequences of each seed.")
    shuffle: Flag = key("Permute the tokens inside each sequence.", False)
    relabel: Flag = key("Rename all tokens at random, in the same way in every split.", False)
    vary: Literal["data", "weights", "order"] = key(
        "What alone differs between seeds: source and sequences, initial weights, or the order of batches; if missing, "
        "all of it.",
        None,
    )
    held_out: Flag = key(
        "Whether validation and test have their own sequences; false takes the training sequences, as the released "
        "code does.",
        True,
    )


class Markov(Source):
    """Document 000's Markov chains."""

    source: Literal["markov"] = key(SOURCE)
    chains: Literal["shared", "per_split"] = key(
        "One Markov chain for all splits, or one per split as in the released code.", "shared"
    )


class Patterns(Source):
    """Document 001's patterns."""

    source: Literal["patterns"] = key(SOURCE)
    kind: Literal["proof_of_concept", "simple", "complex", "structured", "semi_random"] = key("Kind of patterns.")
    variant: Literal["released", "described"] = key(
        "Whether patterns are drawn as in the released code, or as document 001 describes them."
    )
    noise: Annotated[Number, Field(ge=0, le=1)] = key(
        "Probability that a pattern's token is replaced by a uniform one; 0.2 for described semi_random ones, else 0.",
        None,
    )


class ZipfIid(Source):
    """Independent tokens with Zipfian frequencies."""

    source: Literal["zipf_iid"] = key(SOURCE)
    exponent: Strength = key(EXPONENT)


class ZipfMarkov(Source):
    """A Markov chain with Zipfian frequencies."""

    source: Literal["zipf_markov"] = key(SOURCE)
    exponent: Strength = key(EXPONENT)
    sharpness: Strength = key("How far a Zipfian Markov chain is from independent tokens (0).")


AnySource = Annotated[Markov | Patterns | ZipfIid | ZipfMarkov, Field(discriminator="source")]
