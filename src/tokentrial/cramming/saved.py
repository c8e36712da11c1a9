"""Crammed vectors as a file: what is needed to decode them, and decoding by transformers' own forward pass.

A safetensors file has three tensors for each length N: ``<N>.vectors`` (B, m, d), ``<N>.ids`` (B, N), the tokens of the
texts, and ``<N>.exact`` (B,), whether greedy decoding returned a text when it was crammed. Its metadata say which model
the vectors are of. To decode a text, the model reads its vectors, then its first ``given`` tokens, and then, one after
the other, the most probable next token.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from transformers import PreTrainedModel

from tokentrial.errors import InputError

FORMAT = "tokentrial crammed vectors 1"
FACTS = ("format", "model", "sha256", "given", "settings")


@dataclass(frozen=True)
class Crammed:
    """Crammed texts of one length. vectors: (B, m, d); ids: (B, N); exact: (B,) bool."""

    vectors: Tensor
    ids: Tensor
    exact: Tensor


@dataclass(frozen=True)
class Vectors:
    """The vectors of a model. sha256: of its config, tokenizer and weights; given: tokens that decoding starts from."""

    model: str
    sha256: str
    given: int
    settings: Mapping[str, object]
    texts: Mapping[int, Crammed]
    """By length."""

    def to_bytes(self) -> bytes:
        """Returns the file."""
        tensors = {
            f"{length}.{name}": getattr(of_length, name).contiguous()
            for length, of_length in self.texts.items()
            for name in ("vectors", "ids", "exact")
        }
        facts = (FORMAT, self.model, self.sha256, str(self.given), json.dumps(dict(self.settings), sort_keys=True))
        return bytes(save(tensors, dict(zip(FACTS, facts, strict=True))))


def read(path: str | Path) -> Vectors:
    """Returns the vectors in a file. Raises InputError for a file that is missing or of another kind."""
    try:
        with safe_open(path, "pt") as file:
            facts, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if facts.get("format") != FORMAT or facts.keys() != {*FACTS}:
        raise InputError(f"{path}: found no crammed vectors, expected a file that tokentrial cram wrote")
    lengths = sorted({int(name.partition(".")[0]) for name in tensors})
    texts = {n: Crammed(*(tensors[f"{n}.{name}"] for name in ("vectors", "ids", "exact"))) for n in lengths}
    return Vectors(facts["model"], facts["sha256"], int(facts["given"]), json.loads(facts["settings"]), texts)


@torch.no_grad()
def decoded(model: PreTrainedModel, crammed: Crammed, given: int) -> Tensor:
    """Returns the texts (B, N) that a model says after the vectors and the first ``given`` tokens."""
    table = model.get_input_embeddings()
    ids = crammed.ids[:, :given]
    while ids.shape[1] < crammed.ids.shape[1]:
        logits = model(inputs_embeds=torch.cat([crammed.vectors, table(ids)], 1), use_cache=False).logits
        ids = torch.cat([ids, logits[:, -1:].argmax(2)], 1)
    return ids


def whole(model: PreTrainedModel, vectors: Vectors) -> dict[int, int]:
    """Returns by length how many texts decoding returns whole."""
    return {
        length: int((decoded(model, crammed, vectors.given) == crammed.ids).all(1).sum())
        for length, crammed in vectors.texts.items()
    }
