"""Result files under fire: a damaged one is refused in one line or gives the rows that were written, and nothing else.

Mutants are read in a child process with little memory, so that a crash or a blow-up of the reader is seen and named.
"""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.training import checkpoint

MEMORY = 3 * 2**30  # bytes of address space, of which torch and Arrow map 2 GiB when they are imported

# argv: kind of file, schema's name, whole file, mutants. Every line tells what became of the mutant of that name.
CHILD = """
import resource, sys
from pathlib import Path
from tokentrial import results
from tokentrial.errors import InputError

kind, schema, whole, *mutants = sys.argv[1:]
if kind == "checkpoint":
    from tokentrial.training import checkpoint
resource.setrlimit(resource.RLIMIT_AS, (int(MEMORY), int(MEMORY)))

def content(path):
    if kind == "parquet":
        return results.read(path, getattr(results, schema))
    saved, identity = checkpoint.read(path)
    return {name: tensor.tolist() for name, tensor in saved.tensors.items()}, saved.values, identity

expected = content(whole)
for path in mutants:
    print(Path(path).name, end=" ", flush=True)
    try:
        found = content(path)
        same = found.equals(expected, check_metadata=True) if kind == "parquet" else found == expected
        print("same" if same else "CHANGED", flush=True)
    except InputError as error:
        line = str(error)
        good = chr(10) not in line and path in line and len(line) < len(path) + 3000
        print("refused" if good else "UNCLEAR " + ascii(line), flush=True)
    except BaseException as error:
        print("RAISED", ascii(f"{type(error).__name__}: {error}")[:300], flush=True)
# not ru_maxrss, which a process has from the one that started it
[peak] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print("peak", int(peak) // 1024)
""".replace("int(MEMORY)", str(MEMORY))


def runs() -> pa.Table:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "study": "learned_encoding",
            "condition": [f"learned_encoding/markov/done-right/ratio-{2 ** (i % 4)}" for i in range(300)],
            "arm": [("learned", "full", "unigram")[i % 3] for i in range(300)],
            "seed": np.arange(300) % 10,
            "split": "test",
            "step": pd.array([None if i % 2 else i for i in range(300)], dtype="Int32"),
            "metric": [("cross_entropy", "accuracy")[i % 2] for i in range(300)],
            "value": rng.normal(size=300),
            "unit": "nats",
        }
    ).astype({"seed": "int32"})
    return results.table(rows, results.RUNS, {"spec": "{}"})


def arms() -> pa.Table:
    rows = {
        name: [
            f"{name} {i}" if pa.types.is_string(kind) else i * 1.5 if pa.types.is_floating(kind) else i
            for i in range(4)
        ]
        for name, kind in zip(results.ARMS.names, results.ARMS.types, strict=True)
    }
    return pa.Table.from_pydict(rows, schema=results.ARMS)


def data() -> pa.Table:
    rng = np.random.default_rng(2)
    rows = {
        "seed": list(range(30)),
        "split": ["train", "validation", "test"] * 10,
        "tokens": [rng.integers(50, size=40).tolist() for _ in range(30)],
    }
    return pa.Table.from_pydict(rows, schema=results.DATA)


TABLES = {"RUNS": runs, "ARMS": arms, "DATA": data}


def flipped(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def mutants(content: bytes, tail: int, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Damaged copies by name. ``tail`` bytes at the end (or, negative, at the start) describe the rest."""
    size = len(content)
    described = range(size - tail, size) if tail > 0 else range(-tail)
    for number, place in enumerate(sorted(rng.sample(described, min(len(described), 100)))):
        yield f"described-{number}-at-{place}", flipped(content, place, rng.randrange(8))
    for number in range(50):
        place = rng.randrange(size)
        yield f"flip-{number}-at-{place}", flipped(content, place, rng.randrange(8))
    for number in range(15):
        damaged = content
        for _ in range(rng.randrange(2, 30)):
            damaged = flipped(damaged, rng.randrange(size), rng.randrange(8))
        yield f"flips-{number}", damaged
    for number in range(15):
        yield f"truncated-{number}", content[: rng.randrange(size)]
        start, length = rng.randrange(size), rng.randrange(1, 64)
        yield f"cut-{number}", content[:start] + content[start + length :]
        yield f"inserted-{number}", content[:start] + rng.randbytes(length) + content[start:]
        yield (
            f"zeroed-{number}",
            content[:start] + bytes(len(content[start : start + length])) + content[start + length :],
        )
        first, second = sorted(rng.sample(range(size - 32), 2))
        second = min(max(second, first + 32), size - 32)
        blocks = content[first : first + 32], content[second : second + 32]
        yield (
            f"swapped-{number}",
            content[:first] + blocks[1] + content[first + 32 : second] + blocks[0] + content[second + 32 :],
        )
    yield "empty", b""
    yield "twice", content + content
    yield "backwards", content[::-1]
    yield "text", b"study,condition\n" * 100
    yield "longer", content + b"\x00"
    for number, length in enumerate([0, 1, 7, size - 9, size - 8, size, 2**24, 2**31 - 1, 2**31, 2**32 - 1]):
        yield f"footer-{number}", content[:-8] + length.to_bytes(4, "little") + content[-4:]
        yield f"header-{number}", length.to_bytes(8, "little") + content[8:]
    for number, magic in enumerate([b"PARE", b"PAR2", b"\x00\x00\x00\x00", b"ORC\x00"]):
        yield f"magic-start-{number}", magic + content[4:]
        yield f"magic-end-{number}", content[:-4] + magic


def fired(folder: Path, kind: str, schema: str, content: bytes, tail: int) -> Counter[str]:
    """What became of all mutants of a file, counted; fails naming those that were neither refused nor the same."""
    whole = folder / "whole"
    whole.write_bytes(content)
    paths = []
    for name, damaged in mutants(content, tail, random.Random(len(content))):
        if damaged == content:
            continue
        paths.append(folder / name)
        paths[-1].write_bytes(damaged)
    command = [sys.executable, "-c", CHILD, kind, schema, str(whole), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"crashed at {lines[-1:]}: {done.stderr[-1000:]}"
    assert int(lines.pop().removeprefix("peak ")) < 900  # MiB, most of it torch's own
    outcomes = dict(line.split(" ", 1) for line in lines)
    assert set(outcomes) == {path.name for path in paths}
    bad = {name: outcome for name, outcome in outcomes.items() if outcome not in ("same", "refused")}
    assert not bad, bad
    return Counter(outcomes.values())


@pytest.mark.parametrize("schema", TABLES)
def test_a_damaged_table_is_refused_or_the_same(schema: str, tmp_path: Path) -> None:
    """At least 200 mutants of each of three tables; the footer, which has no checksum of Parquet's, among them."""
    results.write(tmp_path / "made.parquet", TABLES[schema]())
    content = (tmp_path / "made.parquet").read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    outcomes = fired(tmp_path, "parquet", schema, content, footer)
    assert sum(outcomes.values()) >= 250, outcomes
    assert outcomes["refused"] > 0.9 * sum(outcomes.values()), outcomes


def test_a_damaged_checkpoint_is_refused_or_the_same(tmp_path: Path) -> None:
    tensors = {"arm/table": torch.arange(60.0).reshape(3, 4, 5), "step": torch.tensor(7), "half": torch.ones(9).half()}
    checkpoint.write(tmp_path / "made", checkpoint.Saved(tensors, {"step": 7, "loss": 0.1}), "identity")
    content = (tmp_path / "made").read_bytes()
    header = int.from_bytes(content[:8], "little") + 8
    outcomes = fired(tmp_path, "checkpoint", "", content, -header)
    assert sum(outcomes.values()) >= 250, outcomes
    assert outcomes["refused"] > 0.9 * sum(outcomes.values()), outcomes


@pytest.mark.parametrize("schema", TABLES)
def test_a_table_of_another_schema_is_refused(schema: str, tmp_path: Path) -> None:
    for name, made in TABLES.items():
        path = tmp_path / f"{name}.parquet"
        results.write(path, made())
        if name == schema:
            assert results.read(path, getattr(results, schema)) == made()
            continue
        with pytest.raises(InputError, match=r"columns are \(.*\), expected \(") as caught:
            results.read(path, getattr(results, schema))
        assert "\n" not in str(caught.value)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_a_pickle_in_place_of_a_file_is_never_opened(tmp_path: Path) -> None:
    path, made = tmp_path / "file", tmp_path / "made"
    torch.save(Touch(made), path)
    torch.load(path, weights_only=False)  # what would happen
    assert made.exists()
    made.unlink()
    for read in (checkpoint.read, lambda at: results.read(at, results.RUNS)):
        with pytest.raises(InputError, match=str(path)):
            read(path)
    assert checkpoint.resume(path, "identity", lambda line: None) is None
    assert not made.exists()
