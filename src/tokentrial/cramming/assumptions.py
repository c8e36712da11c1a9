"""What the study assumes of a language model in a folder, each assumption with the check that refuses its breach.

A folder that breaks one of them quietly would give wrong numbers: scores that see their own targets, weights drawn at
random, a text that is not the text of the corpus.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerFast

from tokentrial.errors import InputError

if TYPE_CHECKING:
    from tokentrial.cramming.folders import LanguageModel

PROBE = 8  # number of tokens with which a model is checked
CACHED = 5  # of these, in the first pass of a check of the key-value cache
# Tensors of old checkpoints that a model makes anew from its config: causal masks and frequencies of rotary positions.
MADE_ANEW = re.compile(r"(attn|attention)\.(masked_)?bias$|rotary_emb\.inv_freq$")
WINDOWS = ("sliding_window", "window_size")  # keys of a config: how far back attention sees
# Positions whose rotation depends on the whole length, so that neither a cache nor a shared pass is exact.
LENGTH_DEPENDENT = ("dynamic", "longrope")
UNSUPPORTED = {
    "quantization_config": "quantised weights, expected weights in float32, float16 or bfloat16",
    "is_encoder_decoder": "an encoder and a decoder, expected a causal language model",
}


def check_config(content: Mapping[str, Any], path: Path) -> None:
    """Raises InputError for a config.json that announces a kind of model that the study does not read."""
    for key, found in UNSUPPORTED.items():
        if content.get(key):
            raise InputError(f"{path}: {key}: found {found}")


def check_loading(loading: Mapping[str, Any], name: str) -> None:
    """Raises InputError if weights are missing, which transformers then draws at random, or are left out."""
    missing = sorted(loading["missing_keys"])
    if missing:
        raise InputError(f"{name}: found no weights for {len(missing)} tensors of the model, such as {missing[0]}")
    unused = sorted(key for key in loading["unexpected_keys"] if not MADE_ANEW.search(key))
    if unused:
        found = f"found {len(unused)} tensors that the model of its config.json does not use, such as {unused[0]}"
        raise InputError(f"{name}: {found}; expected the weights of that model alone")


def check_weights(model: PreTrainedModel, table: Tensor, head: Tensor, name: str) -> None:
    """Raises InputError for weights that are not numbers, a constant table, or a tied flag that the weights belie."""
    for key, value in model.named_parameters():
        if not value.isfinite().all():
            raise InputError(f"{name}: {key}: found a weight that is infinite or not a number")
    if not float(table.std()) > 0:  # the scale of initial vectors and of the learning rate
        raise InputError(f"{name}: found a table whose numbers are all equal, expected one vector for each token")
    tied = getattr(model.config, "tie_word_embeddings", False)
    if tied and head is not table and not (head.shape == table.shape and torch.equal(head, table)):
        found = "found tie_word_embeddings: true, and an output layer that is not the table"
        raise InputError(f"{name}: config.json: {found}; expected one of the two")


def context_of(config: Any, name: str) -> int | None:
    """Returns the largest number of positions that see each other, None if there is no limit.

    With a sliding window that is the window: beyond it, a token no longer sees the vectors at the beginning. Raises
    InputError if it is not a whole number of at least 2.
    """
    limits = [getattr(config, "max_position_embeddings", None), *(getattr(config, key, None) for key in WINDOWS)]
    known = [limit for limit in limits if limit not in (None, -1)]  # -1: without a limit, as in XLNet
    for limit in known:
        if type(limit) is not int or limit < 2:
            raise InputError(f"{name}: config.json: found a context of {limit!r:.40}, expected a whole number from 2")
    return min(known, default=None)


def check_tokenizer(tokenizer: PreTrainedTokenizerFast, rows: int, name: str) -> None:
    """Raises InputError for tokens without a row in the table, or texts that start with several tokens of their own."""
    if len(tokenizer) > rows:
        found = f"found a tokenizer of {len(tokenizer)} tokens"
        raise InputError(f"{name}: {found}, expected at most the {rows} rows of the model's table")
    if (largest := max(tokenizer.get_vocab().values(), default=-1)) >= rows:
        found = f"found a tokenizer with the id {largest}"
        raise InputError(f"{name}: {found}, expected ids below the {rows} rows of the model's table")
    if len(start := start_ids(tokenizer)) > 1:  # one is the text's first token, which the model is given
        found = f"found a tokenizer that starts every text with {len(start)} tokens"
        raise InputError(f"{name}: {found}, expected at most one")


def start_ids(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Returns the ids of the tokens that the tokenizer puts at the start of every text; those at the end are ignored.

    A token that is not said to begin texts is one at the end of a text without words.
    """
    sample = "a"
    plain = list(tokenizer(sample, add_special_tokens=False)["input_ids"])
    whole = list(tokenizer(sample)["input_ids"])
    for start in range(len(whole) - len(plain) + 1):
        if plain and whole[start : start + len(plain)] == plain:
            return whole[:start]
    first = tokenizer.bos_token_id  # the sample has no token of its own
    return [first] if first is not None and first in whole[:1] else []


def check_text(tokenizer: PreTrainedTokenizerFast, ids: list[int], text: str, name: str) -> None:
    """Raises InputError if the tokens of a text do not say the text: lower-cased, stripped of accents, unknown words.

    ids: the first tokens of the text, or all. White space does not count, since some tokenizers add a first space.
    """
    said = "".join(tokenizer.decode(ids, clean_up_tokenization_spaces=False).split()).rstrip(
        "\N{REPLACEMENT CHARACTER}"
    )
    expected = "".join(text.split())[: len(said)]
    if said != expected:
        place = next((at for at, pair in enumerate(zip(said, expected, strict=False)) if pair[0] != pair[1]), 0)
        shown = slice(max(0, place - 10), place + 10)
        found = f"its tokenizer changes the text: found '{said[shown]}' in place of '{expected[shown]}'"
        raise InputError(f"{name}: {found}; expected a tokenizer whose tokens say the text")


@torch.no_grad()
def check_output(model: "LanguageModel", name: str) -> None:
    """Raises InputError if the model's logits are not the output layer applied to the last hidden state.

    Some models rescale input vectors, or rescale or cap the logits, which small logits would hide: the output layer's
    result is replaced by large ones, which have to come out as they are.
    """
    ids = probe(model)
    hidden, head = model.hidden(model.table[ids]), model.model.get_output_embeddings()
    expected = model.model(input_ids=ids, use_cache=False, **model.positions(ids.shape[1])).logits
    logits = nn.functional.linear(hidden, model.weight, model.bias)
    right = logits.shape == expected.shape and torch.allclose(logits, expected, rtol=1e-3, atol=1e-3)
    large = torch.linspace(-100, 100, logits.numel(), dtype=logits.dtype, device=logits.device).view_as(logits)
    hook = head.register_forward_hook(lambda *_: large)
    try:
        scores = model.model(input_ids=ids, use_cache=False, **model.positions(ids.shape[1])).logits
    finally:
        hook.remove()
    if not right or not (torch.equal(scores, large) or torch.equal(scores, expected)):  # or it calls no layer
        kind = type(model.model).__name__
        raise InputError(
            f"{name}: {kind} changes its input vectors or scores on the way, which this study does not support"
        )


@torch.no_grad()
def check_causal(model: "LanguageModel", name: str) -> None:
    """Raises InputError if a token changes the hidden states of earlier positions, which then see what they predict."""
    ids = probe(model)
    other = ids.clone()
    other[:, -1] = (ids[:, -1] + 1) % model.vocab_size
    before, after = (model.hidden(model.table[each])[:, :-1] for each in (ids, other))
    if not torch.allclose(before, after, rtol=0, atol=1e-5 * float(before.abs().max())):  # only rounding is left
        kind = type(model.model).__name__
        raise InputError(
            f"{name}: {kind} sees tokens behind the one that it predicts, expected a causal language model"
        )


@torch.no_grad()
def caches(model: "LanguageModel") -> bool:
    """Returns whether a key-value cache gives the hidden states of a whole pass."""
    if is_length_dependent(model.model.config):
        return False
    vectors = model.table[probe(model)]
    whole, cache = model.hidden(vectors), DynamicCache()
    parts = [vectors[:, :CACHED], *torch.split(vectors[:, CACHED:], 1, 1)]
    length, states = 0, []
    try:
        for part in parts:
            states.append(model.continued(part, cache, length))
            length += part.shape[1]
        cache.batch_select_indices(torch.zeros(1, dtype=torch.int64, device=vectors.device))
    except Exception:  # an architecture with a state of its own
        return False
    return torch.allclose(torch.cat(states, 1), whole, rtol=0, atol=1e-4 * float(whole.abs().max()))


def is_length_dependent(config: Any) -> bool:
    """Whether positions are encoded by the length of the whole text."""
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    return isinstance(rope, Mapping) and rope.get("rope_type", rope.get("type")) in LENGTH_DEPENDENT


def probe(model: "LanguageModel") -> Tensor:
    """Returns ids (1, L) of tokens with which a model is checked: PROBE of them, or as many as its context holds."""
    count = PROBE if model.context is None else min(PROBE, model.context)
    return torch.arange(count, device=model.table.device).remainder(model.vocab_size).unsqueeze(0)


def special_ids(tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    """Returns the ids of special tokens: those with a role, and those that a tokenizer only calls special."""
    added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(tokenizer.all_special_ids) | added


def ids_of(tokenizer: PreTrainedTokenizerFast, without: Iterable[int]) -> list[int]:
    """Returns the ids of a tokenizer's tokens, rising, some left out; an id without a token is none of them."""
    left_out = set(without)
    return [token for token in sorted(set(tokenizer.get_vocab().values())) if token not in left_out]
