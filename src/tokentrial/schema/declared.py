"""The names in studies/<study>.yaml: those of experiments and arms, the documents' questions, and captions."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.schema.base import CONTRADICTION, Flag, Hyphenated, Number, Section, Text, key
from tokentrial.schema.figures import FAULT, Figures
from tokentrial.schema.tables import AnyTable, model_of
from tokentrial.studies.small_models import WAYS

OWN = "own"
Role = Literal["own", "baseline", "control", "as released", "bound"]
LONGEST_LINE = 500  # characters of an error
CORPUS = "{corpus}"
"""Stands for the title of the run's real text."""

Model = TypeVar("Model", bound=Section)


class ExperimentNames(Section):
    """The names of an experiment, of which an overlay may change any."""

    title: Text = key("Title of the experiment, in place of the one in the study's file or for a new experiment.", None)
    short: Text = key("The title in figures.", None)
    body: Text = key("Name of the experiment's language models.", None)
    baselines: list[Text] = key("Methods that own encodings should beat here, in place of the study's.", None)


class Experiment(ExperimentNames):
    """The names of an experiment in the file of its study."""

    title: Text = key("Title of the experiment.")


class ExperimentOfWays(ExperimentNames, Hyphenated):
    """An experiment that is run in several ways; its design in a way is the settings of the runs."""

    def designs(self) -> list[tuple[str, Any]]:
        """Returns (way, design) of every way in which the experiment is run."""
        ways = [(way, getattr(self, way.replace("-", "_"), None)) for way in WAYS]
        return [(way, design) for way, design in ways if design is not None]


class Question(Section):
    """The documents' question: whether their encodings beat the baselines."""

    encodings: list[Text] = key("Methods of the documents' own encodings.")
    baselines: list[Text] = key("Methods that these encodings should beat.")


class Look(Section):
    """How figures draw a method."""

    label: Text = key("Label in legends; if missing, the name.", None)
    color: Literal["blue", "vermillion", "green", "orange", "sky", "purple", "black", "grey"] = key(
        "Colour of line and marker."
    )
    marker: Literal["o", "s", "D", "d", "^", "v", "<", ">", "p", "P", "*", "h", "H", "X"] = key("Matplotlib's marker.")
    size: Annotated[Number, Field(gt=0)] = key("Size of the marker, in points.", 4.0)


class Method(Section):
    """The name of a method, and its role in comparisons."""

    name: Text = key("Name for readers; if missing, the arm's name.", None)
    role: Role = key("Role in comparisons, which start from arms whose role is own.", "control")
    look: Look = key("How figures draw the method; if missing, in a spare colour and marker.", None)


Methods = dict[Text, Method]
METHODS = "Name of a method -> its name for readers and its role, merged over its entry in studies/<study>.yaml."


Tables = dict[Text, AnyTable]


class Captions(Section):
    """The captions of the tables and figures that belong to no study."""

    tables: Tables = Field(default_factory=dict)
    figures: Figures = Field(default_factory=dict)


class Study(Section):
    """The names of one study.

    others: the role of methods that the study does not declare; layouts: last part of an arm's name -> its name for
    readers.
    """

    title: Text
    real_text: Flag
    experiments: dict[Text, Experiment]
    question: Question
    methods: dict[Text, Method]
    others: Role = "control"
    layouts: dict[Text, Text] = Field(default_factory=dict)
    tables: Tables = Field(default_factory=dict)
    figures: Figures = Field(default_factory=dict)

    @classmethod
    def undeclared(cls, title: str) -> "Study":
        """Returns the names of a study without a file."""
        return cls(
            title=title, real_text=False, experiments={}, question=Question(encodings=[], baselines=[]), methods={}
        )

    def role(self, method: str) -> Role:
        """Returns the role of a method, declared or not."""
        return self.methods[method].role if method in self.methods else self.others

    def baselines(self, experiment: str) -> Sequence[str]:
        """Returns the methods that an experiment's own encodings should beat."""
        declared = self.experiments.get(experiment)
        return self.question.baselines if declared is None or declared.baselines is None else declared.baselines


def checked(content: Mapping[str, Any], where: str) -> Study:
    """Returns a study's names. Raises InputError with one line that begins with ``where`` and names the key."""
    study = _validated(content, where, Study)
    named = {f"question.{key}": names for key, names in study.question.model_dump().items()}
    named |= {f"experiments.{name}.baselines": each.baselines or [] for name, each in study.experiments.items()}
    for place, names in named.items():
        if unknown := [name for name in names if name not in study.methods]:
            raise InputError(f"{where}: {place}: found '{unknown[0]}', expected one of {', '.join(study.methods)}")
    return study


def captions(file: Path) -> Captions:
    """Returns the captions in a file that belong to no study. Raises InputError that names file and key."""
    return _validated(config.load(file), str(file), Captions)


def _validated(content: Mapping[str, Any], where: str, model: type[Model]) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # a table's kind comes first, then a mistyped key, since they explain a missing key
        errors = sorted(error.errors(), key=lambda each: (each["loc"][-1] != "kind", each["type"] != "extra_forbidden"))
        line = " ".join(_line(errors[0]).split())  # headings and texts may have line breaks
        raise InputError(f"{where}: {config.shown(line, LONGEST_LINE, str)}") from None


def _line(error: Mapping[str, Any]) -> str:
    """Returns key, found value and expected value in one line."""
    place = error["loc"]
    table = model_of(place)
    if place[0] == "tables" and len(place) > 2:  # the third part names the chosen model, not a key
        place = (*place[:2], *place[3:])
        if re.fullmatch(r"str|int|bool|list\[.*|dict\[.*", str(place[-1])):  # nor is the kind of value
            place = place[:-1]
    *parents, last = (str(part) for part in place)
    where = ".".join([*parents, last])
    if error["type"] == FAULT:
        return f"{where}{error['msg']}"
    if error["type"] == "extra_forbidden":
        inner = Look if len(parents) > 2 else Method
        models: dict[str, type[Section]] = {
            "experiments": Experiment,
            "methods": inner,
            "question": Question,
            "tables": table,
        }
        known = list(models.get("".join(parents[:1]), Study).model_fields)
        near = get_close_matches(last, known, 1)
        return f"{where}: unknown key; " + (f"did you mean '{near[0]}'?" if near else f"expected {', '.join(known)}")
    if error["type"] == CONTRADICTION:
        return f"{where}{error['msg']}"
    if error["type"] == "missing":
        return f"{where}: not given, expected it"
    return f"{where}: found {error['input']!r}, expected: {error['msg'].removeprefix('Input should be ')}"
