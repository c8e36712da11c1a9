"""Turns a GGUF file of a Llama-like model into a folder in Hugging Face's format.

What is converted: RMSNorm, rotary positions without scaling, SwiGLU, grouped queries, no biases, a byte-level BPE. A
file with anything else (experts, biases, scaled positions, SentencePiece) is refused in one line. Weights are written
in float32, so that they are those of the file bit by bit.
"""

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaConfig, PreTrainedTokenizerFast

from tokentrial.cramming.gguf import Gguf
from tokentrial.errors import InputError
from tokentrial.results import whole_file

Value = TypeVar("Value", int, float, str, bool, list[Any])
Floats = npt.NDArray[np.float32]

RECORD = "gguf.json"  # in the folder: what the folder was made from
CONTROL, USER_DEFINED = 3, 4  # types of tokens
# GGUF's name of the pre-tokenizer -> the splits before byte-level BPE's own.
SPLITS = {"gpt-2": [], "smollm": [pre_tokenizers.Digits(individual_digits=True)]}


def convert(path: str | Path, folder: str | Path, record: Mapping[str, Any]) -> None:
    """Writes the model of a GGUF file as a folder, whole or not at all; record: further facts for ``RECORD``.

    Raises InputError with one line for a file that is damaged or holds another kind of model.
    """
    target, gguf = Path(folder), Gguf(path)
    config, tokenizer = configuration(gguf), tokenizer_of(gguf)
    tensors = dict(weights(gguf, config))
    working = target.with_name(f".{target.name}.writing")
    shutil.rmtree(working, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    try:
        working.mkdir(parents=True)
        config.save_pretrained(working)
        save_file(tensors, working / "model.safetensors", {"format": "pt"})
        (working / "model.safetensors").chmod(0o644)
        tokenizer.save_pretrained(working)
        kinds = [stored.kind.name for stored in gguf.tensors.values()]
        content = {**record, "file": gguf.path.name, "tensors": {kind: kinds.count(kind) for kind in sorted({*kinds})}}
        with whole_file(working / RECORD) as file:
            file.write(json.dumps(content, indent=1, sort_keys=True).encode() + b"\n")
        working.rename(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(working, ignore_errors=True)


def configuration(gguf: Gguf) -> LlamaConfig:
    """Returns the shape of the model. Raises InputError for a key that is missing or wrong."""
    architecture = value(gguf, "general.architecture", str)
    if architecture != "llama":
        raise InputError(f"{gguf.path}: general.architecture: found '{architecture}', expected 'llama'")
    scaled = [key for key in gguf.values if key.startswith("llama.rope.scaling.") or key == "llama.expert_count"]
    if scaled and gguf.values[scaled[0]] not in (0, "none"):
        raise InputError(f"{gguf.path}: {scaled[0]}: found a kind of Llama with this key, expected one without")
    width, heads = (count(gguf, f"llama.{key}") for key in ("embedding_length", "attention.head_count"))
    pairs = count(gguf, "llama.attention.head_count_kv", heads)
    if width % heads or heads % pairs or width // heads % 2:
        raise InputError(f"{gguf.path}: llama.attention: found {heads} and {pairs} heads at width {width}")
    rotated = count(gguf, "llama.rope.dimension_count", width // heads)
    if rotated != width // heads:
        found = f"found {rotated}, expected the {width // heads} dimensions of a head"
        raise InputError(f"{gguf.path}: llama.rope.dimension_count: {found}")
    # float32 values in their shortest digits: 9.999999747378752e-06 is 1e-05
    floats = {
        key: float(str(np.float32(value(gguf, f"llama.{key}", float, default))))
        for key, default in (("attention.layer_norm_rms_epsilon", None), ("rope.freq_base", 10000.0))
    }
    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=table_of(gguf)[0],
        hidden_size=width,
        intermediate_size=count(gguf, "llama.feed_forward_length"),
        num_hidden_layers=count(gguf, "llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=pairs,
        max_position_embeddings=count(gguf, "llama.context_length"),
        rms_norm_eps=floats["attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": floats["rope.freq_base"]},
        tie_word_embeddings="output.weight" not in gguf.tensors,
        bos_token_id=gguf.values.get("tokenizer.ggml.bos_token_id"),
        eos_token_id=gguf.values.get("tokenizer.ggml.eos_token_id"),
        dtype="float32",
    )


def weights(gguf: Gguf, config: LlamaConfig) -> Iterator[tuple[str, Floats]]:
    """Yields (Hugging Face's name, tensor) of every tensor. Raises InputError for one that is missing or unknown."""
    expected = layout(config)
    for name in gguf.tensors:
        if name not in expected:
            raise InputError(f"{gguf.path}: found the tensor {name}, expected none but those of a Llama")
    for name, (renamed, shape, heads) in expected.items():
        if name not in gguf.tensors:
            raise InputError(f"{gguf.path}: tensor {name} is missing, expected it in a model of this shape")
        if gguf.tensors[name].shape != shape:
            found = f"found the shape {gguf.tensors[name].shape}, expected {shape}"
            raise InputError(f"{gguf.path}: tensor {name}: {found}")
        array = gguf.array(name)
        yield renamed, unpermuted(array, heads) if heads else array


def layout(config: LlamaConfig) -> dict[str, tuple[str, tuple[int, ...], int]]:
    """Returns GGUF's name -> Hugging Face's name, shape, and heads whose rows GGUF has in another order (or 0)."""
    width, inner, table = config.hidden_size, config.intermediate_size, (config.vocab_size, config.hidden_size)
    heads, pairs = config.num_attention_heads, config.num_key_value_heads
    narrow = width // heads * pairs
    names: dict[str, tuple[str, tuple[int, ...], int]] = {
        "token_embd.weight": ("model.embed_tokens.weight", table, 0),
        "output_norm.weight": ("model.norm.weight", (width,), 0),
    }
    if not config.tie_word_embeddings:
        names["output.weight"] = ("lm_head.weight", table, 0)
    for layer in range(config.num_hidden_layers):
        for name, renamed, shape, permuted in (
            ("attn_norm", "input_layernorm", (width,), 0),
            ("attn_q", "self_attn.q_proj", (width, width), heads),
            ("attn_k", "self_attn.k_proj", (narrow, width), pairs),
            ("attn_v", "self_attn.v_proj", (narrow, width), 0),
            ("attn_output", "self_attn.o_proj", (width, width), 0),
            ("ffn_norm", "post_attention_layernorm", (width,), 0),
            ("ffn_gate", "mlp.gate_proj", (inner, width), 0),
            ("ffn_up", "mlp.up_proj", (inner, width), 0),
            ("ffn_down", "mlp.down_proj", (width, inner), 0),
        ):
            names[f"blk.{layer}.{name}.weight"] = (f"model.layers.{layer}.{renamed}.weight", shape, permuted)
    return names


def unpermuted(rows: Floats, heads: int) -> Floats:
    """Returns the rows of queries or keys in Hugging Face's order: rotated pairs half a head apart, not side by side.

    rows: (heads x head width, width).
    """
    pairs = rows.reshape(heads, -1, 2, rows.shape[1])  # (heads, half, 2, width)
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows.shape))


def tokenizer_of(gguf: Gguf) -> PreTrainedTokenizerFast:
    """Returns the byte-level BPE of the lists in the file. Raises InputError for another kind of tokenizer."""
    for key, known in (("tokenizer.ggml.model", ["gpt2"]), ("tokenizer.ggml.pre", [*SPLITS])):
        if (found := value(gguf, key, str, "gpt-2" if key.endswith("pre") else None)) not in known:
            raise InputError(f"{gguf.path}: {key}: found '{found}', expected one of {', '.join(known)}")
    tokens, merges = texts(gguf, "tokenizer.ggml.tokens"), texts(gguf, "tokenizer.ggml.merges")
    kinds = value(gguf, "tokenizer.ggml.token_type", list, [1] * len(tokens))
    if len({*tokens}) < len(tokens) or len(kinds) != len(tokens) or not all(" " in merge for merge in merges):
        raise InputError(f"{gguf.path}: tokenizer.ggml: found lists that do not fit each other, expected a tokenizer")
    if len(tokens) > table_of(gguf)[0]:
        found = f"found {len(tokens)}, expected at most the {table_of(gguf)[0]} rows of the table"
        raise InputError(f"{gguf.path}: tokenizer.ggml.tokens: {found}")
    pairs = [cast(tuple[str, str], tuple(merge.split(" ", 1))) for merge in merges]
    try:
        tokenizer = Tokenizer(models.BPE(vocab=dict(zip(tokens, range(len(tokens)), strict=True)), merges=pairs))
    except Exception as error:  # tokenizers raises plain exceptions
        raise InputError(f"{gguf.path}: tokenizer.ggml.merges: {str(error).splitlines()[0]:.200}") from None
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    split = SPLITS[value(gguf, "tokenizer.ggml.pre", str, "gpt-2")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    for kind, add in ((CONTROL, tokenizer.add_special_tokens), (USER_DEFINED, tokenizer.add_tokens)):
        whole = [token for token, of_kind in zip(tokens, kinds, strict=True) if of_kind == kind]
        add([AddedToken(token, special=kind == CONTROL, normalized=False) for token in whole])
    named = {}
    for role, key in (("bos_token", "bos"), ("eos_token", "eos"), ("pad_token", "padding")):
        if f"tokenizer.ggml.{key}_token_id" in gguf.values:
            named[role] = tokens[count(gguf, f"tokenizer.ggml.{key}_token_id", most=len(tokens) - 1)]
    if value(gguf, "tokenizer.ggml.add_bos_token", bool, False) and "bos_token" in named:
        start = named["bos_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", special_tokens=[(start, tokens.index(start))]
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **named)


def table_of(gguf: Gguf) -> tuple[int, ...]:
    """Returns the shape of the token table."""
    if "token_embd.weight" not in gguf.tensors:
        raise InputError(f"{gguf.path}: tensor token_embd.weight is missing, expected the table of a language model")
    return gguf.tensors["token_embd.weight"].shape


def value(gguf: Gguf, key: str, kind: type[Value], default: Value | None = None) -> Value:
    """Returns a metadata value of this type. Raises InputError if the key is missing or holds another type."""
    found = gguf.values.get(key, default)
    if found is None or type(found) is not kind:
        expected = f"expected {'a finite number' if kind is float else kind.__name__}"
        raise InputError(f"{gguf.path}: {key}: found {'nothing' if found is None else repr(found):.80}, {expected}")
    if isinstance(found, float) and not math.isfinite(found):
        raise InputError(f"{gguf.path}: {key}: found {found}, expected a finite number")
    return found


def count(gguf: Gguf, key: str, default: int | None = None, most: int = 2**31 - 1) -> int:
    """Returns a metadata value that counts something, or an id of at most ``most``."""
    found = value(gguf, key, int, default)
    if not (0 if key.endswith("_id") else 1) <= found <= most:
        raise InputError(f"{gguf.path}: {key}: found {found}, expected a number up to {most}")
    return found


def texts(gguf: Gguf, key: str) -> list[str]:
    """Returns a metadata value that is a list of texts."""
    found = value(gguf, key, list)
    if not found or not all(isinstance(entry, str) for entry in found):
        raise InputError(f"{gguf.path}: {key}: found a list without texts, expected those of a tokenizer")
    return found
