"""The kinds of figures: the function that draws each, from the results and what an entry of a study's file declares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from tokentrial.errors import InputError
from tokentrial.published import PublishedTable
from tokentrial.report.figures import style
from tokentrial.run.columns import Condition
from tokentrial.run.view import View
from tokentrial.schema import figures as declared


@dataclass(frozen=True)
class Sources:
    """What figures are drawn from.

    view: the results, of one study alone; printed: every table of the documents by name; predict_first: whether
    cramming predicted the first token of a text, too; verdicts: those of all claims, see report.verdicts.read;
    calibration: rows of claims.calibration.measure.CALIBRATION; sensitivity: rows of claims.sensitivity.SENSITIVITY.
    """

    view: View
    printed: Mapping[str, PublishedTable]
    predict_first: bool = False
    verdicts: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    sensitivity: pd.DataFrame | None = None


class Empty(InputError):
    """A figure without anything to show, and without a sentence of its own for this."""


NOTHING = "This run has no results for this figure."
"""What a strip says of such a figure."""

Draw = Callable[[Sources, Any], Figure]
KINDS: dict[str, Draw] = {}


def kind(name: str) -> Callable[[Draw], Draw]:
    """Registers what draws a kind of schema.figures.KINDS; it raises style.Nothing if there is nothing to show."""

    def register(function: Draw) -> Draw:
        KINDS[name] = function
        return function

    return register


def draw(name: str, entry: declared.Figure, sources: Sources) -> Figure:
    """Returns the figure that an entry declares, or a strip with the entry's own sentence if there is nothing to show.

    Raises Empty if the entry has no such sentence.
    """
    with style.looks(sources.view.methods), style.applied():
        try:
            return KINDS[entry.kind](sources, entry)
        except style.Nothing:
            if entry.absent is not None:
                return style.nothing(entry.absent)
    raise Empty(f"figure {name}: {_asked(entry, sources)}")


def _asked(entry: declared.Figure, sources: Sources) -> str:
    """What was not there: the columns of the filter with their values, and those that the run has."""
    words = []
    for column, value in entry.select.items() if isinstance(entry, declared.Filtered) else ():
        there = sources.view.conditions[column].dropna().unique()
        shown = ", ".join(map(str, value if isinstance(value, list) else [value]))
        words.append(f"{column} {shown} (there is {', '.join(map(str, there)) or 'none'})")
    asked = f" with {' and '.join(words)}" if words else ""
    return f"{'select: ' if words else ''}found nothing to show in the results{asked}"


def conditions(view: View, entry: declared.Filtered) -> list[Condition]:
    """The conditions that an entry selects, in the order of the lists in its filter, else in the config's.

    A run that has none of them shows those that the entry selects otherwise.
    """
    selected = view.select(**entry.select)
    if not selected and entry.otherwise is not None:
        return view.select(**entry.otherwise)
    lists = [(column, values) for column, values in entry.select.items() if isinstance(values, list)]
    return sorted(selected, key=lambda each: [values.index(getattr(each, column)) for column, values in lists])


def rows_of(view: View, rows: pd.DataFrame, entry: declared.Filtered) -> pd.DataFrame:
    """The rows of the conditions that an entry selects, in their order, with the columns of run.columns.Condition."""
    places = {each.id: place for place, each in enumerate(conditions(view, entry))}
    columns = [column for column in view.conditions if column == "condition" or column not in rows]
    known = rows[rows["condition"].isin(places)].merge(view.conditions[columns], on="condition")
    return known.sort_values("condition", key=lambda names: names.map(places), kind="stable")
