"""Losses by frequency band: the bands are the layouts' own, the parts add up, and a slow reference agrees."""

import numpy as np
import pytest
import torch

from tokentrial.encoders.base import Context, load
from tokentrial.encoders.layouts import Categories
from tokentrial.models import heads
from tokentrial.studies import small_models
from tokentrial.training import loop
from tokentrial.training.bands import BANDS, ENDS, band_metrics, bands_of, losses_by_band
from tokentrial.training.loop import HeldOut

V, SEEDS = 12, 3


def counts(seed: int = 0) -> torch.Tensor:
    """Zipf-like counts (S, V) in another order for each seed, with ties and tokens that never occur."""
    rng = np.random.default_rng(seed)
    law = np.maximum(400 // (1 + np.arange(V)) ** 2, 0)
    law[-3:] = [3, 3, 0]
    return torch.from_numpy(np.stack([rng.permutation(law) for _ in range(SEEDS)])).float()


def model(head: str) -> tuple:
    encoder = load("full")(V, 4, 4)
    built = heads.build(head, V, 4, 5, 8, True)
    context = Context(1, tuple(range(SEEDS)), counts(), lambda: torch.zeros(0), 1.0, lambda _: None)
    trainable, frozen = encoder.initialise(context)
    return encoder, built, {**trainable, **frozen, **heads.initialise(built, context, None)}


def text(head: str) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.from_numpy(np.random.default_rng(4).integers(0, V, (SEEDS, 37, 6)))
    return ids[..., :-1], ids[..., -1:] if head == "mean_pool" else ids[..., 1:]


def test_bands_are_those_of_the_layouts_rule() -> None:
    found = bands_of(counts())
    rule = Categories("cumulative", ENDS)
    for own, bands_of_seed in zip(counts().numpy(), found.numpy(), strict=True):
        assert tuple(np.bincount(bands_of_seed, minlength=3)) == rule.sizes(own)
        lowest = [own[bands_of_seed == index].min() for index in (0, 1)]
        assert lowest[0] >= own[bands_of_seed == 1].max()
        assert lowest[1] >= own[bands_of_seed == 2].max()


def test_the_80_95_rule_on_counts_worked_out_by_hand() -> None:
    # shares of more frequent tokens: 0, 0.79, 0.94, 0.96, 0.99, and 1 for what never occurs
    found = bands_of(torch.tensor([[79.0, 15.0, 2.0, 3.0, 1.0, 0.0]]))
    assert found.tolist() == [[0, 0, 2, 1, 2, 2]]


@pytest.mark.parametrize("head", ["token_mlp", "mean_pool"])
def test_parts_weighted_by_their_shares_are_the_whole(head: str) -> None:
    encoder, built, parameters = model(head)
    inputs, targets = text(head)
    losses, shares = losses_by_band(encoder, built, parameters, inputs, targets, counts())
    whole = HeldOut(encoder, built, inputs, targets).loss(parameters)
    torch.testing.assert_close((losses * shares).nansum(1), whole, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(shares.sum(1), torch.ones(SEEDS, dtype=torch.float64))


@pytest.mark.parametrize("head", ["token_mlp", "mean_pool"])
def test_a_loop_over_predictions_gives_the_same(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, built, parameters = model(head)
    inputs, targets = text(head)
    monkeypatch.setattr(loop, "EVALUATION_LOGITS", V * targets.shape[2] * 10)  # several chunks, the last one short
    losses, shares = losses_by_band(encoder, built, parameters, inputs, targets, counts())
    scores = loop.logits(encoder, built, parameters, inputs).double().log_softmax(-1)
    band = bands_of(counts())
    for seed in range(SEEDS):
        found: dict[int, list[float]] = {0: [], 1: [], 2: []}
        for row in range(inputs.shape[1]):
            for position in range(targets.shape[2]):
                token = inputs[seed, row, inputs.shape[2] - targets.shape[2] + position]
                loss = -scores[seed, row, position, targets[seed, row, position]]
                found[int(band[seed, token])].append(float(loss))
        total = sum(map(len, found.values()))
        np.testing.assert_allclose(losses[seed], [np.mean(values) for values in found.values()], rtol=1e-5)
        np.testing.assert_allclose(shares[seed], [len(values) / total for values in found.values()])


def test_a_band_that_the_text_does_not_have_is_missing() -> None:
    encoder, built, parameters = model("token_mlp")
    frequent = counts().argmax(1).view(SEEDS, 1, 1).expand(SEEDS, 2, 6)
    losses, shares = losses_by_band(encoder, built, parameters, frequent[..., :-1], frequent[..., 1:], counts())
    assert torch.isfinite(losses[:, 0]).all()
    assert losses[:, 1:].isnan().all()
    assert shares.tolist() == [[1.0, 0.0, 0.0]] * SEEDS


def test_metrics_are_named_by_band() -> None:
    values = torch.arange(6.0).view(2, 3)
    names = {name: (found.tolist(), unit) for name, found, unit in band_metrics(values, values)}
    assert set(names) == {f"{kind}_{band}" for kind in ("cross_entropy", "share") for band in BANDS}
    assert names["cross_entropy_low"] == ([2.0, 5.0], "nats")
    assert names["share_high"] == ([0.0, 3.0], "fraction")


def test_only_the_bespoke_study_asks_for_bands(shipped: dict) -> None:
    specs = small_models.conditions(shipped)
    assert {spec["study"] for spec in specs.values() if spec.get("bands")} == {"bespoke"}
    assert all("bands" not in spec for spec in specs.values() if spec["study"] != "bespoke")
