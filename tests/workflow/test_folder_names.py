"""A clone whose folder has an odd name, with the interpreter of its own .venv: its jobs run, here and on Slurm.

All names at once are the folders of one long path; one by one they take longer.
"""

import json
import os
import pty
import shutil
import site
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import pytest
from small_project import ROOT, Project, copy_project
from test_slurm import PARTITION, PROGRAMS, adapt, started

NAMES = (
    *("a b", "two  spaces", " leading", "trailing ", "tab\tx", "new\nline", "o'brien", 'quo"te', "back\\slash", "\\n"),
    *("x(2)", "R&D", ";", "|", "<x>", "!", "#1", "~x", "-x", "--", "=", "@", "^", "+", ",", "dot.", "back`tick`"),
    *("a$b", "$HOME", "$(exit 1)", "*", "?", "[x]", "{x}", "{0}", "{input}", "{{x}}", "{", "}"),
    *("100%", "%j", "%41", "ünïcode", "日本", "l" + "o" * 100 + "ng", "\\'\"$`{x}%j"),
)
TOGETHER = (
    *("a b\tc  d", "o'b\"q", "back\\slash\n", "x(2)R&D;|<x>!", "dot.,`tick`", "$HOME$(exit 1)a$b", "*?[x]"),
    *("{x}{0}{input}{{x}}", "100%%j%41", "ünïcode日本" + "o" * 100),
    *(" leading", "trailing ", "-x", "--", "=", "#1", "~x", "@", "^", "+", "{", "}", "\\'\"$`{x}%j"),
)
"""Names that have all of these at any place, and those that matter as a first or last letter or as a whole."""
DATA = "results/data/learned_encoding/vocabulary/done-right/v20.parquet"
MORE_DATA = "results/data/learned_encoding/signal/done-right/ordered.parquet"
TRAINING = "results/runs/learned_encoding/vocabulary/done-right/v20.parquet"
# No variable says where the library is.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
SNAKEMAKE = (".venv/bin/python", "-m", "snakemake", "--cores", "1")


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a command in a folder and return what it says; it must succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def packages(folder: Path) -> Path:
    """Where a project's own .venv has its packages."""
    [found] = (folder / ".venv/lib").glob("python3*/site-packages")
    return found


def make_interpreter(folder: Path) -> None:
    """A project's .venv by the Makefile, with nothing to install; it finds the packages that these tests use."""
    for lock in ROOT.glob("requirements*.lock"):
        (folder / lock.name).touch()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder / name)
    run(folder, "make", ".venv/installed", f"PYTHON={sys.executable}")
    (packages(folder) / "shared.pth").write_text("\n".join(site.getsitepackages()))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project below folders of all names, with nothing made and an interpreter; both may be copied."""
    folder = tmp_path_factory.mktemp("template").joinpath(*NAMES)
    folder.mkdir(parents=True)
    copy_project(folder)
    make_interpreter(folder)
    return folder


def clone(template: Path, folder: Path) -> Path:
    """A copy, with an interpreter of its own."""
    shutil.copytree(template, folder, symlinks=True)
    return folder


def test_jobs_run_below_folders_of_all_names(template: Path, tmp_path: Path) -> None:
    """With the fork server, which the training job asks; a second run finds everything made.

    The library is the one in the folder. A lock in the folder beside ``{x}`` locks nothing: braces are no wildcards.
    """
    folder = clone(template, tmp_path.joinpath(*NAMES))
    said = run(folder, ".venv/bin/python", "-c", "import tokentrial; print([tokentrial.__file__])")
    assert said == f"{[str(folder / 'src/tokentrial/__init__.py')]}\n"
    beside = tmp_path.joinpath(*["beside" if name == "{x}" else name for name in NAMES]) / ".snakemake/locks"
    beside.mkdir(parents=True)
    (beside / "0.output.lock").write_text(TRAINING)
    run(folder, *SNAKEMAKE, TRAINING)
    used = json.loads((folder / "logs/usage/train/learned_encoding/vocabulary/done-right/v20.json").read_text())
    assert used["mode"] == "fork"
    assert "Nothing to be done" in run(folder, *SNAKEMAKE, TRAINING)


def test_a_brace_in_the_path_is_refused_from_another_folder(template: Path, tmp_path: Path) -> None:
    """Files of the checkout would have an absolute path there, in which Snakemake sees a wildcard."""
    project = Project(clone(template, tmp_path / "{x}"))
    (tmp_path / "elsewhere").mkdir()
    said = project.refused("--directory", str(tmp_path / "elsewhere"), DATA)
    assert said == (
        f"error: {project.folder}: Snakemake takes a brace in a path for a wildcard, expected the run to be started in "
        "this folder"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", TOGETHER, ids=ascii)
def test_a_job_runs_in_a_folder_of_this_name(template: Path, tmp_path: Path, name: str) -> None:
    """Alone, so that no other name saves it, by its quotes or as a folder above."""
    folder = clone(template, tmp_path / name)
    run(folder, *SNAKEMAKE, DATA, TOKENTRIAL_FORK="0")
    assert (folder / DATA).is_file()


@pytest.mark.slow
def test_everything_is_made_below_folders_of_all_names(finished: Project, tmp_path: Path) -> None:
    """All that comes after training, the crate and Snakemake's own report: the same files as in a plain folder."""
    folder = tmp_path.joinpath(*NAMES)
    shutil.copytree(finished.folder, folder)
    make_interpreter(folder)
    assert "Nothing to be done" in run(folder, *SNAKEMAKE, "all")
    tables = {path: path.read_bytes() for path in (folder / "results/tables").iterdir()}
    run(folder, *SNAKEMAKE, "--forcerun", "collect", "statistics", "verdicts", "--", "all")
    run(folder, "make", "crate", "CORES=1")
    run(folder, *SNAKEMAKE, "--report", "report.html")
    run(folder, *SNAKEMAKE, "verify")
    assert tables == {path: path.read_bytes() for path in (folder / "results/tables").iterdir()}
    assert (folder / "results/report.pdf").read_bytes().startswith(b"%PDF")


def on_a_terminal(folder: Path, *command: str) -> str:
    """What a command writes to a terminal, where it has to succeed."""
    ours, its = pty.openpty()
    environment = ENVIRONMENT | {"TERM": "xterm", "TOKENTRIAL_FORK": "0"}
    with subprocess.Popen(command, cwd=folder, stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        said = b""
        with suppress(OSError):  # how Linux says that nobody writes any more
            while part := os.read(ours, 65536):
                said += part
    os.close(ours)
    assert process.returncode == 0, said
    return said.decode()


def test_make_shows_progress_on_a_terminal(template: Path, tmp_path: Path) -> None:
    """And plain lines elsewhere. The recipe of ``make report``, as far as one job."""
    folder = clone(template, tmp_path / "project")
    command = ("make", "report", f"SNAKEMAKE={' '.join(SNAKEMAKE)} --until {DATA}")
    shown = on_a_terminal(folder, *command)
    assert "Workflow Progress" in shown and "Total Progress" in shown and "100%" in shown
    assert (folder / DATA).is_file()
    assert "Progress" not in run(folder, *command)


@pytest.mark.slow
@pytest.mark.parametrize("names", [NAMES, [name for name in NAMES if "\\" not in name]], ids=["all", "no-backslash"])
def test_slurm_runs_jobs_below_folders_of_all_names(
    template: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, names: Collection[str]
) -> None:
    """A group of two jobs, and one alone. The log of a job is where docs/cluster.md says it is."""
    folder, home = clone(template, tmp_path.joinpath(*names)), tmp_path / "home"
    home.mkdir()
    adapt(Project(folder), [PARTITION])
    profile = ("--profile", "profiles/slurm", "--retries", "0", "--slurm-keep-successful-logs")
    quick = ("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2")
    with started(tmp_path_factory.mktemp("cluster"), PROGRAMS) as cluster:
        run(folder, *SNAKEMAKE, *profile, *quick, "--", TRAINING, MORE_DATA, HOME=str(home), **cluster)
    logs = (home / ".snakemake/slurm_logs") if names is NAMES else (folder / "logs/slurm")
    found = [path.parent.name for path in sorted(logs.rglob("*.log"))]
    assert found == ["group_data_data", "learned_encoding_vocabulary_done-right_v20"]
