"""The README's pictures: the card shows the shipped run's verdicts, the sessions are what a terminal showed."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from tests.unit import views
from tokentrial import documents
from tokentrial.claims import verdict as words
from tokentrial.report import answer_card
from tokentrial.report.answers import Answer
from tokentrial.report.verdicts import read

ROOT = views.ROOT
ASSETS = ROOT / "docs/assets"
PICTURES = sorted(re.findall(r"\]\((docs/assets/[^)]+\.svg)\)", (ROOT / "README.md").read_text(encoding="utf-8")))
LARGEST = 200_000  # bytes, of all together


def script(name: str) -> ModuleType:
    """A script beside the pictures, as a module."""
    spec = importlib.util.spec_from_file_location(name, ASSETS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there for the annotations
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cast() -> Any:
    return script("cast")


def shown(svg: str) -> list[str]:
    """The texts of a picture in the order of its file."""
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_readme_shows_pictures_that_stand_alone() -> None:
    """No script, no file of others, no path of a machine; in both colour schemes; small."""
    assert len(PICTURES) == 3 and answer_card.FILE in PICTURES
    for name in PICTURES:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert shown(text) and "prefers-color-scheme" in text, name
        assert re.findall(r"<script|<image|@import|url\(|href=\"[^#]|/home/|/root/|/work/|/tmp/", text) == [], name
    assert sum((ROOT / name).stat().st_size for name in PICTURES) < LARGEST


def test_a_reader_who_asks_for_no_motion_sees_none() -> None:
    sessions = [name for name in PICTURES if name != answer_card.FILE]
    for name in sessions:
        text = (ROOT / name).read_text(encoding="utf-8")
        still, _, moving = text.partition("@media (prefers-reduced-motion:no-preference){")
        assert "animation" not in still and "@keyframes" not in still and "animation:strip" in moving, name
    assert "animation" not in (ROOT / answer_card.FILE).read_text(encoding="utf-8")


# The answer card


def test_the_committed_card_is_that_of_the_shipped_rows() -> None:
    """If not: make card."""
    drawn = answer_card.of_run(ROOT / answer_card.SHIPPED)
    assert (ROOT / answer_card.FILE).read_text(encoding="utf-8") == drawn


def test_the_card_counts_every_claim_once() -> None:
    verdicts = read(ROOT / answer_card.SHIPPED / "verdicts.parquet")
    claims = verdicts[verdicts["kind"] != words.AUDIT]["verdict"].value_counts()
    text = " ".join(shown((ROOT / answer_card.FILE).read_text(encoding="utf-8")))
    for verdict, count in claims.items():
        assert f"{count} {str(verdict).lower()}" in text
    assert sum(map(int, re.findall(r"All (\d+) ", text))) == claims.sum()


def test_the_readme_counts_the_claims_of_the_registry() -> None:
    entries = documents.load(ROOT / documents.FOLDER)
    kinds = read(ROOT / answer_card.SHIPPED / "verdicts.parquet").set_index("id")["kind"]
    ids = [claim for group in entries.values() for claim in group.claims]
    audit = sum(kinds.get(claim) == words.AUDIT for claim in ids)
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"Each of the {len(ids) - audit} claims, and of {audit} audit findings" in readme


def answer(document: str, statement: str, printed: str, run: str, evidence: str = "") -> Answer:
    return Answer(document, statement, (), printed, "", "", (), run, "", evidence, "", False)


def test_a_card_has_the_first_claim_of_each_document_and_the_signs_of_all() -> None:
    card = [
        answer("000", "A < B & C", words.PARTLY, words.CONFIRMED, "a − b: −0.1, n = 3"),
        answer("000", "Never shown", words.INCONSISTENT, ""),
        answer("new", "Long words " * 20, "", words.REFUTED),
    ]
    verdicts = pd.DataFrame({"kind": ["empirical"] * 3 + ["audit"], "verdict": ["CONFIRMED"] * 2 + ["REFUTED"] * 2})
    texts = shown(answer_card.svg(card, verdicts, {"000": "First", "new": "Second"}))
    assert {"A < B & C", "000: First", "a − b: −0.1, n = 3", "◐ partly", "✓ confirmed", "✗ refuted"} <= set(texts)
    assert "◐✗" in texts and " not asked" in texts and not any("Never shown" in text for text in texts)
    assert max(map(len, texts)) <= answer_card.SMALL_LETTERS
    assert "All 3 empirical claims by the runs" in texts and any("2 confirmed" in text for text in texts)


# The sessions


def screen(terminal: Any) -> list[str]:
    return ["".join(cell.letter for cell in line).rstrip() for line in terminal.screen()]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["ab\r\ncd"], ["ab", "cd", ""]),
        (["a\r\nb\r\nc\r\nd"], ["b", "c", "d"]),  # scrolls
        (["abcdefghijkl"], ["abcdefghij", "kl", ""]),  # wraps
        (["one\r\ntwo\x1b[1A\x1b[2K\rX"], ["X", "two", ""]),  # up, erased, from the left
        (["abc\x1b", "[1", "Dx"], ["abx", "", ""]),  # a sequence in three parts
        (["a\tb"], ["a       b", "", ""]),
        (["abc\r\x1b[K"], ["", "", ""]),
        (["x\x1b[2J\x1b[2;3Hy\x1b[?25l"], ["", "  y", ""]),
    ],
)
def test_a_terminal_shows_what_was_written(cast: Any, written: list[str], expected: list[str]) -> None:
    terminal = cast.Terminal(10, 3)
    for text in written:
        terminal.write(text)
    assert screen(terminal) == expected


def test_a_terminal_knows_colours(cast: Any) -> None:
    terminal = cast.Terminal(10, 1)
    terminal.write("\x1b[1;31ma\x1b[22mb\x1b[39mc\x1b[38;5;32md\x1b[0me")
    assert [cell.look for cell in terminal.screen()[0][:5]] == ["bold red", "red", "", "dim", ""]


def test_a_session_is_recorded_and_drawn(cast: Any, tmp_path: Path) -> None:
    """A real one: what the commands wrote, in order; the fullest screen stays for readers without motion."""
    commands = [cast.Command("say", "printf '\\033[32mone & two\\033[0m\\n'"), cast.Command("where", f"echo {ROOT}")]
    session = cast.Session("A <session>", commands, 40, 6, 30)
    frames, _, speed = cast.frames(session, cast.record(session, tmp_path))
    assert speed == 1 and frames[-1].screen == frames[-2].screen
    terminal = cast.Terminal(40, 6)
    terminal.lines = [list(line) for line in frames[-1].screen]
    assert screen(terminal)[:4] == ["$ say", "one & two", "$ where", cast.HOME]
    svg = cast.svg(session.title, frames)
    assert {"A <session>", "one & two", cast.HOME} <= set(shown(svg))
    still, last = f"translate({-(len(frames) - 1) * (40 * 8 + 28)})", svg.index("prefers-reduced-motion:no-preference")
    assert f'<g class="strip" transform="{still}">' in svg and svg.index("animation:") > last


def test_a_long_session_is_shown_faster(cast: Any) -> None:
    """A line a second, in two parts; no frame shows half a line."""
    written = [
        cast.Written(0, at + part, text) for at in range(100) for part, text in ((0.995, "1"), (1.005, "23\r\n"))
    ]
    frames, took, speed = cast.frames(cast.Session("", [cast.Command("count", "")], 40, 6, 10.1), written)
    assert (round(took), speed) == (100, 10)
    shown = [line for frame in frames for line in ("".join(cell.letter for cell in row) for row in frame.screen)]
    assert {line.strip() for line in shown} == {"", "$", "$ count", "123"}
    assert 10 < sum(frame.seconds for frame in frames) < 10 + 1 + cast.READ + cast.END + cast.STEP


def test_a_command_that_fails_is_no_session(cast: Any, tmp_path: Path) -> None:
    session = cast.Session("", [cast.Command("false", "false")], 40, 6, 30)
    with pytest.raises(SystemExit, match="false: exit code 1"):
        cast.record(session, tmp_path)
