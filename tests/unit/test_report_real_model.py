"""Tables, figure and chapter of the study of a real model, from the rows of a tiny run."""

from pathlib import Path

import numpy as np
import pytest
from real_model_runs import CONDITION, MORE, make_place, run, view

from tokentrial.report import catalogue, formats, tables
from tokentrial.report.figures.draw import draw
from tokentrial.report.figures.registry import Sources
from tokentrial.report.paper import front
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
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == [
        f"tiny, {text}: {use}" for text in ("WikiText-2", "State of the Union") for use in ("input table", "tied")
    ]
    for axes in panels:
        [line] = [line for line in axes.lines if line.get_gid() == "front"]
        x, y = line.get_data()
        assert list(x) == sorted(x) and list(y) == sorted(y, reverse=True)
        assert any(line.get_gid() == "full" for line in axes.lines)


def test_a_study_that_is_left_out_is_named_on_the_first_page(root: Path) -> None:
    config = study_files.default(root)
    assert front.left_out(catalogue.STUDIES, config, "WikiText-2") == ""
    said = front.left_out(catalogue.STUDIES[:-1], config, "WikiText-2")
    assert said == "Left out: The token table of a real language model."
    config["real_model"]["experiments"] = {}
    assert front.left_out(catalogue.STUDIES[:-1], config, "WikiText-2") == ""
