"""WikiText-2 as token ids: a small text by hand, and the real files where TOKENTRIAL_WIKITEXT2 names them."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokentrial import results
from tokentrial.data import tokenise
from tokentrial.data.download import checksum, fetch, text_of_parquet
from tokentrial.data.tokenise import (
    FILES,
    VOCABULARY,
    encode_bpe,
    encode_words,
    prepare,
    read_tokens,
    reference_levels,
    train_bpe,
    word_vocabulary,
)  # fmt: skip
from tokentrial.errors import InputError

TEXT = {
    "train": " \n = A title = \n a rose is a rose . \n",
    "validation": " a title . \n",
    "test": " rose is A \n \n",
}


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    made = {split: tmp_path / f"{split}.txt" for split in TEXT}
    for split, path in made.items():
        path.write_text(TEXT[split], encoding="utf-8")
    return made


def outputs(folder: Path) -> dict[str, Path]:
    return {name: folder / f"{name}.parquet" for name in (*FILES, "vocabulary", "reference")}


def test_words_by_hand(paths: dict[str, Path]) -> None:
    vocabulary = word_vocabulary(paths["train"])
    assert vocabulary == ["<eos>", "=", "A", "title", "a", "rose", "is", "."]
    train = encode_words(paths["train"], vocabulary)
    assert train.tolist() == [0, 1, 2, 3, 1, 0, 4, 5, 6, 4, 5, 7, 0]
    assert train.dtype == np.int32
    assert encode_words(paths["test"], vocabulary).tolist() == [5, 6, 2, 0, 0]
    with pytest.raises(InputError, match=r"test\.txt: word 'rose' is not in the vocabulary of 5 types$"):
        encode_words(paths["test"], vocabulary[:5])


def test_lines_end_at_newlines_only(tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_bytes("a\u2028b\x85c\rd \n".encode())
    assert word_vocabulary(path) == ["a", "b", "c", "d", "<eos>"]
    assert encode_words(path, ["a", "b", "c", "d", "<eos>"]).tolist() == [0, 1, 2, 3, 4]


def test_unreadable_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.txt: not found$"):
        word_vocabulary(tmp_path / "gone.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 \n")
    with pytest.raises(InputError, match=r"latin\.txt: not UTF-8 text \(.* at byte 3\)$"):
        word_vocabulary(tmp_path / "latin.txt")


def test_bpe_loses_nothing_and_is_the_same_every_time(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    words = np.random.default_rng(0).choice(["low", "lower", "newest", "wide", "für", "🙂", "<unk>"], size=(500, 12))
    text = "".join(f" {' '.join(line)} \n" for line in words)
    path.write_text(text, encoding="utf-8")
    one, two = train_bpe(path, 275), train_bpe(path, 275)
    assert one.to_str() == two.to_str()
    assert one.get_vocab_size() == 275
    ids = encode_bpe(path, one)
    assert one.decode(ids.tolist()) == text
    assert ids.size < len(text.encode()) / 2
    unseen = tmp_path / "unseen.txt"
    unseen.write_text(" zebra \x00 \n", encoding="utf-8")
    assert one.decode(encode_bpe(unseen, one).tolist()) == " zebra \x00 \n"


def test_bpe_vocabulary_sizes_that_cannot_be(paths: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="found 255, expected at least 256"):
        train_bpe(paths["train"], 255)
    with pytest.raises(InputError, match=r"found 5000, expected at most \d+ for a BPE of .*train\.txt$"):
        train_bpe(paths["train"], 5000)


def test_reference_levels_by_hand() -> None:
    train, tokens = np.array([0, 0, 1], dtype=np.int32), np.array([0, 1, 1, 1], dtype=np.int32)
    found = reference_levels(train, tokens, 3)
    # train counts with one added: 3, 2, 1 of 6
    assert found == pytest.approx(
        {
            "chance": np.log(3),
            "unigram": -0.25 * np.log(0.25) - 0.75 * np.log(0.75),
            "unigram_train": -0.25 * np.log(3 / 6) - 0.75 * np.log(2 / 6),
            "accuracy_chance": 1 / 3,
            "accuracy_constant": 0.25,
        }
    )


def test_prepared_files(paths: dict[str, Path], tmp_path: Path) -> None:
    out = outputs(tmp_path / "word")
    prepare(paths, "word", None, out)
    tokens, metadata = read_tokens(out["validation"])
    assert tokens.tolist() == [4, 3, 7, 0]
    assert (metadata["tokenizer"], metadata["vocab_size"], metadata["split"]) == ("word", "8", "validation")
    assert (metadata["words"], metadata["bytes"]) == ("4", str(len(TEXT["validation"])))
    sums = {split: checksum(path.read_bytes()) for split, path in paths.items()}
    assert json.loads(metadata["sources"]) == sums
    types = results.read(out["vocabulary"], VOCABULARY).to_pandas()
    assert types.loc[5].to_dict() == {"id": 5, "token": "rose", "count": 2}
    reference = results.read(out["reference"], results.REFERENCE).to_pandas()
    assert set(reference["split"]) == set(FILES)
    bpe = outputs(tmp_path / "bpe")
    prepare(paths, "bpe", 260, bpe)
    ids, metadata = read_tokens(bpe["train"])
    assert ids.max() < 260
    assert metadata["words"] == "13"
    assert results.read(bpe["vocabulary"], VOCABULARY).num_rows == 260
    prepare(paths, "bpe", 260, outputs(tmp_path / "again"))
    for name, path in bpe.items():
        assert path.read_bytes() == outputs(tmp_path / "again")[name].read_bytes()


def test_unusable_keys(paths: dict[str, Path], tmp_path: Path) -> None:
    out = outputs(tmp_path)
    with pytest.raises(InputError, match="key 'vocab_size': found 100, expected null or 8"):
        prepare(paths, "word", 100, out)
    with pytest.raises(InputError, match="key 'vocab_size': found null"):
        prepare(paths, "bpe", None, out)
    with pytest.raises(InputError, match="key 'tokenizer': found 'chars', expected one of word, bpe"):
        prepare(paths, "chars", None, out)  # type: ignore[arg-type]
    assert not any(path.exists() for path in out.values())


def test_ids_outside_the_vocabulary_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    table = pa.Table.from_arrays([pa.array([0, 8], pa.int32())], schema=tokenise.TOKENS)
    results.write(path, table.replace_schema_metadata({"vocab_size": "8"}))
    with pytest.raises(InputError, match="token ids do not fit vocabulary size 8"):
        read_tokens(path)


@pytest.fixture(scope="module")
def real() -> dict[str, Path]:
    folder = os.environ.get("TOKENTRIAL_WIKITEXT2")
    if not folder:
        pytest.skip("TOKENTRIAL_WIKITEXT2 names no folder: the real WikiText-2 files are tested only where it does")
    return fetch(folder, "unused")


def test_real_files_have_the_published_counts(real: dict[str, Path], tmp_path: Path) -> None:
    out = outputs(tmp_path)
    prepare(real, "word", None, out)
    tokens = {split: read_tokens(out[split])[0] for split in FILES}
    assert {split: ids.size for split, ids in tokens.items()} == {
        "train": 2_088_628, "validation": 217_646, "test": 245_569,
    }  # fmt: skip
    assert {split: np.unique(ids).size for split, ids in tokens.items()} == {
        "train": 33_278, "validation": 13_777, "test": 14_143,
    }  # fmt: skip
    types = results.read(out["vocabulary"], VOCABULARY).to_pandas()
    assert types["token"].head(4).tolist() == ["<eos>", "=", "Valkyria", "Chronicles"]
    assert types["count"].sum() == 2_088_628
    reference = results.read(out["reference"], results.REFERENCE).to_pandas().set_index(["split", "quantity"])["value"]
    assert reference["test", "unigram"] == pytest.approx(6.573, abs=5e-4)


def test_real_text_survives_the_second_source_s_format(real: dict[str, Path], tmp_path: Path) -> None:
    text = real["validation"].read_text(encoding="utf-8")
    rows = [line if line.strip() else "" for line in text.splitlines(keepends=True)]
    pq.write_table(pa.table({"text": rows}), tmp_path / "hub.parquet")
    assert text_of_parquet(tmp_path / "hub.parquet") == real["validation"].read_bytes()


def test_real_text_survives_a_bpe(real: dict[str, Path]) -> None:
    tokenizer = train_bpe(real["validation"], 1000)
    ids = encode_bpe(real["test"], tokenizer)
    assert tokenizer.decode(ids.tolist()) == real["test"].read_text(encoding="utf-8")
