"""The shipped run judged again: without training, by the settings that are printed, and by no other rows."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from site_pages import broken_links
from small_project import ROOT, Project, copy_project

from tokentrial import results
from tokentrial.report import document
from tokentrial.report.paper import lint, trace
from tokentrial.schema import study_files

AFTER_COLLECT = {
    *(
        "reference_rows",
        "reference_conditions",
        "reference_statistics",
        "reference_cramming_measures",
        "reference_verdicts",
    ),
    *("reference_report_tables", "reference_figures", "reference_report"),
    *("reference_sensitivity", "calibration"),
}
SHOWN = {"reference_report_tables", "reference_figures", "reference_report"}
JUDGED = AFTER_COLLECT - SHOWN - {"calibration"}
OTHER = {
    "statistics": {"confidence": 0.9, "resamples": 100, "equivalence_margin": 0.2},
    "language_models": {"margins": {"cross_entropy": 0.1}},
}


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A copy of the checkout as it is cloned: the default config and the shipped run, nothing made."""
    project = copy_project(tmp_path, study_files.default(ROOT))
    shutil.copytree(ROOT / "results/reference", tmp_path / "results/reference")
    return project


def overlay(project: Project, settings: dict[str, Any]) -> tuple[str, ...]:
    (project.folder / "config/mine.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return ("--configfile", "config/mine.yaml", "--")


def frame(project: Project, folder: str, name: str) -> pd.DataFrame:
    return results.read(project.folder / "results" / folder / f"{name}.parquet").to_pandas()


def same(theirs: pd.Series, again: pd.Series) -> bool:
    """Whether two columns are equal, numbers to nine digits: another processor rounds the last ones otherwise."""
    if pd.api.types.is_float_dtype(theirs):
        return np.allclose(theirs, again, rtol=1e-9, atol=0, equal_nan=True)
    return [nine_digits(value) for value in theirs] == [nine_digits(value) for value in again]


def nine_digits(value: Any) -> Any:
    """A text with its decimal numbers to nine digits; any other value as it is, a missing one as None."""
    if not isinstance(value, str):
        return None if pd.isna(value) else value
    return re.sub(r"-?\d+\.\d+(?:e[-+]?\d+)?", lambda number: f"{float(number[0]):.9g}", value)


def test_a_fresh_clone_plans_no_training(fresh: Project) -> None:
    assert fresh.planned("reference_report").keys() == AFTER_COLLECT
    assert fresh.planned("reference_tables").keys() == {"reference_tables"}


@pytest.mark.parametrize("section", OTHER)
def test_tables_by_other_settings_are_computed_again(fresh: Project, section: str) -> None:
    planned = fresh.planned(*overlay(fresh, {section: OTHER[section]}), "reference_tables")
    assert planned.keys() == {"reference_tables", *JUDGED}


def test_rows_that_the_config_would_not_train_are_refused(fresh: Project) -> None:
    line = fresh.refused("--config", "seeds=3", "--", "reference_report")
    assert line.startswith(
        "error: config: seeds: found 3, expected 10: the shipped rows are trained, and only statistics and "
    )
    assert [path for path in (fresh.folder / "results/reference_report").rglob("*") if path.is_file()] == []


WHEN = {"fixed", "unfrozen"}
"""Columns of a verdict that say when its rule was fixed, and why not before the run."""


@pytest.mark.slow
def test_the_default_config_gives_what_is_shipped(fresh: Project) -> None:
    fresh.build("reference_report")
    for name in (
        *("runs", "arms", "summary", "statistics"),
        *("cramming", "cramming_decisions", "verdicts", "sensitivity"),
    ):
        theirs, again = frame(fresh, "reference", name), frame(fresh, "reference_report", name)
        differing = {column for column in theirs if not same(theirs[column], again[column])}
        assert differing <= (WHEN if name == "verdicts" else set()), name
        if differing & WHEN:  # the shipped verdicts were reached by the frozen code, of which some has changed since
            later = again[again["fixed"] != theirs["fixed"]]
            assert set(later["unfrozen"]) == {"the code of its rule is not the frozen one"}
    folder = fresh.folder / "results/reference_report"
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    text = (folder / "report.typ").read_text(encoding="utf-8")
    assert "*This run* is the reference run." in text
    assert frame(fresh, "reference", "arms")["git_commit"].iloc[0][:12] in text
    assert "`snakemake --cores 1 reference_report`" in text
    assert lint.pages(folder / "report.pdf", document.typeset(folder / "report.typ", format="png", ppi=20)) == []
    traced, _ = trace.trace(folder)
    assert len(traced) > 500 and [each for each in traced if not each.agrees] == []
    assert "Nothing to be done" in fresh.build("reference_report")
    fresh.build("reference_site")
    made = [path for path in (folder / "site").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in made) <= 15e6
    assert broken_links(folder / "site") == []


@pytest.mark.slow
def test_what_is_printed_is_what_was_applied(fresh: Project) -> None:
    """Wider margins and a lower level change every number that they act on, and every word about them."""
    arguments = overlay(fresh, OTHER)
    fresh.build(*arguments, "reference_report", "reference_tables")
    theirs, again = frame(fresh, "reference", "statistics"), frame(fresh, "reference_report", "statistics")
    assert list(theirs["comparison"]) == list(again["comparison"])
    nats = (again["study"] == "language_models") & (again["metric"] == "cross_entropy")
    kept = (again["study"] == "language_models") & ~nats
    assert set(again.loc[nats, "margin"]) == {0.1}
    assert again.loc[kept, "margin"].equals(theirs.loc[kept, "margin"])
    share = ~(nats | kept)
    pd.testing.assert_series_equal(again.loc[share, "margin"], 4 * theirs.loc[share, "margin"])
    assert int(again["equivalent"].sum()) > int(theirs["equivalent"].sum())
    folder = fresh.folder / "results/reference_report"
    text = (folder / "report.typ").read_text(encoding="utf-8")
    for words in ("judged by settings of its own", "margin of 20 % of the distance", "0.1 nats"):
        assert words in text, words
    assert "Each has a 90 % _t_ interval" in text and re.search(r"The rules of #n\([^)]*\)\[none\]", text)
    printed = set(pd.read_csv(folder / "tables/comparisons.csv")["loss_margin"].dropna().round(12))
    computed, shipped = (
        set(rows.loc[rows["metric"] == "cross_entropy", "margin"].round(12)) for rows in (again, theirs)
    )
    assert printed and printed <= computed and not printed & (shipped - computed)
    for path in sorted((folder / "tables").glob("*.md")):
        notes = path.read_text(encoding="utf-8")
        assert "5 % of the distance" not in notes.replace("25 %", ""), path.name
        assert "95 % t interval" not in notes, path.name
        assert notes == (fresh.folder / "results/reference_tables" / path.name).read_text(encoding="utf-8"), path.name
    fresh.build(*arguments, "reference_site")
    page = (folder / "site/index.html").read_text(encoding="utf-8")
    assert "at 90 % confidence, margin 20 %" in page
