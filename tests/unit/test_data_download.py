"""Getting WikiText-2: local folders, and downloads from a real HTTP server on this machine."""

import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokentrial.data import download
from tokentrial.data.corpora import CHECKSUMS, checksum
from tokentrial.data.corpora import OFFICIAL as FILES
from tokentrial.data.download import SOURCES, Source, fetch, text_of_parquet
from tokentrial.errors import InputError

TEXT = {split: f" \n = {split} = \n \n some <unk> words – of the {split} text \n".encode() for split in FILES}
SUMS = {split: checksum(text) for split, text in TEXT.items()}


def parquet_of(text: bytes) -> bytes:
    """What the Hugging Face loader makes of a text: one line a row, blank lines emptied."""
    lines = [line if line.strip() else "" for line in text.decode().splitlines(keepends=True)]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": lines}), buffer)
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    """/<behaviour>/<split>"""

    def do_GET(self) -> None:
        self.server.requests.append(self.path)  # type: ignore[attr-defined]
        _, behaviour, split = self.path.split("/")
        body = TEXT[split]
        if behaviour == "missing":
            self.send_error(404)
            return
        if behaviour == "parquet":
            body = parquet_of(body)
        if behaviour == "changed":
            body = body.replace(b"words", b"Words")
        self.send_response(200)
        if behaviour not in ("unannounced", "endless", "drip"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if behaviour in ("truncated", "unannounced"):
            body = body[: len(body) // 2]
        try:
            if behaviour == "stall":
                time.sleep(1)
            for _ in range(1000 if behaviour in ("endless", "drip") else 1):
                self.wfile.write(body)
                time.sleep(0.05 if behaviour == "drip" else 0)
        except OSError:
            pass  # the client has given up, as it should

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.requests = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def source(server: ThreadingHTTPServer, behaviour: str) -> Source:
    convert = text_of_parquet if behaviour in ("parquet", "garbage") else Path.read_bytes
    path = "good" if behaviour == "garbage" else behaviour
    return Source(behaviour, {s: f"http://127.0.0.1:{server.server_port}/{path}/{s}" for s in FILES}, convert)


@pytest.mark.parametrize("behaviour", ["good", "parquet"])
def test_a_good_source_is_downloaded_once(server: ThreadingHTTPServer, behaviour: str, tmp_path: Path) -> None:
    for _ in range(2):
        paths = fetch(None, tmp_path / "cache", [source(server, behaviour)], SUMS)
        assert {split: path.read_bytes() for split, path in paths.items()} == TEXT
    assert server.requests == [f"/{behaviour}/{split}" for split in FILES]  # type: ignore[attr-defined]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == sorted(path.name for path in paths.values())


def test_a_damaged_cache_is_replaced(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    (tmp_path / "wiki.valid.tokens").write_bytes(b"half")
    assert fetch(None, tmp_path, [source(server, "good")], SUMS)["validation"].read_bytes() == TEXT["validation"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("changed", r"SHA-256 is [0-9a-f]{12}…, expected [0-9a-f]{12}…"),
        ("truncated", r"ended after \d+ of \d+ bytes"),
        ("unannounced", "SHA-256 is"),
        ("missing", "HTTP Error 404"),
        ("garbage", "Parquet magic bytes not found"),
        ("stall", "timed out"),
        ("drip", r"not finished after 0\.3 s"),
        ("endless", "more than 500 bytes"),
    ],
)
def test_a_bad_source_gives_way_to_the_second(
    server: ThreadingHTTPServer, behaviour: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(download, "LIMIT_SECONDS", 0.3)
    # the other limit must not be the one that ends a drip
    monkeypatch.setattr(download, "LIMIT_BYTES", 500 if behaviour == "endless" else 10**6)
    with pytest.raises(InputError, match=reason) as caught:
        fetch(None, tmp_path, [source(server, behaviour)], SUMS)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    paths = fetch(None, tmp_path, [source(server, behaviour), source(server, "good")], SUMS)
    assert {split: path.read_bytes() for split, path in paths.items()} == TEXT


def test_with_both_sources_failing_the_message_names_both_ways_out(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    closed = Source("closed port", dict.fromkeys(FILES, "http://127.0.0.1:9/x"), Path.read_bytes)
    with pytest.raises(InputError) as caught:
        fetch(None, tmp_path / "cache", [closed, source(server, "changed")], SUMS)
    message = str(caught.value)
    assert "\n" not in message
    reasons = ("closed port: ", "refused", "changed: SHA-256")
    for part in (*reasons, "TOKENTRIAL_WIKITEXT2", "'corpus'", "network access"):
        assert part in message
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("pattern", ["wiki.{}.tokens", "{}.txt"])
def test_a_local_folder_is_checked_and_nothing_is_downloaded(pattern: str, tmp_path: Path) -> None:
    for split, name in FILES.items():
        (tmp_path / pattern.format(name)).write_bytes(TEXT[split])
    paths = fetch(tmp_path, tmp_path / "cache", [], SUMS)
    assert {split: path.read_bytes() for split, path in paths.items()} == TEXT
    assert not (tmp_path / "cache").exists()
    valid = tmp_path / pattern.format("valid")
    valid.write_bytes(TEXT["validation"] + b" ")
    with pytest.raises(InputError, match=rf"^{valid}: SHA-256 is [0-9a-f]{{64}}, expected {SUMS['validation']}"):
        fetch(tmp_path, tmp_path / "cache", [], SUMS)
    valid.unlink()
    with pytest.raises(InputError, match=r"no WikiText-2 validation file found, expected wiki\.valid\.tokens or "):
        fetch(tmp_path, tmp_path / "cache", [], SUMS)


def test_a_file_appears_whole_or_not_at_all(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, target: Path) -> None:
        assert not target.exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(None, tmp_path, [source(server, "good")], SUMS)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file/cache: cannot be read and written: Not a directory$"):
        fetch(None, tmp_path / "file" / "cache", [], SUMS)


def test_the_shipped_sources_are_pinned_and_complete() -> None:
    for made in SOURCES:
        assert set(made.urls) == set(FILES) == set(CHECKSUMS)
        assert all(url.startswith("https://") for url in made.urls.values())
    assert all(f"/{download.COMMIT}/" in url for url in SOURCES[0].urls.values())
    assert SOURCES[0].urls["validation"].endswith("/word_language_model/data/wikitext-2/valid.txt")
    assert SOURCES[1].urls["validation"].endswith("/wikitext-2-v1/validation-00000-of-00001.parquet")
