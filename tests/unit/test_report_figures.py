"""Figures show the numbers they are given: positions of artists, same bytes twice, and what is missing is said."""

import itertools
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.report import catalogue
from tokentrial.report.figures import draw, style
from tokentrial.report.figures.by_ratio import Published, accuracy_by_ratio, loss_by_ratio
from tokentrial.report.figures.by_vocabulary import loss_by_vocabulary
from tokentrial.report.figures.cells import cells, in_words
from tokentrial.report.figures.documents import Point, published_points, stated_runs
from tokentrial.report.figures.forest import decimals, forest, signed
from tokentrial.report.figures.learning_curves import choose, learning_curves
from tokentrial.report.figures.parameters import parameters
from tokentrial.report.figures.power import power
from tokentrial.report.figures.seeds import seeds
from tokentrial.report.published import load
from tokentrial.statistics.power import minimal_detectable_effect

ROOT = Path(__file__).parents[2]
STUDY = "learned_encoding"
ARMS = ("learned", "autoencoder", "full")
RATIOS = ("compression/done-right/v20-ratio-2", "compression/done-right/v20-ratio-8")


def summary(
    *conditions: str, arms: tuple[str, ...] = ARMS, metric: str = "cross_entropy", **values: Any
) -> pd.DataFrame:
    """A row per condition and arm; the k-th has the mean 1 + k / 10 and an interval of +- 0.05."""
    rows = []
    for k, (condition, arm) in enumerate((c, a) for c in conditions for a in arms):
        mean = 1 + k / 10
        row = {
            "study": STUDY,
            "condition": f"{STUDY}/{condition}",
            "arm": arm,
            "metric": metric,
            "unit": "nats",
            "n": 5,
        }
        level = {"mean": mean, "sd": 0.1, "low": mean - 0.05, "high": mean + 0.05}
        rows.append(row | level | {"floor": 0.5, "unigram": 2.0, "chance": np.log(20), "flag": "ok"} | values)
    return pd.DataFrame(rows)[results.SUMMARY.names].astype({"n": "int32"})


def statistics(*conditions: str, others: tuple[str, ...] = ("autoencoder", "pca"), **values: Any) -> pd.DataFrame:
    """A comparison of learned with each other arm: difference -0.2 - k / 10, margin 0.1."""
    rows = []
    for k, (condition, other) in enumerate((c, a) for c in conditions for a in others):
        centre = -0.2 - k / 10
        row = dict.fromkeys(results.STATISTICS.names, None) | {
            "comparison": f"{condition}:{other}",
            "study": STUDY,
            "condition": f"{STUDY}/{condition}",
            "metric": "cross_entropy",
            "arm_a": "learned",
            "arm_b": other,
            "n": 7,
            "margin": 0.1,
            "difference": centre,
            "t_low": centre - 0.1,
            "t_high": centre + 0.1,
            "minimal_detectable": 0.05,
            "equivalent_low": centre - 0.05,
            "equivalent_high": centre + 0.05,
            "equivalent": False,
        }
        rows.append(row | values)
    return pd.DataFrame(rows)


def run(condition: str, arm: str, value: float, seed: int = 0, **values: Any) -> dict[str, Any]:
    row = {"study": STUDY, "condition": f"{STUDY}/{condition}", "arm": arm, "seed": seed, "split": "test", "step": None}
    return row | {"metric": "cross_entropy", "value": value, "unit": "nats"} | values


def curves(condition: str, arms: tuple[str, ...] = ("learned", "full")) -> pd.DataFrame:
    """Two seeds, three steps: losses 3, 2, 1 and 3.2, 2.2, 1.2; chosen steps 10 and 20."""
    rows = []
    for arm in arms:
        for seed in (0, 1):
            validation = {"split": "validation", "seed": seed}
            rows += [run(condition, arm, 3 - k + 0.2 * seed, step=10 * k, **validation) for k in range(3)]
            rows.append(run(condition, arm, 10.0 * (seed + 1), metric="chosen_step", unit="steps", **validation))
    return pd.DataFrame(rows)


def by_arm(axes: Axes) -> dict[str, ErrorbarContainer]:
    return {str(drawn.get_label()): drawn for drawn in axes.containers if isinstance(drawn, ErrorbarContainer)}


def heights(axes: Axes, arm: str) -> np.ndarray:
    line = by_arm(axes)[arm].lines[0]
    assert line is not None
    return np.asarray(line.get_ydata(), dtype=float)


def lines(axes: Axes, gid: str) -> list[Line2D]:
    return [line for line in axes.lines if line.get_gid() == gid]


def points(axes: Axes, gid: str) -> list[tuple[float, float]]:
    return [
        (float(x), float(y))
        for line in lines(axes, gid)
        for x, y in zip(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), strict=True)
    ]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def outside(figure: Figure) -> list[str]:
    """Texts that the figure's edge cuts; tick labels beyond the limits of their axis are not drawn and do not count."""
    with style.applied():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        ticks = {id(label) for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())}
        found = []
        for text in figure.findobj(Text):
            assert isinstance(text, Text)
            if not text.get_text() or not text.get_visible() or id(text) in ticks:
                continue
            box = text.get_window_extent(canvas.get_renderer())
            if box.width and not (figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1):
                found.append(text.get_text())
        return found


# --- style ---


def test_no_two_arms_share_a_colour_and_a_marker() -> None:
    pairs = [(look.color, look.marker) for look in style.ARMS.values()] + style.SPARE
    assert len(pairs) == len(set(pairs))
    names = [look.name for look in style.ARMS.values()]
    assert len(names) == len(set(names))


def test_an_arm_of_the_users_own_has_one_look_and_comes_last() -> None:
    own = style.look("my_encoder")
    assert own == style.look("my_encoder") and own.name == "my encoder"
    assert (own.color, own.marker) in style.SPARE
    assert style.in_order(["my_encoder", "full", "learned", "full"]) == ["learned", "full", "my_encoder"]


def test_every_arm_of_the_config_has_a_look() -> None:
    from tokentrial import config

    arms = config.load(ROOT / "config/config.yaml")["learned_encoding"]["arms"]
    assert [arm for arm in arms if arm not in style.ARMS] == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0.01, 0.3))
def test_spread_labels_are_apart_and_in_order(positions: list[float], gap: float) -> None:
    placed = style.spread(positions, gap)
    order = sorted(range(len(positions)), key=lambda k: positions[k])
    assert all(placed[b] - placed[a] >= gap - 1e-9 for a, b in itertools.pairwise(order))
    assert np.mean(placed) == pytest.approx(np.mean(positions))


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert style.spread([0.9, 0.1, 0.5], 0.2) == [0.9, 0.1, 0.5]


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_same_input_same_bytes_whatever_the_users_settings(tmp_path: Path, kind: str) -> None:
    table = summary(*RATIOS)
    first, second = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    style.save(loss_by_ratio(table), [first])
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": None, "pdf.fonttype": 3}):
        before = dict(mpl.rcParams)
        style.save(loss_by_ratio(table), [second])
        assert dict(mpl.rcParams) == before
    assert first.read_bytes() == second.read_bytes()


def test_text_stays_text(tmp_path: Path) -> None:
    style.save(loss_by_ratio(summary(*RATIOS)), [tmp_path / "a.svg", tmp_path / "a.pdf"])
    assert "held-out loss" in (tmp_path / "a.svg").read_text()
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()


def test_files_appear_all_or_none(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        style.save(Figure(), [tmp_path / "a.svg", tmp_path / "a.unknown"])
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        style.save(Figure(), [tmp_path / "file" / "a.svg"])


# --- cells ---


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("v20-ratio-8", "V = 20, 8:1"),
        ("ratio-16-window-mlp", "16:1, ordered window"),
        ("ratio-2-mean-pool", "2:1, pooled window"),
        ("v1000", "V = 1000"),
        ("zipf-v100", "zipf, V = 100"),
        ("semi-random", "semi-random"),
        ("v20-ratio-8-token-mlp", "V = 20, 8:1, current token"),
    ],
)
def test_cells_are_named_in_words(cell: str, words: str) -> None:
    assert in_words(cell) == words


def test_cells_are_taken_apart_and_other_ways_left_out() -> None:
    names = ["markov/done-right/ratio-8-mean-pool", "vocabulary/done-right/v50", "as-released/pure-python"]
    found = cells(pd.DataFrame({"condition": [f"{STUDY}/{name}" for name in names]}))
    assert found["sub_study"].tolist() == ["markov", "vocabulary"]
    assert found["data"].tolist() == ["", "v50"]
    assert found["head"].tolist() == ["mean-pool", ""]
    assert found["ratio"].iloc[0] == 8 and pd.isna(found["ratio"].iloc[1])


# --- loss and accuracy by ratio ---


def test_by_ratio_shows_means_intervals_and_levels() -> None:
    table = summary(*RATIOS)
    (axes,) = loss_by_ratio(table).axes
    for arm in ARMS:
        assert heights(axes, arm) == pytest.approx(table.loc[table["arm"] == arm, "mean"])
        bars = by_arm(axes)[arm].lines[2][0].get_segments()
        assert [bar[:, 1].tolist() for bar in bars] == [
            pytest.approx([row.low, row.high]) for row in table[table["arm"] == arm].itertuples()
        ]
    for name, level in (("floor", 0.5), ("unigram", 2.0), ("chance", np.log(20))):
        (line,) = lines(axes, name)
        assert np.asarray(line.get_ydata()) == pytest.approx(level)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2:1", "8:1"]


def test_arms_of_a_ratio_lie_side_by_side() -> None:
    (axes,) = loss_by_ratio(summary(*RATIOS)).axes
    places = [by_arm(axes)[arm].lines[0].get_xdata()[0] for arm in ARMS]  # type: ignore[union-attr, index]
    assert places == sorted(set(places)) and np.log2(places[-1] / places[0]) < 1
    assert np.log2(places).mean() == pytest.approx(1)


def test_by_ratio_draws_what_is_there() -> None:
    table = summary(*RATIOS)
    partly = table[~((table["arm"] == "full") & table["condition"].str.endswith("2"))].assign(low=None, high=None)
    (axes,) = loss_by_ratio(partly.astype({"low": float, "high": float})).axes
    assert heights(axes, "full").tolist() == pytest.approx([1.5])
    assert heights(axes, "learned").tolist() == pytest.approx([1.0, 1.3])


def test_an_arm_beyond_the_scale_is_marked_outside_the_panel() -> None:
    table = summary(*RATIOS)
    table.loc[table["arm"] == "full", ["mean", "low", "high"]] = 40.0
    (axes,) = loss_by_ratio(table).axes
    assert axes.get_ylim()[1] < 5
    assert len(heights(axes, "full")) == 0 and len(lines(axes, "beyond:full")) == 2


def test_a_panel_for_each_data_set_and_task_model() -> None:
    names = [f"markov/done-right/ratio-{ratio}-{head}" for ratio in (2, 4) for head in ("mean-pool", "window-mlp")]
    titles = [axes.get_title(loc="left") for axes in loss_by_ratio(summary(*names, *RATIOS)).axes]
    assert titles == [
        "Compression (001), V = 20",
        "Markov chain (000), pooled window",
        "Markov chain (000), ordered window",
    ] or titles == [
        "Markov chain (000), pooled window",
        "Markov chain (000), ordered window",
        "Compression (001), V = 20",
    ]


def test_published_accuracies_are_hollow_and_bound_the_scale() -> None:
    table = summary("markov/done-right/ratio-2-mean-pool", "markov/done-right/ratio-4-mean-pool", metric="accuracy")
    figure = accuracy_by_ratio(table, [Published("markov", "learned", 2, 9.0), Published("other", "learned", 2, 1.0)])
    (axes,) = figure.axes
    (marker,) = lines(axes, "published")
    assert marker.get_markerfacecolor() == "none" and marker.get_color() == style.look("learned").color
    assert marker.get_ydata()[0] == 9.0 and axes.get_ylim()[1] > 9  # type: ignore[index]
    assert "published" in texts(figure) and "optimum" in texts(figure)


@pytest.mark.parametrize("table", [summary("vocabulary/done-right/v50"), summary(*RATIOS, metric="accuracy")])
def test_no_ratio_is_said(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="figure loss-by-ratio: nothing to show: no condition run right with a compr"):
        loss_by_ratio(table)


# --- loss by vocabulary ---


def test_vocabulary_lies_at_its_size_and_type_at_its_place() -> None:
    sizes = (
        summary("vocabulary/done-right/v50", chance=np.log(50)),
        summary("vocabulary/done-right/v200", chance=np.log(200)),
    )
    kinds = summary("complexity/done-right/simple", "complexity/done-right/complex", floor=0.1)
    left, right = loss_by_vocabulary(pd.concat([*sizes, kinds])).axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["50", "200"]
    assert [label.get_text() for label in right.get_xticklabels()] == ["simple", "complex"]
    assert sorted({round(y, 6) for _, y in points(left, "chance")}) == pytest.approx(np.log([50, 200]), abs=1e-6)
    assert {y for _, y in points(right, "floor")} == {0.1}
    assert heights(right, "learned") == pytest.approx([1.0, 1.3])
    assert by_arm(left)["autoencoder"].lines[0].get_xdata() == pytest.approx([50, 200])  # type: ignore[union-attr]


def test_vocabulary_alone_fills_the_figure_and_nothing_is_said() -> None:
    assert len(loss_by_vocabulary(summary("vocabulary/done-right/v50")).axes) == 1
    with pytest.raises(InputError, match="loss-by-vocabulary"):
        loss_by_vocabulary(summary(*RATIOS))


# --- forest ---


def test_forest_shows_differences_in_margins_and_numbers_in_nats() -> None:
    figure = forest(statistics(*RATIOS))
    (axes,) = figure.axes
    for k, condition in enumerate(RATIOS):
        ((x, _),) = points(axes, f"{STUDY}/{condition}:autoencoder")
        assert x == pytest.approx((-0.2 - 2 * k / 10) / 0.1)
    ((x, _),) = points(axes, f"{STUDY}/{RATIOS[0]}:pca")
    assert x == pytest.approx(-3)
    spans = [sorted(np.asarray(line.get_xdata())) for line in axes.lines if len(np.asarray(line.get_xdata())) == 2]
    assert any(span == pytest.approx([-3, -1]) for span in spans)
    assert any(span == pytest.approx([-2.5, -1.5]) for span in spans)
    (band,) = [patch for patch in axes.patches if patch.get_gid() == "equivalence"]
    assert band.get_extents().transformed(axes.transData.inverted()).intervalx == pytest.approx([-1, 1])
    shown = texts(figure)
    assert {"Compression (001)", "V = 20, 2:1", "−0.20", "[−0.30, −0.10]", "7"} <= set(shown)
    assert "← learned better" in shown and "autoencoder better →" in shown


def test_forest_without_intervals_or_other_contrasts() -> None:
    bare = statistics(
        RATIOS[0], others=("autoencoder",), t_low=None, t_high=None, equivalent_low=None, equivalent_high=None
    )
    (axes,) = forest(bare.astype(dict.fromkeys(("t_low", "t_high", "equivalent_low", "equivalent_high"), float))).axes
    assert len(points(axes, f"{STUDY}/{RATIOS[0]}:autoencoder")) == 1
    with pytest.raises(InputError, match="no comparison of learned with autoencoder run right"):
        forest(statistics(RATIOS[0], others=("pca",)))


@pytest.mark.parametrize(
    ("value", "width", "shown"),
    [
        (-0.1741, 0.05, "−0.174"),
        (0.00012, 0.004, "+0.0001"),
        (2.14e-6, 1e-6, "+2.1·10⁻⁶"),
        (3.4, 9.0, "+3.40"),
        (0.1, 0.0, "+0.1000"),
    ],
)
def test_numbers_are_as_precise_as_their_interval(value: float, width: float, shown: str) -> None:
    assert signed(value, decimals(width)) == shown


# --- learning curves ---


def test_learning_curves_are_means_with_the_chosen_step_marked() -> None:
    condition = "vocabulary/done-right/v1000"
    (axes,) = learning_curves(curves(condition), summary(condition, arms=("learned", "full"))).axes
    assert points(axes, "learned") == [(0, 3.1), (10, 2.1), (20, pytest.approx(1.1))]
    assert points(axes, "chosen:learned") == [(15, pytest.approx(1.6))]
    assert [y for _, y in points(axes, "floor")] == [0.5, 0.5]
    (band, _) = axes.collections
    edges = band.get_paths()[0].vertices
    assert np.asarray(edges)[:, 1].min() < 1.0 and np.asarray(edges)[:, 1].max() > 3.2


def test_other_cells_stand_in_for_chosen_ones_that_are_missing() -> None:
    table = cells(pd.concat([curves("markov/done-right/ratio-8-mean-pool"), curves("own/done-right/mine")]))
    assert choose(table) == [f"{STUDY}/markov/done-right/ratio-8-mean-pool", f"{STUDY}/own/done-right/mine"]
    many = cells(
        pd.concat([curves(f"own/done-right/c{k}") for k in range(9)] + [curves("vocabulary/done-right/v1000")])
    )
    assert len(choose(many)) == 6 and choose(many)[-1].endswith("v1000")


def test_learning_curves_of_one_seed_have_no_band_and_none_is_said() -> None:
    condition = "vocabulary/done-right/v1000"
    one = curves(condition).query("seed == 0")
    (axes,) = learning_curves(one, summary(condition)).axes
    assert len(axes.collections) == 0
    with pytest.raises(InputError, match="learning-curves"):
        learning_curves(one[one["step"].isna()], summary(condition))


# --- seeds ---


def fair_rows(condition: str, shares: list[tuple[float, float]]) -> list[dict[str, Any]]:
    """Losses between a floor of 1 and a chance of 3."""
    rows = [run(condition, f"reference.{name}", level) for name, level in (("floor", 1.0), ("chance", 3.0))]
    for seed, pair in enumerate(shares):
        rows += [
            run(condition, arm, 1 + 2 * share, seed)
            for arm, share in zip(("learned", "autoencoder"), pair, strict=True)
        ]
    return rows


def test_seeds_shows_each_seed_of_the_fair_arms_joined() -> None:
    condition = "vocabulary/done-right/v50"
    (axes,) = seeds(pd.DataFrame(fair_rows(condition, [(0.1, 0.2), (0.3, 0.25)]))).axes
    assert [y for _, y in points(axes, f"{STUDY}/{condition}:learned")] == pytest.approx([0.1, 0.3])
    assert [y for _, y in points(axes, f"{STUDY}/{condition}:autoencoder")] == pytest.approx([0.2, 0.25])
    joined = [np.asarray(line.get_ydata()).tolist() for line in axes.lines if line.get_linewidth() == 0.4]
    assert joined == [pytest.approx([0.1, 0.2]), pytest.approx([0.3, 0.25])]


def test_a_seed_of_one_arm_only_is_no_pair() -> None:
    rows = [*fair_rows("vocabulary/done-right/v50", [(0.1, 0.2)]), run("vocabulary/done-right/v50", "learned", 2.0, 7)]
    (axes,) = seeds(pd.DataFrame(rows)).axes
    assert len(points(axes, f"{STUDY}/vocabulary/done-right/v50:learned")) == 1


def test_seeds_shows_released_scripts_above_chance_with_published_values() -> None:
    cell = "as-released/focused-scaling/compression-2"
    rows = [run(cell, arm, 4.6 + 0.01 * seed, seed) for arm in ("learned", "traditional") for seed in range(3)]
    rows += [
        run(cell, "reference.chance", 4.6),
        run("as-released/corrected/ratio-2", "learned", 0.04, metric="accuracy"),
    ]
    figure = seeds(
        pd.DataFrame(rows), [Point("focused-scaling/compression-2", "traditional", 4.62), Point("x/y", "learned", 0)]
    )
    corrected, focused = figure.axes
    assert sorted(y for _, y in points(focused, "traditional")) == pytest.approx([0, 0.01, 0.02])
    assert [y for _, y in points(focused, "published")] == pytest.approx([0.02])
    assert {y for _, y in points(focused, "chance")} == {0.0}
    assert [y for _, y in points(corrected, "learned")] == [0.04]
    assert points(corrected, "published") == []


def test_no_seed_is_said() -> None:
    with pytest.raises(InputError, match="figure seeds: nothing to show"):
        seeds(pd.DataFrame([run("vocabulary/done-right/v50", "full", 1.0)]))


# --- power ---


def test_power_marks_the_runs_of_documents_and_of_this_run() -> None:
    curve, cells_panel = power(statistics(*RATIOS), {"000": 3, "001": 10}).axes
    for n in (3, 7, 10):
        for design in ("paired", "independent"):
            ((x, y),) = points(curve, f"{design}:{n}")
            assert (x, y) == (n, pytest.approx(minimal_detectable_effect(n, paired=design == "paired")))
    assert [x for x, _ in points(cells_panel, "compression")] == pytest.approx([0.5, 0.5])


def test_power_with_a_shared_n_and_one_seed() -> None:
    figure = power(statistics(RATIOS[0], n=10), {"001": 10})
    assert "document 001,\nthis run" in texts(figure)
    one = statistics(RATIOS[0], n=1, minimal_detectable=None).astype({"minimal_detectable": float})
    assert len(power(one, {"000": 3}).axes) == 1
    with pytest.raises(InputError, match="figure power"):
        power(statistics(RATIOS[0], others=("pca",)), {"000": 3})


# --- parameters ---


def costs(table: pd.DataFrame) -> pd.DataFrame:
    keys = table[["condition", "arm"]].drop_duplicates()
    return keys.assign(params_trained=[100 * (k + 1) for k in range(len(keys))], bits_deployed=3200)


def test_parameters_shows_shares_against_both_costs() -> None:
    table = summary(*RATIOS)
    trained, deployed = parameters(table, costs(table)).axes
    line = by_arm(trained)["learned"].lines[0]
    assert line is not None
    assert line.get_xdata() == pytest.approx([100, 400])
    assert line.get_ydata() == pytest.approx([(2.0 - 1.0) / 1.5, (2.0 - 1.3) / 1.5])
    assert by_arm(deployed)["full"].lines[0].get_xdata() == pytest.approx([3200, 3200])  # type: ignore[union-attr]
    segments = by_arm(trained)["learned"].lines[2][0].get_segments()
    assert segments[0][:, 1] == pytest.approx([(2.0 - 1.05) / 1.5, (2.0 - 0.95) / 1.5])


def test_parameters_without_costs_is_said() -> None:
    table = summary(*RATIOS)
    with pytest.raises(InputError, match="no condition run right with its costs and floor"):
        parameters(table, costs(table).iloc[:0])


# --- documents, and all figures together ---


def test_published_points_and_runs_come_from_the_file() -> None:
    tables = load(ROOT / "config/published/learned_encoding.yaml")
    found = {(point.cell, point.arm): point.value for point in published_points(tables)}
    assert found[("corrected/ratio-2", "learned")] == float(tables["doc000-accuracy"].rows["2"]["learned"])
    assert ("focused-scaling/complexity-semi_random", "traditional") in found
    assert draw.markov_points(published_points(tables))[1]._asdict() == {
        "sub_study": "markov",
        "arm": "autoencoder",
        "ratio": 2.0,
        "value": float(tables["doc000-accuracy"].rows["2"]["autoencoder"]),
    }
    assert set(stated_runs(tables)) == {"000", "001"}


def test_the_catalogue_is_drawn_and_captioned() -> None:
    assert list(draw.FIGURES) == list(catalogue.FIGURES)
    for name in catalogue.FIGURES:
        assert (ROOT / f"workflow/report/{name}.rst").read_text().strip()


def test_figures_are_written_from_tables(tmp_path: Path) -> None:
    paths = {name: str(tmp_path / f"{name}.parquet") for name in ("runs", "arms", "summary", "statistics")}
    results.write(paths["summary"], results.table(summary(*RATIOS), results.SUMMARY))
    given_to = {**paths, "published": str(ROOT / "config/published/learned_encoding.yaml"), "confidence": 0.95}
    targets = [tmp_path / f"{name}.{kind}" for name in ("loss-by-ratio", "parameters") for kind in ("png", "svg")]
    draw.write_figures(map(str, targets[:2]), **given_to)  # type: ignore[arg-type]
    assert all(path.stat().st_size > 1000 for path in targets[:2])
    with pytest.raises(InputError, match=r"arms\.parquet: not found"):
        draw.write_figures(map(str, targets[2:]), **given_to)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="figure 'nonsense' is unknown"):
        draw.write_figures([str(tmp_path / "nonsense.svg")], **given_to)  # type: ignore[arg-type]


def test_no_text_leaves_the_page() -> None:
    ratios = summary(*RATIOS, arms=tuple(style.ARMS))
    assert outside(loss_by_ratio(ratios)) == []
    assert outside(loss_by_vocabulary(summary("complexity/done-right/semi-random", "vocabulary/done-right/v50"))) == []
    assert outside(forest(statistics("markov/done-right/ratio-16-window-mlp", t_low=-0.21234, t_high=-0.21233))) == []
    assert outside(power(statistics(*RATIOS), {"000": 3, "001": 10})) == []
    assert outside(parameters(ratios, costs(ratios))) == []
    names = [f"baselines/done-right/c{k}" for k in range(30)]
    assert outside(seeds(pd.DataFrame([row for name in names for row in fair_rows(name, [(0.1, 0.2)])]))) == []
