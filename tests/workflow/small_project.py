"""A copy of the project with a small config, and Snakemake run in it as a user would."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import snakemake_server
import yaml
from filelock import FileLock

from tokentrial import checkout
from tokentrial.schema import study_files
from tokentrial.studies import rates

ROOT = Path(__file__).parents[2]
VARIABLE = "TOKENTRIAL_WIKITEXT2"
PARTS = (*checkout.READ, "profiles")
DAY = 86_400  # seconds

# How the rules with a wildcard announce a job; rules that share their words are told apart by the job's name.
MESSAGES = {
    "data": r"Drawing the data of (\S+)",
    "prepare_corpus": r"Preparing WikiText-2 as (\S+) tokens",
    "train": r"Training ((?!language_models/)\S+)",
    "language_model": r"Training (language_models/(?!\S+/full$)\S+)",
    "full_language_model": r"Training (language_models/\S+/full)",
    "twin_language_model": r"Writing (language_models/\S+) from the same training",
    "released": r"Running the released script (learned_encoding/\S+)",
    "released_bespoke": r"Running the released script (bespoke/\S+)",
    "pretrain": r"Training the language model (\S+)",
    "cram": r"Cramming (\S+)",
}


def small_config() -> dict[str, Any]:
    """A few cells of three experiments, two seeds and few steps: every rule runs, none of them long."""
    config = study_files.default(ROOT)
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
    study["experiments"] = {
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
    config["language_models"]["experiments"] = {}  # has tests of its own, since it needs the text
    config["cramming"]["experiments"] = {}  # so has this one
    config["real_model"]["experiments"] = {}
    config["bespoke"] |= {"scripts": {}, "experiments": {}}  # see bespoke_config
    without_aliases: dict[str, Any] = json.loads(json.dumps(config))  # YAML would make the shared parts one object
    return without_aliases


def bespoke_config() -> dict[str, Any]:
    """The small config with two cells and two released scripts of document 003, and nothing of the others."""
    config = small_config()
    config["learned_encoding"] |= {"scripts": {}, "experiments": {}}
    study = config["bespoke"]
    study["training"]["done-right"] |= {"learning_rates": [0.01], "steps": 4, "evaluations": 2}
    study["scripts"] = {"optimized": {"seeds": 2, "fresh": 2}, "ultra": {"seeds": 2, "fresh": 2}}
    design = {"full_width": 64, "ratios": [1], "heads": ["token_mlp"]}
    data = {"source": "zipf_iid", "exponent": 1.2, "vocab_size": 100, "length": 9, "train": 80}
    data |= {"validation": 10, "test": 10}
    initial = {**design, "arms": ["standard", "bespoke-initial", "unigram"], "data": {"independent": data}}
    plain = {
        **design,
        "arms": ["standard", "unigram"],
        "data": {"chain": {**data, "source": "zipf_markov", "sharpness": 2}},
    }
    study["experiments"] = {"initial": {"done-right": initial}, "converged": {"done-right": plain}}
    return config


def language_config() -> dict[str, Any]:
    """The small config with one tiny experiment of language models: 1 % of the text, a width of 8, one ratio."""
    config = small_config()
    study = config["language_models"]
    study["tokens"] = {"bpe": {"tokenizer": "bpe", "vocab_size": 300}}
    study["seeds"] = 2
    share = {"fraction": 0.01, "held_out_fraction": 0.01, "epochs": 1, "batch_size": 4, "learning_rates": [0.01]}
    study["training"]["done-right"] |= share
    study["bodies"]["transformer"] |= {"layers": 1, "heads": 2, "feedforward": 16}
    design = {"tokens": "bpe", "body": "transformer", "full_width": 8, "narrow": False, "tied": False}
    design |= {"initial_scale": 0.1, "ratios": [2], "arms": ["learned", "svd"], "single": ["full", "int8"]}
    study["experiments"] = {"transformer": {"done-right": design}}
    return config


def cramming_config(folder: str) -> dict[str, Any]:
    """The small config with two tiny cramming designs on a model trained in the run and the one in ``folder``."""
    config = small_config()
    study = config["cramming"]
    study |= {"texts": 3, "retrain": True, "vocab_size": 300}
    study["settings"] = {"tuned": {**study["settings"]["tuned"], "steps": 30}}
    study["training"] |= {"fraction": 0.003, "held_out_fraction": 0.01, "evaluations": 2}
    recipe = {"architecture": "llama", "width": 16, "layers": 1, "context": 64}
    recipe |= {"learning_rate": 0.01, "epochs": 1, "batch_size": 4, "length": 16}
    study["models"] = {"small": {"train": recipe}, "mine": {"folder": folder}}
    study["compared"] = {"largest": ["mine"], "families": {}, "depths": [], "architectures": {}}
    design = {"vectors": [1], "per_vector": False, "arms": ["tuned"], "controls": []}
    study["experiments"] = {
        "capacity": {**design, "models": ["small", "mine"], "kinds": ["text-test"], "lengths": [2, 4]},
        "controls": {**design, "models": ["small"], "kinds": ["samples"], "lengths": [4]}
        | {"controls": ["random-vector", "shared"]},
    }
    return config


def every_study_config(model_folder: str = "models/wikitext-2/llama-64x2") -> dict[str, Any]:
    """A cell or two of each study in one config: about the least that ``all`` can make a report of.

    A run needs the text (the fixture ``text``). ``model_folder`` is crammed as it is: a shipped model, or any other.
    """
    language, cramming, bespoke = language_config(), cramming_config(model_folder), bespoke_config()
    design = language["language_models"]["experiments"]["transformer"]["done-right"]
    design |= {"arms": ["learned"], "single": ["full", "int8"]}
    language["language_models"]["experiments"]["mask"] = {
        "done-right": {**design, "ratios": [], "arms": [], "single": ["full"]}
    }
    capacity, controls = cramming["cramming"]["experiments"].values()
    capacity["models"], controls["models"] = ["small"], ["mine"]
    del bespoke["bespoke"]["scripts"]["ultra"], bespoke["bespoke"]["experiments"]["converged"]
    config = small_config()
    study = config["learned_encoding"]
    compression = study["experiments"]["compression"]["done-right"]
    compression |= {"arms": ["learned", "autoencoder", "full", "unigram"]}
    study["experiments"] = {
        "compression": {"done-right": compression},
        "vocabulary": study["experiments"]["vocabulary"],
    }
    study["scripts"] = {"corrected": study["scripts"]["corrected"]}
    config["real_model"] |= {"documents": 2, "tokens": 8, "counted_tokens": 1000}
    config["real_model"]["experiments"] = {
        "token-table": {"models": ["smollm2"], "arms": ["full", "int8", "bit_bands", "bit_bands_permuted"]}
    }
    cramming["cramming"]["models"]["smollm2"] = study_files.default(ROOT)["cramming"]["models"]["smollm2"]
    parts = {"language_models": language, "cramming": cramming, "bespoke": bespoke}
    return config | {name: part[name] for name, part in parts.items()}


class Project:
    """A project folder and what Snakemake says in it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        """environment: variables that every run in the folder has."""
        self.folder = folder
        self.environment = {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1", **environment}

    def write_config(self, config: dict[str, Any]) -> None:
        """Make a config the folder's default one: its designs into the studies' files, the rest into config.yaml.

        The searched rates go, since they are those of other designs than any config's but the default one.
        """
        if config != study_files.default(ROOT):
            (self.folder / rates.FILE).unlink(missing_ok=True)
        rest = dict(config)
        for study, file in study_files.load(ROOT).items():
            section = {key: value for key, value in config[study].items() if key in file.design}
            designs = section.pop("experiments")
            names = file.names.model_dump(exclude_unset=True)
            experiments = {
                name: {**titles, **(designs.get(name) or file.design["experiments"][name])}
                for name, titles in names["experiments"].items()
            }
            content = {**names, **section, "experiments": experiments}
            (self.folder / "studies" / f"{study}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
            others = {name: design for name, design in designs.items() if name not in experiments}
            left_out = dict.fromkeys(name for name in experiments if name not in designs)
            unknown = {key: value for key, value in config[study].items() if key not in file.design}
            rest[study] = {**unknown, "experiments": {**others, **left_out}}
        (self.folder / "config" / "config.yaml").write_text(yaml.safe_dump(rest, sort_keys=False))

    def config(self) -> dict[str, Any]:
        """The folder's default config."""
        return study_files.default(self.folder)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Snakemake with these arguments; the copy's own library is the one that runs."""
        return snakemake_server.run(arguments, self.folder, {**os.environ, **self.environment, **environment})

    def build(self, *targets: str, cores: int = 2) -> str:
        """Make targets, which must succeed."""
        done = self.run("--cores", str(cores), *targets)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def refused(self, *arguments: str, **environment: str) -> str:
        """The one line of error of a run that must fail without a traceback."""
        done = self.run("--cores", "1", *arguments, **environment)
        said = done.stdout + done.stderr
        assert done.returncode != 0, said
        assert "Traceback" not in said, said
        lines = {line for line in said.splitlines() if line.startswith("error: ")}
        assert len(lines) == 1, said
        return lines.pop()

    def planned(self, *targets: str) -> dict[str, set[str]]:
        """rule -> which data sets, conditions, scripts or models a run would make now, as the rules' messages say."""
        done = self.run("--dry-run", *targets)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        statistics = said.partition("Job stats:")[2].partition("\ntotal")[0]
        jobs: dict[str, set[str]] = {rule: set() for rule in re.findall(r"^(\w+) +\d+$", statistics, re.MULTILINE)}
        for rule, message in MESSAGES.items():
            if rule in jobs:
                jobs[rule] = set(re.findall(rf"^Job \d+: {message}$", said, re.MULTILINE))
        return jobs


def copied(project: Project, folder: Path) -> Project:
    """A copy with its times and the text's folder, so that a test may change it."""
    shutil.copytree(project.folder, folder / "project")
    return Project(folder / "project", **{VARIABLE: project.environment[VARIABLE]})


def edit(project: Project, module: str) -> None:
    """A change of a module's content, later than everything made from it and not in the future."""
    path = project.folder / "src" / "tokentrial" / f"{module}.py"
    path.write_text(path.read_text() + "\n# edited\n")
    newest = max(entry.stat().st_mtime_ns for entry in (project.folder / "results").rglob("*"))
    assert newest < path.stat().st_mtime_ns


def save_every(project: Project, seconds: float) -> None:
    """Jobs of a copy write their checkpoint far more often than once a minute; before anything is made."""
    path, minute = project.folder / "src/tokentrial/training/runner.py", "SECONDS = 60.0"
    code = path.read_text()
    assert code.count(minute) == 1
    path.write_text(code.replace(minute, f"SECONDS = {seconds}"))


def copy_project(folder: Path, config: dict[str, Any] | None = None) -> Project:
    """A copy of the checkout's tracked parts with this config, or the small one."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(source, folder / part)
    project = Project(folder)
    project.write_config(small_config() if config is None else config)
    return project


def shared(
    factory: pytest.TempPathFactory, name: str, config: dict[str, Any] | None = None, **environment: str
) -> Project:
    """A copy with this config in which ``all`` was made: once for all workers and runs of the tests of one state."""
    folder = made_of_this_state(factory) / name
    project = Project(folder, **environment)
    with FileLock(f"{folder}.lock"):
        finished = folder / "results/provenance.json"
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a worker has left that failed
            folder.mkdir()
            copy_project(folder, config)
            project.build("all")
    return project


def made_of_this_state(factory: pytest.TempPathFactory) -> Path:
    """A folder of its own for each content of the project, these tests, the text and Python, beside pytest's own.

    ``make test`` and ``make test-slow`` share what they build in it; that of other states goes after a day.
    """
    base = factory.getbasetemp()
    session = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    kept = (session.parent if session.parent.name.startswith("pytest-of-") else session) / "tokentrial"
    folder = kept / state()
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()
    for other in kept.iterdir():
        if other.is_dir() and time.time() - other.stat().st_mtime > DAY:
            shutil.rmtree(other, ignore_errors=True)
    return folder


@cache
def state() -> str:
    """The digest of all that a built copy depends on."""
    digest = hashlib.sha256(f"{sys.version} {os.environ.get(VARIABLE)}".encode())
    for part in (*PARTS, "tests", *(path.name for path in ROOT.glob("requirements*.lock"))):
        for path in sorted([ROOT / part, *(ROOT / part).rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(ROOT)} {path.stat().st_size} ".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
