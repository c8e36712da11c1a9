"""The figures of the language models."""

from collections.abc import Callable

from matplotlib.figure import Figure

from tokentrial.report.figures.language_models_curves import curves
from tokentrial.report.figures.language_models_mask import mask
from tokentrial.report.figures.language_models_pareto import pareto
from tokentrial.report.figures.language_models_ratio import ratio
from tokentrial.report.figures.sources import Sources

FIGURES: dict[str, Callable[[Sources], Figure]] = {
    "language-models-pareto": lambda s: pareto(s.view),
    "language-models-ratio": lambda s: ratio(s.view),
    "language-models-curves": lambda s: curves(s.view),
    "language-models-mask": lambda s: mask(s.view),
}
