"""The result of ``tokentrial cram``: one sentence, the study's table and figures for one model, a page and JSON."""

from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from tokentrial.cramming.cells import STUDY
from tokentrial.published import number
from tokentrial.report import catalogue, single_page, tables
from tokentrial.report.figures.draw import draw
from tokentrial.report.figures.registry import Sources
from tokentrial.report.figures.texts import said
from tokentrial.report.formats import Table
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.trial.crammed import PUBLISHED, Result

TEMPLATE = "cram.html"
FIGURES = {"curve": "cramming-accuracy", "bound": "cramming-bound"}
"""File -> entry of the study."""
SHOWN = ("Model", "Paper's\ncapacity", "Capacity", "Token\ngain", "Info. gain", "Bound", "Used")
"""Columns of the table that a terminal has room for."""
MEASURES = ("capacity", "capacity_mean", "capacity_half", "token_gain", "information_gain", "theoretical_capacity")
LENGTHS = ("accuracy", "solved", "accuracy_without", "gain")


def view_of(result: Result) -> View:
    """Returns the rows as a view of a run on the user's text."""
    return replace(result.view, corpus=result.text.name)


def scope(result: Result) -> Scope:
    """Returns what was measured."""
    [known] = result.view.estimates.widest()
    return known


def table(result: Result) -> Table:
    """Returns the study's table of this model and the published ones."""
    entry = catalogue.entries(STUDY).tables[PUBLISHED]
    [shown] = tables.of_study(STUDY, view_of(result), result.printed, {PUBLISHED: entry})
    own, *others = shown.sections  # the study's own heading calls the text unseen, which nobody knows here
    return replace(shown, sections=(replace(own, heading=f"Measured: {result.text.name}"), *others))


def figures(result: Result) -> dict[str, Figure]:
    """Returns the study's figures: accuracy by length, and token gain against the bound beside the published models."""
    entries, sources = catalogue.entries(STUDY).figures, Sources(view_of(result), result.printed)
    return {file: draw(name, entries[name], sources) for file, name in FIGURES.items()}


def captions() -> dict[str, str]:
    """Returns what the figures are called."""
    entries = catalogue.entries(STUDY).figures
    return {file: entries[name].title for file, name in FIGURES.items()}


def sentence(result: Result) -> str:
    """Returns the answer: how much a vector holds, and how much of its bound that is beside the published models."""
    get, of = result.view.estimates.get, scope(result)
    holds = f"One vector of {result.model} holds {said(get('capacity_mean', of))} tokens"
    texts = f"mean of {result.texts} texts of {result.text.name}, to one token"
    rows = result.printed[PUBLISHED].rows.values()
    shares = sorted(100 * number(row["utilisation"]) for row in rows)
    gain, used, bound = (get(name, of) for name in ("token_gain", "utilisation", "theoretical_capacity"))
    if gain.value is None or used.value is None or bound.value is None:
        return f"{holds} ({texts}); every text was solved, so longer ones are needed to see its gain."
    own = f"its token gain of {said(gain)} is {100 * used.value:.1f} % of its bound of {bound.value:,.0f} tokens"
    theirs = f"the published models reach {shares[0]:.1f} to {shares[-1]:.1f} % of theirs"
    return f"{holds} ({texts}); {own}; {theirs}."


def content(result: Result) -> dict[str, Any]:
    """Returns all of the result as plain values: what ``--json`` prints."""
    get, of = result.view.estimates.get, scope(result)
    lengths = result.view.estimates.lengths(of)
    return {
        "model": result.model,
        "text": str(result.text),
        "texts": result.texts,
        "verdict": sentence(result),
        "measures": {name: get(name, of)._asdict() for name in MEASURES},
        "lengths": [{"length": n, **{name: get(name, of, n)._asdict() for name in LENGTHS}} for n in lengths],
        "published": {key: dict(row) for key, row in result.printed[PUBLISHED].rows.items()},
    }


def html(result: Result, vectors: str) -> str:
    """Returns the result as one page without script, network or other file. vectors: what decoding the vectors gave."""
    shown = table(result)
    values = {
        "model": result.model,
        "verdict": sentence(result),
        "vectors": vectors,
        "title": shown.title,
        "sections": [
            {"heading": each.heading, "columns": list(each.shown.columns), "rows": each.shown.to_numpy().tolist()}
            for each in shown.sections
        ],
        "notes": shown.notes,
        "captions": captions(),
    }
    return single_page.html(TEMPLATE, values, figures(result))
