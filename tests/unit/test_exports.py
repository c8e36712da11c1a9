"""Verdicts for other programs: claims-cli checks the manifest, rdflib reads the nanopublications, also in the crate."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command import Command, command, refused  # noqa: F401
from crate_project import FINAL, SPEC, finished_project
from rdflib import Dataset, Graph, URIRef
from rdflib.namespace import DCTERMS, PROV, RDF
from rdflib.term import BNode
from ro_crates import issues

from tokentrial import documents, provenance
from tokentrial.claims import evidence
from tokentrial.claims.verdict import CONSISTENT
from tokentrial.publish import nanopublications, repro_manifest, works
from tokentrial.publish.crate import record
from tokentrial.publish.crate.build import write_crate
from tokentrial.publish.crate.files import Project

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "results/reference"
EXAMPLE = str(ROOT / "examples/paper.yaml")
NP = "http://www.nanopub.org/nschema#"


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return evidence.read(SHIPPED)


def checked(folder: Path) -> dict[str, dict[str, str]]:
    """What claims-cli says of a manifest: claim -> kind of evidence -> comparison."""
    program = [sys.executable, "-m", "claims", "verify", "--format", "json", str(folder / "repro.yaml")]
    done = subprocess.run(program, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, dict[str, str]] = {}
    for claim in json.loads(done.stdout)["report"]["claims"]:
        found[claim["claim_id"]] = {each["kind"]: each["comparison"] for each in claim["decisions"]}
    return found


# repro.yaml


def test_claims_cli_agrees_with_every_number(rows: pd.DataFrame, tmp_path: Path) -> None:
    repro_manifest.write(tmp_path, rows, works.of_documents(documents.load(ROOT / "documents")))
    found = checked(tmp_path)
    assert list(found) == list(rows["id"])
    assert {each["quote"] for each in found.values()} == {"match"}
    numbers = {name: each["metric"] for name, each in found.items() if "metric" in each}
    verdicts = dict(zip(rows["id"], rows["verdict"], strict=True))
    assert len(numbers) > 60
    for name, outcome in numbers.items():
        assert (outcome == "match") is (verdicts[name] == CONSISTENT), name


def test_an_audit_is_exported_alike(command: Command, tmp_path: Path) -> None:  # noqa: F811
    said = command("audit", EXAMPLE, "--export", "repro", "--output", str(tmp_path))
    assert (said.code, said.out) == (0, "") and said.err == f"wrote {tmp_path / 'repro.yaml'}\n"
    found = checked(tmp_path)
    assert found["SAVING-RIGHT"] == {"quote": "match", "metric": "match"}
    assert found["DIFFERENCE-WRONG"] == {"quote": "match", "metric": "mismatch"}
    assert set(found["HOLM-WRONG"]) == {"quote"}


def test_a_file_that_was_changed_is_seen_by_the_other_program(command: Command, tmp_path: Path) -> None:  # noqa: F811
    command("audit", EXAMPLE, "--export", "repro", "--output", str(tmp_path))
    file = tmp_path / "recomputed.json"
    file.write_text(file.read_text().replace("0.75", "0.76"))
    assert checked(tmp_path)["SAVING-RIGHT"] == {"quote": "match", "metric": "mismatch"}


def test_a_manifest_needs_a_folder(command: Command, tmp_path: Path) -> None:  # noqa: F811
    line = refused(command("claims", "export", "--format", "repro"))
    assert line == "repro: found no --output, expected a folder, since repro.yaml pins two files beside it"
    (tmp_path / "file").write_text("")
    line = refused(command("audit", EXAMPLE, "--export", "repro", "-o", str(tmp_path / "file")))
    assert "cannot be written" in line
    line = refused(command("audit", EXAMPLE, "--export", "csv", "--md"))
    assert line == "audit: found several of --html, --md, --json and --export, expected at most one"


# Nanopublications


def well_formed(graph: Dataset, place: str) -> dict[str, Graph]:
    """The parts of a nanopublication that follows the guidelines, without a signature."""
    this = URIRef(place)
    head = graph.graph(URIRef(f"{place}Head"))
    assert (this, RDF.type, URIRef(f"{NP}Nanopublication")) in head
    parts = {}
    for name in ("Assertion", "Provenance", "PublicationInfo"):
        [part] = head.objects(this, URIRef(f"{NP}has{name}"))
        parts[name] = graph.graph(part)
        assert len(parts[name]) > 0
    [assertion] = head.objects(this, URIRef(f"{NP}hasAssertion"))
    assert list(parts["Provenance"].objects(assertion, PROV.wasDerivedFrom))
    assert list(parts["PublicationInfo"].objects(this, DCTERMS.license))
    assert not any(isinstance(term, BNode) for part in parts.values() for triple in part for term in triple)
    return parts


def parsed(content: dict[str, Any], number: int) -> Dataset:
    """One nanopublication of many."""
    graph = Dataset()
    part = {"@context": content["@context"], "@graph": content["@graph"][4 * number : 4 * number + 4]}
    graph.parse(data=json.dumps(part), format="json-ld")
    assert len([each for each in graph.graphs() if len(each)]) == 4
    return graph


def test_every_verdict_is_a_nanopublication(rows: pd.DataFrame, command: Command) -> None:  # noqa: F811
    content = json.loads(command("claims", "export", "--format", "nanopub").out)
    assert len(content["@graph"]) == 4 * len(rows)
    for number in (0, list(rows["id"]).index("LE0-RQ"), list(rows["id"]).index("XD-PERF")):
        row = rows.iloc[number]
        place = f"{nanopublications.TEMPORARY}{row['id']}#"
        parts = well_formed(parsed(content, number), place)
        rating = URIRef(f"{place}rating")
        [word] = parts["Assertion"].objects(rating, URIRef("https://schema.org/alternateName"))
        assert str(word) == row["verdict"]
        origins = list(parts["Provenance"].objects(URIRef(f"{place}assertion"), PROV.wasDerivedFrom))
        assert len(origins) == len(row["document"].split(" + ")) and all(
            str(one).startswith("ni:///") for one in origins
        )


def test_an_audit_s_document_has_no_checksum(command: Command) -> None:  # noqa: F811
    content = json.loads(command("audit", EXAMPLE, "--export", "nanopub").out)
    place = f"{nanopublications.TEMPORARY}SAVING-RIGHT#"
    parts = well_formed(parsed(content, 0), place)
    [origin] = parts["Provenance"].objects(URIRef(f"{place}assertion"), PROV.wasDerivedFrom)
    assert str(origin) == f"{nanopublications.TEMPORARY}document/paper"


def test_they_are_in_the_crate(rows: pd.DataFrame, tmp_path: Path) -> None:
    folder = finished_project(tmp_path / "project")
    shutil.copy(SHIPPED / "verdicts.parquet", folder / "results")
    shutil.copytree(ROOT / "documents", folder / "documents")
    found = record.describe(Project.of(folder), {"seed": 42}, [provenance.digest(SPEC)], FINAL)
    final = [*FINAL, "results/verdicts.parquet"]
    write_crate(Project.of(folder), {"seed": 42}, found, final, folder / "results/crate.zip")
    with zipfile.ZipFile(folder / "results/crate.zip") as archive:
        archive.extractall(tmp_path / "crate")
    content = json.loads((tmp_path / "crate/results/verdicts.nanopub.jsonld").read_text())
    assert len(content["@graph"]) == 4 * len(rows)
    place = f"{nanopublications.TEMPORARY}{rows['id'][0]}#"
    parts = well_formed(parsed(content, 0), place)
    assert list(parts["PublicationInfo"].objects(URIRef(place), DCTERMS.created))
    assert issues(tmp_path / "crate", tmp_path / "cache") == []
