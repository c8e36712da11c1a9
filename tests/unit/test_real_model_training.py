"""Encodings of a token table that a language model's loss trains: gradients, what moves, and the job's rows."""

from pathlib import Path
from typing import Any

import cramming_models
import numpy as np
import pandas as pd
import pytest
import torch
from real_model_runs import CONDITION, LEARNED, TRAINING, make_place, run_trained, texts
from torch import Tensor
from torch.nn.functional import cross_entropy

from tokentrial.cramming import folders
from tokentrial.errors import InputError
from tokentrial.real_model import fitting as fit
from tokentrial.real_model import trained
from tokentrial.real_model.documents import Text
from tokentrial.seeds import stream

PRODUCT: dict[str, Any] = {"code": "learned_product", "width": 4, "stages": 2, "uses": ["input"], **TRAINING}
SIZE, WIDTH = cramming_models.VOCAB_SIZE, 16
TABLE: dict[str, Any] = {"code": "learned_table", "uses": ["input"], **TRAINING}
STARTS = (
    TABLE,
    LEARNED,
    LEARNED | {"start": "random"},
    LEARNED | {"start": "random", "hidden": 8},
    LEARNED | {"start": "autoencoder", "hidden": 8},
    PRODUCT,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_place(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def model(place: Path) -> folders.LanguageModel:
    return folders.read(place / "model")


@pytest.fixture(scope="module")
def counts() -> Tensor:
    return torch.arange(SIZE).flip(0)


def started(options: dict[str, Any], model: folders.LanguageModel, counts: Tensor) -> trained.Trained:
    return trained.start(options, model.table.detach(), counts, stream(7, "start"))


def fitted(
    options: dict[str, Any], model: folders.LanguageModel, counts: Tensor, ids: Tensor, tied: bool = False
) -> fit.Fitting:
    return fit.Fitting(model, started(options, model, counts), ids, tied, fit.Settings.of(options))


def windows(tokens: int = SIZE, seed: int = 1) -> Tensor:
    return torch.from_numpy(stream(seed, "ids").integers(tokens, size=(18, 13)))


@pytest.mark.parametrize("options", STARTS, ids=lambda each: f"{each['code']}-{each.get('start')}-{each.get('hidden')}")
def test_vectors_are_those_that_are_stored(
    options: dict[str, Any], model: folders.LanguageModel, counts: Tensor
) -> None:
    encoding = started(options, model, counts)
    coded = encoding.coded()
    largest = float(coded.table.abs().max())
    assert torch.allclose(encoding.table().detach(), coded.table, atol=4e-3 * largest)
    assert torch.equal(coded.decoded(), coded.table)
    spread = float(model.table.std())
    assert spread / 2 < float(coded.table.std()) < 2 * spread


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("options", [LEARNED, PRODUCT], ids=["learned", "product"])
def test_the_loss_and_its_slope_are_those_of_the_model_with_the_table(
    options: dict[str, Any], tied: bool, model: folders.LanguageModel, counts: Tensor, place: Path
) -> None:
    """By transformers' own forward pass; the slope by the difference of two losses."""
    whole, ids = folders.read(place / "model").model, windows()
    body, head = whole.base_model, whole.get_output_embeddings().weight.detach().clone()

    def loss(encoding: trained.Trained) -> Tensor:
        table = encoding.table().double()
        hidden = body.double()(inputs_embeds=table[ids[:3, :-1]], use_cache=False).last_hidden_state
        logits = hidden @ (table if tied else head.double()).T
        return cross_entropy(logits.flatten(0, 1), ids[:3, 1:].flatten())

    training = fitted(options, model, counts, ids, tied)
    name, expected = ("codes" if options is LEARNED else "centroids"), training.encoding.tensors
    value = expected[name]
    with torch.no_grad():
        before = float(loss(training.encoding))
        generator = torch.Generator().manual_seed(3)
        direction = torch.randn(value.shape, generator=generator) * value.std() * 1e-4
        value += direction
        after = float(loss(training.encoding))
        value -= 2 * direction
        other = float(loss(training.encoding))
        value += direction
    gradient: dict[str, Tensor] = {}
    value.register_hook(lambda slope: gradient.update(slope=slope.clone()))
    training._advance(training.windows[0])
    assert training.losses == [pytest.approx(before, rel=1e-5)]
    along = float((gradient["slope"] * direction).sum())
    if options is LEARNED:  # centroids may pass a token on to others on the way
        assert along == pytest.approx((after - other) / 2, rel=2e-2, abs=1e-8)
    assert along != 0


def test_training_lowers_the_loss_of_a_model_that_knows_something(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "CENTROIDS", 6)  # so few that product codes lose something
    model = cramming_models.trained(texts(place), steps=120)
    ids = Text("t", [], Path(texts(place)["train"]).read_text().splitlines(keepends=True)).passages(
        model, 240, 12, stream(2, "w")
    )
    options = {"steps": 60, "batch": 4, "rate": 0.05}
    for each in (LEARNED, LEARNED | {"start": "random"}, PRODUCT | {"width": 8, "stages": 1}):
        training = fitted(each | options, model, torch.ones(SIZE).long(), ids)
        training.run(lambda: False, lambda _: None)
        assert np.mean(training.losses[-10:]) < np.mean(training.losses[:5]) - 0.2, each


@pytest.mark.parametrize("options", [LEARNED, PRODUCT], ids=["learned", "product"])
def test_bfloat16_trains_nearly_the_same(options: dict[str, Any], model: folders.LanguageModel, counts: Tensor) -> None:
    """And is another training: its products are rounded."""
    losses = []
    for precision in ("float32", "bfloat16"):
        training = fitted(options | {"precision": precision}, model, counts, windows())
        training.run(lambda: False, lambda _: None)
        losses.append(training.losses)
    assert losses[0] == pytest.approx(losses[1], rel=5e-3) and losses[0] != losses[1]


def test_tokens_that_are_never_shown_keep_their_codes(model: folders.LanguageModel, counts: Tensor) -> None:
    shown = torch.arange(SIZE) < 40
    for options in (LEARNED, PRODUCT, TABLE):
        name = next(iter(started(options, model, counts).tensors))
        training = fitted(options, model, counts, windows(40))
        before = training.encoding.tensors[name].detach().clone()
        training.run(lambda: False, lambda _: None)
        moved = (training.encoding.tensors[name].detach() != before).any(1)
        assert bool(moved[:40].any()) and not bool(moved[~shown].any())
        before = started(options, model, counts).table()
        assert torch.equal(training.encoding.table()[~shown], before[~shown]) == (options is TABLE)
    training = fitted(LEARNED, model, counts, windows(40), tied=True)
    before = training.encoding.tensors["codes"].detach().clone()
    training.run(lambda: False, lambda _: None)
    assert bool((training.encoding.tensors["codes"].detach() != before).any(1).all())


def test_a_query_gets_the_gradient_of_its_vector(model: folders.LanguageModel, counts: Tensor) -> None:
    encoding = started(PRODUCT, model, counts)
    for value in encoding.tensors.values():
        value.requires_grad_()
    pull = torch.randn(5, WIDTH, generator=torch.Generator().manual_seed(2))
    ids = torch.tensor([3, 9, 3, 20, 7])
    (encoding.vectors(ids) * pull).sum().backward()
    slope = encoding.tensors["queries"].grad
    assert slope is not None and torch.allclose(slope[3], pull[0] + pull[2]) and torch.allclose(slope[9], pull[1])
    of_centroids = encoding.tensors["centroids"].grad
    assert of_centroids is not None
    expected = pull.view(5, WIDTH // 4, 4).sum(0)  # a stage's gradient, group by group, whatever was chosen
    assert torch.allclose(of_centroids.sum(2), expected.expand(2, -1, -1), atol=1e-5)


def test_rates_are_shares_of_each_tensor(model: folders.LanguageModel, counts: Tensor) -> None:
    training = fitted(LEARNED | {"steps": 1000, "rate": 0.01}, model, counts, windows().repeat(167, 1)[:3000])
    before = {name: value.detach().clone() for name, value in training.encoding.tensors.items()}
    training._advance(training.windows[0])
    for name in ("codes", "decoder0"):
        moved = (training.encoding.tensors[name].detach() - before[name]).abs().max()
        assert float(moved) == pytest.approx(0.01 * float(before[name].square().mean().sqrt()), rel=1e-2)


@pytest.fixture(scope="module")
def rows(place: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    return run_trained(place, tmp_path_factory.mktemp("out"), "learned-4", LEARNED)


def test_documents_have_the_means_over_seeds(rows: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    runs, costs = rows
    assert set(costs["condition"]) == {
        f"{CONDITION}/{text}-{use}" for text in ("wikitext-2", "sotu") for use in ("input", "tied")
    }
    assert set(costs["seeds"]) == {2} and set(costs["tokens_seen"]) == {6 * 3 * 12} and set(costs["steps"]) == {6}
    assert set(costs["bits_deployed"]) == {16 * (4 * (SIZE + WIDTH) + WIDTH)}
    assert bool((costs["encode_seconds"] > 0).all() and (costs["decode_seconds"] > 0).all())
    assert bool((costs["wall_seconds"] * 2 > costs["encode_seconds"] * 0.5).all())  # both seeds', of two texts
    loss = runs[(runs["metric"] == "cross_entropy") & runs["step"].isna()]
    for _, group in loss.groupby("condition"):
        documents, seeds = (group[group["split"] == split]["value"] for split in ("test", "seeds"))
        assert len(documents) == 5 and len(seeds) == 2 and seeds.nunique() == 2
        assert documents.mean() == pytest.approx(seeds.mean())
    unseen = runs[runs["metric"] == "unseen"]["value"]
    assert bool(((unseen >= 0) & (unseen < 0.5)).all())
    curve = runs[(runs["split"] == "train") & (runs["seed"] == 1)]
    assert sorted(curve["step"].unique()) == [1, 2, 3, 4, 5, 6]


def test_uses_are_trained_apart(rows: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    runs, _ = rows
    curves = runs[(runs["split"] == "train") & (runs["seed"] == 0) & (runs["step"] == 6)].set_index("condition")[
        "value"
    ]
    assert curves[f"{CONDITION}/sotu-input"] == curves[f"{CONDITION}/wikitext-2-input"]
    assert curves[f"{CONDITION}/sotu-input"] != curves[f"{CONDITION}/sotu-tied"]


def test_a_training_that_is_cut_goes_on_with_the_same_rows(
    rows: tuple[pd.DataFrame, pd.DataFrame], place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, steps = fit.Fitting._advance, []

    def cut(training: fit.Fitting, ids: Tensor) -> None:
        steps.append(training.step)
        if len(steps) == 9:  # in the second seed, four steps in
            raise KeyboardInterrupt
        advance(training, ids)

    monkeypatch.setattr(fit.Fitting, "_advance", cut)
    with pytest.raises(KeyboardInterrupt):
        run_trained(place, tmp_path, "learned-4", LEARNED)
    again, _ = run_trained(place, tmp_path, "learned-4", LEARNED)
    assert steps[8:12] == [2, 2, 3, 4]
    pd.testing.assert_frame_equal(again, rows[0])


def test_product_codes_are_measured_for_the_uses_that_they_are_trained_for(place: Path, tmp_path: Path) -> None:
    runs, costs = run_trained(place, tmp_path, "learned_product_2", PRODUCT)
    assert {name.rpartition("-")[2] for name in costs["condition"]} == {"input"}
    assert bool(runs["value"].notna().all() | runs["metric"].str.startswith("cross_entropy_").any())
    stage = 8 * SIZE * 4 + 16 * 256 * WIDTH
    assert set(costs["bits_deployed"]) == {2 * stage}


def test_settings_that_do_not_fit_are_one_line(place: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"arms\.learned-4\.length: found 65, expected at most the context of 64"):
        run_trained(place, tmp_path, "learned-4", LEARNED | {"length": 65})
    model = folders.read(place / "model")
    with pytest.raises(
        InputError, match=r"length: found a training text of 2 lines in own, expected one with passages"
    ):
        Text("own", [], ["a b c\n", "d\n"]).passages(model, 2, 64, stream(1, "x"))
    assert list(tmp_path.iterdir()) == []
