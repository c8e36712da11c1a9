"""The page of verdicts in a real headless Chromium: opened from a file and from a server, with and without scripts."""

import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, expect
from verdict_page import CHROMIUM, HOSTILE, NAMES, Opener, active, box, counted, ids, part, slugs, style

if CHROMIUM is None:
    pytest.skip(f"the page of verdicts needs a browser: none of {', '.join(NAMES)} found", allow_module_level=True)


# It stands alone


def test_a_file_shows_every_claim_and_asks_for_nothing(opened: Opener, whole: str, every: pd.DataFrame) -> None:
    page = opened(base=whole)
    assert ids(page) == every["id"].tolist()
    assert len(every) == 400
    expect(page.locator("#shown")).to_have_text("400 of 400 claims")
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
    for selector, number, seen in ((".evidence > div", 400, True), (".scripted", 403, False)):
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
    assert len(found) == 6 + 6 + 10
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
