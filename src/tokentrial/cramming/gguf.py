"""Reads a GGUF file: its metadata and, as float32 arrays, its tensors.

The format (ggml's docs/gguf.md, versions 2 and 3, little-endian): magic, version, counts of tensors and of metadata;
typed keys and values; name, shape, kind and offset of each tensor; then the tensors, aligned. A quantised tensor is a
sequence of blocks of 32 numbers with common scales (ggml-quants.c). Nothing in a file is executed.
"""

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tokentrial.errors import InputError

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

MAGIC = b"GGUF"
VERSIONS = (2, 3)
BLOCK = 32  # numbers of a block of a quantised tensor
# Type of a metadata value -> struct's format of one; 8 is a string and 9 an array.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9


def _halves(blocks: Bytes, place: int) -> Floats:
    """Returns the float16 at byte ``place`` of each block (N, bytes), as (N, 1)."""
    return blocks[:, place : place + 2].copy().view("<f2").astype(np.float32)


def _nibbles(codes: Bytes) -> Bytes:
    """Returns 32 numbers below 16 of each row of 16 bytes: all low halves, then all high halves."""
    return np.concatenate([codes & 15, codes >> 4], axis=1)


def _fifth_bits(codes: Bytes) -> Bytes:
    """Returns 16 times the 32 bits of each row of 4 bytes, lowest bit first."""
    return np.unpackbits(codes, axis=1, bitorder="little") * np.uint8(16)


def _q4_0(blocks: Bytes) -> Floats:
    return _halves(blocks, 0) * (_nibbles(blocks[:, 2:]).astype(np.float32) - 8)


def _q4_1(blocks: Bytes) -> Floats:
    return _halves(blocks, 0) * _nibbles(blocks[:, 4:]).astype(np.float32) + _halves(blocks, 2)


def _q5_0(blocks: Bytes) -> Floats:
    codes = _nibbles(blocks[:, 6:]) | _fifth_bits(blocks[:, 2:6])
    return _halves(blocks, 0) * (codes.astype(np.float32) - 16)


def _q5_1(blocks: Bytes) -> Floats:
    codes = _nibbles(blocks[:, 8:]) | _fifth_bits(blocks[:, 4:8])
    return _halves(blocks, 0) * codes.astype(np.float32) + _halves(blocks, 2)


def _q8_0(blocks: Bytes) -> Floats:
    return _halves(blocks, 0) * blocks[:, 2:].view(np.int8).astype(np.float32)


class Kind(NamedTuple):
    """A kind of tensor. block: numbers of a block; size: bytes of a block; decode: blocks (N, size) -> (N, block)."""

    name: str
    block: int
    size: int
    decode: Callable[[Bytes], Floats]


# ggml's number of a kind -> the kind.
KINDS = {
    0: Kind("F32", 1, 4, lambda blocks: blocks.view("<f4").astype(np.float32)),
    1: Kind("F16", 1, 2, lambda blocks: blocks.view("<f2").astype(np.float32)),
    2: Kind("Q4_0", BLOCK, 18, _q4_0),
    3: Kind("Q4_1", BLOCK, 20, _q4_1),
    6: Kind("Q5_0", BLOCK, 22, _q5_0),
    7: Kind("Q5_1", BLOCK, 24, _q5_1),
    8: Kind("Q8_0", BLOCK, 34, _q8_0),
    30: Kind("BF16", 1, 2, lambda blocks: (blocks.view("<u2").astype(np.uint32) << 16).view(np.float32)),
}


class Stored(NamedTuple):
    """A tensor in a file. shape: as numpy's, the last axis contiguous; place: of its first byte in the file."""

    kind: Kind
    shape: tuple[int, ...]
    place: int


class Gguf:
    """A GGUF file, of which only the header is read at first.

    values: metadata by key; tensors: by name, in the file's order. Raises InputError with one line for a file that is
    missing, truncated or no GGUF file, and for a tensor of a kind that is not in ``KINDS``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._raw: Bytes = np.memmap(self.path, dtype=np.uint8, mode="r")
        except FileNotFoundError:
            raise InputError(f"{path}: not found, expected a GGUF file") from None
        except (OSError, ValueError) as error:  # ValueError: an empty file
            raise InputError(f"{path}: cannot be read as a GGUF file: {error}") from None
        self._place = 0
        self.values: dict[str, Any] = {}
        self.tensors: dict[str, Stored] = {}
        try:
            self._read_header()
        except (struct.error, UnicodeDecodeError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: not a whole GGUF file: its header breaks off or holds no valid values") from None

    def array(self, name: str) -> Floats:
        """Returns a tensor in float32. Raises KeyError for an unknown name."""
        kind, shape, place = self.tensors[name]
        count = math.prod(shape) // kind.block
        blocks = np.array(self._raw[place : place + count * kind.size]).reshape(count, kind.size)
        return kind.decode(blocks).reshape(shape)

    def _read_header(self) -> None:
        magic, version, tensors, values = self._unpack("<4sIQQ")
        if magic != MAGIC or version not in VERSIONS:
            found = f"found {magic!r} and version {version}"
            raise InputError(f"{self.path}: {found}, expected {MAGIC!r} and a version among {VERSIONS}")
        for _ in range(values):
            key, (kind,) = self._string(), self._unpack("<I")
            self.values[key] = self._value(kind)
        infos = [self._info() for _ in range(tensors)]
        alignment = self.values.get("general.alignment", 32)
        start = -(-self._place // alignment) * alignment
        for name, number, shape, offset in infos:
            self.tensors[name] = self._stored(name, number, shape, start + offset)

    def _stored(self, name: str, number: int, shape: tuple[int, ...], place: int) -> Stored:
        if number not in KINDS:
            known = ", ".join(kind.name for kind in KINDS.values())
            raise InputError(f"{self.path}: tensor {name}: found ggml's kind {number}, expected one of {known}")
        kind = KINDS[number]
        if not shape or shape[-1] % kind.block:
            raise InputError(f"{self.path}: tensor {name}: found the shape {shape}, expected rows of whole blocks")
        if place + math.prod(shape) // kind.block * kind.size > len(self._raw):
            raise InputError(f"{self.path}: tensor {name} ends behind the end of the file, expected a whole file")
        return Stored(kind, shape, place)

    def _info(self) -> tuple[str, int, tuple[int, ...], int]:
        """Returns name, number of the kind, shape and offset of the next tensor."""
        name, (axes,) = self._string(), self._unpack("<I")
        shape = self._unpack(f"<{axes}Q")[::-1]  # the file has the contiguous axis first
        number, offset = self._unpack("<IQ")
        return name, number, shape, offset

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            kind, count = self._unpack("<IQ")
            if kind == STRING:
                return [self._string() for _ in range(count)]
            return list(self._unpack(f"<{count}{self._format(kind)}"))
        return self._unpack(f"<{self._format(kind)}")[0]

    def _format(self, kind: int) -> str:
        if kind not in SCALARS:
            raise InputError(f"{self.path}: found a metadata value of type {kind}, expected one of {[*SCALARS]}")
        return SCALARS[kind]

    def _string(self) -> str:
        (length,) = self._unpack("<Q")
        raw = self._raw[self._place : self._place + length].tobytes()
        if len(raw) < length:
            raise ValueError("the file ends within a string")
        self._place += length
        return raw.decode()

    def _unpack(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self._raw.data, self._place)
        self._place += struct.calcsize(form)
        return values
