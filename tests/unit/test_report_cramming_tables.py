"""The cramming study's tables: measured and printed numbers in their places, whatever a run lacks."""

from collections.abc import Mapping
from pathlib import Path

import cramming_runs as synthetic
import pandas as pd
import pytest
import typst
import views

from tokentrial import published, results
from tokentrial.claims import decisions
from tokentrial.errors import InputError
from tokentrial.report import catalogue, formats
from tokentrial.report.cramming_names import CLAIMS
from tokentrial.report.formats import MISSING, Table
from tokentrial.report.tables import estimates, of_study
from tokentrial.report.tables.declared import spread
from tokentrial.run.estimates import UNKNOWN
from tokentrial.run.view import SCHEMAS, View
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate

PRINTED = views.printed()


def tables_of(view: View, printed: Mapping[str, published.PublishedTable] = PRINTED) -> dict[str, Table]:
    return {table.name: table for table in of_study("cramming", view, printed, views.tables()["cramming"])}


@pytest.fixture(scope="module")
def view() -> View:
    return synthetic.view_of(synthetic.study())


@pytest.fixture(scope="module")
def made(view: View) -> dict[str, Table]:
    return tables_of(view)


def section(table: Table, start: str) -> pd.DataFrame:
    (chosen,) = [each for each in table.sections if each.heading.startswith(start)]
    return chosen.shown.set_index(chosen.shown.columns[0])


def measure(view: View, name: str, design: str, model: str) -> pd.Series:
    frame = view.measures
    assert frame is not None
    wanted = (frame["measure"] == name) & (frame["design"] == design) & (frame["model"] == model)
    chosen = frame[wanted & (frame["kind"] == "text-test") & (frame["vectors"] == 1) & (frame["arm"] == "tuned")]
    return chosen[chosen["length"].isna()].iloc[0]


def test_the_tables_are_those_of_the_catalogue(made: dict[str, Table]) -> None:
    assert {name: table.title for name, table in made.items()} == catalogue.titles("tables", "cramming")
    assert list(made) == list(catalogue.titles("tables", "cramming"))
    for table in made.values():
        assert table.notes
        assert not table.widths or len(table.widths) == len(table.sections[0].shown.columns)
        for grid in table.grids():
            assert not any(each.shown.isna().any().any() for each in grid), table.name


def test_every_table_compiles(made: dict[str, Table], tmp_path: Path) -> None:
    for name, table in made.items():
        for suffix in formats.WRITERS:
            formats.write(table, tmp_path / f"{name}.{suffix}")
        assert typst.compile(str(tmp_path / f"{name}.typ"), root=str(tmp_path)).startswith(b"%PDF")


def test_measured_models_stand_beside_the_published_ones(view: View, made: dict[str, Table]) -> None:
    table = made["cramming-models"]
    own = section(table, "This run: natural text, unseen")
    assert list(own.index)[:3] == ["llama-64x2", "llama-128x2", "llama-256x2"]
    longest = measure(view, "capacity_half", "capacity", "llama-256x2")
    expected = f"{longest['estimate']:.0f}\n[{longest['low']:.0f},{formats.GAP}{longest['high']:.0f}]"
    assert own.loc["llama-256x2", "N max"] == expected
    assert own.loc["llama-256x2", "Val.\nloss"] == "4.000"
    assert own.loc["untrained", "Paper's\ncapacity"] == f"<{formats.GAP}4"
    assert own.loc["untrained", "Capacity"].startswith("1.0")  # the token that is given
    printed = section(table, "Published: PG-19")
    assert len(printed) == 14
    for row in PRINTED["cramming-models"].rows.values():
        shown = printed.loc[row["label"]]
        assert (shown["Paper's\ncapacity"], shown["Info. gain"], shown["Bound"]) == (
            *(row["capacity"], row["information_gain"]),
            row["bound"],
        )
    assert len(section(table, "Published: fan fiction")) == 6
    assert section(table, "Published: random words").loc["Llama-3.1-8B", "Used"] == "0.161"
    raw = table.data.set_index(["source", "model", "text"])
    assert raw.loc[("published", "llama-3.1-8b", "PG-19"), "capacity"] == 1568
    assert raw.loc[("this run", "llama-256x2", "text-test"), "capacity_half"] == longest["estimate"]


def test_a_model_of_several_designs_is_shown_with_the_longest_grid(made: dict[str, Table]) -> None:
    raw = made["cramming-models"].data
    chosen = raw[(raw["model"] == "llama-64x4") & (raw["text"] == "text-test")]
    assert list(chosen["design"]) == ["capacity"]


def test_exponents_stand_under_their_series(made: dict[str, Table]) -> None:
    table = made["cramming-vectors"]
    own = section(table, "This run: llama-64x4")
    assert list(own.index) == ["1", "2", "4", "8", "exponent"]
    assert own.loc["exponent", "Info. gain"].startswith("1.00")
    printed = section(table, "Published: Pythia-160M")
    assert printed.loc["16", "Paper's\ncapacity"] == "1,280"
    assert printed.loc["exponent", "Info. gain"] == "0.924"
    assert printed.loc["exponent", "Token\ngain"] == "0.947"


def test_kinds_of_text_have_their_ratio(made: dict[str, Table]) -> None:
    own = section(made["cramming-kinds"], "llama-128x2, one vector")
    assert len(own) == 7
    assert own.loc["natural text, unseen", "Gain over\nnatural"] == MISSING
    assert own.loc["random words", "Gain over\nnatural"].startswith("1.0")
    line = [each for each in made["cramming-entropy"].sections if "Free slope" in each.shown.columns]
    assert list(line[0].shown["Text"])[-1] == "all kinds together"


def test_lengths_and_numbers_of_vectors_are_whole(made: dict[str, Table]) -> None:
    headings = [each.heading for each in made["cramming-lengths"].sections]
    assert "vectors: llama-64x4, natural text, unseen, 8 vectors, tuned" in headings
    assert "H at\nN = 32" in made["cramming-kinds"].sections[0].shown.columns
    assert made["cramming-lengths"].data[["vectors", "length"]].dtypes.astype(str).tolist() == ["int64", "int64"]


def test_the_papers_settings_stand_beside_the_tuned_ones(made: dict[str, Table]) -> None:
    own = section(made["cramming-settings"], "llama-64x4")
    assert list(own.index) == ["tuned", "tuned", "the paper's", "the paper's"]
    assert "gain of tuned minus the paper's: +1" in made["cramming-settings"].sections[0].heading


def test_controls_stand_beside_the_tuned_vectors(made: dict[str, Table]) -> None:
    table = made["cramming-controls"]
    assert [each.heading for each in table.sections] == [
        *("random vector", "the text as its own prefix", "one vector for two texts", "an untrained model"),
    ]
    raw = table.data[table.data["arm"] == "control.random-vector"]
    assert (raw["gain"] < 0).all()
    assert (raw["tuned_gain"] > 20).all()


def test_every_claim_has_its_verdict_and_its_criteria(view: View, made: dict[str, Table]) -> None:
    shown = made["cramming-decisions"].sections[0].shown
    assert list(shown["Claim"]) == [CLAIMS[claim] for claim in decisions.CLAIMS]
    assert set(CLAIMS) == set(decisions.CLAIMS)
    assert shown["Why"].str.len().min() > 20
    assert view.decisions is not None
    criteria = made["cramming-criteria"]
    assert sum(len(each.shown) for each in criteria.sections) == (view.decisions["quantity"] != "verdict").sum()
    assert section(criteria, "(a)").loc["capacity", "Outcome"] == "beside"


def test_published_numbers_agree_with_each_other(made: dict[str, Table]) -> None:
    data = made["cramming-published"].data
    assert data["check"].value_counts().to_dict() == {"model": 14, "per vector": 10, "exponent": 4}
    assert data["agrees"].all()
    assert data["random_over_natural"].max() == pytest.approx(1.5, abs=0.01)


def test_a_published_slip_is_seen(view: View) -> None:
    rows_ = {**PRINTED["cramming-models"].rows}
    rows_["pythia-160m"] = {**rows_["pythia-160m"], "bound": "351"}  # a follow-up's slip
    slipped = published.PublishedTable("004", "", "", None, (), rows_)
    table = tables_of(view, {**PRINTED, "cramming-models": slipped})["cramming-published"]
    assert list(table.data.loc[~table.data["agrees"].astype(bool), "name"]) == ["pythia-160m"]


def test_a_run_without_the_study_or_with_little_of_it_has_all_tables(tmp_path: Path) -> None:
    bare = synthetic.bare_view(synthetic.study(texts=1))
    little = synthetic.view_of(synthetic.cells("controls", "x-1", lengths=(8,), arm="control.prefix", texts=1))
    for each in (bare, little):
        made = tables_of(each)
        assert list(made) == list(catalogue.titles("tables", "cramming"))
        for name, table in made.items():
            for suffix in formats.WRITERS:
                formats.write(table, tmp_path / f"{name}.{suffix}")
            typst.compile(str(tmp_path / f"{name}.typ"), root=str(tmp_path))


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(20.71, 19.4, 22.4, 16), "20.7\n[19.4,\u00a022.4]"),
        (Estimate(32.0, 24.0, None, 16, ABOVE), "≥\u00a032.0\n[24.0,\u00a0–]"),
        (Estimate(None, None, 4.0, 16, BELOW), "<\u00a04.0"),
        (Estimate(None, None, None, 0, "every text is solved"), MISSING),
        (Estimate(4.0, None, None, 1), "4.0"),
        (UNKNOWN, MISSING),
    ],
)
def test_estimates(estimate: Estimate, text: str) -> None:
    assert estimates.estimate(spread("x", estimate), "x") == text


def test_the_tables_are_read_from_files_that_are_checked(view: View, tmp_path: Path) -> None:
    paths = {}
    for name, schema in SCHEMAS.items():
        integers = {field.name: "Int64" for field in schema if str(field.type).startswith("int")}
        results.write(tmp_path / f"{name}.parquet", results.table(getattr(view, name).astype(integers), schema))
        paths[name] = str(tmp_path / f"{name}.parquet")
    read = View.read(paths, 0.95)
    assert read.only("cramming").measures is read.measures
    assert tables_of(read)["cramming-lengths"].data.equals(tables_of(view)["cramming-lengths"].data)
    without = View.read({name: path for name, path in paths.items() if name not in ("measures", "decisions")}, 0.95)
    assert (without.measures, without.decisions, without.estimates.scopes) == (None, None, [])
    with pytest.raises(InputError, match="columns are"):
        View.read({**paths, "measures": paths["decisions"]}, 0.95)
