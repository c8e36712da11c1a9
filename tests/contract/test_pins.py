"""pyproject.toml says what is needed, the lock files what is installed, for every Python that is named: all agree."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-cuda.lock", "requirements-model.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
WANTED = [*PROJECT["project"]["dependencies"], *(one for extra in EXTRAS.values() for one in extra)]
WANTED = [one for one in WANTED if not one.startswith("tokentrial[")]
WANTED += PROJECT["build-system"]["requires"]
PYTHONS = [f"3.{minor}" for minor in range(30) if f"3.{minor}.0" in SpecifierSet(PROJECT["project"]["requires-python"])]
SYSTEMS = {"linux": {"sys_platform": "linux"}, "macOS": {"sys_platform": "darwin"}}


def entries(name: str) -> list[str]:
    """The requirements of a lock file, each with its checksums on one line."""
    text = re.sub(r"\\\n +", "", (ROOT / name).read_text())
    return [line for line in text.splitlines() if not line.startswith(("#", "--"))]


def locked(python: str, system: str, *names: str) -> dict[str, str]:
    """Package -> version that pip takes from lock files."""
    requirements = [Requirement(entry.partition("--hash")[0]) for name in names for entry in entries(name)]
    where = {"python_version": python, "python_full_version": f"{python}.0", **SYSTEMS[system]}
    chosen = [part for part in requirements if part.marker is None or part.marker.evaluate(where)]
    versions = {canonicalize_name(part.name): str(part.specifier).removeprefix("==") for part in chosen}
    assert len(versions) == len(chosen)  # once each
    return versions


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_version_and_checksums(name: str) -> None:
    pin = re.compile(
        r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+( ; [a-z_]+ [<>=]+ '[a-z0-9.]+' ?)? ?(--hash=sha256:[0-9a-f]{64} ?)+"
    )
    assert [entry for entry in entries(name) if not pin.fullmatch(entry)] == []


def test_the_supported_pythons() -> None:
    assert PYTHONS == ["3.11", "3.12", "3.13", "3.14"]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_wanted_is_locked(python: str, system: str) -> None:
    versions = locked(python, system, *LOCKS)
    for requirement in map(Requirement, WANTED):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement
    assert len(versions) > 120
    assert any(name.startswith("nvidia-") for name in versions) is (system == "linux")
    assert not any(name.startswith("nvidia-") for name in locked(python, system, LOCKS[0]))


def test_what_is_installed_here_needs_nothing_else() -> None:
    """pip itself finds every pin of this Python satisfied, without an index; CUDA's libraries are another machine's."""
    pins = "\n".join(entry.partition("--hash")[0] for entry in entries(LOCKS[0]))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--requirement", "/dev/stdin"]
    done = subprocess.run(command, input=pins, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout


def test_the_first_lock_asks_for_the_second() -> None:
    assert (ROOT / LOCKS[0]).read_text().splitlines().count(f"--requirement {LOCKS[1]}") == 1


def test_torch_is_pinned_exactly() -> None:
    assert f"torch=={locked(PYTHONS[0], 'linux', LOCKS[0])['torch']}" in EXTRAS["torch"]


def test_the_python_that_is_wanted_is_the_one_that_the_tools_check() -> None:
    oldest, newest = PYTHONS[0], PYTHONS[-1]
    assert oldest == PROJECT["tool"]["mypy"]["python_version"]
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    bounds = "({}) <= sys.version_info[:2] <= ({})".format(*(part.replace(".", ", ") for part in (oldest, newest)))
    assert bounds in (ROOT / "Makefile").read_text()
    assert f"Python {oldest} to {newest} " in (ROOT / "README.md").read_text()


def test_other_environments_have_the_same_pins() -> None:
    envs = ROOT / "workflow/envs"
    environment = yaml.safe_load((envs / "tokentrial.yaml").read_text())
    assert environment["dependencies"][0] == f"python{PROJECT['project']['requires-python']}"
    [line] = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert (envs / line.removeprefix("--requirement ")).resolve() == ROOT / LOCKS[0]  # from the file's own folder
    definition = (envs / "tokentrial.def").read_text()
    assert re.findall(r"^    (\S+) /opt/tokentrial/\1$", definition, re.MULTILINE) == list(LOCKS)
    [python] = re.findall(r"^From: python:(.+)-slim$", definition, re.MULTILINE)
    assert python in PYTHONS
    assert 'container: "workflow/envs/tokentrial.sif"' in (ROOT / "Snakefile").read_text()


# The Python that make finds


def refused(folder: Path, python: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", f"PYTHON={python}", ".venv/installed"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert not (folder / ".venv").exists()
    [line, _] = done.stderr.splitlines()  # and make's own
    assert done.stdout == ""
    return line


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize(("old", "new"), [("(3, 11) <=", "(3, 99) <="), ("<= (3, 14)", "<= (3, 10)")])
def test_make_names_a_python_that_is_too_old_or_too_new(old: str, new: str, checkout: Path) -> None:
    """With the bounds moved, since this Python is the one that is certainly there."""
    makefile = checkout / "Makefile"
    text = makefile.read_text()
    assert text.count(old) == 1
    makefile.write_text(text.replace(old, new))
    here = "{}.{}".format(*sys.version_info)
    said = refused(checkout, sys.executable)
    assert said.startswith(f"error: {sys.executable} is Python {here}, expected 3.11 to 3.14: name another, like make")


@pytest.mark.parametrize("python", sorted(Path.home().glob(".pyenv/versions/*/bin/python")), ids=str)
def test_the_pythons_of_this_machine(python: Path, checkout: Path) -> None:
    """Those outside the range are refused in the words above, by themselves; those inside compile all code."""
    asked = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True)
    version = asked.stdout.decode().strip()
    if version not in PYTHONS:
        assert refused(checkout, str(python)).startswith(f"error: {python} is Python {version}, expected")
        return
    code = "import pathlib, sys; [compile(p.read_bytes(), p, 'exec') for p in pathlib.Path(sys.argv[1]).rglob('*.py')]"
    command = [python, "-W", "error", "-c", code, ROOT / "src"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
