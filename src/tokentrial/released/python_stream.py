"""The random stream of Python's ``random.Random``, drawn in bulk.

The released scripts draw every number, one call at a time, from Python's global generator. Their results can be rebuilt
exactly only from the same stream. Python and NumPy share the generator (MT19937) and the rule that makes a 53-bit
double from two of its words. So NumPy, started from Python's state, yields the same doubles in bulk. Python's
transformations of the doubles are redone here on arrays, with the same formulas in the same order of operations:

* ``gauss``: Box and Muller's pair of cosine and sine; the second value is kept for the next call;
* ``normalvariate``: Kinderman and Monahan's ratio of uniforms, which rejects some pairs of doubles;
* integers: the upper bits of one word, drawn again while they are too large.

Bit equality needs the logarithm, cosine and sine of the C library, which the ``math`` module uses. NumPy 2's cosine and
sine of doubles are the same functions. NumPy's vectorised logarithm differs in the last bit for one value in 300 on
some processors, so ``scipy.special.xlogy``, which calls the C library, replaces it. The unit tests fail on a build for
which this is not true; there ``gauss`` would still consume the stream exactly as Python does, and its values would
differ only in their last bit.

Source: Lib/random.py and Modules/_randommodule.c of CPython 3.11.
"""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

FloatArray = NDArray[np.float64]
Item = TypeVar("Item")

_TWO_PI = 2.0 * math.pi
_RATIO_WIDTH = 4.0 * math.exp(-0.5) / math.sqrt(2.0)  # NV_MAGICCONST there


class PythonStream:
    """The stream of ``random.Random(seed)``: the same values in the same order for any mix of calls."""

    def __init__(self, seed: int) -> None:
        words: tuple[int, ...] = random.Random(seed).getstate()[1]  # 624 words and the position in them
        self._words = np.random.MT19937()
        self._words.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.array(words[:-1], dtype=np.uint32), "pos": words[-1]},
        }
        self._doubles = np.random.Generator(self._words)
        self._kept: float | None = None  # the second value of the last Gaussian pair

    def uniform(self, n: int) -> FloatArray:
        """Returns the next n values of ``random()``: doubles in [0, 1), shape (n,)."""
        return self._doubles.random(n)

    def gauss(self, n: int) -> FloatArray:
        """Returns the next n values of ``gauss(0, 1)``, shape (n,); times sd: ``gauss(0, sd)``, bit for bit."""
        draws = np.empty(n)
        kept = self._take_kept(draws)
        pairs = (n - kept + 1) // 2
        drawn = self.uniform(2 * pairs)
        angle = drawn[::2] * _TWO_PI
        radius = np.sqrt(xlogy(-2.0, 1.0 - drawn[1::2]))  # -2 ln(1 - u)
        values = np.empty((pairs, 2))
        np.multiply(np.cos(angle), radius, out=values[:, 0])
        np.multiply(np.sin(angle), radius, out=values[:, 1])
        draws[kept:] = values.reshape(-1)[: n - kept]
        if (n - kept) % 2:
            self._kept = float(values[-1, 1])
        return draws

    def skip_gauss(self, n: int) -> None:
        """Skips n values of ``gauss``: draws the uniforms but does not apply the formulas."""
        left = n - self._take_kept(np.empty(n))
        self.uniform(left - left % 2)
        self.gauss(left % 2)

    def normalvariate(self, n: int) -> FloatArray:
        """Returns the next n values of ``normalvariate(0, 1)``, shape (n,); times sd: ``normalvariate(0, sd)``.

        Each round tries as many pairs as values are missing, so it draws no pair that Python would not draw.
        """
        draws = np.empty(n)
        done = 0
        while done < n:
            drawn = self.uniform(2 * (n - done))
            below = 1.0 - drawn[1::2]
            ratio = _RATIO_WIDTH * (drawn[::2] - 0.5) / below
            taken = ratio[ratio * ratio / 4.0 <= xlogy(-1.0, below)]
            draws[done : done + len(taken)] = taken
            done += len(taken)
        return draws

    def randint(self, low: int, high: int) -> int:
        """Returns the next value of ``randint(low, high)``, both ends included; at most 2**32 - 1 different values."""
        return low + self._below(high - low + 1)

    def choice(self, items: Sequence[Item]) -> Item:
        """Returns the next value of ``choice(items)``."""
        return items[self._below(len(items))]

    def _below(self, n: int) -> int:
        bits = n.bit_length()  # of n, not of n - 1: one bit is drawn even if there is only one item
        if n < 1 or bits > 32:
            raise ValueError(f"cannot draw below {n}: expected 1 to 2**32 - 1")
        while True:
            drawn = int(self._words.random_raw()) >> (32 - bits)
            if drawn < n:
                return drawn

    def _take_kept(self, values: FloatArray) -> int:
        """Puts the kept Gaussian, if there is one and room, first into ``values``; returns the number put (0 or 1)."""
        if self._kept is None or not len(values):
            return 0
        values[0], self._kept = self._kept, None
        return 1
