"""Untrained small causal language models, built by transformers: Llama-, GPT-NeoX- and Mamba-like.

Weights come from a named random stream, so that the same entry of the config always builds the same model.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    PreTrainedModel,
)

from tokentrial.cramming import scan
from tokentrial.errors import InputError
from tokentrial.seeds import stream

Shape = Mapping[str, Any]
HEAD_WIDTH = 32  # of an attention head, if the width allows two heads


def build(shape: Shape, vocab_size: int, seed: int) -> PreTrainedModel:
    """Returns the untrained model of an entry of the config, in float32 on the CPU.

    shape: ``architecture`` (llama, neox or mamba), ``width`` d, ``layers``, ``context`` (tokens and vectors together).
    The output layer is tied to the table. Raises InputError for an unknown architecture or a width that does not fit.
    """
    architecture = ARCHITECTURES.get(shape["architecture"])
    if architecture is None:
        found = f"found '{shape['architecture']}', expected one of {', '.join(ARCHITECTURES)}"
        raise InputError(f"config: cramming.models: architecture: {found}")
    # transformers initialises from torch's global generator
    torch.manual_seed(int(stream(seed, "cramming", "weights", shape["architecture"]).integers(2**63)))
    return architecture(shape, vocab_size).float()


def _heads(width: int) -> int:
    """Returns the number of attention heads of a body."""
    if width % (2 * HEAD_WIDTH) == 0:
        return width // HEAD_WIDTH
    if width % 4 == 0:
        return 2
    raise InputError(f"config: cramming.models: width: found {width}, expected a multiple of 4")


def _llama(shape: Shape, vocab_size: int) -> PreTrainedModel:
    """Touvron et al. 2023: rotary positions, RMSNorm, SwiGLU of about 8/3 d."""
    width = shape["width"]
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        intermediate_size=width * 8 // 3 // 8 * 8,
        num_hidden_layers=shape["layers"],
        num_attention_heads=_heads(width),
        num_key_value_heads=_heads(width),
        max_position_embeddings=shape["context"],
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)


def _neox(shape: Shape, vocab_size: int) -> PreTrainedModel:
    """Black et al. 2022, as in Pythia: a quarter of rotary positions, LayerNorm, parallel residual, GELU of 4 d."""
    width = shape["width"]
    config = GPTNeoXConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=shape["layers"],
        num_attention_heads=_heads(width),
        max_position_embeddings=shape["context"],
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPTNeoXForCausalLM(config)


def _mamba(shape: Shape, vocab_size: int) -> PreTrainedModel:
    """Gu and Dao 2023: selective state spaces of 16 numbers a channel; ``layers`` counts blocks of one mixer each.

    A CPU uses the scan of :mod:`tokentrial.cramming.scan`. A GPU uses mambapy's parallel scan, since transformers' loop
    over positions is slow there.
    """
    scan.install()
    config = MambaConfig(
        vocab_size=vocab_size,
        hidden_size=shape["width"],
        num_hidden_layers=shape["layers"],
        state_size=16,
        use_cache=False,
        use_mambapy=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    return MambaForCausalLM(config)


ARCHITECTURES: dict[str, Callable[[Shape, int], PreTrainedModel]] = {"llama": _llama, "neox": _neox, "mamba": _mamba}
