"""Writes GGUF files, as ggml's docs/gguf.md describes them, for tests of the reader."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

ALIGNMENT = 32
F32, F16 = 0, 1
Written = tuple[int, tuple[int, ...], bytes]  # ggml's kind, numpy's shape, bytes


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def value(content: Any) -> bytes:
    """A metadata value with its type."""
    if isinstance(content, bool):
        return struct.pack("<I?", 7, content)
    if isinstance(content, int):
        return struct.pack("<II", 4, content)
    if isinstance(content, float):
        return struct.pack("<If", 6, content)
    if isinstance(content, str):
        return struct.pack("<I", 8) + string(content)
    if content and isinstance(content[0], int):
        return struct.pack(f"<IIQ{len(content)}i", 9, 5, len(content), *content)
    return struct.pack("<IIQ", 9, 8, len(content)) + b"".join(map(string, content))


def written(values: Mapping[str, Any], tensors: Mapping[str, Written], version: int = 3) -> bytes:
    """The bytes of a GGUF file."""
    header = struct.pack("<4sIQQ", b"GGUF", version, len(tensors), len(values))
    header += b"".join(string(key) + value(content) for key, content in values.items())
    data = b""
    for name, (kind, shape, raw) in tensors.items():
        data += b"\0" * (-len(data) % ALIGNMENT)
        header += string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        header += struct.pack("<IQ", kind, len(data))
        data += raw
    return header + b"\0" * (-len(header) % ALIGNMENT) + data


def whole(array: npt.NDArray[np.float32], kind: int = F32) -> Written:
    """A tensor that is not quantised."""
    return kind, array.shape, array.astype("<f4" if kind == F32 else "<f2").tobytes()


def permuted(rows: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """Rows of queries or keys in llama.cpp's order, as its convert_hf_to_gguf.py writes them."""
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


RENAMED = {
    "embed_tokens": "token_embd", "norm": "output_norm", "input_layernorm": "attn_norm", "q_proj": "attn_q",
    "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down", "lm_head": "output",
}  # fmt: skip


def of_llama(model: LlamaForCausalLM, tokenizer: Tokenizer) -> tuple[dict[str, Any], dict[str, Written]]:
    """The metadata and the tensors of a Llama with a byte-level BPE."""
    config, tensors = model.config, {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        *place, last, _ = name.split(".")
        layer = f"blk.{place[place.index('layers') + 1]}." if "layers" in place else ""
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(last)
        array = weight.numpy()
        tensors[f"{layer}{RENAMED[last]}.weight"] = whole(array if heads is None else permuted(array, heads))
    content = tokenizer.get_vocab()
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    tokens = sorted(content, key=content.__getitem__)
    values = {
        "general.architecture": "llama",
        "llama.block_count": config.num_hidden_layers,
        "llama.context_length": config.max_position_embeddings,
        "llama.embedding_length": config.hidden_size,
        "llama.feed_forward_length": config.intermediate_size,
        "llama.attention.head_count": config.num_attention_heads,
        "llama.attention.head_count_kv": config.num_key_value_heads,
        "llama.attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "llama.rope.freq_base": float(config.rope_parameters["rope_theta"]),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in special else 1 for token in tokens],
        "tokenizer.ggml.merges": merges(tokenizer),
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
    }
    return values, tensors


def merges(tokenizer: Tokenizer) -> list[str]:
    return [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def put(path: Path, values: Mapping[str, Any], tensors: Mapping[str, Written]) -> Path:
    path.write_bytes(written(values, tensors))
    return path
