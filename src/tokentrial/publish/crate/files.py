"""Checksums of files and folders, and which files may be published."""

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
FOLD, SPACE = re.compile(rb"\\\n *\\?"), re.compile(rb"\n +")  # of a text in double quotes, and at the spaces of any
SKIPPED = {"__pycache__", ".ipynb_checkpoints"}
MADE = ("results/", "logs/")
SHIPPED = "results/reference/"


@dataclass(frozen=True)
class Project:
    """Where the files of a run lie. They are named as in a run whose working directory is the checkout."""

    work: Path  # Snakemake's working directory
    prefix: str = ""  # of a module: what stands before results/ and logs/
    code: Path = checkout.ROOT

    @classmethod
    def of(cls, folder: Path) -> "Project":
        """Everything in one folder."""
        return cls(folder, code=folder)

    @classmethod
    def that_made(cls, path: str, name: str) -> "Project":
        """The run of this process, which makes ``path``, without a prefix called ``name``."""
        return cls(Path(), path.removesuffix(name))

    @cached_property
    def is_one(self) -> bool:
        """Whether the working directory is the checkout."""
        return self.work.samefile(self.code)

    def name(self, path: str) -> str:
        """What a path of Snakemake is called: a file neither of the run nor of the code by its absolute path."""
        made = path.removeprefix(self.prefix)
        if path.startswith(self.prefix) and made.startswith(MADE):
            return made
        if path.startswith(f"{self.code}/"):
            return path.removeprefix(f"{self.code}/")
        return path if self.is_one else str(self.work.absolute() / path)

    def file(self, name: str) -> Path:
        """Where the file of this name lies."""
        made = name.startswith(MADE) and (self.is_one or not name.startswith(SHIPPED))
        return self.work / f"{self.prefix}{name}" if made else self.code / name


def sha256(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def facts(project: Project, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Path -> SHA-256 and size in bytes of every file that is there, sorted; a folder stands for its files."""
    found = {}
    for name in sorted(file for path in set(paths) for file in below(project, path)):
        file = project.file(name)
        found[name] = {"sha256": sha256(file), "bytes": file.stat().st_size}
    return found


def below(project: Project, path: str) -> list[str]:
    """The names of the files of ``path``: itself, or all in it, sorted; none where nothing is there."""
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
    """The files that the workflow consists of, sorted."""
    return sorted(file for path in SOURCES for file in below(project, path))


def tree_digest(project: Project, path: str) -> str:
    """SHA-256 over ``<SHA-256>  <path>`` lines of a folder's files, as ``sha256sum`` prints them, sorted by path.

    Of a single file its own SHA-256.
    """
    if project.file(path).is_file():
        return sha256(project.file(path))
    lines = (f"{sha256(project.file(name))}  {name}\n" for name in below(project, path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def public(path: str) -> str:
    """A path as it may be published: of a file outside the project's folder its name alone."""
    return f"outside/{Path(path).name}" if path.startswith(("/", "~", "..")) else path


def local_paths(value: Any) -> list[str]:
    """The texts in a config, at any depth, that name a place of this machine: absolute, or in a home folder."""
    if isinstance(value, Mapping):
        return [path for entry in value.values() for path in local_paths(entry)]
    if isinstance(value, list):
        return [path for entry in value for path in local_paths(entry)]
    return [value] if isinstance(value, str) and value.startswith(("/", "~")) else []


def markers(project: Project, config: Mapping[str, Any]) -> list[bytes]:
    """Texts that give the machine or its user away: the home, the project's folders, those that a config names.

    As they are, and as JSON, YAML, Python, URIs and a shell's command write them.
    """
    own = {str(place.resolve()) for place in (project.work, project.code)}
    places = {str(Path.home()), *own, *local_paths(config)}
    return sorted(form.encode() for place in places if len(place) > 1 for form in _written(place))


def _written(path: str) -> set[str]:
    """The forms in which a file may hold a path."""
    texts = {path, json.dumps(path)[1:-1], json.dumps(path, ensure_ascii=False)[1:-1], repr(path)[1:-1]}
    in_yaml = yaml.safe_dump(path, width=math.inf).splitlines()[0].strip("\"'")
    return texts | {in_yaml, quote(path), shlex.quote(path).strip("'")}


def gives_away(path: Path, private: Iterable[bytes]) -> bool:
    """Whether a file holds one of these texts, in one line or folded as YAML folds a long one."""
    content = path.read_bytes()
    unfolded = SPACE.sub(b" ", FOLD.sub(b"", content))
    return any(text in content or text in unfolded for text in private)
