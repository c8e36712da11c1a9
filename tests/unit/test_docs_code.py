"""The Python of the tutorials and of the page of modules runs, as a reader would type it."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [*sorted((DOCS / "tutorials").glob("*.md")), DOCS / "embeddings.md"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
WITHOUT = {"lab.md"}  # commands alone


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = [text for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == "python"]
    assert bool(blocks) != (page.name in WITHOUT)
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, page.name, "exec"), names)


def test_the_entry_of_a_tutorial_is_one(tmp_path: Path) -> None:
    from tokentrial.claims.audit import audit

    for page in PAGES:
        for kind, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if kind == "yaml":
                (tmp_path / "paper.yaml").write_text(text)
                assert len(audit(tmp_path / "paper.yaml").verdicts) == 1


def test_there_is_a_tutorial_for_every_reader() -> None:
    assert [path.stem for path in PAGES[:-1]] == ["author", "engineer", "lab", "offline", "reviewer"]
