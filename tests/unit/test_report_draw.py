"""Figures by name: the catalogue is drawn, each from its own study's rows, into files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import views

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.report import catalogue
from tokentrial.report.figures import draw, style
from tokentrial.run.view import SCHEMAS, View

ROOT = Path(__file__).parents[2]
STUDY = "learned_encoding"


def summary() -> pd.DataFrame:
    """One arm at two ratios."""
    row = {"study": STUDY, "arm": "learned", "metric": "cross_entropy", "unit": "nats", "n": 5, "sd": 0.1}
    row |= {"mean": 1.5, "low": 1.4, "high": 1.6, "floor": 0.5, "unigram": 2.0, "chance": 3.0, "flag": "ok"}
    cells = [f"{STUDY}/compression/done-right/v20-ratio-{ratio}" for ratio in (2, 8)]
    return pd.DataFrame([row | {"condition": cell} for cell in cells]).astype({"n": "int32"})[results.SUMMARY.names]


@pytest.mark.parametrize("study", catalogue.STUDIES)
def test_the_catalogue_is_drawn(study: str) -> None:
    assert list(draw.FIGURES) == list(catalogue.STUDIES)
    assert list(draw.FIGURES[study]) == list(catalogue.titles("figures", study))


def files(folder: Path, view: View) -> dict[str, Any]:
    """A view's tables as files, the study, and what the documents print."""
    tables = {name: str(folder / f"{name}.parquet") for name in (*views.TABLES, "conditions", "methods")}
    for name, path in tables.items():
        results.write(path, results.table(views.typed(getattr(view, name), SCHEMAS[name]), SCHEMAS[name]))
    return {"tables": tables, "studies": [STUDY], "published": views.PRINTED, "confidence": 0.95}


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


def test_a_figure_shows_its_own_study_alone(tmp_path: Path) -> None:
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
    with pytest.raises(InputError, match="figure loss-by-ratio: nothing to show"):
        draw.write_figures([str(path)], **where)
    with pytest.raises(InputError, match=r"figure 'loss-by-ratio' is unknown; expected one of $"):
        draw.write_figures([str(path)], **where | {"studies": []})  # no study ran


def test_a_figure_draws_its_arms_as_its_study_says(tmp_path: Path) -> None:
    view, path = views.view(summary=summary()), tmp_path / "loss-by-ratio.svg"
    for color, name in ((style.BLUE, "blue"), (style.PURPLE, "purple")):
        where = files(tmp_path, replace(view, methods=view.methods.assign(color=name)))
        draw.write_figures([str(path)], **where)
        others = set(style.COLORS.values()) - {style.BLACK}
        assert {other for other in others if other.lower() in path.read_text()} == {color}
