"""The whole pipeline from config to PDF on a small config, and what reruns after which edit."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_project import Project, bespoke_config, copy_project, edit

from tokentrial.report import document
from tokentrial.report.catalogue import (
    figures_of,
    study_title,
    tables_of,
    titles,
    verdict_figures,
    verdict_tables,
)

# Rules that make what the rest is computed from.
TRAINING = {
    "data",
    "train",
    "released",
    "released_bespoke",
    "language_model",
    "full_language_model",
    "prepare_corpus",
}


def signature(path: Path) -> list[object]:
    return pq.read_table(path).to_pylist()


def test_all_makes_the_report_its_tables_and_its_figures(built: Project) -> None:
    results = built.folder / "results"
    assert (results / "report.pdf").read_bytes().startswith(b"%PDF-")
    for name in (*tables_of(["learned_encoding"]), *verdict_tables()):
        for ending in ("tex", "csv", "md", "typ"):
            assert (results / "tables" / f"{name}.{ending}").stat().st_size > 0
    for name in (*figures_of(["learned_encoding"]), *verdict_figures()):
        for ending in ("pdf", "svg", "png"):
            assert (results / "figures" / f"{name}.{ending}").stat().st_size > 0
    assert "a run with its own config" in (results / "report.typ").read_text()


def test_what_comes_after_training_is_forked_too(built: Project) -> None:
    """Each of these jobs would import pandas and SciPy by itself."""
    usage = built.folder / "logs/usage"
    modes = {path.stem: json.loads(path.read_text())["mode"] for path in usage.glob("*.json")}
    made = {"statistics", "cramming_measures", "verdicts", "sensitivity", "calibration", "tables", "figures", "report"}
    assert modes == dict.fromkeys({*made, "conditions"}, "fork")


def test_a_study_that_did_not_run_has_no_table_figure_or_chapter(built: Project) -> None:
    results = built.folder / "results"
    text = (results / "report.typ").read_text()
    headings = {study: section for section, (study, _) in document.OF_STUDIES.items()}
    assert f"<{headings['learned_encoding'].replace('_', '')}>" in text
    for study in ("language_models", "bespoke", "cramming"):
        assert f"[{study_title(study)}]" not in text
        absent = [*(results / "tables" / f"{name}.csv" for name in titles("tables", study))]
        absent += [results / "figures" / f"{name}.svg" for name in titles("figures", study)]
        assert [path for path in absent if path.exists()] == []


def test_every_claim_has_a_verdict_and_what_the_run_lacks_is_not_judged(built: Project) -> None:
    verdicts = {row["id"]: row for row in signature(built.folder / "results/verdicts.parquet")}
    assert len(verdicts) == 400
    assert all(row["reason"].strip() and row["verdict"] for row in verdicts.values())
    assert [entry["id"] for entry in json.loads((built.folder / "results/verdicts.json").read_text())] == list(verdicts)
    assert verdicts["CR4-LINEAR"]["verdict"] in ("UNTESTABLE", "INCONCLUSIVE")  # document 004's study was not run


def test_a_disputed_entry_is_judged_again_and_nothing_else_runs(finished: Project) -> None:
    path = finished.folder / "documents/000/claims.yaml"
    text = path.read_text()
    printed = 'reported: {learned: "0.083", ae: "0.067", difference: "+0.016"}'
    assert text.count(printed) == 1
    path.write_text(text.replace(printed, printed.replace("+0.016", "+0.026")))
    before = {row["id"]: row["verdict"] for row in signature(finished.folder / "results/verdicts.parquet")}
    assert not finished.planned("verdicts").keys() & {*TRAINING, "collect", "statistics"}
    finished.build("verdicts", cores=1)
    after = {row["id"]: row["verdict"] for row in signature(finished.folder / "results/verdicts.parquet")}
    assert before["LE0-TAB-DIFF-2"] == "CONSISTENT" and after["LE0-TAB-DIFF-2"] == "INCONSISTENT"
    assert {name for name in before if before[name] != after[name]} == {"LE0-TAB-DIFF-2"}


def test_a_wrong_claim_is_one_line(finished: Project) -> None:
    """The other kinds of mistakes are those of unit/test_claims_registry.py."""
    path = finished.folder / "documents/000/claims.yaml"
    text = path.read_text()
    at = text.index("- id: LE0-TAB-DIFF-2\n")
    path.write_text(text[:at] + text[at:].replace("check: difference", "check: diference", 1))
    line = finished.refused("verdicts")
    parts = ("000/claims.yaml", "LE0-TAB-DIFF-2", "diference", "did you mean")
    assert [part for part in parts if part not in line] == [], line


def test_documents_are_checked_where_their_text_is(finished: Project, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    edit(finished, "claims/verdicts")
    line = finished.refused("verdicts", TOKENTRIAL_PAPERS=str(tmp_path / "papers"))
    assert "papers" in line and "000_" in line


def test_a_second_run_has_nothing_to_do(finished: Project) -> None:
    assert "Nothing to be done" in finished.build("all")


def test_the_report_works_offline(finished: Project) -> None:
    finished.build("--report", "report.html", "all")
    page = (finished.folder / "report.html").read_text()
    for category in ("Figures", "Tables", "Report"):
        assert category in page


@pytest.mark.parametrize(
    ("module", "rule", "conditions"),
    [
        ("encoders/one_hot", "train", {"signal/done-right/ordered", "signal/done-right/shuffled"}),
        ("encoders/pca", "train", {"compression/done-right/ratio-2", "compression/done-right/ratio-4"}),
        ("encoders/factorised", "train", {"compression/done-right/ratio-2", "compression/done-right/ratio-4"}),
        (
            "training/loop",
            "train",
            {
                "compression/as-described/v20",
                "compression/done-right/ratio-2",
                "compression/done-right/ratio-4",
                "vocabulary/done-right/v20",
                "signal/done-right/ordered",
                "signal/done-right/shuffled",
            },
        ),
        (
            "released/python_stream",
            "released",
            {"as-released/pure-python", "as-released/corrected", "as-released/academic-validation"},
        ),
    ],
)
def test_a_library_edit_retrains_what_uses_it_and_nothing_else(
    finished: Project, module: str, rule: str, conditions: set[str]
) -> None:
    edit(finished, module)
    planned = finished.planned("all")
    assert planned.get(rule) == {f"learned_encoding/{name}" for name in conditions}
    assert not planned.keys() & (TRAINING - {rule})


@pytest.mark.parametrize("module", ["report/document", "report/formats", "statistics/superiority"])
def test_an_edit_of_report_or_statistics_trains_nothing(finished: Project, module: str) -> None:
    edit(finished, module)
    planned = finished.planned("all")
    assert "report" in planned
    assert not planned.keys() & {*TRAINING, "collect"}


def test_a_reordered_config_reruns_nothing(finished: Project) -> None:
    config = finished.config()
    study = config["learned_encoding"]["experiments"]["signal"]["done-right"]["data"]["ordered"]
    config["learned_encoding"]["experiments"]["signal"]["done-right"]["data"]["ordered"] = dict(reversed(study.items()))
    config["learned_encoding"]["arms"] = dict(reversed(config["learned_encoding"]["arms"].items()))
    study["exponent"] = float(study["exponent"])
    finished.write_config(config)
    assert not finished.planned("study_learned_encoding").keys() & TRAINING


def test_swapped_values_rerun_what_they_touch(finished: Project) -> None:
    config = finished.config()
    data = config["learned_encoding"]["experiments"]["signal"]["done-right"]["data"]["ordered"]
    data["validation"], data["train"] = data["train"], data["validation"]
    finished.write_config(config)
    planned = finished.planned("study_learned_encoding")
    assert planned["data"] == planned["train"] == {"learned_encoding/signal/done-right/ordered"}


def test_an_experiment_can_be_asked_for_alone(project: Project) -> None:
    planned = project.planned("study_signal")
    assert planned["train"] == {
        "learned_encoding/signal/done-right/ordered",
        "learned_encoding/signal/done-right/shuffled",
    }
    assert "released" not in planned


def test_tables_and_figures_regenerate_without_training(finished: Project) -> None:
    for path in (finished.folder / "results" / "tables").iterdir():
        path.unlink()
    planned = finished.planned("tables")
    assert planned.keys() == {"tables"}
    finished.build("tables", cores=1)
    assert (finished.folder / "results" / "tables" / "comparisons.csv").exists()


# Document 003


@pytest.mark.slow
def test_the_bespoke_study_and_what_its_edits_retrain(tmp_path: Path) -> None:
    project = copy_project(tmp_path, bespoke_config())
    cells = {"bespoke/initial/done-right/independent", "bespoke/converged/done-right/chain"}
    scripts = {"bespoke/as-released/optimized", "bespoke/as-released/ultra"}
    planned = project.planned("study_bespoke")
    assert planned["train"] == planned["data"] == cells
    assert planned["released_bespoke"] == scripts
    assert "released" not in planned
    assert project.planned("study_converged")["train"] == {"bespoke/converged/done-right/chain"}
    project.build("study_bespoke")
    runs = {name: project.folder / f"results/runs/{name}.parquet" for name in cells | scripts}
    for name, path in runs.items():
        rows = signature(path)
        assert {row["study"] for row in rows} == {"bespoke"}
        assert {row["condition"].rpartition("/")[0] for row in rows} <= {name, name.rpartition("/")[0]}, name
    arms = {row["arm"] for row in signature(runs["bespoke/initial/done-right/independent"])}
    assert {"standard", "bespoke-initial", "unigram"} <= arms

    edit(project, "encoders/banded")
    assert project.planned("study_bespoke") == {
        "train": {"bespoke/initial/done-right/independent"},
        "study_bespoke": set(),
    }
    project.build("study_bespoke")
    edit(project, "released/bespoke/random_windows")
    assert project.planned("study_bespoke") == {"released_bespoke": scripts, "study_bespoke": set()}
