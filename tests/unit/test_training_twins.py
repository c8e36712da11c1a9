"""An arm that another job trained: the rows are the same numbers, under the names of its own condition."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tokentrial import provenance, results
from tokentrial.report.scale import scale_values, trained_once
from tokentrial.results import Measurement
from tokentrial.training.twins import write_twin
from tokentrial.training.writing import write_job

ORIGIN = "language_models/mask/done-right/bpe/full"
SPEC: dict[str, Any] = {"study": "language_models", "condition": "language_models/transformer/done-right/bpe"}
SPEC |= {"arm": "whole", "device": "cpu"}


@pytest.fixture
def tables(tmp_path: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows and costs of a training, then those of its twin."""
    design = {**SPEC, "condition": ORIGIN.rpartition("/")[0], "arm": "full"}
    rows = [
        Measurement("full", 0, "test", None, "cross_entropy", 4.5, "nats"),
        Measurement("full", 0, "validation", 20, "cross_entropy", None, "nats"),
        Measurement("reference.chance", 0, "test", None, "cross_entropy", 7.6, "nats"),
    ]
    cost = {
        "arm": "full",
        "seeds": 3,
        "steps": 20,
        "params_trained": 1000,
        "wall_seconds": 120.0,
        "corpus": "WikiText-2",
    }
    files = [str(tmp_path / name) for name in ("runs", "arms", "twin_runs", "twin_arms")]
    frame = pd.DataFrame(rows, columns=Measurement._fields)
    write_job(design, json.dumps(design), frame, pd.DataFrame([cost]), *files[:2])
    write_twin(json.dumps(SPEC), ORIGIN, *files)
    runs, arms, twin_runs, twin_arms = (
        results.read(path, schema).to_pandas()
        for path, schema in zip(files, (results.RUNS, results.ARMS) * 2, strict=True)
    )
    return runs, arms, twin_runs, twin_arms


def test_the_numbers_are_the_trainings_and_the_names_its_own(tables: tuple[pd.DataFrame, ...]) -> None:
    runs, arms, twin_runs, twin_arms = tables
    names = {"condition": SPEC["condition"]}
    expected = runs.assign(**names, arm=["whole", "whole", "reference.chance"])
    pd.testing.assert_frame_equal(twin_runs, expected)
    own = {"arm": "whole", "config_hash": provenance.digest(json.dumps(SPEC)), "trained_as": ORIGIN}
    pd.testing.assert_frame_equal(twin_arms, arms.assign(**names, **own))
    assert arms["trained_as"].isna().all()


def test_sums_of_a_run_count_the_training_once(tables: tuple[pd.DataFrame, ...], shipped: dict[str, Any]) -> None:
    arms = pd.concat([tables[1], tables[3]])
    assert len(trained_once(arms)) == 1
    values = scale_values(arms, 0, shipped)
    assert (values["scale.models"], values["scale.minutes"]) == ("3", "2")
