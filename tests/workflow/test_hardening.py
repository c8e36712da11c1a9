"""What fuzzing found, through Snakemake itself: one line of error, no traceback, nothing made outside the project."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from small_project import Project, copy_project, small_config

pytestmark = pytest.mark.slow

DESIGN = ("learned_encoding", "experiments", "signal", "done-right")

# place, key or value to put there, what the line says
MISTAKES: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "an arm that is a number": (
        ("learned_encoding", "arms", 1),
        {"encoder": "full"},
        "arms: found the key 1, expected",
    ),
    "a data set that is a path": ((*DESIGN, "data", "../../escaped"), {}, "data: found the key '../../escaped'"),
    "a data set with a line break": ((*DESIGN, "data", "a\nb"), {}, "data: found the key 'a\\nb'"),
    "a model that is an option": (("cramming", "models", "-rf"), {"hub": "a/b"}, "models: found the key '-rf'"),
    "no number": ((*DESIGN, "training"), {"learning_rates": [float("nan")]}, "learning_rates.0: found nan, expected"),
    "a ratio beyond planning": ((*DESIGN, "ratios"), [10**9], "ratios.0: found 1000000000, expected at most 65536"),
    "a huge seed": (("seed",), 10**30, "seed: found a whole number of 100 bits, expected a finite number"),
    "a model folder with a name too long": (
        ("cramming", "models", "mine"),
        {"folder": "x" * 300},
        "config: cramming.models.mine: ",
    ),
    "a name of the hub that is a path": (
        ("cramming", "models", "mine"),
        {"hub": "../escaped"},
        "hub: found '../escaped', expected text like",
    ),
}


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One copy for all tests here, since none of them makes anything."""
    return copy_project(tmp_path_factory.mktemp("hard"))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_fuzzed_config_is_one_line(name: str, hard: Project) -> None:
    place, value, expected = MISTAKES[name]
    config = json.loads(json.dumps(small_config()))
    if "folder" in str(value):
        config["cramming"]["experiments"] = {"capacity": {"models": ["mine"], "kinds": ["samples"], "lengths": [4]}}
        config["cramming"]["experiments"]["capacity"] |= {"vectors": [1], "per_vector": False, "arms": ["tuned"]}
        config["cramming"]["experiments"]["capacity"] |= {"controls": []}
    holder = config
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    hard.write_config(config)
    before = sorted(hard.folder.parent.iterdir())
    assert expected in hard.refused("--dry-run", "all")
    assert sorted(hard.folder.parent.iterdir()) == before
    assert not (hard.folder / "results").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("seeds: !!python/name:os.system\n", "seeds: found a value of type"),
        ("seeds: &a [*a]\n", "more than 20 levels"),
        ("".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 9)}]\n" for i in range(12)), "50,000 values"),
    ],
)
def test_a_file_that_snakemake_can_read(content: str, expected: str, hard: Project) -> None:
    hard.write_config(small_config())
    (hard.folder / "own.yaml").write_text(content)
    assert expected in hard.refused("--dry-run", "all", "--configfile", "own.yaml")


@pytest.mark.parametrize(
    "content", ["a: [1\nb: 2\n", "", "- 1\n", "seeds: !!python/object/apply:os.system [touch ran]\n"]
)
def test_a_file_that_is_no_config_is_refused_by_snakemake(content: str, hard: Project, tmp_path: Path) -> None:
    """It is read before any line of this project runs; Snakemake's own two lines say what is wrong."""
    hard.write_config(small_config())
    (hard.folder / "own.yaml").write_text(content)
    done = hard.run("--dry-run", "all", "--configfile", "own.yaml")
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in said
    assert "Config file" in said and not (hard.folder / "ran").exists()


@pytest.mark.parametrize("name", ["own.yaml", "config/config.yaml"])
def test_a_key_that_is_given_twice(name: str, hard: Project) -> None:
    hard.write_config(small_config())
    (hard.folder / "own.yaml").write_text("device: cpu\n")
    with (hard.folder / name).open("a") as file:
        file.write("seeds: 2\nseeds: 3\n")
    line = hard.refused("--dry-run", "all", "--configfile", "own.yaml")
    assert re.fullmatch(rf"error: (\S+/)?{name}: line \d+: found the key 'seeds' a second time, .*", line)


def test_nested_values_on_the_command_line_are_read_as_in_a_file(hard: Project) -> None:
    hard.write_config(small_config())
    hard.planned("statistics", "--config", "statistics={confidence: 0.9, resamples: 150}")
    line = hard.refused("--dry-run", "all", "--config", "statistics={confidence: '0.9'}")
    assert line == "error: config: statistics.confidence: found '0.9', expected a value of type number"
