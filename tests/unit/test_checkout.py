"""The commit that is recorded, in real git repositories; the library and the bytecode that run."""

import importlib.machinery
import importlib.util
import io
import os
import py_compile
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tokentrial import checkout

FILES = {
    "Snakefile": "rule all:\n",
    "README.md": "# Code\n",
    "config/config.yaml": "seed: 42\n",
    "models/small/config.json": "{}\n",
    "workflow/rules/common.smk": "x = 1\n",
    "src/tokentrial/__init__.py": "",
    "src/tokentrial/errors.py": "x = 1\ny = 2\n",
}
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
ALLOWED = ("-c", "protocol.file.allow=always")


def put(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def git(folder: Path, *arguments: str) -> str:
    """What git says, undisturbed by the environment of the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *IDENTITY, *ALLOWED, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def committed(folder: Path, message: str = "change") -> str:
    """Commits everything; returns the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", f"--message={message}")
    return git(folder, "rev-parse", "HEAD")


def repository(folder: Path, *options: str) -> Path:
    for path, text in FILES.items():
        put(folder, path, text)
    git(folder, "init", "--initial-branch=main", *options)
    committed(folder, "one")
    return folder


@pytest.fixture(autouse=True)
def without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ~/.gitconfig, which may say that every owner is safe."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A checkout with one commit."""
    return repository(tmp_path / "code")


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")


# The commit


def test_the_commit_is_that_of_the_checkout(code: Path) -> None:
    git(code, "tag", "v1")  # a tag does not stand in for the commit
    assert checkout.commit(code) == head(code)
    assert len(head(code)) == 40
    git(code, "checkout", "--detach")
    assert checkout.commit(code) == head(code)


@pytest.mark.parametrize("path", [path for path in FILES if path != "README.md"])
@pytest.mark.parametrize("change", ["edit", "remove"])
def test_a_file_that_a_run_reads_makes_it_dirty_until_it_is_committed(path: str, change: str, code: Path) -> None:
    first = head(code)
    if change == "edit":
        put(code, path, "changed\n")
    else:
        (code / path).unlink()
    assert checkout.commit(code) == f"{first}-dirty"
    git(code, "add", "--all")  # staged is not committed
    assert checkout.commit(code) == f"{first}-dirty"
    if (path, change) != ("src/tokentrial/__init__.py", "remove"):
        assert checkout.commit(code) == f"{first}-dirty"
        second = committed(code)
        assert second != first and checkout.commit(code) == second
    git(code, "checkout", "--force", first)
    assert checkout.commit(code) == first


def test_the_commit_that_last_changed_a_file(code: Path) -> None:
    first = git(code, "rev-parse", "HEAD")
    put(code, "README.md", "# More\n")
    second = committed(code)
    assert checkout.commit_of(Path("config/config.yaml"), code) == first != second
    assert checkout.commit_of(Path("README.md"), code) == second
    put(code, "README.md", "# Edited\n")
    put(code, "config/new.yaml", "seed: 1\n")
    for unknown in ("README.md", "config/new.yaml", "config/missing.yaml"):
        assert checkout.commit_of(Path(unknown), code) == checkout.NO_COMMIT


def test_a_file_that_no_run_reads_changes_nothing(code: Path) -> None:
    put(code, "README.md", "# Edited\n")
    put(code, "notes.txt", "private")
    put(code, "results/runs.parquet", "rows")
    put(code, "src/tokentrial/notes.txt", "private")
    put(code, "src/tokentrial/__pycache__/errors.cpython-311.pyc", "bytecode")
    assert checkout.commit(code) == head(code)


@pytest.mark.parametrize("suffix", [".py", ".pyc", *importlib.machinery.EXTENSION_SUFFIXES[:1]])
@pytest.mark.parametrize("place", ["src/tokentrial/mine", "src/numpy", "src/tokentrial/encoders/mine/__init__"])
def test_a_file_that_git_does_not_have_counts_if_it_can_run(place: str, suffix: str, code: Path) -> None:
    put(code, f"{place}{suffix}", "")
    assert checkout.commit(code) == f"{head(code)}-dirty"
    put(code, ".git/info/exclude", "*.so\n*.py\n*.pyc\n")  # it runs whether git ignores it or not
    assert checkout.commit(code) == f"{head(code)}-dirty"


def test_a_linked_folder_that_git_does_not_have_counts(code: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/__init__.py", "")
    (code / "src/tokentrial/mine").symlink_to(tmp_path / "elsewhere")
    assert checkout.commit(code) == f"{head(code)}-dirty"


@pytest.mark.parametrize("bit", ["--assume-unchanged", "--skip-worktree"])
def test_what_the_index_says_of_a_file_does_not_count(bit: str, code: Path) -> None:
    git(code, "update-index", bit, "src/tokentrial/errors.py")
    assert checkout.commit(code) == head(code)
    put(code, "src/tokentrial/errors.py", "x = 2\n")
    assert git(code, "status", "--porcelain") == ""
    assert checkout.commit(code) == f"{head(code)}-dirty"


def test_an_edit_of_the_same_size_and_time_is_seen(code: Path) -> None:
    path = code / "src/tokentrial/errors.py"
    was = path.stat()
    path.write_text(path.read_text().replace("1", "3"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert checkout.commit(code) == f"{head(code)}-dirty"


def test_modes_and_line_endings_are_no_difference(code: Path, tmp_path: Path) -> None:
    (code / "src/tokentrial/errors.py").chmod(0o755)
    assert git(code, "status", "--porcelain")
    assert checkout.commit(code) == head(code)
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "--config=core.autocrlf=true", str(code), "crlf")
    assert b"\r\n" in (tmp_path / "crlf/src/tokentrial/errors.py").read_bytes()
    assert checkout.commit(tmp_path / "crlf") == head(code)


@pytest.mark.parametrize("damage", ["lock", "garbage", "none"])
def test_a_locked_or_damaged_index_does_not_matter(damage: str, code: Path) -> None:
    if damage == "lock":
        put(code, ".git/index.lock", "")
    elif damage == "garbage":
        put(code, ".git/index", "garbage")
    else:
        (code / ".git/index").unlink()
    assert checkout.commit(code) == head(code)


def test_a_filter_that_fails_leaves_it_unproven(code: Path) -> None:
    put(code, ".gitattributes", "*.py filter=broken\n")
    git(code, "config", "filter.broken.clean", "false")
    git(code, "config", "filter.broken.required", "true")
    assert checkout.commit(code) == f"{head(code)}-dirty"


# Whose commit


def test_without_a_repository_there_is_no_commit(tmp_path: Path, code: Path) -> None:
    shutil.rmtree(code / ".git")
    assert checkout.commit(code) == "no commit"
    assert checkout.commit(tmp_path / "absent") == "no commit"


def test_without_git_there_is_no_commit(code: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checkout.commit(code) == "no commit"


def test_a_repository_without_a_commit_has_none(code: Path) -> None:
    git(code, "checkout", "--orphan", "new")
    assert checkout.commit(code) == "no commit"


def unpacked(code: Path, folder: Path) -> Path:
    """What `git archive` of a checkout unpacks to."""
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=code, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_an_archive_has_no_commit_also_in_another_repository(code: Path, tmp_path: Path) -> None:
    put(code, ".gitattributes", "src/tokentrial/errors.py export-subst\n")
    put(code, "src/tokentrial/errors.py", "commit = '$Format:%H$'\n")
    first = committed(code)
    assert checkout.commit(code) == first
    around = tmp_path / "around"
    put(around, "paper.tex", "text")
    git(around, "init")
    committed(around)
    archive = unpacked(code, around / "tokentrial")
    assert first in (archive / "src/tokentrial/errors.py").read_text()
    assert git(archive, "rev-parse", "HEAD") == head(around)  # git's own answer
    assert checkout.commit(archive) == "no commit"
    committed(around)  # the files, too: still not a commit of this project
    assert checkout.commit(archive) == "no commit"


def test_an_archive_in_the_top_folder_of_another_repository_has_no_commit(code: Path, tmp_path: Path) -> None:
    around = tmp_path / "around"
    put(around, "paper.tex", "text")
    git(around, "init")
    committed(around)
    unpacked(code, around)
    assert checkout.commit(around) == "no commit"


def test_an_archive_over_a_checkout_differs_from_its_commit(code: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", str(code), "old")
    put(code, "src/tokentrial/errors.py", "x = 5\n")
    committed(code)
    unpacked(code, tmp_path / "old")
    assert checkout.commit(tmp_path / "old") == f"{head(tmp_path / 'old')}-dirty" != f"{head(code)}-dirty"


@pytest.mark.parametrize("content", ["gitdir: /nonexistent\n", "garbage", ""])
def test_a_git_file_that_leads_nowhere_is_no_repository(content: str, tmp_path: Path) -> None:
    around = repository(tmp_path / "around")
    inner = around / "inner"
    for path, text in FILES.items():
        put(inner, path, text)
    put(inner, ".git", content)
    assert checkout.commit(inner) == "no commit"


def test_worktrees_shallow_clones_and_submodules_have_their_own_commit(code: Path, tmp_path: Path) -> None:
    first = head(code)
    git(code, "worktree", "add", str(tmp_path / "tree"), first)
    git(tmp_path, "clone", "--depth=1", f"file://{code}", "shallow")
    git(tmp_path, "clone", "--filter=tree:0", f"file://{code}", "partial")
    around = tmp_path / "around"
    put(around, "paper.tex", "text")
    git(around, "init")
    git(around, "submodule", "add", f"file://{code}", "code")
    committed(around)
    assert (around / "code/.git").is_file() and (tmp_path / "tree/.git").is_file()
    put(code, "src/tokentrial/errors.py", "x = 5\n")
    assert committed(code) != first
    for place in (tmp_path / "tree", tmp_path / "shallow", tmp_path / "partial", around / "code"):
        assert checkout.commit(place) == first, place
        put(place, "config/config.yaml", "seed: 43\n")
        assert checkout.commit(place) == f"{first}-dirty", place


def test_repositories_of_longer_digests(tmp_path: Path) -> None:
    code = repository(tmp_path / "code", "--object-format=sha256")
    assert checkout.commit(code) == head(code)
    assert len(head(code)) == 64


@pytest.mark.parametrize("kind", ["submodule", "link"])
def test_what_a_commit_does_not_hold_itself_is_not_proven(kind: str, code: Path, tmp_path: Path) -> None:
    if kind == "submodule":
        other = repository(tmp_path / "other")
        git(code, "submodule", "add", f"file://{other}", "src/other")
    else:
        (code / "src/tokentrial/other.py").symlink_to("errors.py")
    assert checkout.commit(code) == f"{head(code)}-dirty"
    committed(code)
    assert checkout.commit(code) == f"{head(code)}-dirty"


def test_the_environment_names_no_other_repository(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = repository(tmp_path / "other")
    put(other, "src/tokentrial/errors.py", "x = 9\n")
    committed(other)
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.worktree", "GIT_CONFIG_VALUE_0": str(other)}
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git/index"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git/objects"),
        "GIT_COMMON_DIR": str(other / ".git"),
        "GIT_CEILING_DIRECTORIES": str(tmp_path),
        "GIT_NAMESPACE": "other",
        "GIT_PREFIX": "src/",
        **settings,
    }.items():
        monkeypatch.setenv(name, value)
    assert checkout.commit(code) == head(code)
    assert checkout.commit(tmp_path) == "no commit"


def test_a_repository_that_works_elsewhere_is_compared_with_the_files_that_are_here(code: Path, tmp_path: Path) -> None:
    shutil.copytree(code, tmp_path / "other")
    git(code, "config", "core.worktree", str(tmp_path / "other"))
    assert checkout.commit(code) == head(code)
    put(code, "src/tokentrial/errors.py", "x = 3\n")
    assert git(code, "status", "--porcelain") == ""
    assert checkout.commit(code) == f"{head(code)}-dirty"


def test_a_replaced_commit_does_not_stand_in_for_it(code: Path) -> None:
    first = head(code)
    put(code, "src/tokentrial/errors.py", "x = 3\n")
    second = committed(code)
    git(code, "replace", second, first)
    assert checkout.commit(code) == second


def test_a_checkout_of_another_owner_has_its_commit(code: Path) -> None:
    first = head(code)
    if os.getuid() == 0:  # nobody else may give files away
        for path in (code, *code.rglob("*")):
            os.chown(path, 12345, 12345)
        asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=code, capture_output=True, text=True)
        assert "dubious ownership" in asked.stderr
    assert checkout.commit(code) == first


MOVES = """
import subprocess
from tokentrial import provenance
def work(folder):
    subprocess.run(["git", *{identity}, "commit", "--allow-empty", "--message=two"], cwd=folder, check=True)
    print(provenance.git_commit())
"""


def test_a_job_records_the_commit_that_it_started_with(tmp_path: Path, root: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(root / "src/tokentrial", code / "src/tokentrial", ignore=shutil.ignore_patterns("__pycache__"))
    put(code, "src/tokentrial/moves.py", MOVES.replace("{identity}", repr(IDENTITY)))
    put(code, "Snakefile", "")
    git(code, "init")
    first = committed(code)
    call = f"from tokentrial import job; job.call('tokentrial.moves.work', dict(folder={str(code)!r}))"
    environment = {**os.environ, "PYTHONPATH": str(code / "src")}
    done = subprocess.run([sys.executable, "-c", call], env=environment, capture_output=True, text=True, check=True)
    assert head(code) != first
    assert done.stdout.splitlines()[-1] == first


# The library


def test_a_script_of_another_checkout_is_told(code: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", str(root / "workflow/scripts/train.py"), raising=False)
    checkout.check_script()
    monkeypatch.setattr(main, "__file__", str(code / "workflow/scripts/train.py"), raising=False)
    with pytest.raises(checkout.InputError) as error:
        checkout.check_script()
    said = str(error.value)
    assert "\n" not in said and str(root / "src/tokentrial") in said and f"PYTHONPATH={code / 'src'}" in said


def test_children_use_this_library_first(monkeypatch: pytest.MonkeyPatch, code: Path, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", "relative")
    for _ in range(2):
        checkout.lead_children(code)
        assert os.environ["PYTHONPATH"] == f"{code}/src{os.pathsep}relative"
    ask = [sys.executable, "-c", "import tokentrial; print(tokentrial.__file__)"]
    assert subprocess.check_output(ask, cwd=tmp_path, text=True).strip() == str(code / "src/tokentrial/__init__.py")
    monkeypatch.delenv("PYTHONPATH")
    checkout.lead_children(code)
    assert os.environ["PYTHONPATH"] == f"{code}/src"


# Bytecode


def ran(code: Path) -> str:
    """The value of x in the module that Python runs."""
    ask = [sys.executable, "-c", "from tokentrial.errors import x; print(x)"]
    environment = {**os.environ, "PYTHONPATH": str(code / "src")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.check_output(ask, env=environment, text=True).strip()


def same_time(path: Path, change: Callable[[], object]) -> None:
    """Make a change that leaves a file's time of change as it was."""
    was = path.stat()
    change()
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


@pytest.mark.parametrize("kind", ["times", "unchecked"])
def test_bytecode_of_other_code_is_dropped(kind: str, code: Path) -> None:
    path = code / "src/tokentrial/errors.py"
    if kind == "unchecked":
        py_compile.compile(str(path), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert ran(code) == "1"
    same_time(path, lambda: path.write_text("x = 7\ny = 2\n"))
    if kind == "unchecked":  # compiled after the edit, of the code before
        os.utime(importlib.util.cache_from_source(str(path)))
    assert ran(code) == "1"  # Python's own rule
    assert checkout.drop_stale_bytecode(code) >= 1
    assert ran(code) == "7"


def test_bytecode_of_the_code_that_is_there_is_kept(code: Path) -> None:
    assert ran(code) == "1"
    compiled = sorted((code / "src/tokentrial/__pycache__").iterdir())
    assert checkout.drop_stale_bytecode(code) == 0
    assert sorted((code / "src/tokentrial/__pycache__").iterdir()) == compiled != []
