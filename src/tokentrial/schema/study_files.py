"""The files studies/<study>.yaml: the design of a study, and what its experiments and arms are called.

A file has the keys of the study's section of the config, at the scale of the default run, and beside them names and
captions. An overlay may change every design and most names.
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
LEFT_OUT = ("experiments", "scripts")  # mappings of a section, of which null leaves out an entry


class StudyFile(NamedTuple):
    """names: of experiments and arms; design: the study's section of the default config."""

    path: str
    names: Study
    design: Tree


def load(root: Path) -> dict[str, StudyFile]:
    """Study -> what its file says, in the order of the config's sections. root: the checkout.

    Raises InputError for a file that is missing or belongs to no study, names that cannot be used, and an experiment
    without a design. What a design may hold is checked with the config that it becomes part of.
    """
    folder = root / "studies"
    for file in sorted(folder.glob("*.yaml")):
        if file.stem not in STUDIES:
            raise InputError(f"{file}: found a file of no study, expected one for each of {', '.join(STUDIES)}")
    return {study: _read(study, folder / f"{study}.yaml") for study in STUDIES}


def default(root: Path, *overlays: str | Path) -> Tree:
    """The default config, complete: config/config.yaml and the studies' designs, with overlays laid over them."""
    return completed(settings.load(root / "config/config.yaml", *overlays), load(root))


def completed(config: Mapping[str, Any], files: Mapping[str, StudyFile]) -> Tree:
    """The config laid over the studies' designs. A section with all keys of a design takes its place.

    Null in place of a section leaves out the study: its arms and settings stay, since others refer to them, without any
    experiment or script. Null in place of one of its experiments or scripts leaves out that one.
    """
    complete = dict(config)
    for study, file in files.items():
        section = config.get(study, {})
        if section is None:
            section = {part: dict.fromkeys(file.design[part]) for part in LEFT_OUT if part in file.design}
        if isinstance(section, Mapping):  # anything else is an error of the config
            base = {} if file.design.keys() <= section.keys() else file.design
            complete[study] = _without_null(settings.merge(base, section))
    return complete


def names(config: Mapping[str, Any], files: Mapping[str, StudyFile]) -> dict[str, Tree]:
    """Study -> its names as plain values, those of a checked config laid over those of its file.

    Without its captions, so that an edited one computes nothing. Raises InputError for baselines that are no methods.
    """
    captions, own = set(Captions.model_fields), set(ExperimentNames.model_fields)
    merged = {}
    for study, file in files.items():
        section = config[study]
        experiments = {name: _part(entry, own, inside=True) for name, entry in section["experiments"].items()}
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
            raise InputError(f"{file}: experiments.{name}: found no design, expected keys among {expected}")
    section = {key: value for key, value in content.items() if key in of_section}
    return StudyFile(str(file), declared, {**section, "experiments": designs})


def _part(entry: Any, keys: Collection[str], inside: bool) -> Any:
    """An experiment's entry with the given keys alone, or without them."""
    if not isinstance(entry, Mapping):
        return {} if inside else entry
    return {key: value for key, value in entry.items() if (key in keys) == inside}


def _keys(model: type[Section]) -> set[str]:
    """The keys of a section as a file writes them."""
    hyphens = issubclass(model, Hyphenated)
    return {name.replace("_", "-") if hyphens else name for name in model.model_fields}


def _without_null(section: Tree) -> Tree:
    for part in LEFT_OUT:
        if isinstance(section.get(part), Mapping):
            section[part] = {name: entry for name, entry in section[part].items() if entry is not None}
    return section
