"""A copy of the project with a small config, and Snakemake run in it as a user would."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config", "workflow", "profiles", "src")

# How the rules with a wildcard announce a job.
MESSAGES = {"data": "Drawing the data of", "train": "Training", "released": "Running the released script"}


def small_config() -> dict[str, Any]:
    """A few cells of three sub-studies, two seeds and few steps: every rule runs, none of them long."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["seeds"] = 2
    config["statistics"]["resamples"] = 100
    study = config["learned_encoding"]
    study["scripts"] = {
        "pure-python": {"seeds": 2, "last_cell": None},
        "corrected": {"seeds": 1, "last_cell": "ratio-2"},
        "academic-validation": {"seeds": 1, "last_cell": None},
    }
    study["training"]["done-right"] |= {"learning_rates": [0.01], "steps": 20, "evaluations": 2}
    for arm in study["arms"].values():
        if arm["encoder"] == "autoencoder":
            arm["reconstruction_steps"] = 20
    data = {"source": "zipf_markov", "exponent": 1, "sharpness": 2, "vocab_size": 20, "length": 4}
    data |= {"train": 40, "validation": 20, "test": 40}
    design = {"full_width": 8, "ratios": [2], "heads": ["token_mlp"]}
    study["studies"] = {
        "compression": {
            "as-described": {**design, "arms": ["learned", "autoencoder_001", "unigram"], "data": {"v20": data}},
            "done-right": {
                **design,
                "ratios": [2, 4],
                "arms": ["learned", "autoencoder", "pca", "factorised", "full", "random_frozen", "unigram"],
                "data": {"v20": data},
            },
        },
        "vocabulary": {
            "done-right": {**design, "arms": ["learned", "autoencoder", "unigram"], "data": {"v20": data}},
        },
        "signal": {
            "done-right": {
                **design,
                "arms": ["learned", "one_hot", "random_frozen", "unigram"],
                "data": {"ordered": data, "shuffled": {**data, "shuffle": True}},
            }
        },
    }
    config["wikitext2"]["studies"] = {}  # has tests of its own, since it needs the text
    config["bespoke"] |= {"scripts": {}, "studies": {}}
    without_aliases: dict[str, Any] = json.loads(json.dumps(config))  # YAML would make the shared parts one object
    return without_aliases


class Project:
    """A project folder and what Snakemake says in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_config(self, config: dict[str, Any]) -> None:
        (self.folder / "config" / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((self.folder / "config" / "config.yaml").read_text())
        return found

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Snakemake with these arguments; the copy's own library is the one that runs."""
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "src"), "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )

    def build(self, *targets: str, cores: int = 2) -> str:
        """Make targets, which must succeed."""
        done = self.run("--cores", str(cores), *targets)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, *targets: str) -> dict[str, set[str]]:
        """rule -> which data sets, conditions or scripts a run would make now, as the rules' messages name them."""
        done = self.run("--dry-run", *targets)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        statistics = said.partition("Job stats:")[2].partition("\ntotal")[0]
        jobs: dict[str, set[str]] = {rule: set() for rule in re.findall(r"^(\w+) +\d+$", statistics, re.MULTILINE)}
        for rule, message in MESSAGES.items():
            if rule in jobs:
                jobs[rule] = set(re.findall(rf"^Job \d+: {message} (\S+)$", said, re.MULTILINE))
        return jobs


def copy_project(folder: Path) -> Project:
    """A copy of the checkout's tracked parts with the small config."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(source, folder / part)
    project = Project(folder)
    project.write_config(small_config())
    return project
