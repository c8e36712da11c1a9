"""A finished project of four jobs, as Snakemake leaves it: files, records of the jobs, one benchmark."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial import provenance, results
from tokentrial.data.corpora import SPLITS, Corpus

START = 1_800_000_000.0  # 2027-01-15T08:00:00Z
SPEC = json.dumps({"condition": "bespoke/a", "seed": 42})
SOURCES = {
    "Snakefile": "rule all: ...\n",
    "README.md": "# A project\n",
    "config/config.yaml": "seed: 42\n",
    "workflow/rules/train.smk": "rule train: ...\n",
    "workflow/scripts/train.py": "train()\n",
    "src/tokentrial/loop.py": "loop()\n",
}
TITLES = {"wikitext-2": "WikiText-2", "sotu": "State of the Union", "own": "My letters"}
FINAL = ("results/report.pdf", "results/verdicts.json")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def put(folder: Path, path: str, content: str | bytes) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def record(
    folder: Path,
    rule: str,
    log: str,
    inputs: list[str],
    outputs: list[str],
    times: tuple[float, float],
    **more: Any,
) -> None:
    """Write Snakemake's record of a finished job, one JSON file per output."""
    made = {
        "rule": rule,
        "input": sorted(inputs),
        "log": [f"logs/{log}.log"],
        "code": f'        "../scripts/{rule}.py"\n',
        "starttime": START + times[0],
        "endtime": START + times[1],
        "incomplete": False,
        "input_checksums": {
            path: f"sha256:{sha256(folder / path)}" for path in inputs if (folder / path).is_file()
        },
        **more,
    }  # fmt: skip
    for output in outputs:
        name = base64.urlsafe_b64encode(output.encode()).decode()
        parts = [name[at : at + 254] for at in range(0, len(name), 254)]  # as Snakemake cuts a long one
        put(
            folder, "/".join([".snakemake/metadata", *(f"@{part}" for part in parts[:-1]), parts[-1]]), json.dumps(made)
        )


def arms(folder: Path, **changes: Any) -> None:
    """One arm of the one condition; changes replace its columns."""
    row = dict.fromkeys(results.ARMS.names) | {
        "study": "bespoke", "condition": "bespoke/a", "arm": "full", "seeds": 3, "wall_seconds": 1.0,
        "peak_memory_mib": 2.0, "device": "A processor", "versions": "python 3",
        "git_commit": provenance.git_commit(), "config_hash": provenance.digest(SPEC), **changes,
    }  # fmt: skip
    results.write(folder / "results/arms.parquet", results.table(pd.DataFrame([row]), results.ARMS))


def finished_project(folder: Path) -> Path:
    """data -> train -> collect -> report (report and verdicts)."""
    for path, text in SOURCES.items():
        put(folder, path, text)
    data, runs, code = "results/data/bespoke/a.parquet", "results/runs/bespoke/a.parquet", "src/tokentrial/loop.py"
    put(folder, data, b"data")
    record(folder, "data", "data/bespoke/a", [code], [data], (0, 2))
    put(folder, runs, b"rows")
    record(folder, "train", "train/bespoke/a", [data, code], [runs], (2, 12))
    put(folder, "logs/benchmarks/train/bespoke/a.jsonl", json.dumps({"cpu_time": 9.5, "max_rss": 300.25}) + "\n")
    arms(folder)
    record(folder, "collect", "collect", [runs], ["results/arms.parquet"], (20, 21))
    put(folder, "results/config.yaml", "seed: 42\n")
    for path in FINAL:
        put(folder, path, path)
    reported(folder)
    return folder


def reported(folder: Path) -> None:
    """The last job, which reads the arms as they are now."""
    record(folder, "report", "report", ["results/arms.parquet"], [*FINAL, "results/config.yaml"], (21, 25))


def put_text(folder: Path, name: str) -> str:
    """The job that got the run's real text, all splits alike, and another that read it; returns the path of a split."""
    text, about = "results/data/corpus/text/train.txt", "results/data/corpus/corpus.json"
    put(folder, text, "words")
    splits = {split: {"bytes": 5, "lines": 1, "sha256": sha256(folder / text)} for split in SPLITS}
    source = {"wikitext-2": "download", "sotu": "package", "own": "own"}[name]
    version, fallback = ("0.1.2", "no way past proxy.example") if name == "sotu" else (None, None)
    corpus = Corpus(name, TITLES[name], source, version, fallback, name == "wikitext-2", splits)
    put(folder, about, json.dumps(corpus._asdict()))
    record(folder, "corpus", "data/corpus/text", [], [text, about], (0, 1))
    record(folder, "collect", "collect", [text], ["results/arms.parquet"], (20, 21))
    return text
