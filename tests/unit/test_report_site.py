"""The site's parts without a browser: names for keys, evidence in words, tables read back, themed figures, bad runs."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tokentrial import results
from tokentrial.claims.verdict import OF_CHECKS, OF_RULES, VERDICTS
from tokentrial.errors import InputError
from tokentrial.report import formats
from tokentrial.report.site import claims, figures, tables
from tokentrial.report.site.evidence import facts, label, shown
from tokentrial.report.site.names import Names
from tokentrial.report.site.pages import POLICY, Pages, file_names
from tokentrial.report.site.rows import Rows
from tokentrial.run.view import SCHEMAS, View
from tokentrial.run.view import View as RunView

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def view() -> View:
    files = {"measures": "cramming", "decisions": "cramming_decisions"}
    return RunView.read(
        {name: str(ROOT / f"results/reference/{files.get(name, name)}.parquet") for name in SCHEMAS}, 0.95
    )


@pytest.fixture(scope="module")
def names(view: View) -> Names:
    return Names(view)


# Names


def test_conditions_of_an_experiment_have_names_that_differ(view: View, names: Names) -> None:
    every = [names.whole(each.condition) for each in view.select()]
    assert len(set(every)) == len(every) > 200
    assert not [name for name in every if re.search(r"[a-z]_[a-z]|[a-z]/[a-z]", name)]
    assert "Compression ratios (001), done right: 8:1, Zipf chain, V = 100" in every


def test_arms_metrics_and_sentences_have_no_keys(view: View, names: Names) -> None:
    for study, arm in view.methods[["study", "arm"]].itertuples(index=False):
        assert "_" not in names.arm(study, arm).replace("pq_", "").replace("int_", "") or "(" in names.arm(study, arm)
    assert names.metric("cross_entropy_low", "test") == "cross-entropy after rare tokens, test data"
    assert names.arm("learned_encoding", "reference.floor") == "bound: floor"
    assert (
        names.readable("learned-8 minus autoencoder-8 +0.159 nats") == "learned 8:1 minus autoencoder 8:1 +0.159 nats"
    )
    said = names.readable(
        "learned minus random_frozen -0.014 [-0.02, -0.01], n = 10 (markov/ratio-2-mean-pool); 50-80 %"
    )
    assert said == (
        "learned minus random, frozen −0.014 [−0.02, −0.01], n = 10 (Markov chains (000): 2:1, mean pooling); 50-80 %"
    )


def test_no_reason_of_the_shipped_run_shows_a_condition_by_its_key(view: View, names: Names) -> None:
    rows = results.read(ROOT / "results/reference/verdicts.parquet", VERDICTS).to_pandas()
    keys = [f"{each.experiment}/{each.name}" for each in view.select()]
    said = [names.readable(reason) for reason in rows["reason"]]
    assert any(key in reason for reason in rows["reason"] for key in keys)
    assert [reason for reason in said if any(f"({key})" in reason for key in keys)] == []


# Rows


def test_levels_are_those_of_the_summary(view: View, names: Names) -> None:
    rows, seen = Rows(view, names), 0
    for row in view.summary.to_dict("records"):
        found = [
            level
            for measure, levels in rows.of(row["condition"]).items()
            if measure.metric == row["metric"] and measure.split == "test"
            for level in levels
            if level.arm == row["arm"]
        ]
        if found and found[0].n == row["n"] and row["low"] == row["low"]:
            assert [found[0].mean, found[0].low, found[0].high] == pytest.approx([row["mean"], row["low"], row["high"]])
            seen += 1
    assert seen > 1000


# Evidence


def test_numbers_stand_with_their_intervals_and_without_what_did_not_happen(names: Names) -> None:
    numbers = {
        "difference": -0.5,
        "low": -0.6,
        "high": -0.4,
        "2.slope": 1.25,
        "2.slope_low": 1.0,
        "2.slope_high": 1.5,
        "prediction_low": 0.1,
        "prediction_high": 0.2,
        "vacuous": 0,
        "confirmed": 3,
        "p_tost": 1e-9,
        "shown": "a:b",
        "missing": [],
    }
    found = [tuple(fact.values()) for fact in facts(numbers, names, {"a:b": ("A, b", "c.html#d")})]
    assert found == [
        ("difference", "−0.5 [−0.6, −0.4]", ""),
        ("slope, part 2", "1.25 [1, 1.5]", ""),
        ("confirmed", "3", ""),
        ("p of equivalence (TOST)", "1e−9", ""),
        ("comparison shown", "A, b", "c.html#d"),
        ("prediction interval", "0.1 to 0.2", ""),
    ]
    assert label("gain_ratio (llama-64x4)") == "gain ratio (llama-64x4)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (0.123456789, "0.1235"),
        (True, "yes"),
        (None, "none"),
        ([1, "2:1"], "1, 2:1"),
        ([], "none"),
        ({"low_a": 1}, "low a: 1"),
        ("4.595", "4.595"),
    ],
)
def test_values_are_shown_in_words(value: Any, text: str) -> None:
    assert shown(value) == text


def test_every_verdict_has_a_sign_a_meaning_and_a_full_bar() -> None:
    assert list(claims.MEANINGS) == [*OF_CHECKS, *OF_RULES]
    parts = claims.bar({"CONSISTENT": 1, "PARTLY": 2})
    assert [left for _, left, _ in parts] == [0, 33.333]
    assert sum(width for *_, width in parts) == pytest.approx(100, abs=0.01)


# Tables


def test_a_table_is_read_back_from_its_markdown() -> None:
    cells = pd.DataFrame({"Name": ["a|b", "c"], "Two\nlines": ["1\n[0, 2]", "–"]})
    sections = (formats.Section("First", cells), formats.Section("Second", cells))
    table = formats.Table("t", "A title: with signs", cells, sections, ("One note.", "Another | note."), by="Part")
    text = formats.to_markdown(table)
    read = tables.parsed(text, "t.md")
    assert (read.title, read.notes) == ("A title: with signs", ["One note.", "Another | note."])
    assert read.grids == [
        (
            ["Part", "Name", "Two lines"],
            [[part, *row] for part in ("First", "Second") for row in (["a|b", "1 [0, 2]"], ["c", "–"])],
        )
    ]


def test_a_file_that_is_no_table_is_named() -> None:
    with pytest.raises(InputError, match=r"^t\.md: found no title, expected a table that this project wrote$"):
        tables.parsed("nothing", "t.md")


# Figures, files


def test_a_figure_gets_a_second_palette_and_keeps_its_first() -> None:
    drawing = (
        b'<svg viewBox="0 0 72 36" xmlns="x"><style>a</style><!-- b -->\n  <path d="M 1.23456 2.5 \nL 3.98765 4"'
        b' style="fill: #ffffff"/><text transform="rotate(-0 1 2)">t</text></svg>'
    )
    themed = figures.themed(drawing)
    assert themed.startswith(
        b'<svg viewBox="0 0 72 36" xmlns="x"><style>a</style><style>@media (prefers-color-scheme: dark)'
    )
    assert b'[style*="fill: #ffffff"]{fill:#15171a !important}' in themed
    assert themed.endswith(b'</style><path d="M 1.23 2.5 \nL 3.98 4" style="fill: #ffffff"/><text>t</text></svg>')
    assert figures.size("a", drawing) == (96, 48)
    with pytest.raises(InputError, match=r"^figure a: found no SVG with a viewBox$"):
        figures.size("a", b"<svg>")


def test_every_colour_of_the_shipped_figures_has_one_for_the_dark() -> None:
    for file in (ROOT / "results/reference").glob("*.svg"):
        used = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", file.read_text(encoding="utf-8")))
        assert used <= set(figures.DARK), file.name


def test_names_of_files_are_safe_and_differ() -> None:
    names = file_names(["a/b-c", "a.b-c", "../../etc", "", "<i>", "A/B-c", "x" * 300])
    assert len({name.lower() for name in names.values()}) == 7
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,130}", name) for name in names.values())
    assert names["a/b-c"] == "a.b-c"


def test_the_policy_allows_files_of_the_site_alone() -> None:
    assert "unsafe" not in POLICY and "http" not in POLICY and "*" not in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_an_archive_has_its_files_and_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    files = {"a.csv": b"x,y\n1,2\n", "a.md": b"# A\n"}
    made = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        Pages(folder, {}, {}).archive("tables/a.zip", files)
        made.append((folder / "tables/a.zip").read_bytes())
    with zipfile.ZipFile(io.BytesIO(made[0])) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert {each.date_time[0] for each in archive.infolist()} == {1980}
    assert made[0] == made[1]
