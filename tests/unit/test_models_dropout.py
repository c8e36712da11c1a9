"""Dropout masks from one draw: their rate, values, independence, and what they are drawn from."""

import pytest
import torch

from tokentrial.models.dropout import LEVELS, Masks

COUNT = 400_001
CPU = torch.device("cpu")


def factors(rate: float, count: int = COUNT, seed: int = 1) -> torch.Tensor:
    torch.manual_seed(seed)
    return Masks(rate, count, CPU).take(torch.Size([count]))


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9, 1 / LEVELS])
def test_a_share_is_zero_and_the_rest_keeps_the_mean(rate: float) -> None:
    found = factors(rate)
    exact = round(rate * LEVELS) / LEVELS
    assert set(found.unique().tolist()) == {0.0, float(torch.tensor(1 / (1 - exact)))}
    error = (exact * (1 - exact) / COUNT) ** 0.5
    assert abs(float((found == 0).double().mean()) - exact) < 4 * error


def test_the_rates_of_the_config_are_rounded_by_less_than_one_in_a_hundred_thousand() -> None:
    assert all(abs(round(rate * LEVELS) / LEVELS - rate) < 1e-5 for rate in (0.1, 0.2))


@pytest.mark.parametrize("lag", [1, 2, 4, COUNT // 2, COUNT // 2 + 1, (COUNT + 3) // 4 * 2])
def test_numbers_are_dropped_independently(lag: int) -> None:
    """Also those that one 64-bit draw decides together."""
    dropped = factors(0.3) == 0
    both = float((dropped[:-lag] & dropped[lag:]).double().mean())
    assert abs(both - 0.09) < 4 * (0.09 * 0.91 / (COUNT - lag)) ** 0.5


def test_the_generators_state_decides_and_goes_on() -> None:
    assert torch.equal(factors(0.1), factors(0.1))
    assert not torch.equal(factors(0.1), factors(0.1, seed=2))
    first = factors(0.1, 1000)
    assert not torch.equal(Masks(0.1, 1000, CPU).take(torch.Size([1000])), first)


def test_each_factor_is_used_once() -> None:
    torch.manual_seed(1)
    masks = Masks(0.5, 10, CPU)
    parts = [masks.drop(torch.ones(2, 3)), masks.take(torch.Size([4]))]
    assert torch.equal(torch.cat([part.flatten() for part in parts]), factors(0.5, 10))
    with pytest.raises(IndexError, match="found 10 factors, expected at least 11"):
        masks.take(torch.Size([1]))
