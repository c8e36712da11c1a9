"""The benchmark of a whole run: whose account of a job counts, what the tables say, which processes are counted."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/run.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    found = importlib.util.spec_from_file_location("benchmark_of_a_run", SCRIPT)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses look there for the names in their annotations
    found.loader.exec_module(module)
    return module


def write_benchmark(folder: Path, job: str, rule: str, seconds: float, cpu: float | str, mib: float | str) -> None:
    path = folder / f"logs/benchmarks/{job}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"rule_name": rule, "s": seconds * 9, "cpu_time": 99.0, "max_rss": 1.0}]  # of an earlier run
    lines += [{"rule_name": rule, "s": seconds, "cpu_time": cpu, "max_rss": mib}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_usage(folder: Path, job: str, **values: object) -> None:
    path = folder / f"logs/usage/{job}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    usage = {"cpu_seconds": 7.0, "wall_seconds": 8.0, "peak_rss_mib": 300.0, "mode": "fork"}
    path.write_text(json.dumps(usage | values) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run of four jobs: two with a benchmark alone, one with both accounts, one with its own alone."""
    write_benchmark(tmp_path, "train/a/one", "train", 20.0, 12.0, 400.0)
    write_benchmark(tmp_path, "train/a/two", "train", 0.3, "NA", "NA")
    write_benchmark(tmp_path, "cram/c", "cram", 100.0, 1.0, 9.0)
    write_usage(tmp_path, "cram/c", cpu_seconds=90.0)
    write_usage(tmp_path, "tables/all", rule="write_tables")
    return tmp_path


@pytest.mark.parametrize(
    ("seconds", "looked"),
    [(0.3, 0.0), (0.6, 0.5), (14.9, 14.5), (20.0, 15.0), (45.0, 45.0), (70.0, 45.0)],
)
def test_snakemake_looks_often_first_and_seldom_then(bench: ModuleType, seconds: float, looked: float) -> None:
    assert bench.last_look(seconds) == looked


def test_a_jobs_own_account_goes_before_the_benchmarks(bench: ModuleType, folder: Path) -> None:
    jobs = {usage.job: usage for usage in bench.usages(folder)}
    assert (jobs["cram/c"].cpu, jobs["cram/c"].wall, jobs["cram/c"].mib, jobs["cram/c"].exact) == (90, 8, 300, True)
    assert jobs["cram/c"].rule == "cram" and jobs["tables/all"].rule == "write_tables"
    assert jobs["train/a/one"].cpu == 12 * 20 / 15 and not jobs["train/a/one"].exact
    assert jobs["train/a/two"].cpu == 0


def test_the_table_adds_up_to_the_whole(bench: ModuleType, folder: Path) -> None:
    measured = bench.Measured(bench.by_rule(bench.usages(folder)), cpu=150.0, wall=80.0, mib=500.0)
    head, *lines = bench.table(measured)
    cells = [line.split() for line in lines]
    assert head.split() == ["rule", "jobs", "CPU", "s", "wall", "s", "MiB"]
    assert cells[0] == ["cram", "1", "90.0", "8.0", "300"]  # the most first
    assert cells[1] == ["train", "2", "16.0~", "20.3", "400"]
    assert cells[2] == ["write_tables", "1", "7.0", "8.0", "300"]
    assert lines[3].startswith(bench.REST) and cells[3][-1] == "37.0"
    assert cells[4] == ["whole", "run", "150.0", "80.0", "500"]
    assert len(bench.table(bench.Measured(measured.rules))) == 4  # nobody measured the whole


def test_old_and_new_by_rule(bench: ModuleType) -> None:
    old = bench.Measured({"train": bench.Total(cpu=80.0), "gone": bench.Total(cpu=10.0)}, cpu=100.0)
    new = bench.Measured({"train": bench.Total(cpu=20.0), "fresh": bench.Total(cpu=1.0)}, cpu=25.0)
    _, *lines = [line.split() for line in bench.comparison(old, new)]
    assert lines[0] == ["train", "80.0", "20.0", "0.25"]
    assert lines[1:3] == [["gone", "10.0", "-", "-"], ["fresh", "-", "1.0", "-"]]
    assert lines[3][-3:] == ["10.0", "4.0", "0.40"] and lines[4] == ["whole", "run", "100.0", "25.0", "0.25"]


def test_a_result_is_read_as_it_was_written(bench: ModuleType, folder: Path) -> None:
    share = bench.Share(2, 3e9, 4.0)
    measured = bench.Measured(bench.by_rule(bench.usages(folder)), {"cramming": share}, 150.0, 80.0, 500.0, 1e10)
    assert bench.Measured.read(folder).rules == measured.rules  # a finished run
    measured.write(folder / bench.RESULT)
    assert bench.Measured.read(folder) == bench.Measured.read(folder / bench.RESULT) == measured


def test_shares_of_the_gemm_rate(bench: ModuleType) -> None:
    measured = bench.Measured(studies={"cramming": bench.Share(2, 30e9, 4.0)}, gemm=15e9)
    assert bench.share_table(measured)[2].split() == ["cramming", "2", "4.0", "30.0", "7.50", "50.0%"]
    assert bench.share_table(bench.Measured()) == []


def test_what_a_job_left_behind_is_counted(tmp_path: Path) -> None:
    """A process of its own session, whose parents have ended, still burns a second after Snakemake's end."""
    (tmp_path / "src").mkdir()
    burn = "import time\nend = time.process_time() + 2\nwhile time.process_time() < end: pass\n"
    (tmp_path / "burn.py").write_text(burn)
    command = f"setsid {sys.executable} burn.py > /dev/null 2>&1 &"
    (tmp_path / "Snakefile").write_text(f"rule all:\n    output: 'done'\n    shell: '{command} touch done'\n")
    script = "import runpy, sys; from pathlib import Path; run = runpy.run_path(sys.argv[1])['run']"
    script += "; print(*run(Path(sys.argv[2]), ['--cores', '1']), *run(Path(sys.argv[2]), ['--cores', '1']))"
    done = subprocess.run([sys.executable, "-c", script, SCRIPT, tmp_path], capture_output=True, text=True, check=True)
    with_it, _, memory, without, _, _ = map(float, done.stdout.split())
    assert with_it > without + 1.5 and memory > 20, done.stdout


def test_a_run_without_logs_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--finished", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    expected = f"error: --finished: {tmp_path}: found no file in logs/benchmarks or logs/usage, expected some\n"
    assert (done.returncode, done.stderr) == (1, expected)
