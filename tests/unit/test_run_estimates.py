"""Measures of the cramming study, looked up by what they are of."""

import cramming_runs as synthetic
import pandas as pd
import pytest

from tokentrial.run.estimates import UNKNOWN, Scope
from tokentrial.run.view import View

NATURAL = Scope("uncertainty", "llama-128x2", "text-test", 1, "tuned")


@pytest.fixture(scope="module")
def view() -> View:
    return synthetic.view_of(synthetic.study(texts=4), resamples=100)


def test_every_row_is_found_by_its_key(view: View) -> None:
    assert view.measures is not None
    for _, row in view.measures.iterrows():
        kind = None if pd.isna(row["kind"]) else row["kind"]
        vectors, length = (None if pd.isna(row[name]) else int(row[name]) for name in ("vectors", "length"))
        scope = Scope(row["design"], row["model"], kind, vectors, row["arm"])
        estimate = view.estimates.get(row["measure"], scope, length)
        assert (estimate.n, estimate.note) == (row["n"], row["note"])
        assert (estimate.value is None) == pd.isna(row["estimate"])
        assert estimate.value is None or estimate.value == row["estimate"]


def test_what_was_not_measured_is_unknown(view: View) -> None:
    assert view.estimates.get("accuracy", NATURAL, 9) is UNKNOWN
    assert view.estimates.lengths(NATURAL._replace(model="other")) == []
    assert view.estimates.fact("other", "width") is None
    assert synthetic.bare_view([]).estimates.scopes == []


def test_scopes_lengths_and_facts(view: View) -> None:
    estimates = view.estimates
    assert estimates.lengths(NATURAL) == [8, 12, 16, 24, 32]
    assert estimates.groups == [NATURAL._replace(kind="all")]
    assert [scope.kind for scope in estimates.members(estimates.groups[0])] == list(synthetic.RATES)
    assert estimates.fact("llama-128x2", "width") == 128
    series = Scope("vectors", "llama-64x4", "text-test", None, "tuned")
    assert [scope for scope, _ in estimates.each("exponent_information_gain")] == [series]
    widest = {scope.model: scope.design for scope in estimates.widest()}
    assert widest["llama-64x4"] == widest["llama-128x2"] == "capacity"  # six lengths; the other designs have fewer


def test_controls_are_the_arms_of_that_role(view: View) -> None:
    controls = ["control.random-vector", "control.prefix", "control.shared"]
    assert view.with_role("cramming", "control") == controls
    assert view.with_role("cramming", "as released") == ["paper"]
