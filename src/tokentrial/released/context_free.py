"""The model, the data windows and the noise "training" that two of the released scripts share.

These scripts have no gradient. A step computes a loss and, if the loss is above a threshold, adds independent Gaussian
noise to the parameters; the size of the noise grows with the loss. The model sees one token at a time: a table row, a
linear map to 32 hidden units, ReLU, a linear map to the vocabulary; no biases.

Source: protocols A1 (``pure_python_experiment.py``) and A3 (``focused_scaling_test.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tokentrial.released.python_stream import FloatArray, PythonStream

HIDDEN = 32
WINDOW = 8
INITIAL_SD = 0.1
LOSS_THRESHOLD = 0.5  # nats per token; at or below this loss, a model is not changed
ERROR_THRESHOLD = 0.1  # summed squared error; at or below this error, an autoencoder is not changed

IntArray = NDArray[np.intp]


class NoiseRule(NamedTuple):
    """The size of the noise: rate times the capped loss."""

    rate: float
    cap: float

    def scale(self, loss: float) -> float:
        return self.rate * min(loss, self.cap)


def draw_windows(stream: PythonStream, patterns: Sequence[Sequence[int]], count: int) -> tuple[IntArray, IntArray]:
    """Draws inputs and next-token targets of ``count`` windows, each of shape (count, window - 1).

    A window is a part of a uniformly drawn pattern from a uniform start; it has 8 tokens, or all tokens of a shorter
    pattern.
    """
    windows = []
    for _ in range(count):
        pattern = stream.choice(patterns)
        length = min(WINDOW, len(pattern))
        start = stream.randint(0, len(pattern) - length)
        windows.append(pattern[start : start + length])
    tokens = np.array(windows, dtype=np.intp)  # count, window
    return tokens[:, :-1], tokens[:, 1:]


@dataclass
class NextTokenModel:
    """Table -> linear -> ReLU -> linear. The two maps are stored in one vector, as they always get the same noise."""

    table: FloatArray  # rows, width
    maps: FloatArray  # width * 32 + 32 * vocabulary
    vocabulary: int
    unused: int = 0  # entries of table rows that no token looks up: the stream skips their noise
    frozen_table: bool = False

    def __post_init__(self) -> None:
        width = self.table.shape[1]
        self.hidden = self.maps[: width * HIDDEN].reshape(width, HIDDEN)  # views: noise in maps reaches them
        self.output = self.maps[width * HIDDEN :].reshape(HIDDEN, self.vocabulary)

    @classmethod
    def draw(cls, stream: PythonStream, vocabulary: int, width: int, rows: int) -> "NextTokenModel":
        """Draws a new model; only the first ``rows`` rows of its table are made, and the stream skips the others."""
        table = stream.gauss(rows * width).reshape(rows, width) * INITIAL_SD
        unused = (vocabulary - rows) * width
        stream.skip_gauss(unused)
        return cls(table, _draw_maps(stream, vocabulary, width), vocabulary, unused)

    @classmethod
    def draw_head(cls, stream: PythonStream, vocabulary: int, codes: FloatArray) -> "NextTokenModel":
        """Draws a new model on ``codes`` (vocabulary, width), which are not changed."""
        return cls(codes, _draw_maps(stream, vocabulary, codes.shape[1]), vocabulary, frozen_table=True)

    def probabilities(self, inputs: IntArray, targets: IntArray) -> FloatArray:
        """Returns the probability of each target, shape (positions,)."""
        logits = np.maximum(self.table[inputs] @ self.hidden, 0.0) @ self.output  # positions, vocabulary
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: FloatArray = odds[np.arange(len(targets)), targets] / odds.sum(axis=1)
        return probabilities

    def perturb(self, stream: PythonStream, loss: float, rule: NoiseRule) -> None:
        """Does one training step: adds noise to every parameter that is not frozen, unless the loss is small enough."""
        if loss <= LOSS_THRESHOLD:
            return
        scale = rule.scale(loss)
        if not self.frozen_table:
            self.table += _noise(stream, self.table.size, scale * 0.1).reshape(self.table.shape)
            stream.skip_gauss(self.unused)
        self.maps += _noise(stream, self.maps.size, scale * 0.05)


@dataclass
class Autoencoder:
    """Table -> linear -> ReLU (the code) -> linear (the reconstruction); the table is never updated."""

    table: FloatArray  # vocabulary, full
    maps: FloatArray  # full * width + width * full
    width: int

    def __post_init__(self) -> None:
        full = self.table.shape[1]
        self.encoder = self.maps[: full * self.width].reshape(full, self.width)
        self.decoder = self.maps[full * self.width :].reshape(self.width, full)

    @classmethod
    def draw(cls, stream: PythonStream, vocabulary: int, full: int, width: int) -> "Autoencoder":
        table = stream.gauss(vocabulary * full).reshape(vocabulary, full) * INITIAL_SD
        return cls(table, stream.gauss(2 * full * width) * INITIAL_SD, width)

    def codes(self) -> FloatArray:
        """Returns the code of every token, shape (vocabulary, width)."""
        return np.maximum(self.table @ self.encoder, 0.0)

    def train_epoch(self, stream: PythonStream, tokens: IntArray, rule: NoiseRule) -> FloatArray:
        """Does one noise step per token; returns the summed squared error before each step, shape (len(tokens),)."""
        errors = np.empty(len(tokens))
        for step, token in enumerate(tokens):
            original = self.table[token]
            missed = original - np.maximum(original @ self.encoder, 0.0) @ self.decoder
            error = float(missed @ missed)
            if error > ERROR_THRESHOLD:
                self.maps += _noise(stream, self.maps.size, rule.scale(error) * 0.1)
            errors[step] = error
        return errors


def _draw_maps(stream: PythonStream, vocabulary: int, width: int) -> FloatArray:
    return stream.gauss(width * HIDDEN + HIDDEN * vocabulary) * INITIAL_SD


def _noise(stream: PythonStream, n: int, sd: float) -> FloatArray:
    noise = stream.gauss(n)
    noise *= sd
    return noise
