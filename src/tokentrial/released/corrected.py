"""The "corrected experiment" behind document 000's Tables 3.2 and 3.3, rebuilt with its own random stream.

Four compression ratios of three runs each share one stream. A token is predicted from the mean of the 8 tokens before
it; the accuracy is that of the argmax on 200 test sequences. Train and test data come from separate Markov chains, so a
rule learned on one does not hold on the other. All "training" adds noise in proportion to the error rate.

The random values equal the script's, bit for bit. Sums are taken in NumPy's order, so a logit may differ in its last
bits. This changes a prediction only if two logits agree to about 1e-16 (none of the script's printed accuracies
differs). If all units of a code are 0, all logits are 0, and both take the first token.

Source: protocols A6 (``corrected_experiment.py``).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tokentrial.released.cells import Measured, up_to
from tokentrial.released.python_stream import FloatArray, PythonStream

VOCABULARY = 50
FULL_WIDTH = 128
LENGTH = 8
TRAIN_SEQUENCES = 800
TEST_SEQUENCES = 200
RUNS = 3
EPOCHS = 50  # learned: all; autoencoder: half for reconstruction, half for the task
RATE = 0.01
INITIAL_SD = 0.1
ERROR_THRESHOLD = 0.1  # summed squared error; at or below this error, the autoencoder is not changed

CELLS = {f"ratio-{ratio}": FULL_WIDTH // ratio for ratio in (2, 4, 8, 16)}  # compressed width

IntArray = NDArray[np.intp]


def run(seed: int = 42, last_cell: str | None = None, progress: Callable[[str], None] | None = None) -> list[Measured]:
    """Returns the script's measurements: arms ``learned.<cell>``, ``autoencoder.<cell>``; ``seed``: the run, 0 to 2.

    Rows per epoch (step 1 to 50) and a final row have the training ``error_rate`` (fraction, before the epoch's
    update). In epochs 1 to 25, the autoencoder has ``reconstruction_error`` instead (squared error summed over 128
    dimensions). The last row is the test ``accuracy`` (fraction). ``last_cell`` ends the run after that cell;
    ``progress`` is called with the name of each finished cell. Raises InputError if there is no cell of that name.
    """
    stream = PythonStream(seed)
    rows = []
    for name, width in up_to(CELLS, last_cell, "corrected").items():
        for index in range(RUNS):
            rows += _learned_run(stream, name, width, index)
            rows += _autoencoder_run(stream, name, width, index)
        if progress is not None:
            progress(name)
    return rows


def parameters(arm: str, width: int) -> dict[str, int]:
    """Returns the number of parameters by role, as the script counts them (including a frozen table)."""
    head = width * VOCABULARY
    if arm == "learned":
        return {"embedding": VOCABULARY * width, "head": head}
    maps = FULL_WIDTH * width
    return {"embedding": VOCABULARY * FULL_WIDTH, "encoder": maps, "decoder": maps, "head": head}


def draw_data(stream: PythonStream, count: int) -> tuple[IntArray, IntArray]:
    """Draws ``count`` sequences (count, 8) and their next tokens (count,), from a Markov chain drawn for this call."""
    weights = stream.uniform(VOCABULARY * VOCABULARY).reshape(VOCABULARY, VOCABULARY)
    half = VOCABULARY // 2
    weights[:half, half:] *= 2  # the first half prefers the second
    totals = np.cumsum(weights, axis=1)[:, -1:]  # added from left to right, as Python does
    reached = np.cumsum(weights / totals, axis=1)  # V, V
    tokens = np.empty((count, LENGTH + 1), dtype=np.intp)
    for row in tokens:
        row[0] = stream.randint(0, VOCABULARY - 1)
        for step, drawn in enumerate(stream.uniform(LENGTH)):
            following = int(np.searchsorted(reached[row[step]], drawn))  # the first token that reaches the draw
            row[step + 1] = following if following < VOCABULARY else row[step]  # rounding: the token stays
    return tokens[:, :-1], tokens[:, -1]


def _learned_run(stream: PythonStream, name: str, width: int, index: int) -> list[Measured]:
    inputs, targets = draw_data(stream, TRAIN_SEQUENCES)
    test_inputs, test_targets = draw_data(stream, TEST_SEQUENCES)
    shares, test_shares = _token_shares(inputs), _token_shares(test_inputs)
    table = _draw(stream, VOCABULARY, width) * INITIAL_SD
    output = _draw(stream, width, VOCABULARY) * INITIAL_SD
    rows = []
    for epoch in range(1, EPOCHS + 1):
        rate = _wrong(shares @ table @ output, targets) / TRAIN_SEQUENCES
        rows.append(Measured(name, "learned", index, "train", epoch, "error_rate", rate, "fraction"))
        if rate > 0:
            scale = rate * RATE
            table += _draw(stream, VOCABULARY, width) * (scale * 0.1)
            output += _draw(stream, width, VOCABULARY) * scale
    return [*rows, *_final(rows[-1], _wrong(test_shares @ table @ output, test_targets))]


def _autoencoder_run(stream: PythonStream, name: str, width: int, index: int) -> list[Measured]:
    arm = "autoencoder"
    inputs, targets = draw_data(stream, TRAIN_SEQUENCES)
    test_inputs, test_targets = draw_data(stream, TEST_SEQUENCES)
    table = _draw(stream, VOCABULARY, FULL_WIDTH) * INITIAL_SD
    encoder = _draw(stream, FULL_WIDTH, width) * INITIAL_SD
    decoder = _draw(stream, width, FULL_WIDTH) * INITIAL_SD
    head = _draw(stream, width, VOCABULARY) * INITIAL_SD
    pooled, test_pooled = _token_shares(inputs) @ table, _token_shares(test_inputs) @ table  # sequences, 128
    rows = []
    for epoch in range(1, EPOCHS // 2 + 1):
        rebuilt = np.maximum(np.maximum(pooled @ encoder, 0.0) @ decoder, 0.0)  # no negative value can be rebuilt
        error = float(np.square(pooled - rebuilt).sum(axis=1).mean())
        rows.append(Measured(name, arm, index, "train", epoch, "reconstruction_error", error, "squared error"))
        if error > ERROR_THRESHOLD:
            scale = error * RATE * 0.01
            encoder += _draw(stream, FULL_WIDTH, width) * scale
            decoder += _draw(stream, width, FULL_WIDTH) * scale
    codes, test_codes = np.maximum(pooled @ encoder, 0.0), np.maximum(test_pooled @ encoder, 0.0)
    for epoch in range(EPOCHS // 2 + 1, EPOCHS + 1):
        rate = _wrong(codes @ head, targets) / TRAIN_SEQUENCES
        rows.append(Measured(name, arm, index, "train", epoch, "error_rate", rate, "fraction"))
        if rate > 0:
            head += _draw(stream, width, VOCABULARY) * (rate * RATE)
    return [*rows, *_final(rows[-1], _wrong(test_codes @ head, test_targets))]


def _draw(stream: PythonStream, rows: int, columns: int) -> FloatArray:
    return stream.normalvariate(rows * columns).reshape(rows, columns)


def _token_shares(inputs: IntArray) -> FloatArray:
    """Returns token shares (sequences, V); times a table, they are the means of the sequences' token vectors."""
    shares = np.zeros((len(inputs), VOCABULARY))
    np.add.at(shares, (np.arange(len(inputs))[:, None], inputs), 1.0 / LENGTH)
    return shares


def _wrong(logits: FloatArray, targets: IntArray) -> int:
    return int((logits.argmax(axis=1) != targets).sum())


def _final(last: Measured, wrong: int) -> list[Measured]:
    accuracy = (TEST_SEQUENCES - wrong) / TEST_SEQUENCES
    return [
        last._replace(step=None),
        last._replace(split="test", step=None, metric="accuracy", value=accuracy),
    ]
