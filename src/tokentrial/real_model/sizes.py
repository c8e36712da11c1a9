"""Encodings of a token table by method and size: ``svd-8`` takes an eighth of the bits that float16 takes.

A size is how many times fewer bits a number of the table has than the 16 of float16. Some methods also have a form by
bits, as the study's arms do: ``int4`` has 4 bits a number. The options are those of schema.real_model.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from tokentrial.errors import InputError
from tokentrial.real_model.job import FULL
from tokentrial.real_model.stored import FLOAT
from tokentrial.real_model.tensor_train import numbers

Options = dict[str, Any]
NAMED = re.compile(r"(?P<method>[a-z_]*[a-z])(?P<dash>[-_]?)(?P<number>[0-9]{1,6})")
GROUP, CLIP = 64, 3
LEVELS = {4: [8, 4, 3], 2: [4, 3, 2]}  # bits a number, nominal -> of the bands


class Table(NamedTuple):
    """The shape of a token table."""

    tokens: int
    width: int


class Unfit(ValueError):
    """A size that a method cannot have; the text says which it can."""


def _width(table: Table, bits: Fraction) -> int:
    """Returns the dimensions whose float16 codes take so many bits for each number of the table."""
    width = math.floor(table.width * bits / FLOAT)
    if not 1 <= width < table.width:
        raise Unfit(f"a width of {float(table.width * bits / FLOAT):g}, expected 1 to {table.width - 1}")
    return width


def _whole(bits: Fraction) -> int:
    if bits.denominator != 1 or not 2 <= bits <= 8:
        raise Unfit(f"{bits} bits a number, expected a whole number of 2 to 8")
    return int(bits)


def _bytes_over(bits: Fraction, most: int) -> int:
    """Returns how many numbers share a byte."""
    shared = 8 / bits
    if shared.denominator != 1 or not 1 <= shared <= most:
        raise Unfit(f"{bits} bits a number, expected 8, 4, 2, 1, ...: a byte for 1, 2, 4, 8, ... numbers")
    return int(shared)


def _rank(table: Table, bits: Fraction) -> int:
    most = math.floor(table.tokens * table.width * bits / FLOAT)
    rank = bisect_right(range(1, table.tokens * table.width), most, key=lambda each: numbers(each, *table))
    if not rank:
        raise Unfit("no rank is that small, expected a smaller size")
    return rank


def _residual(table: Table, bits: Fraction) -> Options:
    """An SVD of one bit a number, and integers for the rest."""
    return {"width": _width(table, Fraction(1)), "bits": _whole(bits - 1), "clip": CLIP, "counted": True}


def _bands(table: Table, bits: Fraction) -> Options:
    widths = [min(table.width, max(1, math.floor(table.width * bits / FLOAT * share))) for share in (4, 2, 0.5)]
    return {"widths": widths, "order": "frequency"}


def _bit_bands(table: Table, bits: Fraction) -> Options:
    if bits not in LEVELS:
        raise Unfit(f"{bits} bits a number, expected {' or '.join(map(str, LEVELS))}")
    return {"levels": LEVELS[int(bits)], "clip": CLIP, "order": "frequency"}


class Method(NamedTuple):
    """A method: its code in the study, what it is, and its options for so many bits a number."""

    code: str
    says: str
    options: Callable[[Table, Fraction], Options]


METHODS = {
    "svd": Method("svd", "truncated SVD", lambda t, b: {"width": _width(t, b)}),
    "svd_counted": Method(
        "svd", "SVD, errors weighted by token counts", lambda t, b: {"width": _width(t, b), "counted": True}
    ),
    "autoencoder": Method("autoencoder", "linear autoencoder", lambda t, b: {"width": _width(t, b), "counted": True}),
    "autoencoder_deep": Method(
        "autoencoder",
        "autoencoder with a hidden layer",
        lambda t, b: {"width": _width(t, b), "hidden": max(1, t.width // 2), "counted": True},
    ),
    "autoencoder_direction": Method(
        "autoencoder",
        "linear autoencoder, trained to directions",
        lambda t, b: {"width": _width(t, b), "loss": "direction", "counted": True},
    ),
    "tensor_train": Method("tensor_train", "three small tensors", lambda t, b: {"rank": _rank(t, b)}),
    "int": Method("integers", "integers, a scale for each row", lambda t, b: {"bits": _whole(b)}),
    "clipped": Method("integers", "integers, clipped at 3 sd", lambda t, b: {"bits": _whole(b), "clip": CLIP}),
    "grouped": Method(
        "integers",
        "integers, a scale for up to 64 numbers",
        lambda t, b: {"bits": _whole(b), "group": math.gcd(t.width, GROUP)},
    ),
    "pq": Method("product", "product quantisation", lambda t, b: {"width": _bytes_over(b, t.width)}),
    "pq_counted": Method(
        "product",
        "product quantisation of frequent tokens",
        lambda t, b: {"width": _bytes_over(b, t.width), "counted": True},
    ),
    "additive": Method(
        "additive", "sum of two product codes", lambda t, b: {"width": _bytes_over(b / 2, t.width), "stages": 2}
    ),
    "residual": Method("residual", "SVD, and integers for the rest", _residual),
    "bands": Method("banded_widths", "three widths by frequency", _bands),
    "bit_bands": Method("banded_bits", "three numbers of bits by frequency", _bit_bands),
}


class Asked(NamedTuple):
    """An encoding that is asked for. arm: its name; bits: for a number of the table, nominally."""

    arm: str
    method: str
    bits: Fraction


def asked(methods: Sequence[str], sizes: Sequence[int]) -> list[Asked]:
    """Returns the encodings of a list of methods.

    methods: names of METHODS, each of which gets every size; or such a name with a size, ``svd-8``, or with its bits a
    number, ``int4``. Raises InputError for a method that does not exist.
    """
    found: list[Asked] = []
    for entry in methods:
        if entry in METHODS:
            found += [Asked(f"{entry}-{size}", entry, Fraction(FLOAT, size)) for size in sizes]
            continue
        named = NAMED.fullmatch(entry)
        if named is None or named["method"] not in METHODS or not int(named["number"]):
            expected = f"expected some of {', '.join(METHODS)}, or one with a size or bits a number: svd-8, int4"
            raise InputError(f"--methods: found '{entry[:80]}', {expected}")
        number = int(named["number"])
        bits = Fraction(FLOAT, number) if named["dash"] == "-" else Fraction(number)
        found.append(Asked(entry, named["method"], bits))
    return found


def arms(encodings: Sequence[Asked], table: Table) -> dict[str, Options]:
    """Returns arm -> its options for the study's codes, the full table first; of equal encodings the first one.

    Raises InputError for a size that a method cannot have.
    """
    found: dict[str, Options] = {FULL: {"code": "plain"}}
    for arm, method, bits in encodings:
        try:
            options = {"code": METHODS[method].code, **METHODS[method].options(table, bits)}
        except Unfit as error:
            where = f"the {table.tokens:,} x {table.width} table of this model"
            raise InputError(f"--methods: {arm}: found {error}, for {where}") from None
        if options not in found.values():
            found[arm] = options
    return found
