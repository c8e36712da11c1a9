"""The tables: printed and measured numbers in the right cells, nothing invented, every format faithful."""

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import latex_tables
import numpy as np
import pandas as pd
import pytest
import typst
import views

from tokentrial import published, results
from tokentrial.errors import InputError
from tokentrial.released.replicates import run_replicates
from tokentrial.report import catalogue, formats
from tokentrial.report import tables as report_tables
from tokentrial.report.formats import GAP, MISSING, Section, Table
from tokentrial.run.statistics import compare_arms, summarise
from tokentrial.run.view import SCHEMAS, View

STUDY = "learned_encoding"
OWN = {STUDY: views.tables()[STUDY]}
ENTRIES = {STUDY: {name: table.model_dump() for name, table in OWN[STUDY].items()}}
SETTINGS = {"confidence": 0.95, "resamples": 200, "equivalence_margin": 0.05}
LOSS, ACCURACY = ("cross_entropy", "nats"), ("accuracy", "fraction")
LEVELS = {"cross_entropy": (3.0, 2.5, 1.0), "accuracy": (0.02, 0.03, 0.05)}  # chance, unigram, floor
OTHER = {  # condition -> the arm beside learned
    "markov/as-described/ratio-2": "autoencoder_000",
    "markov/done-right/ratio-2-mean-pool": "autoencoder",
    "compression/as-described/ratio-8": "autoencoder_001",
    "compression/done-right/v20-ratio-8": "autoencoder",
    "compression/done-right/v100-ratio-8": "autoencoder",
    "signal/done-right/ordered": "autoencoder",
}


def measured(condition: str, arms: dict[str, list[float]], kind: tuple[str, str], split: str = "test") -> pd.DataFrame:
    """Final values of a condition by arm, seeds counted from 0, with the levels that bound them."""
    rows = [
        (STUDY, f"{STUDY}/{condition}", arm, seed, split, None, kind[0], value, kind[1])
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]
    rows += [
        (STUDY, f"{STUDY}/{condition}", f"reference.{name}", 0, "test", None, kind[0], value, kind[1])
        for name, value in zip(("chance", "unigram", "floor"), LEVELS[kind[0]], strict=True)
    ]
    return pd.DataFrame(rows, columns=results.RUNS.names[:-1]).astype({"step": "Int32"})


def around(mean: float, n: int = 5, spread: float = 0.001) -> list[float]:
    """n values with this mean, no two alike."""
    return [mean + spread * (seed - (n - 1) / 2) for seed in range(n)]


def costs() -> pd.DataFrame:
    """The costs of every trained arm: learned 10 + 30 parameters, others 100 + 20 + 20 + 30, both deployed as 40."""
    rows = []
    for condition, other in OTHER.items():
        for arm, counts, trained in (("learned", (10, 0, 0, None, 30), 40), (other, (100, 20, 20, None, 30), 70)):
            rows.append((STUDY, f"{STUDY}/{condition}", arm, 5, *counts, trained, 1280, 9, None, 1.0, 2.0, *"dvgc"))
    later = [field.name for field in results.ARMS if field.metadata]
    counted = [name for name in results.ARMS.names if name not in ("corpus", "trained_as", *later)]
    return pd.DataFrame(rows, columns=counted).reindex(columns=results.ARMS.names)


def frames() -> dict[str, pd.DataFrame]:
    """A small run of everything: known numbers, through the project's own statistics."""
    script = "academic-validation"
    formula = {"script": script, "seeds": 1, "last_cell": None, "condition": f"{STUDY}/as-released/{script}"}
    corrected = {"learned": [0.02, 0.03, 0.04, 0.09], "autoencoder": [0.01, 0.02, 0.03, 0.05]}
    markov = {"learned": around(0.03), "autoencoder_000": around(0.035, spread=0.002)}
    fair = {"learned": around(0.04), "autoencoder": around(0.03, spread=0.002)}
    released = {"learned": around(4.6, 3), "traditional": around(4.7, 3, 0.01)}
    noise = np.array([0.0, 1.0, -1.0, 0.5, -0.5]) * 0.0003
    runs = pd.concat(
        [
            run_replicates(formula).assign(study=STUDY)[results.RUNS.names[:-1]].astype({"step": "Int32"}),
            measured("as-released/corrected/ratio-2", corrected, ACCURACY),
            measured("as-released/focused-scaling/compression-8", released, LOSS, "train"),
            measured("as-released/pure-python", {"learned": [3.1, 3.2], "traditional": [3.0, 3.3]}, LOSS, "train"),
            measured("markov/as-described/ratio-2", markov, ACCURACY),
            measured("markov/done-right/ratio-2-mean-pool", fair, ACCURACY),
            *[
                measured(name, {"learned": around(2.0), OTHER[name]: around(2.0 + gap) + noise}, LOSS)
                for name, gap in (
                    ("compression/as-described/ratio-8", 0.0),
                    ("compression/done-right/v20-ratio-8", 0.5),
                    ("compression/done-right/v100-ratio-8", -0.5),
                    ("signal/done-right/ordered", 0.1),
                )
            ],
        ],
        ignore_index=True,
    )
    bare = views.view(runs=runs)
    conditions = {each.id: each for each in bare.select()}
    methods = {(STUDY, arm): bare.method(STUDY, arm) for arm in bare.methods["arm"]}
    statistics = compare_arms(runs, conditions, methods, SETTINGS, 1)
    summary = summarise(runs, bare.of_way("as-released"), 0.95)
    return {"runs": runs, "arms": costs(), "summary": summary, "statistics": statistics}


@pytest.fixture(scope="module")
def view() -> View:
    return views.view(**frames())


@pytest.fixture(scope="module")
def printed() -> dict[str, published.PublishedTable]:
    return views.printed()


@pytest.fixture(scope="module")
def made(view: View) -> dict[str, Table]:
    return {table.name: table for table in report_tables.build(view, OWN, views.printed())}


def shown(table: Table, heading: str) -> pd.DataFrame:
    """A section by its heading, its rows by their first column."""
    (section,) = [section for section in table.sections if section.heading == heading]
    return section.shown.set_index(section.shown.columns[0])


def test_the_tables_are_those_of_the_catalogue(made: dict[str, Table]) -> None:
    expected = catalogue.tables_of([STUDY])
    assert {name: table.title for name, table in made.items()} == expected
    assert list(made) == list(expected)
    assert all(table.notes for table in made.values())


def test_a_study_that_did_not_run_has_no_table_and_the_first_page_is_always_there(view: View) -> None:
    assert [table.name for table in report_tables.build(view, {}, {})] == ["headline"]
    assert list(catalogue.tables_of([])) == [catalogue.HEADLINE] == ["headline"]
    everything = catalogue.tables_of(catalogue.STUDIES)
    assert [catalogue.table_title(name) for name in everything] == list(everything.values())


def test_a_studys_tables_hold_its_own_rows_alone(view: View, made: dict[str, Table]) -> None:
    """Rows of another study, in the same files, change no table but the first page's."""

    def other(frame: pd.DataFrame) -> pd.DataFrame:
        moved = frame.copy()
        moved["study"] = "language_models"
        for column in ("condition", "comparison"):
            if column in moved:
                moved[column] = moved[column].str.replace(f"{STUDY}/", "language_models/")
        return pd.concat([frame, moved], ignore_index=True)

    both = views.view(**{name: other(getattr(view, name)) for name in views.TABLES})
    pd.testing.assert_frame_equal(both.only(STUDY).runs, view.runs)
    assert both.only(STUDY).select() == view.select()
    again = {table.name: table for table in report_tables.build(both, OWN, views.printed())}
    for name, table in made.items():
        assert (formats.to_csv(again[name]) == formats.to_csv(table)) is (name != "headline"), name
    assert len(again["headline"].data) == 2 * len(made["headline"].data)


def test_an_empty_first_page_is_written_in_every_format(view: View, tmp_path: Path) -> None:
    """A run whose studies lack the documents' comparison still gets its report."""
    [table] = report_tables.build(replace(view, statistics=view.statistics.iloc[:0]), {}, {})
    for suffix in formats.WRITERS:
        formats.write(table, tmp_path / f"headline.{suffix}")
    assert "Experiment" in (tmp_path / "headline.md").read_text()
    assert typst.compile(str(tmp_path / "headline.typ"), root=str(tmp_path)).startswith(b"%PDF")


def test_every_printed_number_stands_in_its_table_as_printed(
    made: dict[str, Table], printed: dict[str, published.PublishedTable]
) -> None:
    tables = {name: table for name, table in printed.items() if name in made}
    assert len(tables) == 9
    for name, table in tables.items():
        text = formats.to_markdown(made[name])
        for key, row in table.rows.items():
            for column, value in row.items():
                if column != "label" and value != key and not math.isnan(published.number(value)):
                    assert formats.printed(value) in text, (name, column, value)


def test_a_published_row_stands_beside_its_measurements(made: dict[str, Table]) -> None:
    rows = shown(made["doc000-accuracy"], "2:1 (128D→64D)")
    assert list(rows.loc["published", ["n", "Learned", "Autoencoder", "Difference", "Fewer, %"]]) == [
        *("3", "0.083 ± 0.012", "0.067 ± 0.015", "+0.016", "52.1")
    ]
    own = rows.loc["as released, own seed"]
    population = math.sqrt(2 / 3) / 100
    assert own["Learned"] == f"0.0300{GAP}±{GAP}{population:.4f}"  # of the first three runs, not of all four
    assert (own["n"], own["Difference"], own["p"]) == ("3", "+0.0100", MISSING)
    everything = rows.loc["as released, all runs"]
    assert everything["n"] == "4"
    assert everything["Learned"].startswith("0.0450\n[")
    fair = rows.loc["done right"]
    assert fair["Difference"].startswith("+0.0100\n[+")
    assert list(fair[["n", "Chance", "Constant", "Bayes"]]) == ["5", "0.0200", "0.0300", "0.0500"]
    assert fair["Fewer, %"] == f"{100 * (1 - 40 / 170):.1f}"


def test_the_interval_is_the_statistics_table_s(made: dict[str, Table], view: View) -> None:
    row = view.pair(f"{STUDY}/compression/done-right/v20-ratio-8", "learned", "autoencoder")
    rows = shown(made["doc001-compression"], "8:1")
    expected = formats.with_interval(row["difference"], row["t_low"], row["t_high"], signed=True)
    fair = rows.loc["done right, patterns, V = 20"]
    assert fair["Difference"] == expected
    assert fair["Difference"].startswith(f"{formats.MINUS}0.5000")
    assert fair["Improved\nby, %"] == "+20.00"
    assert (fair["p"], fair["Equiv."]) == (formats.p_value(row["p_holm"]), "no")
    assert shown(made["doc001-compression"], "8:1").loc["as described", "Equiv."] == "yes"


def test_what_was_not_measured_is_a_dash_and_never_zero(made: dict[str, Table]) -> None:
    rows = shown(made["doc000-accuracy"], "4:1 (128D→32D)")
    assert rows.loc["published", "Learned"] == "0.071 ± 0.018"
    for way in ("as released, own seed", "as released, all runs", "as described, all seeds", "done right"):
        assert set(rows.loc[way].drop("Fewer, %")) == {MISSING}, way
    raw = made["doc000-accuracy"].data
    empty = raw[(raw["ratio"] == "4") & (raw["way"] == "done right")]
    assert empty[["n", "learned", "autoencoder", "difference", "p_holm"]].isna().all(axis=None)
    assert set(shown(made["doc001-vocabulary"], "V = 500").loc["done right"]) == {MISSING}


def test_significance_is_counted_by_direction(made: dict[str, Table]) -> None:
    table = made["doc001-summary"]
    published_rows = shown(table, "Published")
    assert list(published_rows.loc["claimed significant"])[1:] == ["5 of 5", "5 of 5", "4 of 4", "2 of 3", "16 of 17"]
    assert list(published_rows.loc["printed p below 0.05"])[1:3] == ["0 of 5", "0 of 5"]
    assert shown(table, "As released: the formula's own test, p < 0.05").loc["learned better", "Sum"] == "23 of 23"
    fair = shown(table, "Done right")["Compression scaling"]
    assert list(fair.index) == ["learned better", "learned worse", "no difference shown", "equivalent"]
    assert list(fair) == ["1 of 2", "1 of 2", "0 of 2", "0 of 2"]
    assert shown(table, "As described").loc["no difference shown", "Sum"] == "1 of 1"
    assert shown(table, "As described").loc["learned better", "Vocabulary scaling"] == MISSING


def test_parameter_counts(made: dict[str, Table]) -> None:
    table = made["doc000-parameters"]
    for heading in ("2:1", "4:1", "8:1", "16:1"):
        rows = shown(table, heading)
        assert (
            rows.loc["2·d·(V + 1), which fits the published learned column", "Learned"] == rows["Learned"]["published"]
        )
    rows = shown(table, "2:1")
    assert list(rows.loc["as released: 2·V·d against V·D + 2·D·d + V·d"]) == ["6,400", "25,984", "75.4"]
    assert list(rows.loc["done right: built"]) == ["40", "170", "76.5"]
    assert list(rows.loc["done right: deployed"]) == ["40", "40", "0.0"]
    slopes = shown(table, "Growth per unit of d")
    assert list(slopes["published autoencoder"]) == ["120", "200", "262"]


def test_the_proof_of_concept_has_a_column_per_way(made: dict[str, Table]) -> None:
    rows = shown(made["doc002-proof-of-concept"], "")
    assert list(rows["Published"][["n", "Learned", "Token table: autoencoder"]]) == [MISSING, MISSING, "640"]
    assert list(rows["As released,\nown seed"][["n", "Learned", "Autoencoder"]]) == ["1", "3.1000", "3.0000"]
    assert rows["As released,\nall runs"]["Built: autoencoder"] == "1,664"


def test_signal_listings_and_power(made: dict[str, Table]) -> None:
    rows = shown(made["signal"], "ordered")
    assert rows.loc["chance / unigram / floor", "Loss"] == "3.000 / 2.500 / 1.000"
    assert rows.loc["learned", "Gap closed, %"] == "33.3"
    fair = [name for name in OTHER if "/done-right/" in name]
    for name in ("levels", "comparisons", "costs"):
        assert made[name].data["cell"].nunique() == len(fair), name
    assert set(made["comparisons"].data["arm"]) == {"autoencoder"}
    curve = shown(made["power"], "Number of seeds").set_index("n")
    assert set(curve.loc["1"]) == {MISSING}
    assert {"3", "5", "10", "20", "30"} <= set(curve.index)
    assert curve.loc["3", "Paired:\nMDE"] == "3.26"
    assert shown(made["power"], "In this run").loc["done right", "n"].eq("5").all()


NASTY = pd.DataFrame({"Way": ['#$*_<>@[]\\"~`^&%{}|', "plain"], "Value": ["0.0240\n[0.0201,\u00a00.0279]", MISSING]})


def table(rows: pd.DataFrame) -> Table:
    return Table("nasty", "50 % of $x_1$", rows, (Section("#let x = [1]", rows),), ("A note: #1 & <2>.",), "Part")


def test_typst_shows_text_as_it_is(tmp_path: Path) -> None:
    assert formats.typst('#$*_<>@[]\\"') == '"#$*_<>@[]\\\\\\""'
    formats.write(table(NASTY), tmp_path / "nasty.typ")
    (tmp_path / "main.typ").write_text(f'#include "nasty.typ"\n#metadata({formats.typst(NASTY.iloc[0, 0])}) <kept>')
    assert typst.compile(str(tmp_path / "main.typ"), root=str(tmp_path)).startswith(b"%PDF")
    kept = typst.query(str(tmp_path / "main.typ"), "<kept>", root=str(tmp_path))
    assert json.loads(kept)[0]["value"] == NASTY.iloc[0, 0]


def test_every_table_compiles(made: dict[str, Table], tmp_path: Path) -> None:
    for name, each in made.items():
        formats.write(each, tmp_path / f"{name}.typ")
    source = "".join(f'#figure(include "{name}.typ", kind: table, caption: [x])\n' for name in made)
    (tmp_path / "main.typ").write_text("#show figure: set block(breakable: true)\n" + source)
    assert typst.compile(str(tmp_path / "main.typ"), root=str(tmp_path)).startswith(b"%PDF")


def test_latex_shows_text_as_it_is() -> None:
    text = formats.to_latex(table(NASTY))
    assert r"\#\${*}\_$<$$>$@{[}{]}\textbackslash{}{\ttfamily\char34}" in text
    assert r"\textasciitilde{}\`{}\textasciicircum{}\&\%\{\}$|$" in text
    assert r"\begin{tabular}[t]{@{}r@{}}0.0240 \\ {[}0.0201,~0.0279{]}\end{tabular}" in text
    assert r"\caption{50 \% of \$x\_1\$}\label{tab:nasty}" in text
    assert r"A note: \#1 \& $<$2$>$." in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert r"\textbf{\#let x = {[}1{]}}} \\*" in text
    assert text.isascii()
    assert latex_tables.rows(text) == [["#let x = [1]", *map(latex_tables.same, row)] for row in NASTY.to_numpy()]


def test_csv_keeps_every_digit(made: dict[str, Table]) -> None:
    value = 0.1 + 0.2
    raw = pd.DataFrame({"name": ["a, b", "c"], "value": [value, None], "count": [3, 4]})
    text = formats.to_csv(table(raw))
    assert text.splitlines()[0] == "name,value,count"
    back = pd.read_csv(io.StringIO(text))
    assert back["value"][0] == value
    assert np.isnan(back["value"][1])
    for each in made.values():
        back = pd.read_csv(io.StringIO(formats.to_csv(each)))
        assert list(back.columns) == list(each.data.columns)
        assert len(back) == len(each.data)


def test_markdown_reads_back(made: dict[str, Table]) -> None:
    (section,) = made["headline"].sections
    for each, expected in ((table(NASTY), NASTY), (made["headline"], section.shown)):
        lines = [line for line in formats.to_markdown(each).splitlines() if line.startswith("|")]
        cells = [
            [cell.strip().replace("\0", "|") for cell in line.replace(r"\|", "\0").split("|")[1:-1]] for line in lines
        ]
        back = pd.DataFrame(cells[2:], columns=cells[0]).drop(columns="Part", errors="ignore")
        pd.testing.assert_frame_equal(back, expected.map(lambda text: text.replace("\n", " ")), check_dtype=False)
    assert "A note: #1" in formats.to_markdown(table(NASTY))


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "t.csv"
    formats.write(table(NASTY), target)
    before = target.read_text()
    monkeypatch.setitem(formats.WRITERS, "csv", lambda each: "\ud800")  # cannot be encoded: fails while writing
    with pytest.raises(UnicodeEncodeError):
        formats.write(table(NASTY), target)
    assert [path.name for path in target.parent.iterdir()] == ["t.csv"]
    assert target.read_text() == before
    with pytest.raises(InputError, match=r"t\.xlsx: expected a name ending in csv, md, tex, typ"):
        formats.write(table(NASTY), tmp_path / "t.xlsx")


def test_write_tables(tmp_path: Path, view: View, made: dict[str, Table]) -> None:
    paths = {name: str(tmp_path / f"{name}.parquet") for name in (*views.TABLES, "conditions", "methods")}
    for name, path in paths.items():
        results.write(path, results.table(views.typed(getattr(view, name), SCHEMAS[name]), SCHEMAS[name]))
    outputs = [str(tmp_path / f"tables/{name}.{suffix}") for name in made for suffix in formats.WRITERS]
    report_tables.write_tables(paths, ENTRIES, views.PRINTED, SETTINGS, outputs)
    assert all(Path(output).stat().st_size for output in outputs)
    with pytest.raises(InputError, match="not found"):
        report_tables.write_tables({**paths, "arms": "gone"}, ENTRIES, views.PRINTED, SETTINGS, outputs)


@pytest.mark.parametrize(
    ("value", "decimals", "plain", "signed"),
    [
        (0.024, 4, "0.0240", "+0.0240"),
        (-0.024, 4, "−0.0240", "−0.0240"),
        (12345.6, 1, "12,345.6", "+12,345.6"),
        (-0.0, 4, "0.0000", "0.0000"),
        (2.3e-5, 4, "2e−5", "+2e−5"),
        (0.001, 2, "0.00", "0.00"),
        (None, 4, MISSING, MISSING),
        (math.nan, 4, MISSING, MISSING),
    ],
)
def test_numbers(value: float | None, decimals: int, plain: str, signed: str) -> None:
    assert formats.number(value, decimals) == plain
    assert formats.number(value, decimals, signed=True) == signed


def test_other_texts() -> None:
    assert [formats.p_value(p) for p in (0.0004, 0.0005, 0.0123, 1.0, None)] == [
        "<0.001",
        "0.001",
        "0.012",
        "1.000",
        "–",
    ]
    assert [formats.count(n) for n in (13632.0, 0, None)] == ["13,632", "0", MISSING]
    assert [formats.yes_no(flag) for flag in (True, np.False_, None)] == ["yes", "no", MISSING]
    assert formats.with_interval(1.0, None, None) == "1.0000"
    assert formats.with_deviation(1.0, None) == "1.0000"
