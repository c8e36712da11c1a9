"""Config files under fire: damaged text, tags that would run code, few lines that unfold into more than memory."""

import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from config_mutations import FIRE, at, bases, damage, planned, tried
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentrial.errors import InputError
from tokentrial.schema import study_files, validation


@pytest.mark.slow
def test_damaged_files_are_planned_or_refused_in_one_line(root: Path, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    for folder in ("config", "studies"):
        shutil.copytree(root / folder, tmp_path / folder)
    files = [tmp_path / "config/config.yaml", *sorted((tmp_path / "studies").iterdir())]
    whole = {path: path.read_bytes() for path in files}

    @settings(FIRE, max_examples=300)
    @given(st.integers(0, 2**64), st.sampled_from([1, 1, 2]))
    def fire(seed: int, changes: int) -> None:
        rng = random.Random(seed)
        path = rng.choice(files)
        content = whole[path]
        for _ in range(changes):
            content = damage(content, rng)
        path.write_bytes(content)
        outcomes[tried(lambda: planned(study_files.default(tmp_path)))] += 1
        path.write_bytes(whole[path])

    fire()
    assert sum(outcomes.values()) >= 300
    assert min(outcomes["planned"], outcomes["refused"]) >= 20, outcomes
    assert not (root / "ran").exists() and not (tmp_path / "ran").exists()


def laughs(link: str) -> str:
    """Nine to the power of thirty values in thirty lines; ``link`` is what a level makes of nine of the one below."""
    levels = [f"a{i}: &a{i} {link % ', '.join([f'*a{i - 1}'] * 9)}\n" for i in range(1, 31)]
    return f"a0: &a0 {link % ('x' if link[0] == '[' else '{x: 1}')}\n" + "".join(levels)


BOMBS = {
    "lists": laughs("[%s]"),
    "merged mappings": laughs("{<<: [%s]}"),
    "itself": "a: &a [*a, *a, *a]\n",
    "itself by a merge": "a: &a {<<: *a}\n",
    "deep list": "a: " + "[" * 200_000 + "]" * 200_000,
    "deep mapping": "a: " + "{a: " * 200_000 + "}" * 200_000,
    "deep blocks": "- " * 200_000 + "1",
    "deep keys": "? " * 200_000 + "1",
    "unclosed": "a: " + "[{" * 200_000,
    "long number": "a: " + "9" * 10**6,
}
CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))
from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.schema import validation
for path in sys.argv[1:]:
    try:
        made = config.load(path)
        validation.check(made)
    except InputError as error:
        print(error)
"""


def test_bombs_are_refused_quickly_and_in_little_memory(tmp_path: Path) -> None:
    paths = []
    for name, content in BOMBS.items():
        paths.append(tmp_path / f"{name}.yaml")
        paths[-1].write_text(content)
    command = [sys.executable, "-c", CHILD, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert [line.partition(".yaml: not YAML: ")[0] for line in lines] == [str(path)[:-5] for path in paths], lines


def test_bombs_that_snakemake_has_loaded_are_refused() -> None:
    """Its own loader keeps aliases as one object, so that they reach the check."""
    level: list[Any] = ["x"] * 9
    for _ in range(18):
        level = [level] * 9
    itself: list[Any] = []
    itself.append(itself)
    wide: list[Any] = [["x"] * 999] * 999
    for bomb, found in ((level, "more than"), (itself, "more than 20 levels"), (wide, "more than 50,000 values")):
        start = time.perf_counter()
        with pytest.raises(InputError, match=f"^config: found {found}"):
            validation.check({**bases()["config"][0], "seeds": bomb})
        assert time.perf_counter() - start < 10


def test_numbers_that_would_plan_without_end_are_refused() -> None:
    markov = ("learned_encoding", "experiments", "markov", "done-right")
    for place, value, expected in [
        ((*markov, "ratios"), [10**9], "ratios.0: found 1000000000, expected at most 65536"),
        ((*markov, "ratios"), list(range(1, 34)), "ratios: found .*, expected at most 32 items"),
        ((*markov, "ratios"), list(range(1, 2000)), "ratios: found 1,999 items, expected at most 1,000"),
        ((*markov, "full_width"), 10**9, "full_width: found 1000000000, expected at most 65536"),
        ((*markov, "data", "v50", "train"), 10**12, "v50.train: found 1000000000000, expected at most 100000000"),
        (("seed",), 2**32, "seed: found 4294967296, expected at most 4294967295"),
        (("statistics", "resamples"), 10**9, "resamples: found 1000000000, expected at most 1000000"),
        (("learned_encoding", "training", "done-right", "learning_rates"), [1e9], "learning_rates.0: found 1000"),
    ]:  # fmt: skip
        made = deepcopy(bases()["config"][0])
        at(made, place[:-1])[place[-1]] = value
        with pytest.raises(InputError, match=expected):
            validation.check(made)
