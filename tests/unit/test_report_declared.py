"""Tables that a study's file declares: what they show is what the view says, and a mistake in one is one line."""

import re
from typing import Any

import pytest
import views
import yaml

from tokentrial.errors import InputError
from tokentrial.report.tables import declared, words_of
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.schema.declared import DeclaredTable

DOCS = views.ROOT / "docs/extending.md"
STUDY = "learned_encoding"


@pytest.fixture(scope="module")
def view() -> View:
    """The learned-encoding study of the shipped run."""
    return View.read(views.shipped(), 0.95).only(STUDY)


def example() -> tuple[str, dict[str, Any]]:
    """Name and entry of the table that the docs declare."""
    text = DOCS.read_text(encoding="utf-8").partition("## A table")[2]
    found = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert found is not None
    [(name, entry)] = yaml.safe_load(found[1])["tables"].items()
    return name, entry


def built(view: View, **changes: Any) -> Any:
    name, entry = example()
    table = DeclaredTable.model_validate({**entry, **changes})
    return declared.build(name, table, view, words_of(view), "A title")


def test_the_documented_table_shows_what_the_view_says(view: View) -> None:
    table = built(view)
    conditions = view.select(experiment="vocabulary", way="done-right")
    assert [section.heading for section in table.sections] == [condition.data for condition in conditions]
    for condition, section in zip(conditions, table.sections, strict=True):
        assert set(section.shown["Arm"]) == {view.arm_name(STUDY, arm) for arm in view.arms_of(condition.id)}
    first = table.data.iloc[0]
    level = view.level(conditions[0].id, first["arm"], LOSS)
    assert (first["loss"], first["bits"]) == (level["mean"], view.cost(conditions[0].id, first["arm"])["bits_deployed"])
    assert list(table.data.columns) == ["data", "arm", "loss", "low", "high", "bits"]
    assert "95 % t interval" in table.notes[0]


def test_conditions_without_rows_have_no_section(view: View) -> None:
    table = built(view, select={"experiment": "nothing"}, empty="Nothing was run.")
    assert table.sections == () and table.data.empty and table.notes == ("Nothing was run.",)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"raw": {"x": "los.mean"}}, "table small-and-good: raw.x: found 'los.mean', expected one of run, condition, "),
        ({"columns": {"A": {"format": "numer", "of": "loss"}}}, "columns.A: found 'numer', expected one of text, "),
        ({"columns": {"A": {"format": "number", "of": "los"}}}, "columns.A: found 'los', expected one of data, arm, "),
        ({"order": "by size"}, "order: found 'by size', expected one of own first, by ratio"),
        ({"heading": "dta"}, "heading: found 'dta', expected one of data"),
        ({"notes": ["{level}"]}, "notes: found the placeholder 'level', expected one of confidence, margin_share, "),
        ({"select": {"experimnt": "x"}}, "conditions: found the column 'experimnt', expected one of "),
    ],
)
def test_a_mistake_is_one_line(changes: dict[str, Any], line: str, view: View) -> None:
    with pytest.raises(InputError) as caught:
        built(view, **changes)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_every_name_of_a_kind_is_used_or_documented() -> None:
    """Sources, orders and headings of the shipped tables: none is there for nothing."""
    every = [table for study in views.studies().values() for table in study.tables.values()]
    tables = [table for table in every if isinstance(table, DeclaredTable)]
    assert {table.order for table in tables} == set(declared.ORDERS)
    assert {table.heading for table in tables} == set(declared.HEADINGS)
    assert {table.kind for table in tables} == {"arms", "pairs"}
    origins = {origin.partition(".")[0] for table in tables for _, origin in declared._columns(table)}
    assert set(declared.SOURCES) - origins <= {"test_bits", "validation_accuracy", "validation_bits"}
    derived = {
        origin.partition(".")[2]
        for table in tables
        for _, origin in declared._columns(table)
        if origin.startswith("derived.")
    }
    assert derived == set(declared.DERIVED)
