"""Which config is a shipped one, which only judges otherwise, and what the shipped rows are refused to."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tokentrial import config as settings
from tokentrial import shipped
from tokentrial.claims.rules import mechanisms
from tokentrial.claims.rules.contrasts import paired
from tokentrial.errors import InputError
from tokentrial.run import shipped_run
from tokentrial.schema import study_files

ROOT = Path(__file__).parents[2]
DEFAULT, SHIPPED = study_files.default(ROOT), shipped_run.config_of(ROOT)
JUDGED = [
    {"statistics": {"confidence": 0.9}},
    {"statistics": {"resamples": 100}},
    {"statistics": {"equivalence_margin": 0.2}},
    {"language_models": {"margins": {"cross_entropy": 0.1}}},
]


def changed(overlay: dict[str, Any]) -> dict[str, Any]:
    return settings.merge(SHIPPED, overlay)


def test_the_shipped_config_trains_what_is_shipped_and_the_default_one_something_else() -> None:
    assert shipped.is_default(DEFAULT) and not shipped.trains_as_shipped(DEFAULT)
    assert shipped.trains_as_shipped(SHIPPED) and not shipped.is_default(SHIPPED)
    shipped.check_training(SHIPPED, DEFAULT)


@pytest.mark.parametrize("overlay", JUDGED)
def test_other_statistics_and_margins_judge_the_shipped_rows(overlay: dict[str, Any]) -> None:
    config = changed(overlay)
    assert shipped.trains_as_shipped(config) and not shipped.is_default(config)
    assert shipped.scale_name(config) == shipped.JUDGED_ANEW
    shipped.check_training(config, SHIPPED)
    assert settings.judging(config) != settings.judging(SHIPPED)


def test_the_shipped_overlays_train_something_else() -> None:
    for name in ("smoke.yaml", "paper.yaml"):
        assert not shipped.trains_as_shipped(study_files.default(ROOT, ROOT / "config" / name))


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ({"seeds": 3}, "config: seeds: found 3, expected 10: "),
        ({"cramming": {"predict_first": True}}, "config: cramming.predict_first: found True, expected False: "),
        ({"language_models": {"bodies": {"new": {"kind": "lstm"}}}}, "config: language_models.bodies.new: found {"),
    ],
)
def test_a_setting_of_training_is_refused_by_its_key(overlay: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as raised:
        shipped.check_training(changed(overlay), SHIPPED)
    assert str(raised.value).startswith(words)
    assert str(raised.value).endswith("only statistics and language_models.margins can change without training")


def test_an_edited_default_config_is_named() -> None:
    edited = changed({"seeds": 3})
    with pytest.raises(InputError, match="studies/ or config/: found edited settings of training, expected those"):
        shipped.check_training(edited, edited)


# Levels that are computed with and printed


@pytest.mark.parametrize(("confidence", "level"), [(0.95, "90 % ["), (0.9, "80 % [")])
def test_an_interval_is_printed_with_the_level_it_has(confidence: float, level: str) -> None:
    a, b = (pd.Series(values, dtype=float) for values in ((1.0, 1.2, 1.1), (1.0, 1.1, 1.05)))
    contrast = paired("a against b", a, b, 0.5, confidence)
    assert level in mechanisms._equivalence("changes the loss by", contrast, 3, 0.05, {}, "a").words


def test_a_lower_confidence_detects_smaller_differences() -> None:
    a, b = (pd.Series(values, dtype=float) for values in ((1.0, 1.2, 1.1), (1.0, 1.1, 1.05)))
    strict, lenient = (paired("a against b", a, b, 0.5, confidence).detectable for confidence in (0.95, 0.9))
    assert strict is not None and lenient is not None
    assert lenient < strict
