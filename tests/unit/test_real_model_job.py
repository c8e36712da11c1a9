"""A job of the study of a real model: its rows are those of the model with another table, and a cut job goes on."""

import json
import math
from pathlib import Path
from typing import Any

import cramming_models
import numpy as np
import pandas as pd
import pytest
import torch
from real_model_runs import ARMS, CONDITION, described, make_place, run, spec, texts
from torch.nn.functional import cross_entropy

from tokentrial.cramming import folders
from tokentrial.errors import InputError
from tokentrial.real_model import job as real
from tokentrial.real_model import moments
from tokentrial.real_model.documents import articles, texts_of
from tokentrial.schema import study_files
from tokentrial.studies import real_model


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_place(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def rows(place: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    return run(place, tmp_path_factory.mktemp("out"))


def values(runs: pd.DataFrame, condition: str, arm: str, metric: str = "cross_entropy") -> np.ndarray:
    chosen = runs[(runs["condition"] == f"{CONDITION}/{condition}") & (runs["arm"] == arm)]
    return chosen[chosen["metric"] == metric].sort_values("seed")["value"].to_numpy()


def test_losses_are_those_of_the_model_with_the_decoded_table(
    rows: tuple[pd.DataFrame, pd.DataFrame], place: Path
) -> None:
    """By transformers' own forward pass, the table put into the model."""
    runs, _ = rows
    model = folders.read(place / "model")
    corpus = real.read_record(place / "corpus.json")
    job = real.Job(json.loads(spec()), model, texts_of(texts(place), corpus), corpus)
    for arm, options in ARMS[1:]:
        coded = real.encode(options, model.table, job.counts, real.stream(3, "real_model", "code", arm))
        for use in ("input", "tied"):
            whole = folders.read(place / "model").model
            head = whole.get_output_embeddings().weight.detach().clone()
            whole.get_input_embeddings().weight.data.copy_(coded.table)
            if use == "input":
                whole.set_output_embeddings(torch.nn.Linear(*head.T.shape, bias=False))
                whole.get_output_embeddings().weight.data.copy_(head)
            for name, ids in job.windows.items():
                with torch.no_grad():
                    logits = whole(input_ids=ids[:, :-1]).logits
                    expected = cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none").mean(1)
                found = values(runs, f"{name}-{use}", arm)
                np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)


def test_every_condition_has_every_arm_on_every_document(rows: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    runs, arms = rows
    assert set(arms["condition"]) == {
        f"{CONDITION}/{text}-{use}" for text in ("wikitext-2", "sotu") for use in ("input", "tied")
    }
    for condition, group in arms.groupby("condition"):
        assert list(group["arm"]) == [name for name, _ in ARMS]
        assert set(group["corpus"].dropna()) == ({"WikiText-2"} if "wikitext" in condition else set())
        for arm in group["arm"]:
            assert len(values(runs, condition.removeprefix(f"{CONDITION}/"), arm)) == 5
    bits = arms.set_index("arm")["bits_deployed"]
    size = cramming_models.VOCAB_SIZE
    assert set(bits["svd-2"]) == {16 * 4 * (size + 16)} and set(bits["int4"]) == {4 * size * 16 + 16 * size}


def test_the_full_table_agrees_with_itself_and_has_one_loss_in_both_uses(
    rows: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    runs, _ = rows
    for text in ("wikitext-2", "sotu"):
        assert set(values(runs, f"{text}-input", "full", "agreement")) == {1.0}
        both = [values(runs, f"{text}-{use}", "full") for use in ("input", "tied")]
        np.testing.assert_allclose(both[0], both[1], rtol=1e-4)  # its float16 copy at the output
        assert 0 <= values(runs, f"{text}-tied", "svd-2", "agreement").mean() < 1
        assert set(values(runs, f"{text}-tied", "reference.chance")) == {math.log(cramming_models.VOCAB_SIZE)}


def test_bits_per_byte_and_bands_belong_to_the_losses(rows: tuple[pd.DataFrame, pd.DataFrame], place: Path) -> None:
    runs, _ = rows
    model = folders.read(place / "model")
    windows = texts_of(texts(place), real.read_record(place / "corpus.json"))[0].windows(model, 5, 20, 3)
    size = [len(model.tokenizer.decode(row[1:].tolist()).encode()) for row in windows]
    loss, bits = (values(runs, "wikitext-2-tied", "int4", metric) for metric in ("cross_entropy", "bits_per_byte"))
    np.testing.assert_allclose(bits, loss * 20 / math.log(2) / size)
    bands = [values(runs, "wikitext-2-tied", "int4", f"cross_entropy_{band}") for band in ("high", "mid", "low")]
    assert np.nanmin(bands, 0).max() <= np.nanmax(bands, 0).max()
    assert bool((np.nanmin(bands, 0) <= loss).all() and (loss <= np.nanmax(bands, 0)).all())


def test_a_cut_job_goes_on_with_the_same_rows(
    rows: tuple[pd.DataFrame, pd.DataFrame], place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, done = real.Job.work, []

    def cut(job: real.Job, part: str, state: Any, runner: Any) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(part)
        work(job, part, state, runner)
        runner.checkpoint_seconds = 0.0  # so that every part is kept

    monkeypatch.setattr(real.Job, "work", cut)
    with pytest.raises(KeyboardInterrupt):
        run(place, tmp_path)
    monkeypatch.setattr(real.Job, "work", work)
    again, _ = run(place, tmp_path)
    pd.testing.assert_frame_equal(again, rows[0])
    assert done == ["full", "svd-2"]


def test_conditions_are_described_by_text_and_use(rows: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table, _ = described(rows[1])
    found = [tuple(row) for row in table[["experiment", "model", "data", "tied"]].itertuples(index=False)]
    expected = [(text, tied) for text in ("wikitext-2", "sotu") for tied in (False, True)]
    assert found == [("token-table", "tiny", *each) for each in expected]


def test_too_few_documents_or_positions_are_one_line(place: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"real_model\.documents: found \d+ held-out documents of at least 21 tokens in wiki"
    ):
        run(place, tmp_path, documents=999)
    with pytest.raises(InputError, match=r"real_model\.tokens: found 65, expected at most the context of 64"):
        run(place, tmp_path, tokens=65)
    with pytest.raises(InputError, match=r"arms: found int4, expected 'full' as the first"):
        run(place, tmp_path, arms=ARMS[2:])
    assert list(tmp_path.iterdir()) == []


def test_articles_are_cut_at_their_titles_alone() -> None:
    text = " \n = One = \n \n a b \n = = Part = = \n c \n = Two = \n d \n"
    assert articles(text) == [" = One = \n \n a b \n = = Part = = \n c \n", " = Two = \n d \n"]


def test_a_model_whose_package_is_missing_is_left_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = study_files.default(root)
    monkeypatch.setattr(real_model.cramming, "is_installed", lambda package: False)
    assert real_model.jobs(config) == {}
    monkeypatch.setattr(real_model.cramming, "is_installed", lambda package: True)
    (name, job), *others = real_model.jobs(config).items()
    assert name == "real_model/token-table/smollm2" and not others
    assert job["arms"][0] == ["full", {"code": "plain"}]
    config["real_model"]["experiments"]["token-table"]["models"] = ["llama-64x2"]
    monkeypatch.setattr(real_model.cramming, "is_installed", lambda package: False)
    assert list(real_model.jobs(config)) == ["real_model/token-table/llama-64x2"]


def test_moments_of_gradients_tell_how_the_loss_rises(place: Path) -> None:
    """Half the product of an error with them is the rise of the loss where the model's predictions are its own."""
    model = folders.read(place / "model")
    corpus = real.read_record(place / "corpus.json")
    found = moments.of_gradients(model, texts_of(texts(place), corpus), real.stream(1, "x"))
    assert torch.equal(found, found.T) and bool((torch.linalg.eigvalsh(found) > -1e-12).all())
    [text, _] = texts_of(texts(place), corpus)
    ids = text.passages(model, 1, 20, real.stream(2, "y"))
    vectors = model.table.detach()[ids[:, :-1]].requires_grad_()
    logits = model.hidden(vectors) @ model.weight.T
    loss = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")
    [slopes] = torch.autograd.grad(loss, [vectors])
    size = float((slopes[0].double().T @ slopes[0].double()).trace()) / 20
    assert 0.2 * size < float(found.trace()) < 5 * size


def test_held_out_passages_are_drawn_with_the_seed(place: Path) -> None:
    model = folders.read(place / "model")
    text = texts_of(texts(place), real.read_record(place / "corpus.json"))[0]
    drawn = [text.windows(model, 5, 20, seed).tolist() for seed in (42, 42, 43)]
    assert drawn[0] == drawn[1] != drawn[2]
    whole = [
        "".join(model.tokenizer.convert_ids_to_tokens(model.tokenizer(each)["input_ids"])) for each in text.held_out
    ]
    homes = [
        {
            number
            for number, document in enumerate(whole)
            if "".join(model.tokenizer.convert_ids_to_tokens(row)) in document
        }
        for row in drawn[2]
    ]
    assert all(homes) and len(set.union(*homes)) >= 5  # of a document each
