"""Compressed tables: closed forms, slow references and published counts."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor, nn

from tokentrial.encoders.base import Context, Encoder, load
from tokentrial.encoders.hashed import PRIME, Hashed, hash_functions
from tokentrial.encoders.product_quantised import ProductQuantised, kmeans, means, nearest, spread_start
from tokentrial.encoders.quantised import Quantised, quantise
from tokentrial.encoders.quotient_remainder import QuotientRemainder
from tokentrial.encoders.svd import Svd, low_rank
from tokentrial.errors import InputError
from tokentrial.seeds import stream
from tokentrial.training import condition

WORDS, FULL = 33_278, 256  # WikiText-2's types and the width of the counts in methods, section 1
V, D, WIDTH = 40, 12, 3
SMALL: dict[str, dict[str, Any]] = {
    "svd": {},
    "quantised": {"bits": 4},
    "product_quantised": {"groups": 3, "centroids": 8},
    "quotient_remainder": {"buckets": 7},
    "hashed": {"buckets": 10, "hashes": 2},
}
AFTER_TRAINING = ("svd", "quantised", "product_quantised")


def table_of(seeds: int = 2, vocab_size: int = V, full_width: int = D) -> Tensor:
    """Rows with directions of unequal variance."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(seeds, vocab_size, full_width, generator=generator) * torch.linspace(0.2, 2, full_width)


def context_of(table: Tensor, *replicates: int, seed: int = 42, initial_scale: float = 1.0) -> Context:
    counts = (1000 / torch.arange(1, table.shape[1] + 1)).floor().repeat(len(table), 1)
    replicates = replicates or tuple(range(len(table)))
    return Context(seed, replicates, counts, lambda: table, initial_scale, lambda message: None)


def rebuilt(encoder: Encoder, context: Context) -> Tensor:
    """The vectors of all tokens, (S, V, D), by way of a batch of ids (S, 2, V/2)."""
    trainable, frozen = encoder.initialise(context)
    seeds = len(context.replicates)
    ids = torch.arange(encoder.vocab_size).view(1, 2, -1).expand(seeds, -1, -1)
    return encoder.forward(trainable | frozen, ids).flatten(1, 2)


# Counts


@pytest.mark.parametrize(
    ("encoder", "bits", "ratio"),
    [
        (Svd(WORDS, 32, FULL), 32 * 1_073_088, 7.9),
        (Svd(WORDS, 16, FULL, weighted=True), 32 * 536_544, 15.9),
        (Svd(WORDS, 8, FULL), 32 * 268_272, 31.8),
        # the published 4x and 8x leave out the scales, which cost 32 bits a row
        (Quantised(WORDS, 16, FULL, bits=8), WORDS * (256 * 8 + 32), 4 * 256 / 260),
        (Quantised(WORDS, 16, FULL, bits=4), WORDS * (256 * 4 + 32), 8 * 256 / 264),
        (ProductQuantised(WORDS, 16, FULL, groups=32), 10_616_320, 25.7),
        (ProductQuantised(WORDS, 16, FULL, groups=16), 33_278 * 16 * 8 + 32 * 256 * 256, 42.9),
        (ProductQuantised(WORDS, 16, FULL, groups=16, centroids=200), 33_278 * 16 * 8 + 32 * 200 * 256, 46.2),
        (QuotientRemainder(WORDS, 16, FULL, buckets=8), 32 * 1_067_008, 8.0),
        (QuotientRemainder(WORDS, 16, FULL, buckets=183, combine="add"), 32 * 93_440, 91.2),
        (Hashed(WORDS, 16, FULL, buckets=2048), 32 * (590_844 + 4), 14.4),
    ],
)
def test_bits_are_those_of_the_methods(encoder: Encoder, bits: int, ratio: float) -> None:
    assert encoder.bits_deployed() == bits
    assert 32 * WORDS * FULL / bits == pytest.approx(ratio, abs=0.05)
    assert encoder.output_width == FULL
    if encoder.after_training:
        assert encoder.trained_count() == encoder.parameter_counts()["embedding"] == WORDS * FULL
    else:
        functions = 2 * encoder.hashes if isinstance(encoder, Hashed) else 0
        assert encoder.trained_count() == bits // 32 - functions == sum(encoder.parameter_counts().values())


@pytest.mark.parametrize("name", SMALL)
def test_counts_are_those_of_the_tensors(name: str) -> None:
    encoder = load(name)(V, WIDTH, D, **SMALL[name])
    trainable, frozen = encoder.initialise(context_of(table_of()))
    assert all(len(value) == 2 for value in (trainable | frozen).values())
    assert encoder.after_training == (name in AFTER_TRAINING) == (not trainable)
    widths = {torch.float32: 32, torch.int64: 32, torch.int8: 4, torch.uint8: 3}  # of a number, packed
    stored = sum(value[0].numel() * widths[value.dtype] for value in (trainable | frozen).values())
    assert encoder.bits_deployed() == stored
    if trainable:
        assert encoder.trained_count() == sum(value[0].numel() for value in trainable.values())
    extra = {"svd": ("directions",), "quantised": ("scales",), "product_quantised": ("codebooks",)}.get(name, ())
    assert encoder.parameter_counts().get("encoder", 0) == sum(frozen[key][0].numel() for key in extra)


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_does_not_depend_on_its_neighbours(name: str) -> None:
    encoder, table = load(name)(V, WIDTH, D, **SMALL[name]), table_of()
    both, alone = rebuilt(encoder, context_of(table, 0, 5)), rebuilt(encoder, context_of(table[1:], 5))
    assert (both.shape, both.dtype) == ((2, V, D), torch.float32)
    assert torch.equal(both[1], alone[0])
    assert torch.equal(alone, rebuilt(encoder, context_of(table[1:], 5)))
    if name not in ("svd", "quantised"):  # those two have nothing random
        assert not torch.equal(alone, rebuilt(encoder, context_of(table[1:], 6)))
        assert not torch.equal(alone, rebuilt(encoder, context_of(table[1:], 5, seed=43)))


@pytest.mark.parametrize(
    ("name", "option", "found", "expected"),
    [
        ("svd", "width", 13, "a whole number from 1 to 12"),
        ("svd", "weighted", "yes", "true or false"),
        ("quantised", "bits", 9, "a whole number from 2 to 8"),
        ("quantised", "bits", 1, "a whole number from 2 to 8"),
        ("quantised", "bits", True, "a whole number from 2 to 8"),
        ("product_quantised", "groups", 0, "a whole number from 1 to 12"),
        ("product_quantised", "groups", 5, "a divisor of full_width 12"),
        ("product_quantised", "centroids", 41, "a whole number from 2 to 40"),
        ("quotient_remainder", "buckets", 41, "a whole number from 1 to 40"),
        ("quotient_remainder", "combine", "xor", "multiply or add"),
        ("hashed", "buckets", 2.5, "a whole number from 1 to 40"),
        ("hashed", "hashes", 11, "a whole number from 1 to 10"),
    ],
)
def test_an_option_outside_its_range_is_one_clear_line(name: str, option: str, found: Any, expected: str) -> None:
    options = {"width": WIDTH, **SMALL[name], option: found}
    with pytest.raises(InputError) as caught:
        load(name)(vocab_size=V, full_width=D, **options)
    assert str(caught.value) == f"config: arms: {name} {option}: found {found!r}, expected {expected}"


# Truncated SVD


@pytest.mark.parametrize("rank", [1, 3, 11])
def test_the_truncated_svd_leaves_the_remaining_singular_values(rank: int) -> None:
    """Eckart and Young (1936)."""
    table = table_of()
    left = (rebuilt(Svd(V, rank, D), context_of(table)) - table).double().square().sum(dim=(1, 2))
    for seed in range(2):
        singular = np.linalg.svd(table[seed].double().numpy(), compute_uv=False)
        assert left[seed].item() == pytest.approx((singular[rank:] ** 2).sum(), rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_full_rank_gives_the_table_back(weighted: bool) -> None:
    table = table_of()
    table[0, :, 0] = 0.0  # a direction that no row uses
    table[1, :, 2:] = 0.0
    torch.testing.assert_close(rebuilt(Svd(V, D, D, weighted), context_of(table)), table, rtol=1e-5, atol=1e-5)
    # with fewer rows than numbers a row, the rank of the rows is enough
    few = table_of(1, 4, D)
    torch.testing.assert_close(rebuilt(Svd(4, 4, D, weighted), context_of(few)), few, rtol=1e-5, atol=1e-5)


def weighted_error(table: Tensor, found: Tensor, weights: Tensor) -> float:
    return float(((table - found).double().square().sum(-1) * weights.double()).sum())


def test_the_weighted_svd_is_the_svd_of_the_weighted_table() -> None:
    table, context = table_of(1), context_of(table_of(1))
    weights = context.counts[0].double().numpy()
    found = rebuilt(Svd(V, WIDTH, D, weighted=True), context)
    # the definition: factors of diag(sqrt p) A, with the rows scaled back
    u, s, v = np.linalg.svd(table[0].double().numpy() * np.sqrt(weights)[:, None], full_matrices=False)
    expected = (u[:, :WIDTH] * s[:WIDTH]) @ v[:WIDTH] / np.sqrt(weights)[:, None]
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-5)
    left = weighted_error(table, found, context.counts)
    assert left == pytest.approx((s[WIDTH:] ** 2).sum(), rel=1e-5)
    plain = rebuilt(Svd(V, WIDTH, D), context)
    assert left < 0.95 * weighted_error(table, plain, context.counts)
    assert weighted_error(table, plain, torch.ones(1, V)) < 0.95 * weighted_error(table, found, torch.ones(1, V))


def test_a_long_descent_ends_at_the_weighted_svd() -> None:
    table, context = table_of(1), context_of(table_of(1))
    weights = context.counts / context.counts.sum()
    exact, share = table[0].double(), weights[0].double().unsqueeze(-1)
    generator = torch.Generator().manual_seed(0)
    factors = [torch.randn(*shape, generator=generator).double().requires_grad_() for shape in ((V, 3), (3, D))]
    optimiser = torch.optim.LBFGS(factors, max_iter=2000, tolerance_change=1e-14, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = ((factors[0] @ factors[1] - exact).square() * share).sum()
        value.backward()
        return value

    optimiser.step(loss)
    codes, directions = low_rank(exact, weights[0], 3)
    optimum = weighted_error(exact, codes @ directions, weights[0])
    assert optimum * (1 - 1e-6) < loss().item() < optimum * (1 + 1e-5)


def test_a_token_that_never_occurs_keeps_a_row() -> None:
    table = table_of(1)
    context = context_of(table)
    context.counts[0, WIDTH - 1 :] = 0  # fewer tokens than directions
    found = rebuilt(Svd(V, WIDTH, D, weighted=True), context)
    weights = context.counts.clamp_min(1)  # as if it occurred once
    singular = torch.linalg.svdvals((table[0] * weights[0].sqrt().unsqueeze(-1)).double())
    assert weighted_error(table, found, weights) == pytest.approx(singular[WIDTH:].square().sum().item(), rel=1e-5)


# Quantisation


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_quantised_rows_against_a_slow_reference(bits: int) -> None:
    table, largest = table_of(), {2: 1, 3: 3, 4: 7, 8: 127}[bits]
    codes, scales = quantise(table, bits)
    assert (codes.dtype, scales.dtype, scales.shape) == (torch.int8, torch.float32, (2, V, 1))
    found = rebuilt(Quantised(V, WIDTH, D, bits=bits), context_of(table))
    for seed in range(2):
        for token in range(V):
            row = [float(value) for value in table[seed, token]]
            scale = float(np.float32(max(abs(value) for value in row) / largest))
            assert scales[seed, token, 0].item() == scale
            # half to even, as IEEE 754 rounds
            assert codes[seed, token].tolist() == [max(-largest, min(largest, round(value / scale))) for value in row]
            bound = scale / 2 * (1 + 1e-5)
            assert all(abs(a - b) <= bound for a, b in zip(found[seed, token].tolist(), row, strict=True))
    assert codes.abs().amax() == largest  # each row's largest number takes the outermost code


def test_rows_that_leave_nothing_to_divide_by() -> None:
    table = torch.zeros(1, 4, 6)
    table[0, 1] = 1e-45  # the smallest number there is: its scale is 0
    table[0, 2, 0] = -3e38
    found = rebuilt(Quantised(4, WIDTH, 6, bits=4), context_of(table))
    assert torch.equal(found[0, 0], torch.zeros(6))
    assert found[0, 1].abs().max() <= 1e-44
    assert found[0, 2].tolist() == pytest.approx([-3e38, 0, 0, 0, 0, 0])


# Product quantisation


def test_few_distinct_parts_are_recovered_exactly() -> None:
    parts = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))  # 5 in each of 3 groups
    parts[:, :, 1] = parts[:, :, 0] + 1e-6  # two of them next to each other
    picks = torch.randint(5, (2, 3, V), generator=torch.Generator().manual_seed(1))
    table = torch.cat([torch.stack([parts[s, g, picks[s, g]] for s in range(2)]) for g in range(3)], dim=-1)
    for centroids in (5, 8, V):  # 8 and V leave clusters without a point
        assert torch.equal(rebuilt(ProductQuantised(V, 3, D, groups=3, centroids=centroids), context_of(table)), table)


def test_codes_beyond_a_byte() -> None:
    table = table_of(1, 300, 4)
    encoder = ProductQuantised(300, 3, 4, groups=2, centroids=290)
    found = rebuilt(encoder, context_of(table))
    assert encoder.initialise(context_of(table))[1]["codes"].dtype == torch.int32
    assert (found == table).all(-1).float().mean() > 0.8
    assert encoder.bits_deployed() == 300 * 2 * 9 + 32 * 290 * 4  # 290 need 9 bits


def test_the_error_falls_with_groups_and_centroids() -> None:
    table = table_of(1, 200, D)

    def error(groups: int, centroids: int) -> float:
        found = rebuilt(ProductQuantised(200, 3, D, groups=groups, centroids=centroids), context_of(table))
        return float((found - table).square().sum())

    falling = [error(3, k) for k in (2, 4, 16, 64, 200)]
    assert all(after < 0.9 * before for before, after in pairwise(falling))
    assert falling[-1] == 0
    assert error(1, 16) > error(2, 16) > error(4, 16) > error(12, 16)


def test_the_clusters_are_a_fixed_point_of_lloyd() -> None:
    points = table_of(1, 300, 4)[0].double()
    codes, centroids = kmeans(points, 10, stream(1, "test"))
    every = np.square(points.numpy()[:, None] - centroids.numpy()[None]).sum(-1)
    np.testing.assert_array_equal(codes.numpy(), every.argmin(1))
    for cluster in range(10):
        torch.testing.assert_close(centroids[cluster], points[codes == cluster].mean(0))
    best = min(
        np.square(points.numpy() - book[labels]).sum()
        for book, labels in (kmeans2(points.numpy(), 10, minit="++", rng=np.random.default_rng(k)) for k in range(10))
    )
    assert every.min(1).sum() < 1.1 * best  # one run of ours against the best of ten of SciPy's


def test_no_step_makes_the_clusters_worse() -> None:
    points = table_of(1, 300, 4)[0].double()
    centroids = points[:1].repeat(20, 1) + 100.0  # all in one far place: nineteen are empty at first
    codes, distances = nearest(points, centroids)
    errors = [distances.sum().item()]
    for _ in range(15):
        centroids = means(points, codes, distances, centroids)
        codes, distances = nearest(points, centroids)
        errors.append(distances.sum().item())
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(errors))
    assert len(codes.unique()) == 20  # every empty cluster has found points


def test_starting_points_are_drawn_by_their_squared_distance() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [6.0]]).double()
    second = np.zeros((4, 4))
    for draw in range(4000):
        first, then = spread_start(points, 2, stream(draw, "test")).tolist()
        second[first, then] += 1
    for first in range(4):
        expected = np.square(points.numpy()[:, 0] - points[first].item())
        total = second[first].sum()
        # four standard deviations of a share of about a thousand draws
        np.testing.assert_allclose(second[first] / total, expected / expected.sum(), atol=4 * 0.5 / total**0.5)
        assert second[first, first] == 0
    assert sorted(spread_start(points, 4, stream(0, "test")).tolist()) == [0, 1, 2, 3]


# Quotient and remainder, hash embeddings


Own = Callable[[dict[str, nn.Embedding], Tensor, int], Tensor]


def assert_equals_own_layers(encoder: Encoder, own_vectors: Own) -> None:
    """Vectors and gradients are those of torch's own layers, seed by seed; own_vectors(layers, ids (B, L), seed)."""
    weights, frozen = encoder.initialise(context_of(table_of()))
    ids = torch.randint(V, (2, 5, 9), generator=torch.Generator().manual_seed(1))  # 45 ids of 40 tokens: they repeat
    upstream = torch.randn(2, 5, 9, D, generator=torch.Generator().manual_seed(2)).double()
    leaves = {key: value.double().requires_grad_() for key, value in weights.items()}
    vectors = encoder.forward(leaves | frozen, ids)
    gradients = dict(zip(leaves, torch.autograd.grad(vectors, leaves.values(), upstream), strict=True))
    for seed in range(2):
        own = {key: nn.Embedding.from_pretrained(value[seed].double(), freeze=False) for key, value in weights.items()}
        expected = own_vectors(own, ids[seed], seed)
        torch.testing.assert_close(vectors[seed], expected)
        expected.backward(upstream[seed])
        for key, layer in own.items():
            torch.testing.assert_close(gradients[key][seed], layer.weight.grad)


@pytest.mark.parametrize("combine", ["multiply", "add"])
@pytest.mark.parametrize("buckets", [1, 7, V])
def test_quotient_and_remainder_rows_and_gradients(buckets: int, combine: str) -> None:
    def own_vectors(layers: dict[str, nn.Embedding], ids: Tensor, seed: int) -> Tensor:
        left, right = layers["quotient"](ids // buckets), layers["remainder"](ids % buckets)
        return left * right if combine == "multiply" else left + right

    encoder = QuotientRemainder(V, WIDTH, D, buckets=buckets, combine=combine)
    assert_equals_own_layers(encoder, own_vectors)
    assert encoder.trained_count() == D * (len({token // buckets for token in range(V)}) + buckets)
    assert len(rebuilt(encoder, context_of(table_of()))[1].unique(dim=0)) == V  # no two tokens alike


def test_hash_embeddings_rows_and_gradients() -> None:
    def own_vectors(layers: dict[str, nn.Embedding], ids: Tensor, seed: int) -> Tensor:
        functions = list(zip(*hash_functions(42, seed, 3).tolist(), strict=True))
        buckets = torch.tensor([[(a * token + b) % PRIME % 10 for a, b in functions] for token in range(V)])
        return torch.einsum("blk,blkd->bld", layers["weights"](ids), layers["pool"](buckets[ids]))

    assert_equals_own_layers(Hashed(V, WIDTH, D, buckets=10, hashes=3), own_vectors)


def test_hash_functions_spread_tokens_evenly_and_apart() -> None:
    """Over draws of the functions two tokens meet with probability 1/B, and each bucket gets its share."""
    buckets, tokens, draws = 16, torch.arange(200), 300
    factors, offsets = (torch.stack([hash_functions(7, k, 2) for k in range(draws)])).unbind(1)  # (300, 2) each
    rows = (tokens.view(-1, 1, 1) * factors + offsets) % PRIME % buckets  # (200, 300, 2)
    share = torch.bincount(rows.flatten(), minlength=buckets) / rows.numel()
    assert share.tolist() == pytest.approx([1 / 16] * 16, rel=0.05)
    # tokens of one distance meet all or not at all, nearly: 600 functions and 199 distances are what counts
    meet = torch.stack([(rows[gap:] == rows[:-gap]).float().mean() for gap in range(1, 200)])
    assert meet.mean().item() == pytest.approx(1 / 16, rel=0.05)
    both = (rows[..., 0] == rows[..., 1]).float().mean()  # a seed's functions do not agree more often than by chance
    assert both.item() == pytest.approx(1 / 16, rel=0.1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("quotient_remainder", {"buckets": 60}),
        ("quotient_remainder", {"buckets": 60, "combine": "add"}),
        ("hashed", {"buckets": 500, "hashes": 1}),
        ("hashed", {"buckets": 500, "hashes": 4}),
    ],
)
def test_vectors_start_at_the_configs_scale(name: str, options: dict[str, Any]) -> None:
    context = context_of(torch.empty(2, 3000, 32), initial_scale=0.1)
    found = rebuilt(load(name)(3000, WIDTH, 32, **options), context)
    # about 100 rows of 32 draws or more make each seed's table: its scale is known to a few per cent
    assert found.square().mean(dim=(1, 2)).sqrt().tolist() == pytest.approx([0.1, 0.1], rel=0.1)
    assert found.mean(dim=(1, 2)).tolist() == pytest.approx([0, 0], abs=0.01)


def test_they_train_beside_the_other_arms(spec_of: Any, job_of: Any, data_of: Any) -> None:
    arms = {name: {"encoder": name, **SMALL.get(name, {})} for name in ("quotient_remainder", "hashed", "unigram")}
    job = job_of(spec_of(arms=arms), data_of(), range(3))
    fits = {name: condition.fit_arm(job, name, options)[2] for name, options in arms.items()}
    losses = {name: fit.curve[-1][1].mean().item() for name, fit in fits.items()}
    assert max(losses["quotient_remainder"], losses["hashed"]) < losses["unigram"] - 0.05
    functions = torch.stack([hash_functions(42, k, 2) for k in range(3)])
    assert torch.equal(fits["hashed"].parameters["functions"], functions)  # the same functions to the end
