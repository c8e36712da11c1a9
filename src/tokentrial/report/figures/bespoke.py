"""The figures of the bespoke study."""

from collections.abc import Callable

from matplotlib.figure import Figure

from tokentrial.report.figures import bespoke_released, bespoke_trained
from tokentrial.report.figures.sources import Sources

FIGURES: dict[str, Callable[[Sources], Figure]] = {
    "bespoke-seeds": lambda s: bespoke_released.seeds(s.view, s.documents),
    "bespoke-steps": lambda s: bespoke_released.steps(s.view, s.documents),
    "bespoke-attribution": lambda s: bespoke_released.attribution(s.view),
    "bespoke-corpus": lambda s: bespoke_trained.corpus(s.view),
    "bespoke-bands": lambda s: bespoke_trained.bands(s.view),
    "bespoke-parameters": lambda s: bespoke_trained.parameters(s.view),
    "bespoke-curves": lambda s: bespoke_trained.curves(s.view),
}
