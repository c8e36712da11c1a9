"""The site of other runs: one study alone, an earlier version's files, a verdict that nothing knows."""

from pathlib import Path

import pytest
from site_pages import SCHEMAS, broken_links, hostile_verdicts, shipped_frames, sources

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.report.site.build import Sources, write_site

ONE = {"language_models": ["mask"]}


@pytest.fixture
def given(tmp_path: Path) -> Sources:
    """A run of one study."""
    return sources(tmp_path / "run", shipped_frames(ONE), hostile_verdicts().head(100), missing="the other studies")


def test_a_run_of_one_study_says_what_is_missing(given: Sources, tmp_path: Path) -> None:
    write_site(given, str(tmp_path / "site"))
    start = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "It has no results of the other studies" in start
    claims = (tmp_path / "site/claims.html").read_text(encoding="utf-8")
    assert "100 of 400 claims have a verdict; missing: " in claims
    assert [path.name for path in sorted((tmp_path / "site/data").glob("*.js"))] == ["language_models.js", "search.js"]
    assert broken_links(tmp_path / "site") == []
    sizes = {path: path.stat().st_size for path in (tmp_path / "site").rglob("*") if path.is_file()}
    write_site(given, str(tmp_path / "site"))  # in place of the first, and the same
    assert {path: path.stat().st_size for path in (tmp_path / "site").rglob("*") if path.is_file()} == sizes
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def older(given: Sources) -> Sources:
    """Arms without a column that every version has needed."""
    rows = results.read(given.frames["arms"]).to_pandas().drop(columns="config_hash")
    rows.to_parquet(given.frames["arms"])
    return given


def without(given: Sources) -> Sources:
    Path(given.figures[0]).unlink()
    return given


def unknown(given: Sources) -> Sources:
    rows = hostile_verdicts().head(3).assign(verdict="MAYBE")
    results.write(given.verdicts, results.table(rows, SCHEMAS["verdicts"]))
    return given


def torn(given: Sources) -> Sources:
    path = Path(given.verdicts)
    path.write_bytes(path.read_bytes()[:-9])
    return given


BAD = {
    "an earlier version's file": (older, r"arms\.parquet: .*config_hash"),
    "a figure that is not there": (without, r"forest\.svg: cannot be read: No such file or directory$"),
    "a verdict that no page knows": (
        unknown,
        r"verdicts\.parquet: \S+: verdict: found 'MAYBE', expected one of CONSISTENT, ",
    ),
    "a damaged file": (torn, r"verdicts\.parquet: "),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_run_is_one_line_and_leaves_the_old_site(case: str, given: Sources, tmp_path: Path) -> None:
    change, message = BAD[case]
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("as it was")
    with pytest.raises(InputError, match=message) as caught:
        write_site(change(given), str(tmp_path / "site"))
    assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["index.html"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
