"""Adam with a batch of seeds: the published algorithm, and torch's own."""

import pytest
import torch

from tokentrial.adam import Adam, linear_decay

# Both sides compute the same formula in float64 with the operations in another order: a few roundings per step.
ROUNDING = {"rtol": 1e-12, "atol": 1e-14}
SHAPES = ((3, 5, 4), (3, 1, 7))  # (S, ...)


def gradients(step: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) * 10.0**-step for shape in SHAPES]


def start() -> list[torch.Tensor]:
    return [value.clone() for value in gradients(0)]


def test_every_step_is_torch_adams() -> None:
    ours, theirs = start(), [value.requires_grad_() for value in start()]
    mine, reference = Adam(ours), torch.optim.Adam(theirs, lr=0.02)
    for step in range(8):  # gradients from 1 down to 1e-7, near eps
        for value, gradient in zip(theirs, gradients(step), strict=True):
            value.grad = gradient
        mine.step(gradients(step), 0.02)
        reference.step()
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other.detach(), **ROUNDING)


def test_a_rate_per_member_is_a_run_of_its_own() -> None:
    rates = torch.tensor([0.001, 0.02, 0.3], dtype=torch.float64)
    together = start()
    batched = Adam(together)
    for step in range(8):
        batched.step(gradients(step), rates.tolist())
    for member, rate in enumerate(rates.tolist()):
        alone = [value[member].clone() for value in start()]
        single = Adam(alone)
        for step in range(8):
            single.step([gradient[member] for gradient in gradients(step)], rate)
        for one, other in zip(together, alone, strict=True):
            torch.testing.assert_close(one[member], other, **ROUNDING)


def test_the_first_step_has_the_size_of_the_rate() -> None:
    values = start()
    Adam(values).step(gradients(1), 0.02)
    for value, before, gradient in zip(values, start(), gradients(1), strict=True):
        # the bias corrections cancel the betas, so the step is rate * g / (|g| + eps)
        expected = before - 0.02 * gradient / (gradient.abs() + Adam.eps)
        torch.testing.assert_close(value, expected, **ROUNDING)


def test_gradients_and_rates_are_left_alone() -> None:
    values, given, rates = start(), gradients(1), [0.1] * 3
    Adam(values).step(given, rates)
    assert all(torch.equal(one, other) for one, other in zip(given, gradients(1), strict=True))
    assert rates == [0.1] * 3


def test_decay_is_flat_then_linear_and_never_zero() -> None:
    factors = [linear_decay(step, 10) for step in range(10)]
    assert factors == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    assert linear_decay(0, 1) == 1
    assert [linear_decay(step, 4, constant_share=0) for step in range(4)] == pytest.approx([1, 0.75, 0.5, 0.25])
