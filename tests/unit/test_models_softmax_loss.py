"""The small models' head: loss and gradients are torch's, for target ids and for shares of a text."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from tokentrial.models import softmax_loss
from tokentrial.models.softmax_loss import mean_loss, share_loss

S, N, H, V = 3, 11, 4, 7
EXACT = {"rtol": 1e-12, "atol": 1e-14}  # float64 sums of a few terms in another order


def operands(bias: bool, scale: float = 1.0) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(2)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    weights = {"output": draw(S, H, V) * scale} | ({"bias": draw(S, 1, V)} if bias else {})
    return draw(S, N, H).requires_grad_(), {name: value.requires_grad_() for name, value in weights.items()}


def logits(features: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    return features @ weights["output"] + weights.get("bias", 0.0)


def gradients(loss: torch.Tensor, features: torch.Tensor, weights: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    upstream = torch.tensor([1.0, 0.5, -2.0], dtype=loss.dtype)  # another factor for each seed
    return list(torch.autograd.grad(loss, [features, *weights.values()], upstream))


@pytest.mark.parametrize("bias", [False, True])
def test_target_ids(bias: bool) -> None:
    features, weights = operands(bias)
    targets = torch.randint(V, (S, N), generator=torch.Generator().manual_seed(3))
    losses = cross_entropy(logits(features, weights).flatten(0, 1), targets.flatten(), reduction="none")
    expected = losses.view(S, N).mean(1)
    loss = mean_loss(weights, features, targets)
    torch.testing.assert_close(loss, expected, **EXACT)
    for one, other in zip(gradients(loss, features, weights), gradients(expected, features, weights), strict=True):
        torch.testing.assert_close(one, other, **EXACT)


@pytest.mark.parametrize("bias", [False, True])
def test_shares_of_a_text(bias: bool) -> None:
    """Shares that are counts of N predictions are the mean over these predictions, each with its features."""
    features, weights = operands(bias)
    generator = torch.Generator().manual_seed(4)
    rows, targets = (torch.randint(end, (S, 50), generator=generator) for end in (N, V))
    shares = torch.zeros(S, N * V, dtype=torch.float64)
    shares.scatter_add_(1, rows * V + targets, torch.full((S, 50), 1 / 50, dtype=torch.float64))
    scores = logits(features, weights).gather(1, rows.unsqueeze(2).expand(-1, -1, V))
    expected = cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none").view(S, 50).mean(1)
    loss = share_loss(weights, features, shares.view(S, N, V))
    torch.testing.assert_close(loss, expected, **EXACT)
    for one, other in zip(gradients(loss, features, weights), gradients(expected, features, weights), strict=True):
        torch.testing.assert_close(one, other, **EXACT)


def test_only_what_is_trained_has_a_gradient() -> None:
    features, weights = operands(bias=True)
    targets = torch.zeros(S, N, dtype=torch.int64)
    (whole,) = torch.autograd.grad(mean_loss(weights, features, targets).sum(), weights["output"])
    frozen = weights | {"bias": weights["bias"].detach()}
    (alone,) = torch.autograd.grad(mean_loss(frozen, features.detach(), targets).sum(), weights["output"])
    torch.testing.assert_close(alone, whole, **EXACT)


def test_a_token_of_no_probability_has_a_finite_loss() -> None:
    """Logits hundreds of nats apart, where the probability itself is zero in float32."""
    weights = {"output": torch.tensor([[[0.0, -500.0]]])}
    loss = mean_loss(weights, torch.ones(1, 1, 1), torch.tensor([[1]]))
    assert loss.tolist() == [500.0]


def test_without_a_gradient_it_is_the_same_number() -> None:
    features, weights = operands(bias=True)
    targets = torch.ones(S, N, dtype=torch.int64)
    with torch.no_grad():
        quiet = mean_loss(weights, features, targets)
    assert torch.equal(quiet, mean_loss(weights, features, targets))


@pytest.mark.parametrize("kind", ["ids", "shares"])
def test_seeds_in_blocks_are_seeds_alone(kind: str) -> None:
    """Of the size at which a core's cache no longer holds all seeds. Tolerance: none, the bits are equal."""
    seeds, count = 20, 200
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(seeds, count, 32, generator=generator).requires_grad_()
    weights = {"output": torch.randn(seeds, 32, count, generator=generator).requires_grad_()}
    assert len(softmax_loss.blocks(features, weights["output"])) > 1
    ids = torch.randint(count, (seeds, count), generator=generator)
    asked = ids if kind == "ids" else torch.rand(seeds, count, count, generator=generator) / count**2
    loss_of = mean_loss if kind == "ids" else share_loss
    together = loss_of(weights, features, asked)
    expected = torch.autograd.grad(together.sum(), [features, weights["output"]])
    for seed in (0, 7, 19):
        own = [value[seed : seed + 1].detach().requires_grad_() for value in (features, weights["output"])]
        alone = loss_of({"output": own[1]}, own[0], asked[seed : seed + 1])
        assert torch.equal(alone[0], together[seed])
        for one, other in zip(torch.autograd.grad(alone, own), expected, strict=True):
            assert torch.equal(one[0], other[seed])


def test_a_gradient_is_taken_once() -> None:
    features, weights = operands(bias=False)
    loss = mean_loss(weights, features, torch.zeros(S, N, dtype=torch.int64)).sum()
    torch.autograd.grad(loss, features, retain_graph=True)
    with pytest.raises(RuntimeError, match="taken before"):
        torch.autograd.grad(loss, features)
