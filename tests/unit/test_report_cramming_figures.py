"""The cramming study's figures: measured and printed numbers in their places, and runs that lack parts of it."""

import math
from pathlib import Path
from typing import Any

import cramming_runs as synthetic
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import views
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from tokentrial import published, results
from tokentrial.report import catalogue
from tokentrial.report.figures import draw as drawing
from tokentrial.report.figures.gains import family
from tokentrial.report.figures.marks import thinned
from tokentrial.report.figures.texts import groups_of, kind_look, members, said
from tokentrial.run.estimates import Scope
from tokentrial.run.view import SCHEMAS, View
from tokentrial.statistics.cramming import Estimate

ROOT = Path(__file__).parents[2]
PRINTED = views.printed()
KINDS, BOUND = views.figures()["cramming-gains"].kinds, views.figures()["cramming-bound"]
STEPS = (1, 10, 100)


def curve_rows() -> list[synthetic.Row]:
    """Learning curves of two texts under two settings: cross-entropy 6 - log10(step), accuracy 0.2 log10(step)."""
    made: list[synthetic.Row] = []
    for arm in ("tuned", "paper"):
        for text in (0, 1):
            for step in STEPS:
                name = ("cramming", "cramming/settings/llama-64x4/text-test/n-16-m-1", arm, text, "text-test", step)
                made.append((*name, "cross_entropy", 6 - math.log10(step), "nats"))
                made.append((*name, "accuracy", 0.2 * math.log10(step), "fraction"))
    return made


def crammed(rows: list[synthetic.Row]) -> View:
    return synthetic.view_of(rows, resamples=100)


@pytest.fixture(scope="module")
def view() -> View:
    return crammed(synthetic.study() + curve_rows())


def figures(of: View) -> dict[str, Figure]:
    return {name: views.figure(name, of) for name in catalogue.titles("figures", "cramming")}


@pytest.fixture(scope="module")
def made(view: View) -> dict[str, Any]:
    return figures(view)


def lines(axes: Any) -> dict[str, Any]:
    return {line.get_gid(): line.get_xydata() for line in axes.lines if line.get_gid()}


def bars_of(axes: Any) -> dict[str, Any]:
    return {bar.get_label(): bar[0].get_xydata() for bar in axes.containers}


def outside(figure: Figure) -> list[str]:
    """Texts that leave the page on any side; ticks beyond an axis are not drawn."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    ticks = {id(label) for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())}
    shown = [text for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in ticks]
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in shown if text.get_text()]
    low, high = np.array(figure.bbox.min) - 1, np.array(figure.bbox.max) + 1
    return [name for name, box in boxes if (np.array(box.min) < low).any() or (np.array(box.max) > high).any()]


def test_no_figure_has_the_name_of_a_table(made: dict[str, Any]) -> None:
    assert set(made).isdisjoint(catalogue.titles("tables", "cramming"))


def test_no_text_leaves_the_page(made: dict[str, Any]) -> None:
    assert {name: outside(figure) for name, figure in made.items()} == {name: [] for name in made}


def test_accuracy_has_a_panel_per_model_with_both_capacities(view: View, made: dict[str, Any]) -> None:
    scopes = view.estimates.widest()
    axes = made["cramming-accuracy"].axes
    assert [panel.get_title(loc="left") for panel in axes] == [scope.model for scope in scopes]
    assert scopes[-1].model == "untrained"
    for panel, scope in zip(axes, scopes, strict=True):
        drawn = bars_of(panel)
        for measure in ("accuracy", "solved", "accuracy_without"):
            expected = [(n, view.estimates.get(measure, scope, n).value) for n in view.estimates.lengths(scope)]
            assert drawn[measure] == pytest.approx(np.array(expected))
        for measure in ("capacity_mean", "capacity_half"):
            found = view.estimates.get(measure, scope)
            place = panel.get_xlim()[0] if scope.model == "untrained" else found.value
            assert lines(panel)[measure][0, 0] == pytest.approx(place)


def test_every_text_is_a_point_of_the_uncertainty_figure(view: View, made: dict[str, Any]) -> None:
    (panel,) = made["cramming-uncertainty"].axes
    (group,) = groups_of(view)
    drawn = lines(panel)
    counts = {kind: len(drawn[f"{kind}:solved"]) + len(drawn[f"{kind}:unsolved"]) for kind in synthetic.RATES}
    assert counts == dict.fromkeys(synthetic.RATES, 16 * 5)  # texts and lengths
    slope, intercept = (view.estimates.get(f"entropy_{name}", group).value for name in ("slope", "intercept"))
    assert slope is not None and intercept is not None
    right = panel.get_xlim()[1]
    assert drawn["free"] == pytest.approx(np.array([[0, intercept], [right, slope * right + intercept]]))
    offset = view.estimates.get("fixed_offset", group).value
    assert offset is not None
    assert drawn["fixed"][:, 1] - drawn["fixed"][:, 0] == pytest.approx([offset, offset])
    assert drawn["threshold"][:, 1] == pytest.approx([0, 0], abs=1e-9)  # solved texts of these runs have nothing left
    looks = [kind_look(KINDS, kind) for kind in synthetic.RATES]
    assert len({(look.color, look.marker) for look in looks}) == len(looks)


def test_gains_are_those_of_each_kind(view: View, made: dict[str, Any]) -> None:
    gain, ratio, length = made["cramming-gains"].axes
    (group,) = groups_of(view)
    kinds = members(view, group, KINDS)
    assert [label.get_text() for label in gain.get_yticklabels()] == [
        kind_look(KINDS, scope.kind).name for scope in kinds
    ]
    for y, scope in enumerate(kinds):
        value = view.estimates.get("information_gain_strict", scope).value
        assert bars_of(gain)[scope.kind] == pytest.approx(np.array([[value, y]]))
        if scope.kind != "text-test":
            assert bars_of(ratio)[scope.kind][0, 0] == pytest.approx(view.estimates.get("gain_ratio", scope).value)
        assert lines(length)[f"capacity_half:{scope.kind}"][0, 1] == pytest.approx(y + 0.17)
    assert any(text.get_text() == "reference" for text in ratio.texts)


def test_scaling_shows_the_exponent_and_the_printed_series(view: View, made: dict[str, Any]) -> None:
    length, gain = made["cramming-scaling"].axes
    assert [label.get_text() for label in gain.get_xticklabels()] == ["1", "2", "4", "8", "16"]
    drawn = lines(gain)["exponent"]
    slope = np.log(drawn[-1, 1] / drawn[0, 1]) / np.log(drawn[-1, 0] / drawn[0, 0])
    group = Scope("vectors", "llama-64x4", "text-test", None, "tuned")
    exponent = view.estimates.get("exponent_information_gain", group).value
    assert exponent == pytest.approx(1, abs=0.01)  # every vector of these runs has the same room
    assert slope == pytest.approx(exponent)
    printed = [line.get_ydata() for line in length.lines if line.get_gid() == "published:capacity"]
    assert list(printed[0]) == [80, 192, 384, 640, 1280]
    (legend,) = made["cramming-scaling"].legends
    words = [text.get_text() for text in legend.get_texts()]
    assert any("exponent of the gain 1.00 [1.00, 1.00] (n = 16)" in each for each in words)


def test_bound_has_every_model_here_and_published(view: View, made: dict[str, Any]) -> None:
    (panel,) = made["cramming-bound"].axes
    drawn = lines(panel)
    for row in PRINTED["cramming-models"].rows.values():
        point = drawn[f"published:{row['model']}"][0]
        assert list(point) == [published.number(row["bound"]), published.number(row["token_gain"])]
    own = bars_of(panel)
    assert set(own) == {scope.model for scope in view.estimates.widest()}
    for scope in view.estimates.widest():
        assert own[scope.model][0] == pytest.approx(
            [16 * (view.estimates.fact(scope.model, "width") or 0) / 10, own[scope.model][0, 1]]
        )
        assert own[scope.model][0, 1] == view.estimates.get("token_gain", scope).value


def test_curves_end_where_a_text_is_solved(view: View, made: dict[str, Any]) -> None:
    loss, accuracy = made["cramming-curves"].axes
    assert loss.get_title(loc="left") == "llama-64x4, N = 16, 2 texts"
    expected = np.array([[step, 6 - math.log10(step)] for step in STEPS])
    assert lines(loss)["paper:0"] == pytest.approx(expected)
    assert {"tuned:0", "tuned:1", "paper:0", "paper:1", "no vector", "chance"} <= set(lines(loss))
    assert lines(loss)["chance"][0, 1] == pytest.approx(math.log(1024))
    assert lines(accuracy)["no vector"][0, 1] == pytest.approx(0.1)
    easy = [(*row[:1], row[1].replace("n-16", "n-8"), *row[2:]) for row in curve_rows()]
    easy += synthetic.cells("settings", "llama-64x4", lengths=(8,), texts=2, room=300.0)
    figure: Any = views.figure("cramming-curves", crammed(easy))
    assert list(lines(figure.axes[1])["tuned:0"][-1]) == [100, 1.0]  # solved at its hundredth step


def smoke() -> list[synthetic.Row]:
    """What config/smoke.yaml leaves: few texts, two lengths."""
    made = synthetic.facts("capacity", "llama-64x2", 64, 2)
    made += synthetic.cells("capacity", "llama-64x2", lengths=(2, 4), texts=4, room=300.0)
    made += synthetic.cells("uncertainty", "llama-64x2", synthetic.RATES, (4, 8), texts=4, room=12.0)
    for m in (1, 2):
        made += synthetic.cells("vectors", "llama-64x2", lengths=(2 * m, 4 * m), vectors=m, texts=4, room=300.0)
    return made


NO_FACTS = synthetic.cells("capacity", "own", lengths=(4,), texts=1, room=1.0)


@pytest.mark.parametrize("rows", [[], smoke(), NO_FACTS, synthetic.facts("capacity", "own")])
def test_a_run_without_parts_of_the_study_says_so(rows: list[synthetic.Row]) -> None:
    for name, figure in figures(crammed(rows)).items():
        assert outside(figure) == [], name
        assert figure.axes or figure.texts, name
    if not rows:
        assert all(figure.texts and not figure.axes for figure in figures(crammed(rows)).values())


def test_the_files_are_written_from_the_tables(view: View, tmp_path: Path) -> None:
    blank = {entry.name: "a" if entry.type == pa.string() else 1 for entry in results.ARMS}
    arms = pd.DataFrame([blank | {"study": "cramming", "corpus": "My $letters$"}])
    where = {}
    for name in ("runs", "arms", "conditions", "methods", "summary", "statistics", "measures"):
        frame, schema = arms if name == "arms" else getattr(view, name), SCHEMAS[name]
        integers = {entry.name: "Int64" for entry in schema if str(entry.type).startswith("int")}
        where[name] = str(tmp_path / f"{name}.parquet")
        results.write(where[name], results.table(frame.astype(integers), schema))
    target = tmp_path / "cramming-accuracy.svg"
    drawing.write_figures([str(target)], tables=where, studies=["cramming"], published=views.PRINTED, confidence=0.95)
    assert target.stat().st_size > 5000
    assert "Text: My $letters$" in target.read_text(encoding="utf-8")


def test_names_and_numbers() -> None:
    names = ("llama-64x4", "EleutherAI/pythia-160m", "sheared-llama-1.3b", "gpt2")
    families = [family(name, BOUND.families, BOUND.kin) for name in names]
    assert families == ["llama", "neox", "llama", "other"]
    assert said(Estimate(20.66, 19.4, 22.4, 16)) == "20.7 [19.4, 22.4]"
    assert said(Estimate(-1.5, None, None, 1)) == "−1.5"
    assert said(Estimate(24.0, None, None, 16, "at least: holds at the largest length of the grid")) == "≥ 24.0"
    assert said(Estimate(None, None, 3.0, 16, "below the smallest length of the grid")) == "< the grid"
    assert thinned([1, 2, 3, 4, 5], 3) == [1, 3, 5]
    assert thinned([], 3) == []
