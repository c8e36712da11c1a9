"""Faults of machines and clocks: nothing is lost or half-written, and the rows in the end are an undisturbed run's."""

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from fault_project import (
    Run,
    alive,
    left_over,
    mounting,
    same_rows,
    tables,
    unlock,
    wait_for,
)
from small_project import VARIABLE, Project, copied, copy_project, language_config, save_every

pytestmark = pytest.mark.slow

TARGETS = ("results/runs.parquet", "results/arms.parquet")
JOB = "learned_encoding/signal/done-right"
DATA = f"results/data/{JOB}/ordered.parquet"
RUNS = f"results/runs/{JOB}/ordered.parquet"
LANGUAGE_JOB = "language_models/transformer/done-right/bpe"
DAY = 86_400 * 10**9


@pytest.fixture(scope="module")
def undisturbed(untouched: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy whose run nothing disturbed."""
    project = copied(untouched, tmp_path_factory.mktemp("undisturbed"))
    project.build(*TARGETS)
    return project


@pytest.fixture(scope="module")
def language_untouched(text: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy with its text cut into tokens and no language model; jobs write checkpoints all the time."""
    config = language_config()
    config["learned_encoding"] |= {"scripts": {}, "experiments": {}}
    project = copy_project(tmp_path_factory.mktemp("language"), config)
    project.environment[VARIABLE] = text
    save_every(project, 0.1)
    project.build("tokens")
    return project


@pytest.fixture(scope="module")
def language_undisturbed(language_untouched: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copied(language_untouched, tmp_path_factory.mktemp("language_undisturbed"))
    project.build(*TARGETS)
    return project


def flip(path: Path, at: float) -> None:
    """One bit of a file, the share ``at`` of it from its start."""
    raw = bytearray(path.read_bytes())
    raw[int(at * (len(raw) - 1))] ^= 16
    path.write_bytes(raw)


def refused(project: Project) -> str:
    """What a run says that Snakemake does not let start."""
    done = project.run("--cores", "1", *TARGETS)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in said, said
    return said


# Damaged files


@pytest.mark.parametrize(("name", "at"), [(RUNS, 0.3), (RUNS, 0.98), (DATA, 0.5)])
def test_a_flipped_bit_is_found_set_aside_and_made_again(
    undisturbed: Project, tmp_path: Path, name: str, at: float
) -> None:
    project = copied(undisturbed, tmp_path)
    flip(project.folder / name, at)
    damaged = (project.folder / name).read_bytes()
    for made in TARGETS[:1] if name == RUNS else (TARGETS[0], RUNS):  # so that a job reads the file
        (project.folder / made).unlink()
    line = project.refused(*TARGETS)
    for part in (name, "checksum", f"set aside as {Path(name).name}.damaged", "the same command makes it anew"):
        assert part in line
    aside = project.folder / f"{name}.damaged"
    assert aside.read_bytes() == damaged and not (project.folder / name).exists()
    project.build(*TARGETS)
    same_rows(project, undisturbed)
    assert (project.folder / name).is_file()


def test_verify_names_every_damaged_file_and_the_next_run_makes_them_anew(undisturbed: Project, tmp_path: Path) -> None:
    project = copied(undisturbed, tmp_path)
    said = project.build("verify", cores=1)
    assert "10 files are whole" in said  # two jobs' rows and costs, two tables of all, two data sets and their levels
    names = (DATA, RUNS, TARGETS[0])
    for name in names:
        flip(project.folder / name, 0.4)
    left = project.folder / f"results/runs/{JOB}/.ordered.parquet.k1ll3d__"
    left.write_bytes(b"PAR1")
    line = project.refused("verify")
    assert "3 of 10 files are damaged" in line
    assert [name for name in names if f"{name}: " not in line or (project.folder / name).exists()] == []
    assert not left.exists()
    project.build(*TARGETS)
    same_rows(project, undisturbed)
    assert "10 files are whole" in project.build("verify", cores=1)


# A clock that was set back


def from_tomorrow(project: Project) -> None:
    for path in [project.folder / "results", *(project.folder / "results").rglob("*")]:
        at = path.stat().st_mtime_ns + DAY
        os.utime(path, ns=(at, at))


def edited_yesterday(project: Project, module: str, more: str = "\n# edited\n") -> None:
    """A module written while the clock showed an earlier time than that of any result."""
    path = project.folder / "src/tokentrial" / f"{module}.py"
    path.write_text(path.read_text() + more)
    at = path.stat().st_mtime_ns - DAY
    os.utime(path, ns=(at, at))


def test_a_clock_that_was_set_back_neither_repeats_nor_hides_work(undisturbed: Project, tmp_path: Path) -> None:
    project = copied(undisturbed, tmp_path)
    from_tomorrow(project)
    assert "Nothing to be done" in project.build(*TARGETS)
    (project.folder / "src/tokentrial/encoders/one_hot.py").touch()
    assert "Nothing to be done" in project.build(*TARGETS)  # a new time is no edit

    from_tomorrow(project)
    edited_yesterday(project, "encoders/pca")  # no arm of this config
    assert "Nothing to be done" in project.build(*TARGETS)
    edited_yesterday(project, "encoders/one_hot")
    planned = project.planned(*TARGETS)
    assert planned == {"train": {f"{JOB}/ordered", f"{JOB}/shuffled"}, "collect": set()}

    project = copied(undisturbed, tmp_path / "changed")
    from_tomorrow(project)
    config = project.config()
    config["learned_encoding"]["experiments"]["signal"]["done-right"]["data"]["ordered"]["exponent"] = 0.5
    project.write_config(config)
    assert project.planned(*TARGETS)["train"] == {f"{JOB}/ordered"}
    project.build(*TARGETS)
    assert "Nothing to be done" in project.build(*TARGETS)
    other = copied(undisturbed, tmp_path / "other")
    other.write_config(config)
    other.build(*TARGETS)
    same_rows(project, other)
    assert not tables(project)["runs.parquet"].equals(tables(undisturbed)["runs.parquet"])


# Kills


def test_kills_at_random_moments_lose_nothing(
    language_untouched: Project, language_undisturbed: Project, tmp_path: Path
) -> None:
    """Snakemake alone or with its jobs, again and again; the next run starts while an orphan may still be alive."""
    project = copied(language_untouched, tmp_path)
    moments, kills = random.Random(3), 0
    for number in range(4):
        run = Run(project, *TARGETS, cores=2)
        wait_for(lambda run=run: run.process.poll() is not None or run.jobs(), "a job")  # type: ignore[misc]
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(moments.uniform(0, 5))
        run.kill(group=number % 2 == 1)
        if run.process.returncode == 0:
            break  # the runs before had done nearly all
        kills += 1
        if number == 0:
            assert "Directory cannot be locked" in refused(project)
        unlock(project)
    assert kills >= 2
    project.build(*TARGETS)
    same_rows(project, language_undisturbed)


def test_an_orphan_ends_before_its_job_starts_again(
    language_untouched: Project, language_undisturbed: Project, tmp_path: Path
) -> None:
    """Even one that comes back to life later: two processes never work on one job, and the older one gives up."""
    project = copied(language_untouched, tmp_path)
    state = project.folder / f"results/checkpoints/{LANGUAGE_JOB}/full/state.safetensors"
    log = project.folder / f"logs/full_language_model/{LANGUAGE_JOB}/full.log"
    run = Run(project, *TARGETS)
    wait_for(run.works, "a job")
    [orphan] = run.jobs()
    wait_for(state.is_file, "a checkpoint")
    try:
        os.kill(orphan, signal.SIGSTOP)
        assert state.is_file(), "the job ended too fast to be stopped"
        run.kill(group=False)
        unlock(project)
        again = Run(project, *TARGETS)
        wait_for(lambda: "waits for this job's process of an earlier run to end" in again.said, "the second run")
        assert alive(orphan)
    finally:
        os.kill(orphan, signal.SIGCONT)
    wait_for(lambda: not alive(orphan), "the orphan's end")
    assert again.process.wait(300) == 0, again.said
    assert "goes on from step" in log.read_text()
    same_rows(project, language_undisturbed)


def test_ctrl_c_and_again(untouched: Project, undisturbed: Project, tmp_path: Path) -> None:
    project = copied(untouched, tmp_path)
    moments = random.Random(4)
    for _ in range(2):
        run = Run(project, *TARGETS)
        wait_for(run.works, "a job")
        try:
            assert run.process.wait(moments.uniform(0.5, 4)) == 0
        except subprocess.TimeoutExpired:
            assert run.interrupt() != 0
            assert "LockException" not in run.said
    project.build(*TARGETS)  # no lock is left
    same_rows(project, undisturbed)


def test_a_second_run_in_the_same_folder_is_refused(untouched: Project, undisturbed: Project, tmp_path: Path) -> None:
    project = copied(untouched, tmp_path)
    first = Run(project, *TARGETS)
    wait_for(first.works, "a job")
    said = refused(project)
    assert "Directory cannot be locked" in said and "no other Snakemake process" in said
    assert first.process.wait(300) == 0, first.said
    same_rows(project, undisturbed)


# A full disk

# Results on a disk of a few MiB, filled to the last byte; then with space again.
DISK = """
cp -a results kept && mount -t tmpfs -o size=48m tmpfs results && cp -a kept/. results/ && rm -rf kept || exit 3
dd if=/dev/zero of=results/ballast bs=1M 2>/dev/null; dd if=/dev/zero of=results/more bs=1 2>/dev/null
{snakemake} > full.log 2>&1; echo $? > full.rc
find results -type f ! -path results/ballast ! -path results/more | sort > full.files
rm results/ballast results/more
{snakemake} > again.log 2>&1; echo $? > again.rc
cp -a results saved
"""


def on_a_full_disk(project: Project, *targets: str) -> tuple[str, list[str]]:
    """Run on a disk that is full, then again with space; what the first run said, and the files that it left."""
    command = " ".join([sys.executable, "-m", "snakemake", "--cores", "1", *targets])
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", DISK.format(snakemake=command)],
        cwd=project.folder,
        env={**os.environ, **project.environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said, again = ((project.folder / f"{name}.log").read_text() for name in ("full", "again"))
    assert ((project.folder / "full.rc").read_text().strip() != "0") and "Traceback" not in said, said
    assert (project.folder / "again.rc").read_text().strip() == "0", again
    (project.folder / "results").rename(project.folder / "hidden")  # the place where the disk was mounted
    (project.folder / "saved").rename(project.folder / "results")
    return said, (project.folder / "full.files").read_text().split()


def test_a_full_disk_is_one_line_and_costs_nothing(untouched: Project, undisturbed: Project, tmp_path: Path) -> None:
    mounting()
    project = copied(untouched, tmp_path)
    project.build(DATA, DATA.replace("ordered", "shuffled"))
    before = [path.relative_to(project.folder).as_posix() for path in (project.folder / "results").rglob("*.parquet")]
    said, files = on_a_full_disk(project, *TARGETS)
    lines = {line for line in said.splitlines() if line.startswith("error: ")}
    assert len(lines) == 1 and "cannot be written: No space left on device" in lines.pop(), said
    assert sorted(files) == sorted(before)  # nothing half, nothing temporary
    same_rows(project, undisturbed)


def test_a_checkpoint_on_a_full_disk(
    language_untouched: Project, language_undisturbed: Project, tmp_path: Path
) -> None:
    mounting()
    project = copied(language_untouched, tmp_path)
    said, files = on_a_full_disk(project, *TARGETS)
    lines = {line for line in said.splitlines() if line.startswith("error: ")}
    assert len(lines) == 1, said
    assert "full/state.safetensors: cannot be written: No space left on device" in lines.pop()
    assert [name for name in files if "checkpoints" in name or "/." in name or "/runs/" in name] == []
    same_rows(project, language_undisturbed)
    assert left_over(project) == []
