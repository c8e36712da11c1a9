"""The transcripts of the pages are what the commands print; a line with … stands for any lines."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from command import Command, Said, command  # noqa: F401
from model_commands import passages

ROOT = Path(__file__).parents[2]
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "```console" in path.read_text(encoding="utf-8")]
ANY = "…"
COMMANDS = [
    part
    for page in PAGES
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
]


SAID: dict[str, Said] = {}
"""Command -> what it said, since pages may show one twice."""


def pattern(lines: list[str]) -> str:
    """The lines as a regular expression; … alone is any number of lines, … in a line any text."""
    parts = [
        r"(?:.*\n)*?" if line.strip() == ANY else rf"{'.*'.join(map(re.escape, line.rstrip().split(ANY)))}[ ]*\n"
        for line in lines
    ]
    return "".join(parts)


def test_every_command_has_a_transcript() -> None:
    said = "\n".join(COMMANDS)
    of_claims, of_models = ("claims list", "claims show", "claims export"), ("compress", "cram")
    for name in ("audit", "what-if", "compare", *of_claims, "spot-check", "doctor", "run", "try", "init", *of_models):
        assert f"tokentrial {name}" in said, name


def marked(part: str) -> Any:
    """The command as a parameter; what trains ten seeds is slow."""
    line = part.partition("\n")[0]
    return pytest.param(part, id=line, marks=[pytest.mark.slow] if "try" in line and "--on" in line else [])


@pytest.mark.parametrize("part", [marked(part) for part in COMMANDS])
def test_a_transcript_is_what_the_command_prints(
    part: str,
    command: Command,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line, _, expected = part.partition("\n")
    for name in ("examples", "documents", "results", "config", "models", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "mine.txt").write_text("\n\n".join(passages(60, 50)) + "\n")
    (tmp_path / "documents.md").write_text("# Hashed tokens\n\nIt has 1,024 vs 4,096 parameters (75% reduction).\n")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    assert words[0] == "tokentrial"
    said = SAID[line] if line in SAID else SAID.setdefault(line, command(*words[1:]))
    assert said.code in (0, 1), said.err
    text = re.sub(r"[ ]+$", "", said.err + said.out, flags=re.MULTILINE)
    assert re.fullmatch(pattern(expected.splitlines()), text), f"{line}\n{text}"
