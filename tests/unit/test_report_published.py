"""What the documents print: every shipped file can be used, and a slip in one is named with its place."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import views
import yaml

from tokentrial import published
from tokentrial.errors import InputError

FOLDER = Path(__file__).parents[2] / "documents"
FIRST = FOLDER / "000/printed.yaml"


def test_every_table_is_in_the_folder_of_its_document() -> None:
    tables = views.printed()
    assert {table.document for table in tables.values()} == {"000", "001", "002", "003", "004"}
    for name, table in tables.items():
        assert table.source and (table.rows or table.quotes), name
        content = yaml.safe_load((FOLDER / table.document / "printed.yaml").read_text())["tables"][name]
        assert list(table.rows) == [row[content["key"]] for row in content["rows"]]
        assert not any(math.isnan(value) for value in table.numbers(*content["numbers"])), name
        assert table.in_document is (content["source"] == table.document)
    elsewhere = {table.document for table in tables.values() if not table.in_document}
    assert elsewhere == {"002", "003", "004"}  # recorded in a repository, or printed of other models


def table(content: dict[str, Any]) -> dict[str, Any]:
    return content["tables"]["doc000-accuracy"]


def row(content: dict[str, Any], index: int) -> dict[str, Any]:
    return table(content)["rows"][index]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("sources"), "key 'sources' is missing"),
        (lambda c: c.update(sources=None), "sources: expected keys and values, found NoneType"),
        (lambda c: c.update(more=1), "unknown key 'more'; expected sources, tables"),
        (lambda c: c["tables"].update(extra={}), "tables.extra: key 'source' is missing"),
        (lambda c: table(c).update(n="ten"), "tables.doc000-accuracy.n: found 'ten', expected int or null"),
        (lambda c: table(c).update(source="009"), "tables.doc000-accuracy.source: found '009', expected one of 000"),
        (lambda c: table(c).update(numbers=[1]), r"doc000-accuracy.numbers: found \[1\], expected names of columns"),
        (lambda c: table(c).update(texts=["p"]), r"doc000-accuracy.rows\[0\]: key 'p' is missing"),
        (
            lambda c: row(c, 1).update(learned=0.071),
            r"accuracy.rows\[1\].learned: found 0.071, expected text in quotes",
        ),
        (lambda c: row(c, 1).update(learned="7 %"), r"rows\[1\].learned: found '7 %', expected a number as printed"),
        (lambda c: row(c, 0).pop("savings"), r"rows\[0\]: key 'savings' is missing"),
        (lambda c: row(c, 0).update(p="1"), r"rows\[0\]: unknown key 'p'"),
        (lambda c: row(c, 1).update(ratio="2"), r"rows\[1\].ratio: '2' occurs twice"),
    ],
)
def test_a_malformed_published_file_is_named(change: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    changed = yaml.safe_load(FIRST.read_text())
    change(changed)
    path = tmp_path / "000/printed.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(changed))
    with pytest.raises(InputError, match=message) as raised:
        published.load([path])
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_two_tables_of_one_name_are_named_with_their_files(tmp_path: Path) -> None:
    copy = tmp_path / "005/printed.yaml"
    copy.parent.mkdir()
    copy.write_text(FIRST.read_text())
    with pytest.raises(InputError) as raised:
        published.load([FIRST, copy])
    assert str(raised.value) == f"{copy}: tables.doc000-accuracy: {FIRST} has this name, too; expected another one"


def test_a_table_or_a_column_that_is_not_printed_is_named() -> None:
    tables = published.load([FIRST])
    with pytest.raises(InputError, match=r"^printed tables: found doc000-accuracy, .*, expected 'signal', too$"):
        tables["signal"]
    with pytest.raises(InputError, match=r"printed\.yaml: tables\.doc000-accuracy\.rows\[0\]: .* expected 'd', too$"):
        tables["doc000-accuracy"].numbers("d")


def test_published_numbers() -> None:
    printed = published.load([FIRST])
    assert printed["doc000-accuracy"].numbers("learned", "autoencoder")[:2] == [0.083, 0.067]
    assert published.number("13,632") == 13632
    assert math.isnan(published.number("> 0.05"))
    with pytest.raises(InputError, match="cannot be read"):
        published.load(["nowhere/printed.yaml"])
