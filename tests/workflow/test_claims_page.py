"""The page of verdicts in a real headless Chromium: opened from a file and from a server, with and without scripts."""

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
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
if CHROMIUM is None:
    pytest.skip(f"the page of verdicts needs a browser: none of {', '.join(NAMES)} found", allow_module_level=True)

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
    for turn, (name, found) in enumerate({**documents["documents"], "cross": documents["cross"]}.items()):
        for place, tail in enumerate(found["ids"]):
            kind = ("arithmetic", "internal", "statistical", "scope", "empirical")[place % 5]
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
    found: dict[str, Any] = yaml.safe_load((ROOT / "config/claims/documents.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def few(registry: dict[str, Any]) -> dict[str, Any]:
    """The registry with some claims of each document, which a browser opens in a moment."""

    def cut(found: dict[str, Any]) -> dict[str, Any]:
        return {**found, "ids": [*found["ids"][:15], found["ids"][-1]]}

    documents = {name: cut(found) for name, found in registry["documents"].items()}
    return {"documents": documents, "cross": cut(registry["cross"])}


@pytest.fixture(scope="module")
def every(registry: dict[str, Any]) -> pd.DataFrame:
    return verdict_rows(registry)


@pytest.fixture(scope="module")
def rows(few: dict[str, Any]) -> pd.DataFrame:
    return verdict_rows(few)


def written(folder: Path, documents: dict[str, Any], rows: pd.DataFrame) -> Path:
    """The page of some claims, with two figures."""
    results.write(folder / "verdicts.parquet", results.table(rows, VERDICTS))
    (folder / "documents.yaml").write_text(yaml.safe_dump(documents))
    for name, colour in (("forest", "#ff0000"), ("power", "#0000ff")):
        (folder / f"{name}.svg").write_text(DRAWING.format(colour=colour))
    claims_page.write_page(
        str(folder / "verdicts.parquet"),
        {name: str(folder / f"{name}.svg") for name in ("forest", "power")},
        str(folder / "documents.yaml"),
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


# It stands alone


def test_a_file_shows_every_claim_and_asks_for_nothing(opened: Opener, whole: str, every: pd.DataFrame) -> None:
    page = opened(base=whole)
    assert ids(page) == every["id"].tolist()
    assert len(every) == 392
    expect(page.locator("#shown")).to_have_text("392 of 392 claims")
    click = "box => { const start = performance.now(); box.click(); return performance.now() - start; }"
    assert box(page, "kind", "scope").evaluate(click) < 2000  # milliseconds; some 10 on an idle machine
    counted(page, int((every["kind"] == "scope").sum()))
    expect(page.get_by_role("note")).to_contain_text("Partial run. It has no results of cramming")
    assert (
        page.evaluate("performance.getEntriesByType('resource').filter(one => !one.name.startsWith('data:')).length")
        == 0
    )


def test_from_a_server_it_is_one_request_and_no_other_leaves(
    opened: Opener, served: tuple[str, list[str]], rows: pd.DataFrame
) -> None:
    address, asked = served
    page = opened(base=address)
    page.locator(".drawing > summary").first.click()
    counted(page, len(rows))
    assert asked == ["/claims.html"]


def test_the_policy_refuses_requests_and_foreign_scripts(browser: Browser, served: tuple[str, list[str]]) -> None:
    address, asked = served
    page = browser.new_page()
    page.goto(address)
    tried = """async address => {
      const script = document.createElement("script");
      script.textContent = "window.pwned = 1";
      document.body.append(script);
      const image = new Image();
      const shown = new Promise(done => { image.onload = () => done("shown"); image.onerror = () => done("refused"); });
      image.src = address + "?image";
      const got = await fetch(address + "?fetch").then(() => "got", () => "refused");
      return [window.pwned ?? "refused", await shown, got];
    }"""
    assert page.evaluate(tried, address) == ["refused", "refused", "refused"]
    assert asked == ["/claims.html"]
    page.context.close()


def test_hostile_text_is_shown_and_not_run(opened: Opener) -> None:
    page = opened("#LE0-ABS-VAR")
    claim = page.locator("#LE0-ABS-VAR")
    for selector in ("h4", ".reason", ".section", ".values td >> nth=1"):
        assert HOSTILE in claim.locator(selector).all_text_contents()
    page.fill("#query", "<script>window.pwned = 1</script>")
    counted(page, 1)
    expect(page.locator("#chosen")).to_contain_text("<script>window.pwned = 1</script>")
    for drawing in page.locator(".drawing > summary").all():
        drawing.click()
    assert page.evaluate("[window.pwned ?? null, document.scripts.length]") == [None, 1]


def test_figures_keep_their_own_ids_and_load_when_opened(opened: Opener) -> None:
    page = opened()
    images = page.locator(".drawing img")
    assert [image.is_visible() for image in images.all()] == [False, False]
    seen = []
    for summary, image in zip(page.locator(".drawing > summary").all(), images.all(), strict=True):
        summary.click()
        expect(image).to_be_visible()
        draw = """async image => {
          await image.decode();
          const canvas = document.createElement("canvas").getContext("2d");
          canvas.drawImage(image, 0, 0); return [...canvas.getImageData(20, 20, 1, 1).data];
        }"""
        seen.append(image.evaluate(draw))
    assert seen == [[255, 0, 0, 255], [0, 0, 255, 255]]


def test_without_scripts_all_claims_and_their_evidence_are_read(
    opened: Opener, whole: str, every: pd.DataFrame
) -> None:
    page = opened(base=whole, java_script_enabled=False)
    assert ids(page) == every["id"].tolist()
    for selector, number, seen in ((".evidence > div", 392, True), (".scripted", 395, False)):
        found = page.eval_on_selector_all(selector, "all => all.map(one => one.checkVisibility())")
        assert found == [seen] * number, selector


# Search and filters


SEARCHES = {
    "le0-abs-5080": ["LE0-ABS-5080"],  # id
    "naive QUAGGA": ["LE0-ABS-5080"],  # claim, any case and accent
    "quagga naïve": ["LE0-ABS-5080"],  # any order
    "wombat": ["LE0-CON-5080"],  # reason
    "zebra": ["LE0-RQ"],  # section
    "0.1-0.2 of -3": ["LE0-ABS-5080"],  # any dash
    '"of -3"': ["LE0-ABS-5080"],  # a phrase
    '"-3 of"': [],
    "wombat quagga": [],  # all words, not any
}


def test_search_finds_words_of_id_claim_reason_and_section(opened: Opener, rows: pd.DataFrame) -> None:
    page = opened()
    for query, found in SEARCHES.items():
        page.fill("#query", query)
        counted(page, len(found))
        assert ids(page) == found, query
        expect(page.locator("#nothing")).to_be_visible(visible=not found)
        page.fill("#query", "")
        counted(page, len(rows))


def test_each_filter_alone_shows_its_claims(opened: Opener, rows: pd.DataFrame) -> None:
    page = opened()
    columns = {"document": part(rows), "kind": rows["kind"], "verdict": slugs(rows)}
    click = """boxes => boxes.map(box => {
      box.click();
      const claims = [...document.querySelectorAll(".claim")].filter(one => one.checkVisibility()).map(one => one.id);
      const found = [box.name, box.value, claims, document.getElementById("shown").textContent];
      box.click();
      return found;
    })"""
    found = page.eval_on_selector_all("fieldset input", click)
    assert len(found) == 6 + 5 + 10
    for key, value, shown, count in found:
        wanted = rows["id"][columns[key] == value].tolist()
        assert shown == wanted != [], (key, value)
        assert count == f"{len(wanted)} of {len(rows)} claims"
    counted(page, len(rows))


def test_filters_and_search_combine_and_every_count_follows(opened: Opener, rows: pd.DataFrame) -> None:
    page = opened()
    for key, value in (("document", "001"), ("document", "cross"), ("kind", "empirical"), ("verdict", "refuted")):
        box(page, key, value).check()
    page.fill("#query", '"number 1"')
    columns = {"document": part(rows), "kind": rows["kind"], "verdict": slugs(rows)}
    searched = rows["paraphrase"].str.contains("number 1", regex=False)
    chosen = {
        "document": columns["document"].isin(["001", "cross"]),
        "kind": columns["kind"] == "empirical",
        "verdict": columns["verdict"] == "refuted",
    }
    wanted = rows["id"][searched & chosen["document"] & chosen["kind"] & chosen["verdict"]].tolist()
    assert 1 <= len(wanted) < 20
    counted(page, len(wanted))
    assert ids(page) == wanted
    shown = page.eval_on_selector_all(
        "fieldset label",
        "all => all.map(one => [one.firstChild.name, one.firstChild.value, +one.querySelector('.count').textContent])",
    )
    for key, value, number in shown:
        others = searched & (columns[key] == value)
        for name, mask in chosen.items():
            others &= mask | (name == key)
        assert number == others.sum(), (key, value)
    headings = page.locator(".document h3:visible .count").all_text_contents()
    assert sum(map(int, headings)) == len(wanted)
    page.locator("#clear").click()
    counted(page, len(rows))
    expect(page.locator("#clear")).to_be_hidden()


def test_each_number_of_the_matrix_leads_to_that_many_claims(opened: Opener, rows: pd.DataFrame) -> None:
    """And a second click leads back."""
    page = opened()
    click = """links => links.map(link => {
      link.click();
      const state = [link.textContent.match(/\\d+$/)?.[0], document.querySelectorAll(".claim:not([hidden])").length,
                     link.getAttribute("aria-current"), document.activeElement.id, location.search];
      link.click();
      return [...state, document.querySelectorAll(".claim:not([hidden])").length, link.hasAttribute("aria-current")];
    })"""
    found = page.eval_on_selector_all('.matrix .pick[class*="v-"]', click)
    assert sum(int(text) for text, *_ in found) == 2 * len(rows)  # each claim in its document's row and in the last
    assert len({search for *_, search, _, _ in found}) == len(found) > 40
    for text, shown, current, focused, _, after, still in found:
        assert (int(text), current, focused, after, still) == (shown, "true", "claims", len(rows), False)
    link = page.get_by_role("link", name=re.compile("artefact: .*Bespoke"))
    link.click()
    expect(page.locator("#claims")).to_be_in_viewport()
    counted(page, int(((part(rows) == "003") & (rows["verdict"] == "ARTEFACT")).sum()))


# Links


@pytest.mark.parametrize("place", ["#LE2-TAG-81", "?document=000&q=wombat#LE2-TAG-81"])
def test_the_link_of_a_claim_opens_it_in_view_and_in_focus(opened: Opener, rows: pd.DataFrame, place: str) -> None:
    """Even where the filters that came with it would hide it."""
    page = opened(place)
    claim = page.locator("#LE2-TAG-81")
    expect(claim).to_be_in_viewport()
    expect(claim).to_be_focused()
    assert page.eval_on_selector_all(".evidence[open]", "all => all.map(one => one.closest('.claim').id)") == [
        "LE2-TAG-81"
    ]
    expect(claim.locator(".values").first).to_be_in_viewport()
    covered = """one => { const place = one.querySelector('.badge').getBoundingClientRect();
      return one.contains(document.elementFromPoint(place.x + 3, place.y + 3)); }"""
    assert claim.evaluate(covered)
    counted(page, len(rows))
    assert page.evaluate("location.search + location.hash") == "#LE2-TAG-81"
    page.evaluate("scrollTo(0, 0)")
    page.eval_on_selector("#LE2-TAG-81 .anchor", "one => one.click()")  # the same link again
    expect(claim).to_be_in_viewport()
    page.focus("#query")
    page.eval_on_selector("#LE2-TAG-81 .anchor", "one => one.click()")
    expect(claim).to_be_focused()


def test_links_inside_the_page_open_claims_and_figures(opened: Opener) -> None:
    page = opened("?document=002#LE2-TAG-81")
    page.locator("#LE2-TAG-81").get_by_role("link", name="Figure forest").click()
    figure = page.locator("#figure-forest")
    expect(figure.locator("img")).to_be_in_viewport()
    expect(figure).to_be_focused()
    figure.get_by_role("link", name="XD-PERF", exact=True).click()
    expect(page.locator("#XD-PERF")).to_be_focused()
    expect(page.locator("#XD-PERF .evidence")).to_have_attribute("open", "")
    page.evaluate("location.hash = '#NO-CLAIM'")
    expect(page.locator("#shown")).to_contain_text("nothing here is called NO-CLAIM")


def test_a_filtered_view_is_in_the_address_and_comes_back(opened: Opener, rows: pd.DataFrame) -> None:
    page = opened("#XD-CODE")
    for key, value in (("document", "000"), ("document", "003"), ("verdict", "not-checkable")):
        box(page, key, value).check()
    page.fill("#query", "claim & §2")
    expect(page.locator("#chosen")).to_have_text("000 or 003, not checkable, “claim & §2”")
    place = str(page.evaluate("location.search + location.hash"))
    assert place == "?document=000&document=003&verdict=not-checkable&q=claim+%26+%C2%A72"
    page.fill("#query", "claim §2")
    mask = part(rows).isin(["000", "003"]) & (rows["verdict"] == "NOT CHECKABLE") & (rows["section"] == "§2")
    wanted = rows["id"][mask].tolist()
    counted(page, len(wanted))
    assert ids(page) == wanted != []
    page.reload()
    assert ids(page) == wanted
    again = opened(str(page.evaluate("location.search")))
    assert ids(again) == wanted
    assert again.input_value("#query") == "claim §2"
    assert box(again, "document", "003").is_checked()
    assert not box(again, "document", "001").is_checked()
    page.go_back()
    counted(page, int(part(rows).isin(["000", "003"]).sum()))
    assert not box(page, "verdict", "not-checkable").is_checked()


def test_unknown_values_in_an_address_are_left_out(opened: Opener, rows: pd.DataFrame) -> None:
    page = opened("?document=999&kind=scope&verdict=%3Cscript%3E&other=1")
    counted(page, int((rows["kind"] == "scope").sum()))


def test_links_are_copied(opened: Opener, served: tuple[str, list[str]], rows: pd.DataFrame) -> None:
    page = opened("?kind=scope", base=served[0], permissions=["clipboard-read", "clipboard-write"])
    claim = page.locator("#LE0-ABS-TRADEOFF, .claim:visible").first
    name = str(claim.get_attribute("id"))
    claim.get_by_role("button", name=f"Copy link to {name}").click()
    expect(claim.locator(".copy")).to_have_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{served[0]}#{name}"
    page.locator("#share").click()
    expect(page.locator("#share")).to_have_text("Copied")
    view = page.evaluate("navigator.clipboard.readText()")
    assert view == f"{served[0]}?kind=scope"
    expect(page.locator("#share")).to_have_text("Copy link to this view")
    page.goto(link)
    expect(page.locator(f"#{name}")).to_be_focused()


def test_where_copying_is_forbidden_the_link_is_shown(opened: Opener, file: Path) -> None:
    forbid = """Object.defineProperty(navigator, "clipboard", { value: undefined });
      Document.prototype.execCommand = () => false;"""
    page = opened("?kind=scope", script=forbid)
    page.locator("#share").click()
    expect(page.locator("#shown")).to_have_text(f"{file.as_uri()}?kind=scope")


# Keyboard and screen readers


def test_the_keyboard_alone_reaches_filters_and_opens_a_claim(opened: Opener, rows: pd.DataFrame) -> None:
    page = opened()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the claims")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert active(page) == "claims"
    expect(page.locator("#claims")).to_be_in_viewport()
    page.keyboard.press("/")
    assert active(page) == "query"
    assert page.input_value("#query") == ""
    page.keyboard.type("wombat/")
    expect(page.locator("#query")).to_have_value("wombat/")  # where one types, / is a letter
    page.keyboard.press("Escape")
    counted(page, len(rows))
    expect(page.locator("#query")).to_have_value("")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(box(page, "document", "000")).to_be_checked()
    counted(page, int((rows["document"] == "000").sum()))
    page.keyboard.type("/wombat")
    counted(page, 1)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#LE0-CON-5080 .evidence > summary')"):
            break
    assert style(page, "#LE0-CON-5080 .evidence > summary", "outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#LE0-CON-5080 .values").first).to_be_visible()
    page.keyboard.press("Escape")
    counted(page, len(rows))
    assert page.evaluate("location.search") == ""


def test_every_stop_of_the_tab_key_shows_where_it_is(opened: Opener) -> None:
    page = opened("?q=wombat")
    seen = set()
    for _ in range(140):
        page.keyboard.press("Tab")
        name, outline, visible = page.evaluate("""(() => { const one = document.activeElement;
          return [one.outerHTML.slice(0, 80), getComputedStyle(one).outlineStyle, one.checkVisibility()]; })()""")
        if name.startswith("<body"):
            break
        assert outline == "solid", name
        assert visible, name
        seen.add(name)
    assert len(seen) > 30


def test_landmarks_headings_and_names_are_in_order(opened: Opener) -> None:
    page = opened()
    for role in ("banner", "main", "search", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    levels = page.eval_on_selector_all(
        "h1, h2, h3, h4", "all => all.filter(one => one.checkVisibility()).map(one => +one.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    expect(page.locator("#shown")).to_have_attribute("aria-live", "polite")
    expect(page.get_by_role("checkbox", name="too small")).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search")).to_have_count(1)
    expect(page.get_by_role("article", name="Naïve “quagga” range")).to_have_count(1)
    expect(page.get_by_role("group", name="Verdict", exact=True)).to_have_count(1)
    expect(page.get_by_role("table", name="Verdicts by document and kind").get_by_role("row")).to_have_count(8)


def test_expand_all_opens_and_closes_what_is_shown(opened: Opener, rows: pd.DataFrame) -> None:
    page = opened("?kind=scope")
    number = int((rows["kind"] == "scope").sum())
    page.get_by_role("button", name="Expand all").click()
    expect(page.locator(".evidence[open]")).to_have_count(number)
    page.get_by_role("button", name="Collapse all").click()
    expect(page.locator(".evidence[open]")).to_have_count(0)


# Light, dark, narrow, printed

CONTRAST = """([front, back]) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = colour => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const linear = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(value => value / 255)
      .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_verdicts_are_legible_in_both_schemes(opened: Opener, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5."""
    page = opened(color_scheme=scheme)
    page.locator(".meanings > summary").click()
    paper = style(page, "html", "backgroundColor")
    for selector in ("body", ".where", ".reason", ".anchor", ".copy", "#shown", "legend", "summary", ".partial"):
        assert page.evaluate(CONTRAST, [style(page, selector, "color"), paper]) >= 4.5, selector
    badges = page.eval_on_selector_all(
        ".meanings .badge", "all => all.map(one => [one.textContent, getComputedStyle(one).color])"
    )
    assert len(badges) == 10
    for name, colour in badges:
        assert page.evaluate(CONTRAST, [colour, paper]) >= 4.5, name


def test_dark_follows_the_system_until_one_chooses(opened: Opener) -> None:
    light, dark = "rgb(253, 252, 249)", "rgb(21, 23, 26)"
    page = opened(color_scheme="dark")
    toggle = page.get_by_role("button", name="Dark mode")
    assert style(page, "html", "backgroundColor") == dark
    expect(toggle).to_have_attribute("aria-pressed", "true")
    toggle.click()
    assert style(page, "html", "backgroundColor") == light
    page.reload()
    assert style(page, "html", "backgroundColor") == light
    expect(toggle).to_have_attribute("aria-pressed", "false")
    toggle.click()
    assert style(page, "html", "backgroundColor") == dark
    page.emulate_media(color_scheme="light")  # the choice was the system's, which is followed again
    assert style(page, "html", "backgroundColor") == light
    expect(toggle).to_have_attribute("aria-pressed", "false")


def test_the_theme_changes_where_storage_is_forbidden(opened: Opener, rows: pd.DataFrame) -> None:
    forbid = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    page = opened(color_scheme="light", script=forbid)
    page.get_by_role("button", name="Dark mode").click()
    assert style(page, "html", "backgroundColor") == "rgb(21, 23, 26)"
    counted(page, len(rows))


def test_nothing_is_wider_than_the_screen(opened: Opener) -> None:
    page = opened("#LE0-ABS-VAR")
    for width in (320, 390, 768, 1300):
        page.set_viewport_size({"width": width, "height": 800})
        page.reload()
        choices = page.locator(".choices")
        if width < 960:
            expect(choices).not_to_have_attribute("open", "")
            choices.locator("summary").click()
        expect(box(page, "verdict", "artefact")).to_be_visible()
        page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width < 700:
            assert "arithmetic" in page.eval_on_selector(
                ".matrix td", "one => getComputedStyle(one, '::before').content"
            )


def test_print_shows_what_matches_in_full_and_no_controls(opened: Opener, rows: pd.DataFrame) -> None:
    page = opened("?document=000&kind=arithmetic", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    wanted = rows["id"][(rows["document"] == "000") & (rows["kind"] == "arithmetic")].tolist()
    assert ids(page) == wanted
    evidence = page.eval_on_selector_all(
        ".claim:not([hidden]) .evidence > div", "all => all.map(one => one.checkVisibility())"
    )
    assert evidence == [True] * len(wanted) == [True] * 4
    for selector in ("#query", "#theme", "#share", ".skip", ".evidence > summary", ".copy"):
        assert not any(page.eval_on_selector_all(selector, "all => all.map(one => one.checkVisibility())")), selector
    expect(page.locator("#shown")).to_be_visible()
    expect(page.locator("#chosen")).to_have_text("000, arithmetic")
    assert set(page.eval_on_selector_all(".claim", "all => all.map(one => getComputedStyle(one).breakInside)")) == {
        "avoid"
    }
    assert style(page, "body", "color") == "rgb(30, 29, 26)"
    assert set(rows.set_index("id").loc[wanted, "decided_by"]) == {"forest", "check"}
    expect(page.locator(".drawing:has(#figure-forest)")).to_be_visible()
    expect(page.locator(".drawing:has(#figure-power)")).to_be_hidden()


def test_a_printed_file_has_the_claims_of_the_view_alone(opened: Opener) -> None:
    def pages(page: Page) -> int:
        return page.pdf(format="A4").count(b"/Type /Page\n")

    page = opened("?document=004")
    few = pages(page)
    assert page.locator(".evidence[open], .drawing[open]").count() == 0  # as it was before
    box(page, "document", "000").check()
    assert 1 < few < pages(page)
