"""The benchmark of many conditions at a small size: what it makes looks built, and built as configured."""

import subprocess
import sys

import pytest
import yaml
from small_project import ROOT, Project

from tokentrial import results

pytestmark = pytest.mark.slow

OVERLAY = "config/scale.yaml"
CONDITIONS, ROWS = 100, 7
DESIGN = "learned_encoding/markov/done-right"


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks/scale.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """The benchmark's copy of the project, and what it printed."""
    folder = tmp_path_factory.mktemp("scale")
    done = benchmark("--jobs", "0", "--conditions", str(CONDITIONS), "--rows", str(ROWS), "--folder", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return Project(folder / str(CONDITIONS)), done.stdout


def test_every_stage_has_its_cost(measured: tuple[Project, str]) -> None:
    head, plan, jobs, nothing, collected, wanted = measured[1].splitlines()
    assert head.split()[:2] == ["conditions", "stage"] and wanted.startswith("wanted")
    assert [line.split()[1] for line in (plan, nothing, collected)] == ["plan", "no-op", "collect"]
    assert int(jobs.split()[3]) > CONDITIONS  # those of their data sets and of the rest of the default run too
    assert int(collected.split()[2]) == CONDITIONS * ROWS
    for line in (plan, nothing, collected):
        wall, cpu, linear, mib, _ = map(float, line.split()[-5:])
        assert wall > 0 and cpu > 0.1 and linear == 1 and 50 < mib < 2000


def test_the_conditions_are_as_many_as_asked_for(measured: tuple[Project, str]) -> None:
    project, _ = measured
    overlay = yaml.safe_load((project.folder / OVERLAY).read_text())["learned_encoding"]["experiments"]
    folders = [
        project.folder / "results/runs/learned_encoding" / part / way for part, ways in overlay.items() for way in ways
    ]
    runs = [path for folder in folders for path in folder.iterdir()]
    assert len(runs) == CONDITIONS
    table = results.read(runs[0], results.RUNS)
    assert table.column("condition").unique().to_pylist() == [
        str(runs[0].relative_to(project.folder / "results/runs").with_suffix(""))
    ]


def test_an_edit_of_one_data_set_runs_what_it_touches(measured: tuple[Project, str]) -> None:
    """So the no-op did compare every job's settings with those that it was made with."""
    project, _ = measured
    path = project.folder / OVERLAY
    overlay = yaml.safe_load(path.read_text())
    base = project.config()
    _, part, way = DESIGN.split("/")
    (name,) = base["learned_encoding"]["experiments"][part][way]["data"]
    overlay["learned_encoding"]["experiments"][part][way]["data"] = {name: {"test": 77}}
    path.write_text(yaml.safe_dump(overlay))
    planned = project.planned("--configfile", OVERLAY)
    assert planned["data"] == {f"{DESIGN}/{name}"}
    assert len(planned["train"]) == CONDITIONS / 4
    assert all(condition.startswith(f"{DESIGN}/ratio-") for condition in planned["train"])
    assert "collect" in planned and not planned.keys() & {"released", "cram", "language_model"}


def test_trivial_jobs_are_run_with_the_limit_and_without() -> None:
    done = benchmark("--jobs", "40", "--conditions", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    head, without, limited = [line.split() for line in done.stdout.splitlines()]
    assert head[:3] == ["jobs", "limit", "threads"]
    assert without[:2] == ["40", "none"] and limited[:2] == ["40", "100/1s"]
    assert int(without[2]) < int(limited[2])
    for line in (without, limited):
        own, tree, wall, _ = map(float, line[3:])
        assert 0 < own <= tree and wall > 0.5


@pytest.mark.parametrize("count", ["30", "110"])
def test_a_number_that_the_designs_cannot_have_is_refused(count: str) -> None:
    done = benchmark("--jobs", "0", "--conditions", count)
    assert done.returncode != 0
    assert done.stderr == f"error: --conditions: found {count}, expected a multiple of 100\n"
