"""The language models' report: numbers in the right cells and places, dominance by its rule, parts of a run alone."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typst
import views
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from tokentrial import results
from tokentrial.report import catalogue, formats
from tokentrial.report.figures.curves import nearest_ratio
from tokentrial.report.figures.marks import octaves
from tokentrial.report.formats import MISSING, Table
from tokentrial.report.language_model_names import title
from tokentrial.report.paper import real_text
from tokentrial.report.paper.context import Paper
from tokentrial.report.tables import of_study
from tokentrial.run import conditions as conditions_
from tokentrial.run import methods as methods_
from tokentrial.run.columns import CONDITIONS, METHODS, Condition, Method
from tokentrial.run.statistics import compare_arms, summarise
from tokentrial.run.view import View, records
from tokentrial.schema import study_files

ROOT = Path(__file__).parents[2]
STUDY = "language_models"
DECLARED = {STUDY: study_files.load(ROOT)[STUDY].names}
SETTINGS = {
    "confidence": 0.95,
    "resamples": 100,
    "equivalence_margin": 0.05,
    "margins": {STUDY: {"cross_entropy": 0.02, "accuracy": 0.01}},
}
NOISE = np.array([0.0, 0.003, -0.003])
CHANCE, UNIGRAM = math.log(2048), 6.0
BITS_OF_A_NAT = 0.4  # bits per byte that one nat per token is
RELEASED, DESCRIBED = "released/as-released/word", "transformer/as-described/bpe"
FAIR, LSTM = "transformer/done-right/bpe", "lstm/done-right/bpe"
# condition -> arm -> (mean test loss, bits deployed)
RUN: dict[str, dict[str, tuple[float, int]]] = {
    RELEASED: {
        "learned-8": (1.5, 1), "learned_masked-8": (5.9, 1),
        "autoencoder_released-8": (1.7, 1), "autoencoder_released_masked-8": (6.1, 1),
    },
    DESCRIBED: {
        "learned-2": (4.5, 512), "autoencoder-2": (5.0, 512), "learned-8": (5.5, 128), "autoencoder-8": (5.3, 128),
    },
    FAIR: {
        "full": (4.0, 1024), "int8": (4.01, 256), "int4": (4.1, 128),
        "learned-2": (4.1, 512), "autoencoder-2": (4.105, 512),
        "learned-8": (4.4, 128), "autoencoder-8": (4.8, 128),
    },
    LSTM: {"full": (5.0, 1024), "learned-8": (6.2, 128), "autoencoder-8": (6.3, 128)},
}  # fmt: skip
SEEDS = {RELEASED: 1}


def frames(run: dict[str, dict[str, tuple[float, int]]], **training: Any) -> dict[str, pd.DataFrame]:
    """All tables of a run; the k-th arm's noise is shifted by k seeds, so that no two arms move alike."""
    rows: list[tuple[Any, ...]] = []
    arms: list[tuple[Any, ...]] = []
    for name, levels in run.items():
        condition, seeds = f"{STUDY}/{name}", SEEDS.get(name, 3)
        for k, (arm, (mean, bits)) in enumerate(levels.items()):
            for seed in range(seeds):
                value = mean + (np.roll(NOISE, k)[seed] if seeds > 1 else 0.0)
                rows += [(condition, arm, seed, split, None, "cross_entropy", value + shift) for split, shift in SPLITS]
                rows += [(condition, arm, seed, split, None, "accuracy", 0.3 - value / 100) for split, _ in SPLITS]
                if arm not in ("int8", "int4"):
                    rows += [(condition, arm, seed, "validation", s, "cross_entropy", 7 - s / 10) for s in (5, 10)]
                    rows.append((condition, arm, seed, "validation", None, "chosen_step", 10.0))
            counts = (40, 5, 0, 7, 20, 100 + k, bits, 10, 1000.0, 2.0, 3.0, "test CPU", "v", "g", "c")
            arms.append((STUDY, condition, arm, seeds, *counts))
        for level, value in (("chance", CHANCE), ("unigram", UNIGRAM)):
            rows += [
                (condition, f"reference.{level}", seed, split, None, metric, value if metric != "accuracy" else 0.1)
                for seed in range(seeds)
                for split, _ in SPLITS
                for metric in ("cross_entropy", "accuracy")
            ]  # fmt: skip
    names = ["condition", "arm", "seed", "split", "step", "metric", "value"]
    runs = pd.DataFrame(rows, columns=names).assign(study=STUDY, unit="nats").astype({"step": "Int32"})
    final = runs[(runs["metric"] == "cross_entropy") & runs["step"].isna()]
    bits = final.assign(metric="bits_per_byte", unit="bits", value=final["value"] * BITS_OF_A_NAT)
    runs = pd.concat([runs, bits], ignore_index=True)[results.RUNS.names[:-1]]
    later = [field.name for field in results.ARMS if field.metadata]
    counted = [name for name in results.ARMS.names if name not in ("corpus", "trained_as", *later)]
    costs = pd.DataFrame(arms, columns=counted).reindex(columns=results.ARMS.names).assign(corpus="WikiText-2")
    of_condition, of_arm = described(costs, **training), methods_.table(DECLARED, costs)
    conditions = {row["condition"]: Condition(**row) for row in records(of_condition, CONDITIONS)}
    methods = {(row["study"], row["arm"]): Method(**row) for row in records(of_arm, METHODS)}
    released = [name for name, row in conditions.items() if row.way == "as-released"]
    compared = compare_arms(runs, conditions, methods, SETTINGS, 1)
    made = {"runs": runs, "summary": summarise(runs, released, 0.95), "statistics": compared}
    return made | {"arms": costs, "conditions": of_condition, "methods": of_arm}


SPLITS = (("train", -0.2), ("validation", 0.1), ("test", 0.0))


def described(arms: pd.DataFrame, **training: Any) -> pd.DataFrame:
    """The conditions of these arms; as described, the body is as narrow as the encoding."""
    shares = {"fraction": 0.1, "held_out_fraction": 0.25, "epochs": 1} | training
    specs = {
        name: {
            "condition": name,
            "tokens": name.rsplit("/", 1)[-1],
            "tied": False,
            "full_width": 16,
            "body_width": 8 if "as-described" in name else 16,
            "body": {"layers": 2, "kind": "lstm"},
            "training": shares,
        }
        for name in arms["condition"].unique()
    }
    plan = conditions_.planned({}, {}, {}, specs, {"bpe": "bpe", "word": "word", "bytes": "bytes"}, {})
    return conditions_.table(plan, DECLARED, arms, "WikiText-2")


def view_of(run: dict[str, dict[str, tuple[float, int]]] = RUN, **training: Any) -> View:
    return View(**frames(run, **training), corpus="WikiText-2")


@pytest.fixture(scope="module")
def everything() -> View:
    return view_of()


@pytest.fixture(scope="module")
def made(everything: View) -> dict[str, Table]:
    return build(everything)


def build(of: View) -> dict[str, Table]:
    return {table.name: table for table in of_study(STUDY, of, views.printed(), views.tables()[STUDY])}


def section(table: Table, heading: str) -> pd.DataFrame:
    (one,) = [part for part in table.sections if part.heading == heading]
    return one.shown


@pytest.mark.parametrize(
    ("arm", "parts", "family", "name"),
    [
        ("learned-8", ("learned", 8), "learned", "learned 8:1"),
        ("learned", ("learned", None), "learned", "learned"),
        ("svd_weighted-16", ("svd_weighted", 16), "SVD, count-weighted", "SVD, count-weighted 16:1"),
        ("int8", ("int8", None), "quantised", "quantised (int8)"),
        ("int4", ("int4", None), "quantised", "quantised (int4)"),
        ("pq_16", ("pq_16", None), "product quantised", "product quantised (pq_16)"),
        ("qr_32", ("qr_32", None), "quotient-remainder", "quotient-remainder (qr_32)"),
        ("hash", ("hash", None), "hash embedding", "hash embedding"),
        ("full", ("full", None), "full table", "full table"),
        ("my_arm", ("my_arm", None), "my arm", "my arm"),
    ],
)
def test_arms_are_named(arm: str, parts: tuple[str, int | None], family: str, name: str) -> None:
    (row,) = records(methods_.table(DECLARED, pd.DataFrame({"study": [STUDY], "arm": [arm]})), METHODS)
    assert (row["method"], row["ratio"]) == parts
    assert (row["family_name"], row["name"]) == (family, name)


def test_sizes_of_a_method_are_a_family() -> None:
    arms = ["learned-8", "learned", "svd_weighted-16", "int8", "int4", "pq_16", "qr_32", "full"]
    rows = methods_.table(DECLARED, pd.DataFrame({"study": STUDY, "arm": arms})).set_index("arm")
    families = ["learned", "learned", "svd_weighted", "int", "int", "pq", "qr", "full"]
    assert rows.loc[arms, "family"].tolist() == families


def test_conditions_are_named() -> None:
    names = ["transformer-tied/done-right/bpe", "released/as-released/word", "my-study/done-right/bytes"]
    rows = described(pd.DataFrame({"condition": [f"{STUDY}/{name}" for name in names]}))
    titles = [title(Condition(**row)) for row in records(rows, CONDITIONS)]
    assert titles == ["Transformer, tied; BPE", "as released; words", "my study; bytes"]


def test_the_tables_are_those_of_the_catalogue(made: dict[str, Table]) -> None:
    titles = catalogue.titles("tables", STUDY, "WikiText-2")
    assert {name: table.title for name, table in made.items()} == titles
    assert all("WikiText-2" in title for title in titles.values())
    assert all(table.notes for table in made.values())


def test_recorded_numbers_stand_beside_measured_ones_as_printed(made: dict[str, Table]) -> None:
    eight = section(made["language-models-main"], "8:1").set_index("Way")
    assert eight.loc["recorded", ["Learned", "Autoencoder", "Learned,\nppl", "Autoencoder,\nppl"]].tolist() == [
        *("7.4164", "7.3922", "1662.99", "1623.20")
    ]
    assert eight.loc["recorded", "Difference"] == "+0.0242"
    assert eight.loc["as released, validation", "Learned"] == "1.6000"
    assert eight.loc["as released, with a mask, test", "Difference"] == "−0.2000"
    assert list(eight.index) == [
        *("recorded", "as released, validation", "as released, test", "as released, with a mask, test"),
        *("as described, narrow body, Transformer; BPE", "done right, fixed body, Transformer; BPE"),
        "done right, fixed body, LSTM; BPE",
    ]
    four = section(made["language-models-main"], "4:1").set_index("Way")
    assert four.loc["recorded, Penn Treebank", "Autoencoder,\nppl"] == "428.27"
    assert four.loc["recorded, Penn Treebank", "Learned"] == MISSING


def test_the_difference_is_the_statistics_table_s(made: dict[str, Table], everything: View) -> None:
    rows = made["language-models-main"].data
    (row,) = rows[(rows["condition"] == f"{STUDY}/{FAIR}") & (rows["ratio"] == 2)].to_dict("records")
    wanted = everything.statistics.query(
        "arm_a == 'learned-2' and arm_b == 'autoencoder-2' and metric == 'cross_entropy'"
    )
    (contrast,) = wanted[wanted["condition"] == f"{STUDY}/{FAIR}"].to_dict("records")
    assert row["difference"] == pytest.approx(contrast["difference"]) == pytest.approx(-0.005)
    assert (row["difference_low"], row["difference_high"]) == pytest.approx((contrast["t_low"], contrast["t_high"]))
    assert row["p_holm"] == contrast["p_holm"]
    assert row["learned_perplexity"] == pytest.approx(math.exp(4.1))
    assert row["learned_bits_per_byte"] == pytest.approx(0.4 * 4.1)


def test_the_mask_table_sets_both_against_the_unigram(made: dict[str, Table]) -> None:
    rows = section(made["language-models-mask"], "As released").set_index("Model")
    assert rows.loc["learned 8:1, words, no mask", "No mask minus mask"] == "−4.4000"
    assert rows.loc["learned 8:1, words, no mask", "Below\nunigram"] == "+4.500"
    assert rows.loc["learned 8:1, words, with mask", "Below\nunigram"] == "+0.100"
    assert rows.loc["learned 8:1, words, with mask", "Bits/byte"] == "2.3600"  # of 5.9 nats
    scale = section(made["language-models-mask"], "For scale: the full table done right, causal")
    assert scale["Model"].tolist() == ["Transformer; BPE", "LSTM; BPE"]


def test_the_arms_table(made: dict[str, Table]) -> None:
    rows: Any = made["language-models-arms"].data.set_index(["condition", "arm"])
    row = rows.loc[(f"{STUDY}/{FAIR}", "learned-8")]
    assert row["smaller"] == 8
    assert row["validation"] == pytest.approx(4.5)
    assert row["perplexity"] == pytest.approx(math.exp(4.4))
    assert (row["test_bits_per_byte"], row["validation_bits_per_byte"]) == pytest.approx((0.4 * 4.4, 0.4 * 4.5))
    half = 4.302652729911275 * 0.003 / math.sqrt(3)  # t(0.975, 2)
    assert (row["test_low"], row["test_high"]) == pytest.approx((4.4 - half, 4.4 + half))
    assert rows.loc[(f"{STUDY}/{LSTM}", "learned-8"), "flag"] == "unigram"
    assert rows.loc[(f"{STUDY}/{LSTM}", "full"), "flag"] == "ok"
    assert section(made["language-models-arms"], "Transformer; BPE, V = 2,048; unigram 6.000, chance 7.625").shape == (
        7,
        12,
    )


def test_every_comparison_is_listed_once(made: dict[str, Table], everything: View) -> None:
    rows = made["language-models-comparisons"].data
    fair = everything.statistics[everything.statistics["condition"].isin(everything.of_way("done-right"))]
    wanted = fair[fair["metric"] == "cross_entropy"]
    keys = ["condition", "arm_a", "arm_b"]
    assert sorted(rows[keys].itertuples(index=False, name=None)) == sorted(
        wanted[keys].itertuples(index=False, name=None)
    )
    assert ("learned-2", "full") in set(zip(rows["arm_a"], rows["arm_b"], strict=True))


def test_dominance_and_front(made: dict[str, Table]) -> None:
    rows = section(made["language-models-dominance"], "Transformer; BPE").set_index(["A", "B"])
    assert rows.loc[("learned", "quantised"), "Verdict"] == "A worse"
    assert rows.loc[("learned", "autoencoder"), "Verdict"] == "not shown"  # equal at 2:1, far apart at 8:1
    assert rows.loc[("autoencoder", "quantised"), "Sizes"] == "2"
    front = section(made["language-models-dominance"], "Non-dominated front of the means").set_index("Run")
    expected = "quantised (int4), quantised (int8), full table"
    assert front.loc["Transformer; BPE", "Not dominated, from the smallest"] == expected
    data = made["language-models-dominance"].data
    pair = data[(data["method_a"] == "learned") & (data["method_b"] == "int")]
    # 128 and 256 bits: learned is 4.4 at 128 and half-way to 4.1 in log2 bits at 256
    assert pair["difference"].tolist() == pytest.approx([0.3, 4.25 - 4.01])


def test_the_anchor_says_what_cannot_be_compared(made: dict[str, Table]) -> None:
    own = section(made["language-models-anchor"], "This run, full table").set_index("Model")
    assert (
        own["Source, or comparable"].tolist() == ["no: subwords, 10 % of the training text, 25 % of the test text"] * 2
    )
    assert "cannot be compared" in made["language-models-anchor"].notes[0]
    assert section(made["language-models-anchor"], "Published")["Test ppl"].tolist()[:2] == ["142.07", "130.32"]
    assert own["Bits/byte"].tolist() == ["1.6000", "2.0000"]
    whole = view_of(fraction=1, held_out_fraction=1)
    again = build(replace(whole, conditions=whole.conditions.assign(tokenizer="word")))["language-models-anchor"]
    assert set(section(again, "This run, full table")["Source, or comparable"]) == {"yes"}
    assert "cannot be compared" not in again.notes[0]


PARTS = [[RELEASED], [DESCRIBED], [FAIR], [LSTM], [RELEASED, LSTM], []]


@pytest.mark.parametrize("names", PARTS)
def test_a_part_of_the_study_has_every_table_figure_and_value(names: list[str], tmp_path: Path) -> None:
    part = view_of({name: RUN[name] for name in names}) if names else view_of({LSTM: RUN[LSTM]}).only("nothing")
    tables = build(part)
    for table in tables.values():
        source = tmp_path / f"{table.name}.typ"
        for suffix in ("csv", "md", "tex", "typ"):
            formats.write(table, source.with_suffix(f".{suffix}"))
        typst.compile(str(source))
        if not table.sections:
            assert "no results" in " ".join(table.notes)
    for figure in figures(part):
        assert outside(figure) == []
    paper = Paper(part, pd.DataFrame(columns=["id", "kind", "verdict"]), study_files.default(ROOT), views.printed())
    assert all(real_text.values(paper).values())


def figures(of: View) -> list[Figure]:
    return [views.figure(name, of) for name in catalogue.titles("figures", STUDY)]


def outside(figure: Figure) -> list[str]:
    """Texts that leave the page on any side; ticks beyond an axis are not drawn."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    panels = [each for axes in figure.axes for each in (axes, *axes.child_axes)]
    ticks = {id(label) for axes in panels for label in (*axes.get_xticklabels(), *axes.get_yticklabels())}
    shown = [text for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in ticks]
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in shown if text.get_text()]
    low, high = np.array(figure.bbox.min) - 1, np.array(figure.bbox.max) + 1
    return [name for name, box in boxes if (np.array(box.min) < low).any() or (np.array(box.max) > high).any()]


def test_no_text_leaves_the_page(everything: View) -> None:
    assert [outside(figure) for figure in figures(everything)] == [[]] * 4


def test_pareto_shows_a_line_per_method_and_the_full_table_with_its_margin(everything: View) -> None:
    costs = {"bits_deployed": "bits", "params_trained": "numbers trained"}
    figure: Any = views.figure("language-models-pareto", everything, {"costs": costs})
    bits, trained = figure.axes[:2]
    assert len(figure.axes) == 2  # the LSTM has one size of each method, so no curve
    lines = {bar.get_label(): bar[0].get_xydata() for bar in bits.containers}
    assert lines["learned"] == pytest.approx(np.array([[128, 4.4], [512, 4.1]]))
    assert lines["int"] == pytest.approx(np.array([[128, 4.1], [256, 4.01]]))
    assert set(lines) == {"learned", "autoencoder", "full", "int"}
    assert bits.get_xscale() == "log"
    (band,) = [patch for patch in bits.patches if patch.get_gid() == "margin"]
    assert (band.get_y(), band.get_height()) == pytest.approx((3.98, 0.04))
    assert [line.get_ydata()[0] for line in trained.lines if line.get_gid() == "full"] == pytest.approx([4.0])
    assert any(text.get_text() == "↑ unigram 6.000" for text in trained.texts)
    (second,) = trained.child_axes
    figure.draw_without_rendering()
    assert second.get_ylabel() == "test loss (bits per byte)"
    assert second.get_ylim() == pytest.approx(0.4 * np.array(bits.get_ylim()))


def test_pareto_of_one_cost_names_each_line_at_its_end(everything: View) -> None:
    figure: Any = views.figure("language-models-pareto", everything)
    (bits,) = figure.axes
    named = {text.get_text(): tuple(text.xy) for text in bits.texts if hasattr(text, "xy")}
    assert named["learned"] == pytest.approx((512, 4.1))
    assert len(named) == len(bits.containers) - 1  # the full table has a level of its own
    assert not figure.legends or not figure.legends[0].get_texts()


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (100, 5000, [128, 256, 512, 1024, 2048, 4096]),
        (100, 300, [128, 192, 256]),
        (130, 200, [160, 192]),
        (5, 6, [5, 6]),
    ],
)
def test_an_axis_of_few_octaves_has_ticks_between_them(low: float, high: float, ticks: list[float]) -> None:
    assert octaves(low, high) == ticks


def test_a_near_unigram_is_a_line(everything: View) -> None:
    figure: Any = views.figure(
        "language-models-pareto", replace(everything, summary=everything.summary.assign(unigram=4.6))
    )
    bits = figure.axes[0]
    assert [line.get_ydata()[0] for line in bits.lines if line.get_gid() == "unigram"] == pytest.approx([4.6])


def test_ratio_shows_narrow_beside_fixed(everything: View) -> None:
    figure: Any = views.figure("language-models-ratio", everything)
    described, right = figure.axes
    titles = [panel.get_title(loc="left") for panel in (described, right)]
    assert titles == ["As described, narrow body", "Done right, fixed body"]
    (bar,) = described.containers
    assert bar[0].get_xydata() == pytest.approx(np.array([[2, -0.5], [8, 0.2]]))
    assert {container.get_label() for container in right.containers} == {f"{STUDY}/{FAIR}", f"{STUDY}/{LSTM}"}
    band = next(patch for patch in right.patches if patch.get_gid() == "equivalence")
    assert (band.get_y(), band.get_height()) == pytest.approx((-0.02, 0.04))
    assert described.get_ylim() == right.get_ylim()


def test_curves_show_the_nearest_ratio_and_the_unigram(everything: View) -> None:
    assert nearest_ratio([2, 16, None], 8) == 16
    assert nearest_ratio([None], 8) is None
    figure: Any = views.figure("language-models-curves", everything)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == [
        "Transformer; BPE, as described, 8:1", "Transformer; BPE, done right, 8:1", "LSTM; BPE, done right, 8:1",
    ]  # fmt: skip
    drawn = {line.get_gid(): line.get_xydata() for line in figure.axes[1].lines}
    assert {"learned-8", "autoencoder-8", "full", "unigram"} <= set(drawn)
    assert "learned-2" not in drawn
    assert drawn["learned-8"] == pytest.approx(np.array([[5, 6.5], [10, 6.0]]))
    figure.draw_without_rendering()
    for panel in figure.axes:
        (second,) = panel.child_axes
        assert second.get_ylim() == pytest.approx(0.4 * np.array(panel.get_ylim()))


def test_mask_figure_joins_both_losses(everything: View) -> None:
    figure: Any = views.figure("language-models-mask", everything)
    (panel,) = figure.axes
    opened = [line.get_xdata()[0] for line in panel.lines if line.get_gid() == "open"]
    assert opened == pytest.approx([-4.5, -4.3])
    assert {"1.500 → 5.900 (0.60 → 2.36)", "4.000 (1.60)"} <= {text.get_text() for text in panel.texts}


def test_rows_without_bits_per_byte_have_dashes_and_no_second_axis(everything: View) -> None:
    """Those of versions that did not measure them."""
    frames = {name: getattr(everything, name) for name in ("runs", "summary")}
    old = replace(everything, **{name: rows[rows["metric"] != "bits_per_byte"] for name, rows in frames.items()})
    assert set(section(build(old)["language-models-mask"], "As released")["Bits/byte"]) == {MISSING}
    assert not any(panel.child_axes for figure in figures(old) for panel in figure.axes)
    assert [outside(figure) for figure in figures(old)] == [[]] * 4


def test_an_arm_without_a_result_is_in_no_table_and_no_figure(everything: View) -> None:
    """All of its seeds diverged: there is no level to compare with."""
    lost = (everything.summary["condition"] == f"{STUDY}/{FAIR}") & (everything.summary["arm"] == "autoencoder-8")
    pair = (everything.statistics["condition"] == f"{STUDY}/{FAIR}") & (
        everything.statistics["arm_b"] == "autoencoder-8"
    )
    frames = {"summary": everything.summary[~lost], "statistics": everything.statistics[~pair]}
    without = replace(everything, **frames)
    tables = build(without)
    ways = section(tables["language-models-main"], "8:1")["Way"].tolist()
    assert "done right, fixed body, Transformer; BPE" not in ways
    assert "done right, fixed body, LSTM; BPE" in ways
    assert len(section(tables["language-models-comparisons"], "Transformer; BPE")) == 7
    figure: Any = views.figure("language-models-curves", without)
    assert "autoencoder-8" not in {line.get_gid() for line in figure.axes[1].lines}
    assert [outside(figure) for figure in figures(without)] == [[]] * 4
