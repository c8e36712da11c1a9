"""The fused output head against torch's cross-entropy in float64: loss, gradients, scores, extremes, memory."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear
from torch.utils._python_dispatch import TorchDispatchMode

from tokentrial.errors import InputError
from tokentrial.models import linear_cross_entropy as head
from tokentrial.models.linear_cross_entropy import linear_cross_entropy, linear_scores

# A product of d terms of size 1 is off by about sqrt(d) eps, and N rows add up to sqrt(N) eps; eps is 1.2e-7.
FLOAT32 = 1e-6
# Operands and logits are rounded to 8 bits, 2^-9 each; a logit of size 5 is then off by 1 %, and so is its exponential.
BFLOAT16 = 1e-2

SIZES = [(1, 7, 4), (45, 33, 4), (300, 1000, 16), (131, 20_011, 16), (101, 40_000, 64)]


def problem(tokens: int, vocab_size: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(features, weight, targets, bias) with logits of a standard deviation of about 1.4."""
    generator = torch.Generator().manual_seed(tokens + vocab_size + width)
    features = torch.randn(tokens, width, generator=generator)
    weight = torch.randn(vocab_size, width, generator=generator) / width**0.5
    targets = torch.randint(vocab_size, (tokens,), generator=generator)
    return features, weight, targets, torch.randn(vocab_size, generator=generator)


def gradients(loss: Any, features: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None) -> list[Tensor]:
    """[loss, d/d features, d/d weight, d/d bias] of this loss function, in float64."""
    leaves = [value.clone().requires_grad_() for value in (features, weight, bias) if value is not None]
    value = loss(leaves[0], leaves[1], targets, leaves[2] if bias is not None else None)
    return [part.double() for part in (value.detach(), *torch.autograd.grad(value, leaves))]


def reference(features: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None) -> list[Tensor]:
    def loss(x: Tensor, table: Tensor, wanted: Tensor, offset: Tensor | None) -> Tensor:
        return cross_entropy(linear(x, table, offset), wanted)

    return gradients(loss, features.double(), weight.double(), targets, None if bias is None else bias.double())


def errors(found: list[Tensor], expected: list[Tensor]) -> list[float]:
    """Relative error of each tensor, as norms."""
    return [float((a - b).norm() / b.norm()) for a, b in zip(found, expected, strict=True)]


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_equals_cross_entropy_in_float64(size: tuple[int, int, int], with_bias: bool) -> None:
    features, weight, targets, bias = problem(*size)
    offset = bias if with_bias else None
    found = gradients(linear_cross_entropy, features, weight, targets, offset)
    assert max(errors(found, reference(features, weight, targets, offset))) < FLOAT32


@pytest.mark.parametrize("size", SIZES)
def test_no_worse_than_torch_in_float32(size: tuple[int, int, int]) -> None:
    features, weight, targets, bias = problem(*size)

    def plain(x: Tensor, table: Tensor, wanted: Tensor, offset: Tensor | None) -> Tensor:
        return cross_entropy(linear(x, table, offset), wanted)

    expected = reference(features, weight, targets, bias)
    ours = errors(gradients(linear_cross_entropy, features, weight, targets, bias), expected)
    theirs = errors(gradients(plain, features, weight, targets, bias), expected)
    assert all(a <= 2 * b + 2e-7 for a, b in zip(ours, theirs, strict=True))


def test_float64_stays_float64() -> None:
    features, weight, targets, bias = problem(131, 500, 16)
    arguments = (features.double(), weight.double(), targets, bias.double())
    assert max(errors(gradients(linear_cross_entropy, *arguments), reference(*arguments))) < 1e-14


@pytest.mark.parametrize("size", [(1, 7, 4), (131, 20_011, 16), (101, 40_000, 64)])
def test_bfloat16_is_as_good_as_its_rounding(size: tuple[int, int, int]) -> None:
    features, weight, targets, bias = problem(*size)

    def loss(x: Tensor, table: Tensor, wanted: Tensor, offset: Tensor | None) -> Tensor:
        return linear_cross_entropy(x, table, wanted, offset, precision="bfloat16")

    found = errors(gradients(loss, features, weight, targets, bias), reference(features, weight, targets, bias))
    assert 1e-6 < max(found) < BFLOAT16  # and it is not float32 in disguise


def test_chunks_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk, a last one of a single token; blocks of all rows, of 7, of one: only the sums' order differs."""
    arguments = problem(97, 50, 8)
    runs, scores = [], []
    for sizes in ((97, 50), (32, 7), (12, 1)):
        monkeypatch.setattr(head, "chunk_sizes", lambda *_, sizes=sizes: sizes)
        runs.append(gradients(linear_cross_entropy, *arguments))
        scores.append(linear_scores(*arguments))
    for run, (nll, hit) in zip(runs[1:], scores[1:], strict=True):
        assert max(errors(run, runs[0])) < FLOAT32
        torch.testing.assert_close(nll, scores[0][0])
        assert torch.equal(hit, scores[0][1])


@pytest.mark.parametrize("order", [1, -1])
def test_a_top_that_moves_by_thousands_loses_nothing(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks whose logits rise (or fall) by 600 each, far more than float32's exponents reach."""
    monkeypatch.setattr(head, "chunk_sizes", lambda *_: (4, 1))
    steps = order * 600.0 * torch.arange(-5, 6).unsqueeze(1)
    weight = steps + torch.randn(11, 2, generator=torch.Generator().manual_seed(0))
    features, targets = torch.ones(11, 2), torch.arange(11)
    found = gradients(linear_cross_entropy, features, weight, targets, None)
    assert max(errors(found, reference(features, weight, targets, None))) < FLOAT32


@pytest.mark.parametrize(("offset", "tries"), [(0.0, 1), (60.0, 1), (-60.0, 1), (80.0, 2), (-120.0, 2)])
def test_the_largest_logit_is_taken_off_where_sums_leave_the_range(
    offset: float, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2^100 is e^69. All logits are moved alike, so that only their rounding differs, 60 eps or 120 eps."""
    taken: list[bool] = []
    plain = head._expected
    monkeypatch.setattr(head, "_expected", lambda one, *rest: (taken.append(one.top is not None), plain(one, *rest))[1])
    features, weight, targets, bias = problem(45, 33, 4)
    moved = (features, weight, targets, bias + offset)
    assert max(errors(gradients(linear_cross_entropy, *moved), reference(*moved))) < 5 * FLOAT32
    assert taken == [False, True][:tries]
    nll, hit = linear_scores(*moved)
    logits = linear(features.double(), weight.double(), bias.double() + offset)
    torch.testing.assert_close(nll.double(), cross_entropy(logits, targets, reduction="none"), rtol=0, atol=2e-5)
    assert torch.equal(hit, logits.argmax(1) == targets)


def test_what_is_not_a_number_stays_so() -> None:
    features, weight, targets, bias = problem(45, 33, 4)
    weight[3, 1] = float("nan")
    assert linear_cross_entropy(features, weight, targets, bias).isnan()
    assert linear_scores(features, weight, targets, bias)[0].isnan().all()


def test_incoming_gradient_scales() -> None:
    features, weight, targets, bias = problem(45, 33, 4)

    def scaled(*arguments: Any) -> Tensor:
        return 3.7 * linear_cross_entropy(*arguments)

    expected = [3.7 * value for value in reference(features, weight, targets, bias)]
    assert max(errors(gradients(scaled, features, weight, targets, bias), expected)) < FLOAT32


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False, False, True)])
def test_frozen_operands_get_no_gradient(wanted: tuple[bool, bool, bool]) -> None:
    features, weight, targets, bias = problem(45, 33, 4)
    leaves = [value.clone().requires_grad_(want) for value, want in zip((features, weight, bias), wanted, strict=True)]
    linear_cross_entropy(leaves[0], leaves[1], targets, leaves[2]).backward()
    expected = reference(features, weight, targets, bias)[1:]
    for leaf, want, gradient in zip(leaves, wanted, expected, strict=True):
        if want:
            assert leaf.grad is not None
            assert errors([leaf.grad.double()], [gradient])[0] < FLOAT32
        else:
            assert leaf.grad is None


def test_a_tied_table_adds_both_gradients() -> None:
    """The table is input and output: features = table[ids] @ mix."""
    _, weight, targets, bias = problem(45, 33, 4)
    mix = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ids = targets.flip(0)
    found, expected = weight.clone().requires_grad_(), weight.double().requires_grad_()
    linear_cross_entropy(found[ids] @ mix.float(), found, targets, bias).backward()
    cross_entropy(linear(expected[ids] @ mix, expected, bias.double()), targets).backward()
    assert found.grad is not None and expected.grad is not None
    assert errors([found.grad.double()], [expected.grad])[0] < FLOAT32


def test_gradients_add_up_over_losses_and_are_taken_once() -> None:
    features, weight, targets, bias = problem(45, 33, 4)
    table = weight.clone().requires_grad_()
    first = linear_cross_entropy(features, table, targets, bias)
    for loss in (first, linear_cross_entropy(features, table, targets, bias)):
        loss.backward(retain_graph=True)
    assert table.grad is not None
    assert errors([table.grad.double()], [2 * reference(features, weight, targets, bias)[2]])[0] < FLOAT32
    with pytest.raises(RuntimeError, match="taken before"):
        first.backward()


def test_extreme_logits_stay_finite() -> None:
    """Logits of +-10^4: probabilities 0 and 1, the loss is the distance to the top."""
    weight = torch.tensor([[1e4], [-1e4], [0.0]])
    features, targets = torch.tensor([[1.0], [1.0], [-1.0]]), torch.tensor([0, 1, 2])
    loss, by_features, by_weight = gradients(linear_cross_entropy, features, weight, targets, None)
    assert float(loss) == pytest.approx((0 + 2e4 + 1e4) / 3, rel=1e-6)
    assert by_features.flatten().tolist() == pytest.approx([0, 2e4 / 3, -1e4 / 3], rel=1e-6, abs=1e-3)
    assert by_weight.flatten().tolist() == pytest.approx([1 / 3, -2 / 3, 1 / 3], rel=1e-6)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_scores_equal_log_softmax_in_float64(size: tuple[int, int, int], with_bias: bool) -> None:
    features, weight, targets, bias = problem(*size)
    offset = bias.double() if with_bias else None
    logits = linear(features.double(), weight.double(), offset)
    targets[::3] = logits.argmax(1)[::3]  # so that some are hit
    nll, hit = linear_scores(features, weight, targets, bias if with_bias else None)
    assert (nll.double() - cross_entropy(logits, targets, reduction="none")).abs().max() < 5e-6
    assert abs(float(nll.double().mean() - cross_entropy(logits, targets))) < 1e-6
    assert hit.tolist() == (logits.argmax(1) == targets).tolist()


@pytest.mark.parametrize("rows", [50, 7, 1])
def test_a_constant_model_hits_one_token_only(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal logits everywhere: the first is the guess, as argmax has it, in one block or many; others are not hit."""
    monkeypatch.setattr(head, "chunk_sizes", lambda *_: (12, rows))
    nll, hit = linear_scores(torch.zeros(50, 3), torch.zeros(50, 3), torch.arange(50))
    assert hit.tolist() == [True] + [False] * 49
    assert nll.tolist() == pytest.approx([float(torch.tensor(50.0).log())] * 50, rel=1e-6)


class Largest(TorchDispatchMode):
    """The most numbers in any tensor that an operation returns."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for value in made if isinstance(made, tuple | list) else (made,):
            if isinstance(value, Tensor):
                self.count = max(self.count, value.numel())
        return made


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_tensor_grows_with_the_tokens(precision: str) -> None:
    """The largest is one chunk of logits, whatever N; the plain loss makes all N * V."""
    vocab_size, width = 20_000, 8
    sizes = []
    for tokens in (128, 512):
        features, weight, targets, bias = problem(tokens, vocab_size, width)
        weight.requires_grad_()
        with Largest() as largest:
            linear_cross_entropy(features.requires_grad_(), weight, targets, bias, precision).backward()
            linear_scores(features, weight, targets, bias)
        sizes.append(largest.count)
    assert sizes[0] == sizes[1] == head.chunk_sizes(vocab_size, width, weight.device)[0] * vocab_size
    with Largest() as plain:
        cross_entropy(linear(features, weight, bias), targets)
    assert plain.count == 512 * vocab_size


def test_unknown_precision_is_named() -> None:
    features, weight, targets, _ = problem(2, 3, 2)
    with pytest.raises(InputError, match=r"precision 'half' is unknown; expected one of float32, bfloat16"):
        linear_cross_entropy(features, weight, targets, precision="half")
