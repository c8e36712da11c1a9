"""Figures by name: the catalogue is drawn, each from its own study's rows, into files."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import views
import yaml

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.report import catalogue
from tokentrial.report.figures import draw, style
from tokentrial.report.figures.registry import NOTHING, Sources, conditions, rows_of
from tokentrial.run.view import SCHEMAS, View
from tokentrial.schema import figures as schema

ROOT = Path(__file__).parents[2]
STUDY = "learned_encoding"


def summary() -> pd.DataFrame:
    """One arm at two ratios."""
    row = {"study": STUDY, "arm": "learned", "metric": "cross_entropy", "unit": "nats", "n": 5, "sd": 0.1}
    row |= {"mean": 1.5, "low": 1.4, "high": 1.6, "floor": 0.5, "unigram": 2.0, "chance": 3.0, "flag": "ok"}
    cells = [f"{STUDY}/compression/done-right/v20-ratio-{ratio}" for ratio in (2, 8)]
    return pd.DataFrame([row | {"condition": cell} for cell in cells]).astype({"n": "int32"})[results.SUMMARY.names]


def test_every_kind_is_drawn_and_declared() -> None:
    """What draws a kind has its name, and a shipped figure is of it: none is there for nothing."""
    parts = (catalogue.VERDICTS, *catalogue.STUDIES)
    used = {entry.kind for part in parts for entry in catalogue.entries(part).figures.values()}
    assert set(draw.KINDS) == set(schema.KINDS) == used


@pytest.fixture(scope="module")
def shipped() -> View:
    return View.read(views.shipped(), 0.95)


DECLARED = [(study, name) for study in catalogue.STUDIES for name in views.studies()[study].figures]


@pytest.mark.parametrize(("study", "name"), DECLARED)
def test_every_declared_figure_is_drawn_from_the_shipped_run(study: str, name: str, shipped: View) -> None:
    figure = views.figure(name, shipped.only(study))
    assert figure.axes and all(axes.has_data() for axes in figure.axes)


def files(folder: Path, view: View) -> dict[str, Any]:
    """A view's tables as files, the study, and what the documents print."""
    tables = {name: str(folder / f"{name}.parquet") for name in (*views.TABLES, "conditions", "methods")}
    for name, path in tables.items():
        results.write(path, results.table(views.typed(getattr(view, name), SCHEMAS[name]), SCHEMAS[name]))
    return {"tables": tables, "studies": [STUDY], "published": views.PRINTED, "confidence": 0.95}


def test_the_documented_figure_shows_what_the_view_says(shipped: View) -> None:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8").partition("## A figure")[2]
    block = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert block is not None
    [(name, entry)] = yaml.safe_load(block[1])["figures"].items()
    view = shipped.only(STUDY)
    figure: Any = draw.draw(name, schema.figure(entry), Sources(view, {}))
    assert len(figure.axes) == 4  # of two data sets of one experiment and two heads of the other
    pooled = view.select(experiment="markov", way="done-right", head="mean_pool")
    levels = {each.ratio: view.level(each.id, "learned", "accuracy")["mean"] for each in pooled}
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    (panel,) = [axes for axes, title in zip(figure.axes, titles, strict=True) if "pooled window" in title]
    (learned,) = [bar for bar in panel.containers if bar.get_label() == "learned"]
    assert list(learned[0].get_ydata()) == [levels[ratio] for ratio in sorted(levels)]
    assert figure.axes[0].get_ylabel() == entry["y_label"]
    with pytest.raises(InputError) as caught:
        nothing = {**entry, "select": {"way": "done-right", "experiment": "compresion"}}
        draw.draw(name, schema.figure(nothing), Sources(view, {}))
    said = str(caught.value)
    assert said.startswith(f"figure {name}: select: found nothing to show in the results with way done-right (there ")
    assert "experiment compresion (there is pure-python, " in said and said.endswith(", variance)") and "\n" not in said


def test_conditions_are_in_the_order_of_the_filter_and_others_stand_in(shipped: View) -> None:
    view, entry = shipped.only("bespoke"), views.figures()["bespoke-curves"]
    shown = [each.experiment for each in conditions(view, entry)]
    assert shown == ["converged"] * 2 + ["scaling"] * 4  # the config has them the other way round
    nothing = entry.model_copy(update={"select": {"way": "done-right", "experiment": ["nothing"]}})
    assert conditions(view, nothing) == view.select(way="done-right")
    rows = rows_of(view, view.summary, entry)
    assert list(dict.fromkeys(rows["experiment"])) == ["converged", "scaling"] and len(rows) < len(view.summary)


def test_figures_are_written_from_tables(tmp_path: Path) -> None:
    where = files(tmp_path, views.view(summary=summary()))
    targets = [tmp_path / "loss-by-ratio.png", tmp_path / "loss-by-ratio.svg"]
    draw.write_figures(map(str, targets), **where)
    assert all(path.stat().st_size > 1000 for path in targets)
    with pytest.raises(InputError, match="figure 'nonsense' is unknown"):
        draw.write_figures([str(tmp_path / "nonsense.svg")], **where)
    Path(where["tables"]["arms"]).unlink()
    with pytest.raises(InputError, match=r"arms\.parquet: not found"):
        draw.write_figures([str(tmp_path / "parameters.svg")], **where)


def test_an_empty_figure_keeps_no_other_from_being_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is left out: a line says what was asked for, and its file that there is nothing."""
    where = files(tmp_path, views.view(summary=summary()))
    empty, drawn = tmp_path / "forest.svg", tmp_path / "loss-by-ratio.svg"
    draw.write_figures([str(empty), str(drawn)], **where)
    assert capsys.readouterr().err.startswith("left out: figure forest: select: found nothing to show in the results")
    assert NOTHING in empty.read_text() and NOTHING not in drawn.read_text()
    draw.write_figures([str(drawn), str(empty)], **where, processes=2)
    assert NOTHING in empty.read_text() and NOTHING not in drawn.read_text()


def test_a_figure_shows_its_own_study_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows of another study in the same file move no point, and without its own rows a figure has nothing to show."""
    own, path = summary(), tmp_path / "loss-by-ratio.svg"
    other = own.assign(study="language_models", condition=own["condition"].str.replace(STUDY, "language_models"))
    other = other.assign(mean=own["mean"] + 1)
    pictures = []
    for table in (own, pd.concat([other, own])):
        draw.write_figures([str(path)], **files(tmp_path, views.view(summary=table)))
        pictures.append(path.read_bytes())
    assert pictures[0] == pictures[1]
    where = files(tmp_path, views.view(summary=other))
    draw.write_figures([str(path)], **where)
    assert "figure loss-by-ratio: select: found nothing to show" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"figure 'loss-by-ratio' is unknown; expected one of $"):
        draw.write_figures([str(path)], **where | {"studies": []})  # no study ran


def test_a_figure_draws_its_arms_as_its_study_says(tmp_path: Path) -> None:
    view, path = views.view(summary=summary()), tmp_path / "loss-by-ratio.svg"
    for color, name in ((style.BLUE, "blue"), (style.PURPLE, "purple")):
        where = files(tmp_path, replace(view, methods=view.methods.assign(color=name)))
        draw.write_figures([str(path)], **where)
        others = set(style.COLORS.values()) - {style.BLACK}
        assert {other for other in others if other.lower() in path.read_text()} == {color}
