"""The files studies/<study>.yaml: the settings of a study, and the names of its experiments and arms.

A file has the keys of the study's section of the config, at the scale of the default run, and also names and captions.
An overlay may change all settings and most names.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from tokentrial import config as settings
from tokentrial.errors import InputError
from tokentrial.schema.base import Hyphenated, Section
from tokentrial.schema.declared import Captions, ExperimentNames, Study, checked
from tokentrial.schema.run import Config

Tree = dict[str, Any]

STUDIES: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and "experiments" in getattr(field.annotation, "model_fields", ())
}
LEFT_OUT = ("experiments", "scripts")  # mappings of a section in which null leaves out an entry


class StudyFile(NamedTuple):
    """The content of a file. names: of experiments and arms; design: the study's section of the default config."""

    path: str
    names: Study
    design: Tree


def load(root: Path) -> dict[str, StudyFile]:
    """Returns study -> content of its file, in the order of the config's sections. root: the checkout.

    Raises InputError for a file that is missing or belongs to no study, names that cannot be used, and an experiment
    without settings. The settings themselves are checked as a part of the config.
    """
    folder = root / "studies"
    for file in sorted(folder.glob("*.yaml")):
        if file.stem not in STUDIES:
            raise InputError(f"{file}: found a file of no study, expected one for each of {', '.join(STUDIES)}")
    return {study: _read(study, folder / f"{study}.yaml") for study in STUDIES}


def default(root: Path, *overlays: str | Path) -> Tree:
    """Returns the complete default config: config/config.yaml and the studies' settings, with overlays merged in."""
    return completed(settings.load(root / "config/config.yaml", *overlays), load(root))


def completed(config: Mapping[str, Any], files: Mapping[str, StudyFile]) -> Tree:
    """Returns the config merged over the studies' settings. A section with all keys of a study replaces its settings.

    Null as a section leaves out all experiments and scripts of the study; its arms and other settings stay, since other
    studies refer to them. Null as an experiment or script leaves it out.
    """
    complete = dict(config)
    for study, file in files.items():
        section = config.get(study, {})
        if section is None:
            section = {part: dict.fromkeys(file.design[part]) for part in LEFT_OUT if part in file.design}
        if isinstance(section, Mapping):  # the validation refuses any other value
            base = {} if file.design.keys() <= section.keys() else file.design
            complete[study] = _without_null(settings.merge(base, section))
    return complete


def names(config: Mapping[str, Any], files: Mapping[str, StudyFile]) -> dict[str, Tree]:
    """Returns study -> its names as plain values: those of a checked config merged over those of its file.

    Captions are left out, so that an edited caption reruns nothing. Raises InputError for baselines that are no
    methods.
    """
    captions, name_keys = set(Captions.model_fields), set(ExperimentNames.model_fields)
    merged = {}
    for study, file in files.items():
        section = config[study]
        experiments = {name: _part(entry, name_keys, inside=True) for name, entry in section["experiments"].items()}
        over = {
            "experiments": {name: names for name, names in experiments.items() if names},
            "methods": section.get("methods", {}),
        }
        merged[study] = settings.merge(file.names.model_dump(exclude_unset=True, exclude=captions), over)
        checked(merged[study], f"config: {study}")
    return merged


def _read(study: str, file: Path) -> StudyFile:
    content = settings.load(file)
    model = STUDIES[study]
    of_section = _keys(model) - {"experiments", "methods"}
    of_design = _keys(get_args(model.model_fields["experiments"].annotation)[1]) - ExperimentNames.model_fields.keys()
    named = {key: value for key, value in content.items() if key not in of_section}
    entries = content.get("experiments")
    designs: dict[str, Tree] = {}
    if isinstance(entries, Mapping):
        designs = {name: _part(entry, of_design, inside=True) for name, entry in entries.items()}
        named["experiments"] = {name: _part(entry, of_design, inside=False) for name, entry in entries.items()}
    declared = checked(named, str(file))
    for name, design in designs.items():
        if not design:
            expected = ", ".join(sorted(of_design))
            raise InputError(f"{file}: experiments.{name}: found no settings, expected keys among {expected}")
    section = {key: value for key, value in content.items() if key in of_section}
    return StudyFile(str(file), declared, {**section, "experiments": designs})


def _part(entry: Any, keys: Collection[str], inside: bool) -> Any:
    """Returns an experiment's entry with only these keys (inside), or without them."""
    if not isinstance(entry, Mapping):
        return {} if inside else entry
    return {key: value for key, value in entry.items() if (key in keys) == inside}


def _keys(model: type[Section]) -> set[str]:
    """Returns the keys of a section as they are written in a file."""
    hyphens = issubclass(model, Hyphenated)
    return {name.replace("_", "-") if hyphens else name for name in model.model_fields}


def _without_null(section: Tree) -> Tree:
    for part in LEFT_OUT:
        if isinstance(section.get(part), Mapping):
            section[part] = {name: entry for name, entry in section[part].items() if entry is not None}
    return section
