"""The finished jobs behind a run's files, from Snakemake's records, the jobs' benchmarks and their resource usage.

Snakemake keeps one JSON record for every file that a job made: its rule, inputs, times, and the SHA-256 of inputs up to
1 MB at the time of the job. The search goes back from the final files over their inputs, so it finds only the jobs of
this run; files of other configs in the same folder are never reached.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from tokentrial.publish.crate.files import Project

RECORDS = ".snakemake/metadata"
SCRIPT = re.compile(r"scripts/\w+\.py")

Record = Mapping[str, Any]


class Job(NamedTuple):
    """One finished job. Files have their names in the project (see files.Project), or absolute paths outside it."""

    name: str  # rule and purpose, as in the name of the job's log
    rule: str
    script: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    started: float  # seconds since 1970, UTC
    ended: float
    checksums: Mapping[str, str]  # input -> SHA-256 when the job ran
    cpu_seconds: float | None  # None: not measured
    peak_memory_mib: float | None


def records(project: Project) -> dict[str, Record]:
    """Returns all complete records by output; empty if Snakemake kept no records as files."""
    top = project.work / RECORDS
    by_output: dict[str, Record] = {}
    for path in sorted(path for path in top.rglob("*") if path.is_file()):
        # a name too long for a file is spread over folders that start with @
        encoded = "".join(part.removeprefix("@") for part in path.relative_to(top).parts)
        try:
            output = base64.urlsafe_b64decode(encoded).decode()
            record = json.loads(path.read_text(encoding="utf-8"))
        except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError):
            continue  # not a record of Snakemake, or cut off while it was written
        if not record.get("incomplete") and record.get("starttime") and record.get("endtime"):
            # for a cluster's job, Snakemake knows only the end, and records as start the later time when it saw the end
            by_output[project.name(output)] = {**record, "starttime": min(record["starttime"], record["endtime"])}
    return by_output


def finished(project: Project, targets: Iterable[str]) -> list[Job]:
    """Returns the jobs that made ``targets`` and all files behind them, in the order of their starts."""
    known = records(project)
    siblings: dict[tuple[str, ...], list[str]] = {}
    for output, record in known.items():
        siblings.setdefault(_key(record), []).append(output)
    jobs: dict[str, Job] = {}
    reached: set[str] = set()
    waiting = list(targets)
    while waiting:
        output = waiting.pop()
        if output in reached or output not in known:
            continue
        record = known[output]
        together = [path for path in siblings[_key(record)] if _overlap(known[path], record)]
        reached.update(together)
        job = _job(project, record, sorted(together), known)
        jobs[job.outputs[0]] = job
        waiting += job.inputs
    return sorted(jobs.values(), key=lambda job: (job.started, job.name))


def _key(record: Record) -> tuple[str, ...]:
    """Returns rule and logs, which no two jobs of the workflow share."""
    return (str(record["rule"]), *map(str, record.get("log") or ()))


def _overlap(one: Record, other: Record) -> bool:
    """Whether two records of one rule and log are of one job: a rerun begins after the end of the first run."""
    return bool(one["starttime"] <= other["endtime"] and other["starttime"] <= one["endtime"])


def _job(project: Project, record: Record, outputs: list[str], known: Mapping[str, Record]) -> Job:
    logs = record.get("log") or ()
    stem = project.name(str(logs[0])).removeprefix("logs/").removesuffix(".log") if logs else str(record["rule"])
    script = SCRIPT.search(str(record.get("code") or ""))
    used = _used(project, stem)
    checksums = dict(record.get("input_checksums") or {})
    ended = max(float(known[path]["endtime"]) for path in outputs)
    return Job(
        name=stem,
        rule=str(record["rule"]),
        script=f"workflow/{script.group()}" if script else None,
        inputs=tuple(project.name(str(path)) for path in record.get("input") or ()),
        outputs=tuple(outputs),
        started=min([ended - used.get("s", 0.0), *(float(known[path]["starttime"]) for path in outputs)]),
        ended=ended,
        checksums={project.name(path): str(text).removeprefix("sha256:") for path, text in checksums.items()},
        cpu_seconds=used.get("cpu_time"),
        peak_memory_mib=used.get("max_rss"),
    )


def _used(project: Project, stem: str) -> dict[str, float]:
    """Returns a job's use of time ``s``, ``cpu_time`` and memory ``max_rss``; empty if they were not measured.

    Snakemake's benchmark watches a job's script but not a fork that works for it, so CPU time and memory come from the
    job's own record. The time comes from the benchmark, since it includes the start of the script.
    """
    measured = _numbers(project.file(f"logs/benchmarks/{stem}.jsonl"))
    recorded_usage = _numbers(project.file(f"logs/usage/{stem}.json"))
    if "cpu_seconds" in recorded_usage and "peak_rss_mib" in recorded_usage:
        measured |= {"cpu_time": recorded_usage["cpu_seconds"], "max_rss": recorded_usage["peak_rss_mib"]}
        measured.setdefault("s", recorded_usage.get("wall_seconds", 0.0))
    return measured if "cpu_time" in measured and "max_rss" in measured else {}


def _numbers(path: Path) -> dict[str, float]:
    """Returns the numbers of a file that holds one JSON object; empty if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
        return {name: float(value) for name, value in content.items() if isinstance(value, int | float)}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, IndexError, AttributeError):
        return {}


def busy_seconds(jobs: Iterable[Job]) -> float:
    """Returns the wall seconds during which at least one job ran; pauses between interrupted runs do not count."""
    total, until = 0.0, float("-inf")
    for start, end in sorted((job.started, job.ended) for job in jobs):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def rules_in_order(jobs: Iterable[Job]) -> list[str]:
    """Returns the rules of the jobs, each after the rules whose files it reads."""
    jobs = list(jobs)
    maker = {output: job.rule for job in jobs for output in job.outputs}
    needs: dict[str, set[str]] = {job.rule: set() for job in jobs}
    for job in jobs:
        needs[job.rule] |= {maker[path] for path in job.inputs if path in maker} - {job.rule}
    return list(TopologicalSorter(needs).static_order())


def recorded(jobs: Iterable[Job]) -> Iterator[tuple[Job, str, str]]:
    """Yields job, input and the input's SHA-256 when the job ran, for all inputs with a recorded SHA-256."""
    for job in jobs:
        for path, checksum in job.checksums.items():
            yield job, path, checksum


def instant(seconds: float) -> str:
    """Returns seconds since 1970 as ISO 8601 with milliseconds and zone: 2026-01-31T12:00:00.000+00:00."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
