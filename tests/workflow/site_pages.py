"""The site of a few shipped rows, with hostile names in them, and the browsers that open it."""

import html
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pytest
import yaml
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tokentrial import config as settings
from tokentrial import results
from tokentrial.claims.verdict import VERDICTS
from tokentrial.report import catalogue, formats
from tokentrial.report.claims_listing import write as write_table
from tokentrial.report.site import build
from tokentrial.report.site.build import Sources, write_site
from tokentrial.run.columns import CONDITIONS, METHODS
from tokentrial.schema import study_files

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
SHIPPED = ROOT / "results/reference"
SCHEMAS = {
    **{name: getattr(results, name.upper()) for name in ("runs", "arms", "summary", "statistics")},
    "conditions": CONDITIONS,
    "methods": METHODS,
    "verdicts": VERDICTS,
}
KEPT = {"learned_encoding": ["markov", "compression", "pure-python"], "language_models": ["mask"]}
"""Study -> experiments of the site."""
HOSTILE = '</script><script>window.pwned = 1</script> "\'><img src=x onerror="window.pwned = 1"> {{ 7*7 }} &lt;b&gt;'
CLAIM, ARM, TITLE = "LE0-ABS-VAR", "autoencoder", "Markov <i>chains</i>"
# Two drawings with the same ids, which must not meet, and a script, which must not run.
DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 150">
<defs><style>*{{stroke-width: 1}}</style></defs><rect id="b" width="300" height="150" style="fill: #ffffff"/>
<rect x="100" width="50" height="50" style="fill: {color}"/>
<script>parent.pwned = top.pwned = 1</script></svg>"""
COMPRESSION = "explorer.html?study=learned_encoding&experiment=compression%2C+done+right"
PAGES = ("index", "claims", "explorer", "tables", "figures", "provenance", "numbers", "tables/hostile")


def shipped_frames(kept: dict[str, list[str]] = KEPT) -> dict[str, pd.DataFrame]:
    """The shipped rows of some experiments, without learning curves."""
    frames = {
        name: results.read(SHIPPED / f"{name}.parquet", schema).to_pandas()
        for name, schema in SCHEMAS.items()
        if name != "verdicts"
    }
    known = frames["conditions"]
    chosen = pd.concat(
        [known[(known["study"] == study) & known["experiment"].isin(some)] for study, some in kept.items()]
    )
    names, studies = set(chosen["condition"]), set(chosen["study"])
    frames = {
        name: rows[rows["condition"].isin(names) if "condition" in rows else rows["study"].isin(studies)]
        for name, rows in frames.items()
    }
    return frames | {"runs": frames["runs"][frames["runs"]["step"].isna()]}


def hostile_frames() -> dict[str, pd.DataFrame]:
    frames = shipped_frames()
    methods, conditions = frames["methods"].copy(), frames["conditions"].copy()
    methods.loc[methods["arm"] == ARM, "name"] = HOSTILE
    conditions.loc[conditions["experiment"] == "markov", "title"] = TITLE
    return frames | {"methods": methods, "conditions": conditions}


def hostile_verdicts() -> pd.DataFrame:
    rows = results.read(SHIPPED / "verdicts.parquet", VERDICTS).to_pandas()
    for column in ("paraphrase", "reason", "section"):
        rows.loc[rows["id"] == CLAIM, column] = HOSTILE
    rows.loc[rows["id"] == CLAIM, "recomputed"] = json.dumps({"x": HOSTILE, HOSTILE: 1})
    return rows


def write_frames(folder: Path, frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Table -> file."""
    for name, rows in frames.items():
        whole = {field.name: "Int64" for field in SCHEMAS[name] if str(field.type) == "int64"}
        results.write(folder / f"{name}.parquet", results.table(rows.astype(whole), SCHEMAS[name]))
    return {name: str(folder / f"{name}.parquet") for name in frames}


def sources(folder: Path, frames: dict[str, pd.DataFrame], verdicts: pd.DataFrame, **facts: str) -> Sources:
    """The sources of a site of these rows, with two tables and two figures; everything lies in the folder."""
    folder.mkdir(exist_ok=True)
    results.write(folder / "verdicts.parquet", results.table(verdicts, VERDICTS))
    cells = pd.DataFrame({"Arm <b>": [HOSTILE, "a|b", "c", "d"], "Loss": ["0.5", "−1.25", "–", "<0.001"]})
    data = pd.DataFrame({"arm": list("abcd"), "condition": [frames["conditions"]["condition"].iloc[0], "", "", ""]})
    hostile = formats.Table("hostile", "A table of <i>names</i>", data, (formats.Section("", cells),), ("A note.",))
    listed = pd.DataFrame({"Id": [CLAIM], "Verdict": ["CONSISTENT"]})
    claims = formats.Table(
        "verdict-findings", "Findings", pd.DataFrame({"id": [CLAIM]}), (formats.Section("", listed),), ()
    )
    for table in (hostile, claims):
        for suffix in ("csv", "md", "tex"):
            write_table(table, str(folder / f"{table.name}.{suffix}"))
    for name, color in (("loss-by-ratio", "#d55e00"), ("forest", "#0072b2")):
        (folder / f"{name}.svg").write_text(DRAWING.format(color=color))
    documents = ROOT / "documents"
    shutil.copytree(documents, folder / "documents")
    path = folder / "documents/001/document.yaml"
    path.write_text(path.read_text().replace(yaml.safe_load(path.read_text())["title"], "A <b>hostile</b> title"))
    shipped = study_files.default(ROOT)
    pair = frames["statistics"].iloc[0]
    places = [
        f"statistics › {pair['comparison']} › difference",
        f"summary › {pair['condition']}|learned|accuracy › mean",
    ]
    lines = [f"0.5,{place},0.5" for place in [*places, f"verdicts › {CLAIM} › pct", "counted: claims"]]
    (folder / "documents/report.numbers.csv").write_text("\n".join(["printed,place,value", *lines]), encoding="utf-8")
    return Sources(
        frames=write_frames(folder, frames),
        verdicts=str(folder / "verdicts.parquet"),
        tables=[
            str(path)
            for path in sorted(folder.glob("*.csv")) + sorted(folder.glob("*.md")) + sorted(folder.glob("*.tex"))
        ],
        figures=[str(path) for path in sorted(folder.glob("*.svg"))],
        documents=[str(folder / f"documents/{name}/document.yaml") for name in catalogue.DOCUMENTS],
        published=[str(folder / "documents/001/printed.yaml"), str(folder / "documents/001/claims.yaml")],
        facts=dict.fromkeys(build.FACTS, "") | {"run": "a test run", "seeds": "10", "commit": "abc"} | facts,
        settings=settings.judging(shipped),
        templates=[str(path) for path in sorted((ROOT / "workflow/report/site").iterdir())],
        numbers=str(folder / "documents/report.numbers.csv"),
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site; its rows are those of `hostile_frames`."""
    folder = tmp_path_factory.mktemp("site")
    given = sources(folder / "run", hostile_frames(), hostile_verdicts(), missing="cramming")
    write_site(given, str(folder / "site"))
    return folder / "site"


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
def opened(browser: Browser, site: Path) -> Iterator[Opener]:
    """Opens a page of the site; afterwards nothing was printed, failed or asked of any other place."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def go(place: str = "index.html", script: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("request", lambda request: faults.append(request.url) if not own(request.url, site) else None)
        page.on("requestfailed", lambda request: faults.append(request.url) if not left(request) else None)
        page.goto(f"{site.as_uri()}/{place}")
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []


def left(request: Request) -> bool:
    """Whether a request ended because the test went on to another page."""
    return "ERR_ABORTED" in (request.failure or "")


def own(url: str, site: Path) -> bool:
    return url.startswith(("data:", "blob:null/", "blob:file:", f"{site.as_uri()}/"))


def shown(page: Page) -> list[str]:
    """The claims that are shown."""
    found: list[str] = page.eval_on_selector_all(
        ".claim", "all => all.filter(one => one.checkVisibility()).map(one => one.id)"
    )
    return found


def counted(page: Page, number: int) -> None:
    expect(page.locator("#shown")).to_have_text(re.compile(rf"^{number} of \d+ claims"))


class Firefox:
    """A headless Firefox, driven by its own protocol, so that no other program is needed."""

    def __init__(self, profile: Path, **preferences: Any) -> None:
        wanted = {"marionette.port": 0, "datareporting.policy.dataSubmissionEnabled": False, **preferences}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in wanted.items()]
        (profile / "user.js").write_text("\n".join(lines))
        command = [str(FIREFOX), "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env=os.environ | {"HOME": str(profile)}, **quiet)  # type: ignore[call-overload]
        port = self._port(profile / "MarionetteActivePort")
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.answers = self.socket.makefile("rb")
        self._answer()
        self.asked = 0
        self("WebDriver:NewSession")

    def _port(self, file: Path) -> int:
        for _ in range(600):
            if self.process.poll() is None and file.is_file() and file.read_text():
                return int(file.read_text())
            time.sleep(0.1)
        raise TimeoutError("Firefox did not start within a minute")

    def _answer(self) -> Any:
        length = b""
        while (letter := self.answers.read(1)) != b":":
            length += letter
        return json.loads(self.answers.read(int(length)))

    def __call__(self, command: str, **arguments: Any) -> Any:
        self.asked += 1
        message = json.dumps([0, self.asked, command, arguments]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, answer = self._answer()
        assert error is None, error
        return answer

    def go(self, address: str) -> None:
        self("WebDriver:Navigate", url="about:blank")
        self("WebDriver:Navigate", url=address)

    def evaluate(self, script: str) -> Any:
        return self("WebDriver:ExecuteScript", script=f"return {script}", args=[])["value"]

    def wait(self, script: str) -> Any:
        """Waits until a script's value is truthy and returns the value."""
        for _ in range(300):
            if value := self.evaluate(script):
                return value
            time.sleep(0.1)
        raise AssertionError(f"{script}: not true within half a minute")

    def close(self) -> None:
        self("Marionette:Quit", flags=["eForceQuit"])
        self.socket.close()
        self.process.wait(30)


LINK = re.compile(r'(?:href|src)="([^"]*)"')
ANCHOR = re.compile(r'\bid="([^"]*)"')


def broken_links(site: Path) -> list[str]:
    """Links of any page that lead to no file of the site, or to a place that the file does not have."""
    texts = {path.resolve(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    anchors = {path: {html.unescape(name) for name in ANCHOR.findall(text)} for path, text in texts.items()}
    broken = []
    for path, text in texts.items():
        for link in map(html.unescape, set(LINK.findall(text))):
            address, _, anchor = link.partition("#")
            file = unquote(address.partition("?")[0])
            target = (path.parent / file).resolve() if file else path
            known = link.startswith("data:") or target.is_file()
            if not known or (anchor and unquote(anchor) not in anchors.get(target, ())):
                broken.append(f"{path.name}: {link}")
    return sorted(broken)
