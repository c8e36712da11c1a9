"""Language models as folders in Hugging Face's format: config.json, model.safetensors and tokenizer.json.

Weights are read from safetensors alone: a pickle can run code when it is opened.
"""

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from tokentrial.cramming import fused, packed, scan
from tokentrial.errors import DamagedFile, InputError

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
SHA256 = re.compile("[0-9a-f]{64}")
COMMIT = re.compile("[0-9a-f]{40}")
PROBE = 8  # tokens on which the output layer is checked


@dataclass(frozen=True)
class LanguageModel:
    """A frozen causal language model, whatever its architecture.

    body: vectors (B, L, d) -> hidden states before the output layer; table (V, d): the input embeddings; weight
    (V, h), bias (V,) or None: the output layer; context: largest number of positions, None where there is no limit.
    packs: texts of several lengths can go through the body at once.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    body: nn.Module
    table: Tensor
    weight: Tensor
    bias: Tensor | None
    context: int | None
    packs: bool = False

    @property
    def width(self) -> int:
        """d, the width of an input vector (OPT's may be narrower than its body)."""
        return int(self.table.shape[1])

    @property
    def vocab_size(self) -> int:
        return int(self.table.shape[0])

    @cached_property
    def deviation(self) -> float:
        """Standard deviation of the table; on the processor, so that vectors start alike on every device."""
        return float(self.table.cpu().std())

    def positions(self, length: int) -> dict[str, Tensor]:
        """OPT counts its positions by a running sum of fractions, which torch refuses on a GPU; so it is given them."""
        given = self.model.config.model_type == "opt"
        return {"position_ids": torch.arange(length, device=self.table.device).unsqueeze(0)} if given else {}

    def hidden(self, vectors: Tensor) -> Tensor:
        """The hidden states (B, L, h) before the output layer for input vectors (B, L, d)."""
        positions = self.positions(vectors.shape[1])
        states: Tensor = self.body(inputs_embeds=vectors, use_cache=False, **positions).last_hidden_state
        return states

    def hidden_together(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """The same for each of several (B, L, d) of lengths of their own, in one pass where the model packs."""
        if len(vectors) > 1 and self.packs:
            return packed.hidden(self.body, vectors)
        return [self.hidden(each) for each in vectors]


def read(folder: str | Path, device: torch.device | str = "cpu") -> LanguageModel:
    """The model in a folder, frozen, in float32.

    Raises InputError for a folder that is absent, has no tokenizer, has pickled weights only, lacks weights, brings
    code of its own, or whose parts do not belong together.
    """
    path = Path(folder)
    check_files(path)
    try:
        model, loading = AutoModelForCausalLM.from_pretrained(
            path,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False, local_files_only=True)
        made = frozen(model.to(device), tokenizer, str(path))
    except InputError:
        raise
    except Exception as error:  # for a file that makes no sense transformers and tokenizers let out any error
        raise InputError(f"{path}: not a usable language model: {_first_line(error)}") from None
    missing = sorted(loading["missing_keys"])
    if missing:  # they would be drawn at random, with no more than a warning
        raise InputError(f"{path}: found no weights for {len(missing)} tensors of the model, such as {missing[0]}")
    return made


def frozen(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, name: str) -> LanguageModel:
    """One interface for a loaded model; raises InputError where tokenizer, table and output layer do not fit."""
    model.eval().requires_grad_(False)
    if model.config.model_type == "mamba":
        scan.install()
    fused.install(model)
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    if table is None or head is None:
        raise InputError(f"{name}: {type(model).__name__} has no table of input vectors or no linear output layer")
    if len(tokenizer) > len(table.weight):
        found = f"found a tokenizer of {len(tokenizer)} tokens"
        raise InputError(f"{name}: {found}, expected at most the {len(table.weight)} rows of the model's table")
    context = getattr(model.config, "max_position_embeddings", None)
    bias, packs = getattr(head, "bias", None), packed.install(model)
    made = LanguageModel(model, tokenizer, model.base_model, table.weight, head.weight, bias, context, packs)
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
    for name in ("config.json", "tokenizer_config.json", "model.safetensors.index.json"):
        if (path / name).is_file():
            _check_json(path / name)


def _check_json(path: Path) -> None:
    """Raises InputError for a file that is no JSON, asks for code of its own, or for weights of another kind."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({_first_line(error)})") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: found {type(found).__name__}, expected keys and values")
    if found.get("auto_map"):
        raise InputError(f"{path}: found auto_map, code of the model's own, which is never run; expected none")
    shards = found.get("weight_map", {})
    for name in shards.values() if isinstance(shards, dict) else [shards]:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise InputError(f"{path}: weight_map: found {name!r:.80}, expected a .safetensors file beside it")


def check_digests(folder: str | Path) -> None:
    """Raises DamagedFile naming the first file of a folder that is not as :func:`write` wrote it; some may be gone."""
    path = Path(folder)
    record = path / "training.json"
    try:
        expected = dict(json.loads(record.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DamagedFile(record, "holds no SHA-256 of the files beside it") from None
    for name, digest in expected.items():
        if (path / name).is_file() and _digest(path / name) != digest:
            raise DamagedFile(path / name, "damaged: its SHA-256 is not that in training.json")


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
    for file in found.glob("*.safetensors"):
        blob = file.resolve()  # the cache names large files by their SHA-256
        if SHA256.fullmatch(blob.name) and _digest(blob) != blob.name:
            raise InputError(f"{where}: {blob}: damaged, its SHA-256 is not its name; delete it and run again")
    try:
        shutil.copytree(found, target, dirs_exist_ok=True)
    except OSError as error:  # shutil.Error holds a list of them
        shutil.rmtree(target, ignore_errors=True)
        raise InputError(f"{target}: cannot be written: {error.strerror or _first_line(error)}") from None
    if not COMMIT.fullmatch(revision or ""):
        pin = f"revision: {found.name}" if COMMIT.fullmatch(found.name) else "a commit as revision"
        print(f"{where}: revision '{revision}' may move; to get this very model again, write {pin}", file=sys.stderr)


def write(folder: str | Path, model: PreTrainedModel, tokenizer: Tokenizer, record: dict[str, Any]) -> None:
    """Write a trained model in half precision, its tokenizer, and ``training.json``: what made it, the files' SHA-256.

    float16 keeps 11 bits of a weight: half the size, and the loss is measured on the rounded weights.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(path)
    (path / "generation_config.json").unlink(missing_ok=True)  # nothing here samples by its settings
    (path / "model.safetensors").chmod(0o644)  # written through a temporary file, for its owner alone
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False).save_pretrained(path)
    digests = {file.name: _digest(file) for file in path.iterdir() if file.suffix in (".json", ".safetensors")}
    digests.pop("training.json", None)
    (path / "training.json").write_text(
        json.dumps({**record, "sha256": digests}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


@torch.no_grad()
def _check_output(made: LanguageModel, name: str) -> None:
    """Scores must be the output layer on the last hidden state: some models rescale or cap them after it."""
    ids = torch.arange(PROBE, device=made.table.device).remainder(made.vocab_size).unsqueeze(0)
    expected = made.model(input_ids=ids, use_cache=False, **made.positions(ids.shape[1])).logits
    found = nn.functional.linear(made.hidden(made.table[ids]), made.weight, made.bias)
    if found.shape != expected.shape or not torch.allclose(found, expected, rtol=1e-3, atol=1e-3):
        kind = type(made.model).__name__
        raise InputError(
            f"{name}: {kind} changes its input vectors or scores on the way, which this study does not support"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    first = lines[0][:300] if lines else type(error).__name__
    return first if first.isprintable() else ascii(first)[1:-1]
