"""The released update rule: exactly the noise of protocol A1, and nothing that learns."""

from typing import Any

import numpy as np
import pytest
import torch
from plain_loss import loss_per_seed

from tokentrial.encoders.learned import Learned
from tokentrial.models.heads import TokenMlp
from tokentrial.seeds import stream
from tokentrial.training.loop import Fit, Settings, logits
from tokentrial.training.noise_walk import walk

ENCODER, HEAD = Learned(30, 4, 32), TokenMlp(30, 4, 7, 8, bias=False)
REPLICATES = (0, 5)


Data = dict[str, tuple[torch.Tensor, torch.Tensor]]


def problem() -> tuple[dict[str, torch.Tensor], Data]:
    """The released initial weights, and sequences that repeat one token."""
    generator = torch.Generator().manual_seed(3)
    shapes = {"table": (30, 4), **HEAD.shapes()}
    weights = {name: torch.randn(2, *shape, generator=generator) * 0.1 for name, shape in shapes.items()}
    ids = torch.randint(30, (2, 6, 1), generator=generator).expand(2, 6, 7).contiguous()
    return weights, dict.fromkeys(("train", "validation"), (ids, ids))


def sure_of_one_token(*scores: float) -> tuple[dict[str, torch.Tensor], Data]:
    """Per seed the score of token 0, the only one that there is; all others score 0."""
    weights = {"table": torch.zeros(2, 30, 4), "hidden": torch.ones(2, 4, 8), "output": torch.zeros(2, 8, 30)}
    weights["table"][:, 0, 0] = 1.0
    weights["output"][:, 0, 0] = torch.tensor(scores)
    ids = torch.zeros(2, 6, 7, dtype=torch.int64)
    return weights, dict.fromkeys(("train", "validation"), (ids, ids))


def walked(weights: Any, data: Any, steps: int = 1) -> Fit:
    settings = Settings((0.5,), steps, None, evaluations=steps, decay=True, select="best")
    return walk(ENCODER, HEAD, weights, {}, data, settings, 42, REPLICATES, lambda message: None)


@pytest.mark.parametrize(
    ("start", "losses"),
    [
        (problem(), (3.4, 3.4)),  # ln 30: the cap of 3 is at work
        (sure_of_one_token(2.0, 1.0), (1.59, 2.45)),
        (sure_of_one_token(3.7, 4.0), (0.54, 0.43)),  # the second seed is below the threshold of 0.5
    ],
)
def test_one_step_is_the_protocols_noise(start: Any, losses: tuple[float, float]) -> None:
    weights, data = start
    before = {name: value.clone() for name, value in weights.items()}
    loss = loss_per_seed(logits(ENCODER, HEAD, weights, data["train"][0]), data["train"][1])
    assert loss.tolist() == pytest.approx(losses, abs=0.01)
    after = walked(weights, data).parameters
    for member, replicate in enumerate(REPLICATES):
        rng = stream(42, "noise_walk", replicate)
        base = 0.02 * min(float(loss[member]), 3) if loss[member] > 0.5 else 0.0
        for name, value in before.items():
            noise = rng.standard_normal(value.shape[1:], dtype=np.float32)
            expected = value[member].numpy() + (0.1 if name == "table" else 0.05) * base * noise
            # one float32 product and sum
            np.testing.assert_allclose(after[name][member].numpy(), expected, rtol=1e-6, atol=1e-8)
    assert all(torch.equal(weights[name], value) for name, value in before.items())  # what was given is not touched


def test_the_last_step_is_reported_however_bad() -> None:
    weights, data = problem()
    result = walked(weights, data, steps=40)
    assert result.step.tolist() == [40, 40]
    assert [step for step, _ in result.curve] == list(range(41))
    loss = loss_per_seed(logits(ENCODER, HEAD, result.parameters, data["train"][0]), data["train"][1])
    torch.testing.assert_close(loss.double(), result.curve[-1][1], rtol=1e-6, atol=0)  # a float32 mean, twice
    assert not any(value.requires_grad for value in result.parameters.values())


def test_the_walk_has_the_variance_of_its_steps() -> None:
    """Independent steps add up: after n of them the table has moved by 0.1 * 0.02 * 3 * sqrt(n) per entry."""
    weights, data = problem()
    steps = 100
    moved = (walked(weights, data, steps).parameters["table"] - weights["table"]).flatten(1)
    expected = 0.1 * 0.02 * 3 * steps**0.5
    # the loss stays above 3, the cap; 120 entries give a standard deviation to 6 %, four of which are a quarter
    assert moved.std(1).tolist() == pytest.approx([expected] * 2, rel=0.25)
