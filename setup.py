"""Builds the wheel: the whole project as it lies in a checkout, in one folder, with a .pth file that names its library.

So an installed project is laid out like a checkout: Snakefile, rules, schemas, studies, documents, templates, small
models and shipped rows beside the library, whose code finds them by its own place. ``pip install -e .`` copies nothing.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PLACE = "tokentrial_project"
FOLDERS = (
    "config", "docs", "documents", "examples", "models", "profiles", "results/reference", "src/tokentrial", "studies",
    "workflow",
)  # fmt: skip
FILES = (
    "CHANGELOG.md", "CITATION.cff", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
    "SECURITY.md", "Snakefile", "mkdocs.yml", "pyproject.toml", "setup.py",
    "requirements.lock", "requirements-cuda.lock", "requirements-model.lock",
)  # fmt: skip
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.egg-info", "*.sif")


class Project(build_py):
    """Copies the project in place of the packages alone."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        target = Path(self.build_lib) / PLACE
        shutil.rmtree(target, ignore_errors=True)  # of an earlier build
        for folder in FOLDERS:
            shutil.copytree(ROOT / folder, target / folder, ignore=LEFT_OUT, dirs_exist_ok=True)
        for file in FILES:
            shutil.copy2(ROOT / file, target / file)
        (target.parent / "tokentrial.pth").write_text(f"{PLACE}/src\n", encoding="utf-8")


setup(cmdclass={"build_py": Project})
