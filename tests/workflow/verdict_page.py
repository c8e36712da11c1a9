"""The page of verdicts in a headless Chromium, for its tests: rows, files, a server, an opener that sees faults."""

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tokentrial import results
from tokentrial.claims.verdict import OF_CHECKS, OF_RULES
from tokentrial.claims.verdicts import VERDICTS
from tokentrial.report import claims_page

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)

FACTS = dict.fromkeys(claims_page.FACTS, "") | {"run": "a test run", "seeds": "10", "missing": "cramming"}
# Two drawings with the same ids, which must not meet, and a script, which must not run.
DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 150"><defs><linearGradient id="a">
<stop stop-color="{colour}"/></linearGradient></defs><rect id="b" width="300" height="150" fill="url(#a)"/>
<script>parent.pwned = top.pwned = 1</script></svg>"""
HOSTILE = '</script><script>window.pwned = 1</script> "\'><img src=x onerror="window.pwned = 1"> {{ 7*7 }} &lt;b&gt;'
SPECIAL = {
    "LE0-ABS-VAR": {
        "paraphrase": HOSTILE,
        "reason": HOSTILE,
        "section": HOSTILE,
        "recomputed": json.dumps({"x": HOSTILE}),
    },
    "LE0-ABS-5080": {"paraphrase": "Naïve “quagga” range", "reason": "It is 0.1–0.2 of −3."},
    "LE0-RQ": {"section": "Appendix Zebra"},
    "LE0-CON-5080": {"reason": "A wombat decided."},
}


def verdict_rows(documents: dict[str, Any]) -> pd.DataFrame:
    """A row for every id of the registry, its kind and verdict by its place and its document's."""
    rows = []
    for turn, (name, found) in enumerate(documents.items()):
        for place, tail in enumerate(found["ids"]):
            kind = ("arithmetic", "internal", "statistical", "scope", "empirical")[place % 5]
            kind = "audit" if name != "000" and tail == found["ids"][-1] else kind
            words = OF_RULES if kind == "empirical" else OF_CHECKS
            row = {
                "id": f"{found['prefix']}-{tail}",
                "document": "000 + 001" if name == "cross" else name,
                "section": f"§{place % 9 + 1}",
                "kind": kind,
                "paraphrase": f"The claim with number {place}",
                "reported": json.dumps({"value": f"0.{place}"}),
                "check": "quotient",
                "parameters": json.dumps({"values": [{"value": "0.5", "where": "Table 1"}] * (place % 7)}),
                "recomputed": json.dumps({"low": place / 7, "high": place / 3}),
                "verdict": words[(place // 5 + turn) % len(words)],
                "reason": f"The values lie from {place / 7:.3f} to {place / 3:.3f}.",
                "comparison": "[]",
                "decided_by": {0: "forest", 1: "power"}.get(place % 10, "check"),
                "decision": "",
                "fixed": "before the run" if kind == "empirical" else "",
                "rows": place,
            }
            rows.append(row | SPECIAL.get(str(row["id"]), {}))
    return pd.DataFrame(rows, columns=VERDICTS.names).astype({"rows": "int32"})


@pytest.fixture(scope="module")
def registry() -> dict[str, Any]:
    names = ("000", "001", "002", "003", "004", "cross")
    return {name: yaml.safe_load((ROOT / f"documents/{name}/document.yaml").read_text()) for name in names}


@pytest.fixture(scope="module")
def few(registry: dict[str, Any]) -> dict[str, Any]:
    """The registry with some claims of each document, which a browser opens in a moment."""

    def cut(found: dict[str, Any]) -> dict[str, Any]:
        return {**found, "ids": [*found["ids"][:15], found["ids"][-1]]}

    return {name: cut(found) for name, found in registry.items()}


@pytest.fixture(scope="module")
def every(registry: dict[str, Any]) -> pd.DataFrame:
    return verdict_rows(registry)


@pytest.fixture(scope="module")
def rows(few: dict[str, Any]) -> pd.DataFrame:
    return verdict_rows(few)


def written(folder: Path, documents: dict[str, Any], rows: pd.DataFrame) -> Path:
    """The page of some claims, with two figures."""
    results.write(folder / "verdicts.parquet", results.table(rows, VERDICTS))
    for name, found in documents.items():
        (folder / name).mkdir()
        (folder / name / "document.yaml").write_text(yaml.safe_dump(found))
    for name, colour in (("forest", "#ff0000"), ("power", "#0000ff")):
        (folder / f"{name}.svg").write_text(DRAWING.format(colour=colour))
    claims_page.write_page(
        str(folder / "verdicts.parquet"),
        {name: str(folder / f"{name}.svg") for name in ("forest", "power")},
        [str(folder / name / "document.yaml") for name in documents],
        FACTS,
        str(folder / "site/claims.html"),
        str(ROOT / "workflow/report"),
    )
    return folder / "site/claims.html"


@pytest.fixture(scope="module")
def file(few: dict[str, Any], rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("few"), few, rows)


@pytest.fixture(scope="module")
def whole(registry: dict[str, Any], every: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the page with every claim of the registry."""
    return written(tmp_path_factory.mktemp("whole"), registry, every).as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium's sandbox refuses to start as root
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if root else [])
        yield found
        found.close()


Opener = Callable[..., Page]
PATIENCE = 60_000  # milliseconds: other work on the machine must fail no test
expect.set_options(timeout=PATIENCE)


@pytest.fixture
def opened(browser: Browser, file: Path) -> Iterator[Opener]:
    """Opens the page at an address within it; afterwards nothing was printed, failed or asked of the network."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def go(place: str = "", base: str = file.as_uri(), script: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("request", lambda request: faults.append(request.url) if not own(request.url, base) else None)
        page.goto(base + place)
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []


def own(url: str, base: str) -> bool:
    return url.startswith("data:") or re.sub(r"[?#].*", "", url) == base


@pytest.fixture
def served(file: Path) -> Iterator[tuple[str, list[str]]]:
    """The page's address at a local server, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(file.parent)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{file.name}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def ids(page: Page) -> list[str]:
    """The claims that are shown."""
    found: list[str] = page.eval_on_selector_all(
        ".claim", "all => all.filter(one => one.checkVisibility()).map(one => one.id)"
    )
    return found


def counted(page: Page, number: int) -> None:
    expect(page.locator("#shown")).to_have_text(re.compile(rf"^{number} of \d+ claims"))


def box(page: Page, key: str, value: str) -> Locator:
    return page.locator(f'input[name="{key}"][value="{value}"]')


def part(rows: pd.DataFrame) -> pd.Series:
    return rows["document"].where(~rows["document"].str.contains("+", regex=False), "cross")


def slugs(rows: pd.DataFrame) -> pd.Series:
    return rows["verdict"].map(claims_page.slug)


def style(page: Page, selector: str, name: str) -> str:
    found = page.eval_on_selector(selector, "(one, name) => getComputedStyle(one)[name]", name)
    return str(found)


def active(page: Page) -> str:
    found = page.evaluate("document.activeElement.id")
    return str(found)
