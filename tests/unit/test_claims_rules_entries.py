"""The shipped empirical entries on the shipped results: each gives a finding whose comparisons exist."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import views
import yaml

from tokentrial.claims.catalogue import IN_WORDS
from tokentrial.claims.rules import RULES, Results
from tokentrial.claims.verdict import OF_RULES, UNTESTABLE, Finding

Entry = dict[str, Any]


def entries(root: Path) -> Iterator[Entry]:
    """Every empirical entry of the registry."""
    for path in sorted((root / "documents").glob("*/claims.yaml")):
        for entry in yaml.safe_load(path.read_text())["claims"]:
            if entry["kind"] == "empirical":
                yield entry


@pytest.fixture(scope="module")
def reference(shipped: dict[str, Any]) -> Results:
    """The results that are shipped with the code."""
    tables = {name: path for name, path in views.shipped().items() if name != "decisions"}
    return Results.read(tables, shipped["statistics"]["confidence"])


@pytest.fixture(scope="module")
def findings(root: Path, reference: Results) -> dict[str, tuple[Entry, Finding]]:
    made = {}
    for entry in entries(root):
        made[entry["id"]] = (entry, RULES[entry["rule"]](reference, entry["reported"], **entry["parameters"]))
    return made


def test_there_is_one_entry_for_each_empirical_claim(findings: dict[str, tuple[Entry, Finding]]) -> None:
    by_document = [id_[:3] for id_ in findings]
    counts = {name: by_document.count(name) for name in ("LE0", "LE1", "LE2", "BT3", "CR4", "XD-")}
    assert counts == {"LE0": 8, "LE1": 21, "LE2": 8, "BT3": 15, "CR4": 7, "XD-": 1}


def test_each_entry_gives_a_finding_with_comparisons_that_exist(
    findings: dict[str, tuple[Entry, Finding]], reference: Results
) -> None:
    known = set(reference.statistics["comparison"])
    for id_, (_, found) in findings.items():
        assert found.verdict in OF_RULES, id_
        told = any(letter.isdigit() for letter in found.reason) or found.verdict == UNTESTABLE
        assert told and found.reason.endswith("."), id_
        assert set(found.comparisons) <= known, id_
        assert found.rows == len(found.comparisons), id_
        assert bool(found.comparisons) == (found.verdict != UNTESTABLE), id_


def test_each_entry_says_its_rule(root: Path) -> None:
    """A rule says in words what it decides on; an entry says it only for a rule that has no words of its own."""
    for entry in entries(root):
        assert ("decision" in entry) == (entry["rule"] not in IN_WORDS), entry["id"]
        said = entry.get("decision") or IN_WORDS[entry["rule"]](entry["parameters"])
        assert said.endswith(".") or "decision" in entry, entry["id"]
        assert all(isinstance(number, str) for number in entry["reported"].values()), entry["id"]


def test_no_verdict_without_results(root: Path, reference: Results) -> None:
    """An empty run decides nothing: every claim is untestable, none is an error."""
    tables = ("runs", "arms", "summary", "statistics", "conditions", "methods")
    empty = Results(**{name: getattr(reference, name).iloc[:0] for name in tables})
    for entry in entries(root):
        found = RULES[entry["rule"]](empty, entry["reported"], **entry["parameters"])
        assert found.verdict == UNTESTABLE and found.reason.startswith("This run has no"), entry["id"]


def test_swapping_the_arms_turns_a_superiority_claim(root: Path, reference: Results) -> None:
    """No verdict survives an exchange of both arms' values: a rule that does not read them would not notice."""
    chosen = [entry for entry in entries(root) if entry["rule"] == "superior" and entry["id"].startswith("LE1-T5")]
    swap = {"learned": "autoencoder", "autoencoder": "learned"}
    runs = reference.runs.assign(arm=reference.runs["arm"].replace(swap))
    mirrored = replace(reference, runs=runs)
    for entry in chosen:
        one = [{**cells, "pairs": [["learned", "autoencoder"]]} for cells in entry["parameters"]["cells"]]
        rule, given = RULES[entry["rule"]], {**entry["parameters"], "cells": one, "released": []}
        before, after = (rule(results, entry["reported"], **given) for results in (reference, mirrored))
        assert before.recomputed["difference"] == pytest.approx(-after.recomputed["difference"]), entry["id"]
        assert before.verdict != after.verdict, entry["id"]
