"""Checksums of files and folders, and the choice of files that may be published."""

import hashlib
import json
import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from tokentrial import checkout

WORKFLOW = "Snakefile"
SOURCES = (
    *("README.md", "CHANGELOG.md", "LICENSE", "CITATION.cff", "Makefile", "pyproject.toml"),
    *("requirements.lock", "requirements-cuda.lock"),
    *(WORKFLOW, "config", "documents", "studies", "workflow", "profiles", "src/tokentrial"),
)
FOLD, SPACE = re.compile(rb"\\\n *\\?"), re.compile(rb"\n +")  # YAML's folds: in double quotes, and at any space
SKIPPED = {"__pycache__", ".ipynb_checkpoints"}
MADE = ("results/", "logs/")
SHIPPED = "results/reference/"


@dataclass(frozen=True)
class Project:
    """The places of a run's files. Files are named as in a run whose working directory is the checkout."""

    work: Path  # Snakemake's working directory
    prefix: str = ""  # of a module: the part before results/ and logs/
    code: Path = checkout.ROOT

    @classmethod
    def of(cls, folder: Path) -> "Project":
        """Returns a project with all files in one folder."""
        return cls(folder, code=folder)

    @classmethod
    def that_made(cls, path: str, name: str) -> "Project":
        """Returns the run of this process, which makes ``path``; without a prefix, this path is ``name``."""
        return cls(Path(), path.removesuffix(name))

    @cached_property
    def is_one(self) -> bool:
        """Whether the working directory is the checkout."""
        return self.work.samefile(self.code)

    def name(self, path: str) -> str:
        """Returns the name of a Snakemake path; files outside the run and the code are named by their absolute path."""
        relative = path.removeprefix(self.prefix)
        if path.startswith(self.prefix) and relative.startswith(MADE):
            return relative
        if path.startswith(f"{self.code}/"):
            return path.removeprefix(f"{self.code}/")
        return path if self.is_one else str(self.work.absolute() / path)

    def file(self, name: str) -> Path:
        """Returns the path of the file with this name."""
        is_output = name.startswith(MADE) and (self.is_one or not name.startswith(SHIPPED))
        return self.work / f"{self.prefix}{name}" if is_output else self.code / name


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def facts(project: Project, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Returns SHA-256 and size in bytes of every existing file by path, sorted; a folder stands for its files."""
    by_name = {}
    for name in sorted(file for path in set(paths) for file in below(project, path)):
        file = project.file(name)
        by_name[name] = {"sha256": sha256(file), "bytes": file.stat().st_size}
    return by_name


def below(project: Project, path: str) -> list[str]:
    """Returns ``path`` if it is a file, else the names of all files in it, sorted; an empty list if it is missing."""
    start = project.file(path)
    if start.is_file():
        return [path]
    files = (file for file in start.rglob("*") if file.is_file())
    return sorted(
        f"{path}/{file.relative_to(start).as_posix()}"
        for file in files
        if not any(part in SKIPPED or part.endswith(".egg-info") for part in file.relative_to(start).parts)
    )


def sources(project: Project) -> list[str]:
    """Returns the files of the workflow, sorted."""
    return sorted(file for path in SOURCES for file in below(project, path))


def tree_digest(project: Project, path: str) -> str:
    """Returns the SHA-256 over ``<SHA-256>  <path>`` lines of a folder's files, as from ``sha256sum``, sorted by path.

    For a single file, returns the file's SHA-256.
    """
    if project.file(path).is_file():
        return sha256(project.file(path))
    lines = (f"{sha256(project.file(name))}  {name}\n" for name in below(project, path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def public(path: str) -> str:
    """Returns a path as it may be published: only the name of a file outside the project's folder."""
    return f"outside/{Path(path).name}" if path.startswith(("/", "~", "..")) else path


def local_paths(value: Any) -> list[str]:
    """Returns the texts in a config, at any depth, that name a place on this machine: absolute, or in a home folder."""
    if isinstance(value, Mapping):
        return [path for entry in value.values() for path in local_paths(entry)]
    if isinstance(value, list):
        return [path for entry in value for path in local_paths(entry)]
    return [value] if isinstance(value, str) and value.startswith(("/", "~")) else []


def markers(project: Project, config: Mapping[str, Any]) -> list[bytes]:
    """Returns texts that reveal the machine or its user: the home, the project's folders, and folders in the config.

    Each text is included as it is and as JSON, YAML, Python, URIs and shell commands write it.
    """
    folders = {str(place.resolve()) for place in (project.work, project.code)}
    places = {str(Path.home()), *folders, *local_paths(config)}
    return sorted(form.encode() for place in places if len(place) > 1 for form in _written(place))


def _written(path: str) -> set[str]:
    """Returns the forms in which a file may hold a path."""
    texts = {path, json.dumps(path)[1:-1], json.dumps(path, ensure_ascii=False)[1:-1], repr(path)[1:-1]}
    in_yaml = yaml.safe_dump(path, width=math.inf).splitlines()[0].strip("\"'")
    return texts | {in_yaml, quote(path), shlex.quote(path).strip("'")}


def gives_away(path: Path, private: Iterable[bytes]) -> bool:
    """Whether a file holds one of these texts, on one line or folded as YAML folds long texts."""
    content = path.read_bytes()
    unfolded = SPACE.sub(b" ", FOLD.sub(b"", content))
    return any(text in content or text in unfolded for text in private)
