"""Which jobs made a run's files, from Snakemake's records."""

from pathlib import Path
from typing import Any

import pytest
from crate_project import FINAL, START, finished_project, put, record

from tokentrial.publish.crate import jobs
from tokentrial.publish.crate.files import Project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return finished_project(tmp_path)


def names(folder: Path, *targets: str) -> list[str]:
    return [job.name for job in jobs.finished(Project.of(folder), targets or FINAL)]


def test_the_jobs_behind_the_final_files_in_the_order_they_started(folder: Path) -> None:
    found = jobs.finished(Project.of(folder), FINAL)
    assert [job.name for job in found] == ["data/bespoke/a", "train/bespoke/a", "collect", "report"]
    train = found[1]
    assert (train.rule, train.script) == ("train", "workflow/scripts/train.py")
    assert train.inputs == ("results/data/bespoke/a.parquet", "src/tokentrial/loop.py")
    assert train.outputs == ("results/runs/bespoke/a.parquet",)
    assert (train.started, train.ended) == (START + 2, START + 12)
    assert (train.cpu_seconds, train.peak_memory_mib) == (9.5, 300.25)
    assert (found[0].cpu_seconds, found[0].peak_memory_mib) == (None, None)
    assert found[3].outputs == ("results/config.yaml", *FINAL)  # what no job read belongs to its job too


def test_files_of_another_config_are_not_of_this_run(folder: Path) -> None:
    before = names(folder)
    put(folder, "results/runs/bespoke/b.parquet", b"rows")
    record(folder, "train", "train/bespoke/b", ["results/data/bespoke/a.parquet"], ["results/runs/bespoke/b.parquet"],
           (2, 9))  # fmt: skip
    assert names(folder) == before
    assert names(folder, "results/runs/bespoke/b.parquet") == ["data/bespoke/a", "train/bespoke/b"]


def test_an_output_that_the_rule_no_longer_has_is_not_of_its_last_run(folder: Path) -> None:
    put(folder, "results/old.csv", b"old")
    record(folder, "report", "report", ["results/arms.parquet"], ["results/old.csv"], (-9, -5))
    [report] = [job for job in jobs.finished(Project.of(folder), FINAL) if job.rule == "report"]
    assert "results/old.csv" not in report.outputs
    assert report.started == START + 21


def test_a_job_of_a_cluster_began_as_long_before_its_end_as_its_benchmark_says(folder: Path) -> None:
    """Snakemake takes the moment that it saw the job's end for its start: after the end."""
    record(folder, "train", "train/bespoke/a", ["results/data/bespoke/a.parquet"], ["results/runs/bespoke/a.parquet"],
           (12.002, 12))  # fmt: skip
    [train] = [job for job in jobs.finished(Project.of(folder), FINAL) if job.rule == "train"]
    assert (train.started, train.ended) == (START + 12, START + 12)
    put(folder, "logs/benchmarks/train/bespoke/a.jsonl", '{"s": 7.5, "cpu_time": 7, "max_rss": 300}')
    [train] = [job for job in jobs.finished(Project.of(folder), FINAL) if job.rule == "train"]
    assert (train.started, train.ended, train.cpu_seconds) == (START + 4.5, START + 12, 7)


def test_records_that_are_incomplete_or_damaged_do_not_count(folder: Path) -> None:
    [path] = [path for path in (folder / jobs.RECORDS).iterdir() if b"logs/collect" in path.read_bytes()]
    text = path.read_text()
    for damaged in (text[:40], text.replace('"incomplete": false', '"incomplete": true'), ""):
        path.write_text(damaged)
        assert names(folder) == ["report"]  # what collect read is out of reach
    path.write_text(text)
    assert len(names(folder)) == 4
    put(folder, f"{jobs.RECORDS}/not base64!", "{}")
    assert len(names(folder)) == 4


def test_a_long_name_is_found(folder: Path) -> None:
    path = f"results/{'long' * 120}.csv"
    record(folder, "tables", "tables", ["results/arms.parquet"], [path], (30, 31))
    assert names(folder, path)[-2:] == ["collect", "tables"]


def test_without_records_there_are_no_jobs(tmp_path: Path) -> None:
    assert jobs.finished(Project.of(tmp_path), FINAL) == []


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"cpu_time": "-", "max_rss": 1}', '{"cpu_time": 1}'])
def test_a_benchmark_that_cannot_be_read_is_none(folder: Path, text: str) -> None:
    put(folder, "logs/benchmarks/train/bespoke/a.jsonl", text)
    assert jobs.finished(Project.of(folder), FINAL)[1].cpu_seconds is None


def test_what_a_job_says_of_itself_goes_before_its_benchmark(folder: Path) -> None:
    """The benchmark does not see a fork. The script's whole time is in the benchmark alone."""
    put(folder, "logs/benchmarks/train/bespoke/a.jsonl", '{"s": 7.5, "cpu_time": 0.2, "max_rss": 30}')
    usage = '{"cpu_seconds": 7.25, "peak_rss_mib": 321.5, "wall_seconds": 7.0, "mode": "fork"}\n'
    put(folder, "logs/usage/train/bespoke/a.json", usage)
    put(folder, "logs/usage/data/bespoke/a.json", usage.replace("7.25", "1.5"))  # a rule without a benchmark
    data, train, *_ = jobs.finished(Project.of(folder), FINAL)
    assert (train.cpu_seconds, train.peak_memory_mib) == (7.25, 321.5)
    assert (data.cpu_seconds, data.peak_memory_mib) == (1.5, 321.5)
    assert jobs._used(Project.of(folder), "train/bespoke/a")["s"] == 7.5


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"cpu_seconds": 1, "mode": "fork"}', '{"peak_rss_mib": "-"}'])
def test_a_usage_file_that_cannot_be_read_is_none(folder: Path, text: str) -> None:
    put(folder, "logs/usage/train/bespoke/a.json", text)
    assert jobs.finished(Project.of(folder), FINAL)[1].cpu_seconds == 9.5  # the benchmark's


def job(**changes: Any) -> jobs.Job:
    plain = jobs.Job("a", "a", None, (), (), 0.0, 1.0, {}, None, None)
    return plain._replace(**changes)


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0),
        ([(0, 4)], 4),
        ([(0, 4), (1, 3)], 4),  # one inside the other
        ([(1, 6), (0, 4)], 6),  # overlapping, in any order
        ([(0, 4), (10, 11)], 5),  # a pause does not count
        ([(0, 1), (0, 1), (1, 2)], 2),
    ],
)
def test_busy_seconds(spans: list[tuple[float, float]], seconds: float) -> None:
    assert jobs.busy_seconds(job(started=start, ended=end) for start, end in spans) == seconds


def test_each_rule_stands_after_those_whose_files_it_reads() -> None:
    found = [
        job(rule="last", inputs=("b", "c"), outputs=("d",)),
        job(rule="middle", inputs=("a", "elsewhere"), outputs=("b",)),
        job(rule="middle", inputs=("b",), outputs=("c",)),  # a rule may read its own files
        job(rule="first", outputs=("a",)),
    ]
    assert jobs.rules_in_order(found) == ["first", "middle", "last"]


def test_an_instant_has_its_zone() -> None:
    assert jobs.instant(START + 0.25) == "2027-01-15T08:00:00.250+00:00"
