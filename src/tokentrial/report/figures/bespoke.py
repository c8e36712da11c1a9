"""The figures of the bespoke study."""

from collections.abc import Callable

from matplotlib.figure import Figure

from tokentrial.report.figures.sources import Sources

FIGURES: dict[str, Callable[[Sources], Figure]] = {}
