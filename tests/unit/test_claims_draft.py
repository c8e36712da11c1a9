"""A draft proposes what a check can test in a text, and nothing that its check refuses."""

from pathlib import Path

import pytest
from command import Command, command, refused  # noqa: F401

from tokentrial.claims import audit, draft
from tokentrial.errors import InputError

TEXT = """# Hashed tokens lose nothing

We report 5 independent runs. The table has 1,024 vs 4,096 parameters (75% reduction), and 50 vocab × 32D = 1,600.

| encoding | Full | Hashed | Difference | Cohen's d | p-value |
|---|---|---|---|---|---|
| small | 0.407 ± 0.012 | 0.412 ± 0.015 | -0.005 | 0.37 | 0.58 |
| large | 0.500 ± 0.010 | 0.480 ± 0.010 | +0.030 | 2.00 | 0.013 |

| model | standard | bespoke | Performance ratio |
|---|---|---|---|
| 5K | 4.67 | 0.87 | **0.186** (5.4x better) |
| Total | 48,812 | 25,600 | 1.907x |
| none | - | - | - |

The effect is significant, t(8) = 2.10, p = .034 (and p < .05, t(8) = 9.1, p < .001); 94.1% of them are (16/17).
Two unrelated numbers, 12 and 13, stand here; so does t(8), p = 3.
"""


def proposed(check: str) -> list[dict[str, object]]:
    return [entry["reported"] for entry in draft.entries(TEXT) if entry["check"] == check]


def test_what_a_text_prints_is_proposed() -> None:
    assert proposed("saving") == [{"kept": "1,024", "all": "4,096", "saved": "75%"}]
    assert proposed("product") == [{"a": "50", "b": "32", "c": "1,600"}]
    assert [entry["result"] for entry in proposed("difference")] == ["-0.005", "+0.030"]
    assert proposed("quotient") == [
        {"first": "0.87", "second": "4.67", "result": "0.186"},  # the order in which the ratio is nearer
        {"first": "48,812", "second": "25,600", "result": "1.907x"},
    ]
    assert proposed("p_of_statistic") == [
        {"t": "2.10", "df": "8", "p": ".034"},
        {"t": "9.1", "df": "8", "p": "<.001"},
    ]
    assert proposed("share") == [{"part": "16", "of": "17", "share": "94.1%"}]
    assert [entry["values"] for entry in proposed("effect_size")] == [["0.37", "2.00"]]
    assert [entry["runs"] for entry in proposed("p_of_rows")] == ["5"]


def test_a_draft_can_be_audited_as_it_is(tmp_path: Path) -> None:
    entries = draft.entries(TEXT)
    path = tmp_path / "paper.yaml"
    path.write_text(draft.to_yaml("A paper", entries), encoding="utf-8")
    found = audit.audit(path)
    assert found.title == "A paper" and list(found.verdicts["id"]) == [entry["id"] for entry in entries]
    verdicts = dict(zip(found.verdicts["id"], found.verdicts["verdict"], strict=True))
    wrong = {"+0.030", ".034"}  # 0.500 - 0.480, and the p of a one-sided test
    for entry in entries:
        printed = set(map(str, entry["reported"].values()))
        if entry["check"] in ("difference", "product", "saving", "share", "quotient", "p_of_statistic"):
            expected = "INCONSISTENT" if printed & wrong else "CONSISTENT"
            assert verdicts[entry["id"]] == expected, entry


def test_a_text_without_relations_has_no_draft() -> None:
    assert draft.entries("Nothing is printed here but 12 and 13.") == []


def test_what_is_no_text_is_one_line(tmp_path: Path, command: Command) -> None:  # noqa: F811
    with pytest.raises(InputError, match=r"found the ending '\.docx', expected one of \.md, \.markdown, \.txt"):
        draft.read(tmp_path / "paper.docx")
    assert "cannot be read" in refused(command("audit", "--draft", str(tmp_path / "paper.md")))
