"""AdamW of rows that may leave against torch's, learning rates, and settings that cannot be used."""

from typing import Any

import pytest
import torch
from cramming_models import PAPER, settings

from tokentrial.cramming.engine import AdamW
from tokentrial.errors import InputError


@pytest.mark.parametrize(("betas", "decay"), [((0.9, 0.9), 0.01), ((0.9, 0.99), 0.0), ((0.0, 0.5), 0.3)])
def test_adamw_equals_torchs(betas: tuple[float, float], decay: float) -> None:
    torch.manual_seed(0)
    value = torch.randn(4, 2, 5, dtype=torch.float64)
    theirs = value.clone().requires_grad_()
    optimiser = torch.optim.AdamW([theirs], lr=0.1, betas=betas, weight_decay=decay)
    ours = AdamW([value], betas, decay)
    for step in range(50):
        gradient = torch.randn_like(value)
        theirs.grad = gradient
        rate = 0.1 / (1 + step)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        ours.step([gradient], rate)
    torch.testing.assert_close(ours.parameters[0], theirs.detach(), rtol=1e-12, atol=1e-12)


def test_rows_that_leave_do_not_disturb_the_others() -> None:
    torch.manual_seed(0)
    value, gradients = torch.randn(4, 1, 3), torch.randn(20, 4, 1, 3)
    whole, part = (AdamW([value.clone()], (0.9, 0.99), 0.1) for _ in range(2))
    rows = torch.tensor([0, 3])
    for step, gradient in enumerate(gradients):
        whole.step([gradient], 0.1)
        part.step([gradient if step < 7 else gradient[rows]], 0.1)
        if step == 6:
            part.keep(rows)
    assert torch.equal(part.parameters[0], whole.parameters[0][rows])


def test_learning_rates() -> None:
    assert [settings(PAPER).rate(step, 7.0) for step in (1, 30, 60)] == [0.01] * 3
    tuned = settings(steps=100)
    assert tuned.rate(1, 2.0) == pytest.approx(0.6)
    assert tuned.rate(51, 2.0) == pytest.approx(0.6 * (0.02 + 0.98 / 2))  # the middle of the cosine
    assert tuned.rate(101, 2.0) == pytest.approx(0.6 * 0.02)
    rates = [tuned.rate(step, 1.0) for step in range(1, 101)]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schedule": "linear"}, "schedule: found 'linear', expected one of cosine, constant"),
        ({"steps": 0}, "found 0 steps"),
        ({"patience": 0}, "patience 0"),
        ({"learning_rate": 0.0}, "found rate 0.0"),
        ({"betas": [0.9]}, r"betas \[0.9\]"),
        ({"betas": [0.9, 1.0]}, r"betas \[0.9, 1.0\]"),
        ({"lr": 1}, "unknown keys lr"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        settings(**changes)
    assert "cramming.arms.tuned" in str(caught.value) and "\n" not in str(caught.value)
