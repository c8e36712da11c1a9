"""Every guess of the code, collected from its ASSUME comments: what a document leaves open and how it was decided."""

import re
import sys
from pathlib import Path

from tokentrial import checkout
from tokentrial.schema.study_files import STUDIES

MARK = "ASSUME:"


def assumptions(root: Path) -> list[tuple[str, str]]:
    """(file, guess) for each paragraph that the mark starts: of the config, the studies, then the library's modules.

    root: the checkout whose config and studies are read.
    """
    library = Path(__file__).parents[1]
    modules = [path for path in sorted(library.rglob("*.py")) if path.name != Path(__file__).name]
    settings = [root / "config/config.yaml", *(root / f"studies/{study}.yaml" for study in STUDIES)]
    found = [
        (file.relative_to(root).as_posix(), text)
        for file in settings
        for text in paragraphs(file.read_text(encoding="utf-8").splitlines())
    ]
    for path in modules:
        name = path.relative_to(library).with_suffix("").as_posix()
        found += [(name, text) for text in paragraphs(path.read_text(encoding="utf-8").splitlines())]
    return found


def paragraphs(lines: list[str]) -> list[str]:
    """The marked paragraphs of a file: from the mark to a blank line, the end of the comment or of the docstring."""
    found: list[str] = []
    inside = False
    for line in lines:
        text = line.strip()
        comment = text.startswith("#")
        body = text.lstrip("# ").strip()
        if MARK in body:
            found.append(body.split(MARK, 1)[1].strip())
            inside, in_comment = True, comment
        elif inside and body and comment == in_comment and not body.startswith('"""'):
            found[-1] += f" {body}"
        else:
            inside = False
        if inside and not comment and body.endswith('"""'):
            found[-1] = found[-1].removesuffix('"""').strip()
            inside = False
    return [re.sub(r"\s+", " ", text) for text in found]


def as_markdown(found: list[tuple[str, str]]) -> str:
    """docs/deviations.md: one section per file."""
    parts = ["# Where the documents leave something open\n"]
    parts.append(
        "Made by `python -m tokentrial.report.deviations` from the `ASSUME:` comments of config, studies and library.\n"
    )
    for module in dict.fromkeys(name for name, _ in found):
        parts.append(f"## `{module}`\n")
        parts += [f"- {text}" for name, text in found if name == module]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    print(as_markdown(assumptions(checkout.ROOT)), end="")
