"""True bits: how few bits of a trained vector still make the model say its text, and those of arithmetic coding.

A vector is rounded to b bits a number, one scale for all numbers of a text, and counts as right if greedy decoding in
float32 returns the text. Of the scales, as many are tried as a header of ``SCALE_BITS`` bits could name and more. The
coordinates may be those in a random basis that the decoder makes from the run's seed, which costs no bits.

Shapes: B texts of N tokens, m vectors of d numbers, or k coordinates each.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tokentrial.cramming.decode import Reader, greedy_prefix, scores
from tokentrial.seeds import stream

MOST_BITS = 16  # of a number
SCALE_BITS = 16  # of the scale of a text's numbers
SCALES = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4)  # largest level that is tried, as a share of the largest number


class Rounded(NamedTuple):
    """The fewest bits of each text."""

    bits: Tensor  # (B,) bits a number, 0 if none of up to MOST_BITS decodes the text


def quantised(coordinates: Tensor, bits: int, share: float) -> Tensor:
    """Returns coordinates (B, m, k) rounded to 2^bits levels, symmetric around zero, and zero if there is one bit more.

    The levels are the middles of equal steps between minus and plus ``share`` of a text's largest coordinate; with one
    bit, they are the two signs.
    """
    largest = coordinates.abs().amax((1, 2), keepdim=True).clamp_min(1e-30) * share
    step = 2 * largest / 2**bits
    level = torch.floor(coordinates / step).clamp_(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    rounded: Tensor = (level + 0.5) * step
    return rounded


@torch.no_grad()
def fewest(
    reader: Reader, coordinates: Tensor, vectors_of: Callable[[Tensor, Tensor], Tensor], ids: Tensor, first: bool
) -> Tensor:
    """Returns the fewest bits a number (B,) with which each text is decoded exactly, 0 if MOST_BITS are too few.

    coordinates (B, m, k); vectors_of: (coordinates, rows of the texts) -> vectors (b, m, d); ids (B, N); first: whether
    the first token is predicted. Every number of bits is tried from one upwards: fewer bits can be right by accident,
    and then they are enough.
    """
    reader = reader.exact
    predicted = ids.shape[1] - (0 if first else 1)
    found = torch.zeros(len(ids), dtype=torch.int64, device=ids.device)
    for bits in range(1, MOST_BITS + 1):
        for share in SCALES:
            rows = (found == 0).nonzero().squeeze(1)
            if len(rows) == 0:
                return found
            vectors = vectors_of(quantised(coordinates[rows], bits, share), rows)
            right = greedy_prefix(reader, vectors, ids[rows], first) == predicted
            found[rows[right]] = bits
    return found


@torch.no_grad()
def arithmetic(reader: Reader, ids: Tensor, first: bool) -> Tensor:
    """Returns the bits (B,) of an arithmetic code of the predicted tokens under the model: ceil(-log2 P) + 1.

    Cover and Thomas 2006, section 5.9. The decoder has the model, the first token and the length, as it has them for a
    vector.
    """
    empty = torch.empty(len(ids), 0, reader.model.width, dtype=reader.model.table.dtype, device=ids.device)
    nll, _ = scores(reader.exact, empty, ids, first)
    return (nll.double().sum(1) / math.log(2)).ceil() + 1


def basis(reader: Reader, seed: int, size: int) -> Tensor:
    """Returns a random orthogonal basis (k, d) of ``size`` dimensions, each of squared length d / k.

    With this length, a step in all coordinates moves a vector as far as a step in all its own numbers. The first
    dimensions of a larger basis are those of a smaller one.
    """
    width, table = reader.model.width, reader.model.table
    drawn = torch.from_numpy(stream(seed, "cramming", "basis", width).standard_normal((width, width)))
    orthogonal: Tensor = torch.linalg.qr(drawn)[0]
    return (orthogonal.t()[:size] * math.sqrt(width / size)).to(table.device, table.dtype).contiguous()


def coordinates_of(vectors: Tensor, start: Tensor, directions: Tensor) -> Tensor:
    """Returns the coordinates (B, m, k) in a basis (k, d) of vectors (B, m, d) that lie in it around their start."""
    size, width = directions.shape
    coordinates: Tensor = (vectors - start) @ directions.t() * (size / width)
    return coordinates


class Dimensions:
    """The search for the fewest dimensions in which a text can be solved: bisection of their logarithm.

    low, high: the most dimensions in which it failed and the fewest in which it was solved.
    """

    CLOSE = 1.2  # the ratio at which a search ends

    def __init__(self, width: int) -> None:
        self.width = width

    def next(self, low: int, high: int) -> int | None:
        """Returns the number of dimensions that is tried next, None if the search is at its end."""
        if high - low <= 1 or high <= self.CLOSE * low:
            return None
        return min(max(round(math.sqrt(max(low, 1) * high)), low + 1), high - 1)

    @property
    def rounds(self) -> int:
        """The number of rounds after which no search is open."""
        most, low, high = 0, 0, self.width
        spans = {(low, high)}
        while spans:
            halves = {(span, self.next(*span)) for span in spans}
            spans = {half for (at, to), mid in halves if mid is not None for half in ((at, mid), (mid, to))}
            most += bool(spans)
        return most
