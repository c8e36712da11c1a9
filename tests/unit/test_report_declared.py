"""Tables that a study's file declares: what they show is what the view says, and a mistake in one is one line."""

import re
from typing import Any

import pandas as pd
import pytest
import views
import yaml

from tokentrial.errors import InputError
from tokentrial.report import catalogue, formats
from tokentrial.report.catalogue import STUDIES
from tokentrial.report.formats import MISSING
from tokentrial.report.tables import arms, build, declared, estimates, of_study, registry
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.schema.declared import Study
from tokentrial.schema.tables import BesidePrinted, FromSources, Listed, OfArms, Rows

DOCS = views.ROOT / "docs/extending.md"
STUDY = "learned_encoding"
MINIMAL = {"title": "A study", "real_text": False, "experiments": {}, "methods": {}}
MINIMAL |= {"question": {"encodings": [], "baselines": []}}


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


def built(view: View, **changes: Any) -> formats.Table:
    name, entry = example()
    table = Study.model_validate({**MINIMAL, "tables": {name: {**entry, **changes}}}).tables
    [made] = of_study(STUDY, view, {}, table)
    return made


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


def test_conditions_that_were_not_run_have_no_section(view: View) -> None:
    table = built(view, select={"experiment": "nothing"}, empty="Nothing was run.")
    assert table.sections == () and table.data.empty and table.notes == ("Nothing was run.",)
    assert list(table.data.columns) == ["data", "arm", "loss", "low", "high", "bits"]
    [dashes] = built(view, select={"experiment": "nothing"}).sections
    assert dashes.shown.to_dict("records") == [{"Arm": MISSING, "Loss": MISSING, "kbit": MISSING}]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"raw": {"x": "los.mean"}, "columns": {}}, ".raw.x: found 'los', did you mean 'loss'? expected one of "),
        ({"raw": {"x": "loss.men"}, "columns": {}}, ".raw.x: found 'loss.men', did you mean 'mean'? expected one of "),
        ({"columns": {"A": {"format": "numer", "of": "loss"}}}, ".columns.A.format: found 'numer', did you mean 'numb"),
        ({"columns": {"A": {"format": "p", "of": "loss", "signed": True}}}, ".columns.A: unknown key 'signed': "),
        ({"columns": {"A": {"format": "p", "of": "arm"}}}, ".columns.A: found 'learned', expected what the format 'p'"),
        ({"columns": {"A": {"format": "p", "of": ["loss", "low", "high"]}}}, ".columns.A: found 2."),
        ({"order": "own frist"}, ".order: found 'own frist', did you mean 'own first'? expected one of own first, "),
        ({"heading": "dta"}, ".heading: found 'dta', did you mean 'data'? expected one of "),
        ({"notes": ["{level}"]}, ".notes: found the placeholder 'level', expected one of confidence, margin_share, "),
        ({"select": {"experimnt": "x"}}, ".select: unknown key 'experimnt': did you mean 'experiment'? expected one"),
    ],
)
def test_a_mistake_is_one_line(changes: dict[str, Any], line: str, view: View) -> None:
    with pytest.raises(InputError) as caught:
        built(view, **changes)
    assert str(caught.value).startswith(f"studies/{STUDY}.yaml: tables.small-and-good{line}")
    assert "\n" not in str(caught.value)


MEASURED = {"rows": "measured", "experiment": "baselines"}


@pytest.mark.parametrize(
    ("study", "name", "changes", "line"),
    [
        (STUDY, "doc001-baselines", {"printed": ["doc001-base"]}, ".printed: unknown key 'doc001-base': did you mean "),
        (
            STUDY,
            "doc001-baselines",
            {"heading": "lable"},
            ".heading: found 'lable', did you mean 'label'? expected one",
        ),
        (STUDY, "doc001-baselines", {"rows": [Rows(rows="measurd")]}, ".rows[0].rows: found 'measurd', did you mean '"),
        (STUDY, "doc001-baselines", {"rows": [Rows(**MEASURED, arm={"standard": "pca"})]}, ".rows.arm: found no arm "),
        (
            STUDY,
            "doc001-baselines",
            {"rows": [Rows(**MEASURED, arm="pca", adds="saving")]},
            ".rows.adds: found 'saving",
        ),
        ("cramming", "cramming-entropy", {"parts": {}}, ".parts: key 'limits' is missing: expected the columns of "),
        ("cramming", "cramming-lengths", {"list": "each length"}, ".list: found 'each length', did you mean 'every le"),
        (
            "cramming",
            "cramming-lengths",
            {"raw": {"x": "loss.mean"}},
            ".raw.x: found 'loss', expected one of run, scope",
        ),
    ],
)
def test_a_mistake_in_another_form_is_one_line(study: str, name: str, changes: dict[str, Any], line: str) -> None:
    whole = View.read(views.shipped(), 0.95)
    entry = views.tables()[study][name].model_copy(update=changes)
    with pytest.raises(InputError) as caught:
        list(of_study(study, whole.only(study), views.printed(), {name: entry}))
    assert str(caught.value).startswith(f"studies/{study}.yaml: tables.{name}{line}")
    assert "\n" not in str(caught.value)


# The shipped tables

ENTRIES = {name: entry for tables in views.tables().values() for name, entry in tables.items()}


@pytest.fixture(scope="module")
def shipped_tables() -> dict[str, formats.Table]:
    """Every table of the studies, of the shipped run."""
    view = View.read(views.shipped(), 0.95)
    return {table.name: table for table in build(view, views.tables(), views.printed())}


OF_LARGER_RUNS = ("real-model-trained", "cramming-bits-of-vectors", "cramming-horizons")
"""Tables of arms that the default run does not have; their own tests are beside those of their studies."""


@pytest.mark.parametrize("name", [name for study in STUDIES for name in views.tables()[study]])
def test_a_table_has_the_columns_that_it_declares(name: str, shipped_tables: dict[str, formats.Table]) -> None:
    """In the CSV, and in every section: those of the entry or of one of its parts, each with a number or a word."""
    entry, table = ENTRIES[name], shipped_tables[name]
    listed = entry.csv or [column for column in entry.known() if not column.startswith("_")]
    assert [column for column in listed if column not in (*table.data.columns, declared.REST)] == []
    if name in OF_LARGER_RUNS and table.data.empty:
        assert table.sections == () and table.notes[-1] == entry.empty
        return
    parts = [list(columns) for columns in (entry.columns, *entry.parts.values())]
    seen = []
    for section in table.sections:
        shown = section.shown if entry.transposed is None else section.shown.set_index(entry.transposed).T
        titles = [re.sub(r"N = \d+$", "N = {longest}", title) for title in shown.columns]
        [part] = [part for part in parts if titles in (part, part[1:])]
        seen.append(part)
    assert all(part in seen for part in parts)
    for part in parts:
        every = pd.concat([section.shown for section, of in zip(table.sections, seen, strict=True) if of == part])
        dashes = [str(title) for title in every.columns if set(every[title]) <= {MISSING, ""}]
        assert dashes == [], name


def test_every_registered_function_is_used() -> None:
    """By a shipped table: none is there for nothing."""
    every = [*ENTRIES.values(), *catalogue.entries(catalogue.VERDICTS).tables.values()]
    cells = [cell for table in every for columns in (table.columns, *table.parts.values()) for cell in columns.values()]
    rows = [rows for table in every for rows in getattr(table, "rows", [])]
    used = [
        (registry.kind, {table.kind for table in every}),
        (registry.cell, {cell.format for cell in cells}),
        (registry.order, {table.order for table in every if isinstance(table, OfArms)}),
        (registry.listing, {table.list for table in every if isinstance(table, Listed)}),
        (registry.heading, {table.heading for table in every if isinstance(table, OfArms)}),
        (registry.line_heading, {table.heading for table in every if isinstance(table, BesidePrinted)}),
        (registry.row_maker, {each.rows for each in rows}),
        (registry.added, {each.adds for each in rows if each.adds}),
    ]
    for functions, names in used:
        assert set(functions) == names, functions.what
    origins = {(source, key) for table in every if isinstance(table, FromSources) for _, source, key in table.origins()}
    # a source for every metric on every split
    sources = {*arms.Asked.sources, *estimates.Of.sources}
    assert sources - {source for source, _ in origins} == {"validation_accuracy"}
    assert {key for source, key in origins if source == "derived"} == set(arms.DERIVED)
