"""The light base: audit, statistics and shipped claims need neither torch nor Snakemake; extras have what is named."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
IMPORTED = {"huggingface-hub": "huggingface_hub", "snakemake-logger-plugin-rich": "snakemake_logger_plugin_rich"}
LIGHT = """
import sys
from importlib.machinery import PathFinder

class Installed:
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {missing!r} else PathFinder.find_spec(name, path, target)

    def find_distributions(self, *context):
        return PathFinder.find_distributions(*context)

sys.meta_path[sys.meta_path.index(PathFinder)] = Installed()
sys.argv = ["tokentrial", *sys.argv[1:]]
from tokentrial.cli.main import main
main()
"""


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(one).name) for one in requirements}


def missing(*extras: str) -> set[str]:
    """The modules that only these extras have."""
    of_extras = set().union(*(names(EXTRAS[extra]) for extra in extras)) - {"tokentrial"}
    return {IMPORTED.get(name, name.replace("-", "_")) for name in of_extras - names(PROJECT["dependencies"])}


def light(*words: str, without: set[str]) -> subprocess.CompletedProcess[str]:
    code = LIGHT.format(missing=sorted(without))
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        ("audit", str(ROOT / "examples/paper.yaml")),
        ("claims", "show", "LE0-RQ"),
        ("what-if", "--claim", "LE0-TAB-DIFF-2.reported.difference=+0.026"),
        ("compare", str(ROOT / "results/reference")),
        ("run", "--print", "all"),
    ],
    ids=lambda words: words[0],
)
def test_these_need_the_base_alone(words: tuple[str, ...]) -> None:
    done = light(*words, without=missing("torch", "workflow", "slurm"))
    assert done.returncode == 0 and done.stdout, done.stderr[-2000:]


def test_what_needs_more_says_so_in_one_line(tmp_path: Path) -> None:
    wanted = light("try", "mine.py", without=missing("torch", "workflow", "slurm"))
    line = "error: try: needs the module 'torch', which is not installed: pip install 'tokentrial[torch]'\n"
    assert (wanted.returncode, wanted.stdout, wanted.stderr) == (2, "", line)
    options = {"compress": ("--methods", "svd", "--out", str(tmp_path / "out")), "cram": ()}
    for command, more in options.items():
        wanted = light(command, "model", "--text", "mine.txt", *more, without=missing("torch", "workflow", "slurm"))
        assert (wanted.returncode, wanted.stdout, wanted.stderr) == (2, "", line.replace("try", command))
    assert not list(tmp_path.iterdir())
    wanted = light("run", "-n", without=missing("workflow", "slurm"))
    assert wanted.returncode == 2 and wanted.stderr.endswith("pip install 'tokentrial[workflow]'\n")


def test_the_extra_torch_suffices_for_an_encoder(tmp_path: Path) -> None:
    done = light("try", str(ROOT / "examples/tensor_train.py"), "--set", "rank=4", "--check",
                 without=missing("workflow", "slurm") - missing("torch"))  # fmt: skip
    assert done.returncode == 0 and "bits as declared" in done.stdout, done.stderr[-2000:]
    done = light("try", str(ROOT / "examples/tensor_train.py"), "--set", "rank=4", "--on", "transformer/bpe",
                 without=missing("workflow", "slurm") - missing("torch"))  # fmt: skip
    said = "needs the module 'pooch', which is not installed: pip install 'tokentrial[workflow]'"
    assert done.returncode == 2 and done.stderr.splitlines()[-1] == f"error: {said}", done.stderr[-2000:]
    code = "import tokentrial.embeddings, tokentrial.report.trial_page, tokentrial.training.condition"
    blocked = LIGHT.format(missing=sorted(missing("workflow", "slurm") - missing("torch")))
    blocked = blocked.partition("sys.argv = ")[0] + code
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    found = subprocess.run(
        [sys.executable, "-c", blocked], env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]


def test_the_extra_torch_suffices_for_a_model(tmp_path: Path) -> None:
    """A Mamba, whose scan on a GPU is mambapy's: a CPU does without it."""
    text = "\n\n".join(f"The {n} speeches of {n * n} men were long, and {n + 7} of them read." for n in range(99))
    (tmp_path / "mine.txt").write_text(text)
    common = [str(ROOT / "models/sotu/mamba-64x4"), "--text", str(tmp_path / "mine.txt"), "--out"]
    calls = {
        "compress": [*common, str(tmp_path / "a"), "--methods", "int4", "--documents", "3", "--save", "none"],
        "cram": [*common, str(tmp_path / "b"), "--lengths", "2", "--steps", "3", "--texts", "2"],
    }
    blocked = LIGHT.format(missing=sorted(missing("workflow", "slurm") - missing("torch")))
    code = (
        blocked.removesuffix("main()\n")
        + f"""
for command, words in {calls!r}.items():
    sys.argv = ["tokentrial", command, *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code
"""
    )
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "a/compress.html").is_file() and (tmp_path / "b/cram.html").is_file()


def test_larger_extras_have_the_smaller_ones() -> None:
    for larger, smaller in (("workflow", "torch"), ("slurm", "workflow"), ("dev", "slurm")):
        assert f"tokentrial[{smaller}]" in EXTRAS[larger]
    assert set(EXTRAS) == {"torch", "workflow", "slurm", "dev"}
