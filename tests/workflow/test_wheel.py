"""The wheel: an environment with nothing of the checkout plans and runs what a checkout does."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from fault_project import signal_config
from small_project import ROOT

pytestmark = pytest.mark.slow

PLACE = "tokentrial_project"
NOT_IN_IT = ("tests/", "benchmarks/", ".ci/", ".git", ".pre-commit", "CONTRIBUTING.md", "MANIFEST.in")
ENCODER = """
from tokentrial.encoders.base import Encoder, gather


class SharedRows(Encoder):
    def __init__(self, vocab_size, width, full_width, rows=8):
        super().__init__(vocab_size, width, full_width)
        self.rows = rows

    def initialise(self, context):
        return {"table": context.normal("shared_rows", self.rows, self.width)}, {}

    def forward(self, parameters, ids):
        return gather(parameters["table"], ids % self.rows)

    def parameter_counts(self):
        return {"embedding": self.rows * self.width}

    def bits_deployed(self):
        return 32 * self.rows * self.width
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout, built without an index."""
    folder = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".*", "build", "tests", "logs", "__pycache__")
    shutil.copytree(ROOT, folder / "code", ignore=left_out)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        "out",
        "./code",
    ]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [path] = (folder / "out").glob("*.whl")
    return path


def clean() -> dict[str, str]:
    """Variables without those that lead to the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TOKENTRIAL"))}


class Environment:
    """An environment with the wheel, and the other packages of this one."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.folder = folder
        pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--no-index", wheel], check=True, capture_output=True, env=clean())
        [packages] = folder.glob("lib/python*/site-packages")
        # as a line of its own: that folder's .pth files, among them the checkout's, are not read
        (packages / "zzz.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        command = [str(self.folder / "bin/tokentrial"), *words]
        return subprocess.run(command, cwd=cwd, env=clean(), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment") / "env", wheel)


def test_it_has_what_git_has(wheel: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no git repository")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    expected = {name for name in listed if name and not name.startswith(NOT_IN_IT) and (ROOT / name).is_file()}
    with zipfile.ZipFile(wheel) as archive:
        names = {name.removeprefix(f"{PLACE}/") for name in archive.namelist() if name.startswith(f"{PLACE}/")}
        assert archive.read("tokentrial.pth") == f"{PLACE}/src\n".encode()
    assert expected - names == set()
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests", "build"))]
    assert wheel.stat().st_size < 25 * 2**20


def test_the_commands_answer_from_the_installed_rows(environment: Environment, tmp_path: Path) -> None:
    shown = environment.run("claims", "show", "LE0-RQ", cwd=tmp_path)
    assert shown.returncode == 0 and "LE0-RQ" in shown.stdout, shown.stderr
    assert environment.run("audit", "--example", "-o", "paper.yaml", cwd=tmp_path).returncode == 0
    audited = environment.run("audit", "paper.yaml", cwd=tmp_path)
    assert audited.stdout.rstrip().endswith("16 claims: 8 CONSISTENT and 8 INCONSISTENT")
    printed = environment.run("run", "--print", "-n", cwd=tmp_path)
    assert str(environment.folder) in printed.stdout and str(ROOT) not in printed.stdout


def test_a_model_is_compressed_and_crammed_into(environment: Environment, tmp_path: Path) -> None:
    """A shipped model, of which a copy stands for the user's own."""
    shutil.copytree(ROOT / "models/sotu/llama-64x2", tmp_path / "mine")
    (tmp_path / "mine.txt").write_text((ROOT / "README.md").read_text())
    options = ("mine", "--text", "mine.txt", "--out")
    done = environment.run("compress", *options, "compressed", "--methods", "int4", cwd=tmp_path)
    assert done.returncode == 0 and "models/int4: " in done.stdout, done.stderr
    assert (tmp_path / "compressed/models/int4/model.safetensors").is_file()
    done = environment.run("cram", *options, "crammed", "--lengths", "2", "--steps", "20", cwd=tmp_path)
    assert done.returncode == 0 and "One vector of mine holds" in done.stdout, done.stderr


def test_a_project_of_ones_own_plans_and_runs(environment: Environment, tmp_path: Path) -> None:
    made = environment.run("init", "trial", cwd=tmp_path)
    assert made.returncode == 0 and made.stdout.startswith("made trial, a project of your own"), made.stderr
    trial = tmp_path / "trial"
    planned = environment.run("run", "--cores", "2", "-n", "study_bespoke", cwd=trial)
    assert planned.returncode == 0 and "released_bespoke" in planned.stdout, planned.stderr[-2000:]

    # The library that runs is the project's: an encoder is added to it, and the installed one lacks this encoder.
    (trial / "src/tokentrial/encoders/shared_rows.py").write_text(ENCODER)
    config = signal_config()
    study = config["learned_encoding"]
    study["arms"]["mine"] = {"encoder": "shared_rows", "rows": 4}
    study["experiments"]["signal"]["done-right"]["arms"].append("mine")
    (trial / "tiny.yaml").write_text(yaml.safe_dump(config))
    done = environment.run(
        "run", "--cores", "2", "--configfile", "tiny.yaml", "--", "study_learned_encoding", cwd=trial
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = pd.read_parquet(trial / "results/runs/learned_encoding/signal/done-right/ordered.parquet")
    assert {"mine", "learned"} <= set(rows["arm"])
    installed = next(environment.folder.glob(f"lib/python*/site-packages/{PLACE}"))
    assert not (installed / "results/runs").exists() and not (tmp_path / "results").exists()
