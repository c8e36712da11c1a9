"""Fixtures: a fresh project, and finished ones that all tests share."""

import os
import shutil
from pathlib import Path

import pytest
from fault_project import signal_config
from site_pages import browser, opened, site  # noqa: F401
from small_project import ROOT, VARIABLE, Project, copy_project, every_study_config, shared

SIBLING = ROOT.parent / "shared" / "data" / "wikitext-2"


@pytest.fixture(scope="session")
def text() -> str:
    """The folder of the text; tests that need it are skipped without, since it cannot be shipped."""
    folder = os.environ.get(VARIABLE) or (str(SIBLING) if SIBLING.is_dir() else "")
    if not folder:
        pytest.skip(f"no WikiText-2: set {VARIABLE} to a folder with wiki.{{train,valid,test}}.tokens")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy without results."""
    return copy_project(tmp_path)


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of one small study with nothing made: tests of faults run in copies of it."""
    project = copy_project(tmp_path_factory.mktemp("untouched"), signal_config())
    project.environment[VARIABLE] = ""
    return project


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy with everything built, to be read only: a test that runs Snakemake does it in a copy."""
    return shared(tmp_path_factory, "built")


@pytest.fixture(scope="session")
def every_study(text: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same of a config with a cell or two of each study, in which every rule has jobs."""
    return shared(tmp_path_factory, "every_study", every_study_config(), **{VARIABLE: text})


@pytest.fixture
def finished(built: Project, tmp_path: Path) -> Project:
    """A copy of the built project, with its times, so that a test may change it."""
    folder = tmp_path / "project"
    shutil.copytree(built.folder, folder)
    return Project(folder)
