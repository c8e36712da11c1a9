"""Training budgets of arms, and when two arms count as equally trained."""

from typing import Any

import pandas as pd
import pytest
import views

from tokentrial.run.budget import BOTH_FLAT, STARTING_FROM_FULL, STEPS, Budget, budget, equal_training, flat
from tokentrial.studies import language_models, small_models

FAIR = "language_models/transformer/done-right/bpe"
SYNTHETIC = "learned_encoding/compression/done-right/v20-ratio-8"


def arms(condition: str, rows: dict[str, dict[str, Any]]) -> pd.DataFrame:
    study = condition.split("/")[0]
    made = [{"study": study, "condition": condition, "arm": arm, **row} for arm, row in rows.items()]
    return views.typed(pd.DataFrame(made).reindex(columns=views.SCHEMAS["arms"].names), views.SCHEMAS["arms"])


def curves(condition: str, late: dict[str, float]) -> pd.DataFrame:
    """Two seeds whose validation loss falls from 4 to 2 within half of 100 steps, and then by so much more."""
    losses = [(0, 4.0), (50, 2.0), (100, 0.0)]
    rows = [
        (condition, arm, seed, "validation", step, "cross_entropy", loss if step < 100 else 2.0 - gain)
        for arm, gain in late.items()
        for seed in (0, 1)
        for step, loss in losses
    ]
    return pd.DataFrame(rows, columns=["condition", "arm", "seed", "split", "step", "metric", "value"])


def levels(condition: str, names: list[str], floor: float | None) -> pd.DataFrame:
    made = [
        {"condition": condition, "arm": arm, "metric": "cross_entropy", "chance": 4.0, "floor": floor} for arm in names
    ]
    return pd.DataFrame(made)


def test_every_stage_on_text_counts() -> None:
    rows = {
        "full": {"steps": 315, "steps_before": 0, "tokens_seen": 700, "wall_seconds": 9.0},
        "learned-8": {"steps": 315, "steps_before": 0, "tokens_seen": 700, "wall_seconds": 5.0},
        "learned_twice-8": {"steps": 630, "steps_before": 0, "tokens_seen": 1400, "wall_seconds": 8.0},
        "autoencoder-8": {
            "steps": 315, "steps_before": 315, "starts_from": "full", "tokens_seen": 1400, "wall_seconds": 6.0,
        },
        "int8": {"steps": 0, "steps_before": 315, "starts_from": "full", "tokens_seen": 700, "wall_seconds": 1.0},
    }  # fmt: skip
    view = views.view(arms=arms(FAIR, rows))
    assert budget(view, FAIR, "autoencoder-8") == Budget(630, 315, 1400, 15.0, "full")
    assert budget(view, FAIR, "int8") == Budget(315, 0, 700, 10.0, "full")
    assert budget(view, FAIR, "learned-8") == Budget(315, 315, 700, 5.0, None)
    assert equal_training(view, FAIR, "learned_twice-8", "autoencoder-8") == STEPS
    assert equal_training(view, FAIR, "learned-8", "int8") == STEPS
    assert equal_training(view, FAIR, "learned-8", "autoencoder-8") == ""


def test_rows_of_an_earlier_version_start_where_the_studies_files_say() -> None:
    rows = {arm: {"steps": 800} for arm in ("full", "learned", "autoencoder", "autoencoder_random", "pca")}
    view = views.view(arms=arms(SYNTHETIC, rows))
    spent = {arm: budget(view, SYNTHETIC, arm) for arm in rows}
    assert {arm: each.steps for arm, each in spent.items() if each is not None} == {
        "full": 800, "learned": 800, "autoencoder": 1600, "autoencoder_random": 800, "pca": 1600,
    }  # fmt: skip
    assert {each.tokens for each in spent.values() if each is not None} == {None}
    without = views.view(arms=arms(SYNTHETIC, {"autoencoder": {"steps": 800}, "learned": {}}))
    assert budget(without, SYNTHETIC, "autoencoder") is None and budget(without, SYNTHETIC, "learned") is None


def test_the_methods_of_earlier_rows_are_those_of_the_studies_files(shipped: dict[str, Any]) -> None:
    fair = [spec for spec in small_models.conditions(shipped).values() if spec["way"] != "as-released"]
    starting = {
        arm
        for spec in fair
        for arm, options in spec["arms"].items()
        if options["encoder"] in small_models.TWO_STAGE and options.get("table", "task") == "task"
    }
    jobs = [spec for spec in language_models.jobs(shipped).values() if spec["way"] != "as-released"]
    starting |= {spec["arm"].split("-")[0] for spec in jobs if language_models.needs_full(spec)}
    assert starting >= STARTING_FROM_FULL  # those that came later say from what they start


@pytest.mark.parametrize(
    ("learned", "autoencoder", "full", "said"),
    [(0.01, 0.01, 0.01, BOTH_FLAT), (0.05, 0.01, 0.01, ""), (0.01, 0.05, 0.01, ""), (0.01, 0.01, 0.05, "")],
)
def test_two_arms_that_have_gone_flat_are_equally_trained(
    learned: float, autoencoder: float, full: float, said: str
) -> None:
    """1 % of the way from chance to the floor are 0.03 nats; the table of a two-stage arm has to be flat, too."""
    late = {"learned": learned, "autoencoder": autoencoder, "full": full}
    rows = {arm: {"steps": 100} for arm in late}
    view = views.view(runs=curves(SYNTHETIC, late), arms=arms(SYNTHETIC, rows), summary=levels(SYNTHETIC, [*late], 1.0))
    assert equal_training(view, SYNTHETIC, "learned", "autoencoder") == said


def test_without_a_floor_the_best_loss_takes_its_place_and_without_a_curve_nothing_is_said() -> None:
    late = {"learned-8": 0.019, "learned-2": 0.022}  # 1 % of the way from 4 to 1.981, or to 1.978, nats
    view = views.view(
        runs=curves(FAIR, late),
        arms=arms(FAIR, {arm: {"steps": 100} for arm in late}),
        summary=levels(FAIR, [*late], None),
    )
    assert (flat(view, FAIR, "learned-8"), flat(view, FAIR, "learned-2")) == (True, False)
    assert flat(view, FAIR, "full") is None
