"""The pinned set stands in one place, and what else names versions agrees with it."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): str(pin.specifier) for pin in found}


def test_every_pin_is_exact() -> None:
    assert all(re.fullmatch(r"==[\w.]+", version) for version in pins().values())
    assert pins()["torch"] == "==2.13.0"


def test_the_project_asks_for_nothing_that_is_not_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["test"]]
    wanted += project["build-system"]["requires"]
    for line in wanted:
        requirement = Requirement(line)
        version = pins()[canonicalize_name(requirement.name)].removeprefix("==")
        assert requirement.specifier.contains(version), line


def test_the_conda_environment_has_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "workflow" / "envs" / "tokentrial.yaml").read_text())
    listed = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert {canonicalize_name(Requirement(line).name): str(Requirement(line).specifier) for line in listed} == pins()
