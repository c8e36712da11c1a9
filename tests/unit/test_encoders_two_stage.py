"""Principal components and autoencoders: closed forms, and how near training comes to them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from tokentrial.encoders.autoencoder import Autoencoder
from tokentrial.encoders.base import Context
from tokentrial.encoders.pca import Pca, principal_components
from tokentrial.encoders.tables import source_table, standardise, token_weights
from tokentrial.training.condition import fit_arm

# Float32 sums of a few thousand squares: an error below the optimum by more than this would be a wrong optimum.
ROUNDING = 1e-6


def zipf_counts(seeds: int, vocab_size: int) -> Tensor:
    return (1000 / torch.arange(1, vocab_size + 1)).round().repeat(seeds, 1)


def table_of(seeds: int, vocab_size: int, full_width: int) -> Tensor:
    """Rows with a mean and directions of unequal variance."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(seeds, vocab_size, full_width, generator=generator)
    return draws * torch.linspace(0.3, 2, full_width) + 0.5


def context_of(table: Tensor, counts: Tensor, initial_scale: float = 1.0) -> Context:
    return Context(42, tuple(range(len(table))), counts, lambda: table, initial_scale, lambda message: None)


def closed_form(table: np.ndarray, counts: np.ndarray, width: int) -> float:
    """Share of the count-weighted variance (one seed: (V, D), (V,)) that the best ``width`` linear codes leave."""
    share = counts / counts.sum()
    centred = table - share @ table
    eigenvalues = np.linalg.eigvalsh(centred.T @ (centred * share[:, None]))  # ascending
    return float(eigenvalues[: table.shape[1] - width].sum() / eigenvalues.sum())


@pytest.mark.parametrize(("vocab_size", "full_width", "width"), [(50, 16, 4), (10, 16, 4), (50, 16, 16), (3, 16, 4)])
def test_principal_components_are_the_closed_form(vocab_size: int, full_width: int, width: int) -> None:
    table, weights = table_of(2, vocab_size, full_width), token_weights(zipf_counts(2, vocab_size))
    codes, residual = principal_components(table, weights, width)
    assert codes.shape == (2, vocab_size, width)
    for seed in range(2):
        rows, share = table[seed].double().numpy(), weights[seed].double().numpy()
        share = share / share.sum()
        centred = rows - share @ rows
        scaled = centred * np.sqrt(share)[:, None]
        singular = np.linalg.svd(scaled, compute_uv=False)
        assert residual[seed].item() == pytest.approx((singular[width:] ** 2).sum() / full_width, rel=1e-5, abs=1e-9)
        # The best linear map back from the codes leaves just that: the residual is reached, not only claimed.
        back, *_ = np.linalg.lstsq(codes[seed].double().numpy() * np.sqrt(share)[:, None], scaled, rcond=None)
        left = scaled - codes[seed].double().numpy() * np.sqrt(share)[:, None] @ back
        assert residual[seed].item() == pytest.approx((left**2).sum() / full_width, rel=1e-4, abs=1e-9)
        # Codes are uncorrelated under the token shares, with the leading eigenvalues as variances.
        covariance = codes[seed].double().numpy().T @ (codes[seed].double().numpy() * share[:, None])
        expected = np.zeros(width)
        expected[: min(width, len(singular))] = singular[:width] ** 2
        np.testing.assert_allclose(covariance, np.diag(expected), atol=1e-5 * singular[0] ** 2)


def test_no_other_linear_code_does_better() -> None:
    table, weights = table_of(1, 30, 8), token_weights(zipf_counts(1, 30))
    _, residual = principal_components(table, weights, 3)
    share = weights[0].double().numpy()
    rows = table[0].double().numpy()
    scaled = (rows - share @ rows) * np.sqrt(share)[:, None]
    rng = np.random.default_rng(0)
    for _ in range(50):
        codes = scaled @ rng.normal(size=(8, 3))
        left = scaled - codes @ np.linalg.lstsq(codes, scaled, rcond=None)[0]
        assert (left**2).sum() / 8 > residual.item()


def test_tokens_count_as_often_as_they_occur() -> None:
    table, counts = table_of(1, 12, 8), zipf_counts(1, 12)
    counts[0, 11] = 0.0
    codes, residual = principal_components(table, token_weights(counts), 3)
    changed = table.clone()
    changed[0, 11] += 100.0  # a token that never occurs pulls nothing
    moved, same = principal_components(changed, token_weights(counts), 3)
    torch.testing.assert_close(moved[:, :11], codes[:, :11], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(same, residual)
    uniform = principal_components(table, token_weights(torch.ones(1, 12)), 3)[1]
    assert uniform.item() != pytest.approx(residual.item(), rel=0.01)
    assert token_weights(zipf_counts(2, 12)).sum(1).tolist() == pytest.approx([1, 1])


def trained(table: Tensor, counts: Tensor, width: int, **options: Any) -> tuple[Autoencoder, Tensor]:
    encoder = Autoencoder(*table.shape[1:2], width, table.shape[2], **options)
    trainable, frozen = encoder.initialise(context_of(table, counts))
    return encoder, (trainable | frozen)["table"]


DEFAULT, LONG = {}, {"reconstruction_steps": 2000}


@pytest.mark.parametrize(
    ("vocab_size", "full_width", "width", "options", "gap"),
    [(20, 32, 4, DEFAULT, 1e-5), (100, 32, 8, DEFAULT, 1e-5), (50, 32, 16, DEFAULT, 0.01), (50, 32, 16, LONG, 1e-5)],
)
def test_a_linear_autoencoder_reaches_the_closed_form(
    vocab_size: int, full_width: int, width: int, options: dict[str, Any], gap: float
) -> None:
    """To 1e-5 of the optimum; measured are 1e-7, the rounding of float32.

    A table of random rows has eigenvalues close to each other. Where half of the numbers are kept, one of three seeds
    needs more than the default steps (measured 5e-3 of the optimum), and 2,000 are enough for all.
    """
    table, counts = table_of(3, vocab_size, full_width), zipf_counts(3, vocab_size)
    encoder, _ = trained(table, counts, width, **options)
    assert encoder.reconstruction_error is not None
    for seed, error in enumerate(encoder.reconstruction_error.tolist()):
        optimum = closed_form(table[seed].double().numpy(), counts[seed].double().numpy(), width)
        assert optimum * (1 - ROUNDING) - ROUNDING < error < optimum * (1 + gap)


def test_the_autoencoder_arm_reaches_the_pca_arm(job_of: Any, spec_of: Any, data_of: Any) -> None:
    """On a table trained on the task: the arm's own error against the optimum of the same table and counts."""
    job = job_of(spec_of(), data_of(), range(3))
    encoder, _, _ = fit_arm(job, "autoencoder", {"encoder": "autoencoder"})
    table = fit_arm(job, "full", {"encoder": "full"})[2].parameters["table"]
    for seed, error in enumerate(encoder.reconstruction_error.tolist()):
        optimum = closed_form(table[seed].double().numpy(), job.counts[seed].double().numpy(), 4)
        assert 0.05 < optimum < 0.9  # neither nothing to lose nor nothing to keep
        assert optimum * (1 - ROUNDING) - ROUNDING < error < optimum * 1.001


def test_linear_codes_are_the_principal_ones_up_to_a_linear_map() -> None:
    table, counts = table_of(1, 30, 8), zipf_counts(1, 30)
    _, codes = trained(table, counts, 3)
    principal, _ = principal_components(table, token_weights(counts), 3)
    weight = np.sqrt(counts[0].numpy())[:, None]
    left, right = weight * codes[0].numpy(), weight * principal[0].numpy()
    # cosines of the principal angles between both column spaces: all 1 where they are one space
    cosines = np.linalg.svd(np.linalg.qr(left)[0].T @ np.linalg.qr(right)[0], compute_uv=False)
    np.testing.assert_allclose(cosines, 1, atol=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation": "relu"},
        {"variant": "deep"},
        {"variant": "variational"},
        {"variant": "deep", "activation": "relu"},
    ],
)
def test_every_variant_rebuilds_more_than_the_mean(options: dict[str, Any]) -> None:
    table, counts = table_of(3, 20, 16), zipf_counts(3, 20)
    encoder, codes = trained(table, counts, 4, reconstruction_steps=300, **options)
    assert encoder.reconstruction_error is not None
    errors = encoder.reconstruction_error.tolist()
    assert all(0 < error < 0.9 for error in errors)  # 1 is what the mean row, the zero code, leaves
    assert codes.shape == (3, 20, 4)
    if options.get("variant") != "deep":  # one linear map back from any code cannot beat the principal components
        optima = [closed_form(table[k].double().numpy(), counts[k].double().numpy(), 4) for k in range(3)]
        assert all(error > optimum * (1 - ROUNDING) for error, optimum in zip(errors, optima, strict=True))


def test_a_code_that_may_say_nothing_leaves_all_of_the_variance() -> None:
    """A heavy KL term makes the variational code collapse to its prior: what is left is 1, the whole variance."""
    encoder, _ = trained(
        table_of(2, 20, 16), zipf_counts(2, 20), 4, variant="variational", kl_weight=1e4, reconstruction_steps=500
    )
    assert encoder.reconstruction_error is not None
    assert encoder.reconstruction_error.tolist() == pytest.approx([1, 1], abs=0.01)


def test_the_error_is_a_share() -> None:
    table, counts = table_of(2, 20, 16), zipf_counts(2, 20)
    plain, scaled = (trained(t, counts, 4, reconstruction_steps=50)[0] for t in (table, 1000 * table - 3))
    assert plain.reconstruction_error is not None
    assert scaled.reconstruction_error is not None
    # float32 centring of a table that is shifted by thousands
    torch.testing.assert_close(plain.reconstruction_error, scaled.reconstruction_error, rtol=1e-4, atol=0)


def test_the_penalty_is_the_divergence_of_the_code_from_its_prior() -> None:
    table, counts = table_of(2, 9, 6), zipf_counts(2, 9)
    context, share = context_of(table, counts), token_weights(counts).unsqueeze(-1)
    losses = {}
    for weight in (0.0, 1.0):
        encoder = Autoencoder(9, 3, 6, variant="variational", kl_weight=weight)
        maps = encoder._initial_maps(context)
        losses[weight] = encoder._loss(maps, table, share, context.normal("variational_noise", 9, 3))
    mean, log_variance = encoder._encode(maps, table)
    assert log_variance is not None
    divergence = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(-1)  # (S, V)
    expected = (divergence * share.squeeze(-1)).sum(1) / 6  # nats per token, shared by the D numbers rebuilt
    torch.testing.assert_close(losses[1.0] - losses[0.0], expected, rtol=1e-4, atol=1e-5)  # a float32 difference


def test_the_noise_of_the_variational_code_has_its_own_variance() -> None:
    """The expected loss over draws of the code is the loss at its mean plus the decoded variance, in closed form."""
    table, counts = table_of(1, 9, 6), zipf_counts(1, 9)
    context, share = context_of(table, counts), token_weights(counts).unsqueeze(-1)
    encoder = Autoencoder(9, 3, 6, variant="variational", kl_weight=0.0)
    maps = encoder._initial_maps(context)
    mean, log_variance = encoder._encode(maps, table)
    assert log_variance is not None
    at_mean = ((encoder._decode(maps, mean) - table).square() * share).sum() / 6
    spread = (log_variance.exp() @ maps["decode"].square() * share).sum() / 6
    draws = [encoder._loss(maps, table, share, context.normal(f"draw{k}", 9, 3)).item() for k in range(2000)]
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - (at_mean + spread).item()) < 4 * error  # four standard errors of the mean


def test_frozen_codes_share_one_scale() -> None:
    context = context_of(table_of(2, 9, 6), zipf_counts(2, 9), initial_scale=0.3)
    codes = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([5.0, 0.01]).view(2, 1, 1)
    made = standardise(codes, context)
    assert made.square().mean(dim=(1, 2)).sqrt().tolist() == pytest.approx([0.3, 0.3], rel=1e-5)
    factor = made / codes
    torch.testing.assert_close(factor, factor[:, :1, :1].expand_as(factor))  # one factor per seed
    assert torch.equal(standardise(torch.zeros(1, 9, 3), context), torch.zeros(1, 9, 3))


def test_which_table_is_compressed() -> None:
    table = table_of(2, 9, 6)
    context = context_of(table, zipf_counts(2, 9), initial_scale=0.1)
    assert source_table(context, "task", 9, 6) is table
    random = source_table(context, "random", 9, 6)
    assert torch.equal(random, 0.1 * context.normal("source_table", 9, 6))
    of_task, of_random = (Pca(9, 3, 6, table=source).initialise(context)[1]["table"] for source in ("task", "random"))
    assert not torch.equal(of_task, of_random)
    assert (Pca(9, 3, 6).trained_count(), Pca(9, 3, 6, table="random").trained_count()) == (54, 0)
