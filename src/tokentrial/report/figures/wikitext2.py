"""The figures of the wikitext2 study."""

from collections.abc import Callable

from matplotlib.figure import Figure

from tokentrial.report.figures.sources import Sources

FIGURES: dict[str, Callable[[Sources], Figure]] = {}
