"""From the config to the conditions, scripts and data sets of the studies of small models."""

from copy import deepcopy
from typing import Any

import pytest

from tokentrial.studies import small_models


def small_study(own: dict[str, Any]) -> dict[str, Any]:
    """A study of small models with one experiment, done right."""
    training = {"learning_rates": [0.1], "steps": 5, "batch_size": 3, "evaluations": 1, "decay": True, "select": "best"}
    return {
        "hidden": 8,
        "scripts": {},
        "initialisation": {"done-right": {"initial_scale": 1, "head_scale": None, "head_bias": True}},
        "training": {"done-right": training},
        "arms": {"learned": {"encoder": "learned"}, "full": {"encoder": "full"}},
        "experiments": {"markov": {"done-right": own}},
    }


def design(**changes: Any) -> dict[str, Any]:
    """A config whose one experiment is document 000's; the other study of small models has none."""
    source = {"source": "markov", "vocab_size": 10, "length": 4, "train": 9, "validation": 9, "test": 9}
    own = {
        "full_width": 32,
        "ratios": [4],
        "heads": ["token_mlp"],
        "arms": ["learned"],
        "data": {"v10": source},
        **changes,
    }
    empty = {**small_study({}), "experiments": {}}
    return {"seed": 7, "seeds": 2, "device": "cpu", "learned_encoding": small_study(own), "bespoke": empty}


@pytest.mark.parametrize(
    ("changes", "cells"),
    [
        ({}, ["v10"]),
        ({"ratios": [4, 8]}, ["ratio-4", "ratio-8"]),
        ({"heads": ["token_mlp", "mean_pool"]}, ["token-mlp", "mean-pool"]),
        ({"data": {"a": {"vocab_size": 3}, "b": {"vocab_size": 4}}}, ["a", "b"]),
        (
            {
                "data": {"a": {"vocab_size": 3}, "b": {"vocab_size": 4}},
                "ratios": [2, 4],
                "heads": ["mean_pool", "window_mlp"],
            },
            [
                f"{data}-ratio-{ratio}-{head}"
                for data in "ab"
                for ratio in (2, 4)
                for head in ("mean-pool", "window-mlp")
            ],
        ),
    ],
)
def test_a_cell_is_named_by_what_varies(changes: dict[str, Any], cells: list[str]) -> None:
    specs = small_models.conditions(design(**changes))
    assert list(specs) == [f"learned_encoding/markov/done-right/{cell}" for cell in cells]
    assert [spec["condition"] for spec in specs.values()] == list(specs)


def test_cells_that_differ_in_ratio_or_head_share_their_data() -> None:
    both = {"a": {"vocab_size": 3}, "b": {"vocab_size": 4}}
    made = design(data=both, ratios=[2, 4], heads=["mean_pool", "window_mlp"])
    specs = small_models.conditions(made)
    by_data: dict[str, set[tuple[Any, ...]]] = {}
    for spec in specs.values():
        by_data.setdefault(spec["dataset"], set()).add((spec["vocab_size"], spec["width"], spec["head"]))
    assert set(by_data) == set(small_models.datasets(made))
    assert [len(cells) for cells in by_data.values()] == [4, 4]
    assert {cell[0] for cell in by_data["learned_encoding/markov/done-right/b"]} == {4}


def test_a_condition_is_complete() -> None:
    [(identity, spec)] = small_models.conditions(design(training={"steps": 99})).items()
    assert spec == {
        "study": "learned_encoding",
        "condition": identity,
        "way": "done-right",
        "dataset": "learned_encoding/markov/done-right/v10",
        "seed": 7,
        "seeds": 2,
        "device": "cpu",
        "vocab_size": 10,
        "full_width": 32,
        "width": 8,
        "head": "token_mlp",
        "hidden": 8,
        "initial_scale": 1,
        "head_scale": None,
        "head_bias": True,
        "training": {
            "learning_rates": [0.1], "steps": 99, "batch_size": 3, "evaluations": 1, "decay": True, "select": "best",
        },
        "arms": {"learned": {"encoder": "learned"}},
    }  # fmt: skip


def test_scripts_by_name() -> None:
    made = design()
    made["learned_encoding"]["scripts"] = {"corrected": {"seeds": 2, "last_cell": None}}
    made["bespoke"]["scripts"] = {"initial": {"seeds": 3, "last_cell": None}}
    found = small_models.scripts(made)
    assert list(found) == ["learned_encoding/as-released/corrected", "bespoke/as-released/initial"]
    for identity, spec in found.items():
        assert spec["condition"] == identity
        assert identity == f"{spec['study']}/as-released/{spec['script']}"
    assert [(spec["seeds"], spec["last_cell"]) for spec in found.values()] == [(2, None), (3, None)]


def test_two_studies_keep_their_own_arms_and_settings() -> None:
    """The same experiment in both: each cell has its own study's widths, arms and steps, and no other cell appears."""
    made = design()
    made["bespoke"] = deepcopy(made["learned_encoding"])
    made["bespoke"] |= {"hidden": 5, "arms": {"learned": {"encoder": "full"}}}
    made["bespoke"]["training"]["done-right"]["steps"] = 77
    found = small_models.conditions(made)
    assert list(found) == [f"{study}/markov/done-right/v10" for study in small_models.STUDIES]
    ours, theirs = found.values()
    assert (ours["study"], ours["hidden"], ours["training"]["steps"]) == ("learned_encoding", 8, 5)
    assert (theirs["study"], theirs["hidden"], theirs["training"]["steps"]) == ("bespoke", 5, 77)
    assert (ours["arms"]["learned"]["encoder"], theirs["arms"]["learned"]["encoder"]) == ("learned", "full")
    assert set(small_models.datasets(made)) == {spec["dataset"] for spec in found.values()}
    for study in small_models.STUDIES:
        own = {name: spec for name, spec in found.items() if spec["study"] == study}
        assert small_models.conditions_of(made, study) == own


@pytest.mark.parametrize(
    ("arms", "modules"),
    [
        ({"a": {"encoder": "learned"}}, ["learned"]),
        ({"a": {"encoder": "learned"}, "b": {"encoder": "unigram"}}, ["learned", "unigram"]),
        ({"a": {"encoder": "pca"}}, ["full", "pca"]),  # starts from the table that the full arm trains
        ({"a": {"encoder": "autoencoder", "table": "random"}}, ["autoencoder"]),
        ({"a": {"encoder": "banded", "layout": "initial"}}, ["banded"]),
    ],
)
def test_a_condition_names_its_encoders(arms: dict[str, Any], modules: list[str]) -> None:
    assert small_models.encoder_modules({"arms": arms}) == [f"encoders/{name}" for name in modules]
