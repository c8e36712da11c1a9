"""What an encoded token table stores, how many bits and bytes that is, and how the table is decoded from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from torch import Tensor

FLOAT = 16  # bits of a stored real number
SIZES = ("bytes", "bytes_zstd", "bytes_entropy")


class Part(NamedTuple):
    """Something stored: real numbers in float16, or whole numbers of ``bits`` bits."""

    values: Tensor
    bits: int

    @property
    def size(self) -> int:
        """Bits by count."""
        return self.values.numel() * self.bits

    def packed(self) -> bytes:
        """Returns the numbers side by side, without gaps."""
        if self.bits == FLOAT:
            return self.values.numpy().astype("<f2").tobytes()
        codes = self._unsigned()
        if self.bits == 8:
            return codes.tobytes()
        return np.packbits(np.unpackbits(codes.reshape(-1, 1), axis=1)[:, -self.bits :]).tobytes()

    def entropy(self) -> float:
        """Returns the bits under a code of the numbers' frequencies; real numbers take those by count."""
        if self.bits == FLOAT:
            return float(self.size)
        counts = np.bincount(self._unsigned())
        counts = counts[counts > 0]
        return float(-(np.log2(counts / counts.sum()) * counts).sum())

    def _unsigned(self) -> npt.NDArray[np.uint8]:
        """Returns the whole numbers modulo 2^bits, in one row."""
        return self.values.numpy().ravel().astype(np.uint8) & np.uint8(2**self.bits - 1)


@dataclass(frozen=True)
class Coded:
    """An encoded table. table: (V, d) float32, as decoded; parts: what is stored; decode: makes the table of it."""

    table: Tensor
    parts: Sequence[Part]
    decode: Callable[[], Tensor] | None = None

    @classmethod
    def of(cls, decode: Callable[[], Tensor], parts: Sequence[Part]) -> "Coded":
        """Returns the table that ``decode`` makes of the stored parts, which it holds."""
        return cls(decode(), parts, decode)

    def decoded(self) -> Tensor:
        """Decodes the table (V, d) once more, if it is known how."""
        return self.table if self.decode is None else self.decode()

    @property
    def bits(self) -> int:
        """Bits by count."""
        return sum(part.size for part in self.parts)

    def sizes(self) -> dict[str, float]:
        """Returns the bytes by count, after zstd, and under a code of the numbers' frequencies."""
        packed = float(sum(len(pa.compress(part.packed(), "zstd", asbytes=True)) for part in self.parts))
        entropy = sum(part.entropy() for part in self.parts) / 8
        return dict(zip(SIZES, (self.bits / 8, packed, entropy), strict=True))


def half(values: Tensor) -> Tensor:
    """Returns values as float16 keeps them, in float32."""
    return values.half().float()


def weights(counts: Tensor) -> Tensor:
    """Returns the weight of each token's error (V,): its count plus one, since no token may count nothing."""
    return counts.double() + 1
