"""``tokentrial init``: a project laid out like a checkout, whole or not at all; ``run`` takes the one it stands in."""

import re
from pathlib import Path

import pytest
from command import Command, command, refused  # noqa: F401

from tokentrial import checkout
from tokentrial.cli import init, run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a file in each part, so that nothing large is copied."""
    root = tmp_path / "installed"
    for part in init.PARTS:
        folder = root / part
        if (ROOT / part).is_file():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.write_text("a file\n")
        else:
            (folder / "__pycache__").mkdir(parents=True)
            (folder / "__pycache__/x.pyc").write_text("compiled")
            (folder / "one.txt").write_text("text\n")
    (root / "src/tokentrial").mkdir()
    (root / "src/tokentrial/__init__.py").write_text("")
    (root / "results/runs.parquet").write_text("of a run")
    for module in (init, run):
        monkeypatch.setattr(module, "ROOT", root)
    return root


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_project_has_what_a_run_reads(small: Path, tmp_path: Path, command: Command) -> None:  # noqa: F811
    target = tmp_path / "my trial"
    said = command("init", str(target))
    assert said.code == 0 and f"made {target}" in said.out
    copied = files(target)
    assert copied == {name for name in files(small) if "__pycache__" not in name} - {"results/runs.parquet"}
    assert {part.partition("/")[0] for part in checkout.READ} <= {name.partition("/")[0] for name in copied}
    assert all((ROOT / part).exists() for part in init.PARTS)
    assert run.project(target) == target and run.project(tmp_path) == small


def test_links_of_a_projects_pages_lead_to_files_that_it_has() -> None:
    """Of the pages beside the README: each link is a file here, in the wheel and in a project."""
    in_wheel = (ROOT / "setup.py").read_text(encoding="utf-8")
    for page in (name for name in init.FILES if name.endswith(".md")):
        assert f'"{page}"' in in_wheel
        for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", (ROOT / page).read_text(encoding="utf-8")):
            assert (ROOT / link).is_file(), (page, link)
            assert link in init.FILES or link.startswith(tuple(f"{part}/" for part in init.PARTS)), (page, link)


def test_bad_places_are_one_line_and_nothing_is_made(small: Path, tmp_path: Path, command: Command) -> None:  # noqa: F811
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/mine.txt").write_text("mine")
    (tmp_path / "file").write_text("a file")
    before = files(tmp_path)
    assert refused(command("init", str(tmp_path / "taken"))).endswith("taken: found files in it, expected a new folder")
    assert refused(command("init", str(tmp_path / "file"))).endswith("file: found a file, expected a new folder")
    assert "cannot be made: No such file" in refused(command("init", str(tmp_path / "no/such/folder")))
    assert "it is inside" in refused(command("init", str(small / "inside")))
    (small / "studies/one.txt").unlink()
    (small / "studies/__pycache__/x.pyc").unlink()
    (small / "studies/__pycache__").rmdir()
    (small / "studies").rmdir()
    assert "studies: not found, expected the project beside the library" in refused(
        command("init", str(tmp_path / "new"))
    )
    assert files(tmp_path) == before - {name for name in before if name.startswith("installed/studies/")}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
