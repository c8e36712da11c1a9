"""The figures of the bespoke study."""

from collections.abc import Callable

from matplotlib.figure import Figure

from tokentrial.report.bespoke_results import Study
from tokentrial.report.figures import bespoke_released, bespoke_trained
from tokentrial.report.figures.sources import Sources


def of(sources: Sources) -> Study:
    """The results as the study's tables look them up too."""
    frames = (sources.runs, sources.arms, sources.summary, sources.statistics)
    return Study(*frames, conditions=sources.cells, confidence=sources.confidence)


FIGURES: dict[str, Callable[[Sources], Figure]] = {
    "bespoke-seeds": lambda s: bespoke_released.seeds(of(s), s.documents),
    "bespoke-steps": lambda s: bespoke_released.steps(of(s), s.documents),
    "bespoke-attribution": lambda s: bespoke_released.attribution(of(s)),
    "bespoke-corpus": lambda s: bespoke_trained.corpus(of(s)),
    "bespoke-bands": lambda s: bespoke_trained.bands(of(s)),
    "bespoke-parameters": lambda s: bespoke_trained.parameters(of(s)),
    "bespoke-curves": lambda s: bespoke_trained.curves(of(s)),
}
