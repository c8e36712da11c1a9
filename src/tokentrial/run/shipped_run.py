"""The config of the shipped run, by which its rows are judged again, and what a config plans."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tokentrial import config as settings
from tokentrial import shipped
from tokentrial.run.conditions import Row, planned
from tokentrial.schema import study_files
from tokentrial.studies import cramming, rates, real_model, small_models
from tokentrial.studies.rates import Specs

OVERLAYS: tuple[str, ...] = ("config/reference.yaml",)
"""Overlays over the default config with which the shipped run was trained."""


class Jobs(NamedTuple):
    """Everything that a config trains, by job; searched rates are in it. unsearched: arms that have none."""

    scripts: Specs
    conditions: Specs
    datasets: Specs
    language_models: Specs
    crammed: Specs
    encoded: Specs
    unsearched: Any
    declared: rates.Plan
    """What the config says itself, without searched rates."""


def jobs(config: Mapping[str, Any], root: Path) -> Jobs:
    """Returns what a complete config trains. Raises InputError for what cannot be trained, or rates that do not fit."""
    declared = rates.plan(config)
    searched, doublings = rates.read(root / rates.FILE), config["search"]["doublings"]
    applied = rates.applied(searched, declared, doublings, lambda: rates.plan(study_files.default(root)))
    conditions, language_models, unsearched = applied
    encoded = real_model.jobs(config)
    crammed, scripts = cramming.jobs(config), small_models.scripts(config)
    return Jobs(scripts, conditions, declared.datasets, language_models, crammed, encoded, unsearched, declared)


def plan(found: Jobs, config: Mapping[str, Any]) -> list[Row]:
    """Returns the columns of results/conditions.parquet for every condition."""
    tokens = config["language_models"]["tokens"]
    # The job of a trained arm has the conditions of another job.
    other = {spec["condition"]: spec for spec in [*found.crammed.values(), *found.encoded.values()]}
    tokenizers = {name: entry["tokenizer"] for name, entry in tokens.items()}
    return planned(found.scripts, found.conditions, found.datasets, found.language_models, tokenizers, other)


def config_of(root: Path) -> dict[str, Any]:
    """Returns the complete config of the shipped run, as the checkout has it.

    Raises InputError if the checkout's settings of training are not those that made the shipped rows.
    """
    config = study_files.default(root, *(root / name for name in OVERLAYS))
    shipped.check_training(config, config)
    return config


def judged_again(config: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Returns the config by which the shipped rows are judged again: that of their run, with a config's own settings of
    statistics and margins.

    Raises InputError for a config that would train something else than the default or the shipped one.
    """
    default = study_files.default(root)
    if not shipped.trains_alike(config, default):
        shipped.check_training(config, default)
    return settings.with_judging(config_of(root), config)
