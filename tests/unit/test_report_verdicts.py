"""The verdicts' part of the report: the order of consequence, the audit's questions, tables, figure and chapters."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typst
import views
from matplotlib.colors import to_rgb

from tokentrial import results
from tokentrial.claims import registry, verdicts
from tokentrial.claims import verdict as words
from tokentrial.claims.rules.replicated import NAMES
from tokentrial.errors import InputError
from tokentrial.report import catalogue
from tokentrial.report import tables as report_tables
from tokentrial.report import verdicts as report
from tokentrial.report.claims_listing import breakable, write
from tokentrial.report.figures import draw, style
from tokentrial.report.figures import verdicts as figure
from tokentrial.report.figures.registry import Sources
from tokentrial.report.formats import MISSING, Table, to_latex, to_typst
from tokentrial.report.tables import verdicts as tables
from tokentrial.run.view import SCHEMAS

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "workflow/report"
HOSTILE = 'a "quoted" #panic("run") \\ *bold* $x$ [b] <c> @d'


def claim(name: str, verdict: str, kind: str = "internal", section: str = "§2", **values: Any) -> dict[str, Any]:
    """A row of claims.verdicts.VERDICTS; the id's first part is the document."""
    document_name, _, _ = name.partition("-")
    row = {
        "id": name, "document": document_name, "section": section, "kind": kind, "paraphrase": f"says {name}",
        "reported": "{}", "check": "superior" if kind == "empirical" else "agreement", "parameters": "{}",
        "recomputed": "{}", "verdict": verdict, "reason": f"Because of {name}.", "comparison": "[]",
        "basis": "the text alone", "quotes": "{}", "unfrozen": "",
        "decided_by": "check", "decision": "CONFIRMED if p < 0.05" if kind == "empirical" else "",
        "fixed": "before the run" if kind == "empirical" else "", "rows": 3,
    }  # fmt: skip
    return row | values


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=verdicts.VERDICTS.names).astype({"rows": "int32"})


ORIGINAL = {
    "difference": -0.2, "low": -0.3, "high": -0.1, "n": 10, "original_difference": 0.5, "original_n": 3,
    "prediction_low": -0.1, "prediction_high": 1.1, "in_prediction_interval": False, "d33": 1.6,
    "telescopes_high": 0.4, "too_small_for_original": True, "bayes_factor": 0.25, "sceptical_p": 0.8, "p_tost": 0.03,
    "margin": 0.01, "minimal_detectable": 0.02, "shown": "a:b:c-d", "metric": "cross_entropy",
}  # fmt: skip


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two documents and a claim across them, every kind, hostile text, an original, and a check of two parts."""
    parts = {"parts": [{"check": "wins", "parameters": {}}, {"check": "affine_counts", "parameters": {}}]}
    return frame(
        claim("000-A", "CONSISTENT", "arithmetic", "Abstract; §5", check="quotient", decided_by="power"),
        claim("000-B", "INCONSISTENT", "statistical", "§3", check="learned", reported='{"p": ["<0.001", "0.2"]}'),
        claim("000-C", "PARTLY", "internal", "§4", check="several", parameters=json.dumps(parts)),
        claim("000-D", "NOT CHECKABLE", "scope", check="not_checkable", rows=0, paraphrase=HOSTILE, reason=HOSTILE),
        claim("001-E", "CONFIRMED", "empirical", "Title", recomputed=json.dumps(ORIGINAL)),
        claim("001-F", "UNTESTABLE", "empirical", rows=0, decided_by="none", fixed="after the run"),
        claim("XD-G", "ARTEFACT", "empirical", "000 §1; 001", document="000 + 001", recomputed='{"gain": null}'),
    )


def built(verdicts_: pd.DataFrame) -> dict[str, Table]:
    """Every table of the verdicts by its name."""
    return {table.name: table for table in tables.build(verdicts_, 0.95)}


# The order of consequence


def chosen(found: pd.DataFrame, number: int = 12) -> list[str]:
    return list(report.consequential(found, number)["id"])


def test_every_document_gives_one_that_holds_and_one_that_does_not() -> None:
    many = [claim(f"000-A{k}", "REFUTED", "empirical", "Abstract") for k in range(9)]
    found = frame(*many, claim("000-Z", "CONSISTENT"), claim("001-A", "INCONSISTENT"), claim("001-B", "CONFIRMED"))
    assert chosen(found, 4) == ["000-A0", "000-Z", "001-A", "001-B"]
    assert chosen(found, 6) == ["000-A0", "000-A1", "000-A2", "000-Z", "001-A", "001-B"]  # then the order alone


def test_the_order_is_headline_then_decided_then_kind_then_places_then_id() -> None:
    order = [
        claim("000-K", "CONFIRMED", "empirical", "Abstract; §2"),
        claim("000-J", "REFUTED", "empirical", "Abstract"),
        claim("000-L", "REFUTED", "empirical", "Summary"),
        claim("000-A", "INCONSISTENT", "statistical", "Conclusion"),
        claim("000-B", "CONSISTENT", "arithmetic", "§6"),
        claim("000-C", "PARTLY", "internal", "Key Results"),
        claim("000-D", "INCONCLUSIVE", "empirical", "Title"),
        claim("000-E", "CONFIRMED", "empirical", "§2; §3"),
    ]
    found = sorted([*order[5:], *order[:5]], key=report.consequence)
    assert [row["id"] for row in found] == [row["id"] for row in order]


def test_the_choice_knows_no_direction_and_no_order_of_rows() -> None:
    """Turning every verdict round turns no claim in or out, and neither does shuffling the rows."""
    swap = {"CONFIRMED": "REFUTED", "REFUTED": "CONFIRMED", "CONSISTENT": "INCONSISTENT", "INCONSISTENT": "CONSISTENT"}
    generator = np.random.default_rng(1)
    claims = [
        claim(f"{document_name}-{k:02}", str(generator.choice(words.OF_CHECKS)), section=("Abstract", "§2")[k % 2])
        for document_name in ("000", "001", "003")
        for k in generator.permutation(99)[:16]
    ]
    found = frame(*claims)
    turned = found.assign(verdict=found["verdict"].replace(swap))
    assert set(chosen(found)) == set(chosen(turned))
    assert chosen(found.sample(frac=1, random_state=0)) == chosen(found)
    assert len(chosen(found)) == 12


def test_what_nothing_can_decide_is_no_finding(rows: pd.DataFrame) -> None:
    assert chosen(rows) == ["000-A", "000-B", "000-C", "001-E", "XD-G"]
    assert chosen(rows.iloc[:0]) == []


@pytest.mark.parametrize(
    ("name", "section", "headline"),
    [
        ("000", "§4.2; §6", True),
        ("001", "§6.1", False),
        ("001", "§7(1)", True),
        ("002", "The Breakthrough; Key Results", True),
        ("003", "Implications 3; Conclusion", True),
        ("003", "Primary results", False),
        ("000 + 001", "Titles/abstracts", True),
        ("004", "", False),
    ],
)
def test_headline_sections(name: str, section: str, headline: bool) -> None:
    assert report.is_headline(name, section) is headline


# Counts and the audit


def test_counts_by_document_kind_and_verdict(rows: pd.DataFrame) -> None:
    sizes = report.counted(pd.concat([rows, rows[rows["id"] == "000-B"]]))
    assert int(sizes["n"].sum()) == 8
    found = {(row.document, row.kind, row.verdict): row.n for row in sizes.itertuples()}
    assert found[("000", "statistical", "INCONSISTENT")] == 2
    assert found[("cross", "empirical", "ARTEFACT")] == 1
    assert list(sizes["document"]) == sorted(sizes["document"], key=list(catalogue.DOCUMENTS).index)
    assert report.tally(rows[rows["kind"] == "empirical"]) == "1 CONFIRMED, 1 ARTEFACT and 1 UNTESTABLE"


def test_replication_statistics_are_those_of_the_rules(rows: pd.DataFrame) -> None:
    assert {name for name in report.REPLICATION if name.startswith(("original", "prediction", "tele"))} <= set(NAMES)
    [row] = report.replications(rows).to_dict("records")
    assert row["id"] == "001-E"
    assert {name: row[name] for name in ORIGINAL} == ORIGINAL
    [section] = built(rows)["verdict-replications"].sections
    shown = section.shown.iloc[0]
    assert section.heading == "Document 001"
    assert list(shown)[2:5] == ["+0.5 (3)", "−0.2 (10)\n[−0.3,\u00a0−0.1]", "[−0.1,\u00a01.1]\nno"]
    assert list(shown)[5:] == ["1.6\ntoo small", "0.25", "0.800", "0.030\n±\u00a00.01", "0.02"]


def test_a_row_of_replications_is_about_one_comparison(rows: pd.DataFrame) -> None:
    """Where the verdict shows another cell than the one that the original is compared with."""
    place = rows["id"] == "001-E"
    numbers = json.loads(rows.loc[place, "recomputed"].iloc[0])
    at = {"replicated_at": "there", "opposite_sign": True} | {f"replication_{name}": 9.0 for name in report.MEASURED}
    rows.loc[place, "recomputed"] = json.dumps(numbers | at)
    [row] = report.replications(rows).to_dict("records")
    assert row["shown"] == "there" and {row[name] for name in report.MEASURED} == {9.0}
    [section] = built(rows)["verdict-replications"].sections
    assert "other sign" in section.shown.iloc[0].iloc[5]


def test_rules_in_words_with_when_they_were_fixed(rows: pd.DataFrame) -> None:
    found = report.decisions(pd.concat([rows, frame(claim("001-H", "REFUTED", "empirical", decision="another rule"))]))
    assert list(found["fixed"]) == ["before the run", "before the run", "after the run"]
    assert list(found["claims"]) == ["001-E, XD-G", "001-H", "001-F"]
    assert found["decision"][1] == "another rule"


# Reading


def test_reading_takes_verdicts_alone(tmp_path: Path, rows: pd.DataFrame) -> None:
    verdicts.write(tmp_path, rows)
    pd.testing.assert_frame_equal(report.read(tmp_path / "verdicts.parquet"), rows[words.VERDICTS.names])
    path = tmp_path / "other.parquet"
    rows.drop(columns="reason").to_parquet(path)
    with pytest.raises(InputError, match=r"other\.parquet: columns are .* delete it and run again"):
        report.read(path)
    path.write_text("no table")
    with pytest.raises(InputError, match=r"other\.parquet: not a readable Parquet file"):
        report.read(path)
    with pytest.raises(InputError, match=r"gone\.parquet: not found"):
        report.read(tmp_path / "gone.parquet")


# Tables


def test_the_tables_are_those_of_the_catalogue(rows: pd.DataFrame) -> None:
    made = list(tables.build(rows, 0.95))
    assert {table.name: table.title for table in made} == catalogue.verdict_tables()
    assert [table.name for table in made] == list(catalogue.verdict_tables())
    assert all(table.notes for table in made)
    assert [catalogue.table_title(table.name) for table in made] == [table.title for table in made]
    assert set(catalogue.verdict_tables()).isdisjoint(catalogue.tables_of(catalogue.STUDIES))


def test_every_claim_is_in_one_table_with_all_that_decides_it(rows: pd.DataFrame) -> None:
    made = built(rows)
    listed = [str(name) for table in catalogue.LISTINGS for name in made[table].data["id"]]
    assert sorted(listed) == sorted(rows["id"])
    assert list(made["verdicts-cross"].data["id"]) == ["XD-G"]
    [first, second, third, _] = made["verdicts-000"].sections[0].shown.to_dict("records")
    assert first["Decided by"] == "check quotient, 3 printed numbers; power"
    assert second["Reported"] == "p <0.001, 0.2"
    assert third["Verdict"] == "PARTLY" and third["Recomputed"] == MISSING
    assert list(made["verdicts-000"].data["audit"]) == ["arithmetic", "chance", "impossible", "silent"]
    [empirical, untestable] = made["verdicts-001"].sections[0].shown.to_dict("records")
    assert empirical["Decided by"] == "rule superior, 3 rows, fixed before the run"
    assert untestable["Decided by"] == "rule superior, fixed after the run"
    assert made["verdicts-004"].sections[0].shown.iloc[0].tolist() == [MISSING] * 9


def test_the_matrix_adds_up(rows: pd.DataFrame) -> None:
    table = built(rows)["verdict-matrix"]
    ends = [section.shown.iloc[-1] for section in table.sections]
    assert [section.heading for section in table.sections] == [kind.capitalize() for kind in words.KINDS]
    assert [end["Document"] for end in ends] == ["All"] * len(words.KINDS)
    assert sum(int(end["Claims"].replace(MISSING, "0")) for end in ends) == len(rows)
    shown = table.sections[-1].shown.set_index("Document")
    assert shown.loc["Across documents", "ARTEFACT"] == "1" and shown.loc["Document 001", "ARTEFACT"] == MISSING


def test_the_formats_hold_hostile_text_as_text(tmp_path: Path, rows: pd.DataFrame) -> None:
    """Typst would run ``#panic``; every page table compiles, and a claim's row can be linked to."""
    verdicts.write(tmp_path, rows)
    names = [f"{name}.{suffix}" for name in catalogue.verdict_tables() for suffix in ("csv", "md", "tex", "typ")]
    write_all(tmp_path, [str(tmp_path / name) for name in names])
    csv = pd.read_csv(io.StringIO((tmp_path / "verdicts-000.csv").read_text()))
    assert csv["reason"][3] == HOSTILE
    assert list(csv["id"]) == [name for name in rows["id"] if name.startswith("000")]
    assert "\\#panic" in (tmp_path / "verdicts-000.tex").read_text()
    main = "".join(f'#include "{name}.typ"\n' for name in catalogue.verdict_tables())
    (tmp_path / "main.typ").write_text(main + '#context assert(query(label("claim-000-D")).len() == 1)\n')
    assert typst.compile(str(tmp_path / "main.typ"), root=str(tmp_path)).startswith(b"%PDF")


def empty_tables(folder: Path) -> dict[str, str]:
    """Write the tables of a run without a row; returns their paths."""
    paths = {name: str(folder / f"{name}.parquet") for name in SCHEMAS}
    for name, schema in SCHEMAS.items():
        results.write(paths[name], schema.empty_table())
    return paths


def write_all(folder: Path, outputs: list[str], **values: Any) -> None:
    """report_tables.write_tables from empty results beside the verdicts of the folder."""
    report_tables.write_tables(
        empty_tables(folder), {}, [], {"confidence": 0.95, "equivalence_margin": 0.05}, outputs,
        **{"verdicts": str(folder / "verdicts.parquet"), **values},
    )  # fmt: skip


def test_without_verdicts_their_tables_are_not_made(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="verdict-matrix"):
        write_all(tmp_path, [str(tmp_path / "verdict-matrix.csv")], verdicts=None)


def test_columns_of_running_text_have_their_share_of_the_page(rows: pd.DataFrame) -> None:
    """Their lines break in LaTeX and in Typst, and the shares do not exceed the page."""
    table = built(rows)["verdict-rules"]
    long = [replace(section, shown=section.shown.map(lambda text: f"{text} " * 20)) for section in table.sections]
    text = to_latex(replace(table, sections=tuple(long)))
    parts = [float(part) for part in re.findall(r"p\{([0-9.]+)\\linewidth\}", text.partition("caption")[0])]
    assert len(parts) == len(table.sections[0].shown.columns) == len(table.widths)
    assert 0.8 < sum(parts) < 1
    assert "columns: (30fr, 15fr, 8fr, )" in to_typst(table)


def test_long_names_can_break_and_ratios_cannot() -> None:
    assert breakable("at 2:1 of a_b") == "at 2:1 of a_b"
    assert "\u200b" in breakable("learned_encoding/markov/done-right")
    assert breakable("learned_encoding/markov/done-right").replace("\u200b", "") == (
        "learned_encoding/markov/done-right"
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"a_b": "1%", "c": ["x", "y"]}, "a b 1%; c x, y"),
        ({"a": 0.000123456, "b": True, "c": None, "d": -3.0, "e": 12345}, "a 0.0001235; b yes; c –; d −3; e 12,345"),
        ({"a": []}, "a none"),
        ({}, ""),
    ],
)
def test_named_values(values: dict[str, Any], text: str) -> None:
    assert report.named(values) == text


def test_named_values_are_cut_with_a_note() -> None:
    assert report.named({"a": 1, "b": [1, 2, 3], "c": 3}, most=2, longest=2) == "a 1; b 1, 2, …; and 1 more"


# The figure


def matrix(found: pd.DataFrame) -> Any:
    """The figure that is declared, of these verdicts."""
    entry = catalogue.entries(catalogue.VERDICTS).figures["verdict-matrix"]
    return draw.draw("verdict-matrix", entry, Sources(views.view(), {}, verdicts=found))


def bars(found: pd.DataFrame) -> list[dict[str, float]]:
    """Verdict -> length of its bar in pixels, for each cell in order; all cells are equally wide."""
    panels = matrix(found).axes
    return [{str(bar.get_gid()): bar.get_extents().width for bar in panel.patches} for panel in panels]


def test_bars_are_the_counts(rows: pd.DataFrame) -> None:
    found = pd.concat([rows, rows[rows["id"] == "000-B"].assign(id="000-B2")])
    made, kinds = bars(found), len(words.KINDS)
    shown = [str(text.get_text()) for axes in matrix(found).axes for text in axes.texts]
    assert len(made) == 4 * kinds  # 000, 001, across, all
    statistical, arithmetic = words.KINDS.index("statistical"), words.KINDS.index("arithmetic")
    assert made[statistical]["INCONSISTENT"] == pytest.approx(2 * made[arithmetic]["CONSISTENT"])
    assert set(made[2 * kinds + words.KINDS.index("empirical")]) == {"ARTEFACT"}
    assert shown.count("2") == 2 and "8 claims" in shown and "no claim" in shown
    assert matrix(rows.iloc[:0]).texts[0].get_text() == "No claim has a verdict."


def test_verdicts_differ_without_colour() -> None:
    """Within checks and within rules: no two markers alike, and bars differ by hatching, filling or lightness."""
    assert set(figure.LOOKS) == set(report.MARKS) == {*words.OF_CHECKS, *words.OF_RULES}
    for known in figure.SLOTS.values():
        looks = [figure.LOOKS[verdict] for verdict in known]
        assert len({(look.marker, look.filled) for look in looks}) == len(looks)
        assert len({report.MARKS[verdict] for verdict in known}) == len(known)
        filled = [look for look in looks if look.filled]
        assert len({look.hatch for look in filled}) == len(filled)
    grey = [float(np.dot(to_rgb(look.color), (0.299, 0.587, 0.114))) for look in figure.LOOKS.values()]
    assert max(grey) < 0.75  # visible on white


def test_the_figure_is_written_by_name(tmp_path: Path, rows: pd.DataFrame) -> None:
    verdicts.write(tmp_path, rows)
    where: dict[str, Any] = {"tables": empty_tables(tmp_path), "studies": [], "published": [], "confidence": 0.95}
    pictures = []
    for _ in range(2):
        targets = [str(tmp_path / f"verdict-matrix.{suffix}") for suffix in ("svg", "pdf", "png")]
        draw.write_figures(targets, **where, verdicts=str(tmp_path / "verdicts.parquet"))
        pictures.append([Path(target).read_bytes() for target in targets])
    assert pictures[0] == pictures[1]
    sizes = [float(text.get_fontsize()) for axes in matrix(rows).axes for text in axes.texts]
    assert min(sizes) >= style.SMALL


# The chapters


# The registry's own claims


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    """Verdicts of every claim of the registry that a check decides."""
    return verdicts.judge(registry.load(ROOT / "documents", ROOT / "workflow/schemas/claims.schema.yaml"), None)


def test_the_shipped_claims_are_all_shown(judged: pd.DataFrame, tmp_path: Path) -> None:
    """None is left to a further question, every document shows both sides, and the page tables compile."""
    asked = report.audited(judged)
    assert len(asked[report.FURTHER]) == 0
    assert sum(map(len, asked.values())) == len(judged) > 300
    found = report.consequential(judged)
    assert len(found) == 12
    sides = {
        (report.group(name), verdict in report.HOLDS)
        for name, verdict in zip(found["document"], found["verdict"], strict=True)
        if verdict in report.HOLDS + report.FAILS
    }
    claims = judged[judged["kind"] != words.AUDIT]
    there = {
        (report.group(name), verdict in report.HOLDS)
        for name, verdict in zip(claims["document"], claims["verdict"], strict=True)
        if verdict in report.HOLDS + report.FAILS
    }
    assert sides == there
    for table in tables.build(judged, 0.95):
        write(table, str(tmp_path / f"{table.name}.typ"))
    (tmp_path / "main.typ").write_text("".join(f'#include "{name}.typ"\n' for name in catalogue.verdict_tables()))
    assert typst.compile(str(tmp_path / "main.typ"), root=str(tmp_path)).startswith(b"%PDF")
