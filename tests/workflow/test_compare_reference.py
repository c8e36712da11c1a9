"""`snakemake compare_reference`: the answer on the terminal, in two files and as the exit status; nothing is made."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_project import ROOT, Project

from tokentrial import results
from tokentrial.publish.reference.rows import TABLES

TARGET = "compare_reference"
SAID = "results/compare_reference.md"


@pytest.fixture
def shipped(project: Project) -> Project:
    """A copy whose results are those of the shipped run, as tables alone."""
    folder = project.folder / "results"
    shutil.copytree(ROOT / "results/reference", folder / "reference", ignore=shutil.ignore_patterns("*.pdf", "*.svg"))
    for name in TABLES:
        shutil.copy2(folder / "reference" / f"{name}.parquet", folder)
    return project


def changed(project: Project, name: str, row: int, **values: object) -> pd.Series:
    """Change columns of one row of a result table; gives the row as it was."""
    path = project.folder / f"results/{name}.parquet"
    table = results.read(path, TABLES[name].schema).to_pandas()
    was = table.iloc[row].copy()
    for column, value in values.items():
        table.loc[row, column] = value
    results.write(path, results.table(table, TABLES[name].schema))
    return was


def tables(project: Project) -> dict[Path, tuple[bytes, int]]:
    found = (project.folder / "results").rglob("*.parquet")
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def test_the_shipped_run_is_identical_however_often_one_asks(shipped: Project) -> None:
    before = tables(shipped)
    answers = [shipped.run("--cores", "1", TARGET) for _ in range(2)]
    text = (shipped.folder / SAID).read_text()
    for done in answers:
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.strip() == text.strip()  # the answer alone: what Snakemake says goes to stderr
    assert "verdicts are those of the reference run.**" in text and "The config is the same" in text
    found = json.loads((shipped.folder / "results/compare_reference.json").read_text())
    assert all(study["differing"] == study["only_run"] == 0 < study["identical"] for study in found["runs"].values())
    assert tables(shipped) == before
    made = {path.name for path in (shipped.folder / "results").iterdir()} - {path.name for path in before}
    assert made == {"reference", "compare_reference.json", "compare_reference.md"}  # nothing was run for it


def test_a_value_and_a_verdict_that_differ_are_named(shipped: Project) -> None:
    value = changed(shipped, "runs", 1000)["value"]
    row = changed(shipped, "runs", 1000, value=np.nextafter(value, np.inf))
    claims = results.read(shipped.folder / "results/verdicts.parquet", TABLES["verdicts"].schema).to_pandas()
    number = int(np.flatnonzero(claims["verdict"] == "CONFIRMED")[0])
    claim = changed(shipped, "verdicts", number, verdict="REFUTED")["id"]
    line = shipped.refused(TARGET)
    assert line == f"error: 1 verdict differs from the reference run's at the same config: {claim}; see {SAID}"
    text = (shipped.folder / SAID).read_text()  # a failed check keeps what it found
    assert f"**{claim}**" in text and "CONFIRMED -> REFUTED" in text
    where = f"{row['condition']}, {row['arm']}, seed {row['seed']}, {row['split']}, step {int(row['step'])}"
    assert f"1 differs; absolute at most {np.nextafter(value, np.inf) - value:.3g}" in text and where in text


def test_a_run_at_another_scale_does_not_fail(shipped: Project) -> None:
    """Its name is in the hash of its specification, however few of its rows it shares."""
    path = shipped.folder / "results/arms.parquet"
    arms = results.read(path, results.ARMS).to_pandas().assign(config_hash="another", seeds=3)
    results.write(path, results.table(arms, results.ARMS))
    changed(shipped, "verdicts", 0, verdict="PARTLY")
    said = shipped.build(TARGET, cores=1)
    assert "The config or the text is another: 0 of" in said and "**1 of" in said and "CONSISTENT -> PARTLY" in said


def test_without_a_finished_run_it_says_so_and_trains_nothing(project: Project, shipped: Project) -> None:
    (shipped.folder / "results/statistics.parquet").unlink()
    assert shipped.planned(TARGET) == {TARGET: set()}
    line = shipped.refused(TARGET)
    assert line.startswith("error: results/statistics.parquet: not found, expected the tables of a finished run")
    assert not (shipped.folder / SAID).exists() and not (shipped.folder / "results/runs").exists()
