"""Checkpoints: a training job's state in one safetensors file, written whole or not at all, with a checksum.

Tensors are stored as the file's tensors; everything else is JSON in its metadata, in which floats stay exact.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tokentrial.errors import DamagedFile, InputError
from tokentrial.results import sweep, whole_file

Tensors = dict[str, Tensor]


@dataclass
class Saved:
    """The content of a checkpoint: tensors by name, and values that JSON can hold."""

    tensors: Tensors = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def under(self, prefix: str) -> Tensors:
        """Returns the tensors named ``prefix/...``, without the prefix."""
        start = prefix + "/"
        return {name[len(start) :]: value for name, value in self.tensors.items() if name.startswith(start)}


def prefixed(prefix: str, tensors: Tensors) -> Tensors:
    """The inverse of :meth:`Saved.under`."""
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def write(path: str | Path, saved: Saved, identity: str) -> None:
    """Writes a file whole or not at all. ``identity`` names the job of the file; readers compare it."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in saved.tensors.items()}
    values = json.dumps(saved.values, sort_keys=True)
    metadata = {"identity": identity, "values": values, "checksum": _checksum(tensors, identity, values)}
    with whole_file(path) as file:
        file.write(save(tensors, metadata))


def read(path: str | Path) -> tuple[Saved, str]:
    """Returns (content, identity) of a file written by :func:`write`, on the CPU.

    Raises InputError if the file does not exist or cannot be read, and DamagedFile if it is not as it was written.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        identity, values = metadata["identity"], metadata["values"]
        whole = metadata["checksum"] == _checksum(tensors, identity, values)
    except FileNotFoundError:
        raise InputError(f"{path}: not found") from None
    except PermissionError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (SafetensorError, OSError, KeyError, UnicodeDecodeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedFile(path, f"not a readable safetensors file of this project ({reason})") from None
    if not whole:
        raise DamagedFile(path, "damaged: its checksum does not fit its content")
    return Saved(tensors, json.loads(values)), identity


def resume(path: str | Path, identity: str, log: Callable[[str], None]) -> Saved | None:
    """Returns the checkpoint from which to continue, or None if there is none or only a damaged one.

    A damaged checkpoint is removed with a line in the log, since only time is lost. Temporary files of killed processes
    beside the checkpoint are removed, too. Raises InputError for a checkpoint of another config: the user may still
    need it, so only the user can discard it.
    """
    if not (folder := Path(path).parent).is_dir():
        return None
    sweep(folder)
    try:
        saved, stored = read(path)
    except DamagedFile as error:
        log(f"{path}: {error.reason}; discarded, training starts anew")
        Path(path).unlink(missing_ok=True)
        return None
    except InputError:
        if Path(path).exists():
            raise
        return None
    if stored != identity:
        expected = f"found digest {stored}, expected {identity}"
        raise InputError(f"{path}: checkpoint of another config, data or version: {expected}; delete it to start anew")
    return saved


def _checksum(tensors: Tensors, identity: str, values: str) -> str:
    """Returns the SHA-256 over names, shapes, types and bytes of the tensors and over the two texts."""
    total = hashlib.sha256(json.dumps([identity, values]).encode())
    for name in sorted(tensors):
        value = tensors[name]
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
