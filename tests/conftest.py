"""What the tests share: one thread, the shipped config, small training problems, and the times printed at the end."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import snakemake_server

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported: its kernels then add up in one order
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes would compile the library anew

Spec = dict[str, Any]

SPEC: Spec = {
    "study": "learned_encoding",
    "condition": "learned_encoding/small/done-right/v12",
    "way": "done-right",
    "dataset": "learned_encoding/small/done-right/v12",
    "seed": 42,
    "seeds": 3,
    "device": "cpu",
    "vocab_size": 12,
    "full_width": 16,
    "width": 4,
    "head": "token_mlp",
    "hidden": 8,
    "initial_scale": 1.0,
    "head_scale": None,
    "head_bias": True,
    "training": {
        "learning_rates": [0.01, 0.05],
        "steps": 30,
        "batch_size": 16,
        "evaluations": 5,
        "decay": True,
        "select": "best",
    },
    "arms": {"learned": {"encoder": "learned"}},
}
SOURCE: Spec = {
    "source": "zipf_markov", "exponent": 1.0, "sharpness": 2.0, "vocab_size": 12, "length": 6, "targets": "all",
    "train": 60, "validation": 20, "test": 30,
}  # fmt: skip


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shipped(root: Path) -> Spec:
    """The default config."""
    from tokentrial.schema import study_files

    return study_files.default(root)


@pytest.fixture(scope="session")
def arms(shipped: Spec) -> dict[str, Spec]:
    """Every arm of the default config, with a short first stage."""
    short = {"reconstruction_steps": 40}
    chosen: dict[str, Spec] = shipped["learned_encoding"]["arms"]
    return {name: arm | (short if arm["encoder"] == "autoencoder" else {}) for name, arm in chosen.items()}


@pytest.fixture(scope="session")
def spec_of() -> Callable[..., Spec]:
    """A small condition (see studies.small_models.conditions); keywords replace its keys, nested ones too."""
    from tokentrial.config import merge

    def make(**changes: Any) -> Spec:
        arms = changes.pop("arms", SPEC["arms"])
        return {**merge(SPEC, changes), "arms": arms}

    return make


@pytest.fixture(scope="session")
def data_of() -> Callable[..., Any]:
    """A small data set; keywords replace the keys of its source, or those common to all sources."""
    from tokentrial.data.generate import generate
    from tokentrial.data.spec import COMMON

    def make(seeds: int = 3, **changes: Any) -> Any:
        kept = {key: value for key, value in SOURCE.items() if key in COMMON or "source" not in changes}
        return generate({**kept, **changes}, seed=42, seeds=seeds)

    return make


@pytest.fixture(scope="session")
def job_of() -> Callable[..., Any]:
    """A job of chosen replicates of a data set: ``job(spec, data, (7,))`` holds replicate 7 alone."""
    import torch

    from tokentrial.data.spec import parse_spec
    from tokentrial.training import condition

    class Some(condition.Job):
        chosen: tuple[int, ...]

        @property
        def replicates(self) -> tuple[int, ...]:
            return self.chosen

    def make(spec: Mapping[str, Any], data: Any, replicates: Iterable[int]) -> condition.Job:
        chosen = tuple(replicates)
        splits = condition.tensors(data, torch.device("cpu"))
        picked = {split: (ids[list(chosen)], targets[list(chosen)]) for split, (ids, targets) in splits.items()}
        job = Some(spec, parse_spec(data.spec), picked, condition.token_counts(picked["train"][0], data.vocab_size))
        job.chosen = chosen
        return job

    return make


RULES = """
import json
from pathlib import Path
from types import SimpleNamespace
from snakemake.api import SnakemakeApi
from snakemake.settings.types import OutputSettings, ResourceSettings

with SnakemakeApi(OutputSettings()) as api:
    workflow = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=Path("Snakefile"))._workflow
    known = workflow.globals
    found = {}
    for rule in workflow.rules:
        code = rule.input.get("code", [])
        wildcards = {name for file in rule.output for name in file.get_wildcard_names()}
        found[rule.name] = {
            "script": rule.script,
            "log": [str(file) for file in rule.log],
            "message": rule.message,
            "benchmark": rule.benchmark is not None,
            "resources": sorted(rule.resources),
            "outputs": [str(file) for file in rule.output],
            "named": len(rule.output.keys()) > 0,
            "wildcards": sorted(wildcards),
            "inputs": sorted(rule.input.keys()),
            "params": sorted(rule.params.keys()),
            "jobs": [str(file) for file in rule.input if str(file).startswith("results/runs/")],
            "code": None if callable(code) else [code] if isinstance(code, str) else list(code),
        }
    code_of = {rule.name: rule.input["code"] for rule in workflow.rules if rule.name in ("train", "language_model")}
    training = {name: code_of["train"](SimpleNamespace(condition=name)) for name in known["CONDITIONS"]}
    language = {name: code_of["language_model"](SimpleNamespace(job=name)) for name in known["LANGUAGE_MODELS"]}
    trained = {name: known["trained_full_model"](name) for name in known["LANGUAGE_MODELS"]}
    names = {kind: list(known[kind]) for kind in ("DATASETS", "JOBS", "STUDIES", "TOKENS")}
    names["TWINS"] = known["TWINS"]
    constraints = dict(workflow.wildcard_constraints)
made = {"rules": found, "training": training, "language_code": language, "trained": trained, **names}
print(json.dumps({**made, "constraints": constraints}))
"""


@pytest.fixture(scope="session")
def workflow(root: Path) -> dict[str, Any]:
    """What Snakemake reads: ``rules`` by name, wildcard ``constraints``, the names in ``JOBS``, ``STUDIES``, ...;

    ``training``: condition -> code list; ``language_code``: the same of a language-model job; ``trained``: job -> the
    full model that it starts from, or an empty list.
    """
    command = [sys.executable, "-c", RULES]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    made: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return made


LONGEST = [
    f"test_{name}.py"
    for name in (
        *("slurm", "folder_names", "reference_report", "faults", "sixth_document", "own_study_run", "pipeline"),
        *("bad_input", "cli_transcripts", "claims_what_if", "code_lists", "report_paper", "spot_check", "site"),
        *("training_language_resume", "cli_light", "trial_judged", "fork_server", "cli_interrupt"),
    )
]
"""Files by the times that are printed at the end of a run."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that short ones fill the end of a parallel run."""
    places = {name: place for place, name in enumerate(LONGEST)}
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: (places.get(item.path.name, len(places)), item.path.parent.name != "workflow"))


# The time of every file, printed at the end of a run


CPU = pytest.StashKey[float]()


def cpu_seconds() -> float:
    """CPU-seconds of this process and of the children that it waited for, with theirs."""
    times = os.times()
    return sum(times[:4]) + snakemake_server.cpu_seconds()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Counts from here, so that no test pays for the collection of all."""
    item.config.stash[CPU] = cpu_seconds()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the phase's CPU-seconds to its report, with which they travel from a worker to the process that prints."""
    report = yield
    now = cpu_seconds()
    report.cpu_seconds = now - item.config.stash[CPU]  # type: ignore[attr-defined]
    item.config.stash[CPU] = now
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints wall and CPU-seconds of every file; fixtures that many tests share count where they were made."""
    files: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if isinstance(report, pytest.TestReport):
            costs = (report.duration, getattr(report, "cpu_seconds", 0.0), float(report.when == "call"))
            for name in (report.nodeid.partition("::")[0], "total"):
                files[name] = [a + b for a, b in zip(files[name], costs, strict=True)]
    if not files:
        return
    terminalreporter.section("time by file")
    terminalreporter.write_line(f"{'seconds':>9}{'CPU-s':>9}{'tests':>7}  file")
    for name, (wall, cpu, tests) in sorted(files.items(), key=lambda entry: entry[1]):
        terminalreporter.write_line(f"{wall:>9.1f}{cpu:>9.1f}{tests:>7.0f}  {name}")
