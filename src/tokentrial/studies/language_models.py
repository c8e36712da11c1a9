"""The study of language models (document 002): from the config to its training jobs, one per arm.

A condition is an experiment in one way on one tokenisation: ``language_models/transformer/done-right/bpe``. Its arms
see the same text, batches and initial body. The name of an arm with a ratio includes the ratio (``learned-8``). A job
trains one arm of a condition, since a language model takes minutes. Imported while the workflow is planned: standard
library only.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from tokentrial import encoder_source
from tokentrial.studies.small_models import TWO_STAGE, designs, starts_from_table

STUDY = "language_models"
FULL = "full"  # the arm whose trained model is the start of two-stage arms

Spec = dict[str, Any]

# Encoders that are made from the trained full model; the second ones keep its body too, so nothing of them is trained.
UNTRAINED = ("svd", "quantised", "product_quantised", "tensor_train", "low_rank_residual")
FROM_FULL = (*TWO_STAGE, *UNTRAINED)


def jobs(config: Mapping[str, Any]) -> dict[str, Spec]:
    """Returns job ``<condition>/<arm>`` -> its complete specification, free of paths and machine facts."""
    specs: dict[str, Spec] = {}
    for name, experiment in config[STUDY]["experiments"].items():
        for way, design in designs(experiment).items():
            condition = f"{STUDY}/{name}/{way}/{design['tokens']}"
            for place, (arm, entry, ratio) in enumerate(arms_of(design)):
                specs[f"{condition}/{arm}"] = {
                    **_common(config, design, way),
                    **_widths(design, ratio),
                    **_arm(config, design, way, entry),
                    "condition": condition,
                    "arm": arm,
                    "reference": place == 0,
                }
    return specs


def arms_of(design: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Yields (name, entry of the config's arms, ratio) of a design's arms, first those that are trained once."""
    for name in design["single"]:
        entry, _, ratio = name.partition("-")
        yield name, entry, int(ratio or 1)
    for ratio in design["ratios"]:
        for entry in design["arms"]:
            yield f"{entry}-{ratio}", entry, ratio


def _common(config: Mapping[str, Any], design: Mapping[str, Any], way: str) -> Spec:
    study = config[STUDY]
    return {
        "study": STUDY,
        "way": way,
        "tokens": design["tokens"],
        "seed": config["seed"],
        "seeds": design.get("seeds", study["seeds"]),
        "device": config["device"],
        "precision": study["precision"],
        "tied": design["tied"],
        "bias": True,
        "initial_scale": design["initial_scale"],
    }


def _widths(design: Mapping[str, Any], ratio: int) -> Spec:
    """Returns d_c, D, and the body's width: D, or d_c if the body shrinks with the encoding, as in the documents."""
    width = design["full_width"] // ratio
    return {
        "width": width,
        "full_width": design["full_width"],
        "body_width": width if design["narrow"] else design["full_width"],
    }


def _arm(config: Mapping[str, Any], design: Mapping[str, Any], way: str, entry: str) -> Spec:
    """Returns encoder, body and training of an arm, which may change keys of the body and the number of epochs."""
    study = config[STUDY]
    options = {key: value for key, value in study["arms"][entry].items() if key != "body"}
    training = {**study["training"][way], **design.get("training", {})}
    if "epochs" in options:
        training["epochs"] = options.pop("epochs")
    return {"encoder": options, "body": _body(config, design, entry), "training": training}


def _body(config: Mapping[str, Any], design: Mapping[str, Any], entry: str) -> Spec:
    study = config[STUDY]
    return {**study["bodies"][design["body"]], **study["arms"][entry].get("body", {})}


def tokens_needed(specs: Mapping[str, Spec], tokens: str) -> dict[str, int]:
    """Returns split -> fewest tokens with which the share of the split that each job uses holds a batch."""
    needed: dict[str, int] = {}
    for spec in specs.values():
        training = spec["training"]
        batch = training["batch_size"] * training["length"]
        batch += training["batch_size"] if training["order"] == "streams" else 1
        for split in ("train", "validation", "test"):
            share = training["fraction" if split == "train" else "held_out_fraction"]
            if spec["tokens"] == tokens:
                needed[split] = max(needed.get(split, 0), math.ceil((batch + 1) / share))
    return needed


def twins(specs: Mapping[str, Spec]) -> dict[str, str]:
    """Returns job -> the job that trains the same model: only the names of condition and arm differ.

    Among such jobs, the first by name trains, in any order of the config.
    """
    origins: dict[str, str] = {}
    first: dict[str, str] = {}
    for job, spec in sorted(specs.items()):
        # the full arm keeps its model for other arms, so only another full arm can replace its training
        key = {**spec, "condition": None, "arm": spec["arm"] == FULL}
        origin = first.setdefault(json.dumps(key, sort_keys=True), job)
        if origin != job:
            origins[job] = origin
    return origins


def needs_full(spec: Spec) -> bool:
    """Whether a job starts from the trained full model of its condition."""
    return keeps_body(spec["encoder"]["encoder"]) or starts_from_table(spec["encoder"])


def keeps_body(encoder: str) -> bool:
    """Whether an encoder replaces the table of the trained full model and keeps its body."""
    return encoder in UNTRAINED or encoder_source.read(encoder).after_training


def encoder_module(spec: Spec) -> str:
    """Returns the module of an arm's encoder, which its job loads by name."""
    return f"encoders/{spec['encoder']['encoder']}"


def encoder_modules(search: Spec) -> list[str]:
    """Returns the modules of the encoders of a search's arms, sorted."""
    return sorted({encoder_module(job) for job in search["arms"].values()})
