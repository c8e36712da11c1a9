"""Claims that reach beyond a document's experiments: their arithmetic, and what cannot be checked at all."""

import datetime
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

from tokentrial.claims.catalogue import WORDS, check
from tokentrial.claims.parameters import Count, Positive, Share
from tokentrial.claims.printed import exact, percent, show
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, NOT_CHECKABLE, PARTLY, Each, Finding, listed, verdict_of
from tokentrial.errors import InputError

Reason = Literal["future_work", "no_number", "outside_the_experiments", "literature", "no_material"]
REASONS: dict[str, str] = {
    "future_work": "The document announces it and reports no result on it",
    "no_number": "The document gives no number that could be recomputed or contradicted",
    "outside_the_experiments": "No experiment of the document, or of this project, touches it",
    "literature": "It is a statement about other work, which the document's own numbers cannot decide",
    "no_material": "The material that would decide it is not part of the document",
}


class Model(NamedTuple):
    """A public language model: tokens, width, layers, width of keys and values, all parameters, tables of V x width."""

    vocabulary: int
    width: int
    layers: int
    key_width: int
    parameters: int
    tables: int


ModelName = Literal["GPT-2", "BERT-base", "Llama-3.1-8B", "GPT-3"]
# Sources: the models' published configurations (Radford 2019; Devlin 2019; Brown 2020; Dubey 2024).
MODELS: dict[ModelName, Model] = {
    "GPT-2": Model(50257, 768, 12, 768, 124_439_808, 1),
    "BERT-base": Model(30522, 768, 12, 768, 109_482_240, 1),
    "Llama-3.1-8B": Model(128256, 4096, 32, 1024, 8_030_261_248, 2),
    "GPT-3": Model(50257, 12288, 96, 12288, 175_000_000_000, 1),
}


@check("What keeps a claim without a number from being checked?", source=WORDS)
def not_checkable(because: Reason, about: str) -> Finding:
    """about: what the claim is about, in a few words; the reason comes from a closed list."""
    return Finding(NOT_CHECKABLE, {}, f"{REASONS[because]} ({about}).")


@check(
    "Do token tables hold at least this share of the parameters of each public model?",
    source="published configurations: Radford (2019), Devlin (2019), Brown (2020), Dubey (2024)",
)
def embedding_share(least: Share, claim: Each, models: Sequence[ModelName] = tuple(MODELS)) -> Finding:
    shares = {name: _table_share(MODELS[name]) for name in models}
    holds = [share >= least.interval.low for share in shares.values()]
    shown = listed([f"{percent(share)} of {name}" for name, share in shares.items()])
    reason = f"Token tables hold {shown}; {sum(holds)} of {len(holds)} reach {least.text}."
    return Finding(verdict_of(holds, claim), {name: float(share) for name, share in shares.items()}, reason)


@check(
    "Does saving this share of the input table save so much of each whole public model?",
    source="published configurations: Radford (2019), Devlin (2019), Brown (2020), Dubey (2024)",
)
def model_saving(saving: Share, least: Share, claim: Each, models: Sequence[ModelName] = tuple(MODELS)) -> Finding:
    shares: dict[str, float] = {
        name: saving.value * MODELS[name].vocabulary * MODELS[name].width / MODELS[name].parameters for name in models
    }
    holds = [share >= float(least.interval.low) for share in shares.values()]
    shown = listed([f"{percent(share)} of {name}" for name, share in shares.items()])
    reason = f"Saving {saving.text} of the input table saves {shown}; {sum(holds)} of {len(holds)} reach {least.text}."
    return Finding(verdict_of(holds, claim), shares, reason)


def _table_share(model: Model) -> Fraction:
    return Fraction(model.tables * model.vocabulary * model.width, model.parameters)


@check("Is the printed share saved, if a body of the full width needs a projection of the narrower table?")
def net_saving(vocabulary: Positive, width: Positive, narrow: Positive, result: Share) -> Finding:
    """CONSISTENT with the projection (narrow x width), PARTLY if the printed share leaves it out."""
    full = vocabulary.interval * width.interval
    table = exact(1) - narrow.interval / width.interval
    net = table - narrow.interval * width.interval / full
    projection = f"{narrow.text} x {width.text} projection"
    shown = f"{percent(table)} of the table and {percent(net)} with the {projection} that the body needs"
    recomputed = {"table": table.middle, "with_projection": net.middle}
    verdict = CONSISTENT if net.meets(result.interval) else PARTLY if table.meets(result.interval) else INCONSISTENT
    return Finding(verdict, recomputed, f"The narrower table saves {shown}; printed is {result.text}.")


@check("Does a learned table save the stated share in use, against a frozen encoder's codes?")
def deployed_saving(vocabulary: Count, narrow: Count, stated: Share) -> Finding:
    """A frozen encoder gives each token one fixed code, so V x d_c numbers are all that has to be kept of it."""
    numbers = vocabulary.nominal * narrow.nominal
    holds = stated.interval.contains(0)
    reason = (
        f"Once trained, the frozen autoencoder's codes are a table of {vocabulary.text} x {narrow.text} = "
        f"{show(numbers)} numbers, as the learned one, so in use the saving is 0 %, against the stated {stated.text}."
    )
    return Finding(CONSISTENT if holds else INCONSISTENT, {"numbers_kept": float(numbers), "saving": 0.0}, reason)


@check("Is what a narrower table saves a share of a long sequence's memory that matters?")
def sequence_memory(
    vocabulary: Positive, width: Positive, narrow: Positive, tokens: Positive, matters_from: Share
) -> Finding:
    """Table in 4-byte numbers; the sequence itself at one byte per token, far less than any activation."""
    saved = vocabulary.interval * (width.interval - narrow.interval) * exact(4)
    share = saved / tokens.interval
    holds = share.high >= matters_from.interval.low
    reason = (
        f"The narrower table saves {show(saved)} bytes, {show(share, 2)} of the {tokens.text} bytes that the sequence "
        f"takes at one byte per token, {'which reaches' if holds else 'far from'} {matters_from.text}."
    )
    if saved.high <= 0:
        reason = (
            f"A table of {vocabulary.text} x {narrow.text} is not smaller than {vocabulary.text} x {width.text}: "
            "nothing is saved."
        )
        holds = False
    return Finding(CONSISTENT if holds else INCONSISTENT, {"bytes_saved": saved.middle, "share": share.middle}, reason)


@check(
    "Do embeddings so much narrower fit so many more tokens into the memory of a public model?",
    source="published configurations: Radford (2019), Devlin (2019), Brown (2020), Dubey (2024)",
)
def context_factor(ratio: Positive, factor: Positive, models: Sequence[ModelName] = tuple(MODELS)) -> Finding:
    """Memory per token of context: its embedding and the keys and values of every layer, of which only the first
    shrinks.
    """
    found: dict[str, float] = {}
    for name in models:
        model = MODELS[name]
        keys = 2 * model.layers * model.key_width
        found[name] = (keys + model.width) / (keys + model.width / ratio.value)
    holds = [factor.interval.contains(value) for value in found.values()]
    shown = listed([f"{show(value)} times more in {name}" for name, value in found.items()])
    reason = (
        f"Embeddings {ratio.text} narrower leave keys and values as they are, so the same memory holds {shown}, "
        f"against {factor.text}."
    )
    return Finding(verdict_of(holds, "all"), found, reason)


@check("Is a vector of this width a compression: narrower than the rank of the table, its tokens?")
def compressed_width(vocabulary: Count, width: Count, about: str = "the encoding") -> Finding:
    holds = width.nominal < vocabulary.nominal
    found = f"{vocabulary.text} tokens span at most {vocabulary.text} dimensions, {about} has {width.text}"
    reason = f"{found}: {'a compression' if holds else 'an expansion, not a compression'}."
    ratio = float(vocabulary.nominal / width.nominal)
    return Finding(CONSISTENT if holds else INCONSISTENT, {"tokens_per_dimension": ratio}, reason)


@check(
    "Has a vector of so many bits room for more than so many tokens, at log2 V bits each?",
    source="counting: log2 V bits tell V tokens apart",
)
def capacity(bits: Count, widths: Sequence[Count], vocabulary: Count, ratio: Positive) -> Finding:
    per_token = math.log2(float(vocabulary.nominal))
    found = [float(width.nominal) * float(bits.nominal) / per_token for width in widths]
    holds = [tokens > float(ratio.interval.high) for tokens in found]
    shown = listed([f"{show(tokens)} at width {width.text}" for tokens, width in zip(found, widths, strict=True)])
    reason = (
        f"At {bits.text} bits a number one vector has room for {shown} tokens of log2({vocabulary.text}) = "
        f"{per_token:.1f} bits; the claim is about {ratio.text}."
    )
    return Finding(verdict_of(holds, "all"), {"tokens": found}, reason)


@check(
    "Can codes of d numbers of so many bits tell all tokens apart: is 2^(bits d) >= V?",
    source="counting: b bits have 2^b values",
)
def code_room(bits: Count, widths: Sequence[Count], vocabularies: Sequence[Count]) -> Finding:
    largest = max(vocabularies, key=lambda size: size.nominal)
    holds = [float(width.nominal * bits.nominal) >= math.log2(float(largest.nominal)) for width in widths]
    needed = math.ceil(math.log2(float(largest.nominal)) / float(bits.nominal))
    reason = (
        f"{largest.text} tokens need {math.log2(float(largest.nominal)):.1f} bits, {needed} "
        f"number{'s' if needed > 1 else ''} of {bits.text} bits; {sum(holds)} of {len(holds)} widths have the room."
    )
    return Finding(verdict_of(holds, "all"), {"numbers_needed": needed}, reason)


@check("Is the theoretical capacity at least so many times what is reached in practice, at every width?")
def capacity_gap(
    bits: Count, widths: Sequence[Count], vocabulary: Count, practice: Positive, least: Positive
) -> Finding:
    per_token = math.log2(float(vocabulary.nominal))
    factors = [float(width.nominal) * float(bits.nominal) / per_token / practice.value for width in widths]
    holds = [factor >= least.value for factor in factors]
    shown = listed([f"{show(factor, 3)} at width {width.text}" for factor, width in zip(factors, widths, strict=True)])
    reason = (
        f"The theoretical capacity is {shown} times the {practice.text} tokens per vector of practice; a gap is "
        f"{least.text} or more."
    )
    return Finding(verdict_of(holds, "all"), {"factors": factors}, reason)


@check("Is a date (year-month-day) not after any of the deadlines?", source="the printed dates")
def before_deadlines(date: str, deadlines: Mapping[str, str], claim: Each) -> Finding:
    try:
        day = datetime.date.fromisoformat(date)
        ends = {name: datetime.date.fromisoformat(text) for name, text in deadlines.items()}
    except ValueError as error:
        raise InputError(f"parameters: expected dates as year-month-day: {error}") from None
    late = [f"{name} ({end.isoformat()})" for name, end in ends.items() if day > end]
    reason = (
        f"{day.isoformat()} is {'after ' + listed(late) if late else 'before every deadline'}; {len(ends) - len(late)} "
        f"of {len(ends)} venues were open."
    )
    return Finding(verdict_of([day <= end for end in ends.values()], claim), {"open": len(ends) - len(late)}, reason)


@check(
    "Do one-hot codes tell tokens apart and nothing else: are all pairs at one distance?",
    source="linear algebra: all pairs of one-hot codes have one distance",
)
def one_hot_information(vocabulary: Count) -> Finding:
    """Raises InputError for fewer than two tokens."""
    size = int(vocabulary.nominal)
    if size < 2:
        raise InputError(f"parameters: vocabulary: found {vocabulary.text}, expected at least 2")
    codes = np.eye(size)
    distances = np.linalg.norm(codes[:, None] - codes[None], axis=2)[~np.eye(size, dtype=bool)]
    alike, apart = float(np.ptp(distances)) == 0.0, float(distances.min()) > 0.0
    reason = (
        f"All {math.comb(size, 2):,} pairs of {size} one-hot codes are {show(float(distances[0]))} apart: they tell "
        f"tokens apart ({math.log2(size):.2f} bits), and no two are more alike than any others."
    )
    recomputed = {"bits": math.log2(size), "pairs": math.comb(size, 2)}
    return Finding(CONSISTENT if alike and apart else INCONSISTENT, recomputed, reason)
