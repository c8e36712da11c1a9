"""Frequency bands as a trained encoder: slow references in float64, torch's own layers, and seeds that do not mix."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokentrial.encoders.banded import Banded
from tokentrial.encoders.base import Context, load
from tokentrial.encoders.layouts import assign, ranking
from tokentrial.errors import InputError
from tokentrial.seeds import stream
from tokentrial.training import condition

V, D, SEEDS = 60, 16, (0, 1, 2, 3, 4)
LAYOUTS: dict[str, dict[str, Any]] = {
    "optimized": {"layout": "optimized"},
    "initial": {"layout": "initial", "tables": "class"},
    "scaling": {"layout": "scaling"},
    "ultra_efficient": {"layout": "ultra_efficient"},
    "adaptive": {"layout": "adaptive", "cutoffs": [8, 24], "factor": 2},
    "mixed": {"layout": "mixed", "blocks": [6, 18, 36], "alpha": 0.5},
    "uniform": {"layout": "uniform"},
    "uniform_projected": {"layout": "uniform_projected"},
    "uniform_budget": {"layout": "uniform_budget", "of": "optimized"},
    "permuted": {"layout": "optimized", "order": "permuted"},
    "reversed": {"layout": "ultra_efficient", "order": "reversed"},
}
RAGGED = ("optimized", "initial", "scaling", "ultra_efficient", "uniform_budget", "permuted", "reversed")
SHAPES = ((9, 11), (3, 5))  # more and fewer ids than V: every row is mapped, or only those that occur
EXACT = {"rtol": 0, "atol": 0}
DOUBLE = {"rtol": 1e-12, "atol": 1e-13}


def counts_of(seeds: tuple[int, ...]) -> Tensor:
    """Training counts (S, V): each seed has its own, its own ranking, and so its own sizes of bands."""
    law = 1 / np.arange(1, V + 1)
    drawn = [stream(seed, "banded_test").multinomial(300, law / law.sum()) for seed in seeds]
    return torch.from_numpy(np.stack(drawn)).float()


def context_of(seeds: tuple[int, ...] = SEEDS, initial_scale: float = 1.0) -> Context:
    return Context(42, seeds, counts_of(seeds), lambda: torch.empty(0), initial_scale, lambda message: None)


def built(name: str, seeds: tuple[int, ...] = SEEDS) -> tuple[Banded, dict[str, Tensor], dict[str, Tensor]]:
    encoder = Banded(V, 0, D, **LAYOUTS[name])
    return encoder, *encoder.initialise(context_of(seeds))


def ids_of(shape: tuple[int, int], seeds: tuple[int, ...] = SEEDS) -> Tensor:
    return torch.from_numpy(np.stack([stream(seed, "banded_ids").integers(V, size=shape) for seed in seeds]))


def doubled(trainable: dict[str, Tensor]) -> dict[str, Tensor]:
    """Float64 leaves, with biases that are not zero."""
    generator = torch.Generator().manual_seed(3)
    moved = {
        name: value.double() + (torch.randn(value.shape, generator=generator) if name.startswith("bias") else 0)
        for name, value in trainable.items()
    }
    return {name: value.requires_grad_() for name, value in moved.items()}


def bands_of(encoder: Banded, seed: int, position: int) -> Any:
    """Band of each token (V,), from the counts."""
    order = ranking(counts_of((seed,))[0].numpy())
    if encoder.order == "reversed":
        order = order[::-1]
    if encoder.order == "permuted":
        order = stream(42, "init", "band_permutation", seed).permutation(V)
    return assign(order, encoder.layouts[position].sizes)


def slow_vector(encoder: Banded, weights: dict[str, Tensor], seed: int, bands: Any, token: int) -> Any:
    """One token's vector (D,) with numpy, and zero-padding written out."""
    number = int(bands[token])
    layout = encoder.layouts[seed]
    band = layout.bands[number]
    row = token % band.rows if band.hashed else int((bands[:token] == number).sum())
    code = weights[f"table_{number}"][seed].detach().numpy()[row][: band.width]
    if band.reach == "direct":
        return code
    if band.reach == "shared":
        widest = max(other.width for other in layout.bands)
        return np.pad(code, (0, widest - band.width)) @ weights["projection"][seed].detach().numpy()[:widest]
    mapped = code @ weights[f"projection_{number}"][seed].detach().numpy()[: band.width]
    return mapped + weights[f"bias_{number}"][seed, 0].detach().numpy() if band.bias else mapped


# Forward and backward


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_vectors_are_the_slow_ones(name: str, shape: tuple[int, int]) -> None:
    encoder, trainable, frozen = built(name)
    weights, ids = doubled(trainable), ids_of(shape)
    found = encoder.forward(weights | frozen, ids)
    assert found.shape == (len(SEEDS), *shape, D) == (*ids.shape, encoder.output_width)
    for position, seed in enumerate(SEEDS):
        bands = bands_of(encoder, seed, position)
        slow = [slow_vector(encoder, weights, position, bands, int(token)) for token in ids[position].flatten()]
        np.testing.assert_allclose(
            found[position].detach().flatten(0, 1).numpy(), np.stack(slow), rtol=1e-12, atol=1e-13
        )


class Masks(nn.Module):
    """Document 003's implementation style for one seed: an nn.Embedding, an nn.Linear and a boolean mask per class."""

    def __init__(self, encoder: Banded, weights: dict[str, Tensor], seed: int, bands: Any) -> None:
        super().__init__()
        self.layout, self.bands = encoder.layouts[seed], torch.from_numpy(bands)
        self.tables, self.maps = nn.ModuleList(), nn.ModuleList()
        self.local = torch.tensor([int((bands[:token] == bands[token]).sum()) for token in range(V)])
        for number, band in enumerate(self.layout.bands):
            table = weights[f"table_{number}"][seed].detach()[: band.rows, : band.width]
            self.tables.append(nn.Embedding.from_pretrained(table.clone(), freeze=False))
            self.maps.append(self.linear(weights, number, seed, band))
        if self.layout.bands[0].reach == "shared":
            self.maps = nn.ModuleList([self.maps[0]] * len(self.maps))

    @staticmethod
    def linear(weights: dict[str, Tensor], number: int, seed: int, band: Any) -> nn.Module:
        if band.reach == "direct":
            return nn.Identity()
        weight = weights[f"projection_{number}" if band.reach == "own" else "projection"][seed]
        rows = band.width if band.reach == "own" else len(weight)
        made = nn.Linear(rows, D, bias=band.bias, dtype=weight.dtype)
        made.weight = nn.Parameter(weight.detach()[:rows].T.clone())
        if band.bias:
            made.bias = nn.Parameter(weights[f"bias_{number}"].detach()[seed, 0].clone())
        return made

    def forward(self, ids: Tensor) -> Tensor:
        out = torch.zeros(*ids.shape, D, dtype=torch.float64)
        for number, band in enumerate(self.layout.bands):
            mask = self.bands[ids] == number
            tokens = ids[mask]
            codes = self.tables[number](tokens % band.rows if band.hashed else self.local[tokens])
            if band.reach == "shared":
                codes = nn.functional.pad(codes, (0, self.maps[number].in_features - band.width))
            out[mask] = self.maps[number](codes)
        return out


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_gradients_are_those_of_masks_and_layers(name: str, shape: tuple[int, int]) -> None:
    encoder, trainable, frozen = built(name)
    weights, ids = doubled(trainable), ids_of(shape)
    upstream = torch.randn(*ids.shape, D, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    vectors = encoder.forward(weights | frozen, ids)
    gradients = dict(zip(weights, torch.autograd.grad(vectors, list(weights.values()), upstream), strict=True))
    for position, seed in enumerate(SEEDS):
        own = Masks(encoder, weights, position, bands_of(encoder, seed, position))
        expected = own(ids[position])
        torch.testing.assert_close(vectors[position], expected, **DOUBLE)
        expected.backward(upstream[position])
        for number, band in enumerate(encoder.layouts[position].bands):
            found = gradients[f"table_{number}"][position]
            torch.testing.assert_close(found[: band.rows, : band.width], own.tables[number].weight.grad, **DOUBLE)
            assert not found[band.rows :].any()  # padding never learns
            assert not found[:, band.width :].any()
            if band.reach == "own":
                slope = gradients[f"projection_{number}"][position]
                torch.testing.assert_close(slope[: band.width], own.maps[number].weight.grad.T, **DOUBLE)
                assert not slope[band.width :].any()
            if band.bias:
                torch.testing.assert_close(
                    gradients[f"bias_{number}"][position, 0], own.maps[number].bias.grad, **DOUBLE
                )
        if "projection" in gradients:
            torch.testing.assert_close(gradients["projection"][position], own.maps[0].weight.grad.T, **DOUBLE)


@pytest.mark.parametrize("name", LAYOUTS)
def test_both_ways_to_the_vectors_agree(name: str) -> None:
    encoder, trainable, frozen = built(name)
    weights = doubled(trainable)
    rows = frozen["index"].gather(1, ids_of((4, 5)).flatten(1))
    upstream = torch.randn(len(SEEDS), 20, D, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    every, used = encoder.map_all(weights | frozen, rows), encoder.map_used(weights | frozen, rows)
    torch.testing.assert_close(every, used, **DOUBLE)
    slopes = [torch.autograd.grad(vectors, list(weights.values()), upstream) for vectors in (every, used)]
    torch.testing.assert_close(slopes[0], slopes[1], **DOUBLE)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_token_gets_a_vector_of_its_own_or_a_shared_one(name: str) -> None:
    encoder, trainable, frozen = built(name)
    every = torch.arange(V).view(1, V, 1).expand(len(SEEDS), -1, 1)
    vectors = encoder.forward(trainable | frozen, every).squeeze(2)
    assert torch.isfinite(vectors).all()
    for position, layout in enumerate(encoder.layouts):
        rows = sum(min(band.rows, band.tokens) for band in layout.bands)
        distinct = len(vectors[position].unique(dim=0))
        hashed = any(band.hashed for band in layout.bands)
        assert distinct <= rows if hashed else distinct == V
        assert len(frozen["index"][position].unique()) == distinct


# Seeds


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_seed_alone_and_in_a_batch_has_the_same_bits(name: str, shape: tuple[int, int]) -> None:
    """Parameters, vectors and gradients, with seeds of other sizes beside it and twice in it (two learning rates)."""
    encoder, trainable, frozen = built(name)
    if name in RAGGED:
        assert len({layout.sizes + tuple(band.width for band in layout.bands) for layout in encoder.layouts}) > 1
    together = {key: value.repeat(2, *[1] * (value.dim() - 1)) for key, value in (trainable | frozen).items()}
    leaves = [together[key].requires_grad_() for key in trainable]
    ids = ids_of(shape).repeat(2, 1, 1)
    upstream = torch.randn(*ids_of(shape).shape, D, generator=torch.Generator().manual_seed(6)).repeat(2, 1, 1, 1)
    vectors = encoder.forward(together, ids)
    gradients = dict(zip(trainable, torch.autograd.grad(vectors, leaves, upstream), strict=True))
    for position, seed in enumerate(SEEDS):
        single, own, fixed = built(name, (seed,))
        alone = single.forward(
            {key: value.requires_grad_() for key, value in own.items()} | fixed, ids[position : position + 1]
        )
        slopes = torch.autograd.grad(alone, list(own.values()), upstream[position : position + 1])
        assert single.layouts == [encoder.layouts[position]]
        assert torch.equal(fixed["index"][0], frozen["index"][position])
        for copy in (position, position + len(SEEDS)):
            torch.testing.assert_close(vectors[copy], alone[0], **EXACT)
            for (key, value), slope in zip(own.items(), slopes, strict=True):
                rows, columns = value.shape[1:]
                torch.testing.assert_close(together[key][copy, :rows, :columns], value[0], **EXACT)
                assert not together[key][copy, rows:].any()
                assert not together[key][copy, :, columns:].any()
                torch.testing.assert_close(gradients[key][copy, :rows, :columns], slope[0], **EXACT)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_seed_cut_out_of_a_batch(name: str, shape: tuple[int, int]) -> None:
    """Its tables stay padded to the batch's largest; its vectors are the same."""
    encoder, trainable, frozen = built(name)
    together = encoder.forward(trainable | frozen, ids_of(shape))
    for position in range(len(SEEDS)):
        cut = {key: value[position : position + 1] for key, value in (trainable | frozen).items()}
        alone = encoder.forward(cut, ids_of(shape)[position : position + 1])
        torch.testing.assert_close(alone[0], together[position], **EXACT)


def test_training_a_seed_alone_and_in_a_batch(spec_of: Any, data_of: Any, job_of: Any) -> None:
    """Whole fits, with learning rates as a second batch: the same losses to the last bit."""
    arms = {
        name: {"encoder": "banded", "layout": "optimized", "categories": {"cumulative": [0.5, 0.8]}, "order": name}
        for name in ("frequency", "permuted", "reversed")
    }
    spec, data = spec_of(arms=arms), data_of()
    everyone, last = job_of(spec, data, (0, 1, 2)), job_of(spec, data, (2,))
    curves = []
    for name in arms:
        encoder, _, together = condition.fit_arm(everyone, name, arms[name])
        alone = condition.fit_arm(last, name, arms[name])[2]
        assert len({layout.sizes for layout in encoder.layouts}) > 1
        for (step, losses), (same, loss) in zip(together.curve, alone.curve, strict=True):
            assert step == same
            assert losses[2] == loss[0]
        assert (together.curve[-1][1] < together.curve[0][1]).all()  # it learns
        curves.append(together.curve[-1][1])
    assert len(torch.stack(curves).unique(dim=0)) == len(arms)


def test_arms_through_a_training_job(spec_of: Any, data_of: Any) -> None:
    arms = {
        "full": {"encoder": "full"},
        "adaptive": {"encoder": "banded", "layout": "adaptive", "cutoffs": [3, 7], "factor": 2},
        "same_budget": {
            "encoder": "banded",
            "layout": "uniform_budget",
            "of": {"layout": "adaptive", "cutoffs": [3, 7], "factor": 2},
        },
    }
    trained, _ = condition.train_condition(spec_of(arms=arms), data_of())
    costs = {arm.name: arm.costs for arm in trained}
    # widths 16, 8, 4 of 3, 4 and 5 tokens, and a map each; 548 parameters: 12 w + 16 w at w = 19
    assert (costs["adaptive"]["parameters_embedding"], costs["adaptive"]["parameters_encoder"]) == (100, 448)
    assert (costs["same_budget"]["parameters_embedding"], costs["same_budget"]["parameters_encoder"]) == (228, 304)
    with pytest.raises(InputError, match="layout 'adaptive': got an unexpected keyword argument 'cutofs'"):
        condition.train_condition(spec_of(arms={"a": {**arms["adaptive"], "cutofs": 1}}), data_of())


# Orders and initial numbers


def test_orders_share_their_sizes_and_not_their_tokens() -> None:
    made = {order: Banded(V, 0, D, "optimized", order=order) for order in ("frequency", "permuted", "reversed")}
    index = {order: encoder.initialise(context_of())[1]["index"] for order, encoder in made.items()}
    sizes = {order: [layout.sizes for layout in encoder.layouts] for order, encoder in made.items()}
    assert sizes["frequency"] == sizes["permuted"] == sizes["reversed"]
    assert len({encoder.trained_count() for encoder in made.values()}) == 1
    for position, counts in enumerate(counts_of(SEEDS)):
        wide = sizes["frequency"][position][0]
        chosen = {order: torch.nonzero(rows[position] < wide).squeeze(1) for order, rows in index.items()}
        assert {len(tokens) for tokens in chosen.values()} == {wide}
        outside = {order: np.setdiff1d(np.arange(V), tokens.numpy()) for order, tokens in chosen.items()}
        assert counts[chosen["frequency"]].min() >= counts[outside["frequency"]].max()
        assert counts[chosen["reversed"]].max() <= counts[outside["reversed"]].min()
        assert set(chosen["permuted"].tolist()) not in ({*chosen["frequency"].tolist()}, {*chosen["reversed"].tolist()})
    assert len(index["permuted"].unique(dim=0)) == len(SEEDS)  # a permutation per seed


@pytest.mark.parametrize("name", LAYOUTS)
def test_all_bands_start_at_the_configs_scale(name: str) -> None:
    """The variance of a band's vectors over 200 seeds."""
    seeds = tuple(range(200))
    encoder = Banded(V, 0, D, **LAYOUTS[name])
    trainable, frozen = encoder.initialise(context_of(seeds, initial_scale=0.3))
    every = torch.arange(V).view(1, V, 1).expand(len(seeds), -1, 1)
    vectors = encoder.forward(trainable | frozen, every).squeeze(2)
    powers = [
        torch.cat([vectors[seed][bands_of(encoder, seed, seed) == number] for seed in seeds]).square().mean().sqrt()
        for number in range(len(encoder.layouts[0].bands))
    ]
    assert [float(power) for power in powers] == pytest.approx([0.3] * len(powers), rel=0.05)
    assert not any(value.any() for key, value in trainable.items() if key.startswith("bias"))


# Costs


@pytest.mark.parametrize("name", LAYOUTS)
def test_counts_are_those_of_the_tensors(name: str) -> None:
    encoder, trainable, _ = built(name, (3,))
    roles = encoder.parameter_counts()
    tables = sum(value[0].numel() for key, value in trainable.items() if key.startswith("table"))
    if name != "scaling":  # its released tables span the vocabulary, which only the count has
        assert roles["embedding"] == tables
    else:
        assert roles["embedding"] == V * (28 + 16 + 4) > tables
    assert roles["encoder"] == sum(value[0].numel() for key, value in trainable.items() if not key.startswith("table"))
    assert encoder.trained_count() == encoder.layouts[0].parameter_count() == sum(roles.values())
    assert encoder.bits_deployed() == 32 * encoder.trained_count()


def test_counts_of_several_seeds_are_their_mean() -> None:
    encoder = built("optimized")[0]
    single = [layout.parameter_count() for layout in encoder.layouts]
    assert len(set(single)) > 1
    assert encoder.trained_count() == pytest.approx(np.mean(single), abs=1)


def test_counts_before_and_after_the_text_is_known() -> None:
    fixed = Banded(V, 0, D, **LAYOUTS["adaptive"])
    before = fixed.parameter_counts()
    fixed.initialise(context_of())
    assert fixed.parameter_counts() == before
    with pytest.raises(InputError, match="its band sizes follow from token counts; initialise it first"):
        Banded(V, 0, D, "optimized").parameter_counts()


# Bad input


def test_ids_beyond_the_vocabulary() -> None:
    encoder, trainable, frozen = built("optimized")
    for shape in SHAPES:
        for wrong in (V, -1):
            ids = ids_of(shape)
            ids[1, 2, 3] = wrong
            with pytest.raises(InputError, match=rf"^token ids: found {wrong}; expected 0 to {V - 1} "):
                encoder.forward(trainable | frozen, ids)


def test_counts_of_another_vocabulary() -> None:
    for layout in ("optimized", "uniform"):
        with pytest.raises(InputError, match=f"^token counts: found {V}; expected vocab_size = 61$|found {V} of them"):
            Banded(V + 1, 0, D, layout).initialise(context_of())


def test_options_that_cannot_be_used() -> None:
    with pytest.raises(InputError, match="order 'random' is unknown; expected one of frequency, permuted, reversed"):
        Banded(V, 0, D, "optimized", order="random")
    with pytest.raises(InputError, match="comes out empty"):
        Banded(V, 0, D, "optimized", categories={"cumulative": [0.001, 0.01]}).initialise(context_of())
    with pytest.raises(InputError, match="a budget of 40 parameters is met by no uniform layout"):
        Banded(V, 0, D, "uniform_budget", parameters=40)


def test_the_config_finds_it() -> None:
    assert load("banded") is Banded
