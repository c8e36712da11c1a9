"""The "focused scaling test" behind the means of document 001's Tables 5.2 to 5.4, rebuilt with its own random stream.

Fourteen cells of three runs each share one stream: five compression ratios, five vocabularies, four kinds of data. The
traditional arm builds and perturbs an autoencoder, discards it, and trains a fresh copy of the learned arm's model on
the tokens: both arms are the same model. All "training" is by noise, on the sequences that are then reported. Every
published loss lies within 0.012 nats of chance, ln V.

The random values equal the script's, bit for bit; sums are taken in NumPy's order, so losses agree to about 1e-14. The
stream skips table rows of tokens that never occur in the data, as no loss depends on them.

Source: protocols A3 (``focused_scaling_test.py``).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tokentrial.released.cells import Measured, up_to
from tokentrial.released.context_free import (
    Autoencoder,
    IntArray,
    NextTokenModel,
    NoiseRule,
    draw_windows,
)
from tokentrial.released.python_stream import FloatArray, PythonStream

FULL_WIDTH = 32
RUNS = 3
SEQUENCES = 100
EPOCHS = 10
AUTOENCODER_SEQUENCES = 30
AUTOENCODER_EPOCHS = 5
MODEL_NOISE = NoiseRule(rate=0.01, cap=2.0)
AUTOENCODER_NOISE = NoiseRule(rate=0.01, cap=1.0)


class Cell(NamedTuple):
    vocabulary: int
    width: int
    data: str


CELLS = {
    # Width 2 at both 16:1 and 32:1: the script takes max(2, int(32 / ratio)).
    **{f"compression-{ratio}": Cell(100, max(2, FULL_WIDTH // ratio), "simple") for ratio in (2, 4, 8, 16, 32)},
    **{f"vocabulary-{size}": Cell(size, 8, "simple") for size in (50, 100, 200, 500, 1000)},
    **{f"complexity-{kind}": Cell(100, 8, kind) for kind in ("simple", "complex", "structured", "semi_random")},
}


def run(seed: int = 42, last_cell: str | None = None, progress: Callable[[str], None] | None = None) -> list[Measured]:
    """Returns the script's measurements, on its training data: arms ``learned`` and ``traditional`` of each cell.

    Each epoch, step 1 to 10, has one ``cross_entropy`` row (nats per token), and there is a final row; the ``seed``
    column is the run's index, 0 to 2. ``last_cell`` ends the run after that cell; ``progress`` is called with the name
    of each finished cell. Raises InputError if there is no cell of that name.
    """
    stream = PythonStream(seed)
    rows = []
    for name, cell in up_to(CELLS, last_cell, "focused-scaling").items():
        for index in range(RUNS):
            for arm, train in (("learned", _train_learned), ("traditional", _train_traditional)):
                curve = train(stream, cell).mean(axis=1)  # epochs
                for epoch, value in [*enumerate(curve, 1), (None, curve[-1])]:
                    rows.append(Measured(name, arm, index, "train", epoch, "cross_entropy", float(value), "nats"))
        if progress is not None:
            progress(name)
    return rows


def draw_data(stream: PythonStream, kind: str, vocabulary: int) -> tuple[IntArray, IntArray]:
    """Draws inputs and targets of the 100 sequences of one arm and run, each of shape (100, window - 1).

    The patterns of ``semi_random`` are also drawn here: each arm and run has five new patterns.
    """
    patterns: list[list[int]]
    if kind == "simple":
        patterns = [[1, 2, 3] * 3, [4, 5] * 4, [6, 7, 8, 9] * 2]
    elif kind == "complex":
        patterns = [[first, first + 1, first + 2] for first in range(1, 10)]
    elif kind == "structured":
        patterns = [[1, 2, 3, 4, 5, 6, 7, 0]]
    else:
        patterns = [[stream.randint(0, vocabulary - 1) for _ in range(6)] for _ in range(5)]
    return draw_windows(stream, patterns, SEQUENCES)


def _train_learned(stream: PythonStream, cell: Cell) -> FloatArray:
    inputs, targets = draw_data(stream, cell.data, cell.vocabulary)
    return _train_model(stream, cell, inputs, targets)


def _train_traditional(stream: PythonStream, cell: Cell) -> FloatArray:
    """Trains as the learned arm, after an autoencoder that only advances the stream."""
    inputs, targets = draw_data(stream, cell.data, cell.vocabulary)
    autoencoder = Autoencoder.draw(stream, cell.vocabulary, FULL_WIDTH, cell.width)
    tokens = inputs[:AUTOENCODER_SEQUENCES].reshape(-1)
    for _ in range(AUTOENCODER_EPOCHS):
        autoencoder.train_epoch(stream, tokens, AUTOENCODER_NOISE)
    return _train_model(stream, cell, inputs, targets)


def _train_model(stream: PythonStream, cell: Cell, inputs: IntArray, targets: IntArray) -> FloatArray:
    """Returns the loss of every step before its update, shape (epochs, sequences)."""
    model = NextTokenModel.draw(stream, cell.vocabulary, cell.width, rows=int(inputs.max()) + 1)
    losses = np.empty((EPOCHS, SEQUENCES))
    for epoch in range(EPOCHS):
        for sequence in range(SEQUENCES):
            probabilities = model.probabilities(inputs[sequence], targets[sequence])
            loss = float(-np.log(np.maximum(probabilities, 1e-10)).mean())
            model.perturb(stream, loss, MODEL_NOISE)
            losses[epoch, sequence] = loss
    return losses
