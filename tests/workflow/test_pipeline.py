"""The whole pipeline from config to PDF on a small config, and what reruns after which edit."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_project import Project

from tokentrial.report.catalogue import FIGURES, TABLES


def signature(path: Path) -> list[object]:
    return pq.read_table(path).to_pylist()


def test_all_makes_the_report_its_tables_and_its_figures(built: Project) -> None:
    results = built.folder / "results"
    assert (results / "report.pdf").read_bytes().startswith(b"%PDF-")
    for name in TABLES:
        for ending in ("tex", "csv", "md", "typ"):
            assert (results / "tables" / f"{name}.{ending}").stat().st_size > 0
    for name in FIGURES:
        for ending in ("pdf", "svg", "png"):
            assert (results / "figures" / f"{name}.{ending}").stat().st_size > 0
    assert "a run with its own config" in (results / "report.typ").read_text()


def test_a_second_run_has_nothing_to_do(built: Project) -> None:
    assert "Nothing to be done" in built.build("all")


def test_one_and_two_cores_give_identical_rows(built: Project, project: Project) -> None:
    project.build("results/statistics.parquet", cores=1)
    for name in ("runs", "summary", "statistics"):
        path = Path("results") / f"{name}.parquet"
        assert signature(project.folder / path) == signature(built.folder / path)


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
            "studies/released/python_stream",
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
    assert not planned.keys() & ({"train", "released", "data"} - {rule})


@pytest.mark.parametrize("module", ["report/document", "report/formats", "statistics/superiority"])
def test_an_edit_of_report_or_statistics_trains_nothing(finished: Project, module: str) -> None:
    edit(finished, module)
    planned = finished.planned("all")
    assert "report" in planned
    assert not planned.keys() & {"train", "released", "data", "collect"}


def edit(project: Project, module: str) -> None:
    """A change of a module's content, later than everything made from it."""
    path = project.folder / "src" / "tokentrial" / f"{module}.py"
    path.write_text(path.read_text() + "\n# edited\n")
    later = max(entry.stat().st_mtime for entry in (project.folder / "results").rglob("*")) + 10
    os.utime(path, (later, later))


def test_a_reordered_config_reruns_nothing(finished: Project) -> None:
    config = finished.config()
    study = config["learned_encoding"]["studies"]["signal"]["done-right"]["data"]["ordered"]
    config["learned_encoding"]["studies"]["signal"]["done-right"]["data"]["ordered"] = dict(reversed(study.items()))
    config["learned_encoding"]["arms"] = dict(reversed(config["learned_encoding"]["arms"].items()))
    study["exponent"] = float(study["exponent"])
    finished.write_config(config)
    assert not finished.planned("study_learned_encoding").keys() & {"data", "train", "released"}


def test_swapped_values_rerun_what_they_touch(finished: Project) -> None:
    config = finished.config()
    data = config["learned_encoding"]["studies"]["signal"]["done-right"]["data"]["ordered"]
    data["validation"], data["train"] = data["train"], data["validation"]
    finished.write_config(config)
    planned = finished.planned("study_learned_encoding")
    assert planned["data"] == planned["train"] == {"learned_encoding/signal/done-right/ordered"}


def test_a_sub_study_can_be_asked_for_alone(project: Project) -> None:
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
