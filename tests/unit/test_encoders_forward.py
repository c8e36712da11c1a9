"""Encoders and task models with seeds as a batch dimension: the numbers of one torch.nn model per seed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plain_loss import loss_per_seed
from torch import Tensor, nn

import tokentrial.encoders
from tokentrial.encoders.base import Context, gather, gather_sum, load
from tokentrial.errors import InputError
from tokentrial.models import heads
from tokentrial.seeds import stream
from tokentrial.training.loop import logits

SEEDS, V, D, WIDTH, LENGTH, HIDDEN = 3, 7, 6, 4, 5, 8
ENCODERS = ("learned", "full", "factorised", "random_frozen", "pca", "autoencoder", "one_hot", "unigram")
OPTIONS: dict[str, dict[str, Any]] = {
    "autoencoder": {"reconstruction_steps": 3},
    "svd": {},
    "quantised": {"bits": 4},
    "product_quantised": {"groups": 2, "centroids": 3},
    "quotient_remainder": {"buckets": 3},
    "hashed": {"buckets": 3},
}
DOUBLE = {"rtol": 1e-12, "atol": 1e-14}  # float64 sums of at most 40 terms in another order
SINGLE = {"rtol": 1e-5, "atol": 1e-6}  # the same in float32


def context_of(*replicates: int, seed: int = 42, initial_scale: float = 1.0) -> Context:
    counts = torch.arange(1.0, V + 1).repeat(len(replicates), 1)
    made = Context(
        seed, replicates, counts, lambda: made.normal("full_table", V, D), initial_scale, lambda message: None
    )
    return made


def encoder_of(name: str) -> Any:
    return load(name)(V, WIDTH, D, **OPTIONS.get(name, {}))


class OwnModel(nn.Module):
    """One seed's model from torch.nn's own layers: ids (B, L) to logits (B, T, V)."""

    def __init__(self, encoder: str, head: str, weights: dict[str, Tensor]) -> None:
        super().__init__()
        table = torch.eye(V) if encoder == "one_hot" else torch.ones(V, 1) if encoder == "unigram" else weights["table"]
        self.head, self.table = head, nn.Embedding.from_pretrained(table.clone(), freeze=False)
        self.projection = self.layer(weights["projection"]) if "projection" in weights else nn.Identity()
        self.hidden = self.layer(weights["hidden"]) if "hidden" in weights else nn.Identity()
        self.output = self.layer(weights["output"], weights.get("bias"))

    @staticmethod
    def layer(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
        made = nn.Linear(*weight.shape, bias=bias is not None, dtype=weight.dtype)
        made.weight = nn.Parameter(weight.T.clone())
        if bias is not None:
            made.bias = nn.Parameter(bias.flatten().clone())
        return made

    def forward(self, ids: Tensor) -> Tensor:
        vectors = self.projection(self.table(ids))
        if self.head == "mean_pool":
            return self.output(vectors.mean(1)).unsqueeze(1)
        if self.head == "window_mlp":
            return self.output(torch.relu(self.hidden(vectors.flatten(1)))).unsqueeze(1)
        return self.output(torch.relu(self.hidden(vectors)))

    def gradient(self, name: str) -> Tensor | None:
        if name == "table":
            return self.table.weight.grad
        found = self.output.bias.grad if name == "bias" else getattr(self, name).weight.grad.T
        return found.view(1, -1) if name == "bias" else found


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("head_name", heads.HEADS)
@pytest.mark.parametrize("name", ENCODERS)
def test_logits_and_gradients_are_those_of_separate_models(name: str, head_name: str, bias: bool) -> None:
    encoder, context = encoder_of(name), context_of(0, 1, 2)
    head = heads.build(head_name, V, encoder.output_width, LENGTH, HIDDEN, bias)
    trainable, frozen = encoder.initialise(context)
    # codes without a table are float32 by construction; all else is compared in float64
    kind, tolerance = (torch.float32, SINGLE) if name in ("one_hot", "unigram") else (torch.float64, DOUBLE)
    weights = {
        key: value.to(kind) for key, value in (trainable | frozen | heads.initialise(head, context, None)).items()
    }
    if bias:
        weights["bias"] = context.normal("bias", 1, V).to(kind)  # zero at the start; not here
    targets_per_sequence = LENGTH if head.context == "token" else 1
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(V, (SEEDS, 20, LENGTH), generator=generator)  # 100 ids of 7 tokens: they repeat
    targets = torch.randint(V, (SEEDS, 20, targets_per_sequence), generator=generator)

    leaves = {key: value.requires_grad_() for key, value in weights.items()}
    scores = logits(encoder, head, leaves, ids)
    assert scores.shape == (SEEDS, 20, targets_per_sequence, V)
    gradients = dict(
        zip(leaves, torch.autograd.grad(loss_per_seed(scores, targets).sum(), leaves.values()), strict=True)
    )
    for seed in range(SEEDS):
        own = OwnModel(name, head_name, {key: value[seed].detach() for key, value in weights.items()})
        expected = own(ids[seed])
        torch.testing.assert_close(scores[seed], expected, **tolerance)
        nn.functional.cross_entropy(expected.flatten(0, 1), targets[seed].flatten()).backward()
        for key, gradient in gradients.items():
            torch.testing.assert_close(gradient[seed], own.gradient(key), **tolerance)


def test_gather_takes_each_seeds_own_rows() -> None:
    table = torch.arange(2 * 4 * 3.0).view(2, 4, 3)
    ids = torch.tensor([[[0, 3, 3]], [[2, 0, 1]]])
    found = gather(table, ids)
    assert found.shape == (2, 1, 3, 3)
    assert torch.equal(found[0, 0], table[0, [0, 3, 3]])
    assert torch.equal(found[1, 0], table[1, [2, 0, 1]])


def test_gather_adds_up_the_gradients_of_repeated_ids() -> None:
    generator = torch.Generator().manual_seed(5)
    table = torch.zeros(3, 4, 2, requires_grad=True)
    ids = torch.randint(3, (3, 50, 6), generator=generator)  # token 3 never occurs
    upstream = torch.randint(-9, 9, (3, 50, 6, 2), generator=generator).float()  # whole numbers: sums are exact
    (gradient,) = torch.autograd.grad(gather(table, ids), table, upstream)
    expected = np.zeros((3, 4, 2))
    for seed, sequence, position in np.ndindex(3, 50, 6):
        expected[seed, ids[seed, sequence, position]] += upstream[seed, sequence, position].numpy()
    np.testing.assert_array_equal(gradient.numpy(), expected)
    assert not gradient[:, 3].any()


def test_gather_sum_is_the_sum_of_the_rows_and_has_their_gradients() -> None:
    generator = torch.Generator().manual_seed(6)
    table = torch.randint(-9, 9, (3, 4, 2), generator=generator).double().requires_grad_()
    ids = torch.randint(3, (3, 50, 6), generator=generator)
    summed, rows = gather_sum(table, ids), gather(table, ids).sum(2)
    assert torch.equal(summed, rows)
    upstream = torch.randint(-9, 9, (3, 50, 2), generator=generator).double()
    ours, theirs = (torch.autograd.grad(each, table, upstream)[0] for each in (summed, rows))
    assert torch.equal(ours, theirs)
    alone = gather_sum(table[1:2], ids[1:2])
    assert torch.equal(alone, summed[1:2])
    assert torch.autograd.gradcheck(lambda values: gather_sum(values, ids[:, :2]), [table])


# Initial numbers


def test_draws_belong_to_seed_purpose_and_replicate() -> None:
    both, alone = context_of(0, 7), context_of(7)
    for draw in (Context.normal, Context.uniform):
        pair: Callable[..., Tensor] = draw
        assert torch.equal(pair(both, "table", 5, 3)[1], pair(alone, "table", 5, 3)[0])
        for other in (
            pair(both, "table", 5, 3)[0],
            pair(alone, "output", 5, 3)[0],
            pair(context_of(7, seed=43), "table", 5, 3)[0],
        ):
            assert not torch.equal(pair(alone, "table", 5, 3)[0], other)
    expected = stream(42, "init", "table", 7).standard_normal((5, 3), dtype=np.float32)
    np.testing.assert_array_equal(alone.normal("table", 5, 3)[0].numpy(), expected)


@pytest.mark.parametrize("name", sorted({*ENCODERS, *OPTIONS}))
def test_every_tensor_has_a_stream_of_its_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def recorded(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run(self: Context, purpose: str, *shape: int) -> Tensor:
            drawn.append(purpose)
            return draw(self, purpose, *shape)

        return run

    monkeypatch.setattr(Context, "normal", recorded(Context.normal))
    monkeypatch.setattr(Context, "uniform", recorded(Context.uniform))
    context, encoder = context_of(0), encoder_of(name)
    trainable, _ = encoder.initialise(context)
    head = heads.build("token_mlp", V, encoder.output_width, LENGTH, HIDDEN, True)
    weights = trainable | heads.initialise(head, context, None)
    assert len(drawn) == len(set(drawn))
    assert len(drawn) >= len(weights) - 1  # all but the bias, which starts at zero


def test_initial_laws() -> None:
    context = context_of(0, 1)
    linear = context.linear("layer", 16, 4000)
    assert linear.shape == (2, 16, 4000)
    assert 0.999 * 0.25 < linear.abs().max() <= 0.25  # torch.nn.Linear: U(+-1/sqrt(16))
    # the standard deviation of 64,000 draws is known to 0.3 %
    assert linear.std(dim=(1, 2)).tolist() == pytest.approx([0.25 / 3**0.5] * 2, rel=0.02)
    normal = context.normal("table", 16, 4000)
    assert normal.std(dim=(1, 2)).tolist() == pytest.approx([1, 1], rel=0.02)
    assert normal.mean(dim=(1, 2)).tolist() == pytest.approx([0, 0], abs=0.02)


@pytest.mark.parametrize("name", ["learned", "full", "random_frozen", "pca", "autoencoder"])
def test_tables_start_at_the_configs_scale(name: str) -> None:
    trainable, frozen = encoder_of(name).initialise(context_of(0, 1, 2, initial_scale=0.1))
    power = (trainable | frozen)["table"].square().mean(dim=(1, 2)).sqrt()
    # frozen codes are scaled exactly; 28 draws give a random table's scale to 13 %
    tolerance = 1e-5 if name in ("pca", "autoencoder") else 0.5
    assert power.tolist() == pytest.approx([0.1] * 3, rel=tolerance)
    unit = (lambda pair: pair[0] | pair[1])(encoder_of(name).initialise(context_of(0, 1, 2)))["table"]
    torch.testing.assert_close((trainable | frozen)["table"], 0.1 * unit, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("scale", [None, 0.1])
def test_task_models_start_as_configured(scale: float | None) -> None:
    head, context = heads.build("token_mlp", V, WIDTH, LENGTH, HIDDEN, True), context_of(0, 1)
    weights = heads.initialise(head, context, scale)
    expected = {
        None: context.linear("head_hidden", WIDTH, HIDDEN),
        0.1: 0.1 * context.normal("head_hidden", WIDTH, HIDDEN),
    }
    torch.testing.assert_close(weights["hidden"], expected[scale], rtol=0, atol=0)
    assert weights["bias"].shape == (2, 1, V)
    assert not weights["bias"].any()
    without = heads.initialise(heads.build("token_mlp", V, WIDTH, LENGTH, HIDDEN, False), context, scale)
    assert set(without) == {"hidden", "output"}
    assert torch.equal(without["hidden"], weights["hidden"])


def test_codes_that_carry_identity_or_nothing() -> None:
    ids = torch.tensor([[[0, 6, 2]]])
    assert torch.equal(encoder_of("one_hot").forward({}, ids)[0, 0], torch.eye(V)[[0, 6, 2]])
    assert torch.equal(encoder_of("unigram").forward({}, ids), torch.ones(1, 1, 3, 1))


# Encoders by name


@pytest.fixture
def own_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules are encoders too."""
    monkeypatch.setattr(tokentrial.encoders, "__path__", [*tokentrial.encoders.__path__, str(tmp_path)])
    for name in [name for name in sys.modules if name.startswith("tokentrial.encoders.own_")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_an_own_encoder_needs_one_class_in_one_module(own_encoders: Path) -> None:
    (own_encoders / "own_half.py").write_text(
        "from tokentrial.encoders.learned import Learned\n\n\nclass Half(Learned):\n    pass\n"
    )
    found = load("own_half")
    assert (found.__name__, found(V, WIDTH, D).parameter_counts()) == ("Half", {"embedding": V * WIDTH})


def test_two_classes_in_one_module_are_an_error(own_encoders: Path) -> None:
    text = "from tokentrial.encoders.learned import Learned\n\n\nclass A(Learned): ...\n\n\nclass B(Learned): ...\n"
    (own_encoders / "own_two.py").write_text(text)
    with pytest.raises(InputError, match=r"^config: encoder 'own_two': its module defines 2 encoders, expected one$"):
        load("own_two")


def test_a_missing_library_is_not_called_a_missing_encoder(own_encoders: Path) -> None:
    (own_encoders / "own_needy.py").write_text("import a_library_that_is_not_there\n")
    with pytest.raises(ModuleNotFoundError, match="No module named 'a_library_that_is_not_there'"):
        load("own_needy")
