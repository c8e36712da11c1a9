"""The fused head against float64 and torch's own cross-entropy."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from tokentrial.cramming import head as module
from tokentrial.cramming.head import Head

Case = tuple[Tensor, Tensor, Tensor | None, Tensor]


def case(tokens: int, width: int, vocab_size: int, bias: bool, spread: float = 1.0) -> Case:
    """features, weight, bias, targets in float64."""
    torch.manual_seed(tokens * width + vocab_size)
    features = torch.randn(tokens, width, dtype=torch.float64) * spread
    weight = torch.randn(vocab_size, width, dtype=torch.float64)
    offset = torch.randn(vocab_size, dtype=torch.float64) if bias else None
    return features, weight, offset, torch.randint(vocab_size, (tokens,))


def expected(features: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(nll, hit, gradient of the mean) by torch, through all logits."""
    leaf = features.clone().requires_grad_()
    logits = linear(leaf, weight, bias)
    nll = cross_entropy(logits, targets, reduction="none")
    (gradient,) = torch.autograd.grad(nll.mean(), leaf)
    return nll.detach(), logits.argmax(1) == targets, gradient


SIZES = [(1, 3, 5), (64, 8, 40), (65, 8, 40), (300, 16, 1000), (129, 16, 4099)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("tokens", "width", "vocab_size"), SIZES)
def test_float64_equals_torch(tokens: int, width: int, vocab_size: int, bias: bool) -> None:
    features, weight, offset, targets = case(tokens, width, vocab_size, bias)
    found = Head(weight, offset)(features, targets, 1 / tokens)
    nll, hit, gradient = expected(features, weight, offset, targets)
    assert found.gradient is not None
    torch.testing.assert_close(found.nll, nll, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.gradient, gradient, rtol=1e-11, atol=1e-14)
    assert torch.equal(found.hit, hit)


@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e3])
def test_float32_is_close_to_float64_even_for_large_logits(spread: float) -> None:
    features, weight, offset, targets = case(200, 16, 700, True, spread)
    nll, hit, gradient = expected(features, weight, offset, targets)
    single = Head(weight.float(), None if offset is None else offset.float())
    found = single(features.float(), targets, 1 / 200)
    assert found.gradient is not None
    torch.testing.assert_close(found.nll.double(), nll, rtol=2e-6, atol=2e-6 * max(1.0, spread))
    torch.testing.assert_close(found.gradient.double(), gradient, rtol=1e-3, atol=1e-6 * max(1.0, spread))
    assert torch.equal(found.hit, hit)


def test_the_gradient_reaches_what_is_below_as_autograds_does() -> None:
    features, weight, _, targets = case(30, 8, 50, False)
    below = torch.randn(8, 8, dtype=torch.float64, requires_grad=True)
    found = Head(weight, None)((features @ below).detach(), targets, 0.25)
    (ours,) = torch.autograd.grad(features @ below, below, found.gradient)
    (torchs,) = torch.autograd.grad(cross_entropy(features @ below @ weight.t(), targets, reduction="sum") / 4, below)
    torch.testing.assert_close(ours, torchs, rtol=1e-11, atol=1e-12)


def test_of_equal_scores_the_first_is_the_argmax() -> None:
    weight = torch.tensor([[0.0], [1.0], [1.0]])
    hit = Head(weight, None)(torch.ones(3, 1), torch.tensor([0, 1, 2])).hit
    assert hit.tolist() == [False, True, False]


def test_the_logits_of_a_whole_batch_never_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    plain = Head.logits

    def measured(self: Head, features: Tensor) -> Tensor:
        made = plain(self, features)
        sizes.append(made.numel())
        return made

    monkeypatch.setattr(Head, "logits", measured)
    features, weight, offset, targets = case(1000, 4, 2000, False)
    Head(weight, offset)(features, targets, 1.0)
    assert max(sizes) <= module.CPU_LOGITS < sum(sizes) == 1000 * 2000


def test_without_a_scale_there_is_no_gradient_and_the_same_loss() -> None:
    features, weight, offset, targets = case(70, 8, 40, True)
    head = Head(weight, offset)
    plain, full = head(features, targets), head(features, targets, 1.0)
    assert plain.gradient is None
    assert torch.equal(plain.nll, full.nll) and torch.equal(plain.hit, full.hit)


def test_bfloat16_rounds_the_gradient_alone() -> None:
    features, weight, offset, targets = case(300, 16, 500, True)
    nll, _, gradient = expected(features, weight, offset, targets)
    rounded = Head(weight.float(), None if offset is None else offset.float(), torch.bfloat16)
    found = rounded(features.float(), targets, 1 / 300)
    assert found.gradient is not None and found.gradient.dtype == torch.float32
    torch.testing.assert_close(found.nll.double(), nll, rtol=1e-5, atol=1e-5)
    likeness = torch.nn.functional.cosine_similarity(found.gradient.flatten().double(), gradient.flatten(), 0)
    assert 0.999 < float(likeness) < 1 - 1e-7


def test_the_callers_tensors_stay_as_they_are() -> None:
    features, weight, offset, targets = case(70, 8, 40, True)
    before = [value.clone() for value in (features, weight, offset) if value is not None]
    Head(weight, offset)(features, targets, 1.0)
    after = [value for value in (features, weight, offset) if value is not None]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
