"""Figures show the numbers they are given: positions of artists, same bytes twice, and what is missing is said."""

import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import views
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.published import PublishedTable
from tokentrial.report.figures import levels, marks, seeds, style
from tokentrial.report.figures.curves import choose
from tokentrial.report.figures.forest import decimals, signed
from tokentrial.report.figures.power import stated_runs
from tokentrial.report.figures.registry import Sources, rows_of
from tokentrial.run.columns import Condition
from tokentrial.schema import study_files
from tokentrial.statistics.power import minimal_detectable_effect

ROOT = Path(__file__).parents[2]
STUDY = "learned_encoding"
ARMS = ("learned", "autoencoder", "full")
RATIOS = ("compression/done-right/v20-ratio-2", "compression/done-right/v20-ratio-8")
SIZE, V1000 = "vocabulary/done-right/v50", "vocabulary/done-right/v1000"
INTERVALS = ("t_low", "t_high", "equivalent_low", "equivalent_high")


def drawn(name: str, changes: Mapping[str, Any] | None = None, printed: Any = None, **tables: Any) -> Figure:
    """A shipped figure of the tables; changes: keys of its entry; printed: the documents' tables."""
    figure: Figure = views.figure(name, views.view(**tables), changes, printed=printed or views.printed())
    return figure


def printing(**rows: Mapping[str, str]) -> PublishedTable:
    """A printed table."""
    return replace(views.printed()["doc000-accuracy"], rows={name.strip("_"): row for name, row in rows.items()})


def stating(**runs: int) -> dict[str, PublishedTable]:
    """Documents' tables that state numbers of runs."""
    return {name: replace(printing(), document=name.strip("_"), n=n) for name, n in runs.items()}


def summary(*conditions: str, arms: tuple[str, ...] = ARMS, **values: Any) -> pd.DataFrame:
    """A row per condition and arm; the k-th has the mean 1 + k / 10 and an interval of +- 0.05."""
    rows = []
    for k, (condition, arm) in enumerate((c, a) for c in conditions for a in arms):
        mean = 1 + k / 10
        row = {"study": STUDY, "condition": f"{STUDY}/{condition}", "arm": arm, "metric": "cross_entropy"}
        row |= {"unit": "nats", "n": 5, "mean": mean, "sd": 0.1, "low": mean - 0.05, "high": mean + 0.05}
        rows.append(row | {"floor": 0.5, "unigram": 2.0, "chance": np.log(20), "flag": "ok"} | values)
    return pd.DataFrame(rows)[results.SUMMARY.names].astype({"n": "int32"})


def statistics(*conditions: str, others: tuple[str, ...] = ("autoencoder", "pca"), **values: Any) -> pd.DataFrame:
    """A comparison of learned with each other arm: difference -0.2 - k / 10, margin 0.1."""
    rows = []
    for k, (condition, other) in enumerate((c, a) for c in conditions for a in others):
        centre = -0.2 - k / 10
        limits = (centre - 0.1, centre + 0.1, centre - 0.05, centre + 0.05)
        row = {"condition": f"{STUDY}/{condition}", "metric": "cross_entropy", "arm_a": "learned", "arm_b": other}
        row |= {"n": 7, "margin": 0.1, "difference": centre, "minimal_detectable": 0.05}
        rows.append(row | dict(zip(INTERVALS, limits, strict=True)) | values)
    return pd.DataFrame(rows).astype(dict.fromkeys(("minimal_detectable", *INTERVALS), float))


def run(condition: str, arm: str, value: float, seed: int = 0, **values: Any) -> dict[str, Any]:
    row = {"study": STUDY, "condition": f"{STUDY}/{condition}", "arm": arm, "seed": seed, "split": "test", "step": None}
    return row | {"metric": "cross_entropy", "value": value, "unit": "nats"} | values


def curves(condition: str, arms: tuple[str, ...] = ("learned", "full")) -> pd.DataFrame:
    """Two seeds, three steps: losses 3, 2, 1 and 3.2, 2.2, 1.2; chosen steps 10 and 20."""
    rows = []
    for arm, seed in ((arm, seed) for arm in arms for seed in (0, 1)):
        rows += [run(condition, arm, 3 - k + 0.2 * seed, seed, step=10 * k, split="validation") for k in range(3)]
        rows.append(run(condition, arm, 10.0 * (seed + 1), seed, metric="chosen_step", split="validation"))
    return pd.DataFrame(rows)


def fair(condition: str, shares: list[tuple[float, float]]) -> list[dict[str, Any]]:
    """Losses of learned and autoencoder by seed, between a floor of 1 and a chance of 3."""
    rows = [run(condition, "reference.floor", 1.0), run(condition, "reference.chance", 3.0)]
    for seed, (learned, autoencoder) in enumerate(shares):
        rows.append(run(condition, "learned", 1 + 2 * learned, seed))
        rows.append(run(condition, "autoencoder", 1 + 2 * autoencoder, seed))
    return rows


def costs(table: pd.DataFrame) -> pd.DataFrame:
    keys = table[["condition", "arm"]].drop_duplicates()
    return keys.assign(params_trained=[100 * (k + 1) for k in range(len(keys))], bits_deployed=3200)


def place(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(*map(np.asarray, line.get_data()), strict=True)]


def points(axes: Axes, gid: str) -> list[tuple[float, float]]:
    return [point for line in axes.lines if line.get_gid() == gid for point in place(line)]


def means(axes: Axes, arm: str) -> list[tuple[float, float]]:
    """Where an arm's means stand."""
    return next(place(drawn.lines[0]) for drawn in axes.containers if drawn.get_label() == arm)


def bars(axes: Axes, arm: str) -> list[list[float]]:
    """The ends of an arm's intervals."""
    (segments,) = next(drawn.lines[2] for drawn in axes.containers if drawn.get_label() == arm)
    return [ends[:, 1].tolist() for ends in segments.get_segments()]


def heights(found: list[tuple[float, float]]) -> list[float]:
    return [y for _, y in found]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def outside(figure: Figure) -> list[str]:
    """Texts that the figure's sides cut; ticks beyond the limits of their axis are not drawn and do not count."""
    with style.applied():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        ticks = {id(label) for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())}
        shown = [text for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in ticks]
        boxes = {text.get_text(): text.get_window_extent(canvas.get_renderer()) for text in shown if text.get_text()}
        return [text for text, box in boxes.items() if box.x0 < figure.bbox.x0 - 1 or box.x1 > figure.bbox.x1 + 1]


@pytest.mark.parametrize("study", views.studies())
def test_no_two_arms_share_a_colour_and_a_marker(study: str) -> None:
    looks = {name: method.look for name, method in views.studies()[study].methods.items() if method.look is not None}
    pairs = [(style.COLORS[look.color], look.marker) for look in looks.values()] + style.SPARE
    assert len(pairs) == len(set(pairs))
    labels = views.methods(looks, study)["label"]
    assert labels.nunique() == len(looks)


@pytest.mark.parametrize("study", ["learned_encoding", "language_models"])
def test_every_arm_of_the_config_has_a_look_and_the_users_own_gets_one(study: str) -> None:
    arms = study_files.default(ROOT)[study]["arms"]
    methods = views.methods([*arms, "learned-8", "my_encoder"], study)
    of_another = {"bespoke", "budget", "permuted", "reversed", "adaptive", "mixed"}  # these figures do not draw them
    assert set(methods.loc[methods["color"].isna(), "arm"]) <= {*of_another, "my_encoder"}
    with style.looks(methods):
        own = style.look("my_encoder")
        assert own == style.look("my_encoder") and own.name == "my encoder" and (own.color, own.marker) in style.SPARE
        assert style.in_order(["my_encoder", "full", "learned", "full"]) == ["learned", "full", "my_encoder"]
        assert style.look("learned-8") == style.look("learned") == ("learned", style.BLUE, "o", 4.0)
    assert (style.look("learned").color, style.look("learned").marker) in style.SPARE  # of no study


def test_a_family_has_one_look_and_a_method_of_it_may_have_another() -> None:
    with style.looks(views.methods(["int8", "int4"], "language_models")):
        assert style.look("int") == style.look("int8") == style.look("int4")
        assert style.look("int").name == "quantised by row (int8, int4)"
    with style.looks(views.methods(["autoencoder_001", "autoencoder", "autoencoder_7"], "learned_encoding")):
        assert style.look("autoencoder").name == style.look("autoencoder_7").name == "autoencoder (trained table)"
        assert style.look("autoencoder_001").name == "autoencoder as in document 001"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0.01, 0.3))
def test_spread_labels_are_apart_and_in_order(positions: list[float], gap: float) -> None:
    placed = style.spread(positions, gap)
    order = sorted(range(len(positions)), key=lambda k: positions[k])
    assert all(placed[b] - placed[a] >= gap - 1e-9 for a, b in pairwise(order))
    assert np.mean(placed) == pytest.approx(np.mean(positions))
    assert style.spread([0.9, 0.1, 0.5], 0.2) == [0.9, 0.1, 0.5]  # they have room


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_same_input_same_bytes_whatever_the_users_settings(tmp_path: Path, kind: str) -> None:
    first, second = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    style.save(drawn("loss-by-ratio", summary=summary(*RATIOS)), [first])
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": None, "pdf.fonttype": 3}):
        before = dict(mpl.rcParams)
        style.save(drawn("loss-by-ratio", summary=summary(*RATIOS)), [second])
        assert dict(mpl.rcParams) == before
    assert first.read_bytes() == second.read_bytes()
    assert b"/Type3" not in first.read_bytes()
    assert kind != "svg" or "held-out loss" in first.read_text()  # text stays text


def test_fonts_in_a_pdf_have_their_glyphs_and_no_tables_of_layout(tmp_path: Path) -> None:
    """Half of a figure's time went into cutting these tables, which a PDF has no use for."""
    style.save(drawn("loss-by-ratio", summary=summary(*RATIOS)), [tmp_path / "a.pdf"])
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", (tmp_path / "a.pdf").read_bytes(), re.DOTALL)
    opened = [zlib.decompressobj().decompress(stream) for stream in streams if stream.startswith(b"\x78")]
    fonts = [TTFont(io.BytesIO(content)) for content in opened if content.startswith(b"\0\1\0\0")]
    assert fonts
    for font in fonts:
        assert {"glyf", "hmtx", "loca"} <= set(font.keys()) and not {*style.OF_LAYOUT} & {*font.keys()}


def test_files_appear_all_or_none(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        style.save(Figure(), [tmp_path / "a.svg", tmp_path / "a.unknown"])
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        style.save(Figure(), [tmp_path / "file" / "a.svg"])


def test_conditions_are_named_in_words() -> None:
    names = {
        "markov/done-right/ratio-16-window-mlp": "16:1, ordered window",
        "compression/done-right/v20-ratio-8": "V = 20, 8:1",
        "baselines/done-right/zipf-v100": "zipf, V = 100",
        "complexity/done-right/semi-random": "semi-random",
        "baselines/as-described/v20": "V = 20",  # the only one
        "own/done-right/my_data": "my-data",
    }
    view = views.view(summary=summary(*names))
    assert {name: marks.in_words(view.condition(f"{STUDY}/{name}")) for name in names} == names
    titles = {"name": "v20-ratio-8-token-mlp", "experiment": "own", "title": "own", "short": "own"}
    columns: dict[str, Any] = {"data": "v20", "vocab_size": 20, "ratio": 8, "head": "token_mlp"}
    every = Condition(study=STUDY, condition="a", **titles, **columns, varied="data ratio head")
    assert marks.in_words(every) == "V = 20, 8:1, current token"
    assert marks.in_words(every, "data", "head") == "V = 20, current token"


def test_rows_get_what_their_conditions_are_and_other_ways_are_left_out() -> None:
    names = ["markov/done-right/ratio-8-mean-pool", SIZE, "as-released/pure-python", "markov/as-described/ratio-8"]
    table = summary(*names, arms=("learned",))
    rows = rows_of(views.view(summary=table), table, views.figures()["forest"])
    assert rows["experiment"].tolist() == ["markov", "vocabulary"]
    assert rows["short"].tolist() == ["Markov chain (000)", "Vocabulary (001)"]
    assert rows["data"].tolist() == ["v50", "v50"] and rows["head"].tolist() == ["mean_pool", "token_mlp"]
    assert rows["ratio"].tolist() == [8, 8] and rows["vocab_size"].tolist() == [50, 50]
    assert rows["varied"].tolist() == ["ratio head", "data"]


def test_by_ratio_shows_means_intervals_and_levels() -> None:
    table = summary(*RATIOS)
    (axes,) = drawn("loss-by-ratio", summary=table).axes
    for arm in ARMS:
        rows = table[table["arm"] == arm]
        assert heights(means(axes, arm)) == pytest.approx(rows["mean"].tolist())
        assert bars(axes, arm) == [pytest.approx(ends) for ends in rows[["low", "high"]].to_numpy().tolist()]
    for name, level in (("floor", 0.5), ("unigram", 2.0), ("chance", np.log(20))):
        assert heights(points(axes, name)) == pytest.approx([level, level])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2:1", "8:1"]

    # side by side, about their ratio
    octaves = np.log2([means(axes, arm)[0][0] for arm in ARMS])
    assert (np.diff(octaves) > 0).all() and np.ptp(octaves) < 1 and octaves.mean() == pytest.approx(1)


def test_by_ratio_draws_what_is_there() -> None:
    table = summary(*RATIOS, low=np.nan, high=np.nan)
    table = table[~((table["arm"] == "full") & table["condition"].str.endswith("2"))]
    (axes,) = drawn("loss-by-ratio", summary=table).axes
    assert heights(means(axes, "full")) == pytest.approx([1.5])
    assert heights(means(axes, "learned")) == pytest.approx([1.0, 1.3])


def test_an_arm_beyond_the_scale_is_marked_outside_the_panel() -> None:
    table = summary(*RATIOS)
    table.loc[table["arm"] == "full", ["mean", "low", "high"]] = 40.0
    (axes,) = drawn("loss-by-ratio", summary=table).axes
    assert axes.get_ylim()[1] < 5 and means(axes, "full") == []
    assert len(points(axes, "beyond:full")) == 2


def test_a_panel_for_each_data_set_and_task_model() -> None:
    names = [f"markov/done-right/ratio-{ratio}-{head}" for ratio in (2, 4) for head in ("mean-pool", "window-mlp")]
    figure = drawn("loss-by-ratio", summary=summary(*names, *RATIOS))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:2] == ["Markov chain (000), pooled window", "Markov chain (000), ordered window"]
    assert titles[2:] == ["Compression (001), V = 20"]


def test_published_accuracies_are_hollow_and_bound_the_scale() -> None:
    table = summary(*(f"markov/done-right/ratio-{ratio}-mean-pool" for ratio in (2, 4)), metric="accuracy")
    printed = {"mine": printing(_2={"learned": "9.0", "autoencoder": "8.0"}), "another": printing(_2={"learned": "1"})}
    changes = {"printed": {"markov": "mine"}}
    figure = drawn("accuracy-by-ratio", changes, printed, summary=table)
    (axes,) = figure.axes
    marker, _ = [line for line in axes.lines if line.get_gid() == "published"]
    assert marker.get_markerfacecolor() == "none" and marker.get_color() == style.BLUE
    assert heights(place(marker)) == [9.0] and axes.get_ylim()[1] > 9
    assert {"published", "optimum", "constant"} <= set(texts(figure))


@pytest.mark.parametrize("table", [summary(SIZE), summary(*RATIOS, metric="accuracy")])
def test_no_ratio_is_said(table: pd.DataFrame) -> None:
    with pytest.raises(
        InputError, match="figure loss-by-ratio: select: found nothing to show in the results with way done-right"
    ):
        drawn("loss-by-ratio", summary=table)


def test_vocabulary_lies_at_its_size_and_type_at_its_place() -> None:
    sizes = [summary(f"vocabulary/done-right/v{size}", chance=np.log(size)) for size in (200, 50)]
    kinds = summary("complexity/done-right/simple", "complexity/done-right/complex", floor=0.25)
    left, right = drawn("loss-by-vocabulary", summary=pd.concat([*sizes, kinds])).axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["50", "200"]
    assert [label.get_text() for label in right.get_xticklabels()] == ["simple", "complex"]
    assert heights(points(left, "chance")) == pytest.approx(np.log([50, 50, 200, 200]))
    assert heights(points(right, "floor")) == [0.25] * 4
    assert heights(means(right, "learned")) == pytest.approx([1.0, 1.3])
    assert sorted(x for x, _ in means(left, "autoencoder")) == pytest.approx([50, 200])
    assert len(drawn("loss-by-vocabulary", summary=summary(SIZE)).axes) == 1
    with pytest.raises(InputError, match="figure loss-by-vocabulary: select: found nothing"):
        drawn("loss-by-vocabulary", summary=summary(*RATIOS))


def test_forest_shows_differences_in_margins_and_numbers_in_nats() -> None:
    figure = drawn("forest", statistics=statistics(*RATIOS))
    (axes,) = figure.axes
    for gid, x in ((f"{RATIOS[0]}:autoencoder", -2), (f"{RATIOS[0]}:pca", -3), (f"{RATIOS[1]}:autoencoder", -4)):
        assert points(axes, f"{STUDY}/{gid}")[0][0] == pytest.approx(x)
    spans = [sorted(x for x, _ in place(line)) for line in axes.lines]
    assert pytest.approx([-3, -1]) in spans and pytest.approx([-2.5, -1.5]) in spans
    (band,) = [patch for patch in axes.patches if patch.get_gid() == "equivalence"]
    assert band.get_extents().transformed(axes.transData.inverted()).intervalx == pytest.approx([-1, 1])
    shown = {"Compression (001)", "V = 20, 2:1", "7", "−0.20", "[−0.30, −0.10]", "← learned better"}
    assert shown | {"autoencoder better →", "equivalent"} <= set(texts(figure))


def test_forest_without_intervals_or_other_contrasts() -> None:
    one = statistics(RATIOS[0], others=("autoencoder",), **dict.fromkeys(INTERVALS))
    (axes,) = drawn("forest", statistics=one).axes
    assert len(points(axes, f"{STUDY}/{RATIOS[0]}:autoencoder")) == 1
    with pytest.raises(InputError, match="figure forest: select: found nothing to show"):
        drawn("forest", statistics=statistics(RATIOS[0], others=("pca",)))


def test_numbers_are_as_precise_as_their_interval() -> None:
    assert signed(-0.1741, decimals(0.05)) == "−0.174"
    assert signed(0.00012, decimals(0.004)) == "+0.0001"
    assert signed(2.14e-6, decimals(1e-6)) == "+2.1·10⁻⁶"
    assert signed(0.1, decimals(0.0)) == signed(0.1, decimals(np.nan)) == "+0.1000"


def test_learning_curves_are_means_with_the_chosen_step_marked() -> None:
    (axes,) = drawn("learning-curves", runs=curves(V1000), summary=summary(V1000, arms=("learned", "full"))).axes
    assert points(axes, "learned") == [(0, 3.1), (10, 2.1), (20, pytest.approx(1.1))]
    assert points(axes, "chosen:learned") == [(15, pytest.approx(1.6))]
    assert heights(points(axes, "floor")) == [0.5, 0.5]
    edges = np.asarray(axes.collections[0].get_paths()[0].vertices)[:, 1]
    assert edges.min() < 1.0 and edges.max() > 3.2


def test_other_conditions_stand_in_for_chosen_ones_that_are_missing() -> None:
    names = ["markov/done-right/ratio-8-mean-pool", "own/done-right/mine", V1000]
    names += [f"own/done-right/c{k}" for k in range(9)]
    view = views.view(runs=pd.concat([curves(name) for name in names]))
    chosen, own, last, *many = (view.condition(f"{STUDY}/{name}") for name in names)
    first = views.figures()["learning-curves"].first
    assert choose([chosen, own], first, 6) == [chosen, own]
    assert choose([*many, last], first, 6) == [*many[:5], last]
    assert choose([*many, last], {}, None) == [*many, last]


def test_learning_curves_of_one_seed_have_no_band_and_none_is_said() -> None:
    one = curves(V1000).query("seed == 0")
    assert len(drawn("learning-curves", runs=one, summary=summary(V1000)).axes[0].collections) == 0
    with pytest.raises(InputError, match="figure learning-curves: select: found nothing to show"):
        drawn("learning-curves", runs=one[one["step"].isna()], summary=summary(V1000))


def test_seeds_shows_pairs_of_the_fair_arms_joined_and_no_lonely_seed() -> None:
    rows = [*fair(SIZE, [(0.1, 0.2), (0.3, 0.25)]), run(SIZE, "learned", 2.0, 7)]
    (axes,) = drawn("seeds", runs=pd.DataFrame(rows)).axes
    assert heights(points(axes, f"{STUDY}/{SIZE}:learned")) == pytest.approx([0.1, 0.3])
    assert heights(points(axes, f"{STUDY}/{SIZE}:autoencoder")) == pytest.approx([0.2, 0.25])
    joined = [heights(place(line)) for line in axes.lines if line.get_linewidth() == 0.4]
    assert joined == [pytest.approx([0.1, 0.2]), pytest.approx([0.3, 0.25])]


def test_seeds_shows_released_scripts_above_chance_with_published_values() -> None:
    cell = "as-released/focused-scaling/compression-2"
    rows = [run(cell, arm, 4.6 + 0.01 * seed, seed) for arm in ("learned", "traditional") for seed in range(3)]
    rows += [
        run(cell, "reference.chance", 4.6),
        run("as-released/corrected/ratio-2", "learned", 0.04, metric="accuracy"),
    ]
    printed = {
        "compression": printing(_2={"learned": "nothing", "autoencoder": "4.62"}),
        "vocabulary": printing(_2={"learned": "4.63", "autoencoder": "4.63"}),
    }
    scripts = views.figures()["seeds"].scripts
    focused = scripts["focused-scaling"].model_copy(update={"printed": {name: name for name in printed}})
    other = scripts["corrected"].model_copy(update={"printed": {"vocabulary": "vocabulary"}})
    changes = {"scripts": {"corrected": other, "focused-scaling": focused}}
    corrected, focused = drawn("seeds", changes, printed, runs=pd.DataFrame(rows)).axes
    assert heights(points(focused, "traditional")) == pytest.approx([0, 0.01, 0.02])
    assert heights(points(focused, "published")) == pytest.approx([np.nan, 0.02], nan_ok=True)
    assert heights(points(focused, "chance")) == [0.0, 0.0]
    assert heights(points(corrected, "learned")) == [0.04] and points(corrected, "published") == []
    with pytest.raises(InputError, match="figure seeds: select: found nothing to show"):
        drawn("seeds", runs=pd.DataFrame([run(SIZE, "full", 1.0)]))


def test_power_marks_the_runs_of_documents_and_of_this_run() -> None:
    curve, run_right = drawn("power", printed=stating(_000=3, _001=10), statistics=statistics(*RATIOS)).axes
    for n in (3, 7, 10):
        for design in ("paired", "independent"):
            effect = minimal_detectable_effect(n, paired=design == "paired")
            assert points(curve, f"{design}:{n}") == [(n, pytest.approx(effect))]
    assert [x for x, _ in points(run_right, "compression")] == pytest.approx([0.5, 0.5])


def test_power_with_a_shared_n_one_seed_and_nothing() -> None:
    assert "document 001,\nthis run" in texts(
        drawn("power", printed=stating(_001=10), statistics=statistics(RATIOS[0], n=10))
    )
    one_seed = statistics(RATIOS[0], n=1, minimal_detectable=None)
    assert len(drawn("power", printed=stating(_000=3), statistics=one_seed).axes) == 1
    with pytest.raises(InputError, match="figure power: select: found nothing to show"):
        drawn("power", printed=stating(_000=3), statistics=statistics(RATIOS[0], others=("pca",)))


def test_parameters_shows_shares_against_both_costs() -> None:
    table = summary(*RATIOS)
    trained, deployed = drawn("parameters", summary=table, arms=costs(table)).axes
    assert means(trained, "learned") == [(100, pytest.approx(1 / 1.5)), (400, pytest.approx(0.7 / 1.5))]
    assert [x for x, _ in means(deployed, "full")] == [3200, 3200]
    assert bars(trained, "learned")[0] == pytest.approx([0.95 / 1.5, 1.05 / 1.5])
    with pytest.raises(InputError, match="figure parameters: select: found nothing to show"):
        drawn("parameters", summary=table, arms=costs(table).iloc[:0])


def test_published_points_and_runs_come_from_the_documents() -> None:
    tables, scripts = views.printed(), views.figures()["seeds"].scripts
    row = tables["doc000-accuracy"].rows["2"]
    corrected = seeds.published(tables, scripts["corrected"])
    assert corrected["ratio", "2", "learned"] == float(row["learned"])
    assert ("complexity", "semi_random", "traditional") in seeds.published(tables, scripts["focused-scaling"])
    markov = levels.published(Sources(views.view(), tables), "doc000-accuracy")
    assert markov["autoencoder", 2.0] == float(row["autoencoder"])
    assert stated_runs(tables) == {"000": 3, "001": 10}  # and not of what only a repository records, once


def test_no_text_leaves_the_page() -> None:
    arms = tuple(views.studies()[STUDY].methods)
    ratios, kind = summary(*RATIOS, arms=arms), "complexity/done-right/semi-random"
    long = statistics("markov/done-right/ratio-16-window-mlp", t_low=-0.21234, t_high=-0.21233)
    pairs = [row for k in range(30) for row in fair(f"baselines/done-right/patterns-v{k}", [(0.1, 0.2)])]
    figures = [drawn("loss-by-ratio", summary=ratios), drawn("loss-by-vocabulary", summary=summary(kind, SIZE))]
    figures += [drawn("forest", statistics=long), drawn("seeds", runs=pd.DataFrame(pairs))]
    figures.append(drawn("power", printed=stating(_000=3, _001=10), statistics=statistics(*RATIOS)))
    figures.append(drawn("parameters", summary=ratios, arms=costs(ratios)))
    assert [outside(figure) for figure in figures] == [[]] * len(figures)
