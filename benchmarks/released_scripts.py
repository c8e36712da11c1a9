"""How much faster the released scripts' rebuild is than plain Python lists, as ratios in one run.

1. The proof of concept (``pure-python``): the array version against the same updates on lists, drawn one by one.
2. Gaussians per second: ``PythonStream.gauss`` against ``random.gauss``, in blocks the size of one noise step
   (4,256, the 4:1 cell of the scaling script) and of a million.

Both sides of a comparison take turns within each repeat, so a busy machine slows both. CPU seconds of this process, one
thread. The list version is also the oracle of the unit tests, which compare every step's loss.

Run: ``python benchmarks/released_scripts.py [--epochs 5] [--repeats 5]``
"""

import argparse
import itertools
import math
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

from tokentrial.released import pure_python
from tokentrial.released.python_stream import PythonStream

Matrix = list[list[float]]


def draw(rows: int, columns: int) -> Matrix:
    return [[random.gauss(0, 0.1) for _ in range(columns)] for _ in range(rows)]


def add_noise(matrix: Matrix, sd: float) -> None:
    for row in matrix:
        for column in range(len(row)):
            row[column] += random.gauss(0, sd)


def times(vector: Sequence[float], matrix: Matrix) -> list[float]:
    """The row vector times the matrix."""
    return [sum(map(float.__mul__, vector, column)) for column in zip(*matrix, strict=True)]


def relu(vector: Sequence[float]) -> list[float]:
    return [max(0.0, value) for value in vector]


def token_loss(code: Sequence[float], hidden: Matrix, output: Matrix, target: int) -> float:
    logits = times(relu(times(code, hidden)), output)
    top = max(logits)
    odds = [math.exp(logit - top) for logit in logits]
    return -math.log(odds[target] / sum(odds) + 1e-8)


def plain_windows(count: int) -> list[list[int]]:
    windows = []
    for _ in range(count):
        pattern = random.choice(pure_python.PATTERNS)
        start = random.randint(0, len(pattern) - 8)
        windows.append(pattern[start : start + 8])
    return windows


def plain_autoencoder(windows: list[list[int]], epochs: int) -> tuple[Matrix, list[list[float]]]:
    """The code of every token after ``epochs``, and the squared error of every step."""
    table, encoder, decoder = draw(20, 32), draw(32, 4), draw(4, 32)
    errors: list[list[float]] = []
    for _ in range(epochs):
        errors.append([])
        for token in (token for window in windows[:50] for token in window[:-1]):
            rebuilt = times(relu(times(table[token], encoder)), decoder)
            error = sum((a - b) ** 2 for a, b in zip(table[token], rebuilt, strict=True))
            if error > 0.1:
                add_noise(encoder, 0.02 * min(error, 2.0) * 0.1)
                add_noise(decoder, 0.02 * min(error, 2.0) * 0.1)
            errors[-1].append(error)
    return [relu(times(row, encoder)) for row in table], errors


def plain_step_losses(seed: int, epochs: int, autoencoder_epochs: int) -> dict[str, list[list[float]]]:
    """What ``pure_python.step_losses`` computes, on lists and from Python's global random generator."""
    random.seed(seed)
    windows = plain_windows(200)
    codes, errors = plain_autoencoder(windows, autoencoder_epochs)
    learned = (draw(20, 4), draw(4, 32), draw(32, 20))
    traditional = (codes, draw(4, 32), draw(32, 20))
    losses: dict[str, list[list[float]]] = {"learned": [], "traditional": []}
    for _ in range(epochs):
        for arm in losses:
            losses[arm].append([])
        for window in windows:
            for arm, (table, hidden, output) in (("learned", learned), ("traditional", traditional)):
                pairs = itertools.pairwise(window)
                loss = sum(token_loss(table[token], hidden, output, target) for token, target in pairs) / 7
                if loss > 0.5:
                    scale = 0.02 * min(loss, 3.0)
                    if arm == "learned":
                        add_noise(table, scale * 0.1)
                    add_noise(hidden, scale * 0.05)
                    add_noise(output, scale * 0.05)
                losses[arm][-1].append(loss)
    return {**losses, "autoencoder": errors}


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(
    title: str,
    slow: Callable[[], object],
    fast: Callable[[], object],
    repeats: int,
    count: int,
    names: tuple[str, str] = ("plain Python", "tokentrial"),
) -> None:
    """Print both sides' seconds, what they do per second, and the ratio of slow to fast."""
    for work in (slow, fast):
        work()  # warm up
    pairs = [(cpu_seconds(slow), cpu_seconds(fast)) for _ in range(repeats)]
    print(f"\n{title} (n = {repeats}, CPU seconds)")
    for name, seconds in zip(names, zip(*pairs, strict=True), strict=True):
        best, middle = min(seconds), statistics.median(seconds)
        print(f"  {name:<15} min {best:8.4f}   median {middle:8.4f}   {count / best:14,.0f} per second")
    ratios = [slow_seconds / fast_seconds for slow_seconds, fast_seconds in pairs]
    print(f"  ratio           min {min(ratios):8.1f}   median {statistics.median(ratios):8.1f}")


def compare_gaussians(block: int, calls: int, repeats: int) -> None:
    plain, stream = random.Random(42), PythonStream(42)
    compare(
        f"Gaussians in blocks of {block:,}",
        lambda: [plain.gauss(0, 1) for _ in range(block * calls)],
        lambda: [stream.gauss(block) for _ in range(calls)],
        repeats,
        block * calls,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--epochs", type=int, default=5, help="epochs of the proof of concept (the script has 25)")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    epochs, repeats = options.epochs, options.repeats
    compare(
        f"proof of concept, {epochs} epochs of all three arms; steps",
        lambda: plain_step_losses(42, epochs, epochs),
        lambda: pure_python.step_losses(42, epochs, epochs),
        repeats,
        epochs * (2 * 200 + 350),
    )
    for block in (4_256, 1_000_000):
        compare_gaussians(block, 1_000_000 // block, repeats)


if __name__ == "__main__":
    main()
