"""The shipped profiles: what each sets, together with the default one that Snakemake adds by itself."""

import re
from typing import Any

import pytest
import torch
import yaml
from small_project import ROOT, Project, copy_project

TRAINING = "results/runs/learned_encoding/vocabulary/done-right/v20.parquet"
NO_GPU = "error: config: device: found 'cuda' but this machine has no usable GPU; expected 'cpu'"
# What a profile may not set for everybody: a workflow's default profile goes before one that the user names.
MACHINE_FACTS = {"cores", "jobs", "resources", "executor", "default-resources", "set-resources", "retries", "config"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy in which nothing is ever built."""
    return copy_project(tmp_path_factory.mktemp("profiles"))


def settings(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "profiles" / name / "profile.v9+.yaml").read_text())
    return found


def test_the_default_profile_leaves_machines_alone() -> None:
    found = settings("default")
    assert found["scheduler"] == "greedy" and found["rerun-incomplete"]
    assert not MACHINE_FACTS & set(found)
    assert "logger" not in found  # a plugin that is missing is an error before anything runs


@pytest.mark.parametrize("name", ["default", "gpu"])
def test_every_key_has_its_reason_beside_it(name: str) -> None:
    lines = (ROOT / "profiles" / name / "profile.v9+.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[a-z-]+:", line):
            assert "#" in line or lines[number - 1].startswith("#"), line


def test_a_dry_run_with_the_default_profile(project: Project) -> None:
    done = project.run("--dry-run", TRAINING)
    assert done.returncode == 0, done.stderr
    assert "Using workflow specific profile profiles/default" in done.stdout + done.stderr


def test_gpu_jobs_without_a_gpu_end_with_one_line(project: Project) -> None:
    """The gpu profile asks for the device and hands out one GPU; data are drawn, then training says what is missing."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    done = project.run("--profile", "profiles/gpu", "--", TRAINING)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in said, said
    assert {line for line in said.splitlines() if line.startswith("error: ")} == {NO_GPU}
    assert 'Provided resources: gpu=Resource("gpu", 1)' in said
    assert "Using profiles profiles/gpu and workflow specific profile profiles/default" in said
    log = project.folder / "logs/train/learned_encoding/vocabulary/done-right/v20.log"
    assert log.read_text().splitlines() == [NO_GPU]
    assert not (project.folder / TRAINING).exists()


def test_on_a_cpu_no_job_waits_for_a_gpu(project: Project) -> None:
    """The device of the command line goes before the profile's; with no GPU to hand out, CPU jobs still run."""
    command = ["--profile", "profiles/gpu", "--config", "device=cpu", "--resources", "gpu=0", "--", TRAINING]
    done = project.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.folder / TRAINING).is_file()


def test_the_settings_of_the_gpu_profile() -> None:
    assert settings("gpu") == {"config": {"device": "cuda"}, "cores": "all", "resources": {"gpu": 1}}
