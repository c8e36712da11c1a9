"""pyproject.toml says what is needed, requirements.lock what was installed: both agree."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text().splitlines()
PINS = [line for line in LOCK if line and not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WANTED = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["test"]]
WANTED += PROJECT["build-system"]["requires"]


def locked() -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in PINS)}


def test_the_lock_pins_each_package_once() -> None:
    assert [line for line in PINS if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line)] == []
    assert len(locked()) == len(PINS) > 50


@pytest.mark.parametrize("wanted", WANTED)
def test_what_is_wanted_is_locked(wanted: str) -> None:
    requirement = Requirement(wanted)
    version = locked()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


def test_torch_is_pinned_exactly() -> None:
    assert f"torch=={locked()['torch']}" in PROJECT["project"]["dependencies"]


def test_the_python_that_is_wanted_is_the_one_that_the_tools_check() -> None:
    wanted = PROJECT["project"]["requires-python"]
    assert wanted == f">={PROJECT['tool']['mypy']['python_version']}"
    assert PROJECT["tool"]["ruff"]["target-version"] == wanted.replace(">=", "py").replace(".", "")


def test_the_conda_environment_has_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "workflow" / "envs" / "tokentrial.yaml").read_text())
    listed = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert listed == PINS
