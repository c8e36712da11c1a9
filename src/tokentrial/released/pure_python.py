"""The "pure Python" proof of concept of document 002, rebuilt with its own random stream.

Vocabulary 20, four cyclic patterns, one run. Arms: ``learned`` (a 20 x 4 table), ``autoencoder`` (20 x 32 to 4 and
back) and ``traditional`` (a head on the frozen autoencoder code). All three are "trained" only by noise. The reported
loss is the mean over the 200 training sequences in the last epoch; there is no held-out data. Chance is ln 20 = 2.9957
nats; the attainable loss is 0.

Every random value equals the script's, bit for bit. Sums are taken in NumPy's order instead of Python's, so losses, and
the noise that they scale, agree to about 1e-14.

Source: protocols A1 (``pure_python_experiment.py``).
"""

import numpy as np

from tokentrial.released.cells import Measured
from tokentrial.released.context_free import Autoencoder, NextTokenModel, NoiseRule, draw_windows
from tokentrial.released.python_stream import FloatArray, PythonStream

VOCABULARY = 20
FULL_WIDTH = 32
WIDTH = 4
SEQUENCES = 200
AUTOENCODER_SEQUENCES = 50
EPOCHS = 25
AUTOENCODER_EPOCHS = 15
PATTERNS = ([1, 2, 3, 4, 5] * 3, [7, 8, 9] * 4, [11, 12, 13, 14] * 3, [16, 17] * 6)
MODEL_NOISE = NoiseRule(rate=0.02, cap=3.0)
AUTOENCODER_NOISE = NoiseRule(rate=0.02, cap=2.0)


def run(seed: int = 42) -> list[Measured]:
    """Returns the script's measurements, all on its training data; ``seed`` is also the column's value.

    Each epoch (step 1, 2, ...) has one row, and there is a final row: ``cross_entropy`` in nats per token, or, for the
    autoencoder, ``reconstruction_error`` as squared error summed over the 32 dimensions. Values are taken before each
    step's update.
    """
    rows = []
    for arm, losses in step_losses(seed).items():
        metric, unit = ("reconstruction_error", "squared error") if arm == "autoencoder" else ("cross_entropy", "nats")
        curve = losses.mean(axis=1)  # epochs
        for epoch, value in enumerate(curve, 1):
            rows.append(Measured("", arm, seed, "train", epoch, metric, float(value), unit))
        rows.append(Measured("", arm, seed, "train", None, metric, float(curve[-1]), unit))
    return rows


def step_losses(
    seed: int = 42, epochs: int = EPOCHS, autoencoder_epochs: int = AUTOENCODER_EPOCHS
) -> dict[str, FloatArray]:
    """Returns the loss of every step of every arm, before its update, shape (epochs, steps per epoch)."""
    stream = PythonStream(seed)
    inputs, targets = draw_windows(stream, PATTERNS, SEQUENCES)  # sequences, 7
    autoencoder = Autoencoder.draw(stream, VOCABULARY, FULL_WIDTH, WIDTH)
    tokens = inputs[:AUTOENCODER_SEQUENCES].reshape(-1)
    errors = [autoencoder.train_epoch(stream, tokens, AUTOENCODER_NOISE) for _ in range(autoencoder_epochs)]
    models = {
        "learned": NextTokenModel.draw(stream, VOCABULARY, WIDTH, rows=VOCABULARY),
        "traditional": NextTokenModel.draw_head(stream, VOCABULARY, autoencoder.codes()),
    }
    losses = {arm: np.empty((epochs, SEQUENCES)) for arm in models}
    for epoch in range(epochs):
        for sequence in range(SEQUENCES):
            for arm, model in models.items():
                probabilities = model.probabilities(inputs[sequence], targets[sequence])
                loss = float(-np.log(probabilities + 1e-8).mean())
                model.perturb(stream, loss, MODEL_NOISE)
                losses[arm][epoch, sequence] = loss
    return {**losses, "autoencoder": np.array(errors)}
