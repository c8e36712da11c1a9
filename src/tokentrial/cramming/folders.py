"""Language models as folders in Hugging Face's format: config.json, model.safetensors and tokenizer.json.

Weights are only read from safetensors files: a pickle can run code when it is opened.
"""

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, PreTrainedModel, PreTrainedTokenizerFast

from tokentrial.cramming import assumptions, fused, packed, scan
from tokentrial.errors import DamagedFile, InputError

DOWNLOADED = (
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer*",
    "special_tokens_map.json",
    "vocab*",
    "merges.txt",
)
PICKLED = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
# Of a pass, whatever config.json says.
OUTPUTS = {"return_dict": True, "output_attentions": False, "output_hidden_states": False}
SHA256 = re.compile("[0-9a-f]{64}")
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class LanguageModel:
    """A frozen causal language model of any architecture.

    body: input vectors (B, L, d) -> hidden states before the output layer; table (V, d): the input embeddings; weight
    (V, h), bias (V,) or None: the output layer; context: largest number of positions, None if there is no limit;
    packs: whether texts of several lengths can go through the body at once; caches: whether it has a key-value cache.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    body: nn.Module
    table: Tensor
    weight: Tensor
    bias: Tensor | None
    context: int | None
    packs: bool = False
    caches: bool = False

    @property
    def width(self) -> int:
        """d, the width of an input vector (in OPT, input vectors may be narrower than the body)."""
        return int(self.table.shape[1])

    @property
    def vocab_size(self) -> int:
        """V, the number of rows of the table."""
        return int(self.table.shape[0])

    @cached_property
    def deviation(self) -> float:
        """The standard deviation of the table, computed on the CPU so that initial vectors are the same everywhere."""
        return float(self.table.cpu().std())

    def positions(self, length: int, before: int = 0) -> dict[str, Tensor]:
        """Returns the argument of positions for an OPT, none for other models. before: number of earlier positions.

        OPT counts its positions by a running sum of fractions, which torch refuses on a GPU.
        """
        if self.model.config.model_type != "opt":
            return {}
        return {"position_ids": torch.arange(before, before + length, device=self.table.device).unsqueeze(0)}

    def hidden(self, vectors: Tensor) -> Tensor:
        """Returns the hidden states (B, L, h) before the output layer for input vectors (B, L, d)."""
        positions = self.positions(vectors.shape[1])
        states: Tensor = self.body(inputs_embeds=vectors, use_cache=False, **positions).last_hidden_state
        return states

    def continued(self, vectors: Tensor, cache: DynamicCache, before: int) -> Tensor:
        """Returns the hidden states (B, L, h) of input vectors (B, L, d) after the ``before`` positions in a cache.

        The cache gets the new positions.
        """
        positions = self.positions(vectors.shape[1], before)
        output = self.body(inputs_embeds=vectors, past_key_values=cache, use_cache=True, **positions)
        states: Tensor = output.last_hidden_state
        return states

    def hidden_together(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Returns :meth:`hidden` of each entry of ``vectors`` (B, L, d), in one pass if the model packs.

        B and L may differ between entries.
        """
        if len(vectors) > 1 and self.packs:
            return packed.hidden(self.body, vectors)
        return [self.hidden(each) for each in vectors]


def _loaded(folder: Path) -> tuple[PreTrainedModel, dict[str, Any]]:
    """Returns the model in a folder, in float32 on the CPU, and what transformers says about the loading."""
    model, loading = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        output_loading_info=True,
        **OUTPUTS,
    )
    return model, loading


def read(folder: str | Path, device: torch.device | str = "cpu") -> LanguageModel:
    """Returns the model in a folder, frozen, in float32.

    Raises InputError for a folder that is missing, has no tokenizer, has only pickled weights, lacks weights or has
    others, asks for code of the model, or breaks an assumption of the study (:mod:`tokentrial.cramming.assumptions`).
    """
    path = Path(folder)
    check_files(path)
    try:
        model, loading = _loaded(path)
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False, local_files_only=True)
        assumptions.check_loading(loading, str(path))
        return frozen(model.to(device), tokenizer, str(path))
    except InputError:
        raise
    except Exception as error:  # transformers and tokenizers raise any kind of error for an invalid file
        raise InputError(f"{path}: not a usable language model: {_first_line(error)}") from None


def plain(folder: str | Path) -> PreTrainedModel:
    """Returns the model in a folder as transformers reads it, in float32 on the CPU, without any code of the folder.

    It shares no code path with :class:`LanguageModel`, to check what was written. The folder's files were checked.
    """
    model: PreTrainedModel = _loaded(Path(folder))[0]
    return model.eval().requires_grad_(False)


def frozen(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, name: str) -> LanguageModel:
    """Freezes a loaded model and returns it as LanguageModel.

    name: of the model in error messages. Raises InputError if the model breaks an assumption of the study.
    """
    model.eval().requires_grad_(False)
    if model.config.model_type == "mamba":
        scan.install()
    fused.install(model)
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    if table is None or head is None:
        raise InputError(f"{name}: {type(model).__name__} has no table of input vectors or no linear output layer")
    assumptions.check_weights(model, table.weight, head.weight, name)
    assumptions.check_tokenizer(tokenizer, len(table.weight), name)
    context, bias = assumptions.context_of(model.config, name), getattr(head, "bias", None)
    language_model = LanguageModel(model, tokenizer, model.base_model, table.weight, head.weight, bias, context)
    assumptions.check_causal(language_model, name)  # before the attention of packed texts, which is always causal
    packs = not assumptions.is_length_dependent(model.config) and packed.install(model)
    language_model = replace(language_model, packs=packs)
    assumptions.check_output(language_model, name)
    return replace(language_model, caches=assumptions.caches(language_model))


def check_files(path: Path) -> None:
    """Raises InputError that names the first file that a model folder lacks."""
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
    """Raises InputError for a file that is not JSON, names code of the model, or names weights in another format."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({_first_line(error)})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: found {type(content).__name__}, expected keys and values")
    if content.get("auto_map"):
        raise InputError(f"{path}: found auto_map, which names code of the model that is never run; expected none")
    if path.name == "config.json":
        assumptions.check_config(content, path)
    shards = content.get("weight_map", {})
    for name in shards.values() if isinstance(shards, dict) else [shards]:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise InputError(f"{path}: weight_map: found {name!r:.80}, expected a .safetensors file beside it")


def check_digests(folder: str | Path) -> None:
    """Raises DamagedFile that names the first file in a folder that differs from what :func:`write` wrote.

    Missing files are no error.
    """
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
    """Puts a model of the Hugging Face hub into ``folder``, whole or not at all.

    Files in the hub's cache on this machine are not downloaded again. Raises InputError for a name that does not exist,
    a hub that cannot be reached, a folder that cannot be written, and a model without safetensors or tokenizer.
    """
    where = f"config: cramming.models: hub: '{name}'"
    target = Path(folder)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        snapshot = Path(snapshot_download(name, revision=revision, allow_patterns=list(DOWNLOADED)))
    except HFValidationError as error:
        raise InputError(f"{where}: is not a name of the hub: {_first_line(error)}") from None
    except GatedRepoError as error:  # also a RepositoryNotFoundError
        way_out = (
            "ask its owner for access on the hub and log in there (hf auth login), or set 'folder' to a local copy"
        )
        raise InputError(f"{where}: the model is gated ({_first_line(error)}); {way_out}") from None
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise InputError(f"{where}: the hub has no such model or revision '{revision}': {_first_line(error)}") from None
    except OSError as error:  # no network, no answer, an answer with an error, no space
        way_out = "allow network access, or set 'folder' to a local copy"
        reason = _first_line(error.__cause__ or error)  # the cause of "not in the local cache" is the hub's answer
        raise InputError(f"{where}: cannot be downloaded ({reason}); {way_out}") from None
    check_files(snapshot)
    for file in snapshot.glob("*.safetensors"):
        blob = file.resolve()  # the cache names large files by their SHA-256
        if SHA256.fullmatch(blob.name) and _digest(blob) != blob.name:
            raise InputError(f"{where}: {blob}: damaged, its SHA-256 is not its name; delete it and run again")
    try:
        shutil.copytree(snapshot, target, dirs_exist_ok=True)
    except OSError as error:  # also shutil.Error, which holds a list of errors
        shutil.rmtree(target, ignore_errors=True)
        raise InputError(f"{target}: cannot be written: {error.strerror or _first_line(error)}") from None
    if not COMMIT.fullmatch(revision or ""):
        pin = f"revision: {snapshot.name}" if COMMIT.fullmatch(snapshot.name) else "a commit as revision"
        print(f"{where}: revision '{revision}' may move; to get this very model again, write {pin}", file=sys.stderr)


def write(folder: str | Path, model: PreTrainedModel, tokenizer: Tokenizer, record: dict[str, Any]) -> None:
    """Writes a trained model in half precision, its tokenizer, and ``training.json``.

    ``training.json`` holds the record of the training and the SHA-256 of the other files. float16 halves the size and
    keeps 11 bits of a weight; the recorded losses are those of the rounded weights.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(path)
    (path / "generation_config.json").unlink(missing_ok=True)  # nothing in this project uses its settings
    (path / "model.safetensors").chmod(0o644)  # safetensors lets only the owner read the file
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False).save_pretrained(path)
    digests = {file.name: _digest(file) for file in path.iterdir() if file.suffix in (".json", ".safetensors")}
    digests.pop("training.json", None)
    (path / "training.json").write_text(
        json.dumps({**record, "sha256": digests}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    first = lines[0][:300] if lines else type(error).__name__
    return first if first.isprintable() else ascii(first)[1:-1]
