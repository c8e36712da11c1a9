"""The audit of a paper: the shipped documents, the example with planted errors, and what is wrong with a file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import Command, command, refused  # noqa: F401

from tokentrial import documents, results
from tokentrial.claims import audit as audits
from tokentrial.claims.catalogue import CHECKS
from tokentrial.claims.tables import of_text
from tokentrial.claims.verdict import VERDICTS
from tokentrial.errors import InputError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/paper.yaml"
NAMES = documents.names(ROOT / "documents")


@pytest.mark.parametrize("name", NAMES)
def test_shipped_documents_have_the_verdicts_of_the_shipped_run(name: str) -> None:
    found = audits.audit(ROOT / "documents" / name)
    shipped = results.read(ROOT / "results/reference/verdicts.parquet", VERDICTS).to_pandas()
    theirs = shipped[shipped["id"].isin(found.verdicts["id"])].set_index("id")
    assert len(theirs) == len(found.verdicts) > 10
    for row in found.verdicts.to_dict("records"):
        assert (row["verdict"], row["reason"]) == (theirs.loc[row["id"], "verdict"], theirs.loc[row["id"], "reason"])
    empirical = {claim.id for claim in found.unjudged}
    assert empirical == set(shipped["id"][(shipped["kind"] == "empirical") & shipped["id"].isin(empirical)])


def test_the_example_s_planted_errors_are_found_and_nothing_else() -> None:
    found = audits.audit(EXAMPLE)
    verdicts = dict(zip(found.verdicts["id"], found.verdicts["verdict"], strict=True))
    expected = {name: "INCONSISTENT" if name.endswith("-WRONG") else "CONSISTENT" for name in verdicts}
    assert verdicts == expected and set(verdicts.values()) == {"INCONSISTENT", "CONSISTENT"}
    assert len(verdicts) == len(yaml.safe_load(EXAMPLE.read_text())["claims"]) and found.unjudged == []


def test_an_error_that_is_put_right_is_no_longer_accused(tmp_path: Path) -> None:
    """Each planted error with the number that the audit's own reason names."""
    right = {
        'difference: "0.009"': 'difference: "0.005"',
        '["0.842"]': '["0.840"]',
        'p: "0.034"}\n    check: p_of_s': 'p: "0.069"}\n    check: p_of_s',
    }
    right |= {
        'd: ["0.85"]': 'd: ["0.37"]',
        'significant: "3"}\n    check: corrected': 'significant: "1"}\n    check: corrected',
    }
    right |= {
        'loss: ["2.997"]': 'loss: ["2.310"]',
        'abstract: "0.42"': 'abstract: "0.41"',
        'mean: "0.373"': 'mean: "0.353"',
    }
    text = EXAMPLE.read_text()
    for wrong, better in right.items():
        assert text.count(wrong) == 1, wrong
        text = text.replace(wrong, better)
    (tmp_path / "paper.yaml").write_text(text)
    found = audits.audit(tmp_path / "paper.yaml")
    assert set(found.verdicts["verdict"]) == {"CONSISTENT"}


def test_an_audit_imports_no_torch() -> None:
    code = (
        "import sys; from tokentrial.cli.main import main; sys.argv = ['tokentrial', 'audit', sys.argv[1], '--json']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert 'torch' not in sys.modules and 'snakemake' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(EXAMPLE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"] == {"CONSISTENT": 8, "INCONSISTENT": 8}


def test_the_public_claims_of_a_real_paper(command: Command) -> None:  # noqa: F811
    """Its printed numbers hold; the others need a run, and none is called wrong."""
    found = audits.audit(ROOT / "examples/documents/progressive-cramming")
    assert set(found.verdicts["verdict"]) == {"CONSISTENT"} and len(found.verdicts) == 4
    assert [claim.check for claim in found.unjudged] == ["needs_study"] * 5
    answers = [json.loads(text) for text in found.verdicts["recomputed"]]
    assert answers[0]["answers"] == 2 * 64  # 127 of 128 tokens are .992
    assert (
        "5 empirical claims need a run" in command("audit", str(ROOT / "examples/documents/progressive-cramming")).out
    )


PAPER = """# Hashed tokens lose nothing

The hashed table has **1,024** parameters and saves 75 % of them. A difference of −0.005 is left.

Table 2: Accuracy

| encoding | parameters | accuracy |
|---|---:|---:|
| Full | 4,096 | 0.407 |
| Hashed | 1,024 | 0.412 |

## Claims

```yaml
claims:
  - section: Table 2
    paraphrase: Hashing saves 75 %
    reported:
      kept: {table: Table 2, row: Hashed, column: parameters}
      all: {table: Table 2, row: Full, column: parameters}
      saved: 75%
    check: saving
    parameters: {kept: kept, of: all, result: saved}
  - reported: {difference: "-0.005"}
    check: difference
    parameters:
      minuend: {table: Table 2, row: Full, column: accuracy}
      subtrahend: {table: Table 2, row: Hashed, column: accuracy}
      result: difference
```
"""


def paper(tmp_path: Path, old: str = "", new: str = "") -> Path:
    assert old in PAPER
    path = tmp_path / "paper.md"
    path.write_text(PAPER.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_markdown_file_has_its_tables_and_its_claims(tmp_path: Path) -> None:
    found = audits.audit(paper(tmp_path))
    assert list(found.verdicts["verdict"]) == ["CONSISTENT", "CONSISTENT"]
    assert list(found.verdicts["id"]) == ["C-1", "C-2"]  # ids may be left out, and so may what the check asks
    assert found.verdicts["paraphrase"][1] == CHECKS.questions["difference"]


MARKDOWN = {
    "a number that the text does not have": (
        "saved: 75%",
        "saved: 76%",
        r"C-1: reported\.saved: found '76%', which the text does not",
    ),
    "a number that is only a part of another": (
        '"-0.005"',
        '"-0.00"',
        r"C-2: reported\.difference: found '-0.00', which",
    ),
    "a place that the text does not have": (
        "section: Table 2",
        "section: Table 3",
        r"C-1: section: found 'Table 3', which the text",
    ),
    "a table that is not there": (
        "{table: Table 2, row: Hashed, column: p",
        "{table: Table 9, row: Hashed, column: p",
        r"C-1: reported\.kept: table: found 'Table 9', expected one of Table 2",
    ),
    "a row that is not there": (
        "row: Hashed, column: p",
        "row: Hashd, column: p",
        r"C-1: reported\.kept: row: found 'Hashd', expected one of Full, Hashed",
    ),
    "a column that is not there": (
        "row: Hashed, column: parameters",
        "row: Hashed, column: size",
        r"column: found 'size', expected one of encoding, parameters, accuracy",
    ),
    "no block of claims": ("```yaml", "```", r"paper\.md: found 0 blocks of YAML with the key claims, expected one"),
    "a row with too few cells": (
        "| Full | 4,096 | 0.407 |",
        "| Full | 4,096 |",
        r"Table 2: row 'Full': found 2 cells, expected 3",
    ),
}


@pytest.mark.parametrize("case", MARKDOWN)
def test_what_is_wrong_with_a_markdown_file_is_one_line(case: str, tmp_path: Path, command: Command) -> None:  # noqa: F811
    old, new, message = MARKDOWN[case]
    path = paper(tmp_path, old, new)
    with pytest.raises(InputError, match=message):
        audits.audit(path)
    assert refused(command("audit", str(path))).startswith(f"{path}: ")


ENTRY: dict[str, Any] = {
    "id": "C-1",
    "reported": {"a": "0.5", "b": "0.2", "c": "0.3"},
    "check": "difference",
    "parameters": {"minuend": "a", "subtrahend": "b", "result": "c"},
}
BAD: dict[str, tuple[Any, str]] = {
    "an unknown check": (
        {**ENTRY, "check": "diference"},
        r"C-1: check: unknown key 'diference': did you mean 'difference'",
    ),
    "no check": ({key: value for key, value in ENTRY.items() if key != "check"}, r"C-1: key 'check' is missing"),
    "a number that is none": (
        {**ENTRY, "reported": {**ENTRY["reported"], "a": "half"}},
        r"C-1: .*reported: a: found 'half', expected a printed number",
    ),
    "a number without quotes": (
        {**ENTRY, "reported": {**ENTRY["reported"], "a": 0.5}},
        r"C-1: reported\.a: found 0\.5, expected",
    ),
    "an unknown key": ({**ENTRY, "chek": "difference"}, r"C-1: unknown key 'chek'"),
    "an unknown parameter": (
        {**ENTRY, "parameters": {**ENTRY["parameters"], "n": 3}},
        r"C-1: parameters: unknown key 'n'",
    ),
    "a number that nothing uses": (
        {**ENTRY, "reported": {**ENTRY["reported"], "d": "1"}},
        r"C-1: reported: d is used by no",
    ),
    "no entry": ("difference", r"claims\[1\]: found 'difference', expected keys and values"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_an_entry_is_one_line(case: str, tmp_path: Path, command: Command) -> None:  # noqa: F811
    entry, message = BAD[case]
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump({"claims": [entry]}))
    with pytest.raises(InputError, match=message):
        audits.audit(path)
    refused(command("audit", str(path), "--html", "-o", str(tmp_path / "audit.html")))
    assert not (tmp_path / "audit.html").exists()


FILES = {
    "an id twice": ({"claims": [ENTRY, ENTRY]}, "C-1: the id is there twice"),
    "no claims": ({"title": "A paper"}, "claims: found None, expected a list of entries"),
    "an unknown key of the file": (
        {"titel": "A paper", "claims": [ENTRY]},
        "unknown key 'titel': did you mean 'title'",
    ),
    "a text that is not there": ({"text": "paper.txt", "claims": [ENTRY]}, r"paper\.txt: cannot be read: No such file"),
    "a table that is none": (
        {"tables": {"Table 1": "0.5"}, "claims": [ENTRY]},
        r"tables\.Table 1: expected a table in Markdown",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_what_is_wrong_with_a_file_is_one_line(case: str, tmp_path: Path) -> None:
    content, message = FILES[case]
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=message) as caught:
        audits.audit(path)
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"paper\.yaml: cannot be read: No such file"):
        audits.audit(tmp_path / "paper.yaml")
    with pytest.raises(InputError, match=r"found the ending '\.docx', expected a file \.yaml, \.yml, \.md"):
        audits.audit(tmp_path / "paper.docx")
    with pytest.raises(InputError, match=r"document\.yaml: not found, expected a document's folder"):
        audits.audit(tmp_path)
    (tmp_path / "paper.md").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="found bytes that are no UTF-8"):
        audits.audit(tmp_path / "paper.md")


def test_numbers_are_looked_up_in_the_paper_s_text(tmp_path: Path) -> None:
    (tmp_path / "paper.txt").write_text("We measured 0.5 and 0.2, a difference of 0.3.")
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump({"text": "paper.txt", "claims": [ENTRY]}))
    assert list(audits.audit(path).verdicts["verdict"]) == ["CONSISTENT"]
    (tmp_path / "paper.txt").write_text("We measured 0.5 and 0.21, a difference of 0.3.")
    with pytest.raises(InputError, match=r"C-1: reported\.b: found '0\.2', which the text does not have"):
        audits.audit(path)


def test_tables_without_a_caption_are_numbered() -> None:
    table = "| a | b |\n|---|---|\n| x | 1 |\n"
    found = of_text(f"{table}\nMore text.\n\n{table}", "it")
    assert list(found) == ["Table 1", "Table 2"] and found["Table 2"].rows["x"]["b"] == "1"


def test_every_check_is_listed_with_question_inputs_and_source(command: Command) -> None:  # noqa: F811
    listed = json.loads(command("audit", "--checks", "--json").out)
    assert [row["check"] for row in listed] == sorted(CHECKS) and len(listed) == len(CHECKS)
    assert all(row["question"].endswith("?") and row["inputs"] and row["source"] for row in listed)
    text = command("audit", "--checks").out
    assert all(f"\n{name}\n" in f"\n{text}" for name in CHECKS) and f"{len(CHECKS)} checks" in text
    grim = next(row for row in listed if row["check"] == "attainable_means")
    assert "Brown and Heathers" in grim["source"]
