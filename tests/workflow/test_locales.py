"""A run under a locale that is not UTF-8 makes the same files, to the last byte."""

import subprocess
from pathlib import Path

import pytest
from small_project import Project

pytestmark = pytest.mark.slow

CHARMAPS = Path("/usr/share/i18n/charmaps")  # of Debian's package locales


def files(project: Project) -> dict[str, bytes]:
    folder = project.folder / "results"
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "provenance.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_another_encoding_makes_the_same_files(finished: Project, tmp_path: Path) -> None:
    """Files without a named encoding are Latin-1, what is printed is ASCII; a decimal comma, another order of letters.

    Where no locale can be made, all of it is ASCII.
    """
    environment = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    if CHARMAPS.is_dir():
        environment |= {"LOCPATH": str(tmp_path), "LC_ALL": "de_DE.ISO-8859-1"}
        made = tmp_path / environment["LC_ALL"]
        subprocess.run(["localedef", "-i", "de_DE", "-f", "ISO-8859-1", made], check=True)
    before, report = files(finished), finished.folder / "results/report.pdf"
    before_it = report.stat().st_mtime_ns
    done = finished.run("--cores", "2", "--forcerun", "collect", "--", "all", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report.stat().st_mtime_ns > before_it
    after = files(finished)
    assert [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)] == []
