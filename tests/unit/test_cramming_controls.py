"""The controls against the plain ways to compute them."""

import cramming_models as models
import pytest
import torch
from torch.nn.functional import cross_entropy

from tokentrial.cramming import controls
from tokentrial.cramming.decode import Reader
from tokentrial.cramming.engine import Cramming, Settings
from tokentrial.cramming.folders import LanguageModel

SETTINGS = Settings(0.3, True, "constant", (0.9, 0.99), 0.0, 20, None)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return models.write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module", params=("neox", "mamba"))
def model(request: pytest.FixtureRequest, files: dict[str, str]) -> LanguageModel:
    return models.lively(request.param, files)


def test_the_prefix_is_the_text_twice(model: LanguageModel) -> None:
    ids = models.random_ids(4, 9)
    found = controls.measure("prefix", Reader.of(model), models.random_vectors(4, 1, model), ids, predict_first=False)
    assert found is not None
    for text in range(4):
        logits = model.model(input_ids=torch.cat([ids[text], ids[text]])[None], use_cache=False).logits[0, 9:-1]
        assert float(found.cross_entropy[text]) == pytest.approx(float(cross_entropy(logits, ids[text, 1:])), rel=1e-5)
        assert float(found.accuracy[text]) == pytest.approx(float((logits.argmax(1) == ids[text, 1:]).double().mean()))


def test_a_random_vector_is_measured_as_it_is(model: LanguageModel) -> None:
    ids, start = models.random_ids(4, 9), models.random_vectors(4, 2, model)
    found = controls.measure("random-vector", Reader.of(model), start, ids, predict_first=False)
    first = Cramming(Reader.of(model), ids.unsqueeze(1), start, SETTINGS).measure()
    assert found is not None
    torch.testing.assert_close(found.cross_entropy, first[1][:, 0])
    torch.testing.assert_close(found.accuracy * 8, first[0][:, 0].double())


def test_greedy_counts_what_follows_the_vectors(model: LanguageModel) -> None:
    start = models.random_vectors(3, 2, model)
    ids = models.continued(model, start, models.random_ids(3, 1)[:, 0], 6)
    found = controls.measure("random-vector", Reader.of(model), start, ids, predict_first=False)
    assert found is not None and found.greedy.tolist() == [5, 5, 5] and found.accuracy.tolist() == [1, 1, 1]


def test_a_prefix_that_the_context_cannot_hold_is_not_measured(files: dict[str, str]) -> None:
    model = models.lively("neox", files)
    start = models.random_vectors(1, 1, model)
    for length, measured in ((models.CONTEXT // 2, True), (models.CONTEXT // 2 + 1, False)):
        found = controls.measure("prefix", Reader.of(model), start, models.random_ids(1, length), predict_first=False)
        assert (found is not None) == measured


def test_without_vectors_is_the_plain_model(model: LanguageModel) -> None:
    ids = models.random_ids(4, 9)
    accuracy, loss = controls.without_vectors(Reader.of(model), ids, predict_first=False)
    logits = model.model(input_ids=ids, use_cache=False).logits[:, :-1]
    expected = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(4, 8).mean(1)
    torch.testing.assert_close(loss, expected.to(loss.dtype), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(accuracy, (logits.argmax(2) == ids[:, 1:]).to(loss.dtype).mean(1))


def test_pairs_share_the_first_texts_start() -> None:
    ids, start = torch.arange(12).view(4, 3), torch.arange(8.0).view(4, 1, 2)
    units, vectors = controls.shared_units(ids, start)
    assert units.tolist() == [[ids[0].tolist(), ids[1].tolist()], [ids[2].tolist(), ids[3].tolist()]]
    assert torch.equal(vectors, start[[0, 2]])


def test_a_shared_vector_follows_the_sum_of_both_texts_gradients(model: LanguageModel) -> None:
    ids, start = models.random_ids(4, 7), models.random_vectors(4, 1, model)
    units, vectors = controls.shared_units(ids, start)
    both = Cramming(Reader.of(model), units, vectors, SETTINGS).measure()
    alone = Cramming(Reader.of(model), ids.unsqueeze(1), vectors.repeat_interleave(2, 0), SETTINGS).measure()
    assert torch.equal(both[0].flatten(), alone[0].flatten())
    torch.testing.assert_close(both[1].flatten(), alone[1].flatten(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(both[2], alone[2].view(2, 2, 1, -1).sum(1), rtol=1e-5, atol=1e-6)


def test_two_equal_texts_share_a_vector_as_one_text_has_it(files: dict[str, str]) -> None:
    """Twice the gradient moves AdamW alike, so the pair's loss falls as the single text's does (float64)."""
    model = models.lively("neox", files)
    ids, start = models.random_ids(1, 6), models.random_vectors(1, 1, model)
    one = Cramming(Reader.of(model), ids.unsqueeze(1), start, SETTINGS)
    two = Cramming(Reader.of(model), ids.repeat(1, 2).view(1, 2, 6), start, SETTINGS)
    for work in (one, two):
        while not work.done:
            work.step()
    torch.testing.assert_close(two.records.losses, one.records.losses.repeat(1, 2), rtol=1e-5, atol=1e-5)
    assert float(one.records.losses) < float(Cramming(Reader.of(model), ids.unsqueeze(1), start, SETTINGS).measure()[1])
