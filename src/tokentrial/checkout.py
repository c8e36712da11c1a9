"""The checkout whose code runs: its commit, and whether it is the checkout of the Snakefile."""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tokentrial.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path("src/tokentrial")
NO_COMMIT = "no commit"
READ = (
    "CITATION.cff",
    "Snakefile",
    "config",
    "documents",
    "models",
    "src",
    "studies",
    "workflow",
)  # files and folders that a run reads
RUNNING = ("src", "workflow")  # folders in which Python and Snakemake look for code, so that an untracked file may run
IMPORTABLE = tuple(importlib.machinery.all_suffixes())


def commit(root: Path = ROOT) -> str:
    """Returns the commit of a checkout's files, with ``-dirty`` if a file that a run reads differs from the commit.

    A file differs if it is missing or if its content differs, whatever git's index says. An untracked file counts if
    Python could import it. Modes and line endings that git itself converts do not count. If ``root`` itself has no
    commit, as in an unpacked archive, the result is ``no commit``, even inside another repository.
    """
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    listed = _git(root, "ls-tree", "-r", "-z", "--full-tree", head.strip(), "--", *READ) if head else None
    if head is None or listed is None:
        return NO_COMMIT
    tree = {}
    for entry in listed.split("\0")[:-1]:
        facts, _, path = entry.partition("\t")
        tree[path] = facts.split()
    if f"{LIBRARY.as_posix()}/__init__.py" not in tree:  # the repository of something else
        return NO_COMMIT
    return head.strip() + ("" if _is_same(root, tree) else "-dirty")


def commit_of(path: Path, root: Path = ROOT) -> str:
    """Returns the commit that last changed a file; ``no commit`` if the file is not as there, or nothing is known.

    path: relative to the checkout ``root``.
    """
    last = _git(root, "log", "-1", "--format=%H", "HEAD", "--", path.as_posix())
    there, here = _git(root, "rev-parse", f"HEAD:{path.as_posix()}"), _git(root, "hash-object", "--", path.as_posix())
    return last.strip() if last and last.strip() and there is not None and there == here else NO_COMMIT


def _is_same(root: Path, tree: dict[str, list[str]]) -> bool:
    """Whether the files have a commit's content. tree: mode, type and blob of each path, as git ls-tree shows them."""
    if any(not mode.startswith("100") for mode, _, _ in tree.values()):  # a link or a submodule: not looked into
        return False
    if any(not (root / path).is_file() for path in tree) or any(path not in tree for path in _importable(root)):
        return False
    # git reads the files as it would for a commit, so that its filters apply.
    blobs = _git(root, "hash-object", "--stdin-paths", text="".join(f"{path}\n" for path in tree))
    return blobs is not None and blobs.split() == [blob for _, _, blob in tree.values()]


def _importable(root: Path) -> Iterator[str]:
    """Yields the files that Python could import, relative to ``root``; a linked folder counts as one file."""
    for top in RUNNING:
        for folder, folders, files in os.walk(root / top):
            linked = [name for name in folders if Path(folder, name).is_symlink()]
            folders[:] = [name for name in folders if name != "__pycache__"]
            for name in (*linked, *(file for file in files if file.endswith(IMPORTABLE))):
                yield Path(folder, name).relative_to(root).as_posix()


def _git(root: Path, *arguments: str, text: str = "") -> str | None:
    """Returns git's output for the repository in ``root``; None if git fails or is missing.

    The command names the repository, so git neither searches the folders above nor refuses a checkout of another owner,
    whose code runs anyway. Variables that could name another repository, index or setting are removed.
    """
    command = ["git", f"--git-dir={root / '.git'}", f"--work-tree={root}", "--no-replace-objects", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_NO_LAZY_FETCH"] = "1"  # a partial clone asks no network
    try:
        done = subprocess.run(command, cwd=root, env=environment, input=os.fsencode(text), capture_output=True)
    except OSError:
        return None
    return os.fsdecode(done.stdout) if done.returncode == 0 else None


def lead_children(root: Path = ROOT) -> None:
    """Makes every child process, with any Python and in any folder, use this library first."""
    source, present = str(root / LIBRARY.parent), os.environ.get("PYTHONPATH", "")
    if present.split(os.pathsep)[0] != source:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [source, present]))


def check_script() -> None:
    """Raises InputError if this process runs a script of the workflow with the library of another checkout.

    Snakemake's own process has checked its library; a container or another interpreter may find another one.
    """
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    if script.parent.parts[-2:] != ("workflow", "scripts"):
        return
    expected = script.parents[2] / LIBRARY
    if not (expected.is_dir() and expected.samefile(ROOT / LIBRARY)):
        found = f"{sys.executable} has the library {ROOT / LIBRARY}"
        raise InputError(f"{script.name}: {found}, expected {expected}; set PYTHONPATH={expected.parent}")


def drop_stale_bytecode(root: Path = ROOT) -> int:
    """Removes compiled modules that may not match their source, and returns their number.

    Python trusts a compiled module whose source has the recorded size and second of change, or that asks not to be
    checked. A run's digests are those of the source, so every module older than its source is compiled anew.
    """
    dropped = 0
    for folder in [root / LIBRARY, *(path for path in (root / LIBRARY).rglob("*") if path.is_dir())]:
        cache = Path(importlib.util.cache_from_source(str(folder / "any.py"))).parent
        for compiled in cache.glob("*.pyc"):
            with suppress(OSError):  # no such source, or a folder that only another user may change
                changed = (folder / f"{compiled.name.partition('.')[0]}.py").stat().st_ctime_ns
                if compiled.stat().st_mtime_ns <= changed or _is_unchecked(compiled):
                    compiled.unlink()
                    dropped += 1
    return dropped


def _is_unchecked(compiled: Path) -> bool:
    """Whether Python loads a compiled module without checking its source (PEP 552: flags 0b01)."""
    with compiled.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "little") & 0b11 == 0b01
