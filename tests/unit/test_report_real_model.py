"""Tables, figure and chapter of the study of a real model, from the rows of a tiny run."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from real_model_runs import ARMS, CONDITION, LEARNED, MORE, TRAINING, make_place, run, run_trained, view

from tokentrial.report import catalogue, document, formats, tables
from tokentrial.report.figures.draw import draw
from tokentrial.report.figures.registry import Sources
from tokentrial.report.paper import front, recovered, trace
from tokentrial.report.paper import real_model as section
from tokentrial.report.paper.context import Paper
from tokentrial.report.real_model_names import bits_a_number, start_of, trained_arms
from tokentrial.run.view import View
from tokentrial.schema import study_files
from tokentrial.statistics.intervals import t_interval

TIED = f"{CONDITION}/wikitext-2-tied"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> View:
    folder = tmp_path_factory.mktemp("real")
    return view(*run(make_place(folder), folder, arms=MORE))


@pytest.fixture(scope="module")
def shown(made: View) -> dict[str, formats.Table]:
    entries = catalogue.entries("real_model").tables
    return {table.name: table for table in tables.of_study("real_model", made, {}, entries)}


def test_a_row_has_the_losses_of_its_arm_paired_over_documents(made: View, shown: dict[str, formats.Table]) -> None:
    data = shown["real-model-arms"].data.set_index(["condition", "arm"])
    assert len(data) == 4 * len(MORE)
    row = data.loc[(TIED, "svd-2")]
    losses = {
        arm: made.runs[(made.runs["condition"] == TIED) & (made.runs["arm"] == arm)]
        .query("metric == 'cross_entropy' and split == 'test'")
        .sort_values("seed")["value"]
        .to_numpy()
        for arm in ("svd-2", "full")
    }
    assert row["loss"] == pytest.approx(losses["svd-2"].mean()) and row["n"] == 5
    apart = losses["svd-2"] - losses["full"]
    low, high = t_interval(apart, 0.95)
    assert [row["over_full"], row["over_full_low"], row["over_full_high"]] == pytest.approx([apart.mean(), low, high])
    assert row["bits_a_number"] == pytest.approx(16 * 4 * (280 + 16) / (280 * 16))
    assert row["bytes"] == 2 * 4 * (280 + 16)
    assert data.loc[(TIED, "full"), "agreement"] == 1
    assert np.isnan(float(data.loc[(TIED, "full"), "over_full"] or np.nan))


def test_arms_are_listed_from_the_most_bits(shown: dict[str, formats.Table]) -> None:
    data = shown["real-model-arms"].data
    bits = data.loc[data["condition"] == TIED, "bits_a_number"].tolist()
    assert bits == sorted(bits, reverse=True)


def test_widths_by_frequency_are_compared_with_their_controls(shown: dict[str, formats.Table]) -> None:
    pairs = shown["real-model-bands"].data
    others = set(pairs.loc[(pairs["condition"] == TIED) & (pairs["arm_a"] == "bands"), "arm_b"])
    assert others >= {"bands_permuted", "bands_uniform", "full", "int4"}


def test_the_figure_has_a_line_for_each_method_and_the_front(made: View) -> None:
    entry = catalogue.entries("real_model").figures["real-model-front"]
    figure = draw("real-model-front", entry, Sources(made, {}))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["WikiText-2", "State of the Union", "", ""]
    assert [axes.get_xlabel() for axes in figure.axes] == [label for label in entry.sizes.values() for _ in range(2)]
    families = {made.method("real_model", arm).family for arm in made.arms_of(f"{CONDITION}/sotu-input")}
    [legend] = figure.legends
    assert len(legend.get_texts()) == len(families - set(entry.without)) == 4
    for axes in figure.axes:
        [line] = [line for line in axes.lines if line.get_gid() == "front"]
        x, y = line.get_data()
        assert list(x) == sorted(x) and list(y) == sorted(y, reverse=True)
        assert any(line.get_gid() == "full" for line in axes.lines)


def test_the_figure_shows_bits_by_count_and_bytes_with_an_entropy_coder(made: View) -> None:
    entry = catalogue.entries("real_model").figures["real-model-front"]
    figure = draw("real-model-front", entry, Sources(made, {}))
    inputs = made.condition(f"{CONDITION}/wikitext-2-input")
    stored = {
        arm: made.values_on("table", inputs.id, arm, "bytes_entropy").iloc[0] / 2**20 for arm in ("svd-2", "svd-4")
    }
    bits = {arm: bits_a_number(made, inputs, arm) for arm in stored}
    for panel, sizes in ((figure.axes[0], bits), (figure.axes[2], stored)):
        [line] = [each.lines[0] for each in panel.containers if each.get_label() == "svd"]
        assert list(line.get_xdata()) == pytest.approx(sorted(sizes.values()))


def test_the_figure_takes_at_most_half_of_a_page_of_the_paper(made: View) -> None:
    """With its caption of three lines; the text is 17.5 cm wide and 25.8 cm high."""
    entry = catalogue.entries("real_model").figures["real-model-front"]
    figure = draw("real-model-front", entry, Sources(made, {}))
    shown = 17.5 / 16
    assert figure.get_figwidth() * 2.54 == pytest.approx(16)
    assert shown * figure.get_figheight() * 2.54 + 1.4 < 25.8 / 2
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
    assert shown * min(sizes) >= 7.5


def test_a_study_that_is_left_out_is_named_on_the_first_page(root: Path) -> None:
    config = study_files.default(root)
    assert front.left_out(catalogue.STUDIES, config, "WikiText-2") == ""
    said = front.left_out(catalogue.STUDIES[:-1], config, "WikiText-2")
    assert said == "Left out: The token table of a real language model."
    config["real_model"]["experiments"] = {}
    assert front.left_out(catalogue.STUDIES[:-1], config, "WikiText-2") == ""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> View:
    """Codes that are trained, with what their training starts from."""
    folder = tmp_path_factory.mktemp("trained")
    place, inputs = make_place(folder), {"uses": ["input"], **TRAINING}
    codes: dict[str, dict[str, Any]] = {
        "learned_svd-4": {"code": "learned", "width": 4, "start": "svd"},
        "learned-4": {"code": "learned", "width": 4, "start": "random"},
        "full_trained": {"code": "learned_table"},
    }
    untrained = [*ARMS, ["svd_counted-4", {"code": "svd", "width": 4, "counted": True}]]
    jobs = [run(place, folder / "table", arms=untrained)]
    jobs += [run_trained(place, folder / name, name, code | inputs) for name, code in codes.items()]
    return view(*(pd.concat([job[part] for job in jobs], ignore_index=True) for part in range(2)))


def test_the_paper_says_what_training_recovers(made: View, tmp_path: Path, root: Path) -> None:
    """The arms of several jobs are one study, and widths by frequency are set against controls of their own size."""
    place, banded = make_place(tmp_path), {"code": "banded_widths", "widths": [6, 3, 1]}
    orders = {"": "frequency", "_reversed": "reversed"}
    sized = [[f"bands{name}-4", {**banded, "order": order}] for name, order in orders.items()]
    jobs = [
        run(place, tmp_path / "table", arms=[*MORE, *sized]),
        run_trained(place, tmp_path / "one", "learned_svd-4", LEARNED),
        run_trained(place, tmp_path / "two", "full_trained", {"code": "learned_table", "uses": ["input"], **TRAINING}),
    ]
    both = view(*(pd.concat([job[part] for job in jobs], ignore_index=True) for part in range(2)))
    config = study_files.default(root)
    paper = Paper(both, pd.DataFrame(), config, {})
    shown = recovered.recovered(paper)
    inputs, tied = f"{CONDITION}/wikitext-2-input", f"{CONDITION}/wikitext-2-tied"
    places = {each.place: each.value for each in paper.numbers}
    for other in ("full", "full_trained"):
        apart = both.difference_on("test", inputs, "learned_svd-4", other)["mean"]
        assert places[f"runs › {inputs}|learned_svd-4|{other}|cross_entropy › mean"] == pytest.approx(apart)
    of_seeds = both.values_on("seeds", inputs, "learned_svd-4")
    assert len(of_seeds) == 2
    place = f"runs › {inputs}|learned_svd-4|cross_entropy › sd on seeds"
    assert places[place] == pytest.approx(float(np.std(of_seeds, ddof=1)))
    unseen = both.values_on("seeds", inputs, "learned_svd-4", "unseen").mean()
    assert places[f"runs › {inputs}|learned_svd-4|unseen › mean on seeds × 100"] == pytest.approx(100 * unseen)
    cost = both.cost(inputs, "learned_svd-4")
    assert places[f"arms › {inputs}|learned_svd-4 › tokens_seen"] == cost["tokens_seen"] == 6 * 3 * 12
    assert f"runs › {tied}|learned_svd-4|cross_entropy › mean" in places and "WikiText-2, tied" in shown
    assert f"runs › {tied}|full_trained|cross_entropy › mean" not in places
    assert (
        shown.count("rowspan: 4)[learned from the SVD 4:1]") == 1
        and shown.count("rowspan: 2)[full table, trained alike]") == 1
    )
    assert "Not run: learned from the SVD 2:1, learned from the SVD 8:1" in shown
    assert shown.rpartition("Not run:")[2].count("SVD 4:1") == 0
    assert recovered.said(paper).startswith("@recovered asks")
    pairs = section.controlled(paper, both.condition(inputs))
    assert ("bands-4", "bands_reversed-4") in pairs and ("bands", "bands_uniform") in pairs
    assert not any(("-4" in own) != ("-4" in other) for own, other in pairs)


def test_the_start_of_a_trained_arm_is_the_code_that_its_training_starts_from(trained: View) -> None:
    condition = trained.condition(f"{CONDITION}/wikitext-2-input")
    starts = {arm: start_of(trained, condition, arm) for arm in trained_arms(trained, condition)}
    assert starts == {"full_trained": "full", "learned_svd-4": "svd_counted-4", "learned-4": None}
    paper = Paper(trained, pd.DataFrame(), {}, {})
    recovered.recovered(paper)
    before = trained.level_on("test", condition.id, "svd_counted-4")["mean"]
    assert f"runs › {condition.id}|svd_counted-4|cross_entropy › mean" in {each.place for each in paper.numbers}
    assert before in [each.value for each in paper.numbers]


def test_trained_arms_are_traced_and_have_a_table_of_their_own(trained: View, tmp_path: Path) -> None:
    paper = Paper(trained, pd.DataFrame(), {}, {})
    recovered.recovered(paper)
    trained.runs.to_parquet(tmp_path / "runs.parquet")
    trained.arms.to_parquet(tmp_path / "arms.parquet")
    (tmp_path / trace.FILE).write_text(document.numbers_file(paper.numbers))
    traced, others = trace.trace(tmp_path)
    assert len(traced) > 30 and others == 1 and [each for each in traced if not each.agrees] == []
    entries = catalogue.entries("real_model").tables
    table = {each.name: each for each in tables.of_study("real_model", trained, {}, entries)}["real-model-trained"]
    data = table.data.set_index(["condition", "arm"])
    row = data.loc[(f"{CONDITION}/wikitext-2-input", "learned_svd-4")]
    assert set(data.index.get_level_values("arm")) == {"full_trained", "learned_svd-4", "learned-4"}
    condition = f"{CONDITION}/wikitext-2-input"
    assert row["before"] == pytest.approx(trained.level_on("test", condition, "svd_counted-4")["mean"])
    apart = trained.difference_on("test", condition, "learned_svd-4", "full_trained")
    assert [row[f"over_trained{end}"] for end in ("", "_low", "_high")] == pytest.approx(
        [apart[name] for name in ("mean", "low", "high")]
    )
    seeds = trained.values_on("seeds", condition, "learned_svd-4")
    assert (row["seeds_sd"], row["seeds"]) == (pytest.approx(float(np.std(seeds, ddof=1))), 2)
    assert (row["seeds_lowest"], row["seeds_highest"]) == (seeds.min(), seeds.max())


def test_a_run_that_trains_no_code_says_so_and_shows_no_table(made: View, shown: dict[str, formats.Table]) -> None:
    paper = Paper(made, pd.DataFrame(), {}, {})
    assert recovered.recovered(paper) == "" and "trains no code" in recovered.said(paper)
    table = shown["real-model-trained"]
    assert table.data.empty and table.notes[-1] == "This run trained no encoding of a pretrained model's table on text."


def test_a_table_of_many_codes_keeps_the_fronts_and_a_size_of_each_family(
    made: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = section.uses(Paper(made, pd.DataFrame(), {}, {}), False)
    assert section.selected(made, inputs) == section.untrained(made, inputs[0])
    monkeypatch.setattr(section, "MOST", 3)
    kept = section.selected(made, inputs)
    assert "full" in kept and len(kept) < len(section.untrained(made, inputs[0]))
    families = {made.method("real_model", arm).family for arm in section.untrained(made, inputs[0])}
    assert {made.method("real_model", arm).family for arm in kept} == families


def test_performance_counts_as_lost_if_the_whole_interval_says_so(made: View, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = "does not keep the performance"
    for threshold, said in ((-9.0, True), (9.0, False)):
        monkeypatch.setattr(section, "LOST", threshold)
        text = section.found(Paper(made, pd.DataFrame(), {}, {}))
        assert "eight bits cost" in text and (lost in text) == said
