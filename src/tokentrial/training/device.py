"""Where a job computes, and that it computes the same bits each time."""

import os
from collections.abc import Mapping
from typing import Any

import torch

from tokentrial.errors import InputError


def prepare(spec: Mapping[str, Any]) -> torch.device:
    """The device of the config, with deterministic algorithms and one thread on the CPU.

    Raises InputError where a GPU is asked for and there is none, or for a device of another kind.
    """
    device = spec["device"]
    if device not in ("cpu", "cuda"):
        raise InputError(f"config: device: found '{device}', expected 'cpu' or 'cuda'")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("config: device: found 'cuda' but this machine has no usable GPU; expected 'cpu'")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS adds up in one order only with this
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # costs a pass a buffer
    return torch.device(device)
