"""The page of verdicts in a real headless Chromium: light and dark, narrow screens, print."""

import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from verdict_page import CHROMIUM, NAMES, Opener, box, counted, ids, style

if CHROMIUM is None:
    pytest.skip(f"the page of verdicts needs a browser: none of {', '.join(NAMES)} found", allow_module_level=True)


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
