"""A run of a cell or two of every study: each rule, table, figure and chapter that the shipped config has, too."""

from pathlib import Path
from typing import Any

import pytest
from small_project import ROOT, Project, copied, copy_project

from tokentrial.publish.crate import record
from tokentrial.report.catalogue import STUDIES, figures_of, study_title, tables_of, verdict_figures, verdict_tables
from tokentrial.schema import study_files

# With tests of their own: test_cramming.py, test_compare_reference.py, test_faults.py, test_own_study_run.py,
# test_provenance.py, test_search.py and test_site.py.
EXTRA = {
    "download_model",
    "compare_reference",
    "site",
    "verify",
    "crate",
    "own_page",
    "real_model_training",  # test_real_model_training.py: an arm of minutes
    "search_condition",
    "search_language_models",
    "search",
}


@pytest.mark.slow
def test_every_rule_runs(every_study: Project, workflow: dict[str, Any]) -> None:
    made = {name for name, rule in workflow["rules"].items() if rule["outputs"] and not name.startswith("reference_")}
    assert made - {"provenance"} - EXTRA == set(
        record.read(every_study.folder / "results/provenance.json")["run"]["rules"]
    )


@pytest.mark.slow
def test_every_table_figure_and_chapter_is_made(every_study: Project) -> None:
    results = every_study.folder / "results"
    assert (results / "report.pdf").read_bytes().startswith(b"%PDF-")
    for name in (*tables_of(STUDIES), *verdict_tables()):
        for ending in ("tex", "csv", "md", "typ"):
            assert (results / "tables" / f"{name}.{ending}").stat().st_size > 0
    for name in (*figures_of(STUDIES), *verdict_figures()):
        for ending in ("pdf", "svg", "png"):
            assert (results / "figures" / f"{name}.{ending}").stat().st_size > 0
    text = (results / "report.typ").read_text()
    titles = [study_title(study, "WikiText-2") for study in STUDIES]
    assert [title for title in titles if title not in text] == []
    assert [path for path in results.rglob("*") if path.is_file() and path.name.startswith(".")] == []


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do(every_study: Project, tmp_path: Path) -> None:
    assert "Nothing to be done" in copied(every_study, tmp_path).build("all")


@pytest.mark.parametrize("overlay", ["", "smoke", "paper"])
def test_a_shipped_config_is_planned(overlay: str, tmp_path: Path) -> None:
    """By Snakemake itself, to the last job: every study has some of every kind."""
    project = copy_project(tmp_path, study_files.default(ROOT))
    chosen = ("--configfile", f"config/{overlay}.yaml", "--") if overlay else ()
    planned = project.planned(*chosen, "all")
    kinds = {"data", "train", "released", "released_bespoke", "full_language_model", "language_model", "cram"}
    kinds |= {"convert_model", "real_model", "report"}
    assert kinds <= planned.keys()
    assert overlay != "smoke" or "pretrain" in planned  # the others may take the shipped models
