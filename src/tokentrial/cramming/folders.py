"""Language models as folders in Hugging Face's format: config.json, model.safetensors and tokenizer.json.

Weights are read from safetensors alone: a pickle can run code when it is opened.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from tokentrial.errors import InputError

WANTED = (
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer*",
    "special_tokens_map.json",
    "vocab*",
    "merges.txt",
)
PICKLED = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
PROBE = 8  # tokens on which the output layer is checked


@dataclass(frozen=True)
class LanguageModel:
    """A frozen causal language model, whatever its architecture.

    body: vectors (B, L, d) -> hidden states before the output layer; table (V, d): the input embeddings; weight
    (V, h), bias (V,) or None: the output layer; context: largest number of positions, None where there is no limit.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    body: nn.Module
    table: Tensor
    weight: Tensor
    bias: Tensor | None
    context: int | None

    @property
    def width(self) -> int:
        """d, the width of an input vector (OPT's may be narrower than its body)."""
        return int(self.table.shape[1])

    @property
    def vocab_size(self) -> int:
        return int(self.table.shape[0])

    def hidden(self, vectors: Tensor) -> Tensor:
        """The hidden states (B, L, h) before the output layer for input vectors (B, L, d)."""
        states: Tensor = self.body(inputs_embeds=vectors, use_cache=False).last_hidden_state
        return states


def read(folder: str | Path, device: torch.device | str = "cpu") -> LanguageModel:
    """The model in a folder, frozen, in float32.

    Raises InputError for a folder that is absent, has no tokenizer, has pickled weights only, or whose parts do not
    belong together.
    """
    path = Path(folder)
    check_files(path)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, ImportError) as error:
        raise InputError(f"{path}: not a usable language model: {_first_line(error)}") from None
    return frozen(model.to(device), tokenizer, str(path))


def frozen(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, name: str) -> LanguageModel:
    """One interface for a loaded model; raises InputError where tokenizer, table and output layer do not fit."""
    model.eval().requires_grad_(False)
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    if table is None or head is None:
        raise InputError(f"{name}: {type(model).__name__} has no table of input vectors or no linear output layer")
    if len(tokenizer) > len(table.weight):
        found = f"found a tokenizer of {len(tokenizer)} tokens"
        raise InputError(f"{name}: {found}, expected at most the {len(table.weight)} rows of the model's table")
    context = getattr(model.config, "max_position_embeddings", None)
    made = LanguageModel(
        model, tokenizer, model.base_model, table.weight, head.weight, getattr(head, "bias", None), context
    )
    _check_output(made, name)
    return made


def check_files(path: Path) -> None:
    """Raises InputError naming the first file that a model folder lacks."""
    if not path.is_dir():
        raise InputError(f"{path}: no such folder, expected a language model in Hugging Face's format")
    if not (path / "config.json").is_file():
        raise InputError(f"{path}: config.json is missing, expected a language model in Hugging Face's format")
    if not any(path.glob("*.safetensors")):
        pickled = [file.name for pattern in PICKLED for file in path.glob(pattern)]
        found = (
            f"found only pickled weights ({', '.join(pickled)}), which can run code" if pickled else "found no weights"
        )
        raise InputError(f"{path}: {found}; expected model.safetensors")
    if not (path / "tokenizer.json").is_file() and not (path / "tokenizer_config.json").is_file():
        raise InputError(f"{path}: found no tokenizer, expected tokenizer.json")


def download(name: str, revision: str | None, folder: str | Path) -> None:
    """Put a model of the Hugging Face hub into ``folder``, whole or not at all.

    What the hub's own cache on this machine has is taken from there. Raises InputError for a name that does not exist
    or cannot be reached, and for a model without safetensors or tokenizer.
    """
    where = f"config: cramming.models: hub: '{name}'"
    target = Path(folder)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        found = Path(snapshot_download(name, revision=revision, allow_patterns=list(WANTED)))
    except HFValidationError as error:
        raise InputError(f"{where}: is not a name of the hub: {_first_line(error)}") from None
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise InputError(f"{where}: the hub has no such model or revision '{revision}': {_first_line(error)}") from None
    except OSError as error:  # no network, no answer, an answer with an error, no space
        way_out = "allow network access, or set 'folder' to a local copy"
        raise InputError(f"{where}: cannot be downloaded ({_first_line(error)}); {way_out}") from None
    check_files(found)
    shutil.copytree(found, target, dirs_exist_ok=True)


def write(folder: str | Path, model: PreTrainedModel, tokenizer: Tokenizer, record: dict[str, Any]) -> None:
    """Write a trained model, its tokenizer and ``training.json`` (what made it) in half precision.

    float16 keeps 11 bits of a weight: half the size, and the loss is measured on the rounded weights.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(path)
    (path / "generation_config.json").unlink(missing_ok=True)  # nothing here samples by its settings
    (path / "model.safetensors").chmod(0o644)  # written through a temporary file, for its owner alone
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False).save_pretrained(path)
    (path / "training.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


@torch.no_grad()
def _check_output(made: LanguageModel, name: str) -> None:
    """Scores must be the output layer on the last hidden state: some models rescale or cap them after it."""
    ids = torch.arange(PROBE, device=made.table.device).remainder(made.vocab_size).unsqueeze(0)
    expected = made.model(input_ids=ids, use_cache=False).logits
    found = nn.functional.linear(made.hidden(made.table[ids]), made.weight, made.bias)
    if found.shape != expected.shape or not torch.allclose(found, expected, rtol=1e-3, atol=1e-3):
        kind = type(made.model).__name__
        raise InputError(
            f"{name}: {kind} changes its input vectors or scores on the way, which this study does not support"
        )


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
