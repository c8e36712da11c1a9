"""Encodings of a trained token table: what is stored, what is decoded, and what is best."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor

from tokentrial.real_model import codes, trained
from tokentrial.real_model.codes import bands_of, encode
from tokentrial.real_model.stored import Part
from tokentrial.schema.real_model import OPTIONS, TRAINING
from tokentrial.studies.real_model import TRAINED

V, D = 600, 24


@pytest.fixture(scope="module")
def table() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    strengths = torch.linspace(2, 0.1, D)
    mixed = torch.linalg.qr(torch.randn(D, D, generator=generator)).Q
    return (torch.randn(V, D, generator=generator) * strengths) @ mixed


@pytest.fixture(scope="module")
def counts() -> Tensor:
    """Zipf's law, ids in random order, a third of the tokens unseen."""
    frequencies = (4000 / torch.arange(1, V + 1)).long()
    frequencies[2 * V // 3 :] = 0
    return frequencies[torch.from_numpy(np.random.default_rng(2).permutation(V))]


def made(table: Tensor, counts: Tensor, **options: Any) -> codes.Coded:
    return encode(options, table, counts, np.random.default_rng(3))


def error(table: Tensor, coded: codes.Coded, weight: Tensor | None = None) -> float:
    rows = (table - coded.table).double().square().sum(1)
    return float((rows if weight is None else rows * weight).sum())


ENTRIES: dict[str, tuple[dict[str, Any], int]] = {
    "plain": ({}, 16 * V * D),
    "svd": ({"width": 6}, 16 * 6 * (V + D)),
    "integers": ({"bits": 4}, 4 * V * D + 16 * V),
    "integers in groups": ({"bits": 3, "group": 8}, 3 * V * D + 16 * V * 3),
    "product": ({"width": 4}, 8 * V * 6 + 16 * 256 * D),
    "additive": ({"width": 4, "stages": 2}, 2 * (8 * V * 6 + 16 * 256 * D)),
    "autoencoder": ({"width": 6}, 16 * (6 * V + 6 * D + D)),
    "autoencoder of directions": ({"width": 6, "loss": "direction"}, 16 * (6 * V + 6 * D + D + V)),
    "autoencoder with a hidden layer": ({"width": 6, "hidden": 8}, 16 * (6 * V + 6 * 8 + 8 + 8 * D + D)),
    "tensor_train": ({"rank": 5}, 16 * (6 * 2 * 5 + 5 * 10 * 3 * 5 + 5 * 10 * 4)),
    "residual": ({"width": 2, "bits": 3}, 16 * 2 * (V + D) + 3 * V * D + 16 * V),
    "compensated": ({"bits": 3, "group": 8}, 3 * V * D + 16 * V * 3),
    "hashed": ({"buckets": 50, "hashes": 3}, 16 * (50 * D + 3 * V)),
    "quotient_remainder": ({"buckets": 16}, 16 * D * (38 + 16)),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_bits_are_those_of_the_numbers_that_are_stored(name: str, table: Tensor, counts: Tensor) -> None:
    options, bits = ENTRIES[name]
    coded = made(table, counts, code=name.partition(" ")[0], **options)
    assert coded.bits == bits
    assert coded.table.shape == table.shape and coded.table.dtype == torch.float32
    sizes = coded.sizes()
    assert sizes["bytes"] == bits / 8 == sum(len(part.packed()) for part in coded.parts)
    assert 0 < sizes["bytes_entropy"] <= sizes["bytes"]
    assert 0 < sizes["bytes_zstd"] < 1.1 * sizes["bytes"]
    assert torch.equal(coded.decoded(), coded.table)


@pytest.mark.parametrize("bits", range(2, 9))
def test_packed_codes_unpack_to_the_codes(bits: int) -> None:
    most = 2 ** (bits - 1) - 1
    values = torch.randint(-most, most + 1, (101,), generator=torch.Generator().manual_seed(bits)).to(torch.int8)
    raw = np.unpackbits(np.frombuffer(Part(values, bits).packed(), dtype=np.uint8))[: 101 * bits].reshape(101, bits)
    unsigned = raw @ (1 << np.arange(bits)[::-1])
    assert np.where(unsigned > most, unsigned - 2**bits, unsigned).tolist() == values.tolist()


def test_entropy_of_codes() -> None:
    codes_ = torch.tensor([0, 0, 0, 0, 1, 1, 2, 3], dtype=torch.int8)
    assert Part(codes_, 8).entropy() == pytest.approx(8 * 1.75)
    assert Part(torch.zeros(9).half(), 16).entropy() == 9 * 16


def test_constant_codes_are_compressed_away() -> None:
    coded = codes.Coded(torch.zeros(1, 1), [Part(torch.zeros(10_000, dtype=torch.int8), 4)])
    assert coded.sizes()["bytes_zstd"] == len(pa.compress(bytes(5000), "zstd", asbytes=True)) < 100


def test_svd_leaves_the_squares_of_the_singular_values(table: Tensor, counts: Tensor) -> None:
    left = torch.linalg.svdvals(table.double())[6:].square().sum()
    assert error(table, made(table, counts, code="svd", width=6)) == pytest.approx(float(left), rel=1e-3)
    # codes and lift are each rounded by at most 2^-11 of themselves
    total = float(table.double().square().sum())
    assert error(table, made(table, counts, code="svd", width=D)) < (2 * 2**-11) ** 2 * total


def test_the_weighted_svd_is_the_best_for_its_weights(table: Tensor, counts: Tensor) -> None:
    """Its weighted error is that of the SVD of the rows times the roots of their weights."""
    weight = counts.double() + 1
    counted, plain = (made(table, counts, code="svd", width=6, counted=way) for way in (True, False))
    best = torch.linalg.svdvals(table.double() * weight.sqrt().unsqueeze(1))[6:].square().sum()
    assert error(table, counted, weight) == pytest.approx(float(best), rel=1e-3)
    assert error(table, counted, weight) < error(table, plain, weight)
    assert error(table, counted) > error(table, plain)


@pytest.mark.parametrize("group", [None, 8])
def test_no_integer_is_off_by_more_than_half_its_scale(group: int | None, table: Tensor, counts: Tensor) -> None:
    coded = made(table, counts, code="integers", bits=4, **({} if group is None else {"group": group}))
    rows = table.view(V, -1, group or D)
    scales = rows.abs().amax(-1, keepdim=True) / 7
    off = (rows - coded.table.view_as(rows)).abs()
    assert bool((off <= scales * 0.5 * (1 + 2e-3) + 8 * scales * 2**-11).all())


def test_clipping_and_groups_help_where_rows_have_outliers(counts: Tensor) -> None:
    generator = torch.Generator().manual_seed(5)
    table = torch.randn(V, 64, generator=generator)
    table[:, 0] *= 8
    plain, clipped, grouped = (
        made(table, counts, code="integers", bits=3, **options) for options in ({}, {"clip": 3.0}, {"group": 16})
    )
    assert error(table[:, 1:], codes.Coded(clipped.table[:, 1:], [])) < error(
        table[:, 1:], codes.Coded(plain.table[:, 1:], [])
    )
    assert error(table, grouped) < error(table, plain)


def test_compensated_rounding_loses_less_of_the_products_with_the_text(table: Tensor, counts: Tensor) -> None:
    """Its errors are larger number by number, and smaller in the second moments that it is made for."""
    weight = counts.double() + 1
    moments = table.double().T @ (table.double() * (weight / weight.sum()).unsqueeze(1))
    plain, own = (made(table, counts, code=code, bits=3) for code in ("integers", "compensated"))

    def apart(coded: codes.Coded) -> float:
        errors = (table - coded.table).double()
        return float(((errors @ moments) * errors).sum())

    assert apart(own) < 0.6 * apart(plain) and error(table, own) > error(table, plain)


def test_compensated_rounding_by_other_moments(table: Tensor, counts: Tensor) -> None:
    """A direction that counts for nothing takes the errors."""
    moments = torch.diag(torch.tensor([1.0] * (D - 1) + [1e-6])).double()
    moments[0, D - 1] = moments[D - 1, 0] = 9e-4
    options = {"code": "compensated", "bits": 3, "by": "gradients"}
    own = encode(options, table, counts, np.random.default_rng(3), lambda: moments)
    plain = made(table, counts, code="integers", bits=3)
    assert torch.equal(own.table[:, 1 : D - 1], plain.table[:, 1 : D - 1])
    with pytest.raises(ValueError, match="by: found 'gradients'"):
        made(table, counts, **options)


def test_compensated_rounding_is_plain_rounding_where_numbers_vary_apart(counts: Tensor) -> None:
    table = torch.zeros(V, D)
    table[torch.arange(V), torch.arange(V) % D] = torch.linspace(-2, 3, V)  # one number a row: no two vary together
    plain, own = (made(table, counts, code=code, bits=4) for code in ("integers", "compensated"))
    assert torch.equal(plain.table, own.table)


def test_a_row_of_zeros_stays_zero(counts: Tensor) -> None:
    table = torch.zeros(V, D)
    table[1:] = 1
    for options in ({"bits": 3}, {"bits": 3, "clip": 3.0}):
        coded = made(table, counts, code="integers", **options)
        assert torch.equal(coded.table[0], torch.zeros(D)) and bool(coded.table.isfinite().all())


def test_product_codes_name_the_nearest_centroids(table: Tensor, counts: Tensor) -> None:
    coded = made(table, counts, code="product", width=4)
    stored, centroids = (part.values for part in coded.parts)  # (V, 6), (6, 256, 4)
    group = 2
    distances = torch.cdist(table[:, 8:12].double(), centroids[group].double())
    chosen = distances.gather(1, stored[:, group : group + 1].long())
    assert bool((chosen <= distances.min(1, keepdim=True).values + 1e-5).all())
    assert torch.equal(coded.table[:, 8:12], centroids[group][stored[:, group].long()].float())
    assert error(table, coded) < 0.3 * float(table.double().square().sum())


def test_a_second_product_code_takes_what_the_first_left(table: Tensor, counts: Tensor) -> None:
    first, both = (made(table, counts, code="additive", width=8, stages=stages) for stages in (1, 2))
    assert torch.equal(first.table, made(table, counts, code="product", width=8).table)
    assert error(table, both) < error(table, first) / 2


def test_a_linear_autoencoder_comes_near_the_svd_and_never_below(table: Tensor, counts: Tensor) -> None:
    best = error(table, made(table, counts, code="svd", width=6))
    few, many = (error(table, made(table, counts, code="autoencoder", width=6, steps=n)) for n in (50, 1500))
    assert best <= many < 1.1 * best < few


def test_an_autoencoder_of_directions_keeps_lengths_and_turns_vectors_less(table: Tensor, counts: Tensor) -> None:
    skewed = table * torch.linspace(0.2, 5, V).unsqueeze(1)
    squared, turned = (
        made(skewed, counts, code="autoencoder", width=6, steps=800, loss=loss) for loss in ("squared", "direction")
    )
    assert torch.allclose(turned.table.norm(dim=1), skewed.norm(dim=1), rtol=2e-3)
    cosines = [torch.nn.functional.cosine_similarity(each.table, skewed).mean() for each in (squared, turned)]
    assert cosines[1] > cosines[0] and error(skewed, squared) < error(skewed, turned)


def test_a_hidden_layer_bends_the_code(counts: Tensor) -> None:
    """Points on a circle have one dimension, which no line reaches."""
    angle = torch.linspace(0, 3, V)
    circle = torch.stack([angle.cos(), angle.sin(), torch.zeros(V)], 1)
    linear, deep = (
        error(circle, made(circle, counts, code="autoencoder", width=1, steps=1500, hidden=hidden))
        for hidden in (None, 32)
    )
    assert deep < linear / 5


def test_a_tensor_train_of_full_rank_is_the_table(table: Tensor, counts: Tensor) -> None:
    whole = made(table, counts, code="tensor_train", rank=1000)
    assert torch.allclose(whole.table, table, atol=0.02)
    errors = [error(table, made(table, counts, code="tensor_train", rank=rank)) for rank in (2, 8, 16)]
    assert errors == sorted(errors, reverse=True) and error(table, whole) < errors[-1] / 100


def test_a_table_that_is_a_tensor_train_is_found(counts: Tensor) -> None:
    generator = torch.Generator().manual_seed(5)
    shapes = ((8, 2, 3), (3, 8, 3, 3), (3, 10, 4))
    first, second, third = (torch.randn(shape, generator=generator) for shape in shapes)
    table = torch.einsum("adr,rbes,scf->abcdef", first, second, third).reshape(8 * 8 * 10, 24)[:V]
    padded = torch.einsum("adr,rbes,scf->abcdef", first, second, third).reshape(8 * 8 * 10, 24)
    found = made(padded, counts, code="tensor_train", rank=3)
    assert error(padded, found) < 1e-4 * float(padded.double().square().sum())
    assert len(made(table, counts, code="tensor_train", rank=3).table) == V


def test_what_is_left_of_an_svd_is_quantised(table: Tensor, counts: Tensor) -> None:
    low, both = made(table, counts, code="svd", width=2), made(table, counts, code="residual", width=2, bits=4)
    assert error(table, both) < 0.1 * error(table, low)


def test_a_hash_embedding_is_found_again(counts: Tensor) -> None:
    """Of a table that is one, by the same functions, and the more rows the pool of another table has, the better."""
    factors, offsets = np.random.default_rng(3).integers([[1], [0]], 2**31 - 1, size=(2, 1))
    rows = torch.from_numpy((np.arange(V)[:, None] * factors + offsets) % (2**31 - 1) % 40).squeeze(1)
    generator = torch.Generator().manual_seed(5)
    table = torch.randn(40, D, generator=generator)[rows] * torch.randn(V, 1, generator=generator)
    total = float(table.double().square().sum())
    assert error(table, made(table, counts, code="hashed", buckets=40, hashes=1)) < 1e-5 * total


def test_more_shared_rows_lose_less(table: Tensor, counts: Tensor) -> None:
    weight = counts.double() + 1
    for code, sizes in (("hashed", (20, 100, 400)), ("quotient_remainder", (30, 8, 3))):
        losses = [error(table, made(table, counts, code=code, buckets=size), weight) for size in sizes]
        assert losses == sorted(losses, reverse=True) and losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("combine", ["multiply", "add"])
def test_quotients_and_remainders_are_found_again(combine: str) -> None:
    generator = torch.Generator().manual_seed(5)
    first, second = torch.randn(60, D, generator=generator), torch.randn(10, D, generator=generator)
    ids = torch.arange(V)
    pair = first[ids // 10], second[ids % 10]
    table = pair[0] * pair[1] if combine == "multiply" else pair[0] + pair[1]
    equal = torch.ones(V).long()
    coded = made(table, equal, code="quotient_remainder", buckets=10, combine=combine)
    assert error(table, coded) < 1e-4 * float(table.double().square().sum())


def test_bands_hold_the_shares_of_document_003(counts: Tensor) -> None:
    bands = bands_of(counts, "frequency", np.random.default_rng(0))
    shares = [float(counts[bands == band].sum() / counts.sum()) for band in range(3)]
    assert 0.79 < shares[0] < 0.82 and 0.94 < shares[0] + shares[1] < 0.96
    assert counts[bands == 0].min() >= counts[bands == 1].max() >= counts[bands == 2].max()


@pytest.mark.parametrize("order", ["permuted", "reversed"])
def test_controls_have_bands_of_the_same_sizes_for_other_tokens(order: str, counts: Tensor) -> None:
    bands, other = (bands_of(counts, each, np.random.default_rng(0)) for each in ("frequency", order))
    assert torch.equal(bands.bincount(), other.bincount())
    assert not torch.equal(bands, other)
    if order == "reversed":
        assert counts[other == 0].max() == 0


def test_controls_of_widths_and_bits_have_the_same_budget(table: Tensor, counts: Tensor) -> None:
    for code, options in (("banded_widths", {"widths": [16, 8, 2]}), ("banded_bits", {"levels": [8, 4, 3]})):
        own, permuted, reverse = (
            made(table, counts, code=code, order=order, **options) for order in ("frequency", "permuted", "reversed")
        )
        assert own.bits == permuted.bits == reverse.bits
        weight = counts.double() + 1
        assert error(table, own, weight) < error(table, permuted, weight) < error(table, reverse, weight)
    even = made(table, counts, code="banded_bits", levels=[8, 4, 3], order="uniform")
    assert even.bits == made(table, counts, code="banded_bits", levels=[8, 4, 3], order="frequency").bits
    assert [part.bits for part in even.parts if part.bits < 16] == [5, 4]
    uniform = made(table, counts, code="banded_widths", widths=[16, 8, 2], order="uniform")
    banded = made(table, counts, code="banded_widths", widths=[16, 8, 2], order="frequency")
    assert uniform.bits <= banded.bits < uniform.bits + 16 * (V + D)


def test_the_schema_knows_the_codes_and_their_options() -> None:
    import inspect

    every = {**codes.CODES, **trained.CODES}
    assert OPTIONS.keys() == every.keys() and set(TRAINED) == trained.CODES.keys()
    assert set(TRAINING) == {*trained.OF_TRAINING} - {"code"}
    for name, (needed, allowed) in OPTIONS.items():
        parameters = list(inspect.signature(every[name]).parameters.values())[3:]
        of_training = TRAINING if name in TRAINED else ()
        assert {each.name for each in parameters} == {*needed, *allowed} - {*of_training}, name
        assert {each.name for each in parameters if each.default is each.empty} == {*needed} - {*of_training}, name


def test_the_same_stream_gives_the_same_code(table: Tensor, counts: Tensor) -> None:
    first, again = (made(table, counts, code="product", width=4) for _ in range(2))
    other = encode({"code": "product", "width": 4}, table, counts, np.random.default_rng(4))
    assert torch.equal(first.table, again.table)
    assert not torch.equal(first.table, other.table)
