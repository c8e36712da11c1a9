"""The config by which the shipped rows are judged again, at any scale of the shipped run."""

from pathlib import Path
from typing import Any

import pytest

from tokentrial import config as settings
from tokentrial import shipped
from tokentrial.errors import InputError
from tokentrial.provenance import digest
from tokentrial.run import shipped_run
from tokentrial.schema import study_files

ROOT = Path(__file__).parents[2]
DEFAULT = study_files.default(ROOT)
OTHER = "config/smoke.yaml"
JUDGED = {"statistics": {"confidence": 0.9}, "language_models": {"margins": {"cross_entropy": 0.1}}}


@pytest.fixture
def of_other_scale(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """As if the shipped run had been made with another shipped config."""
    config = study_files.default(ROOT, ROOT / OTHER)
    monkeypatch.setattr(shipped_run, "OVERLAYS", (OTHER,))
    monkeypatch.setattr(shipped, "SHIPPED_TRAINING", digest(settings.canonical(shipped._training(config))))
    return config


def test_the_shipped_config_made_the_shipped_rows() -> None:
    assert shipped.trains_as_shipped(shipped_run.config_of(ROOT))


def test_a_users_statistics_and_margins_judge_the_shipped_rows(of_other_scale: dict[str, Any]) -> None:
    again = shipped_run.judged_again(settings.merge(DEFAULT, JUDGED), ROOT)
    assert settings.training(again) == settings.training(of_other_scale)
    assert settings.judging(again)["confidence"] == 0.9
    assert settings.judging(again)["margins"]["language_models"]["cross_entropy"] == 0.1
    assert again["statistics"]["resamples"] == DEFAULT["statistics"]["resamples"]
    assert settings.training(shipped_run.judged_again(of_other_scale, ROOT)) == settings.training(of_other_scale)


@pytest.mark.parametrize("scale", ["default", "other"])
def test_other_models_are_refused(scale: str, request: pytest.FixtureRequest) -> None:
    if scale == "other":
        request.getfixturevalue("of_other_scale")
    with pytest.raises(InputError, match=r"^config: seeds: found 4, expected 10: the shipped rows are trained"):
        shipped_run.judged_again(settings.merge(DEFAULT, {"seeds": 4}), ROOT)


def test_an_edited_design_does_not_judge_the_shipped_rows(
    of_other_scale: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "SHIPPED_TRAINING", "0" * 12)
    with pytest.raises(InputError, match="found edited settings of training"):
        shipped_run.config_of(ROOT)


def test_the_plan_is_that_of_the_config(of_other_scale: dict[str, Any]) -> None:
    plans = [shipped_run.plan(shipped_run.jobs(config, ROOT), config) for config in (DEFAULT, of_other_scale)]
    named = [{row["condition"] for row in plan} for plan in plans]
    assert len(named[1] - named[0]) + len(named[0] - named[1]) > 0
    assert "real_model/token-table/smollm2" in named[0] & named[1]
    assert "learned_encoding/markov/done-right/ratio-8-window-mlp" in named[0] & named[1]
