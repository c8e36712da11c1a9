"""The field's other codes of a trained table: directions, tensor trains, low rank and rest, trained product codes."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from tokentrial.encoders.autoencoder import Autoencoder
from tokentrial.encoders.autoencoder_direction import AutoencoderDirection
from tokentrial.encoders.base import Context, Encoder, load
from tokentrial.encoders.low_rank_residual import LowRankResidual
from tokentrial.encoders.product_learned import ProductLearned
from tokentrial.encoders.quantised import Quantised
from tokentrial.encoders.svd import Svd
from tokentrial.encoders.tensor_train import TensorTrain, cores, decoded
from tokentrial.errors import InputError
from tokentrial.training import condition
from tokentrial.training.deployed import check_declared

V, D, WIDTH = 40, 12, 3
ENTRIES: dict[str, dict[str, Any]] = {
    "tensor_train": {"rank": 6},
    "low_rank_residual": {"rank": 2, "bits": 3, "clip": 3},
    "product_learned": {"groups": 3, "centroids": 8},
    "quantised": {"bits": 6, "clip": 2.5},
    "autoencoder_direction": {"reconstruction_steps": 20},
}


def table_of(seeds: int = 2) -> Tensor:
    """Rows with directions of unequal variance, and of unequal lengths."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(seeds, V, D, generator=generator) * torch.linspace(0.2, 2, D)
    return rows * torch.linspace(0.3, 3, V).unsqueeze(1)


def context_of(table: Tensor, *replicates: int, seed: int = 42) -> Context:
    counts = (1000 / torch.arange(1, V + 1)).floor().repeat(len(table), 1)
    chosen = replicates or tuple(range(len(table)))
    return Context(seed, chosen, counts, lambda: table, 1.0, lambda message: None)


def vectors(encoder: Encoder, parameters: dict[str, Tensor], seeds: int) -> Tensor:
    """Of all tokens, (S, V, D), by way of a batch of ids (S, 2, V/2)."""
    ids = torch.arange(V).view(1, 2, -1).expand(seeds, -1, -1)
    return encoder.forward(parameters, ids).flatten(1, 2)


def rebuilt(encoder: Encoder, table: Tensor, *replicates: int) -> Tensor:
    trainable, frozen = encoder.initialise(context_of(table, *replicates))
    return vectors(encoder, trainable | frozen, len(table)).detach()


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_declared_is_all_that_is_needed(name: str) -> None:
    """Counted and rebuilt as a training job does it, seed by seed."""
    encoder, table = load(name)(V, WIDTH, D, **ENTRIES[name]), table_of(1)
    trainable, frozen = encoder.initialise(context_of(table))
    untrained = load(name)(V, WIDTH, D, **ENTRIES[name])
    check_declared("here", encoder, untrained, [trainable | frozen])
    held = sum(stored.values.numel() * stored.bits for stored in untrained.deployed(trainable | frozen).values())
    assert encoder.bits_deployed() == held
    assert encoder.after_training == (not trainable and name != "autoencoder_direction")


@pytest.mark.parametrize("name", ENTRIES)
def test_a_seed_does_not_depend_on_its_neighbours(name: str) -> None:
    encoder, table = load(name)(V, WIDTH, D, **ENTRIES[name]), table_of()
    both, alone = rebuilt(encoder, table, 0, 5), rebuilt(encoder, table[1:], 5)
    assert torch.allclose(both[1], alone[0], atol=1e-6)
    assert torch.equal(alone, rebuilt(encoder, table[1:], 5))


def test_a_tensor_train_has_the_rows_of_the_whole_product() -> None:
    table = table_of()
    encoder = TensorTrain(V, WIDTH, D, rank=6)
    expected = torch.stack([decoded(cores(each, 6))[:V] for each in table])
    assert torch.allclose(rebuilt(encoder, table), expected, atol=1e-5)
    assert torch.allclose(rebuilt(TensorTrain(V, WIDTH, D, rank=V * D), table), table, atol=1e-5)


def test_what_is_left_of_few_dimensions_is_rounded() -> None:
    table = table_of()
    low = rebuilt(Svd(V, 2, D, weighted=True), table)
    both = rebuilt(LowRankResidual(V, WIDTH, D, rank=2, bits=4), table)
    scales = (table - low).abs().amax(-1, keepdim=True) / 7
    assert bool(((both - table).abs() <= scales / 2 + 1e-5).all())
    assert LowRankResidual(V, WIDTH, D, rank=2, bits=4).bits_deployed() == 32 * (2 * (V + D) + V) + 4 * V * D


def test_clipping_trades_the_largest_numbers_for_all_others() -> None:
    table = torch.randn(1, V, D, generator=torch.Generator().manual_seed(4))
    table[..., 0] = 9.0
    plain, clipped = (rebuilt(Quantised(V, WIDTH, D, bits=3, clip=clip), table) for clip in (None, 1.5))
    assert (clipped - table)[..., 1:].square().sum() < (plain - table)[..., 1:].square().sum() / 4
    assert torch.allclose(plain[..., 0], table[..., 0], atol=1e-5)
    assert bool((clipped[..., 0] < 6).all())
    assert Quantised(V, WIDTH, D, bits=3, clip=2).bits_deployed() == Quantised(V, WIDTH, D, bits=3).bits_deployed()


def _errors(encoder: Autoencoder) -> tuple[float, float]:
    """One minus the cosine, and the squared error, of the last reconstruction, by how often tokens occur."""
    context, last, loss = context_of(table_of()), dict[str, Tensor](), encoder._loss

    def kept(maps: dict[str, Tensor], inputs: Tensor, *rest: Any) -> Tensor:
        last.update(inputs=inputs, rebuilt=encoder._decode(maps, encoder._encode(maps, inputs)[0]).detach())
        return loss(maps, inputs, *rest)

    encoder._loss = kept  # type: ignore[method-assign, assignment]
    encoder.initialise(context)
    share = context.counts / context.counts.sum(-1, keepdim=True)
    turned = (1 - cosine_similarity(last["rebuilt"], last["inputs"], dim=-1)) * share
    return float(turned.sum()), float(((last["rebuilt"] - last["inputs"]).square().sum(-1) * share).sum())


def test_directions_are_turned_less_and_lengths_are_lost() -> None:
    errors = [_errors(kind(V, WIDTH, D, reconstruction_steps=400)) for kind in (Autoencoder, AutoencoderDirection)]
    (turned, squared), (turned_less, squared_more) = errors
    assert turned_less < turned and squared_more > squared


def test_product_codes_learn_with_the_task(spec_of: Any, job_of: Any, data_of: Any) -> None:
    arms = {
        "product_learned": {"encoder": "product_learned", "groups": 4, "centroids": 4},
        "unigram": {"encoder": "unigram"},
    }
    job = job_of(spec_of(arms=arms), data_of(), range(3))
    fits = {name: condition.fit_arm(job, name, options)[2] for name, options in arms.items()}
    losses = {name: fit.curve[-1][1].mean().item() for name, fit in fits.items()}
    assert losses["product_learned"] < losses["unigram"] - 0.05


def test_a_vector_is_of_centroids_and_the_query_gets_its_gradient() -> None:
    encoder = ProductLearned(V, WIDTH, D, groups=3, centroids=8)
    trainable, _ = encoder.initialise(context_of(table_of()))
    for value in trainable.values():
        value.requires_grad_()
    ids = torch.tensor([[[3, 9, 3]], [[1, 2, 3]]])
    found = encoder.forward(trainable, ids)
    books = trainable["codebooks"].detach().unflatten(1, (3, 8))
    for group in range(3):
        part = found.detach()[..., 4 * group : 4 * group + 4].flatten(1, 2)  # (S, 3, 4)
        queries = trainable["queries"].detach()[:, :, 4 * group : 4 * group + 4]
        asked = torch.stack([queries[seed, ids[seed, 0]] for seed in range(2)])
        near = torch.cdist(asked.double(), books[:, group].double()).argmin(-1)
        expected = torch.stack([books[seed, group][near[seed]] for seed in range(2)])
        assert torch.allclose(part, expected, atol=1e-6)
    pull = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    (found * pull).sum().backward()
    slope = trainable["queries"].grad
    assert slope is not None
    assert torch.allclose(slope[0, 3], pull[0, 0, 0] + pull[0, 0, 2]) and torch.allclose(slope[1, 2], pull[1, 0, 1])
    of_books = trainable["codebooks"].grad
    assert of_books is not None
    assert torch.allclose(of_books.unflatten(1, (3, 8)).sum(2), pull.view(2, 3, 3, 4).sum(1), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("tensor_train", {"rank": 0}, "rank: found 0, expected a whole number from 1"),
        ("low_rank_residual", {"rank": 13, "bits": 3}, "rank: found 13, expected a whole number from 1 to 12"),
        ("low_rank_residual", {"rank": 3, "bits": 9}, "bits: found 9, expected a whole number from 2 to 8"),
        ("product_learned", {"groups": 5}, "groups: found 5, expected a divisor of full_width 12"),
        ("product_learned", {"groups": 3, "centroids": 300}, "centroids: found 300, expected a whole number from 2"),
    ],
)
def test_an_option_outside_its_range_is_one_clear_line(name: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        load(name)(V, WIDTH, D, **options)
