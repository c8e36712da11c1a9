"""Named random streams, the source of every draw of the project."""

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Returns the random stream of a purpose, for example ``stream(42, "batches", replicate)``.

    The same seed and names draw the same numbers on every machine and in any order of calls. Any other name is an
    independent stream (SeedSequence with a spawn key hashed from the names, NumPy's scheme for parallel streams).
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    spawn_key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=spawn_key)))


def of_search(seed: int) -> int:
    """Returns the number from which all streams of the search of learning rates start.

    The seeds of the search and those of the deciding run share no draw, so no rate is chosen on data that decide.
    """
    return int(stream(seed, "search").integers(2**32))
