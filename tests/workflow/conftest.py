"""Fixtures: a fresh project, and one with everything built."""

import os
import shutil
from pathlib import Path

import pytest
from small_project import ROOT, VARIABLE, Project, copy_project
from verdict_page import browser, every, few, file, opened, registry, rows, served, whole  # noqa: F401

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
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy with everything built once; tests copy it before they change it."""
    project = copy_project(tmp_path_factory.mktemp("built"))
    project.build("all")
    return project


@pytest.fixture
def finished(built: Project, tmp_path: Path) -> Project:
    """A copy of the built project, with its times, so that a test may change it."""
    folder = tmp_path / "project"
    shutil.copytree(built.folder, folder)
    return Project(folder)
