"""The pages as a site: every link leads somewhere, and a browser reads and searches it from the disk, offline."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request
from small_project import ROOT

pytest.importorskip("mkdocs", reason="no mkdocs: make .venv/installed")
pytestmark = pytest.mark.slow


def build(project: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Builds the site as ``make docs`` does: --strict makes a link without a target an error."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    return folder


@pytest.mark.parametrize("link", ["[a page](nothing.md)", "[a part](study.md#nowhere)", "[a part](#nowhere)"])
def test_a_link_that_leads_nowhere_is_an_error(link: str, tmp_path: Path) -> None:
    """In a copy without the reference, whose modules take most of the time."""
    for name in ("docs", ".ci", "README.md", "config", "results/reference", "mkdocs.yml"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    for page in (tmp_path / "docs/api").glob("*.md"):
        page.write_text("# Nothing\n")
    page = tmp_path / "docs/glossary.md"
    page.write_text(f"{page.read_text()}\n{link}\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1 and done.stderr.count("WARNING") == 1, done.stderr


def test_every_page_of_the_docs_is_in_the_site(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs")).with_suffix(".html").is_file(), page
    home = (site / "index.html").read_text(encoding="utf-8")
    assert "Five documents claim" in home and 'src="reference/forest.svg"' in home


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("embeddings", "tokentrial.embeddings.QuantisedEmbedding"),
        ("statistics", "tokentrial.statistics.grim"),
        ("encoders", "tokentrial.encoders.base.Encoder.initialise"),
        ("view", "tokentrial.run.view.View.select"),
        ("audit", "tokentrial.claims.audit.audit"),
    ],
)
def test_the_reference_has_what_the_library_has(site: Path, page: str, name: str) -> None:
    assert f'id="{name}"' in (site / f"api/{page}.html").read_text(encoding="utf-8")


def test_the_site_is_read_and_searched_from_the_disk(site: Path, browser: Browser) -> None:
    context = browser.new_context(offline=True)
    page, asked = context.new_page(), list[str]()

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.goto((site / "index.html").as_uri())
    page.locator("input.md-search__input").click()
    page.keyboard.type("quotient")
    result = page.locator(".md-search-result__link").first
    result.wait_for(timeout=20_000)
    assert "quotient" in page.locator(".md-search-result__list").inner_text().lower()
    result.click()
    page.wait_for_url("**/*.html**")
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:", "blob:"))] == []
    context.close()
