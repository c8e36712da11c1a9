"""House rules of sentences in Python: the paper's modules keep them, and a fault of every kind is named."""

from pathlib import Path

import pytest

from tokentrial.report.paper import sentences

REPORT = Path(__file__).parents[2] / "src/tokentrial/report"

CLEAN = '''
"""A module with 3 numbers in its docstring, from 1 to 10, and no color in its sentences."""


def said(paper, view, rows):
    """Says 17 things."""
    if rows is None:
        raise ValueError("found 17 rows, expected 3 of them")
    width = paper.number(17, "summary \\u203a a 17 b \\u203a mean")
    level = paper.number(3, f"{COUNTED}: 17 rows of the table", 0)
    table = "(auto, 1.5fr, 2fr)"
    parts = [f"{paper.count(len(rows), 'rows')} of the two texts" if rows else "none of the texts"]
    return f"Over {width} seeds of document 003 at 8:1, {level} to {level} of #said[24] nats; {listed(parts)}; {table}"


def local(paper, value):
    return f"the printed ratio is #said[{value['ratio']}], and {helped(value)} beside it"


def helped(value):
    return "two words"
'''


def found(tmp_path: Path, line: str) -> list[str]:
    """The faults of a module with one function, which returns or does what the line says."""
    file = tmp_path / "module.py"
    file.write_text(f"from scale import spread\n\n\ndef said(paper, row, low, high, values):\n    {line}\n")
    return sentences.faults([file])


def test_the_paper_keeps_the_rules_in_python() -> None:
    files = sentences.modules(REPORT)
    assert {"real_model.py", "vectors.py", "recovered.py", "advice.py", "answers.py"} <= {file.name for file in files}
    assert len(files) > 15 and sentences.faults(files) == []


def test_a_module_with_sourced_numbers_has_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "clean.py"
    file.write_text(CLEAN)
    assert sentences.faults([file]) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('return "Trained over 17 seeds of each."', "found the number 17, expected one with its source"),
        ('return "Trained with 3 seeds of each."', "or a word up to nine"),
        ('return "The losses lie below 0.05 in each."', "found the number 0.05"),
        ('return "There are fourteen pairs of means."', "found 'fourteen'"),
        ('return "A vocabulary of fifty thousand tokens is large."', "found 'fifty'"),
        ('return "The mean is +- one nat of it."', "found +-, expected ±"),
        ('return "It rises from -0.3 on and stays there."', "'-0' with a hyphen"),
        ('return "All values are within 3-5 nats of it."', "'3-5' with a hyphen"),
        ('return f"The values are within {low}-{high} of it."', "'{}-{}' with a hyphen"),
        ('return f"The value falls by -{low} from there."', "'-{}' with a hyphen"),
        ('return "The color of a line is that of its arm."', "found color, expected British spelling"),
        ('return "We optimize the vectors of texts."', "found optimize"),
        ('return f"The {len(values)} rows of the table."', "found {len(values)}"),
        ('return f"The loss is {low:.3f} nats on average."', "found {low}"),
        ('return f"The loss is {sum(values) / 3} nats on average."', "found {sum(values) / 3}"),
        ("return f\"Over {row['n']} seeds of the design.\"", "found {row['n']}"),
        ('return f"Over {row.seeds} seeds of the design."', "found {row.seeds}"),
        ('return f"Over {spread(values)} seeds of the design."', "found {spread(values)}"),
        ('return f"Over {values.nunique()} seeds of the design."', "found {values.nunique()}"),
        ('return f"Over {7 if low else high} seeds of the design."', "found {7 if low else high}"),
        ('n = len(values); return f"Over {n} seeds of the design."', "found {n}"),
    ],
)
def test_a_fault_of_every_kind_is_named(line: str, said: str, tmp_path: Path) -> None:
    faults = found(tmp_path, line)
    assert faults and all(fault.startswith("module.py:5: ") for fault in faults)
    assert any(said in fault for fault in faults), faults


@pytest.mark.parametrize(
    "line",
    [
        "return f\"Over {paper.count(len(values), 'seeds')} seeds of the design.\"",
        "return f\"The {paper.number(row['n'], 'place')} rows of the table.\"",
        'return f"The loss goes from {low} to {high} nats."',
        'return f"The loss lies in {low}–{high} nats."',
        'return "A well-known two-stage code of the table."',
        'return "bespoke-optimized"',
        'raise ValueError(f"found {len(values)} rows of the table")',
    ],
)
def test_what_has_a_source_or_is_not_printed_is_no_fault(line: str, tmp_path: Path) -> None:
    assert found(tmp_path, line) == []


def test_a_fault_in_a_nested_function_is_named_once(tmp_path: Path) -> None:
    [fault] = found(tmp_path, 'def inner():\n        return "It has 17 rows of each."\n    return inner')
    assert fault.startswith("module.py:6: found the number 17")


def test_a_fault_in_a_module_of_the_paper_is_named(tmp_path: Path) -> None:
    """What the paper says now, with one of its sourced numbers written out."""
    text = (REPORT / "paper/real_model.py").read_text()
    planted = text.replace('f"{documents} held-out documents', '"32 held-out documents', 1)
    assert planted != text
    (tmp_path / "real_model.py").write_text(planted)
    assert any("found the number 32" in fault for fault in sentences.faults([tmp_path / "real_model.py"]))
