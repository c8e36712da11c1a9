"""WikiText-2's three text files, from a local folder or one of two public sources, always checked by SHA-256.

The files are CC BY-SA text and are never part of this project.
"""

import http.client
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tokentrial.data.corpora import CHECKSUMS, VARIABLE, checksum
from tokentrial.data.corpora import OFFICIAL as FILES
from tokentrial.errors import InputError

COMMIT = "77f55b912142e11fcfdf5b530231fb9c52f181e8"  # pytorch/examples, 25 August 2025

CONNECT_SECONDS = 5.0  # until a source's first answer, name lookup included
STALL_SECONDS = 20.0  # longest time without a byte
LIMIT_SECONDS = 300.0  # for one whole file; 11 MB take this long at 36 kB/s
LIMIT_BYTES = 64 * 2**20  # a server that never stops is not the data set
WAYS_OUT = (
    f"set {VARIABLE} or the config key 'corpus' to a folder with wiki.train.tokens, wiki.valid.tokens and "
    "wiki.test.tokens (or train.txt, valid.txt and test.txt), or allow network access"
)


class Unreachable(InputError):
    """No source can be reached, or none has the files. ``reason`` says why the text is not available here and now."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}; {WAYS_OUT}")
        self.reason = reason


class Source(NamedTuple):
    """A source of the files: one address per split, and the conversion of a downloaded file to the text's bytes."""

    name: str
    urls: Mapping[str, str]
    convert: Callable[[Path], bytes]


def text_of_parquet(path: Path) -> bytes:
    """Returns the original file's bytes from the Hugging Face Parquet file, whose ``text`` column holds one line a row.

    Hugging Face's loader replaced the blank lines, " \\n" in the original, by the empty string. Raises ValueError for a
    file that unpacks to more than `LIMIT_BYTES`, as even a few bytes of Parquet can.
    """
    parts, size = [], 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=1000, columns=["text"]):
        lines = batch.column("text").to_pylist()
        parts.append("".join(line if line.strip() else " \n" for line in lines).encode())
        size += len(parts[-1])
        if size > LIMIT_BYTES:
            raise ValueError(f"unpacks to more than {LIMIT_BYTES} bytes")
    return b"".join(parts)


_RAW = f"https://raw.githubusercontent.com/pytorch/examples/{COMMIT}/word_language_model/data/wikitext-2"
_HUB = "https://huggingface.co/datasets/Salesforce/wikitext/resolve/main/wikitext-2-v1"
_SHARD = "00000-of-00001.parquet"
SOURCES = (
    Source("pytorch/examples", {split: f"{_RAW}/{name}.txt" for split, name in FILES.items()}, Path.read_bytes),
    Source("Salesforce/wikitext", {split: f"{_HUB}/{split}-{_SHARD}" for split in FILES}, text_of_parquet),
)


def fetch(
    folder: str | Path | None,
    cache: str | Path,
    sources: Sequence[Source] = SOURCES,
    checksums: Mapping[str, str] = CHECKSUMS,
) -> dict[str, Path]:
    """Returns paths of the text files of the splits train, validation and test, each checked against its SHA-256.

    A ``folder`` is used as it is (``wiki.{train,valid,test}.tokens`` or ``{train,valid,test}.txt``). Without a folder,
    the files come from ``cache``, or are downloaded into the cache from the first source that delivers the right bytes.
    Raises InputError if a local file is missing or wrong or a source delivers other bytes, and Unreachable if no source
    delivers any. Nothing half-written is left behind.
    """
    if folder is not None:
        return {split: _local(Path(folder), split, checksums[split]) for split in FILES}
    missing = [split for split in FILES if not _is_cached(Path(cache), split, checksums[split])]
    if missing:
        _made(Path(cache))
        sources, silent = reachable(sources)
    for split in missing:
        _download_into(Path(cache), split, sources, silent, checksums[split])
    return {split: _target(Path(cache), split) for split in FILES}


def reachable(sources: Sequence[Source]) -> tuple[list[Source], list[str]]:
    """Returns the sources that answer within `CONNECT_SECONDS`, and a reason for each that does not.

    All sources are asked at once. Raises Unreachable if none answers.
    """
    reasons = {source.name: f"no answer within {CONNECT_SECONDS:g} s" for source in sources}
    answered: set[str] = set()

    def ask(source: Source) -> None:
        try:
            request = urllib.request.Request(source.urls["train"], method="HEAD")
            with urllib.request.urlopen(request, timeout=CONNECT_SECONDS):
                answered.add(source.name)
        except urllib.error.HTTPError:  # also an answer; the request for the file shows its meaning
            answered.add(source.name)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reasons[source.name] = _printable(error)

    # Threads, since a name lookup has no time limit.
    threads = [threading.Thread(target=ask, args=(source,), daemon=True) for source in sources]
    deadline = time.monotonic() + CONNECT_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    answering = [source for source in sources if source.name in answered]
    silent = [f"{source.name}: {reasons[source.name]}" for source in sources if source not in answering]
    if not answering:
        raise Unreachable("WikiText-2", f"no source can be reached ({'; '.join(silent)})")
    return answering, silent


def _printable(error: Exception) -> str:
    """Returns an error as one short printable line; the error may contain a server's bytes."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return (reason if reason.isprintable() else ascii(reason))[:200]


def _local(folder: Path, split: str, expected: str) -> Path:
    names = (f"wiki.{FILES[split]}.tokens", f"{FILES[split]}.txt")
    for name in names:
        path = folder / name
        if path.is_file():
            try:
                digest = checksum(path.read_bytes())
            except OSError as error:
                raise InputError(f"{path}: cannot be read: {error.strerror}") from None
            if digest != expected:
                raise InputError(
                    f"{path}: SHA-256 is {digest}, expected {expected} (the word-level file of WikiText-2, unchanged)"
                )
            return path
    raise InputError(f"{folder}: no WikiText-2 {split} file found, expected {names[0]} or {names[1]}")


def _target(cache: Path, split: str) -> Path:
    return cache / f"wiki.{FILES[split]}.tokens"


def _is_cached(cache: Path, split: str, expected: str) -> bool:
    target = _target(cache, split)
    try:
        return target.is_file() and checksum(target.read_bytes()) == expected
    except OSError as error:
        raise InputError(f"{cache}: cannot be read and written: {error.strerror}") from None


def _made(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{cache}: cannot be read and written: {error.strerror}") from None


def _download_into(cache: Path, split: str, sources: Sequence[Source], silent: Sequence[str], expected: str) -> None:
    try:
        with tempfile.TemporaryDirectory(dir=cache, prefix=".download.") as temporary:
            content = _first_good(Path(temporary), split, sources, silent, expected)
            target = _target(cache, split)
            whole = Path(temporary) / target.name
            whole.write_bytes(content)
            whole.replace(target)
    except OSError as error:
        raise InputError(f"{cache}: cannot be read and written: {error.strerror}") from None


def _first_good(folder: Path, split: str, sources: Sequence[Source], silent: Sequence[str], expected: str) -> bytes:
    """Returns the text's bytes from the first source that delivers them. Downloads are kept in ``folder``.

    silent: a reason for each source that is not asked.
    """
    import pooch  # where text is read and nothing downloaded, as by tokentrial compress, it need not be installed

    reasons, wrong = list(silent), False
    pooch.get_logger().setLevel("WARNING")  # its log has temporary paths and advice to pin a hash that is checked here
    for number, source in enumerate(sources):
        try:
            path = pooch.retrieve(source.urls[split], None, f"{number}", folder, downloader=_download)
            content = source.convert(Path(path))
        # OSError: network, timeouts, HTTP status; HTTPException: broken protocol; the others: an unexpected format.
        except (OSError, http.client.HTTPException, pa.ArrowException, ValueError, KeyError, AttributeError) as error:
            reasons.append(f"{source.name}: {_printable(error)}"[:200])
            continue
        if checksum(content) == expected:
            return content
        wrong = True
        reasons.append(f"{source.name}: SHA-256 is {checksum(content)[:12]}…, expected {expected[:12]}…")
    what, reason = f"WikiText-2 {split}", f"no source delivered the file ({'; '.join(reasons)})"
    if wrong:
        raise InputError(f"{what}: {reason}; {WAYS_OUT}")
    raise Unreachable(what, reason)


def _download(url: str, output_file: Any, _: object) -> None:
    """Downloader for pooch with limits on silence, total time and size; raises OSError if a limit is passed.

    pooch's downloader limits only silence, so a server that drips bytes could hold up a run for hours. A separate
    thread receives, since a server that drips its headers blocks the thread that asked for them.
    """
    errors: list[Exception] = []

    def receive() -> None:
        try:
            _receive(url, Path(output_file))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    thread.join(LIMIT_SECONDS)
    if thread.is_alive():
        raise TimeoutError(f"not finished after {LIMIT_SECONDS:g} s")
    if errors:
        raise errors[0]


def _receive(url: str, path: Path) -> None:
    """Writes the content of an address to a file. Receiving stops by itself some time after `LIMIT_SECONDS`."""
    deadline = time.monotonic() + LIMIT_SECONDS
    size = 0
    with urllib.request.urlopen(url, timeout=STALL_SECONDS) as response, path.open("wb") as file:
        announced = response.headers.get("Content-Length")
        while chunk := response.read1(2**16):
            size += len(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError(f"not finished after {LIMIT_SECONDS:g} s")
            if size > LIMIT_BYTES:
                raise OSError(f"more than {LIMIT_BYTES} bytes")
            file.write(chunk)
    if announced is not None and size != int(announced):
        raise OSError(f"ended after {size} of {announced} bytes")
