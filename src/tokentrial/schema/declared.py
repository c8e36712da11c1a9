"""What studies/<study>.yaml says beside designs: names of experiments and arms, what documents ask, captions."""

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
CORPUS = "{corpus}"
"""Stands for the title of the run's real text."""

Model = TypeVar("Model", bound=Section)


class ExperimentNames(Section):
    """What an experiment is called, as far as an overlay says so."""

    title: Text = key("Of the experiment, as the file of its study says or where that has none.", None)
    short: Text = key("The title in figures.", None)
    body: Text = key("What its language models are called.", None)
    baselines: list[Text] = key("Methods that own encodings should beat here, in place of the study's.", None)


class Experiment(ExperimentNames):
    """What an experiment is called."""

    title: Text = key("Of the experiment.")


class ExperimentOfWays(ExperimentNames, Hyphenated):
    """An experiment that is run in several ways, each of which has a design."""

    def designs(self) -> list[tuple[str, Any]]:
        """(way, design) of every way that has one."""
        ways = [(way, getattr(self, way.replace("-", "_"), None)) for way in WAYS]
        return [(way, design) for way, design in ways if design is not None]


class Question(Section):
    """The comparison that the documents are about."""

    encodings: list[Text] = key("Methods of their own encodings.")
    baselines: list[Text] = key("Methods that these should beat.")


class Look(Section):
    """How figures draw a method."""

    label: Text = key("In legends; without one, the name.", None)
    color: Literal["blue", "vermillion", "green", "orange", "sky", "purple", "black", "grey"] = key(
        "Of line and marker."
    )
    marker: Literal["o", "s", "D", "d", "^", "v", "<", ">", "p", "P", "*", "h", "H", "X"] = key("As matplotlib has it.")
    size: Annotated[Number, Field(gt=0)] = key("Of the marker, in points.", 4.0)


class Method(Section):
    """What a method is called, and what it is in comparisons."""

    name: Text = key("For readers; without one, the arm's own.", None)
    role: Role = key("Comparisons start from arms whose role is own.", "control")
    look: Look = key("How figures draw it; without one, by a spare colour and marker.", None)


Methods = dict[Text, Method]
METHODS = "Name of a method -> what it is called and its role, laid over what studies/<study>.yaml says of it."


Tables = dict[Text, AnyTable]


class Captions(Section):
    """What the tables and figures of no study are called."""

    tables: Tables = Field(default_factory=dict)
    figures: Figures = Field(default_factory=dict)


class Study(Section):
    """The names of one study. others: the role of methods that it does not declare; layouts: of an arm's last part."""

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
    """Returns what a file says that belongs to no study. Raises InputError that names file and key."""
    return _validated(config.load(file), str(file), Captions)


def _validated(content: Mapping[str, Any], where: str, model: type[Model]) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # a mistyped key first: it explains one that is not given; before it a table's kind, which explains both
        errors = sorted(error.errors(), key=lambda each: (each["loc"][-1] != "kind", each["type"] != "extra_forbidden"))
        raise InputError(f"{where}: {_line(errors[0])}") from None


def _line(error: Mapping[str, Any]) -> str:
    """Key, found, expected."""
    place = error["loc"]
    table = model_of(place)
    if place[0] == "tables" and len(place) > 2:  # the model that was chosen, which is no key
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
