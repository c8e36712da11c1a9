"""A draft proposes what a check can test in a text, and nothing that its check refuses."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typst
from command import Command, command, refused  # noqa: F401

from tokentrial import documents
from tokentrial.claims import audit, draft, registry
from tokentrial.claims.drafts import pdf
from tokentrial.claims.printed import parse
from tokentrial.claims.registry import SEVERAL
from tokentrial.errors import InputError

ROOT = Path(__file__).parents[2]
PAPERS = Path(os.environ.get("TOKENTRIAL_PAPERS") or ROOT.parent / "shared/papers")

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
        {"first": "4.67", "second": "0.87", "result": "5.4x"},
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
    with pytest.raises(InputError, match=r"found the ending '\.docx', expected one of \.md, \.markdown, \.txt, \.pdf"):
        draft.read(tmp_path / "paper.docx")
    assert "cannot be read" in refused(command("audit", "--draft", str(tmp_path / "paper.md")))


MORE = """# Losses

Vocabulary size: 50. Each mean is that of 3 runs on 200 test examples.
4096D → 512D (8:1) is the ratio; 2:1 (64D→32D), too.
Ratios run from 0.99 to 1.01, and gains are 52-82% of it.

| patterns | Learned loss | Full loss | Robustness | Gain (share) |
|---|---|---|---|---|
| simple | 3.911 | 3.906 | 0.999 | 52.1% |
| complex | 3.890 | 3.930 | 1.010 | 81.8% |
| random | 3.912 | 3.873 | 0.990 | 60.0% |

| Vocabulary | Loss of A | Loss of B |
|---|---|---|
| 100 | 4.2 | 4.4 |
| 1,000 | 6.1 | 6.0 |

| row | Accuracy of A | Accuracy of B |
|---|---|---|
| 1 | 0.083 | 0.067 |
| 2 | 0.071 | 0.054 |

Parts:
- High: 3,840 parameters (12.6%)
- Low: 26,624 parameters (87.4%)
- Total: 30,464 parameters

- Full: 1,000 × 32 = 32,000 parameters
- Learned: 1,000 × 4 = 4,000 parameters
- **Savings**: 87.5%
"""


def more(check: str) -> list[dict[str, Any]]:
    return [entry["reported"] for entry in draft.entries(MORE) if entry["check"] == check]


def test_a_column_without_a_telling_name_is_known_by_what_it_holds() -> None:
    scores = [entry for entry in more("quotient") if entry["result"] in ("0.999", "1.010", "0.990")]
    assert scores == [
        {"first": "3.906", "second": "3.911", "result": "0.999"},
        {"first": "3.930", "second": "3.890", "result": "1.010"},
        {"first": "3.873", "second": "3.912", "result": "0.990"},
    ]


def test_losses_are_put_beside_chance() -> None:
    assert more("learned") == [
        *(
            {"losses": losses, "vocabulary": "50"}
            for losses in (["3.911", "3.906"], ["3.890", "3.930"], ["3.912", "3.873"])
        ),
        {"losses": ["4.2", "4.4"], "vocabulary": "100"},
        {"losses": ["6.1", "6.0"], "vocabulary": "1,000"},
    ]


def test_two_columns_of_one_quantity_are_compared() -> None:
    wins = {entry["parameters"]["about"]: entry for entry in draft.entries(MORE) if entry["check"] == "wins"}
    assert {name: entry["parameters"]["better"] for name, entry in wins.items()} == {
        "Full loss": "lower",
        "Loss of A": "lower",
        "Accuracy of A": "higher",
    }
    assert wins["Accuracy of A"]["reported"] == {"subject": ["0.083", "0.071"], "other": ["0.067", "0.054"]}


def test_lists_of_parts_and_savings() -> None:
    assert more("share") == [
        {"part": "3,840", "of": "30,464", "share": "12.6%"},
        {"part": "26,624", "of": "30,464", "share": "87.4%"},
    ]
    assert more("total") == [{"parts": ["3,840", "26,624"], "total": "30,464"}]
    assert more("saving") == [{"kept": "4,000", "all": "32,000", "saved": "87.5%"}]
    assert [entry["result"] for entry in more("quotient")][-2:] == ["8:1", "2:1"]


def test_ranges_means_and_effects() -> None:
    ranges = more("range_ends")
    assert {"low": "0.99", "high": "1.01"} in ranges and {"low": "52%", "high": "82%"} in ranges
    assert more("within_range") == [{"low": "52%", "high": "82%"}]
    [first, second] = [entry for entry in draft.entries(MORE) if entry["check"] == "attainable_means"]
    assert first["reported"] == {"means": ["0.083", "0.071"], "runs": "3"} and first["parameters"]["examples"] == 200
    assert second["reported"]["means"] == ["0.067", "0.054"]
    assert [entry["p"] for entry in proposed("p_of_effects")] == [["0.58", "0.013"]]


def test_a_table_that_cannot_be_read_is_left_out() -> None:
    text = "| a | b | difference |\n|---|---|---|\n| x | 1 | 2 |\n| x | 3 |\n\nIt has 8 vs 32 units (75% less).\n"
    assert [entry["check"] for entry in draft.entries(text)] == ["saving"]


# PDF


def test_characters_of_a_pdf_that_stand_for_others() -> None:
    assert pdf.plain("ef\ufb01cient\xa010²\x00\nnext") == "efficient 10²\nnext"
    assert pdf.markdown("a long con-\nstruction of -\n5 and more\n\nx   1   2\n") == (
        "a long construction of - 5 and more\n\nx 1 2"
    )


PAGE = """
#set document(title: "Hashed tokens lose nothing")
#set page(width: 15cm, height: 20cm, margin: 2cm)
= Introduction
We report 5 independent runs. The table has 1,024 vs 4,096 parameters (75% reduction), and the layer has 50 × 32 = 1,600
weights. This line is a long one, and the statistic t(8) = 2.10, p = .034 stands in it.

#figure(table(columns: 4,
  [encoding], [Full], [Hashed], [Difference],
  [small], [0.407 ± 0.012], [0.412 ± 0.015], [-0.005],
  [large], [0.500 ± 0.010], [0.480 ± 0.010], [+0.030]), caption: [Accuracy.])
#pagebreak()
It is right in 94.1% of them (16/17).
"""


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real PDF of two pages."""
    folder = tmp_path_factory.mktemp("pdf")
    (folder / "paper.typ").write_text(PAGE)
    (folder / "paper.pdf").write_bytes(typst.compile(str(folder / "paper.typ")))
    return folder / "paper.pdf"


def test_a_pdf_is_drafted_with_its_tables_and_wrapped_lines(paper: Path) -> None:
    title, entries = draft.read(paper)
    assert title == "Hashed tokens lose nothing"
    found = {
        entry["check"]: (entry["section"], entry["reported"]) for entry in entries if entry["check"] != "difference"
    }
    assert found == {
        "saving": ("Page 1", {"kept": "1,024", "all": "4,096", "saved": "75%"}),
        "product": ("Page 1", {"a": "50", "b": "32", "c": "1,600"}),
        "p_of_statistic": ("Page 1", {"t": "2.10", "df": "8", "p": ".034"}),
        "share": ("Page 2", {"part": "16", "of": "17", "share": "94.1%"}),
    }
    differences = [entry for entry in entries if entry["check"] == "difference"]
    assert [list(entry["reported"].values()) for entry in differences] == [
        ["0.407", "0.412", "−0.005"],
        ["0.500", "0.480", "+0.030"],
    ]
    assert {entry["section"] for entry in differences} == {"Table 1"}


def test_a_draft_of_a_pdf_can_be_audited(paper: Path, command: Command, tmp_path: Path) -> None:  # noqa: F811
    assert command("audit", "--draft", str(paper), "-o", str(tmp_path / "paper.yaml")).code == 0
    assert "6 claims: 4 CONSISTENT and 2 INCONSISTENT" in command("audit", str(tmp_path / "paper.yaml")).out


def test_what_is_no_pdf_is_one_line(tmp_path: Path, command: Command) -> None:  # noqa: F811
    (tmp_path / "text.pdf").write_text("This is no PDF.")
    assert "text.pdf: cannot be read as PDF: " in refused(command("audit", "--draft", str(tmp_path / "text.pdf")))
    assert "cannot be read: No such file" in refused(command("audit", "--draft", str(tmp_path / "none.pdf")))
    (tmp_path / "empty.typ").write_text("#rect()")
    (tmp_path / "empty.pdf").write_bytes(typst.compile(str(tmp_path / "empty.typ")))
    line = refused(command("audit", "--draft", str(tmp_path / "empty.pdf")))
    assert line.endswith("empty.pdf: found no text, expected a PDF with text, not of scanned pages")


def test_a_pdf_needs_its_package(paper: Path) -> None:
    code = (
        "import sys; sys.modules['pypdf'] = None; from tokentrial.cli.main import main\n"
        f"sys.argv = ['tokentrial', 'audit', '--draft', {str(paper)!r}]; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr == f"error: {paper}: {pdf.MISSING}\n"


# The share of hand-made entries


def numbers(value: Any, reported: Any) -> frozenset[float]:
    """The sizes of the printed numbers of an entry's parameters."""
    if isinstance(value, dict):
        inner = [value["value"]] if set(value) == {"value", "where"} else list(value.values())
        return numbers(inner, reported)
    if isinstance(value, list):
        return frozenset().union(*(numbers(each, reported) for each in value))
    if isinstance(value, str) and value in reported:
        return numbers(reported[value], {})
    try:
        return frozenset({abs(parse(str(value).replace(" ", "")).value)})
    except InputError:
        return frozenset()


def questions(claim: registry.Claim) -> list[tuple[str, frozenset[float]]]:
    """Each check of an entry that has numbers, with them."""
    parts = claim.parameters["parts"] if claim.check == SEVERAL else [vars(claim)]
    asked = [(part["check"], numbers(part["parameters"], claim.reported)) for part in parts]
    return [(check, printed) for check, printed in asked if printed]


def test_the_share_of_hand_made_entries_that_is_proposed_is_that_of_the_docs() -> None:
    """An entry counts if each of its checks is proposed with all its numbers."""
    folder = ROOT / "documents"
    texts = {
        name: PAPERS / group.file
        for name, group in documents.load(folder).items()
        if isinstance(group, documents.Document)
    }
    if not all(path.is_file() for path in texts.values()):
        pytest.skip("no texts of the documents: set TOKENTRIAL_PAPERS to their folder")
    known = {
        name: [(entry["check"], numbers(entry["parameters"], entry["reported"])) for entry in draft.read(path)[1]]
        for name, path in texts.items()
    }
    claims = registry.load(folder, ROOT / "workflow/schemas/claims.schema.yaml")
    hand = [claim for claim in claims if claim.call is not None and claim.numbers and claim.document in texts]
    found = sum(
        bool(questions(claim))
        and all(any(c == check and n <= m for c, m in known[claim.document]) for check, n in questions(claim))
        for claim in hand
    )
    page = " ".join((ROOT / "docs/command.md").read_text().split())
    assert f"Of the {len(hand)} entries with numbers" in page
    assert f"it proposes {found} ({found / len(hand):.0%})".replace("%", " %") in page
