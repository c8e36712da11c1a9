"""The site in a real headless Chromium and a real Firefox, opened as files: search, choices, links, theme, print."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect
from site_pages import (
    ARM,
    CHROMIUM,
    CLAIM,
    COMPRESSION,
    FIREFOX,
    HOSTILE,
    NAMES,
    PAGES,
    Firefox,
    Opener,
    broken_links,
    counted,
    hostile_frames,
    hostile_verdicts,
    shown,
)

chromium = pytest.mark.skipif(CHROMIUM is None, reason=f"needs a browser: none of {', '.join(NAMES)} found")
LIGHT, DARK = "rgb(253, 252, 249)", "rgb(21, 23, 26)"
PAPER = "getComputedStyle(document.documentElement).backgroundColor"


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return hostile_frames()


@pytest.fixture(scope="module")
def verdicts() -> pd.DataFrame:
    return hostile_verdicts()


@pytest.fixture(scope="module")
def pages(site: Path) -> list[str]:
    condition = next(path for path in sorted((site / "conditions").iterdir()) if "ratio-8" in path.name)
    return [*(f"{name}.html" for name in PAGES), f"conditions/{condition.name}"]


# Every page


def test_every_link_leads_to_a_place_of_the_site(site: Path) -> None:
    assert broken_links(site) == []


def test_numbers_of_the_paper_lead_to_their_rows(site: Path) -> None:
    text = (site / "numbers.html").read_text(encoding="utf-8")
    links = re.findall(r'<tr><th scope="row">0\.5<td><a href="([^"]+)">', text)
    assert [link.partition("/")[0].partition("#")[0] for link in links] == ["conditions", "conditions", "claims.html"]
    assert "#" in links[0]
    assert "<td>claims<td>count or combination of rows" in text


@chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_for_those_who_cannot_see_it(opened: Opener, pages: list[str], scheme: str) -> None:
    """By axe-core; in the dark, only colours can differ."""
    axe = pytest.importorskip("axe_playwright_python")
    only = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
    source = next(Path(axe.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
    for name in pages if scheme == "light" else ["index.html", "claims.html", "explorer.html"]:
        page = opened(f"claims.html#{CLAIM}" if name == "claims.html" else name, color_scheme=scheme)
        if name == "explorer.html":
            expect(page.locator("#chart svg")).to_be_visible()
        if name == "claims.html":
            page.evaluate(
                "document.querySelectorAll('.claim:nth-of-type(n + 6)').forEach(one => one.remove())"
            )  # like these
        page.wait_for_function(f"{PAPER} === '{LIGHT if scheme == 'light' else DARK}'")
        page.evaluate(source)
        found = page.evaluate("only => axe.run({ preload: false, ...only }).then(found => found.violations)", only)
        serious = [
            (each["id"], node["html"][:120])
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert serious == [], name


@chromium
def test_hostile_text_is_shown_and_not_run(opened: Opener, pages: list[str]) -> None:
    for name in pages:
        page = opened(name)
        assert page.evaluate("window.pwned ?? null") is None, name
        assert page.locator("script:not([src])").count() == 0, name
    page = opened(f"claims.html#{CLAIM}")
    claim = page.locator(f"#{CLAIM}")
    for selector in ("h4", ".reason", ".section", ".values td >> nth=1"):
        assert any(HOSTILE.partition("; ")[0] in text for text in claim.locator(selector).all_text_contents()), selector
    page = opened("index.html?q=window.pwned")
    expect(page.locator("#results a").first).to_have_text(HOSTILE)
    page = opened("tables/hostile.html")
    assert HOSTILE in page.locator("tbody th").all_text_contents()


@chromium
def test_the_policy_refuses_requests_and_foreign_scripts(browser: Any, site: Path) -> None:
    page = browser.new_page()
    page.goto(f"{site.as_uri()}/explorer.html")
    tried = """async () => {
      const script = document.createElement("script");
      script.textContent = "window.pwned = 1";
      document.body.append(script);
      const image = new Image();
      const drawn = new Promise(done => { image.onload = () => done("drawn"); image.onerror = () => done("refused"); });
      image.src = "https://example.org/one.png";
      const got = await fetch("https://example.org/").then(() => "got", () => "refused");
      return [window.pwned ?? "refused", await drawn, got];
    }"""
    assert page.evaluate(tried) == ["refused", "refused", "refused"]
    page.context.close()


@chromium
def test_nothing_is_wider_than_the_screen_and_the_first_claim_is_on_it(
    opened: Opener, site: Path, pages: list[str]
) -> None:
    for width in (320, 400):
        page = opened(viewport={"width": width, "height": 800})
        for name in pages:
            page.goto(f"{site.as_uri()}/{name}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
        page.goto(f"{site.as_uri()}/claims.html")
        if width >= 400:
            expect(page.locator(".claim .reason").first).to_be_in_viewport()


@chromium
def test_dark_follows_the_system_until_one_chooses(opened: Opener) -> None:
    page = opened(color_scheme="dark")
    assert page.evaluate(PAPER) == DARK
    page.get_by_role("button", name="Switch to light").click()
    assert page.evaluate(PAPER) == LIGHT
    page.get_by_role("link", name="Claims", exact=True).first.click()
    expect(page.get_by_role("heading", name="Claims", exact=True)).to_be_visible()
    assert page.evaluate(PAPER) == LIGHT  # on every page
    page.get_by_role("button", name="Switch to dark").click()
    page.emulate_media(color_scheme="light")  # the choice was the system's, which is followed again
    assert page.evaluate(PAPER) == LIGHT


@chromium
def test_figures_are_drawn_for_the_theme_and_say_what_was_found(opened: Opener, tmp_path: Path) -> None:
    from PIL import Image

    page = opened("figures.html", color_scheme="dark")
    for name, colour in (("loss-by-ratio", (240, 138, 75)), ("forest", (95, 176, 230))):
        image = page.locator(f"#figure-{name} img")
        image.scroll_into_view_if_needed()
        image.evaluate("one => one.decode()")
        image.screenshot(path=tmp_path / "drawn.png")
        drawn = Image.open(tmp_path / "drawn.png").convert("RGB")
        assert drawn.getpixel((20, 20)) == (21, 23, 26), name  # the page's own colour: no white box
        assert drawn.getpixel((drawn.width * 125 // 300, drawn.height // 6)) == colour, name
        alt = image.get_attribute("alt") or ""
        assert re.search(r"fair comparisons on held-out loss|claims and findings", alt), name


@chromium
def test_without_scripts_all_that_is_written_is_there(opened: Opener, pages: list[str], verdicts: pd.DataFrame) -> None:
    page = opened("claims.html", java_script_enabled=False)
    assert shown(page) == verdicts["id"].tolist()
    for selector, visible in ((".evidence > div", True), (".scripted", False)):
        found = page.eval_on_selector_all(selector, "all => all.map(one => one.checkVisibility())")
        assert found and set(found) == {visible}, selector
    page = opened("explorer.html", java_script_enabled=False)
    links = page.locator(".unscripted a")
    expect(links.first).to_be_visible()
    links.first.click()
    expect(page.locator("#rows")).to_be_visible()


# Start


@chromium
def test_search_finds_claims_tables_figures_and_rows_by_keyboard_alone(opened: Opener) -> None:
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("compression 8:1 done right")
    expect(page.locator("#results .count").first).to_have_text("Rows")
    assert "q=compression+8%3A1+done+right" in page.url
    page.fill("#find", "LE0-TAB-EMP-2 accuracy")
    expect(page.locator("#results a").first).to_have_attribute("href", "claims.html#LE0-TAB-EMP-2")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#LE0-TAB-EMP-2")).to_be_focused()


@chromium
def test_the_answer_card_and_the_matrix_lead_to_their_claims(opened: Opener, verdicts: pd.DataFrame) -> None:
    page = opened()
    numbers = page.locator("tfoot .pick")
    assert sum(int(re.findall(r"\d+", text)[0]) for text in numbers.all_text_contents()) == len(verdicts)
    first = numbers.first
    wanted = int(re.findall(r"\d+", first.text_content() or "")[0])
    first.click()
    counted(page, wanted)
    page.go_back()
    link = page.locator(".card a.to[href*='&']").first  # a row that several claims decide
    ids = re.findall(r"id=([^&]+)", link.get_attribute("href") or "")
    link.click()
    counted(page, len(ids))
    assert set(shown(page)) == set(ids) and len(ids) > 1


# Claims


SEARCHES = {"le0-abs-5080": "LE0-ABS-5080", '"50-80% memory"': "LE0-ABS-5080"}


@chromium
def test_search_and_filters_are_in_the_address_and_come_back(opened: Opener, verdicts: pd.DataFrame) -> None:
    page = opened("claims.html")
    for query, claim in SEARCHES.items():
        page.fill("#query", query)
        expect(page.locator(f"#{claim}")).to_be_visible()
        expect(page.locator("#shown")).to_have_text(re.compile(r"^[1-5] of "))
    page.fill("#query", "")
    counted(page, len(verdicts))
    if not page.locator('input[value="000"]').is_visible():
        page.locator(".choices summary").click()
    for value in ("000", "002", "inconsistent"):
        page.locator(f'input[value="{value}"]').check()
    wanted = verdicts["id"][
        verdicts["document"].isin(["000", "002"]) & (verdicts["verdict"] == "INCONSISTENT")
    ].tolist()
    counted(page, len(wanted))
    assert shown(page) == wanted
    assert page.url.endswith("?document=000&document=002&verdict=inconsistent")
    page.reload()
    assert shown(page) == wanted
    page.go_back()
    counted(page, int(verdicts["document"].isin(["000", "002"]).sum()))
    page.keyboard.press("Escape")
    counted(page, len(verdicts))


@chromium
def test_the_link_of_a_claim_opens_it_even_where_filters_would_hide_it(opened: Opener) -> None:
    page = opened("claims.html?document=000&q=wombat#LE2-TAG-81")
    claim = page.locator("#LE2-TAG-81")
    expect(claim).to_be_focused()
    expect(claim).to_be_in_viewport()
    expect(claim.locator(".evidence > div")).to_be_visible()
    assert page.evaluate("location.search + location.hash") == "#LE2-TAG-81"
    page.evaluate("location.hash = '#NO-CLAIM'")
    expect(page.locator("#shown")).to_contain_text("nothing here is called NO-CLAIM")


@chromium
def test_evidence_is_in_words_and_leads_to_its_rows(opened: Opener, frames: dict[str, pd.DataFrame]) -> None:
    page = opened("claims.html#LE0-TAB-EMP-2")
    evidence = page.locator("#LE0-TAB-EMP-2 .evidence > div").inner_text()
    for key in ("vacuous", "p_tost", "ratio-2-mean-pool", "telescopes_high"):
        assert key not in evidence, key
    link = page.locator("#LE0-TAB-EMP-2 .values a").first
    expect(link).to_have_text(f"{TITLE_IN_WORDS}: learned minus {HOSTILE}, accuracy")
    link.click()
    row = page.locator("tr:target")
    comparison = row.locator("code").inner_text()
    expected = frames["statistics"].set_index("comparison").loc[comparison]
    assert (expected["metric"], expected["arm_b"]) == ("accuracy", ARM)
    assert row.locator("td").nth(0).inner_text() == f"{expected['difference']:+.5f}".replace("-", "−")
    expect(page.locator("#jobs ~ .hint code").first).to_have_text(expected["condition"])
    expect(page.get_by_role("link", name="2:1: learned accuracy 0.083")).to_have_count(1)  # and back to the claim


TITLE_IN_WORDS = "Markov <i>chains</i>, done right: 2:1, mean pooling"


@chromium
def test_print_shows_what_is_chosen_in_full_and_no_controls(opened: Opener, verdicts: pd.DataFrame) -> None:
    page = opened("claims.html?document=000&kind=arithmetic", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wanted = verdicts["id"][(verdicts["document"] == "000") & (verdicts["kind"] == "arithmetic")].tolist()
    assert shown(page) == wanted
    seen = page.eval_on_selector_all(
        ".claim:not([hidden]) .evidence > div", "all => all.map(one => one.checkVisibility())"
    )
    assert seen == [True] * len(wanted)
    for selector in ("#query", "#theme", "#share", "nav", ".copy"):
        assert not any(page.eval_on_selector_all(selector, "all => all.map(one => one.checkVisibility())")), selector
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".evidence[open]").count() == 0


# Tables


@chromium
def test_a_table_sorts_by_numbers_and_the_link_keeps_the_order(opened: Opener) -> None:
    page = opened("tables/hostile.html")
    loss = page.get_by_role("button", name="Loss")
    cells = "table tbody td:nth-child(2)"
    orders = [
        ["−1.25", "<0.001", "0.5", "–"],  # a missing value comes last in both
        ["0.5", "<0.001", "−1.25", "–"],
        ["0.5", "−1.25", "–", "<0.001"],
    ]
    for order in orders[:2]:
        loss.press("Enter")
        assert page.locator(cells).all_text_contents() == order
    expect(page.get_by_role("columnheader", name="Loss")).to_have_attribute("aria-sort", "descending")
    again = opened(f"tables/{page.url.rpartition('/')[2]}")
    assert again.locator(cells).all_text_contents() == orders[1]
    loss.click()
    assert page.locator(cells).all_text_contents() == orders[2]
    page.get_by_role("link", name="rows of").click()
    expect(page.locator("#comparisons")).to_be_visible()


# Firefox


@pytest.mark.skipif(FIREFOX is None, reason="needs a Firefox: none found")
def test_firefox_searches_filters_draws_and_is_dark(site: Path, tmp_path: Path) -> None:
    firefox = Firefox(tmp_path, **{"layout.css.prefers-color-scheme.content-override": 0})
    try:
        firefox.go(f"{site.as_uri()}/index.html?q=LE0-ABS-5080")
        assert firefox.wait("document.querySelectorAll('#results a').length") >= 1
        assert firefox.evaluate(PAPER) == DARK
        firefox.go(f"{site.as_uri()}/claims.html?document=004")
        assert firefox.wait("document.documentElement.classList.contains('ready')")
        assert firefox.evaluate("document.querySelectorAll('.claim:not([hidden])').length") == 18
        firefox.go(f"{site.as_uri()}/{COMPRESSION}&arm=learned")
        assert firefox.wait("document.querySelectorAll('#chart svg [aria-roledescription=point]').length") == 110
        firefox.evaluate("document.querySelector('#arms input[value=pca]').click()")
        assert firefox.wait("location.search.includes('arm=pca')")
        firefox.go(f"{site.as_uri()}/tables/hostile.html?sort=0.1.ascending")
        assert firefox.wait("document.querySelector('tbody td').textContent") == "−1.25"
        assert firefox.evaluate("window.pwned === undefined")
    finally:
        firefox.close()
