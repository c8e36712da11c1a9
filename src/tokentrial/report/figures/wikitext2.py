"""The figures of the WikiText-2 study."""

from collections.abc import Callable

from matplotlib.figure import Figure

from tokentrial.report.figures.sources import Sources
from tokentrial.report.figures.wikitext2_curves import curves
from tokentrial.report.figures.wikitext2_mask import mask
from tokentrial.report.figures.wikitext2_pareto import pareto
from tokentrial.report.figures.wikitext2_ratio import ratio

FIGURES: dict[str, Callable[[Sources], Figure]] = {
    "wikitext2-pareto": lambda s: pareto(s.summary, s.arms, s.statistics),
    "wikitext2-ratio": lambda s: ratio(s.statistics, s.arms),
    "wikitext2-curves": lambda s: curves(s.runs, s.confidence),
    "wikitext2-mask": lambda s: mask(s.summary),
}
