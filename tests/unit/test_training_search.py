"""The search of learning rates: which rate and how many steps it chooses, on known curves and by real training."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tokentrial.data.generate import generate
from tokentrial.seeds import of_search
from tokentrial.training import condition
from tokentrial.training.runner import Runner
from tokentrial.training.search import Level, Limits, Searched, Train, run_search, search

LIMITS = Limits(factor=2, rates=5, most_rates=9, doublings=3)
ARMS = {
    "learned": {"encoder": "learned"},
    "autoencoder": {"encoder": "autoencoder", "reconstruction_steps": 20},
    "full": {"encoder": "full"},
    "noise_walk": {"encoder": "learned", "update": "noise_walk"},
}


def bowl(best: float, gain: Callable[[int], float] = lambda steps: 0.0) -> Train:
    """Losses that rise with the distance to the best rate, in doublings."""

    def train(rates: Sequence[float], steps: int) -> list[Level]:
        return [Level(1 + math.log2(rate / best) ** 2, gain(steps)) for rate in rates]

    return train


def test_the_best_rate_of_the_first_grid_is_taken_where_it_is_inside() -> None:
    choice = search(bowl(0.02), 0.01, 100, LIMITS, chance=3.0, floor=1.0)
    assert (choice.rate, choice.steps, choice.inside, choice.converged) == (0.02, 100, True, True)
    assert [tried.rates for tried in choice.tried] == [(0.0025, 0.005, 0.01, 0.02, 0.04)]
    assert choice.tried[0].losses == (10, 5, 2, 1, 2)


@pytest.mark.parametrize(("best", "end"), [(0.16, 0.32), (0.000625, 0.0003125)])
def test_the_grid_grows_beyond_the_end_where_its_best_rate_is(best: float, end: float) -> None:
    choice = search(bowl(best), 0.01, 100, LIMITS, chance=3.0, floor=1.0)
    assert (choice.rate, choice.inside) == (best, True)
    assert end in (choice.tried[0].rates[0], choice.tried[0].rates[-1]) and len(choice.tried[0].rates) == 8


def test_a_best_rate_at_the_end_of_the_largest_grid_is_told() -> None:
    choice = search(bowl(1e6), 0.01, 100, LIMITS, chance=3.0, floor=1.0)
    assert len(choice.tried[0].rates) == LIMITS.most_rates
    assert (choice.rate, choice.inside) == (choice.tried[0].rates[-1], False)


def test_steps_double_until_the_last_quarter_brings_less_than_a_hundredth_of_what_there_is_to_learn() -> None:
    choice = search(bowl(0.01, lambda steps: 4 / steps), 0.01, 100, LIMITS, chance=3.0, floor=1.0)
    # 0.04, 0.02 and 0.01 nats, of which the last is less than 1 % of 2 nats
    assert ([tried.steps for tried in choice.tried], choice.steps, choice.converged) == ([100, 200, 400], 400, True)
    assert choice.share == pytest.approx(0.005)


def test_an_arm_that_goes_on_improving_is_not_converged() -> None:
    choice = search(bowl(0.01, lambda steps: 0.1), 0.01, 100, LIMITS, chance=3.0, floor=1.0)
    assert ([tried.steps for tried in choice.tried], choice.converged) == ([100, 200, 400, 800], False)


def test_without_a_floor_the_best_loss_takes_its_place() -> None:
    assert search(bowl(0.01, lambda steps: 0.1), 0.01, 1, LIMITS, chance=21.0, floor=None).share == pytest.approx(0.005)


def test_more_steps_move_the_grid_to_the_best_rate_of_fewer() -> None:
    def train(rates: Sequence[float], steps: int) -> list[Level]:
        return bowl(0.04 if steps == 100 else 0.02, lambda steps: 8 / steps)(rates, steps)

    choice = search(train, 0.01, 100, LIMITS, chance=5.0, floor=1.0)
    assert [tried.rates[2] for tried in choice.tried] == [0.01, 0.04, 0.02]
    assert (choice.rate, choice.steps) == (0.02, 400)


def design(spec_of: Any, source: dict[str, Any], **changes: Any) -> dict[str, Any]:
    spec = spec_of(seed=of_search(42), seeds=2, arms=ARMS, training={"learning_rates": [0.01]}, **changes)
    limits = {"factor": 2, "rates": 4, "most_rates": 6, "doublings": 1}
    return {**spec, "source": source, "limits": limits}


@pytest.fixture(scope="module")
def source(data_of: Any) -> dict[str, Any]:
    spec: dict[str, Any] = data_of().spec
    return spec


def searched(spec: dict[str, Any], folder: Path, name: str = "a") -> dict[str, Any]:
    run_search(json.dumps(spec), [], str(folder / name), str(folder / f"{name}.json"))
    choices: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return choices


def test_every_trained_arm_gets_the_rate_that_trains_best(spec_of: Any, source: dict[str, Any], tmp_path: Path) -> None:
    """By real training, one rate at a time, on the search's own seeds."""
    spec = design(spec_of, source)
    choices = searched(spec, tmp_path)
    assert set(choices) == {"learned", "full", "autoencoder"}  # a walk without a gradient has no rate
    data = generate(source, spec["seed"], spec["seeds"])
    for arm, choice in choices.items():
        for tried in choice["tried"]:
            for rate, loss in zip(tried["rates"], tried["losses"], strict=True):
                options = {"learning_rates": [rate], "steps": tried["steps"]}
                full = {key: choices["full"][key] for key in ("rate", "steps")}
                table = {"learning_rates": [full["rate"]], "steps": full["steps"]}
                job = condition.begin({**spec, "full": table, "arms": {arm: {**ARMS[arm], **options}}}, data)
                fit = condition.fit_arm(job, arm, job.spec["arms"][arm])[2]
                best = torch.stack([values for _, values in fit.curve]).min(0).values
                assert loss == pytest.approx(float(best.mean()), rel=1e-6), (arm, rate)
        last = choice["tried"][-1]
        assert choice["rate"] == last["rates"][int(np.argmin(last["losses"]))] and len(last["rates"]) >= 4
        assert choice["inside"] or len(last["rates"]) == 6
        assert choice["converged"] == (choice["share"] < 0.01)
        assert choice["converged"] or choice["steps"] == 2 * spec["training"]["steps"]


def test_a_killed_search_goes_on_and_chooses_the_same(
    spec_of: Any, source: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = design(spec_of, source)
    whole = searched(spec, tmp_path)
    work, parts = Searched.work, list[str]()

    def cut(self: Searched, part: str, *rest: Any) -> None:
        if len(parts) == 2:
            raise KeyboardInterrupt
        parts.append(part)
        work(self, part, *rest)

    monkeypatch.setattr(Searched, "work", cut)
    with pytest.raises(KeyboardInterrupt):
        searched(spec, tmp_path, "b")
    parts.clear()
    assert searched(spec, tmp_path, "b") == whole
    assert parts == ["autoencoder"]
    assert not (tmp_path / "b").exists()


def test_the_search_shares_no_seed_with_a_run(data_of: Any, source: dict[str, Any]) -> None:
    run, of_it = data_of().tokens["train"], generate(source, of_search(42), 3).tokens["train"]
    assert not any(np.array_equal(a, b) for a in run for b in of_it)
    assert of_search(42) != of_search(43)


def test_the_runner_names_the_condition(spec_of: Any, source: dict[str, Any]) -> None:
    spec = design(spec_of, source)
    assert Searched(Runner(json.dumps(spec), [], "none").design).name == spec["condition"]
