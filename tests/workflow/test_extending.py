"""The examples of docs/extending.md are run as they stand: an encoder, an arm, an experiment, a data set, a claim."""

import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from small_project import ROOT, Project, copy_project

from tokentrial.claims import registry
from tokentrial.claims.catalogue import CHECKS

TEXT = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
STUDY = "learned_encoding"


def blocks(section: str, language: str) -> list[str]:
    """The examples below a heading that begins with these words."""
    [text] = [part for part in re.split(r"^## ", TEXT, flags=re.MULTILINE) if part.startswith(section)]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small project with the encoder, the overlay of the arm and that of the experiment, and its tables."""
    project = copy_project(tmp_path_factory.mktemp("extending"))
    [encoder] = blocks("An encoder", "python")
    (project.folder / "src/tokentrial/encoders/shared_rows.py").write_text(encoder)
    in_file, overlay = map(yaml.safe_load, blocks("An arm", "yaml"))
    assert in_file["arms"] == overlay[STUDY]["arms"]
    [experiment] = map(yaml.safe_load, blocks("An experiment", "yaml"))
    [design] = [entry["done-right"] for entry in experiment["experiments"].values()]
    [[(name, source)]] = [yaml.safe_load(text)["data"].items() for text in blocks("A data set", "yaml")]
    design["data"] |= {name: source}
    overlay[STUDY]["experiments"] |= experiment["experiments"]
    overlay[STUDY]["methods"] = in_file["methods"]
    (project.folder / "mine.yaml").write_text(yaml.safe_dump(overlay))
    done = project.run("--cores", "2", "--configfile", "mine.yaml", "--", "tables")
    assert done.returncode == 0, done.stderr[-3000:]
    return project


def table(project: Project, name: str) -> pd.DataFrame:
    return pd.read_parquet(project.folder / f"results/{name}.parquet")


def test_the_encoder_is_an_arm_that_comparisons_start_from(extended: Project) -> None:
    methods = table(extended, "methods").set_index("arm")
    assert tuple(methods.loc["shared", ["name", "role", "color", "marker"]]) == ("shared rows", "own", "orange", "*")
    pairs = table(extended, "statistics").query("arm_a == 'shared' and metric == 'cross_entropy'")
    of_compression = pairs[pairs["condition"].str.startswith(f"{STUDY}/compression/done-right/")]
    assert {"autoencoder", "unigram"} <= set(of_compression["arm_b"]) and of_compression["difference"].notna().all()
    bits = table(extended, "arms").pivot(index="condition", columns="arm", values="bits_deployed")
    fewer = (bits["learned"] - bits["shared"]).dropna()  # 8 rows in place of 20, of widths 8 / 2 and 8 / 4
    assert sorted(fewer) == [32 * (20 - 8) * 2, 32 * (20 - 8) * 4]


def test_the_experiment_is_in_the_tables_by_its_title(extended: Project) -> None:
    conditions = table(extended, "conditions").query("experiment == 'small-alphabets'")
    assert set(conditions["title"]) == {"Small alphabets"} and set(conditions["short"]) == {"Alphabets"}
    assert sorted(zip(conditions["data"], conditions["ratio"], strict=True)) == [
        *(("mine", 2), ("mine", 8), ("v10", 2), ("v10", 8)),
    ]
    listed = [path for path in (extended.folder / "results/tables").glob("*.md") if "Alphabets" in path.read_text()]
    listed += [
        path for path in (extended.folder / "results/tables").glob("*.md") if "Small alphabets" in path.read_text()
    ]
    assert listed


def test_the_claim_is_judged_by_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "documents", tmp_path / "documents")
    [[entry]] = map(yaml.safe_load, blocks("A claim", "yaml"))
    claims, about = (tmp_path / f"documents/001/{name}.yaml" for name in ("claims", "document"))
    listed = yaml.safe_load(claims.read_text())["claims"]
    claims.write_text(yaml.safe_dump({"claims": [*listed, entry]}, sort_keys=False))
    document: dict[str, Any] = yaml.safe_load(about.read_text())
    document["ids"].append(entry["id"].removeprefix(f"{document['prefix']}-"))
    about.write_text(yaml.safe_dump(document, sort_keys=False))

    monkeypatch.setattr(CHECKS, "questions", dict(CHECKS.questions))
    known = dict(CHECKS)
    try:
        [code] = blocks("A claim", "python")
        exec(compile(code, "docs/extending.md", "exec"), {"__name__": "extending"})
        loaded = registry.load(tmp_path / "documents", ROOT / "workflow/schemas/claims.schema.yaml")
        [claim] = [claim for claim in loaded if claim.id == entry["id"]]
        assert claim.call is not None and claim.call().verdict == "CONSISTENT"
        wrong = {**entry["reported"], "ratios": ["2", "4", "9", "16", "32"]}
        finding = registry.bound(entry["check"], entry["parameters"], wrong)()
        assert finding.verdict == "INCONSISTENT" and finding.recomputed["steps"] == [2, 2.25, 16 / 9, 2]
    finally:
        CHECKS.clear()
        CHECKS.update(known)
