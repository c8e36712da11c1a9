"""A claim of the cramming study has one verdict: text, tables, figures and the site print the same word."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import cramming_runs as synthetic
import pandas as pd
import pytest
import views
from claims_frames import made
from matplotlib.text import Text

from tokentrial import results
from tokentrial.claims import decisions
from tokentrial.claims.decisions.deciding import of_today
from tokentrial.claims.rules import RULES
from tokentrial.claims.verdict import INCONCLUSIVE, OF_RULES, REFUTED, VERDICTS, Finding
from tokentrial.cramming import measures
from tokentrial.cramming.columns import ALL, DECISIONS, VERDICT
from tokentrial.report import catalogue
from tokentrial.report.cramming_names import CLAIMS
from tokentrial.report.paper import cramming
from tokentrial.report.paper.context import Paper
from tokentrial.report.tables import of_study
from tokentrial.run.view import View
from tokentrial.schema import study_files

ROOT = Path(__file__).parents[2]
WORDS = re.compile(rf"\b(?:{'|'.join(OF_RULES)})\b")
OF_DOCUMENT = [claim for claim in decisions.CLAIMS if claim.startswith("CR4-")]
PUBLISHED = decisions.published_models(views.printed())


@cache
def run(smaller: float) -> View:
    """Every design, on models that are so many times smaller than the document's smallest."""
    rows = [
        (*row[:7], row[7] / smaller, row[8]) if row[6] == "parameters" else row for row in synthetic.study(texts=16)
    ]
    of_rows = synthetic.evidence(rows, resamples=100)
    decided = measures.table(decisions.rows(of_rows, PUBLISHED), DECISIONS).to_pandas()
    return replace(synthetic.view_of(rows, resamples=100), decisions=decided)


@pytest.fixture(scope="module", params=[1.0, 1e3], ids=["large", "small"])
def view(request: pytest.FixtureRequest) -> View:
    return run(request.param)


def judged(view: View, claim: str) -> Finding:
    """The claim in verdicts.parquet, and so in the site."""
    frames = replace(made({"learned_encoding/task/done-right/one": {"learned": 2.0}}), decisions=view.decisions)
    return RULES["as_decided"](frames, {}, claim=claim)


def paper(view: View) -> Paper:
    return Paper(view, pd.DataFrame(columns=["id", "kind", "verdict"]), study_files.default(ROOT), views.printed())


def printed(view: View) -> Iterator[str]:
    """Every line of the paper's section and row of the study's tables."""
    for value in cramming.values(paper(view)).values():
        yield from value.replace("\\", "").splitlines()
    for table in of_study("cramming", view, views.printed(), views.tables()["cramming"]):
        for section in table.sections:
            for row in section.shown.astype(str).itertuples(index=False):
                yield f"{section.heading}: {' | '.join(row)}"


def test_every_page_prints_the_verdict_of_the_page_of_verdicts(view: View) -> None:
    verdicts = {claim: judged(view, claim).verdict for claim in OF_DOCUMENT}
    said: dict[str, set[str]] = {claim: set() for claim in OF_DOCUMENT}
    for line in printed(view):
        for claim in OF_DOCUMENT:
            if claim in line or CLAIMS[claim] in line:
                said[claim] |= set(WORDS.findall(line))
    assert said == {claim: {verdict} for claim, verdict in verdicts.items()}


def test_figures_print_numbers_and_no_verdict() -> None:
    for name in catalogue.titles("figures", "cramming"):
        for text in views.figure(name, run(1.0)).findobj(Text):
            assert not WORDS.findall(text.get_text()), name


def test_a_reason_prints_no_other_verdict(view: View) -> None:
    for claim in OF_DOCUMENT:
        found = judged(view, claim)
        assert set(WORDS.findall(found.reason)) <= {found.verdict}, found.reason


def test_criteria_have_words_of_their_own(view: View) -> None:
    assert view.decisions is not None
    of_criteria = view.decisions[view.decisions["quantity"] != VERDICT]
    assert not of_criteria["outcome"].isin(OF_RULES).any()
    assert not of_criteria["reason"].str.contains(WORDS.pattern).any()


def test_the_scale_of_the_models_makes_the_difference() -> None:
    """A claim that small models fail is open, and the word is the same on every page (see above)."""
    rows = [
        each
        for m in (1, 2, 4, 8)
        for each in synthetic.cells("v", "x-1", lengths=(16 * m,), vectors=m, room=20.0 * m**0.4)
    ]
    for parameters, verdict in ((1e9, REFUTED), (1e6, INCONCLUSIVE)):
        known = synthetic.facts("v", "x-1", parameters=parameters) + rows
        decided = decisions.rows(synthetic.evidence(known, resamples=100), PUBLISHED)
        frame = measures.table(decided, DECISIONS).to_pandas()
        view = replace(synthetic.bare_view(known), decisions=frame)
        assert judged(view, "CR4-LINEAR").verdict == verdict


def test_the_shipped_decisions_are_the_shipped_verdicts() -> None:
    decided = of_today(results.read(ROOT / "results/reference/cramming_decisions.parquet", DECISIONS).to_pandas())
    own = decided[(decided["quantity"] == VERDICT) & (decided["model"] == ALL)].set_index("claim")["outcome"]
    verdicts = (
        results.read(ROOT / "results/reference/verdicts.parquet", VERDICTS).to_pandas().set_index("id")["verdict"]
    )
    assert [own[claim] for claim in OF_DOCUMENT] == [verdicts[claim] for claim in OF_DOCUMENT]
