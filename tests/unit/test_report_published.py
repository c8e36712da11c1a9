"""What the documents print: every study's file is whole, and a slip in one is named with its place."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tokentrial import published
from tokentrial.errors import InputError
from tokentrial.report import catalogue

FOLDER = Path(__file__).parents[2] / "config/published"
PUBLISHED = FOLDER / "learned_encoding.yaml"


@pytest.mark.parametrize("study", catalogue.STUDIES)
def test_every_studys_file_is_complete(study: str) -> None:
    tables = published.load(FOLDER / f"{study}.yaml")
    assert list(tables) == list(published.COLUMNS[study])
    for name, table in tables.items():
        key, numbers, texts = published.COLUMNS[study][name]
        assert table.rows or table.quotes, name
        assert table.source, name
        for row in table.rows.values():
            assert set(row) == {key, "label", *numbers, *texts}
            assert not any(math.isnan(published.number(row[column])) for column in numbers)


def row(content: dict[str, Any], index: int) -> dict[str, Any]:
    return content["tables"]["doc000-accuracy"]["rows"][index]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("documents"), "documents: expected keys and values, found NoneType"),
        (lambda c: c.update(more=1), "unknown key 'more'; expected documents, tables"),
        (lambda c: c["tables"].pop("signal"), "tables: key 'signal' is missing"),
        (lambda c: c["tables"].update(extra={}), "tables: unknown key 'extra'"),
        (lambda c: c["tables"]["signal"].update(n="ten"), "tables.signal.n: found 'ten', expected int or null"),
        (
            lambda c: c["tables"]["signal"].update(document="009"),
            "tables.signal.document: found '009', expected one of",
        ),
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
    changed = yaml.safe_load(PUBLISHED.read_text())
    change(changed)
    path = tmp_path / "learned_encoding.yaml"  # the name says which tables the file has
    path.write_text(yaml.safe_dump(changed))
    with pytest.raises(InputError, match=message) as raised:
        published.load(path)
    assert str(path) in str(raised.value)


def test_published_numbers() -> None:
    printed = published.load(PUBLISHED)
    assert printed["doc000-accuracy"].numbers("learned", "autoencoder")[:2] == [0.083, 0.067]
    assert published.number("13,632") == 13632
    assert math.isnan(published.number("> 0.05"))
    with pytest.raises(InputError, match="cannot be read"):
        published.load("nowhere/learned_encoding.yaml")
