"""The cramming study's chapter: every number is the run's, conclusions follow it, and a run may lack parts of it."""

from pathlib import Path
from typing import Any

import cramming_runs as synthetic
import numpy as np
import pytest
import typst
import views

from tokentrial.report import catalogue
from tokentrial.report.chapters import cramming as chapter
from tokentrial.report.chapters.cramming_found import limit_words, published_words, settings_words, sided, vector_words
from tokentrial.report.cramming_names import QUESTIONS
from tokentrial.report.template import fill
from tokentrial.run.view import View
from tokentrial.schema import study_files
from tokentrial.statistics.cramming import Estimate

ROOT = Path(__file__).parents[2]
PRINTED = views.printed()
TEMPLATE = ROOT / "workflow/report/cramming.typ"


def view_of(rows: list[synthetic.Row]) -> View:
    return synthetic.view_of(rows, resamples=100)


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    return study_files.default(ROOT)


@pytest.fixture(scope="module")
def view() -> View:
    return view_of(synthetic.study())


@pytest.fixture(scope="module")
def made(view: View, shipped: dict[str, Any]) -> dict[str, str]:
    return chapter.values(view, shipped, PRINTED)


def test_chapter_and_template_agree_and_no_number_is_typed(made: dict[str, str]) -> None:
    text = fill(TEMPLATE.read_text(), made | catalogue.title_values("cramming"))
    assert "{{" not in text
    for name in (*catalogue.titles("tables", "cramming"), *catalogue.titles("figures", "cramming")):
        assert text.count(f'"{name}"') == 1, name
    for line in TEMPLATE.read_text().splitlines():
        words = line.split("{{")[0].replace("Document 004", "").replace("WikiText-2", "")
        plain = words if "columns:" not in words and "align:" not in words and "stroke" not in words else ""
        assert not any(letter.isdigit() for letter in plain), line


def test_the_chapter_compiles(made: dict[str, str], tmp_path: Path) -> None:
    frame = (ROOT / "workflow/report/report.typ").read_text()
    start = frame[: frame.index("// Their labels")]
    shown = "#let wide-table(name, caption) = caption\n#let plot(name, caption) = caption\n"
    text = fill(TEMPLATE.read_text(), made | catalogue.title_values("cramming"))
    (tmp_path / "chapter.typ").write_text(start + shown + text)
    assert typst.compile(str(tmp_path / "chapter.typ")).startswith(b"%PDF")


def test_every_claim_has_its_verdict_and_numbers(view: View, made: dict[str, str]) -> None:
    decided = view.decisions
    assert decided is not None
    verdicts = decided[(decided["quantity"] == "verdict") & (decided["model"] == "all")].set_index("claim")["outcome"]
    lines = made["found.claims"].splitlines()
    assert len(lines) == 6
    for letter, claim, line in zip("abcdef", QUESTIONS, lines, strict=True):
        assert line.startswith(f"- ({letter}) ")
        assert f": {verdicts[claim]}. " in line
    outcomes = [verdicts[claim] for claim in QUESTIONS]
    assert made["found.tally"].startswith("Of the 6 questions (a) to (f): ")
    for word in set(outcomes):
        assert f"{outcomes.count(word)} {word}" in made["found.tally"]
    assert len(made["found.controls"].splitlines()) == 4


def test_the_example_follows_its_rule(view: View, made: dict[str, str]) -> None:
    """Of the widest trained model: the longest exact recovery, the lowest index among equals."""
    runs = view.runs
    own = runs[
        runs["condition"].str.contains("/llama-256x2/") & (runs["metric"] == "greedy_exact") & (runs["value"] == 1)
    ]
    lengths = own["condition"].str.extract(r"n-(\d+)-m-1")[0].astype(int)
    longest = own[lengths == lengths.max()]
    text = int(longest["seed"].min())
    words = made["found.example"].replace("\\", "")
    assert f"text {text} of the natural text, unseen, {lengths.max()} tokens long" in words
    assert f"n-{lengths.max()}-m-1, seed {text}, arm tuned" in words
    assert f"all {lengths.max() - 1} tokens after the given first one" in words
    assert f"({len(longest)} of 16 texts)" in made["found.exact"]
    right = runs[(runs["metric"] == "accuracy") & (runs["value"] == 1) & ~runs["arm"].str.startswith("control.")]
    assert f"Of {len(right)} optimised texts right throughout" in made["found.exact"]


def test_nothing_is_claimed_recovered_where_nothing_was() -> None:
    rows = synthetic.facts("capacity", "llama-64x2", 64, 2) + synthetic.cells("capacity", "llama-64x2", room=0.1)
    cells = synthetic.cells_of(synthetic.frame(rows))
    words = chapter.example(view_of(rows), cells)
    assert words.startswith("No text was decoded exactly from one vector of llama-64x2")
    assert list(chapter.exact_words(cells)) == [
        "llama-64x2, one vector, unseen natural text: no text is decoded exactly at any length."
    ]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.2, "above"), (-0.2, -0.1, "below"), (-0.1, 0.1, "neither"), (None, None, "neither")],
)
def test_words_follow_the_whole_interval(low: float | None, high: float | None, words: str) -> None:
    assert sided(Estimate(0.0, low, high, 16), 0, "below", "above", "neither") == words
    few = sided(Estimate(0.0, low, high, 4), 0, "below", "above", "neither")
    assert few == "too few texts to conclude from"


def test_sentences_follow_the_outcome(view: View) -> None:
    cells = synthetic.cells_of(view.runs)
    limits = " ".join(limit_words(view))
    assert (
        "entropy tells solved from unsolved texts better than length" in limits
    )  # a text of less than its room is solved
    (settings, difference) = settings_words(view, cells)
    assert "the paper's 0 of 32 texts" in settings
    assert difference.endswith("tuned takes away more.")
    worse = synthetic.facts("settings", "llama-64x4")
    for arm, room in (("tuned", 10.0), ("tuned_long", 12.0), ("paper", 25.0)):
        worse += synthetic.cells("settings", "llama-64x4", lengths=(16,), arm=arm, room=room)
    words = " ".join(settings_words(view_of(worse), synthetic.cells_of(synthetic.frame(worse))))
    assert "the paper's settings take away more." in words
    by_vector = synthetic.facts("vectors", "llama-64x4")
    for m in (1, 2, 4, 8):
        by_vector += synthetic.cells("vectors", "llama-64x4", lengths=(16 * m,), vectors=m, room=30.0 * m**0.6)
    first, verdict, _ = vector_words(view_of(by_vector), PRINTED)
    assert "exponent of the information gain 0.60" in first
    assert verdict == "CR4-LINEAR, almost linear: REFUTED."


def test_published_ranges_stand_beside_this_run_s(view: View) -> None:
    words = list(published_words(view, synthetic.cells_of(view.runs), PRINTED))
    own = [
        value
        for scope in view.estimates.widest("text-test")
        if scope.model != "untrained" and (value := view.estimates.get("utilisation", scope).value) is not None
    ]
    low, high = np.min(own), np.max(own)
    assert words[0].startswith(f"Token gain over the bound, natural text: {low:.3f} to {high:.3f} (6 trained models)")
    assert "published 0.057 to 0.283 (14 models)" in words[0]
    assert words[0].endswith("the ranges overlap.") == (low < 0.057 <= high)
    assert "published 0.93 to 1.50 (14 models): inside the published range." in words[2]


SMALL = synthetic.facts("capacity", "own") + synthetic.cells("capacity", "own", lengths=(2, 4), texts=4)


@pytest.mark.parametrize("rows", [[], SMALL, synthetic.cells("uncertainty", "own", synthetic.RATES, (4, 8), texts=4)])
def test_a_run_without_parts_of_the_study_is_reported(rows: list[synthetic.Row], shipped: dict[str, Any]) -> None:
    made = chapter.values(view_of(rows), shipped, PRINTED)
    text = fill(TEMPLATE.read_text(), made | catalogue.title_values("cramming"))
    assert "nan" not in text
    if rows:
        tally = made["found.tally"]  # too few texts to conclude from
        assert "CONFIRMED" not in tally and "REFUTED" not in tally and "INCONCLUSIVE" in tally
    else:
        assert made["found.claims"] == "- This run has none of it."


def test_a_run_without_measures_is_reported(shipped: dict[str, Any]) -> None:
    made = chapter.values(synthetic.bare_view([]), shipped, PRINTED)
    assert made["found.tally"] == "This run decides none of the questions (a) to (f)."
