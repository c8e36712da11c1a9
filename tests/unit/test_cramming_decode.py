"""Scores and greedy decoding against the model's own logits, one text at a time."""

import math
from dataclasses import replace

import cramming_models as models
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tokentrial.cramming.decode import Continuation, Reader, greedy_prefix, scores
from tokentrial.cramming.folders import LanguageModel


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return models.write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module", params=models.ARCHITECTURES)
def model(request: pytest.FixtureRequest, files: dict[str, str]) -> LanguageModel:
    return models.lively(request.param, files)


def logits_of(model: LanguageModel, vectors: Tensor, ids: Tensor) -> Tensor:
    """Logits (m + N, V) of one text (N,) after vectors (m, d)."""
    made: Tensor = model.model(inputs_embeds=torch.cat([vectors, model.table[ids]])[None], use_cache=False).logits[0]
    return made


def no_vectors(model: LanguageModel, count: int) -> Tensor:
    return model.table.new_empty(count, 0, model.width)


def said_by_one(model: LanguageModel, vectors: Tensor, ids: Tensor, first: bool) -> int:
    """The slow way: everything the model says from its own tokens alone, then compared."""
    said = [] if first else [int(ids[0])]
    while len(said) < len(ids):
        said.append(int(logits_of(model, vectors, torch.tensor(said, dtype=torch.int64))[-1].argmax()))
    given = 0 if first else 1
    wrong = [position for position in range(given, len(ids)) if said[position] != int(ids[position])]
    return (wrong[0] if wrong else len(ids)) - given


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("vectors", [1, 3])
def test_scores_are_those_of_the_models_logits(model: LanguageModel, vectors: int, first: bool) -> None:
    ids, start = models.random_ids(5, 7), models.random_vectors(5, vectors, model)
    nll, hit = scores(Reader.of(model), start, ids, first)
    for text in range(5):
        logits = logits_of(model, start[text], ids[text])[vectors - 1 if first else vectors : -1]
        targets = ids[text] if first else ids[text, 1:]
        expected = cross_entropy(logits, targets, reduction="none")
        torch.testing.assert_close(nll[text], expected.to(nll.dtype), rtol=1e-5, atol=1e-5)
        assert torch.equal(hit[text], logits.argmax(1) == targets)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("vectors", [0, 1])
def test_no_text_has_no_score(model: LanguageModel, vectors: int, first: bool) -> None:
    """As where a probe asks for second solutions and no text has one."""
    reader, ids = Reader.of(model), models.random_ids(2, 6)[:0]
    start = models.random_vectors(2, vectors, model)[:0]
    nll, hit = scores(reader, start, ids, first)
    assert nll.shape == hit.shape == (0, 6 if first else 5)
    assert nll.dtype == start.dtype and hit.dtype == torch.bool
    if vectors:
        assert greedy_prefix(reader, start, ids, first).tolist() == []


def test_without_vectors_the_first_token_is_at_chance(model: LanguageModel) -> None:
    ids = models.random_ids(4, 6)
    reader = Reader.of(model)
    nll, hit = scores(reader, no_vectors(model, 4), ids, predict_first=False)
    for text in range(4):
        logits = logits_of(model, no_vectors(model, 1)[0], ids[text])[:-1].to(nll.dtype)
        torch.testing.assert_close(
            nll[text], cross_entropy(logits, ids[text, 1:], reduction="none"), rtol=1e-5, atol=1e-5
        )
    more, hits = scores(reader, no_vectors(model, 4), ids, predict_first=True)
    assert more[:, 0].tolist() == pytest.approx([math.log(models.VOCAB_SIZE)] * 4)
    assert not bool(hits[:, 0].any())
    assert torch.equal(more[:, 1:], nll) and torch.equal(hits[:, 1:], hit)


@pytest.mark.parametrize("first", [False, True])
def test_greedy_decoding_is_that_of_one_text_at_a_time(model: LanguageModel, first: bool) -> None:
    """Texts that the model says itself, with one token changed in most: the count ends there."""
    start = models.random_vectors(6, 2, model)
    begin = torch.stack(
        [logits_of(model, vectors, torch.tensor([], dtype=torch.int64))[-1].argmax() for vectors in start]
    )
    ids = models.continued(model, start, begin, 8)
    for text, position in enumerate((None, 1, 4, 7, 0, 2)):
        if position is not None:
            ids[text, position] = (ids[text, position] + 1) % models.VOCAB_SIZE
    found = greedy_prefix(Reader.of(model), start, ids, first).tolist()
    assert found == [said_by_one(model, vectors, text, first) for vectors, text in zip(start, ids, strict=True)]
    if first:
        assert found == [8, 1, 4, 7, 0, 2]
    else:
        assert found[:4] == [7, 0, 3, 6]  # where t_1 is given, changing it changes what follows


def test_a_teacher_forced_solution_is_an_exact_greedy_one(model: LanguageModel) -> None:
    start = models.random_vectors(4, 1, model)
    ids = models.continued(model, start, models.random_ids(4, 1)[:, 0], 9)
    ids[3, 5] += 1 if ids[3, 5] == 0 else -1
    reader = Reader.of(model)
    _, hit = scores(reader, start, ids, predict_first=False)
    assert hit.all(1).tolist() == [True, True, True, False]
    assert greedy_prefix(reader, start, ids, predict_first=False).tolist() == [8, 8, 8, 4]


def test_a_high_share_of_hits_is_not_a_long_prefix(model: LanguageModel) -> None:
    """An error in the first token: teacher forcing goes on as if nothing were, decoding does not count any further."""
    start = models.random_vectors(1, 1, model)
    ids = models.continued(model, start, models.random_ids(1, 1)[:, 0], 4)
    ids[0, 1] = (ids[0, 1] + 1) % models.VOCAB_SIZE
    before = torch.cat([start, model.table[ids[:, :1]]], 1)
    ids = torch.cat([ids[:, :1], models.continued(model, before, ids[:, 1], 6)], 1)
    reader = Reader.of(model)
    _, hit = scores(reader, start, ids, predict_first=False)
    assert hit[0].tolist() == [False, True, True, True, True, True]
    assert greedy_prefix(reader, start, ids, predict_first=False).tolist() == [0]


def test_a_cache_gives_the_logits_of_whole_passes(model: LanguageModel) -> None:
    """Also after texts have left; Mamba has no cache of keys and values."""
    assert model.caches == (model.model.config.model_type != "mamba")
    start, ids = models.random_vectors(4, 2, model), models.random_ids(4, 5)
    cached, whole = (Continuation(Reader.of(each), start) for each in (model, replace(model, caches=False)))
    for position, rows in enumerate([[0, 1, 2, 3], [0, 2, 3], [2, 1], [0, 1], [1]]):
        found, expected = cached.logits(), whole.logits()
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
        for text in (cached, whole):
            text.keep(torch.tensor(rows))
            text.append(ids[: len(rows), position])


def test_passes_cover_every_text_once_and_none_is_too_large(files: dict[str, str]) -> None:
    reader = Reader.of(models.untrained("llama", files))
    for count, length in ((1, 1), (7, 1), (96, 33), (5, 10_000), (1025, 1)):
        parts = reader.passes(count, length)
        assert [i for part in parts for i in range(part.start, part.stop)] == list(range(count))
        sizes = [part.stop - part.start for part in parts]
        assert max(sizes) * length <= max(reader.positions, length) and max(sizes) - min(sizes) <= 1


def test_bfloat16_gives_scores_in_float32_near_the_exact_ones(files: dict[str, str]) -> None:
    model = models.untrained("llama", files, scale=5.0)
    ids, start = models.random_ids(8, 12), models.random_vectors(8, 1, model)
    exact, _ = scores(Reader.of(model), start, ids, predict_first=False)
    rounded, _ = scores(Reader.of(model, "bfloat16"), start, ids, predict_first=False)
    assert rounded.dtype == torch.float32
    assert 1e-5 < float((rounded - exact).abs().mean()) < 0.1
