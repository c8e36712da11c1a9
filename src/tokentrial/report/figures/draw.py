"""Figures by their names in the catalogue: read the tables they need, draw them, write their files."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib.figure

from tokentrial import forks, real_text, results
from tokentrial.claims.calibration.measure import CALIBRATION
from tokentrial.claims.sensitivity import SENSITIVITY
from tokentrial.errors import InputError
from tokentrial.published import PublishedTable, load
from tokentrial.real_text import UNNAMED
from tokentrial.report import catalogue
from tokentrial.report.figures import calibration as instrument
from tokentrial.report.figures import (
    curves,
    differences,
    forest,
    front,
    gains,
    levels,
    paper,
    power,
    real_model,
    seeds,
    style,
    texts,
)
from tokentrial.report.figures import sensitivity as choices
from tokentrial.report.figures import verdicts as claims
from tokentrial.report.figures.registry import KINDS, NOTHING, Empty, Sources, draw
from tokentrial.report.verdicts import read
from tokentrial.run.view import View
from tokentrial.schema.figures import Figure

MODULES = (
    *(
        choices,
        claims,
        curves,
        differences,
        forest,
        front,
        gains,
        instrument,
        levels,
        paper,
        power,
        real_model,
        seeds,
        texts,
    ),
)
"""Each registers its kinds in `KINDS`."""
__all__ = ["KINDS", "MODULES", "draw", "write_figures"]

WITHOUT_TEXT = (catalogue.VERDICTS, "real_model")
"""Parts whose figures have no text, or name each panel's own."""


def write_figures(
    paths: Iterable[str],
    *,
    tables: Mapping[str, str],
    studies: Sequence[str],
    published: Sequence[str],
    confidence: float,
    verdicts: str | None = None,
    calibration: str | None = None,
    sensitivity: str | None = None,
    predict_first: bool = False,
    processes: int = 1,
) -> None:
    """Write every path: its stem names the figure, its suffix the format; the other arguments are where the data are.

    tables: see run.view.View.read; studies: those that ran; published: the files of the documents' printed tables;
    verdicts: those of all claims (see report.verdicts.read), without which their figures are not known; calibration,
    sensitivity: what these modules of claims write; predict_first: see registry.Sources; processes: that draw side by
    side, forks of this one. A figure with nothing to show is a strip that says so, and a line says why. Raises
    InputError for an unknown figure or a table that cannot be read.
    """
    view, printed = View.read(tables, confidence), load(published)
    sources = {study: Sources(view.only(study), printed, predict_first) for study in studies}
    if verdicts is not None:
        sources[catalogue.VERDICTS] = _of_claims(view, printed, verdicts, calibration, sensitivity)
    known = {name: (part, entry) for part in sources for name, entry in catalogue.entries(part).figures.items()}
    files: dict[str, list[str]] = {}
    for path in paths:
        files.setdefault(Path(path).stem, []).append(path)
    for name in files:
        if name not in known:
            raise InputError(f"figure '{name}' is unknown; expected one of {', '.join(known)}")

    def write(name: str) -> None:
        print(f"drawing {name}", flush=True)
        part, entry = known[name]
        figure = _drawn(name, entry, sources[part])
        corpus = UNNAMED if part in WITHOUT_TEXT else real_text.title(sources[part].view.arms)
        if corpus != UNNAMED:
            style.note(figure, f"Text: {corpus}")
        style.save(figure, files[name])

    forks.over(files, write, processes)


def _drawn(name: str, entry: Figure, sources: Sources) -> matplotlib.figure.Figure:
    """Returns a figure, or a strip if there is nothing to show; a line says what was asked for."""
    try:
        return draw(name, entry, sources)
    except Empty as reason:
        print(f"left out: {reason}", file=sys.stderr, flush=True)
        return style.nothing(NOTHING)


def _of_claims(
    view: View, printed: Mapping[str, PublishedTable], verdicts: str, calibration: str | None, sensitivity: str | None
) -> Sources:
    planted = None if calibration is None else results.read(calibration, CALIBRATION).to_pandas()
    judged = None if sensitivity is None else results.read(sensitivity, SENSITIVITY).to_pandas()
    return Sources(view, printed, False, read(verdicts), planted, judged)
