"""The search of the rates of language models: it chooses what the jobs themselves would find best."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import test_training_language_job as jobs

from tokentrial.training import language_search
from tokentrial.training.language_job import run_language_model
from tokentrial.training.language_search import run_language_search

data = jobs.data  # the fixture
FULL = {**jobs.SPEC, "seeds": 2}
DEEP = {"arm": "autoencoder-4", "encoder": {"encoder": "autoencoder", "reconstruction_steps": 20}, "width": 4}
LIMITS = {"factor": 4, "rates": 4, "most_rates": 6, "doublings": 3}


def design() -> dict[str, Any]:
    arms = {spec["arm"]: spec for spec in ({**FULL, **jobs.LEARNED}, {**FULL, **DEEP}, FULL)}
    return {"condition": jobs.SPEC["condition"], "limits": LIMITS, "arms": arms}


def searched(data: dict[str, str], folder: Path, name: str = "a") -> dict[str, Any]:
    out = folder / f"{name}.json"
    run_language_search(json.dumps(design(), sort_keys=True), data, [], str(folder / name), str(out))
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def trained(data: dict[str, str], folder: Path, spec: dict[str, Any], full: str | None) -> pd.DataFrame:
    """The rows of a job; the model of the full arm goes to ``full.safetensors``."""
    files = {name: str(folder / spec["arm"] / f"{name}.parquet") for name in ("runs", "arms")}
    models = str(folder / "full.safetensors") if spec["arm"] == "full" else None
    run_language_model(
        json.dumps(spec, sort_keys=True), data, [], full, str(folder / "checkpoints"), **files, models=models
    )
    return pd.read_parquet(files["runs"])


def test_the_choice_is_the_job_that_is_best_on_validation(data: dict[str, str], tmp_path: Path) -> None:
    """By the rows of real jobs at each rate that was tried; two-stage arms start from the full model's best rate."""
    choices = searched(data, tmp_path)
    assert list(choices) == ["full", "autoencoder-4", "learned-4"]
    full = None
    for arm, choice in choices.items():
        spec = design()["arms"][arm]
        [tried] = choice["tried"]
        assert len(tried["rates"]) >= 4 and choice["rate"] in tried["rates"] and tried["steps"] == choice["steps"]
        for rate, loss in zip(tried["rates"], tried["losses"], strict=True):
            rows = trained(data, tmp_path, jobs.spec_of(**{**spec, "training": {"learning_rates": [rate]}}), full)
            final = rows[(rows.metric == "cross_entropy") & (rows.split == "validation") & rows.step.isna()]
            assert final.value.mean() == pytest.approx(loss, abs=1e-12)
        assert choice["loss"] == min(tried["losses"])
        if arm == "full":
            trained(data, tmp_path, jobs.spec_of(**{**spec, "training": {"learning_rates": [choice["rate"]]}}), None)
            full = str(tmp_path / "full.safetensors")


@pytest.mark.slow
def test_a_killed_search_goes_on_and_chooses_the_same(
    data: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = searched(data, tmp_path)
    search, calls = language_search.search, []

    def killed(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return search(*arguments)

    monkeypatch.setattr(language_search, "search", killed)
    with pytest.raises(KeyboardInterrupt):
        searched(data, tmp_path, "b")
    assert searched(data, tmp_path, "b") == whole and len(calls) == 4  # the third arm again, and no other
