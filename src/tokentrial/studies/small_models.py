"""The studies of small models on synthetic data (documents 000 to 003): from the config to data sets and training jobs.

A condition is one combination of an experiment's data, ratio and head in one way of running it, for example
``learned_encoding/compression/done-right/v20-ratio-8``. This module is imported while the workflow is planned, so it
needs nothing beyond the standard library.
"""

from collections.abc import Mapping
from typing import Any

from tokentrial import encoder_source

STUDIES = ("learned_encoding", "bespoke")
TWO_STAGE = (
    "pca",
    "autoencoder",
    "autoencoder_direction",
)  # encoders that compress a table, by default the table of the full arm
WAYS = ("as-released", "as-described", "done-right")

Spec = dict[str, Any]


def designs(experiment: Mapping[str, Any]) -> dict[str, Spec]:
    """Returns way -> design of an experiment: its settings in this way. The other keys of the experiment are names."""
    return {way: design for way, design in experiment.items() if way in WAYS}


def conditions(config: Mapping[str, Any]) -> dict[str, Spec]:
    """Returns id -> complete specification, free of paths and machine facts, of every condition that is trained."""
    return {identity: spec for study in STUDIES for identity, spec in conditions_of(config, study).items()}


def encoder_modules(spec: Spec) -> list[str]:
    """Returns the modules of the encoders that a condition's job loads by name, sorted.

    An arm that starts from a table trained on the task needs the encoder of the full arm, which trains that table.
    """
    names = {arm["encoder"] for arm in spec["arms"].values()}
    if any(starts_from_table(arm) for arm in spec["arms"].values()):
        names.add("full")
    return [f"encoders/{name}" for name in sorted(names)]


def starts_from_table(arm: Mapping[str, Any]) -> bool:
    """Whether an arm's encoder starts from a table trained on the task; an encoder of one's own says so by its code."""
    encoder = arm["encoder"]
    return (encoder in TWO_STAGE or encoder_source.read(encoder).uses_table) and arm.get("table", "task") == "task"


def conditions_of(config: Mapping[str, Any], study: str) -> dict[str, Spec]:
    """Returns the conditions of one study."""
    specs = {}
    for name, experiment in config[study]["experiments"].items():
        for way, design in designs(experiment).items():
            for data in design["data"]:
                for ratio in design["ratios"]:
                    for head in design["heads"]:
                        identity = f"{study}/{name}/{way}/{condition_name(design, data, ratio, head)}"
                        specs[identity] = _spec(config, identity, design, way, data, ratio, head)
    return specs


def scripts(config: Mapping[str, Any]) -> dict[str, Spec]:
    """Returns id -> specification of every released script: its name, number of seeds, last cell, and other options."""
    specs = {}
    for study in STUDIES:
        for name, options in config[study]["scripts"].items():
            identity = f"{study}/as-released/{name}"
            specs[identity] = {"study": study, "condition": identity, "script": name, **options}
            if study == "bespoke":  # the scripts of this study set no seed
                specs[identity]["seed"] = config["seed"]
    return specs


def condition_name(design: Mapping[str, Any], data: str, ratio: int, head: str) -> str:
    """Returns the last part of a condition's name, made from the settings that vary within the design."""
    parts = [data if len(design["data"]) > 1 else "", f"ratio-{ratio}" if len(design["ratios"]) > 1 else ""]
    parts.append(head.replace("_", "-") if len(design["heads"]) > 1 else "")
    return "-".join(part for part in parts if part) or data


def _spec(
    config: Mapping[str, Any], identity: str, design: Mapping[str, Any], way: str, data: str, ratio: int, head: str
) -> Spec:
    name = identity.split("/")[0]
    study = config[name]
    return {
        "study": name,
        "condition": identity,
        "way": way,
        "dataset": dataset_name(identity, data),
        "seed": config["seed"],
        "seeds": config["seeds"],
        "device": config["device"],
        "vocab_size": design["data"][data]["vocab_size"],
        "full_width": design["full_width"],
        "width": design["full_width"] // ratio,
        "head": head,
        "hidden": study["hidden"],
        **study["initialisation"][way],
        "training": {**study["training"][way], **design.get("training", {})},
        "arms": {arm: study["arms"][arm] for arm in design["arms"]},
        **({"bands": True} if name == "bespoke" else {}),  # held-out loss by frequency band too
    }


def dataset_name(identity: str, data: str) -> str:
    """Returns the data set of a condition. Conditions that differ only in ratio or head share a data set."""
    study, name, way, _ = identity.split("/")
    return f"{study}/{name}/{way}/{data}"


def datasets(config: Mapping[str, Any]) -> dict[str, Spec]:
    """Returns name -> full specification of every synthetic data set, with seed and number of seeds."""
    specs = {}
    for study in STUDIES:
        for name, experiment in config[study]["experiments"].items():
            for way, design in designs(experiment).items():
                for data, source in design["data"].items():
                    key = f"{study}/{name}/{way}/{data}"
                    specs[key] = {"seed": config["seed"], "seeds": config["seeds"], "source": dict(source)}
    return specs
