"""The device on which a job computes, and the settings that make its bits the same each time."""

import ctypes
import os
import sys
from collections.abc import Mapping
from typing import Any

import torch

from tokentrial.errors import InputError
from tokentrial.training import devices

# The workspaces with which cuBLAS sums in a fixed order; torch refuses any other under deterministic algorithms.
CUBLAS_WORKSPACES = (":4096:8", ":16:8")

# Parameters of mallopt(3), malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1 << 30


def prepare(spec: Mapping[str, Any]) -> torch.device:
    """Returns the device of the config, with deterministic algorithms and one thread on the CPU.

    ``cuda`` is one visible GPU that no other job uses (see :mod:`tokentrial.training.devices`). It is the current
    device until the process ends, by its own index, and every later call returns the same device. Raises InputError if
    the config asks for a GPU and there is none, or for a device of another kind.
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
    """Lets glibc's malloc keep freed memory, up to 1 GiB, so that it asks the kernel for large buffers only once.

    By default, a buffer of some megabytes is mapped, filled with zeros and unmapped at every step: with 1,000 tokens
    this takes a quarter of the CPU time. Other C libraries are left unchanged.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def claimed_gpu() -> torch.device:
    """Claims a GPU, makes it current and returns it; raises InputError if the machine has no usable GPU."""
    devices.show_one_slice()
    if not torch.cuda.is_available():
        raise InputError("config: device: found 'cuda' but this machine has no usable GPU; expected 'cpu'")
    exact_products()
    claimed = torch.device("cuda", devices.claim(devices.names()))
    torch.cuda.set_device(claimed)
    return claimed


def exact_products() -> None:
    """Makes float32 products exact on a GPU, where cuDNN by default rounds their operands to TF32's 10 bits.

    bfloat16 products are summed in float32. Kernels are chosen without timing them first.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
