"""Downloads under fire: servers that redirect, drip, fail at first, never end or unpack to more than memory."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokentrial.data import download
from tokentrial.data.corpora import OFFICIAL as FILES
from tokentrial.data.corpora import checksum
from tokentrial.data.download import Source, fetch, text_of_parquet
from tokentrial.errors import InputError

TEXT = {split: f" \n = {split} = \n \n some <unk> words – of the {split} text \n".encode() for split in FILES}
SUMS = {split: checksum(text) for split, text in TEXT.items()}
GARBAGE = b"<html>Log in to this network</html>"


@lru_cache
def bomb() -> bytes:
    """20 MB of text in some kilobytes of Parquet."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["x" * 10_000] * 2_000}), buffer, compression="zstd")
    assert len(buffer.getvalue()) < 10**5
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    """/<behaviour>/<split>: what a server may do, one behaviour a method."""

    def do_GET(self) -> None:
        _, behaviour, split = self.path.split("/")
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        with suppress(OSError):  # the client has given up, as it should
            getattr(self, behaviour)(split)

    def good(self, split: str) -> None:
        self.answer(TEXT[split])

    def garbage(self, split: str) -> None:
        self.answer(GARBAGE)

    def empty(self, split: str) -> None:
        self.answer(b"")

    def moved(self, split: str) -> None:
        self.redirect(f"/good/{split}")

    def loop(self, split: str) -> None:
        self.redirect(f"/loop/{split}")

    def astray(self, split: str) -> None:
        self.redirect(f"/garbage/{split}")

    def to_a_file(self, split: str) -> None:
        self.redirect("file:///etc/passwd")

    def nowhere(self, split: str) -> None:
        self.redirect("http://127.0.0.1:9/x")

    def fails_at_first(self, split: str) -> None:
        if self.server.asked.count(self.path) == 1:  # type: ignore[attr-defined]
            self.send_error(500)
        else:
            self.answer(TEXT[split])

    def wrong_length(self, split: str) -> None:
        self.answer(TEXT[split], length="many")

    def negative_length(self, split: str) -> None:
        self.answer(TEXT[split], length="-1")

    def short(self, split: str) -> None:
        self.answer(TEXT[split], length=str(10**9))

    def endless(self, split: str) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(bytes(2**16))

    def dripping_headers(self, split: str) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\n")
        for _ in range(100):
            self.wfile.write(b"X: ")
            self.wfile.flush()
            time.sleep(0.05)

    def no_http(self, split: str) -> None:
        self.wfile.write(b"\x00\xff\r\n\r\n" * 100)

    def many_headers(self, split: str) -> None:
        self.send_response(200)
        for number in range(500):
            self.send_header(f"X-{number}", "x" * 100)
        self.end_headers()

    def closes(self, split: str) -> None:
        self.connection.close()

    def bomb(self, split: str) -> None:
        self.answer(bomb())

    def answer(self, body: bytes, length: str | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.asked = []  # type: ignore[attr-defined]
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def source(server: ThreadingHTTPServer, behaviour: str) -> Source:
    convert = text_of_parquet if behaviour == "bomb" else Path.read_bytes
    return Source(behaviour, {s: f"http://127.0.0.1:{server.server_port}/{behaviour}/{s}" for s in FILES}, convert)


BAD = {
    "garbage": "SHA-256 is",
    "empty": "SHA-256 is",
    "loop": "infinite loop",
    "astray": "SHA-256 is",
    "to_a_file": "HTTP Error 302",
    "nowhere": "refused",
    "wrong_length": "many",
    "negative_length": r"ended after \d+ of -1 bytes",
    "short": r"ended after \d+ of 1000000000 bytes",
    "endless": "more than 1000000 bytes",
    "dripping_headers": r"not finished after 2 s",
    "no_http": "",
    "many_headers": "more than 100 headers",
    "closes": "",
    "bomb": "unpacks to more than 1000000 bytes",
}


@pytest.mark.parametrize("behaviour", BAD)
def test_a_bad_server_gives_way_to_the_second_source(
    behaviour: str, server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_SECONDS", 10)
    monkeypatch.setattr(download, "LIMIT_SECONDS", 2 if behaviour == "dripping_headers" else 30)
    monkeypatch.setattr(download, "LIMIT_BYTES", 10**6)
    cache = tmp_path / "cache"
    bomb()  # made before the clock runs
    start = time.monotonic()
    with pytest.raises(InputError, match=f"no source delivered the file .{behaviour}: .*{BAD[behaviour]}") as caught:
        fetch(None, cache, [source(server, behaviour)], SUMS)
    assert time.monotonic() - start < 30
    line = str(caught.value)
    assert len(line.splitlines()) == 1 and line.isprintable() and len(line) < 1000
    assert list(cache.iterdir()) == []  # nothing partial under the final name, or any other
    paths = fetch(None, cache, [source(server, behaviour), source(server, "good")], SUMS)
    assert {split: path.read_bytes() for split, path in paths.items()} == TEXT
    assert sorted(cache.iterdir()) == sorted(paths.values())


def test_a_redirect_to_the_right_file_is_followed(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    paths = fetch(None, tmp_path, [source(server, "moved")], SUMS)
    assert {split: path.read_bytes() for split, path in paths.items()} == TEXT


def test_a_server_that_fails_at_first_is_asked_again_by_the_next_run(
    server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    """One run asks each source once; what it has by then stays."""
    for split in FILES:
        with pytest.raises(InputError, match=f"WikiText-2 {split}: no source delivered the file .*HTTP Error 500"):
            fetch(None, tmp_path, [source(server, "fails_at_first")], SUMS)
    paths = fetch(None, tmp_path, [source(server, "fails_at_first")], SUMS)
    assert {split: path.read_bytes() for split, path in paths.items()} == TEXT
    assert len(server.asked) == 2 * len(FILES)  # type: ignore[attr-defined]
    assert fetch(None, tmp_path, [source(server, "fails_at_first"), source(server, "good")], SUMS) == paths


def test_a_folder_in_the_place_of_the_file_is_one_line(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    (tmp_path / "wiki.train.tokens").mkdir()
    with pytest.raises(InputError, match=r"cannot be read and written: "):
        fetch(None, tmp_path, [source(server, "good")], SUMS)
