"""Drop-in modules: their vectors and gradients are those of the studies' encoders, and they behave as modules do."""

import copy
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokentrial import embeddings
from tokentrial.embeddings import EncodedEmbedding
from tokentrial.encoders.base import Context, load
from tokentrial.encoders.schemes import BESPOKE
from tokentrial.errors import InputError
from tokentrial.training.deployed import attribute_bits

V, D, SEED = 60, 8, 7
COUNTS = (10_000 / torch.arange(1, V + 1)).floor()[torch.randperm(V, generator=torch.Generator().manual_seed(1))]
FREQUENT = torch.arange(V, 0, -1)

# name of the class -> arguments after (V, D), the encoder, its width, its options, counts
CASES: dict[str, tuple[dict[str, Any], str, int, dict[str, Any], Tensor]] = {
    "LearnedEmbedding": ({}, "learned", D, {}, COUNTS),
    "FactorisedEmbedding": ({"width": 3}, "factorised", 3, {}, COUNTS),
    "LowRankEmbedding": ({"width": 3}, "svd", 3, {}, COUNTS),
    "QuantisedEmbedding": ({"bits": 4}, "quantised", D, {"bits": 4}, COUNTS),
    "ProductQuantisedEmbedding": ({"groups": 2, "centroids": 8}, "product_quantised", D,
                                  {"groups": 2, "centroids": 8}, COUNTS),
    "QuotientRemainderEmbedding": ({"buckets": 9}, "quotient_remainder", D, {"buckets": 9}, COUNTS),
    "HashEmbedding": ({"buckets": 9}, "hashed", D, {"buckets": 9}, COUNTS),
    "AdaptiveEmbedding": ({"cutoffs": [6, 20], "factor": 2}, "banded", D,
                          {"layout": "adaptive", "cutoffs": [6, 20], "factor": 2}, FREQUENT),
    **{f"BespokeEmbedding/{layout}": ({"counts": COUNTS, "layout": layout}, "banded", D, {"layout": layout}, COUNTS)
       for layout in (*BESPOKE, "ultra_efficient", "uniform_projected")},
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", CASES)


def kind_of(name: str) -> Any:
    return getattr(embeddings, name.partition("/")[0])


def made(name: str, **options: Any) -> EncodedEmbedding:
    module: EncodedEmbedding = kind_of(name)(V, D, **CASES[name][0], seed=SEED, **options)
    return module


def trained() -> nn.Embedding:
    """A table with directions of unequal variance."""
    generator = torch.Generator().manual_seed(3)
    return nn.Embedding.from_pretrained(torch.randn(V, D, generator=generator) * torch.linspace(0.2, 2, D))


def converted(name: str, embedding: nn.Embedding | None = None, **options: Any) -> EncodedEmbedding:
    module: EncodedEmbedding = kind_of(name).from_embedding(embedding or trained(), **{**CASES[name][0], **options})
    return module


def study(name: str, table: Tensor | None = None, seed: int = SEED) -> tuple[Any, dict[str, Tensor], list[str]]:
    """The encoder as a study builds it: itself, its tensors, and the names of those that are trained."""
    _, encoder_name, width, options, counts = CASES[name]
    encoder = load(encoder_name)(V, width, D, **options)
    context: Context = Context(
        seed,
        (0,),
        counts.float().unsqueeze(0),
        lambda: context.normal("full_table", V, D) if table is None else table.unsqueeze(0),
        1.0,
        lambda message: None,
    )
    trainable, frozen = encoder.initialise(context)
    return encoder, trainable | frozen, list(trainable)


def test_every_class_is_here() -> None:
    assert {name.partition("/")[0] for name in CASES} | {"EncodedEmbedding"} == set(embeddings.__all__)


@EVERY
@pytest.mark.parametrize("shape", [(2, 5), (130,), (1, 1, 1)])
def test_vectors_and_gradients_are_those_of_the_study(name: str, shape: tuple[int, ...]) -> None:
    module = made(name)
    encoder, tensors, trained_names = study(name)
    assert [key for key, _ in module.named_parameters()] == trained_names
    leaves = {key: value.clone().requires_grad_(key in trained_names) for key, value in tensors.items()}
    ids = torch.randint(V, shape, generator=torch.Generator().manual_seed(2))
    expected = encoder.forward(leaves, ids.reshape(1, 1, -1)).view(*shape, module.embedding_dim)
    vectors = module(ids)
    torch.testing.assert_close(vectors, expected, rtol=1e-6, atol=1e-7)
    weights = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(4))
    if trained_names:
        (vectors * weights).sum().backward()
        (expected * weights).sum().backward()
        for key, value in module.named_parameters():
            wanted = leaves[key].grad
            assert wanted is not None and value.grad is not None
            torch.testing.assert_close(value.grad, wanted[0], rtol=1e-5, atol=1e-6)
    assert not torch.equal(made(name).weight, kind_of(name)(V, D, **CASES[name][0], seed=SEED + 1).weight)


@pytest.mark.parametrize("name", ["LowRankEmbedding", "QuantisedEmbedding", "ProductQuantisedEmbedding"])
def test_codes_of_a_table_are_those_of_the_study(name: str) -> None:
    table = trained().weight.detach()
    encoder, tensors, _ = study(name, table, seed=0)
    expected = encoder.forward(tensors, torch.arange(V).view(1, 1, -1)).view(V, D)
    assert torch.equal(converted(name).weight, expected)
    assert converted(name).bits() == encoder.bits_deployed()


def test_a_weighted_factorisation_is_that_of_the_study() -> None:
    table = trained().weight.detach()
    encoder = load("svd")(V, 3, D, weighted=True)
    context = Context(0, (0,), COUNTS.unsqueeze(0), lambda: table.unsqueeze(0), 1.0, lambda message: None)
    _, tensors = encoder.initialise(context)
    found = embeddings.LowRankEmbedding.from_embedding(trained(), 3, COUNTS)
    assert torch.equal(found.weight, encoder.forward(tensors, torch.arange(V).view(1, 1, -1)).view(V, D))


@EVERY
def test_a_fit_is_nearer_to_the_table_than_no_code(name: str) -> None:
    table = trained().weight.detach()
    module = converted(name)
    error = float((module.weight.detach() - table).square().sum() / table.square().sum())
    assert error < (1e-9 if name in ("LearnedEmbedding", "BespokeEmbedding/uniform_projected") else 0.9)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("FactorisedEmbedding", {"width": D}),
        ("QuotientRemainderEmbedding", {"buckets": V}),
        ("QuotientRemainderEmbedding", {"buckets": V, "combine": "add"}),
        ("HashEmbedding", {"buckets": V, "hashes": 8}),
    ],
)
def test_enough_numbers_hold_the_table(name: str, options: dict[str, Any]) -> None:
    torch.testing.assert_close(converted(name, **options).weight, trained().weight, rtol=0, atol=0.02)


@pytest.mark.parametrize("combine", ["multiply", "add"])
def test_a_table_that_is_a_quotient_and_a_remainder_is_found(combine: str) -> None:
    source = embeddings.QuotientRemainderEmbedding(V, D, 9, combine, seed=3)
    table = nn.Embedding.from_pretrained(source.weight.detach())
    found = embeddings.QuotientRemainderEmbedding.from_embedding(table, 9, combine).weight
    assert float((found.detach() - table.weight).square().mean() / table.weight.square().mean()) < 0.02


def test_a_narrow_learned_table_keeps_the_distances() -> None:
    narrow = embeddings.LearnedEmbedding.from_embedding(trained(), width=6)
    assert narrow.embedding_dim == 6 and narrow(torch.tensor([1])).shape == (1, 6)
    wide = torch.cdist(trained().weight, trained().weight)
    assert np.corrcoef(torch.cdist(narrow.weight, narrow.weight).detach().flatten(), wide.flatten())[0, 1] > 0.99


# As modules


@EVERY
def test_a_state_is_saved_and_loaded(name: str) -> None:
    module, other = converted(name), made(name)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other.weight, module.weight)
    assert torch.equal(copy.deepcopy(module).weight, module.weight)


@EVERY
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_dtype_and_device_move(name: str, dtype: torch.dtype) -> None:
    module = made(name)
    plain = module.weight
    moved = module.to(dtype)
    assert moved.weight.dtype == dtype
    torch.testing.assert_close(moved.weight.float(), plain, rtol=0.02, atol=0.05)
    assert {value.device.type for value in made(name).to("meta").tensors().values()} == {"meta"}
    assert attribute_bits(module.encoder) == {}  # all that a vector is made of moves with the module
    table = trained().to(dtype)
    assert converted(name, table).weight.dtype == dtype


@EVERY
def test_a_compiled_module_gives_the_same(name: str) -> None:
    module = made(name)
    compiled: Callable[[Tensor], Tensor] = torch.compile(module, backend="aot_eager")
    ids = torch.randint(V, (3, 5), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(compiled(ids), module(ids))


@EVERY
def test_no_ids_give_no_vectors(name: str) -> None:
    module = made(name)
    assert module(torch.empty(2, 0, dtype=torch.int64)).shape == (2, 0, module.embedding_dim)
    assert f"{module.bits():,}" in repr(module)


def test_it_takes_the_place_of_an_embedding_and_learns() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(V, D), nn.Linear(D, V))
    model[0] = embeddings.FactorisedEmbedding.from_embedding(model[0], width=4)
    ids = torch.arange(V)
    optimiser = torch.optim.Adam(model.parameters(), 0.05)
    losses = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(ids), (ids + 1) % V)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 4


# Document 003's interface


def test_the_interface_of_document_003() -> None:
    module = embeddings.BespokeEmbedding(V, D, COUNTS)
    metrics = module.get_efficiency_metrics()
    held = sum(value.numel() for value in module.parameters())
    assert metrics["parameter_count"] == module.parameter_count() == held
    assert list(metrics["usage_distribution"]) == ["high", "mid", "low"]
    assert sum(metrics["usage_distribution"].values()) == pytest.approx(1)
    ranked = torch.sort(COUNTS, descending=True).values
    first = module.layout.sizes[0]
    assert metrics["usage_distribution"]["high"] == pytest.approx(float(ranked[:first].sum() / ranked.sum()))
    assert metrics["efficiency_score"] == pytest.approx(V * D / held)
    assert module.get_efficiency_metrics(0.5)["efficiency_score"] == pytest.approx(2 * V * D / held)
    assert module.usage_distribution(torch.ones(V))["high"] == pytest.approx(first / V)


# A user's mistakes


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: embeddings.LearnedEmbedding.from_embedding(nn.Linear(2, 2)), "found Linear, expected a torch.nn.Emb"),
        (lambda: converted("LearnedEmbedding", nn.Embedding(4, 2, max_norm=1.0)), "found max_norm 1.0, expected None"),
        (lambda: converted("LearnedEmbedding", nn.Embedding.from_pretrained(torch.full((4, 2), torch.nan))), "finite"),
        (
            lambda: embeddings.FactorisedEmbedding.from_embedding(trained(), D + 1),
            "a whole number from 1 to 8",
        ),
        (lambda: embeddings.BespokeEmbedding(V, D, COUNTS[:5]), "expected one number for each of 60 tokens"),
        (lambda: embeddings.BespokeEmbedding(V, D, COUNTS, "optimised"), "layout 'optimised' is unknown"),
        (lambda: embeddings.QuantisedEmbedding(V, D, 9), "found 9, expected a whole number from 2 to 8"),
    ],
)
def test_mistakes_are_one_line(build: Callable[[], Any], line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        build()
    assert str(caught.value).isprintable()


def test_the_page_of_the_docs_is_true() -> None:
    page = (Path(__file__).parents[2] / "docs/embeddings.md").read_text(encoding="utf-8")
    codes = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(codes) == 2
    for code in codes:
        exec(compile(code, "docs/embeddings.md", "exec"), {})
    listed = set(re.findall(r"^\| `(\w+Embedding)`", page, re.MULTILINE))
    assert listed == set(embeddings.__all__) - {"EncodedEmbedding"}
