"""Hooks of mkdocs: the README and the config's page are pages of the site, and figures of the shipped run its files."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {"index.md": "README.md", "config.md": "config/README.md"}
"""Page of the site -> file of the project."""
FIGURES = "results/reference/"


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages and figures that lie outside the folder of pages."""
    for page, file in PAGES.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=linked(text, ROOT / file)))
    for figure in sorted((ROOT / FIGURES).glob("*.svg")):
        files.append(File.generated(config, f"reference/{figure.name}", abs_src_path=str(figure)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Returns a page whose figures of the shipped run are those of the site."""
    return str(markdown).replace(f"](../{FIGURES}", "](reference/")


def on_page_content(html: str, **_: Any) -> str:
    """Returns a page of the reference without the roles of docstrings, of which the names alone are read."""
    return re.sub(r":(?:mod|func|class|meth|data|attr|exc):(?=<code>)", "", html)


def linked(text: str, file: Path) -> str:
    """Returns a file of the project with its links as those of the site; a link to no page is its words."""
    names = {(ROOT / name).resolve(): page for page, name in PAGES.items()}

    def link(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        path = (file.parent / target).resolve()
        if target.startswith("http") or not target:
            return match[0]
        if path in names:
            return f"[{words}]({names[path]}{anchor})"
        if path.is_relative_to(ROOT / "docs"):
            return f"[{words}]({path.relative_to(ROOT / 'docs').as_posix()}{anchor})"
        if path.is_relative_to(ROOT / FIGURES) and path.suffix == ".svg":
            return f"[{words}](reference/{path.name})"
        return str(words)

    return re.sub(r"\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)", lambda m: link(m), text.replace("](#", "](#"))
