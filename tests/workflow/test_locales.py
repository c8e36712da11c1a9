"""A run under a locale that is not UTF-8 makes the same files, to the last byte."""

import subprocess
from pathlib import Path

import pytest
from small_project import Project

pytestmark = pytest.mark.slow

CHARMAPS = Path("/usr/share/i18n/charmaps")  # of Debian's package locales
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


def files(project: Project) -> dict[str, bytes]:
    folder = project.folder / "results"
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "provenance.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("locale", ["ASCII", "ISO-8859-1"])
def test_another_encoding_makes_the_same_files(locale: str, finished: Project, tmp_path: Path) -> None:
    environment = ASCII
    if locale != "ASCII":
        if not CHARMAPS.is_dir():
            pytest.skip(f"{CHARMAPS} is missing: no locale can be made")
        name = f"de_DE.{locale}"  # with a decimal comma, and another order of letters
        subprocess.run(["localedef", "-i", "de_DE", "-f", locale, tmp_path / name], check=True)
        environment = {"LOCPATH": str(tmp_path), "LC_ALL": name, "PYTHONUTF8": "0"}
    before, report = files(finished), finished.folder / "results/report.pdf"
    made = report.stat().st_mtime_ns
    done = finished.run("--cores", "2", "--forcerun", "collect", "--", "all", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report.stat().st_mtime_ns > made
    after = files(finished)
    assert [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)] == []
