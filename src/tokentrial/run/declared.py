"""What studies/<study>.yaml says: titles of a study and its experiments, and what its arms are."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tokentrial import config
from tokentrial.errors import InputError

OWN = "own"
Role = Literal["own", "baseline", "control", "as released", "bound"]
CORPUS = "{corpus}"
"""Stands for the title of the run's real text."""


class Declared(BaseModel):
    """A part of a study's file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Experiment(Declared):
    """title: of the experiment; short: in figures; body: of a language model's; baselines: in place of the study's."""

    title: str
    short: str | None = None
    body: str | None = None
    baselines: list[str] | None = None


class Question(Declared):
    """The comparison that the documents are about: methods of their own encodings, and what these should beat."""

    encodings: list[str]
    baselines: list[str]


class Look(Declared):
    """In figures. label: in legends, by default the name; size: of the marker, in points."""

    label: str | None = None
    color: Literal["blue", "vermillion", "green", "orange", "sky", "purple", "black", "grey"]
    marker: Literal["o", "s", "D", "d", "^", "v", "<", ">", "p", "P", "*", "h", "H", "X"]
    size: float = 4.0


class Method(Declared):
    """name: for readers, by default the arm's own. Comparisons start from arms whose role is own."""

    name: str | None = None
    role: Role = "control"
    look: Look | None = None


class DeclaredTable(Declared):
    """A table with a row for every arm, or every pair of arms, of the conditions that have these columns.

    raw: column of the CSV -> ``source.key``, or with ``{}`` in its name source -> keys (or their names in the column ->
    keys); a name that begins with ``_`` is for `columns` alone. columns: heading -> format, ``of`` (raw columns) and
    the format's options. bounds_first: a first row with chance, unigram and floor.
    margins: raw columns of the margins in a heading. share: conditions with the same rows share a section. empty: the
    last note of a table without rows. The names of sources, formats, orders and headings are those of
    report.tables.declared.
    """

    kind: Literal["arms", "pairs"]
    select: dict[str, str | int | list[str] | list[int]]
    order: str
    heading: str
    by: str
    raw: dict[str, str | dict[str, list[str] | dict[str, str]]]
    columns: dict[str, dict[str, Any]]
    notes: list[str]
    bounds_first: bool = False
    margins: list[str] | None = None
    share: bool = False
    empty: str | None = None


class Study(Declared):
    """One study's file. others: the role of methods that it does not declare."""

    title: str
    real_text: bool
    experiments: dict[str, Experiment]
    question: Question
    methods: dict[str, Method]
    others: Role = "control"
    layouts: dict[str, str] = {}
    tables: dict[str, DeclaredTable] = {}

    @classmethod
    def undeclared(cls, title: str) -> "Study":
        """A study without a file."""
        return cls(
            title=title, real_text=False, experiments={}, question=Question(encodings=[], baselines=[]), methods={}
        )

    def role(self, method: str) -> Role:
        """The role of a method, declared or not."""
        return self.methods[method].role if method in self.methods else self.others

    def baselines(self, experiment: str) -> Sequence[str]:
        """The methods that an experiment's own encodings should beat."""
        declared = self.experiments.get(experiment)
        return self.question.baselines if declared is None or declared.baselines is None else declared.baselines


def load(files: Sequence[str | Path]) -> dict[str, Study]:
    """Study -> what its file says, by the file's name. Raises InputError that names file and key."""
    return {Path(file).stem: _study(Path(file)) for file in files}


def _study(file: Path) -> Study:
    try:
        study = Study.model_validate(config.load(file))
    except ValidationError as error:
        # a mistyped key first: it explains one that is not given
        errors = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise InputError(f"{file}: {_line(errors[0])}") from None
    named = {f"question.{key}": names for key, names in study.question.model_dump().items()}
    named |= {f"experiments.{name}.baselines": each.baselines or [] for name, each in study.experiments.items()}
    for where, names in named.items():
        if unknown := [name for name in names if name not in study.methods]:
            raise InputError(f"{file}: {where}: found '{unknown[0]}', expected one of {', '.join(study.methods)}")
    return study


def _line(error: Mapping[str, Any]) -> str:
    """Key, found, expected."""
    *parents, last = (str(part) for part in error["loc"])
    where = ".".join([*parents, last])
    if error["type"] == "extra_forbidden":
        inner = Look if len(parents) > 2 else Method
        models = {"experiments": Experiment, "methods": inner, "question": Question}
        known = list(models.get("".join(parents[:1]), Study).model_fields)
        near = get_close_matches(last, known, 1)
        return f"{where}: unknown key; " + (f"did you mean '{near[0]}'?" if near else f"expected {', '.join(known)}")
    if error["type"] == "missing":
        return f"{where}: not given, expected it"
    return f"{where}: found {error['input']!r}, expected: {error['msg'].removeprefix('Input should be ')}"
