"""The texts: that they are what they are called, the same wherever they are asked for, and refused where they fail."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cramming_models as models
import numpy as np
import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from tokentrial.cramming import texts as module
from tokentrial.cramming.decode import Reader
from tokentrial.cramming.folders import LanguageModel
from tokentrial.cramming.texts import KINDS, Texts, start_vectors
from tokentrial.data.tokenise import train_bpe
from tokentrial.errors import InputError
from tokentrial.seeds import stream

START = "<s>"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return models.write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def model(files: dict[str, str]) -> LanguageModel:
    return models.untrained("llama", files, scale=10.0)


@pytest.fixture(scope="module")
def with_start(files: dict[str, str], model: LanguageModel) -> LanguageModel:
    """The same model with a tokenizer that puts a token before every text, as Llama's does."""
    plain = train_bpe(files["train"], models.VOCAB_SIZE - 1)
    plain.add_special_tokens([START])
    number = plain.token_to_id(START)
    plain.post_processor = TemplateProcessing(single=f"{START} $A", special_tokens=[(START, number)])
    made = PreTrainedTokenizerFast(tokenizer_object=plain, bos_token=START, clean_up_tokenization_spaces=False)
    return LanguageModel(model.model, made, model.body, model.table, model.weight, model.bias, model.context)


def texts(model: LanguageModel, files: Any, count: int = 4, longest: int = 24, seed: int = 42) -> Texts:
    return Texts(Reader.of(model), files, seed, count, longest)


@pytest.mark.parametrize("kind", KINDS)
def test_shape_range_and_that_seed_and_index_matter(model: LanguageModel, files: Any, kind: str) -> None:
    made = texts(model, files).ids(kind, 20)
    assert made.shape == (4, 20) and made.dtype == torch.int64
    assert 0 <= int(made.min()) <= int(made.max()) < models.VOCAB_SIZE
    assert torch.equal(made, texts(model, files).ids(kind, 20))
    assert len({tuple(row) for row in made.tolist()}) == 4
    assert not torch.equal(made, texts(model, files, seed=43).ids(kind, 20))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("shuffled", "repeated")])
def test_a_shorter_text_is_the_beginning_of_the_longer(model: LanguageModel, files: Any, kind: str) -> None:
    """Within a job, and between jobs whose longest lengths and numbers of texts differ."""
    whole = texts(model, files, count=4, longest=24)
    small = texts(model, files, count=2, longest=9)
    assert torch.equal(whole.ids(kind, 9), whole.ids(kind, 24)[:, :9])
    assert torch.equal(small.ids(kind, 9), whole.ids(kind, 24)[:2, :9])


@pytest.mark.parametrize(("kind", "split"), [("text-test", "test"), ("text-train", "train")])
def test_wiki_texts_start_where_a_paragraph_does(model: LanguageModel, files: Any, kind: str, split: str) -> None:
    content = Path(files[split]).read_text()
    for row in texts(model, files, count=8).ids(kind, 24):
        said = model.tokenizer.decode(row.tolist())
        place = content.find(said)
        assert place == 0 or content[place - 1] == "\n"
        assert not said.lstrip().startswith("=") and said.strip()


def test_the_list_of_texts_depends_on_no_model(model: LanguageModel, with_start: LanguageModel, files: Any) -> None:
    """Whatever a model's context is, and however its tokenizer cuts."""
    expected = texts(model, files)
    for other in (replace(model, context=None), replace(model, context=2048), replace(model, context=24), with_start):
        own = texts(other, files)
        assert own.passages("text-test") == expected.passages("text-test")
        for kind in ("text-test", "text-train", "random-words"):
            assert own.digests(kind) == expected.digests(kind)
    assert not torch.equal(texts(with_start, files).ids("text-test", 9), expected.ids("text-test", 9))


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_one_digest_in_all_jobs(model: LanguageModel, files: Any, kind: str) -> None:
    """Whatever the longest length and the number of texts."""
    digests = texts(model, files, count=4, longest=24).digests(kind)
    assert len(set(digests)) == 4
    assert texts(model, files, count=2, longest=9).digests(kind) == digests[:2]
    assert texts(model, files, seed=43).digests(kind) != digests


@pytest.mark.parametrize("kind", ["samples", "random-tokens", "shuffled", "repeated"])
def test_texts_that_another_tokenizer_makes_are_others(
    model: LanguageModel, with_start: LanguageModel, files: Any, kind: str
) -> None:
    assert set(texts(model, files).digests(kind)).isdisjoint(texts(with_start, files).digests(kind))


def test_a_passage_that_the_corpus_repeats_is_one_text(model: LanguageModel, files: Any, tmp_path: Path) -> None:
    lines = Path(files["test"]).read_text().splitlines(keepends=True)
    (tmp_path / "twice").write_text("".join(lines + lines))
    made = texts(model, files | {"test": str(tmp_path / "twice")}, count=60)
    assert len(set(made.digests("text-test"))) == 60
    assert len({passage.words for passage in made.passages("text-test")}) == 60


def test_a_longer_length_leaves_out_passages_and_adds_none_before_them(model: LanguageModel, files: Any) -> None:
    """Those with too little text after them; the order of the others stays."""
    short, long = (texts(replace(model, context=None), files, count=20, longest=n) for n in (24, 700))
    listed, kept = short.passages("text-test"), long.passages("text-test")
    assert kept != listed
    order = [kept.index(passage) for passage in listed if passage in kept]
    assert order == sorted(order) and len(order) > 5


def test_random_words_are_types_of_the_train_text(model: LanguageModel, files: Any) -> None:
    types = set(Path(files["train"]).read_text().split())
    said = [model.tokenizer.decode(row.tolist()) for row in texts(model, files, count=30).ids("random-words", 24)]
    words = [word for text in said for word in text.split()[:-1]]  # the last may be cut
    assert set(words) <= types - {"<unk>"}
    # each type alike, not as often as in the text: about 60 words share 300 places
    counts = np.unique(words, return_counts=True)[1]
    assert len(counts) > 45 and counts.max() < 0.08 * len(words)


def test_random_tokens_are_uniform_and_leave_special_tokens_out(with_start: LanguageModel, files: Any) -> None:
    made = texts(with_start, files, count=200, longest=60).ids("random-tokens", 60)
    special = with_start.tokenizer.bos_token_id
    assert bool((made[:, 0] == special).all()) and not bool((made[:, 1:] == special).any())
    counts = np.bincount(made[:, 1:].flatten().numpy(), minlength=models.VOCAB_SIZE)
    expected = 200 * 59 / (models.VOCAB_SIZE - 1)
    squares = ((np.delete(counts, special) - expected) ** 2 / expected).sum()
    assert abs(squares - (models.VOCAB_SIZE - 2)) < 4 * np.sqrt(2 * models.VOCAB_SIZE)  # chi-squared


def test_shuffled_keeps_the_tokens_and_changes_their_order(model: LanguageModel, files: Any) -> None:
    made = texts(model, files)
    for length in (8, 24):
        before, after = made.ids("text-test", length), made.ids("shuffled", length)
        assert torch.equal(before.sort(1).values, after.sort(1).values)
        assert not bool((before == after).all(1).any())


@pytest.mark.parametrize(("length", "quarter"), [(24, 6), (10, 2), (3, 1)])
def test_repeated_is_the_first_quarter_again_and_again(
    model: LanguageModel, files: Any, length: int, quarter: int
) -> None:
    made = texts(model, files)
    first = made.ids("text-test", length)[:, :quarter]
    assert torch.equal(made.ids("repeated", length), first.repeat(1, length)[:, :length])


def test_a_start_token_is_the_first_of_every_text(with_start: LanguageModel, files: Any) -> None:
    made = texts(with_start, files)
    for kind in KINDS:
        ids = made.ids(kind, 12)
        assert bool((ids[:, 0] == with_start.tokenizer.bos_token_id).all()), kind


def test_samples_follow_the_models_distribution(model: LanguageModel) -> None:
    """Second tokens after one and the same first token, against the softmax of the model's logits."""
    count = 1500
    streams = [stream(1, "test", i) for i in range(count)]
    made = module._continue(Reader.of(model), np.full((count, 1), 7), streams, 2)
    chances = model.model(input_ids=torch.tensor([[7]]), use_cache=False).logits[0, -1].softmax(0).detach().numpy()
    counts = np.bincount(made[:, 1], minlength=models.VOCAB_SIZE)
    common = chances > 0.004
    assert common.sum() > 20
    squares = ((counts[common] - count * chances[common]) ** 2 / (count * chances[common])).sum()
    assert abs(squares - common.sum()) < 4 * np.sqrt(2 * common.sum())


def test_samples_are_sampled_one_after_the_other(model: LanguageModel) -> None:
    """Each token by the inverse of the distribution after all tokens before it."""
    made = module._continue(Reader.of(model), np.array([[7], [9]]), [stream(1, "a"), stream(1, "b")], 6)
    for row, source in zip(made, (stream(1, "a"), stream(1, "b")), strict=True):
        for position in range(1, 6):
            logits = model.model(input_ids=torch.from_numpy(row[None, :position]), use_cache=False).logits[0, -1]
            edges = logits.double().softmax(0).cumsum(0).detach().numpy()
            assert row[position] == np.searchsorted(edges, source.random())


def test_initial_vectors(model: LanguageModel) -> None:
    drawn = torch.cat([start_vectors(model, 42, "text-test", i, 8) for i in range(200)])
    deviation = float(model.table.std())
    assert float(drawn.std()) == pytest.approx(deviation, rel=0.03)
    assert abs(float(drawn.mean())) < 0.03 * deviation
    one, four = (start_vectors(model, 42, "text-test", 3, count) for count in (1, 4))
    assert torch.equal(four[:1], one)
    others = (("text-test", 4, 42), ("samples", 3, 42), ("text-test", 3, 43))
    assert not any(torch.equal(start_vectors(model, seed, kind, i, 1), one) for kind, i, seed in others)


# Texts that cannot be used


def refused(model: LanguageModel, files: Any, kind: str = "text-test", **changes: int) -> str:
    with pytest.raises(InputError) as caught:
        texts(model, files, **changes).ids(kind, 8)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_kind(model: LanguageModel, files: Any) -> None:
    assert "found 'poems', expected one of text-test, text-train" in refused(model, files, "poems")


def test_a_text_file_that_is_too_short(model: LanguageModel, files: Any) -> None:
    found = refused(model, files, count=100)
    assert files["test"] in found and "expected at least 100" in found


@pytest.mark.parametrize("content", ["", " \n \n"])
def test_an_empty_text_file(model: LanguageModel, files: Any, tmp_path: Path, content: str) -> None:
    (tmp_path / "empty").write_text(content)
    assert "found an empty text" in refused(model, files | {"test": str(tmp_path / "empty")})


def test_a_text_file_that_is_absent_or_not_text(model: LanguageModel, files: Any, tmp_path: Path) -> None:
    assert "not found" in refused(model, files | {"test": str(tmp_path / "nowhere")})
    (tmp_path / "bytes").write_bytes(b"abc \xff\xfe\n")
    assert "not UTF-8" in refused(model, files | {"test": str(tmp_path / "bytes")})
