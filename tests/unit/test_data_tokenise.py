"""A corpus as token ids: small texts by hand, and WikiText-2's files where TOKENTRIAL_WIKITEXT2 names them."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_record import recorded

from tokentrial import results
from tokentrial.data import tokenise
from tokentrial.data.corpora import SPLITS, checksum
from tokentrial.data.download import fetch, text_of_parquet
from tokentrial.data.tokenise import (
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
    return {name: folder / f"{name}.parquet" for name in (*SPLITS, "vocabulary", "reference")}


def test_words_by_hand(paths: dict[str, Path]) -> None:
    vocabulary = word_vocabulary(paths["train"])
    assert vocabulary == ["<eos>", "=", "A", "title", "a", "rose", "is", "."]
    train, sizes = encode_words(paths["train"], vocabulary)
    assert train.tolist() == [0, 1, 2, 3, 1, 0, 4, 5, 6, 4, 5, 7, 0]
    # a blank line's space and end; an indent with the first word, the space behind a word with the word
    assert sizes.tolist() == [2, 3, 2, 6, 2, 1, 3, 5, 3, 2, 5, 2, 1]
    assert train.dtype == sizes.dtype == np.int32
    assert encode_words(paths["test"], vocabulary)[0].tolist() == [5, 6, 2, 0, 0]
    with pytest.raises(InputError, match=r"test\.txt: word 'rose' is not in the vocabulary of 5 types$"):
        encode_words(paths["test"], vocabulary[:5])


def test_lines_end_at_newlines_only(tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_bytes("a\u2028b\x85c\rd \n".encode())
    assert word_vocabulary(path) == ["a", "b", "c", "d", "<eos>"]
    assert encode_words(path, ["a", "b", "c", "d", "<eos>"])[0].tolist() == [0, 1, 2, 3, 4]


def test_words_of_a_text_that_is_not_pretokenised(tmp_path: Path) -> None:
    """Signs are words; what is rare is <unk>; a limit keeps the most frequent; every byte belongs to a token."""
    path = tmp_path / "letter.txt"
    text = "Don't go, Zoë! Don't go.\n\n  go, Zoë, don’t go, Zoë: 3 words\nDon't go"
    path.write_bytes(text.encode())
    assert word_vocabulary(path, pretokenised=False) == ["Don't", "go", ",", "Zoë", "<eos>", "<unk>"]
    vocabulary = word_vocabulary(path, pretokenised=False, vocab_size=4)
    assert vocabulary == ["go", ",", "<eos>", "<unk>"]
    ids, sizes = encode_words(path, vocabulary, pretokenised=False)
    words = "Don't go , Zoë ! Don't go . / / go , Zoë , don’t go , Zoë : 3 words / Don't go /"
    named = {"go": 0, ",": 1, "/": 2}
    assert ids.tolist() == [named.get(word, 3) for word in words.split()]
    assert sizes.sum() == len(text.encode()) and sizes[-1] == 0
    assert sizes[:5].tolist() == [6, 2, 2, 4, 2]
    for size in (2, 7):
        with pytest.raises(
            InputError, match=f"vocab_size: found {size}, expected null or at most 6, the word types of"
        ):
            word_vocabulary(path, pretokenised=False, vocab_size=size)


@pytest.mark.parametrize("tokenizer", ["word", "bpe"])
def test_all_bytes_belong_to_tokens(tmp_path: Path, tokenizer: str) -> None:
    """Whatever the spaces, signs, alphabets and line ends are."""
    rng = np.random.default_rng(1)
    parts = [" ", "  ", "\t", "\n", " \n", "a", "Ab", "für", "日本", "🙂", "don't", "—", "\u2028", "\u00a0", "."]
    text = "".join(rng.choice(parts, size=4000)).encode()
    files = {split: tmp_path / f"{split}.txt" for split in SPLITS}
    for path in files.values():
        path.write_bytes(text)
    out = outputs(tmp_path)
    prepare(files, recorded(files, pretokenised=False), tokenizer, 300 if tokenizer == "bpe" else None, out)
    for split in SPLITS:
        ids, sizes, _ = read_tokens(out[split])
        assert sizes.sum() == len(text) and len(sizes) == len(ids) and sizes.min() >= 0


def test_a_split_that_is_too_short_is_named(paths: dict[str, Path], tmp_path: Path) -> None:
    expected = r"A text: the test text has 5 tokens \(word\), expected at least 1,000 for one batch of the share"
    with pytest.raises(InputError, match=expected):
        prepare(paths, recorded(paths), "word", None, outputs(tmp_path), {"train": 13, "test": 1000})
    assert not any(path.exists() for path in outputs(tmp_path).values())


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
    prepare(paths, recorded(paths), "word", None, out)
    tokens, sizes, metadata = read_tokens(out["validation"])
    assert tokens.tolist() == [4, 3, 7, 0]
    assert (metadata["tokenizer"], metadata["vocab_size"], metadata["split"]) == ("word", "8", "validation")
    assert metadata["corpus"] == "A text"
    assert sizes.sum() == len(TEXT["validation"])
    sums = {split: checksum(path.read_bytes()) for split, path in paths.items()}
    assert json.loads(metadata["sources"]) == sums
    types = results.read(out["vocabulary"], VOCABULARY).to_pandas()
    assert types.loc[5].to_dict() == {"id": 5, "token": "rose", "count": 2}
    reference = results.read(out["reference"], results.REFERENCE).to_pandas()
    assert set(reference["split"]) == set(SPLITS)
    bpe = outputs(tmp_path / "bpe")
    prepare(paths, recorded(paths), "bpe", 260, bpe)
    ids, sizes, metadata = read_tokens(bpe["train"])
    assert ids.max() < 260
    assert sizes.sum() == len(TEXT["train"])
    assert results.read(bpe["vocabulary"], VOCABULARY).num_rows == 260
    prepare(paths, recorded(paths), "bpe", 260, outputs(tmp_path / "again"))
    for name, path in bpe.items():
        assert path.read_bytes() == outputs(tmp_path / "again")[name].read_bytes()


def test_unusable_keys(paths: dict[str, Path], tmp_path: Path) -> None:
    out = outputs(tmp_path)
    with pytest.raises(InputError, match="vocab_size: found 100, expected null or at most 8"):
        prepare(paths, recorded(paths), "word", 100, out)
    with pytest.raises(InputError, match="vocab_size: found null"):
        prepare(paths, recorded(paths), "bpe", None, out)
    with pytest.raises(InputError, match="tokenizer: found 'chars', expected one of word, bpe"):
        prepare(paths, recorded(paths), "chars", None, out)  # type: ignore[arg-type]
    assert not any(path.exists() for path in out.values())


def test_ids_outside_the_vocabulary_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    table = pa.Table.from_arrays([pa.array([0, 8], pa.int32())] * 2, schema=tokenise.TOKENS)
    results.write(path, table.replace_schema_metadata({"vocab_size": "8"}))
    with pytest.raises(InputError, match="token ids do not fit vocabulary size 8"):
        read_tokens(path)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = os.environ.get("TOKENTRIAL_WIKITEXT2")
    if not folder:
        pytest.skip("TOKENTRIAL_WIKITEXT2 names no folder: the real WikiText-2 files are tested only where it does")
    tmp = tmp_path_factory.mktemp("real")
    return {split: Path(shutil.copy(path, tmp / f"{split}.txt")) for split, path in fetch(folder, "unused").items()}


def test_real_files_have_the_published_counts(real: dict[str, Path], tmp_path: Path) -> None:
    out = outputs(tmp_path)
    prepare(real, recorded(real, title="WikiText-2"), "word", None, out)
    tokens = {split: read_tokens(out[split])[0] for split in SPLITS}
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
