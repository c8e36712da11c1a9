"""The bytes of an own encoder's tensors, as stored and after zstd."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from torch import Tensor

from tokentrial.encoders.base import Encoder
from tokentrial.training.deployed import attribute_bits


def entropy_coded(encoder: Encoder, seeds: Sequence[Mapping[str, Tensor]]) -> tuple[int, int]:
    """Returns the bytes of a seed's deployed tensors, whole numbers packed to their bits, before and after zstd (-19).

    Means over the seeds.
    """
    codec = pa.Codec("zstd", compression_level=19)
    plain, small = [], []
    for parameters in seeds:
        parts = [_packed(one.values, one.bits) for one in encoder.deployed(dict(parameters)).values() if one.bits]
        text = b"".join(parts)
        plain.append(len(text))
        small.append(len(codec.compress(text, asbytes=True)) if text else 0)
    hidden = sum(attribute_bits(encoder).values()) // 8
    return round(sum(plain) / len(plain)) + hidden, round(sum(small) / len(small)) + hidden


def _packed(values: Tensor, bits: int) -> bytes:
    """Returns the bytes of a tensor's elements at this many bits each."""
    array = values.detach().cpu().contiguous()
    if bits >= 8 * array.element_size():
        return array.numpy().tobytes()
    whole = array.long().flatten().numpy()
    planes = ((whole - whole.min())[:, None] >> np.arange(bits)) & 1
    return np.packbits(planes.astype(np.uint8)).tobytes()
