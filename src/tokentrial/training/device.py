"""Where a job computes, and that it computes the same bits each time."""

import ctypes
import os
import sys
from collections.abc import Mapping
from typing import Any

import torch

from tokentrial.errors import InputError
from tokentrial.training import devices

# The workspaces with which cuBLAS adds up in one order; torch refuses any other under deterministic algorithms.
CUBLAS_WORKSPACES = (":4096:8", ":16:8")

# Parameters of mallopt(3), malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1 << 30


def prepare(spec: Mapping[str, Any]) -> torch.device:
    """The device of the config, with deterministic algorithms and one thread on the CPU.

    ``cuda`` is one visible GPU that no other job has (see :mod:`tokentrial.training.devices`): the current device until
    the process ends, by its own index, and the same one if asked again. Raises InputError where a GPU is asked for and
    there is none, or for a device of another kind.
    """
    device = spec["device"]
    if device not in ("cpu", "cuda"):
        raise InputError(f"config: device: found '{device}', expected 'cpu' or 'cuda'")
    if os.environ.get("CUBLAS_WORKSPACE_CONFIG") not in CUBLAS_WORKSPACES:  # read at the first product on a GPU
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = CUBLAS_WORKSPACES[0]
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # costs a pass a buffer
    return torch.device("cpu") if device == "cpu" else claimed_gpu()


def keep_freed_memory() -> None:
    """Let glibc's malloc keep what this process frees, up to 1 GiB, and ask the kernel for large buffers only once.

    By default a buffer of some megabytes is mapped, filled with zeros and unmapped at every step: a quarter of a
    processor's time with 1,000 tokens. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def claimed_gpu() -> torch.device:
    """The GPU that this process has claimed, made current; raises InputError where there is none to claim."""
    devices.show_one_slice()
    if not torch.cuda.is_available():
        raise InputError("config: device: found 'cuda' but this machine has no usable GPU; expected 'cpu'")
    exact_products()
    claimed = torch.device("cuda", devices.claim(devices.names()))
    torch.cuda.set_device(claimed)
    return claimed


def exact_products() -> None:
    """float32 is float32 on a GPU, where cuDNN rounds the operands of its products to TF32's 10 bits by default.

    And bfloat16 products are added up in float32, by kernels that are chosen without timing them first.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
