"""Figures by their names in the catalogue: read the tables they need, draw them, write their files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from tokentrial import real_text
from tokentrial.errors import InputError
from tokentrial.published import load
from tokentrial.real_text import UNNAMED
from tokentrial.report.figures import bespoke, cramming, language_models, learned_encoding, style
from tokentrial.report.figures import verdicts as claims
from tokentrial.report.figures.sources import Sources
from tokentrial.report.verdicts import read
from tokentrial.run.view import View

FIGURES = {
    "learned_encoding": learned_encoding.FIGURES,
    "language_models": language_models.FIGURES,
    "bespoke": bespoke.FIGURES,
    "cramming": cramming.FIGURES,
}


def write_figures(
    paths: Iterable[str],
    *,
    tables: Mapping[str, str],
    studies: Sequence[str],
    published: Sequence[str],
    confidence: float,
    verdicts: str | None = None,
    predict_first: bool = False,
) -> None:
    """Write every path: its stem names the figure, its suffix the format; the other arguments are where the data are.

    tables: see run.view.View.read; studies: those that ran; published: the files of the documents' printed tables;
    verdicts: those of all claims (see report.verdicts.read), without which their figure is not known; predict_first:
    see sources.Sources. Raises InputError for an unknown figure, a table that cannot be read, or results with nothing
    to show.
    """
    view, printed = View.read(tables, confidence), load(published)
    known: dict[str, Callable[[], Figure]] = {
        name: partial(_of_study, draw, Sources(view.only(study), printed, predict_first))
        for study in studies
        for name, draw in FIGURES[study].items()
    }
    if verdicts is not None:
        known |= {name: partial(_of_verdicts, draw, verdicts) for name, draw in claims.FIGURES.items()}
    files: dict[str, list[str]] = {}
    for path in paths:
        files.setdefault(Path(path).stem, []).append(path)
    for name, targets in files.items():
        if name not in known:
            raise InputError(f"figure '{name}' is unknown; expected one of {', '.join(known)}")
        print(f"drawing {name}", flush=True)
        style.save(known[name](), targets)


def _of_study(draw: Callable[[Sources], Figure], sources: Sources) -> Figure:
    """A study's figure; one of real text says below it which."""
    with style.looks(sources.view.methods):
        figure = draw(sources)
    corpus = real_text.title(sources.view.arms)
    if corpus != UNNAMED:
        style.note(figure, f"Text: {corpus}")
    return figure


def _of_verdicts(draw: Callable[[pd.DataFrame], Figure], path: str) -> Figure:
    return draw(read(path))
