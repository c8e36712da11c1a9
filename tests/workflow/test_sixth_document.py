"""A document is added by its folder alone: the example of docs/extending.md, and a line for each kind of mistake."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from small_project import ROOT, Project, copy_project

from tokentrial import documents, published, results
from tokentrial.claims import registry, verdicts
from tokentrial.claims.rules import Results
from tokentrial.claims.verdict import VERDICTS
from tokentrial.errors import InputError
from tokentrial.run.view import SCHEMAS

SCHEMA = ROOT / "workflow/schemas/claims.schema.yaml"
NAMES = {"measures": "cramming", "decisions": "cramming_decisions"}
NEW = "documents/005"
OUTSIDE = "progressive-cramming"


def add(folder: Path) -> None:
    """Write the example's files below a folder that has ``documents``."""
    blocks = re.findall(r"```yaml\n# (documents/\S+)\n(.*?)```", (ROOT / "docs/extending.md").read_text(), re.DOTALL)
    parts = ("document", "claims", "answers", "printed")
    assert [name for name, _ in blocks] == [f"{NEW}/{name}.yaml" for name in parts]
    for name, text in blocks:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project with the example's document; tests only plan in it."""
    project = copy_project(tmp_path_factory.mktemp("extended"))
    add(project.folder)
    return project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the folder of documents with the example's."""
    shutil.copytree(ROOT / "documents", tmp_path / "documents")
    add(tmp_path)
    return tmp_path / "documents"


def test_the_plan_has_its_claims_and_their_table(extended: Project) -> None:
    done = extended.run("--filegraph", "--cores", "1", "all")
    assert done.returncode == 0, done.stderr
    for name in ("document", "claims", "printed"):  # as many rules read it as read another document's
        files = [f"documents/{each}/{name}.yaml<" for each in ("004", "005")]
        assert done.stdout.count(files[1]) == done.stdout.count(files[0]) > 0
    assert "results/tables/verdicts-005.csv<" in done.stdout


def test_its_claims_are_listed_before_those_across_documents(extended: Project) -> None:
    code = "from tokentrial.report.catalogue import DOCUMENTS as D, LISTINGS as L; print(*D.values(), *L, sep=chr(10))"
    environment = {**os.environ, **extended.environment}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    names = done.stdout.splitlines()
    assert names[4:7] == ["Document 004", "Document 005", "Across documents"]
    assert "verdicts-005" in names


@pytest.mark.slow
def test_it_runs_to_tables_report_and_page(finished: Project, tmp_path: Path) -> None:
    """Three more documents: two without three digits in their names, of which one is outside the checkout."""
    add(finished.folder)
    outside = tmp_path / "mine"
    shutil.copytree(ROOT / "examples/documents", outside)
    finished.environment[documents.VARIABLE] = str(outside)
    named = finished.folder / "documents/hashed_tokens-2025"
    shutil.copytree(finished.folder / NEW, named)
    for path in named.iterdir():  # the same document under another name, with claims and a table of its own
        text = path.read_text().replace('"005"', '"hashed_tokens-2025"').replace("HT5", "HASH2025")
        path.write_text(text.replace("hashed-accuracy", "hashed-accuracy-2025").replace("005.txt", "hashed.txt"))
    finished.build("all", "site")
    folder = finished.folder / "results"
    judged = results.read(folder / "verdicts.parquet", VERDICTS).to_pandas()
    for name, prefix in (("005", "HT5"), ("hashed_tokens-2025", "HASH2025")):
        rows = pd.read_csv(folder / f"tables/verdicts-{name}.csv", dtype=str)
        assert list(rows["id"]) == [f"{prefix}-{each}" for each in ("SAVING", "DIFFERENCE", "LOSS")]
        assert list(rows["verdict"][:2]) == ["CONSISTENT", "INCONSISTENT"]
        assert f"Document {name}" in (folder / "tables/verdict-matrix.md").read_text()
        assert f"{prefix}-DIFFERENCE" in (folder / "report.typ").read_text()
        assert f'id="document-{name}"' in (folder / "site/claims.html").read_text()
    order = list(dict.fromkeys(judged["document"].where(~judged["document"].str.contains("+", regex=False), "cross")))
    assert order[-4:] == ["005", "hashed_tokens-2025", OUTSIDE, "cross"]
    of_outside(folder, judged)
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    edited = named / "claims.yaml"  # an edit of a registry file of one's own judges anew
    edited.write_text(edited.read_text().replace('difference: "0.009"', 'difference: "0.005"'))
    assert {"verdicts", "tables", "report", "site"} <= finished.planned("all", "site").keys()
    edited.write_text(edited.read_text().replace('difference: "0.005"', 'difference: "0.009"'))
    assert finished.planned("all", "site").keys() == set()
    edited = outside / OUTSIDE / "claims.yaml"  # and so does one outside the checkout
    edited.write_text(edited.read_text().replace('["0.992"]', '["0.993"]'))
    assert {"verdicts", "tables", "report", "site"} <= finished.planned("all", "site").keys()


def of_outside(folder: Path, judged: pd.DataFrame) -> None:
    """The document outside the checkout is in the results' tables, counts, report and page."""
    rows = pd.read_csv(folder / f"tables/verdicts-{OUTSIDE}.csv", dtype=str)
    found = dict(zip(rows["id"], rows["verdict"], strict=True))
    assert (found["PCRAM-GRIM"], found["PCRAM-FULL"], len(found)) == ("CONSISTENT", "UNTESTABLE", 9)
    assert len(judged[judged["document"] == OUTSIDE]) == 9
    matrix = (folder / "tables/verdict-matrix.md").read_text()
    assert f"Document {OUTSIDE}" in matrix
    assert f"= Document {OUTSIDE}: every claim" in (folder / "report.typ").read_text().replace("\\", "")
    page = (folder / "site/claims.html").read_text()
    assert f'id="document-{OUTSIDE}"' in page and "PCRAM-DOWNSTREAM" in page


def test_documents_need_no_claims_across_them(finished: Project) -> None:
    """A project with one document of its own alone."""
    shutil.rmtree(finished.folder / "documents")
    (finished.folder / "documents").mkdir()
    add(finished.folder)
    assert list(documents.load(finished.folder / "documents")) == ["005"]
    claims = registry.load(finished.folder / "documents", SCHEMA)
    assert {claim.document for claim in claims} == {"005"}


def test_a_folder_outside_the_checkout(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "mine"
    monkeypatch.setenv(documents.VARIABLE, str(outside))
    with pytest.raises(
        InputError, match=r"TOKENTRIAL_DOCUMENTS: found \S*mine, expected a folder with a folder for each"
    ):
        documents.folders(tmp_path)
    shutil.copytree(ROOT / "examples/documents", outside)
    assert documents.folders(tmp_path) == [folder, outside]
    both = documents.folders(tmp_path)
    assert documents.names(*both) == ["000", "001", "002", "003", "004", "005", OUTSIDE, "cross"]
    assert {claim.document for claim in registry.load(both, SCHEMA)} >= {"005", OUTSIDE}
    assert documents.folders_of([folder / "000/claims.yaml", outside / OUTSIDE / "claims.yaml"]) == both
    shutil.copytree(folder / "004", outside / "004")
    with pytest.raises(
        InputError, match=r"mine/004: found the document twice, \S*documents/004 is the other; rename one$"
    ):
        registry.load(both, SCHEMA)
    monkeypatch.setenv(documents.VARIABLE, str(folder))
    assert documents.folders(tmp_path) == [folder]  # that of the checkout itself


def test_its_claims_are_judged_beside_the_others(folder: Path) -> None:
    tables = {name: str(ROOT / f"results/reference/{NAMES.get(name, name)}.parquet") for name in SCHEMAS}
    claims = registry.load(folder, SCHEMA)
    assert list(dict.fromkeys(claim.document for claim in claims if "+" not in claim.document))[-1] == "005"
    judged = verdicts.judge([claim for claim in claims if claim.document == "005"], Results.read(tables, 0.95))
    found = dict(zip(judged["id"], judged["verdict"], strict=True))
    assert (found["HT5-SAVING"], found["HT5-DIFFERENCE"]) == ("CONSISTENT", "INCONSISTENT")
    # the claim of document 001 with the same rule and cells, which the shipped run judged
    shipped = verdicts.judge([claim for claim in claims if claim.id == "LE1-INT-SUBOPT"], Results.read(tables, 0.95))
    assert found["HT5-LOSS"] == shipped["verdict"].item()


def test_its_printed_tables_are_asked_for_by_name(folder: Path) -> None:
    printed = published.load(documents.printed_files(folder))
    assert printed["hashed-accuracy"].numbers("accuracy") == [0.407, 0.412]
    assert (printed["hashed-accuracy"].document, printed["hashed-accuracy"].n) == ("005", 5)
    (folder / "005/printed.yaml").unlink()  # it may print no table
    assert list(documents.load(folder))[-2:] == ["005", "cross"]
    assert "hashed-accuracy" not in published.load(documents.printed_files(folder))


def changed(file: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], Any]:
    """A change of the content of a file of the folder of documents."""

    def of(folder: Path) -> None:
        content = yaml.safe_load((folder / file).read_text())
        change(content)
        (folder / file).write_text(yaml.safe_dump(content))

    return of


def of_document(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], Any]:
    return changed("005/document.yaml", change)


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no claims": (
        lambda folder: (folder / "005/claims.yaml").unlink(),
        r"005: found no claims\.yaml, expected document\.yaml and claims\.yaml$",
    ),
    "no document": (
        lambda folder: (folder / "005/document.yaml").unlink(),
        r"005: found no document\.yaml, expected document\.yaml and claims\.yaml$",
    ),
    "no checksum": (
        of_document(lambda content: content.pop("sha256")),
        r"005/document\.yaml: key 'sha256' is missing, expected title, prefix, ids, file, sha256, conclusion$",
    ),
    "no title": (of_document(lambda content: content.pop("title")), r"005/document\.yaml: key 'title' is missing, "),
    "an empty title": (
        of_document(lambda content: content.update(title="")),
        r"005/document\.yaml: title: found '', expected it to have at least 1 character$",
    ),
    "no checksum but a word": (
        of_document(lambda content: content.update(sha256="abc")),
        r"005/document\.yaml: sha256: found 'abc', expected it to match pattern '\^\[0-9a-f\]\{64\}\$'$",
    ),
    "a mistyped key": (
        of_document(lambda content: content.update(titel=content.pop("title"))),
        r"005/document\.yaml: unknown key 'titel': did you mean 'title'\?",
    ),
    "no id": (
        of_document(lambda content: content.update(ids=[])),
        r"005/document\.yaml: ids: found \[\], expected it to have at least 1 item",
    ),
    "an id that is a number": (
        of_document(lambda content: content["ids"].append(175)),
        r"005/document\.yaml: ids\.3: found 175, expected it to be a valid string$",
    ),
    "an id twice": (
        of_document(lambda content: content["ids"].append("LOSS")),
        r"005/document\.yaml: ids: found 'LOSS' twice, expected it once$",
    ),
    "a claim of another document": (
        of_document(lambda content: content.update(prefix="LE0", ids=["RQ"])),
        r"005/document\.yaml: ids: found LE0-RQ, which \S*000/document\.yaml has, too; expected it once$",
    ),
    "a folder whose name cannot be part of a file name": (
        lambda folder: (folder / "005").rename(folder / "my paper"),
        r"my paper: found a folder 'my paper', expected up to 40 letters, digits, - and _ that begin with a letter or",
    ),
    "a folder that is called as the row of totals": (
        lambda folder: (folder / "005").rename(folder / "all"),
        r"all: found a folder 'all', expected .* and not 'all'$",
    ),
    "a text for claims about several": (
        changed("cross/document.yaml", lambda content: content.update(file="x.txt")),
        r"cross/document\.yaml: unknown key 'file': ",
    ),
    "a claim without an entry": (
        changed("005/claims.yaml", lambda content: content["claims"].pop()),
        r"005/claims\.yaml: HT5-LOSS: the entry is missing",
    ),
    "an entry twice": (
        changed("005/claims.yaml", lambda content: content["claims"].append(content["claims"][0])),
        r"005/claims\.yaml: HT5-SAVING: the id is there twice$",
    ),
    "no document at all": (
        lambda folder: [shutil.rmtree(path) for path in folder.iterdir() if path.is_dir()],
        r"documents: found no document, expected a folder for each, such as 000$",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_with_file_and_key(case: str, folder: Path) -> None:
    change, message = BAD[case]
    change(folder)
    with pytest.raises(InputError, match=message) as caught:
        registry.load(folder, SCHEMA)
    assert str(caught.value).startswith(str(folder)) and "\n" not in str(caught.value)


def test_what_is_no_document_s_may_lie_beside_them(folder: Path) -> None:
    (folder / "notes.txt").write_text("A file is no document.")
    (folder / ".cache").mkdir()
    assert list(documents.load(folder)) == ["000", "001", "002", "003", "004", "005", "cross"]


@pytest.fixture
def broken(extended: Project) -> Iterator[Path]:
    """The documents of the project, as they were afterwards."""
    yield extended.folder / NEW
    shutil.rmtree(extended.folder / NEW)
    add(extended.folder)


def test_a_plan_with_an_incomplete_document_is_refused(extended: Project, broken: Path) -> None:
    (broken / "claims.yaml").unlink()
    line = extended.refused("--dry-run", "all")
    assert line.endswith(f"{broken}: found no claims.yaml, expected document.yaml and claims.yaml")


def test_a_plan_with_two_tables_of_one_name_is_refused(extended: Project, broken: Path) -> None:
    path = broken / "printed.yaml"
    path.write_text(path.read_text().replace("hashed-accuracy", "signal"))
    line = extended.refused("--dry-run", "all")
    other = broken.parent / "002/printed.yaml"
    assert line == f"error: {path}: tables.signal: {other} has this name, too; expected another one"
